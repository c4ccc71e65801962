"""Files from addresses that carry their own permission, as cloud drives hand them out.

Such an address is itself a secret for as long as it is valid: it stands in no text, and no credentials of ours travel
to it.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import httpx

from adapters.address import is_loopback
from adapters.answers import retry_after
from adapters.errors import FileRefused, SourceMisbehaved, SourceUnavailable

_CHUNK = 1 << 20
_WHOLE = 60
"""How many times as long as for a sign of life a whole file may take: one that drips would never end."""


class Fetched(NamedTuple):
    size: int
    sha256: str


class Downloads:
    """Takes files, one request each. Used as an async context manager; knows no credentials."""

    def __init__(
        self,
        *,
        plain: bool = False,
        timeout_s: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`plain`: the tool runs on this machine, so an address on this machine need not be https."""
        self._plain = plain
        self._timeout = httpx.Timeout(timeout_s, connect=min(10.0, timeout_s))
        self._whole_s = _WHOLE * timeout_s
        self._transport = transport

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "portbook"},
            timeout=self._timeout,
            transport=self._transport,
            follow_redirects=False,
            verify=not self._plain,
            trust_env=not self._plain,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()

    async def fetch(self, url: str, into: Path, *, name: str, largest: int) -> Fetched:
        """The file as it came, written to `into`. Raises SourceUnavailable for whatever may pass by itself, an
        address whose time is over included; then `into` holds nothing of use."""
        self._check(url, name)
        digest, size = hashlib.sha256(), 0
        try:
            async with asyncio.timeout(self._whole_s), self._client.stream("GET", url) as response:
                self._judge(response, name)
                with await asyncio.to_thread(into.open, "wb") as file:
                    async for chunk in response.aiter_bytes(_CHUNK):
                        size += len(chunk)
                        if size > largest:
                            raise FileRefused(
                                f"{name} is too large: more than {largest >> 20} MiB",
                                hint="Split it, or raise `limits.file_mb` of this source.",
                            )
                        digest.update(chunk)
                        await asyncio.to_thread(file.write, chunk)
        except (httpx.TimeoutException, TimeoutError):
            raise SourceUnavailable(f"{name} did not arrive in time") from None
        except (httpx.TransportError, httpx.DecodingError) as broken:
            # The message may quote the address.
            raise SourceUnavailable(
                f"{name} did not arrive: the connection failed ({type(broken).__name__})"
            ) from None
        return Fetched(size, digest.hexdigest())

    def _check(self, url: str, name: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or not (
            parts.scheme == "https" or (self._plain and parts.scheme == "http" and is_loopback(host))
        ):
            raise SourceMisbehaved(
                f"{name} is offered at {parts.scheme}://{parts.netloc}, which is not https",
                hint="Check the url of this source: something stands between us and the tool.",
            )

    def _judge(self, response: httpx.Response, name: str) -> None:
        status = response.status_code
        if status == 200:
            return
        host = response.url.host
        if status >= 500 or status in (401, 403, 404, 408, 410, 429):
            raise SourceUnavailable(
                f"{name} cannot be fetched now: {host} answered {status}",
                retry_after=retry_after(response.headers),
            )
        raise SourceMisbehaved(f"{name} cannot be fetched: {host} answered {status}")
