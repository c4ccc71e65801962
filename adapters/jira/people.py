"""The users of a site, and those who are only met inside other records."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, NamedTuple

from adapters.base import Page, RawRecord
from adapters.errors import SourceMisbehaved
from adapters.jira.payload import user_payload, user_record
from adapters.jira.site import Site, as_array, user_id
from adapters.once import Once

_MOST_PAGES = 2000
_PAGE = 1000


class Directory(NamedTuple):
    payloads: tuple[bytes, ...]
    ids: frozenset[str]
    listed: bool
    """False when the account may not browse users; people then come from the records that name them."""


class People:
    """Each person travels once per run, with the same payload wherever it was met first."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.directory = Once(self._load)
        self._met: set[str] = set()

    async def _load(self) -> Directory:
        server = await self._site.server()
        asked, start, payloads = set[str](), 0, dict[str, bytes]()
        for _ in range(_MOST_PAGES):
            if server.cloud:
                path, params = "users/search", dict[str, Any]()
            else:
                path, params = "user/search", {"username": ".", "includeInactive": "true"}
            params |= {"startAt": start, "maxResults": _PAGE}
            answer, users = await self._site.http.send(
                "GET",
                f"{server.api}/{path}",
                params=params,
                decode=as_array,
                also=(400, 403, 404),
                stream="user",
            )
            if answer.status != 200:
                return Directory((), frozenset(), listed=False)
            fresh = [user for user in users if (who := user_id(user)) and who not in asked]
            for user in fresh:
                asked.add(str(user_id(user)))
                # Apps and portal customers are no staff; one who is assigned work still comes with the issue.
                if user.get("accountType", "atlassian") == "atlassian":
                    payloads[str(user_id(user))] = user_payload(user)
            # The list may be shorter than asked for before it ends (filtered after paging), so only an empty
            # answer ends it; DC may repeat rows beyond the end.
            if not users or not fresh:
                return Directory(tuple(payloads.values()), frozenset(payloads), listed=True)
            start += len(users) if not server.cloud else _PAGE
        raise SourceMisbehaved(
            "the list of users does not end", stream="user", detail=self._site.http.base_url
        )

    async def pages(self) -> AsyncGenerator[Page, None]:
        directory = await self.directory()
        payloads = directory.payloads
        for start in range(0, len(payloads), _PAGE):
            yield Page(
                [user_record(payload) for payload in payloads[start : start + _PAGE]], None, len(payloads)
            )
        yield Page([], {"read": "whole"}, len(payloads))

    async def newly_met(self, users: Iterable[Mapping[str, Any]]) -> list[RawRecord]:
        """Records for those who are neither in the directory nor met before in this run."""
        directory = await self.directory()
        records = []
        for user in users:
            who = user_id(user)
            if who and who not in directory.ids and who not in self._met:
                self._met.add(who)
                records.append(user_record(user_payload(user)))
        return records
