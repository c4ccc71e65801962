"""What webhooks are still to be told: made from the outbox, taken up, tried again, given up, told anew.

Everything is a row and every step one transaction, so that a worker may be killed anywhere: what it had taken up comes
back when its time is over, and is told twice rather than not at all. Times are by one clock, the database's.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import orjson
import structlog

from register.audit import Actor, note
from register.db import Connection, Pool
from register.errors import QueryInvalid
from register.findings import FindingDraft, open_findings
from register.query.scope import RowScope, resolve_scope
from register.query.told import NOTICES, Telling, matching, messages, telling
from register.webhooks import DISABLED

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
EVENTS_AT_ONCE = 5_000
_FEW_EVENTS = 5
"""Where a filter takes too long for these, it is not for their number."""
FILTER_TIMEOUT_MS = 5_000
SLOW_ROUNDS = 5
"""So often, a minute apart, a filter may take too long for a few events: once may be the database's own trouble."""
SLOW_REST_S = 60.0
KEPT_FOR = timedelta(days=30)
"""How long what arrived or was given up can be looked at."""
FORGOTTEN_AT_ONCE = 10_000
"""Deliveries: more would hold up whoever waits for the same connection."""
_PATIENT_FAILURES = 3
"""So many failures in a row are met by each delivery's own schedule; after that nothing goes there for a while."""
_LONGEST_REST_S = 60
TEST = "webhook.test"

log = structlog.get_logger("portbook.webhooks")


class Lane(NamedTuple):
    """A webhook that has something due."""

    id: str
    name: str
    url: str
    types: tuple[str, ...]
    filter: str | None
    fields: str | None
    row_scope: str | None
    configured: bool
    secret: bytes | None
    old_secret: bytes | None
    failures: int

    @property
    def telling(self) -> Telling:
        return telling(self.types, self.filter, self.fields)


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


_LANE = (
    "w.id::text, w.name, w.url, w.types, w.filter, w.fields, w.row_scope::text, w.origin IS NOT NULL AS configured, "
    "w.secret, CASE WHEN w.old_until > {clock} THEN w.old_secret END AS old_secret, w.failures"
)
_PERMITTED = (
    "(w.key_id IS NULL OR EXISTS (SELECT FROM api_key k WHERE k.id = w.key_id AND k.revoked_at IS NULL "
    "AND (k.expires_at IS NULL OR k.expires_at > {clock})))"
)
"""Whether the key that made a webhook is still in force."""


class FilterSlow(Exception):
    """The database was stopped while it looked for what a filter finds."""


