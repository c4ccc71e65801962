"""What a person fills in for a source of the Microsoft Project family, whichever interface it is read through."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from adapters.address import same_address, usable_base_url
from adapters.entra_options import EntraCertificate, EntraSecret, ManagedIdentity
from adapters.sign_in import Refresh, SignIn

if TYPE_CHECKING:
    from adapters.http import Credentials

Api = Literal["project_data", "dataverse", "files"]
_SERVICES = ("project_data", "dataverse")
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "url": _SERVICES,
    "auth": _SERVICES,
    "select": _SERVICES,
    "page_size": _SERVICES,
    "concurrency": _SERVICES,
    "per_second": _SERVICES,
    "links": ("project_data",),
    "risks": ("project_data",),
    "project_types": ("project_data",),
    "hours_per_day": ("project_data",),
    "files": ("files",),
    "settle_s": ("files",),
    "limits": ("files",),
}
"""Option → the apis that know it."""
_NEEDED = {"url": _SERVICES, "auth": _SERVICES, "files": ("files",)}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Basic(_Strict):
    """User and password, where the server accepts them (basic authentication over https)."""

    kind: Literal["basic"]
    user: str = Field(description="User name, with its domain where the server asks for one.")
    password: SecretStr = Field(description="Password, by reference.")


class Bearer(_Strict):
    """An access token that somebody else obtained and renews."""

    kind: Literal["bearer"]
    token: SecretStr = Field(
        description="The access token, by reference; read again when the server refuses it."
    )


MsProjectAuth = Annotated[
    Basic | Bearer | EntraSecret | EntraCertificate | ManagedIdentity, Field(discriminator="kind")
]


class MsProjectSelect(_Strict):
    """Which part of the site is read."""

    projects: list[str] | None = Field(
        default=None,
        description="Ids or exact names of the projects to read. Default: everything the account can see.",
    )


class FileLimits(_Strict):
    """How large a plan file may be. It is parsed in a process of its own, which keeps to these."""

    file_mb: int = Field(200, ge=1, description="Largest file on disk, in MiB.")
    records: int = Field(
        500_000, ge=1, description="Most tasks, resources and assignments of a plan, taken together."
    )
    memory_mb: int = Field(1_024, ge=128, description="Address space of the parsing process, in MiB.")
    cpu_s: int = Field(120, ge=1, description="Processor seconds the parsing process may use per file.")
    wall_s: int = Field(300, ge=1, description="Seconds the parsing process may be silent.")


class MsProjectOptions(_Strict):
    """Plans of Microsoft Project. `api` says where they are kept; the other options depend on it."""

    unmapped_streams: ClassVar[frozenset[str]] = frozenset({"mspdi_calendar", "msdyn_projectbucket"})
    """What is read, and of what the built-in mapping makes no row."""

    api: Api = Field(
        description="`project_data` (Project Server, Project Online), `dataverse` (Planner Premium, Project for "
        "the web) or `files` (Project XML, .mpp)."
    )
    url: str | None = Field(
        default=None,
        validate_default=True,
        description="Address of the PWA site (https://projects.example.org/pwa) or of the Dataverse "
        "environment (https://acme.crm4.dynamics.com).",
    )
    auth: MsProjectAuth | None = Field(
        default=None,
        validate_default=True,
        description="How we sign in: basic, bearer, entra_secret, entra_certificate or managed_identity.",
    )
    timezone: str = Field(
        default="UTC",
        description="The site's time zone, e.g. Europe/London: its instants come without an offset. Plan dates "
        "are days and never shift.",
    )
    select: MsProjectSelect = Field(default=MsProjectSelect(), description="Which projects are read.")
    page_size: int = Field(
        default=1000, ge=1, le=5000, description="Records asked for at once; the server may send fewer."
    )
    concurrency: int = Field(default=4, ge=1, le=16, description="Requests under way at the same time.")
    per_second: float = Field(default=20.0, gt=0, le=500, description="Most requests started per second.")
    links: bool = Field(
        default=True, description="Read links between tasks, which the server keeps in another interface."
    )
    risks: bool = Field(
        default=True, description="Read risks, issues and deliverables of the projects' own sites."
    )
    project_types: list[int] = Field(
        default=[0], description="Project types to read, as numbers of the server; 0 is an ordinary project."
    )
    hours_per_day: float = Field(
        default=8.0,
        gt=0,
        le=24,
        description="Working hours of a day, by which the server's durations, floats and lags become days.",
    )
    base_dir: Path = Field(
        default=Path(), description="Folder that `files` are relative to: the configuration file's own."
    )
    files: list[str] | None = Field(
        default=None,
        validate_default=True,
        description="Files or patterns, e.g. `plans/*.xml`. Each is one plan; a newer version of the same "
        "plan may have another name.",
    )
    settle_s: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="A file modified less than this many seconds ago must stop changing first.",
    )
    limits: FileLimits = Field(
        default=FileLimits.model_validate({}), description="Sizes beyond which a plan file is refused."
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str | None) -> str | None:
        return None if url is None else usable_base_url(url)

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("must be a time zone such as Europe/London or UTC") from None
        return value

    @field_validator(*_ONLY_FOR, mode="after")
    @classmethod
    def _fits_the_api(cls, value: Any, info: ValidationInfo) -> Any:
        """Defaults are not validated, except where the option may be needed."""
        api, name = info.data.get("api"), info.field_name or ""
        if api is None:
            return value
        if not value and api in _NEEDED.get(name, ()):
            raise ValueError(f"`{name}` is missing, which api {api} needs")
        if value is not None and api not in _ONLY_FOR[name]:
            raise ValueError(f"is no option of api {api}, only of {' and '.join(_ONLY_FOR[name])}")
        return value

    def reads(self) -> dict[str, frozenset[str] | None]:
        """Which projects of which site, by their type where it has types, or which files; None for all."""
        if self.url is None:
            return {normpath(self.base_dir / file): None for file in self.files or ()}
        names = self.select.projects
        parts = None if names is None else frozenset(names)
        place = same_address(self.url)
        if self.api == "project_data":
            return {f"{place} (project type {number})": parts for number in self.project_types}
        return {place: parts}


def credentials(auth: MsProjectAuth, url: str, refresh: Refresh | None = None) -> Credentials:
    """What signs requests to `url`. Entra gives tokens for exactly that host."""
    match auth:
        case Basic():
            return SignIn(auth.password, user=auth.user, refresh=refresh)
        case Bearer():
            return SignIn(auth.token, refresh=refresh)
        case _:
            from adapters.entra import EntraSignIn

            return EntraSignIn(auth, f"https://{urlsplit(url).hostname}/.default")
