"""Service hooks of Azure DevOps: is a notification genuine, what does it tell of, and how is one set up.

Microsoft Learn, "Service hooks events" and the REST reference "Subscriptions - Create" (7.1). Nothing is signed: a
notification proves itself with the password of basic authentication.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.azure_devops.site import Site, as_list, as_object
from adapters.base import Hint, Notice, Subscribed
from adapters.errors import HookRefused
from adapters.proof import body_object, knows_address, not_subscribed, password, same

EVENTS = ("workitem.created", "workitem.updated", "workitem.deleted", "workitem.restored")
USER = "portbook"
_PATH = "_apis/hooks/subscriptions"


class AzureDevOpsDoor:
    """Accepts what brings the password, or comes to the address that follows from it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def receive(self, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Notice:
        given = password(headers.get("authorization", ""))
        if not (same(given, self._secret) if given else knows_address(self._secret, query)):
            raise HookRefused("the notification does not bring this source's password")
        return Notice(hints(body_object(body)))

    def instructions(self, address: str) -> str:
        return (
            "In Azure DevOps, for each project, as its administrator:\n"
            "  Project settings > Service hooks > + > Web Hooks\n"
            f"  Events    {', '.join(EVENTS)}, one subscription for each\n"
            f"  URL       {address}\n"
            f"  User      {USER}\n"
            "  Password  the one that `hooks.secret` points to\n"
            "  Resource details to send: Minimal; messages: None"
        )


def hints(event: Mapping[str, Any]) -> list[Hint]:
    """What an event says may have changed: the item itself, and the other ends of links it gained or lost. In
    `workitem.updated` the resource's own id is the number of the update. One that names no item, as with `None` for
    the details of the resource, tells that something has changed: no document says what the fewer details hold."""
    kind, resource = str(event.get("eventType") or ""), event.get("resource")
    if kind not in EVENTS:
        return []
    if not isinstance(resource, dict):
        return [Hint()]
    found = [resource.get("workItemId") if kind == "workitem.updated" else resource.get("id")]
    relations = resource.get("relations")
    changed = relations if isinstance(relations, dict) else {}
    for side in ("added", "removed"):
        given = changed.get(side)
        for relation in given if isinstance(given, list) else ():
            url = str(relation.get("url") or "") if isinstance(relation, dict) else ""
            if "/workitems/" in url.lower():
                found.append(url.rpartition("/")[2])
    return [Hint("work_item", str(one)) for one in found if _number(one)] or [Hint()]


def _number(value: object) -> bool:
    text = str(value)
    return not isinstance(value, bool) and text.isascii() and text.isdigit() and 0 < len(text) < 10


async def subscribe(site: Site, address: str, secret: str) -> list[Subscribed]:
    """One subscription for each event: of the organisation, or of each selected project. Raises SourceRefused where
    the account may not edit subscriptions, which an account for reading should not."""
    listed = await _ask(site, "GET", as_list, secret)
    there = {
        (hook.get("eventType"), (hook.get("publisherInputs") or {}).get("projectId") or ""): hook
        for hook in listed
        if (hook.get("consumerInputs") or {}).get("url") == address
    }
    homes = [""] if site.options.select.projects is None else [p.id for p in await site.projects()]
    made = []
    for home in homes:
        for event in EVENTS:
            hook = await _ask(site, "POST", as_object, secret, _wanted(event, home, address, secret))
            if old := there.get((event, home)):
                # Made anew rather than kept: it may be disabled, and its password, which is masked, an old one.
                await site.http.remove(f"{_PATH}/{old['id']}", params={"api-version": await site.version()})
            made.append(Subscribed(str(hook.get("id")), f"{event}{f' of {home}' if home else ''}"))
    return made


def _wanted(event: str, project_id: str, address: str, secret: str) -> dict[str, Any]:
    return {
        "publisherId": "tfs",
        "eventType": event,
        "resourceVersion": "1.0",
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": {"projectId": project_id},
        "consumerInputs": {
            "url": address,
            "basicAuthUsername": USER,
            "basicAuthPassword": secret,
            "resourceDetailsToSend": "minimal",
            "messagesToSend": "none",
            "detailedMessagesToSend": "none",
        },
    }


async def _ask(site: Site, method: str, decode: Any, secret: str, body: Any = None) -> Any:
    answer, found = await site.send(method, _PATH, decode, body=body, also=(400, 401, 403, 404))
    if answer.status >= 300:
        raise not_subscribed(
            "Azure DevOps", answer, secret, where=f"{method} {site.http.base_url}/{_PATH}",
            hint="It takes a project administrator, or the right Edit subscriptions.",
        )  # fmt: skip
    return found
