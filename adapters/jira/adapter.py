"""JiraAdapter: the partitions of a site, and who reads which."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, ClassVar, Self

import httpx
from pydantic import BaseModel

from adapters.base import Counted, Cursor, Hint, Identity, Page, Partition, Presence, Stream, Subscribed
from adapters.errors import SourceMisbehaved
from adapters.http import Http, Patience
from adapters.jira.again import reread
from adapters.jira.boards import Boards
from adapters.jira.census import Ids
from adapters.jira.discover import discover
from adapters.jira.hooks import subscribe
from adapters.jira.issues import Issues
from adapters.jira.locate import Locator
from adapters.jira.options import JiraOptions, sign_in
from adapters.jira.people import People
from adapters.jira.reference import project_pages, version_pages, worklog_pages
from adapters.jira.site import HINTS, Site, as_object
from adapters.selected import unmet
from adapters.sign_in import Refresh

BOARD_SCOPES = (
    "read:board-scope:jira-software, read:sprint:jira-software, read:board-scope.admin:jira-software and "
    "read:project:jira"
)
"""Boards, sprints, and which field holds story points: `x-atlassian-oauth2-scopes` of Jira Software's own interface
description."""


class JiraAdapter:
    """Reads a Jira site, Cloud or Data Center. It keeps what it learnt about the site (projects, fields,
    people met), so an instance serves one run.

    `refresh` gives the secret again when Jira refuses it in mid run (an OAuth token that expired).
    """

    kind: ClassVar[str] = "jira"
    options: ClassVar[type[BaseModel]] = JiraOptions

    def __init__(
        self,
        options: JiraOptions,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        refresh: Refresh | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._http = Http(
            options.url,
            sign_in(options.auth, refresh),
            concurrency=options.concurrency,
            per_second=options.per_second,
            headers={"Accept-Language": "en", "X-Force-Accept-Language": "true"},
            hints=HINTS,
            patience=patience,
            transport=transport,
        )
        self._site = Site(self._http, options)
        self._options = options
        self._boards = Boards(self._site)
        self._people = People(self._site)
        self._issues = Issues(self._site, self._boards, self._people)
        self._locator = Locator(self._site, self._boards)
        self._ids = Ids(self._site)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__(*exc)

    async def check(self) -> Identity:
        """Who we are and what is missing. Raises SourceRefused when nothing could be read at all."""
        server = await self._site.server()
        warnings = []
        wanted = {
            "BROWSE_PROJECTS": "Browse Projects (in each project's permission scheme): issues of projects without it "
            "are simply absent",
            "USER_PICKER": "Browse users and groups (Settings, System, Global permissions): people are then known from "
            "the issues that name them",
        }
        answer = await self._http.json(
            "GET",
            f"{server.api}/mypermissions",
            params={"permissions": ",".join(wanted)} if server.cloud else None,
            decode=as_object,
        )
        held = answer.get("permissions") or {}
        for name, meaning in wanted.items():
            if not (held.get(name) or {}).get("havePermission", False):
                warnings.append(f"missing permission {meaning}")
        visible = await self._site.visible()
        await self._site.projects()
        if self._options.boards and not await self._site.has_boards():
            scopes = f", a scoped token {BOARD_SCOPES}" if server.cloud else ""
            warnings.append(
                "boards are not visible: no sprints, and story points only by field name. The account needs access to "
                f"Jira Software{scopes}; `boards: false` says that there are none"
            )
        if server.zone is None:
            warnings.append(
                f"the account's time zone ({server.zone_name or 'none'}) is unknown here: "
                "every run re-reads a day"
            )
        product = f"Jira {'Cloud' if server.cloud else 'Data Center'} {server.version}"
        missing = unmet(self._options.select.projects, ((p.key, *p.old_keys) for p in visible))
        return Identity(server.account, product, server.zone_name, tuple(warnings), missing)

    async def discover(self) -> list[Stream]:
        return await discover(self._site)

    async def partitions(self) -> list[Partition]:
        found = [
            # People first: a project names its lead.
            Partition("users", ("user",), "people", first=True),
            Partition("projects", ("project",), "projects", first=True),
            Partition("versions", ("version",), "versions"),
        ]
        if await self._site.has_boards():
            found.append(Partition("sprints", ("sprint",), "sprints"))
        found += [
            Partition(f"issues:{project.id}", ("issue",), f"issues of {project.key}")
            for project in await self._site.projects()
        ]
        if self._options.worklogs:
            found.append(Partition("worklogs", ("worklog",), "logged work"))
        return found

    async def read(
        self, partition: Partition, cursor: Cursor | None, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        """See `Adapter.read`. Projects, people, versions and sprints have no change date: they are read whole
        each time, and their pages repeat what did not change."""
        name, _, project_id = partition.name.partition(":")
        pages: AsyncGenerator[Page, None]
        match name:
            case "projects":
                pages = project_pages(self._site, self._people)
            case "users":
                pages = self._people.pages()
            case "versions":
                pages = version_pages(self._site)
            case "sprints":
                pages = self._boards.sprint_pages()
            case "worklogs":
                pages = worklog_pages(self._site, self._people, cursor, full=full)
            case "issues":
                project = next((p for p in await self._site.projects() if p.id == project_id), None)
                if project is None:
                    raise SourceMisbehaved(
                        f"project {project_id} is not visible to the account any more",
                        stream="issue",
                        detail=self._options.url,
                        hint="The next run notices by itself. If it is not meant, give Browse Projects back.",
                    )
                pages = self._issues.pages(project, cursor, full=full)
            case _:
                raise SourceMisbehaved(f"Jira has no partition {partition.name!r}")
        # Closed here, not some time later by the collector: a page may be on its way.
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def reread(self, hints: Sequence[Hint]) -> AsyncGenerator[Page, None]:
        async with aclosing(reread(self._site, self._issues, self._people, hints)) as pages:
            async for page in pages:
                yield page

    async def subscribe(self, address: str, secret: str) -> list[Subscribed]:
        return await subscribe(self._http, address, secret)

    async def resubscribe(self, subscription_id: str) -> Subscribed | None:
        """An administrator's webhook does not end."""
        return Subscribed(subscription_id, "webhook")

    async def counted(self) -> Sequence[str]:
        """Projects and issues. People and logged work have no listing of their own that ends."""
        return ("project", "issue")

    async def census(self) -> AsyncGenerator[list[Counted], None]:
        async with aclosing(self._ids.pages()) as pages:
            async for page in pages:
                yield page

    async def changed(self, stream: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        return await self._ids.changed(stream, ids)

    async def aliases(self) -> Mapping[str, str]:
        return (await self._site.fields()).names

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        return await self._locator.locate(stream, ids, last_known)
