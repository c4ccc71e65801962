"""A project's plan in the reporting feed: tasks, assignments, links and baselines, read together."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from adapters.base import Cursor, Page, RawRecord
from adapters.json_body import loads
from adapters.ms_project import odata, pwa_records
from adapters.ms_project.pwa import OVERLAP, Project, Resource, Site, site_time
from adapters.ms_project.pwa_links import link_pages
from adapters.ms_project.pwa_records import TaskKind
from adapters.ms_project.units import guid
from adapters.ms_project.work import baseline_items

PLAN_STREAMS = ("pwa_task", "pwa_assignment", "pwa_link", "pwa_baseline")
_NUMBER_OF_BASELINES = range(11)
_ASSIGNED = (
    "AssignmentId", "TaskId", "ResourceId", "ResourceName", "AssignmentMaterialWork", *pwa_records.SUMMED.values(),
)  # fmt: skip


async def plan_pages(
    site: Site, project: Project, cursor: Cursor | None, *, full: bool
) -> AsyncGenerator[Page, None]:
    """Tasks, assignments, links and baselines of a project; nothing when it was neither changed nor published
    since, long enough ago for the feed to have caught up, and those assigned in it are who they were."""
    known = dict(cursor or {})
    kinds = await site.resources()
    same = known.get("modified") == project.modified and known.get("kinds") == _kinds(
        kinds, known.get("who", ())
    )
    if not full and same and known.get("settled"):
        yield Page([], cursor, expected=0)
        return
    now = site.http.tool_now().astimezone(ZoneInfo(site.options.timezone)).replace(tzinfo=None)
    settled = bool(project.modified) and site_time(project.modified) < now - OVERLAP
    mine = f"ProjectId eq {odata.guid_literal(project.id)}"
    assigned = await _assigned(site, project, mine)
    first, taken = await _baselines(site, project, mine)
    tasks: dict[str, TaskKind] = {}
    async with aclosing(_task_pages(site, project, mine, first, assigned, tasks)) as found:
        async for task_page in found:
            yield task_page
    params = {"$filter": mine, "$orderby": "AssignmentId"}
    async with aclosing(site.steady("Assignments", params, "AssignmentId", of=project.name)) as read:
        async for page in read:
            if page is not None:
                yield Page([pwa_records.assignment(raw, tasks, kinds) for raw in page.raws], None)
    if site.options.links:
        async for links in link_pages(site, project.id, tasks):
            yield links
    yield Page(
        [
            _baseline(project.id, number, values, tasks)
            for number, values in sorted(taken.items())
            if number in _NUMBER_OF_BASELINES
        ],
        {
            "modified": project.modified,
            "settled": settled,
            "who": sorted(assigned.all),
            "kinds": _kinds(kinds, sorted(assigned.all)),
        },
    )


def _kinds(resources: Mapping[str, Resource], who: Iterable[str]) -> str:
    """What the records of assignments tell of resources: another one when one of them is somebody, or nobody, now."""
    told = [
        (one.kind, one.name if one.kind == "role" else "") if (one := resources.get(own)) else None
        for own in who
    ]
    return hashlib.sha256(orjson.dumps(told)).hexdigest()[:16]


async def _task_pages(
    site: Site,
    project: Project,
    mine: str,
    baseline: Mapping[str, Any],
    assigned: _Assigned,
    tasks: dict[str, TaskKind],
) -> AsyncGenerator[Page, None]:
    """The tasks of a project, which are also put into `tasks`."""
    params = {"$filter": mine, "$orderby": "TaskId"}
    async with aclosing(site.steady("Tasks", params, "TaskId", of=project.name)) as pages:
        async for page in pages:
            records = []
            for raw in page.raws if page is not None else ():
                record, task_id, kind = pwa_records.task(
                    raw,
                    day_hours=site.options.hours_per_day,
                    baseline=baseline,
                    assignees=assigned.who,
                    sums=assigned.sums,
                )
                records.append(record)
                if task_id:
                    tasks[task_id] = kind
            if page is not None:
                yield Page(records, None, page.total)


class _Assigned(NamedTuple):
    """What assignments say of the tasks they are on, by task."""

    who: dict[str, str | None]
    """The one person assigned; None where there are several."""
    sums: dict[str, dict[str, float]]
    """Hours of people and roles, and money of whatever resource."""
    all: set[str]
    """Resources that are assigned somewhere."""


async def _assigned(site: Site, project: Project, mine: str) -> _Assigned:
    kinds = await site.resources()
    found = _Assigned({}, {}, set())
    params = {"$filter": mine, "$select": ",".join(_ASSIGNED), "$orderby": "AssignmentId"}
    async for page in site.steady("Assignments", params, "AssignmentId", of=project.name):
        if page is None:
            found = _Assigned({}, {}, set())
        for raw in page.raws if page is not None else ():
            data = loads(raw)
            task, resource = guid(data.get("TaskId")), pwa_records.resource_of(data, kinds)
            if own := guid(data.get("ResourceId")):
                found.all.add(own)
            if not task or resource is None:
                continue
            if resource.kind == "person":
                who = guid(data.get("ResourceId"))
                found.who[task] = None if task in found.who and found.who[task] != who else who
            pwa_records.add_up(data, resource, found.sums.setdefault(task, {}))
    return found


async def _baselines(
    site: Site, project: Project, mine: str
) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
    """What each task had in the baseline, and in each of them by number."""
    first: dict[str, Any] = {}
    taken: dict[int, dict[str, Any]] = {}
    key = ("TaskId", "BaselineNumber")
    params = {"$filter": mine, "$orderby": ",".join(key)}
    async for page in site.steady("TaskBaselines", params, *key, of=project.name):
        if page is None:
            first, taken = {}, {}
        for raw in page.raws if page is not None else ():
            _take_baseline(loads(raw), first, taken)
    return first, taken


def _take_baseline(data: Any, first: dict[str, Any], taken: dict[int, dict[str, Any]]) -> None:
    task_id = guid(data.get("TaskId")) if isinstance(data, dict) else None
    number = data.get("BaselineNumber") if task_id else None
    if task_id is None or not isinstance(number, int):
        return
    values = pwa_records.baseline_values(data)
    taken.setdefault(number, {})[task_id] = values
    if number == 0:
        first[task_id] = values


def _baseline(
    home: str, number: int, taken: Mapping[str, Mapping[str, Any]], tasks: Mapping[str, TaskKind]
) -> RawRecord:
    items = {
        row: item
        for task_id, values in taken.items()
        if (task := tasks.get(task_id))
        for row, item in baseline_items(f"{home}:{task_id}", task.kind, values, works=task.works)
    }
    data = {
        "BaselineNumber": number,
        "ProjectId": home,
        "portbook": {
            "project": home,
            "title": "Baseline" if number == 0 else f"Baseline {number}",
            "kind": "initial" if number == 0 else "snapshot",
            "items": dict(sorted(items.items())),
        },
    }
    return RawRecord("pwa_baseline", f"{home}:baseline{number}", orjson.dumps(data), data)
