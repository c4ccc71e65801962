"""What webhooks are still to be told: made from the outbox (`Spread`), taken up, tried again, given up, told anew.

Everything is a row and every step one transaction, so that a worker may be killed anywhere: what it had taken up comes
back when its time is over, and is told twice rather than not at all. Times are by one clock, the database's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg
import orjson
import structlog

from register.db import Connection, Pool
from register.query.errors import QueryTooSlow
from register.query.told import messages
from register.spread import Spread
from register.webhook_lane import Lane, disable, lane_columns, lane_from, scope_of

SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400, 86_400)
)
"""How long after each failed attempt the next one comes; after the last one it is given up."""
JITTER = 0.2
"""An attempt comes up to this part later, so that what failed together is not tried together."""
LONGEST_WAIT = timedelta(hours=24)
"""The most that a receiver's Retry-After is listened to."""
DISABLE_AFTER = timedelta(days=5)
TAKEN_FOR = timedelta(seconds=90)
"""What was taken up and not reported comes back after so long."""
KEPT_FOR = timedelta(days=30)
"""How long what arrived or was given up can be looked at."""
FORGOTTEN_AT_ONCE = 10_000
"""Deliveries: more would hold up whoever waits for the same connection."""
_PATIENT_FAILURES = 3
"""So many failures in a row are met by each delivery's own schedule; after that nothing goes there for a while."""
_LONGEST_REST_S = 60
TEST = "webhook.test"
MESSAGE_TIMEOUT_MS = 15_000
"""For the messages that were taken up together. What is selected below rows can take the database any time."""

log = structlog.get_logger("portbook.webhooks")


