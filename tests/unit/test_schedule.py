"""When a source is due: also on the days when the clocks change, and never twice."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register import runs
from tests.fix_engine import Engine
from workers.schedule import Due, next_sweep, request_due_runs

LONDON = ZoneInfo("Europe/London")
PLAN = Due(timedelta(minutes=5), time(2), ZoneInfo("UTC"))


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "sweep", "following"),
    [
        ("2026-01-10T01:00", "02:00", "2026-01-10T02:00"),
        ("2026-01-10T02:00", "02:00", "2026-01-11T02:00"),
        ("2026-07-10T00:59", "02:00", "2026-07-10T01:00"),
        # 29 March: 01:00 becomes 02:00. 01:30 is left out; it comes when the clock has moved past it.
        ("2026-03-29T00:00", "01:30", "2026-03-29T01:30"),
        ("2026-03-29T01:30", "01:30", "2026-03-30T00:30"),
        ("2026-03-29T00:00", "02:00", "2026-03-29T01:00"),
        # 25 October: 02:00 becomes 01:00. 01:30 comes twice and counts once.
        ("2026-10-25T00:00", "01:30", "2026-10-25T00:30"),
        ("2026-10-25T00:31", "01:30", "2026-10-26T01:30"),
        ("2026-10-25T01:31", "01:30", "2026-10-26T01:30"),
        ("2026-10-24T23:30", "23:59", "2026-10-25T23:59"),
        ("2026-12-31T23:59", "00:00", "2027-01-01T00:00"),
    ],
)  # fmt: skip
def test_the_sweep_follows_the_clock_on_the_wall(now: str, sweep: str, following: str) -> None:
    assert next_sweep(utc(now), time.fromisoformat(sweep), LONDON) == utc(following)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.times().map(lambda t: t.replace(microsecond=0)),
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]).map(
        ZoneInfo
    ),
)
def test_sweeps_come_once_a_day_and_always_later(now: datetime, sweep: time, zone: ZoneInfo) -> None:
    moments = [now]
    for _ in range(4):
        moments.append(next_sweep(moments[-1], sweep, zone))
    assert all(a < b <= a + timedelta(hours=26) for a, b in pairwise(moments))
    days = [moment.astimezone(zone).date() for moment in moments[1:]]
    assert days == [days[0] + timedelta(days=at) for at in range(4)]


async def add_source(engine: Engine, name: str = "delivery", **columns: Any) -> None:
    await runs.register_sources(engine.pool, [runs.SourceSetting(name, "jira", None, 300, "02:00")])
    for column, value in columns.items():
        await engine.pool.execute(f"UPDATE source SET {column} = $1 WHERE key = $2", value, name)


async def queued(engine: Engine) -> list[tuple[str, str]]:
    return [tuple(row) for row in await engine.pool.fetch("SELECT mode, state FROM run ORDER BY id")]


async def make_due(engine: Engine, column: str = "next_run_at") -> None:
    await engine.pool.execute(f"UPDATE source SET {column} = now() - interval '1 second'")


async def test_a_due_source_is_queued_once_and_in_full_while_it_was_never_complete(engine: Engine) -> None:
    await add_source(engine)
    assert await request_due_runs(engine.pool, {"delivery": PLAN}) == 1
    assert await request_due_runs(engine.pool, {"delivery": PLAN}) == 0
    await make_due(engine)
    assert await request_due_runs(engine.pool, {"delivery": PLAN}) == 1
    assert await queued(engine) == [("full", "queued")]
    wait = await engine.pool.fetchval("SELECT next_run_at - now() FROM source")
    assert timedelta(minutes=4) < wait <= timedelta(minutes=5)


async def test_a_complete_source_is_read_for_changes_and_swept_when_the_sweep_is_due(engine: Engine) -> None:
    await add_source(engine, complete_at=datetime.now(UTC))
    await request_due_runs(engine.pool, {"delivery": PLAN})
    assert await queued(engine) == [("incremental", "queued")]
    await make_due(engine, "next_sweep_at")
    await request_due_runs(engine.pool, {"delivery": PLAN})
    assert await queued(engine) == [("full", "queued")]
    assert await engine.pool.fetchval("SELECT next_sweep_at > now() FROM source")


async def test_a_paused_or_unconfigured_source_is_not_scheduled(engine: Engine) -> None:
    await add_source(engine)
    await runs.pause(engine.pool, "delivery", "the token was refused")
    assert await request_due_runs(engine.pool, {"delivery": PLAN}) == 0
    await runs.resume(engine.pool, "delivery")
    await runs.register_sources(engine.pool, [])
    assert await request_due_runs(engine.pool, {"delivery": PLAN}) == 0
    assert await queued(engine) == []


async def test_a_sweep_that_falls_due_during_a_short_run_follows_it(engine: Engine) -> None:
    await add_source(engine, complete_at=datetime.now(UTC))
    await request_due_runs(engine.pool, {"delivery": PLAN})
    await engine.pool.execute("UPDATE run SET state = 'running', attempts = 1")
    await make_due(engine, "next_sweep_at")
    await request_due_runs(engine.pool, {"delivery": PLAN})
    assert await queued(engine) == [("incremental", "running")]
    await engine.pool.execute("UPDATE run SET state = 'succeeded'")
    await request_due_runs(engine.pool, {"delivery": PLAN})
    assert await queued(engine) == [("incremental", "succeeded"), ("full", "queued")]
    assert await request_due_runs(engine.pool, {"delivery": PLAN}) == 0


async def test_the_schedule_does_not_undo_the_wait_that_a_tool_asked_for(engine: Engine) -> None:
    await add_source(engine)
    run_id = await runs.request_run(engine.pool, "delivery", "full", requested_by="schedule")
    await engine.pool.execute("UPDATE run SET state = 'running'")
    await runs.postpone(engine.pool, run_id, delay_s=3600, code="SRC002", error="busy")
    await request_due_runs(engine.pool, {"delivery": PLAN})
    assert await runs.waiting_runs(engine.pool) == []
    await runs.request_run(engine.pool, "delivery", "full", requested_by="mia")
    assert [job.id for job in await runs.waiting_runs(engine.pool)] == [run_id]
