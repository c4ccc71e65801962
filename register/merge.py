"""Claims → rows: what several records say about one row becomes one row, its history and its event.

A row is a pure function of its claims, the policy and the links (`belief`), so it can be recomputed at any time and
comes out the same whatever order the records arrived in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from register.belief import ClaimRow, conflicts_about, merged
from register.catalog import catalog, column_type
from register.copy import (
    NULL,
    big_integer,
    copy_in,
    document,
    entity_rows,
    integer,
    one_row,
    text,
    uuid,
    uuids,
)
from register.db import Connection
from register.derive import derive
from register.policy import Policy
from register.settled import Settled

_STAMPS = ("version", "valid_from", "synced_at")
NEXT_VERSION = """version = e.version + 1, synced_at = now(),
    valid_from = greatest(clock_timestamp(), e.valid_from + interval '1 microsecond')"""
"""What an UPDATE of a row `e` sets beside its values."""


class Change(NamedTuple):
    """A row that was written."""

    entity: str
    id: str
    version: int
    changed: dict[str, list[Any]] | None
    """Field → [before, after]; None for a new row."""
    parts: Collection[str] = ()
    """Own ids that the row shows from now on, or no longer, of what a scope can name."""


async def merge_rows(
    connection: Connection, entity: str, ids: Collection[str], policy: Policy, settled: Settled
) -> list[Change]:
    """Recompute the rows of `entity` with these ids from their claims, and write what differs."""
    # Lock first, read the claims after: what another page committed meanwhile is then seen.
    current = await _current(connection, entity, ids)
    claims = await _claims(connection, entity, ids)
    unpinned = await _before_pins(
        connection, entity, {i: row for i, row in current.items() if i not in claims}, settled
    )
    inserts: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    changes: list[Change] = []
    conflicts: list[dict[str, Any]] = []
    for row_id in sorted(ids):
        before = current.get(row_id)
        said = claims.get(row_id, [])
        if not said and before is None:
            continue
        if said:
            after = merged(entity, row_id, said, policy, settled)
        else:
            assert before is not None
            after = _unsaid(entity, row_id, {**before, **unpinned.get(row_id, {})}, settled)
        conflicts.extend(conflicts_about(entity, row_id, said, policy, settled))
        if before is None:
            inserts.append(after)
            changes.append(Change(entity, row_id, 1, None))
        elif changed := _difference(before, after):
            updates.append(after)
            changes.append(Change(entity, row_id, before["version"] + 1, changed))
    if inserts:
        await insert_rows(connection, entity, inserts)
    if updates:
        touched = {column for change in changes for column in change.changed or ()}
        await update_rows(connection, entity, updates, touched)
    await keep_keys(connection, entity, changes)
    # Rows of which one record tells have no conflicts, unless several told of them before.
    if entity in policy.merged or conflicts or any(row["chosen"] for row in current.values()):
        await _write_conflicts(connection, entity, ids, conflicts)
    return changes


async def insert_rows(connection: Connection, entity: str, rows: Iterable[dict[str, Any]]) -> None:
    """COPY new rows in. Computed fields are set here, as everywhere."""
    encoder = entity_rows(entity)
    encoded = (encoder.encode(derive(entity, values)) for values in rows)
    await copy_in(connection, entity, encoder.columns, encoded)


async def write_events(
    connection: Connection, changes: Iterable[Change], *, cause: str, run_id: int | None
) -> None:
    """One event for each change, in the order given."""
    why, run = text(cause), NULL if run_id is None else big_integer(run_id)
    created, changed = text("created"), text("changed")
    events = [
        one_row(
            created if c.changed is None else changed,
            text(c.entity),
            uuid(c.id),
            integer(c.version),
            NULL if c.changed is None else document(c.changed),
            why,
            run,
            uuids(sorted(c.parts)) if c.parts else NULL,
        )
        for c in changes
    ]
    if events:
        columns = ("type", "entity", "entity_id", "version", "changed", "cause", "run_id", "parts")
        await copy_in(connection, "event", columns, events)


async def _claims(connection: Connection, entity: str, ids: Collection[str]) -> dict[str, list[ClaimRow]]:
    found: dict[str, list[ClaimRow]] = {}
    rows = await connection.fetch(
        """
        SELECT c.entity_id::text, c.source, c.record_id::text, r.source_id, r.presence, c.values
        FROM claim c JOIN source_record r ON r.id = c.record_id
        WHERE c.entity_id = ANY($1::uuid[]) AND c.entity = $2
        """,
        list(ids),
        entity,
    )
    for entity_id, source, record_id, source_id, presence, values in rows:
        found.setdefault(entity_id, []).append(
            ClaimRow(source, record_id, source_id, presence, orjson.loads(values))
        )
    return found


async def _current(connection: Connection, entity: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    rows = await connection.fetch(
        f"SELECT id::text, to_json(t) FROM {entity} t WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE",
        list(ids),
    )
    # The parser that reads the claims too: a number beyond 64 bits is the same float on both sides.
    return {row_id: orjson.loads(document) for row_id, document in rows}


async def _before_pins(
    connection: Connection, entity: str, rows: Mapping[str, Mapping[str, Any]], settled: Settled
) -> dict[str, dict[str, Any]]:
    """Row → column → what these rows, which nothing is said of any more, showed before a pin that is over: no record
    is left to ask."""
    found: dict[str, dict[str, Any]] = {}
    for row_id, row in rows.items():
        in_force = {f"pin {pinned.id}" for pinned in settled.pinned(row_id).values()}
        for column, (_, rule) in (row["chosen"] or {}).items():
            if rule.startswith("pin ") and rule not in in_force:
                earlier = await connection.fetchval(
                    f"""
                    SELECT jsonb_build_array(to_jsonb(h.{column}), h.chosen->'{column}') FROM {entity}_history h
                    WHERE h.id = $1 AND coalesce(h.chosen->'{column}'->>1, '') NOT LIKE 'pin %'
                    ORDER BY h.version DESC LIMIT 1
                    """,
                    row_id,
                )
                value, chosen = orjson.loads(earlier) if earlier else (None, None)
                columns = found.setdefault(row_id, {"chosen": dict(row["chosen"])})
                columns[column] = value
                del columns["chosen"][column]
                if chosen is not None:
                    columns["chosen"][column] = chosen
    return found


def _unsaid(entity: str, row_id: str, known: Mapping[str, Any], settled: Settled) -> dict[str, Any]:
    """No record mentions it any more; what was known stays readable."""
    values = {k: v for k, v in known.items() if k not in _STAMPS and v is not None}
    values["presence"] = "moved" if row_id in settled.shown else "deleted"
    chosen = dict(values.pop("chosen", {}))
    for column, pinned in settled.pinned(row_id).items():
        values[column] = pinned.value
        chosen[column] = [None, f"pin {pinned.id}"]
    return derive(entity, values | ({"chosen": chosen} if chosen else {}))


async def keep_keys(connection: Connection, entity: str, changes: Iterable[Change]) -> None:
    """Keys that rows had until now go on leading there."""
    old = [(c.changed["key"][0], c.id) for c in changes if c.changed and (c.changed.get("key") or [None])[0]]
    if old:
        await connection.execute(
            """
            INSERT INTO former_key (entity, key, entity_id) SELECT $1, * FROM unnest($2::text[], $3::uuid[])
            ON CONFLICT (entity, key, entity_id) DO UPDATE SET until = now()
            """,
            entity,
            [key for key, _ in old],
            [row_id for _, row_id in old],
        )


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        column: [value, after.get(column)]
        for column, value in before.items()
        if column not in _STAMPS and value != after.get(column)
    }


async def update_rows(
    connection: Connection, entity: str, rows: list[dict[str, Any]], touched: Collection[str]
) -> None:
    """Write the `touched` columns: a long description that stays as it is need not travel."""
    columns = [name for name in catalog()[entity].fields if name in touched]
    settings = ", ".join(f"{name} = n.{name}" for name in columns)
    # Not json_populate_recordset: it would look for each of the table's columns in each row.
    shape = ", ".join(f"{name} {column_type(entity, name)}" for name in ("id", *columns))
    await connection.execute(
        f"UPDATE {entity} e SET {settings}, {NEXT_VERSION} FROM json_to_recordset($1) n ({shape}) WHERE e.id = n.id",
        orjson.dumps([{name: row.get(name) for name in ("id", *columns)} for row in rows]).decode(),
    )


async def _write_conflicts(
    connection: Connection, entity: str, ids: Collection[str], conflicts: list[dict[str, Any]]
) -> None:
    await connection.execute(
        """
        UPDATE conflict SET closed_at = now()
        WHERE entity = $1 AND entity_id = ANY($2::uuid[]) AND closed_at IS NULL AND NOT id = ANY($3::uuid[])
        """,
        entity,
        list(ids),
        [conflict["id"] for conflict in conflicts],
    )
    if conflicts:
        await connection.execute(
            """
            INSERT INTO conflict AS c (id, entity, entity_id, field, values, winner, rule)
            SELECT id, entity, entity_id, field, values, winner, rule
            FROM json_populate_recordset(NULL::conflict, $1)
            ON CONFLICT (id) DO UPDATE
            SET values = excluded.values, winner = excluded.winner, rule = excluded.rule, closed_at = NULL,
                opened_at = CASE WHEN c.closed_at IS NULL THEN c.opened_at ELSE now() END
            WHERE c.closed_at IS NOT NULL OR (c.values, c.winner, c.rule)
                  IS DISTINCT FROM (excluded.values, excluded.winner, excluded.rule)
            """,
            orjson.dumps(conflicts).decode(),
        )
