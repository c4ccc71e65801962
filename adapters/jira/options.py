"""What a person fills in for a Jira source, and how requests are signed with it."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Collection, Mapping
from inspect import isawaitable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from adapters.address import usable_base_url

Refresh = Callable[[], str | Awaitable[str]]
"""Gives the current secret again, read anew from where the configuration points."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiToken(_Strict):
    """Jira Cloud: e-mail address and API token of the account we read with."""

    kind: Literal["api_token"]
    email: str = Field(description="E-mail address of the account the token belongs to.")
    token: SecretStr = Field(description="The API token, by reference: {env: NAME} or {file: PATH}.")


class Pat(_Strict):
    """Jira Data Center: a personal access token."""

    kind: Literal["pat"]
    token: SecretStr = Field(description="The personal access token, by reference.")


class Bearer(_Strict):
    """An OAuth access token or a service account's scoped token, for api.atlassian.com/ex/jira/<cloud id>."""

    kind: Literal["bearer"]
    token: SecretStr = Field(description="The access token, by reference; read again when Jira refuses it.")


class Basic(_Strict):
    """Jira Data Center: user and password, where that is still allowed."""

    kind: Literal["basic"]
    user: str = Field(description="User name.")
    password: SecretStr = Field(description="Password, by reference.")


JiraAuth = Annotated[ApiToken | Pat | Bearer | Basic, Field(discriminator="kind")]


class JiraSelect(_Strict):
    """Which part of the site is read."""

    projects: list[str] | None = Field(
        default=None,
        description="Keys of the projects to read, e.g. [PAY, WEB]. Default: everything the account can see.",
    )


class JiraOptions(_Strict):
    """A Jira site, Cloud or Data Center; which of the two it is, it tells us itself."""

    url: str = Field(
        description="Address of the site with its context path, e.g. https://acme.atlassian.net or "
        "https://jira.example.org/jira; for OAuth https://api.atlassian.com/ex/jira/<cloud id>."
    )
    auth: JiraAuth = Field(description="How we sign in: api_token, pat, bearer or basic.")
    select: JiraSelect = Field(default=JiraSelect(), description="Which projects are read.")
    page_size: int = Field(
        default=250, ge=2, le=5000, description="Issues asked for at once; Jira may send fewer."
    )
    concurrency: int = Field(
        default=4,
        ge=1,
        le=16,
        description="Requests under way at the same time. Teams share the site's limits.",
    )
    per_second: float = Field(default=50.0, gt=0, le=500, description="Most requests started per second.")
    worklogs: bool = Field(default=True, description="Read logged work (time entries).")
    boards: bool = Field(
        default=True, description="Read boards: sprints, and which field holds story points."
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        return usable_base_url(url)


class SignIn:
    """Signs requests. After a 401 the secret is asked for once more; the same secret again is no help."""

    def __init__(self, auth: ApiToken | Pat | Bearer | Basic, refresh: Refresh | None = None) -> None:
        self._auth = auth
        self._secret = (auth.password if isinstance(auth, Basic) else auth.token).get_secret_value()
        self._refresh = refresh

    async def ready(self) -> None:
        """The secret is at hand from the start."""

    def headers(self) -> Mapping[str, str]:
        if isinstance(self._auth, ApiToken | Basic):
            return {"Authorization": f"Basic {self._basic()}"}
        return {"Authorization": f"Bearer {self._secret}"}

    def secrets(self) -> Collection[str]:
        return (self._secret, self._basic())

    async def renew(self) -> bool:
        if self._refresh is None:
            return False
        fresh = self._refresh()
        if isawaitable(fresh):
            fresh = await fresh
        changed, self._secret = fresh != self._secret, fresh
        return changed

    def _basic(self) -> str:
        user = getattr(self._auth, "email", None) or getattr(self._auth, "user", "")
        return base64.b64encode(f"{user}:{self._secret}".encode()).decode()
