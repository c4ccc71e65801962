"""The change feed: the events of one collection, of several or of all, in the order in which they were made.

Whoever applies them one after the other, each field's second value, has what the register shows: a new row comes with
all its values, and rows are never removed, only their presence changes. Nothing that is written later ever comes before
what was handed out (`feed_settled`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from register.catalog import Entity, catalog
from register.query.check import entity_of
from register.query.compile import Builder
from register.query.cursor import read_cursor, shape_of, write_cursor
from register.query.lanes import Lanes
from register.query.past import AsOf, every_version, require_history
from register.query.read import Answer, answer_of
from register.query.scope import RowScope, scope_of_today
from register.query.versions import STAMPS

NOW = "now"
"""In place of an instant: from now on."""
LOOKED_AT = 10_000
"""Events that are looked at in one go for a caller whose scope may leave few of them."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The events of some collections, ready to be read. Made by `feed_of`."""

    shape: bytes
    page: str
    """$1 the number behind which to begin, $2 the last one, $3 how many → one finished list."""
    events: str
    """The same → arrays of numbers, types and finished events."""
    parameters: tuple[Any, ...]
    """What follows these three: where the ids of a scope belong."""

    def arguments(self, scope: RowScope | None) -> list[Any]:
        return scope.arguments(self.parameters) if scope else []


class FeedEvent(NamedTuple):
    """One event, and the number that it has in the feed."""

    seq: int
    type: str
    """`project.changed`."""
    body: str


@lru_cache(maxsize=256)
def feed_of(collections: tuple[str, ...], *, scoped: bool = False) -> Feed:
    """The feed of these collections; of all that keep history where none is named. Raises CollectionUnknown, or
    PastUnknown for one that keeps none."""
    chosen = {entity.name: entity for entity in map(entity_of, collections)}
    for entity in chosen.values():
        require_history(entity, "changes")
    entities = [e for e in catalog().values() if e.enveloped and (not chosen or e.name in chosen)]
    builder = Builder(scoped=scoped)
    builder.parameters = [None] * 3
    looked_at = _looked_at(entities, every=not chosen, limit=str(LOOKED_AT) if scoped else "$3::int8")
    parts = (_within if scoped else _all)(entities, builder)
    shown = (
        "json_build_object('collection', f.collection, 'type', f.type, 'id', f.entity_id, 'version', f.version, "
        "'changed', f.changed, 'cause', f.cause, 'run', f.run_id, 'at', f.at)"
    )
    short = (
        f"WITH looked_at AS MATERIALIZED ({looked_at}), found AS ({parts}), "
        "ends AS (SELECT count(*) AS found, max(seq) AS last FROM found) "
    )
    if scoped:
        last = "CASE WHEN e.found = $3::int8 THEN e.last ELSE (SELECT max(seq) FROM looked_at) END AS last"
        more = f"e.found = $3::int8 OR (SELECT count(*) FROM looked_at) = {LOOKED_AT} AS more"
    else:
        last, more = "e.last", "e.found = $3::int8 AS more"
    return Feed(
        shape_of("changes", *sorted(chosen)),
        f"{short}SELECT (SELECT json_agg({shown} ORDER BY f.seq) FROM found f) AS data, {last}, {more}, "
        "to_json(now()) AS as_of FROM ends e",
        f"{short}SELECT t.*, {last}, {more} FROM ends e CROSS JOIN (SELECT array_agg(f.seq ORDER BY f.seq) AS seqs, "
        "array_agg(f.entity || '.' || f.type ORDER BY f.seq) AS types, "
        f"array_agg({shown}::text ORDER BY f.seq) AS bodies FROM found f) t",
        tuple(builder.parameters[3:]),
    )


async def read_changes(
    lanes: Lanes,
    secret: bytes,
    collections: tuple[str, ...],
    since: AsOf | str | None,
    *,
    limit: int,
    scope: RowScope | None = None,
) -> Answer:
    """The events of these collections, or of all, behind `since`: `{collection, type, id, version, changed, cause, run,
    at}`. `next` always says where to go on. See `begin` for what `since` may be.

    A caller with a scope is told of rows in it, on pages that may be short: what leaves it, or has left it since, is
    `out_of_scope`, without values, and what comes into it, or hangs elsewhere than before, `created`, with all of them.
    Where a project, a programme or a portfolio leaves or comes, what hangs on it is not told of.
    """
    feed = feed_of(collections, scoped=scope is not None)
    seq = await begin(lanes, secret, feed, since)
    # First how far the feed is settled, then the events, which must be looked at later than that.
    end = await settled(lanes)
    row = await lanes.fetchrow(feed.page, seq, end, limit, *await _arguments(lanes, feed, scope))
    reached = row["last"] if row["more"] else max(seq, end)
    return answer_of(row, place_at(secret, feed, reached), more=bool(row["more"]))


async def read_events(
    lanes: Lanes, feed: Feed, seq: int, end: int, *, limit: int, scope: RowScope | None = None
) -> tuple[Sequence[FeedEvent], int]:
    """The events behind `seq` up to `end`, at most so many, one by one; and the number up to which that is all. `end`
    was told by `settled` before."""
    row = await lanes.fetchrow(feed.events, seq, end, limit, *await _arguments(lanes, feed, scope))
    columns = (row[name] or () for name in ("seqs", "types", "bodies"))
    found = [FeedEvent(*event) for event in zip(*columns, strict=True)]
    return found, int(row["last"] if row["more"] else end)


async def _arguments(lanes: Lanes, feed: Feed, scope: RowScope | None) -> list[Any]:
    """What to bind for this caller. A scope that was resolved before the feed was settled may not know of rows joined
    since: what was read by it would never be told anew."""
    return feed.arguments(scope and await scope_of_today(lanes, scope))


