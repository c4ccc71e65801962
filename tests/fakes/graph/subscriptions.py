"""Subscriptions of the fake Graph: the handshake, lifetimes, and the notifications it sends."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

LONGEST = timedelta(minutes=42_300)
TOKEN = "Validation: Testing client application reachability for subscription Request-Id: 1+2 %<b>"


class Subscriptions:
    """What is subscribed, by id."""

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Any]] = {}

    def listed(self) -> dict[str, Any]:
        return {"value": [_shown(one) for one in self.by_id.values()]}

    def add(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """None when the handshake fails: each address must give the token back as plain text."""
        self._until(body)
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            try:
                answer = httpx.post(body[name], params={"validationToken": TOKEN})
            except httpx.TransportError:
                return None
            kind = answer.headers.get("content-type", "")
            if answer.status_code != 200 or answer.text != TOKEN or not kind.startswith("text/plain"):
                return None
        made = {**body, "id": str(uuid.uuid4()), "applicationId": "app", "creatorId": "app"}
        self.by_id[made["id"]] = made
        return _shown(made)

    def renew(self, name: str, body: dict[str, Any]) -> dict[str, Any] | None:
        found = self.by_id.get(name)
        if found is None:
            return None
        self._until(body)
        found |= body
        return _shown(found)

    def lifecycle(self, name: str, event: str) -> dict[str, Any]:
        """What is sent to `lifecycleNotificationUrl`; a subscription that was removed is gone then."""
        found = self.by_id.pop(name) if event == "subscriptionRemoved" else self.by_id[name]
        return {
            "value": [
                {
                    "subscriptionId": name,
                    "subscriptionExpirationDateTime": found["expirationDateTime"],
                    "tenantId": "84bd0000-0000-4000-8000-000000000001",
                    "clientState": found["clientState"],
                    "lifecycleEvent": event,
                }
            ]
        }

    @staticmethod
    def _until(body: dict[str, Any]) -> None:
        ends = datetime.fromisoformat(body["expirationDateTime"])
        assert ends.astimezone(UTC) <= datetime.now(UTC) + LONGEST, (
            "a drive's subscription lives 42,300 minutes"
        )

    def notification(self, name: str, **other: Any) -> dict[str, Any]:
        found = self.by_id[name]
        return {
            "value": [
                {
                    "subscriptionId": name,
                    "subscriptionExpirationDateTime": found["expirationDateTime"],
                    "clientState": found["clientState"],
                    "changeType": "updated",
                    "resource": found["resource"].strip("/"),
                    "tenantId": "84bd0000-0000-4000-8000-000000000001",
                    "resourceData": {"@odata.type": "#Microsoft.Graph.DriveItem"},
                    **other,
                }
            ]
        }


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "clientState": None}
