"""The core API: who asks, projects, teams and their members."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from tests.fakes.azure_devops.state import State, home, listed, number_in, team_of
from tests.fakes.azure_devops.world import ORG, Project, text_of


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
    start, size = number_in(request, "$skip", 0), min(number_in(request, "$top", 100), 100)
    if token := request.query_params.get("continuationToken"):
        start = int(token)
    part = found[start : start + size]
    headers = {"x-ms-continuationtoken": str(start + size)} if start + size < len(found) else {}
    return Response(
        orjson.dumps(listed(map(_shown, part))), 200, headers, media_type="application/json; charset=utf-8"
    )


def project_one(state: State, request: Request, body: Any) -> Any:
    project = home(state, request)
    shown = _shown(project)
    if request.query_params.get("includeCapabilities") == "true":
        shown["capabilities"] = {
            "processTemplate": {"templateName": project.process.name, "templateTypeId": "adcc42ab"},
            "versioncontrol": {"sourceControlType": "Git"},
        }
    return shown


def teams(state: State, request: Request, body: Any) -> Any:
    project = home(state, request)
    start, size = number_in(request, "$skip", 0), number_in(request, "$top", 100)
    return listed(
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


def members(state: State, request: Request, body: Any) -> Any:
    team = team_of(state, request)
    start, size = number_in(request, "$skip", 0), number_in(request, "$top", 100)
    return listed({"identity": person} for person in team.members[start : start + size])
