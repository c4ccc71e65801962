"""Events as others are told of them: which events, of which rows, and with what of the row.

A message is about one version of a row and holds the row as that version had it, whenever it is built: versions are
never rewritten. What is selected of other rows is as they are now. Webhooks and the change feed tell the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from register.catalog import FieldDef, catalog
from register.errors import QueryInvalid
from register.models import ENTITIES
from register.query.ast import Origin, Query
from register.query.check import check, mentions_presence
from register.query.compile import WHOLE, Builder
from register.query.from_clause import FromClause
from register.query.names import did_you_mean
from register.query.parse_fields import parse_fields
from register.query.parse_filter import parse_filter
from register.query.past import every_version
from register.query.plan import Level
from register.query.scope import RowScope, bound

EVENTS = ("created", "changed")
"""What happens to rows."""
NOTICES = ("webhook.disabled",)
"""What happens to webhooks themselves: told to those who see every row."""
LARGEST = 4 << 20
"""Bytes of a message."""
_TYPE = re.compile(r"\*|[a-z_]+\.(?:\*|[a-z_]+)")


class Reader(Protocol):
    """Whatever can fetch rows."""

    async def fetchrow(self, sql: str, *parameters: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told: checked, and ready to be compiled."""

    types: frozenset[str]
    """Entity and event: `project.changed`."""
    filter: str
    fields: str
    """A selection; empty: all fields."""

    @property
    def entities(self) -> list[str]:
        """The entities whose rows are told of."""
        return [name for name in ENTITIES if self.of(name)]

    def of(self, entity: str) -> list[str]:
        """The events of an entity that are told of."""
        return [event for event in (*EVENTS, "disabled") if f"{entity}.{event}" in self.types]


@lru_cache(maxsize=512)
def telling(types: tuple[str, ...], filter_text: str | None, fields: str | None) -> Telling:
    """Raises QueryInvalid, whose `parameter` is types, filter or fields. A filter and fields must be known to every
    entity that is told of."""
    chosen = frozenset(known for position, text in enumerate(types) for known in _types(text, position))
    told = Telling(chosen, filter_text or "", fields or "")
    for entity in told.entities:
        _level(entity, told.filter, told.fields)
    return told


def every_type() -> list[str]:
    return [*(f"{name}.{event}" for name in ENTITIES for event in EVENTS), *NOTICES]


def _types(text: str, position: int) -> Iterable[str]:
    known = every_type()
    if _TYPE.fullmatch(text):
        found = [name for name in known if text in ("*", name, f"{name.partition('.')[0]}.*")]
        if found:
            return found
    raise QueryInvalid(
        f"there are no events of the type {text[:60]!r}",
        parameter="types",
        position=position,
        text=text,
        hint=did_you_mean(text, [*known, *(f"{name}.*" for name in ENTITIES)])
        or "Write *, project.* or project.changed.",
    )


@lru_cache(maxsize=1024)
def _level(name: str, filter_text: str, fields: str) -> Level:
    entity = catalog()[name]
    condition = parse_filter(filter_text, Origin("filter", filter_text)) if filter_text else None
    level = check(Query(entity.collection, fields=parse_fields(fields), filter=condition, limit=1))
    if fields:
        return level
    # Without a word everything is told: a state can be kept by it that equals the register.
    return replace(level, items=tuple((field.name, field) for field in entity.fields.values()))


async def matching(
    reader: Reader, told: Telling, entity: str, after: int, upto: int, scope: RowScope | None = None
) -> list[int]:
    """The numbers of an entity's events in (after, upto] that are told of, in order: those of rows that the filter
    finds and the scope permits, before the event or after it, so that nobody misses that a row is theirs no longer."""
    sql, parameters = _matching(entity, told.filter, scope is not None)
    given = [entity, after, upto, told.of(entity)]
    row = await reader.fetchrow(sql, *given, *bound(scope, parameters))
    return list(row["seqs"])


@lru_cache(maxsize=512)
def _matching(entity: str, filter_text: str, scoped: bool) -> tuple[str, Sequence[Any]]:
    builder = Builder(scoped=scoped)
    builder.parameters = [None] * 4
    conditions: list[str] = []
    joins = ""
    if entity in ENTITIES:
        found = catalog()[entity]
        permitted = " AND ".join(builder.permitted_then(found, "e"))
        conditions = [f"(({permitted}) OR {builder.regrouped('v')})"] if permitted else []
        rule = _level(entity, filter_text, "").rule
        if rule is not None:
            rows = FromClause(builder, found, "e")
            if not mentions_presence(rule, found):
                conditions.append("e.presence = 'present'")
            conditions.append(rows.rule(rule))
            joins = rows.joins
    exists = ""
    if conditions:
        exists = (
            f" AND EXISTS (SELECT FROM {every_version(entity)} e{joins} "
            f"WHERE e.id = v.entity_id AND e.version IN (v.version, v.version - 1) AND {' AND '.join(conditions)})"
        )
    sql = (
        "SELECT coalesce(array_agg(v.seq ORDER BY v.seq), '{}') AS seqs FROM event v WHERE v.entity = $1 "
        f"AND v.seq > $2::int8 AND v.seq <= $3::int8 AND v.type = ANY($4::text[]){exists}"
    )
    return sql, tuple(builder.parameters[4:])


