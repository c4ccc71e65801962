"""Why records that a complete read did not meet are missing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from adapters.base import Presence
from adapters.jira.boards import Boards
from adapters.jira.keys import find_issues, find_singly
from adapters.jira.payload import instant
from adapters.jira.reference import deleted_worklogs
from adapters.jira.site import Site
from adapters.json_body import loads
from adapters.once import Once


class Locator:
    def __init__(self, site: Site, boards: Boards) -> None:
        self._site = site
        self._boards = boards
        self._projects: dict[str, Once[Presence | None]] = {}
        self._hiding: dict[str, Once[bool]] = {}

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """An issue that answers is in a selected project (PRESENT), or elsewhere: MOVED when its project is
        not the one we knew it in, OUT_OF_SCOPE when it stayed and the selection changed. One that does not
        answer shares the fate of the project we knew it in: archived, or no longer visible. If that project
        is there and may be browsed, the issue is DELETED where Jira says that nothing hides single issues of that
        project, else LOST_ACCESS: it answers the same for a deleted issue and for one behind a security level.
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
            answer[str(issue["id"])] = _where(issue, chosen, last_known)
        homes = {
            name: home
            for name in ids
            if name not in answer and (home := _project_of(last_known.get(name))) is not None
        }
        fates = {home: await self._project(home) for home in dict.fromkeys(homes.values())}
        # The project is there and ours to browse, the issue is not.
        absent = [
            name for name, home in homes.items() if fates[home] in (Presence.PRESENT, Presence.OUT_OF_SCOPE)
        ]
        if absent and not (await self._site.server()).cloud:
            # Data Center has been asked by a search, which leaves issues out that are there.
            async for issue in find_singly(self._site, absent):
                answer[str(issue["id"])] = _where(issue, chosen, last_known)
        for name, home in homes.items():
            if name in answer:
                continue
            fate = fates[home]
            if fate in (Presence.PRESENT, Presence.OUT_OF_SCOPE):
                hidden = await self._hides_issues(home)
                fate = Presence.LOST_ACCESS if hidden else Presence.DELETED
            if fate:
                answer[name] = fate
        return answer

    async def _project(self, project_id: str) -> Presence | None:
        """DELETED only where Jira itself lists it in the trash; else a project that does not answer is
        LOST_ACCESS, the claim that is easier to take back."""
        if project_id not in self._projects:

            async def load() -> Presence | None:
                return await self._ask_project(project_id)

            self._projects[project_id] = Once(load)
        return await self._projects[project_id]()

    async def _hides_issues(self, project_id: str) -> bool:
        """Whether single issues of a project that we may browse can be hidden from us. Yes, unless Jira shows that
        they cannot: asking takes an account that administers the project. (An issue that was moved into a project
        we may not browse answers like a deleted one too; of this project, at least, it is gone.)"""
        if project_id not in self._hiding:

            async def load() -> bool:
                return await self._ask_security(project_id)

            self._hiding[project_id] = Once(load)
        return await self._hiding[project_id]()

    async def _ask_security(self, project_id: str) -> bool:
        for project in await self._site.visible():
            if project.id == project_id and project.data.get("simplified"):
                # Team-managed: every issue there can be restricted to roles, without any scheme.
                return True
        server = await self._site.server()
        answer, scheme = await self._site.http.send(
            "GET",
            f"{server.api}/project/{project_id}/issuesecuritylevelscheme",
            decode=loads,
            also=(400, 401, 403, 404),
            stream="issue",
        )
        if answer.status == 200:
            return not isinstance(scheme, Mapping) or bool(scheme.get("levels") or scheme.get("id"))
        # An account that may browse the project and not ask is told 403; 404 then says that there is no scheme.
        return answer.status != 404

    async def _ask_project(self, project_id: str) -> Presence | None:
        server = await self._site.server()
        visible = {project.id: project for project in await self._site.visible()}
        # Also of one that was listed: that may have been hours ago, and all that is in it would count as deleted.
        answer, project = await self._site.http.send(
            "GET", f"{server.api}/project/{project_id}", decode=loads, also=(401, 403, 404), stream="project"
        )
        if answer.status == 200:
            if project.get("archived"):
                return Presence.ARCHIVED
            if project.get("deleted"):
                return Presence.DELETED
            if project_id in visible and await self._site.may_browse(project_id):
                return Presence.PRESENT if self._site.selected(visible[project_id]) else Presence.OUT_OF_SCOPE
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
            if reply.status == 200 and stream == "sprint" and await self._unlisted(found):
                continue
            if reply.status == 200:
                home = str(found.get("projectId") or known or "")
                answer[name] = Presence.PRESENT if home in chosen or not home else Presence.OUT_OF_SCOPE
                continue
            fate = await self._project(known) if known else None
            if reply.status == 403 or (stream == "sprint" and await self._unlisted(last_known.get(name))):
                # Of a sprint whose board we cannot look into, Jira says the same when it is merely hidden from us.
                answer[name] = Presence.LOST_ACCESS
            elif fate in (Presence.PRESENT, Presence.OUT_OF_SCOPE):
                answer[name] = Presence.DELETED
            elif fate:
                answer[name] = fate
        return answer

    async def _unlisted(self, sprint: Any) -> bool:
        """Whether its board is gone, hidden, or has no sprints any more. A sprint outlives it, for its issues still
        name it: no list has it, and that says nothing of the lists that were read."""
        board = sprint.get("originBoardId") if isinstance(sprint, Mapping) else None
        return board is not None and str(board) not in {str(b["id"]) for b in await self._boards.all()}

    async def _worklogs(self, ids: Sequence[str], last_known: Mapping[str, Any]) -> dict[str, Presence]:
        """A worklog of an issue that is there was deleted where Jira lists it as deleted, else it is hidden from us
        (a worklog can be restricted to a role or a group); any other shares its issue's fate."""
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
        answer = {name: fate for name, issue in issues.items() if (fate := fates.get(issue))}
        lost = [name for name, fate in answer.items() if fate is Presence.PRESENT and name not in alive]
        if lost:
            deleted = await deleted_worklogs(self._site, _earliest(last_known[name] for name in lost))
            answer |= {name: Presence.DELETED if name in deleted else Presence.LOST_ACCESS for name in lost}
        return answer


def _earliest(known: Iterable[Any]) -> int:
    """Milliseconds at which the oldest of these stored worklogs was last changed; 0 where one does not say so."""
    moments = [instant(record.get("updated")) for record in known]
    return min((int(moment.timestamp() * 1000) if moment else 0 for moment in moments), default=0)


def _where(issue: Mapping[str, Any], chosen: Container[str], last_known: Mapping[str, Any]) -> Presence:
    """What became of an issue that answers; `chosen` are the ids of the selected projects."""
    home = str(issue["fields"]["project"]["id"])
    if issue["fields"].get("archiveddate"):
        # Archived one by one: such an issue answers when asked for, yet no search finds it.
        return Presence.ARCHIVED
    if home in chosen:
        return Presence.PRESENT
    known = _project_of(last_known.get(str(issue["id"])))
    return Presence.OUT_OF_SCOPE if home == (known or home) else Presence.MOVED


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
