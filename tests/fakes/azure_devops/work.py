"""Teams at work, their iterations and capacity; service hooks."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from tests.fakes.azure_devops import hooks
from tests.fakes.azure_devops.state import VERSIONS, State, listed, team_of, trouble
from tests.fakes.azure_devops.world import ORG, Node, Team


def _team_at_work(state: State, request: Request) -> Team:
    team = team_of(state, request)
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
    return listed(map(_iteration, _team_at_work(state, request).iterations))


def capacities(state: State, request: Request, body: Any) -> Any:
    team = _team_at_work(state, request)
    if state.wire.faults.teams_vanish:
        team.refuses = 404
    held = team.capacity.get(request.path_params["iteration"], [])
    if VERSIONS.index(state.newest) <= VERSIONS.index("6.0"):
        return listed(held)
    return {
        "teamMembers": held,
        "totalCapacityPerDay": float(
            sum(activity["capacityPerDay"] for member in held for activity in member["activities"])
        ),
        "totalDaysOff": sum(len(member["daysOff"]) for member in held),
    }


def days_off(state: State, request: Request, body: Any) -> Any:
    team = _team_at_work(state, request)
    return {
        "daysOff": [
            {"start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z"}
            for start, end in team.days_off.get(request.path_params["iteration"], [])
        ],
        "url": ORG,
    }


def hooks_listed(state: State, request: Request, body: Any) -> Any:
    return hooks.listed(state.hooks)


def hook_removed(state: State, request: Request, body: Any) -> Any:
    hooks.removed(state.hooks, request.path_params["name"])
    return b""


def hook_added(state: State, request: Request, body: Any) -> Any:
    if not state.may_edit_hooks:
        raise trouble(403, "Access denied: Edit subscriptions.", "UnauthorizedRequestException")
    return hooks.added(state.hooks, body)
