"""Receivers of webhooks, good and bad, on ports of this machine. Small and quick: thousands of deliveries go to them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Self

import httptools
import orjson
from standardwebhooks import Webhook

Answer = tuple[int, dict[str, str], bytes]
HANG: Answer = (0, {}, b"")
"""Never answers."""
DROP: Answer = (-1, {}, b"")
"""Hangs up instead."""


class Receiver:
    """Answers every request by `answer`, and keeps what came. Used as an async context manager."""

    def __init__(
        self,
        answer: Answer | Callable[[Received], Answer] = (204, {}, b""),
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.host = host
        self.calls: list[Received] = []
        self.connections = 0
        self.open: set[asyncio.Transport] = set()
        self._tls = tls

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Wire(self), self.host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://{self.host}:{self.port}/hooks"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for transport in list(self.open):
            transport.abort()

    def bodies(self) -> list[dict]:
        return [orjson.loads(call.body) for call in self.calls]


class Received:
    """One request."""

    def __init__(self) -> None:
        self.path = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    def verified(self, secret: str) -> dict:
        """The body, when the signature holds; raises where it does not."""
        return Webhook(secret).verify(self.body, self.headers)


class State(Receiver):
    """Keeps the newest version of every row it is told of, from messages that verify; counts those that do not."""

    def __init__(self, secret: str) -> None:
        super().__init__(self._keep)
        self.secret = Webhook(secret)
        self.rows: dict[tuple[str, str], tuple[int, dict]] = {}
        self.refused = 0
        self.taken = 0

    def _keep(self, call: Received) -> Answer:
        self.calls.clear()
        try:
            told = self.secret.verify(call.body, call.headers)["data"]
        except Exception:
            self.refused += 1
            return 400, {}, b"not verified"
        self.taken += 1
        place = (told["entity"], told["id"])
        if self.rows.get(place, (0,))[0] < told.get("version", 0):
            self.rows[place] = (told["version"], told["row"])
        return 204, {}, b""


class _Wire(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)
        self._call = Received()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._receiver.connections += 1
        self._receiver.open.add(transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._receiver.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._call.path = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._call.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._call.body += body

    def on_message_complete(self) -> None:
        call, self._call = self._call, Received()
        receiver = self._receiver
        receiver.calls.append(call)
        status, headers, body = receiver.answer(call) if callable(receiver.answer) else receiver.answer
        if status == -1:
            self._transport.abort()
        if status <= 0:
            return
        lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items())]
        if status != 204:
            lines.append(f"content-length: {len(body)}")
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
