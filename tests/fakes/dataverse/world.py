"""The tables and their rows, with an account of what changed.

Columns are those that Microsoft's tables have; `test_fake_dataverse_spec.py` compares them.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]

SETS = {
    "msdyn_program": ("msdyn_programs", "msdyn_programid"),
    "bookableresource": ("bookableresources", "bookableresourceid"),
    "msdyn_project": ("msdyn_projects", "msdyn_projectid"),
    "msdyn_projectbucket": ("msdyn_projectbuckets", "msdyn_projectbucketid"),
    "msdyn_projectsprint": ("msdyn_projectsprints", "msdyn_projectsprintid"),
    "msdyn_projecttask": ("msdyn_projecttasks", "msdyn_projecttaskid"),
    "msdyn_projecttaskdependency": ("msdyn_projecttaskdependencies", "msdyn_projecttaskdependencyid"),
    "msdyn_projectteam": ("msdyn_projectteams", "msdyn_projectteamid"),
    "msdyn_resourceassignment": ("msdyn_resourceassignments", "msdyn_resourceassignmentid"),
}
EFFORTS = ("msdyn_effort", "msdyn_effortcompleted", "msdyn_effortremaining")
LINKS = {"FF": 0, "FS": 1, "SF": 2, "SS": 3}
_COMMON: dict[str, str] = {
    "createdon": "DateTime",
    "modifiedon": "DateTime",
    "statecode": "State",
    "statuscode": "Status",
    "versionnumber": "BigInt",
    "ownerid": "Owner",
    "createdby": "Lookup",
    "overriddencreatedon": "DateTime",
}
ATTRIBUTES: dict[str, dict[str, str]] = {
    "msdyn_program": {"msdyn_name": "String", "msdyn_description": "Memo"},
    "bookableresource": {
        "name": "String",
        "msdyn_primaryemail": "String",
        "resourcetype": "Picklist",
        "userid": "Lookup",
        "timezone": "Integer",
    },
    "msdyn_project": {
        "msdyn_subject": "String",
        "msdyn_description": "Memo",
        "msdyn_scheduledstart": "DateTime",
        "msdyn_finish": "DateTime",
        "msdyn_taskearlieststart": "DateTime",
        "msdyn_progress": "Decimal",
        "msdyn_effort": "Double",
        "msdyn_effortcompleted": "Double",
        "msdyn_effortremaining": "Double",
        "msdyn_duration": "Double",
        "msdyn_hoursperday": "Double",
        "msdyn_hoursperweek": "Double",
        "msdyn_dayspermonth": "Integer",
        "msdyn_projectmanager": "Lookup",
        "msdyn_program": "Lookup",
    },
    "msdyn_projectbucket": {"msdyn_name": "String", "msdyn_project": "Lookup"},
    "msdyn_projectsprint": {
        "msdyn_name": "String",
        "msdyn_start": "DateTime",
        "msdyn_finish": "DateTime",
        "msdyn_project": "Lookup",
    },
    "msdyn_projecttask": {
        "msdyn_subject": "String",
        "msdyn_description": "Memo",
        "msdyn_descriptionplaintext": "Memo",
        "msdyn_project": "Lookup",
        "msdyn_parenttask": "Lookup",
        "msdyn_projectbucket": "Lookup",
        "msdyn_projectsprint": "Lookup",
        "msdyn_displaysequence": "Decimal",
        "msdyn_outlinelevel": "Integer",
        "msdyn_start": "DateTime",
        "msdyn_finish": "DateTime",
        "msdyn_scheduledstart": "DateTime",
        "msdyn_scheduledend": "DateTime",
        "msdyn_duration": "Double",
        "msdyn_progress": "Decimal",
        "msdyn_effort": "Double",
        "msdyn_effortcompleted": "Double",
        "msdyn_effortremaining": "Double",
        "msdyn_priority": "Integer",
        "msdyn_ismilestone": "Boolean",
        "msdyn_iscritical": "Boolean",
        "msdyn_ismanual": "Boolean",
        "msdyn_summary": "Boolean",
    },
    "msdyn_projecttaskdependency": {
        "msdyn_project": "Lookup",
        "msdyn_predecessortask": "Lookup",
        "msdyn_successortask": "Lookup",
        "msdyn_projecttaskdependencylinktype": "Picklist",
        "msdyn_projecttaskdependencylinklag": "Integer",
        "msdyn_projecttaskdependencylinklaginseconds": "Integer",
    },
    "msdyn_projectteam": {
        "msdyn_name": "String",
        "msdyn_project": "Lookup",
        "msdyn_bookableresourceid": "Lookup",
        "msdyn_from": "DateTime",
        "msdyn_to": "DateTime",
    },
    "msdyn_resourceassignment": {
        "msdyn_projectid": "Lookup",
        "msdyn_taskid": "Lookup",
        "msdyn_bookableresourceid": "Lookup",
        "msdyn_projectteamid": "Lookup",
        "msdyn_userresourceid": "Lookup",
        "msdyn_start": "DateTime",
        "msdyn_finish": "DateTime",
        "msdyn_effort": "Double",
        "msdyn_effortcompleted": "Double",
        "msdyn_effortremaining": "Double",
        "msdyn_plannedwork": "Memo",
    },
}


@dataclass
class Table:
    """One table of the environment. `attributes` are logical names with their types."""

    name: str
    set: str
    key: str
    attributes: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    """Columns that the organisation added → what people call them."""
    tracked: bool = True
    rows: dict[str, Row] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    """Id → when, on the environment's counter."""

    def wire(self) -> dict[str, str]:
        """Column on the wire → logical name."""
        lookup = ("Lookup", "Owner", "Customer")
        return {f"_{name}_value" if kind in lookup else name: name for name, kind in self.attributes.items()}