async def messages(
    reader: Reader, told: Telling, events: Mapping[str, Sequence[int]], scope: RowScope | None = None
) -> dict[int, bytes]:
    """Event → the message about it, as JSON; `events` are numbers by entity. One of a row that the scope no longer
    permits, by that version or today, says `out_of_scope`, without values; one that it may not have permitted before
    says `created`. Nothing (`b""`) stands for one of more than LARGEST bytes."""
    found: dict[int, bytes] = {}
    for entity, seqs in events.items():
        if entity == "webhook":
            row = await reader.fetchrow(_NOTICE, list(seqs))
        else:
            sql, parameters = _message(entity, told.fields, scope is not None)
            row = await reader.fetchrow(sql, list(seqs), *bound(scope, parameters))
        found.update(zip(row["seqs"] or (), (body.encode() for body in row["bodies"] or ()), strict=True))
    return found


@lru_cache(maxsize=512)
def _message(entity: str, fields: str, scoped: bool) -> tuple[str, Sequence[Any]]:
    level = _level(entity, "", fields)
    builder = Builder(scoped=scoped)
    builder.parameters = [None]
    found = catalog()[entity]
    now = " AND ".join(builder.permitted_still(found, "r")) or "true"
    shown = f"(SELECT row_to_json({WHOLE}) FROM (SELECT {builder.shown(level, 'r')}) {WHOLE})"
    changed = "v.changed"
    if fields:
        names = {"presence", *(item.name for _, item in level.items if isinstance(item, FieldDef))}
        names |= {
            item.relation.column
            for _, item in level.items
            if not isinstance(item, FieldDef) and item.relation.column_on_owner
        }
        listed = ", ".join(f"'{name}'" for name in sorted(names))
        changed = f"(SELECT jsonb_object_agg(key, value) FROM jsonb_each(v.changed) WHERE key IN ({listed}))"
    kind, row = "v.type", shown
    earlier = ""
    if scoped:
        followed = builder.followed(found, "v", "r", "b")
        kind = (
            f"CASE WHEN NOT coalesce({now}, false) THEN 'out_of_scope' "
            f"WHEN {followed} THEN v.type ELSE 'created' END"
        )
        row = f"CASE WHEN coalesce({now}, false) THEN {shown} END"
        changed = f"CASE WHEN coalesce({now} AND {followed}, false) THEN {changed} END"
        earlier = (
            f" LEFT JOIN LATERAL (SELECT * FROM {every_version(entity)} e WHERE e.id = v.entity_id "
            "AND e.version = v.version - 1 LIMIT 1) b ON true"
        )
    key = f"CASE WHEN coalesce({now}, false) THEN r.key END" if scoped else "r.key"
    sql = f"""
    SELECT array_agg(seq) AS seqs, array_agg(CASE WHEN octet_length(body) <= {LARGEST} THEN body ELSE '' END) AS bodies
    FROM (
      SELECT v.seq, json_build_object(
        'type', v.entity || '.' || {kind}, 'timestamp', v.at,
        'data', json_build_object(
          'entity', v.entity, 'id', v.entity_id, 'key', {key}, 'version', v.version, 'cause', v.cause,
          'changed', coalesce({changed}, '{{}}'::jsonb), 'row', {row}))::text AS body
      FROM event v JOIN LATERAL (
        SELECT * FROM {every_version(entity)} e WHERE e.id = v.entity_id AND e.version = v.version LIMIT 1
      ) r ON true{earlier}
      WHERE v.seq = ANY($1::int8[]) OFFSET 0
    ) t
    """
    return sql, tuple(builder.parameters[1:])


_NOTICE = """
SELECT array_agg(seq) AS seqs, array_agg(body) AS bodies FROM (
  SELECT v.seq, json_build_object('type', v.entity || '.' || v.type, 'timestamp', v.at, 'data', json_build_object(
    'entity', v.entity, 'id', v.entity_id, 'key', w.name, 'version', v.version, 'cause', v.cause,
    'changed', coalesce(v.changed, '{}'::jsonb), 'row', NULL))::text AS body
  FROM event v JOIN webhook w ON w.id = v.entity_id WHERE v.seq = ANY($1::int8[])
) t
"""

__all__ = ["EVENTS", "NOTICES", "Telling", "every_type", "matching", "messages", "telling"]
