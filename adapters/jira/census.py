"""Which projects and issues Jira has, by their ids alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime

from adapters.base import Counted
from adapters.jira.issues import Scan, fetch
from adapters.jira.keys import find_issues
from adapters.jira.payload import decode, instant
from adapters.jira.search import IssueSearch
from adapters.jira.site import Project, Site

IDS_AT_ONCE = 1000
"""Jira sends more rows a page the fewer fields are asked for."""


class Ids:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def pages(self) -> AsyncGenerator[list[Counted], None]:
        """Projects first, then the issues of each."""
        projects = await self._site.projects()
        yield [Counted("project", project.id, project.id) for project in projects]
        for project in projects:
            async for page in self._issues(project):
                yield page

    async def _issues(self, project: Project) -> AsyncGenerator[list[Counted], None]:
        """In the order of a full read, which survives edits made meanwhile."""
        scan = Scan.resume(None, True, self._site.http.tool_now())
        search = IssueSearch(
            self._site.http, await self._site.server(), project.id, scan.by, (scan.by,), IDS_AT_ONCE
        )
        while True:
            rows = await fetch(search, scan.place)
            found = [decode(raw) for raw in rows.raws]
            issues = [issue if isinstance(issue, dict) else {"id": issue.id, "fields": {}} for issue in found]
            yield [Counted("issue", str(issue["id"]), project.id) for issue in issues]
            scan.advance(rows, [], issues[-1] if issues else {})
            if rows.done:
                return

    async def changed(self, stream: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        if stream != "issue":
            return {}
        found = {}
        async for issue in find_issues(self._site, ids):
            moment = instant(issue["fields"].get("updated"))
            if moment is not None:
                found[str(issue["id"])] = moment
        return found
