"""What an organisation has: fields with samples, and the closed lists its processes define."""

from __future__ import annotations

import json
from typing import Any

from adapters.azure_devops.batch import find_ids, quoted, read_items
from adapters.azure_devops.payload import decode
from adapters.azure_devops.site import Site, is_custom
from adapters.base import SourceField, Stream

_SAMPLES = 3
_PROJECTS = 5
_PORTBOOK = (
    ("url", "Link for people", "string"),
    ("project", "Id of the project", "project"),
    ("type", "Item type in common words, from its backlog", "string"),
    ("status", "Status in common words, from the state's category", "string"),
    ("log", "Control log that it belongs into: issue, risk, change_request", "string"),
    ("assignee", "Id of the assignee", "user"),
    ("reporter", "Id of the reporter", "user"),
    ("parent", "Id of the parent", "work item"),
    ("iteration", "GUID of the iteration", "iteration"),
    ("area", "Area path below the project", "string"),
    ("labels", "Tags", "array of string"),
    ("points", "Story points, effort or size, as the process has it", "number"),
    ("start_on", "Start date", "date"),
    ("finish_on", "Finish date, else target date", "date"),
    ("due_on", "Due date, else target date", "date"),
    ("started_on", "Day it became active", "date"),
    ("finished_on", "Day it was done", "date"),
    ("resolved", "When it was done or removed", "dateTime"),
    ("resolution", "Reason of a state that ends it", "string"),
    ("blocked", "Marked as blocked", "boolean"),
)


async def discover(site: Site) -> list[Stream]:
    rows = await _recent(site)
    found = [SourceField("id", "ID", "integer", _samples([row.get("id") for row in rows]))]
    found += [SourceField(f"portbook.{name}", title, kind) for name, title, kind in _PORTBOOK]
    for field in await site.fields():
        name = str(field["referenceName"])
        values = [row["fields"].get(name) for row in rows]
        kind = "identity" if field.get("isIdentity") else str(field.get("type") or "string")
        title = str(field.get("name") or name)
        found.append(SourceField(f'fields."{name}"', title, kind, _samples(values)))
        if is_custom(name) and kind == "dateTime":
            found.append(SourceField(f'portbook.on."{name}"', f"{title} (the day)", "date"))
        if is_custom(name) and kind == "identity":
            found.append(SourceField(f'portbook.people."{name}"', f"{title} (id)", "user"))
    states: dict[str, None] = {}
    types: dict[str, None] = {}
    for project in await site.projects():
        process = await site.process(project.id)
        for type_ in process.kinds.values():
            if not type_.hidden:
                types[type_.name] = None
                states |= dict.fromkeys(type_.words)
    return [
        Stream(
            "work_item",
            "Work items",
            tuple(found),
            {
                "type": list(types),
                "state": list(states),
                "project": [project.name for project in await site.visible()],
            },
        ),
        Stream(
            "project",
            "Projects",
            _plain(
                "id", "name", "description", "state", "abbreviation", "visibility", "lastUpdateTime", "portbook.url",
            ),
        ),
        Stream("user", "People", _plain("id", "displayName", "uniqueName", "mail")),
        Stream(
            "iteration",
            "Iterations",
            _plain(
                "identifier", "name", "path", "portbook.project", "portbook.start_on", "portbook.finish_on",
                "portbook.state", "portbook.path",
            ),
        ),
        Stream(
            "link",
            "Links",
            _plain(
                "rel", "sourceId", "targetId", "isActive", "changedDate", "portbook.kind", "portbook.from",
                "portbook.to",
            ),
            {"linktype": list(await site.link_types())},
        ),
        Stream(
            "capacity",
            "Capacity of teams",
            _plain(
                "teamMembers", "totalCapacityPerDay", "totalDaysOff", "portbook.project", "portbook.team",
                "portbook.iteration", "portbook.rows",
            ),
        ),
    ]  # fmt: skip


def _plain(*names: str) -> tuple[SourceField, ...]:
    return tuple(SourceField(name, name.rpartition(".")[2], "string") for name in names)


async def _recent(site: Site) -> list[dict[str, Any]]:
    """A few work items of each of the first projects, last changed first."""
    rows: list[dict[str, Any]] = []
    for project in (await site.projects())[:_PROJECTS]:
        where = f"[System.TeamProject] = {quoted(project.name)}"
        ids = await find_ids(site, where, top=40, newest=True)
        rows += [data for raw in await read_items(site, ids) if isinstance(data := decode(raw), dict)]
    return rows


def _samples(values: list[Any]) -> tuple[Any, ...]:
    distinct: dict[str, Any] = {}
    for value in values:
        if isinstance(value, dict) and "displayName" in value:
            value = value["displayName"]
        if value not in (None, "", [], {}) and len(distinct) < _SAMPLES:
            distinct.setdefault(json.dumps(value, sort_keys=True)[:200], value)
    return tuple(distinct.values())
