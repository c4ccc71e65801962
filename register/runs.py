"""Runs: asked for, taken up, accounted for, ended. The queue is these rows; Redis only rings a bell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from register.db import Connection, Pool, without_nested_loops
from register.ids import derive_id

HOLD_SHARE = 0.20
"""A complete run in which more than this share of a source would vanish holds and asks a person."""


MODES = ("hints", "incremental", "full")
"""What a run reads, from the least to the most: what notifications named, what changed, everything."""


class SourceSetting(NamedTuple):
    """A configured source, as the register keeps it."""

    name: str
    kind: str
    url: str | None
    every_s: int
    sweep_at: str | None


class RunJob(NamedTuple):
    """A run that is waiting to be worked on."""

    id: int
    source: str
    mode: str
    attempts: int
    approved: bool


class PartitionState(NamedTuple):
    """How far a run has come in a partition."""

    cursor: Mapping[str, Any] | None
    done: bool
    seen: int


async def register_sources(pool: Pool, settings: Sequence[SourceSetting]) -> None:
    """Make the table of sources say what the configuration says. A source left out of it stays, unconfigured."""
    async with pool.acquire() as connection, connection.transaction():
        names = [setting.name for setting in settings]
        await connection.execute(
            "UPDATE source SET configured = false WHERE configured AND NOT key = ANY($1::text[])", names
        )
        for setting in settings:
            await connection.execute(
                """
                INSERT INTO source AS s (id, key, kind, url, configured, every_s, sweep_at)
                VALUES ($1, $2, $3, $4, true, $5, $6)
                ON CONFLICT (id) DO UPDATE
                SET kind = excluded.kind, url = excluded.url, configured = true, every_s = excluded.every_s,
                    sweep_at = excluded.sweep_at
                WHERE (s.kind, s.url, s.configured, s.every_s, s.sweep_at)
                      IS DISTINCT FROM (excluded.kind, excluded.url, true, excluded.every_s, excluded.sweep_at)
                """,
                derive_id("source", setting.name),
                *setting,
            )


async def request_run(
    pool: Pool, source: str, mode: str, *, requested_by: str, approved: bool = False
) -> int:
    """Ask for a run; returns its id. A source that was never read completely gets a full one. A run that is open
    already is used: one that waits and would read less is turned into what is asked for; one that is being
    worked on or was begun is left to end, and does not take the approval, which only a complete run can use: ask
    again when it has ended (`ended_short`). A run that was put off waits its time, unless a person asks for it."""
    async with pool.acquire() as connection, connection.transaction():
        run_id = await connection.fetchval(
            """
            INSERT INTO run AS r (source, mode, state, requested_by, approved)
            SELECT $1, CASE WHEN s.complete_at IS NULL THEN 'full' ELSE $2 END, 'queued', $3, $4
            FROM source s WHERE s.key = $1
            ON CONFLICT (source) WHERE state IN ('queued', 'running') DO UPDATE
            SET mode = CASE WHEN r.state = 'queued' AND (r.attempts = 0 OR r.mode = 'hints')
                             AND array_position($5::text[], excluded.mode) > array_position($5::text[], r.mode)
                            THEN excluded.mode ELSE r.mode END,
                approved = r.approved OR (excluded.approved AND (r.mode = 'full' OR excluded.mode = 'full'
                                          AND r.state = 'queued' AND r.attempts = 0)),
                not_before = CASE WHEN r.state = 'queued' AND ($3 NOT IN ('schedule', 'hook')
                                       OR r.mode = 'hints' AND excluded.mode <> 'hints')
                                  THEN least(r.not_before, now()) ELSE r.not_before END,
                attempts = CASE WHEN r.state = 'queued' AND r.mode = 'hints' AND excluded.mode <> 'hints'
                                THEN 0 ELSE r.attempts END
            RETURNING id
            """,
            source,
            mode,
            requested_by,
            approved,
            MODES,
        )
        return int(run_id)


async def ended_short(pool: Pool, run_ids: Sequence[int], mode: str) -> list[str]:
    """The sources of those of these runs that have ended and read less than `mode`. Who asked for such a run and was
    given one that was under way asks again."""
    rows = await pool.fetch(
        """
        SELECT source FROM run
        WHERE id = ANY($1::bigint[]) AND mode = ANY($2::text[]) AND state NOT IN ('queued', 'running') ORDER BY id
        """,
        list(run_ids),
        MODES[: MODES.index(mode)],
    )
    return [row[0] for row in rows]


async def waiting_runs(pool: Pool) -> list[RunJob]:
    """Runs that may be worked on now, oldest first: queued ones that are due, and running ones whose worker has
    gone silent. Sources that are paused or no longer configured wait."""
    rows = await pool.fetch(
        """
        SELECT r.id, r.source, r.mode, r.attempts, coalesce(r.approved, false)
        FROM run r JOIN source s ON s.key = r.source AND s.configured
        LEFT JOIN lease l ON l.name = r.source
        WHERE ((r.state = 'queued' AND r.not_before <= clock_timestamp()) OR r.state = 'running')
          AND coalesce(l.expires_at, '-infinity') < clock_timestamp()
          AND (s.paused IS NOT TRUE OR r.requested_by NOT IN ('schedule', 'hook'))
        ORDER BY r.id
        """
    )
    return [RunJob(*row) for row in rows]


async def open_run(pool: Pool, source: str) -> bool:
    """Whether a run of this source is waiting or being worked on. One that is put off until later does not count."""
    return bool(
        await pool.fetchval(
            """
            SELECT EXISTS (SELECT FROM run WHERE source = $1
                AND (state = 'running' OR (state = 'queued' AND not_before <= clock_timestamp())))
            """,
            source,
        )
    )


async def take_up(connection: Connection, job: RunJob) -> RunJob | None:
    """Mark a run as running and return it as it stands now; None when it has ended since it was listed. A run that
    is taken over keeps its counts and its place. Called in the holder's transaction."""
    row = await connection.fetchrow(
        """
        UPDATE run SET state = 'running', started_at = coalesce(started_at, now()), error = NULL, error_code = NULL
        WHERE id = $1 AND state IN ('queued', 'running')
        RETURNING id, source, mode, attempts, coalesce(approved, false)
        """,
        job.id,
    )
    return None if row is None else RunJob(*row)


