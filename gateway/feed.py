"""/api/v1/changes and /api/v1/{collection}/changes: the change feed, by the page or as a stream that stays open."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from fastapi import Request, Response
from starlette.responses import StreamingResponse
from starlette.routing import Route

from gateway.auth import caller_of, signed_in
from gateway.errors import HttpProblem
from gateway.past import limit_in, parameters_of
from gateway.rest import PREFIX
from portbook.errors import Problem
from register.errors import QueryInvalid
from register.keys import Caller
from register.query import AsOf, Lanes, parse_as_of, read_changes
from register.query.feed import NOW, FeedEvent, begin, feed_of, place_at, read_events, settled

LONGEST_INSTANT = 40
"""Characters; a cursor has more."""
STREAMS_EACH = 20
"""Streams that one key may hold open at a gateway."""
LOOK_EVERY_S = 0.5
HEARTBEAT_S = 15.0
"""So often a quiet stream says that it is still there, and its key is looked at again."""
TOGETHER = 500
"""Events read in one go."""
_STREAM = "text/event-stream"


class Streams:
    """Looks how far the feed is settled, once for all who follow it; and who follows it."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._reached = 0
        self._moved = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._open: Counter[object] = Counter()

    async def beyond(self, seq: int) -> int:
        """How far the feed is settled, once that is beyond `seq`. Raises what the database raises."""
        while self._reached <= seq:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            moved = asyncio.create_task(self._moved.wait())
            try:
                await asyncio.wait((moved, self._looking), return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
            if self._looking.done():
                self._looking.result()
        return self._reached

    def enter(self, key: object) -> Callable[[], None]:
        """Count a stream; call what is returned when it ends. Raises HttpProblem where the key has too many."""
        if self._open[key] >= STREAMS_EACH:
            raise HttpProblem(
                f"you follow {STREAMS_EACH} streams already",
                status=429,
                hint="Close one, or follow several collections in one: /api/v1/changes?collections=projects,risks.",
            )
        self._open[key] += 1

        def leave() -> None:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

        return leave

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError, Problem):
                await self._looking

    async def _look(self) -> None:
        """As long as somebody follows."""
        while self._open:
            reached = await settled(self._lanes)
            if reached != self._reached:
                self._reached = reached
                self._moved.set()
                self._moved = asyncio.Event()
            await asyncio.sleep(LOOK_EVERY_S)


async def all_changes(request: Request) -> Response:
    given = parameters_of(request, "since", "limit", "collections")
    named = tuple(name.strip() for name in given["collections"].split(",")) if "collections" in given else ()
    return await _answer(request, given, named)


async def changes(request: Request) -> Response:
    given = parameters_of(request, "since", "limit")
    return await _answer(request, given, (request.path_params["collection"],))


async def _answer(request: Request, given: dict[str, str], collections: tuple[str, ...]) -> Response:
    caller = await signed_in(request)
    since = _since(given.get("since"))
    state = request.app.state
    if _STREAM not in request.headers.get("accept", ""):
        answer = await read_changes(
            state.lanes, state.secret, collections, since, limit=limit_in(given), scope=caller.rows
        )
        return Response(answer.body, media_type="application/json")
    if "limit" in given:
        raise QueryInvalid(
            "a stream has no `limit`", parameter="limit", hint="It goes on until you close it."
        )
    # A stream that broke goes on where it was, whatever its address says.
    place = request.headers.get("last-event-id") or since
    seq = await begin(state.lanes, state.secret, feed_of(collections), place)
    return StreamingResponse(
        _stream(request, caller, collections, seq, state.streams.enter(caller.key_id)),
        media_type=_STREAM,
        # Proxies that collect an answer before they pass it on would keep events back.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(
    request: Request, caller: Caller, collections: tuple[str, ...], seq: int, leave: Callable[[], None]
) -> AsyncIterator[bytes]:
    """Events as they come, until the caller hangs up, its key ends or the register does not answer: then the caller
    comes back with the place of the last event it saw."""
    state: Any = request.app.state
    loop = asyncio.get_running_loop()
    checked = loop.time()
    try:
        yield b"retry: 3000\n\n"
        while True:
            end = None
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    end = await state.streams.beyond(seq)
            if loop.time() - checked >= HEARTBEAT_S:
                caller = await caller_of(state.keyring, request.scope)
                checked = loop.time()
            if end is None:
                yield b": still here\n\n"
                continue
            feed = feed_of(collections, scoped=caller.rows is not None)
            events, seq = await read_events(state.lanes, feed, seq, end, limit=TOGETHER, scope=caller.rows)
            if events:
                yield b"".join(_written(event, place_at(state.secret, feed, event.seq)) for event in events)
    except Problem:
        # The answer has begun: nothing but its end can tell.
        return
    finally:
        leave()


def _written(event: FeedEvent, place: str) -> bytes:
    return f"id: {place}\nevent: {event.type}\ndata: {event.body}\n\n".encode()


def _since(text: str | None) -> AsOf | str | None:
    if text is None or text == NOW or len(text) > LONGEST_INSTANT:
        return text
    return parse_as_of(text, "since")


routes = [
    Route(PREFIX + "changes", all_changes, methods=["GET"]),
    Route(PREFIX + "{collection}/changes", changes, methods=["GET"]),
]
