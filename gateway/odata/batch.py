"""$batch: several questions in one request, as multipart/mixed or as JSON. Only GET, one after the other."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.odata.errors import NotSupported
from register.errors import QueryInvalid
from register.query import QueryTooLarge

MAX_REQUESTS = 50
MAX_BYTES = 1 << 20
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_LINE = re.compile(r"([A-Z]{1,10}) (\S+)(?: HTTP/1\.[01])?")


@dataclass(frozen=True, slots=True)
class Part:
    """One question of a batch: its address below the root, decoded, and its query."""

    id: str
    path: str
    query: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    media_type: str
    body: bytes


Ask = Callable[[Part], Awaitable[Answered]]


async def answer_batch(
    content_type: str, body: bytes, root: str, ask: Ask, *, go_on: bool
) -> tuple[bytes, str]:
    """The answers in the order of the questions, and their media type. Ends behind the first that fails, unless it is
    to `go_on`. Raises QueryInvalid or NotSupported, before anything was asked."""
    if content_type.lower().startswith("multipart/mixed"):
        parts = _read_multipart(content_type, body, root)
        return _write_multipart(await _ask_each(parts, ask, go_on))
    if content_type.lower().startswith("application/json"):
        parts = _read_json(body, root)
        answers = await _ask_each(parts, ask, go_on)
        return orjson.dumps({"responses": [_as_json(part, one) for part, one in answers]}), "application/json"
    raise _wrong("a batch is multipart/mixed with a boundary, or application/json")


async def _ask_each(parts: list[Part], ask: Ask, go_on: bool) -> list[tuple[Part, Answered]]:
    found = []
    for part in parts:
        one = await ask(part)
        found.append((part, one))
        if one.status >= 400 and not go_on:
            break
    return found


def _read_multipart(content_type: str, body: bytes, root: str) -> list[Part]:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise _wrong("the content type names no boundary")
    mark = "--" + (match[1] or match[2])
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _wrong("the batch is not UTF-8") from None
    pieces = ("\n" + text.replace("\r\n", "\n")).split("\n" + mark)
    if len(pieces) < 2 or not pieces[-1].startswith("--"):
        raise _wrong(f"the batch does not end with {mark}--")
    _few(len(pieces) - 2)
    return [_read_piece(piece, str(at + 1), root) for at, piece in enumerate(pieces[1:-1])]


def _read_piece(piece: str, number: str, root: str) -> Part:
    head, _, rest = piece.lstrip("\n").partition("\n\n")
    outer = _headers(head.split("\n"))
    if outer.get("content-type", "").lower().startswith("multipart/mixed"):
        raise NotSupported("not supported: change sets; everything here is read-only", parameter="$batch")
    line, _, below = rest.lstrip("\n").partition("\n")
    request = _LINE.fullmatch(line.strip())
    if request is None:
        raise _wrong(f"part {number} has no request line", "GET Projects?$top=5 HTTP/1.1")
    headers = _headers(below.partition("\n\n")[0].split("\n"))
    return _part(outer.get("content-id", ""), request[1], request[2], headers, root)


def _headers(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found


def _read_json(body: bytes, root: str) -> list[Part]:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _wrong("the batch is no JSON") from None
    requests = found.get("requests") if isinstance(found, dict) else None
    if not isinstance(requests, list):
        raise _wrong(
            "the batch has no list of requests",
            '{"requests": [{"id": "1", "method": "get", "url": "Projects"}]}',
        )
    _few(len(requests))
    parts = []
    for request in requests:
        if not isinstance(request, dict) or not all(
            isinstance(request.get(k), str) for k in ("id", "method", "url")
        ):
            raise _wrong("a request has an id, a method and a url, all of them text")
        if "dependsOn" in request or "if" in request:
            raise NotSupported("not supported: requests that depend on others", parameter="$batch")
        headers = request.get("headers") or {}
        if not isinstance(headers, dict):
            raise _wrong("headers are an object")
        named = {str(name).lower(): str(value) for name, value in headers.items()}
        parts.append(_part(request["id"], request["method"].upper(), request["url"], named, root))
    if len({part.id for part in parts}) < len(parts):
        raise _wrong("two requests have the same id")
    return parts


def _part(name: str, method: str, url: str, headers: Mapping[str, str], root: str) -> Part:
    if method != "GET":
        raise NotSupported(f"not supported: {method[:10]}; everything here is read-only", parameter="$batch")
    below = url.partition("#")[0]
    at_host = "/" + root.split("/", 3)[3]
    for start in (root, at_host):
        if below.startswith(start):
            below = below[len(start) :]
            break
    else:
        if below.startswith("/") or "://" in below.partition("?")[0]:
            raise _wrong(f"{url[:80]!r} is no address of this service", f"Write it below {root}.")
    path, _, query = below.partition("?")
    if path.startswith("$") and path[1:2].isdecimal():
        raise NotSupported("not supported: references to other requests", parameter="$batch")
    if path == "$batch":
        raise NotSupported("not supported: a batch in a batch", parameter="$batch")
    return Part(name, unquote(path), query.encode(), headers)


def _write_multipart(answers: list[tuple[Part, Answered]]) -> tuple[bytes, str]:
    mark = "batch_" + secrets.token_hex(12)
    found = []
    for part, one in answers:
        named = f"Content-ID: {part.id}\r\n" if part.id else ""
        phrase = HTTPStatus(one.status).phrase
        found.append(
            (
                f"--{mark}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{named}\r\n"
                f"HTTP/1.1 {one.status} {phrase}\r\nContent-Type: {one.media_type}\r\nOData-Version: 4.0\r\n"
                f"Content-Length: {len(one.body)}\r\n\r\n"
            ).encode()
            + one.body
            + b"\r\n"
        )
    return b"".join(found) + f"--{mark}--\r\n".encode(), f"multipart/mixed; boundary={mark}"


def _as_json(part: Part, one: Answered) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": part.id,
        "status": one.status,
        "headers": {"content-type": one.media_type, "odata-version": "4.0"},
    }
    if one.body:
        as_json = one.media_type.startswith("application/json")
        found["body"] = orjson.Fragment(one.body) if as_json else one.body.decode()
    return found


def _few(count: int) -> None:
    if count > MAX_REQUESTS:
        raise QueryTooLarge(f"a batch has at most {MAX_REQUESTS} requests", parameter="$batch")


def _wrong(message: str, hint: str = "") -> QueryInvalid:
    return QueryInvalid(message, parameter="$batch", hint=hint)
