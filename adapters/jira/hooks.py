"""Jira's webhooks: is one genuine, what does it tell of, and how is it set up.

Atlassian, "Webhooks" (Cloud and Data Center platform documents): signature, events, the admin interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.base import Hint, Notice, Subscribed
from adapters.errors import HookRefused
from adapters.http import Http
from adapters.jira.site import as_array, as_object
from adapters.proof import ADDRESS_KEY, address_key, body_object, knows_address, not_subscribed, signed

EVENTS = (
    "jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "issuelink_created", "issuelink_deleted",
    "worklog_created", "worklog_updated", "worklog_deleted", "jira:version_created", "jira:version_updated",
    "jira:version_released", "jira:version_unreleased", "jira:version_deleted", "jira:version_moved",
    "sprint_created", "sprint_updated", "sprint_started", "sprint_closed", "sprint_deleted", "project_created",
    "project_updated", "project_deleted",
)  # fmt: skip
_FAMILIES = ("jira:version_", "sprint_", "project_")
"""Events of what is read whole: the next incremental run finds them."""
_PATH = "rest/webhooks/1.0/webhook"


class JiraDoor:
    """Accepts what is signed with the secret, or comes to the address that follows from it: a Data Center before 10
    signs nothing."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def receive(self, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Notice:
        signature = headers.get("x-hub-signature", "")
        if not (signed(self._secret, signature, body) if signature else knows_address(self._secret, query)):
            raise HookRefused("the notification is not signed with this source's secret")
        if not body.strip():
            # `excludeBody`: the address names the issue.
            return Notice(_named("issue", query, "issue"))
        return Notice(hints(body_object(body)))

    def instructions(self, address: str) -> str:
        return (
            "In Jira, as an administrator: System > WebHooks > Create a WebHook\n"
            f"  URL      {address}\n"
            "  Secret   the one that `hooks.secret` points to\n"
            f"  Events   {', '.join(EVENTS)}\n"
            "  JQL      empty, or the projects that are read\n"
            "A Data Center that knows no secret is given this URL instead:\n"
            f"  {address}?{ADDRESS_KEY}={address_key(self._secret)}"
        )


def hints(event: Mapping[str, Any]) -> list[Hint]:
    """What an event says may have changed."""
    name = str(event.get("webhookEvent") or "")
    if name.startswith("jira:issue_"):
        return _named("issue", event.get("issue"), "id")
    if name.startswith("issuelink_"):
        link = event.get("issueLink")
        return _named("issue", link, "sourceIssueId") + _named("issue", link, "destinationIssueId")
    if name.startswith("worklog_"):
        return _named("worklog", event.get("worklog"), "id") + _named(
            "issue", event.get("worklog"), "issueId"
        )
    return [Hint()] if name.startswith(_FAMILIES) else []


def _named(stream: str, thing: object, member: str) -> list[Hint]:
    found = thing.get(member) if isinstance(thing, Mapping) else None
    usable = isinstance(found, str | int) and not isinstance(found, bool) and len(str(found)) <= 18
    return [Hint(stream, str(found))] if usable and str(found).isascii() and str(found).isdigit() else []


async def subscribe(http: Http, address: str, secret: str) -> list[Subscribed]:
    """An administrator's webhook, with everything we follow. Raises SourceRefused where the account is no
    administrator, which an account for reading should not be."""
    _, listed = await http.send("GET", _PATH, decode=as_array, also=(401, 403, 404))
    for hook in listed or ():
        if isinstance(hook, dict) and hook.get("url") == address:
            # Set up anew: its secret, which Jira does not show, may be an old one.
            await http.remove(f"{_PATH}/{_subscribed(hook).id}")
    body = {
        "name": "Portbook",
        "url": address,
        "events": list(EVENTS),
        "filters": {},
        "excludeBody": False,
        "secret": secret,
    }
    answer, made = await http.send("POST", _PATH, body=body, decode=as_object, also=(400, 401, 403, 404))
    if answer.status >= 300:
        raise not_subscribed(
            "Jira", answer, secret, where=f"POST {http.base_url}/{_PATH}", hint="It takes an administrator."
        )
    return [_subscribed(made)]


def _subscribed(hook: Mapping[str, Any]) -> Subscribed:
    name = str(hook.get("self") or hook.get("name") or "").rpartition("/")[2]
    return Subscribed(name, str(hook.get("name") or "webhook"))
