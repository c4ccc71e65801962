"""What a person fills in for a Jira source, and how requests are signed with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from adapters.address import same_address, usable_base_url
from adapters.sign_in import Refresh, SignIn


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

    def reads(self) -> dict[str, frozenset[str] | None]:
        """Which projects of which site; None for all."""
        keys = self.select.projects
        return {same_address(self.url): None if keys is None else frozenset(key.upper() for key in keys)}


def sign_in(auth: JiraAuth, refresh: Refresh | None = None) -> SignIn:
    """What signs requests with `auth`."""
    match auth:
        case ApiToken():
            return SignIn(auth.token, user=auth.email, refresh=refresh)
        case Basic():
            return SignIn(auth.password, user=auth.user, refresh=refresh)
        case _:
            return SignIn(auth.token, refresh=refresh)
