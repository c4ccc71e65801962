"""Project XML as Microsoft Project writes it: plans for tests, of any size, with totals of their own.

    plan = Plan("Harbour", guid="…")
    task = plan.add_task("Dig", hours=40, percent=50)
    plan.link(task, plan.add_task("Pour", hours=16), "FS", lag_days=2)
    plan.save(folder / "harbour.xml")

Elements come in the order of Microsoft's schema. Durations are `PT…H…M…S`, money is × 100, lags are tenths of a minute.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

NAMESPACE = "http://schemas.microsoft.com/project"
KINDS = {"FF": 0, "FS": 1, "SF": 2, "SS": 3}
START = datetime(2026, 3, 2, 8)


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    return escape(str(value))


def duration(hours: float) -> str:
    seconds = round(hours * 3600)
    return f"PT{seconds // 3600}H{seconds // 60 % 60}M{seconds % 60}S"


@dataclass
class Task:
    uid: int
    name: str
    level: int = 1
    guid: str = ""
    start: datetime = START
    finish: datetime = START + timedelta(hours=9)
    hours: float = 8
    """Work. A milestone has none unless it is given some, as a task that is marked as one may have."""
    days: float = 1
    percent: float = 0
    summary: bool = False
    milestone: bool = False
    active: bool = True
    cost: float = 0
    actual_cost: float = 0
    links: list[dict[str, Any]] = field(default_factory=list)
    baselines: dict[int, dict[str, Any]] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    """Custom fields: id → value as written."""
    more: dict[str, Any] = field(default_factory=dict)
    """Any other element, put where the schema wants it."""

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Kind and status of what the register shows of it: work in a milestone is a task beside it."""
        kind = "summary" if self.summary else "milestone" if self.milestone else "task"
        return [
            (one, self._status(one))
            for one in ([kind, "task"] if kind == "milestone" and self.hours else [kind])
        ]

    def _status(self, kind: str) -> str:
        if not self.active:
            return "cancelled"
        begun = "planned" if kind == "milestone" else "in_progress" if self.percent else "todo"
        return "done" if self.percent == 100 else begun


@dataclass
class Resource:
    uid: int
    name: str
    email: str = ""
    kind: int = 1
    generic: bool = False
    guid: str = ""


@dataclass
class Assignment:
    uid: int
    task: int
    resource: int
    hours: float
    actual: float
    units: float = 1.0
    guid: str = ""


