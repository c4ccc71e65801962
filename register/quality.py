"""Looks at the data after it has changed: opens and closes findings of rules and of freshness, and lets scores follow.

Every rule remembers the event up to which it has looked. What came after is looked at alone; all rows are looked at
when the rule is new or says something else, when the day (or the hour) has turned that its condition looks at, and
when so much has happened that it is no dearer. The same state writes nothing, whichever way it was looked at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog

from register.db import Connection, Pool
from register.findings import (
    FindingDraft,
    close_findings_about,
    open_findings,
    place_findings,
)
from register.references import close_unnamed
from register.rules import CheckedRule, Rule, check_rule, compile_look
from register.scores import QUALITY_LOCK, concerned_by, measure
from register.waivers import end_expired, follow_rows

MANY_EVENTS = 100_000
"""So many changes are looked at by looking at everything."""
BUSY_FOR_S = 600.0
"""While runs are under way nothing is looked at, but for so long only."""
LATE = "DQ-SOURCE-LATE"

log = structlog.get_logger("portbook.quality")


@dataclass(frozen=True)
class Expected:
    """What the configuration expects of the data."""

    rules: Sequence[Rule] = ()
    fresh_within_s: Mapping[str, int] = field(default_factory=dict)
    """Source → how old its news may be, in seconds."""
    late: str | None = "warning"
    """How bad it is when a source is late; None: nobody is told."""


class Quality:
    """Looks at the data of one register."""

    def __init__(self, pool: Pool, expected: Expected) -> None:
        self._pool = pool
        self._expected = expected
        self._checked: list[CheckedRule] | None = None
        self._seen: tuple[Any, ...] | None = None
        self._measured: tuple[Any, ...] | None = None
        """What was `_seen` when rows were last counted."""
        self._seen_at = 0.0

    async def look(self, *, now: bool = False) -> bool:
        """Look at what has changed since the last time; returns whether there was anything. Asked every few seconds:
        one small question where nothing has. While runs are under way it waits for their end, unless told to look
        `now`."""
        await end_expired(self._pool)
        await self._look_at_sources()
        # Whatever can make a difference: events, the hour, the end of a run (findings of records come with it).
        row = await self._pool.fetchrow(
            """
            SELECT feed_settled(), date_trunc('hour', now()), max(finished_at),
                   coalesce(bool_or(state = 'running'), false)
            FROM (SELECT finished_at, state FROM run ORDER BY id DESC LIMIT 200) r
            """
        )
        *seen, busy = row
        if tuple(seen) == self._seen:
            return False
        if busy and not now and self._checked is not None and time.monotonic() - self._seen_at < BUSY_FOR_S:
            return False
        if self._checked is None:
            self._checked = [check_rule(rule) for rule in self._expected.rules]
            await self._note_rules(self._checked)
        for checked in self._checked:
            try:
                await self._look_by(checked)
            except asyncpg.DataError as error:
                # Of values that its condition cannot be worked out for; the other rules are looked by nevertheless.
                log.warning("a rule cannot be looked by", rule=checked.rule.code, error=str(error))
        async with self._pool.acquire() as connection:
            await close_unnamed(connection)
        await self._measure(seen)
        self._measured = self._seen = tuple(seen)
        self._seen_at = time.monotonic()
        return True

    async def _note_rules(self, rules: Sequence[CheckedRule]) -> None:
        """Write down which rules there are; close what was found by those that are no longer looked at."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({QUALITY_LOCK})")
            for rule in (checked.rule for checked in rules):
                # Where it says something else it is looked at from scratch: its `seq` is forgotten.
                await connection.execute(
                    """
                    INSERT INTO rule AS r (id, key, entity, condition, field, severity, message, hint, origin, active,
                                           version)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, true, $10)
                    ON CONFLICT (id) DO UPDATE SET entity = excluded.entity, condition = excluded.condition,
                      field = excluded.field, severity = excluded.severity, message = excluded.message,
                      hint = excluded.hint, origin = excluded.origin, active = true, version = excluded.version,
                      seq = CASE WHEN r.version = excluded.version AND r.active THEN r.seq END
                    WHERE (r.version, r.active, r.origin) IS DISTINCT FROM (excluded.version, true, excluded.origin)
                    """,
                    rule.id, rule.code, rule.entity, rule.condition, rule.field, rule.severity, rule.says, rule.hint,
                    rule.origin, rule.version,
                )  # fmt: skip
            await connection.execute(
                "UPDATE rule SET active = false, seq = NULL WHERE active AND NOT id = ANY($1::uuid[])",
                [checked.rule.id for checked in rules],
            )
            await connection.execute(
                """
                UPDATE finding f SET closed_at = now() FROM rule r
                WHERE f.rule_id = r.id AND NOT r.active AND f.closed_at IS NULL
                """
            )

    async def _look_by(self, checked: CheckedRule) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({QUALITY_LOCK})")
            upto = await connection.fetchval("SELECT feed_settled()")
            since, due = await _since(connection, checked, upto)
            if not due:
                return
            look = compile_look(checked, since, upto)
            opened, closed = await connection.fetchrow(look.sql, *look.parameters)
            await connection.execute(
                "UPDATE rule SET seq = $2, evaluated_at = now() WHERE id = $1", checked.rule.id, upto
            )
        if opened or closed:
            log.info("findings", rule=checked.rule.code, opened=opened, closed=closed)

    async def _look_at_sources(self) -> None:
        """Open and close the findings about sources whose news is older than it may be."""
        within = self._expected.fresh_within_s if self._expected.late else {}
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_LATE_SQL, list(within), list(within.values()), LATE)
            told = {row["id"]: (row["severity"], row["message"]) for row in rows if row["message"]}
            late = [_late(row, self._expected.late or "warning") for row in rows if row["late"]]
            news = [
                draft for draft in late if told.pop(draft.entity_id, None) != (draft.severity, draft.message)
            ]
            if not news and not told:
                return
            async with connection.transaction():
                await open_findings(connection, news, run_id=None)
                await close_findings_about(connection, LATE, list(told))
        self._seen = None  # the scores follow

    async def _measure(self, seen: Sequence[Any]) -> None:
        """Count what may have changed; all of it once an hour, since records can be retired without an event."""
        since = self._measured
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({QUALITY_LOCK})")
            await place_findings(connection)
            await follow_rows(connection)
            concerned = None
            if since is not None and since[1] == seen[1]:
                concerned = await concerned_by(connection, since[0], seen[0], since[2])
            projects, sources = concerned or (None, None)
            await measure(connection, projects=projects, sources=sources)


