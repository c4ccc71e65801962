"""The wire format: routes of both flavours, and what can go wrong on them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.jira.jql import BadJql, Query, parse
from tests.fakes.jira.world import SITE, World, text_of
from tests.fakes.server import LOGIN_PAGE, Call, Cut

GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


@dataclass
class Faults:
    """What goes wrong. `every=n` means every nth request that it applies to."""

    too_many_every: int = 0
    retry_after: str = "0"
    limit_reason: str = "jira-burst-based"
    unavailable_every: int = 0
    truncate_every: int = 0
    cut_every: int = 0
    html_every: int = 0
    html_login: bool = False
    near_limit: bool = False
    empty_everything: bool = False
    anonymous_on_bad_login: bool = False
    token_expires_after: int = 0
    """Requests until the account's secret is refused."""
    page_tokens_expire_after: int = 0
    """Searches until page tokens handed out before are refused, once."""
    repeat_token: bool = False
    empty_page_every: int = 0
    endless_empty_pages: bool = False
    page_limit: int = 0
    """Silently serve at most so many issues."""
    fail_in_bulk: frozenset[str] = frozenset()
    """Cloud: keys of issues that a bulk fetch cannot give, for an error that passes or their size."""
    largest_window: int = 0
    """Data Center: refuse startAt + maxResults above this."""
    no_user_browsing: bool = False
    no_boards: bool = False
    no_project_administration: bool = False
    """The account browses projects and administers none, as one that only reads should."""
    redirect_to: str = ""
    on_search: Callable[[int], None] | None = None
    """Called before the nth search is answered: edits made while somebody reads."""


@dataclass
class State:
    world: World
    faults: Faults = field(default_factory=Faults)
    secret: str = "fake-token"
    log: list[Call] = field(default_factory=list)
    keep_answers: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    searches: int = 0
    broken_tokens: bool = False
    administrator: bool = False
    """Whether the account may administer webhooks."""
    webhooks: list[dict[str, Any]] = field(default_factory=list)


class Refusal(Exception):
    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(*messages)
        self.status = status
        self.body = orjson.dumps({"errorMessages": list(messages), "errors": {}})


Handler = Callable[[State, Request, Any], Any]


