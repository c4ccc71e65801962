"""What happened to rows: the versions of one, the events of a collection, what changed in it between two instants.

All of it is said as fields with what they were before and after. The fields that count versions say nothing of their
own and are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime

from register.catalog import Entity
from register.query.cursor import another_query, read_cursor, shape_of, write_cursor
from register.query.lanes import Lanes
from register.query.one_row import find_row
from register.query.past import AsOf, every_version, require_history
from register.query.read import Answer, answer_of

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
) -> Answer:
    """The versions of a row, newest first: `{version, valid_from, valid_to, changed, cause, run}`. The oldest one has
    all its values in `changed`. Raises RowNotFound, RowAmbiguous, QueryInvalid."""
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
        row_id = str(await find_row(lanes, entity, reference, instant))
    row = await lanes.fetchrow(
        _history_of(entity.name, limit),
        row_id,
        int(before or 2**31 - 1),
        instant or _FOR_EVER,
        instant,
    )
    place = write_cursor(secret, shape, [row_id, str(row["last"])], instant) if row["more"] else None
    return answer_of(row, place)


def _history_of(entity: str, limit: int) -> str:
    """$1 the id, $2 a version behind which to go on, $3 an instant, $4 the same where it is not now."""
    return f"""
    WITH found AS (
      SELECT version, valid_from, CASE WHEN valid_to <= $3 THEN valid_to END AS valid_to, {without_stamps("e")} AS row
      FROM {every_version(entity)} e
      WHERE e.id = $1::text::uuid AND version < $2 AND valid_from <= $3
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


async def read_changes(
    lanes: Lanes, secret: bytes, entity: Entity, since: AsOf | str | None, *, limit: int
) -> Answer:
    """The events of a collection behind `since`, in the order in which they were made: `{type, id, version, changed,
    cause, run, at}`. `next` always says where to go on; nothing that is written later ever comes before it.

    `since` is a `next` of before, or an instant: then events come from a little before it, since what was being
    written at that moment carries an earlier time.
    """
    require_history(entity, "changes")
    shape = shape_of("changes", entity.name)
    if isinstance(since, str):
        seq = int(read_cursor(secret, shape, since)[1][0] or 0)
    elif since is None:
        seq = 0
    else:
        begin = since.instant(datetime.now(UTC), start=True)
        seq = (await lanes.fetchrow(_SEQ_AT, begin))["seq"]
    # First how far the feed is settled, then the events, which must be looked at later than that.
    settled = (await lanes.fetchrow("SELECT feed_settled() AS seq"))["seq"]
    row = await lanes.fetchrow(_EVENTS, entity.name, seq, settled, limit)
    reached = row["last"] if row["more"] else max(seq, settled)
    place = write_cursor(secret, shape, [str(reached)])
    return answer_of(row, place, more=bool(row["more"]))


_SEQ_AT = """
SELECT coalesce(
  (SELECT min(seq) FROM (SELECT seq FROM event WHERE at >= $1::timestamptz - interval '10 minutes'
                         AND at < $1::timestamptz + interval '1 day' OFFSET 0) near),
  (SELECT min(seq) FROM (SELECT seq FROM event WHERE at >= $1::timestamptz + interval '1 day' OFFSET 0) later),
  (SELECT last_value + 1 FROM event_seq_seq)
) - 1 AS seq
"""
# OFFSET keeps PostgreSQL from walking the numbers from the first in search of one that is late enough.
_EVENTS = """
WITH found AS (
  SELECT seq, json_build_object('type', type, 'id', entity_id, 'version', version, 'changed', changed, 'cause', cause,
                                'run', run_id, 'at', at) AS event
  FROM event WHERE entity = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4::int8
)
SELECT json_agg(event ORDER BY seq) AS data, max(seq) AS last, count(*) = $4::int8 AS more, to_json(now()) AS as_of
FROM found
"""

__all__ = ["differences", "read_changes", "read_history", "without_stamps"]