async def note_account(
    connection: Connection,
    job: RunJob,
    *,
    account: str,
    timezone: str,
    aliases: Mapping[str, str],
    mapping_version: str,
    meaning: Any,
) -> None:
    """Who reads, and with which mapping: on the run, and on the source as last seen. A run that goes on where it was
    put down, with a mapping that means something else, has used none alone."""
    await connection.execute(
        """
        UPDATE run SET account = $2, mapping_version = CASE
            WHEN NOT EXISTS (SELECT FROM run_partition WHERE run_id = $1) THEN $3
            ELSE (SELECT $3 FROM mapping_used u WHERE u.source = $4 AND u.version = mapping_version
                  AND (u.version = $3 OR u.meaning = $5)) END
        WHERE id = $1
        """,
        job.id,
        account,
        mapping_version,
        job.source,
        json_text(meaning),
    )
    await connection.execute(
        """
        UPDATE source SET account = $2, timezone = $3, aliases = $4, mapping_version = $5,
            mapped_with = (SELECT $5 FROM mapping_used u WHERE u.source = $1 AND u.version = mapped_with
                           AND (u.version = $5 OR u.meaning = $6))
        WHERE key = $1
        """,
        job.source,
        account,
        timezone or None,
        json_text(aliases),
        mapping_version,
        json_text(meaning),
    )


async def mapped_otherwise(pool: Pool, source: str, mapping_version: str) -> bool:
    """Whether records of this source may have been said with another mapping; not before its first complete run."""
    return bool(
        await pool.fetchval(
            "SELECT complete_at IS NOT NULL AND mapped_with IS DISTINCT FROM $2 FROM source WHERE key = $1",
            source,
            mapping_version,
        )
    )


async def partition_states(pool: Pool, run_id: int) -> dict[str, PartitionState]:
    """Where this run stands in each partition it has begun."""
    rows = await pool.fetch("SELECT name, cursor, done, seen FROM run_partition WHERE run_id = $1", run_id)
    return {name: PartitionState(_json(cursor), done, seen) for name, cursor, done, seen in rows}


async def source_cursors(pool: Pool, source: str) -> dict[str, Mapping[str, Any] | None]:
    """Where the next incremental run starts, by partition."""
    rows = await pool.fetch("SELECT name, cursor FROM partition_cursor WHERE source = $1", source)
    return {name: _json(cursor) for name, cursor in rows}


