"""GET /api/v1/{collection}?format=csv: the whole list as a file. Also by `Accept`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from starlette.responses import FileResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.auth import signed_in
from gateway.rest import PREFIX, as_of, condition_of, read_limit, read_parameters, rows
from register.audit import EXPORTED, note
from register.db import Connection, Pool
from register.errors import QueryInvalid
from register.export import FORMATS, ExportWaits, Format, FormatMissing, compile_export, copy_out, write_file
from register.keys import Caller
from register.query import Query, check, parse_fields, parse_order
from register.query.names import did_you_mean

PARAMETERS = ("fields", "filter", "order", "limit", "as_of", "format")
SENT_WITHIN_S = 1_800
HUNG_UP = 499
"""The status of a file that nobody waits for any more, as proxies write it down."""
PATIENCE_S = 20
"""How long a caller waits while others have their files written."""


def wanted(scope: Scope) -> bool:
    """Whether a request for a collection may be for a file: known at a glance."""
    if b"format=" in scope["query_string"]:
        return True
    accepts = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return (
        accepts not in (b"", b"*/*", b"application/json") and _accepted(accepts.decode("latin-1")) is not None
    )


class _HungUpError(OSError):
    """The caller did."""


class Lists:
    """A list: as a page of JSON, or as the file that was asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        kind = _format(request)
        if kind is None:
            await rows(scope, receive, send)
            return
        try:
            # Who reads too slowly holds a connection that others wait for: nothing else would ever end that.
            async with asyncio.timeout(SENT_WITHIN_S), AsyncExitStack() as held:
                response = await _while_there(receive, _file(request, kind, held))
                await response(scope, receive, send)
        except _HungUpError:
            await Response(status_code=HUNG_UP)(scope, receive, send)  # to nobody, but it is counted


async def _while_there(receive: Receive, work: Coroutine[Any, Any, Response]) -> Response:
    """What `work` gives, unless the caller hangs up meanwhile: nobody else waits for their file then. Raises
    _HungUpError."""

    async def hung_up() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(hung_up())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise _HungUpError("nobody waits for the file")
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _file(request: Request, kind: Format, held: AsyncExitStack) -> Response:
    """The response, which needs what is `held` until it was sent."""
    caller = await signed_in(request)
    collection = request.path_params["collection"]
    given = read_parameters(collection, request.scope["query_string"], PARAMETERS)
    level = check(
        Query(
            collection,
            fields=parse_fields(given.get("fields", "")),
            filter=condition_of(given, PARAMETERS),
            order=parse_order(given["order"]) if "order" in given else (),
        )
    )
    limit = read_limit(given["limit"]) if "limit" in given else None
    if limit == 0:
        raise QueryInvalid("`limit` is at least 1", position=0, parameter="limit", text="0")
    asked, now = as_of(given), datetime.now(UTC)
    instant = asked.instant(now) if asked else None
    export = compile_export(level, kind.name, limit=limit, instant=instant, scope=caller.rows)
    headers = {
        "Content-Disposition": f'attachment; filename="{collection}-{instant or now:%Y-%m-%d}.{kind.name}"',
        "Cache-Control": "no-store",
    }
    await held.enter_async_context(_turn(request.app.state.export_turns, caller))
    connection = await held.enter_async_context(_lent(request.app.state.exports))
    await note(connection, caller.actor, EXPORTED, collection, {"asked": given})
    if kind.copied:
        pieces = copy_out(connection, export, kind)
        held.push_async_callback(pieces.aclose)
        # Nothing is promised before the first piece is there: until then an error is an answer.
        first = await anext(pieces, b"")
        return StreamingResponse(_all(first, pieces), media_type=kind.content_type, headers=headers)
    path = (
        Path(held.enter_context(tempfile.TemporaryDirectory(prefix="portbook-")))
        / f"{collection}.{kind.name}"
    )
    await write_file(connection, export, kind.name, path, collection)
    return FileResponse(path, media_type=kind.content_type, headers=headers)


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


@asynccontextmanager
async def _turn(turns: dict[UUID, asyncio.Lock], caller: Caller) -> AsyncIterator[None]:
    """One file per key at a time: others get theirs whatever one key does."""
    turn = turns.setdefault(caller.key_id, asyncio.Lock())
    try:
        await asyncio.wait_for(turn.acquire(), PATIENCE_S)
    except TimeoutError:
        raise ExportWaits(
            f"{caller.called} is having a file written", hint="Ask for one after the other."
        ) from None
    try:
        yield
    finally:
        turn.release()


@asynccontextmanager
async def _lent(pool: Pool) -> AsyncIterator[Connection]:
    try:
        connection = await pool.acquire(timeout=PATIENCE_S)
    except TimeoutError:
        raise ExportWaits(
            "other files are being written", hint="Try again in a minute; there are as many at once as fit."
        ) from None
    try:
        yield connection
    except (asyncio.CancelledError, OSError):
        # PostgreSQL may be stuck in sending to us: it hears of nothing but the end of the connection.
        connection.terminate()
        raise
    finally:
        await pool.release(connection)


def _format(request: Request) -> Format | None:
    """The format of the file that is asked for; None: it is no file. Raises FormatMissing."""
    if b"format=" not in request.scope["query_string"]:
        return _accepted(request.headers.get("accept", ""))
    name = request.query_params.get("format")
    if name is None or name == "json":
        return None
    if name not in FORMATS:
        known = ("json", *FORMATS)
        raise FormatMissing(
            f"there is no format `{name[:40]}`",
            position=0,
            parameter="format",
            text=name,
            hint=did_you_mean(name, known) or f"There are {', '.join(known)}.",
        )
    return FORMATS[name]


def _accepted(header: str) -> Format | None:
    """The first media type of the header that is a file's, unless JSON comes before it."""
    for part in header.split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type in ("application/json", "*/*"):
            return None
        for kind in FORMATS.values():
            if media_type == kind.media_type:
                return kind
    return None


routes = [Route(PREFIX + "{collection}", Lists(), methods=["GET"])]
