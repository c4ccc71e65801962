"""How requests to Project Server and Dataverse are signed."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Collection, Mapping
from inspect import isawaitable
from urllib.parse import urlsplit

from adapters.entra import EntraSignIn
from adapters.http import Credentials
from adapters.ms_project.options import Basic, Bearer, MsProjectAuth

Refresh = Callable[[], str | Awaitable[str]]
"""Gives the current secret again, read anew from where the configuration points."""


def credentials(auth: MsProjectAuth, url: str, refresh: Refresh | None = None) -> Credentials:
    """What signs requests to `url`. Entra gives tokens for exactly that host."""
    if isinstance(auth, Basic | Bearer):
        return SignIn(auth, refresh)
    return EntraSignIn(auth, f"https://{urlsplit(url).hostname}/.default")


class SignIn:
    """Signs requests. After a 401 the secret is asked for once more; the same secret again is no help."""

    def __init__(self, auth: Basic | Bearer, refresh: Refresh | None = None) -> None:
        self._auth = auth
        self._secret = (auth.password if isinstance(auth, Basic) else auth.token).get_secret_value()
        self._refresh = refresh

    def headers(self) -> Mapping[str, str]:
        scheme = "Basic" if isinstance(self._auth, Basic) else "Bearer"
        return {"Authorization": f"{scheme} {self._sent()}"}

    def secrets(self) -> Collection[str]:
        return (self._secret, self._sent())

    async def ready(self) -> None:
        """The secret is there from the start."""

    async def renew(self) -> bool:
        if self._refresh is None:
            return False
        fresh = self._refresh()
        if isawaitable(fresh):
            fresh = await fresh
        changed, self._secret = fresh != self._secret, fresh
        return changed

    def _sent(self) -> str:
        if isinstance(self._auth, Basic):
            return base64.b64encode(f"{self._auth.user}:{self._secret}".encode()).decode()
        return self._secret
