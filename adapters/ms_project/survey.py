"""What a plan file holds, before its records are made: who is whose parent, and what each is known by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from adapters.ms_project.mspdi import Data, Definition, as_data, definitions, elements, header, leaves, local
from adapters.ms_project.units import decimal, guid, hours, neat, scaled, yes
from adapters.ms_project.work import has_work, work_item_id
from adapters.spreadsheet.grid import Refused
from portbook.text import normal_key


class Task(NamedTuple):
    id: str
    """Its GUID, if it has one, until the whole plan is known."""
    parent: str | None
    """The UID of the task above, until the whole plan is known; then its id."""
    kind: str
    """`task`, `summary`, `milestone`, or empty for what becomes no row."""
    hours: float | None
    works: bool = False
    """Whether there is work in what is marked as a milestone."""
    active: bool = True

    @property
    def work_item(self) -> str | None:
        """What its work item is known by; None where it has none."""
        return work_item_id(self.id, self.kind, works=self.works)


class Resource(NamedTuple):
    id: str
    """Its GUID, if it has one, until the whole plan is known."""
    kind: str
    """`person`, `role` (generic), or empty for material and cost."""
    name: str
    person: str = ""
    """What a person is known by, in all plans alike where there is an address; else as the resource, by `id`."""


class Beside(NamedTuple):
    """The plans that are read beside this one. Files are known by the stem of their name (`stem_of`)."""

    plans: Collection[str] = ()
    files: Collection[str] = ()
    """Of plans; where files of several have one name, it is none of them."""
    unread: Collection[str] = ()
    """Files that cannot be read just now: which plan each holds, only its name tells."""

    def reads(self, plan: str | None, file: str) -> bool:
        """Whether an inserted project, known by its plan's id where that is told, else by the name of its file, is read
        by itself."""
        return plan in self.plans or (plan is None and file in self.files)

    def state(self, plan: str | None, file: str) -> str:
        """What is known of an inserted project: it is `read` by itself, its file is there and cannot be read just now
        (`unread`), or neither."""
        return "read" if self.reads(plan, file) else "unread" if file in self.unread else ""


class Inserted(NamedTuple):
    """A project of its own that stands in this plan as one task. Project adds it to everything the plan comes to."""

    title: str
    task: str
    """The UID of that task."""
    plan: str | None
    """Its plan's id, where the program wrote it."""
    file: str
    state: str
    """See `Beside.state`."""
    sizes: dict[str, float]
    """Hours, and money on each basis."""

    @property
    def apart(self) -> bool:
        """Whether it is, or will be, read by itself too, so that what it comes to would count twice."""
        return bool(self.state)


ALONE = Beside()
_DEEPEST = 65_535
"""Project's own limit to the levels of an outline."""


def stem_of(name: str) -> str:
    """`C:\\Plans\\Quay.mpp` and `plans/quay.xml` are the same plan's."""
    return normal_key(PureWindowsPath(name).stem)


@dataclass
class Survey:
    """What the first reading found."""

    header: Data
    definitions: dict[str, Definition]
    beside: Beside
    inserted: list[Inserted] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    """UIDs of inserted projects whose tasks are nowhere else: what they come to is their own."""
    tasks: dict[str, Task] = field(default_factory=dict)
    """By UID."""
    resources: dict[str, Resource] = field(default_factory=dict)
    assignees: dict[str, str | None] = field(default_factory=dict)
    """Task UID → the one person assigned (by UID, until the whole plan is known); None where there are several."""
    alone: dict[str, dict[str, float]] = field(default_factory=dict)
    """UID of a summary → the hours and the money that are not those of the tasks below it."""
    holders: dict[tuple[str, str], str] = field(default_factory=dict)
    """Kind of element and GUID → the UID of the one that is known by it."""
    summary: Data | None = None
    """The project summary task."""
    records: int = 1
    cost: float = 0.0
    actual_cost: float = 0.0

    @property
    def minutes_per_day(self) -> float:
        found = decimal(self.header.get("MinutesPerDay"))
        return found if isinstance(found, int | float) and found > 0 else 480

    @property
    def days_in(self) -> tuple[float, float]:
        """Of a week, and of a month, as this plan counts them."""
        week, month = (decimal(self.header.get(name)) for name in ("MinutesPerWeek", "DaysPerMonth"))
        return (
            week / self.minutes_per_day if isinstance(week, int | float) and week > 0 else 5,
            month if isinstance(month, int | float) and month > 0 else 20,
        )

    def hold(self, tag: str, uid: str, written: object) -> str:
        """Note who has a GUID and return it. Some programs copy it along with the task: then the one with the lowest
        UID, which was there first, keeps it, wherever their rows stand, and the others are known by their UIDs."""
        own = guid(written)
        if own:
            held = self.holders.setdefault((tag, own), uid)
            if _age(uid) < _age(held):
                self.holders[tag, own] = uid
        return own or ""

    def own_id(self, plan: str, tag: str, uid: str, own: str) -> str:
        """What an element is known by among all plans: its GUID, which outlives a save under another name, else its
        UID."""
        return f"{plan}:{own if own and self.holders.get((tag, own)) == uid else uid}"

    def settle(self, plan: str) -> None:
        """Once everybody is known: ids in place of GUIDs and UIDs."""
        for uid, resource in self.resources.items():
            own = self.own_id(plan, "Resource", uid, resource.id)
            self.resources[uid] = resource._replace(id=own, person=resource.person or own)
        ids = {uid: self.own_id(plan, "Task", uid, task.id) for uid, task in self.tasks.items()}
        for uid, task in self.tasks.items():
            self.tasks[uid] = task._replace(id=ids[uid], parent=ids[task.parent] if task.parent else None)
        for uid, who in self.assignees.items():
            self.assignees[uid] = None if who is None else self.resources[who].person


