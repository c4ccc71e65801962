"""Projects inserted in others: each hour and cost counts once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import FileRefused
from adapters.ms_project import plan as plans
from adapters.ms_project.survey import survey
from tests.contract.plans import adapter, parsed, read
from tests.fakes.mspdi import START, Plan, baseline


async def test_the_end_of_an_inserted_project_is_not_the_end_of_its_master(tmp_path: Path) -> None:
    _save_master(tmp_path, Plan("Quay"))
    whole = (tmp_path / "master.xml").read_bytes()
    (tmp_path / "master.xml").write_bytes(whole[: whole.index(b"</Project>") + 40])
    with pytest.raises(FileRefused, match=r"master.xml is cut off"):
        await read(tmp_path)


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
