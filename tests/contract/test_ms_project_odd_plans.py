"""What programs write differently, and what is broken in a plan costs that alone."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ms_project.survey import survey
from tests.contract.plans import by_name, parsed, read
from tests.fakes.mspdi import START, Plan, baseline


@pytest.mark.parametrize("behind", [b"\x00" * 4000, b"\n" * 500, b"<!-- " + b"x" * 1000 + b" -->"])
async def test_what_stands_behind_the_end_of_a_plan_is_nothing(tmp_path: Path, behind: bytes) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    (tmp_path / "a.xml").write_bytes(plan.xml().encode() + behind)
    assert list(by_name((await read(tmp_path))["mspdi_task"])) == ["Dig"]


def test_a_baseline_without_a_number_is_the_baseline(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    task = plan.add_task("Dig")
    task.baselines[0] = baseline(START, START + timedelta(hours=9), 16, 5)
    text = plan.xml().replace("<Baseline><Number>0</Number>", "<Baseline>")
    found = parsed(tmp_path, text)["Dig"]
    assert (found["baseline_hours"], found["start_baseline_on"]) == (16, "2026-03-02")


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
