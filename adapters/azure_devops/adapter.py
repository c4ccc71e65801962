"""AzureDevOpsAdapter: the partitions of an organisation, and who reads which."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, ClassVar, Self

import httpx
from pydantic import BaseModel

from adapters.azure_devops.batch import CHUNK
from adapters.azure_devops.discover import discover
from adapters.azure_devops.hooks import subscribe
from adapters.azure_devops.items import Items
from adapters.azure_devops.links import Links
from adapters.azure_devops.locate import Locator
from adapters.azure_devops.options import AzureDevOpsOptions, credentials
from adapters.azure_devops.people import People
from adapters.azure_devops.reference import iteration_pages, project_pages
from adapters.azure_devops.site import HINTS, Project, Site, as_list
from adapters.azure_devops.teams import Capacity, Teams
from adapters.base import Counted, Cursor, Hint, Identity, Page, Partition, Presence, Stream, Subscribed
from adapters.errors import SourceMisbehaved
from adapters.http import Http, Patience
from adapters.selected import unmet
from adapters.sign_in import Refresh


class AzureDevOpsAdapter:
    """Reads an organisation of Azure DevOps Services, or a collection of Azure DevOps Server. It keeps what it learnt
    (projects, processes, people met), so an instance serves one run.

    `refresh` gives the token again when it is refused in mid run.
    """

    kind: ClassVar[str] = "azure_devops"
    options: ClassVar[type[BaseModel]] = AzureDevOpsOptions

    def __init__(
        self,
        options: AzureDevOpsOptions,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        refresh: Refresh | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._http = Http(
            options.url,
            credentials(options.auth, refresh),
            concurrency=options.concurrency,
            per_second=options.per_second,
            # Asks for refusals as statuses instead of redirects to a page to sign in on.
            headers={"X-TFS-FedAuthRedirect": "Suppress", "Accept-Language": "en"},
            hints=HINTS,
            signed_out=(203, 302),
            patience=patience,
            transport=transport,
        )
        self._options = options
        self._site = Site(self._http, options)
        self._teams = Teams(self._site)
        self._people = People(self._site, self._teams)
        self._items = Items(self._site, self._people)
        self._links = Links(self._site)
        self._capacity = Capacity(self._site, self._teams, self._people.met)
        self._locator = Locator(self._site, self._teams)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__(*exc)

    async def check(self) -> Identity:
        """Who we are and what is missing. Raises SourceRefused when nothing could be read at all."""
        connection = await self._site.connection()
        await self._site.fields()
        visible = await self._site.visible()
        warnings = []
        projects = await self._site.projects()
        if not await self._site.feeds():
            warnings.append(
                "the reporting feeds are refused: work items are read by query, and deletions and removed links are "
                "found by the daily complete run only"
            )
        answer, _ = await self._site.send(
            "GET",
            f"{projects[0].id}/_apis/wit/recyclebin",
            as_list,
            params={"ids": 1},  # whether it answers is all that is asked
            also=(401, 403, 404),
            stream="work_item",
        )
        if answer.status in (401, 403):
            warnings.append(
                "missing permission Delete and restore work items: without the recycle bin, a deleted work item that "
                "a complete run misses may be shown as one we lost access to"
            )
        product = (
            f"Azure DevOps {'Services' if connection.services else 'Server'}, interface {connection.version}"
        )
        missing = unmet(self._options.select.projects, ((p.name, p.id) for p in visible))
        zone = self._options.timezone or ""
        return Identity(connection.account, product, zone, tuple(warnings), missing)

    async def discover(self) -> list[Stream]:
        return await discover(self._site)

    async def partitions(self) -> list[Partition]:
        """One partition for all work items where everything is read: the feed of the organisation tells of moves
        between projects, and costs one request when nothing changed. Where projects are selected, one for each."""
        projects = await self._site.projects()
        found = [
            Partition("users", ("user",), "people", first=True),
            Partition("projects", ("project",), "projects", first=True),
            Partition("iterations", ("iteration",), "iterations", first=True),
        ]
        feeds = await self._site.feeds()
        streams = ("work_item",) if feeds else ("work_item", "link")
        if self._options.select.projects is None:
            found.append(Partition("work_items", streams, "work items"))
            if feeds:
                found.append(Partition("links", ("link",), "links"))
        else:
            for project in projects:
                found.append(Partition(f"work_items:{project.id}", streams, f"work items of {project.name}"))
                if feeds:
                    found.append(Partition(f"links:{project.id}", ("link",), f"links of {project.name}"))
        if self._options.capacity:
            found.append(Partition("capacity", ("capacity",), "capacity of teams"))
        return found

    async def read(
        self, partition: Partition, cursor: Cursor | None, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        """See `Adapter.read`. Projects and iterations are read whole each time; people and capacity whole in a full
        read, in between as far as work items name them and at most once an hour."""
        name, _, project_id = partition.name.partition(":")
        pages: AsyncGenerator[Page, None]
        match name:
            case "users":
                pages = self._people.pages(full=full)
            case "projects":
                pages = project_pages(self._site)
            case "iterations":
                pages = iteration_pages(self._site)
            case "work_items":
                pages = self._items.pages(await self._project(project_id), cursor, full=full)
            case "links":
                await self._project(project_id)
                pages = self._links.pages(project_id, cursor, full=full)
            case "capacity":
                pages = self._capacity.pages(cursor, full=full)
            case _:
                raise SourceMisbehaved(f"Azure DevOps has no partition {partition.name!r}")
        # Closed here, not some time later by the collector: a page may be on its way.
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def reread(self, hints: Sequence[Hint]) -> AsyncGenerator[Page, None]:
        """See `Rereads`. Work items by id, with the people they name and the links they have; a link that was removed
        is found by the next incremental run."""
        named = [int(h.id) for h in hints if h.stream == "work_item" and h.id.isascii() and h.id.isdigit()]
        for start in range(0, len(named), CHUNK):
            yield Page(await self._items.again(named[start : start + CHUNK]), None)

    async def subscribe(self, address: str, secret: str) -> list[Subscribed]:
        return await subscribe(self._site, address, secret)

    async def resubscribe(self, subscription_id: str) -> Subscribed | None:
        """A service hook does not end; it is disabled by Azure DevOps when it fails for long."""
        return Subscribed(subscription_id, "service hook")

    async def _project(self, project_id: str) -> Project | None:
        if not project_id:
            return None
        for project in await self._site.projects():
            if project.id == project_id:
                return project
        raise SourceMisbehaved(
            f"project {project_id} is not visible to the account any more",
            stream="work_item",
            detail=self._options.url,
            hint="The next run notices by itself. If it is not meant, make the account a Reader of it again.",
        )

    async def counted(self) -> Sequence[str]:
        """Projects and work items; the rest has no query that gives ids alone."""
        return ("project", "work_item")

    async def census(self) -> AsyncGenerator[list[Counted], None]:
        yield [Counted("project", project.id, project.id) for project in await self._site.projects()]
        async with aclosing(self._items.ids()) as pages:
            async for page in pages:
                yield page

    async def changed(self, stream: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        return await self._items.changed(ids) if stream == "work_item" else {}

    async def aliases(self) -> Mapping[str, str]:
        return await self._site.aliases()

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        return await self._locator.locate(stream, ids, last_known)
