"""POST /hooks/{source}: a tool says that something has changed.

Verified, kept, answered 202. Nothing of what it says is believed: a worker reads the item again from the tool. Notices
that arrive together are kept by one statement, so that a storm of them costs the database little.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from fastapi import Request, Response
from starlette.routing import Route

from gateway.bodies import read_bytes
from gateway.errors import HttpProblem
from portbook.errors import Problem
from register import hints
from register.db import Pool

LARGEST = 5 << 20
"""Bytes of a notification. Jira sends the whole issue; 5 MiB is beyond what any of the tools sends."""
LONGEST_ID = 200
TOGETHER = 2_000
RING_EVERY_S = 0.5

log = structlog.get_logger("portbook.hooks")


class Named(Protocol):
    """What a notification says may have changed (`adapters.base.Hint`)."""

    @property
    def stream(self) -> str: ...
    @property
    def id(self) -> str: ...


class Told(Protocol):
    """A genuine notification (`adapters.base.Notice`)."""

    @property
    def hints(self) -> Sequence[Named]: ...
    @property
    def reply(self) -> bytes: ...


class Door(Protocol):
    """Tells genuine notifications from others (`adapters.base.Door`)."""

    def receive(self, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Told:
        """Raises Problem for one that is not genuine."""
        ...


class HintBox:
    """Keeps hints in the register. `put` returns when they are committed."""

    def __init__(self, pool: Pool, ring: Callable[[], Awaitable[object]] | None = None) -> None:
        self._pool = pool
        self._ring = ring
        self._waiting: list[tuple[list[tuple[str, str, str]], asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self._tasks = [asyncio.create_task(self._keep())]
        self._rung = asyncio.Event()
        if ring is not None:
            self._tasks.append(asyncio.create_task(self._ring_on()))

    async def put(self, source: str, named: Sequence[Named]) -> None:
        """Raises what the database raises: the tool is then told to try again."""
        named = [hint for hint in named if len(hint.id) <= LONGEST_ID and "\0" not in hint.id]
        if not named:
            return
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(([(source, hint.stream, hint.id) for hint in named], kept))
        self._arrived.set()
        await kept

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                failed: Exception | None = None
                try:
                    await hints.leave(self._pool, Counter(key for keys, _ in batch for key in keys))
                except Exception as error:  # noqa: BLE001 - every one of the waiting must hear of it
                    log.warning("hints could not be kept", error=type(error).__name__)
                    failed = error
                for _, kept in batch:
                    if kept.done():
                        continue  # its sender hung up
                    if failed is None:
                        kept.set_result(None)
                    else:
                        kept.set_exception(NotKept())
                self._rung.set()

    async def _ring_on(self) -> None:
        """Ring for a worker, a few times a second at most."""
        assert self._ring is not None
        while True:
            await self._rung.wait()
            self._rung.clear()
            with suppress(Exception):
                await self._ring()
            await asyncio.sleep(RING_EVERY_S)


class NotKept(HttpProblem):
    """The register cannot keep a notification just now; the tool will send it again."""

    def __init__(self) -> None:
        super().__init__(
            "the notification could not be kept", status=503, hint="Send it again in a few seconds."
        )


async def receive(request: Request) -> Response:
    """202 once it is kept; 401 without a reason for what is not genuine; 404 for a source without a door."""
    source = request.path_params["source"]
    door: Door | None = request.app.state.doors.get(source)
    if door is None:
        raise HttpProblem("There is nothing at this address.", status=404)
    body = await _body(request)
    try:
        told = door.receive(dict(request.query_params), request.headers, body)
    except Problem as problem:
        log.warning("hook refused", source=source, why=problem.message)
        raise HttpProblem("Not accepted.", status=401) from None
    if told.reply:
        # The tool's own words come back as plain text: nothing in them may be read as a page.
        return Response(told.reply, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})
    await request.app.state.hints.put(source, told.hints)
    return Response(status_code=202)


async def _body(request: Request) -> bytes:
    found = await read_bytes(request, LARGEST)
    if found is None:
        raise HttpProblem(f"a notification may have {LARGEST >> 20} MiB", status=413)
    return found


routes = [Route("/hooks/{source}", receive, methods=["POST"])]