class Plan:
    def __init__(
        self, title: str, *, guid: str | None = None, minutes_per_day: int = 480, **header: Any
    ) -> None:
        self.title = title
        self.guid = str(uuid.uuid4()).upper() if guid is None else guid
        self.minutes_per_day = minutes_per_day
        self.header = header
        self.tasks: dict[int, Task] = {}
        self.resources: dict[int, Resource] = {}
        self.assignments: list[Assignment] = []
        self.definitions: list[tuple[str, str, str]] = []
        self.saved = datetime(2026, 5, 4, 12)
        self.with_guids = bool(self.guid)
        self._next = 0

    # -- editing ------------------------------------------------------------------------------------------------------

    def add_task(self, name: str, **values: Any) -> Task:
        self._next += 1
        own = (
            f"{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.guid}{self._next}')}".upper() if self.with_guids else ""
        )
        if values.get("milestone") and not values.get("summary") and "hours" not in values:
            values |= {"hours": 0, "days": 0, "finish": values.get("start", START)}
        task = Task(self._next, name, guid=own, **values)
        self.tasks[task.uid] = task
        return task

    def delete_task(self, task: Task) -> None:
        del self.tasks[task.uid]
        self.assignments = [a for a in self.assignments if a.task != task.uid]
        for other in self.tasks.values():
            other.links = [link for link in other.links if link["PredecessorUID"] != task.uid]

    def add_person(self, name: str, email: str = "", *, kind: int = 1, generic: bool = False) -> Resource:
        uid = len(self.resources) + 1
        own = f"{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.guid}r{uid}')}".upper() if self.with_guids else ""
        self.resources[uid] = Resource(uid, name, email, kind, generic, own)
        return self.resources[uid]

    def assign(self, task: Task, who: Resource, hours: float, actual: float = 0, units: float = 1.0) -> None:
        uid = len(self.assignments) + 1
        self.assignments.append(Assignment(uid, task.uid, who.uid, hours, actual, units))

    def link(
        self, before: Task, after: Task, kind: str = "FS", *, lag_days: float = 0, lag_format: int = 7
    ) -> None:
        """`lag_days` are working days, or days of 24 hours with an elapsed format, or a percentage."""
        if lag_format in (19, 20):
            lag = round(lag_days)
        else:
            lag = round(lag_days * (1440 if lag_format == 8 else self.minutes_per_day) * 10)
        after.links.append(
            {
                "PredecessorUID": before.uid, "Type": KINDS[kind], "CrossProject": False,
                "LinkLag": lag, "LagFormat": lag_format,
            }
        )  # fmt: skip

    def define(self, field_id: int, field_name: str, alias: str) -> None:
        """A custom field: `define(188743731, "Text1", "RAG")`."""
        self.definitions.append((str(field_id), field_name, alias))

    # -- what the register must agree with ----------------------------------------------------------------------------

    def totals(self) -> dict[str, Any]:
        """Tasks by type and status, hours, cost, links and their lags."""
        rows = list(self.tasks.values())
        leaves = [task for task in rows if not task.summary and task.active]
        put = [
            a for a in self.assignments if self.resources[a.resource].kind == 1 and self.tasks[a.task].active
        ]
        return {
            "types": dict(Counter(kind for task in rows for kind, _ in task.rows)),
            "statuses": dict(Counter(row for task in rows for row in task.rows)),
            "work_hours": round(sum(task.hours for task in leaves), 4),
            "cost": round(sum(task.cost for task in leaves), 2),
            "actual_cost": round(sum(task.actual_cost for task in leaves), 2),
            "links": sum(len(task.links) for task in rows),
            "lag_days": round(
                sum(
                    link["LinkLag"] / 10 / self.minutes_per_day
                    for task in rows
                    for link in task.links
                    if link.get("LagFormat") == 7
                ),
                4,
            ),
            "assignments": len(put),
            "assigned_hours": sum(a.hours for a in put),
        }

    def link_totals(self) -> dict[str, tuple[int, float]]:
        """Kind → how many links, and their lags in working days."""
        names = {number: kind for kind, number in KINDS.items()}
        found: dict[str, tuple[int, float]] = {}
        for task in self.tasks.values():
            for link in task.links:
                count, days = found.get(names[link["Type"]], (0, 0.0))
                days += link["LinkLag"] / 10 / self.minutes_per_day
                found[names[link["Type"]]] = count + 1, days
        return found

    def baseline_totals(self) -> dict[int, tuple[int, float, float]]:
        """Number → how many rows it holds, the hours of tasks and what they cost: those of summaries are theirs."""
        found: dict[int, tuple[int, float, float]] = {}
        for task in self.tasks.values():
            for number, values in task.baselines.items():
                count, hours, cost = found.get(number, (0, 0.0, 0.0))
                if not task.summary:
                    hours += int(values["Work"][2:].partition("H")[0])
                    cost += values["Cost"] / 100
                found[number] = count + len(task.rows), hours, cost
        return found

    # -- writing ------------------------------------------------------------------------------------------------------

    def save(self, path: Path, *, saved: datetime | None = None) -> Path:
        """Write the plan, stamped a minute later than the version before, unless `saved` says when."""
        self.saved = saved or self.saved + timedelta(minutes=1)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(self.lines())
        return path

    def xml(self) -> str:
        return "".join(self.lines())

    def lines(self) -> Iterator[str]:
        yield f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Project xmlns="{NAMESPACE}">\n'
        head: dict[str, Any] = {"SaveVersion": 14, "Name": f"{self.title}.xml"}
        if self.guid:
            head["GUID"] = self.guid
        head |= {
            "Title": self.title, "CreationDate": START, "LastSaved": self.saved, "ScheduleFromStart": True,
            "StartDate": min((t.start for t in self.tasks.values()), default=START),
            "FinishDate": max((t.finish for t in self.tasks.values()), default=START),
            "CurrencyCode": "EUR", "CalendarUID": 1, "MinutesPerDay": self.minutes_per_day,
            "MinutesPerWeek": self.minutes_per_day * 5, "DaysPerMonth": 20,
        }  # fmt: skip
        yield from _members(head | self.header)
        if self.definitions:
            yield "<ExtendedAttributes>"
            for field_id, name, alias in self.definitions:
                yield "<ExtendedAttribute>"
                yield from _members({"FieldID": field_id, "FieldName": name, "Alias": alias})
                yield "</ExtendedAttribute>"
            yield "</ExtendedAttributes>"
        yield "<Calendars><Calendar><UID>1</UID><Name>Standard</Name><IsBaseCalendar>1</IsBaseCalendar></Calendar></Calendars>\n"
        yield "<Tasks>\n"
        yield from self._summary()
        for row, task in enumerate(self.tasks.values(), 1):
            yield from self._task(row, task)
        yield "</Tasks>\n<Resources>\n"
        for who in self.resources.values():
            yield "<Resource>"
            yield from _members(
                {"UID": who.uid} | ({"GUID": who.guid} if who.guid else {}) | {
                    "ID": who.uid, "Name": who.name, "Type": who.kind, "IsNull": False,
                } | ({"EmailAddress": who.email} if who.email else {}) | {"IsGeneric": who.generic}
            )  # fmt: skip
            yield "</Resource>\n"
        yield "</Resources>\n<Assignments>\n"
        for a in self.assignments:
            yield "<Assignment>"
            yield from _members(
                {
                    "UID": a.uid} | ({"GUID": a.guid} if a.guid else {}) | {
                    "TaskUID": a.task, "ResourceUID": a.resource, "ActualWork": duration(a.actual),
                    "Finish": self.tasks[a.task].finish, "RemainingWork": duration(a.hours - a.actual),
                    "Start": self.tasks[a.task].start, "Units": a.units, "Work": duration(a.hours),
                }
            )  # fmt: skip
            yield "</Assignment>\n"
        yield "</Assignments>\n</Project>\n"

    def _summary(self) -> Iterator[str]:
        totals = self.totals()
        yield "<Task>"
        yield from _members(
            {
                "UID": 0, "ID": 0, "Name": self.title, "IsNull": False, "OutlineNumber": "0", "OutlineLevel": 0,
                "Start": min((t.start for t in self.tasks.values()), default=START),
                "Finish": max((t.finish for t in self.tasks.values()), default=START),
                "Work": duration(totals["work_hours"]), "Summary": True, "PercentComplete": 0,
                "Cost": round(totals["cost"] * 100), "ActualCost": round(totals["actual_cost"] * 100),
            }
        )  # fmt: skip
        yield "</Task>\n"

    def _task(self, row: int, task: Task) -> Iterator[str]:
        done = task.hours * task.percent / 100
        members: dict[str, Any] = {"UID": task.uid}
        if task.guid:
            members["GUID"] = task.guid
        members |= {
            "ID": row, "Name": task.name, "Active": task.active, "Type": 0, "IsNull": False, "WBS": str(row),
            "OutlineNumber": str(row), "OutlineLevel": task.level, "Priority": 500, "Start": task.start,
            "Finish": task.finish, "Duration": duration(task.days * self.minutes_per_day / 60), "DurationFormat": 7,
            "Work": duration(task.hours), "Milestone": task.milestone, "Summary": task.summary, "Critical": False,
            "TotalSlack": 0, "PercentComplete": f"{task.percent:g}", "Cost": round(task.cost * 100),
        }  # fmt: skip
        if task.percent:
            members["ActualStart"] = task.start
        if task.percent == 100:
            members["ActualFinish"] = task.finish
        members |= {
            "ActualCost": round(task.actual_cost * 100),
            "ActualWork": duration(done),
            "RemainingWork": duration(task.hours - done),
        }
        members |= task.more
        yield "<Task>"
        yield from _members(members)
        for link in task.links:
            yield "<PredecessorLink>"
            yield from _members(link)
            yield "</PredecessorLink>"
        for field_id, value in task.fields.items():
            yield "<ExtendedAttribute>"
            yield from _members({"FieldID": field_id, "Value": value})
            yield "</ExtendedAttribute>"
        for number, values in task.baselines.items():
            yield "<Baseline>"
            yield from _members({"Number": number} | values)
            yield "</Baseline>"
        yield "</Task>\n"


