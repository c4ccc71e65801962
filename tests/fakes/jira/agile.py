"""Boards and their sprints; webhooks."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from tests.fakes.jira.state import State, home_of, refusal
from tests.fakes.jira.world import SITE


def boards(state: State, request: Request, body: Any) -> Any:
    if state.faults.no_boards:
        raise refusal(403, "scope does not match")
    query = request.query_params
    found = list(state.world.boards.values())
    if query.get("type"):
        found = [board for board in found if board["type"] == query["type"]]
    if query.get("projectKeyOrId"):
        home = home_of(state, query["projectKeyOrId"])
        found = [b for b in found if b.get("location", {}).get("projectId") == home.id or "location" not in b]
    return _agile_page(query, found)


def _agile_page(query: Any, found: list[Any]) -> Any:
    start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 50)
    part = found[start : start + size]
    return {"maxResults": size, "startAt": start, "isLast": start + len(part) >= len(found), "values": part}


def _board(state: State, request: Request) -> dict[str, Any]:
    board = state.world.boards.get(request.path_params["name"])
    if board is None:
        raise refusal(404, "The requested board cannot be viewed because it does not exist.")
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
        raise refusal(400, "The board does not support sprints")
    return _agile_page(request.query_params, found)


def sprint_one(state: State, request: Request, body: Any) -> Any:
    found = state.world.sprints.get(request.path_params["name"])
    if found is None:
        raise refusal(404, "Sprint does not exist")
    return found


def webhook_list(state: State, request: Request, body: Any) -> Any:
    if not state.administrator:
        raise refusal(403, "You do not have permission to administer webhooks.")
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
        raise refusal(404, "No such webhook.")
    state.webhooks.remove(gone[0])
    return b""