class Taken(NamedTuple):
    """A delivery that was taken up, to be tried now."""

    id: int
    seq: int | None
    type: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. Without an error it arrived."""

    delivery: Taken
    latency_ms: int
    status: int | None = None
    answer: str = ""
    error: str | None = None
    retry_after: timedelta | None = None
    gone: bool = False
    """The receiver wants no more of it."""
    moot: bool = False
    """Nothing was sent, and nothing will be: it is no fault of the receiver."""


class Deliveries:
    """The queue. `clock` is an SQL expression for now; `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        pool: Pool,
        *,
        clock: str = "clock_timestamp()",
        chance: Callable[[], float] = random.random,
        message_timeout_ms: int = MESSAGE_TIMEOUT_MS,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._chance = chance
        self._message_timeout_ms = message_timeout_ms
        self.spread = Spread(pool, clock=clock)

    async def lanes(self) -> list[Lane]:
        """The webhooks that have something due."""
        rows = await self._pool.fetch(
            f"""
            SELECT {lane_columns(self._clock)} FROM webhook w
            WHERE w.enabled AND w.deleted_at IS NULL AND (w.rests_until IS NULL OR w.rests_until <= {self._clock})
              AND EXISTS (SELECT FROM delivery d
                          WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.due_at <= {self._clock})
            """
        )
        return [lane_from(row) for row in rows]

    async def lane_of(self, webhook_id: str) -> Lane | None:
        """The webhook as it is now, though it be disabled; None once it is removed."""
        row = await self._pool.fetchrow(
            f"SELECT {lane_columns(self._clock)} FROM webhook w WHERE id = $1 AND deleted_at IS NULL",
            webhook_id,
        )
        return None if row is None else lane_from(row)

    async def take(self, webhook_id: str, most: int) -> list[Taken]:
        """Take up what is due, the oldest first. It comes back unless `report` or `give_back` is called in time."""
        rows = await self._pool.fetch(
            f"""
            WITH due AS (
              SELECT d.id FROM delivery d JOIN webhook w ON w.id = d.webhook_id
              WHERE d.webhook_id = $1 AND d.state = 'pending' AND d.due_at <= {self._clock}
                AND w.enabled AND (w.rests_until IS NULL OR w.rests_until <= {self._clock})
              ORDER BY d.due_at, d.id LIMIT $2 FOR UPDATE OF d SKIP LOCKED
            )
            UPDATE delivery d SET due_at = {self._clock} + $3::interval FROM due WHERE d.id = due.id
            RETURNING d.id, d.seq, d.type, d.attempts
            """,
            webhook_id,
            most,
            TAKEN_FOR,
        )
        return sorted(Taken(*row) for row in rows)

    async def take_one(self, delivery_id: int) -> Taken | None:
        """Take up this one, whenever it is due."""
        row = await self._pool.fetchrow(
            f"UPDATE delivery SET due_at = {self._clock} + $2::interval WHERE id = $1 AND state = 'pending' "
            "RETURNING id, seq, type, attempts",
            delivery_id,
            TAKEN_FOR,
        )
        return None if row is None else Taken(*row)

    async def bodies(self, lane: Lane, taken: Sequence[Taken]) -> dict[int, bytes]:
        """Delivery → what is sent: nothing (`b""`) where that would be too large. One that the webhook no longer asks
        for is missing. Raises QueryTooSlow."""
        by_entity: dict[str, list[int]] = {}
        for one in taken:
            if one.seq is not None:
                by_entity.setdefault(one.type.partition(".")[0], []).append(one.seq)
        told_of = lane.telling
        # It may have been changed since, and ask for fields that other rows have not.
        known = {*told_of.entities, "webhook"}
        async with self._pool.acquire() as connection, connection.transaction():
            scope = await scope_of(connection, lane)
            by_entity = {entity: seqs for entity, seqs in by_entity.items() if entity in known}
            if lane.fields:  # rows alone take no longer than the database is busy
                await connection.execute(f"SET LOCAL statement_timeout = {self._message_timeout_ms}")
            try:
                told = await messages(connection, told_of, by_entity, scope)
            except asyncpg.QueryCanceledError:
                raise QueryTooSlow(
                    f"the database takes longer than {self._message_timeout_ms / 1000:g} s for what is to be told",
                    hint="Select less below rows in `fields`.",
                ) from None
            found = {one.id: told[one.seq] for one in taken if one.seq in told}
            if len(found) < len(taken):
                now = await connection.fetchval(f"SELECT {self._clock}")
                data = {"entity": "webhook", "id": lane.id, "key": lane.name}
                test = orjson.dumps({"type": TEST, "timestamp": now, "data": data})
                found.update((one.id, test) for one in taken if one.seq is None)
        return found

    async def give_back(self, taken: Sequence[Taken]) -> None:
        """What was taken up was not tried."""
        if taken:
            await self._pool.execute(
                f"UPDATE delivery SET due_at = {self._clock} WHERE id = ANY($1::int8[]) AND state = 'pending'",
                [one.id for one in taken],
            )

    async def report(self, webhook_id: str, outcomes: Sequence[Outcome]) -> Lane | None:
        """Write down what came of attempts, in the order in which they ended. Returns the webhook as it is now; None
        where it is disabled, removed or to be left alone for a while."""
        async with self._pool.acquire() as connection, connection.transaction():
            hook = await connection.fetchrow(
                f"SELECT failures, failing_since, enabled, {self._clock} AS now FROM webhook WHERE id = $1 FOR UPDATE",
                webhook_id,
            )
            now: datetime = hook["now"]
            failures, since = hook["failures"], hook["failing_since"]
            reason = None
            next_at: list[datetime | None] = []
            for outcome in outcomes:
                if outcome.error is None:
                    failures, since = 0, None
                elif not outcome.moot:
                    failures, since = failures + 1, since or now
                    if outcome.gone:
                        reason = "the receiver answered 410: it wants no more"
                    elif now - since >= DISABLE_AFTER:
                        reason = f"it failed for {DISABLE_AFTER.days} days; the last time: {outcome.error}"
                next_at.append(self._next(outcome, now))
            await self._write(connection, outcomes, next_at)
            rest = 0
            if failures > _PATIENT_FAILURES:
                rest = min(2 ** min(failures - _PATIENT_FAILURES - 1, 10), _LONGEST_REST_S)
            row = await connection.fetchrow(
                f"""
                UPDATE webhook w SET failures = $2, failing_since = $3,
                  rests_until = CASE WHEN $4 > 0 THEN {self._clock} + make_interval(secs => $4) END
                WHERE id = $1 RETURNING {lane_columns(self._clock)}
                """,
                webhook_id,
                failures,
                since,
                float(rest),
            )
            if reason is not None and hook["enabled"]:
                await disable(connection, webhook_id, reason, self._clock)
        return lane_from(row) if hook["enabled"] and reason is None and not rest else None

    def _next(self, outcome: Outcome, now: datetime) -> datetime | None:
        """When a failed delivery is tried again; None when it is not."""
        if outcome.error is None or outcome.moot or outcome.delivery.attempts >= len(SCHEDULE):
            return None
        wait = SCHEDULE[outcome.delivery.attempts] * (1 + JITTER * self._chance())
        if outcome.retry_after is not None:
            wait = max(wait, min(outcome.retry_after, LONGEST_WAIT))
        return now + wait

    async def _write(
        self, connection: Connection, outcomes: Sequence[Outcome], next_at: Sequence[datetime | None]
    ) -> None:
        ids = [outcome.delivery.id for outcome in outcomes]
        errors = [outcome.error for outcome in outcomes]
        await connection.execute(
            f"""
            INSERT INTO attempt (delivery_id, ended_at, latency_ms, status, answer, error, next_at)
            SELECT id, {self._clock}, latency, t.status, nullif(answer, ''), error, next_at
            FROM unnest($1::int8[], $2::int4[], $3::int4[], $4::text[], $5::text[], $6::timestamptz[])
              AS t (id, latency, status, answer, error, next_at) JOIN delivery USING (id)
            """,
            ids,
            [outcome.latency_ms for outcome in outcomes],
            [outcome.status for outcome in outcomes],
            [outcome.answer for outcome in outcomes],
            errors,
            next_at,
        )
        await connection.execute(
            f"""
            UPDATE delivery d SET attempts = d.attempts + 1, due_at = coalesce(t.next_at, d.due_at),
              state = CASE WHEN t.error IS NULL THEN 'delivered' WHEN t.next_at IS NULL THEN 'failed'
                           ELSE 'pending' END,
              finished_at = CASE WHEN t.error IS NULL OR t.next_at IS NULL THEN {self._clock} END
            FROM unnest($1::int8[], $2::text[], $3::timestamptz[]) AS t (id, error, next_at)
            WHERE d.id = t.id AND d.state <> 'delivered'
            """,
            ids,
            errors,
            next_at,
        )

    async def prune(self) -> int:
        """Forget what arrived or was given up a while ago, so many at once; returns how many."""
        gone: int = await self._pool.fetchval(
            f"""
            WITH old AS (
              DELETE FROM delivery WHERE id IN (
                SELECT id FROM delivery WHERE finished_at < {self._clock} - $1::interval LIMIT {FORGOTTEN_AT_ONCE})
              RETURNING id
            ), attempts AS (DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM old))
            SELECT count(*) FROM old
            """,
            KEPT_FOR,
        )
        return gone
