"""Whole runs over Planner Premium: the register agrees with the tool's own totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.http import Patience
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra
from tests.fix_engine import Engine


@pytest.fixture
def fake() -> Iterator[FakeDataverse]:
    with FakeEntra() as entra, FakeDataverse(entra) as dataverse:
        yield dataverse


async def add(engine: Engine, fake: FakeDataverse, **options: Any) -> None:
    given = {
        "api": "dataverse",
        "url": fake.url,
        "auth": fake.auth(),
        "page_size": 200,
        "per_second": 500,
        **options,
    }
    read = MsProjectOptions.model_validate(given)
    at_once = Patience(attempts=3, base=0, cap=0)
    await engine.add(
        "plans", "ms_project", lambda: MsProjectAdapter(read, patience=at_once), {"url": fake.url}
    )


async def totals(engine: Engine) -> dict[str, Any]:
    items = list((await engine.rows("work_item", "presence = 'present'")).values())
    links = list((await engine.rows("dependency", "presence = 'present'")).values())
    assignments = list((await engine.rows("assignment", "presence = 'present'")).values())
    return {
        "projects": await engine.count("project", "presence = 'present'"),
        "work_items": len(items),
        "milestones": await engine.count("milestone", "presence = 'present'"),
        "by_status": dict(Counter(item["status"] for item in items)),
        "by_type": dict(Counter(item["type"] for item in items)),
        "hours": sum(item["estimate_hours"] or 0 for item in items),
        "hours_done": sum(item["spent_hours"] or 0 for item in items),
        "hours_left": sum(item["remaining_hours"] or 0 for item in items),
        "links": dict(Counter(link["kind"] for link in links)),
        "lag_days": round(sum(link["lag_days"] for link in links), 4),
        "assignments": len(assignments),
        "assigned_hours": sum(one["planned_hours"] or 0 for one in assignments),
        "people": await engine.count("person", "presence = 'present'"),
        "iterations": await engine.count("iteration", "presence = 'present'"),
    }


async def test_full_quiet_changed_and_complete_runs_agree_with_the_tool(
    engine: Engine, fake: FakeDataverse
) -> None:
    fake.world.generate(300, per_project=100)
    await add(engine, fake)
    first = await engine.sync("plans", "full")
    assert first["state"] == "succeeded"
    assert await totals(engine) == fake.world.totals()
    assert await engine.count("finding") == 0

    quiet = await engine.sync("plans")
    assert quiet["state"] == "succeeded"
    assert await totals(engine) == fake.world.totals()

    tasks = list(fake.world.table("msdyn_projecttask").rows)
    for task in tasks[1::17]:
        fake.world.edit(task, msdyn_progress=1, msdyn_effortremaining=0.0)
    fake.world.delete(tasks[33])
    fake.world.delete(next(iter(fake.world.table("msdyn_projecttaskdependency").rows)))
    changed = await engine.sync("plans")
    assert changed["state"] == "succeeded"
    assert await totals(engine) == fake.world.totals()

    fake.world.expire_feeds()
    fake.world.edit(tasks[5], msdyn_subject="Renamed after a week")
    healed = await engine.sync("plans")
    assert healed["state"] in ("succeeded", "incomplete")
    await engine.sync("plans", "full")
    assert await totals(engine) == fake.world.totals()
    titles = {row["title"] for row in (await engine.rows("work_item")).values()}
    assert "Renamed after a week" in titles


async def test_rows_lead_to_one_another(engine: Engine, fake: FakeDataverse) -> None:
    world = fake.world
    user = "0a0a0a0a-1111-4111-8111-111111111111"
    mia = world.add_person("Mia Krystof", "mia@acme.example", user=user)
    programme = world.insert("msdyn_program", msdyn_name="Grid")
    project = world.add_project("Alpha", _msdyn_projectmanager_value=user, _msdyn_program_value=programme)
    summary = world.add_task(project, "Phase 1", msdyn_summary=True)
    task = world.add_task(
        project,
        "Install switchgear",
        effort=80,
        progress=0.25,
        msdyn_outlinelevel=2,
        _msdyn_parenttask_value=summary,
        _msdyn_projectbucket_value=world.add_bucket(project, "Doing"),
        _msdyn_projectsprint_value=world.add_sprint(project, "Sprint 1"),
        msdyn_priority=1,
        msdyn_iscritical=True,
        msdyn_descriptionplaintext="As drawn",
    )
    gate = world.add_task(project, "Energised", effort=0, progress=1, msdyn_ismilestone=True)
    world.link(task, gate, kind="FS", lag_days=1)
    world.assign(task, mia, hours=40)
    world.add_member(project, mia, "Electrician")
    await add(engine, fake)
    assert (await engine.sync("plans", "full"))["state"] == "succeeded"

    rows = {
        name: await engine.rows(name)
        for name in ("project", "work_item", "milestone", "person", "assignment")
    }
    item, stone = rows["work_item"][task], rows["milestone"][gate]
    person = next(iter(rows["person"].values()))
    assert rows["project"][project]["manager_id"] == person["id"]
    assert rows["project"][project]["programme_id"] == (await engine.rows("programme"))[programme]["id"]
    assert (item["parent_id"], item["project_id"]) == (
        rows["work_item"][summary]["id"],
        rows["project"][project]["id"],
    )
    assert (item["status"], item["percent_complete"], item["priority"]) == ("in_progress", 25, "urgent")
    assert (item["estimate_hours"], item["spent_hours"], item["remaining_hours"]) == (80, 20, 60)
    assert (item["start_planned_on"], item["finish_planned_on"]) == ("2026-06-01", "2026-06-12")
    assert (item["is_critical"], item["description"], item["custom"]["Bucket"]) == (True, "As drawn", "Doing")
    assert item["iteration_id"] is not None
    assert (stone["planned_on"], stone["status"]) == ("2026-06-12", "done")
    (link,) = (await engine.rows("dependency")).values()
    assert (link["kind"], link["lag_days"], link["kind_source"]) == ("FS", 1, "FS+1d")
    assert (link["from_work_item_id"], link["to_milestone_id"]) == (item["id"], stone["id"])
    roles = {one["role"]: one for one in rows["assignment"].values()}
    assert roles["Electrician"]["work_item_id"] is None
    assert (roles[None]["work_item_id"], roles[None]["planned_hours"]) == (item["id"], 40)


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("many", [1000, 1])
async def test_links_and_assignments_follow_a_task_that_becomes_a_milestone(
    engine: Engine, fake: FakeDataverse, tracked: bool, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not change themselves when it does."""
    monkeypatch.setattr("adapters.ms_project.dataverse._MANY_CHANGED", many)
    world = fake.world
    world.now = datetime.now(UTC)  # its answers name the machine's time
    for name in ("msdyn_projecttaskdependency", "msdyn_resourceassignment"):
        world.table(name).tracked = tracked
    project, person = world.add_project("Harbour"), world.add_person("Ana")
    dig, pour = world.add_task(project, "Dig"), world.add_task(project, "Pour")
    world.link(dig, pour)
    world.assign(dig, person)
    world.assign(pour, person)
    await add(engine, fake)
    await engine.sync("plans", "full")
    for milestone in (True, False):
        hours = 0 if milestone else 8
        for task in (dig, pour):
            world.edit(task, msdyn_ismilestone=milestone, msdyn_effort=hours, msdyn_effortremaining=hours)
        assert (await engine.sync("plans"))["state"] == "succeeded"
        rows = await engine.rows("milestone" if milestone else "work_item", "presence = 'present'")
        ends = {title: row["id"] for row in rows.values() for title in [row["title"]]}
        kind = "milestone" if milestone else "work_item"
        (link,) = (await engine.rows("dependency", "presence = 'present'")).values()
        assert (link[f"from_{kind}_id"], link[f"to_{kind}_id"]) == (ends["Dig"], ends["Pour"])
        put = {row["work_item_id"] for row in (await engine.rows("assignment")).values()}
        assert put == ({None} if milestone else set(ends.values()))


