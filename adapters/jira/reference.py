"""Projects, versions and logged work."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from adapters.base import Cursor, Page, RawRecord
from adapters.errors import SourceMisbehaved
from adapters.jira.keys import find_issues
from adapters.jira.payload import local_day, record
from adapters.jira.people import People
from adapters.jira.site import Site, decode_list, user_id, zone_of
from adapters.json_body import loads

WHOLE: Cursor = {"read": "whole"}
"""The cursor of what has no change date: it is read whole every time."""

_MOST_PAGES = 100_000
_WORKLOG_OVERLAP = timedelta(minutes=5)


async def project_pages(site: Site, people: People) -> AsyncGenerator[Page, None]:
    server = await site.server()
    records: list[RawRecord] = []
    leads: list[dict[str, Any]] = []
    for project in await site.projects():
        lead = project.data.get("lead")
        extra: dict[str, Any] = {"url": f"{server.browse}/browse/{project.key}"}
        if isinstance(lead, dict) and (who := user_id(lead)):
            extra["lead"] = who
            leads.append(lead)
        records.append(record("project", project.payload, extra))
    if (await people.directory()).listed:
        # Elsewhere a lead comes with fewer members than the same person in an issue; two forms of one person
        # would take turns in the register. Without a directory, issues alone bring people.
        records = [*await people.newly_met(leads), *records]
    yield Page(records, WHOLE, len(records))


async def version_pages(site: Site) -> AsyncGenerator[Page, None]:
    server = await site.server()
    for project in await site.projects():
        answer, raws = await site.http.send(
            "GET",
            f"{server.api}/project/{project.id}/versions",
            decode=decode_list,
            also=(404,),
            stream="version",
        )
        if answer.status == 404:
            continue  # gone since the projects were listed; `locate` says why its versions are missing
        records = []
        for raw in raws:
            payload = bytes(raw)
            version = loads(payload)
            extra: dict[str, Any] = {"project": project.id}
            if isinstance(version, dict):
                extra["url"] = f"{server.browse}/projects/{project.key}/versions/{version.get('id')}"
                released, archived = bool(version.get("released")), bool(version.get("archived"))
                extra["status"] = "done" if released else "cancelled" if archived else "planned"
                extra["status_source"] = "released" if released else "archived" if archived else "unreleased"
                if released and version.get("releaseDate"):
                    extra["released_on"] = version["releaseDate"]
            records.append(record("version", payload, extra))
        if records:
            yield Page(records, None)
    yield Page([], WHOLE)


class _Feed(msgspec.Struct):
    values: list[dict[str, Any]]
    until: int | None = None
    lastPage: bool = True  # noqa: N815 - Jira's spelling


_decode_feed = msgspec.json.Decoder(_Feed).decode


async def worklog_pages(
    site: Site, people: People, cursor: Cursor | None, *, full: bool
) -> AsyncGenerator[Page, None]:
    """Logged work in the order it changed; then, in a read of changes, what was deleted."""
    cursor = cursor or {}
    within = cursor.get("part") in ("full", "changes") and not (full and cursor.get("part") == "changes")
    first = int(cursor.get("since") or 0)
    if not within and full:
        first = 0
    part = cursor["part"] if within else ("full" if full or not first else "changes")
    at = int(cursor.get("at") or 0) if within else first
    started = int(cursor.get("started") or 0) if within else 0
    started = started or _ms(site.http.tool_now())
    scope = _Scope(site)
    async for values, at, last in _feed(site, "worklog/updated", at):  # noqa: B020 - the place moves on
        ids = [int(value["worklogId"]) for value in values]
        records: list[RawRecord] = []
        if ids:
            records = await _listed(site, scope, people, ids)
        place = {"part": part, "since": first, "at": at, "started": started}
        yield Page(records, None if last else place)
    if part == "changes":
        async for values, _, _ in _feed(site, "worklog/deleted", first):
            yield Page(
                [
                    RawRecord(
                        "worklog",
                        str(value["worklogId"]),
                        b"null",
                        None,
                        datetime.fromtimestamp(int(value["updatedTime"]) / 1000, UTC),
                        deleted=True,
                    )
                    for value in values
                ],
                None,
            )
    following = max(first, min(at, started) - _ms_of(_WORKLOG_OVERLAP))
    yield Page([], {"since": following})


async def deleted_worklogs(site: Site, since: int) -> set[str]:
    """Ids of logged work that Jira says was deleted since then (milliseconds); the last minute may be missing."""
    return {
        str(value["worklogId"])
        async for values, _, _ in _feed(site, "worklog/deleted", since)
        for value in values
    }


async def worklogs_again(site: Site, people: People, ids: Sequence[int]) -> list[RawRecord]:
    """Logged work by id, with its authors; what is gone, or lies outside the projects we read, is left out."""
    return await _listed(site, _Scope(site), people, ids)


async def _listed(site: Site, scope: _Scope, people: People, ids: Sequence[int]) -> list[RawRecord]:
    server = await site.server()
    raws = await site.http.json(
        "POST", f"{server.api}/worklog/list", body={"ids": list(ids)}, decode=decode_list, stream="worklog"
    )
    return await _worklogs(scope, people, [bytes(raw) for raw in raws])


async def _feed(site: Site, path: str, since: int) -> AsyncIterator[tuple[list[dict[str, Any]], int, bool]]:
    """Pages of a since/until feed: values, the place after them, whether they are the last."""
    server = await site.server()
    for _ in range(_MOST_PAGES):
        page = await site.http.json(
            "GET", f"{server.api}/{path}", params={"since": since}, decode=_decode_feed, stream="worklog"
        )
        until = page.until if page.until is not None else since
        if page.lastPage:
            yield page.values, max(until, since), True
            return
        # Changes of one millisecond may straddle the page's end: ask from there again where that goes on.
        after = until - 1 if until - 1 > since else until
        if after <= since:
            break
        since = after
        yield page.values, since, False
    raise SourceMisbehaved(
        "the feed of changed worklogs does not move on",
        stream="worklog",
        detail=f"{path}?since={since} at {site.http.base_url}",
    )


async def _worklogs(scope: _Scope, people: People, payloads: list[bytes]) -> list[RawRecord]:
    found: list[RawRecord] = []
    authors: list[dict[str, Any]] = []
    kept = []
    rows = []
    for payload in payloads:
        try:
            data = loads(payload)
        except ValueError:
            data = None
        rows.append((payload, data if isinstance(data, dict) else {}))
    inside = await scope.issues({str(data["issueId"]) for _, data in rows if data.get("issueId")})
    for payload, data in rows:
        if data and str(data.get("issueId")) not in inside:
            continue
        extra: dict[str, Any] = {}
        author = data.get("author")
        if isinstance(author, dict) and (who := user_id(author)):
            extra["author"] = who
            authors.append(author)
        if isinstance(started := data.get("started"), str) and len(started) >= 10:
            # The day where the person is; as it stands, it is the day where the account is that we read with.
            zone = zone_of(author.get("timeZone")) if isinstance(author, dict) else None
            extra["on"] = str(local_day(started, zone))[:10]
        if project := inside.get(str(data.get("issueId"))):
            extra["project"] = project
        kept.append(record("worklog", payload, extra))
    found += await people.newly_met(authors)
    return found + kept


class _Scope:
    """Which issues lie in the projects we read: feeds of worklogs cover the whole site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._project: dict[str, str | None] = {}

    async def issues(self, ids: set[str]) -> dict[str, str]:
        """Issue id → project id, for those inside."""
        chosen = {project.id for project in await self._site.projects()}
        if len(self._project) > 200_000:
            self._project.clear()
        unknown = sorted(name for name in ids if name not in self._project)
        self._project.update(dict.fromkeys(unknown))
        async for issue in find_issues(self._site, unknown):
            self._project[str(issue["id"])] = str(issue["fields"]["project"]["id"])
        return {name: home for name in ids if (home := self._project[name]) in chosen and home is not None}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