async def succeed(connection: Connection, job: RunJob, *, fresh_at: datetime) -> None:
    """End a run well: its cursors become the source's. Called inside the run's last, fenced transaction. A run that
    only followed hints says nothing about how fresh the source is. After a complete one every record is said with the
    mapping it used; where these were several, the next says anew what is needed."""
    if job.mode == "full":
        await connection.execute("DELETE FROM partition_cursor WHERE source = $1", job.source)
    await connection.execute(
        """
        INSERT INTO partition_cursor (source, name, cursor)
        SELECT $1, name, cursor FROM run_partition WHERE run_id = $2 AND cursor IS NOT NULL
        ON CONFLICT (source, name) DO UPDATE SET cursor = excluded.cursor
        """,
        job.source,
        job.id,
    )
    await _close(connection, job.id, "succeeded", None, None)
    if job.mode == "hints":
        return
    await connection.execute(
        """
        UPDATE source SET fresh_at = $2, complete_at = CASE WHEN $3 THEN $2 ELSE complete_at END,
            mapped_with = CASE WHEN $3 THEN (SELECT mapping_version FROM run WHERE id = $4) ELSE mapped_with END
        WHERE key = $1
        """,
        job.source,
        fresh_at,
        job.mode == "full",
        job.id,
    )


async def end_run(connection: Connection, run_id: int, state: str, *, code: str, error: str) -> None:
    """End a run as incomplete, failed or held: the source's cursors stay where they were. Called in the holder's
    transaction, as are `postpone` and `pause`."""
    await _close(connection, run_id, state, code, error)


async def postpone(
    connection: Connection, run_id: int, *, delay_s: float, code: str, error: str, anew: bool = False
) -> None:
    """Put a run back in the queue, with its place kept. `anew`: it came further, and its attempts count from one."""
    await connection.execute(
        """
        UPDATE run SET state = 'queued', not_before = clock_timestamp() + make_interval(secs => $2),
               attempts = CASE WHEN $5 THEN 1 ELSE attempts + 1 END, error_code = $3, error = $4
        WHERE id = $1 AND state = 'running'
        """,
        run_id,
        delay_s,
        code,
        error,
        anew,
    )


async def pause(connection: Connection, source: str, reason: str) -> None:
    """Stop reading a source until a person resumes it."""
    await connection.execute(
        "UPDATE source SET paused = true, pause_reason = $2 WHERE key = $1", source, reason
    )


async def resume(pool: Pool, source: str) -> None:
    await pool.execute(
        "UPDATE source SET paused = NULL, pause_reason = NULL WHERE key = $1 AND paused", source
    )


MISSING = """
SELECT id::text, stream, source_id FROM source_record r
WHERE source = $1 AND presence = 'present' AND stream = ANY($3::text[]) AND run_id IS DISTINCT FROM $2
  AND NOT EXISTS (SELECT FROM sweep_seen s WHERE s.run_id = $2 AND s.record_id = r.id)
ORDER BY stream, source_id
"""


async def missing_records(
    connection: Connection, source: str, run_id: int, streams: Sequence[str]
) -> list[tuple[str, str, str]]:
    """(record id, stream, source id) of what a complete run has not met."""
    async with without_nested_loops(connection):
        rows = await connection.fetch(MISSING, source, run_id, list(streams))
    return [(row[0], row[1], row[2]) for row in rows]


async def stored_streams(pool: Pool, source: str) -> list[str]:
    """The streams of which records of this source are there, whether they are still read or not."""
    rows = await pool.fetch(
        "SELECT DISTINCT stream FROM source_record WHERE source = $1 AND presence = 'present' ORDER BY 1",
        source,
    )
    return [row[0] for row in rows]


async def present_count(connection: Connection, source: str) -> int:
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM source_record WHERE source = $1 AND presence = 'present'", source
        )
    )


async def _close(
    connection: Connection, run_id: int, state: str, code: str | None, error: str | None
) -> None:
    await connection.execute(
        """
        UPDATE run SET state = $2, finished_at = clock_timestamp(), error_code = $3, error = $4
        WHERE id = $1 AND state IN ('queued', 'running')
        """,
        run_id,
        state,
        code,
        error,
    )
    await connection.execute("DELETE FROM sweep_seen WHERE run_id = $1", run_id)


def _json(value: str | None) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = None if value is None else orjson.loads(value)
    return found


def json_text(value: Any) -> str:
    """For a jsonb parameter."""
    return orjson.dumps(value).decode()
