"""Plans of Microsoft Project in the register: every total agrees with the tool's own."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.errors import SourceUnavailable
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from adapters.spreadsheet.files import FoundFile, Snapshot, snapshot
from tests.fakes.jira import FakeJira
from tests.fakes.mspdi import START, Plan, baseline, large
from tests.fakes.project_server import FakeProjectServer, generated
from tests.fix_engine import Engine
from tests.fix_project import server_adapter


async def add_plans(engine: Engine, name: str = "plans") -> None:
    given = MsProjectOptions.model_validate(
        {"api": "files", "files": "*.xml", "base_dir": engine.folder, "settle_s": 0}
    )
    await engine.add(name, "ms_project", lambda: MsProjectAdapter(given), {})


async def present(engine: Engine, entity: str) -> list[dict[str, Any]]:
    """Every row that is there; several may come from one record."""
    found = await engine.pool.fetch(f"SELECT to_jsonb(t) FROM {entity} t WHERE presence = 'present'")
    return [orjson.loads(row[0]) for row in found]


async def totals(engine: Engine) -> dict[str, Any]:
    """What the register holds, counted as the fakes count."""
    items = await present(engine, "work_item")
    marks = await present(engine, "milestone")
    links = await present(engine, "dependency")
    put = await present(engine, "assignment")
    cost = await present(engine, "cost_line")
    types = Counter(item["type"] for item in items) + Counter({"milestone": len(marks)})
    statuses = Counter((item["type"], item["status"]) for item in items)
    statuses.update(("milestone", mark["status"]) for mark in marks)
    return {
        "types": dict(types),
        "statuses": dict(statuses),
        "work_hours": _sum(items, "estimate_hours"),
        "cost": sum(line["amount"] for line in cost if line["basis"] == "forecast"),
        "actual_cost": sum(line["amount"] for line in cost if line["basis"] == "actual"),
        "links": len(links),
        "lag_days": _sum(links, "lag_days"),
        "assignments": len(put),
        "assigned_hours": _sum(put, "planned_hours"),
    }


def _sum(rows: Any, name: str) -> float:
    return float(sum(Decimal(str(row[name])) for row in rows if row[name] is not None))


async def test_the_register_agrees_with_a_plan_file(engine: Engine) -> None:
    plan = large(600)
    plan.save(engine.folder / "large.xml")
    await add_plans(engine)
    run = await engine.sync("plans", "full")
    assert (run["state"], run["error"]) == ("succeeded", None)
    assert await totals(engine) == plan.totals()
    assert await engine.findings() == []
    assert await engine.count("dependency", "from_work_item_id IS NULL AND from_milestone_id IS NULL") == 0
    assert await engine.count("dependency", "to_work_item_id IS NULL AND to_milestone_id IS NULL") == 0


async def test_nothing_is_written_when_no_plan_changed(engine: Engine) -> None:
    large(60).save(engine.folder / "large.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    before = await engine.touched()
    assert (await engine.sync("plans"))["state"] == "succeeded"
    assert (await engine.sync("plans", "full"))["state"] == "succeeded"
    assert await engine.touched() == before


async def test_a_newer_version_updates_its_plan_under_any_name(engine: Engine) -> None:
    plan = Plan("Harbour")
    phase = plan.add_task("Phase", summary=True)
    dig = plan.add_task("Dig", level=2, hours=40, cost=1234.5)
    gone = plan.add_task("Drain", level=2)
    for n in range(10):
        plan.add_task(f"Step {n}", level=2)
    plan.save(engine.folder / "harbour v1.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    row = (await engine.rows("work_item", "title = 'Dig'")).popitem()[1]

    dig.name, dig.percent = "Dig deeper", 100
    plan.delete_task(gone)
    plan.save(engine.folder / "final FINAL.xml")
    assert (await engine.sync("plans"))["state"] == "succeeded"
    after = {row["title"]: row for row in (await engine.rows("work_item")).values()}
    assert after["Dig deeper"]["id"] == row["id"]
    assert after["Dig deeper"]["status"] == "done"
    assert after["Dig deeper"]["parent_id"] == after[phase.name]["id"]
    assert after["Drain"]["presence"] == "deleted"
    assert await engine.count("project") == 1


@pytest.mark.parametrize("known", [True, False])
async def test_an_inserted_project_counts_once_whenever_its_file_comes_and_goes(
    engine: Engine, known: bool
) -> None:
    """With `known` the master holds the project's id, as Project writes it; else only the name of its file."""
    inner = Plan("Quay")
    for n in range(5):
        inner.add_task(f"Pile {n}", hours=2, cost=100)
    master = Plan("Harbour")
    for n in range(40):
        master.add_task(f"Dig {n}", hours=1, cost=10)
    master.add_task(
        "Quay", summary=True, hours=10, cost=500, more={"IsSubproject": True, "SubprojectName": "C:\\Plans\\Quay.mpp"}
    )  # fmt: skip
    text = master.xml().replace("<Cost>40000</Cost>", "<Cost>90000</Cost>", 1)
    if known:
        text = text.replace("</SubprojectName>", "</SubprojectName>" + inner.xml().partition("?>")[2])
    (engine.folder / "master.xml").write_text(text)
    await add_plans(engine)
    await engine.sync("plans", "full")

    async def counted() -> tuple[float, float]:
        found = await totals(engine)
        return found["work_hours"], found["cost"]

    assert await counted() == (50, 900)
    for _ in range(2):
        inner.save(engine.folder / "Quay.xml")
        assert (await engine.run_once("plans"))["state"] == "succeeded"
        assert await counted() == (50, 900)
        assert await engine.count("work_item", "title LIKE 'Pile%' AND presence = 'present'") == 5
        (engine.folder / "Quay.xml").unlink()
        assert (await engine.run_once("plans"))["state"] == "succeeded"
        assert await counted() == (50, 900)
        await engine.sync("plans", "full")
        assert await counted() == (50, 900)
        assert await engine.count("work_item", "title LIKE 'Pile%' AND presence = 'present'") == 0


