"""JSON bodies as tools really send them: hostile text decoded, each element of a page kept as sent."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import orjson

from adapters.base import RawRecord
from adapters.errors import RecordRejected

T = TypeVar("T")


def loads(body: bytes) -> Any:
    """Decode JSON that a tool sent, also where its text holds what no text may: lone surrogates (`\\ud800`)
    and broken UTF-8 become U+FFFD. Raises ValueError for what is not JSON at all."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        data = _lenient(body)
    return data


def _lenient(body: bytes) -> Any:
    text = body.decode("utf-8", "replace")
    try:
        return _without_surrogates(json.loads(text, strict=False))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def with_portbook(
    payload: bytes, data: dict[str, Any], extra: dict[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """A record with what the adapter found out as its last member, `portbook`; what the tool sent stays byte for byte
    in front."""
    if not extra:
        return payload, data
    head = payload.rstrip()[:-1].rstrip()
    comma = b"" if head.endswith(b"{") else b","
    data["portbook"] = extra
    return b'%b%b"portbook":%b}' % (head, comma, orjson.dumps(extra)), data


def kept_aside(stream: str, payload: bytes, why: str, *, name: re.Pattern[bytes], hint: str) -> RawRecord:
    """A record that cannot be read: under its own id where `name` finds one near its beginning, else under one made
    from its text, so that the next run meets it under the same."""
    found = name.search(payload[:4000])
    known = found[1].decode().lower() if found else "unreadable-" + hashlib.sha256(payload).hexdigest()[:16]
    error = RecordRejected(
        f"{stream} {known} cannot be read: {why}",
        record_id=known,
        stream=stream,
        hint=f"Its payload is kept as sent. {hint}",
    )
    return RawRecord(stream, known, payload, None, error=error)


NUMBER_AS_ID = re.compile(rb'"id"\s*:\s*"?(\d+)')


_SURROGATES = re.compile("[\ud800-\udfff]")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("�", value)
    if isinstance(value, dict):
        return {_SURROGATES.sub("�", key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value


def split_array(body: bytes, name: str) -> tuple[list[bytes], bytes]:
    """The elements of the top-level array `name` as sent, and the body with that array emptied.

    For bodies that the fast decoders refuse as a whole because one element is hostile: it looks at strings
    and brackets only and does not recurse. Raises ValueError when the body is cut short."""
    depth, start, inside, expecting = 0, 0, False, f'"{name}"'.encode()
    cuts: list[tuple[int, int]] = []
    opened = closed = -1
    previous = b""
    for token in _TOKENS.finditer(body):
        text = token[0]
        if text in b"{[":
            depth += 1
            if depth == 2 and text == b"[" and previous == expecting and opened < 0:
                inside, opened, start = True, token.end(), token.end()
        elif text in b"}]":
            depth -= 1
            if inside and depth == 1:
                cuts.append((start, token.start()))
                inside, closed = False, token.start()
        elif text == b"," and inside and depth == 2:
            cuts.append((start, token.start()))
            start = token.end()
        previous = text
    if depth != 0 or opened < 0 or closed < 0:
        raise ValueError("the answer is cut short" if depth else f"the answer holds no list {name!r}")
    elements = [part for a, b in cuts if (part := body[a:b].strip())]
    return elements, body[:opened] + body[closed:]


_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


def page_decoder(shape: type[T], name: str) -> Callable[[bytes], T]:
    """Decode a page whose list `name` is declared `list[msgspec.Raw]`, keeping each element as it was sent
    also when one of them is hostile."""
    fast = msgspec.json.Decoder(shape)

    def decode(body: bytes) -> T:
        try:
            return fast.decode(body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, RecursionError):
            elements, rest = split_array(body, name)
            page = msgspec.convert(loads(rest), shape)
            setattr(page, name, [msgspec.Raw(element) for element in elements])
            return page

    return decode


def list_decoder() -> Callable[[bytes], Sequence[msgspec.Raw]]:
    """The same for a body that is a bare array."""
    fast = msgspec.json.Decoder(list[msgspec.Raw])

    def decode(body: bytes) -> Sequence[msgspec.Raw]:
        try:
            return fast.decode(body)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, RecursionError):
            elements, _ = split_array(b'{"list":' + body + b"}", "list")
            return [msgspec.Raw(element) for element in elements]

    return decode
