"""A Project Web App site as we found it: its projects and resources, and whether it still exists."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from adapters.errors import SourceMisbehaved, SourceRefused
from adapters.http import Http
from adapters.json_body import loads
from adapters.ms_project import odata
from adapters.ms_project.options import MsProjectOptions
from adapters.ms_project.units import day, guid, last_day
from adapters.once import Once

DATA = "_api/ProjectData/[en-US]"
"""The language is fixed, for the names of types and states are translated otherwise."""
SERVER = "_api/ProjectServer"
OVERLAP = timedelta(hours=2)
"""The feed is filled by a queue after publishing, and dates of the hour that a clock change repeats are ambiguous."""
_INTERNAL = "Timesheet Administrative Work Items"
_MOST_SHIFTS = 4
_SETS = {
    "Projects": ("projects", "pwa_project"),
    "ProjectBaselines": ("baselines of projects", "pwa_project"),
    "Resources": ("resources", "pwa_resource"),
    "Tasks": ("tasks", "pwa_task"),
    "Assignments": ("assignments", "pwa_assignment"),
    "TaskBaselines": ("rows of baselines", "pwa_baseline"),
    "Risks": ("risks", "pwa_risk"),
    "Issues": ("issues", "pwa_issue"),
    "Deliverables": ("deliverables", "pwa_deliverable"),
}
"""Entity set → what its rows are called, and the stream they belong to."""
_ONLINE = ".sharepoint.com"
UNASSIGNED = "b067ce64-9588-4b18-bf54-3491f76419c9"
"""The resource that work belongs to for as long as nobody is assigned to it; the same on every server."""
_LOCAL = "8847397e-b724-4eba-949a-dbe03842cf2a"
"""The resource that stands for those that a plan made up for itself; the same on every server."""

HINTS = {
    401: "Check `user`, with its domain, and `password`, or the `token`: it may have expired. If they are right, the "
    "server wants another sign-in: basic works where it allows that over https; NTLM, Kerberos and forms are not "
    "spoken here. Put a basic or token sign-in in front of it, or give a bearer token.",
    403: "The account lacks the global permission `Access Project Server Reporting Service` (in SharePoint permission "
    "mode: membership of Portfolio Viewers). Applications without a user have no access to this feed.",
    404: "Check `url`: it ends with the path of the PWA site, such as /pwa.",
    429: "The server limits requests. Lower `concurrency` or `per_second`, or run less often.",
}


class Project(NamedTuple):
    id: str
    name: str
    modified: str
    """When it last changed or was published, whichever is later, in the site's time."""


class Resource(NamedTuple):
    name: str
    kind: str
    """`person`, `role` (generic, or a team), or empty for material, cost and nobody."""


