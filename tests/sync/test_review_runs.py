"""What must not happen to runs when workers are late, stolen from, or talk to a tool that is down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from adapters.base import Identity, Page, Partition, RawRecord
from adapters.errors import SourceUnavailable
from portbook.wiring import build_mapper
from register import runs
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill
from workers.sync import Syncer


async def test_a_run_that_has_ended_is_not_begun_again_by_a_worker_that_listed_it_before(
    engine: Engine, cloud: FakeJira
) -> None:
    fill(cloud, 20)
    await engine.add_jira(cloud)
    await engine.sync()
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test", approved=True)
    (job,) = await runs.waiting_runs(engine.pool)
    first, late = (
        Syncer(engine.pool, engine.specs, engine.policy, holder=name) for name in ("first", "late")
    )
    assert await first.work(job)
    assert not await late.work(job)
    assert await engine.count("work_item", "presence = 'present'") == 20
    assert await engine.count("run", "state = 'succeeded'") == 2


async def test_a_worker_that_lost_its_lease_does_not_end_the_run_of_the_next(
    engine: Engine, cloud: FakeJira
) -> None:
    fill(cloud, 100)
    loop = asyncio.get_running_loop()

    def steal(number: int) -> None:
        cloud.faults.on_search = None
        taken = engine.pool.execute("UPDATE lease SET token = token + 1, holder = 'thief'")
        asyncio.run_coroutine_threadsafe(taken, loop).result(5)
        cloud.faults.html_login = True

    cloud.faults.on_search = steal
    await engine.add_jira(cloud, page_size=20)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    (job,) = await runs.waiting_runs(engine.pool)
    await Syncer(engine.pool, engine.specs, engine.policy, holder="victim").work(job)
    assert await engine.pool.fetchval("SELECT state FROM run") == "running"
    assert await engine.pool.fetchval("SELECT paused FROM source") is None


async def test_a_large_source_behind_a_quota_is_read_in_as_many_turns_as_it_takes(
    engine: Engine, cloud: FakeJira
) -> None:
    """Every turn ends at the tool's limit, and begins where the one before ended."""
    fill(cloud, 200)
    await engine.add_jira(cloud, page_size=10)

    def used_up(number: int) -> None:
        if number % 3 == 0:
            cloud.faults.too_many_every, cloud.faults.retry_after = 1, "3600"

    cloud.faults.on_search = used_up
    run_id = await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    turns = 0
    run: Any = {"state": "queued"}
    while run["state"] == "queued" and turns < 20:
        turns += 1
        cloud.faults.too_many_every = 0
        await engine.pool.execute("UPDATE run SET not_before = now() WHERE state = 'queued'")
        (job,) = await runs.waiting_runs(engine.pool)
        await Syncer(engine.pool, engine.specs, engine.policy, holder="test").work(job)
        run = await engine.pool.fetchrow("SELECT state, error FROM run WHERE id = $1", run_id)
    assert (run["state"], run["error"]) == ("succeeded", None)
    assert turns > 6
    assert await engine.count("work_item", "presence = 'present'") == 200

    # One that comes no further is given up.
    cloud.faults.on_search, cloud.faults.too_many_every = None, 1
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    for _ in range(5):
        await engine.pool.execute("UPDATE run SET not_before = now() WHERE state = 'queued'")
        (job,) = await runs.waiting_runs(engine.pool)
        await Syncer(engine.pool, engine.specs, engine.policy, holder="test").work(job)
    assert not await runs.waiting_runs(engine.pool)
    assert await engine.count("run", "state = 'incomplete'") == 1


class Stubborn:
    """A tool with two parts: one sends pages without end, the other fails when its reading is stopped."""

    kind = "jira"

    async def __aenter__(self) -> Stubborn:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def check(self) -> Identity:
        return Identity("tester", "Stubborn 1")

    async def aliases(self) -> dict[str, str]:
        return {}

    async def partitions(self) -> list[Partition]:
        return [Partition("endless", ()), Partition("failing", ())]

    async def read(self, partition: Partition, cursor: Any, *, full: bool) -> AsyncIterator[Page]:
        if partition.name == "failing":
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise SourceUnavailable("the line was cut") from None
        for number in count():
            yield Page([RawRecord("other", str(number), b"{}", {})], {"at": number})


async def test_a_source_that_fails_while_its_run_is_stopped_does_not_hold_the_worker_for_ever(
    engine: Engine,
) -> None:
    await engine.add("delivery", "jira", Stubborn, {"url": "http://127.0.0.1:9"})  # type: ignore[arg-type]
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    (job,) = await runs.waiting_runs(engine.pool)
    working = asyncio.create_task(Syncer(engine.pool, engine.specs, engine.policy, holder="victim").work(job))
    async with asyncio.timeout(30):
        while not await engine.count("source_record"):
            await asyncio.sleep(0.01)
    await engine.pool.execute("UPDATE lease SET token = token + 1, holder = 'thief'")
    done, _ = await asyncio.wait([working], timeout=10)
    assert working in done, "the worker waits for somebody who has gone"
    assert await engine.pool.fetchval("SELECT state FROM run") == "running"


async def test_a_tool_that_is_down_is_asked_ever_more_rarely_and_then_given_up(engine: Engine) -> None:
    with FakeJira() as gone:
        await engine.add_jira(gone)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    waits = []
    for _ in range(5):
        await engine.pool.execute("UPDATE run SET not_before = now()")
        (job,) = await runs.waiting_runs(engine.pool)
        await Syncer(engine.pool, engine.specs, engine.policy, holder="test").work(job)
        row = await engine.pool.fetchrow(
            "SELECT state, attempts, not_before - clock_timestamp() AS wait FROM run"
        )
        waits.append(round(row["wait"].total_seconds()) if row["state"] == "queued" else row["state"])
    assert waits == [5, 15, 45, 135, "incomplete"]


