"""Entities of the reporting feed → records with what a mapping cannot work out by itself, in `portbook`. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from adapters.base import RawRecord
from adapters.json_body import kept_aside, loads
from adapters.ms_project.odata import moment, stamp, with_portbook
from adapters.ms_project.pwa import UNASSIGNED, Resource
from adapters.ms_project.units import (
    LINK_KINDS,
    day,
    decimal,
    guid,
    lag_days,
    last_day,
    link_word,
    milestone_status,
    neat,
    task_status,
)
from adapters.ms_project.work import beside, has_work, work_item_id

_GUID = re.compile(rb"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_NUMBERED = re.compile(r"^\((\d+)\)")

Data = dict[str, Any]


class TaskKind(NamedTuple):
    """What became of a task."""

    kind: str
    """`task`, `summary`, `milestone`, or empty for what becomes no row."""
    hours: Any
    works: bool = False
    """Whether there is work in what is marked as a milestone."""
    active: bool = True


rejected = partial(
    kept_aside, name=_GUID, hint="Correct the record in Project, or ask the server's administrator."
)


def entity(stream: str, payload: bytes, *ids: str) -> tuple[Data, str] | RawRecord:
    """The entity decoded and its own id, made of the members that are its key; or the rejected record."""
    try:
        data = loads(payload)
    except ValueError as wrong:
        return rejected(stream, payload, str(wrong))
    keys = [guid(data.get(name)) for name in ids] if isinstance(data, dict) else []
    if not keys or not all(keys):
        return rejected(stream, payload, f"it has no {' and '.join(ids)}")
    return data, ":".join(str(key) for key in keys)


def made(stream: str, own: str, payload: bytes, data: Data, extra: Mapping[str, Any]) -> RawRecord:
    filled = {name: value for name, value in extra.items() if value is not None}
    payload, data = with_portbook(payload, data, filled)
    return RawRecord(stream, own, payload, data)


def project(payload: bytes, site: str, baselines: Mapping[str, tuple[str | None, str | None]]) -> RawRecord:
    found = entity("pwa_project", payload, "ProjectId")
    if isinstance(found, RawRecord):
        return found
    data, own = found
    start, finish = moment(data.get("ProjectStartDate")), moment(data.get("ProjectFinishDate"))
    ended, begun = moment(data.get("ProjectActualFinishDate")), moment(data.get("ProjectActualStartDate"))
    costs = {
        "forecast": data.get("ProjectCost"),
        "actual": data.get("ProjectActualCost"),
        "budget": data.get("ProjectBudgetCost"),
    }
    amounts = {basis: number(value) for basis, value in costs.items()}
    extra: Data = {
        "url": f"{site}/Project%20Detail%20Pages/Schedule.aspx?ProjUid={quote(own)}",
        "owner": guid(data.get("ProjectOwnerId")),
        "start_on": day(start),
        "finish_on": last_day(start, finish),
        "start_actual_on": day(begun),
        "finish_actual_on": last_day(begun, ended),
        "start_baseline_on": baselines.get(own, (None, None))[0],
        "finish_baseline_on": baselines.get(own, (None, None))[1],
        "created": stamp(data.get("ProjectCreatedDate")),
        "modified": stamp(data.get("ProjectModifiedDate")),
        "forecast_cost": amounts["forecast"],
        "actual_cost": amounts["actual"],
        # A server without budgets says zero for all of them.
        "budget": amounts["budget"] or None,
        "costs": [
            {"id": f"{own}:{basis}", "basis": basis, "amount": amount, "project": own}
            for basis, amount in amounts.items()
            if amount
        ],
    }
    return made("pwa_project", own, payload, data, extra)


def task(
    payload: bytes,
    *,
    day_hours: float,
    baseline: Mapping[str, Any],
    assignees: Mapping[str, str | None],
    sums: Mapping[str, Mapping[str, float]],
) -> tuple[RawRecord, str, TaskKind]:
    """The record, the task's id, and what became of it. `baseline`, `assignees` and `sums` (of its assignments) are
    looked up by task id."""
    found = entity("pwa_task", payload, "ProjectId", "TaskId")
    if isinstance(found, RawRecord):
        return found, "", TaskKind("", None)
    data, own = found
    home, _, task_id = own.partition(":")
    kind = task_kind(data)
    work_hours, actual_hours, remaining_hours = (
        number(data.get(name)) for name in ("TaskWork", "TaskActualWork", "TaskRemainingWork")
    )
    works = kind == "milestone" and has_work(work_hours, actual_hours, remaining_hours)
    start, finish = moment(data.get("TaskStartDate")), moment(data.get("TaskFinishDate"))
    begun, ended = moment(data.get("TaskActualStartDate")), moment(data.get("TaskActualFinishDate"))
    percent, active = number(data.get("TaskPercentCompleted")), data.get("TaskIsActive") is not False
    length, slack = number(data.get("TaskDuration")), number(data.get("TaskTotalSlack"))
    level = data.get("TaskOutlineLevel")
    above = guid(data.get("ParentTaskId"))
    before = baseline.get(task_id) or {}
    reached = milestone_status(percent, day(ended), active=active)
    extra: Data = {
        "project": home,
        # At the top, the parent is the row that stands for the project.
        "parent": f"{home}:{above}" if above and above != task_id and level != 1 else None,
        "type": "task" if works else kind or "none",
        "work_item": work_item_id(own, kind, works=works) is not None,
        "milestone": kind == "milestone",
        "status": reached
        if kind == "milestone" and not works
        else task_status(percent, day(begun), day(ended), active=active),
        **beside(own, works=works, milestone_status=reached),
        "percent": percent,
        "start_on": day(start),
        "finish_on": last_day(start, finish),
        "start_actual_on": day(begun),
        "finish_actual_on": last_day(begun, ended) if active else None,
        "start_baseline_on": before.get("start_on"),
        "finish_baseline_on": before.get("finish_on"),
        "deadline_on": day(moment(data.get("TaskDeadline"))),
        "assignee": assignees.get(task_id),
        "duration_days": neat(length / day_hours) if isinstance(length, int | float) else None,
        "float_days": neat(slack / day_hours) if isinstance(slack, int | float) else None,
        "created": stamp(data.get("TaskCreatedDate")),
    }
    if kind != "summary":
        # A summary's are those of the tasks below it: added up they would count twice.
        extra |= {"baseline_hours": before.get("hours"), "baseline_cost": before.get("cost")}
    # Project leaves those of inactive tasks out of every sum; what was planned of them once stays in the baseline.
    if kind == "summary" and active:
        extra |= alone(sums.get(task_id, {}), data.get("TaskFixedCost"), data.get("TaskActualFixedCost"))
    elif active:
        extra |= {
            "work_hours": work_hours,
            "actual_hours": actual_hours,
            "remaining_hours": remaining_hours,
            "cost": number(data.get("TaskCost")),
            "actual_cost": number(data.get("TaskActualCost")),
        }
    return made("pwa_task", own, payload, data, extra), task_id, TaskKind(kind, length, works, active)


def task_kind(data: Mapping[str, Any]) -> str:
    if data.get("TaskIsProjectSummary") is True or data.get("TaskIsExternal") is True:
        return ""
    if data.get("TaskIsSummary") is True:
        return "summary"
    return "milestone" if data.get("TaskIsMilestone") is True else "task"


SUMMED = {
    "work_hours": "AssignmentWork",
    "actual_hours": "AssignmentActualWork",
    "remaining_hours": "AssignmentRemainingWork",
    "cost": "AssignmentCost",
    "actual_cost": "AssignmentActualCost",
}
"""What is added up of the assignments on a task."""


def resource_of(data: Mapping[str, Any], kinds: Mapping[str, Resource]) -> Resource | None:
    """Whose an assignment is; None for nobody. A resource that only the plan has, as one whose account was removed
    becomes, is not listed: its name says what it is, and a name alone makes no person."""
    own = guid(data.get("ResourceId"))
    if own is None or own == UNASSIGNED:
        return None
    if own in kinds:
        return kinds[own]
    name, material = str(data.get("ResourceName") or ""), number(data.get("AssignmentMaterialWork"))
    return Resource(name, "" if material else "role") if name else None


def add_up(data: Mapping[str, Any], resource: Resource, sums: dict[str, float]) -> None:
    for name, theirs in SUMMED.items():
        size = number(data.get(theirs))
        if isinstance(size, int | float) and (resource.kind or name.endswith("cost")):
            sums[name] = sums.get(name, 0) + size


def alone(sums: Mapping[str, float], fixed: Any, fixed_actual: Any) -> Data:
    """Of a summary, what is not that of the tasks below it: resources assigned to itself, and its own fixed cost."""
    found = {name: neat(size) for name, size in sums.items() if size or name.endswith("hours")}
    for name, amount in (("cost", number(fixed)), ("actual_cost", number(fixed_actual))):
        if isinstance(amount, int | float) and amount:
            found[name] = neat(found.get(name, 0) + amount)
    return found


def assignment(payload: bytes, tasks: Mapping[str, TaskKind], kinds: Mapping[str, Resource]) -> RawRecord:
    found = entity("pwa_assignment", payload, "ProjectId", "AssignmentId")
    if isinstance(found, RawRecord):
        return found
    data, own = found
    home = own.partition(":")[0]
    task_id, who = guid(data.get("TaskId")), guid(data.get("ResourceId"))
    on = tasks.get(task_id or "")
    resource = resource_of(data, kinds)
    start = moment(data.get("AssignmentStartDate"))
    extra = {
        "project": home,
        "work_item": work_item_id(f"{home}:{task_id}", on.kind, works=on.works) if on else None,
        # Material is counted in pieces, an unassigned resource is nobody, an inactive task takes nobody's time.
        "counts": bool(resource and resource.kind and on and on.kind and on.active),
        "person": who if resource and resource.kind == "person" else None,
        "role": resource.name if resource and resource.kind == "role" else None,
        "planned_hours": number(data.get("AssignmentWork")),
        "actual_hours": number(data.get("AssignmentActualWork")),
        "remaining_hours": number(data.get("AssignmentRemainingWork")),
        "start_on": day(start),
        "finish_on": last_day(start, moment(data.get("AssignmentFinishDate"))),
        "created": stamp(data.get("AssignmentCreatedDate")),
    }
    return made("pwa_assignment", own, payload, data, extra)


def link(payload: bytes, home: str, tasks: Mapping[str, TaskKind], day_hours: float) -> RawRecord:
    found = entity("pwa_link", payload, "Id")
    if isinstance(found, RawRecord):
        return found
    data, link_id = found
    before, after = guid(data.get("PredecessorTaskId")), guid(data.get("SuccessorTaskId"))
    ends = tasks.get(before or ""), tasks.get(after or "")
    code = str(data.get("DependencyType", 1))
    lag = decimal(str(data.get("LinkLag") or 0))
    lag = lag if isinstance(lag, int | float) else 0
    written = str(data.get("LinkLagDuration") or "")
    form = _lag_format(written)
    kind = LINK_KINDS.get(code, code)
    first, second = ends
    extra: Data = {
        "project": home,
        "kind": kind,
        "word": f"{kind}{'' if written.startswith('-') else '+'}{written}" if lag else kind,
        "lag_days": lag_days(
            lag, form, day_hours * 60, first.hours if first and isinstance(first.hours, int | float) else None
        ),
        # An end that is no task of this project's published plan lies in another project.
        "counts": bool(first and first.kind and second and second.kind),
    }
    if lag and not written:
        extra["word"] = link_word(kind, lag, form, day_hours * 60)
    for name, own, end in (("from", before, first), ("to", after, second)):
        if end and end.kind:
            extra[f"{name}_{'milestone' if end.kind == 'milestone' else 'work_item'}"] = f"{home}:{own}"
    return made("pwa_link", f"{home}:{link_id}", payload, data, extra)


def _lag_format(written: str) -> int:
    """Project's code of the unit that a lag is written in: only elapsed ones and percentages count differently."""
    unit = re.sub(r"[^a-z%]", "", written.casefold())
    if "%" in unit:
        return 20 if unit.startswith("e") else 19
    return 8 if unit.startswith("e") else 7