def build(state: State) -> Callable[..., Awaitable[None]]:
    routes = (
        [
            Route(f"/rest/api/{{v:int}}/{path}", _endpoint(state, handler), methods=[method])
            for method, path, handler in API
        ]
        + [
            Route(f"/rest/agile/1.0/{path}", _endpoint(state, handler), methods=[method])
            for method, path, handler in AGILE
        ]
        + [
            Route(f"/rest/webhooks/1.0/{path}", _endpoint(state, handler), methods=[method])
            for method, path, handler in HOOKS
        ]
    )
    app = Starlette(routes=routes)

    async def entry(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return entry


def _endpoint(state: State, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        sent = await request.body()
        body = None
        faults = state.faults
        state.requests += 1
        try:
            if sent:
                body = orjson.loads(sent)
            _spoil_before(state, request)
            if request.path_params.get("v") == 3 and not state.world.cloud:
                raise Refusal(404, "dead link")
            with state.world.lock:
                result = handler(state, request, body)
            status = 200
            content = result if isinstance(result, bytes) else orjson.dumps(result)
        except Refusal as refusal:
            status, content = refusal.status, refusal.body
        except orjson.JSONDecodeError:
            status, content = 400, orjson.dumps({"errorMessages": ["Invalid request payload"], "errors": {}})
        response: Response = Response(content, status, media_type="application/json;charset=UTF-8")
        if faults.near_limit:
            response.headers["X-RateLimit-NearLimit"] = "true"
        if status == 429:
            response.headers["Retry-After"] = faults.retry_after
            response.headers["RateLimit-Reason"] = faults.limit_reason
        if status == 401 and not state.world.cloud:
            response.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
        if status == 200:
            response = _spoil_after(state, request, content, response)
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        kept = content if state.keep_answers else b""
        state.log.append(Call(request.method, request.url.path, query, body, response.status_code, kept))
        state.counts[f"{request.method} {request.url.path}"] += 1
        return response

    return endpoint


def _nth(state: State, every: int) -> bool:
    return every > 0 and state.requests % every == 0


def _spoil_before(state: State, request: Request) -> None:
    faults = state.faults
    path = request.url.path
    if path.endswith("/serverInfo"):
        return
    if faults.token_expires_after and state.requests > faults.token_expires_after:
        faults.token_expires_after = 0
        state.secret = "a-new-one"
    if not _signed_in(state, request):
        if not faults.anonymous_on_bad_login or path.endswith("/myself"):
            raise Refusal(
                401, "You are not authenticated. Authentication required to perform this operation."
            )
        faults.empty_everything = True
    if _nth(state, faults.too_many_every):
        raise Refusal(429, "Rate limit exceeded")
    if _nth(state, faults.unavailable_every):
        raise Refusal(503, "The service is unavailable")


def _signed_in(state: State, request: Request) -> bool:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind == "Bearer":
        return value == state.secret
    if kind == "Basic":
        try:
            return base64.b64decode(value).decode().partition(":")[2] == state.secret
        except (binascii.Error, UnicodeDecodeError):
            return False
    return False


def _spoil_after(state: State, request: Request, content: bytes, response: Response) -> Response:
    faults = state.faults
    if faults.redirect_to:
        return Response(b"", 302, headers={"Location": faults.redirect_to})
    searching = "/search" in request.url.path and request.method == "POST"
    if faults.html_login or _nth(state, faults.html_every):
        return Response(LOGIN_PAGE, 200, media_type="text/html")
    if searching and _nth(state, faults.truncate_every):
        return Response(content[: len(content) * 2 // 3], 200, media_type="application/json")
    if searching and _nth(state, faults.cut_every):
        return Cut(content, 200, media_type="application/json")
    return response


# --- platform -----------------------------------------------------------------------------------------------


def server_info(state: State, request: Request, body: Any) -> Any:
    world = state.world
    return {
        "baseUrl": SITE,
        "version": "1001.0.0-SNAPSHOT" if world.cloud else "10.3.1",
        "versionNumbers": [1001, 0, 0] if world.cloud else [10, 3, 1],
        "deploymentType": "Cloud" if world.cloud else "Server",
        "buildNumber": 100275,
        "buildDate": "2025-01-01T00:00:00.000+0000",
        "serverTime": text_of(world.now(), world.zone),
        "scmInfo": "0000",
        "serverTitle": "Jira",
    }


def myself(state: State, request: Request, body: Any) -> Any:
    world = state.world
    me = {
        "self": f"{SITE}/me",
        "emailAddress": "pmo@acme.example",
        "displayName": "PMO reader",
        "active": True,
        "timeZone": world.zone_name,
        "locale": "en_GB",
    }
    return me | (
        {"accountId": "reader", "accountType": "atlassian"} if world.cloud else {"name": "pmo", "key": "pmo"}
    )


def mypermissions(state: State, request: Request, body: Any) -> Any:
    asked = request.query_params.get("permissions", "")
    if state.world.cloud and not asked:
        raise Refusal(400, "The 'permissions' query parameter is required.")
    names = asked.split(",") if asked else ["BROWSE_PROJECTS", "USER_PICKER", "CREATE_ISSUES"]
    home = _home(state, request.query_params["projectId"]) if "projectId" in request.query_params else None
    lacking = {"USER_PICKER"} if state.faults.no_user_browsing else set()
    lacking |= {"BROWSE_PROJECTS"} if home is not None and home.hidden else set()
    return {
        "permissions": {
            name: {
                "id": str(n),
                "key": name,
                "name": name.title(),
                "type": "GLOBAL",
                "description": "",
                "havePermission": name not in lacking,
            }
            for n, name in enumerate(names)
        }
    }


def _shown(state: State, home: Any, expand: str) -> dict[str, Any]:
    shown = {
        "self": f"{SITE}/rest/api/3/project/{home.id}",
        "id": str(home.id),
        "key": home.key,
        "name": home.name,
        "projectTypeKey": "software",
        "style": "classic",
        "simplified": False,
        "isPrivate": False,
        **home.data,
    }
    if not state.world.cloud:
        for name in ("style", "simplified", "isPrivate"):
            shown.pop(name)
    if "lead" in expand and home.lead:
        shown["lead"] = {k: v for k, v in home.lead.items() if k not in ("emailAddress", "timeZone")}
    if "projectKeys" in expand:
        shown["projectKeys"] = [*home.old_keys, home.key]
    if home.archived:
        shown["archived"] = True
    if home.deleted:
        shown["deleted"] = True
    return shown


def project_search(state: State, request: Request, body: Any) -> Any:
    query = request.query_params
    start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 100)
    wanted = {part for value in query.getlist("status") for part in value.split(",")} or {"live"}
    ids = query.getlist("id")
    homes = [
        home
        for home in state.world.projects.values()
        if (not home.hidden or (home.administered and query.get("action", "view") == "view"))
        and ("deleted" if home.deleted else "archived" if home.archived else "live") in wanted
        and (not ids or str(home.id) in ids)
        and not state.faults.empty_everything
    ]
    homes.sort(key=lambda home: home.key)
    shown = [_shown(state, home, query.get("expand", "")) for home in homes[start : start + size]]
    return {
        "self": f"{SITE}/search",
        "maxResults": size,
        "startAt": start,
        "total": len(homes),
        "isLast": start + len(shown) >= len(homes),
        "values": shown,
    }


def project_list(state: State, request: Request, body: Any) -> Any:
    expand = request.query_params.get("expand", "")
    return [
        _shown(state, home, expand)
        for home in state.world.projects.values()
        # Those too that the account merely administers.
        if (home.listed or (home.hidden and home.administered)) and not state.faults.empty_everything
    ]


def project_one(state: State, request: Request, body: Any) -> Any:
    home = _home(state, request.path_params["name"])
    if home.deleted:
        raise Refusal(404, f"No project could be found with key '{home.key}'.")
    return _shown(state, home, "description,lead," + request.query_params.get("expand", ""))


def security_scheme(state: State, request: Request, body: Any) -> Any:
    home = _home(state, request.path_params["name"])
    if state.faults.no_project_administration:
        raise Refusal(403, "You do not have permission to administer this project.")
    if not home.secured:
        raise Refusal(404, "The project has no issue security scheme.")
    level = {
        "id": "10021",
        "self": f"{SITE}/rest/api/3/securitylevel/10021",
        "name": "Staff only",
        "description": "Only internal staff can see this issue.",
    }
    return {
        "id": 10000,
        "self": f"{SITE}/rest/api/3/issuesecurityschemes/10000",
        "name": "Default Issue Security Scheme",
        "description": "",
        "defaultSecurityLevelId": 10021,
        "levels": [level],
    }


def _home(state: State, name: str) -> Any:
    try:
        home = state.world.project(name)
    except KeyError:
        home = None
    if home is None or (home.hidden and not home.administered):
        raise Refusal(404, f"No project could be found with key '{name}'.")
    return home


def versions(state: State, request: Request, body: Any) -> Any:
    return _home(state, request.path_params["name"]).versions


def version_one(state: State, request: Request, body: Any) -> Any:
    for home in state.world.projects.values():
        for version in home.versions:
            if version["id"] == request.path_params["name"] and home.listed:
                return version
    raise Refusal(404, "Could not find version for id.")


def users_search(state: State, request: Request, body: Any) -> Any:
    if state.faults.no_user_browsing:
        raise Refusal(403, "You do not have the permission to browse users.")
    query = request.query_params
    if not state.world.cloud and "username" not in query:
        raise Refusal(400, "The username query parameter was not provided")
    start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 1000)
    return list(state.world.users.values())[start : start + size]


def user_one(state: State, request: Request, body: Any) -> Any:
    query = request.query_params
    found = state.world.users.get(query.get("accountId") or query.get("key") or "")
    if not found:
        raise Refusal(404, "The user does not exist.")
    return found


def search_jql(state: State, request: Request, body: Any) -> bytes:
    if not state.world.cloud:
        raise Refusal(404, "dead link")
    allowed = {
        "jql",
        "nextPageToken",
        "maxResults",
        "fields",
        "expand",
        "properties",
        "fieldsByKeys",
        "reconcileIssues",
    }
    if unknown := set(body) - allowed:
        raise Refusal(400, f"Invalid request payload: unknown {sorted(unknown)}")
    if len(body.get("reconcileIssues") or ()) > 50:
        raise Refusal(400, "reconcileIssues accepts at most 50 ids.")
    _, rows = _searched(state, body, bounded=True)
    faults = state.faults
    # Jira serves thousands only when next to nothing is asked for.
    size = min(int(body.get("maxResults", 50)), 5000 if len(body.get("fields") or ()) <= 2 else 250)
    if faults.page_limit:
        size = min(size, faults.page_limit)
    pinned = hashlib.sha256(orjson.dumps([body["jql"], body.get("fields")])).hexdigest()[:12]
    last = None
    if token := body.get("nextPageToken"):
        try:
            place = orjson.loads(base64.urlsafe_b64decode(token))
        except (binascii.Error, ValueError):
            place = {}
        if faults.page_tokens_expire_after and state.searches > faults.page_tokens_expire_after:
            faults.page_tokens_expire_after = 0
            raise Refusal(400, "The provided next page token is invalid or expired.")
        if place.get("q") != pinned:
            raise Refusal(400, "The provided next page token does not belong to this search.")
        last = (place["a"][0], place["a"][1]) if place.get("a") else None
    start = state.world.after(rows, last)
    if faults.endless_empty_pages or (
        faults.empty_page_every and state.searches % faults.empty_page_every == 0 and start < len(rows)
    ):
        return _token_page([], _token(pinned, last, state.searches))
    part = rows[start : start + size]
    asked = tuple(body.get("fields") or ("id",))
    bodies = [state.world.body(state.world.issues[number], asked) for _, number in part]
    if start + len(part) >= len(rows):
        return b'{"issues":[%b],"isLast":true}' % b",".join(bodies)
    following = token if faults.repeat_token and token else _token(pinned, part[-1], state.searches)
    return _token_page(bodies, following)


def _token(pinned: str, last: tuple[int, int] | None, nonce: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"q": pinned, "a": last, "n": nonce})).decode()