class Site:
    """Asks a PWA site about itself, through one `Http`."""

    def __init__(self, http: Http, options: MsProjectOptions) -> None:
        self.http = http
        self.options = options
        self.listed = Once(self._listed)
        self.resources = Once(self._resources)
        self.baselines = Once(self._baselines)
        self.unlinked: set[str] = set()
        """Projects whose links we may not see."""

    async def probe(self) -> None:
        """See that the feed answers. A Project Online site that is gone is told apart from a wrong address."""
        online = (urlsplit(self.http.base_url).hostname or "").endswith(_ONLINE)
        gone = (301, 302, 303, 307, 308, 403, 404, 410) if online else ()
        answer, _ = await self.http.send(
            "GET",
            f"{DATA}/Projects",
            params={"$top": "1", "$select": "ProjectId"},
            decode=odata.decode_set,
            also=gone,
            stream="pwa_project",
        )
        if answer.status in gone:
            raise SourceRefused(
                f"this Project Online site no longer answers ({answer.status}): Microsoft retired Project Online on "
                "30 September 2026",
                stream="pwa_project",
                detail=self.http.base_url,
                hint="What was read last stays in the register as it was; nothing counts as deleted. Read the plans "
                "where they live now (api dataverse or files) as a source of its own, and leave this one paused."
                + (
                    " A 403 can also mean that the account lost its reporting right."
                    if answer.status == 403
                    else ""
                ),
            )

    async def entities(
        self, name: str, params: Mapping[str, str], stream: str
    ) -> AsyncGenerator[odata.Set, None]:
        """The pages of an entity set of the feed."""
        async with aclosing(odata.pages(self.http, f"{DATA}/{name}", params, stream=stream)) as pages:
            async for page in pages:
                yield page

    async def steady(
        self, name: str, params: Mapping[str, str], *key: str, of: str = ""
    ) -> AsyncGenerator[odata.Set | None, None]:
        """The pages of a set, behind a None. When rows came or went meanwhile, all of them again behind another None,
        for a server that counts its pages in rows then leaves others out. `key` tells the rows apart."""
        called, stream = _SETS[name]
        totals: set[int] = set()
        seen: set[tuple[bytes, ...]] = set()
        # Found in the text: decoding each row for its key alone would be felt.
        members = [re.compile(rb'"%b"\s*:\s*"?([^",}\s]+)' % member.encode()) for member in key]
        for _ in range(_MOST_SHIFTS):
            totals, seen = set(), set()
            yield None
            async for page in self.entities(name, {**params, "$inlinecount": "allpages"}, stream):
                totals |= {page.total} if page.total is not None else set()
                for raw in page.raws:
                    found = [member.search(raw) for member in members]
                    seen.add(tuple(match[1] for match in found if match) if all(found) else (raw,))
                yield page
            if len(totals) < 2 and len(seen) >= max(totals, default=0):
                return
        raise SourceMisbehaved(
            f"the feed counts {max(totals)} {called}{of and f' in {of}'} and lists {len(seen)}",
            stream=stream,
            detail=self.http.base_url,
            hint="They are being changed just now. Nothing was deleted; the next run tries again.",
        )

    async def projects(self) -> list[Project]:
        """The projects to read."""
        wanted = self.options.select.projects
        listed = await self.listed()
        if wanted is None:
            return listed
        names = {name.strip().casefold() for name in wanted}
        chosen = [p for p in listed if p.id in names or p.name.casefold() in names]
        if not chosen:
            raise SourceRefused(
                f"none of the selected projects is published there: {', '.join(wanted)}",
                stream="pwa_project",
                detail=self.http.base_url,
                hint="Check select.projects. Published are: " + ", ".join(p.name for p in listed[:20]),
            )
        return chosen

    def wanted(self, data: dict[str, Any]) -> bool:
        """Whether a project is of a kind that is read at all."""
        return data.get("ProjectType") in self.options.project_types and data.get("ProjectName") != _INTERNAL

    async def _listed(self) -> list[Project]:
        """Every published project of the wanted types, selected or not."""
        fields = "ProjectId,ProjectName,ProjectType,ProjectModifiedDate,ProjectLastPublishedDate"
        found: dict[str, Project] = {}
        params = {"$select": fields, "$orderby": "ProjectId"}
        async for page in self.steady("Projects", params, "ProjectId"):
            if page is None:
                found = {}
            for raw in page.raws if page is not None else ():
                data = loads(raw)
                if isinstance(data, dict) and (own := guid(data.get("ProjectId"))) and self.wanted(data):
                    stamps = (data.get("ProjectModifiedDate"), data.get("ProjectLastPublishedDate"))
                    modified = max((odata.stamp(stamp) or "" for stamp in stamps), default="")
                    found[own] = Project(own, str(data.get("ProjectName") or own), modified)
        return list(found.values())

    async def _resources(self) -> dict[str, Resource]:
        fields = (
            "ResourceId,ResourceName,ResourceIsGeneric,ResourceIsTeam,ResourceMaterialLabel,"
            "ResourceEmailAddress,ResourceNTAccount,TypeName"
        )
        found: dict[str, Resource] = {}
        params = {"$select": fields, "$orderby": "ResourceId"}
        async for page in self.steady("Resources", params, "ResourceId"):
            if page is None:
                found = {}
            for raw in page.raws if page is not None else ():
                data = loads(raw)
                if isinstance(data, dict) and (own := guid(data.get("ResourceId"))):
                    found[own] = Resource(str(data.get("ResourceName") or ""), resource_kind(data))
        return found

    async def _baselines(self) -> dict[str, tuple[str | None, str | None]]:
        """Start and finish of each project in its baseline, which is the one numbered 0."""
        found: dict[str, tuple[str | None, str | None]] = {}
        fields = "ProjectId,BaselineNumber,ProjectBaselineStartDate,ProjectBaselineFinishDate"
        params = {"$filter": "BaselineNumber eq 0", "$select": fields, "$orderby": "ProjectId"}
        async for page in self.steady("ProjectBaselines", params, "ProjectId"):
            if page is None:
                found = {}
            for raw in page.raws if page is not None else ():
                data = loads(raw)
                if isinstance(data, dict) and (own := guid(data.get("ProjectId"))):
                    start = odata.moment(data.get("ProjectBaselineStartDate"))
                    finish = odata.moment(data.get("ProjectBaselineFinishDate"))
                    found[own] = (day(start), last_day(start, finish))
        return found

    async def person_named(self, name: Any) -> str | None:
        """The resource of that very name, where the site has exactly one: names of its resources are unique. Logs of
        risks and issues know their people by name only."""
        people = await self._by_name()
        return people.get(name) if isinstance(name, str) else None

    async def _by_name(self) -> dict[str, str | None]:
        if not hasattr(self, "_names"):
            names: dict[str, str | None] = {}
            for own, resource in (await self.resources()).items():
                if resource.kind == "person":
                    names[resource.name] = None if resource.name in names else own
            self._names = names
        return self._names


def resource_kind(data: dict[str, Any]) -> str:
    """Material and cost are no people. What the numbers of `ResourceType` mean is not documented, so the other signs
    are read: only people have an account or an address."""
    own = guid(data.get("ResourceId"))
    if own == UNASSIGNED:
        return ""
    if own == _LOCAL or data.get("ResourceIsGeneric") is True or data.get("ResourceIsTeam") is True:
        return "role"
    if data.get("ResourceEmailAddress") or data.get("ResourceNTAccount"):
        return "person"
    name = str(data.get("TypeName") or "").casefold()
    return "" if data.get("ResourceMaterialLabel") or "material" in name or "cost" in name else "person"


def site_time(text: str) -> datetime:
    """A moment of the feed, which is in the site's time and names no zone."""
    return datetime.fromisoformat(text[:19])