def plan_guid(data: Data) -> str | None:
    """What stays the same in every version of a plan; None where its program wrote nothing of the kind."""
    own = guid(data.get("GUID")) or guid(data.get("UID"))
    return own if own and len(own) >= 16 else None


def survey(path: Path, name: str, plan: str, most: int, beside: Beside = ALONE) -> Survey:
    """First reading: who is whose parent, and who is who. Raises Refused beyond `most` records."""
    found = Survey({}, {}, beside)
    outline: list[tuple[int, str, dict[str, str]]] = []
    for tag, element in elements(path, name):
        if tag == "Project":
            found.header = header(element)
            found.definitions = definitions(found.header)
            _settle_inserted(found)
            found.settle(plan)
            return found
        found.records += 1
        if found.records > most:
            raise Refused(
                f"{name} has more than the {most:,} records that a plan may have",
                hint="If the file is honest, raise `limits.records` of this source.",
            )
        data = leaves(element)
        uid = data.get("UID") or ""
        if tag == "Task":
            _survey_task(found, uid, data, element, outline)
        elif tag == "Resource" and uid and uid not in found.resources:
            own = found.hold(tag, uid, data.get("GUID"))
            kind, called = _resource_kind(data, uid), data.get("Name") or ""
            found.resources[uid] = Resource(own, kind, called, _person(data.get("EmailAddress"), called))
        elif tag == "Assignment":
            found.hold(tag, uid, data.get("GUID"))
            who, task = data.get("ResourceUID") or "", data.get("TaskUID") or ""
            if who in found.resources and found.resources[who].kind == "person":
                found.assignees[task] = None if task in found.assignees else who
            if who in found.resources and task in found.tasks:
                _survey_assignment(found, found.resources[who], task, data)
    raise AssertionError("unreachable: the project comes last")


def _survey_task(
    found: Survey,
    uid: str,
    data: dict[str, str],
    element: Any,
    outline: list[tuple[int, str, dict[str, str]]],
) -> None:
    if not uid or yes(data.get("IsNull")):
        return
    level = level_of(data.get("OutlineLevel") or "", data.get("OutlineNumber") or "")
    if stands_for_plan(data):
        found.summary = found.summary or as_data(element)
        return
    while outline and outline[-1][0] >= level:
        outline.pop()
    length = hours(data.get("Duration"))
    kind = _task_kind(data, length)
    parent = outline[-1][1] if outline else None
    if outline and found.tasks[outline[-1][1]].kind in ("task", "milestone"):
        _make_summary(found, *outline[-1][1:])
    outline.append((level, uid, data))
    if uid in found.tasks:
        return
    if yes(data.get("IsSubproject")):
        found.inserted.append(_inserted(uid, data, element, found.beside))
    own = found.hold("Task", uid, data.get("GUID"))
    works = kind == "milestone" and has_work(
        *(hours(data.get(name)) for name in ("Work", "ActualWork", "RemainingWork"))
    )
    active = yes(data.get("Active") or "1")
    length = length if isinstance(length, int | float) else None
    found.tasks[uid] = Task(own, parent, kind, length, works, active)
    if kind == "summary" and active:
        _add(found, uid, cost=scaled(data.get("FixedCost"), 100))
    elif kind and active:
        found.cost += _money(data, "Cost")
        found.actual_cost += _money(data, "ActualCost")


def _make_summary(found: Survey, uid: str, data: dict[str, str]) -> None:
    """What has tasks below it comes to what these come to, also where its program does not say that it is a summary."""
    found.tasks[uid] = found.tasks[uid]._replace(kind="summary", works=False)
    if found.tasks[uid].active:
        found.cost -= _money(data, "Cost")
        found.actual_cost -= _money(data, "ActualCost")
        _add(found, uid, cost=scaled(data.get("FixedCost"), 100))


