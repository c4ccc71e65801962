"""Plan files as they are found in folders: versions, identity, what a plan says, and what files break."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import jmespath
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.base import Page, Presence, RawRecord
from adapters.errors import FileRefused
from adapters.ms_project import MsProjectAdapter, MsProjectOptions, mspdi
from adapters.ms_project import plan as plans
from adapters.ms_project.survey import survey
from tests.fakes.mspdi import START, Plan, Task, baseline, large
from tests.fix_sources import close_folder


def adapter(folder: Path, files: str = "*", **options: Any) -> MsProjectAdapter:
    given = {"api": "files", "files": files, "base_dir": folder, "settle_s": 0, **options}
    return MsProjectAdapter(MsProjectOptions.model_validate(given))


async def read(folder: Path, **options: Any) -> dict[str, dict[str, RawRecord]]:
    """Stream → id → record, of everything in the folder."""
    found: dict[str, dict[str, RawRecord]] = {}
    async with adapter(folder, **options) as opened:
        for partition in await opened.partitions():
            async for page in opened.read(partition, None, full=True):
                for record in page.records:
                    found.setdefault(record.stream, {})[record.id] = record
    return found


def by_name(records: dict[str, RawRecord]) -> dict[str, dict[str, Any]]:
    return {record.data["Name"]: record.data["portbook"] for record in records.values()}


def parsed(folder: Path, text: str | bytes) -> dict[str, dict[str, Any]]:
    """Tasks by name, read in this process: for tables of cases that need no limits."""
    path = folder / "plan.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = survey(path, "plan.xml", "P", 10**6)
    made = [item for item in plans.records(path, "plan.xml", "P", found) if item.stream == "mspdi_task"]
    return {item.data["Name"]: item.data["portbook"] for item in made if not item.problem}


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


@pytest.mark.parametrize("behind", [b"\x00" * 4000, b"\n" * 500, b"<!-- " + b"x" * 1000 + b" -->"])
async def test_what_stands_behind_the_end_of_a_plan_is_nothing(tmp_path: Path, behind: bytes) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    (tmp_path / "a.xml").write_bytes(plan.xml().encode() + behind)
    assert list(by_name((await read(tmp_path))["mspdi_task"])) == ["Dig"]


async def test_the_end_of_an_inserted_project_is_not_the_end_of_its_master(tmp_path: Path) -> None:
    _save_master(tmp_path, Plan("Quay"))
    whole = (tmp_path / "master.xml").read_bytes()
    (tmp_path / "master.xml").write_bytes(whole[: whole.index(b"</Project>") + 40])
    with pytest.raises(FileRefused, match=r"master.xml is cut off"):
        await read(tmp_path)


def test_a_baseline_without_a_number_is_the_baseline(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    task = plan.add_task("Dig")
    task.baselines[0] = baseline(START, START + timedelta(hours=9), 16, 5)
    text = plan.xml().replace("<Baseline><Number>0</Number>", "<Baseline>")
    found = parsed(tmp_path, text)["Dig"]
    assert (found["baseline_hours"], found["start_baseline_on"]) == (16, "2026-03-02")


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


@pytest.mark.parametrize("digits", [20, 400])
def test_a_duration_beyond_all_numbers_does_not_end_the_plan(tmp_path: Path, digits: int) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    wild = f"<Duration>PT{'9' * digits}H0M0S</Duration>"
    assert list(parsed(tmp_path, plan.xml().replace("<Duration>PT8H0M0S</Duration>", wild, 1))) == ["Dig"]


async def test_a_task_is_a_task_where_a_program_counts_from_0(tmp_path: Path) -> None:
    plan = Plan("Harbour", guid="")
    tasks = [plan.add_task(f"Task {n}", hours=8, cost=10, percent=100 - n) for n in range(3)]
    plan.assign(tasks[0], plan.add_person("Ana"), 8)
    whole, _, rest = plan.xml().partition("<Task><UID>0</UID>")
    text = whole + rest.partition("</Task>")[2]
    for name in ("<Task><UID>", "<Resource><UID>", "<TaskUID>", "<ResourceUID>"):
        text = re.sub(f"{name}(\\d+)", lambda found: f"{found[0][: -len(found[1])]}{int(found[1]) - 1}", text)
    (tmp_path / "a.xml").write_text(text)
    found = await read(tmp_path)
    tasks_found = by_name(found["mspdi_task"])
    assert {name: one["percent"] for name, one in tasks_found.items()} == {
        f"Task {n}": 100 - n for n in range(3)
    }
    (project,) = found["mspdi_project"].values()
    assert (project.data["portbook"]["forecast_cost"], project.data["portbook"].get("percent")) == (30, None)
    (put,) = found["mspdi_assignment"].values()
    assert put.data["portbook"]["person"] == tasks_found["Task 0"]["assignee"]


@pytest.mark.parametrize("milestone", [False, True])
def test_what_has_tasks_below_it_is_a_summary_also_where_its_program_does_not_say_so(
    tmp_path: Path, milestone: bool
) -> None:
    plan = Plan("Harbour")
    phase = plan.add_task(
        "Phase", hours=16, cost=20, actual_cost=2, milestone=milestone, more={"FixedCost": 300}
    )
    inner = plan.add_task("Inner", level=2, hours=16, cost=17, actual_cost=2)
    tasks = [plan.add_task(name, level=3, hours=8, cost=8.5, actual_cost=1) for name in ("a", "b")]
    for task, size in ((phase, 16), (inner, 16), *((task, 8) for task in tasks)):
        task.baselines[0] = baseline(START, START, size, size)
    found = parsed(tmp_path, re.sub("<Summary>.</Summary>", "", plan.xml()))
    assert [found[name]["type"] for name in ("Phase", "Inner", "a", "b")] == [
        "summary",
        "summary",
        "task",
        "task",
    ]
    assert [found[name].get("work_hours") for name in ("Phase", "Inner", "a", "b")] == [None, None, 8, 8]
    assert [found[name].get("cost") for name in ("Phase", "Inner", "a", "b")] == [3, None, 8.5, 8.5]
    again = survey(tmp_path / "plan.xml", "plan.xml", "P", 100)
    assert (again.cost, again.actual_cost) == (20, 2)


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


async def test_an_inserted_project_counts_once_where_it_is_read_itself_too(tmp_path: Path) -> None:
    """A master plan holds it whole, below one task, and adds it to everything the plan comes to."""
    inner = Plan("Quay")
    inner.add_task("Pile", hours=10, cost=500, actual_cost=70)
    master = Plan("Harbour")
    master.add_task("Dig", hours=5, cost=200, actual_cost=20)
    quay = master.add_task(
        "Quay", summary=True, hours=10, cost=500, actual_cost=70,
        more={"IsSubproject": True, "SubprojectName": "C:\\Plans\\Quay.mpp"},
    )  # fmt: skip
    quay.baselines[0] = baseline(START, START, 8, 450)
    text = master.xml().replace("</SubprojectName>", "</SubprojectName>" + inner.xml().partition("?>")[2])
    whole = "<Cost>70000</Cost><ActualCost>9000</ActualCost><Baseline><Number>0</Number><Cost>65000</Cost></Baseline>"
    text = text.replace("<Cost>20000</Cost><ActualCost>2000</ActualCost>", whole, 1)
    text = text.replace("<Work>PT5H0M0S</Work>", "<Work>PT15H0M0S</Work>", 1)
    (tmp_path / "master.xml").write_text(text)
    names = ("forecast_cost", "actual_cost", "baseline_cost", "work_hours", "inserted")

    async def told() -> dict[str, list[Any]]:
        found = (await read(tmp_path))["mspdi_project"].values()
        return {r.data["Title"]: [r.data["portbook"].get(name) for name in names] for r in found}

    assert await told() == {"Harbour": [700, 90, 650, 15, ["Quay"]]}
    inner.save(tmp_path / "quay.xml")
    assert await told() == {"Harbour": [200, 20, 200, 5, ["Quay"]], "Quay": [500, 70, None, 10, None]}


def _save_master(folder: Path, inner: Plan | None = None) -> None:
    """A plan with Quay.mpp in it, as Project writes it with `inner`, as other programs do without."""
    master = Plan("Harbour")
    master.add_task("Dig", hours=5, cost=200)
    master.add_task(
        "Quay", summary=True, hours=10, cost=500, more={"IsSubproject": True, "SubprojectName": "C:\\Plans\\Quay.mpp"}
    )  # fmt: skip
    text = master.xml()
    if inner is not None:
        text = text.replace("</SubprojectName>", "</SubprojectName>" + inner.xml().partition("?>")[2])
    text = text.replace("<Cost>20000</Cost>", "<Cost>70000</Cost>", 1)
    (folder / "master.xml").write_text(text)


async def _cost_of_master(folder: Path, files: str = "*") -> float:
    async with adapter(folder, files) as opened:
        (partition,) = [one for one in await opened.partitions() if "master" in one.title]
        pages = [page async for page in opened.read(partition, None, full=True)]
    (project,) = [r for page in pages for r in page.records if r.stream == "mspdi_project"]
    cost: float = project.data["portbook"]["forecast_cost"]
    return cost


async def test_an_inserted_project_without_an_id_is_known_by_the_name_of_its_file(tmp_path: Path) -> None:
    _save_master(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert await _cost_of_master(tmp_path) == 700
    inner = Plan("Quay")
    inner.save(tmp_path / "a" / "quay.XML")
    assert await _cost_of_master(tmp_path, "**/*") == 200
    inner.save(tmp_path / "b" / "Quay.xml", saved=datetime(2020, 1, 1))  # another version of it
    assert await _cost_of_master(tmp_path, "**/*") == 200
    Plan("Another").save(tmp_path / "b" / "Quay.xml")
    assert await _cost_of_master(tmp_path, "**/*") == 700


async def test_an_inserted_project_of_another_id_is_another_whatever_its_file_is_called(
    tmp_path: Path,
) -> None:
    _save_master(tmp_path, Plan("Quay"))
    Plan("Another").save(tmp_path / "quay.xml")
    assert await _cost_of_master(tmp_path) == 700


@pytest.mark.parametrize("text", ["", "<Project"])
@pytest.mark.parametrize("known", [False, True])
async def test_an_inserted_project_whose_file_is_empty_or_broken_just_now_still_counts_itself(
    tmp_path: Path, text: str, known: bool
) -> None:
    _save_master(tmp_path, Plan("Quay") if known else None)
    (tmp_path / "quay.xml").write_text(text)
    assert await _cost_of_master(tmp_path) == 200


@pytest.mark.parametrize("summary", [False, True])
async def test_an_inserted_project_that_is_not_read_itself_keeps_what_it_comes_to(
    tmp_path: Path, summary: bool
) -> None:
    """The plan counts it, and its tasks are nowhere else."""
    plan = Plan("Harbour")
    plan.add_task("Dig", hours=5, cost=200, actual_cost=20)
    quay = plan.add_task(
        "Quay", summary=summary, hours=10, cost=500, actual_cost=70, more={"IsSubproject": True, "FixedCost": 4000}
    )  # fmt: skip
    quay.baselines[0] = baseline(START, START, 8, 450)
    plan.assign(quay, plan.add_person("Mia"), 3)
    names = ("work_hours", "actual_hours", "cost", "actual_cost", "baseline_hours", "baseline_cost")
    found = parsed(tmp_path, plan.xml())["Quay"]
    assert found["type"] == "summary"
    assert [found.get(name) for name in names] == [10, 0, 500, 70, 8, 450]
    again = survey(tmp_path / "plan.xml", "plan.xml", "P", 100)
    assert (again.cost, again.actual_cost) == (700, 90)
    made = plans.records(tmp_path / "plan.xml", "plan.xml", "P", again)
    (kept,) = [item.data["portbook"]["items"] for item in made if item.stream == "mspdi_baseline"]
    assert [(item["hours"], item["cost"]) for item in kept.values()] == [(8, 450)]


def test_an_inserted_project_whose_tasks_stand_below_it_counts_as_they_do(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.add_task("Quay", summary=True, hours=10, cost=500, more={"IsSubproject": True})
    plan.add_task("Pile", level=2, hours=10, cost=500)
    found = parsed(tmp_path, plan.xml())
    assert [found[name].get("work_hours") for name in ("Quay", "Pile")] == [None, 10]
    assert survey(tmp_path / "plan.xml", "plan.xml", "P", 100).cost == 500


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


async def test_custom_fields_are_called_by_their_aliases_and_keep_their_types(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    for field_id, name, alias in (
        (1, "Text1", "RAG"), (2, "Flag3", "Gate"), (3, "Cost1", "Grant"), (4, "Number2", "Rank"), (5, "Date1", "Seen"),
        (6, "Duration1", "Drift"), (7, "Text9", ""),
    ):  # fmt: skip
        plan.define(field_id, name, alias)
    plan.add_task(
        "Dig",
        fields={
            "1": "Amber",
            "2": 1,
            "3": 12345,
            "4": "2.50",
            "5": "2026-03-01T00:00:00",
            "6": "PT16H0M0S",
            "7": "x",
        },
    )
    plan.save(tmp_path / "a.xml")
    found = by_name((await read(tmp_path))["mspdi_task"])["Dig"]["fields"]
    assert found == {
        "RAG": "Amber", "Gate": True, "Grant": 123.45, "Rank": 2.5, "Seen": "2026-03-01", "Drift": 16, "Text9": "x",
    }  # fmt: skip
    async with adapter(tmp_path) as opened:
        assert (await opened.aliases())["RAG"] == 'portbook.fields."RAG"'
        tasks = next(stream for stream in await opened.discover() if stream.name == "mspdi_task")
    shown = {field.title: (field.kind, field.samples) for field in tasks.fields}
    assert shown["RAG"] == ("Text", ("Amber",))
    assert shown["Name"] == ("text", ("Dig",))


def test_a_custom_field_in_another_language_keeps_its_type(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    for field_id, name in ((1, "Kosten1"), (2, "Attribut1"), (3, "Dauer1"), (4, "Etwas")):
        plan.define(field_id, name, "")
    plan.add_task("Dig", fields={"1": 12345, "2": 1, "3": "PT16H0M0S", "4": "12345"})
    text = plan.xml()
    for name, number in (("Kosten1", 0), ("Attribut1", 4), ("Dauer1", 2)):
        text = text.replace(f"{name}</FieldName>", f"{name}</FieldName><CFType>{number}</CFType>")
    assert parsed(tmp_path, text)["Dig"]["fields"] == {
        "Kosten1": 123.45, "Attribut1": True, "Dauer1": 16, "Etwas": "12345",
    }  # fmt: skip


async def test_an_outline_code_is_told_by_its_words(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.define(188743731, "Text1", "Berth")
    plan.add_task("Dig")
    values = "".join(
        f"<Value><ValueID>{number}</ValueID><ParentValueID>{above}</ParentValueID><Value>{word}</Value></Value>"
        for number, above, word in ((1, 0, "North"), (2, 1, "Quay"), (7, 7, "Round"))
    )
    codes = "".join(
        f"<OutlineCode><FieldID>{field}</FieldID><FieldName>{name}</FieldName><Alias>{alias}</Alias>"
        f"<Values>{values}</Values></OutlineCode>"
        for field, name, alias in ((188744096, "Outline Code1", "Site"), (188743731, "Text1", "Berth"))
    )
    chosen = "".join(
        f"<OutlineCode><FieldID>{field}</FieldID><ValueID>{number}</ValueID></OutlineCode>"
        for field, number in ((188744096, 2), (188743731, 7), (188744096, 99), (5, 1))
    )
    text = plan.xml().replace(
        "<ExtendedAttributes>", f"<OutlineCodes>{codes}</OutlineCodes><ExtendedAttributes>"
    )
    (tmp_path / "a.xml").write_text(text.replace("<Name>Dig</Name>", f"<Name>Dig</Name>{chosen}"))
    assert by_name((await read(tmp_path))["mspdi_task"])["Dig"]["fields"] == {
        "Site": "North.Quay",
        "Berth": "Round",
    }
    async with adapter(tmp_path) as opened:
        assert (await opened.aliases())["Site"] == 'portbook.fields."Site"'


def test_a_custom_field_with_several_values_keeps_them(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.define(188743731, "Text1", "Berths")
    plan.add_task("Dig", fields={188743731: "North"})
    once = "<ExtendedAttribute><FieldID>188743731</FieldID><Value>North</Value></ExtendedAttribute>"
    text = plan.xml().replace(once, once + once.replace("North", "Inner, south"))
    assert parsed(tmp_path, text)["Dig"]["fields"] == {"Berths": "North, Inner, south"}


async def test_every_member_of_a_task_is_shown_by_the_path_that_reads_it(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.define(188743731, "Text1", 'The 12" main')
    dig = plan.add_task("Dig", fields={"188743731": "North"})
    plan.link(dig, plan.add_task("Lay"))
    plan.save(tmp_path / "a.xml")
    rows = [record.data for record in (await read(tmp_path))["mspdi_task"].values()]
    async with adapter(tmp_path) as opened:
        tasks = next(stream for stream in await opened.discover() if stream.name == "mspdi_task")
    shown = {field.title: field for field in tasks.fields}
    assert "North" in [jmespath.search(shown['The 12" main'].path, row) for row in rows]
    assert shown["PredecessorLink"].kind == "list"


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


@pytest.mark.parametrize("order", [1, -1])
async def test_a_copied_guid_stays_with_whoever_had_it_first_wherever_the_rows_stand(
    tmp_path: Path, order: int
) -> None:
    shared = "11111111-6b1d-4e11-8f6d-00155d0a1b2c"
    plan = Plan("Harbour")
    dig, fill = plan.add_task("Dig"), plan.add_task("Fill")
    part = plan.add_task("Part of Fill", level=2)
    mia, ola = plan.add_person("Mia"), plan.add_person("Ola")
    plan.assign(dig, mia, 8)
    plan.assign(fill, ola, 8)
    plan.link(dig, part)
    for copied in (dig, fill, mia, ola, *plan.assignments):
        copied.guid = shared
    plan.tasks = {1: dig, 2: fill, 3: part} if order == 1 else {2: fill, 3: part, 1: dig}
    plan.resources = {r.uid: r for r in (mia, ola)[::order]}
    plan.assignments = plan.assignments[::order]
    plan.save(tmp_path / "a.xml")
    found = await read(tmp_path)
    (home,) = found["mspdi_project"]
    assert not [record for records in found.values() for record in records.values() if record.error]
    ids = {r.data["Name"]: r.id for s in ("mspdi_task", "mspdi_resource") for r in found[s].values()}
    assert ids == {
        "Dig": f"{home}:{shared}", "Fill": f"{home}:2", "Part of Fill": f"{home}:{part.guid.lower()}",
        "Mia": f"{home}:{shared}", "Ola": f"{home}:2",
    }  # fmt: skip
    tasks = by_name(found["mspdi_task"])
    assert tasks["Part of Fill"]["parent"] == ids["Fill"]
    assert tasks["Part of Fill"]["links"][0]["from_work_item"] == ids["Dig"]
    assert (tasks["Dig"]["assignee"], tasks["Fill"]["assignee"]) == (ids["Mia"], ids["Ola"])
    assignments = {own: record.data["portbook"] for own, record in found["mspdi_assignment"].items()}
    assert assignments[f"{home}:{shared}"]["work_item"] == ids["Dig"]
    assert assignments[f"{home}:2"]["person"] == ids["Ola"]


@pytest.mark.parametrize(
    "name", ["Cost", "Work", "Start", "UID", "IsNull", "OutlineLevel", "GUID", "PercentComplete"]
)
async def test_an_element_that_comes_twice_costs_its_task_alone(tmp_path: Path, name: str) -> None:
    plan = Plan("Harbour")
    for n in range(3):
        plan.add_task(f"Task {n}")
    head, mark, rest = plan.xml().partition("<Name>Task 1</Name>")
    before, task = head.rpartition("<Task>")[::2]
    own, end, after = f"{task}{mark}{rest}".partition("</Task>")
    own = re.sub(f"<{name}>[^<]*</{name}>", lambda found: found[0] * 2, own, count=1)
    (tmp_path / "a.xml").write_text(f"{before}<Task>{own}{end}{after}")
    found = (await read(tmp_path))["mspdi_task"]
    good = {record.data["Name"] for record in found.values() if record.error is None}
    assert good | {"Task 1"} == {f"Task {n}" for n in range(3)}
    assert all(record.data["Name"] == "Task 1" for record in found.values() if record.error)


@pytest.mark.parametrize("level", ["²", "00", "18446744073709551616", "9" * 400])
async def test_no_level_keeps_a_plan_from_being_read(tmp_path: Path, level: str) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    plan.add_task("Pour")
    text = plan.xml().replace("<OutlineLevel>1</OutlineLevel>", f"<OutlineLevel>{level}</OutlineLevel>", 1)
    (tmp_path / "a.xml").write_text(text)
    assert "Pour" in by_name((await read(tmp_path))["mspdi_task"])


async def test_a_record_that_cannot_be_told_apart_is_set_aside_and_its_neighbours_go_on(
    tmp_path: Path,
) -> None:
    plan = Plan("Harbour")
    for name in ("One", "Two", "Three"):
        plan.add_task(name)
    text = plan.xml().replace("<UID>2</UID>", "<UID>1</UID>", 1).replace("<UID>3</UID>", "<UID></UID>", 1)
    (tmp_path / "a.xml").write_text(text)
    found = (await read(tmp_path))["mspdi_task"]
    wrong = {record.data["Name"]: record.error.message for record in found.values() if record.error}
    assert wrong == {
        "Two": "Harbour: the UID 1 is used twice",
        "Three": "Harbour: Task number 2 without a UID",
    }
    assert [record.data["Name"] for record in found.values() if not record.error] == ["One"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('xmlns="http://schemas.microsoft.com/project"', 'xmlns="http://schemas.microsoft.com/project/2007"'),
        lambda text: text.replace(' xmlns="http://schemas.microsoft.com/project"', ""),
        lambda text: text.replace("<Project xmlns=", "<p:Project xmlns:p=").replace("</Project>", "</p:Project>").replace("<Tasks>", "<p:Tasks>").replace("</Tasks>", "</p:Tasks>"),
        lambda text: text.replace("<Name>Dig", "<Surprise><Deep>1</Deep></Surprise><Name>Dig"),
        lambda text: text.replace("<Milestone>0<", "<Milestone>false<").replace("<Active>1<", "<Active>true<"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("UTF-8", "UTF-16").encode("utf-16"),
        lambda text: text.replace("<Name>Dig", "<!-- a comment --><?go?><Name>Dig"),
        lambda text: text.replace("</Title>", "</Title><Notes>\x0bbell\x07 &#x1; &#11; &#0;</Notes>"),
        lambda text: text.replace("<PercentComplete>25<", "<PercentComplete>25.0<"),
    ],
    ids=["2007", "no namespace", "prefix", "unknown element", "true and false", "mark", "utf-16", "comments", "control characters", "decimals"],
)  # fmt: skip
def test_what_programs_write_differently_is_read_all_the_same(tmp_path: Path, change: Any) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig", percent=25)
    found = parsed(tmp_path, change(plan.xml()))
    assert (found["Dig"]["type"], found["Dig"]["percent"], found["Dig"]["status"]) == (
        "task",
        25,
        "in_progress",
    )


HOSTILE = (
    "'\"; DROP TABLE--",
    "<b>bold</b> & more",
    "😀 ‮gnp.exe",
    "ü" * 10_000,
    "a\tb\nc",
    "]]>",
    "&#x41;",
    " x ",
)


async def test_hostile_names_arrive_as_they_are(tmp_path: Path) -> None:
    plan = Plan("<Plan> & 'friends'")
    for name in HOSTILE:
        plan.add_task(name)
    plan.add_person(HOSTILE[0], "a@example.org")
    plan.save(tmp_path / "a.xml")
    found = await read(tmp_path)
    assert {record.data["Name"] for record in found["mspdi_task"].values()} == set(HOSTILE)
    assert next(iter(found["mspdi_project"].values())).data["portbook"]["title"] == "<Plan> & 'friends'"


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
