"""Requests signed with a secret that a person gave: a token as bearer, or a user and a password. Or not at all."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Collection, Mapping
from inspect import isawaitable

from pydantic import SecretStr

Refresh = Callable[[], str | Awaitable[str]]
"""Gives the current secret again, read anew from where the configuration points."""


class Unsigned:
    """For what everybody may read. (`adapters.http.Credentials`)"""

    asks = False

    async def ready(self) -> None:
        """Nothing is needed."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def secrets(self) -> Collection[str]:
        return ()

    async def renew(self) -> bool:
        return False


class SignIn:
    """Signs requests with `secret`: as the password of `user` where one is given (it may be empty), else as bearer.

    After a refusal the secret is asked for once more; the same secret again is no help. (`adapters.http.Credentials`)
    """

    asks = False

    def __init__(self, secret: SecretStr, *, user: str | None = None, refresh: Refresh | None = None) -> None:
        self._secret = secret.get_secret_value()
        self._user = user
        self._refresh = refresh

    async def ready(self) -> None:
        """The secret is at hand from the start."""

    def headers(self) -> Mapping[str, str]:
        scheme = "Bearer" if self._user is None else "Basic"
        return {"Authorization": f"{scheme} {self._sent()}"}

    def secrets(self) -> Collection[str]:
        return (self._secret, self._sent())

    async def renew(self) -> bool:
        if self._refresh is None:
            return False
        fresh = self._refresh()
        if isawaitable(fresh):
            fresh = await fresh
        changed, self._secret = fresh != self._secret, fresh
        return changed

    def _sent(self) -> str:
        if self._user is None:
            return self._secret
        return base64.b64encode(f"{self._user}:{self._secret}".encode()).decode()
