"""Connections to receivers of webhooks: the address that is really connected to is the one that was checked.

A name is resolved here, each of its addresses is looked at, and the connection goes to that very address. What the name
leads to a moment later does not matter. TLS still asks for the name, and so does the Host header.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import httpcore

from register.addresses import AddressForbidden, Network, require_allowed
from register.single_flight import SingleFlight

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
LookUp = Callable[..., Sequence[Any]]
"""As `socket.getaddrinfo`."""


class Resolver:
    """The addresses of names, as the machine resolves them: each in a thread of its own, for which nothing waits when
    the process ends. A name whose servers do not answer takes none of the few threads that all others share, and one
    alone, however often it is asked for meanwhile."""

    def __init__(self, look_up: LookUp = socket.getaddrinfo) -> None:
        self._look_up = look_up
        self._under_way: SingleFlight[Sequence[str]] = SingleFlight()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Raises OSError or UnicodeError."""
        return await self._under_way((host, port), lambda: self._in_thread(host, port))

    async def close(self) -> None:
        await self._under_way.close()

    async def _in_thread(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def tell(found: Sequence[str], error: Exception | None) -> None:
            if answer.done():  # nobody waits any more
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

        def work() -> None:
            found, wrong = [], None
            try:
                listed = self._look_up(host, port, type=socket.SOCK_STREAM)
                found = list(dict.fromkeys(str(address[0]) for *_, address in listed))
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                wrong = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, found, wrong)

        threading.Thread(target=work, name=f"resolve {host}", daemon=True).start()
        return await answer


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to allowed addresses alone. Raises AddressForbidden where a name has no other."""

    def __init__(self, scheme: str, allowed: Sequence[Network], resolve: Resolve) -> None:
        self._scheme = scheme
        self._allowed = allowed
        self._resolve = resolve
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("its name was not resolved in time") from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"its name cannot be resolved: {error}") from None
        refused: AddressForbidden | None = None
        failed: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for text in addresses:
            try:
                require_allowed(ip_address(text), self._scheme, self._allowed)
            except AddressForbidden as problem:
                refused = problem
                continue
            try:
                stream = await self._plain.connect_tcp(text, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            reached = stream.get_extra_info("server_addr")
            if reached is None or ip_address(reached[0]) != ip_address(text):
                await stream.aclose()
                raise httpcore.ConnectError(f"connected to {reached} in place of {text}")
            return stream
        if failed is not None:
            raise failed
        raise refused or httpcore.ConnectError("its name has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - likewise
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressForbidden("webhooks never lead to a socket of this machine")


def open_connections(
    scheme: str,
    allowed: Sequence[Network],
    *,
    most: int,
    resolve: Resolve,
    tls: ssl.SSLContext | None = None,
) -> httpcore.AsyncConnectionPool:
    """Connections to one receiver. No proxy, no redirects, no cookies, no retries."""
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=most,
        max_keepalive_connections=most,
        keepalive_expiry=30.0,
        retries=0,
        network_backend=Guarded(scheme, allowed, resolve),
    )