async def begin(lanes: Lanes, secret: bytes, feed: Feed, since: AsOf | str | None) -> int:
    """The number behind which to begin. `since` is a place that was given before, `now`, nothing (the first event), or
    an instant: then events come from a little before it, since what was being written at that moment carries an
    earlier time. Raises CursorInvalid or QueryInvalid."""
    if since == NOW:
        return await settled(lanes)
    if isinstance(since, str):
        return int(read_cursor(secret, feed.shape, since)[1][0] or 0)
    if since is None:
        return 0
    return int((await lanes.fetchrow(SEQ_AT, since.instant(datetime.now(UTC), start=True)))["seq"])


async def settled(lanes: Lanes) -> int:
    """The number up to which every event that will ever be there is there."""
    return int((await lanes.fetchrow("SELECT feed_settled() AS seq"))["seq"])


def place_at(secret: bytes, feed: Feed, seq: int) -> str:
    """The place behind the event of this number, as a caller is given it."""
    return write_cursor(secret, feed.shape, [str(seq)])


def _looked_at(entities: Sequence[Entity], *, every: bool, limit: str) -> str:
    def select(condition: str) -> str:
        return (
            "SELECT seq, type, entity, entity_id, version, changed, cause, run_id, at, parts FROM event "
            f"WHERE {condition} AND seq > $1::int8 AND seq <= $2::int8 ORDER BY seq LIMIT {limit}"
        )

    # All are read in their order, a few each from its own index: PostgreSQL would sort all that is still to come.
    if every:
        listed = ", ".join(f"'{entity.name}'" for entity in entities)
        found = select(f"ARRAY[{listed}] @> ARRAY[entity]")
    else:
        each = [
            f"({select(condition)})" for condition in (f"entity = '{entity.name}'" for entity in entities)
        ]
        found = f"SELECT * FROM ({' UNION ALL '.join(each)}) u ORDER BY seq LIMIT {limit}"
    known = " ".join(f"WHEN '{entity.name}' THEN '{entity.collection}'" for entity in entities)
    return f"SELECT *, CASE entity {known} END AS collection FROM ({found}) e"


_EVENT = "x.seq, x.collection, x.entity, x.entity_id, x.version, x.cause, x.run_id, x.at"


def _all(entities: Sequence[Entity], builder: Builder) -> str:
    rows = " UNION ALL ".join(
        f'SELECT row_to_json(r) AS row FROM "{entity.name}{twin}" r '
        f"WHERE x.entity = '{entity.name}' AND r.id = x.entity_id AND r.version = x.version"
        for entity in entities
        for twin in ("", "_history")
    )
    values = _values(f"({rows}) n CROSS JOIN LATERAL json_each(n.row)")
    changed = f"CASE x.type WHEN 'created' THEN coalesce({values}, x.changed::json) ELSE x.changed::json END"
    return f"SELECT {_EVENT}, x.type, {changed} AS changed FROM looked_at x"


def _within(entities: Sequence[Entity], builder: Builder) -> str:
    """For a caller with a scope: what is not permitted, by this version or today, but was, has left."""
    regrouped = builder.regrouped("x")

    def looked_up(entity: Entity) -> str:
        own, before = (" AND ".join(builder.permitted_then(entity, alias)) or "true" for alias in ("n", "b"))
        now = " AND ".join(builder.permitted_still(entity, "n")) or "true"
        versions = every_version(entity.name)
        return (
            f"SELECT coalesce(({now}), false) AS now, coalesce(({own}), false) AS own, "
            f"coalesce(b.id IS NOT NULL AND ({before}), false) AS before, "
            f"{builder.followed(entity, 'x', 'n', 'b')} AS followed, "
            f"row_to_json(n) AS row FROM {versions} n "
            f"LEFT JOIN {versions} b ON b.id = n.id AND b.version = n.version - 1 "
            f"WHERE x.entity = '{entity.name}' AND n.id = x.entity_id AND n.version = x.version"
        )

    return (
        f"SELECT {_EVENT}, "
        "CASE WHEN NOT v.now THEN 'out_of_scope' WHEN v.followed THEN x.type ELSE 'created' END AS type, "
        "CASE WHEN NOT v.now THEN '{}' WHEN v.followed AND x.type <> 'created' THEN x.changed::json "
        f"ELSE {_values('json_each(v.row)')} END AS changed "
        f"FROM looked_at x CROSS JOIN LATERAL ({' UNION ALL '.join(map(looked_up, entities))}) v "
        f"WHERE v.own OR v.before OR {regrouped} ORDER BY x.seq LIMIT $3::int8"
    )


def _values(each: str) -> str:
    """All that a row says, as what changes when it is new."""
    stamps = ", ".join(f"'{name}'" for name in STAMPS)
    return (
        f"(SELECT json_object_agg(key, json_build_array(NULL, value)) FROM {each} "
        f"WHERE value::text <> 'null' AND key NOT IN ({stamps}))"
    )


SEQ_AT = """
SELECT coalesce(
  (SELECT min(seq) FROM (SELECT seq FROM event WHERE at >= $1::timestamptz - interval '10 minutes'
                         AND at < $1::timestamptz + interval '1 day' OFFSET 0) near),
  (SELECT min(seq) FROM (SELECT seq FROM event WHERE at >= $1::timestamptz + interval '1 day' OFFSET 0) later),
  (SELECT last_value + 1 FROM event_seq_seq)
) - 1 AS seq
"""
# OFFSET keeps PostgreSQL from walking the numbers from the first in search of one that is late enough.
