"""What a transaction that is still open has changed, compared with what everybody else sees: exactly what its commit
would bring."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from register.catalog import catalog
from register.db import Connection

_STAMPS = ("version", "valid_from", "synced_at")
_BATCH = 500
_OURS = "xmin = pg_current_xact_id()::xid"


class Sample(NamedTuple):
    """One row of many."""

    id: str
    key: str | None
    title: str | None
    before: Any = None
    after: Any = None


@dataclass
class Some:
    """How many, and the first few of them."""

    count: int = 0
    samples: list[Sample] = field(default_factory=list)

    def add(self, sample: Sample, limit: int) -> None:
        self.count += 1
        if len(self.samples) < limit:
            self.samples.append(sample)


@dataclass
class EntityDifference:
    """What changes of one entity."""

    rows: int = 0
    """Rows that change, new ones included."""
    added: Some = field(default_factory=Some)
    vanished: Some = field(default_factory=Some)
    """Rows that were there and would be shown as deleted or out of scope."""
    merged: Some = field(default_factory=Some)
    """Rows that would become part of another one."""
    split: Some = field(default_factory=Some)
    """Rows that are part of another one and would come apart."""
    fields: dict[str, Some] = field(default_factory=dict)


@dataclass
class Difference:
    """All of it."""

    entities: dict[str, EntityDifference] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)
    """opened, closed, changed → how many."""
    links: dict[str, int] = field(default_factory=dict)
    """State that links come to → how many."""
    findings: dict[str, int] = field(default_factory=dict)
    """opened, closed → how many."""

    @property
    def nothing(self) -> bool:
        return not (self.entities or self.conflicts or self.links or self.findings)

    def of(self, entity: str) -> EntityDifference:
        return self.entities.setdefault(entity, EntityDifference())


async def difference(ours: Connection, others: Connection, *, limit: int) -> Difference:
    """`ours` has the transaction, `others` sees what is committed. Keeps counts, and up to `limit` samples of each
    kind: memory is flat however much changes."""
    found = Difference()
    for entity in (name for name, entity in catalog().items() if entity.enveloped):
        async for before, after in _pairs(ours, others, entity):
            _compare(found, entity, before, after, limit)
    await _identity(found, ours, others, limit)
    await _conflicts(found, ours, others)
    await _links(found, ours, others)
    await _findings(found, ours, others)
    return found


async def _pairs(
    ours: Connection, others: Connection, table: str
) -> AsyncIterator[tuple[Mapping[str, Any] | None, Mapping[str, Any]]]:
    """(committed row, row as it would be) of every row that the transaction has written."""
    cursor = await ours.cursor(f"SELECT id::text, to_json(t) FROM {table} t WHERE {_OURS} ORDER BY id")
    while batch := await cursor.fetch(_BATCH):
        before = dict(
            await others.fetch(
                f"SELECT id::text, to_json(t) FROM {table} t WHERE id = ANY($1::uuid[])",
                [row_id for row_id, _ in batch],
            )
        )
        for row_id, document in batch:
            yield (orjson.loads(before[row_id]) if row_id in before else None), orjson.loads(document)


def _compare(
    found: Difference, entity: str, before: Mapping[str, Any] | None, after: Mapping[str, Any], limit: int
) -> None:
    sample = Sample(after["id"], after.get("key"), after.get("title"))
    if before is None:
        found.of(entity).rows += 1
        found.of(entity).added.add(sample, limit)
        return
    changed = [name for name in after if name not in _STAMPS and before.get(name) != after[name]]
    if not changed:
        return
    here = found.of(entity)
    here.rows += 1
    for name in changed:
        values = {"before": before.get(name), "after": after[name]}
        here.fields.setdefault(name, Some()).add(sample._replace(**values), limit)
    if before["presence"] == "present" and after["presence"] not in ("present", "moved"):
        here.vanished.add(sample, limit)


async def _identity(found: Difference, ours: Connection, others: Connection, limit: int) -> None:
    ask = "SELECT id::text, entity, entity_id::text FROM absorbed"
    after = {row[0]: (row[1], row[2]) for row in await ours.fetch(ask)}
    before = {row[0]: (row[1], row[2]) for row in await others.fetch(ask)}
    for own_id in sorted(after.keys() ^ before.keys()):
        entity, row_id = after.get(own_id) or before[own_id]
        row = await ours.fetchrow(f"SELECT key, title FROM {entity} WHERE id = $1", own_id)
        if row is None:
            continue  # nothing but references knew it
        here = found.of(entity)
        kind = here.merged if own_id in after else here.split
        kind.add(
            Sample(own_id, row["key"], row["title"], None if own_id in after else row_id, after and row_id),
            limit,
        )


async def _conflicts(found: Difference, ours: Connection, others: Connection) -> None:
    says = "md5(row(values, winner, rule)::text)"
    cursor = await ours.cursor(f"SELECT id, closed_at IS NULL, {says} FROM conflict WHERE {_OURS}")
    while batch := await cursor.fetch(_BATCH):
        known = await others.fetch(
            f"SELECT id, {says} FROM conflict WHERE closed_at IS NULL AND id = ANY($1::uuid[])",
            [row[0] for row in batch],
        )
        before = {row[0]: row[1] for row in known}
        for conflict_id, is_open, after in batch:
            was = before.get(conflict_id)
            if is_open and was != after:
                word = "changed" if was else "opened"
                found.conflicts[word] = found.conflicts.get(word, 0) + 1
            elif was and not is_open:
                found.conflicts["closed"] = found.conflicts.get("closed", 0) + 1


async def _links(found: Difference, ours: Connection, others: Connection) -> None:
    cursor = await ours.cursor(f"SELECT id, state FROM link WHERE {_OURS}")
    while batch := await cursor.fetch(_BATCH):
        known = await others.fetch(
            "SELECT id, state FROM link WHERE id = ANY($1::uuid[])", [row[0] for row in batch]
        )
        before = {row[0]: row[1] for row in known}
        for link_id, state in batch:
            if before.get(link_id) != state:
                found.links[state] = found.links.get(state, 0) + 1


async def _findings(found: Difference, ours: Connection, others: Connection) -> None:
    cursor = await ours.cursor(f"SELECT id, closed_at IS NULL FROM finding WHERE {_OURS}")
    while batch := await cursor.fetch(_BATCH):
        known = await others.fetch(
            "SELECT id FROM finding WHERE closed_at IS NULL AND id = ANY($1::uuid[])",
            [row[0] for row in batch],
        )
        were_open = {row[0] for row in known}
        for finding_id, is_open in batch:
            if is_open != (finding_id in were_open):
                word = "opened" if is_open else "closed"
                found.findings[word] = found.findings.get(word, 0) + 1
