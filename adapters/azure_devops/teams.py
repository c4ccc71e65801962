"""Teams, and the hours their members have in each sprint."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.azure_devops.payload import identity, instant
from adapters.azure_devops.site import Site, as_list, as_object, as_objects
from adapters.base import Cursor, Page, RawRecord
from adapters.errors import SourceMisbehaved
from adapters.json_body import with_portbook
from adapters.once import Once

_PAGE = 100
_MOST_PAGES = 200
EVERY = timedelta(hours=1)
"""How often capacity is read between full runs: it costs requests per team and sprint."""
LOOK_BACK = timedelta(days=30)

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Teams:
    def __init__(self, site: Site) -> None:
        self._site = site
        self.all = Once(self._all)

    async def _all(self) -> list[dict[str, Any]]:
        """Teams of the selected projects, by project and name."""
        found: list[dict[str, Any]] = []
        for project in await self._site.projects():
            found += await self.of(project.id) or ()
        return found

    async def of(self, project: str) -> list[dict[str, Any]] | None:
        """Teams of one project by name; None where they are not ours to see."""
        found: list[dict[str, Any]] = []
        for page in range(_MOST_PAGES):
            answer, teams = await self._site.send(
                "GET",
                f"_apis/projects/{project}/teams",
                as_list,
                params={"$top": _PAGE, "$skip": page * _PAGE},
                also=(403, 404),
                stream="capacity",
            )
            if answer.status != 200:
                return None
            found += [
                {**team, "projectId": project} for team in teams if isinstance(team, dict) and team.get("id")
            ]
            if len(teams) < _PAGE:
                return found
        raise SourceMisbehaved("the list of teams does not end", stream="capacity", detail=project)


class Capacity:
    """One record for each team's sprint in which somebody has hours."""

    def __init__(self, site: Site, teams: Teams, met: Callable[[Iterable[Any]], list[RawRecord]]) -> None:
        """`met` gives the records of people who were not met before: somebody with hours may have left the team."""
        self._site = site
        self._teams = teams
        self._met = met

    async def pages(self, cursor: Cursor | None, *, full: bool) -> AsyncGenerator[Page, None]:
        now = self._site.http.tool_now()
        read_at = instant((cursor or {}).get("read_at"))
        if not full and read_at and now - read_at < EVERY:
            yield Page([], cursor)
            return
        since = None if full else now - LOOK_BACK
        for team in await self._teams.all():
            records = await self._of(team, since)
            if records:
                yield Page(records, None)
        yield Page([], {"read_at": now.isoformat()})

    async def _of(self, team: Mapping[str, Any], since: datetime | None) -> list[RawRecord]:
        base = f"{team['projectId']}/{team['id']}/_apis/work/teamsettings"
        answer, iterations = await self._site.send(
            "GET", f"{base}/iterations", as_objects, also=(403, 404), stream="capacity"
        )
        if answer.status != 200:
            return []
        settings: Mapping[str, Any] | None = None
        records = []
        for iteration in iterations:
            finish = planned(iteration)
            if finish is None or (since and finish < since):
                continue
            place = f"{base}/iterations/{iteration['id']}"
            payload: list[bytes] = []
            answer, found = await self._site.send(
                "GET",
                f"{place}/capacities",
                _kept(payload),
                also=(403, 404),
                stream="capacity",
            )
            if answer.status != 200 or not members_of(found):
                continue
            if settings is None:
                settings = await self._asked(base)
            days = await self._asked(f"{place}/teamdaysoff")
            records += self._met(member.get("teamMember") for member in members_of(found))
            records.append(self._record(team, iteration, payload[-1], found, settings, days))
        return records

    async def _asked(self, path: str) -> dict[str, Any]:
        """What a team says that had hours a moment ago. Without it these could not be counted."""
        answer, found = await self._site.send("GET", path, as_object, also=(403, 404), stream="capacity")
        if answer.status != 200:
            raise SourceMisbehaved(
                f"a team whose capacity was just read answers {answer.status}",
                stream="capacity",
                detail=f"GET {self._site.http.base_url}/{path}",
                hint="It may have been deleted or hidden just now; the next run notices by itself.",
            )
        return found

    def _record(
        self,
        team: Mapping[str, Any],
        iteration: Mapping[str, Any],
        payload: bytes,
        data: dict[str, Any],
        settings: Mapping[str, Any],
        team_off: Mapping[str, Any],
    ) -> RawRecord:
        own = f"{team['id']}:{iteration['id']}"
        attributes = iteration["attributes"]
        start, finish = instant(attributes.get("startDate")), instant(attributes.get("finishDate"))
        working = {str(name).lower() for name in settings.get("workingDays") or _DAYS[:5]}
        days = _days(start, finish, working) - _off(team_off.get("daysOff"), start, finish)
        rows: dict[str, dict[str, Any]] = {}
        for member in members_of(data):
            if not (person := identity(member.get("teamMember"))):
                continue
            present = len(days - _off(member.get("daysOff"), start, finish))
            for activity in member.get("activities") or ():
                hours = activity.get("capacityPerDay") if isinstance(activity, dict) else None
                if not isinstance(hours, int | float) or not hours:
                    continue
                role = str(activity.get("name") or "")
                name = f"{own}:{person['id']}:{role}"
                row = rows.setdefault(name, {"id": name, "person": person["id"], "hours": 0})
                row["hours"] = round(row["hours"] + hours * present, 4)
                if role:
                    row["role"] = role
        extra: dict[str, Any] = {
            "project": team["projectId"],
            "team": str(team.get("name") or ""),
            "iteration": str(iteration["id"]),
            "title": f"{team.get('name')}: {iteration.get('name')}",
            "rows": list(rows.values()),
        }
        if start:
            extra["start_on"] = start.date().isoformat()
        if finish:
            extra["finish_on"] = finish.date().isoformat()
        payload, data = with_portbook(payload, data, extra)
        return RawRecord("capacity", own, payload, data)


