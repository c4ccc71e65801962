"""The section `sign_in`: whose tokens are taken, and what a claim in them gives."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from portbook.config.scalars import Strict

_MANY = {"common", "organizations", "consumers"}
"""Where Entra signs in people of any directory; what it issues names the directory they come from."""


class GrantSettings(Strict):
    """What the value of a claim gives. All grants that fit a token count together."""

    claim: str = Field(
        min_length=1,
        description="A claim of the token: `groups`, `roles`, `scp`, `oid`, `email` …; dots lead into objects.",
    )
    value: str = Field(
        min_length=1, description="What it must be, or hold: the id of a group, the name of an app role …"
    )
    scopes: tuple[Literal["read", "admin"], ...] = Field(
        default=("read",), min_length=1, description="What whoever has it may do: `read`, or `admin`."
    )
    portfolios: tuple[str, ...] = Field(
        default=(), description="Show only these portfolios, by key or id; default: everything."
    )
    programmes: tuple[str, ...] = Field(default=(), description="Show only these programmes, likewise.")
    projects: tuple[str, ...] = Field(default=(), description="Show only these projects, likewise.")

    @property
    def rows(self) -> dict[str, tuple[str, ...]]:
        """What it shows, as ids or keys by collection; empty: everything."""
        named = {
            "portfolios": self.portfolios,
            "programmes": self.programmes,
            "projects": self.projects,
        }
        return {collection: references for collection, references in named.items() if references}

    @field_validator("portfolios", "programmes", "projects")
    @classmethod
    def _names_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:  # as written down: what is left out does not come by here
            raise ValueError("must name at least one row: leave it out to show everything")
        return value

    @model_validator(mode="after")
    def _admin_sees_everything(self) -> Self:
        if "admin" in self.scopes and self.rows:
            raise ValueError("`admin` sees everything: give `read` where only some rows are shown")
        return self


class IssuerSettings(Strict):
    """Who issues tokens, and what they give."""

    issuer: str = Field(
        description="The claim `iss` of its tokens, to the letter: https://login.microsoftonline.com/TENANT-ID/v2.0, "
        "or https://sts.windows.net/TENANT-ID/ for tokens of version 1.",
    )
    audience: tuple[str, ...] = Field(
        min_length=1,
        description="Which claim `aud` is us: the client id or the application id URI of the app registration.",
    )
    grants: tuple[GrantSettings, ...] = Field(min_length=1, description="What claims give.")
    discovery: str | None = Field(
        default=None,
        description="Where its metadata stands, if not at `issuer` + `/.well-known/openid-configuration`.",
    )
    authorization_uri: str | None = Field(
        default=None,
        description="Where Excel and Power BI send people to sign in. Default: known for Entra, else none.",
    )

    @field_validator("issuer", "discovery", "authorization_uri")
    @classmethod
    def _usable(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)

    @field_validator("issuer")
    @classmethod
    def _one_directory(cls, value: str) -> str:
        if _MANY & set(urlsplit(value).path.split("/")):
            raise ValueError("must be one directory: put its id where common or organizations stands")
        return value


def _address(value: str) -> str:
    if "{" in value or "}" in value:
        raise ValueError("holds a placeholder: put the directory's id there")
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.query or parts.fragment or "@" in parts.netloc or re.search(r"\s", value):
        raise ValueError("must be an address such as https://login.example.org/realm")
    if parts.scheme != "https" and not (parts.scheme == "http" and _this_machine(host)):
        raise ValueError("must be https: plain http is for this machine only")
    return value


def _this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
