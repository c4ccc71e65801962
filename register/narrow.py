"""Saying anew single columns of what records say: where it is known which may differ, no more than these is read,
compared and written, and a row that one record alone tells of takes them over without being merged.

Only for entities that no rule joins: what is one thing with what is decided by whole claims, in `register.restate`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from register.belief import resolve_references
from register.claims import change_claims
from register.db import Connection
from register.derive import computed_fields
from register.merge import Change, keep_keys, merge_rows, update_rows, write_events
from register.policy import Policy
from register.restate import CAUSE, ID_BYTES
from register.settled import Settled
from register.write import PageWrite

Columns = Mapping[str, frozenset[str]]
"""Entity → columns of its rows that may differ."""


class Partly(NamedTuple):
    """A record as stored, with as much of what it says as may differ."""

    id: str
    source_id: str
    payload: bytes
    told: dict[tuple[str, str], dict[str, Any]]
    """(entity, own id) → columns of its claim."""


class Other(NamedTuple):
    """Columns of a claim that are otherwise now."""

    record_id: str
    entity: str
    own_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


async def stored_partly(connection: Connection, packed: bytes, columns: Columns) -> list[Partly]:
    """These records, in this order."""
    ids = [UUID(bytes=packed[at : at + ID_BYTES]) for at in range(0, len(packed), ID_BYTES)]
    told: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    # A look into the index for each, in the order in which they lie: neighbours are on one page.
    for entity, some in columns.items():
        for record_id, own_id, values in await connection.fetch(
            f"""
            SELECT c.* FROM unnest($1::uuid[]) r (id) CROSS JOIN LATERAL (
                SELECT record_id::text, own_id::text, {_part("values->", some)} FROM claim
                WHERE record_id = r.id AND entity = $2 OFFSET 0) c
            """,
            ids,
            entity,
        ):
            # In a claim nothing is null: what is empty is not there.
            found = {name: value for name, value in orjson.loads(values).items() if value is not None}
            told.setdefault(record_id, {})[entity, own_id] = found
    records = await connection.fetch(
        """
        SELECT c.* FROM unnest($1::uuid[]) r (id) CROSS JOIN LATERAL (
            SELECT id::text, source_id, payload FROM source_record WHERE id = r.id OFFSET 0) c
        """,
        ids,
    )
    return [
        Partly(row_id, source_id, payload, told.get(row_id, {})) for row_id, source_id, payload in records
    ]


async def say_partly(write: PageWrite, others: Sequence[Other], columns: Columns, version: str) -> None:
    """Let these claims, and the rows they tell of, hold what they say now."""
    await change_claims(
        write.connection, [(o.record_id, o.entity, o.own_id, o.before, o.after) for o in others], version
    )
    parts: dict[str, dict[str, Mapping[str, Any]]] = {}
    for other in others:
        parts.setdefault(other.entity, {})[write.settled.row(other.own_id)] = other.after
    changes = []
    for entity, rows in sorted(parts.items()):
        changes += await _adjust(write.connection, entity, rows, columns[entity], write.policy, write.settled)
    await write_events(write.connection, changes, cause=CAUSE, run_id=write.run_id)
    write.counts.rows_changed += len(changes)


async def _adjust(
    connection: Connection,
    entity: str,
    parts: Mapping[str, Mapping[str, Any]],
    columns: Collection[str],
    policy: Policy,
    settled: Settled,
) -> list[Change]:
    """Rows → the columns that a claim of theirs says now. Those of which nothing else tells take them over; the others
    are merged."""
    rows = await connection.fetch(
        f"SELECT id::text, version, {_part('t.', columns)}, chosen IS NULL FROM {entity} t "
        "WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE",
        list(parts),
    )
    alone: set[str] = set()
    if not computed_fields(entity):
        told_once = await connection.fetch(
            "SELECT entity_id::text FROM claim WHERE entity_id = ANY($1::uuid[]) AND entity = $2 "
            "GROUP BY entity_id HAVING count(*) = 1",
            list(parts),
            entity,
        )
        alone = {row[0] for row in told_once}
    updates, changes = [], []
    for row_id, version, before, chosen_by_none in rows:
        if not chosen_by_none or row_id not in alone or settled.pinned(row_id):
            alone.discard(row_id)
            continue
        was = orjson.loads(before)
        now = resolve_references(entity, dict(parts[row_id]), settled.shown)
        changed = {name: [was[name], now.get(name)] for name in was if was[name] != now.get(name)}
        if changed:
            updates.append({"id": row_id, **now})
            changes.append(Change(entity, row_id, version + 1, changed))
    if updates:
        await update_rows(connection, entity, updates, columns)
        await keep_keys(connection, entity, changes)
    others = parts.keys() - (alone & {row[0] for row in rows})
    if others:
        changes += await merge_rows(connection, entity, others, policy, settled)
    return changes


def _part(of: str, columns: Collection[str]) -> str:
    """These columns as one JSON object. Names come from the catalog."""
    quote = "'{0}'" if of.endswith(">") else '"{0}"'
    return f"json_build_object({', '.join(f'{chr(39)}{c}{chr(39)}, {of}{quote.format(c)}' for c in sorted(columns))})"
