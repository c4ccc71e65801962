"""What is at which address of either flavour, who may ask, and how answers are spoilt."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

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
from tests.fakes.jira.state import Handler, State, refusal
from tests.fakes.server import Refusal


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
        def answer(body: Any) -> Any:
            if isinstance(body, bytes):
                raise refusal(400, "Invalid request payload")
            if request.path_params.get("v") == 3 and not state.world.cloud:
                raise refusal(404, "dead link")
            return handler(state, request, body)

        response = await state.wire.answer(
            request,
            answer,
            signed_in=lambda signed: _signed_in(state, signed),
            too_many="Rate limit exceeded",
            media_type="application/json;charset=UTF-8",
        )
        if state.faults.near_limit:
            response.headers["X-RateLimit-NearLimit"] = "true"
        if response.status_code == 429:
            response.headers["RateLimit-Reason"] = state.faults.limit_reason
        if response.status_code == 401 and not state.world.cloud:
            response.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
        return response

    return endpoint


def _signed_in(state: State, request: Request) -> Refusal | None:
    faults, path = state.faults, request.url.path
    if path.endswith("/serverInfo"):
        return None  # anybody may ask
    if faults.token_expires_after and state.wire.requests > faults.token_expires_after:
        faults.token_expires_after = 0
        state.secret = "a-new-one"
    if _secret_of(request) == state.secret:
        return None
    if faults.anonymous_on_bad_login and not path.endswith("/myself"):
        faults.empty_everything = True
        return None
    return refusal(401, "You are not authenticated. Authentication required to perform this operation.")


def _secret_of(request: Request) -> str | None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind == "Bearer":
        return value
    if kind == "Basic":
        try:
            return base64.b64decode(value).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


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