def resource(payload: bytes, kind: str) -> RawRecord:
    found = entity("pwa_resource", payload, "ResourceId")
    if isinstance(found, RawRecord):
        return found
    data, own = found
    extra = {"person": kind == "person", "created": stamp(data.get("ResourceCreatedDate"))}
    return made("pwa_resource", own, payload, data, extra)


def logged(
    stream: str, payload: bytes, key: str, people: Mapping[str, str | None], known: Mapping[str, Any]
) -> RawRecord:
    """A risk, issue or deliverable of a project's own site."""
    found = entity(stream, payload, "ProjectId", key)
    if isinstance(found, RawRecord):
        return found
    data, own = found
    status, priority = str(data.get("Status") or ""), data.get("Priority")
    owner = data.get("AssignedToResource") or data.get("Owner")
    path = str(data.get("ItemRelativeUrlPath") or "")
    extra: Data = {
        "project": own.partition(":")[0],
        "status": _number_of(status) or status or None,
        "priority": priority,
        "owner": people.get(owner) if isinstance(owner, str) else None,
        "due_on": day(moment(data.get("DueDate"))),
        "finish_on": day(moment(data.get("FinishDate"))),
        "created": stamp(data.get("CreatedDate")),
        "created_on": day(moment(data.get("CreatedDate"))),
        "modified": stamp(data.get("ModifiedDate")),
        "url": path if path.startswith(("http://", "https://")) else None,
        "counts": data.get("IsFolder") is not True and own.partition(":")[0] in known,
    }
    if stream == "pwa_risk":
        extra |= risk_scales(data)
    return made(stream, own, payload, data, extra)


