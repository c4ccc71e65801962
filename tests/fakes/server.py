"""What every fake tool needs: a port of its own, a log of calls, and the faults that any tool can show.

A fake is a `FakeTool` whose `app` is an ASGI application; routes answer through `Wire.answer`, which writes the
call down and lets go wrong what `faults` asks for.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Self, TypeVar

import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form>...</form></body></html>"

App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


def unlent_port() -> int:
    """A free port below those the kernel lends to connections, so that no test beside this one is given it."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class FakeTool:
    """An ASGI application that runs on 127.0.0.1 while the `with` block does; `url` once inside."""

    def __init__(self, app: App, *, port: int = 0) -> None:
        self._app = app
        self._port = port

    def __enter__(self) -> Self:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        listening.listen(128)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._socket = listening
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                raise RuntimeError(f"{type(self).__name__} did not start")
            time.sleep(0.005)
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.stop()
        self._thread.join(10)
        self._socket.close()


class _Server(uvicorn.Server):
    """Ends when told to: uvicorn's own looks ten times a second, and then waits for its connections."""

    _loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """From another thread."""
        self.should_exit = self.force_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)

    async def main_loop(self) -> None:
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class Call(NamedTuple):
    """A request that was made, and what it was answered."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any
    status: int
    answer: bytes
    """Empty unless `Wire.keep_answers` is set."""


class Refusal(Exception):
    """An answer that is not 2xx, in the tool's own words."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body if isinstance(body, bytes) else orjson.dumps(body)
        self.headers = dict(headers or {})


@dataclass
class WireFaults:
    """What goes wrong on the wire. `every=n` means every nth request that it applies to."""

    too_many_every: int = 0
    retry_after: str = "0"
    unavailable_every: int = 0
    truncate_every: int = 0
    """A body that ends early although the headers are fine."""
    cut_every: int = 0
    """A connection that is closed in mid body."""
    html_every: int = 0
    html_login: bool = False
    """Every answer is a login page with status 200."""
    redirect_to: str = ""
    slow_s: float = 0.0
    """Seconds every answer takes."""
    instead: Mapping[str, bytes] = field(default_factory=dict)
    """What is answered at addresses that end so, in place of the truth."""


F = TypeVar("F", bound=WireFaults)


class Wire(Generic[F]):
    """The way in and out of a fake: counts, log, sign-in, faults."""

    def __init__(self, faults: F) -> None:
        self.faults = faults
        self.log: list[Call] = []
        self.keep_answers = False
        self.counts: Counter[str] = Counter()
        """`GET /path` → how often."""
        self.requests = 0
        self.lock = threading.RLock()
        """Held while a handler runs; a test that edits the world meanwhile takes it too."""

    async def answer(
        self,
        request: Request,
        handler: Callable[[Any], Any],
        *,
        signed_in: Callable[[Request], Refusal | None] = lambda request: None,
        too_many: Any = "Too many requests",
        media_type: str = "application/json; charset=utf-8",
    ) -> Response:
        """`handler(body)`'s result as JSON (bytes and responses as they are), or its Refusal. `body` is the request's
        JSON, None without one, the raw bytes where they are not JSON."""
        sent = await request.body()
        self.requests += 1
        body: Any = None
        headers: dict[str, str] = {}
        made: Response | None = None
        status, content = 200, b""
        try:
            if sent:
                body = _json_or_bytes(sent)
            refused = signed_in(request)
            if refused is not None:
                raise refused
            if self._nth(self.faults.too_many_every):
                raise Refusal(429, {"message": too_many}, {"Retry-After": self.faults.retry_after})
            if self._nth(self.faults.unavailable_every):
                raise Refusal(503, {"message": "The service is unavailable"})
            with self.lock:
                result = handler(body)
            if isinstance(result, Response):
                made, status, content = result, result.status_code, bytes(result.body)
            else:
                content = result if isinstance(result, bytes) else orjson.dumps(result)
        except Refusal as refusal:
            status, content, headers = refusal.status, refusal.body, refusal.headers
        response = made or Response(content, status, headers=headers, media_type=media_type)
        for end, other in self.faults.instead.items() if status == 200 else ():
            if request.url.path.endswith(end):
                response = Response(other, media_type=media_type)
        if status == 200:
            response = self._spoiled(response, content, media_type)
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        kept = content if self.keep_answers else b""
        self.log.append(Call(request.method, request.url.path, query, body, response.status_code, kept))
        self.counts[f"{request.method} {request.url.path}"] += 1
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        return response

    def _nth(self, every: int) -> bool:
        return every > 0 and self.requests % every == 0

    def _spoiled(self, response: Response, content: bytes, media_type: str) -> Response:
        faults = self.faults
        if faults.redirect_to:
            return Response(b"", 302, headers={"Location": faults.redirect_to})
        if faults.html_login or self._nth(faults.html_every):
            return Response(LOGIN_PAGE, 200, media_type="text/html")
        if self._nth(faults.truncate_every):
            return Response(content[: len(content) * 2 // 3], 200, media_type=media_type)
        if self._nth(faults.cut_every):
            return Cut(content, 200, media_type=media_type)
        return response


class Cut(Response):
    """Ends in the middle of its body."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _json_or_bytes(sent: bytes) -> Any:
    try:
        return orjson.loads(sent)
    except orjson.JSONDecodeError:
        return sent
