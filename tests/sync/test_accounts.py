"""What a run writes, and what it does not."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine


def fill(fake: FakeJira, count: int = 60, project: str = "PAY") -> list[Any]:
    fake.world.add_project(project, project.title(), lead=fake.world.add_user("Mia Krystof"))
    return [fake.add_issue(project, f"Item {n}", duedate="2026-03-29") for n in range(count)]


async def test_a_first_run_is_complete_and_its_accounts_balance(engine: Engine, jira: FakeJira) -> None:
    fill(jira)
    await engine.add_jira(jira)
    run = await engine.sync()
    assert (run["state"], run["mode"]) == ("succeeded", "full")
    assert run["seen"] == run["stored"] + run["unchanged"] + run["quarantined"]
    assert await engine.count("work_item") == 60
    assert await engine.count("event", "type = 'created'") == run["rows_changed"]


async def test_a_second_run_without_change_writes_no_row_and_no_event(engine: Engine, jira: FakeJira) -> None:
    fill(jira)
    await engine.add_jira(jira)
    await engine.sync()
    before = await engine.touched()
    for mode in ("incremental", "full"):
        run = await engine.sync(mode=mode)
        assert run["state"] == "succeeded"
        assert (run["stored"], run["rows_changed"], run["vanished"]) == (0, 0, 0)
    assert await engine.touched() == before


async def test_exactly_the_changed_items_change(engine: Engine, jira: FakeJira) -> None:
    issues = fill(jira, 200)
    await engine.add_jira(jira)
    await engine.sync()
    before = await engine.rows("work_item")
    for issue in issues[::100]:
        jira.edit(issue, summary="Renamed")
    run = await engine.sync()
    after = await engine.rows("work_item")
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {str(issue.id) for issue in issues[::100]}
    assert run["stored"] == run["rows_changed"] == 2
    assert await engine.count("work_item_history") == 2
    event = await engine.pool.fetchrow("SELECT changed, version FROM event WHERE type = 'changed' LIMIT 1")
    assert '"title": ["Item' in event["changed"]
    assert event["version"] == 2


async def test_history_meets_the_present_without_a_gap(engine: Engine, jira: FakeJira) -> None:
    issue = fill(jira, 1)[0]
    await engine.add_jira(jira)
    await engine.sync()
    jira.edit(issue, summary="Renamed")
    await engine.sync()
    row = await engine.pool.fetchrow(
        """
        SELECT h.valid_to = w.valid_from AS seamless, h.title AS then, w.title AS now, h.version
        FROM work_item w JOIN work_item_history h USING (id)
        """
    )
    assert tuple(row) == (True, "Item 0", "Renamed", 1)


async def test_a_field_cleared_at_the_source_is_cleared_here(engine: Engine, jira: FakeJira) -> None:
    issue = fill(jira, 3)[0]
    await engine.add_jira(jira)
    await engine.sync()
    assert (await engine.rows("work_item"))[str(issue.id)]["due_on"] == "2026-03-29"
    jira.world.clear_field(issue, "duedate")
    await engine.sync()
    assert (await engine.rows("work_item"))[str(issue.id)]["due_on"] is None


async def test_two_workers_do_a_run_once(engine: Engine, jira: FakeJira) -> None:
    from register import runs
    from workers.sync import Syncer

    fill(jira, 120)
    await engine.add_jira(jira)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    (job,) = await runs.waiting_runs(engine.pool)
    workers = [Syncer(engine.pool, engine.specs, engine.policy, holder=f"worker {n}") for n in range(2)]
    done = await asyncio.gather(*(worker.work(job) for worker in workers))
    assert sorted(done) == [False, True]
    assert await engine.count("event") == await engine.pool.fetchval("SELECT rows_changed FROM run")


async def test_a_worker_whose_lease_has_passed_on_writes_nothing(engine: Engine, jira: FakeJira) -> None:
    from register import runs
    from workers.sync import Syncer

    fill(jira, 300)

    def steal(number: int) -> None:
        if number == 2:
            asyncio.run_coroutine_threadsafe(
                engine.pool.execute("UPDATE lease SET token = token + 1, holder = 'thief'"), loop
            ).result(5)

    loop = asyncio.get_running_loop()
    jira.faults.on_search = steal
    await engine.add_jira(jira, page_size=50)
    await runs.request_run(engine.pool, "delivery", "full", requested_by="test")
    (job,) = await runs.waiting_runs(engine.pool)
    await Syncer(engine.pool, engine.specs, engine.policy, holder="victim").work(job)
    assert await engine.pool.fetchval("SELECT state FROM run") == "running"
    stored = await engine.count("work_item")
    assert stored < 300
    # The thief's turn: it goes on where the last whole page ended.
    jira.faults.on_search = None
    await engine.pool.execute("UPDATE lease SET expires_at = now() - interval '1 second'")
    (job,) = await runs.waiting_runs(engine.pool)
    await Syncer(engine.pool, engine.specs, engine.policy, holder="thief").work(job)
    run = await engine.pool.fetchrow("SELECT * FROM run")
    assert run["state"] == "succeeded"
    assert await engine.count("work_item") == 300
    assert await engine.count("event", "entity = 'work_item'") == 300