class Deliveries:
    """The queue. `clock` is an SQL expression for now; `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        pool: Pool,
        *,
        clock: str = "clock_timestamp()",
        chance: Callable[[], float] = random.random,
        filter_timeout_ms: int = FILTER_TIMEOUT_MS,
        slow_rest_s: float = SLOW_REST_S,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._chance = chance
        self._filter_timeout_ms = filter_timeout_ms
        self._slow_rest_s = slow_rest_s
        self._slow: dict[Any, tuple[int, float]] = {}
        """Webhooks whose filter took too long: how often in a row, and until when they are left alone."""

    async def spread(self) -> int:
        """Make deliveries of the events that came since the last time; returns how many. Webhooks whose key is no
        longer in force are disabled, also where nothing came: something may be waiting for them."""
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
        made, most = 0, _FEW_EVENTS if webhook_id in self._slow else EVENTS_AT_ONCE
        while True:
            async with self._pool.acquire() as connection:
                try:
                    count, reached = await self._spread_some(connection, webhook_id, settled, most)
                except FilterSlow:
                    if most > _FEW_EVENTS:
                        most = max(most // 10, _FEW_EVENTS)
                        continue
                    await self._take_rest(connection, webhook_id)
                    return made
                except QueryInvalid as problem:
                    # What it asks for was known when it was made.
                    async with connection.transaction():
                        await self._disable(
                            connection, str(webhook_id), f"`{problem.parameter}`: {problem.message}"
                        )
                    return made
            self._slow.pop(webhook_id, None)
            made += count
            if reached >= settled:
                return made

    async def _take_rest(self, connection: Connection, webhook_id: Any) -> None:
        """Leave a webhook alone for a while whose filter takes too long, or for good where it does so each time."""
        times = self._slow.get(webhook_id, (0, 0.0))[0] + 1
        if times < SLOW_ROUNDS:
            self._slow[webhook_id] = times, time.monotonic() + self._slow_rest_s
            return
        del self._slow[webhook_id]
        reason = (
            f"its filter takes the database longer than {self._filter_timeout_ms / 1000:g} s for "
            f"{_FEW_EVENTS} events, {times} times in a row"
        )
        async with connection.transaction():
            await self._disable(connection, str(webhook_id), reason)

    async def _spread_some(
        self, connection: Connection, webhook_id: Any, settled: int, most: int
    ) -> tuple[int, int]:
        """Of `most` events at a time. Raises FilterSlow."""
        async with connection.transaction():
            hook = await connection.fetchrow(
                f"""
                SELECT {_LANE.format(clock=self._clock)}, w.seq, {_PERMITTED.format(clock=self._clock)} AS permitted
                FROM webhook w WHERE w.id = $1 AND w.enabled FOR UPDATE OF w SKIP LOCKED
                """,
                webhook_id,
            )
            if hook is None:
                return 0, settled
            if not hook["permitted"]:
                await self._disable(
                    connection, str(webhook_id), "the API key that made it was withdrawn or has ended"
                )
                return 0, settled
            lane = _lane(hook)
            upto = await connection.fetchval(
                "SELECT coalesce((SELECT seq FROM event WHERE seq > $1 AND seq <= $2 ORDER BY seq OFFSET $3 LIMIT 1), "
                "$2)",
                hook["seq"],
                settled,
                most - 1,
            )
            scope = await self._scope(connection, lane)
            told = lane.telling
            seqs = await self._concerned(connection, told, hook["seq"], upto, scope)
            if seqs:
                await connection.execute(
                    f"""
                    INSERT INTO delivery (webhook_id, seq, type, due_at, created_at)
                    SELECT $1, v.seq, v.entity || '.' || v.type, {self._clock}, {self._clock}
                    FROM event v WHERE v.seq = ANY($2::int8[]) ORDER BY v.seq
                    ON CONFLICT (webhook_id, seq) DO UPDATE SET {self._anew}
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
        seqs: list[int] = []
        if told.filter:
            await connection.execute(f"SET LOCAL statement_timeout = {self._filter_timeout_ms}")
        try:
            for entity in sorted(wanted & set(there or ())):
                seqs += await matching(connection, told, entity, after, upto, scope)
        except asyncpg.QueryCanceledError as error:
            if told.filter:
                raise FilterSlow from error
            raise
        await connection.execute("SET LOCAL statement_timeout TO DEFAULT")
        return seqs

    @property
    def _anew(self) -> str:
        return f"state = 'pending', attempts = 0, due_at = {self._clock}, finished_at = NULL"

    async def lanes(self) -> list[Lane]:
        """The webhooks that have something due."""
        rows = await self._pool.fetch(
            f"""
            SELECT {_LANE.format(clock=self._clock)} FROM webhook w
            WHERE w.enabled AND w.deleted_at IS NULL AND (w.rests_until IS NULL OR w.rests_until <= {self._clock})
              AND EXISTS (SELECT FROM delivery d
                          WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.due_at <= {self._clock})
            """
        )
        return [_lane(row) for row in rows]

    async def lane_of(self, webhook_id: str) -> Lane | None:
        """The webhook as it is now, though it be disabled; None once it is removed."""
        row = await self._pool.fetchrow(
            f"SELECT {_LANE.format(clock=self._clock)} FROM webhook w WHERE id = $1 AND deleted_at IS NULL",
            webhook_id,
        )
        return None if row is None else _lane(row)

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
        """Delivery → what is sent. One that the webhook no longer asks for is missing."""
        by_entity: dict[str, list[int]] = {}
        for one in taken:
            if one.seq is not None:
                by_entity.setdefault(one.type.partition(".")[0], []).append(one.seq)
        told_of = lane.telling
        # It may have been changed since, and ask for fields that other rows have not.
        known = {*told_of.entities, "webhook"}
        async with self._pool.acquire() as connection:
            scope = await self._scope(connection, lane)
            by_entity = {entity: seqs for entity, seqs in by_entity.items() if entity in known}
            told = await messages(connection, told_of, by_entity, scope)
            found = {one.id: told[one.seq] for one in taken if one.seq in told}
            if len(found) < len(taken):
                now = await connection.fetchval(f"SELECT {self._clock}")
                data = {"entity": "webhook", "id": lane.id, "key": lane.name}
                test = orjson.dumps({"type": TEST, "timestamp": now, "data": data})
                found.update((one.id, test) for one in taken if one.seq is None)
        return found

    async def _scope(self, connection: Connection, lane: Lane) -> RowScope | None:
        return await resolve_scope(connection, lane.row_scope) if lane.row_scope else None

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
                WHERE id = $1 RETURNING {_LANE.format(clock=self._clock)}
                """,
                webhook_id,
                failures,
                since,
                float(rest),
            )
            if reason is not None and hook["enabled"]:
                await self._disable(connection, webhook_id, reason)
        return _lane(row) if hook["enabled"] and reason is None and not rest else None

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

    async def _disable(self, connection: Connection, webhook_id: str, reason: str) -> None:
        """With a finding for people and an event for programs."""
        row = await connection.fetchrow(
            f"UPDATE webhook SET enabled = false, disabled_reason = $2, disabled_at = {self._clock} "
            "WHERE id = $1 AND enabled RETURNING name, url",
            webhook_id,
            reason,
        )
        if row is None:
            return
        log.warning("webhook disabled", webhook=row["name"], reason=reason)
        finding = FindingDraft(
            DISABLED, "error", f"The webhook {row['name']!r} was disabled: {reason}", entity="webhook",
            entity_id=webhook_id, field="enabled",
            hint="Mend the receiver, then `portbook webhooks enable`: it goes on where it stopped.",
        )  # fmt: skip
        await open_findings(connection, [finding], run_id=None)
        changed = {"enabled": [True, False], "disabled_reason": [None, reason]}
        await connection.execute(
            "INSERT INTO event (type, entity, entity_id, version, changed, cause) VALUES ('disabled', 'webhook', $1, "
            "(SELECT 1 + count(*) FROM event WHERE entity = 'webhook' AND entity_id = $1), $2, 'webhook')",
            webhook_id,
            orjson.dumps(changed).decode(),
        )
        await note(
            connection, Actor("portbook"), "webhook disabled", f"webhook {webhook_id}", {"reason": reason}
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


def _lane(row: Mapping[str, Any]) -> Lane:
    found = {name: row[name] for name in Lane._fields}
    return Lane(**{**found, "types": tuple(row["types"] or ())})
