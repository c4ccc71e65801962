"""A plan file → records with what a mapping cannot work out by itself, in `portbook`. Runs in the reading process.

The file is read twice: parents, predecessors and single assignees are only known once all of it has been seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from adapters.ms_project.mspdi import Data, as_data, elements
from adapters.ms_project.survey import Survey, Task, baseline_number, level_of, stands_for_plan
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
from adapters.ms_project.work import baseline_items, beside

UNASSIGNED = "-65535"
_NOT_OF_THE_PLAN = ("ExtendedAttributes", "OutlineCodes", "CurrentDate")
"""`CurrentDate` is the day of writing, also when a binary plan is converted: the same plan would look changed."""
_CONSTRAINTS = (
    "as soon as possible", "as late as possible", "must start on", "must finish on", "start no earlier than",
    "start no later than", "finish no earlier than", "finish no later than",
)  # fmt: skip


_FILE = re.compile(r"\.(?:xml|mpp)$", re.IGNORECASE)


class Made(NamedTuple):
    """A record as it travels to the parent process."""

    stream: str
    id: str
    data: Data
    problem: str = ""


def records(path: Path, name: str, plan: str, found: Survey) -> Iterator[Made]:
    """Second reading: every record, the project first. Blank rows are left out."""
    yield Made("mspdi_project", plan, _project(plan, found))
    seen: set[tuple[str, str]] = set()
    baselines: dict[str, dict[str, Data]] = {}
    blank = 0
    for tag, element in elements(path, name):
        if tag == "Project":
            break
        data = as_data(element)
        if yes(data.get("IsNull")) or (tag == "Task" and stands_for_plan(data)):
            continue
        stream = f"mspdi_{tag.lower()}"
        uid = data.get("UID") or ""
        uid = uid if isinstance(uid, str) else ""
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
        try:
            own = _complete(plan, tag, uid, data, found, baselines)
        except (TypeError, AttributeError, ValueError) as wrong:
            problem = f"{tag} {uid} has an unexpected shape ({wrong})"
            yield Made(stream, found.own_id(plan, tag, uid, guid(data.get("GUID")) or ""), data, problem)
            continue
        yield Made(stream, own, data)
    for number, items in sorted(baselines.items()):
        yield Made("mspdi_baseline", f"{plan}:baseline{number}", _baseline(plan, number, items, found))


def _complete(
    plan: str, tag: str, uid: str, data: Data, found: Survey, baselines: dict[str, dict[str, Data]]
) -> str:
    """Put into an element what a mapping cannot work out, and what it had in baselines into these; returns its id."""
    match tag:
        case "Task":
            task = found.tasks[uid]
            data["portbook"] = _task(plan, uid, data, found)
            for number, values in _baseline_values(data):
                kind = "task" if uid in found.whole else task.kind
                for row, item in baseline_items(task.id, kind, values, works=task.works):
                    baselines.setdefault(number, {})[row] = item
            return task.id
        case "Resource":
            resource = found.resources[uid]
            data["portbook"] = {
                "project": plan,
                "person": resource.person if resource.kind == "person" else None,
                "role": resource.kind == "role",
                "active": not yes(data.get("IsInactive")),
            }
            _custom(data, found)
            return resource.id
        case "Assignment":
            data["portbook"] = _assignment(plan, data, found)
            _custom(data, found)
        case _:
            data["portbook"] = {"project": plan}
    return found.own_id(plan, tag, uid, guid(data.get("GUID")) or "")


def _project(plan: str, found: Survey) -> Data:
    data: Data = {name: value for name, value in found.header.items() if name not in _NOT_OF_THE_PLAN}
    extra: Data = {
        "title": data.get("Title") or _FILE.sub("", data.get("Name") or "") or plan,
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
            "work_hours": _apart(hours(top.get("Work")), "work_hours", found),
            "notes": top.get("Notes"),
            "fields": _fields(top, found),
        }
        extra["start_on"] = extra["start_on"] or day(top.get("Start"))
        extra["finish_on"] = extra["finish_on"] or last_day(top.get("Start"), top.get("Finish"))
        costs = {"forecast": top.get("Cost"), "actual": top.get("ActualCost"), "baseline": first.get("Cost")}
        amounts = {basis: _apart(scaled(text, 100), basis, found) for basis, text in costs.items()}
    else:
        amounts = {"forecast": neat(found.cost), "actual": neat(found.actual_cost)}
    if found.inserted:
        extra["inserted"] = [other.title for other in found.inserted]
    extra |= {f"{basis}_cost": amount for basis, amount in amounts.items()}
    extra["costs"] = [
        {"id": f"{plan}:{basis}", "basis": basis, "amount": amount, "project": plan}
        for basis, amount in amounts.items()
        if amount
    ]
    data["portbook"] = _filled(extra)
    return data


def _apart(size: Any, name: str, found: Survey) -> Any:
    """What the whole plan comes to, less what counts in plans of their own."""
    if not isinstance(size, int | float):
        return size
    return neat(size - sum(other.sizes.get(name, 0) for other in found.inserted if other.apart))


def _task(plan: str, uid: str, data: Data, found: Survey) -> Data:
    own = found.tasks[uid]
    day_hours = found.minutes_per_day / 60
    percent = decimal(data.get("PercentComplete"))
    start, finish = data.get("Start"), data.get("Finish")
    actual_start, actual_finish = data.get("ActualStart"), data.get("ActualFinish")
    first = _baseline_of(data, "0")
    milestone = own.kind == "milestone"
    reached = milestone_status(percent, actual_finish, active=own.active)
    extra: Data = {
        "project": plan,
        "parent": own.parent,
        "type": "task" if own.works else own.kind or "external",
        "work_item": own.work_item is not None,
        "milestone": milestone,
        "status": reached
        if milestone and not own.works
        else task_status(percent, actual_start, actual_finish, active=own.active),
        **beside(own.id, works=own.works, milestone_status=reached),
        "percent": percent,
        "start_on": day(start),
        "finish_on": last_day(start, finish),
        "start_actual_on": day(actual_start),
        "finish_actual_on": last_day(actual_start, actual_finish) if own.active else None,
        "start_baseline_on": day(first.get("Start")),
        "finish_baseline_on": last_day(first.get("Start"), first.get("Finish")),
        "deadline_on": day(data.get("Deadline")),
        "critical": yes(data["Critical"]) if data.get("Critical") else None,
        "float_days": scaled(data.get("TotalSlack"), 10 * found.minutes_per_day),
        "level": level_of(data.get("OutlineLevel") or "", data.get("OutlineNumber") or ""),
        "wbs": data.get("WBS") or data.get("OutlineNumber"),
        "assignee": found.assignees.get(uid),
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
    if kind.isdecimal() and 0 < int(kind) < len(_CONSTRAINTS):
        extra["constraint"] = _CONSTRAINTS[int(kind)]
    summed = own.kind == "summary" and uid not in found.whole
    if not summed:
        # A summary's are those of the tasks below it: added up they would count twice.
        extra |= {
            "baseline_hours": hours(first.get("Work")),
            "baseline_cost": scaled(first.get("Cost"), 100),
        }
    # Project leaves those of inactive tasks out of every sum; what was planned of them once stays in the baseline.
    if summed:
        extra |= found.alone.get(uid, {})
    elif own.active:
        extra |= {
            "work_hours": hours(data.get("Work")),
            "actual_hours": hours(data.get("ActualWork")),
            "remaining_hours": hours(data.get("RemainingWork")),
            "cost": scaled(data.get("Cost"), 100),
            "actual_cost": scaled(data.get("ActualCost"), 100),
        }
    if own.kind and (links := _links(data, own, found)):
        extra["links"] = links
    return _filled(extra)


def _links(data: Data, own: Task, found: Survey) -> list[Data]:
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
                "word": link_word(kind, size, form, found.minutes_per_day, found.days_in),
                "lag_days": lag_days(size, form, found.minutes_per_day, before.hours),
                f"from_{_end(before)}": before.id,
                f"to_{_end(own)}": own.id,
            }
        )
    return answer


def _end(task: Task) -> str:
    return "milestone" if task.kind == "milestone" else "work_item"


def _assignment(plan: str, data: Data, found: Survey) -> Data:
    resource = found.resources.get(str(data.get("ResourceUID") or UNASSIGNED))
    task = found.tasks.get(str(data.get("TaskUID") or ""))
    units = decimal(data.get("Units"))
    return _filled(
        {
            "project": plan,
            "work_item": task.work_item if task else None,
            # Material is counted in pieces, an unassigned resource is nobody, an inactive task takes nobody's time.
            "counts": bool(resource and resource.kind and task and task.kind and task.active),
            "person": resource.person if resource and resource.kind == "person" else None,
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
        if isinstance(item, dict) and baseline_number(item) == number and not yes(item.get("Interim")):
            return item
    return {}


def _baseline_values(data: Data) -> Iterator[tuple[str, Data]]:
    for item in data.get("Baseline") or ():
        if isinstance(item, dict) and baseline_number(item).isdecimal() and not yes(item.get("Interim")):
            values = {
                "start_on": day(item.get("Start")),
                "finish_on": last_day(item.get("Start"), item.get("Finish")),
                "hours": hours(item.get("Work")),
                "cost": scaled(item.get("Cost"), 100),
            }
            yield baseline_number(item), _filled(values)


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
        # What has several values of a list comes once for each.
        fields[known.name] = f"{fields[known.name]}, {value}" if known.name in fields else value
    for item in data.get("OutlineCode") or ():
        known = found.definitions.get(item.get("FieldID") or "") if isinstance(item, dict) else None
        if known is not None and (chosen := known.values.get(item.get("ValueID") or "")):
            fields.setdefault(known.name, chosen)
    return fields or None


def _filled(data: Data) -> Data:
    return {name: value for name, value in data.items() if value is not None}
