"""What OpenAPI says of the addresses that are no collection: questions that are posted, decisions, webhooks."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel

from gateway.decide import NewLink, NewPin, NewWaiver, Verdict
from gateway.hooks_out import Change, NewWebhook, Replay, Rotation


class _Action(NamedTuple):
    method: str
    path: str
    summary: str
    body: type[BaseModel] | None = None


_ACTIONS = (
    _Action("post", "/api/v1/links", "Say that two rows are one thing, or are not", NewLink),
    _Action("post", "/api/v1/links/{link}", "Decide about a link, or take the decision back", Verdict),
    _Action("post", "/api/v1/pins", "Set a value that holds whatever sources say", NewPin),
    _Action("delete", "/api/v1/pins/{pin}", "Release a pinned value"),
    _Action("post", "/api/v1/findings/{finding}/waive", "Excuse a finding for a time", NewWaiver),
    _Action("delete", "/api/v1/findings/{finding}/waive", "End the waivers of a finding"),
    _Action("get", "/api/v1/keys", "Every API key, and when it was used; never the keys themselves"),
    _Action("get", "/api/v1/audit", "Who changed what, took files, asked, or was refused, newest first"),
    _Action("get", "/api/v1/webhooks", "The webhooks that the caller may manage"),
    _Action("post", "/api/v1/webhooks", "Make a webhook; its secret is shown once", NewWebhook),
    _Action("get", "/api/v1/webhooks/{webhook}", "One webhook"),
    _Action("patch", "/api/v1/webhooks/{webhook}", "Change, stop or start a webhook", Change),
    _Action("delete", "/api/v1/webhooks/{webhook}", "Remove a webhook"),
    _Action(
        "post", "/api/v1/webhooks/{webhook}/rotate", "Give it a new secret; both sign for a time", Rotation
    ),
    _Action("post", "/api/v1/webhooks/{webhook}/test", "Send a test message"),
    _Action(
        "post", "/api/v1/webhooks/{webhook}/replay", "Tell one, all failed, or all since a time anew", Replay
    ),
    _Action("get", "/api/v1/webhooks/{webhook}/deliveries", "What it was told, and what became of it"),
    _Action("get", "/api/v1/webhooks/{webhook}/deliveries/{delivery}", "One delivery with its attempts"),
)
_TEXT = {"type": "string"}
_QUESTION = {
    "type": "object",
    "description": "The parameters of a list, with `collection`, or of an aggregate, with `aggregate`.",
    "properties": {
        **dict.fromkeys(("collection", "aggregate", "fields", "filter", "order", "cursor", "as_of"), _TEXT),
        **dict.fromkeys(("group_by", "measures", "having"), _TEXT),
        "limit": {"type": "integer"},
        "count": {"type": "boolean"},
        "totals": {"type": "boolean"},
    },
}
_QUERY = {
    "oneOf": [
        _QUESTION,
        {
            "type": "object",
            "required": ["queries"],
            "properties": {"queries": {"type": "object", "additionalProperties": _QUESTION}},
        },
        {
            "type": "object",
            "description": "A GraphQL document.",
            "required": ["query"],
            "properties": {"query": _TEXT, "variables": {"type": "object"}, "operationName": _TEXT},
        },
    ]
}


def action_paths() -> dict[str, Any]:
    """OpenAPI's paths, by address and method."""
    found: dict[str, Any] = {}
    for action in _ACTIONS:
        names = [part[1:-1] for part in action.path.split("/") if part.startswith("{")]
        body = None if action.body is None else action.body.model_json_schema()
        found.setdefault(action.path, {})[action.method] = _operation(action.summary, names, body)
    summary = "Ask one question, several of one moment, or by a GraphQL document"
    found["/api/v1/query"] = {"post": _operation(summary, [], _QUERY)}
    return found


def _operation(summary: str, names: list[str], body: dict[str, Any] | None) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names],
        "responses": {
            "2XX": {"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}},
            "default": {"description": "What is wrong, and what to do.", "content": problem},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation
