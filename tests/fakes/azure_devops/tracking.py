"""Work item tracking: fields, types, trees, the recycle bin, WIQL, and items themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request

from tests.fakes.azure_devops.state import State, home, listed, number_in, trouble
from tests.fakes.azure_devops.wiql import BadWiql, parse
from tests.fakes.azure_devops.world import ORG, Item, Project, text_of


def fields(state: State, request: Request, body: Any) -> Any:
    return listed(state.world.fields)


def relation_types(state: State, request: Request, body: Any) -> Any:
    return listed(state.world.relation_types)


def types(state: State, request: Request, body: Any) -> Any:
    project = home(state, request)
    if state.wire.faults.no_types:
        raise trouble(404, f"TF200016: The following project does not exist: {project.name}.", "NotFound")
    return listed(
        {
            "name": kind.name,
            "referenceName": kind.reference,
            "description": "",
            "color": "009CCC",
            "icon": {"id": "icon_book", "url": f"{ORG}/_apis/wit/workItemIcons/icon_book"},
            "isDisabled": False,
            "xmlForm": "<FORM/>",
            "fields": [
                {
                    "alwaysRequired": True,
                    "referenceName": "System.Title",
                    "name": "Title",
                    "url": f"{ORG}/_apis/wit/fields/System.Title",
                }
            ],
            "fieldInstances": [],
            "transitions": {},
            "states": [
                {"name": name, "color": "b2b2b2", "category": category} for name, category in kind.states
            ],
            "url": f"{ORG}/{project.id}/_apis/wit/workItemTypes/{kind.name}",
        }
        for kind in project.process.kinds
    )


def _references(project: Project, category: str) -> list[dict[str, Any]]:
    return [
        {"name": kind.name, "url": f"{ORG}/{project.id}/_apis/wit/workItemTypes/{kind.name}"}
        for kind in project.process.kinds
        if category in kind.categories
    ]


def categories(state: State, request: Request, body: Any) -> Any:
    project = home(state, request)
    names = dict.fromkeys(name for kind in project.process.kinds for name in kind.categories)
    shown = []
    for name in names:
        found = _references(project, name)
        shown.append(
            {
                "name": name.rpartition(".")[2].replace("Category", " Category"),
                "referenceName": name,
                "defaultWorkItemType": found[0],
                "workItemTypes": found,
                "url": f"{ORG}/{project.id}/_apis/wit/workItemTypeCategories/{name}",
            }
        )
    return listed(shown)


def process_configuration(state: State, request: Request, body: Any) -> Any:
    project = home(state, request)

    def level(name: str, reference: str) -> dict[str, Any]:
        return {"name": name, "referenceName": reference, "workItemTypes": _references(project, reference)}

    return {
        "portfolioBacklogs": [level(name, reference) for reference, name in project.process.portfolio],
        "requirementBacklog": level("Stories", "Microsoft.RequirementCategory"),
        "taskBacklog": level("Tasks", "Microsoft.TaskCategory"),
        "bugWorkItems": level("Bugs", "Microsoft.BugCategory"),
        "typeFields": {
            "Effort": {"referenceName": project.process.effort, "name": "Effort", "url": ORG},
            "RemainingWork": {
                "referenceName": "Microsoft.VSTS.Scheduling.RemainingWork",
                "name": "Remaining Work",
                "url": ORG,
            },
        },
        "url": f"{ORG}/{project.id}/_apis/work/processconfiguration",
    }


def nodes(state: State, request: Request, body: Any) -> Any:
    project = home(state, request)
    if state.wire.faults.no_trees:
        raise trouble(404, f"TF200016: The following project does not exist: {project.name}.", "NotFound")
    depth = number_in(request, "$depth", 0)
    return listed([project.area.shown(depth), project.iteration.shown(depth)])


def recycle_bin(state: State, request: Request, body: Any) -> Any:
    project = home(state, request)
    if state.wire.faults.no_recycle_bin:
        raise trouble(
            403, "TF401255: You do not have the permission to view deleted items.", "DeniedException"
        )
    asked = request.query_params.get("ids")
    found = [
        item
        for item in state.world.items.values()
        if item.deleted and not item.destroyed and item.project == project.id
    ]
    if asked is None:
        return listed({"id": item.id, "url": f"{ORG}/_apis/wit/recyclebin/{item.id}"} for item in found)
    wanted = {int(name) for name in asked.split(",")}
    if len(wanted) > 200:
        raise trouble(400, "VS403474: You can delete at most 200 items.", "VssPropertyValidationException")
    absent = [
        {"id": name, "code": 404, "message": f"TF401232: Work item {name} does not exist."}
        for name in sorted(wanted - {item.id for item in found})
    ]
    return listed(
        absent
        + [
            {
                "id": item.id,
                "type": item.fields["System.WorkItemType"],
                "name": item.fields["System.Title"],
                "project": project.name,
                "deletedDate": datetime.fromtimestamp(item.changed / 1000, UTC).strftime(
                    "%m/%d/%Y %I:%M:%S %p"
                ),
                "deletedBy": "Mia Krystof <mia.krystof@acme.example>",
                "code": 200,
                "url": f"{ORG}/_apis/wit/recyclebin/{item.id}",
            }
            for item in found
            if item.id in wanted
        ]
    )


def wiql(state: State, request: Request, body: Any) -> Any:
    world = state.world
    scope = home(state, request).id if "project" in request.path_params else ""
    try:
        query = parse(
            str((body or {}).get("query", "")),
            time_precision=request.query_params.get("timePrecision") == "true",
        )
    except BadWiql as bad:
        raise trouble(400, str(bad), "QueryException") from None
    named = {entry["referenceName"] for entry in world.fields}
    for name in (*(name for name, _, _ in query.conditions), query.by):
        if name not in named:
            raise trouble(
                400, f"TF51005: The query references a field that does not exist: {name}.", "QueryException"
            )
    found = []
    for item in world.items.values():
        if item.deleted or not world.readable(item) or (scope and item.project != scope):
            continue
        if all(_holds(item, *condition) for condition in query.conditions):
            found.append(item)
    found.sort(key=lambda item: _value(item, query.by), reverse=query.down)
    top = number_in(request, "$top", 20_000)
    found = found[:top]
    if len(found) > 19_999:
        raise trouble(
            400,
            f"VS402337: The number of work items returned exceeds the size limit of 20000. ({len(found)})",
            "WorkItemTrackingQueryResultSizeLimitExceededException",
        )
    return {
        "queryType": "flat",
        "queryResultType": "workItem",
        "asOf": text_of(world.now()),
        "columns": [{"referenceName": "System.Id", "name": "ID", "url": f"{ORG}/_apis/wit/fields/System.Id"}],
        "workItems": [{"id": item.id, "url": f"{ORG}/_apis/wit/workItems/{item.id}"} for item in found],
    }


def _value(item: Item, name: str) -> Any:
    if name == "System.Id":
        return item.id
    return item.changed if name == "System.ChangedDate" else item.fields.get(name, 0)


def _holds(item: Item, name: str, op: Callable[[Any, Any], bool], wanted: Any) -> bool:
    value = _value(item, name)
    if isinstance(value, str) and isinstance(wanted, str):
        value, wanted = value.casefold(), wanted.casefold()
    try:
        return op(value, wanted)
    except TypeError:
        return False


def _relations(state: State, item: Item) -> list[dict[str, Any]]:
    names = {entry["referenceName"]: entry["name"] for entry in state.world.relation_types}
    shown = []
    for rel, source, target in sorted(item.links):
        forward = source == item.id
        other = target if forward else source
        if state.world.items[other].deleted or not state.world.readable(state.world.items[other]):
            continue
        reference = rel if rel in names else f"{rel}-{'Forward' if forward else 'Reverse'}"
        shown.append(
            {
                "rel": reference,
                "url": f"{ORG}/_apis/wit/workItems/{other}",
                "attributes": {"isLocked": False, "name": names[reference]},
            }
        )
    shown += [{"rel": "Hyperlink", "url": url, "attributes": {"comment": ""}} for url in item.hyperlinks]
    return shown


_EXPANDED = {f"System.{name}" for name in ("Id", "AreaId", "IterationId", "Rev", "Watermark")}
"""Fields that are sent where they are asked for by name or all are expanded (Microsoft's samples of `$expand=relations`
and `$expand=all` of "Work Items - Get Work Item")."""


def _work_item(state: State, item: Item, wanted: list[str] | None, expand: str) -> bytes:
    expand = expand.casefold()
    if item.raw is not None:
        head = {"id": item.id, "rev": item.rev}
        return orjson.dumps(head)[:-1] + b',"fields":' + item.raw + b"}"
    values = state.world.whole(item)
    if wanted:
        values = {name: values[name] for name in wanted if name in values}
    elif expand not in ("fields", "all"):
        values = {name: value for name, value in values.items() if name not in _EXPANDED}
    shown: dict[str, Any] = {"id": item.id, "rev": item.rev, "fields": values}
    if expand in ("relations", "all") and (relations := _relations(state, item)):
        shown["relations"] = relations
    shown["url"] = f"{ORG}/_apis/wit/workItems/{item.id}"
    return orjson.dumps(shown)


def _several(state: State, ids: list[int], wanted: list[str] | None, expand: str, policy: str) -> bytes:
    if len(ids) > 200:
        raise trouble(
            400, "VS403474: You requested more than 200 work items.", "VssPropertyValidationException"
        )
    if wanted and expand.casefold() not in ("", "none", "links"):
        raise trouble(
            400,
            "VS402622: The expand parameter can not be used with the fields parameter.",
            "ArgumentException",
        )
    named = {entry["referenceName"] for entry in state.world.fields}
    for name in wanted or ():
        if name not in named:
            raise trouble(
                400, f"TF51535: Cannot find field {name}.", "WorkItemTrackingFieldDefinitionNotFoundException"
            )
    bodies = []
    for number in ids:
        item = state.world.items.get(number)
        if item is None or item.deleted or not state.world.readable(item):
            if policy.casefold() != "omit":
                raise trouble(
                    404,
                    f"TF401232: Work item {number} does not exist, or you do not have permissions to read it.",
                    "WorkItemUnauthorizedAccessException",
                )
            bodies.append(b"null")
        else:
            bodies.append(_work_item(state, item, wanted, expand))
    return b'{"count":%d,"value":[%b]}' % (len(bodies), b",".join(bodies))


def batch(state: State, request: Request, body: Any) -> bytes:
    allowed = {"ids", "fields", "$expand", "asOf", "errorPolicy"}
    if not isinstance(body, dict) or set(body) - allowed or not body.get("ids"):
        raise trouble(400, "VS403474: The request is malformed.", "VssPropertyValidationException")
    return _several(
        state, body["ids"], body.get("fields"), body.get("$expand") or "", body.get("errorPolicy") or "Fail"
    )


def work_items(state: State, request: Request, body: Any) -> bytes:
    query = request.query_params
    wanted = query["fields"].split(",") if query.get("fields") else None
    ids = [int(name) for name in query.get("ids", "").split(",")]
    return _several(state, ids, wanted, query.get("$expand", ""), query.get("errorPolicy", "Fail"))
