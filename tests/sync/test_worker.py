"""The worker needs PostgreSQL and nothing else: Redis only makes it quicker."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from register import audit, runs
from register.quality import Expected
from register.rules import Rule
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill
from workers import app
from workers.app import WorkerApp
from workers.queue import ring
from workers.records import Sorter
from workers.sync import Syncer
from workers.writer import Writer

# Seen when arq's main loop is cancelled: a connection is left to the collector. The process ends with it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
AWAY = "unix:///nonexistent/valkey.sock"


@contextlib.asynccontextmanager
async def working(engine: Engine, redis_url: str, **settings: Any) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    worker = WorkerApp(engine.pool, redis_url, engine.specs, {}, engine.policy, **settings)
    task = asyncio.create_task(worker.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def until(engine: Engine, sql: str, seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await engine.pool.fetchval(sql):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{sql}; {[dict(row) for row in await engine.pool.fetch('SELECT * FROM run')]}")


DONE = "SELECT state = 'succeeded' FROM run ORDER BY id DESC LIMIT 1"


async def test_a_worker_works_though_redis_was_never_there(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 5)
    await engine.add_jira(cloud)
    assert not await ring(AWAY)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    async with working(engine, AWAY):
        await until(engine, DONE)
    assert await engine.count("work_item") == 5


async def test_a_run_waits_in_the_database_while_redis_is_flushed(
    engine: Engine, cloud: FakeJira, redis_url: str
) -> None:
    fill(cloud, 5)
    await engine.add_jira(cloud)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    assert await ring(redis_url)
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.flushall()
    async with working(engine, redis_url):
        await until(engine, DONE)


async def test_a_worker_lets_the_audit_forget_old_use_in_pieces(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_PIECE", 3)
    await engine.pool.execute(
        "INSERT INTO audit (at, actor, action) SELECT now() - make_interval(days => days), 'ana', action "
        "FROM generate_series(91, 100) days, unnest(ARRAY['asked', 'link joined']) action"
    )
    await engine.pool.execute("INSERT INTO audit (at, actor, action) VALUES (now(), 'ana', 'asked')")
    async with working(engine, AWAY):
        await asyncio.sleep(0.2)
    assert await engine.count("audit") == 21  # as long as nobody says for how long
    async with working(engine, AWAY, keep_audit_days=90):
        await until(engine, "SELECT count(*) = 1 FROM audit WHERE action = 'asked'")
    assert await engine.count("audit", "action = 'link joined'") == 10


async def test_a_ring_wakes_an_idle_worker(
    engine: Engine, cloud: FakeJira, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "LOOK_EVERY_S", 60.0)
    fill(cloud, 1)
    await engine.add_jira(cloud)
    async with working(engine, redis_url):
        await asyncio.sleep(0.7)
        await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
        assert await ring(redis_url)
        await until(engine, DONE, 10)


async def test_a_stopped_worker_hands_its_run_to_the_next(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 200)
    await engine.add_jira(cloud, page_size=20)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    cloud.faults.on_search = lambda number: time.sleep(0.1)
    async with working(engine, AWAY):
        await until(engine, "SELECT count(*) > 20 FROM work_item")
    assert await engine.pool.fetchval("SELECT state FROM run") == "running"
    assert await engine.count("work_item") < 200
    cloud.faults.on_search = None
    async with working(engine, AWAY):
        await until(engine, DONE)
    assert await engine.count("work_item") == 200
    assert await engine.count("event", "entity = 'work_item'") == 200


async def test_a_refused_source_is_paused_with_its_reason_while_another_goes_on(engine: Engine) -> None:
    with FakeJira() as shut, FakeJira() as open_one:
        fill(shut, 2)
        fill(open_one, 3)
        await engine.add_jira(shut, "shut", auth={**shut.auth(), "token": "wrong"})
        await engine.add_jira(open_one, "open")
        for name in ("shut", "open"):
            await runs.request_run(engine.pool, name, "full", requested_by="schedule")
        async with working(engine, AWAY):
            await until(engine, "SELECT paused FROM source WHERE key = 'shut'")
            await until(engine, "SELECT state = 'succeeded' FROM run WHERE source = 'open'")
    reason = await engine.pool.fetchval("SELECT pause_reason FROM source WHERE key = 'shut'")
    assert reason == await engine.pool.fetchval("SELECT error FROM run WHERE source = 'shut'")
    assert await engine.pool.fetchval("SELECT paused FROM source WHERE key = 'open'") is None


async def test_an_unavailable_source_waits_and_keeps_its_place(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 100)
    await engine.add_jira(cloud, page_size=20)

    def close(number: int) -> None:
        time.sleep(0.15)
        if number == 3:
            cloud.faults.unavailable_every = 1

    cloud.faults.on_search = close
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    async with working(engine, AWAY):
        await until(engine, "SELECT state = 'queued' AND not_before > now() FROM run")
    stored = await engine.count("work_item")
    assert 0 < stored < 100
    assert await engine.pool.fetchval("SELECT error_code FROM run") == "SRC002"
    cloud.heal()
    before = len(cloud.log)
    await engine.pool.execute("UPDATE run SET not_before = now()")
    async with working(engine, AWAY):
        await until(engine, DONE)
    assert await engine.count("work_item") == 100
    assert await engine.pool.fetchval("SELECT seen = stored + unchanged FROM run")
    assert len(cloud.log) > before


@pytest.mark.parametrize("broken", [lambda aliases: 1 / 0])
async def test_a_defect_ends_the_run_with_a_reason_instead_of_trying_for_ever(
    engine: Engine, cloud: FakeJira, broken: Callable[[Any], Any]
) -> None:
    fill(cloud, 1)
    await engine.add_jira(cloud)
    engine.specs["delivery"] = replace(engine.specs["delivery"], build_mapper=broken)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    async with working(engine, AWAY):
        await until(engine, "SELECT state = 'failed' FROM run")
    run = await engine.pool.fetchrow("SELECT error, error_code, attempts FROM run")
    assert run["error_code"] == "RUN002"
    assert "ZeroDivisionError" in run["error"]
    assert "report it" in run["error"]


async def test_a_worker_looks_at_the_data_when_its_runs_have_ended(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 5)
    await engine.add_jira(cloud)
    rule = Rule("DQ-T", "work_item", "title IS NOT NULL", "warning", "{key} has a title")
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    stop = asyncio.Event()
    worker = WorkerApp(engine.pool, AWAY, engine.specs, {}, engine.policy, expected=Expected([rule]))
    task = asyncio.create_task(worker.run(stop))
    try:
        await until(engine, "SELECT count(*) = 5 FROM finding WHERE code = 'DQ-T' AND state = 'open'")
        assert await engine.count("run", "state = 'running'") == 0
        await until(engine, "SELECT warnings = 5 AND score < 100 FROM quality WHERE kind = 'project'")
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


@pytest.mark.parametrize(
    "away",
    [
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.DiskFullError("could not extend file: No space left on device"),
    ],
)
async def test_a_run_goes_on_after_the_database_was_away(
    engine: Engine, cloud: FakeJira, monkeypatch: pytest.MonkeyPatch, away: Exception
) -> None:
    begin, times = Writer.begin, 0

    async def once_away(self: Writer) -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise away
        await begin(self)

    monkeypatch.setattr(Writer, "begin", once_away)
    fill(cloud, 5)
    await engine.add_jira(cloud)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    async with working(engine, AWAY):
        await until(engine, DONE)
    assert await engine.count("work_item") == 5


async def test_a_statement_that_is_wrong_ends_the_run_as_a_defect(
    engine: Engine, cloud: FakeJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(self: Writer) -> None:
        await engine.pool.fetch("SELECT $1::int", 1, 2)

    monkeypatch.setattr(Writer, "begin", wrong)
    fill(cloud, 5)
    await engine.add_jira(cloud)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    async with working(engine, AWAY):
        await until(engine, "SELECT count(*) = 1 FROM run WHERE state = 'failed' AND error_code = 'RUN002'")


async def test_a_tool_is_not_asked_again_and_again_while_the_disk_is_full(
    engine: Engine, cloud: FakeJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_room(self: Writer) -> None:
        raise asyncpg.DiskFullError("could not extend file: No space left on device")

    monkeypatch.setattr(Writer, "begin", no_room)
    fill(cloud, 5)
    await engine.add_jira(cloud)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    async with working(engine, AWAY):
        await asyncio.sleep(3)
    assert 0 < cloud.state.wire.requests <= 6


async def test_a_write_that_fails_beside_its_run_is_not_left_behind(
    engine: Engine, cloud: FakeJira, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sort, times = Sorter.sort, 0

    async def no_room(self: Writer, batch: Any) -> None:
        raise asyncpg.DiskFullError("could not extend file: No space left on device")

    async def full_the_second_time(self: Sorter, *given: Any) -> Any:
        nonlocal times
        times += 1
        if times == 2:
            await asyncio.sleep(0.05)
            raise asyncpg.DiskFullError("could not write: No space left on device")
        return await sort(self, *given)

    monkeypatch.setattr(Writer, "_write", no_room)
    monkeypatch.setattr(Sorter, "sort", full_the_second_time)
    fill(cloud, 60)
    await engine.add_jira(cloud, page_size=5)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    (job,) = await runs.waiting_runs(engine.pool)
    with pytest.raises(asyncpg.DiskFullError):
        await Syncer(engine.pool, engine.specs, engine.policy, holder="test").work(job)
    gc.collect()
    assert "never retrieved" not in caplog.text
