"""The members of teams, and those who are only met inside other records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

from adapters.azure_devops.payload import identity, own_id, person_record
from adapters.azure_devops.site import Site, as_list
from adapters.azure_devops.teams import Teams
from adapters.base import Page, RawRecord
from adapters.errors import SourceMisbehaved

_PAGE = 500
_MOST_PAGES = 200


class People:
    """Each person travels once per run, with the same payload wherever it was met first."""

    def __init__(self, site: Site, teams: Teams) -> None:
        self._site = site
        self._teams = teams
        self._met: set[str] = set()
        self._by_name: dict[str, str] = {}
        """Unique name in small letters → id: for records that name people without their ids."""
        self._asked: set[str] = set()

    async def pages(self, *, full: bool) -> AsyncGenerator[Page, None]:
        """Members of teams, in a full read. Between full reads people come with the records that name them: asking
        every team every few minutes would be felt there."""
        if full:
            for team in await self._teams.all():
                records = self.met([member.get("identity") for member in await self._members(team)])
                if records:
                    yield Page(records, None)
        yield Page([], {"read": "whole"})

    async def _members(self, team: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for page in range(_MOST_PAGES):
            answer, members = await self._site.send(
                "GET",
                f"_apis/projects/{team['projectId']}/teams/{team['id']}/members",
                as_list,
                params={"$top": _PAGE, "$skip": page * _PAGE},
                also=(401, 403, 404),
                stream="user",
            )
            if answer.status != 200:
                return found  # gone since the teams were listed, or not ours to look into
            found += [member for member in members if isinstance(member, dict)]
            if len(members) < _PAGE:
                return found
            await asyncio.sleep(0)
        raise SourceMisbehaved("the list of a team's members does not end", stream="user")

    def is_new(self, name: str) -> bool:
        """Whether nobody of that unique name was met or asked about before in this run."""
        person = identity(name)
        unique = person.get("uniqueName", "").casefold() if person else ""
        new = bool(unique) and unique not in self._by_name and unique not in self._asked
        self._asked.add(unique)
        return new

    def met(self, values: Iterable[Any]) -> list[RawRecord]:
        """Records for those who were not met before in this run."""
        records = []
        for value in values:
            if isinstance(value, dict) and value.get("isContainer"):
                continue  # a group
            if own_id(value) in self._met:
                continue
            person = identity(value)
            if person is None:
                continue
            own = self._own(person)
            if own not in self._met:
                self._met.add(own)
                records.append(person_record({**person, "id": own}))
        return records

    def id_of(self, value: Any) -> str | None:
        """The id of whoever `value` names."""
        if own := own_id(value):
            return own
        person = identity(value)
        return self._own(person) if person else None

    def _own(self, person: Mapping[str, str]) -> str:
        unique = person.get("uniqueName", "").casefold()
        if person["id"] == unique:
            return self._by_name.get(unique, unique)
        if unique:
            self._by_name.setdefault(unique, person["id"])
        return person["id"]
