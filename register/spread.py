"""Deliveries made from the outbox: for each webhook one of every event that it is told of."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg

from register.db import Connection, Pool, for_a_while
from register.errors import QueryInvalid
from register.query.scope import RowScope
from register.query.told import NOTICES, Telling, matching
from register.webhook_lane import disable, lane_columns, lane_from, scope_of

EVENTS_AT_ONCE = 5_000
_FEW_EVENTS = 5
"""Where a filter takes too long for these, it is not for their number."""
FILTER_TIMEOUT_MS = 5_000
SLOW_ROUNDS = 5
"""So often, a minute apart, a filter may take too long for a few events: once may be the database's own trouble."""
SLOW_REST_S = 60.0
TURN_S = 10.0
"""After so long it is the turn of other webhooks, and of what came meanwhile; the rest is for the next time."""
_PERMITTED = (
    "(w.key_id IS NULL OR EXISTS (SELECT FROM api_key k WHERE k.id = w.key_id AND k.revoked_at IS NULL "
    "AND (k.expires_at IS NULL OR k.expires_at > {clock})))"
)
"""Whether the key that made a webhook is still in force."""


class FilterSlow(Exception):
    """The database was stopped while it looked for what a filter finds."""


class Spread:
    """Makes them. `clock` is an SQL expression for now."""

    def __init__(
        self,
        pool: Pool,
        *,
        clock: str = "clock_timestamp()",
        filter_timeout_ms: int = FILTER_TIMEOUT_MS,
        slow_rest_s: float = SLOW_REST_S,
        turn_s: float = TURN_S,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._filter_timeout_ms = filter_timeout_ms
        self._slow_rest_s = slow_rest_s
        self._turn_s = turn_s
        self._slow: dict[Any, tuple[int, float]] = {}
        """Webhooks whose filter took too long: how often in a row, and until when they are left alone."""
        self._most: dict[Any, int] = {}
        """Webhooks whose filter took too long for more: of how many events at a time they are told what waits."""

    async def __call__(self) -> int:
        """Make deliveries of the events that came since the last time, for each webhook as many as its turn allows;
        returns how many. Webhooks whose key is no longer in force are disabled, also where nothing came: something may
        be waiting for them."""
        settled = await self._pool.fetchval("SELECT feed_settled()")
        behind = await self._pool.fetch(
            "SELECT id FROM webhook w WHERE enabled AND deleted_at IS NULL "
            f"AND (seq < $1 OR NOT {_PERMITTED.format(clock=self._clock)}) ORDER BY seq",
            settled,
        )
        # Two at a time: a filter that takes long holds up one other webhook at most, and not all connections.
        now = time.monotonic()
        waiting = iter([row["id"] for row in behind if self._slow.get(row["id"], (0, 0.0))[1] <= now])

        async def some() -> int:
            return sum([await self._spread_to(webhook_id, settled) for webhook_id in waiting])

        return sum(await asyncio.gather(some(), some()))

    async def _spread_to(self, webhook_id: Any, settled: int) -> int:
        made, most, end = 0, self._most.get(webhook_id, EVENTS_AT_ONCE), time.monotonic() + self._turn_s
        while True:
            async with self._pool.acquire() as connection:
                try:
                    done = await self._spread_some(connection, webhook_id, settled, most)
                except FilterSlow:
                    if most > _FEW_EVENTS:
                        most = self._most[webhook_id] = max(most // 10, _FEW_EVENTS)
                        continue
                    await self._take_rest(connection, webhook_id)
                    return made
                except QueryInvalid as problem:
                    # What it asks for was known when it was made.
                    async with connection.transaction():
                        reason = f"`{problem.parameter}`: {problem.message}"
                        await disable(connection, str(webhook_id), reason, self._clock)
                    return made
            if done is None:
                return made
            self._slow.pop(webhook_id, None)
            count, reached = done
            made += count
            if reached >= settled:
                self._most.pop(webhook_id, None)
                return made
            if time.monotonic() >= end:
                return made

    async def _take_rest(self, connection: Connection, webhook_id: Any) -> None:
        """Leave a webhook alone for a while whose filter takes too long, or for good where it does so each time."""
        times = self._slow.get(webhook_id, (0, 0.0))[0] + 1
        if times < SLOW_ROUNDS:
            self._slow[webhook_id] = times, time.monotonic() + self._slow_rest_s
            return
        del self._slow[webhook_id]
        self._most.pop(webhook_id, None)
        reason = (
            f"its filter takes the database longer than {self._filter_timeout_ms / 1000:g} s for "
            f"{_FEW_EVENTS} events, {times} times in a row"
        )
        async with connection.transaction():
            await disable(connection, str(webhook_id), reason, self._clock)

    async def _spread_some(
        self, connection: Connection, webhook_id: Any, settled: int, most: int
    ) -> tuple[int, int] | None:
        """Of `most` events at a time: how many deliveries, and up to which event. None where the webhook is disabled,
        or another worker has it in hand. Raises FilterSlow."""
        async with connection.transaction():
            hook = await connection.fetchrow(
                f"""
                SELECT {lane_columns(self._clock)}, w.seq, {_PERMITTED.format(clock=self._clock)} AS permitted
                FROM webhook w WHERE w.id = $1 AND w.enabled FOR UPDATE OF w SKIP LOCKED
                """,
                webhook_id,
            )
            if hook is None:
                return None
            if not hook["permitted"]:
                reason = "the API key that made it was withdrawn or has ended"
                await disable(connection, str(webhook_id), reason, self._clock)
                return None
            lane = lane_from(hook)
            upto = await connection.fetchval(
                "SELECT coalesce((SELECT seq FROM event WHERE seq > $1 AND seq <= $2 ORDER BY seq OFFSET $3 LIMIT 1), "
                "$2)",
                hook["seq"],
                settled,
                most - 1,
            )
            scope = await scope_of(connection, lane)
            told = lane.telling
            seqs = await self._concerned(connection, told, hook["seq"], upto, scope)
            if seqs:
                await connection.execute(
                    f"""
                    INSERT INTO delivery (webhook_id, seq, type, due_at, created_at)
                    SELECT $1, v.seq, v.entity || '.' || v.type, {self._clock}, {self._clock}
                    FROM event v WHERE v.seq = ANY($2::int8[]) ORDER BY v.seq
                    ON CONFLICT (webhook_id, seq)
                      DO UPDATE SET state = 'pending', attempts = 0, due_at = {self._clock}, finished_at = NULL
                    """,
                    webhook_id,
                    seqs,
                )
            await connection.execute("UPDATE webhook SET seq = $2 WHERE id = $1", webhook_id, upto)
            return len(seqs), upto

    async def _concerned(
        self, connection: Connection, told: Telling, after: int, upto: int, scope: RowScope | None
    ) -> list[int]:
        """The numbers of the events in (after, upto] that a webhook is told of. Raises FilterSlow."""
        if scope is None and not told.filter:
            rows = await connection.fetch(
                "SELECT seq FROM event WHERE seq > $1 AND seq <= $2 AND entity || '.' || type = ANY($3::text[])",
                after,
                upto,
                list(told.types),
            )
            return [row["seq"] for row in rows]
        there = await connection.fetchval(
            "SELECT array_agg(DISTINCT entity) FROM event WHERE seq > $1 AND seq <= $2", after, upto
        )
        wanted = {*told.entities, *(["webhook"] if scope is None and told.types & set(NOTICES) else [])}
        entities = sorted(wanted & set(there or ()))

        async def all_matching() -> list[int]:
            each = [await matching(connection, told, entity, after, upto, scope) for entity in entities]
            return [seq for seqs in each for seq in seqs]

        if not told.filter:
            return await all_matching()
        try:
            async with for_a_while(connection, "statement_timeout", self._filter_timeout_ms):
                return await all_matching()
        except asyncpg.QueryCanceledError as error:
            raise FilterSlow from error