def _token_page(bodies: list[bytes], token: str) -> bytes:
    return b'{"issues":[%b],"nextPageToken":"%b","isLast":false}' % (b",".join(bodies), token.encode())


def search(state: State, request: Request, body: Any) -> bytes:
    if state.world.cloud:
        raise Refusal(410, GONE)
    _, rows = _searched(state, body, bounded=False)
    start, size = int(body.get("startAt", 0)), min(int(body.get("maxResults", 50)), 1000)
    if state.faults.page_limit:
        size = min(size, state.faults.page_limit)
    if state.faults.largest_window and start + size > state.faults.largest_window:
        raise Refusal(400, f"startAt + maxResults must not exceed {state.faults.largest_window}.")
    asked = tuple(body.get("fields") or ("*all",))
    bodies = [state.world.body(state.world.issues[number], asked) for _, number in rows[start : start + size]]
    return b'{"expand":"schema,names","startAt":%d,"maxResults":%d,"total":%d,"issues":[%b]}' % (
        start,
        size,
        len(rows),
        b",".join(bodies),
    )


def _searched(state: State, body: Any, bounded: bool) -> tuple[Query, Any]:
    state.searches += 1
    if state.faults.on_search:
        state.faults.on_search(state.searches)
    try:
        query = parse(body.get("jql") or "", state.world.zone, bounded)
    except BadJql as bad:
        raise Refusal(400, str(bad)) from None
    for name in query.projects or ():
        try:
            listed = state.world.project(name).listed
        except KeyError:
            listed = False
        if not listed:
            raise Refusal(400, f"The value '{name}' does not exist for the field 'project'.")
    if query.ids and body.get("validateQuery", True) and not bounded:
        for name in query.ids:
            if not name.isdigit() or int(name) not in state.world.issues:
                raise Refusal(400, f"An issue with key '{name}' does not exist for field 'id'.")
    if state.faults.empty_everything:
        return query, []
    return query, state.world.found(query)


