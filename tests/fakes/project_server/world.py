"""What a Project Server knows: published projects with their plans, resources, and the logs of project sites.

Values are kept as the feed's types: Decimal for Edm.Decimal, float for Edm.Double, datetime without a zone for
Edm.DateTime (the site's own time). Property names are those of the published reference of the feed.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

NO_GUID = "00000000-0000-0000-0000-000000000000"
START = datetime(2026, 3, 2, 8)
_NAMESPACE = uuid.UUID("8c2a1f0e-6b1d-4e11-8f6d-00155d0a1b2c")
LINKS = {"FF": 0, "FS": 1, "SF": 2, "SS": 3}

TASK: Row = {
    "FlagStatus": False, "Health": "On Schedule", "TaskActualFinishDate": None, "TaskActualStartDate": None,
    "TaskBudgetCost": Decimal(0), "TaskBudgetWork": Decimal(0), "TaskDeadline": None, "TaskDurationIsEstimated": False,
    "TaskFixedCostAssignmentId": NO_GUID, "TaskIgnoresResourceCalendar": False, "TaskIsActive": True,
    "TaskIsCritical": False, "TaskIsEffortDriven": False, "TaskIsExternal": False, "TaskIsManuallyScheduled": False,
    "TaskIsMarked": False, "TaskIsMilestone": False, "TaskIsProjectSummary": False, "TaskIsRecurring": False,
    "TaskIsSummary": False, "TaskOutlineLevel": 1, "TaskPhysicalPercentCompleted": 0, "TaskPriority": 500,
    "TaskResourcePlanWork": Decimal(0), "TaskTotalSlack": Decimal(0), "TaskCreatedRevisionCounter": 1,
    "TaskModifiedRevisionCounter": 1, "TaskCreatedDate": START,
}  # fmt: skip
ASSIGNMENT: Row = {
    "AssignmentCost": Decimal(0), "AssignmentActualCost": Decimal(0), "AssignmentMaterialWork": Decimal(0),
    "AssignmentActualRegularCost": Decimal(0), "AssignmentActualRegularWork": Decimal(0), "AssignmentBookingId": 0,
    "AssignmentBudgetCost": Decimal(0), "AssignmentBudgetMaterialWork": Decimal(0), "AssignmentBudgetWork": Decimal(0),
    "AssignmentCreatedDate": START, "AssignmentCreatedRevisionCounter": 1, "AssignmentIsOverallocated": False,
    "AssignmentIsPublished": True, "AssignmentModifiedRevisionCounter": 1, "AssignmentType": 0, "IsPublic": True,
    "TaskIsActive": True, "AssignmentRegularCost": Decimal(0), "AssignmentRegularWork": Decimal(0),
    "AssignmentRemainingOvertimeCost": Decimal(0), "AssignmentRemainingOvertimeWork": Decimal(0),
    "AssignmentRemainingRegularCost": Decimal(0), "AssignmentRemainingRegularWork": Decimal(0),
    "AssignmentResourcePlanWork": Decimal(0),
}  # fmt: skip


class World:
    def __init__(self) -> None:
        self.sets: dict[str, dict[tuple[str, ...], Row]] = {
            name: {}
            for name in (
                "Projects", "Tasks", "Assignments", "Resources", "TaskBaselines", "ProjectBaselines", "Risks",
                "Issues", "Deliverables",
            )
        }  # fmt: skip
        self.by_project: dict[tuple[str, str], dict[tuple[str, ...], Row]] = {}
        """(set, project id) → its rows; the same objects as in `sets`."""
        self.links: dict[str, list[Row]] = {}
        self.clock: Callable[[], datetime] = lambda: datetime.now().replace(microsecond=0)
        """The site's own time."""
        self._next = 0

    # -- editing ------------------------------------------------------------------------------------------------------

    def new_id(self) -> str:
        self._next += 1
        return str(uuid.uuid5(_NAMESPACE, str(self._next)))

    def put(self, entity_set: str, key: tuple[str, ...], row: Row) -> Row:
        self.sets[entity_set][key] = row
        if "ProjectId" in row and entity_set != "Projects":
            self.by_project.setdefault((entity_set, row["ProjectId"]), {})[key] = row
        return row

    def remove(self, entity_set: str, key: tuple[str, ...]) -> None:
        row = self.sets[entity_set].pop(key)
        self.by_project.get((entity_set, row.get("ProjectId", "")), {}).pop(key, None)

    def add_person(
        self, name: str, email: str | None = None, *, generic: bool = False, material: bool = False
    ) -> Row:
        own = self.new_id()
        return self.put(
            "Resources",
            (own,),
            {
                "ResourceId": own, "ResourceName": name, "ResourceEmailAddress": email,
                "ResourceNTAccount": f"EXAMPLE\\{own[:8]}" if not (generic or material) else None,
                "ResourceIsActive": True, "ResourceIsGeneric": generic, "ResourceIsTeam": False, "ResourceType": 2,
                "ResourceMaterialLabel": "t" if material else None, "ResourceGroup": "Delivery",
                "ResourceCanLevel": True, "ResourceCostPerUse": Decimal(0), "ResourceMaxUnits": Decimal(1),
                "ResourceOvertimeRate": Decimal(0), "ResourceStandardRate": Decimal(0), "ResourceStatusId": NO_GUID,
                "ResourceCreatedDate": START, "ResourceModifiedDate": self.clock(),
            },
        )  # fmt: skip

    def add_project(self, name: str, *, kind: int = 0, owner: Row | None = None, **values: Any) -> Row:
        own = self.new_id()
        now = self.clock()
        project = self.put(
            "Projects",
            (own,),
            {
                "ProjectId": own, "ProjectName": name, "ProjectType": kind, "ProjectDescription": None,
                "EnterpriseProjectTypeName": "Capital Project",
                "ProjectOwnerId": owner["ResourceId"] if owner else NO_GUID,
                "ProjectOwnerName": owner["ResourceName"] if owner else None,
                "ProjectStartDate": START, "ProjectFinishDate": START + timedelta(days=100, hours=9),
                "ProjectPercentCompleted": 0, "ProjectPercentWorkCompleted": 0, "ProjectWork": Decimal(0),
                "ProjectCost": Decimal(0), "ProjectActualCost": Decimal(0), "ProjectBudgetCost": Decimal(0),
                "ProjectCurrency": "EUR", "ProjectStatusDate": None, "ProjectCreatedDate": START,
                "ProjectModifiedDate": now, "ProjectLastPublishedDate": now, "ProjectLateFinish": START,
                "ProjectCalculationsAreStale": False, "ProjectEarnedValueIsStale": False,
                "ProjectEnterpriseFeatures": True, "ProjectRemainingRegularCost": Decimal(0),
                **values,
            },
        )  # fmt: skip
        self.links[own] = []
        # The row that stands for the project itself.
        summary = self._task(
            project, name, {"TaskIndex": 0, "TaskOutlineLevel": 0, "TaskIsProjectSummary": True}
        )
        summary["TaskIsSummary"] = True
        return project

    def add_task(
        self,
        project: Row,
        name: str,
        *,
        parent: Row | None = None,
        start: datetime = START,
        finish: datetime | None = None,
        hours: float | None = None,
        percent: int = 0,
        cost: float = 0,
        summary: bool = False,
        milestone: bool = False,
        **values: Any,
    ) -> Row:
        """Without a word about it a task has 8 hours, a milestone none: one that is given some is a marked task."""
        if milestone and hours is None:
            hours, finish = 0, start
        hours = 8 if hours is None else hours
        finish = finish or start + timedelta(hours=9)
        done = round(hours * percent / 100, 4)
        level = parent["TaskOutlineLevel"] + 1 if parent else 1
        return self._task(
            project,
            name,
            {
                "ParentTaskId": parent["TaskId"] if parent else None, "TaskOutlineLevel": level,
                "TaskStartDate": start, "TaskFinishDate": finish, "TaskWork": Decimal(str(hours)),
                "TaskDuration": Decimal(str(hours)),
                "TaskActualWork": Decimal(str(done)), "TaskRemainingWork": Decimal(str(hours)) - Decimal(str(done)),
                "TaskPercentCompleted": percent, "TaskPercentWorkCompleted": percent,
                "TaskActualStartDate": start if percent else None,
                "TaskActualFinishDate": finish if percent == 100 else None,
                "TaskIsSummary": summary, "TaskIsMilestone": milestone, "TaskCost": Decimal(str(cost)),
                "TaskActualCost": Decimal(str(round(cost * percent / 100, 2))), **values,
            },
        )  # fmt: skip

    def _task(self, project: Row, name: str, values: Row) -> Row:
        own = self.new_id()
        home = project["ProjectId"]
        index = len(self.by_project.get(("Tasks", home), ()))
        row = {
            "ProjectId": home, "ProjectName": project["ProjectName"], "TaskId": own, "TaskName": name,
            "TaskIndex": index, "TaskClientUniqueId": index, "TaskOutlineNumber": str(index), "TaskWBS": str(index),
            "TaskModifiedDate": project["ProjectModifiedDate"], **values,
        }  # fmt: skip
        if not row.get("ParentTaskId"):
            first = next(iter(self.by_project.get(("Tasks", home), {}).values()), None)
            row["ParentTaskId"] = first["TaskId"] if first else own
        return self.put("Tasks", (home, own), row)

    def assign(self, task: Row, who: Row, hours: float, actual: float = 0) -> Row:
        own = self.new_id()
        return self.put(
            "Assignments",
            (own, task["ProjectId"]),
            {
                "AssignmentId": own, "ProjectId": task["ProjectId"], "TaskId": task["TaskId"],
                "TaskName": task["TaskName"], "ResourceId": who["ResourceId"], "ResourceName": who["ResourceName"],
                "AssignmentWork": Decimal(str(hours)), "AssignmentActualWork": Decimal(str(actual)),
                "AssignmentRemainingWork": Decimal(str(hours)) - Decimal(str(actual)),
                "AssignmentRemainingCost": Decimal(0), "AssignmentStartDate": task["TaskStartDate"],
                "AssignmentFinishDate": task["TaskFinishDate"], "AssignmentPercentWorkCompleted": 0,
                "AssignmentModifiedDate": self.clock(),
            },
        )  # fmt: skip

    def baseline(
        self, task: Row, number: int, start: datetime, finish: datetime, hours: float, cost: float
    ) -> Row:
        return self.put(
            "TaskBaselines",
            (task["ProjectId"], task["TaskId"], str(number)),
            {
                "ProjectId": task["ProjectId"], "TaskId": task["TaskId"], "TaskName": task["TaskName"],
                "BaselineNumber": number, "TaskBaselineStartDate": start, "TaskBaselineFinishDate": finish,
                "TaskBaselineWork": Decimal(str(hours)), "TaskBaselineCost": Decimal(str(cost)),
                "TaskBaselineDuration": Decimal(str(hours)), "TaskBaselineBudgetCost": Decimal(0),
                "TaskBaselineBudgetWork": Decimal(0), "TaskBaselineFixedCost": Decimal(0),
            },
        )  # fmt: skip

    def project_baseline(self, project: Row, start: datetime, finish: datetime, number: int = 0) -> Row:
        home = project["ProjectId"]
        summary = next(iter(self.by_project["Tasks", home].values()))
        return self.put(
            "ProjectBaselines",
            (home, str(number)),
            {
                "ProjectId": home, "ProjectName": project["ProjectName"], "BaselineNumber": number,
                "TaskId": summary["TaskId"], "ProjectBaselineStartDate": start, "ProjectBaselineFinishDate": finish,
                **{
                    f"ProjectBaseline{name}": Decimal(0)
                    for name in ("BudgetCost", "BudgetWork", "Cost", "Duration", "FixedCost", "Work")
                },
            },
        )  # fmt: skip

    def link(self, before: Row, after: Row, kind: str = "FS", *, lag_days: float = 0) -> Row:
        row = {
            "Id": self.new_id(), "DependencyType": LINKS[kind], "LinkLag": round(lag_days * 4800),
            "LinkLagDuration": f"{lag_days:g}d", "PredecessorTaskId": before["TaskId"],
            "SuccessorTaskId": after["TaskId"],
        }  # fmt: skip
        self.links[after["ProjectId"]].append(row)
        return row

    def log(self, entity_set: str, project: Row, title: str, **values: Any) -> Row:
        """A risk, an issue or a deliverable: `log("Risks", project, "Late cable", Probability=0.6, Impact=4.0)`."""
        own = self.new_id()
        key = {"Risks": "RiskId", "Issues": "IssueId", "Deliverables": "DeliverableId"}[entity_set]
        row: Row = {
            "ProjectId": project["ProjectId"], "ProjectName": project["ProjectName"], key: own, "Title": title,
            "IsFolder": False, "CreatedDate": START, "ModifiedDate": self.clock(), "ItemRelativeUrlPath": None,
        }  # fmt: skip
        if entity_set != "Deliverables":
            row |= {
                "Status": "(1) Active",
                "Category": "(2) Category2",
                "Owner": None,
                "AssignedToResource": None,
            }
        return self.put(entity_set, (project["ProjectId"], own), row | values)

    def publish(self, project: Row) -> None:
        """Stamp the project, and with it every task: publishing does not tell which of them changed."""
        now = self.clock()
        project["ProjectModifiedDate"] = project["ProjectLastPublishedDate"] = now
        for task in self.by_project[("Tasks", project["ProjectId"])].values():
            task["TaskModifiedDate"] = now

    def edit(self, row: Row, **values: Any) -> Row:
        """Change a row; a task's project is published with it, a log's entry gets its own stamp."""
        row |= values
        if "TaskId" in row and "ProjectId" in row:
            self.publish(self.sets["Projects"][(row["ProjectId"],)])
        elif "ModifiedDate" in row:
            row["ModifiedDate"] = self.clock()
        elif "ProjectType" in row:
            row["ProjectModifiedDate"] = self.clock()
        return row

    def delete_task(self, task: Row) -> None:
        home, own = task["ProjectId"], task["TaskId"]
        self.remove("Tasks", (home, own))
        for name in ("Assignments", "TaskBaselines"):
            for key, row in list(self.by_project.get((name, home), {}).items()):
                if row["TaskId"] == own:
                    self.remove(name, key)
        self.links[home] = [
            row for row in self.links[home] if own not in (row["PredecessorTaskId"], row["SuccessorTaskId"])
        ]
        self.publish(self.sets["Projects"][(home,)])

    def delete_project(self, project: Row) -> None:
        """Deleted, or no longer published: the feed shows no difference."""
        home = project["ProjectId"]
        for name in list(self.sets):
            for key in [key for key, row in self.sets[name].items() if row.get("ProjectId") == home]:
                self.remove(name, key)
        self.links.pop(home, None)

    # -- what the register must agree with ----------------------------------------------------------------------------

    def totals(self) -> dict[str, Any]:
        """Tasks by type and status, hours, cost, links and assignments of ordinary projects."""
        projects = {key[0] for key, row in self.sets["Projects"].items() if row["ProjectType"] == 0}
        tasks = [row for row in self.sets["Tasks"].values() if row["ProjectId"] in projects and _counts(row)]
        kinds = {row["TaskId"]: _type(row) for row in tasks}
        active = {row["TaskId"] for row in tasks if row.get("TaskIsActive") is not False}
        leaves = [row for row in tasks if _type(row) != "summary" and row["TaskId"] in active]
        people = {
            key[0] for key, row in self.sets["Resources"].items()
            if not row["ResourceMaterialLabel"]
        }  # fmt: skip
        put = [
            row for row in self.sets["Assignments"].values()
            if row["ProjectId"] in projects and row["TaskId"] in active and row["ResourceId"] in people
        ]  # fmt: skip
        chosen = [row for row in self.sets["Projects"].values() if row["ProjectType"] == 0]
        links = [
            row for home in projects for row in self.links[home]
            if row["PredecessorTaskId"] in kinds and row["SuccessorTaskId"] in kinds
        ]  # fmt: skip
        return {
            "types": dict(Counter(kind for row in tasks for kind in _kinds(row))),
            "statuses": dict(Counter((kind, _status(row, kind)) for row in tasks for kind in _kinds(row))),
            "work_hours": float(sum(row["TaskWork"] for row in leaves)),
            "cost": float(sum(row["ProjectCost"] for row in chosen)),
            "actual_cost": float(sum(row["ProjectActualCost"] for row in chosen)),
            "links": len(links),
            "lag_days": sum(row["LinkLag"] for row in links) / 4800,
            "assignments": len(put),
            "assigned_hours": float(sum(row["AssignmentWork"] for row in put)),
        }

    def link_totals(self) -> dict[str, tuple[int, float]]:
        """Kind → how many links, and their lags in working days."""
        names = {number: kind for kind, number in LINKS.items()}
        found: dict[str, tuple[int, float]] = {}
        for rows in self.links.values():
            for row in rows:
                count, days = found.get(names[row["DependencyType"]], (0, 0.0))
                found[names[row["DependencyType"]]] = count + 1, days + row["LinkLag"] / 4800
        return found

    def baseline_totals(self) -> dict[int, tuple[int, float, float]]:
        """Number → how many rows the baselines of that number hold, the hours of tasks and what they cost: those of
        summaries are theirs."""
        found: dict[int, tuple[int, float, float]] = {}
        for row in self.sets["TaskBaselines"].values():
            count, hours, cost = found.get(row["BaselineNumber"], (0, 0.0, 0.0))
            task = self.sets["Tasks"][row["ProjectId"], row["TaskId"]]
            if not _counts(task):
                continue
            if not task.get("TaskIsSummary"):
                hours, cost = hours + float(row["TaskBaselineWork"]), cost + float(row["TaskBaselineCost"])
            found[row["BaselineNumber"]] = count + len(_kinds(task)), hours, cost
        return found


