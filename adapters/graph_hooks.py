"""Change notifications of Microsoft Graph for a drive: is one genuine, and how is it set up and kept alive.

Microsoft Graph v1.0, "Change notifications" and `subscription`: drives tell that something changed in them, not what;
a subscription lives 42,300 minutes at most; `clientState` comes back with every notification. "Reduce missing
subscriptions and change notifications": lifecycle notifications.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from adapters.base import HOOK, Hint, Notice, Subscribed
from adapters.errors import HookRefused
from adapters.graph import Drive
from adapters.http import Http
from adapters.json_body import loads
from adapters.proof import address_key, body_object, not_subscribed, same

T = TypeVar("T")

_log = logging.getLogger(__name__)

LIFE = timedelta(minutes=42_300)
_LONGEST_TOKEN = 2048
_ENDING = ("reauthorizationRequired", "subscriptionRemoved")
"""Lifecycle events after which nothing is told until the subscription is renewed, or made anew. (`missed` is not.)"""


class GraphDoor:
    """Accepts entries that bring the `clientState` which follows from the secret. Each entry is judged by itself."""

    def __init__(self, secret: str) -> None:
        self._state = address_key(secret)

    def receive(self, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Notice:
        """The handshake of a new subscription carries no secret and may be answered for anybody: the answer is what
        was sent, as plain text."""
        if token := query.get("validationToken"):
            if len(token) > _LONGEST_TOKEN:
                raise HookRefused("the validation token is too long")
            return Notice(reply=token.encode())
        entries = body_object(body).get("value")
        genuine = [
            entry
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, dict) and same(str(entry.get("clientState") or ""), self._state)
        ]
        if not genuine:
            _log.warning(
                "a notification of Graph without our clientState; `portbook hooks install` sets it up anew"
            )
        # A lifecycle notification, too, may stand for changes that nobody told us of.
        doubtful = [Hint(HOOK)] if any(entry.get("lifecycleEvent") in _ENDING for entry in genuine) else []
        return Notice([Hint(), *doubtful] if genuine else [])

    def instructions(self, address: str) -> str:
        return (
            "Microsoft Graph sets up notifications for the application itself, with the permission it reads with.\n"
            f"It must reach {address} from the internet, over https with a generally trusted certificate."
        )


async def subscribe(http: Http, drive: Drive, address: str, secret: str) -> list[Subscribed]:
    """One subscription for the drive, with lifecycle notifications to the same address."""
    listed = await _ask(http, "GET", "subscriptions", secret, _object)
    for known in listed.get("value") or ():
        if isinstance(known, dict) and known.get("notificationUrl") == address:
            # Made anew: it may bring an old secret, which Graph does not show, or be another drive's.
            await http.remove(_place(str(known.get("id"))))
    made = await _ask(
        http,
        "POST",
        "subscriptions",
        secret,
        _subscribed,
        {
            "changeType": "updated",
            "notificationUrl": address,
            "lifecycleNotificationUrl": address,
            "resource": f"/drives/{drive.id}/root",
            "expirationDateTime": _until(http),
            "clientState": address_key(secret),
        },
    )
    return [made]


async def renew(http: Http, subscription_id: str) -> Subscribed | None:
    """Let a subscription live on; None when Graph no longer has it."""
    answer, found = await http.send(
        "PATCH",
        _place(subscription_id),
        body={"expirationDateTime": _until(http)},
        decode=_subscribed,
        also=(404,),
    )
    return None if answer.status == 404 else found


def _place(subscription_id: str) -> str:
    return f"subscriptions/{quote(subscription_id, safe='')}"


def _until(http: Http) -> str:
    return f"{http.tool_now() + LIFE - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"


def _subscribed(body: bytes) -> Subscribed:
    found = _object(body)
    ends = datetime.fromisoformat(str(found.get("expirationDateTime")))
    return Subscribed(
        str(found.get("id")),
        f"drive {found.get('resource')}",
        ends if ends.tzinfo else ends.replace(tzinfo=UTC),
    )


async def _ask(
    http: Http, method: str, path: str, secret: str, decode: Callable[[bytes], T], body: Any = None
) -> T:
    answer, found = await http.send(method, path, body=body, decode=decode, also=(400, 403, 404))
    if answer.status >= 300:
        raise not_subscribed(
            "Microsoft Graph",
            answer,
            address_key(secret),
            where=f"{method} {http.base_url}/{path}",
            hint="While it is set up, `portbook serve` must be running, and `gateway.public_url` lead to it from the "
            "internet over https. The application must be allowed to read the drive.",
        )
    return found


def _object(body: bytes) -> dict[str, Any]:
    found = loads(body)
    if not isinstance(found, dict):
        raise ValueError("expected an object")
    return found
