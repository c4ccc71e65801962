"""Issue keys → ids, and ids → the project they are in now: what lists of keys and ids must be turned into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from adapters.jira.search import decode_search
from adapters.jira.site import Site, as_object
from adapters.json_body import loads

CHUNK = 100
_ASKED = ("project", "archiveddate", "updated")
_MOST_KEPT = 200_000
_TOGETHER = 20


class Keys:
    """Remembers what it learnt for one run, up to a bound."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ids: dict[str, str] = {}

    def learn(self, issue: Mapping[str, Any]) -> None:
        """Epics and what stands above them are what others point at by key."""
        kind = issue["fields"].get("issuetype")
        if isinstance(kind, dict) and not kind.get("subtask") and len(self._ids) < _MOST_KEPT:
            name = str(kind.get("name") or "").casefold()
            if kind.get("hierarchyLevel", 0) or name in ("epic", "initiative"):
                self._ids[str(issue.get("key"))] = str(issue["id"])

    async def ids(self, keys: Collection[str]) -> Mapping[str, str]:
        """Ids of the keys that exist and are visible."""
        unknown = sorted(key for key in keys if key not in self._ids)
        async for issue in find_issues(self._site, unknown):
            self._ids[issue["key"]] = str(issue["id"])
        for key in unknown:
            # Not visible: remembered as such, else each page would ask again.
            self._ids.setdefault(key, "")
        return {key: found for key in keys if (found := self._ids[key])}


async def find_issues(site: Site, names: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    """Id, key and project of the issues that exist and are visible, by id or key, a hundred at a time."""
    server = await site.server()
    for start in range(0, len(names), CHUNK):
        chunk = list(names[start : start + CHUNK])
        if server.cloud:
            body: dict[str, Any] = {"issueIdsOrKeys": chunk, "fields": list(_ASKED)}
            found = await site.http.json(
                "POST", f"{server.api}/issue/bulkfetch", body=body, decode=_as_bulk, stream="issue"
            )
            for issue in found["issues"]:
                yield issue
            # Not those that are gone or hidden, but those that Jira could not give just now, or not with so many.
            failed = [str(error["id"]) for error in found.get("issueErrors") or () if error.get("id")]
            async for issue in find_singly(site, failed):
                yield issue
            continue
        body = {
            "jql": f"{'id' if chunk[0].isdigit() else 'key'} in ({', '.join(chunk)})",
            "fields": list(_ASKED),
            "startAt": 0,
            "maxResults": CHUNK,
            # One id that is gone would fail the whole query.
            "validateQuery": False,
        }
        answer, page = await site.http.send(
            "POST", f"{server.api}/search", body=body, decode=decode_search, also=(400,), stream="issue"
        )
        if answer.status == 200 and len(page.issues) >= (page.total or 0):
            for raw in page.issues:
                yield loads(bytes(raw))
            continue
        async for issue in find_singly(site, chunk):
            yield issue


def _as_bulk(body: bytes) -> dict[str, Any]:
    data = as_object(body)
    if not isinstance(data.get("issues"), list):
        raise ValueError("expected a list of issues")
    return data


async def find_singly(site: Site, names: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    """The same, each asked for by itself, a few at a time: so Jira answers from its database. A search does from an
    index, which has no archived issues and may be behind, or broken on one node of several."""
    for start in range(0, len(names), _TOGETHER):
        for issue in await asyncio.gather(*(_one(site, name) for name in names[start : start + _TOGETHER])):
            if issue is not None:
                yield issue


async def _one(site: Site, name: str) -> dict[str, Any] | None:
    server = await site.server()
    answer, issue = await site.http.send(
        "GET",
        f"{server.api}/issue/{name}",
        params={"fields": ",".join(_ASKED)},
        decode=as_object,
        also=(403, 404),
        stream="issue",
    )
    return issue if answer.status == 200 else None
