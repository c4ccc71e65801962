"""One world of each kind of source: seeded edits and deletions, and what a register that read it must then hold.

A `Told` turns what a fake counts in its tool's words into the words of `register_totals`; whatever it does not name must
be absent from the register.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import orjson

from adapters.http import Patience
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops import generate as boards
from tests.fakes.azure_devops.world import DEPENDENCY, DUPLICATE, HIERARCHY, RELATED
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra
from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import bulk_world
from tests.fakes.jira.world import POINTS, Issue
from tests.fakes.mspdi import Plan, baseline, large
from tests.fakes.project_server import FakeProjectServer, generated
from tests.fakes.workbooks import write_xlsx
from tests.fix_engine import Engine
from tests.fix_project import server_adapter

SOURCE = "tool"
NOTHING: dict[str, Any] = {
    "projects": 0, "types": {}, "statuses": {}, "milestones": {}, "hours": [0, 0, 0], "points": 0, "parents": 0,
    "costs": {}, "links": {}, "assignments": [0, 0], "time_entries": [0, 0], "baselines": {},
}  # fmt: skip

_ITEMS = "FROM work_item WHERE presence = 'present'"
_SQL = {
    "projects": "SELECT count(*) FROM project WHERE presence = 'present'",
    "types": f"SELECT json_agg(t) FROM (SELECT type_source, type, count(*) {_ITEMS} GROUP BY 1, 2) t",
    "statuses": f"SELECT json_object_agg(coalesce(s, ''), n) FROM (SELECT status s, count(*) n {_ITEMS} GROUP BY 1) t",
    "milestones": "SELECT json_object_agg(coalesce(s, ''), n) FROM"
    " (SELECT status s, count(*) n FROM milestone WHERE presence = 'present' GROUP BY 1) t",
    "hours": "SELECT json_build_array(coalesce(sum(estimate_hours), 0), coalesce(sum(spent_hours), 0),"
    f" coalesce(sum(remaining_hours), 0)) {_ITEMS}",
    "points": f"SELECT coalesce(sum(points), 0) {_ITEMS}",
    # A parent must be a row that is there too.
    "parents": "SELECT count(*) FROM work_item c JOIN work_item p ON p.id = c.parent_id"
    " WHERE c.presence = 'present' AND p.presence = 'present'",
    "costs": "SELECT json_object_agg(b, a) FROM"
    " (SELECT basis b, sum(amount) a FROM cost_line WHERE presence = 'present' GROUP BY 1) t",
    "links": "SELECT json_object_agg(k, json_build_array(n, days)) FROM (SELECT kind k, count(*) n,"
    " coalesce(sum(lag_days), 0) days FROM dependency WHERE presence = 'present' GROUP BY 1) t",
    "assignments": "SELECT json_build_array(count(*), coalesce(sum(planned_hours), 0)) FROM assignment"
    " WHERE presence = 'present'",
    "time_entries": "SELECT json_build_array(count(*), coalesce(sum(hours), 0)) FROM time_entry"
    " WHERE presence = 'present'",
    "baselines": "SELECT json_object_agg(title, json_build_array(n, hours, cost)) FROM (SELECT title, count(*) n,"
    " coalesce(sum((value->>'hours')::numeric), 0) hours, coalesce(sum((value->>'cost')::numeric), 0) cost"
    " FROM baseline, jsonb_each(items) WHERE presence = 'present' GROUP BY 1) t",
}


async def register_totals(engine: Engine) -> dict[str, Any]:
    """What the register holds, counted by SQL: rows of one record share its id, and a dict would lose some."""
    found = dict(NOTHING)
    for name, sql in _SQL.items():
        value = await engine.pool.fetchval(sql)
        if isinstance(value, str):
            value = orjson.loads(value)
        if name == "types":
            value = {(row["type_source"], row["type"]): row["count"] for row in value or ()}
        found[name] = plain(NOTHING[name] if value is None else value)
    return found


def plain(value: Any) -> Any:
    """Numbers that compare, whatever they came as."""
    match value:
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case float() | Decimal():
            return round(float(value), 3)
        case _:
            return value


class Told(Protocol):
    """A world of about so many items behind the tool that serves it."""

    items: int

    async def join(self, engine: Engine) -> None:
        """Have the engine read it as the source `tool`."""

    def edit(self, rng: random.Random, count: int) -> None:
        """States, hours, links and whatever else this tool has, of so many items."""

    def delete(self, rng: random.Random, count: int) -> None: ...

    def wanted(self) -> dict[str, Any]:
        """The fake's own totals, in the words of `register_totals`."""


