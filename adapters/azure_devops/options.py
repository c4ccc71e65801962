"""What a person fills in for an Azure DevOps source, and how requests are signed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from adapters.address import same_address, usable_base_url
from adapters.entra_options import EntraCertificate, EntraSecret, ManagedIdentity
from adapters.sign_in import Refresh, SignIn

if TYPE_CHECKING:
    from adapters.http import Credentials

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps as Entra knows it (Microsoft's "Use service principals & managed identities in Azure DevOps")."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pat(_Strict):
    """A personal access token, on Services and Server."""

    kind: Literal["pat"]
    token: SecretStr = Field(
        description="The personal access token, by reference: {env: NAME} or {file: PATH}. It needs the scopes "
        "Work Items (Read) and Project and Team (Read)."
    )


AzureDevOpsAuth = Annotated[
    Pat | EntraSecret | EntraCertificate | ManagedIdentity, Field(discriminator="kind")
]


class AzureDevOpsSelect(_Strict):
    """Which part of the organisation is read."""

    projects: list[str] | None = Field(
        default=None,
        description="Names or ids of the projects to read, e.g. [Payments, Web]. Default: everything the account can "
        "see.",
    )


class AzureDevOpsOptions(_Strict):
    """An organisation of Azure DevOps Services, or a project collection of Azure DevOps Server."""

    url: str = Field(
        description="Address of the organisation or collection, e.g. https://dev.azure.com/acme or "
        "https://tfs.example.org/tfs/DefaultCollection."
    )
    auth: AzureDevOpsAuth = Field(
        description="How we sign in: pat; on Services also entra_secret, entra_certificate or managed_identity."
    )
    select: AzureDevOpsSelect = Field(default=AzureDevOpsSelect(), description="Which projects are read.")
    timezone: str | None = Field(
        default=None,
        description="Time zone in which people enter dates, e.g. `Europe/Berlin`. Azure DevOps keeps a date as "
        "midnight there; without it the zone is guessed from the hour, which is right from UTC-11 to UTC+12.",
    )
    page_size: int = Field(
        default=1000, ge=2, le=1000, description="Work items asked for at once; Azure DevOps may send fewer."
    )
    concurrency: int = Field(
        default=4,
        ge=1,
        le=8,
        description="Requests under way at the same time. Teams share the organisation's limits.",
    )
    per_second: float = Field(default=25.0, gt=0, le=500, description="Most requests started per second.")
    capacity: bool = Field(default=True, description="Read teams and the capacity of their sprints.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        url = usable_base_url(url)
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if host.endswith(".visualstudio.com"):
            # The old host still answers; one form keeps links and identities the same.
            organisation = host.removesuffix(".visualstudio.com")
            return f"https://dev.azure.com/{organisation}"
        if len([part for part in parts.path.split("/") if part]) < 1:
            raise ValueError(
                "must name the organisation or collection: https://dev.azure.com/acme, "
                "https://tfs.example.org/tfs/DefaultCollection"
            )
        if host == "dev.azure.com" and parts.path.count("/") > 1:
            raise ValueError("must end with the organisation; name projects in `select`")
        return url

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError):
                raise ValueError("must be a time zone such as Europe/Berlin or UTC") from None
        return value

    @model_validator(mode="after")
    def _entra_on_services_only(self) -> Self:
        host = urlsplit(self.url).hostname or ""
        if "." in host and not isinstance(self.auth, Pat) and self.url.count("/") > 3:
            raise ValueError("Azure DevOps Server knows no Entra sign-in; use auth.kind pat")
        return self

    def reads(self) -> dict[str, frozenset[str] | None]:
        """Which projects of which organisation; None for all. Case counts in neither."""
        names = self.select.projects
        place = same_address(self.url).lower()
        return {place: None if names is None else frozenset(name.lower() for name in names)}


def credentials(auth: AzureDevOpsAuth, refresh: Refresh | None = None) -> Credentials:
    """What signs requests with `auth`. A personal access token is the password of no user."""
    if isinstance(auth, Pat):
        return SignIn(auth.token, user="", refresh=refresh)
    from adapters.entra import EntraSignIn

    return EntraSignIn(auth, SCOPE)