def _counts(row: Row) -> bool:
    return not row.get("TaskIsProjectSummary") and not row.get("TaskIsExternal")


def _type(row: Row) -> str:
    return "summary" if row.get("TaskIsSummary") else "milestone" if row.get("TaskIsMilestone") else "task"


def _kinds(row: Row) -> list[str]:
    """What the register shows of it: work in a milestone is a task beside it."""
    kind = _type(row)
    return [kind, "task"] if kind == "milestone" and row["TaskWork"] else [kind]


def _status(row: Row, kind: str) -> str:
    if row.get("TaskIsActive") is False:
        return "cancelled"
    percent = row["TaskPercentCompleted"]
    if kind == "milestone":
        return "done" if percent == 100 else "planned"
    return "done" if percent == 100 else "in_progress" if percent else "todo"


def generated(projects: int, tasks_each: int, *, people: int = 40) -> World:
    """Projects with so many tasks each, in chains below phases, assigned, a tenth of them milestones."""
    world = World()
    stamp = datetime(2026, 5, 4, 12)
    world.clock = lambda: stamp
    who = [world.add_person(f"Person {n}", f"person{n}@example.org") for n in range(people)]
    for p in range(projects):
        project = world.add_project(
            f"Project {p}",
            owner=who[p % people],
            ProjectCost=Decimal(1000 + p),
            ProjectActualCost=Decimal(10 + p),
        )
        phase = before = None
        for n in range(tasks_each):
            start = START + timedelta(days=n % 500)
            if n % 10 == 0:
                phase = world.add_task(project, f"Phase {n}", summary=True, start=start, percent=n % 101)
                continue
            milestone = n % 10 == 9
            task = world.add_task(
                project, f"Task {n}", parent=phase, start=start, milestone=milestone,
                hours=8 if n % 50 == 49 else None,
                percent=(0, 100)[n % 2] if milestone else (0, 25, 100)[n % 3], cost=n % 97,
            )  # fmt: skip
            if before is not None:
                world.link(before, task, ("FS", "SS", "FF")[n % 3], lag_days=n % 4)
            before = task
            if task["TaskWork"]:
                world.assign(task, who[n % people], 8, 2)
    return world
