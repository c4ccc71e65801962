"""What is at which address of either flavour, who may ask, and how answers are spoilt."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.jira.agile import (
    board_configuration,
    board_sprints,
    boards,
    sprint_one,
    webhook_add,
    webhook_list,
    webhook_remove,
)
from tests.fakes.jira.issues import (
    approximate_count,
    bulkfetch,
    issue_one,
    search,
    search_jql,
    worklog_list,
    worklogs_deleted,
    worklogs_updated,
)
from tests.fakes.jira.platform import (
    link_types,
    mypermissions,
    myself,
    plain,
    project_list,
    project_one,
    project_search,
    security_scheme,
    server_info,
    user_one,
    users_search,
    version_one,
    versions,
)
from tests.fakes.jira.state import Handler, Refusal, State
from tests.fakes.server import LOGIN_PAGE, Call, Cut


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
    ("GET", "field", plain("fields")),
    ("GET", "status", plain("statuses")),
    ("GET", "issuetype", plain("issue_types")),
    ("GET", "priority", plain("priorities")),
    ("GET", "resolution", plain("resolutions")),
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
