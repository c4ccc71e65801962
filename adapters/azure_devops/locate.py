"""Why records that a complete read did not meet are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.azure_devops.batch import find_ids, read_items
from adapters.azure_devops.links import links_of
from adapters.azure_devops.payload import decode
from adapters.azure_devops.site import Site, as_list, as_object, as_objects
from adapters.azure_devops.teams import Teams, members_of, planned
from adapters.base import Presence

_CHUNK = 200


class Locator:
    def __init__(self, site: Site, teams: Teams) -> None:
        self._site = site
        self._teams = teams
        self._areas: dict[int, bool] = {}

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """A work item that answers is in a selected project (PRESENT), or elsewhere: MOVED when its project is not
        the one we knew it in, OUT_OF_SCOPE when it stayed, or became a type nobody plans with. One that does not
        answer is DELETED when it lies in the recycle bin. Azure DevOps says the same of a destroyed work item and of
        one that an area hides from us: it counts as DELETED while other items of its area can be read, else as
        LOST_ACCESS, the claim that is easier to take back."""
        match stream:
            case "work_item":
                return await self._items(ids, last_known)
            case "project":
                return {name: await self._project(name) for name in ids}
            case "iteration":
                return await self._iterations(ids, last_known)
            case "link":
                return await self._links(ids)
            case "capacity":
                return await self._capacity(ids, last_known)
            case _:
                # A person whom no record names any more is still a person: history names them.
                return {}

    async def _project(self, project: str) -> Presence:
        """DELETED only where the tool itself lists it as deleted; else one that is not listed is LOST_ACCESS."""
        for found in await self._site.visible():
            if found.id == project:
                return Presence.PRESENT if self._site.selected(found) else Presence.OUT_OF_SCOPE
        answer, deleted = await self._site.send(
            "GET",
            "_apis/projects",
            as_list,
            params={"stateFilter": "deleted", "$top": 1000},
            also=(400, 401, 403, 404),
            stream="project",
        )
        if answer.status == 200 and any(str(found.get("id")) == project for found in deleted):
            return Presence.DELETED
        return Presence.LOST_ACCESS

    async def _items(self, ids: Sequence[str], last_known: Mapping[str, Any]) -> dict[str, Presence]:
        numbers = [int(name) for name in ids if name.isascii() and name.isdigit() and len(name) < 10]
        answer: dict[str, Presence] = {}
        fields = ["System.Id", "System.TeamProject", "System.WorkItemType"]
        for raw in await read_items(self._site, numbers, fields=fields):
            data = decode(raw)
            if not isinstance(data, dict):
                continue
            name = str(data["id"])
            project = await self._site.project_named(str(data["fields"].get("System.TeamProject") or ""))
            known = _project_of(last_known.get(name))
            if project is not None and self._site.selected(project):
                kind = (await self._site.process(project.id)).kind(
                    str(data["fields"].get("System.WorkItemType") or "")
                )
                answer[name] = Presence.OUT_OF_SCOPE if kind and kind.hidden else Presence.PRESENT
            elif project is not None and project.id == (known or project.id):
                answer[name] = Presence.OUT_OF_SCOPE
            else:
                answer[name] = Presence.MOVED
        missing: dict[str, list[str]] = {}
        for name in ids:
            if name not in answer and (home := _project_of(last_known.get(name))):
                missing.setdefault(home, []).append(name)
        for home, names in missing.items():
            fate = await self._project(home)
            if fate in (Presence.PRESENT, Presence.OUT_OF_SCOPE):
                answer |= await self._absent(home, names, last_known)
            else:
                answer |= dict.fromkeys(names, fate)
        return answer

    async def _absent(
        self, project: str, names: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """Items that do not answer although their project does."""
        binned: set[str] = set()
        numbers = [name for name in names if name.isascii() and name.isdigit()]
        for start in range(0, len(numbers), _CHUNK):
            reply, found = await self._site.send(
                "GET",
                f"{project}/_apis/wit/recyclebin",
                as_list,
                params={"ids": ",".join(numbers[start : start + _CHUNK])},
                also=(401, 403, 404),
                stream="work_item",
            )
            if reply.status == 200:
                # An element has a status of its own: of what is not in there it says no more than that.
                binned |= {
                    str(item.get("id"))
                    for item in found
                    if isinstance(item, dict) and item.get("code", 200) == 200
                }
        answer = {}
        for name in names:
            if name in binned:
                answer[name] = Presence.DELETED
                continue
            area = (last_known.get(name) or {}).get("fields", {}).get("System.AreaId")
            readable = isinstance(area, int) and await self._readable(area)
            answer[name] = Presence.DELETED if readable else Presence.LOST_ACCESS
        return answer

    async def _readable(self, area: int) -> bool:
        """Whether any work item of that area can be read."""
        if area not in self._areas:
            self._areas[area] = bool(await find_ids(self._site, f"[System.AreaId] = {area}", top=1))
        return self._areas[area]

    async def _iterations(self, ids: Sequence[str], last_known: Mapping[str, Any]) -> dict[str, Presence]:
        answer: dict[str, Presence] = {}
        for name in ids:
            home = _project_of(last_known.get(name))
            if home is None:
                continue
            fate = await self._project(home)
            if fate in (Presence.PRESENT, Presence.OUT_OF_SCOPE):
                known = {node.identifier for node in (await self._site.trees(home)).iterations}
                fate = fate if name in known else Presence.DELETED
            answer[name] = fate
        return answer

    async def _links(self, ids: Sequence[str]) -> dict[str, Presence]:
        """A link is asked for at both of its ends. One whose end cannot be read may be there all the same: it shares
        the cautious half of that end's fate."""
        kinds = await self._site.link_types()
        ends: dict[int, set[str]] = {}
        for name in ids:
            _, source, target = name.rsplit(":", 2)
            for end in (source, target):
                if end.isascii() and end.isdigit():
                    ends.setdefault(int(end), set()).add(name)
        there: set[str] = set()
        readable: set[int] = set()
        for raw in await read_items(self._site, sorted(ends), expand="Relations"):
            data = decode(raw)
            if isinstance(data, dict):
                readable.add(int(data["id"]))
                there |= {record.id for record in links_of(data, kinds)}
        answer = {}
        for name in ids:
            _, source, target = name.rsplit(":", 2)
            if name in there:
                answer[name] = Presence.PRESENT
            elif all(end.isdigit() and int(end) in readable for end in (source, target)):
                answer[name] = Presence.DELETED
            else:
                answer[name] = Presence.LOST_ACCESS
        return answer

    async def _capacity(self, ids: Sequence[str], last_known: Mapping[str, Any]) -> dict[str, Presence]:
        answer: dict[str, Presence] = {}
        sprints: dict[str, set[str] | Presence] = {}
        for name in ids:
            home = _project_of(last_known.get(name))
            if home is None:
                continue
            answer[name] = await self._project(home)
            if answer[name] is Presence.PRESENT:
                team, _, iteration = name.partition(":")
                if team not in sprints:
                    sprints[team] = await self._sprints(home, team)
                found = sprints[team]
                if isinstance(found, Presence):
                    answer[name] = found
                elif iteration not in found:
                    answer[name] = Presence.DELETED
                else:
                    answer[name] = await self._hours(home, team, iteration)
        return answer

    async def _sprints(self, project: str, team: str) -> set[str] | Presence:
        """The sprints in which a team can have hours; or what became of the team: DELETED where the project's teams
        are listed without it."""
        reply, iterations = await self._site.send(
            "GET",
            f"{project}/{team}/_apis/work/teamsettings/iterations",
            as_objects,
            also=(401, 403, 404),
            stream="capacity",
        )
        if reply.status == 200:
            return {str(found["id"]) for found in iterations if planned(found)}
        teams = await self._teams.of(project)
        gone = teams is not None and team not in {found["id"] for found in teams}
        return Presence.DELETED if gone else Presence.LOST_ACCESS

    async def _hours(self, project: str, team: str, iteration: str) -> Presence:
        reply, found = await self._site.send(
            "GET",
            f"{project}/{team}/_apis/work/teamsettings/iterations/{iteration}/capacities",
            as_object,
            also=(401, 403, 404),
            stream="capacity",
        )
        if reply.status != 200:
            return Presence.LOST_ACCESS
        return Presence.PRESENT if members_of(found) else Presence.DELETED


def _project_of(known: Any) -> str | None:
    """The project a stored record was last known in."""
    ours = known.get("portbook") if isinstance(known, Mapping) else None
    found = ours.get("project") if isinstance(ours, Mapping) else None
    return str(found) if found else None
