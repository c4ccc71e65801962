"""A row vanishes only with a reason."""

from __future__ import annotations

import pytest

from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill


async def test_each_absence_gets_its_own_reason(engine: Engine, jira: FakeJira) -> None:
    pay = fill(jira, 80)
    for key in ("WEB", "OPS", "OLD", "NEW"):
        fill(jira, 6, key)
    await engine.add_jira(jira, select={"projects": ["PAY", "WEB", "OPS", "OLD"]})
    await engine.sync()
    jira.delete(pay[0])
    moved_inside = jira.move(pay[1], "WEB")
    moved_outside = jira.move(pay[2], "NEW")
    jira.hide_project("OPS")
    jira.world.archive_project("OLD")
    run = await engine.sync(mode="full")
    assert run["state"] == "succeeded", run["error"]
    rows = await engine.rows("work_item")
    assert rows[str(pay[0].id)]["presence"] == "deleted"
    assert rows[str(moved_inside.id)]["presence"] == "present"
    assert rows[str(moved_inside.id)]["key"].startswith("WEB-")
    assert rows[str(moved_outside.id)]["presence"] == "moved"
    by_project = {p["key"]: p for p in (await engine.rows("project")).values()}
    assert by_project["OPS"]["presence"] == "lost_access"
    assert by_project["OLD"]["presence"] == "archived"
    hidden = [row for row in rows.values() if (row["key"] or "").startswith("OPS")]
    assert {row["presence"] for row in hidden} == {"lost_access"}
    assert sum(row["presence"] == "present" for row in rows.values()) == 80 - 2 + 6


async def test_what_comes_back_is_present_again_with_its_history(engine: Engine, jira: FakeJira) -> None:
    fill(jira, 30)
    fill(jira, 3, "OPS")
    await engine.add_jira(jira)
    await engine.sync()
    jira.hide_project("OPS")
    await engine.sync(mode="full")
    jira.hide_project("OPS", False)
    await engine.sync(mode="full")
    rows = [row for row in (await engine.rows("work_item")).values() if row["key"].startswith("OPS")]
    assert [(row["presence"], row["version"]) for row in rows] == [("present", 3)] * 3


async def test_more_than_a_fifth_vanishing_holds_and_asks(engine: Engine, jira: FakeJira) -> None:
    issues = fill(jira, 40)
    await engine.add_jira(jira)
    await engine.sync()
    for issue in issues[:15]:
        jira.delete(issue)
    run = await engine.sync(mode="full")
    assert run["state"] == "held"
    assert "15 of" in run["error"]
    assert "--approve" in run["error"]
    assert await engine.count("work_item", "presence <> 'present'") == 0
    approved = await engine.sync(mode="full", approved=True)
    assert (approved["state"], approved["vanished"]) == ("succeeded", 15)
    assert await engine.count("work_item", "presence = 'deleted'") == 15


@pytest.mark.parametrize("fault", ["empty_everything", "html_login"])
async def test_a_source_that_suddenly_shows_nothing_deletes_nothing(
    engine: Engine, cloud: FakeJira, fault: str
) -> None:
    fill(cloud, 30)
    await engine.add_jira(cloud)
    await engine.sync()
    setattr(cloud.faults, fault, True)
    run = await engine.sync(mode="full")
    assert run["state"] in ("failed", "incomplete", "held")
    assert run["error"]
    cloud.heal()
    assert await engine.count("work_item", "presence = 'present'") == 30
    assert await engine.count("event", "type = 'changed'") == 0


@pytest.mark.parametrize(
    "fault", ["truncate_every", "cut_every", "unavailable_every", "html_every", "too_many_every"]
)
async def test_failing_pages_delete_nothing(engine: Engine, jira: FakeJira, fault: str) -> None:
    issues = fill(jira, 120)
    await engine.add_jira(jira, page_size=20)
    await engine.sync()
    jira.delete(issues[7])
    setattr(jira.faults, fault, 3)
    for _ in range(3):
        run = await engine.sync(mode="full")
        await engine.pool.execute("UPDATE source SET paused = NULL")
        await engine.pool.execute("UPDATE run SET not_before = now()")
    gone = [row for row in (await engine.rows("work_item")).values() if row["presence"] != "present"]
    assert all(row["source_id"] == str(issues[7].id) for row in gone)
    jira.heal()
    run = await engine.sync(mode="full")
    assert run["state"] == "succeeded"
    assert await engine.count("work_item", "presence = 'deleted'") == 1
    assert await engine.count("work_item", "presence = 'present'") == 119
