"""The wire format: routes of Services and Server, and what can go wrong on them."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.azure_devops import hooks
from tests.fakes.azure_devops.process import HIDDEN
from tests.fakes.azure_devops.wiql import BadWiql, parse
from tests.fakes.azure_devops.world import HIERARCHY, ORG, Item, Node, Project, Revision, Team, World, text_of
from tests.fakes.entra import FakeEntra
from tests.fakes.server import LOGIN_PAGE, App, Refusal, Wire, WireFaults

AUDIENCE = "499b84ac-1321-427f-aa17-267ca6975798"
VERSIONS = ("5.0", "5.1", "6.0", "7.0", "7.1")
_LONG = ("System.Description", "Microsoft.VSTS.TCM.ReproSteps", "Microsoft.VSTS.CMMI.MitigationPlan")


@dataclass
class Faults(WireFaults):
    sign_in_page: int = 0
    """Whoever is not known gets this status (203, 302 or 401) and, but for 401, a page to sign in on."""
    no_trees: bool = False
    """Areas and iterations are not found, as those of a project are that was hidden just now."""
    token_expires_after: int = 0
    """Requests until the secret is refused."""
    retry_after_200: str = ""
    missing_scopes: frozenset[str] = frozenset()
    """Scopes the token lacks: vso.work, vso.project."""
    no_feed: int = 0
    """The revisions feed answers with this status."""
    no_links_feed: int = 0
    no_recycle_bin: bool = False
    no_parents_in_feed: bool = False
    names_in_feed: bool = False
    """Identities are `Name <mail>` also when references are asked for."""
    descriptive_names: bool = False
    """An old version: `uniqueName` is `Name <mail>`."""
    tokens_expire_after: int = 0
    """Feed pages until the tokens handed out are refused, once."""
    repeat_token: bool = False
    empty_batch_every: int = 0
    endless_batches: bool = False
    batch_limit: int = 0
    """Silently send at most so many revisions."""
    nested_links: bool = False
    no_token_in_links_body: bool = False
    latest_links_only: bool = False
    """The links feed has one row for each link: its present state."""
    forbid_area: bool = False
    on_feed: Callable[[int], None] | None = None
    """Called before the nth page of the revisions feed is answered: edits made while somebody reads."""


class State:
    def __init__(self, world: World, *, server: bool, secret: str, newest: str) -> None:
        self.world = world
        self.server = server
        self.secret = secret
        self.entra: FakeEntra | None = None
        """The directory whose tokens are accepted too."""
        self.newest = newest
        self.wire: Wire[Faults] = Wire(Faults())
        self.hooks: list[dict[str, Any]] = []
        self.may_edit_hooks = False
        self.feeds = 0
        self.prefix = "/tfs/DefaultCollection" if server else "/acme"

    @property
    def base(self) -> str:
        return f"https://tfs.acme.example{self.prefix}" if self.server else ORG


def trouble(status: int, message: str, key: str, headers: dict[str, str] | None = None) -> Refusal:
    return Refusal(
        status,
        {
            "$id": "1",
            "innerException": None,
            "message": message,
            "typeName": f"Microsoft.TeamFoundation.{key}, Microsoft.TeamFoundation",
            "typeKey": key,
            "errorCode": 0,
            "eventId": 3000,
        },
        headers,
    )


Handler = Callable[[State, Request, Any], Any]


def build(state: State) -> App:
    routes = [
        Route(f"{state.prefix}/{path}", _endpoint(state, handler, scope), methods=[method])
        for method, path, handler, scope in ROUTES
    ]
    return Starlette(routes=routes)


def _endpoint(state: State, handler: Handler, scope: str) -> Any:
    async def endpoint(request: Request) -> Response:
        response = await state.wire.answer(
            request,
            lambda body: _checked(state, request, body, handler, scope),
            signed_in=lambda asked: _signed_in(state, asked),
            too_many="TF400733: The request has been canceled: Request was blocked due to exceeding usage.",
        )
        faults = state.wire.faults
        if faults.retry_after_200 and response.status_code == 200:
            response.headers["Retry-After"] = faults.retry_after_200
            response.headers["X-RateLimit-Delay"] = "0.5"
            faults.retry_after_200 = ""
        return response

    return endpoint


def _signed_in(state: State, request: Request) -> Refusal | None:
    faults = state.wire.faults
    if faults.token_expires_after and state.wire.requests > faults.token_expires_after:
        faults.token_expires_after = 0
        state.secret = "a-new-one"
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind == "Basic":
        try:
            user, _, secret = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, secret = "?", ""
        if user == "" and secret == state.secret:
            return None
    if kind == "Bearer" and state.entra and not state.server and not state.entra.refused(request, AUDIENCE):
        return None
    status = faults.sign_in_page or 401
    if status == 401:
        return trouble(
            401,
            "TF400813: The user '' is not authorized to access this resource.",
            "UnauthorizedRequestException",
        )
    headers = {"Content-Type": "text/html; charset=utf-8"}
    if status == 302:
        headers["Location"] = "https://spsprodweu1.vssps.visualstudio.com/_signin?realm=dev.azure.com"
    return Refusal(status, LOGIN_PAGE, headers)


def _checked(state: State, request: Request, body: Any, handler: Handler, scope: str) -> Any:
    asked = request.query_params.get("api-version", "")
    version, _, preview = asked.partition("-")
    if version not in VERSIONS:
        raise trouble(400, f"The api-version {asked!r} is malformed.", "VssInvalidApiVersionException")
    if VERSIONS.index(version) > VERSIONS.index(state.newest):
        raise trouble(
            400,
            f"The requested REST API version of {asked} is out of range for this server. The latest REST API "
            f"version this server supports is {state.newest}.",
            "VssVersionOutOfRangeException",
        )
    if handler is connection_data and not preview:
        raise trouble(
            400,
            "The requested version is under preview. The -preview flag must be supplied.",
            "VssInvalidPreviewVersionException",
        )
    if scope and scope in state.wire.faults.missing_scopes:
        raise trouble(403, "VS403463: The token lacks the scope that is needed.", "AccessCheckException")
    with state.world.lock:
        return handler(state, request, body)


def _list(values: Iterable[Any]) -> dict[str, Any]:
    found = list(values)
    return {"count": len(found), "value": found}


def _number(request: Request, name: str, default: int) -> int:
    return int(request.query_params.get(name) or default)


# --- core -----------------------------------------------------------------------------------------------------


def connection_data(state: State, request: Request, body: Any) -> Any:
    return {
        "authenticatedUser": {
            "id": "d291b0c4-a05c-4ea6-8df1-4b41d5f39eff",
            "descriptor": "Microsoft.IdentityModel.Claims.ClaimsIdentity;acme\\pmo@acme.example",
            "subjectDescriptor": "aad.YTkz",
            "providerDisplayName": "PMO reader",
            "isActive": True,
            "properties": {"Account": {"$type": "System.String", "$value": "pmo@acme.example"}},
        },
        "authorizedUser": {"id": "d291b0c4-a05c-4ea6-8df1-4b41d5f39eff", "providerDisplayName": "PMO reader"},
        "instanceId": "6fd4fc2a-8e4e-4ad9-9b61-8e4c0ee9f0f7",
        "deploymentId": "6fd4fc2a-8e4e-4ad9-9b61-8e4c0ee9f0f8",
        "deploymentType": "onPremises" if state.server else "hosted",
        "locationServiceData": {"serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7"},
    }


def _visible(state: State) -> list[Project]:
    return [p for p in state.world.projects.values() if not p.hidden and p.state == "wellFormed"]


def _home(state: State, request: Request) -> Project:
    name = request.path_params["project"]
    try:
        project = state.world.project(name)
    except KeyError:
        project = None
    if project is None or project.hidden or project.state != "wellFormed":
        raise trouble(
            404,
            f"TF200016: The following project does not exist: {name}. Verify that the name of the project is correct.",
            "ProjectDoesNotExistWithNameException",
        )
    return project


def _shown(project: Project) -> dict[str, Any]:
    shown = {
        "id": project.id,
        "name": project.name,
        "url": f"{ORG}/_apis/projects/{project.id}",
        "state": project.state,
        "revision": 11,
        "visibility": "private",
        "lastUpdateTime": text_of(project.changed),
    }
    if project.description:
        shown["description"] = project.description
    if project.abbreviation:
        shown["abbreviation"] = project.abbreviation
    return shown


def projects(state: State, request: Request, body: Any) -> Any:
    wanted = request.query_params.get("stateFilter", "wellFormed")
    found = [p for p in state.world.projects.values() if not p.hidden and p.state == wanted]
    found.sort(key=lambda project: project.name)
    start, size = _number(request, "$skip", 0), min(_number(request, "$top", 100), 100)
    if token := request.query_params.get("continuationToken"):
        start = int(token)
    part = found[start : start + size]
    headers = {"x-ms-continuationtoken": str(start + size)} if start + size < len(found) else {}
    return Response(
        orjson.dumps(_list(map(_shown, part))), 200, headers, media_type="application/json; charset=utf-8"
    )


def project_one(state: State, request: Request, body: Any) -> Any:
    project = _home(state, request)
    shown = _shown(project)
    if request.query_params.get("includeCapabilities") == "true":
        shown["capabilities"] = {
            "processTemplate": {"templateName": project.process.name, "templateTypeId": "adcc42ab"},
            "versioncontrol": {"sourceControlType": "Git"},
        }
    return shown


def teams(state: State, request: Request, body: Any) -> Any:
    project = _home(state, request)
    start, size = _number(request, "$skip", 0), _number(request, "$top", 100)
    return _list(
        {
            "id": team.id,
            "name": team.name,
            "url": f"{ORG}/_apis/projects/{project.id}/teams/{team.id}",
            "description": "",
            "identityUrl": f"{ORG}/_apis/Identities/{team.id}",
            "projectName": project.name,
            "projectId": project.id,
        }
        for team in project.teams[start : start + size]
    )


def _team(state: State, request: Request) -> Team:
    project, name = _home(state, request), request.path_params["team"]
    for team in project.teams:
        if name in (team.id, team.name):
            return team
    raise trouble(404, f"The team with id '{name}' does not exist.", "TeamNotFoundException")


def members(state: State, request: Request, body: Any) -> Any:
    team = _team(state, request)
    start, size = _number(request, "$skip", 0), _number(request, "$top", 100)
    return _list({"identity": person} for person in team.members[start : start + size])


# --- work item tracking ---------------------------------------------------------------------------------------


def fields(state: State, request: Request, body: Any) -> Any:
    return _list(state.world.fields)


def relation_types(state: State, request: Request, body: Any) -> Any:
    return _list(state.world.relation_types)


def types(state: State, request: Request, body: Any) -> Any:
    project = _home(state, request)
    return _list(
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
    project = _home(state, request)
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
    return _list(shown)


def process_configuration(state: State, request: Request, body: Any) -> Any:
    project = _home(state, request)

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
    project = _home(state, request)
    if state.wire.faults.no_trees:
        raise trouble(404, f"TF200016: The following project does not exist: {project.name}.", "NotFound")
    depth = _number(request, "$depth", 0)
    return _list([project.area.shown(depth), project.iteration.shown(depth)])


def recycle_bin(state: State, request: Request, body: Any) -> Any:
    project = _home(state, request)
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
        return _list({"id": item.id, "url": f"{ORG}/_apis/wit/recyclebin/{item.id}"} for item in found)
    wanted = {int(name) for name in asked.split(",")}
    if len(wanted) > 200:
        raise trouble(400, "VS403474: You can delete at most 200 items.", "VssPropertyValidationException")
    absent = [
        {"id": name, "code": 404, "message": f"TF401232: Work item {name} does not exist."}
        for name in sorted(wanted - {item.id for item in found})
    ]
    return _list(
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
    scope = _home(state, request).id if "project" in request.path_params else ""
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
    top = _number(request, "$top", 20_000)
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


def _work_item(state: State, item: Item, wanted: list[str] | None, expand: str) -> bytes:
    expand = expand.casefold()
    if item.raw is not None:
        head = {"id": item.id, "rev": item.rev}
        return orjson.dumps(head)[:-1] + b',"fields":' + item.raw + b"}"
    values = state.world.whole(item)
    if wanted:
        values = {name: values[name] for name in wanted if name in values}
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


# --- reporting feeds ------------------------------------------------------------------------------------------


def revisions(state: State, request: Request, body: Any) -> Any:
    world, faults = state.world, state.wire.faults
    state.feeds += 1
    if faults.on_feed:
        faults.on_feed(state.feeds)
    if faults.no_feed:
        raise trouble(faults.no_feed, "VS403000: Reporting is not available here.", "ReportingException")
    scope = _home(state, request).id if "project" in request.path_params else ""
    given = {**request.query_params, **(body or {})}

    def flag(name: str) -> bool:
        return str(given.get(name, "")).lower() == "true"

    start = _start(state, request, world.revisions)
    wanted = given.get("fields")
    if isinstance(wanted, str):
        wanted = wanted.split(",")
    kinds = given.get("types")
    if isinstance(kinds, str):
        kinds = kinds.split(",")
    size = min(_number(request, "$maxPageSize", 1000), 1000)
    if faults.batch_limit:
        size = min(size, faults.batch_limit)
    found: list[bytes] = []
    at = start
    empty = faults.endless_batches or (
        faults.empty_batch_every and state.feeds % faults.empty_batch_every == 0
    )
    lines = world.revisions
    while at < len(lines) and len(found) < size and not empty:
        line = lines[at]
        at += 1
        item = world.items[line.item]
        project = line.project if line.fields is not None else item.project
        latest = line.watermark == item.watermark
        if (flag("includeLatestOnly") and not latest) or not world.readable(item):
            continue
        if (scope and project != scope) or (line.deleted and not flag("includeDeleted")):
            continue
        if kinds and item.fields["System.WorkItemType"] not in kinds:
            continue
        found.append(_revision(state, line, item, given, wanted, refs=flag("includeIdentityRef")))
    done = at >= len(lines) and not empty
    token = (
        _token(lines[at - 1].changed, lines[at - 1].watermark, lines[at - 1].item) if at else _token(0, 0, 0)
    )
    asked = request.query_params.get("continuationToken")
    if empty:
        # An empty batch moves on too: what it passed over was none of the reader's.
        token = _token(0, lines[at - 1].watermark if at else 0, state.feeds)
    if faults.repeat_token and asked:
        token, done = asked, False
    return _feed_page(state, "workitemrevisions", found, token, done, True)


def _revision(
    state: State, line: Revision, item: Item, given: dict[str, Any], wanted: list[str] | None, *, refs: bool
) -> bytes:
    if item.raw is not None and line.fields is None and not line.deleted:
        return b'{"id":%d,"rev":%d,"fields":%b}' % (item.id, line.rev, item.raw)
    world, faults = state.world, state.wire.faults
    values = world.whole(item, line.fields)
    values |= {
        "System.Rev": line.rev,
        "System.ChangedDate": text_of(line.changed),
        "System.Watermark": line.watermark,
        "System.IsDeleted": line.deleted,
    }
    if faults.no_parents_in_feed:
        values.pop("System.Parent", None)
    if given.get("$expand", "").casefold() != "fields":
        for name in _LONG:
            values.pop(name, None)
    if wanted:
        values = {name: values[name] for name in wanted if name in values}
    for name, value in values.items():
        if isinstance(value, dict):
            written = f"{value['displayName']} <{value['uniqueName']}>"
            if not refs or faults.names_in_feed:
                values[name] = written
            elif faults.descriptive_names:
                values[name] = {**value, "uniqueName": written}
    return orjson.dumps({"id": item.id, "rev": line.rev, "fields": values})


def links(state: State, request: Request, body: Any) -> Any:
    world, faults = state.world, state.wire.faults
    if faults.no_links_feed:
        raise trouble(
            faults.no_links_feed, "VS403000: Reporting is not available here.", "ReportingException"
        )
    scope = _home(state, request).id if "project" in request.path_params else ""
    wanted = request.query_params.get("linkTypes")
    events = world.link_events
    if faults.latest_links_only:
        latest = {(event.rel, event.source, event.target): event for event in events}
        events = sorted(latest.values(), key=lambda event: event.watermark)
    at = _start(state, request, events)
    size = faults.batch_limit or 1000
    found: list[bytes] = []
    while at < len(events) and len(found) < size:
        event = events[at]
        at += 1
        if wanted and event.rel not in wanted.split(","):
            continue
        one, other = world.items[event.source], world.items[event.target]
        if scope and scope not in (one.project, other.project):
            continue
        attributes = {
            "sourceId": event.source,
            "targetId": event.target,
            "changedDate": text_of(event.changed),
            "isActive": event.active,
            "changedOperation": "create" if event.active else "remove",
            "sourceProjectId": one.project,
            "targetProjectId": other.project,
        }
        row: dict[str, Any] = (
            {"rel": event.rel, "attributes": attributes}
            if faults.nested_links
            else {"rel": event.rel, **attributes}
        )
        found.append(orjson.dumps(row))
    token = _token(0, events[at - 1].watermark if at else 0, 0)
    return _feed_page(
        state, "workitemlinks", found, token, at >= len(events), not faults.no_token_in_links_body
    )


def _start(state: State, request: Request, lines: list[Any]) -> int:
    token, since = request.query_params.get("continuationToken"), request.query_params.get("startDateTime")
    if token and since:
        raise trouble(
            400, "VS402380: Specify a continuation token or a start date, not both.", "ArgumentException"
        )
    if since:
        wanted = datetime.fromisoformat(since).timestamp() * 1000
        return next((at for at, line in enumerate(lines) if line.changed >= wanted), len(lines))
    if not token:
        return 0
    faults = state.wire.faults
    parts = token.split(";")
    stale = faults.tokens_expire_after and state.feeds > faults.tokens_expire_after
    if stale:
        faults.tokens_expire_after = 0
    if len(parts) != 3 or not parts[1].isdigit() or stale:
        raise trouble(
            400, "VS402340: The continuation token is not valid.", "ReportingWatermarkInvalidException"
        )
    return bisect_right(lines, int(parts[1]), key=lambda line: line.watermark)


def _token(changed: int, watermark: int, item: int) -> str:
    return f"{changed};{watermark};{item}"


def _feed_page(state: State, name: str, rows: list[bytes], token: str, done: bool, in_body: bool) -> bytes:
    link = f"{state.base}/_apis/wit/reporting/{name}?continuationToken={token}"
    tail: dict[str, Any] = {"nextLink": link}
    if in_body:
        tail["continuationToken"] = token
    tail["isLastBatch"] = done
    return b'{"values":[%b],' % b",".join(rows) + orjson.dumps(tail)[1:]


# --- work -----------------------------------------------------------------------------------------------------


def _team_at_work(state: State, request: Request) -> Team:
    team = _team(state, request)
    if team.refuses:
        raise trouble(team.refuses, "Access denied: View team settings.", "UnauthorizedRequestException")
    return team


def team_settings(state: State, request: Request, body: Any) -> Any:
    team = _team_at_work(state, request)
    home = state.world.projects[team.project]
    return {
        "backlogIteration": {"id": home.iteration.identifier, "name": home.name, "path": "", "url": ORG},
        "bugsBehavior": "asRequirements",
        "workingDays": list(team.working_days),
        "backlogVisibilities": {"Microsoft.EpicCategory": True},
        "url": ORG,
    }


def _iteration(node: Node) -> dict[str, Any]:
    attributes: dict[str, Any] = {"timeFrame": "current"}
    if node.start:
        attributes = {"startDate": node.start, "finishDate": node.finish, "timeFrame": "current"}
    return {
        "id": node.identifier,
        "name": node.name,
        "path": node.path(),
        "attributes": attributes,
        "url": f"{ORG}/_apis/work/teamsettings/iterations/{node.identifier}",
    }


def team_iterations(state: State, request: Request, body: Any) -> Any:
    return _list(map(_iteration, _team_at_work(state, request).iterations))


def capacities(state: State, request: Request, body: Any) -> Any:
    team = _team_at_work(state, request)
    held = team.capacity.get(request.path_params["iteration"], [])
    if VERSIONS.index(state.newest) <= VERSIONS.index("6.0"):
        return _list(held)
    return {
        "teamMembers": held,
        "totalCapacityPerDay": float(
            sum(activity["capacityPerDay"] for member in held for activity in member["activities"])
        ),
        "totalDaysOff": sum(len(member["daysOff"]) for member in held),
    }


def days_off(state: State, request: Request, body: Any) -> Any:
    team = _team(state, request)
    return {
        "daysOff": [
            {"start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z"}
            for start, end in team.days_off.get(request.path_params["iteration"], [])
        ],
        "url": ORG,
    }


_TEAM = "{project}/{team}/_apis/work/teamsettings"


def hooks_listed(state: State, request: Request, body: Any) -> Any:
    return hooks.listed(state.hooks)


def hook_removed(state: State, request: Request, body: Any) -> Any:
    hooks.removed(state.hooks, request.path_params["name"])
    return b""


def hook_added(state: State, request: Request, body: Any) -> Any:
    if not state.may_edit_hooks:
        raise trouble(403, "Access denied: Edit subscriptions.", "UnauthorizedRequestException")
    return hooks.added(state.hooks, body)


ROUTES: tuple[tuple[str, str, Handler, str], ...] = (
    ("GET", "_apis/hooks/subscriptions", hooks_listed, ""),
    ("POST", "_apis/hooks/subscriptions", hook_added, ""),
    ("DELETE", "_apis/hooks/subscriptions/{name}", hook_removed, ""),
    ("GET", "_apis/connectionData", connection_data, ""),
    ("GET", "_apis/projects", projects, "vso.project"),
    ("GET", "_apis/projects/{project}", project_one, "vso.project"),
    ("GET", "_apis/projects/{project}/teams", teams, "vso.project"),
    ("GET", "_apis/projects/{project}/teams/{team}/members", members, "vso.project"),
    ("GET", "_apis/wit/fields", fields, "vso.work"),
    ("GET", "_apis/wit/workitemrelationtypes", relation_types, "vso.work"),
    ("GET", "_apis/wit/workitems", work_items, "vso.work"),
    ("POST", "_apis/wit/workitemsbatch", batch, "vso.work"),
    ("POST", "_apis/wit/wiql", wiql, "vso.work"),
    ("POST", "{project}/_apis/wit/wiql", wiql, "vso.work"),
    ("GET", "_apis/wit/reporting/workitemrevisions", revisions, "vso.work"),
    ("GET", "{project}/_apis/wit/reporting/workitemrevisions", revisions, "vso.work"),
    ("POST", "_apis/wit/reporting/workitemrevisions", revisions, "vso.work"),
    ("POST", "{project}/_apis/wit/reporting/workitemrevisions", revisions, "vso.work"),
    ("GET", "_apis/wit/reporting/workitemlinks", links, "vso.work"),
    ("GET", "{project}/_apis/wit/reporting/workitemlinks", links, "vso.work"),
    ("GET", "{project}/_apis/wit/workitemtypes", types, "vso.work"),
    ("GET", "{project}/_apis/wit/workitemtypecategories", categories, "vso.work"),
    ("GET", "{project}/_apis/wit/classificationnodes", nodes, "vso.work"),
    ("GET", "{project}/_apis/wit/recyclebin", recycle_bin, "vso.work"),
    ("GET", "{project}/_apis/work/processconfiguration", process_configuration, "vso.work"),
    ("GET", _TEAM, team_settings, "vso.work"),
    ("GET", f"{_TEAM}/iterations", team_iterations, "vso.work"),
    ("GET", f"{_TEAM}/iterations/{{iteration}}/capacities", capacities, "vso.work"),
    ("GET", f"{_TEAM}/iterations/{{iteration}}/teamdaysoff", days_off, "vso.work"),
)

__all__ = ["HIDDEN", "HIERARCHY", "Faults", "State", "build"]
