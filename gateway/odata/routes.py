"""/odata/v4/…: who asks, in which form the answer goes, and errors as OData has them."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import orjson
from fastapi import Request, Response
from starlette.routing import Route

from gateway.auth import caller_of
from gateway.bodies import read_bytes
from gateway.errors import HttpProblem
from gateway.odata.batch import MAX_BYTES, Answered, Part, answer_batch
from gateway.odata.errors import VERSION, NotSupported, crash_response, error_body, error_response
from gateway.odata.sets import JSON, Asked, answer
from portbook.errors import Problem
from register.errors import QueryInvalid
from register.keys import Caller
from register.query import MAX_LIMIT, QueryTooLarge

PREFIX = "/odata/v4"
_LEVEL = re.compile(r"odata(?:\.metadata)?=(\w+)")
_PAGE = re.compile(r"(?:odata\.)?maxpagesize\s*=\s*\"?([0-9]{1,9})")
_READ = ("GET", "HEAD")


async def odata(request: Request) -> Response:
    state = request.app.state
    try:
        key = _key_in_address(request)
        caller = await caller_of(state.keyring, request.scope, key=key)
        if request.headers.get("authorization"):
            key = None  # the header signed in, so links need none
        path = request.path_params.get("path", "")
        _check_version(request)
        if path == "$batch":
            return await _batch(request, caller)
        if request.method not in _READ:
            raise HttpProblem("OData is read-only here", status=405, hint="Ask with GET, or POST to $batch.")
        return await _one(request, caller, path, key)
    except Problem as problem:
        return error_response(problem, state.authorization_uri)
    except Exception as error:  # noqa: BLE001 - nothing of a crash may reach the caller
        return crash_response(request.scope, error)


async def _one(request: Request, caller: Caller, path: str, key: str | None) -> Response:
    most, applied = _page_size(request.headers.get("prefer", ""))
    query = request.scope["query_string"]
    document = path in ("$metadata",) or path.endswith(("/$count", "/$value"))
    level = "minimal" if document else _level(request.headers.get("accept", ""), query)
    asked = _asked(request, caller, path, query, most, level == "none", key)
    reply = await answer(asked)
    headers = dict(VERSION)
    if applied:
        headers["Preference-Applied"] = applied
    media_type = f"{JSON};odata.metadata={level}" if reply.media_type == JSON else reply.media_type
    return Response(reply.body or None, reply.status, headers, media_type if reply.status != 204 else None)


async def _batch(request: Request, caller: Caller) -> Response:
    if request.method != "POST":
        raise HttpProblem("a batch is sent with POST", status=405)
    body = await read_bytes(request, MAX_BYTES)
    if body is None:
        raise QueryTooLarge(f"a batch has at most {MAX_BYTES:,} bytes", parameter="$batch")
    most, _ = _page_size(request.headers.get("prefer", ""))

    async def ask(part: Part) -> Answered:
        try:
            if b"key=" in part.query and "key" in dict(parse_qsl(part.query.decode())):
                raise QueryInvalid("a batch is asked by one caller: sign in outside of it", parameter="key")
            bare = _level(part.headers.get("accept", ""), part.query) == "none"
            reply = await answer(_asked(request, caller, part.path, part.query, most, bare, None))
        except Problem as problem:
            status, error = error_body(problem)
            return Answered(status, JSON, orjson.dumps(error))
        except Exception as error:  # noqa: BLE001 - one part may not take the others with it
            response = crash_response(request.scope, error)
            return Answered(500, JSON, bytes(response.body))
        return Answered(reply.status, reply.media_type, reply.body)

    go_on = bool(re.search(r"continue-on-error(?!\s*=\s*\"?false)", request.headers.get("prefer", "")))
    answers, media_type = await answer_batch(
        request.headers.get("content-type", ""), body, _root(request), ask, go_on=go_on
    )
    return Response(answers, 200, dict(VERSION), media_type)


def _asked(
    request: Request, caller: Caller, path: str, query: bytes, most: int, bare: bool, key: str | None
) -> Asked:
    state = request.app.state
    return Asked(
        state.lanes, state.secret, caller.rows, _root(request), path, query, most, bare=bare, key=key
    )  # fmt: skip


def _root(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{PREFIX}/"


def _key_in_address(request: Request) -> str | None:
    """Here alone a key may stand in the address: some tools have no other place for it. It is in no log."""
    if b"key=" not in request.scope["query_string"]:
        return None
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"))
    return next((text for name, text in pairs if name == "key"), None)


def _check_version(request: Request) -> None:
    highest = request.headers.get("odata-maxversion", "4.0")
    if re.fullmatch(r"[0-9]\.[0-9]+", highest) and float(highest) < 4:
        raise QueryInvalid(f"this service speaks OData 4.0, not {highest}", parameter="OData-MaxVersion")


def _page_size(prefer: str) -> tuple[int, str]:
    """Rows of a page, and what to say of the wish."""
    wished = _PAGE.search(prefer)
    if wished is None or int(wished[1]) == 0:
        return MAX_LIMIT, ""
    most = min(int(wished[1]), MAX_LIMIT)
    return most, f"odata.maxpagesize={most}"


def _level(accept: str, query: bytes) -> str:
    """How much metadata goes with the answer. Raises NotSupported where only such forms are wanted that we have not."""
    given = dict(parse_qsl(query.decode("utf-8", "replace"))).get("$format") if b"format=" in query else None
    if given is not None:
        found = _level_of("application/json" if given == "json" else given)
        if found is None:
            raise NotSupported(
                f"not supported: the format {given[:60]!r}", parameter="$format", hint="There is json."
            )
        return found
    wanted = [part.strip() for part in accept.split(",") if part.strip()]
    found = next((level for part in wanted if (level := _level_of(part)) is not None), None)
    if wanted and found is None:
        raise NotSupported(
            f"not supported: {accept[:120]!r}", parameter="Accept",
            hint="There is application/json with odata.metadata=minimal or none.",
        )  # fmt: skip
    return found or "minimal"


def _level_of(media_type: str) -> str | None:
    kind, _, parameters = media_type.lower().partition(";")
    if kind.strip() not in ("application/json", "application/*", "*/*"):
        return None
    if "ieee754compatible=true" in parameters.replace(" ", ""):
        return None
    level = _LEVEL.search(parameters)
    word = level[1].removesuffix("metadata") if level else "minimal"
    return {"minimal": "minimal", "none": "none", "no": "none"}.get(word)


routes = [
    Route(PREFIX, odata, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    Route(PREFIX + "/{path:path}", odata, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