def approximate_count(state: State, request: Request, body: Any) -> Any:
    try:
        query = parse(body["jql"], state.world.zone, bounded=True)
    except BadJql as bad:
        raise Refusal(400, str(bad)) from None
    return {"count": 0 if state.faults.empty_everything else len(state.world.found(query))}


def bulkfetch(state: State, request: Request, body: Any) -> Any:
    names = body["issueIdsOrKeys"]
    if len(names) > 100:
        raise Refusal(400, "A maximum of 100 issues can be fetched.")
    issues, errors = {}, []
    asked = tuple(body.get("fields") or ("*all",))
    for name in names:
        # What is not found or hidden is in neither list (`BulkIssueResults` of the platform document).
        issue = _visible_issue(state, name)
        if issue is not None and issue.key in state.faults.fail_in_bulk:
            errors.append({"id": name, "errorMessage": "The issue could not be retrieved."})
        elif issue is not None:
            issues[issue.id] = state.world.body(issue, asked)
    return b'{"issues":[%b],"issueErrors":%b}' % (
        b",".join(issues[n] for n in sorted(issues)),
        orjson.dumps(errors),
    )


def _visible_issue(state: State, name: str) -> Any:
    try:
        issue = state.world.issue(name)
    except KeyError:
        return None
    return issue if state.world.visible(issue) else None


