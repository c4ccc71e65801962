"""One row by what people call it: an id, a key, an old key, or the id or key of a row that is part of another now."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from register.catalog import Entity, Kind
from register.errors import RowNotFound
from register.ids import beginning
from register.query.compile import WHOLE, Builder, permitted_also
from register.query.errors import RowAmbiguous
from register.query.lanes import Lanes
from register.query.past import every_version, shown_at
from register.query.plan import Level
from register.query.scope import RowScope, bound
from register.query.statement import Statement

MOST = 50
"""Ids that are looked at, and named, where one key is that of many rows."""


async def find_row(
    lanes: Lanes,
    entity: Entity,
    reference: str,
    instant: datetime | None = None,
    scope: RowScope | None = None,
) -> UUID | int:
    """The id of the row that `reference` leads to now, or led to at an instant, as far as that was recorded. What lies
    outside the caller's scope is not there.

    Raises RowNotFound or RowAmbiguous.
    """
    if entity.enveloped:
        sql, parameters = (_ways if instant is None else _ways_in_past)(entity, scope is not None)
        given = [reference, as_id(entity, reference), *([] if instant is None else [instant]), *parameters]
        found = await lanes.fetchrow(sql, *bound(scope, given))
    else:
        id_alone = Level(entity, (("id", entity.fields["id"]),), None, (), 1)
        named = compile_named(id_alone, reference, scoped=scope is not None)
        found = await lanes.fetchrow(named.sql, *named.arguments(scope))
    return only_one(entity, reference, found["ids"] or [])


def only_one(entity: Entity, reference: str, found: list[UUID | int]) -> UUID | int:
    """The id, where it is one. Raises RowNotFound or RowAmbiguous."""
    if not found:
        raise RowNotFound(
            f"no row of `{entity.collection}` has the id or key {reference[:80]!r}",
            hint=f"GET /api/v1/{entity.collection}?fields=id,key lists them.",
        )
    if len(found) > 1:
        raise RowAmbiguous(
            f"{len(found)} rows of `{entity.collection}` have the key {reference[:80]!r}",
            detail=", ".join(map(str, found)),
            hint="Ask by id.",
        )
    return found[0]


def compile_named(level: Level, reference: str, *, scoped: bool = False) -> Statement:
    """The present row of this id or key, whatever its presence, and no further: columns data (text), ids, gone,
    freshness, as_of.

    Of rows with one key those still present go first, so that a key used anew leads to its present owner. Where none
    is found, or only one that is `gone`, `find_row` knows more ways.
    """
    builder = Builder(scoped=scoped)
    entity = level.entity
    ways = []
    ends = None if entity.enveloped or _id_type(entity) != "uuid" else beginning(reference)
    if ends is not None:  # links, pins and findings have no keys to be called by
        ways.append(f"e.id BETWEEN {builder.bind(ends[0], 'uuid')} AND {builder.bind(ends[1], 'uuid')}")
    elif (row_id := as_id(entity, reference)) is not None:
        ways.append(f"e.id = {builder.bind(row_id, _id_type(entity))}")
    if "key" in entity.fields:
        ways.append(f"e.key = {builder.bind(reference, 'text')}")
    absent = "e.presence <> 'present'" if entity.enveloped else "false"
    return _selected(builder, level, ways, absent)


def compile_row(level: Level, row_id: UUID | int, *, past: bool = False, scoped: bool = False) -> Statement:
    """The row of this id, whatever its presence; the same columns."""
    builder = Builder(past=past, scoped=scoped)
    return _selected(builder, level, [f"e.id = {builder.bind(row_id, _id_type(level.entity))}"], "false")


def as_id(entity: Entity, reference: str) -> UUID | int | None:
    """The reference as an id of this entity, where it can be one."""
    try:
        if entity.fields["id"].kind is Kind.ID:
            return UUID(reference)
        number = int(reference) if reference.isascii() and reference.isdecimal() else -1
    except ValueError:
        return None
    return number if 0 <= number < 2**63 else None


def _selected(builder: Builder, level: Level, ways: list[str], absent: str) -> Statement:
    conditions = [f"({' OR '.join(ways) or 'false'})", *builder.visible(level.entity, "e", any_presence=True)]
    sql = (
        f"SELECT min(row_to_json({WHOLE})::text) AS data, array_agg(r.id ORDER BY r.id) AS ids, "
        f"bool_or(r._gone) AS gone, "
        f"{builder.meta} FROM (SELECT {builder.columns(level, 'e')}, {absent} AS _gone, "
        f"rank() OVER (ORDER BY {absent}) AS _n "
        f"FROM {builder.table(level.entity)} e WHERE {' AND '.join(conditions)} LIMIT {MOST}) r "
        f"CROSS JOIN LATERAL (SELECT {builder.shown(level, 'r')}) {WHOLE} WHERE r._n = 1"
    )
    return Statement(sql, tuple(builder.parameters))


def _ways(entity: Entity, scoped: bool) -> tuple[str, list[Any]]:
    """$1 a key, $2 an id or null → the rows they lead to now, by the nearest way. A row that became part of another
    leads there; a key that several rows had before leads to the one that had it last, of those that the caller sees."""
    name = entity.name
    permitted, parameters = permitted_also(entity, "e", scoped=scoped, given=2, past=False)
    sql = f"""
    WITH ways (id, way) AS (
      SELECT $2::uuid, 0
      UNION ALL SELECT id, CASE presence WHEN 'present' THEN 1 ELSE 3 END FROM {name} WHERE key = $1
      UNION ALL SELECT entity_id, 5 - 1.0 / row_number() OVER (ORDER BY until DESC, entity_id)
                FROM former_key WHERE entity = '{name}' AND key = $1
    ), led (id, way) AS (
      SELECT coalesce(l.entity_id, w.id), min(CASE WHEN way = 3 AND l.id IS NOT NULL THEN 2 ELSE way END)
      FROM ways w LEFT JOIN absorbed l ON l.id = w.id AND l.entity = '{name}' GROUP BY 1
    ), there AS (SELECT id, rank() OVER (ORDER BY way) AS _n FROM led JOIN {name} e USING (id) WHERE true{permitted})
    {_NEAREST}
    """
    return sql, parameters


def _ways_in_past(entity: Entity, scoped: bool) -> tuple[str, list[Any]]:
    """$1 a key, $2 an id or null, $3 an instant → the rows they led to then.

    What an own id was part of then is told by its claims: they keep the row they counted to. Where no claim tells (an
    id that only references knew) or the row was not there yet, what is known now helps.
    """
    name = entity.name
    then = " AND ".join(shown_at("e", "$3::timestamptz"))
    said = f"c.entity = '{name}' AND c.own_id = n.own_id AND c.entity_id = n.id AND c.since <= $3"
    permitted, parameters = permitted_also(entity, "e", scoped=scoped, given=3, past=True)
    sql = f"""
    WITH ways (id, way) AS (
      SELECT $2::uuid, 1
      UNION ALL
      SELECT id, CASE presence WHEN 'present' THEN 2 ELSE 4 END FROM {every_version(name)} e WHERE key = $1 AND {then}
      UNION ALL SELECT entity_id, 6 - 1.0 / row_number() OVER (ORDER BY until <= $3 DESC, until DESC, entity_id)
                FROM former_key WHERE entity = '{name}' AND key = $1
      UNION ALL SELECT id, 6 FROM {name} WHERE key = $1 AND presence = 'present'
    ), paired (own_id, id) AS (
      SELECT w.id, l.second_id FROM ways w JOIN link l ON l.first_id = w.id
      UNION SELECT w.id, l.first_id FROM ways w JOIN link l ON l.second_id = w.id
    ), near (own_id, id) AS (
      SELECT * FROM paired
      UNION SELECT p.own_id, a.entity_id FROM paired p JOIN absorbed a ON a.id = p.id AND a.entity = '{name}'
      UNION SELECT w.id, a.entity_id FROM ways w JOIN absorbed a ON a.id = w.id AND a.entity = '{name}'
    ), led (id, way) AS (
      SELECT n.id, CASE w.way WHEN 4 THEN 3 ELSE w.way - 1 END FROM ways w JOIN near n ON n.own_id = w.id
      WHERE EXISTS (SELECT FROM claim c WHERE {said})
         OR EXISTS (SELECT FROM claim_history c WHERE {said} AND c.until > $3)
      UNION ALL SELECT id, way FROM ways
      UNION ALL SELECT a.entity_id, w.way + 10 FROM ways w JOIN absorbed a ON a.id = w.id AND a.entity = '{name}'
    ), there AS (
      SELECT id, rank() OVER (ORDER BY min(way)) AS _n FROM led
      WHERE EXISTS (SELECT FROM {every_version(name)} e WHERE e.id = led.id AND {then}{permitted}) GROUP BY id
    )
    {_NEAREST}
    """
    return sql, parameters


_NEAREST = f"SELECT array_agg(id ORDER BY id) AS ids FROM (SELECT id FROM there WHERE _n = 1 LIMIT {MOST}) t"


def _id_type(entity: Entity) -> str:
    return "uuid" if entity.fields["id"].kind is Kind.ID else "int8"
