"""Claims: what one record says about one row, kept so that rows can be made again and explained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from register.copy import copy_in, document, one_row, text, uuid
from register.db import Connection

_COLUMNS = ("record_id", "own_id", "entity", "entity_id", "source", "values", "mapping")


class Claimed(NamedTuple):
    """A claim to store."""

    record_id: str
    own_id: str
    entity: str
    entity_id: str
    values: Mapping[str, Any]


async def copy_claims(
    connection: Connection, claims: Collection[Claimed], source: str, mapping_version: str
) -> None:
    """Store claims that are not there yet."""
    of_source, version = text(source), text(mapping_version)
    rows = (
        one_row(
            uuid(c.record_id),
            uuid(c.own_id),
            text(c.entity),
            uuid(c.entity_id),
            of_source,
            document(c.values),
            version,
        )
        for c in claims
    )
    if claims:
        await copy_in(connection, "claim", _COLUMNS, rows)


async def change_claims(
    connection: Connection,
    changed: Iterable[tuple[str, str, str, Mapping[str, Any], Mapping[str, Any]]],
    mapping_version: str,
) -> None:
    """Let claims say something else: (record id, entity, own id, values before, values after), either as far as they
    differ or whole. Only what differs travels."""
    by_gone: dict[tuple[str, ...], list[tuple[str, str, str, str]]] = {}
    for record_id, entity, own_id, before, after in changed:
        gone = tuple(sorted(before.keys() - after.keys()))
        said = {name: value for name, value in after.items() if not same(before.get(name), value)}
        by_gone.setdefault(gone, []).append((record_id, entity, own_id, orjson.dumps(said).decode()))
    for gone, claims in by_gone.items():
        await connection.execute(
            """
            UPDATE claim c SET values = (c.values - $6::text[]) || n.values::jsonb, mapping = $5, since = now()
            FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[]) n (record_id, entity, own_id, values)
            WHERE (c.record_id, c.entity, c.own_id) = (n.record_id, n.entity, n.own_id)
            """,
            *map(list, zip(*claims, strict=True)),
            mapping_version,
            list(gone),
        )


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: to Python, true and 1 are the same."""
    if one is other:
        return True
    return bool(one == other) and orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        other, option=orjson.OPT_SORT_KEYS
    )
