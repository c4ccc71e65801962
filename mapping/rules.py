"""What a mapping says, once it is read: which records become rows of what, and how each field is filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mapping.paths import Place


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field is filled."""

    name: str
    column: str
    path: str | None
    verb: str
    where: str
    """file:line, for findings and explanations."""
    const: Any = None
    lookup: Mapping[str, Any] | None = None
    lookup_name: str = ""
    in_turn: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Name and table of the lookups, where each of several words has its own."""
    ref: str | None = None
    ref_stream: str | None = None
    keys: str | None = None
    """The stream whose records the keys of an object name."""
    many: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    place: Place | None = None
    only: tuple[str, Any] | None = None
    """Filled where this field of the same row holds this word."""
    beside: FieldRule | None = None
    """The field that `only` names, once every file is read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How records of one stream become rows of one entity."""

    stream: str
    into: str
    where: str
    fields: Mapping[str, FieldRule]
    custom: Mapping[str, FieldRule] = field(default_factory=dict)
    each: str | None = None
    id: str | None = None
    when: str | None = None
    has_currency: bool = False
    """Whether its rows have a currency, which their amounts are in."""

    @property
    def amounts(self) -> list[FieldRule]:
        """The fields whose cells may say the currency of the row."""
        return [f for f in self.fields.values() if self.has_currency and f.verb == "money" and f.place]


@dataclass(frozen=True, slots=True)
class MappingSet:
    """All rules of a source. `version` changes whenever any of them does."""

    source_kind: str
    rules: tuple[Rule, ...]
    version: str

    def stream_of(self, entity: str) -> str:
        """The stream whose records become rows of `entity`: what a reference to one is derived from."""
        homes = {rule.stream for rule in self.rules if rule.into == entity and rule.each is None}
        return homes.pop() if len(homes) == 1 else entity
