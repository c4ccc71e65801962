"""What a tool tells of itself is read again within the run that is under way, or in a short one of its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.azure_devops.feed import Feed
from adapters.jira import JiraAdapter
from register import hints, runs
from register.hints import Waiting
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill
from tests.sync.test_worker import AWAY, until, working
from workers import following
from workers.schedule import Due, request_due_runs, request_hinted_runs


async def tell(engine: Engine, *issues: Any, stream: str = "issue", source: str = "delivery") -> None:
    await hints.leave(engine.pool, {(source, stream, str(getattr(i, "id", i))): 1 for i in issues})


async def test_an_item_the_tool_tells_of_is_read_again_alone(engine: Engine, jira: FakeJira) -> None:
    issues = fill(jira, 30)
    await engine.add_jira(jira)
    await engine.sync()
    before = dict(await engine.pool.fetchrow("SELECT fresh_at, complete_at FROM source"))
    cursors = await runs.source_cursors(engine.pool, "delivery")
    jira.edit(issues[3], summary="Renamed")
    jira.edit(issues[4], summary="Renamed as well, untold")
    await tell(engine, issues[3], issues[5])
    run = await engine.sync(mode="hints")
    assert (run["mode"], run["state"], run["seen"], run["stored"]) == ("hints", "succeeded", 2, 1)
    titles = {row["key"]: row["title"] for row in (await engine.rows("work_item")).values()}
    assert titles[issues[3].key] == "Renamed"
    assert titles[issues[4].key] == "Item 4"
    assert await engine.count("hint") == 0
    # It says nothing about the rest of the source: what is fresh, and where the next run starts, stays.
    assert dict(await engine.pool.fetchrow("SELECT fresh_at, complete_at FROM source")) == before
    assert await runs.source_cursors(engine.pool, "delivery") == cursors
    again = await engine.sync()
    assert (again["stored"], again["rows_changed"]) == (1, 1)


async def test_what_is_gone_leaves_with_its_reason(engine: Engine, jira: FakeJira) -> None:
    issues = fill(jira, 40)
    jira.world.add_project("HID", "Hidden")
    lost = jira.add_issue("HID", "Soon unseen")
    jira.world.add_project("OUT", "Elsewhere")
    await engine.add_jira(jira, select={"projects": ["PAY", "HID"]})
    await engine.sync()
    jira.delete(issues[0])
    jira.move(issues[1], "OUT")
    jira.hide_project("HID")
    await tell(engine, issues[0], issues[1], lost, "999999")
    run = await engine.sync(mode="hints")
    assert (run["state"], run["vanished"]) == ("succeeded", 3)
    found = {key: row["presence"] for key, row in (await engine.rows("work_item")).items()}
    assert found[str(issues[0].id)] == "deleted"
    assert found[str(issues[1].id)] == "moved"
    assert found[str(lost.id)] == "lost_access"
    assert await engine.count("hint") == 0


@pytest.mark.parametrize("way", ["told", "complete"])
async def test_a_link_goes_when_neither_of_its_ends_says_so_any_more(
    engine: Engine, jira: FakeJira, way: str
) -> None:
    """Where Jira moves `updated` on at one end alone, or at none, the changes that a poll asks for do not tell all."""
    fill(jira, 4)
    # Long ago, beyond what a poll asks for again.
    one, other = (jira.add_issue("PAY", title, created=1_700_000_000_000) for title in ("One", "Other"))
    name = jira.world.link(one, other)
    await engine.add_jira(jira)
    await engine.sync()
    jira.world.unlink(name, jira.edit(one), other)
    await engine.sync()
    assert [row["presence"] for row in (await engine.rows("dependency")).values()] == ["present"]
    if way == "told":  # by `issuelink_deleted`, which names both ends
        await tell(engine, one, other)
        await engine.sync(mode="hints")
    else:
        await engine.sync(mode="full")
    assert [row["presence"] for row in (await engine.rows("dependency")).values()] == ["deleted"]


async def test_logged_work_is_read_again_too(engine: Engine, jira: FakeJira) -> None:
    issue = fill(jira, 1)[0]
    await engine.add_jira(jira)
    await engine.sync()
    mia = jira.world.add_user("Ada Lovelace")
    log = jira.world.add_worklog(issue, mia, 3600, jira.world.now())
    await tell(engine, log, stream="worklog")
    await engine.sync(mode="hints")
    assert [row["hours"] for row in (await engine.rows("time_entry")).values()] == [1]


async def test_a_run_under_way_follows_what_comes_meanwhile(
    engine: Engine, cloud: FakeJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also, pages of before the change that were on their way must not take it back."""
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.02)
    issues = fill(cloud, 400)
    await engine.add_jira(cloud, page_size=20)
    await engine.sync()
    loop = asyncio.get_running_loop()
    seen: list[str] = []

    async def change_and_tell() -> None:
        cloud.edit(issues[390], summary="Renamed meanwhile")
        await tell(engine, issues[390])

    def meddle(number: int) -> None:
        if not seen:
            seen.append("told")
            asyncio.run_coroutine_threadsafe(change_and_tell(), loop).result(5)
        elif len(seen) == 1 and number > 8:
            row = asyncio.run_coroutine_threadsafe(
                engine.pool.fetchval("SELECT count(*) FROM work_item WHERE title = 'Renamed meanwhile'"), loop
            )
            if row.result(5):
                seen.append("visible")

    cloud.faults.on_search = meddle
    # The fake holds its lock while it calls back; the edit is made by another thread.
    cloud.world.lock = _NoLock()
    run = await engine.sync(mode="full")
    cloud.faults.on_search = None
    assert run["state"] == "succeeded"
    assert run["seen"] == run["stored"] + run["unchanged"] + run["quarantined"]
    assert seen == ["told", "visible"], "the change was visible before the read came to its page"
    assert (await engine.rows("work_item"))[str(issues[390].id)]["title"] == "Renamed meanwhile"
    assert await engine.count("work_item_history") == 1
    assert await engine.count("hint") == 0


