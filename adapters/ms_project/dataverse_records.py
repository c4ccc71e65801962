"""A row of a Dataverse table → a record, with what a mapping cannot work out by itself in `portbook`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from adapters.base import RawRecord
from adapters.errors import RecordRejected
from adapters.json_body import loads, with_portbook
from adapters.ms_project.dataverse_org import PEOPLE, ProjectFacts
from adapters.ms_project.dataverse_tables import (
    ASSIGNMENT,
    EFFORTS,
    LINK,
    PROGRAM,
    PROJECT,
    RESOURCE,
    SPRINT,
    TASK,
    TEAM,
    Table,
)
from adapters.ms_project.units import milestone_status, neat, task_status
from adapters.ms_project.work import beside, has_work, work_item_id

_UNSET = ("2000-01-01T00:00:00", "0001-01-01", "1900-01-01")
"""How scheduling columns say that there is no date."""
_UNSET_DAYS = tuple(text[:10] for text in _UNSET)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LINK_KINDS = {0: "FF", 1: "FS", 2: "SF", 3: "SS"}
_HOURS = ("work_hours", "actual_hours", "remaining_hours")


class Around:
    """What records need to know of rows in other tables."""

    def __init__(
        self,
        zone: str,
        *,
        projects: Mapping[str, ProjectFacts] | None = None,
        buckets: Mapping[str, str] | None = None,
        resource_of_user: Mapping[str, str] | None = None,
        roles: Mapping[str, str] | None = None,
        milestones: Mapping[str, bool] | None = None,
    ) -> None:
        self.zone: tzinfo = ZoneInfo(zone)
        self.projects = projects or {}
        self.buckets = buckets or {}
        self.resource_of_user = resource_of_user or {}
        self.roles = roles or {}
        """Resources that are nobody → what they are called."""
        self.milestones = milestones or {}
        """Tasks that are milestones → whether there is work in them."""


def build(table: Table, raw: bytes, around: Around) -> RawRecord:
    """The record of a row; set aside when it has no id or is not shaped like a row."""
    data: Any = None
    try:
        data = loads(raw)
        key = str(data[table.key])
        extra = _EXTRAS[table.name](data, around) if table.name in _EXTRAS else {}
        payload, data = with_portbook(raw, data, extra)
        return RawRecord(table.name, key, payload, data, _instant(data.get("modifiedon")))
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        key = str(data.get(table.key) or "") if isinstance(data, dict) else ""
        error = RecordRejected(
            f"a row of {table.name} has an unexpected shape ({type(wrong).__name__}: {wrong})",
            record_id=key,
            stream=table.name,
            hint="The other rows were read. Report this with the record as it is kept.",
        )
        return RawRecord(
            table.name, key or f"unreadable-{sha256(raw).hexdigest()[:16]}", raw, data, error=error
        )


def deletion(raw: bytes) -> str | None:
    """The id of a row that the feed of changes reports as deleted; None for a row."""
    # Every row carries its etag; looking at the text first spares most rows a second decoding.
    if b'"reason"' not in raw:
        return None
    data = loads(raw)
    if not isinstance(data, dict) or not str(data.get("@odata.context") or "").endswith("/$deletedEntity"):
        return None
    return str(data["id"]) if data.get("id") else None


def _project(row: dict[str, Any], around: Around) -> dict[str, Any]:
    return {
        "percent": _percent(row.get("msdyn_progress")),
        "start_on": first_day(
            row.get("msdyn_scheduledstart") or row.get("msdyn_taskearlieststart"), around.zone
        ),
        "finish_on": last_day(row.get("msdyn_scheduledstart"), row.get("msdyn_finish"), around.zone),
        "stage": "closed" if row.get("statecode") == 1 else None,
        "manager": around.resource_of_user.get(str(row.get("_msdyn_projectmanager_value"))),
    }


def _task(row: dict[str, Any], around: Around) -> dict[str, Any]:
    active = row.get("statecode") != 1
    percent = _percent(row.get("msdyn_progress"))
    start, finish = row.get("msdyn_start"), row.get("msdyn_finish")
    finish_on = last_day(start, finish, around.zone)
    kind = _kind(row)
    hours = [row.get(name) for name in EFFORTS]
    works = kind == "milestone" and has_work(*hours)
    done = finish_on if percent == 100 else None
    reached = milestone_status(percent, done, active=active)
    own = str(row[TASK.key])
    # A summary's hours are those of the tasks below it: added up they would count twice.
    counted = dict(zip(_HOURS, hours, strict=True)) if kind != "summary" else {}
    return {
        # What hangs on that one hangs on the project.
        "parent": row.get("_msdyn_parenttask_value") if row.get("msdyn_outlinelevel") != 1 else None,
        "milestone": kind == "milestone",
        "work_item": work_item_id(own, kind, works=works) is not None,
        "type": "summary" if kind == "summary" else "task",
        "status": reached
        if kind == "milestone" and not works
        else task_status(percent, None, done, active=active),
        **beside(own, works=works, milestone_status=reached),
        "percent": percent,
        "start_on": first_day(start, around.zone),
        "finish_on": finish_on,
        "priority": _priority(row.get("msdyn_priority")),
        "bucket": around.buckets.get(str(row.get("_msdyn_projectbucket_value"))),
        **counted,
    }


def _kind(row: Mapping[str, Any]) -> str:
    """`task`, `summary`, `milestone`, or empty for the task that stands for the project itself, which some environments
    keep above all others."""
    if row.get("msdyn_outlinelevel") == 0 and row.get("_msdyn_parenttask_value") is None:
        return ""
    if row.get("msdyn_summary") is True:
        return "summary"
    return "milestone" if row.get("msdyn_ismilestone") is True else "task"


def _link(row: dict[str, Any], around: Around) -> dict[str, Any]:
    number = row.get("msdyn_projecttaskdependencylinktype")
    kind = _LINK_KINDS.get(number) if isinstance(number, int) else None
    if kind is None:
        # Older environments number the kinds otherwise; a number nobody knows is the mapping's to complain about.
        kind = row.get("msdyn_linktype") if number is None else number
    seconds = row.get("msdyn_projecttaskdependencylinklaginseconds")
    if not isinstance(seconds, int | float):
        seconds = row.get("msdyn_projecttaskdependencylinklag")
    project = around.projects.get(str(row.get("_msdyn_project_value")))
    hours = project.hours_per_day if project else 8.0
    lag = neat(seconds / 3600 / hours) if isinstance(seconds, int | float) else None
    ends: dict[str, Any] = {}
    for end, column in (("from", "_msdyn_predecessortask_value"), ("to", "_msdyn_successortask_value")):
        task = row.get(column)
        ends[f"{end}_milestone" if task in around.milestones else f"{end}_work_item"] = task
    word = f"{kind}{lag:+}d" if lag else f"{kind}"
    return {"kind": str(kind) if kind is not None else None, "word": word, "lag_days": lag, **ends}


def _assignment(row: dict[str, Any], around: Around) -> dict[str, Any]:
    start, finish = row.get("msdyn_start"), row.get("msdyn_finish")
    return {
        "start_on": first_day(start, around.zone),
        "finish_on": last_day(start, finish, around.zone),
        **_who(row, around),
        **_target(row.get("_msdyn_taskid_value"), around),
    }


def _who(row: Mapping[str, Any], around: Around) -> dict[str, Any]:
    """Whom an assignment or a place in a team is for: a person, or else what is needed."""
    resource = row.get("_msdyn_bookableresourceid_value")
    role = around.roles.get(str(resource))
    return {"person": resource} if role is None else {"role": role}


def _target(task: Any, around: Around) -> dict[str, Any]:
    """An assignment hangs on a work item; of a milestone without work only the project is kept."""
    if task is None:
        return {}
    kind = "milestone" if task in around.milestones else "task"
    return {"work_item": work_item_id(task, kind, works=around.milestones.get(task, False))}


def _team(row: dict[str, Any], around: Around) -> dict[str, Any]:
    start, finish = row.get("msdyn_from"), row.get("msdyn_to")
    return {
        "start_on": first_day(start, around.zone),
        "finish_on": last_day(start, finish, around.zone),
        **_who(row, around),
    }


def _sprint(row: dict[str, Any], around: Around) -> dict[str, Any]:
    # People type both days: the last is that day also at midnight.
    return {
        "start_on": _typed_day(row.get("msdyn_start"), around.zone),
        "finish_on": _typed_day(row.get("msdyn_finish"), around.zone),
    }


def _resource(row: dict[str, Any], around: Around) -> dict[str, Any]:
    return {"person": row.get("resourcetype") in PEOPLE, "active": row.get("statecode") != 1}


def _program(row: dict[str, Any], around: Around) -> dict[str, Any]:
    return {"status": "closed" if row.get("statecode") == 1 else "active"}


_EXTRAS = {
    PROGRAM.name: _program,
    RESOURCE.name: _resource,
    PROJECT.name: _project,
    SPRINT.name: _sprint,
    TASK.name: _task,
    LINK.name: _link,
    TEAM.name: _team,
    ASSIGNMENT.name: _assignment,
}


def first_day(text: Any, zone: tzinfo) -> str | None:
    """The day on which it starts, in the site's zone: the wire carries instants in UTC. A column of days carries days,
    which are the same everywhere."""
    if _is_day(text):
        return None if text in _UNSET_DAYS else str(text)
    moment = _local(text, zone)
    return moment.date().isoformat() if moment else None


def _typed_day(text: Any, zone: tzinfo) -> str | None:
    """The day that somebody typed: midnight in UTC is a day as it stands."""
    if isinstance(text, str) and text.endswith("T00:00:00Z"):
        text = text[:10]
    return first_day(text, zone)


def last_day(start: Any, finish: Any, zone: tzinfo) -> str | None:
    """The day on which it ends. Midnight is the end of the day before, unless nothing lies before it."""
    if _is_day(finish):
        return first_day(finish, zone)
    moment = _local(finish, zone)
    if moment is None:
        return None
    began = _local(start, zone)
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0) and began is not None and began < moment:
        moment -= timedelta(days=1)
    return moment.date().isoformat()


def _is_day(text: Any) -> bool:
    return isinstance(text, str) and _DAY.fullmatch(text) is not None


def _local(text: Any, zone: tzinfo) -> datetime | None:
    if not isinstance(text, str) or text.startswith(_UNSET):
        return None
    moment = _instant(text)
    try:
        return moment.astimezone(zone) if moment else None
    except OverflowError:
        return None


def _instant(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _percent(progress: Any) -> int | float | None:
    """From a share of one to percent."""
    usable = isinstance(progress, int | float) and not isinstance(progress, bool)
    return neat(progress * 100) if usable else None


def _priority(number: Any) -> str | None:
    """The words that Planner shows for its numbers 0 to 10."""
    if not isinstance(number, int) or not 0 <= number <= 10:
        return None if number is None else str(number)
    return "urgent" if number <= 1 else "important" if number <= 4 else "medium" if number <= 7 else "low"
