"""Why records that a complete read did not meet are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.base import Presence
from adapters.jira.keys import find_issues
from adapters.jira.site import Site
from adapters.json_body import loads
from adapters.once import Once


class Locator:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._projects: dict[str, Once[Presence | None]] = {}

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """An issue that answers is in a selected project (PRESENT), or elsewhere: MOVED when its project is
        not the one we knew it in, OUT_OF_SCOPE when it stayed and the selection changed. One that does not
        answer shares the fate of the project we knew it in: archived, or no longer visible. If that project
        is there and may be browsed, the issue counts as DELETED. Jira answers 404 also for an issue that a
        security level hides from us; nothing short of a webhook tells the two apart.
        """
        match stream:
            case "issue":
                return await self._issues(ids, last_known)
            case "project":
                found = {name: await self._project(name) for name in ids}
                return {name: presence for name, presence in found.items() if presence}
            case "version" | "sprint":
                return await self._singles(stream, ids, last_known)
            case "worklog":
                return await self._worklogs(ids, last_known)
            case _:
                # A person whom no record names any more is still a person: history names them.
                return {}

    async def _issues(self, ids: Sequence[str], last_known: Mapping[str, Any]) -> dict[str, Presence]:
        chosen = {project.id for project in await self._site.projects()}
        answer: dict[str, Presence] = {}
        async for issue in find_issues(self._site, list(ids)):
            name, home = str(issue["id"]), str(issue["fields"]["project"]["id"])
            if issue["fields"].get("archiveddate"):
                # Archived one by one: such an issue answers when asked for, yet no search finds it.
                answer[name] = Presence.ARCHIVED
            elif home in chosen:
                answer[name] = Presence.PRESENT
            elif home == (_project_of(last_known.get(name)) or home):
                answer[name] = Presence.OUT_OF_SCOPE
            else:
                answer[name] = Presence.MOVED
        for name in ids:
            home_then = _project_of(last_known.get(name))
            if name in answer or home_then is None:
                continue
            presence = await self._project(home_then)
            if presence in (Presence.PRESENT, Presence.OUT_OF_SCOPE):
                # The project is there and ours to browse, the issue is not.
                answer[name] = Presence.DELETED
            elif presence:
                answer[name] = presence
        return answer

    async def _project(self, project_id: str) -> Presence | None:
        """DELETED only where Jira itself lists it in the trash; else a project that does not answer is
        LOST_ACCESS, the claim that is easier to take back."""
        if project_id not in self._projects:

            async def load() -> Presence | None:
                return await self._ask_project(project_id)

            self._projects[project_id] = Once(load)
        return await self._projects[project_id]()

    async def _ask_project(self, project_id: str) -> Presence | None:
        server = await self._site.server()
        visible = {project.id: project for project in await self._site.visible()}
        if project_id in visible:
            return Presence.PRESENT if self._site.selected(visible[project_id]) else Presence.OUT_OF_SCOPE
        answer, project = await self._site.http.send(
            "GET", f"{server.api}/project/{project_id}", decode=loads, also=(401, 403, 404), stream="project"
        )
        if answer.status == 200:
            if project.get("archived"):
                return Presence.ARCHIVED
            if project.get("deleted"):
                return Presence.DELETED
            # It answers by id but is not listed: seen, yet not ours to browse.
            return Presence.LOST_ACCESS
        if server.cloud:
            answer, page = await self._site.http.send(
                "GET",
                f"{server.api}/project/search",
                params={"id": project_id, "status": ["archived", "deleted"]},
                decode=loads,
                also=(400, 403, 404),
                stream="project",
            )
            for project in page.get("values") or () if answer.status == 200 else ():
                if str(project.get("id")) == project_id:
                    return Presence.ARCHIVED if project.get("archived") else Presence.DELETED
        return Presence.LOST_ACCESS

    async def _singles(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        server = await self._site.server()
        chosen = {project.id for project in await self._site.projects()}
        base = f"{server.api}/version" if stream == "version" else "rest/agile/1.0/sprint"
        answer: dict[str, Presence] = {}
        for name in ids:
            known = _project_of(last_known.get(name))
            reply, found = await self._site.http.send(
                "GET", f"{base}/{name}", decode=loads, also=(400, 403, 404), stream=stream
            )
            if reply.status == 200:
                home = str(found.get("projectId") or known or "")
                answer[name] = Presence.PRESENT if home in chosen or not home else Presence.OUT_OF_SCOPE
                continue
            fate = await self._project(known) if known else None
            if reply.status == 403:
                answer[name] = Presence.LOST_ACCESS
            elif fate in (Presence.PRESENT, Presence.OUT_OF_SCOPE):
                answer[name] = Presence.DELETED
            elif fate:
                answer[name] = fate
        return answer

    async def _worklogs(self, ids: Sequence[str], last_known: Mapping[str, Any]) -> dict[str, Presence]:
        """A worklog that is not in its own issue any more was deleted; else it shares its issue's fate."""
        issues: dict[str, str] = {}
        homes: dict[str, Any] = {}
        for name in ids:
            known = last_known.get(name)
            if isinstance(known, Mapping) and known.get("issueId"):
                issue = issues[name] = str(known["issueId"])
                homes[issue] = {"fields": {"project": {"id": _project_of(known)}}}
        fates = await self._issues(sorted(set(issues.values())), homes) if issues else {}
        server = await self._site.server()
        alive: set[str] = set()
        asked = [int(name) for name in issues if name.isdigit()]
        for start in range(0, len(asked), 1000):
            found = await self._site.http.json(
                "POST",
                f"{server.api}/worklog/list",
                body={"ids": asked[start : start + 1000]},
                decode=loads,
                stream="worklog",
            )
            alive |= {str(worklog["id"]) for worklog in found}
        answer = {}
        for name, issue in issues.items():
            fate = fates.get(issue)
            if fate is Presence.PRESENT:
                answer[name] = Presence.PRESENT if name in alive else Presence.DELETED
            elif fate:
                answer[name] = fate
        return answer


def _project_of(known: Any) -> str | None:
    """The project a stored record was last known in."""
    if not isinstance(known, Mapping):
        return None
    fields = known.get("fields")
    project = fields.get("project") if isinstance(fields, Mapping) else None
    if isinstance(project, Mapping) and project.get("id"):
        return str(project["id"])
    ours = known.get("portbook")
    found = (ours.get("project") if isinstance(ours, Mapping) else None) or known.get("projectId")
    return str(found) if found else None