async def test_an_inserted_project_counts_while_its_file_cannot_be_read_yet(engine: Engine) -> None:
    plan = Plan("Harbour")
    plan.add_task(
        "Quay", summary=True, hours=10, cost=500, more={"IsSubproject": True, "SubprojectName": "C:\\Plans\\Quay.mpp"}
    )  # fmt: skip
    plan.save(engine.folder / "master.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    (engine.folder / "Quay.xml").write_text("")  # being uploaded
    await engine.run_once("plans")
    assert (await totals(engine))["work_hours"] == 10


@pytest.mark.parametrize("known", [True, False])
async def test_an_inserted_project_counts_in_its_master_again_when_its_file_goes_unread(
    engine: Engine, known: bool
) -> None:
    """Its file was there, half copied, when the master was read, and so it was left to itself."""
    _save_master(engine, Plan("Quay") if known else None)
    (engine.folder / "Quay.xml").write_text("")
    await add_plans(engine)
    await engine.sync("plans", "full")
    assert (await totals(engine))["work_hours"] == 2
    (engine.folder / "Quay.xml").unlink()
    assert (await engine.run_once("plans"))["state"] == "succeeded"
    assert (await totals(engine))["work_hours"] == 12


async def test_an_inserted_project_counts_once_again_when_its_file_comes_back_after_a_hold(
    engine: Engine,
) -> None:
    inner = Plan("Quay")
    for n in range(5):
        inner.add_task(f"Pile {n}", hours=2)
    _save_master(engine, inner)
    inner.save(engine.folder / "Quay.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    assert (await totals(engine))["work_hours"] == 12
    (engine.folder / "Quay.xml").rename(engine.folder / "Quay.away")
    for _ in range(2):
        assert (await engine.sync("plans", "full"))["state"] == "held"
        assert (await engine.sync("plans"))["state"] == "succeeded"
        waiting = await engine.count("run", "state = 'queued'")
        assert waiting == 0
    (engine.folder / "Quay.away").rename(engine.folder / "Quay.xml")
    assert (await engine.run_once("plans"))["state"] == "succeeded"
    assert (await totals(engine))["work_hours"] == 12


def _save_master(engine: Engine, inner: Plan | None) -> None:
    master = Plan("Harbour")
    for n in range(2):
        master.add_task(f"Dig {n}", hours=1)
    master.add_task(
        "Quay", summary=True, hours=10, more={"IsSubproject": True, "SubprojectName": "C:\\Plans\\Quay.mpp"}
    )  # fmt: skip
    text = master.xml()
    if inner is not None:
        text = text.replace("</SubprojectName>", "</SubprojectName>" + inner.xml().partition("?>")[2])
    (engine.folder / "master.xml").write_text(text)


def _plan_of(*people: tuple[str, str]) -> Plan:
    plan = Plan(f"Plan of {people}")
    task = plan.add_task("Dig")
    for name, address in people:
        plan.assign(task, plan.add_person(name, address), 8)
    return plan


async def test_who_is_on_several_plans_is_one_person(engine: Engine, cloud: FakeJira) -> None:
    """Each file has a list of its own. An address or a name alone may be several people's."""
    _plan_of(("Mia Krystof", "mia@acme.example"), ("Ola", ""), ("Team A", "pmo@acme.example")).save(
        engine.folder / "a.xml"
    )
    other = _plan_of(("Mia  Krystof", "Mia@acme.example"), ("Ola", ""), ("Team B", "pmo@acme.example"))
    other.save(engine.folder / "b.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    people = Counter(row["title"] for row in await present(engine, "person"))
    assert people == {"Mia Krystof": 1, "Ola": 2, "Team A": 1, "Team B": 1}
    mia = next(row for row in await present(engine, "person") if row["title"] == "Mia Krystof")
    hers = [row for row in await present(engine, "assignment") if row["person_id"] == mia["id"]]
    assert len({row["project_id"] for row in hers}) == 2

    cloud.world.add_project("PAY")
    cloud.world.add_user("Mia Krystof", emailAddress="mia@acme.example")
    await engine.add_jira(cloud)
    await engine.sync("delivery")
    assert [row["rule"] for row in await engine.pool.fetch("SELECT rule FROM link")] == ["match on email"]

    (engine.folder / "b.xml").unlink()
    await engine.sync("plans", "full", approved=True)
    assert [row["id"] for row in await present(engine, "person") if row["title"] == "Mia Krystof"] == [
        mia["id"]
    ]


async def test_two_files_with_one_plan_are_told(engine: Engine) -> None:
    """A copied file keeps its plan's id, and so does one that was saved under another name."""
    plan = Plan("Harbour")
    dig = plan.add_task("Dig")
    plan.save(engine.folder / "harbour.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    assert await engine.findings() == []
    dig.name = "Pile"
    plan.save(engine.folder / "quay.xml", saved=datetime(2026, 6, 1))

    async def told() -> str:
        (found,) = await engine.findings()
        assert (found["code"], found["severity"], found["entity"]) == ("SRC010", "warning", "project")
        return str(found["message"])

    await engine.run_once("plans")
    assert await told() == "Harbour is in quay.xml, which was saved last and is read, and in harbour.xml"
    assert [row["title"] for row in await present(engine, "work_item")] == ["Pile"]
    dig.name = "Dig"
    plan.save(engine.folder / "harbour.xml", saved=datetime(2026, 6, 2))
    await engine.run_once("plans")
    assert await told() == "Harbour is in harbour.xml, which was saved last and is read, and in quay.xml"
    await engine.sync("plans", "full")
    (project,) = await present(engine, "project")
    assert project["custom"]["Other files"] == ["quay.xml"]
    assert await told()
    (engine.folder / "quay.xml").unlink()
    await engine.run_once("plans")
    assert await engine.findings() == []


async def test_a_plan_that_is_gone_is_in_no_files_any_more(engine: Engine) -> None:
    plan, other = Plan("Harbour"), large(30)
    for name in ("a", "b"):
        plan.save(engine.folder / f"{name}.xml")
    other.save(engine.folder / "c.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    assert len(await engine.findings()) == 1
    for name in ("a", "b"):
        (engine.folder / f"{name}.xml").unlink()
    await engine.sync("plans", "full")
    assert await engine.findings() == []


@pytest.mark.parametrize("mode", ["incremental", "full"])
async def test_a_file_that_is_put_back_after_a_run_that_failed_is_read_again(
    engine: Engine, mode: str
) -> None:
    """What the run had stored of it stayed, for the file was the one that the last good run knew."""
    plan, other = Plan("Harbour"), Plan("Quay")
    dig = plan.add_task("Dig")
    plan.save(engine.folder / "a.xml")
    other.save(engine.folder / "b.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    before = {path: path.read_bytes() for path in engine.folder.iterdir()}
    dig.name = "Dig elsewhere"
    plan.save(engine.folder / "a.xml")
    (engine.folder / "b.xml").write_bytes(before[engine.folder / "b.xml"][:200])
    assert (await engine.sync("plans", mode))["state"] == "failed"
    for path, content in before.items():
        path.write_bytes(content)
    assert (await engine.sync("plans"))["state"] == "succeeded"
    assert [row["title"] for row in await present(engine, "work_item")] == ["Dig"]


async def test_a_run_that_fails_lets_only_what_it_altered_be_read_again(engine: Engine) -> None:
    plans = [Plan(f"Plan {n}") for n in range(6)]
    for n, plan in enumerate(plans):
        plan.add_task("Dig")
        plan.save(engine.folder / f"{n}.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    plans[3].add_task("Pour")
    plans[3].save(engine.folder / "3.xml")
    damaged = large(20).xml().replace("<Name>Task 5</Name>", "<Name>Task 5</Nam>")
    (engine.folder / "damaged.xml").write_text(damaged)
    assert (await engine.sync("plans"))["state"] == "failed"
    kept = {row["name"] for row in await engine.pool.fetch("SELECT name FROM partition_cursor")}
    assert kept == {f"plan:{plan.guid.lower()}" for n, plan in enumerate(plans) if n != 3}


async def test_what_a_changed_file_no_longer_holds_is_found_also_when_its_run_was_put_off(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was saving another file just then."""
    plan, other = Plan("Harbour"), Plan("Quay")
    tasks = [plan.add_task(f"Task {n}") for n in range(20)]
    plan.save(engine.folder / "a.xml")
    other.save(engine.folder / "b.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    plan.delete_task(tasks[3])
    plan.save(engine.folder / "a.xml")

    def busy(file: FoundFile, into: Path, **options: Any) -> Snapshot:
        if file.name == "b.xml":
            raise SourceUnavailable("b.xml keeps changing while it is read", retry_after=0)
        return snapshot(file, into, **options)

    with monkeypatch.context() as saving:
        saving.setattr("adapters.ms_project.files.snapshot", busy)
        assert (await engine.run_once("plans"))["state"] == "queued"
    run = await engine.sync("plans")
    assert (run["mode"], run["state"]) == ("incremental", "succeeded")
    assert await engine.count("work_item", "title = 'Task 3' AND presence = 'present'") == 0


async def test_what_a_changed_file_no_longer_holds_is_found_whatever_its_size(engine: Engine) -> None:
    """Its last page, which has the cursor, may be empty."""
    plan = Plan("Harbour")
    tasks = [plan.add_task(f"Task {n}") for n in range(599)]
    plan.save(engine.folder / "a.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    plan.delete_task(tasks[3])
    plan.save(engine.folder / "a.xml")
    run = await engine.sync("plans")
    assert (run["mode"], run["seen"]) == ("incremental", 600)
    assert await engine.count("run", "mode = 'full'") == 2


async def test_a_workbook_that_is_put_back_after_a_run_that_failed_is_read_again(engine: Engine) -> None:
    for name in "ab":
        (engine.folder / f"{name}.csv").write_text(f"ID,Title\n{name}1,Silt\n")
    await engine.add_files("*.csv", sheets=[{"sheet": "*", "into": "risk", "key": "ID"}])
    await engine.sync("pmo", "full")
    (engine.folder / "a.csv").write_text("ID,Title\na1,Sand\n")
    (engine.folder / "b.csv").write_text("Other\nb1\n")
    assert (await engine.sync("pmo"))["state"] == "failed"
    for name in "ab":
        (engine.folder / f"{name}.csv").write_text(f"ID,Title\n{name}1,Silt\n")
    assert (await engine.sync("pmo"))["state"] == "succeeded"
    assert {row["title"] for row in await present(engine, "risk")} == {"Silt"}


async def test_a_task_that_becomes_a_milestone_changes_places(engine: Engine) -> None:
    plan = Plan("Harbour")
    task = plan.add_task("Handover")
    before = plan.add_task("Build")
    plan.link(before, task, "FS", lag_days=2)
    plan.save(engine.folder / "a.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    task.milestone, task.hours, task.days, task.finish = True, 0, 0, task.start
    plan.save(engine.folder / "a.xml")
    await engine.sync("plans")
    (mark,) = await present(engine, "milestone")
    (link,) = await present(engine, "dependency")
    assert [item["title"] for item in await present(engine, "work_item")] == ["Build"]
    assert (link["to_milestone_id"], link["to_work_item_id"]) == (mark["id"], None)
    assert link["lag_days"] == 2


async def _marked_task_counts(engine: Engine, ids: tuple[str, str, str]) -> None:
    """A plan of two tasks of 8 hours, of which one is marked as a milestone, and both assigned to one person."""
    dig, handover, gate = ids
    items = await engine.rows("work_item", "presence = 'present'")
    assert set(items) == {dig, f"{handover}:work"}
    stones = await engine.rows("milestone", "presence = 'present'")
    assert set(stones) == {handover, gate}
    work = items[f"{handover}:work"]
    assert (work["type"], work["status"], work["estimate_hours"], work["spent_hours"]) == (
        "task",
        "in_progress",
        8,
        2,
    )
    assert work["milestone_ids"] == [stones[handover]["id"]]
    assert (stones[handover]["status"], stones[handover]["planned_on"]) == (
        "planned",
        work["finish_planned_on"],
    )
    assert len({row["id"] for row in (*items.values(), *stones.values())}) == 4
    on = {row["work_item_id"]: row["planned_hours"] for row in await present(engine, "assignment")}
    assert on == {items[dig]["id"]: 8, work["id"]: 8}
    (link,) = await present(engine, "dependency")
    assert (link["from_work_item_id"], link["to_milestone_id"]) == (items[dig]["id"], stones[handover]["id"])
    assert await engine.findings() == []


async def test_hours_of_a_task_marked_as_a_milestone_are_counted(engine: Engine) -> None:
    plan = Plan("Harbour")
    dig, who = plan.add_task("Dig", hours=8), plan.add_person("Ana")
    handover = plan.add_task(
        "Handover", milestone=True, hours=8, days=5, finish=START + timedelta(days=4), percent=25
    )
    gate = plan.add_task("Gate", milestone=True)
    plan.link(dig, handover)
    plan.assign(dig, who, 8)
    plan.assign(handover, who, 8, 2)
    plan.save(engine.folder / "a.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    assert await totals(engine) == plan.totals()
    records = [f"{plan.guid}:{task.guid}".lower() for task in (dig, handover, gate)]
    await _marked_task_counts(engine, (records[0], records[1], records[2]))

    # The work is done with, or planned away: the milestone stays the one it was.
    before = (await engine.rows("milestone"))[records[1]]["id"]
    handover.hours = 0
    plan.assignments.pop()
    plan.save(engine.folder / "a.xml")
    await engine.sync("plans")
    assert await totals(engine) == plan.totals()
    assert (await engine.rows("milestone", "presence = 'present'"))[records[1]]["id"] == before


async def test_hours_of_a_task_marked_as_a_milestone_are_counted_on_the_server_too(engine: Engine) -> None:
    world = generated(1, 0)
    (project,) = world.sets["Projects"].values()
    who = next(iter(world.sets["Resources"].values()))
    dig = world.add_task(project, "Dig", hours=8)
    handover = world.add_task(project, "Handover", milestone=True, hours=8, percent=25)
    gate = world.add_task(project, "Gate", milestone=True)
    world.link(dig, handover)
    world.assign(dig, who, 8)
    world.assign(handover, who, 8, 2)
    with FakeProjectServer(world) as fake:
        await add_server(engine, fake)
        await engine.sync("pwa", "full")
    assert await totals(engine) == world.totals()
    records = [f"{project['ProjectId']}:{task['TaskId']}" for task in (dig, handover, gate)]
    await _marked_task_counts(engine, (records[0], records[1], records[2]))


def _baseline_sums(items: dict[str, dict[str, Any]], rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Title → what the baseline holds of the row, found by its id; and what all of them come to."""
    titles = {row["id"]: name for name, row in rows.items()}
    sums = {name: sum(item.get(name, 0) for item in items.values()) for name in ("hours", "cost")}
    return sums | {titles[row_id]: item.get("hours") for row_id, item in items.items()}


async def test_a_baseline_counts_each_hour_once_and_leads_to_its_rows(engine: Engine) -> None:
    plan = Plan("Harbour")
    phase = plan.add_task("Phase", summary=True, hours=16, cost=1600)
    tasks = [plan.add_task(name, level=2, hours=8, cost=800, actual_cost=80) for name in ("a", "b")]
    marked = plan.add_task("Handover", milestone=True, hours=4, cost=400)
    for task, size in ((phase, 16), *((task, 8) for task in tasks), (marked, 4)):
        task.baselines[0] = baseline(START, START + timedelta(days=2), size, size * 100)
    plan.save(engine.folder / "a.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    items, stones = await engine.rows("work_item"), await engine.rows("milestone")
    (taken,) = await present(engine, "baseline")
    (stone,) = stones.values()
    rows = {row["title"]: row for row in items.values()} | {"gate": stone}
    assert _baseline_sums(taken["items"], rows) == {
        "hours": 20, "cost": 2000, "Phase": None, "a": 8, "b": 8, "Handover": 4, "gate": None,
    }  # fmt: skip
    assert all(item["start_on"] == "2026-03-02" for item in taken["items"].values())
    for name, wanted in (
        ("Baseline cost", 2000),
        ("Cost", 2000),
        ("Actual cost", 160),
        ("Baseline hours", 20),
    ):
        assert sum(row["custom"].get(name, 0) for row in items.values()) == wanted


async def test_a_baseline_of_the_server_counts_each_hour_once_and_leads_to_its_rows(engine: Engine) -> None:
    world = generated(1, 0)
    (project,) = world.sets["Projects"].values()
    phase = world.add_task(project, "Phase", summary=True, hours=16, cost=1600)
    tasks = [
        world.add_task(project, name, parent=phase, hours=8, cost=800, percent=10) for name in ("a", "b")
    ]
    marked = world.add_task(project, "Handover", milestone=True, hours=4, cost=400)
    top = next(row for row in world.sets["Tasks"].values() if row.get("TaskIsProjectSummary"))
    for task, size in ((top, 20), (phase, 16), *((task, 8) for task in tasks), (marked, 4)):
        world.baseline(task, 0, START, START + timedelta(days=2), size, size * 100)
    with FakeProjectServer(world) as fake:
        await add_server(engine, fake)
        await engine.sync("pwa", "full")
    items, stones = await engine.rows("work_item"), await engine.rows("milestone")
    (taken,) = await present(engine, "baseline")
    (stone,) = stones.values()
    rows = {row["title"]: row for row in items.values()} | {"gate": stone}
    assert _baseline_sums(taken["items"], rows) == {
        "hours": 20, "cost": 2000, "Phase": None, "a": 8, "b": 8, "Handover": 4, "gate": None,
    }  # fmt: skip
    for name, wanted in (
        ("Baseline cost", 2000),
        ("Cost", 2000),
        ("Actual cost", 160),
        ("Baseline hours", 20),
    ):
        assert sum(row["custom"].get(name, 0) for row in items.values()) == wanted


async def test_baselines_arrive(engine: Engine) -> None:
    plan = Plan("Harbour")
    start, finish = plan.saved, plan.saved.replace(day=20)
    dig = plan.add_task("Dig", start=start, finish=finish.replace(day=27))
    mark = plan.add_task("Open", milestone=True, start=finish.replace(day=29))
    for number in range(11):
        dig.baselines[number] = baseline(start, finish, 16 + number, 100.5)
    mark.baselines[0] = baseline(finish, finish, 0, 0)
    plan.save(engine.folder / "a.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    taken = {row["title"]: row for row in await present(engine, "baseline")}
    assert set(taken) == {"Baseline", *(f"Baseline {n}" for n in range(1, 11))}
    [item] = taken["Baseline 7"]["items"].values()
    assert item == {"start_on": "2026-05-04", "finish_on": "2026-05-20", "hours": 23, "cost": 100.5}
    (row,) = await present(engine, "work_item")
    assert (row["start_baseline_on"], row["finish_baseline_on"]) == ("2026-05-04", "2026-05-20")
    (stone,) = await present(engine, "milestone")
    assert (stone["baseline_on"], stone["planned_on"], stone["slip_days"]) == ("2026-05-20", "2026-05-29", 7)


async def test_a_broken_plan_does_not_keep_the_others_from_being_read(engine: Engine) -> None:
    plans = {name: large(30) for name in ("a", "b", "c")}
    for name, plan in plans.items():
        plan.guid, plan.title = f"5D7C1F0E-6B1D-4E11-8F6D-00155D0A1B2{name}", name
        plan.save(engine.folder / f"{name}.xml")
    await add_plans(engine)
    await engine.sync("plans", "full")
    whole = (engine.folder / "b.xml").read_bytes()
    (engine.folder / "b.xml").write_bytes(whole[: len(whole) // 2])
    plans["c"].tasks[3].name = "Renamed"
    plans["c"].save(engine.folder / "c.xml")
    run = await engine.sync("plans", "full")
    assert run["state"] == "failed"
    assert "b.xml is cut off" in run["error"]
    assert await engine.count("work_item", "title = 'Renamed'") == 1
    assert await engine.count("work_item", "presence <> 'present'") == 0


async def add_server(engine: Engine, fake: FakeProjectServer, name: str = "pwa", **options: Any) -> None:
    await engine.add(name, "ms_project", lambda: server_adapter(fake, **options), {"url": fake.site})


@pytest.mark.parametrize("verbose", [False, True])
async def test_the_register_agrees_with_a_project_server(engine: Engine, verbose: bool) -> None:
    world = generated(3, 150)
    with FakeProjectServer(world, verbose=verbose, page_size=40) as fake:
        await add_server(engine, fake)
        run = await engine.sync("pwa", "full")
        assert (run["state"], run["error"]) == ("succeeded", None)
        assert await totals(engine) == world.totals()
        assert await engine.findings() == []
        before = await engine.touched()
        assert (await engine.sync("pwa"))["state"] == "succeeded"
        assert (await engine.sync("pwa", "full"))["state"] == "succeeded"
        assert await engine.touched() == before


async def test_a_change_on_the_server_arrives_and_a_deletion_with_the_complete_pass(engine: Engine) -> None:
    world = generated(2, 40)
    with FakeProjectServer(world) as fake:
        await add_server(engine, fake)
        await engine.sync("pwa", "full")
        tasks = [t for t in world.sets["Tasks"].values() if t["TaskName"].startswith("Task 1")]
        world.clock = lambda: datetime(2026, 5, 5, 12)
        world.edit(tasks[0], TaskName="Renamed", TaskPercentCompleted=100)
        world.delete_task(tasks[1])
        run = await engine.sync("pwa")
        assert run["state"] == "succeeded"
        rows = await engine.rows("work_item")
        assert rows[f"{tasks[0]['ProjectId']}:{tasks[0]['TaskId']}"]["title"] == "Renamed"
        await engine.sync("pwa", "full")
        rows = await engine.rows("work_item")
        assert rows[f"{tasks[1]['ProjectId']}:{tasks[1]['TaskId']}"]["presence"] == "deleted"
        assert await totals(engine) == world.totals()


async def test_assignments_follow_a_resource_of_the_server_that_turns_out_to_be_nobody(
    engine: Engine,
) -> None:
    world = generated(2, 10)
    with FakeProjectServer(world) as fake:
        await add_server(engine, fake)
        await engine.sync("pwa", "full")
        first = next(iter(world.sets["Assignments"].values()))
        crane = world.sets["Resources"][(first["ResourceId"],)]
        crane |= {"ResourceIsGeneric": True, "ResourceName": "Crane"}
        assert (await engine.sync("pwa"))["state"] == "succeeded"
        rows = await engine.rows("assignment")
        row = rows[f"{first['ProjectId']}:{first['AssignmentId']}"]
        assert (row["person_id"], row["role"]) == (None, "Crane")
        fake.log.clear()
        await engine.sync("pwa")
        assert not [call for call in fake.log if "/Tasks" in call.path and "$filter" in call.query]


async def test_a_retired_site_freezes_what_was_read(engine: Engine) -> None:
    with FakeProjectServer(generated(1, 20)) as fake:
        await add_server(engine, fake, url="https://acme.sharepoint.com/pwa")
        await engine.sync("pwa", "full")
        before = await engine.touched()
        for status in (404, 410, 302, 403):
            fake.faults.retired = status
            run = await engine.sync("pwa", "full")
            assert run["state"] == "failed"
            assert "retired Project Online" in run["error"]
            assert await engine.touched() == before
    assert await engine.pool.fetchval("SELECT paused FROM source WHERE key = 'pwa'") is True


async def test_risks_issues_and_deliverables_arrive(engine: Engine) -> None:
    world = generated(1, 10)
    project = next(iter(world.sets["Projects"].values()))
    world.log(
        "Risks", project, "Cable late", Probability=0.6, Impact=4.0, Exposure=2.4, Cost=50000.0,
        CostExposure=30000.0, Owner="Person 3", Description="<p>The <b>cable</b></p>", Status="(1) Active",
    )  # fmt: skip
    world.log("Issues", project, "No permit", Priority="(1) High", Status="(2) Postponed", Discussion="x")
    world.log("Deliverables", project, "Quay", FinishDate=datetime(2026, 6, 30, 17), StartDate=None)
    world.log("Risks", project, "A folder", IsFolder=True)
    with FakeProjectServer(world) as fake:
        await add_server(engine, fake)
        run = await engine.sync("pwa", "full")
        assert run["state"] == "succeeded", run["error"]
        (risk,) = await present(engine, "risk")
        assert (risk["probability"], risk["impact"], risk["score"], risk["status"]) == (3, 2, 6, "open")
        assert risk["description"] == "The cable"
        assert risk["owner_id"] in {
            row["id"] for row in await present(engine, "person") if row["title"] == "Person 3"
        }
        (issue,) = await present(engine, "issue")
        assert (issue["status"], issue["status_source"]) == ("on_hold", "(2) Postponed")
        (deliverable,) = await present(engine, "deliverable")
        assert deliverable["due_on"] == "2026-06-30"