async def test_records_follow_what_they_tell_of_others(engine: Engine, fake: FakeDataverse) -> None:
    """A person who turns out to be a crane, and a bucket with another name."""
    world = fake.world
    world.now = datetime.now(UTC)  # its answers name the machine's time
    project, crane = world.add_project("Harbour"), world.add_person("Crane")
    bucket = world.add_bucket(project, "Now")
    dig = world.add_task(project, "Dig", _msdyn_projectbucket_value=bucket)
    world.assign(dig, crane)
    world.add_member(project, crane)
    await add(engine, fake)
    await engine.sync("plans", "full")
    world.edit(bucket, msdyn_name="Later")
    world.edit(crane, resourcetype=4)
    assert (await engine.sync("plans"))["state"] == "succeeded"
    (item,) = (await engine.rows("work_item")).values()
    assert item["custom"]["Bucket"] == "Later"
    put = (await engine.rows("assignment", "presence = 'present'")).values()
    assert [(row["person_id"], row["role"]) for row in put] == [(None, "Crane")] * 2


async def test_hours_of_a_summary_are_counted_once(engine: Engine, fake: FakeDataverse) -> None:
    world = fake.world
    project = world.add_project("Alpha")
    phase = world.add_task(project, "Phase 1", msdyn_summary=True)
    for name in "ab":
        world.add_task(
            project, name, effort=40, progress=0.25, msdyn_outlinelevel=2, _msdyn_parenttask_value=phase
        )
    assert world.find(phase)["msdyn_effort"] == 80
    await add(engine, fake)
    assert (await engine.sync("plans", "full"))["state"] == "succeeded"
    found = await totals(engine)
    assert (found["hours"], found["hours_done"], found["hours_left"]) == (80, 20, 60)
    assert (await engine.rows("work_item"))[phase]["estimate_hours"] is None


