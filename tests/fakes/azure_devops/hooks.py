"""Service hooks of the fake: subscriptions as the interface keeps them, and events as they are sent."""

from __future__ import annotations

import uuid
from typing import Any

ACTIONS = ("httpRequest",)


def listed(hooks: list[dict[str, Any]]) -> dict[str, Any]:
    """Secrets are masked when they are read back."""
    return {"count": len(hooks), "value": [_masked(hook) for hook in hooks]}


def added(hooks: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
    made = {**body, "id": str(uuid.uuid4()), "status": "enabled", "probationRetries": 0}
    hooks.append(made)
    return _masked(made)


def removed(hooks: list[dict[str, Any]], name: str) -> None:
    hooks[:] = [hook for hook in hooks if hook["id"] != name]


def _masked(hook: dict[str, Any]) -> dict[str, Any]:
    inputs = {k: "********" if k == "basicAuthPassword" else v for k, v in hook["consumerInputs"].items()}
    return {**hook, "consumerInputs": inputs}


def event(item: int, kind: str = "workitem.updated", **resource: Any) -> dict[str, Any]:
    """An event with minimal details; of an update, `resource.id` is the update's own number."""
    what = {"id": 12, "workItemId": item} if kind == "workitem.updated" else {"id": item}
    return {
        "subscriptionId": "4f2d0000-0000-4000-8000-000000000001",
        "notificationId": 31,
        "id": str(uuid.uuid4()),
        "eventType": kind,
        "publisherId": "tfs",
        "message": None,
        "detailedMessage": None,
        "resourceVersion": "1.0",
        "createdDate": "2025-06-03T08:00:01.120Z",
        "resource": {**what, **resource},
        "resourceContainers": {"project": {"id": "9b2c0000-0000-4000-8000-000000000001"}},
    }
