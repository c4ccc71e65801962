"""What portbook.yaml says, once it is known to be right. Frozen: a change is a new file and a new start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path

from pydantic import BaseModel

from portbook.config.errors import ConfigInvalid
from portbook.config.settings import (
    Gateway,
    Hooks,
    Identity,
    Outbound,
    Register,
    RuleSettings,
    TrustedUnlessSilent,
    WebhookSettings,
)
from portbook.config.sign_in import IssuerSettings
from portbook.config.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Source:
    """A configured connection."""

    name: str
    kind: str
    every: timedelta
    sweep: time
    mapping: Path | None
    options: BaseModel
    """The options model of the kind; its secrets are references that are read when asked for."""
    line: int
    """Where it stands in the file."""
    hooks: Hooks | None = None
    expect_within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule of data quality, and where it stands."""

    settings: RuleSettings
    file: str
    line: int
    places: Mapping[str, tuple[int, int, bool]]
    """Key → line and column of its value; whether a place in the value is that many columns further."""


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A row of the register that a grant names, and where."""

    collection: str
    reference: str
    """Its id or key."""
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """A record that a link of `identity` names, and where."""

    entity: str
    source: str
    name: str
    """Its id, key, code or e-mail address."""
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class WrittenWebhook:
    """A webhook, and where it stands."""

    settings: WebhookSettings
    line: int
    places: Mapping[str, tuple[int, int, bool]]
    """Key → line and column of its value; whether a place in the value is that many columns further."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file, with paths made absolute."""

    path: Path
    register: Register
    gateway: Gateway
    sources: tuple[Source, ...]
    identity: Identity
    precedence: Mapping[str, Mapping[str, tuple[str | TrustedUnlessSilent, ...]]]
    """Entity → field or `default` → names of sources, strongest first."""
    outbound: Outbound
    rules: tuple[WrittenRule, ...] = ()
    webhooks: tuple[WrittenWebhook, ...] = ()
    sign_in: tuple[IssuerSettings, ...] = ()
    named_rows: tuple[NamedRow, ...] = ()
    """What `sign_in` names of the register; whether it is there only the register knows."""
    linked: tuple[LinkedRecord, ...] = ()
    """What the links of `identity` name; likewise."""

    def source(self, name: str) -> Source:
        """The source of that name. Raises ConfigInvalid with a suggestion."""
        for source in self.sources:
            if source.name == name:
                return source
        names = [source.name for source in self.sources]
        raise ConfigInvalid(
            f"There is no source {name!r}",
            detail=str(self.path),
            hint=did_you_mean(name, names) or f"Sources are: {', '.join(names) or 'none yet'}.",
        )