def risk_scales(data: Mapping[str, Any]) -> Data:
    """Probability and impact in steps of 1 to 5. The feed's probability is a share of 1 on some servers and of 100 on
    others; what the server worked out with it tells which."""
    probability, impact, exposure = (number(data.get(name)) for name in ("Probability", "Impact", "Exposure"))
    extra: Data = {}
    if isinstance(probability, int | float):
        share = float(probability)
        product = share * impact if isinstance(impact, int | float) else None
        hundredth = product is not None and isinstance(exposure, int | float) and product > 0
        if share > 1 or (
            hundredth
            and product is not None
            and math.isclose(float(exposure or 0), product / 100, rel_tol=0.01)
        ):
            share /= 100
        if 0 <= share <= 1:
            extra["probability_percent"] = neat(share * 100)
            extra["probability"] = max(1, math.ceil(round(share * 5, 6)))
    if isinstance(impact, int | float) and 0 <= impact <= 10:
        extra["impact"] = max(1, math.ceil(round(impact / 2, 6)))
    return extra


def baseline_values(data: Mapping[str, Any]) -> Data:
    start, finish = moment(data.get("TaskBaselineStartDate")), moment(data.get("TaskBaselineFinishDate"))
    values = {
        "start_on": day(start),
        "finish_on": last_day(start, finish),
        "hours": number(data.get("TaskBaselineWork")),
        "cost": number(data.get("TaskBaselineCost")),
    }
    return {name: value for name, value in values.items() if value is not None}


def number(value: Any) -> Any:
    """A number, which the feed writes as text where it is a decimal."""
    return decimal(value) if isinstance(value, str) else value


def _number_of(text: str) -> str | None:
    """`(1) Active` → `1`: labels are edited and translated, numbers stay."""
    found = _NUMBERED.match(text.strip())
    return found[1] if found else None