def _money(data: dict[str, str], name: str) -> float:
    amount = scaled(data.get(name), 100)
    return amount if isinstance(amount, int | float) else 0


def _inserted(uid: str, data: dict[str, str], element: Any, beside: Beside) -> Inserted:
    """Microsoft, "IsSubproject Element": the task holds the whole of the other project. Not every program writes it."""
    inner = next((child for child in element if local(child) == "Project"), None)
    other = plan_guid(leaves(inner)) if inner is not None else None
    file = stem_of(data.get("SubprojectName") or "")
    first: Data = next(
        (item for item in as_data(element).get("Baseline") or () if baseline_number(item) == "0"), {}
    )
    sizes = {
        "work_hours": hours(data.get("Work")),
        "forecast": scaled(data.get("Cost"), 100),
        "actual": scaled(data.get("ActualCost"), 100),
        "baseline": scaled(first.get("Cost"), 100),
    }
    return Inserted(
        data.get("Name") or "",
        uid,
        other,
        file,
        beside.state(other, file),
        {name: size for name, size in sizes.items() if isinstance(size, int | float)},
    )


def _settle_inserted(found: Survey) -> None:
    """What an inserted project comes to holds what is assigned to its task itself."""
    above = {task.parent for task in found.tasks.values()}
    for other in found.inserted:
        if other.apart or other.task in above or found.tasks[other.task].kind != "summary":
            continue
        found.whole.add(other.task)
        if found.tasks[other.task].active:
            mine = found.alone.pop(other.task, {})
            found.cost += other.sizes.get("forecast", 0) - mine.get("cost", 0)
            found.actual_cost += other.sizes.get("actual", 0) - mine.get("actual_cost", 0)


def _survey_assignment(found: Survey, who: Resource, task: str, data: dict[str, str]) -> None:
    """People assign resources to a summary itself: their work and their cost are in no task below it."""
    if found.tasks[task].kind != "summary" or not found.tasks[task].active:
        return
    if who.kind:
        _add(
            found,
            task,
            work_hours=hours(data.get("Work")),
            actual_hours=hours(data.get("ActualWork")),
            remaining_hours=hours(data.get("RemainingWork")),
        )
    _add(found, task, cost=scaled(data.get("Cost"), 100), actual_cost=scaled(data.get("ActualCost"), 100))


def _add(found: Survey, uid: str, **sizes: Any) -> None:
    for name, size in sizes.items():
        if isinstance(size, int | float) and (size or name.endswith("hours")):
            mine = found.alone.setdefault(uid, {})
            mine[name] = neat(mine.get(name, 0) + size)
            if name == "cost":
                found.cost += size
            elif name == "actual_cost":
                found.actual_cost += size


def _age(uid: str) -> tuple[int, str]:
    """Project counts UIDs up: the lower, the older."""
    return len(uid), uid


def stands_for_plan(data: Mapping[str, Any]) -> bool:
    """Whether a task is the row above all others. Project gives it the UID 0 and the level 0; there are programs that
    count their tasks from 0."""
    level = str(data.get("OutlineLevel") or "").strip()
    if level.isdecimal():
        return int(level) == 0
    return data.get("UID") == "0" and data.get("OutlineNumber") in (None, "", "0")


def baseline_number(data: Mapping[str, Any]) -> str:
    """The schema lets it be left out: then it is the baseline, and none of the later ones."""
    return str(data.get("Number") or "0").strip()


def level_of(level: str, number: str) -> int:
    if level.strip().isdecimal():
        return min(int(level), _DEEPEST)
    return number.count(".") + 1 if number else 1


def _task_kind(data: dict[str, str], length: Any) -> str:
    if yes(data.get("ExternalTask")):
        return ""
    if yes(data.get("Summary")) or yes(data.get("IsSubproject")):
        return "summary"
    flag = data.get("Milestone")
    return "milestone" if yes(flag) or (not flag and length == 0) else "task"


def _person(address: str | None, name: str) -> str:
    """Every plan has a list of its own: who is on two, with the same address and the same name, is one person. Either
    alone may be several people's."""
    address = (address or "").strip().casefold()
    return f"{address} {normal_key(name)}" if "@" in address else ""


def _resource_kind(data: dict[str, str], uid: str) -> str:
    kind = (data.get("Type") or "1").strip()
    nobody = uid == "0" and (data.get("ID") or "0") == "0"
    if nobody or yes(data.get("IsNull")) or kind != "1" or yes(data.get("IsCostResource")):
        return ""
    return "role" if yes(data.get("IsGeneric")) or yes(data.get("IsBudget")) else "person"