async def test_hours_of_a_task_marked_as_a_milestone_are_counted(engine: Engine, fake: FakeDataverse) -> None:
    world = fake.world
    project, mia = world.add_project("Alpha"), world.add_person("Mia Krystof")
    dig = world.add_task(project, "Dig", effort=8)
    handover = world.add_task(project, "Handover", effort=16, progress=0.25, msdyn_ismilestone=True)
    gate = world.add_task(project, "Gate", effort=0, msdyn_ismilestone=True)
    # A summary that is marked is a summary: its hours are those of the tasks below it.
    phase = world.add_task(project, "Phase", msdyn_summary=True, msdyn_ismilestone=True)
    world.add_task(project, "Below", effort=4, msdyn_outlinelevel=2, _msdyn_parenttask_value=phase)
    world.link(dig, handover)
    world.assign(handover, mia, hours=16)
    await add(engine, fake)
    assert (await engine.sync("plans", "full"))["state"] == "succeeded"
    found = await totals(engine)
    assert found == world.totals()
    assert (found["hours"], found["hours_done"], found["hours_left"]) == (28, 4, 24)
    items, stones = await engine.rows("work_item"), await engine.rows("milestone")
    assert set(stones) == {handover, gate}
    work = items[f"{handover}:work"]
    assert (work["status"], work["milestone_ids"]) == ("in_progress", [stones[handover]["id"]])
    assert work["id"] != stones[handover]["id"]
    (put,) = (await engine.rows("assignment")).values()
    assert put["work_item_id"] == work["id"]
    (link,) = (await engine.rows("dependency")).values()
    assert (link["from_work_item_id"], link["to_milestone_id"]) == (items[dig]["id"], stones[handover]["id"])
    assert await engine.findings() == []