class World:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 1000
        self.oldest = 0
        """Feeds that began before this are expired."""
        self.now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
        self._random = random.Random(7)
        self.tables: dict[str, Table] = {}
        for name, (set_, key) in SETS.items():
            self.tables[set_] = Table(
                name, set_, key, {key: "Uniqueidentifier", **ATTRIBUTES[name], **_COMMON}
            )
        self.depths: dict[str, str] = dict.fromkeys(SETS, "Global")
        """How far the application's role reads each table; `None` for not at all, as text."""
        self.hidden_projects: set[str] = set()
        """No longer shared with the application: left out, and refused when asked for."""

    def table(self, name: str) -> Table:
        return self.tables[SETS[name][0]]

    def remove_table(self, name: str) -> None:
        self.tables.pop(SETS[name][0])

    def add_column(self, name: str, logical: str, kind: str, label: str) -> None:
        """A column that the organisation added."""
        table = self.table(name)
        table.attributes[logical] = kind
        table.labels[logical] = label

    def insert(self, name: str, /, **values: Any) -> str:
        """A row with these columns, as on the wire; gives its id."""
        table = self.table(name)
        with self.lock:
            self.version += 1
            self.now += timedelta(seconds=1)
            key = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            moment = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
            row: Row = dict.fromkeys(table.wire())
            row |= {
                table.key: key,
                "createdon": moment,
                "modifiedon": moment,
                "statecode": 0,
                "statuscode": 1,
                "versionnumber": self.version,
                **values,
            }
            table.rows[key] = row
            return key

    def edit(self, key: str, /, **values: Any) -> None:
        with self.lock:
            row = self.find(key)
            if is_task := "_msdyn_parenttask_value" in row:
                self._roll_up(row, -1)
            self.version += 1
            self.now += timedelta(seconds=1)
            row |= {
                "modifiedon": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "versionnumber": self.version,
                **values,
            }
            if is_task:
                self._roll_up(row, 1)

    def find(self, key: str) -> Row:
        return next(table.rows[key] for table in self.tables.values() if key in table.rows)

    def delete(self, key: str) -> None:
        """The row, and what hangs on it, as Dataverse does."""
        with self.lock:
            for table in self.tables.values():
                hanging = [
                    child
                    for child, row in table.rows.items()
                    if child == key
                    or key
                    in (
                        row.get("_msdyn_project_value"),
                        row.get("_msdyn_projectid_value"),
                        row.get("_msdyn_taskid_value"),
                        row.get("_msdyn_predecessortask_value"),
                        row.get("_msdyn_successortask_value"),
                    )
                ]
                for child in hanging:
                    row = table.rows.pop(child)
                    self.version += 1
                    if table.name == "msdyn_projecttask":
                        self._roll_up(row, -1)
                    table.deleted[child] = self.version

    def expire_feeds(self) -> None:
        """Seven days go by: no place handed out so far is accepted any more."""
        self.version += 1
        self.oldest = self.version

    # What tests make most, by short names.
    def add_person(
        self, name: str, email: str | None = None, *, kind: int = 3, user: str | None = None
    ) -> str:
        return self.insert(
            "bookableresource",
            name=name,
            msdyn_primaryemail=email or f"{name.split()[0].lower()}@acme.example",
            resourcetype=kind,
            _userid_value=user,
        )

    def add_project(self, subject: str, *, hours_per_day: float = 8, **more: Any) -> str:
        values: Row = {
            "msdyn_subject": subject,
            "msdyn_hoursperday": hours_per_day,
            "msdyn_hoursperweek": hours_per_day * 5,
            "msdyn_dayspermonth": 20,
            "msdyn_scheduledstart": "2026-03-02T08:00:00Z",
            "msdyn_finish": "2026-09-25T16:00:00Z",
            "msdyn_progress": 0.5,
            "msdyn_effort": 100.0,
            "msdyn_effortcompleted": 50.0,
            "msdyn_effortremaining": 50.0,
            "msdyn_duration": 30.0,
        }
        return self.insert("msdyn_project", **{**values, **more})

    def add_task(
        self, project: str, subject: str, *, effort: float | None = None, progress: float = 0, **more: Any
    ) -> str:
        """Without a word about it, a task has 8 hours and a summary those of the tasks below it."""
        if effort is None:
            effort = 0 if more.get("msdyn_summary") else 8
        values: Row = {
            "msdyn_subject": subject,
            "_msdyn_project_value": project,
            "msdyn_outlinelevel": 1,
            "msdyn_displaysequence": float(len(self.table("msdyn_projecttask").rows) + 1),
            "msdyn_start": "2026-06-01T07:00:00Z",
            "msdyn_finish": "2026-06-12T15:00:00Z",
            "msdyn_duration": 10.0,
            "msdyn_progress": progress,
            "msdyn_effort": effort,
            "msdyn_effortcompleted": effort * progress,
            "msdyn_effortremaining": effort * (1 - progress),
            "msdyn_priority": 5,
            "msdyn_ismilestone": False,
            "msdyn_iscritical": False,
            "msdyn_ismanual": False,
            "msdyn_summary": False,
        }
        key = self.insert("msdyn_projecttask", **{**values, **more})
        self._roll_up(self.find(key), 1)
        return key

    def _roll_up(self, task: Row, sign: int) -> None:
        """Add the task's effort to every summary above it, or take it away: theirs is the sum of what is below, as the
        vendor's service has it."""
        tasks = self.table("msdyn_projecttask").rows
        parent = tasks.get(str(task["_msdyn_parenttask_value"]))
        while parent is not None:
            for name in EFFORTS:
                parent[name] = (parent[name] or 0) + sign * (task[name] or 0)
            parent["versionnumber"] = self.version
            parent = tasks.get(str(parent["_msdyn_parenttask_value"]))

    def link(self, before: str, after: str, *, kind: str = "FS", lag_days: float = 0) -> str:
        project = self.find(before)["_msdyn_project_value"]
        hours = self.find(project)["msdyn_hoursperday"]
        return self.insert(
            "msdyn_projecttaskdependency",
            _msdyn_project_value=project,
            _msdyn_predecessortask_value=before,
            _msdyn_successortask_value=after,
            msdyn_projecttaskdependencylinktype=LINKS[kind],
            msdyn_projecttaskdependencylinklag=int(lag_days * hours * 3600),
        )

    def assign(self, task: str, person: str, *, hours: float = 8) -> str:
        row = self.find(task)
        return self.insert(
            "msdyn_resourceassignment",
            _msdyn_projectid_value=row["_msdyn_project_value"],
            _msdyn_taskid_value=task,
            _msdyn_bookableresourceid_value=person,
            msdyn_start=row["msdyn_start"],
            msdyn_finish=row["msdyn_finish"],
            msdyn_effort=hours,
            msdyn_effortcompleted=0.0,
            msdyn_effortremaining=hours,
            msdyn_plannedwork='[{"End":"\\/Date(1780000000000)\\/","Hours":8,"Start":"\\/Date(1779900000000)\\/"}]',
        )

    def add_member(self, project: str, person: str, position: str = "Engineer") -> str:
        return self.insert(
            "msdyn_projectteam",
            _msdyn_project_value=project,
            _msdyn_bookableresourceid_value=person,
            msdyn_name=position,
            msdyn_from="2026-03-02T08:00:00Z",
            msdyn_to="2026-09-25T16:00:00Z",
        )

    def add_bucket(self, project: str, name: str) -> str:
        return self.insert("msdyn_projectbucket", msdyn_name=name, _msdyn_project_value=project)

    def add_sprint(self, project: str, name: str) -> str:
        return self.insert(
            "msdyn_projectsprint",
            msdyn_name=name,
            _msdyn_project_value=project,
            msdyn_start="2026-06-01T00:00:00Z",
            msdyn_finish="2026-06-14T00:00:00Z",
        )

    def generate(self, tasks: int, *, per_project: int = 1000) -> None:
        """So many tasks, in projects with people, buckets, sprints, links and assignments."""
        people = [self.add_person(f"Person {number}") for number in range(20)]
        kinds = list(LINKS)
        made = 0
        while made < tasks:
            project = self.add_project(f"Project {made // per_project}", hours_per_day=(8, 7.5)[made % 2])
            buckets = [self.add_bucket(project, name) for name in ("To do", "Doing")]
            sprint = self.add_sprint(project, "Sprint 1")
            for person in people[:3]:
                self.add_member(project, person)
            before = parent = None
            for number in range(min(per_project, tasks - made)):
                summary = number % 50 == 0
                task = self.add_task(
                    project,
                    f"Task {made + number}",
                    effort=None if summary else float(number % 40),
                    progress=(0, 0.25, 1)[number % 3],
                    msdyn_ismilestone=number % 20 == 19,
                    msdyn_summary=summary,
                    _msdyn_parenttask_value=None if summary else parent,
                    msdyn_outlinelevel=1 if summary else 2,
                    _msdyn_projectbucket_value=buckets[number % 2],
                    _msdyn_projectsprint_value=sprint if number % 4 == 0 else None,
                )
                if summary:
                    parent = task
                if before is not None and number % 2:
                    self.link(before, task, kind=kinds[number // 2 % 4], lag_days=number % 5 - 2)
                if number % 3 == 0:
                    self.assign(task, people[number % 20], hours=float(number % 8 + 1))
                before = task
            made += per_project

    def totals(self) -> dict[str, Any]:
        """What a register that read everything must show."""
        tasks = [
            row for row in self.table("msdyn_projecttask").rows.values() if row["msdyn_outlinelevel"] != 0
        ]
        stones = [row for row in tasks if row["msdyn_ismilestone"] and not row["msdyn_summary"]]
        # Work in a milestone is a task beside it.
        work = [row for row in tasks if not row["msdyn_ismilestone"] or row["msdyn_effort"]]
        # A summary's effort is that of the tasks below it: added up it would count twice.
        leaves = [row for row in work if not row["msdyn_summary"]]

        def status(row: Row) -> str:
            if row["statecode"] == 1:
                return "cancelled"
            progress = row["msdyn_progress"] or 0
            return "done" if progress == 1 else "in_progress" if progress > 0 else "todo"

        hours_per_day = {
            key: row["msdyn_hoursperday"] for key, row in self.table("msdyn_project").rows.items()
        }
        names = {number: kind for kind, number in LINKS.items()}
        links = list(self.table("msdyn_projecttaskdependency").rows.values())
        assignments = list(self.table("msdyn_resourceassignment").rows.values())
        return {
            "projects": len(self.table("msdyn_project").rows),
            "work_items": len(work),
            "milestones": len(stones),
            "by_status": dict(Counter(status(row) for row in work)),
            "by_type": dict(Counter("summary" if row["msdyn_summary"] else "task" for row in work)),
            "hours": sum(row["msdyn_effort"] or 0 for row in leaves),
            "hours_done": sum(row["msdyn_effortcompleted"] or 0 for row in leaves),
            "hours_left": sum(row["msdyn_effortremaining"] or 0 for row in leaves),
            "links": dict(Counter(names[row["msdyn_projecttaskdependencylinktype"]] for row in links)),
            "lag_days": round(
                sum(
                    row["msdyn_projecttaskdependencylinklag"]
                    / 3600
                    / hours_per_day[row["_msdyn_project_value"]]
                    for row in links
                ),
                4,
            ),
            "assignments": len(assignments) + len(self.table("msdyn_projectteam").rows),
            "assigned_hours": sum(row["msdyn_effort"] for row in assignments),
            "people": sum(
                row["resourcetype"] in (2, 3) for row in self.table("bookableresource").rows.values()
            ),
            "iterations": len(self.table("msdyn_projectsprint").rows),
        }

    def link_totals(self) -> dict[str, tuple[int, float]]:
        """Kind → how many links, and their lags in days of their own project."""
        names = {number: kind for kind, number in LINKS.items()}
        projects = self.table("msdyn_project").rows
        found: dict[str, tuple[int, float]] = {}
        for row in self.table("msdyn_projecttaskdependency").rows.values():
            kind = names[row["msdyn_projecttaskdependencylinktype"]]
            count, days = found.get(kind, (0, 0.0))
            per_day = projects[row["_msdyn_project_value"]]["msdyn_hoursperday"] * 3600
            found[kind] = count + 1, days + row["msdyn_projecttaskdependencylinklag"] / per_day
        return found

    def milestone_totals(self) -> dict[str, int]:
        """Milestones that are reached, and those that are not."""
        stones = [row for row in self.table("msdyn_projecttask").rows.values() if row["msdyn_ismilestone"]]
        return dict(Counter("done" if row["msdyn_progress"] == 1 else "planned" for row in stones))
