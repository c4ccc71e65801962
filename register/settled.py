"""What rules and people have settled: which ids are one thing, which values are pinned, which sources fell silent."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from register.db import Connection

IDENTITY_LOCK = 0x706F7275
"""Advisory lock: shared by every page, exclusive while anything here is changed, so that no page misses it."""

Lapsed = Set[tuple[str, int]]
"""(source, the silence a rule allows, in seconds): the source has been silent for longer."""


class Pinned(NamedTuple):
    """A value that a person decided."""

    id: str
    value: Any
    at: datetime


@dataclass
class Settled:
    """All of it, as of one stamp."""

    stamp: int = 0
    shown: dict[str, str] = field(default_factory=dict)
    """Own id → the row it is part of, where that is another one."""
    parts: dict[str, set[str]] = field(default_factory=dict)
    """Row → the own ids that are part of it, beside its own."""
    refused: Mapping[str, Set[str]] = field(default_factory=dict)
    """Own id → own ids that it is not."""
    pins: Mapping[str, Mapping[str, Pinned]] = field(default_factory=dict)
    """Own id → field → what is pinned there."""
    lapsed: Lapsed = frozenset()

    def row(self, own_id: str) -> str:
        """The row that shows this id."""
        return self.shown.get(own_id, own_id)

    def members(self, row_id: str) -> set[str]:
        """The own ids that this row shows."""
        return {row_id, *self.parts.get(row_id, ())}

    def involved(self, own_id: str) -> bool:
        """Whether others are part of this one, or this one of another."""
        return own_id in self.shown or own_id in self.parts

    def pinned(self, row_id: str) -> Mapping[str, Pinned]:
        """Field → the newest pin on the row or on one of its parts."""
        if not self.pins:
            return {}
        found: dict[str, Pinned] = {}
        for member in self.members(row_id):
            for name, pin in self.pins.get(member, {}).items():
                if name not in found or (pin.at, pin.id) > (found[name].at, found[name].id):
                    found[name] = pin
        return found

    def apart(self, one: str, other: str) -> bool:
        """Whether a person decided that something of the one row is not something of the other."""
        others = self.members(other)
        return any(not others.isdisjoint(self.refused.get(member, ())) for member in self.members(one))

    def copy(self) -> Settled:
        """One to change while a page is written; what is remembered changes only with the commit."""
        parts = {row: set(members) for row, members in self.parts.items()}
        return Settled(self.stamp, dict(self.shown), parts, self.refused, self.pins, self.lapsed)

    def show(self, own_id: str, row_id: str) -> None:
        """From now on the row shows this id."""
        before = self.shown.pop(own_id, None)
        if before is not None:
            self.parts[before].discard(own_id)
            if not self.parts[before]:
                del self.parts[before]
        if own_id != row_id:
            self.shown[own_id] = row_id
            self.parts.setdefault(row_id, set()).add(own_id)


@dataclass
class Memory:
    """What a process remembers between pages."""

    settled: Settled = field(default_factory=Settled)
    known: set[str] = field(default_factory=set)
    """Ids of merged entities that are certainly there: rows are never removed."""

    def forget(self) -> None:
        """A page was rolled back: what it taught may be wrong."""
        self.settled = Settled()
        self.known.clear()


async def read_settled(connection: Connection, memory: Memory) -> Settled:
    """What holds now; read anew only when the stamp has moved. Called under the identity lock."""
    stamp = int(await connection.fetchval("SELECT stamp FROM settled"))
    if stamp != memory.settled.stamp:
        memory.settled = await _read(connection, stamp)
    return memory.settled


async def _read(connection: Connection, stamp: int) -> Settled:
    found = Settled(stamp)
    for own_id, row_id in await connection.fetch("SELECT id::text, entity_id::text FROM absorbed"):
        found.show(own_id, row_id)
    refused: dict[str, set[str]] = {}
    for first, second in await connection.fetch(
        "SELECT first_id::text, second_id::text FROM link WHERE state = 'refused'"
    ):
        refused.setdefault(first, set()).add(second)
        refused.setdefault(second, set()).add(first)
    found.refused = refused
    pins: dict[str, dict[str, Pinned]] = {}
    for pin_id, row_id, name, value, at in await connection.fetch(
        "SELECT id::text, entity_id::text, field, value, pinned_at FROM pin WHERE released_at IS NULL"
    ):
        pins.setdefault(row_id, {})[name] = Pinned(pin_id, None if value is None else orjson.loads(value), at)
    found.pins = pins
    found.lapsed = frozenset(
        tuple(row) for row in await connection.fetch("SELECT source, after_s FROM lapse")
    )
    return found
