"""Plan files as they are found in folders: versions, identity, and what a plan says."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.base import Page, Presence
from adapters.ms_project import mspdi
from adapters.ms_project import plan as plans
from adapters.ms_project.survey import survey
from tests.contract.plans import adapter, by_name, parsed, read
from tests.fakes.mspdi import START, Plan, Task, baseline, large
from tests.fix_sources import close_folder


async def test_check_says_what_was_found_and_what_was_passed_over(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    plan.save(tmp_path / "v1.xml")
    plan.save(tmp_path / "v2.xml")
    Plan("Bridge").save(tmp_path / "bridge.xml")
    (tmp_path / "notes.txt").write_text("no plan")
    async with adapter(tmp_path) as opened:
        identity = await opened.check()
    assert identity.product == "2 plans (Project XML)"
    assert set(identity.warnings) == {
        "skipped notes.txt: not a plan by its name",
        "skipped v1.xml: an older version of Harbour in v2.xml",
    }


async def test_the_version_saved_last_counts_whatever_its_file_date(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    task = plan.add_task("New")
    plan.save(tmp_path / "a.xml", saved=datetime(2026, 9, 1))
    task.name = "Old"
    plan.save(tmp_path / "b.xml", saved=datetime(2026, 8, 1))
    assert set(by_name((await read(tmp_path))["mspdi_task"])) == {"New"}


async def test_a_version_that_does_not_say_when_it_was_saved_counts_by_its_file_date(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    task = plan.add_task("Old")
    plan.save(tmp_path / "a.xml", saved=datetime(2026, 8, 1))
    task.name = "New"
    plan.save(tmp_path / "b.xml")
    text = (tmp_path / "b.xml").read_text()
    (tmp_path / "b.xml").write_text(re.sub("<LastSaved>.*?</LastSaved>", "", text))
    for day, name in ((datetime(2026, 9, 1), "New"), (datetime(2026, 7, 1), "Old")):
        os.utime(tmp_path / "b.xml", (day.timestamp(), day.timestamp()))
        assert set(by_name((await read(tmp_path))["mspdi_task"])) == {name}


async def test_an_unchanged_plan_is_not_read_again(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    plan.save(tmp_path / "a.xml")
    async with adapter(tmp_path) as opened:
        (partition,) = await opened.partitions()
        pages = [page async for page in opened.read(partition, None, full=True)]
        again = [page async for page in opened.read(partition, pages[-1].cursor, full=False)]
    assert pages[-1].complete
    assert again == [Page((), pages[-1].cursor, expected=0)]


async def test_parents_follow_the_outline_and_rows_that_stand_for_nothing_are_left_out(
    tmp_path: Path,
) -> None:
    plan = Plan("Harbour")
    for level, name in ((1, "A"), (2, "A1"), (3, "A1a"), (3, "A1b"), (2, "A2"), (1, "B"), (3, "B deep")):
        plan.add_task(name, level=level, summary=name in ("A", "A1", "B"))
    plan.add_task("blank", more={"IsNull": True})
    plan.add_task("ghost", more={"ExternalTask": True})
    records = {r.data["Name"]: r for r in _in_order(plan, tmp_path)}
    ids = {record.id: name for name, record in records.items()}
    above = {name: ids.get(r.data["portbook"].get("parent")) for name, r in records.items()}
    assert above == {
        "A": None, "A1": "A", "A1a": "A1", "A1b": "A1", "A2": "A", "B": None, "B deep": "B", "ghost": None,
    }  # fmt: skip
    assert {n: r.data["portbook"]["type"] for n, r in records.items()} == {
        "A": "summary", "A1": "summary", "A1a": "task", "A1b": "task", "A2": "task", "B": "summary", "B deep": "task",
        "ghost": "external",
    }  # fmt: skip
    assert not records["ghost"].data["portbook"]["work_item"]


def _in_order(plan: Plan, folder: Path) -> list[Any]:
    path = plan.save(folder / "order.xml")
    found = survey(path, "order.xml", "P", 10**6)
    return [made for made in plans.records(path, "order.xml", "P", found) if made.stream == "mspdi_task"]


def test_links_keep_their_kind_and_lag_whatever_ends_they_have(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    dig, pour = plan.add_task("Dig", days=2), plan.add_task("Pour")
    gate = plan.add_task("Gate", milestone=True)
    plan.link(dig, pour, "SS", lag_days=1.5)
    plan.link(pour, gate, "FF", lag_days=-2)
    plan.link(gate, dig, "SF", lag_days=3, lag_format=8)
    plan.link(dig, gate, "FS", lag_days=50, lag_format=19)
    found = parsed(tmp_path, plan.xml())
    links = {
        (link["kind"], link["word"], link["lag_days"]) for item in found.values() for link in item["links"]
    }
    assert links == {("SS", "SS+1.5d", 1.5), ("FF", "FF-2d", -2), ("SF", "SF+3ed", 3), ("FS", "FS+50%", 1)}
    (to_pour,) = found["Pour"]["links"]
    (to_dig,) = found["Dig"]["links"]
    assert {"from_work_item", "to_work_item"} <= set(to_pour)
    assert {"from_milestone", "to_work_item"} <= set(to_dig)


def test_a_lag_of_weeks_and_months_is_told_by_the_plans_own(tmp_path: Path) -> None:
    plan = Plan("Harbour", MinutesPerWeek=1920, DaysPerMonth=16)
    first, second = plan.add_task("First"), plan.add_task("Second")
    plan.link(first, second, lag_days=4, lag_format=9)
    plan.link(first, second, "SS", lag_days=16, lag_format=11)
    links = parsed(tmp_path, plan.xml())["Second"]["links"]
    assert [(link["word"], link["lag_days"]) for link in links] == [("FS+1w", 4), ("SS+1mo", 16)]


def test_a_link_without_a_type_is_finish_to_start_and_one_into_another_file_is_left_out(
    tmp_path: Path,
) -> None:
    plan = Plan("Harbour")
    dig, pour = plan.add_task("Dig"), plan.add_task("Pour")
    pour.links = [{"PredecessorUID": dig.uid}]
    far = plan.add_task("Far")
    far.links = [
        {"PredecessorUID": 99},
        {"PredecessorUID": dig.uid, "CrossProject": True, "CrossProjectName": "x\\1"},
    ]
    found = parsed(tmp_path, plan.xml())
    assert [(link["kind"], link["lag_days"]) for link in found["Pour"]["links"]] == [("FS", 0)]
    assert "links" not in found["Far"]


def test_hours_money_float_and_days_are_what_project_shows(tmp_path: Path) -> None:
    plan = Plan("Harbour", minutes_per_day=450)
    plan.add_task(
        "Dig", hours=75, days=10, percent=40, cost=12345.67, actual_cost=4000.5,
        more={"TotalSlack": 9000, "Deadline": datetime(2026, 4, 1, 17), "ConstraintType": 4,
              "ConstraintDate": START, "PercentComplete": "40.5"},
    ).baselines[0] = baseline(START, START + timedelta(days=3), 60, 10000)  # fmt: skip
    item = parsed(tmp_path, plan.xml())["Dig"]
    assert {name: item[name] for name in (
        "work_hours", "actual_hours", "remaining_hours", "duration_days", "cost", "actual_cost", "float_days", "percent",
        "deadline_on", "constraint", "constraint_on", "baseline_hours", "baseline_cost", "finish_baseline_on",
    )} == {
        "work_hours": 75, "actual_hours": 30, "remaining_hours": 45, "duration_days": 10, "cost": 12345.67,
        "actual_cost": 4000.5, "float_days": 2, "percent": 40.5, "deadline_on": "2026-04-01",
        "constraint": "start no earlier than", "constraint_on": "2026-03-02", "baseline_hours": 60,
        "baseline_cost": 10000, "finish_baseline_on": "2026-03-05",
    }  # fmt: skip


def test_a_plan_keeps_all_of_its_baselines_however_many_values_they_have(tmp_path: Path) -> None:
    """A plan of 30,000 tasks and eleven baselines; here of fewer tasks and more baselines."""
    kept = "".join(f"<Baseline><Number>{n}</Number><Work>PT8H0M0S</Work></Baseline>" for n in range(1100))
    plan = Plan("Harbour")
    for n in range(300):
        plan.add_task(f"Dig {n}")
    path = tmp_path / "plan.xml"
    path.write_text(plan.xml().replace("<TotalSlack>", f"{kept}<TotalSlack>"))
    found = survey(path, "plan.xml", "P", 10**6)
    made = [item for item in plans.records(path, "plan.xml", "P", found) if item.stream == "mspdi_baseline"]
    assert len(made) == 1100
    assert {len(item.data["portbook"]["items"]) for item in made} == {300}


def test_what_is_assigned_to_a_summary_itself_is_in_no_task_below_it(tmp_path: Path) -> None:
    """A manager put on a whole phase, an overhead booked on it: Project adds both to what the tasks below come to."""
    plan = Plan("Harbour")
    phase = plan.add_task("Phase", summary=True, hours=60, cost=900, more={"FixedCost": 25000})
    dig = plan.add_task("Dig", level=2, hours=40, cost=500)
    other = plan.add_task("Other phase", summary=True, hours=8)
    off = plan.add_task("Off", summary=True, active=False, hours=7, more={"FixedCost": 100})
    mia, ola = plan.add_person("Mia"), plan.add_person("Manager", generic=True)
    sand = plan.add_person("Sand", kind=0)
    plan.assign(dig, mia, 40)
    plan.assign(phase, mia, 12, 3)
    plan.assign(phase, ola, 8, 1)
    plan.assign(phase, sand, 99)
    plan.assign(off, mia, 7)
    paid = "<Cost>15000</Cost><ActualCost>4000</ActualCost></Assignment>"
    found = parsed(tmp_path, plan.xml().replace("</Assignment>", paid))
    sums = ("work_hours", "actual_hours", "remaining_hours", "cost", "actual_cost")
    assert [found["Phase"].get(name) for name in sums] == [20, 4, 16, 700, 120]
    assert [found["Dig"].get(name) for name in sums] == [40, 0, 40, 500, 0]
    for name in ("Other phase", "Off"):
        assert not [one for one in sums if one in found[name]]
    assert other.uid != off.uid
    assert survey(tmp_path / "plan.xml", "plan.xml", "P", 100).cost == 1200


async def test_people_roles_and_material_are_told_apart(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    dig, pour = plan.add_task("Dig"), plan.add_task("Pour")
    mia, ola = plan.add_person("Mia", "mia@example.org"), plan.add_person("Ola")
    role, sand = plan.add_person("Diver", generic=True), plan.add_person("Sand", kind=0)
    plan.assign(dig, mia, 10, 4, units=0.5)
    plan.assign(dig, sand, 99)
    plan.assign(pour, mia, 8)
    plan.assign(pour, ola, 8)
    plan.assign(pour, role, 16)
    plan.save(tmp_path / "a.xml")
    found = await read(tmp_path)
    tasks, who = by_name(found["mspdi_task"]), by_name(found["mspdi_resource"])
    (ola_id,) = [own for own, record in found["mspdi_resource"].items() if record.data["Name"] == "Ola"]
    assert {name: (item["person"], item["role"]) for name, item in who.items()} == {
        "Mia": ("mia@example.org mia", False), "Ola": (ola_id, False), "Diver": (None, True), "Sand": (None, False),
    }  # fmt: skip
    assert tasks["Dig"]["assignee"] == "mia@example.org mia"
    assert "assignee" not in tasks["Pour"]  # two people: neither is the one
    put = [record.data["portbook"] for record in found["mspdi_assignment"].values()]
    assert [(a["counts"], a.get("role"), a["units_percent"]) for a in put] == [
        (True, None, 50), (False, None, 100), (True, None, 100), (True, None, 100), (True, "Diver", 100),
    ]  # fmt: skip


async def test_a_plan_without_ids_is_known_by_its_file_and_its_tasks_by_number(tmp_path: Path) -> None:
    plan = Plan("Harbour", guid="")
    plan.add_task("Dig")
    plan.save(tmp_path / "Harbour.xml")
    found = await read(tmp_path)
    assert list(found["mspdi_project"]) == ["file:harbour.xml"]
    assert list(found["mspdi_task"]) == ["file:harbour.xml:1"]


async def test_tasks_of_plans_made_from_one_template_stay_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        plan = Plan(name, guid=f"5D7C1F0E-6B1D-4E11-8F6D-00155D0A1B2{name}")
        plan.add_task("Dig").guid = "11111111-6B1D-4E11-8F6D-00155D0A1B2C"
        plan.save(tmp_path / f"{name}.xml")
    assert len((await read(tmp_path))["mspdi_task"]) == 2


def test_a_deadline_at_midnight_is_that_day_and_a_finish_the_end_of_the_day_before(tmp_path: Path) -> None:
    """Project works out a finish; a deadline is typed."""
    plan = Plan("Harbour")
    plan.add_task("Dig", finish=datetime(2026, 4, 1), more={"Deadline": datetime(2026, 4, 1)})
    item = parsed(tmp_path, plan.xml())["Dig"]
    assert (item["finish_on"], item["deadline_on"]) == ("2026-03-31", "2026-04-01")


@pytest.mark.parametrize("name", ["Harbour.xml", "Harbour.mpp", "Harbour.MPP", "Harbour"])
async def test_a_plan_without_a_title_is_called_by_its_file(tmp_path: Path, name: str) -> None:
    text = re.sub("<Title>[^<]*</Title>", "", Plan("Any").xml())
    (tmp_path / "a.xml").write_text(re.sub("<Name>[^<]*</Name>", f"<Name>{name}</Name>", text, count=1))
    (project,) = (await read(tmp_path))["mspdi_project"].values()
    assert project.data["portbook"]["title"] == "Harbour"


async def test_an_empty_plan_is_a_project_without_tasks(tmp_path: Path) -> None:
    Plan("Nothing yet").save(tmp_path / "a.xml")
    found = await read(tmp_path)
    assert set(found) == {"mspdi_project", "mspdi_calendar"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_plan_agrees_with_its_own_totals(tmp_path: Path, data: st.DataObject) -> None:
    plan = Plan("Any", minutes_per_day=data.draw(st.sampled_from([420, 480, 600])))
    tasks: list[Task] = []
    for n in range(data.draw(st.integers(0, 12))):
        start = data.draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))).replace(microsecond=0)
        hours = data.draw(st.integers(0, 800)) / 4
        tasks.append(
            plan.add_task(
                f"T{n}", level=data.draw(st.integers(1, 5)), start=start, finish=start + timedelta(hours=9),
                hours=hours, days=1, percent=data.draw(st.integers(0, 100)), cost=data.draw(st.integers(0, 10**6)) / 100,
                milestone=data.draw(st.booleans()), summary=data.draw(st.booleans()), active=data.draw(st.booleans()),
            )
        )  # fmt: skip
        if n and data.draw(st.booleans()):
            lag = data.draw(st.integers(-40, 40)) / 4
            plan.link(
                tasks[n - 1], tasks[n], data.draw(st.sampled_from(["FS", "SS", "FF", "SF"])), lag_days=lag
            )
    for task, below in pairwise(tasks):
        task.summary = task.summary or below.level > task.level
    items = parsed(tmp_path, plan.xml())
    totals = plan.totals()
    assert {name: item["status"] for name, item in items.items()} == {
        task.name: task.rows[-1][1] for task in tasks
    }
    assert {name: item["start_on"] for name, item in items.items()} == {
        t.name: t.start.date().isoformat() for t in tasks
    }
    work = sum(item.get("work_hours", 0) for item in items.values() if item["type"] == "task")
    assert work == pytest.approx(totals["work_hours"], abs=0.01)
    cost = sum(item.get("cost", 0) for item in items.values() if item["type"] != "summary")
    assert cost == pytest.approx(totals["cost"], abs=0.01)
    links = [link for item in items.values() for link in item.get("links", ())]
    assert len(links) == totals["links"]
    assert sum(link["lag_days"] for link in links) == pytest.approx(totals["lag_days"], abs=0.01)


def test_an_inactive_task_keeps_its_row_and_counts_in_no_sum(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    mia = plan.add_person("Mia")
    for name, active in (("On", True), ("Off", False)):
        task = plan.add_task(name, hours=10, percent=100, cost=50, active=active)
        task.baselines = {0: baseline(task.start, task.finish, 11, 100)}
        plan.assign(task, mia, 10)
    items = parsed(tmp_path, plan.xml())
    sums = {"work_hours", "actual_hours", "remaining_hours", "cost", "actual_cost", "finish_actual_on"}
    assert {name: len(sums & items[name].keys()) for name in items} == {"On": 6, "Off": 0}
    assert (items["Off"]["work_item"], items["Off"]["status"]) == (True, "cancelled")
    assert items["Off"]["baseline_hours"] == 11
    path = tmp_path / "plan.xml"
    made = plans.records(path, "plan.xml", "P", survey(path, "plan.xml", "P", 10**6))
    counted = [item.data["portbook"]["counts"] for item in made if item.stream == "mspdi_assignment"]
    assert counted == [True, False]
    assert (plan.totals()["work_hours"], plan.totals()["assigned_hours"]) == (10, 10)


async def test_what_vanished_from_a_plan_was_deleted_but_not_while_a_file_cannot_be_read(
    tmp_path: Path,
) -> None:
    Plan("Harbour").save(tmp_path / "a.xml")
    async with adapter(tmp_path) as opened:
        assert await opened.locate("mspdi_task", ["x"], {}) == {"x": Presence.DELETED}
    for text in ("<Project", ""):
        (tmp_path / "b.xml").write_text(text)
        async with adapter(tmp_path) as opened:
            assert await opened.locate("mspdi_task", ["x"], {}) == {}


def test_a_large_plan_is_read_in_little_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = large(3000).save(tmp_path / "large.xml")
    size = path.stat().st_size
    tracemalloc.start()
    try:
        found = survey(path, "large.xml", "P", 10**6)
        count = sum(1 for _ in plans.records(path, "large.xml", "P", found))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 3000 + 2400 + 60 + 50 + 2
    assert most < size
    assert mspdi.head(path, "large.xml")["Title"] == "Large"


async def test_what_is_in_a_folder_that_cannot_be_opened_for_now_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Plan(name).save(tmp_path / name / "plan.xml")
    close_folder(monkeypatch, tmp_path / "b")
    async with adapter(tmp_path, "**/*.xml") as opened:
        assert await opened.locate("mspdi_task", ["x"], {}) == {}
        assert "skipped b: a folder that cannot be opened" in (await opened.check()).warnings