def issue_one(state: State, request: Request, body: Any) -> Any:
    issue = _visible_issue(state, request.path_params["name"])
    if issue is None:
        raise Refusal(404, "Issue does not exist or you do not have permission to see it.")
    asked = request.query_params.get("fields")
    return state.world.body(issue, tuple(asked.split(",")) if asked else None)


def _changes(state: State, request: Request, moments: dict[int, int]) -> Any:
    since = int(request.query_params.get("since", 0))
    rows = sorted((at, number) for number, at in moments.items() if at >= since)
    page, rest = rows[:1000], rows[1000:]
    until = page[-1][0] if page else since
    answer = {
        "values": [{"worklogId": number, "updatedTime": at, "properties": []} for at, number in page],
        "since": since,
        "until": until,
        "self": f"{SITE}/worklogs?since={since}",
        "lastPage": not rest,
    }
    if rest:
        answer["nextPage"] = f"{SITE}/worklogs?since={until}"
    return answer


def worklogs_updated(state: State, request: Request, body: Any) -> Any:
    return _changes(state, request, {} if state.faults.empty_everything else state.world.worklog_changes)


def worklogs_deleted(state: State, request: Request, body: Any) -> Any:
    return _changes(state, request, state.world.worklog_deletions)


def worklog_list(state: State, request: Request, body: Any) -> Any:
    if len(body["ids"]) > 1000:
        raise Refusal(400, "Too many ids.")
    world = state.world
    found = [world.worklogs[number] for number in body["ids"] if number in world.worklogs]
    return [w for w in found if (i := world.issues.get(int(w["issueId"]))) and world.visible(i)]


def _plain(name: str) -> Handler:
    def handler(state: State, request: Request, body: Any) -> Any:
        found = getattr(state.world, name)
        return list(found.values()) if isinstance(found, dict) else found

    return handler


def link_types(state: State, request: Request, body: Any) -> Any:
    return {"issueLinkTypes": state.world.link_types}


# --- agile --------------------------------------------------------------------------------------------------


def boards(state: State, request: Request, body: Any) -> Any:
    if state.faults.no_boards:
        raise Refusal(403, "scope does not match")
    query = request.query_params
    found = list(state.world.boards.values())
    if query.get("type"):
        found = [board for board in found if board["type"] == query["type"]]
    if query.get("projectKeyOrId"):
        home = _home(state, query["projectKeyOrId"])
        found = [b for b in found if b.get("location", {}).get("projectId") == home.id or "location" not in b]
    return _agile_page(query, found)


def _agile_page(query: Any, found: list[Any]) -> Any:
    start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 50)
    part = found[start : start + size]
    return {"maxResults": size, "startAt": start, "isLast": start + len(part) >= len(found), "values": part}