def members_of(capacity: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Whose hours a team's capacity names: with totals beside them, or on older servers a plain list."""
    found = capacity.get("teamMembers", capacity.get("value"))
    return [member for member in found if isinstance(member, dict)] if isinstance(found, list) else []


def planned(iteration: Mapping[str, Any]) -> datetime | None:
    """When a sprint ends; None for one without dates, in which nobody can have hours."""
    attributes = iteration.get("attributes")
    if not isinstance(attributes, Mapping) or not iteration.get("id"):
        return None
    return instant(attributes.get("finishDate"))


def _kept(into: list[bytes]) -> Any:
    """Decodes, and keeps the body as it was sent."""

    def read(body: bytes) -> dict[str, Any]:
        into.append(body)
        return as_object(body)

    return read


_MOST_DAYS = 3_660
"""Longer than any plan: the year 9999, and whatever else was mistyped."""


def _days(start: datetime | None, finish: datetime | None, working: set[str]) -> set[str]:
    """Working days from start to finish. Iteration dates are midnight in UTC: the day stands in them."""
    if start is None or finish is None or finish - start > timedelta(days=_MOST_DAYS):
        return set()
    found, at = set(), start.astimezone(UTC)
    while at.date() <= finish.date():
        if _DAYS[at.weekday()] in working:
            found.add(at.date().isoformat())
        at += timedelta(days=1)
    return found


def _off(ranges: Any, start: datetime | None, finish: datetime | None) -> set[str]:
    """The days of these ranges between start and finish: somebody may be away for years."""
    found: set[str] = set()
    for span in ranges if isinstance(ranges, list) else ():
        if not isinstance(span, dict):
            continue
        begin, end = instant(span.get("start")), instant(span.get("end"))
        if begin and end and start and finish:
            found |= _days(max(begin, start), min(end, finish), set(_DAYS))
    return found
