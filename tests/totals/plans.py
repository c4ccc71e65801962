"""Worlds of Project Server, Planner Premium and plan files, told in the register's words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.http import Patience
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra
from tests.fakes.mspdi import Plan, baseline, large
from tests.fakes.project_server import FakeProjectServer, generated
from tests.fix_engine import Engine
from tests.fix_project import server_adapter
from tests.totals import SOURCE, Told


def _planned(found: Mapping[str, Any]) -> dict[str, Any]:
    """What plans and their server count alike."""
    statuses: Counter[str] = Counter()
    stones: Counter[str] = Counter()
    for (kind, status), count in found["statuses"].items():
        (stones if kind == "milestone" else statuses)[status] += count
    return {
        "types": {(kind, kind): count for kind, count in found["types"].items() if kind != "milestone"},
        "statuses": dict(statuses),
        "milestones": dict(stones),
        "costs": {"forecast": found["cost"], "actual": found["actual_cost"]},
        "assignments": [found["assignments"], found["assigned_hours"]],
    }


def _titled(found: Mapping[int, tuple[int, float, float]]) -> dict[str, Any]:
    return {f"Baseline {number}" if number else "Baseline": list(held) for number, held in found.items()}


class _Server:
    def __init__(self, fake: FakeProjectServer, items: int) -> None:
        self.items, self.fake, world = items, fake, fake.world
        self.hour = 12
        chains: dict[str, list[Any]] = {}
        for n, task in enumerate(world.sets["Tasks"].values()):
            chains.setdefault(task["ProjectId"], []).append(task)
            if n % 3 == 0 and not task.get("TaskIsProjectSummary"):
                for number in (0, 7)[: 1 + (n % 9 == 0)]:
                    world.baseline(
                        task, number, task["TaskStartDate"], task["TaskFinishDate"], 4 + number, 12.5
                    )
        for tasks in chains.values():
            for before, after in zip(tasks[3::8], tasks[5::8], strict=False):
                world.link(before, after, "SF", lag_days=-1.5)
            for task in [row for row in tasks if not row.get("TaskIsSummary")][6::13]:
                task["TaskIsActive"] = False

    async def join(self, engine: Engine) -> None:
        fake = self.fake
        await engine.add(SOURCE, "ms_project", lambda: server_adapter(fake), {"url": fake.site})

    def edit(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        stamp = datetime(2026, 5, 5, self.hour)
        self.hour += 1
        world.clock = lambda: stamp
        tasks = [row for row in world.sets["Tasks"].values() if not row.get("TaskIsProjectSummary")]
        homes = set(rng.sample([key[0] for key in world.sets["Projects"]], max(3, len(world.links) // 10)))
        chosen = rng.sample([task for task in tasks if task["ProjectId"] in homes], count)
        for task in chosen:
            percent = rng.choice((0, 40, 100))
            begun, ended = task["TaskStartDate"], task["TaskFinishDate"]
            task["TaskPercentCompleted"] = percent
            task["TaskActualStartDate"] = begun if percent else None
            task["TaskActualFinishDate"] = ended if percent == 100 else None
            if not task.get("TaskIsSummary") and task["TaskWork"]:
                task["TaskWork"] = Decimal(rng.randrange(1, 80))
                task["TaskActualWork"], task["TaskRemainingWork"] = Decimal(1), task["TaskWork"] - 1
        for home in {task["ProjectId"] for task in chosen}:
            project = world.sets["Projects"][(home,)]
            project["ProjectCost"] += Decimal("10.25")
            # That a link is gone shows only to a complete run: see `delete`.
            world.links[home][0] |= {"DependencyType": 2, "LinkLag": -2400, "LinkLagDuration": "-0.5d"}
            first, last = [task for task in tasks if task["ProjectId"] == home][1:3]
            world.link(last, first, "FF", lag_days=2.5)
            world.publish(project)

    def delete(self, rng: random.Random, count: int) -> None:
        leaves = [r for r in self.fake.world.sets["Tasks"].values() if not r.get("TaskIsSummary")]
        for task in rng.sample(leaves, count):
            self.fake.world.delete_task(task)
        for links in self.fake.world.links.values():
            links.pop(rng.randrange(len(links)))

    def wanted(self) -> dict[str, Any]:
        world = self.fake.world
        tasks = [row for row in world.sets["Tasks"].values() if not row.get("TaskIsProjectSummary")]
        work = [row for row in tasks if not row.get("TaskIsSummary") and row["TaskWork"]]
        names = ("TaskWork", "TaskActualWork", "TaskRemainingWork")
        phases = {row["TaskId"] for row in tasks if row.get("TaskIsSummary")}
        return {
            **_planned(world.totals()),
            "projects": len(world.sets["Projects"]),
            "hours": [
                sum(row[name] for row in work if row.get("TaskIsActive") is not False) for name in names
            ],
            "parents": sum(row["ParentTaskId"] in phases for row in work),
            "links": {kind: list(held) for kind, held in world.link_totals().items()},
            "baselines": _titled(world.baseline_totals()),
        }


def project_data(items: int, folder: Path) -> Iterator[Told]:
    projects = max(3, items // 1000)
    with FakeProjectServer(generated(projects, items // projects), page_size=1000) as fake:
        yield _Server(fake, items)


class _Premium:
    def __init__(self, fake: FakeDataverse, items: int) -> None:
        self.items, self.fake = items, fake
        fake.world.generate(items, per_project=max(100, items // 100))

    async def join(self, engine: Engine) -> None:
        given = MsProjectOptions.model_validate(
            {"api": "dataverse", "url": self.fake.url, "auth": self.fake.auth(), "per_second": 500}
        )
        at_once = Patience(attempts=3, base=0, cap=0)
        await engine.add(
            SOURCE, "ms_project", lambda: MsProjectAdapter(given, patience=at_once), {"url": self.fake.url}
        )

    def edit(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        tasks = world.table("msdyn_projecttask").rows
        for task in rng.sample(sorted(k for k, row in tasks.items() if not row["msdyn_summary"]), count):
            hours, progress = float(rng.randrange(60)), rng.choice((0, 0.5, 1))
            world.edit(
                task, msdyn_progress=progress, msdyn_effort=hours, msdyn_effortcompleted=hours * progress,
                msdyn_effortremaining=hours * (1 - progress),
            )  # fmt: skip
        links = sorted(world.table("msdyn_projecttaskdependency").rows)
        world.edit(links[0], msdyn_projecttaskdependencylinktype=2, msdyn_projecttaskdependencylinklag=-3600)
        world.delete(links[1])
        first, second = list(tasks)[:2]
        world.link(second, first, kind="FF", lag_days=3)

    def delete(self, rng: random.Random, count: int) -> None:
        table = self.fake.world.table("msdyn_projecttask").rows
        # Each deletion looks through every table for what hangs on the row.
        for task in rng.sample(
            sorted(k for k, row in table.items() if not row["msdyn_summary"]), min(count, 40)
        ):
            self.fake.world.delete(task)

    def wanted(self) -> dict[str, Any]:
        world = self.fake.world
        found = world.totals()
        rows = world.table("msdyn_projecttask").rows.values()
        work = [row for row in rows if not row["msdyn_ismilestone"] or row["msdyn_effort"]]
        return {
            "projects": found["projects"],
            "types": {(kind, kind): count for kind, count in found["by_type"].items()},
            "statuses": found["by_status"],
            "milestones": world.milestone_totals(),
            "hours": [found["hours"], found["hours_done"], found["hours_left"]],
            "parents": sum(row["_msdyn_parenttask_value"] is not None for row in work),
            "links": {kind: list(held) for kind, held in world.link_totals().items()},
            "assignments": [found["assignments"], found["assigned_hours"]],
        }


def dataverse(items: int, folder: Path) -> Iterator[Told]:
    with FakeEntra() as entra, FakeDataverse(entra) as fake:
        yield _Premium(fake, items)


class _Files:
    def __init__(self, items: int, folder: Path) -> None:
        self.items, self.folder = items, folder
        count = 3 if items < 10_000 else 10
        self.plans = [large(items // count) for _ in range(count)]
        for place, plan in enumerate(self.plans):
            plan.guid, plan.title = f"5D7C1F0E-6B1D-4E11-8F6D-00155D0A1B{place:02}", f"Plan {place}"
            for n, task in enumerate(plan.tasks.values()):
                if n % 3 == 0:
                    held = baseline(task.start, task.finish, 4, 12.5)
                    task.baselines = dict.fromkeys((0, 7)[: 1 + (n % 9 == 0)], held)
            tasks = [task for task in plan.tasks.values() if not task.summary]
            for before, after in zip(tasks[3::8], tasks[5::8], strict=False):
                plan.link(before, after, "SF", lag_days=-1.5)
            for task in tasks[6::13]:
                task.active = False
        self._save(self.plans)

    def _save(self, plans: list[Plan]) -> None:
        for plan in plans:
            plan.save(self.folder / f"{plan.title}.xml")

    async def join(self, engine: Engine) -> None:
        given = MsProjectOptions.model_validate(
            {"api": "files", "files": "*.xml", "base_dir": self.folder, "settle_s": 0}
        )
        await engine.add(SOURCE, "ms_project", lambda: MsProjectAdapter(given), {})

    def edit(self, rng: random.Random, count: int) -> None:
        # All in one plan: a file is read again as a whole, and the others are not.
        plan = rng.choice(self.plans)
        tasks = [task for task in plan.tasks.values() if not task.summary]
        for task in rng.sample(tasks, min(count, len(tasks))):
            task.percent = rng.choice((0, 50, 100)) if not task.milestone else 100
            if task.hours:
                task.hours, task.cost = float(rng.randrange(1, 80)), rng.randrange(1000) + 0.5
        next(task for task in tasks if task.links).links.pop()
        plan.link(tasks[-1], tasks[0], "FF", lag_days=2.5)
        tasks[0].finish += timedelta(days=3)
        self._save([plan])

    def delete(self, rng: random.Random, count: int) -> None:
        for task in rng.sample([t for t in self.plans[0].tasks.values() if not t.summary], min(count, 40)):
            self.plans[0].delete_task(task)
        self._save(self.plans[:1])

    def wanted(self) -> dict[str, Any]:
        found: dict[str, Any] = {"projects": len(self.plans)}
        for plan in self.plans:
            told = _planned(plan.totals())
            work = [t for t in plan.tasks.values() if not t.summary and t.hours]
            active = [t for t in work if t.active]
            done = sum(t.hours * t.percent / 100 for t in active)
            told["hours"] = [sum(t.hours for t in active), done, sum(t.hours for t in active) - done]
            told["parents"] = len(work)
            told["links"] = {kind: list(held) for kind, held in plan.link_totals().items()}
            told["baselines"] = _titled(plan.baseline_totals())
            found = _added(found, told)
        return found


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return {
            k: _added(one[k], other[k]) if k in one and k in other else one.get(k, other.get(k))
            for k in one | other
        }
    return [a + b for a, b in zip(one, other, strict=True)] if isinstance(one, list) else one + other


def files(items: int, folder: Path) -> Iterator[Told]:
    yield _Files(items, folder)