def _board(state: State, request: Request) -> dict[str, Any]:
    board = state.world.boards.get(request.path_params["name"])
    if board is None:
        raise Refusal(404, "The requested board cannot be viewed because it does not exist.")
    return board


def board_configuration(state: State, request: Request, body: Any) -> Any:
    board = _board(state, request)
    estimation = state.world.estimation[board["id"]]
    found: dict[str, Any] = {
        "id": board["id"],
        "name": board["name"],
        "type": board["type"],
        "columnConfig": {"columns": [], "constraintType": "issueCount"},
    }
    found["estimation"] = (
        {"type": "field", "field": {"fieldId": estimation, "displayName": "Points"}}
        if estimation
        else {"type": "none"}
    )
    return found


def board_sprints(state: State, request: Request, body: Any) -> Any:
    board = _board(state, request)
    found = [
        s
        for s in state.world.sprints.values()
        if s["originBoardId"] == board["id"] or "location" not in board
    ]
    # A team-managed project's team decides whether its board has sprints.
    if board["type"] == "kanban" or (board["type"] == "simple" and not found):
        raise Refusal(400, "The board does not support sprints")
    return _agile_page(request.query_params, found)


def sprint_one(state: State, request: Request, body: Any) -> Any:
    found = state.world.sprints.get(request.path_params["name"])
    if found is None:
        raise Refusal(404, "Sprint does not exist")
    return found


def webhook_list(state: State, request: Request, body: Any) -> Any:
    if not state.administrator:
        raise Refusal(403, "You do not have permission to administer webhooks.")
    return [{key: value for key, value in hook.items() if key != "secret"} for hook in state.webhooks]


def webhook_add(state: State, request: Request, body: Any) -> Any:
    webhook_list(state, request, body)
    site = f"{SITE}/rest/webhooks/1.0/webhook/{len(state.webhooks) + 1}"
    state.webhooks.append({**body, "enabled": True, "self": site})
    return {key: value for key, value in state.webhooks[-1].items() if key != "secret"}


def webhook_remove(state: State, request: Request, body: Any) -> Any:
    webhook_list(state, request, body)
    gone = [hook for hook in state.webhooks if hook["self"].endswith(f"/{request.path_params['name']}")]
    if not gone:
        raise Refusal(404, "No such webhook.")
    state.webhooks.remove(gone[0])
    return b""


HOOKS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "webhook", webhook_list),
    ("POST", "webhook", webhook_add),
    ("DELETE", "webhook/{name}", webhook_remove),
)
API: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "serverInfo", server_info),
    ("GET", "myself", myself),
    ("GET", "mypermissions", mypermissions),
    ("GET", "project/search", project_search),
    ("GET", "project", project_list),
    ("GET", "project/{name}", project_one),
    ("GET", "project/{name}/versions", versions),
    ("GET", "project/{name}/issuesecuritylevelscheme", security_scheme),
    ("GET", "version/{name}", version_one),
    ("GET", "users/search", users_search),
    ("GET", "user/search", users_search),
    ("GET", "user", user_one),
    ("GET", "field", _plain("fields")),
    ("GET", "status", _plain("statuses")),
    ("GET", "issuetype", _plain("issue_types")),
    ("GET", "priority", _plain("priorities")),
    ("GET", "resolution", _plain("resolutions")),
    ("GET", "issueLinkType", link_types),
    ("POST", "search/jql", search_jql),
    ("POST", "search/approximate-count", approximate_count),
    ("POST", "search", search),
    ("GET", "search", search),
    ("POST", "issue/bulkfetch", bulkfetch),
    ("GET", "issue/{name}", issue_one),
    ("GET", "worklog/updated", worklogs_updated),
    ("GET", "worklog/deleted", worklogs_deleted),
    ("POST", "worklog/list", worklog_list),
)
AGILE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "board", boards),
    ("GET", "board/{name:int}/configuration", board_configuration),
    ("GET", "board/{name:int}/sprint", board_sprints),
    ("GET", "sprint/{name:int}", sprint_one),
)