async def test_a_mended_mapping_reaches_stored_records_with_the_next_complete_run(
    engine: Engine, cloud: FakeJira
) -> None:
    issues = fill(cloud, 5)
    odd = {
        **cloud.world.status("To Do"),
        "id": "77",
        "name": "Parked",
        "statusCategory": {"id": 1, "key": "undefined"},
    }
    cloud.edit(issues[0], status=odd)
    await engine.add_jira(cloud)
    await engine.sync()
    assert await engine.count("work_item", "status IS NULL") == 1
    mended = engine.folder / "mapping.yaml"
    mended.write_text("source: jira\nlookups: {status: {Parked: todo}}\n")
    source = replace(engine.configured["delivery"], mapping=mended)
    spec = replace(engine.specs["delivery"], build_mapper=lambda aliases: build_mapper(source, aliases))
    engine.specs["delivery"] = spec
    run = await engine.sync(mode="full")
    assert (run["state"], run["rows_changed"]) == ("succeeded", 1)
    assert await engine.count("work_item", "status IS NULL") == 0
    assert [finding for finding in await engine.findings() if finding["code"] == "MAP102"] == []
    again = await engine.sync(mode="full")
    assert (again["stored"], again["rows_changed"]) == (0, 0)
    # A comment means nothing: nothing is said anew, and what was said before is explained by the lines of now.
    mended.write_text(f"# A word on it.\n{mended.read_text()}")
    commented = await engine.sync(mode="full")
    assert (commented["stored"], commented["rows_changed"]) == (0, 0)
    assert commented["mapping_version"] != again["mapping_version"]
    row = await engine.pool.fetchrow(
        "SELECT u.agrees_with, s.mapped_with FROM mapping_used u JOIN source s ON s.key = u.source WHERE version = $1",
        again["mapping_version"],
    )
    assert tuple(row) == (commented["mapping_version"], commented["mapping_version"])


@pytest.mark.parametrize("back", [False, True], ids=["to another", "there and back"])
async def test_a_run_that_went_on_under_another_mapping_leaves_the_rest_to_the_next(
    engine: Engine, cloud: FakeJira, back: bool
) -> None:
    parked = {**cloud.world.status("To Do"), "id": "77", "name": "Parked"}
    parked["statusCategory"] = {"id": 1, "key": "undefined"}
    for issue in fill(cloud, 90):
        cloud.edit(issue, status=parked)
    await engine.add_jira(cloud, page_size=10)
    mapping = engine.folder / "mapping.yaml"
    source = replace(engine.configured["delivery"], mapping=mapping)
    engine.specs["delivery"] = replace(
        engine.specs["delivery"], build_mapper=lambda aliases: build_mapper(source, aliases)
    )
    plain = "source: jira\n"
    mended = f"{plain}lookups: {{status: {{Parked: todo}}}}\n"

    def close(number: int) -> None:
        if next(searches) == 3:
            cloud.faults.unavailable_every = 1

    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    for text, stops in ((plain, True), (mended, back), (plain, False))[: 3 if back else 2]:
        mapping.write_text(text)
        cloud.heal()
        searches = count(1)
        cloud.faults.on_search = close if stops else None
        await engine.pool.execute("UPDATE run SET not_before = now()")
        (job,) = await runs.waiting_runs(engine.pool)
        await Syncer(engine.pool, engine.specs, engine.policy, holder="test").work(job)
        assert await engine.pool.fetchval("SELECT state FROM run") == ("queued" if stops else "succeeded")
    assert await engine.pool.fetchval("SELECT mapping_version FROM run") is None
    assert 0 < await engine.count("work_item", "status IS NULL") < 90
    assert await engine.pool.fetchval("SELECT mapped_with FROM source") is None
    run = await engine.sync(mode="full")
    assert await engine.count("work_item", "status IS NULL") == (90 if back else 0)
    assert run["mapping_version"] == await engine.pool.fetchval("SELECT mapped_with FROM source")
    assert (await engine.sync(mode="full"))["rows_changed"] == 0


async def test_history_never_runs_backwards_when_two_writers_share_a_row(
    engine: Engine, cloud: FakeJira
) -> None:
    from register.merge import merge_rows
    from register.settled import Settled

    fill(cloud, 1)
    await engine.add_jira(cloud)
    await engine.sync()
    ids = [str(await engine.pool.fetchval("SELECT id FROM project"))]
    change = (
        "UPDATE claim SET values = jsonb_set(values, '{title}', to_jsonb($1::text)) WHERE entity = 'project'"
    )
    async with engine.pool.acquire() as early, engine.pool.acquire() as late, early.transaction():
        await early.fetchval("SELECT now()")  # begins first, writes last
        async with late.transaction():
            await late.execute(change, "second")
            await merge_rows(late, "project", ids, engine.policy, Settled())
        await early.execute(change, "third")
        await merge_rows(early, "project", ids, engine.policy, Settled())
    rows = await engine.pool.fetch(
        "SELECT valid_from, valid_to FROM project_history UNION ALL SELECT valid_from, 'infinity' FROM project ORDER BY 1"
    )
    assert len(rows) == 3
    assert [row["valid_to"] for row in rows[:-1]] == [row["valid_from"] for row in rows[1:]]
    assert sorted(row["valid_from"] for row in rows) == [row["valid_from"] for row in rows]