def _members(members: dict[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        yield f"<{name}>{text_of(value)}</{name}>"


def baseline(start: datetime, finish: datetime, hours: float, cost: float) -> dict[str, Any]:
    """A baseline's members: `task.baselines[0] = baseline(…)`."""
    return {"Start": start, "Finish": finish, "Work": duration(hours), "Cost": round(cost * 100)}


def large(tasks: int, *, people: int = 50) -> Plan:
    """A plan of so many tasks: every tenth a summary, then eight tasks and a milestone below it, in a chain."""
    plan = Plan("Large", guid="5D7C1F0E-6B1D-4E11-8F6D-00155D0A1B2C")
    who = [plan.add_person(f"Person {n}", f"person{n}@example.org") for n in range(people)]
    before: Task | None = None
    for n in range(tasks):
        start = START + timedelta(days=n % 700)
        if n % 10 == 0:
            plan.add_task(
                f"Phase {n}", summary=True, start=start, finish=start + timedelta(days=9), percent=n % 101
            )
            continue
        milestone = n % 10 == 9
        # Every fifth of the milestones is a task of a day that somebody marked.
        size = {} if milestone and n % 50 != 49 else {"hours": 8, "finish": start + timedelta(hours=9)}
        task = plan.add_task(
            f"Task {n}", level=2, milestone=milestone, start=start, **size,
            percent=(0, 25, 100)[n % 3] if not milestone else (0, 100)[n % 2], cost=n % 97, actual_cost=n % 13,
        )  # fmt: skip
        if before is not None:
            plan.link(before, task, ("FS", "SS", "FF")[n % 3], lag_days=n % 4)
        before = task
        if task.hours:
            plan.assign(task, who[n % people], 8, 2)
    return plan
