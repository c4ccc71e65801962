"""When each source is due: every few minutes what changed, once a day everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from register import hints, runs
from register.db import Pool


class Due(NamedTuple):
    """The schedule of a source."""

    every: timedelta
    sweep: time
    zone: ZoneInfo


def next_sweep(now: datetime, sweep: time, zone: ZoneInfo) -> datetime:
    """The next time the clock in `zone` shows `sweep`, after `now`. A time that a change of the clocks leaves out
    comes when the clock has moved past it; one that comes twice counts once."""
    local = now.astimezone(zone)
    candidate = datetime.combine(local.date(), sweep, zone)
    if candidate.astimezone(UTC) <= now:
        candidate = datetime.combine(local.date() + timedelta(days=1), sweep, zone)
    return candidate.astimezone(UTC)


async def request_due_runs(pool: Pool, sources: Mapping[str, Due]) -> int:
    """Queue every run that is due on the database's clock and say when the next one is; returns how many."""
    rows = await pool.fetch(
        """
        SELECT key, now() AS now, next_run_at <= now() AS due, next_sweep_at <= now() AS sweep_due, next_sweep_at,
               next_run_at
        FROM source WHERE configured AND paused IS NOT TRUE AND key = ANY($1::text[])
          AND (next_run_at IS NULL OR next_run_at <= now() OR next_sweep_at IS NULL OR next_sweep_at <= now())
        """,
        list(sources),
    )
    for name, now, _, sweep_due, next_sweep_at, next_run_at in rows:
        plan = sources[name]
        mode = "full" if sweep_due else "incremental"
        run_id = await runs.request_run(pool, name, mode, requested_by="schedule")
        given, state = await pool.fetchrow("SELECT mode, state FROM run WHERE id = $1", run_id)
        if next_sweep_at is None or (sweep_due and given == "full"):
            next_sweep_at = next_sweep(now, plan.sweep, plan.zone)
        # Otherwise a run stands in the way that reads less, or has read on already: what is due stays due.
        await pool.execute(
            "UPDATE source SET next_run_at = $2, next_sweep_at = $3 WHERE key = $1",
            name,
            now + plan.every if given != "hints" and state == "queued" else next_run_at or now,
            next_sweep_at,
        )
    return len(rows)


async def request_hinted_runs(pool: Pool, sources: Iterable[str]) -> None:
    """Queue a run for each source that has hints and nobody reading it: a run under way follows them itself."""
    for name in await hints.sources_told_of(pool, list(sources)):
        await runs.request_run(pool, name, "hints", requested_by="hook")