class _NoLock:
    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...


@pytest.mark.parametrize("change", ["edited", "restored", "deleted"])
async def test_what_was_asked_for_before_the_run_came_to_it_takes_nothing_back(
    engine: Engine, boards: FakeAzureDevOps, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The cursor is past the change by then: the next run would not find it."""
    boards.world.add_project("Alpha")
    item = boards.add_item("Alpha", "Item")
    for number in range(30):
        boards.add_item("Alpha", f"Other {number}")
    await engine.add_azure_devops(boards)
    await engine.sync("boards")
    if change == "restored":
        boards.delete(item)
    else:
        boards.edit(item, **{"System.Title": "First"})
    await tell(engine, item, stream="work_item", source="boards")
    changed, written = asyncio.Event(), asyncio.Event()
    reread, batch = following.reread, Feed.batch

    async def slow(*args: Any) -> Any:
        found = await reread(*args)
        if change == "deleted":
            boards.delete(item)
        else:
            if change == "restored":
                boards.world.restore(item)
            boards.edit(item, **{"System.Title": "Second"})
        changed.set()
        there = "presence <> 'present'" if change == "deleted" else "title = 'Second'"
        await until(engine, f"SELECT count(*) = 1 FROM work_item WHERE {there}")
        written.set()
        return found

    async def waiting(feed: Feed, token: str | None) -> Any:
        if feed._stream == "work_item":
            await changed.wait()
        else:
            await written.wait()
            await asyncio.sleep(0.2)  # until the hint is through
        return await batch(feed, token)

    with monkeypatch.context() as patched:
        patched.setattr(following, "reread", slow)
        patched.setattr(Feed, "batch", waiting)
        assert (await engine.sync("boards"))["state"] == "succeeded"
    expected = ("Item", "deleted") if change == "deleted" else ("Second", "present")
    for mode in ("incremental", "hints"):
        row = (await engine.rows("work_item"))[str(item.id)]
        assert (row["title"], row["presence"]) == expected, f"before {mode}"
        assert (await engine.sync("boards", mode))["state"] == "succeeded"
    assert await engine.count("hint") == 0


async def test_a_hint_said_again_while_it_is_followed_stays(engine: Engine) -> None:
    """However often: only what was looked at is taken back, also with two looks under way."""
    await tell(engine, "1", "2")
    first = await hints.waiting(engine.pool, "delivery", 10)
    await tell(engine, "2")
    second = await hints.waiting(engine.pool, "delivery", 10)
    async with engine.pool.acquire() as connection:
        await hints.settle(connection, "delivery", first)
        await tell(engine, "2")
        await hints.settle(connection, "delivery", second)
    (left,) = await hints.waiting(engine.pool, "delivery", 10)
    assert left.item == "2"


async def test_a_hint_that_cannot_be_followed_waits_longer_each_time_and_spoils_nothing(
    engine: Engine, cloud: FakeJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    issues = fill(cloud, 30)
    await engine.add_jira(cloud)
    await engine.sync()

    async def poisoned(self: Any, wanted: Any) -> Any:
        if any(hint.id == "666" for hint in wanted):
            raise TypeError("Integer exceeds 64-bit range")
        async for page in reread(self, wanted):
            yield page

    reread = JiraAdapter.reread
    monkeypatch.setattr(JiraAdapter, "reread", poisoned)
    for issue in issues[:5]:
        cloud.edit(issue, summary="Told")
    await tell(engine, "666", *issues[:5])
    for mode in ("hints", "incremental", "full"):
        run = await engine.sync(mode=mode)
        assert run["state"] == "succeeded", mode
    assert sum(row["title"] == "Told" for row in (await engine.rows("work_item")).values()) == 5
    assert await engine.pool.fetchval("SELECT paused FROM source") is None
    row = await engine.pool.fetchrow("SELECT item, attempts, not_before > now() AS waits FROM hint")
    assert (row["item"], row["waits"]) == ("666", True)
    await request_hinted_runs(engine.pool, ["delivery"])
    assert await engine.count("run", "state = 'queued'") == 0, "nothing is due"
    for _ in range(hints.MOST_ATTEMPTS):
        await hints.put_off(engine.pool, "delivery", [Waiting("issue", "666", 1)])
    assert await engine.count("hint") == 0


async def test_a_credential_that_is_revoked_while_hints_are_followed_pauses_the_source_at_once(
    engine: Engine, boards: FakeAzureDevOps, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards.world.add_project("Alpha")
    items = [boards.add_item("Alpha", f"Item {n}") for n in range(150)]
    await engine.add_azure_devops(boards)
    await engine.sync("boards")
    await hints.leave(engine.pool, {("boards", "work_item", str(item.id)): 1 for item in items})
    reread = following.reread

    async def revoked(*args: Any) -> Any:
        boards.state.secret = "another"
        return await reread(*args)

    monkeypatch.setattr(following, "reread", revoked)
    run = await engine.sync("boards", "hints")
    assert (run["state"], "401" in run["error"]) == ("failed", True)
    assert await engine.pool.fetchval("SELECT paused FROM source")
    assert [call.status for call in boards.log].count(401) == 1
    assert await engine.count("hint", "attempts = 0") == 150


async def test_hints_cannot_take_away_much_of_a_source(engine: Engine, cloud: FakeJira) -> None:
    issues = fill(cloud, 40)
    await engine.add_jira(cloud)
    await engine.sync()
    await engine.pool.execute("UPDATE source SET next_sweep_at = now() + interval '1 day'")
    for issue in issues[:20]:
        cloud.delete(issue)
    await tell(engine, *issues[:4])
    await engine.sync(mode="hints")
    assert await engine.count("work_item", "presence <> 'present'") == 4
    await tell(engine, *issues[4:20])
    run = await engine.sync(mode="hints")
    assert (run["state"], run["vanished"]) == ("succeeded", 0)
    assert await engine.count("work_item", "presence <> 'present'") == 4
    assert await engine.pool.fetchval("SELECT next_sweep_at <= clock_timestamp() FROM source")
    assert (await engine.sync(mode="full"))["state"] == "held"


async def test_a_run_that_was_put_off_for_hints_does_not_keep_others_waiting(
    engine: Engine, cloud: FakeJira
) -> None:
    fill(cloud, 1)
    await engine.add_jira(cloud)
    await engine.sync()
    await runs.request_run(engine.pool, "delivery", "hints", requested_by="hook")
    await engine.pool.execute(
        "UPDATE run SET attempts = 1, not_before = now() + interval '1 hour' WHERE state = 'queued'"
    )
    await runs.request_run(engine.pool, "delivery", "full", requested_by="schedule")
    (job,) = await runs.waiting_runs(engine.pool)
    assert (job.mode, job.attempts) == ("full", 0)


async def test_what_becomes_due_while_a_run_reads_stays_due(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 1)
    await engine.add_jira(cloud)
    await engine.sync()
    due = {"delivery": Due(timedelta(hours=1), datetime(2026, 1, 1, 2, tzinfo=UTC).time(), ZoneInfo("UTC"))}
    await request_due_runs(engine.pool, due)
    await engine.pool.execute("UPDATE run SET state = 'running' WHERE state = 'queued'")
    async with engine.pool.acquire() as connection:
        await hints.read_soon(connection, "delivery")
    await request_due_runs(engine.pool, due)
    assert await engine.pool.fetchval("SELECT next_run_at <= clock_timestamp() FROM source")


async def test_news_that_names_nothing_makes_the_next_run_due(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 2)
    await engine.add_jira(cloud)
    await engine.sync()
    await engine.pool.execute("UPDATE source SET next_run_at = now() + interval '1 hour'")
    await hints.leave(engine.pool, {("delivery", "", ""): 7})
    await engine.sync(mode="hints")
    assert await engine.pool.fetchval("SELECT next_run_at <= clock_timestamp() FROM source")
    assert await engine.count("hint") == 0


async def test_a_storm_of_hints_does_not_keep_the_poll_waiting(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 2)
    await engine.add_jira(cloud)
    await engine.sync()
    due = {"delivery": Due(timedelta(minutes=5), datetime(2026, 1, 1, 2, tzinfo=UTC).time(), ZoneInfo("UTC"))}
    await request_due_runs(engine.pool, due)
    await engine.pool.execute("UPDATE run SET state = 'succeeded' WHERE state = 'queued'")
    await tell(engine, "1")
    await request_hinted_runs(engine.pool, due)
    await engine.pool.execute("UPDATE run SET state = 'running' WHERE state = 'queued'")
    await engine.pool.execute("UPDATE source SET next_run_at = now() - interval '1 second'")
    await request_due_runs(engine.pool, due)
    assert await engine.pool.fetchval("SELECT next_run_at <= now() FROM source"), "still due"
    await engine.pool.execute("UPDATE run SET state = 'succeeded' WHERE state = 'running'")
    # The hints go on coming; the poll is asked for first.
    await request_due_runs(engine.pool, due)
    await request_hinted_runs(engine.pool, due)
    assert await engine.pool.fetchval("SELECT mode FROM run WHERE state = 'queued'") == "incremental"


async def test_a_paused_source_is_not_read_for_hints(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 1)
    await engine.add_jira(cloud)
    await engine.sync()
    await tell(engine, "1")
    await engine.pool.execute("UPDATE source SET paused = true")
    await request_hinted_runs(engine.pool, ["delivery"])
    assert await engine.count("run", "state = 'queued'") == 0


async def test_an_idle_worker_follows_a_hint_by_itself(engine: Engine, cloud: FakeJira) -> None:
    issues = fill(cloud, 3)
    await engine.add_jira(cloud)
    await engine.sync()
    cloud.edit(issues[1], summary="Told")
    await tell(engine, issues[1])
    async with working(engine, AWAY):
        await until(engine, "SELECT count(*) = 1 FROM work_item WHERE title = 'Told'")
        await until(engine, "SELECT count(*) = 0 FROM hint")
