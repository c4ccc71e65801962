"""Boards: where sprints live, and where a project says which field holds its story points."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from adapters.base import Page
from adapters.errors import SourceMisbehaved
from adapters.jira.payload import local_day, record
from adapters.jira.site import Project, Site, ValuesPage, as_object, decode_values
from adapters.json_body import loads
from adapters.once import Once

_MOST_PAGES = 2000


class Boards:
    def __init__(self, site: Site) -> None:
        self._site = site
        self.all = Once(self._boards)

    async def points_fields(self, project: Project) -> list[str]:
        """Fields that may hold story points in this project, best first: its boards' choice, then what
        the site has by kind and by name. A site often has both, with values in only one of them."""
        chosen = []
        for board in await self.all():
            if _project_of(board) != project.id:
                continue
            answer, config = await self._site.http.send(
                "GET",
                f"rest/agile/1.0/board/{board['id']}/configuration",
                decode=as_object,
                also=(400, 401, 403, 404),
                stream="sprint",
            )
            estimation = config.get("estimation") if answer.status == 200 else None
            if isinstance(estimation, dict) and estimation.get("type") == "field":
                name = str((estimation.get("field") or {}).get("fieldId") or "")
                # Estimating in time is possible too; hours are not points.
                if name.startswith("customfield_"):
                    chosen.append(name)
                    break
        return [*chosen, *(await self._site.fields()).points]

    async def sprint_pages(self) -> AsyncGenerator[Page, None]:
        """Every sprint of the selected projects' boards. Boards share sprints; each comes once."""
        met: set[str] = set()
        server = await self._site.server()
        for board in await self.all():
            project = _project_of(board)
            records = []
            async for values in self._pages(f"rest/agile/1.0/board/{board['id']}/sprint", also=(400, 404)):
                for raw in values.values:
                    payload = bytes(raw)
                    sprint = loads(payload)
                    if not isinstance(sprint, dict) or str(sprint.get("id")) in met:
                        continue
                    met.add(str(sprint.get("id")))
                    origin = sprint.get("originBoardId")
                    extra: dict[str, Any] = {"team": str(board.get("name") or "")}
                    if origin is not None and str(origin) != str(board["id"]):
                        home = next((b for b in await self.all() if str(b["id"]) == str(origin)), None)
                        extra = {"team": str(home.get("name") or "")} if home else {}
                        home_project = _project_of(home) if home else None
                    else:
                        home_project = project
                    if home_project:
                        extra["project"] = home_project
                    extra["url"] = f"{server.browse}/secure/RapidBoard.jspa?rapidView={origin or board['id']}"
                    for ours, theirs in (("start_on", "startDate"), ("finish_on", "endDate")):
                        if sprint.get(theirs):
                            extra[ours] = local_day(sprint[theirs], server.zone)
                    records.append(record("sprint", payload, extra))
            if records:
                yield Page(records, None)
        yield Page([], {"read": "whole"})

    async def _boards(self) -> list[dict[str, Any]]:
        if not await self._site.has_boards():
            return []
        found: dict[str, dict[str, Any]] = {}
        if self._site.options.select.projects is None:
            lists = [await self._list()]
        else:
            projects = await self._site.projects()
            lists = await asyncio.gather(*(self._list(project.id) for project in projects))
        for boards in lists:
            for board in boards:
                found.setdefault(str(board["id"]), board)
        return sorted(found.values(), key=lambda board: int(board["id"]))

    async def _list(self, project: str | None = None) -> list[dict[str, Any]]:
        boards: list[dict[str, Any]] = []
        narrow = {"projectKeyOrId": project} if project else {}
        async for page in self._pages("rest/agile/1.0/board", **narrow, also=(400, 404)):
            found = [loads(bytes(raw)) for raw in page.values]
            # A team-managed project's board is `simple`, and has sprints where the team wants them; a kanban board
            # has none.
            boards += [b for b in found if isinstance(b, dict) and b.get("id") and b.get("type") != "kanban"]
        return boards

    async def _pages(self, path: str, also: tuple[int, ...], **params: str) -> AsyncIterator[ValuesPage]:
        start = 0
        for _ in range(_MOST_PAGES):
            answer, page = await self._site.http.send(
                "GET",
                path,
                params={**params, "startAt": start, "maxResults": 50},
                decode=decode_values,
                also=also,
                stream="sprint",
            )
            if answer.status != 200:
                # A board without sprints says 400, one removed since the listing 404.
                return
            yield page
            start += len(page.values)
            if not page.values or page.isLast or (page.total is not None and start >= page.total):
                return
        raise SourceMisbehaved("a list of boards or sprints does not end", stream="sprint", detail=path)


def _project_of(board: dict[str, Any]) -> str | None:
    location = board.get("location")
    found = location.get("projectId") if isinstance(location, dict) else None
    return str(found) if found else None
