"""Webhooks of the fake: the administrator's interface to set them up, and events as Jira sends them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import httpx
import orjson


def event(issue: Any, name: str = "jira:issue_updated") -> dict[str, Any]:
    """An issue event, cut down to what Atlassian's documents promise of it."""
    return {
        "timestamp": 1749500000123,
        "webhookEvent": name,
        "issue_event_type_name": "issue_generic",
        "user": {"accountId": "5b10a2844c20165700ede21g", "displayName": "Mia Krystof", "active": True},
        "issue": {"id": str(issue.id), "key": issue.key, "fields": {"summary": "of no account"}},
    }


def signature(secret: str, body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def notify(
    address: str, what: dict[str, Any], secret: str | None, client: httpx.Client | None = None
) -> httpx.Response:
    """Deliver an event once, signed where there is a secret. With many, a `client` spares each a TLS set-up."""
    body = orjson.dumps(what)
    headers = {"Content-Type": "application/json; charset=UTF-8", "X-Atlassian-Webhook-Identifier": "1"}
    headers |= signature(secret, body) if secret else {}
    return (client.post if client else httpx.post)(address, content=body, headers=headers)
