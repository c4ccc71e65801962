"""A plan file → records with what a mapping cannot work out by itself, in `portbook`. Runs in the reading process.

The file is read twice: parents, predecessors and single assignees are only known once all of it has been seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from adapters.ms_project.mspdi import Data, Definition, as_data, definitions, elements, header, leaves
from adapters.ms_project.units import (
    LINK_KINDS,
    day,
    decimal,
    guid,
    hours,
    lag_days,
    last_day,
    link_word,
    milestone_status,
    neat,
    scaled,
    task_status,
    yes,
)
from adapters.spreadsheet.grid import Refused

UNASSIGNED = "-65535"
_NOT_OF_THE_PLAN = ("ExtendedAttributes", "CurrentDate")
"""`CurrentDate` is the day of writing, also when a binary plan is converted: the same plan would look changed."""
_MOST_BASELINE_ITEMS = 300_000
_CONSTRAINTS = (
    "as soon as possible", "as late as possible", "must start on", "must finish on", "start no earlier than",
    "start no later than", "finish no earlier than", "finish no later than",
)  # fmt: skip


class Made(NamedTuple):
    """A record as it travels to the parent process."""

    stream: str
    id: str
    data: Data
    problem: str = ""


class _Task(NamedTuple):
    id: str
    """Its GUID, if it has one, until the whole plan is known."""
    parent: str | None
    """The UID of the task above, until the whole plan is known; then its id."""
    kind: str
    """`task`, `summary`, `milestone`, or empty for what becomes no row."""
    hours: float | None


class _Resource(NamedTuple):
    id: str
    """Its GUID, if it has one, until the whole plan is known."""
    kind: str
    """`person`, `role` (generic), or empty for material and cost."""
    name: str


@dataclass
class Survey:
    """What the first reading found."""

    header: Data
    definitions: dict[str, Definition]
    tasks: dict[str, _Task] = field(default_factory=dict)
    """By UID."""
    resources: dict[str, _Resource] = field(default_factory=dict)
    assignees: dict[str, str | None] = field(default_factory=dict)
    """Task UID → the one person assigned (by UID, until the whole plan is known); None where there are several."""
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

    def hold(self, tag: str, uid: str, written: object) -> str:
        """Note who has a GUID and return it. Some programs copy it along with the task: then the one with the lowest
        UID, which was there first, keeps it, wherever their rows stand, and the others are known by their UIDs."""
        own = guid(written if isinstance(written, str) else None)
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
            self.resources[uid] = resource._replace(id=self.own_id(plan, "Resource", uid, resource.id))
        ids = {uid: self.own_id(plan, "Task", uid, task.id) for uid, task in self.tasks.items()}
        for uid, task in self.tasks.items():
            self.tasks[uid] = task._replace(id=ids[uid], parent=ids[task.parent] if task.parent else None)
        for uid, who in self.assignees.items():
            self.assignees[uid] = None if who is None else self.resources[who].id


def plan_guid(data: Data) -> str | None:
    """What stays the same in every version of a plan; None where its program wrote nothing of the kind."""
    own = guid(data.get("GUID")) or guid(data.get("UID"))
    return own if own and len(own) >= 16 else None


def survey(path: Path, name: str, plan: str, most: int) -> Survey:
    """First reading: who is whose parent, and who is who. Raises Refused beyond `most` records."""
    found = Survey({}, {})
    outline: list[tuple[int, str]] = []
    for tag, element in elements(path, name):
        if tag == "Project":
            found.header = header(element)
            found.definitions = definitions(found.header)
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
            found.resources[uid] = _Resource(own, _resource_kind(data, uid), data.get("Name") or "")
        elif tag == "Assignment":
            found.hold(tag, uid, data.get("GUID"))
            who = data.get("ResourceUID") or ""
            if who in found.resources and found.resources[who].kind == "person":
                task = data.get("TaskUID") or ""
                found.assignees[task] = None if task in found.assignees else who
    raise AssertionError("unreachable: the project comes last")


def _survey_task(
    found: Survey, uid: str, data: dict[str, str], element: Any, outline: list[tuple[int, str]]
) -> None:
    if not uid or yes(data.get("IsNull")):
        return
    level = _level(data.get("OutlineLevel") or "", data.get("OutlineNumber") or "")
    if uid == "0" or level == 0:
        found.summary = found.summary or as_data(element)
        return
    while outline and outline[-1][0] >= level:
        outline.pop()
    length = hours(data.get("Duration"))
    kind = _task_kind(data, length)
    parent = outline[-1][1] if outline else None
    outline.append((level, uid))
    if uid in found.tasks:
        return
    own = found.hold("Task", uid, data.get("GUID"))
    found.tasks[uid] = _Task(own, parent, kind, length if isinstance(length, int | float) else None)
    if kind and kind != "summary" and yes(data.get("Active") or "1"):
        cost, actual = scaled(data.get("Cost"), 100), scaled(data.get("ActualCost"), 100)
        found.cost += cost if isinstance(cost, int | float) else 0
        found.actual_cost += actual if isinstance(actual, int | float) else 0


def _age(uid: str) -> tuple[int, str]:
    """Project counts UIDs up: the lower, the older."""
    return len(uid), uid


def _level(level: str, number: str) -> int:
    if level.strip().isdigit():
        return int(level)
    return number.count(".") + 1 if number else 1


def _task_kind(data: dict[str, str], length: Any) -> str:
    if yes(data.get("ExternalTask")):
        return ""
    if yes(data.get("Summary")):
        return "summary"
    flag = data.get("Milestone")
    return "milestone" if yes(flag) or (not flag and length == 0) else "task"


def _resource_kind(data: dict[str, str], uid: str) -> str:
    kind = (data.get("Type") or "1").strip()
    if uid == "0" or yes(data.get("IsNull")) or kind != "1" or yes(data.get("IsCostResource")):
        return ""
    return "role" if yes(data.get("IsGeneric")) or yes(data.get("IsBudget")) else "person"


def records(path: Path, name: str, plan: str, found: Survey) -> Iterator[Made]:
    """Second reading: every record, the project first. Blank rows are left out."""
    yield Made("mspdi_project", plan, _project(plan, found))
    seen: set[tuple[str, str]] = set()
    baselines: dict[str, dict[str, Data]] = {}
    kept = 0
    blank = 0
    for tag, element in elements(path, name):
        if tag == "Project":
            break
        data = as_data(element)
        if yes(data.get("IsNull")) or (tag == "Task" and _is_summary_row(data)):
            continue
        stream = f"mspdi_{tag.lower()}"
        uid = str(data.get("UID") or "")
        problem = ""
        if not uid:
            blank += 1
            problem = f"{tag} number {blank} without a UID"
            uid = f"without-uid-{blank}"
        elif (tag, uid) in seen:
            blank += 1
            problem = f"the UID {uid} is used twice"
            uid = f"{uid}#{blank}"
        seen.add((tag, uid))
        if problem:
            yield Made(stream, f"{plan}:{uid}", data, problem)
            continue
        own = found.own_id(plan, tag, uid, guid(data.get("GUID")) or "")
        match tag:
            case "Task":
                own = found.tasks[uid].id
                data["portbook"] = _task(plan, uid, data, found)
                for number, item in _baseline_items(data):
                    kept += 1
                    if kept <= _MOST_BASELINE_ITEMS:
                        baselines.setdefault(number, {})[own] = item
            case "Resource":
                own = found.resources[uid].id
                kind = found.resources[uid].kind
                data["portbook"] = {"project": plan, "person": kind == "person", "role": kind == "role"}
                data["portbook"]["active"] = not yes(data.get("IsInactive"))
                _custom(data, found)
            case "Assignment":
                data["portbook"] = _assignment(plan, data, found)
                _custom(data, found)
            case _:
                data["portbook"] = {"project": plan}
        yield Made(stream, own, data)
    for number, items in sorted(baselines.items()):
        yield Made("mspdi_baseline", f"{plan}:baseline{number}", _baseline(plan, number, items, found))


def _is_summary_row(data: Data) -> bool:
    return data.get("UID") == "0" or data.get("OutlineLevel") == "0"


def _project(plan: str, found: Survey) -> Data:
    data: Data = {name: value for name, value in found.header.items() if name not in _NOT_OF_THE_PLAN}
    extra: Data = {
        "title": data.get("Title") or (data.get("Name") or "").removesuffix(".xml") or plan,
        "start_on": day(data.get("StartDate")),
        "finish_on": last_day(data.get("StartDate"), data.get("FinishDate")),
    }
    top = found.summary
    if top is not None:
        data["Summary"] = {name: value for name, value in top.items() if name != "Notes"}
        first = _baseline_of(top, "0")
        extra |= {
            "percent": decimal(top.get("PercentComplete")),
            "percent_work": decimal(top.get("PercentWorkComplete")),
            "start_baseline_on": day(first.get("Start")),
            "finish_baseline_on": last_day(first.get("Start"), first.get("Finish")),
            "start_actual_on": day(top.get("ActualStart")),
            "finish_actual_on": last_day(top.get("ActualStart"), top.get("ActualFinish")),
            "work_hours": hours(top.get("Work")),
            "notes": top.get("Notes"),
            "fields": _fields(top, found),
        }
        extra["start_on"] = extra["start_on"] or day(top.get("Start"))
        extra["finish_on"] = extra["finish_on"] or last_day(top.get("Start"), top.get("Finish"))
        costs = {"forecast": top.get("Cost"), "actual": top.get("ActualCost"), "baseline": first.get("Cost")}
        amounts = {basis: scaled(text, 100) for basis, text in costs.items()}
    else:
        amounts = {"forecast": neat(found.cost), "actual": neat(found.actual_cost)}
    extra |= {f"{basis}_cost": amount for basis, amount in amounts.items()}
    extra["costs"] = [
        {"id": f"{plan}:{basis}", "basis": basis, "amount": amount, "project": plan}
        for basis, amount in amounts.items()
        if amount
    ]
    data["portbook"] = _filled(extra)
    return data


def _task(plan: str, uid: str, data: Data, found: Survey) -> Data:
    own = found.tasks[uid]
    day_hours = found.minutes_per_day / 60
    percent = decimal(data.get("PercentComplete"))
    active = yes(data.get("Active") or "1")
    start, finish = data.get("Start"), data.get("Finish")
    actual_start, actual_finish = data.get("ActualStart"), data.get("ActualFinish")
    first = _baseline_of(data, "0")
    milestone = own.kind == "milestone"
    extra: Data = {
        "project": plan,
        "parent": own.parent,
        "type": own.kind or "external",
        "work_item": own.kind in ("task", "summary"),
        "milestone": milestone,
        "status": milestone_status(percent, actual_finish, active=active)
        if milestone
        else task_status(percent, actual_start, actual_finish, active=active),
        "percent": percent,
        "start_on": day(start),
        "finish_on": last_day(start, finish),
        "start_actual_on": day(actual_start),
        "finish_actual_on": last_day(actual_start, actual_finish),
        "start_baseline_on": day(first.get("Start")),
        "finish_baseline_on": last_day(first.get("Start"), first.get("Finish")),
        "deadline_on": day(data.get("Deadline")),
        "critical": yes(data["Critical"]) if data.get("Critical") else None,
        "float_days": scaled(data.get("TotalSlack"), 10 * found.minutes_per_day),
        "level": _level(data.get("OutlineLevel") or "", data.get("OutlineNumber") or ""),
        "wbs": data.get("WBS") or data.get("OutlineNumber"),
        "assignee": found.assignees.get(uid),
        "cost": scaled(data.get("Cost"), 100),
        "actual_cost": scaled(data.get("ActualCost"), 100),
        "baseline_cost": scaled(first.get("Cost"), 100),
        "constraint_on": day(data.get("ConstraintDate")),
        "fields": _fields(data, found),
    }
    if own.hours is not None:
        elapsed = (data.get("DurationFormat") or "") in (
            "4",
            "6",
            "8",
            "10",
            "12",
            "36",
            "38",
            "40",
            "42",
            "44",
        )
        extra["duration_days"] = neat(own.hours / (24 if elapsed else day_hours))
    kind = data.get("ConstraintType") or ""
    if kind.isdigit() and 0 < int(kind) < len(_CONSTRAINTS):
        extra["constraint"] = _CONSTRAINTS[int(kind)]
    if own.kind != "summary":
        # A summary's hours are those of the tasks below it: added up they would count twice.
        extra |= {
            "work_hours": hours(data.get("Work")),
            "actual_hours": hours(data.get("ActualWork")),
            "remaining_hours": hours(data.get("RemainingWork")),
            "baseline_hours": hours(first.get("Work")),
        }
    if own.kind and (links := _links(data, own, found)):
        extra["links"] = links
    return _filled(extra)


def _links(data: Data, own: _Task, found: Survey) -> list[Data]:
    """Links to predecessors in the same plan. One into another file names a path, not a task that is known here."""
    answer = []
    for link in data.get("PredecessorLink") or ():
        before = found.tasks.get(str(link.get("PredecessorUID") or "")) if isinstance(link, dict) else None
        if before is None or not before.kind or yes(link.get("CrossProject")):
            continue
        # Without a type it is finish to start.
        code = (link.get("Type") or "1").strip()
        kind = LINK_KINDS.get(code, code)
        lag = decimal(link.get("LinkLag")) or 0
        form = decimal(link.get("LagFormat")) or 7
        size = lag if isinstance(lag, int | float) else 0
        form = form if isinstance(form, int) else 7
        answer.append(
            {
                "id": f"{before.id}>{own.id}",
                "kind": kind,
                "word": link_word(kind, size, form, found.minutes_per_day),
                "lag_days": lag_days(size, form, found.minutes_per_day, before.hours),
                f"from_{_end(before)}": before.id,
                f"to_{_end(own)}": own.id,
            }
        )
    return answer


def _end(task: _Task) -> str:
    return "milestone" if task.kind == "milestone" else "work_item"


def _assignment(plan: str, data: Data, found: Survey) -> Data:
    resource = found.resources.get(str(data.get("ResourceUID") or UNASSIGNED))
    task = found.tasks.get(str(data.get("TaskUID") or ""))
    units = decimal(data.get("Units"))
    return _filled(
        {
            "project": plan,
            "work_item": task.id if task and task.kind in ("task", "summary") else None,
            # Material is counted in pieces, an unassigned resource is nobody.
            "counts": bool(resource and resource.kind and task and task.kind),
            "person": resource.id if resource and resource.kind == "person" else None,
            "role": resource.name if resource and resource.kind == "role" else None,
            "units_percent": neat(units * 100) if isinstance(units, int | float) else units,
            "planned_hours": hours(data.get("Work")),
            "actual_hours": hours(data.get("ActualWork")),
            "remaining_hours": hours(data.get("RemainingWork")),
            "start_on": day(data.get("Start")),
            "finish_on": last_day(data.get("Start"), data.get("Finish")),
        }
    )


def _baseline_of(data: Data, number: str) -> Data:
    for item in data.get("Baseline") or ():
        if isinstance(item, dict) and item.get("Number") == number and not yes(item.get("Interim")):
            return item
    return {}


def _baseline_items(data: Data) -> Iterator[tuple[str, Data]]:
    for item in data.get("Baseline") or ():
        if isinstance(item, dict) and (item.get("Number") or "").isdigit() and not yes(item.get("Interim")):
            values = {
                "start_on": day(item.get("Start")),
                "finish_on": last_day(item.get("Start"), item.get("Finish")),
                "hours": hours(item.get("Work")),
                "cost": scaled(item.get("Cost"), 100),
            }
            yield item["Number"], _filled(values)


def _baseline(plan: str, number: str, items: dict[str, Data], found: Survey) -> Data:
    return {
        "Number": number,
        "portbook": {
            "project": plan,
            "title": "Baseline" if number == "0" else f"Baseline {number}",
            "kind": "initial" if number == "0" else "snapshot",
            "items": items,
        },
    }


def _custom(data: Data, found: Survey) -> None:
    if fields := _fields(data, found):
        data["portbook"]["fields"] = fields


def _fields(data: Data, found: Survey) -> Data | None:
    """Custom fields by the name people know, in their own types."""
    fields: Data = {}
    for item in data.get("ExtendedAttribute") or ():
        if not isinstance(item, dict) or not item.get("Value"):
            continue
        known = found.definitions.get(item.get("FieldID") or "")
        if known is None:
            continue
        value: Any = item["Value"]
        match known.kind:
            case "Flag":
                value = yes(value)
            case "Cost":
                value = scaled(value, 100)
            case "Number":
                value = decimal(value)
            case "Duration":
                value = hours(value)
            case "Date" | "Start" | "Finish":
                value = day(value)
        fields[known.name] = value
    return fields or None


def _filled(data: Data) -> Data:
    return {name: value for name, value in data.items() if value is not None}
