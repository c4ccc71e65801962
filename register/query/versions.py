"""What happened to one row: its versions, and how two versions differ.

Both is said as fields with what they were before and after. The fields that count versions say nothing of their
own and are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime

from register.catalog import Entity
from register.query.compile import permitted_also
from register.query.cursor import another_query, read_cursor, shape_of, write_cursor
from register.query.lanes import Lanes
from register.query.one_row import find_row
from register.query.past import AsOf, every_version, require_history
from register.query.read import Answer, answer_of
from register.query.scope import RowScope, bound

STAMPS = ("version", "valid_from", "valid_to", "synced_at")
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def without_stamps(alias: str) -> str:
    """A row as jsonb, without what every new version changes."""
    stamps = ", ".join(f"'{name}'" for name in STAMPS)
    return f"to_jsonb({alias}) - ARRAY[{stamps}]"


def differences(before: str, after: str) -> str:
    """{field: [before, after]} of two rows as jsonb, either of which may be missing; null where they are the same."""
    return (
        "(SELECT json_object_agg(key, json_build_array(o.value, n.value) ORDER BY key) "
        f"FROM jsonb_each({before}) o FULL JOIN jsonb_each({after}) n USING (key) "
        "WHERE coalesce(o.value, 'null') <> coalesce(n.value, 'null'))"
    )


async def read_history(
    lanes: Lanes,
    secret: bytes,
    entity: Entity,
    reference: str,
    *,
    limit: int,
    cursor: str | None = None,
    as_of: AsOf | None = None,
    scope: RowScope | None = None,
) -> Answer:
    """The versions of a row, newest first: `{version, valid_from, valid_to, changed, cause, run}`. The oldest one has
    all its values in `changed`. Versions outside the caller's scope are left out. Raises RowNotFound, RowAmbiguous,
    QueryInvalid."""
    require_history(entity, "history")
    shape = shape_of("history", entity.name, reference)
    instant = as_of.instant(datetime.now(UTC)) if as_of else None
    before = None
    if cursor is not None:
        pinned, (row_id, before) = read_cursor(secret, shape, cursor)
        if as_of is not None and (pinned is None or not as_of.means(pinned)):
            raise another_query("Keep `as_of` as it was, or leave it out: the cursor knows it.")
        instant = pinned
    else:
        row_id = str(await find_row(lanes, entity, reference, instant, scope))
    permitted, parameters = permitted_also(entity, "e", scoped=scope is not None, given=4, past=True)
    row = await lanes.fetchrow(
        _history_of(entity.name, limit, permitted),
        row_id,
        int(before or 2**31 - 1),
        instant or _FOR_EVER,
        instant,
        *bound(scope, parameters),
    )
    place = write_cursor(secret, shape, [row_id, str(row["last"])], instant) if row["more"] else None
    return answer_of(row, place)


def _history_of(entity: str, limit: int, permitted: str) -> str:
    """$1 the id, $2 a version behind which to go on, $3 an instant, $4 the same where it is not now."""
    return f"""
    WITH found AS (
      SELECT version, valid_from, CASE WHEN valid_to <= $3 THEN valid_to END AS valid_to, {without_stamps("e")} AS row
      FROM {every_version(entity)} e
      WHERE e.id = $1::text::uuid AND version < $2 AND valid_from <= $3{permitted}
      ORDER BY version DESC LIMIT {limit + 1}
    ), numbered AS (
      SELECT *, lead(row) OVER w AS before, row_number() OVER w AS _n FROM found WINDOW w AS (ORDER BY version DESC)
    ), shown AS (
      SELECT f.version, f.valid_from, nullif(f.valid_to, 'infinity') AS valid_to,
             coalesce({differences("f.before", "f.row")}, '{{}}') AS changed, e.cause, e.run_id AS run, f._n
      FROM numbered f LEFT JOIN LATERAL (
        SELECT cause, run_id FROM event
        WHERE entity_id = $1::text::uuid AND version = f.version AND entity = '{entity}' ORDER BY seq LIMIT 1
      ) e ON true
      WHERE f._n <= {limit}
    )
    SELECT (SELECT json_agg(t ORDER BY version DESC)
            FROM (SELECT version, valid_from, valid_to, changed, cause, run FROM shown) t) AS data,
           (SELECT count(*) FROM found) > {limit} AS more, (SELECT min(version) FROM shown) AS last,
           to_json(coalesce($4::timestamptz, now())) AS as_of
    """


__all__ = ["differences", "read_history", "without_stamps"]
