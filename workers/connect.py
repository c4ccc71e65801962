"""Connections to receivers of webhooks: the address that is really connected to is the one that was checked.

A name is resolved here, each of its addresses is looked at, and the connection goes to that very address. What the name
leads to a moment later does not matter. TLS still asks for the name, and so does the Host header.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any

import httpcore

from register.addresses import AddressForbidden, Network, require_allowed

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the machine resolves it. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to allowed addresses alone. Raises AddressForbidden where a name has no other."""

    def __init__(self, scheme: str, allowed: Sequence[Network], resolve: Resolve = resolve) -> None:
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
    tls: ssl.SSLContext | None = None,
    resolve: Resolve = resolve,
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