async def _since(connection: Connection, checked: CheckedRule, upto: int) -> tuple[int | None, bool]:
    """(the event after which to look, or None for everything; whether there is anything to look at)."""
    state = await connection.fetchrow(
        """
        SELECT seq, date_trunc($2, evaluated_at) IS DISTINCT FROM date_trunc($2, now()) AS turned
        FROM rule WHERE id = $1
        """,
        checked.rule.id,
        checked.clock or "day",
    )
    if state["seq"] is None or (checked.clock and state["turned"]):
        return None, True
    # Also where nothing is new for this rule, so that there is never much to count.
    count = await connection.fetchval(
        """
        SELECT count(*) FROM (SELECT FROM event WHERE entity = ANY($1::text[]) AND seq > $2 AND seq <= $3 LIMIT $4) e
        """,
        checked.watched,
        state["seq"],
        upto,
        MANY_EVENTS + 1,
    )
    return (None if count > MANY_EVENTS else state["seq"]), count > 0


_LATE_SQL = """
SELECT s.id::text, s.key, coalesce(w.within_s, 0) AS within_s,
       w.within_s IS NOT NULL AND coalesce(s.configured, false) AND coalesce(
         coalesce(s.fresh_at, (SELECT min(r.requested_at) FROM run r WHERE r.source = s.key))
         < now() - make_interval(secs => w.within_s), false) AS late,
       f.severity, f.message
FROM source s LEFT JOIN unnest($1::text[], $2::bigint[]) w (source, within_s) ON w.source = s.key
LEFT JOIN finding f ON f.code = $3 AND f.entity_id = s.id AND f.closed_at IS NULL
"""


def _late(row: Any, severity: str) -> FindingDraft:
    return FindingDraft(
        LATE,
        severity,
        f"{row['key']} has not been read to its end for more than {_span(row['within_s'])}",
        source=row["key"],
        entity="source",
        entity_id=row["id"],
        field="fresh_at",
        hint="`portbook status` says why; `portbook sync` reads it now. How old its news may be: `expect_within`.",
    )


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
