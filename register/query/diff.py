"""What changed in a collection between two instants: rows that came, went, or are shown with other values."""

from __future__ import annotations

from datetime import UTC, datetime

from register.errors import QueryInvalid
from register.query.check import mentions_presence
from register.query.compile import Builder
from register.query.cursor import another_query, read_cursor, write_cursor
from register.query.from_clause import FromClause
from register.query.lanes import Lanes
from register.query.past import AsOf, every_version, require_history, shown_at
from register.query.plan import Level, moments, ways
from register.query.read import Answer, answer_of
from register.query.scope import RowScope, bound
from register.query.versions import differences, without_stamps


async def read_diff(
    lanes: Lanes,
    secret: bytes,
    level: Level,
    shape: bytes,
    first: AsOf,
    last: AsOf | None,
    cursor: str | None,
    scope: RowScope | None = None,
) -> Answer:
    """`{change: added | gone | changed, id, key, title, presence, changed}` in the order of keys. Both ends are lists
    with the same filter: a row is gone when it has left the list, `presence` says how it stands at the end.

    Raises QueryInvalid, QueryTooSlow or RegisterError.
    """
    require_history(level.entity, "diff")
    now = datetime.now(UTC)
    begin, end = first.instant(now), last.instant(now) if last else now
    after: list[str | None] = ["", None]
    if cursor is not None:
        pinned, (told, *after) = read_cursor(secret, shape, cursor)
        end = pinned or end
        if not first.means(datetime.fromisoformat(told or "")) or (last and not last.means(end)):
            raise another_query("Keep `from` and `to` as they were.")
        begin = datetime.fromisoformat(told or "")
    if begin > end:
        raise QueryInvalid(
            "`from` is later than `to`",
            position=0,
            parameter="from",
            text=first.text,
            hint="Exchange the two.",
        )
    sql, parameters = _compiled(level, scope is not None)
    given = [begin, end, *after, *parameters]
    row = await lanes.fetchrow(sql, *bound(scope, given))
    place = None
    if row["more"]:
        place = write_cursor(secret, shape, [begin.isoformat(), row["last_key"], row["last_id"]], end)
    return answer_of(row, place)


def _compiled(level: Level, scoped: bool) -> tuple[str, list[object]]:
    """$1 and $2 the two instants, $3 and $4 the key and id behind which to go on."""
    builder = Builder(past=True, scoped=scoped)
    builder.parameters = [None] * 4
    name = level.entity.name
    sides = [_side(builder, level, instant) for instant in ("$1::timestamptz", "$2::timestamptz")]

    def row(instant: str) -> str:
        # A version outside the scope is not shown, though the row's other version is inside.
        then = " AND ".join([*shown_at("e", instant), *builder.permitted(level.entity, "e")])
        return (
            f"SELECT {without_stamps('e')} AS row FROM {every_version(name)} e WHERE e.id = d.id AND {then}"
        )

    sql = f"""
    WITH a AS ({sides[0]}), b AS ({sides[1]}), touched AS (
      SELECT coalesce(a.id, b.id) AS id, coalesce(b.key, a.key, '') AS k,
             CASE WHEN a.id IS NULL THEN 'added' WHEN b.id IS NULL THEN 'gone' ELSE 'changed' END AS change
      FROM a FULL JOIN b ON b.id = a.id WHERE a.version IS DISTINCT FROM b.version
    ), found AS (
      SELECT d.k, d.id, d.change, coalesce(t.row, f.row) AS row, x.changed
      FROM touched d
      LEFT JOIN LATERAL ({row("$1::timestamptz")}) f ON true
      LEFT JOIN LATERAL ({row("$2::timestamptz")}) t ON true
      CROSS JOIN LATERAL (SELECT {differences("f.row", "t.row")} AS changed) x
      WHERE (d.change <> 'changed' OR x.changed IS NOT NULL)
        AND ($4::text IS NULL OR (d.k, d.id) > ($3::text, $4::text::uuid))
      ORDER BY d.k, d.id LIMIT {level.limit + 1}
    ), shown AS (SELECT * FROM found ORDER BY k, id LIMIT {level.limit})
    SELECT (SELECT json_agg(json_build_object(
              'change', change, 'id', id, 'key', row->'key', 'title', row->'title', 'presence', row->'presence',
              'changed', coalesce(changed, '{{}}')) ORDER BY k, id) FROM shown) AS data,
           (SELECT count(*) FROM found) > {level.limit} AS more,
           (SELECT k FROM shown ORDER BY k DESC, id DESC LIMIT 1) AS last_key,
           (SELECT id::text FROM shown ORDER BY k DESC, id DESC LIMIT 1) AS last_id,
           to_json($2::timestamptz) AS as_of, to_json($1::timestamptz) AS since
    """
    return sql, builder.parameters[4:]


def _side(builder: Builder, level: Level, instant: str) -> str:
    """The rows of the list at an instant, by id, version and key."""
    entity = level.entity
    builder.instant = instant
    rows = FromClause(builder, entity, "e")
    conditions = builder.visible(entity, "e", any_presence=mentions_presence(level.rule, entity))
    if level.rule is not None:
        conditions.append(rows.rule(level.rule))
    elsewhere = level.rule is not None and (any(ways(level.rule)) or any(True for _ in moments(level.rule)))
    if not elsewhere:
        # Only a row that got another version meanwhile can have come, gone or changed.
        conditions.append(
            f"e.id IN (SELECT entity_id FROM event WHERE entity = '{entity.name}' "
            "AND at > $1::timestamptz - interval '1 day' AND at <= $2::timestamptz)"
        )
    table = builder.table(entity)
    return f"SELECT e.id, e.version, e.key FROM {table} e{rows.joins} WHERE {' AND '.join(conditions)}"