@contextmanager
def opened(kind: str, items: int, folder: Path) -> Iterator[Told]:
    """A world of this kind: `jira-cloud`, `jira-dc`, `azure_devops-services`, … (see `WORLDS`)."""
    yield from WORLDS[kind](items, folder)


# -- Jira ---------------------------------------------------------------------------------------------------------------

_JIRA_TYPES = {"Epic": "epic", "Story": "story", "Task": "task", "Bug": "bug", "Sub-task": "subtask"}
_JIRA_STATUSES = {"To Do": "todo", "In Progress": "in_progress", "In Review": "in_review", "Done": "done"}
_JIRA_LINKS = {"Blocks": "blocks", "Relates": "relates", "Duplicate": "duplicates"}


class _Jira:
    def __init__(self, fake: FakeJira, items: int) -> None:
        self.items, self.fake, self.tied = items, fake, list[tuple[str, Issue, Issue]]()
        world, rng = fake.world, random.Random(1)
        issues = list(world.issues.values())
        for one, other in zip(issues[::10], issues[5::10], strict=False):
            self._tie(rng, one, other)
            # The parts of a bulk issue are fields by now.
            world.edit(other, silently=True, **self._parent(one))
        for issue in issues[::5]:
            world.add_worklog(
                issue, rng.choice(list(world.users.values())), rng.randrange(1, 9) * 1800, world.now()
            )

    def _tie(self, rng: random.Random, one: Issue, other: Issue) -> None:
        for issue in (one, other):
            self.fake.world.edit(issue)
        self.tied.append((self.fake.world.link(one, other, rng.randrange(3)), one, other))

    def _parent(self, issue: Issue) -> dict[str, Any]:
        if self.fake.world.cloud:
            return {"parent": {"id": str(issue.id), "key": issue.key, "fields": {"summary": "Above"}}}
        return {"customfield_10014": issue.key}

    async def join(self, engine: Engine) -> None:
        await engine.add_jira(self.fake, SOURCE)

    def edit(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        issues = rng.sample(list(world.issues.values()), count)
        for issue in issues:
            status = rng.choice(world.statuses[:4])
            world.edit(
                issue,
                status=status,
                resolution=rng.choice(world.resolutions) if status["name"] == "Done" else None,
                timespent=rng.randrange(50) * 1800,
                timeestimate=None,
                **{POINTS: rng.choice((None, 1.0, 21.0))},
            )
        self._tie(rng, issues[0], issues[-1])
        name, one, other = self.tied.pop(0)
        world.unlink(name, world.edit(one), world.edit(other))
        world.delete_worklog(next(iter(world.worklogs)))

    def delete(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        parents = {one.id for _, one, _ in self.tied} | {other.id for _, _, other in self.tied}
        for number in rng.sample(sorted(set(world.issues) - parents), count):
            world.delete(number)
            for log in [n for n, row in world.worklogs.items() if row["issueId"] == str(number)]:
                world.delete_worklog(log)
        name, one, other = self.tied.pop()
        world.unlink(name, one)
        world.edit(one)
        world.delete(other)

    def wanted(self) -> dict[str, Any]:
        found = self.fake.totals()
        statuses: Counter[str] = Counter()
        for (name, ended), count in found["statuses"].items():
            statuses["cancelled" if ended not in (None, "Done") else _JIRA_STATUSES[name]] += count
        seconds = found["seconds"]
        return {
            "projects": len(self.fake.world.projects),
            "types": {(name, _JIRA_TYPES[name]): count for name, count in found["types"].items()},
            "statuses": dict(statuses),
            "hours": [seconds[n] / 3600 for n in ("timeoriginalestimate", "timespent", "timeestimate")],
            "points": found["points"],
            "parents": found["parents"],
            "links": {_JIRA_LINKS[name]: [count, 0] for name, count in found["links"].items()},
            "time_entries": [found["worklogs"], found["logged_seconds"] / 3600],
        }


def _jira(flavour: str) -> Callable[[int, Path], Iterator[Told]]:
    def make(items: int, folder: Path) -> Iterator[Told]:
        with FakeJira(bulk_world(items, size_bytes=1500, flavour=flavour)) as fake:
            yield _Jira(fake, items)

    return make


# -- Azure DevOps -------------------------------------------------------------------------------------------------------

_BOARD_TYPES = {
    "Initiative": "initiative", "Epic": "epic", "Feature": "feature", "User Story": "story", "Requirement": "story",
    "Product Backlog Item": "story", "Task": "task", "Bug": "bug", "Permit": None,
}  # fmt: skip
_CATEGORIES = {
    "Proposed": "todo", "InProgress": "in_progress", "Resolved": "in_review", "Completed": "done",
    "Removed": "cancelled",
}  # fmt: skip
_BOARD_LINKS = {DEPENDENCY: "FS", RELATED: "relates", DUPLICATE: "duplicates"}


class _Boards:
    def __init__(self, fake: FakeAzureDevOps, items: int) -> None:
        self.items, self.fake = items, fake

    async def join(self, engine: Engine) -> None:
        await engine.add_azure_devops(self.fake, SOURCE)

    def edit(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        items = rng.sample(list(world.readable_items()), count)
        for item in items:
            process = world.projects[item.project].process
            kind = process.kind(item.fields["System.WorkItemType"])
            world.edit(item, **{"System.State": rng.choice(kind.states)[0]})
            if "Microsoft.TaskCategory" in kind.categories:
                hours = {"RemainingWork": rng.choice((None, 7.25)), "CompletedWork": float(rng.randrange(30))}
                world.edit(
                    item, **{f"Microsoft.VSTS.Scheduling.{name}": value for name, value in hours.items()}
                )
            elif process.effort in item.fields:
                world.edit(item, **{process.effort: rng.choice((None, 13.0))})
        fresh = (RELATED, items[0].id, items[-1].id)
        if fresh not in items[0].links:
            world.link(items[0], items[-1], RELATED, quietly=True)
        tied = sorted({key for item in world.readable_items() for key in item.links if key != fresh})
        for rel in (DEPENDENCY, HIERARCHY):
            # A link of either kind ends, which says nothing about the items themselves.
            key = rng.choice([key for key in tied if key[0] == rel])
            world.unlink(key[1], key[2], rel, quietly=rel == DEPENDENCY)

    def delete(self, rng: random.Random, count: int) -> None:
        # Links of what is in the recycle bin are the tool's to tell about; these have none.
        alone = [
            item
            for item in self.fake.world.readable_items()
            if not any(k[0] != HIERARCHY for k in item.links)
        ]
        for item in rng.sample(alone, count):
            self.fake.world.delete(item)

    def wanted(self) -> dict[str, Any]:
        world, found = self.fake.world, self.fake.totals()
        types: Counter[tuple[str, str | None]] = Counter()
        present = {item.id for item in world.readable_items()}
        for number in present:
            item = world.items[number]
            word = item.fields["System.WorkItemType"]
            basic = world.projects[item.project].process.name == "Basic"
            types[word, "story" if word == "Issue" and basic else _BOARD_TYPES.get(word, "other")] += 1
        assert {word: sum(n for (w, _), n in types.items() if w == word) for word, _ in types} == found[
            "types"
        ]
        hours = found["hours"]
        return {
            "projects": found["projects"],
            "types": dict(types),
            "statuses": {_CATEGORIES[name]: count for name, count in found["categories"].items()},
            "hours": [hours[name] for name in ("OriginalEstimate", "CompletedWork", "RemainingWork")],
            "points": found["points"],
            "parents": sum(world.items[number].parent in present for number in present),
            "links": {_BOARD_LINKS[r]: [n, 0] for r, n in found["links"].items() if r in _BOARD_LINKS and n},
        }


def _boards(*, server: bool) -> Callable[[int, Path], Iterator[Told]]:
    def make(items: int, folder: Path) -> Iterator[Told]:
        # Small: every process. Large: many like items.
        world = (
            boards.believable(each=items // 5) if items < 1000 else boards.bulk_world(items, size_bytes=2200)
        )
        with FakeAzureDevOps(world, server=server, newest="7.0" if server else "7.1") as fake:
            yield _Boards(fake, items)

    return make


# -- the Microsoft Project family -----------------------------------------------------------------------------------------

_KINDS = ("FS", "SS", "FF", "SF")


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
            if not (task.get("TaskIsSummary") or task.get("TaskIsMilestone")):
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
        work = [row for row in tasks if not row.get("TaskIsSummary") and not row.get("TaskIsMilestone")]
        names = ("TaskWork", "TaskActualWork", "TaskRemainingWork")
        phases = {row["TaskId"] for row in tasks if row.get("TaskIsSummary")}
        return {
            **_planned(world.totals()),
            "projects": len(world.sets["Projects"]),
            "hours": [sum(row[name] for row in work) for name in names],
            "parents": sum(row["ParentTaskId"] in phases for row in work),
            "links": {kind: list(held) for kind, held in world.link_totals().items()},
            "baselines": _titled(world.baseline_totals()),
        }


def _project_data(items: int, folder: Path) -> Iterator[Told]:
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
        for task in rng.sample(sorted(world.table("msdyn_projecttask").rows), count):
            hours, progress = float(rng.randrange(60)), rng.choice((0, 0.5, 1))
            world.edit(
                task, msdyn_progress=progress, msdyn_effort=hours, msdyn_effortcompleted=hours * progress,
                msdyn_effortremaining=hours * (1 - progress),
            )  # fmt: skip
        links = sorted(world.table("msdyn_projecttaskdependency").rows)
        world.edit(links[0], msdyn_projecttaskdependencylinktype=2, msdyn_projecttaskdependencylinklag=-3600)
        world.delete(links[1])
        first, second = list(world.table("msdyn_projecttask").rows)[:2]
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
        work = [row for row in rows if not row["msdyn_ismilestone"]]
        return {
            "projects": found["projects"],
            "types": {(kind, kind): count for kind, count in found["by_type"].items()},
            "statuses": found["by_status"],
            "milestones": world.milestone_totals(),
            "hours": [found["hours"], sum(row["msdyn_effortcompleted"] for row in work), found["hours_left"]],
            "parents": sum(row["_msdyn_parenttask_value"] is not None for row in work),
            "links": {kind: list(held) for kind, held in world.link_totals().items()},
            "assignments": [found["assignments"], found["assigned_hours"]],
        }


def _dataverse(items: int, folder: Path) -> Iterator[Told]:
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
            if not task.milestone:
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
            work = [t for t in plan.tasks.values() if not t.summary and not t.milestone]
            done = sum(t.hours * t.percent / 100 for t in work)
            told["hours"] = [sum(t.hours for t in work), done, sum(t.hours for t in work) - done]
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


def _files(items: int, folder: Path) -> Iterator[Told]:
    yield _Files(items, folder)


# -- spreadsheets ---------------------------------------------------------------------------------------------------------

_SHEET_TYPES = {
    "Epic": "epic",
    "Requirement": "story",
    "Work package": "task",
    "Defect": "bug",
    "Phase": "summary",
}
_SHEET_STATUSES = {
    "Not started": "todo", "WIP": "in_progress", "In test": "in_review", "Closed": "done", "Withdrawn": "cancelled",
}  # fmt: skip
_BASES = {
    "Budget": "budget",
    "EAC": "forecast",
    "Invoiced": "actual",
    "PO": "committed",
    "Original": "baseline",
}
_LINK_WORDS = {
    "Finish-start": "FS",
    "Start-start": "SS",
    "Finish-finish": "FF",
    "Start-finish": "SF",
    "Blocks": "blocks",
}


class _Workbook:
    """Projects with tasks, a budget and dependencies, as lists of rows."""

    def __init__(self, items: int, folder: Path) -> None:
        self.items, self.path = items, folder / "PMO.xlsx"
        rng = random.Random(3)
        self.projects = [[f"P-{n}", f"Project {n}"] for n in range(10)]
        self.tasks: list[list[Any]] = []
        for n in range(items * 7 // 10):
            phase = f"T-{n - n % 20}" if n % 20 else None
            self.tasks.append(
                [
                    f"T-{n}", f"Task {n}", f"P-{n % 10}", "Phase" if phase is None else rng.choice(list(_SHEET_TYPES)),
                    rng.choice(list(_SHEET_STATUSES)), rng.randrange(1, 40), rng.randrange(9), rng.random() * 10,
                    rng.choice((None, 3, 8)), phase,
                ]
            )  # fmt: skip
        self.costs = [
            [f"C-{n}", f"P-{n % 10}", rng.choice(list(_BASES)), rng.randrange(10**7) / 100, "EUR"]
            for n in range(items // 4)
        ]
        self.links = [
            [
                f"D-{n}",
                f"Needs {n}",
                f"P-{n % 9}",
                f"P-{n % 9 + 1}",
                rng.choice(list(_LINK_WORDS)),
                n % 7 - 2.5,
            ]
            for n in range(items // 20)
        ]
        self._save()

    def _save(self) -> None:
        heads = {
            "Projects": ["Project ID", "Title"],
            "Tasks": [
                "Task ID", "Title", "Project", "Type", "Status", "Estimate", "Spent", "Remaining", "Points", "Parent",
            ],
            "Budget": ["ID", "Project", "Basis", "Amount", "Currency"],
            "Dependencies": ["Dependency ID", "Title", "From project", "To project", "Link type", "Lag (days)"],
        }  # fmt: skip
        rows = (self.projects, self.tasks, self.costs, self.links)
        write_xlsx(self.path, {name: [heads[name], *held] for name, held in zip(heads, rows, strict=True)})

    async def join(self, engine: Engine) -> None:
        into = (("Projects", "project", "Project ID"), ("Tasks", "work_item", "Task ID"), ("Budget", "cost_line", "ID"),
                ("Dependencies", "dependency", "Dependency ID"))  # fmt: skip
        sheets = [{"sheet": sheet, "into": entity, "key": key} for sheet, entity, key in into]
        await engine.add_files(str(self.path), SOURCE, sheets=sheets)

    def edit(self, rng: random.Random, count: int) -> None:
        for task in rng.sample(self.tasks, count):
            task[4:8] = [rng.choice(list(_SHEET_STATUSES)), rng.randrange(90), rng.randrange(9), None]
        self.costs[0][3] = 99.99
        self.links[0][4:6] = ["Start-finish", -4]
        self.links[1][4:6] = ["Blocks", None]
        self._save()

    def delete(self, rng: random.Random, count: int) -> None:
        for task in rng.sample([task for task in self.tasks if task[9] is not None], count):
            self.tasks.remove(task)
        del self.costs[5], self.links[2]
        self._save()

    def wanted(self) -> dict[str, Any]:
        costs: Counter[str] = Counter()
        for _, _, basis, amount, _ in self.costs:
            costs[_BASES[basis]] += amount  # type: ignore[assignment]
        links: dict[str, list[float]] = {}
        for *_, word, lag in self.links:
            held = links.setdefault(_LINK_WORDS[word], [0, 0])
            held[0], held[1] = held[0] + 1, held[1] + (lag or 0)
        return {
            "projects": len(self.projects),
            "types": dict(Counter((task[3], _SHEET_TYPES[task[3]]) for task in self.tasks)),
            "statuses": dict(Counter(_SHEET_STATUSES[task[4]] for task in self.tasks)),
            "hours": [sum(task[place] or 0 for task in self.tasks) for place in (5, 6, 7)],
            "points": sum(task[8] or 0 for task in self.tasks),
            "parents": sum(task[9] is not None for task in self.tasks),
            "costs": dict(costs),
            "links": links,
        }


def _spreadsheet(items: int, folder: Path) -> Iterator[Told]:
    yield _Workbook(items, folder)


WORLDS: dict[str, Callable[[int, Path], Iterator[Told]]] = {
    "jira-cloud": _jira("cloud"),
    "jira-dc": _jira("dc"),
    "azure_devops-services": _boards(server=False),
    "azure_devops-server": _boards(server=True),
    "ms_project-project_data": _project_data,
    "ms_project-dataverse": _dataverse,
    "ms_project-files": _files,
    "spreadsheet-file": _spreadsheet,
}
