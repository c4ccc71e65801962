"""What a site has: fields with samples, and the closed lists its administrators defined."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from adapters.base import SourceField, Stream
from adapters.errors import SourceRefused
from adapters.jira.fields import UNWANTED
from adapters.jira.payload import decode
from adapters.jira.search import decode_search
from adapters.jira.site import Site

_SAMPLES = 3
_PORTBOOK = (
    ("url", "Link for people", "string"),
    ("type", "Item type in common words", "string"),
    ("status", "Status in common words", "string"),
    ("assignee", "Id of the assignee", "user"),
    ("reporter", "Id of the reporter", "user"),
    ("parent", "Id of the parent, whichever field names it", "issue"),
    ("points", "Story points, from the field that the project's board uses", "number"),
    ("start", "Start date, from the field that holds it here", "date"),
    ("sprints", "Ids of all sprints, oldest first", "array of string"),
    ("sprint", "Id of the active sprint, else the latest", "string"),
    ("blocked", "Flagged as an impediment", "boolean"),
)


async def discover(site: Site) -> list[Stream]:
    issues = await _recent(site)
    fields = await site.fields()
    names_of_user = ("accountId", "accountType") if (await site.server()).cloud else ("key", "name")
    found = [
        SourceField("key", "Key", "string", _samples([issue.get("key") for issue in issues])),
        *(SourceField(f"portbook.{name}", title, kind) for name, title, kind in _PORTBOOK),
    ]
    for field in fields.all:
        name = str(field["id"])
        if name in UNWANTED or name in ("issuekey", "thumbnail"):
            continue
        values = [issue["fields"].get(name) for issue in issues]
        found.append(
            SourceField(f"fields.{name}", str(field.get("name") or name), _kind(field), _samples(values))
        )
    # What Jira sends and does not list: so it is at times with what plugins and newer versions add.
    listed = {str(field["id"]) for field in fields.all}
    for name in sorted({name for issue in issues for name in issue["fields"]} - listed.union(UNWANTED)):
        if samples := _samples([issue["fields"].get(name) for issue in issues]):
            found.append(SourceField(f"fields.{name}", name, "any", samples))
    lists = {
        "status": await _names(site, "status"),
        "issuetype": await _names(site, "issuetype"),
        "priority": await _names(site, "priority"),
        "resolution": await _names(site, "resolution"),
        "linktype": await _names(site, "issueLinkType"),
        "project": [project.key for project in await site.visible()],
    }
    return [
        Stream("issue", "Issues", tuple(found), lists),
        Stream(
            "project",
            "Projects",
            _plain(
                "id", "key", "name", "description", "lead", "projectCategory", "projectTypeKey", "projectKeys",
                "isPrivate", "simplified", "style", "portbook.url",
            ),
        ),
        Stream(
            "user",
            "People",
            _plain(*names_of_user, "displayName", "emailAddress", "active", "timeZone"),
        ),
        Stream(
            "version",
            "Versions",
            _plain(
                "id", "projectId", "name", "description", "startDate", "releaseDate", "released", "archived",
                "portbook.status",
            ),
        ),
        Stream(
            "sprint",
            "Sprints",
            _plain("id", "originBoardId", "name", "state", "startDate", "endDate", "completeDate", "goal"),
        ),
        Stream(
            "worklog",
            "Logged work",
            _plain(
                "id", "issueId", "author", "started", "timeSpent", "timeSpentSeconds", "created", "updated",
                "portbook.on",
            ),
        ),
    ]  # fmt: skip


def _plain(*names: str) -> tuple[SourceField, ...]:
    return tuple(SourceField(name, name.rpartition(".")[2], "string") for name in names)


async def _recent(site: Site) -> list[Mapping[str, Any]]:
    """A few issues of each of the first projects, last changed first."""
    server = await site.server()
    issues: list[Mapping[str, Any]] = []
    for project in (await site.projects())[:5]:
        body = {
            "jql": f"project = {project.id} ORDER BY updated DESC",
            "fields": list((await site.fields()).asked),
            "maxResults": 10,
        }
        page = await site.http.json(
            "POST",
            f"{server.api}/{'search/jql' if server.cloud else 'search'}",
            body=body,
            decode=decode_search,
            stream="issue",
        )
        issues += [data for raw in page.issues if isinstance(data := decode(bytes(raw)), dict)]
    return issues


async def _names(site: Site, path: str) -> list[str]:
    """Distinct names in the order Jira lists them; empty where the account may not see the list."""
    try:
        found = await site.get(path)
    except SourceRefused:
        return []
    if isinstance(found, dict):
        found = found.get("issueLinkTypes") or []
    return list(
        dict.fromkeys(str(item["name"]) for item in found if isinstance(item, dict) and "name" in item)
    )


def _kind(field: Mapping[str, Any]) -> str:
    schema = field.get("schema")
    if not isinstance(schema, Mapping):
        return "string"
    kind, items = str(schema.get("type") or "any"), schema.get("items")
    return f"array of {items}" if kind == "array" and items else kind


def _samples(values: list[Any]) -> tuple[Any, ...]:
    distinct: dict[str, Any] = {}
    for value in values:
        if value not in (None, "", [], {}) and len(distinct) < _SAMPLES:
            distinct.setdefault(json.dumps(value, sort_keys=True)[:200], value)
    return tuple(distinct.values())
