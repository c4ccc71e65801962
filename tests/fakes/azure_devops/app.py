"""What is at which address of Services and Server, who may ask, and which versions there are."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.azure_devops.core import connection_data, members, project_one, projects, teams
from tests.fakes.azure_devops.reporting import links, revisions
from tests.fakes.azure_devops.state import AUDIENCE, VERSIONS, Handler, State, trouble
from tests.fakes.azure_devops.tracking import (
    batch,
    categories,
    fields,
    nodes,
    process_configuration,
    recycle_bin,
    relation_types,
    types,
    wiql,
    work_items,
)
from tests.fakes.azure_devops.work import (
    capacities,
    days_off,
    hook_added,
    hook_removed,
    hooks_listed,
    team_iterations,
    team_settings,
)
from tests.fakes.server import LOGIN_PAGE, App, Refusal


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


_TEAM = "{project}/{team}/_apis/work/teamsettings"

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
