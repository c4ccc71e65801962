"""Hints: what tools tell of themselves, kept until it has been read again.

A hint says that something may have changed, never to what. Notices of one item are one row, so a storm of them
costs one reading, and one that comes while the item is being read again stays for the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from register.db import Connection, Pool

MOST_ATTEMPTS = 6


class Waiting(NamedTuple):
    """A hint as it stood when it was looked at."""

    stream: str
    item: str
    seq: int


async def leave(pool: Pool, hints: Mapping[tuple[str, str, str], int]) -> None:
    """Keep hints: (source, stream, item) → how often it was said. Committed when this returns."""
    keys = sorted(hints)  # in one order, so that two gateways never wait for each other
    await pool.execute(
        """
        INSERT INTO hint AS h (source, stream, item, notices)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
        ON CONFLICT (source, stream, item) DO UPDATE
        SET notices = h.notices + excluded.notices, last_at = clock_timestamp(), seq = excluded.seq
        """,
        [source for source, _, _ in keys],
        [stream for _, stream, _ in keys],
        [item for _, _, item in keys],
        [hints[key] for key in keys],
    )


async def waiting(pool: Pool, source: str, limit: int) -> list[Waiting]:
    """The oldest hints of a source that may be followed now."""
    rows = await pool.fetch(
        "SELECT stream, item, seq FROM hint WHERE source = $1 AND not_before <= clock_timestamp() "
        "ORDER BY first_at, stream, item LIMIT $2",
        source,
        limit,
    )
    return [Waiting(*row) for row in rows]


async def count(pool: Pool, source: str) -> int:
    """How many records of a source wait to be read again."""
    return int(await pool.fetchval("SELECT count(*) FROM hint WHERE source = $1", source))


async def clock(pool: Pool) -> datetime:
    """Now, on the database's clock, which also says when a record was stored."""
    return cast(datetime, await pool.fetchval("SELECT clock_timestamp()"))


async def settle(connection: Connection, source: str, done: Sequence[Waiting]) -> None:
    """Take back hints that have been followed, in the transaction that stores what was read. One that was said again
    meanwhile stays, as new."""
    if not done:
        return
    await connection.execute(
        """
        DELETE FROM hint h USING unnest($2::text[], $3::text[], $4::bigint[]) f (stream, item, seq)
        WHERE h.source = $1 AND (h.stream, h.item, h.seq) = (f.stream, f.item, f.seq)
        """,
        source,
        [hint.stream for hint in done],
        [hint.item for hint in done],
        [hint.seq for hint in done],
    )


async def put_off(pool: Pool, source: str, failed: Sequence[Waiting]) -> None:
    """These could not be followed: they wait, longer each time. One that failed MOST_ATTEMPTS times is given up; the
    next incremental run, which is then due, finds what it told of."""
    async with pool.acquire() as connection, connection.transaction():
        given_up = await connection.fetchval(
            """
            WITH failed AS (
                UPDATE hint h SET attempts = h.attempts + 1,
                    not_before = clock_timestamp() + make_interval(secs => least(3600, 10 * 3 ^ h.attempts))
                FROM unnest($2::text[], $3::text[]) f (stream, item)
                WHERE h.source = $1 AND (h.stream, h.item) = (f.stream, f.item)
                RETURNING h.attempts
            )
            SELECT count(*) FROM failed WHERE attempts >= $4
            """,
            source,
            [hint.stream for hint in failed],
            [hint.item for hint in failed],
            MOST_ATTEMPTS,
        )
        if given_up:
            await connection.execute(
                "DELETE FROM hint WHERE source = $1 AND attempts >= $2", source, MOST_ATTEMPTS
            )
            await read_soon(connection, source)


async def sources_told_of(pool: Pool, names: Sequence[str]) -> list[str]:
    """Those of these sources with hints to be followed now, a complete run behind them, and no run open."""
    rows = await pool.fetch(
        """
        SELECT s.key FROM source s
        WHERE s.key = ANY($1::text[]) AND s.configured AND s.paused IS NOT TRUE AND s.complete_at IS NOT NULL
          AND EXISTS (SELECT FROM hint h WHERE h.source = s.key AND h.not_before <= clock_timestamp())
          AND NOT EXISTS (SELECT FROM run r WHERE r.source = s.key AND r.state IN ('queued', 'running'))
        """,
        list(names),
    )
    return [row[0] for row in rows]


async def read_soon(connection: Connection, source: str) -> None:
    """Something changed that cannot be named: let the next incremental run be due now."""
    await connection.execute(
        "UPDATE source SET next_run_at = least(next_run_at, clock_timestamp()) WHERE key = $1", source
    )


async def note_subscription(
    pool: Pool, source: str, subscription_id: str, expires_at: datetime | None
) -> None:
    """Remember a hook that was set up or renewed at the tool."""
    await pool.execute(
        """
        INSERT INTO subscription (source, id, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT (source, id) DO UPDATE SET expires_at = excluded.expires_at
        """,
        source,
        subscription_id,
        expires_at,
    )


async def doubt_subscriptions(pool: Pool, source: str) -> None:
    """The tool says that they end, whatever was known of when: the next incremental run renews them."""
    await pool.execute("UPDATE subscription SET expires_at = clock_timestamp() WHERE source = $1", source)


async def forget_subscription(pool: Pool, source: str, subscription_id: str) -> None:
    """The tool no longer has it."""
    await pool.execute("DELETE FROM subscription WHERE source = $1 AND id = $2", source, subscription_id)


async def subscriptions(pool: Pool, source: str) -> dict[str, datetime | None]:
    """The hooks set up for a source: id → when it ends."""
    rows = await pool.fetch("SELECT id, expires_at FROM subscription WHERE source = $1 ORDER BY id", source)
    return dict(rows)


async def vanished_since_complete(connection: Connection, source: str) -> int:
    """How many records of a source were found gone since its last complete run."""
    return int(
        await connection.fetchval(
            """
            SELECT count(*) FROM source_record
            WHERE source = $1 AND presence <> 'present' AND run_id > coalesce(
                (SELECT max(id) FROM run WHERE source = $1 AND mode = 'full' AND state = 'succeeded'), 0)
            """,
            source,
        )
    )


async def sweep_soon(connection: Connection, source: str) -> None:
    """Let the next complete run be due now: it accounts for all that is missing, and asks where that is much."""
    await connection.execute(
        "UPDATE source SET next_sweep_at = least(next_sweep_at, clock_timestamp()) WHERE key = $1", source
    )
