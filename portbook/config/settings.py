"""The sections of portbook.yaml as they are written: what is allowed, what it means, and what holds without it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    SecretStr,
    field_validator,
)

from portbook.config.scalars import NAME, Clock, CustomField, Duration, PlainToo, Strict, refuse
from portbook.config.secrets import SecretReference
from portbook.config.sign_in import IssuerSettings
from register.audit import KEPT_DAYS_LEAST


class Register(Strict):
    """Where the register lives."""

    database: Annotated[SecretStr, PlainToo()] = Field(
        default=SecretStr("embedded"),
        description="`embedded` starts PostgreSQL below `data_dir`; or the URL of a PostgreSQL 15 or newer, "
        "best as `{env: DATABASE_URL}`. A URL with a password in it must be a reference.",
    )
    redis: Annotated[SecretStr, PlainToo()] = Field(
        default=SecretStr("embedded"),
        description="`embedded` starts Valkey below `data_dir`; or the URL of a Redis or Valkey, likewise.",
    )
    data_dir: Path = Field(
        default=Path(".portbook"),
        description="Folder for the embedded stores and their logs, relative to this file.",
    )
    database_port: int | None = Field(
        default=None,
        ge=1024,
        le=65535,
        description="Let the embedded PostgreSQL also listen on 127.0.0.1 at this port, for roles with a "
        "password. Default: it listens on a private Unix socket only.",
    )
    timezone: str = Field(
        default="UTC", description="Time zone of the times of day in this file, e.g. `Europe/London`."
    )
    seal: SecretStr | None = Field(
        default=None,
        description="What secrets of webhooks are sealed with in the database, by reference: a long random text. "
        "Default: a key below `data_dir`, which gateway, workers and commands must then share.",
    )

    keep_audit_days: int | None = Field(
        default=400,
        ge=KEPT_DAYS_LEAST,
        le=36_500,
        description="After so many days the audit forgets who asked, who was refused and who took files; what people "
        "changed and decided stays. `null`: never.",
    )

    @field_validator("database", "redis")
    @classmethod
    def _no_password(cls, value: SecretStr) -> SecretStr:
        if isinstance(value, SecretReference) or value.get_secret_value() == "embedded":
            return value
        try:
            parts = urlsplit(value.get_secret_value())
            password = parts.password
        except ValueError:
            refuse("is neither `embedded` nor a URL")
        if not parts.scheme or "://" not in value.get_secret_value():
            refuse("is neither `embedded` nor a URL")
        if password or "password=" in parts.query:
            refuse("holds a password: write {env: NAME} or {file: PATH} and put the URL there")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            refuse("must be a time zone such as Europe/London or UTC")
        return value


class Gateway(Strict):
    """Where the API answers."""

    listen: str = Field(
        default="127.0.0.1:8080", description="Address and port to listen on; `0.0.0.0:8080` for all."
    )
    public_url: str | None = Field(
        default=None,
        description="The address people use, where a proxy stands before us: for links and webhooks.",
    )
    at_once: int = Field(
        default=32, ge=1, le=10_000, description="Requests that one key may have under way at a time."
    )
    per_second: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Requests that one key may make in a second, five seconds' worth at a time.",
    )
    highest_cost: int | None = Field(
        default=4_000_000,
        ge=1_000,
        description="What a question may cost by PostgreSQL's estimate, in its unit; `null`: whatever it does.",
    )

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
            refuse("must be address:port, e.g. 127.0.0.1:8080")
        return value

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parts = urlsplit(value)
                usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
            except ValueError:
                usable = False
            if not usable or parts.query or parts.fragment or parts.username:
                refuse("must be an address such as https://register.example.org")
            return value.rstrip("/")
        return None


class Hooks(Strict):
    """How the tool tells us of changes; without it they are found by reading every few minutes."""

    secret: SecretStr = Field(
        description="What the tool's notifications prove themselves with, by reference: make up a long random text and "
        "keep it. `portbook hooks install SOURCE` sets the tool up, or says how.",
    )


class SourceSettings(Strict):
    """What every source has, whatever its kind."""

    name: str = Field(
        pattern=NAME,
        description="Your word for it, unique in this file: small letters, digits, - and _. It stays in the "
        "register, so choose one that lasts: under another one its rows are refused until those of before are retired.",
    )
    kind: str = Field(description="The kind of tool.")
    every: Duration = Field(
        default=timedelta(minutes=5),
        json_schema_extra={"default": "5m"},
        description="How often changes are read: `30s`, `5m`, `1h`.",
    )
    sweep: Clock = Field(
        default=time(2, 0),
        json_schema_extra={"default": "02:00"},
        description="Time of day of the complete pass, which also finds what has vanished; "
        "in `register.timezone`.",
    )
    mapping: Path | None = Field(
        default=None,
        description="A mapping file, relative to this file, that overrides the built-in one field by field.",
    )
    expect_within: Duration | None = Field(
        default=None,
        description="How old its news may be before a finding says so: `1d`. Default: twelve times `every`.",
    )
    hooks: Hooks | None = Field(
        default=None,
        description="Accept notifications of the tool at `/hooks/{name}`, so that changes arrive in seconds.",
    )


class IdentityRule(Strict):
    """When records of several sources are one."""

    links: tuple[tuple[str, ...], ...] = Field(
        default=(), description="Groups of records that are one, each record as `source:id or key`."
    )


class ProjectIdentity(IdentityRule):
    """When projects of several sources are one."""

    match: tuple[Literal["code", "key", "same_as"] | CustomField, ...] = Field(
        default=("code",),
        description="Fields that make projects one when equal: `code`, `key`, a custom field as `custom.name`, or "
        "`same_as`, which holds the other one's address or key; `[]` for links alone.",
    )


class PeopleIdentity(IdentityRule):
    """When people of several sources are one."""

    match: tuple[Literal["email"] | CustomField, ...] = Field(
        default=("email",),
        description="Fields that make people one when equal: `email`, or a custom field as `custom.name` (a staff "
        "number); `[]` for links alone.",
    )


class MilestoneIdentity(IdentityRule):
    """When milestones of several sources are one."""

    match: tuple[Literal["key", "same_as"] | CustomField, ...] = Field(
        default=(),
        description="Fields that make milestones one when equal: `key`, a custom field as `custom.name`, or `same_as`, "
        "which holds the other one's address or key.",
    )


class WorkItemIdentity(IdentityRule):
    """When work items of several sources are one."""

    match: tuple[Literal["same_as"], ...] = Field(
        default=(),
        description="`same_as`: an item that names another tool's item by its address or key is that item.",
    )


class Identity(Strict):
    """When records of several sources are one. Never by a name alone."""

    projects: ProjectIdentity = Field(default=ProjectIdentity(), description="Projects.")
    people: PeopleIdentity = Field(default=PeopleIdentity(), description="People.")
    milestones: MilestoneIdentity = Field(default=MilestoneIdentity(), description="Milestones.")
    work_items: WorkItemIdentity = Field(default=WorkItemIdentity(), description="Work items.")

    def rules(self) -> dict[str, tuple[str, Any]]:
        """Entity → the name of its section, and what stands there."""
        return {
            "project": ("projects", self.projects),
            "person": ("people", self.people),
            "milestone": ("milestones", self.milestones),
            "work_item": ("work_items", self.work_items),
        }


class TrustedUnlessSilent(Strict):
    """A source that loses its rank when it falls silent."""

    source: str = Field(description="Its name.")
    unless_silent: Duration = Field(
        description="Without news from it for so long, it is believed last: `14d`. Its rank comes back with its news."
    )


class RuleSettings(Strict):
    """A rule of data quality: a new one, or what is different about a built-in one."""

    code: str = Field(
        pattern=r"^DQ-[A-Z0-9][A-Z0-9-]{0,50}$",
        description="What findings of the rule are called; that of a built-in rule changes that one.",
    )
    off: bool = Field(default=False, description="`true` switches a built-in rule off.")
    entity: str | None = Field(
        default=None, description="The entity whose rows it looks at, singular: `project`."
    )
    when: str | None = Field(
        default=None,
        description="A row is at fault when this filter finds it, in the grammar of the API; `{for_days}` stands for "
        "`for_days`.",
    )
    field: str | None = Field(default=None, description="The field that a finding points to.")
    severity: Literal["error", "warning", "info"] | None = Field(
        default=None, description="How bad it is; `warning` when a new rule does not say."
    )
    message: str | None = Field(
        default=None,
        min_length=1,
        description="What a finding says; fields stand in braces: `{due_on}`, `{project.key}`.",
    )
    hint: str | None = Field(default=None, description="How it is mended.")
    for_days: int | None = Field(
        default=None, ge=1, le=3650, description="The number of days in `when` and `message`."
    )


class Outbound(Strict):
    """Where webhooks may lead."""

    allow: tuple[str, ...] = Field(
        default=(),
        description="Networks that webhooks may reach beside the internet, as `10.20.0.0/16`; there also by plain "
        "http. Name no more than receivers are in.",
    )

    @field_validator("allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                refuse(f"{text[:60]!r} is no network; write it as 10.20.0.0/16 or 10.20.1.5/32")
        return value


class WebhookSettings(Strict):
    """An address that is told of events."""

    name: str = Field(pattern=NAME, description="Your word for it, unique in this file.")
    url: str = Field(description="Where events are sent to: https://…, without a password.")
    secret: SecretStr = Field(
        description="What events are signed with, by reference: `whsec_` and 24 to 64 random bytes in base64."
    )
    old_secret: SecretStr | None = Field(
        default=None, description="The one before, which signs as well while receivers change over."
    )
    types: tuple[str, ...] = Field(
        default=("*",),
        min_length=1,
        description="The types of events: `project.changed`, `work_item.*`, `*` for all.",
    )
    filter: str | None = Field(
        default=None,
        description="Only events of rows that this filter finds, in the grammar of the API: before the event or after.",
    )
    fields: str | None = Field(
        default=None, description="What is sent of the row, as `fields` of the API; default: all its fields."
    )
    enabled: bool = Field(default=True, description="`false` sends nothing.")


class ConfigFile(Strict):
    """The sections of the file; `sources` is read by kind."""

    register_: Register = Field(default=Register(), alias="register", description="Where the register lives.")
    gateway: Gateway = Field(default=Gateway(), description="Where the API answers.")
    sources: tuple[object, ...] = Field(default=(), description="The tools to read.")
    identity: Identity = Field(default=Identity(), description="When records of several sources are one.")
    precedence: Mapping[str, Mapping[str, tuple[str | TrustedUnlessSilent, ...]]] = Field(
        default={},
        description="For each entity, which source wins: `default` for all fields, or a field's name; "
        "the first is strongest. A source is its name, or `{source: NAME, unless_silent: 14d}`.",
    )
    rules: tuple[RuleSettings, ...] = Field(
        default=(), description="Rules of data quality beside the built-in ones, and changes to those."
    )
    rules_file: Path | None = Field(
        default=None, description="A file that holds a list of such rules, relative to this file."
    )
    outbound: Outbound = Field(default=Outbound(), description="Where webhooks may lead.")
    webhooks: tuple[WebhookSettings, ...] = Field(
        default=(), description="Addresses that are told of events; others can be added by command and API."
    )
    sign_in: tuple[IssuerSettings, ...] = Field(
        default=(), description="Whose tokens are taken beside API keys, and what they give."
    )
