"""The way on which msal reaches Microsoft Entra."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import httpx

from adapters.answers import retry_after
from adapters.entra_options import EntraAuth, ManagedIdentity


class Failed(Exception):
    """No answer that says yes or no."""

    def __init__(self, reason: str, *, garbled: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.garbled = garbled
        self.retry_after = retry_after


class Said(NamedTuple):
    """An answer in the shape that msal reads."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise Failed(f"it answered {self.status_code}")


class Connection:
    """msal's way out: our time limits, no redirects, https only.

    An authority on this machine may be plain http (a proxy of the administrator's, a test): then, and for exactly
    that origin, https is taken off again, and no other address is spoken to.
    """

    def __init__(
        self,
        auth: EntraAuth,
        transport: httpx.BaseTransport | None,
        timeout_s: float,
    ) -> None:
        managed = isinstance(auth, ManagedIdentity)
        origin = "" if isinstance(auth, ManagedIdentity) else auth.authority
        self._managed = managed
        self._plain = urlsplit(origin).netloc if origin.startswith("http:") else ""
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            follow_redirects=False,
            verify=not self._plain,
            # A machine's own identity endpoint, like anything on this machine, is never behind a proxy.
            trust_env=not (managed or self._plain),
        )
        self.refusal: Mapping[str, Any] | None = None
        """What the last answer with an error said."""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def get(self, url: str, **sent: Any) -> Said:
        return self._send(self._client.get, url, sent)

    def post(self, url: str, **sent: Any) -> Said:
        return self._send(self._client.post, url, sent)

    def close(self) -> None:
        """msal may close what it was given; the `with` block does."""

    def _send(self, method: Callable[..., httpx.Response], url: str, sent: Mapping[str, Any]) -> Said:
        parts = urlsplit(url)
        if self._plain:
            if parts.netloc != self._plain:
                raise Failed(f"it sends us to another address, {parts.netloc}", garbled=True)
            url = urlunsplit(parts._replace(scheme="http"))
        elif parts.scheme != "https" and not self._managed:
            raise Failed(f"it sends us to {parts.scheme}://{parts.netloc}, which is not https", garbled=True)
        known = {name: value for name, value in sent.items() if name in ("params", "data", "headers")}
        if isinstance(known.get("data"), dict):
            # msal hands an assertion over as bytes, which httpx would spell b'…'.
            known["data"] = {
                name: value.decode() if isinstance(value, bytes) else value
                for name, value in known["data"].items()
            }
        try:
            response = method(url, **known)
        except httpx.TimeoutException:
            raise Failed("no answer in time") from None
        except (httpx.TransportError, httpx.DecodingError) as broken:
            raise Failed(f"the connection failed: {str(broken) or type(broken).__name__}") from None
        status = response.status_code
        if status == 429 or status >= 500 or (self._managed and status in (404, 410)):
            # A machine's identity endpoint answers 404 and 410 while it is being updated (Azure's documentation of
            # virtual machine tokens, "Error handling").
            raise Failed(f"it answered {status}", retry_after=retry_after(response.headers))
        try:
            answer = json.loads(response.content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Failed(f"it answered {status} with something that is not JSON", garbled=True)
        if status >= 300:
            self.refusal = answer
        return Said(status, response.text, dict(response.headers))
