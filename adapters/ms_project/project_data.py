"""ProjectDataReader: the reporting feed of Project Server (and of Project Online, for whoever still replays one).

A project that changed is read again whole, for publishing touches every task and says of none that it changed. Risks,
issues and deliverables live in the projects' own sites, change by themselves, and are read by their own dates.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

import httpx

from adapters.base import Counted, Cursor, Identity, Page, Partition, Presence, RawRecord, SourceField, Stream
from adapters.errors import SourceMisbehaved, SourceRefused
from adapters.http import Http, Patience
from adapters.json_body import loads
from adapters.ms_project import odata, pwa_records
from adapters.ms_project.options import MsProjectOptions, credentials
from adapters.ms_project.pwa import DATA, HINTS, OVERLAP, Site, resource_kind, site_time
from adapters.ms_project.pwa_links import links_of
from adapters.ms_project.pwa_plan import PLAN_STREAMS, plan_pages
from adapters.ms_project.units import guid
from adapters.selected import unmet
from adapters.sign_in import Refresh

_IDS_AT_ONCE = 12
"""Keys in one filter: an address longer than some 2,000 characters is refused."""


class Log(NamedTuple):
    """What the projects' own sites keep."""

    entity_set: str
    stream: str
    key: str


LOGS = {
    "risks": Log("Risks", "pwa_risk", "RiskId"),
    "issues": Log("Issues", "pwa_issue", "IssueId"),
    "deliverables": Log("Deliverables", "pwa_deliverable", "DeliverableId"),
}
_SETS = {
    "pwa_project": "Projects",
    "pwa_task": "Tasks",
    "pwa_assignment": "Assignments",
    "pwa_resource": "Resources",
    "pwa_risk": "Risks",
    "pwa_issue": "Issues",
    "pwa_deliverable": "Deliverables",
}


class ProjectDataReader:
    """Reads a PWA site. It keeps what it learnt about the site, so an instance serves one run."""

    def __init__(
        self,
        options: MsProjectOptions,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        refresh: Refresh | None = None,
        patience: Patience | None = None,
    ) -> None:
        if options.url is None or options.auth is None:
            raise AssertionError("the options were not validated")
        self._http = Http(
            options.url,
            credentials(options.auth, options.url, refresh),
            concurrency=options.concurrency,
            per_second=options.per_second,
            hints=HINTS,
            patience=patience,
            transport=transport,
        )
        self._options = options
        self._site = Site(self._http, options)
        self._samples: dict[str, list[dict[str, Any]]] = {}
        self._linked: dict[str, bool] = {}

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__(*exc)

    async def check(self) -> Identity:
        """Sign in, see that the feed answers, and say what is missing."""
        await self._site.probe()
        warnings = []
        projects = await self._site.projects()
        if not projects:
            warnings.append("no project is published there: drafts are not read")
        elif self._options.links:
            status, _ = await links_of(self._http, projects[0].id)
            if status != 200:
                warnings.append(
                    "links between tasks cannot be read: the account needs the right to open the projects themselves"
                )
        return Identity(
            account=getattr(self._options.auth, "user", "") or "reporting account",
            product="Project Web App, reporting feed",
            timezone=self._options.timezone,
            warnings=tuple(warnings),
            unmet=unmet(
                self._options.select.projects,
                ((p.name, p.id) for p in await self._site.listed()),
                state="published",
            ),
        )

    async def discover(self) -> list[Stream]:
        """Every property of each set, with samples. Enterprise custom fields are properties like any other."""
        streams = []
        for stream, name in _SETS.items():
            rows = await self._sample(stream)
            fields = []
            for field in rows[0] if rows else ():
                values = [row[field] for row in rows if row.get(field) not in (None, "", [])]
                fields.append(
                    SourceField(field, field, _kind(values), tuple(dict.fromkeys(map(str, values)))[:3])
                )
            streams.append(Stream(stream, name, tuple(fields)))
        if (
            self._options.links
        ):  # from the server's own interface; all that is mapped of them is what we make of them
            streams.append(Stream("pwa_link", "Links between tasks", ()))
        return streams

    async def aliases(self) -> Mapping[str, str]:
        """Every property of projects, tasks, assignments and resources by its own name: custom fields have no other."""
        found: dict[str, str] = {}
        for stream in ("pwa_project", "pwa_task", "pwa_assignment", "pwa_resource"):
            for row in await self._sample(stream):
                found |= {name: name for name in row if name.isidentifier()}
        return found

    async def partitions(self) -> list[Partition]:
        found = [
            # People first: a project names its owner.
            Partition("resources", ("pwa_resource",), "resources", first=True),
            Partition("projects", ("pwa_project",), "projects", first=True),
        ]
        found += [
            Partition(f"plan:{project.id}", PLAN_STREAMS, f"plan of {project.name}")
            for project in await self._site.projects()
        ]
        if self._options.risks:
            found += [Partition(name, (log.stream,), name) for name, log in LOGS.items()]
        return found

    async def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]:
        """See `Adapter.read`."""
        name, _, project_id = partition.name.partition(":")
        pages: AsyncGenerator[Page, None]
        if name == "resources":
            pages = self._resource_pages()
        elif name == "projects":
            pages = self._project_pages(cursor, full=full)
        elif name in LOGS:
            pages = self._log_pages(LOGS[name], cursor, full=full)
        elif name == "plan":
            project = next((p for p in await self._site.projects() if p.id == project_id), None)
            if project is None:
                raise SourceMisbehaved(
                    f"project {project_id} is not published any more",
                    stream="pwa_task",
                    hint="The next run notices by itself.",
                )
            pages = plan_pages(self._site, project, cursor, full=full)
        else:
            raise SourceMisbehaved(f"Project Server has no partition {partition.name!r}")
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def counted(self) -> Sequence[str]:
        """What has an id of its own in the feed; links and baselines are put together from others."""
        logs = [log.stream for log in LOGS.values()] if self._options.risks else []
        return ("pwa_project", "pwa_resource", "pwa_task", "pwa_assignment", *logs)

    async def census(self) -> AsyncGenerator[list[Counted], None]:
        projects = await self._site.projects()
        yield [Counted("pwa_project", project.id, project.id) for project in projects]
        async for page in self._site.entities(
            "Resources", {"$select": "ResourceId", "$orderby": "ResourceId"}, "pwa_resource"
        ):
            yield [
                Counted("pwa_resource", own)
                for raw in page.raws
                if (own := guid(loads(raw).get("ResourceId")))
            ]
        for project in projects:
            mine = f"ProjectId eq {odata.guid_literal(project.id)}"
            for name, stream, key in (
                ("Tasks", "pwa_task", "TaskId"),
                ("Assignments", "pwa_assignment", "AssignmentId"),
            ):
                params = {"$filter": mine, "$select": f"ProjectId,{key}", "$orderby": key}
                async for page in self._site.entities(name, params, stream):
                    yield _counted(stream, page.raws, key)
        chosen = {project.id for project in projects}
        for log in LOGS.values() if self._options.risks else ():
            params = {"$select": f"ProjectId,{log.key}", "$orderby": log.key}
            async for page in self._site.entities(log.entity_set, params, log.stream):
                yield [found for found in _counted(log.stream, page.raws, log.key) if found.project in chosen]

    async def changed(self, stream: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        """The feed lags behind publishing: when the plan was last changed or published counts for all in it."""
        zone = ZoneInfo(self._options.timezone)
        when = {
            p.id: site_time(p.modified).replace(tzinfo=zone)
            for p in await self._site.projects()
            if p.modified
        }
        return {own: when[home] for own in ids if (home := own.partition(":")[0]) in when}

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """The right to this feed is all or nothing: what it no longer shows was deleted or its project is no longer
        published. OUT_OF_SCOPE is what the configuration leaves out."""
        published = {p.id for p in await self._site.listed()}
        chosen = {p.id for p in await self._site.projects()}
        answer: dict[str, Presence] = {}
        asked: list[str] = []
        for own in ids:
            home = own.partition(":")[0]
            if stream == "pwa_resource":
                answer[own] = Presence.PRESENT if own in await self._site.resources() else Presence.DELETED
            elif home not in published:
                answer[own] = await self._absent(home)
            elif home not in chosen:
                answer[own] = Presence.OUT_OF_SCOPE
            elif stream == "pwa_project":
                answer[own] = Presence.PRESENT
            elif stream in ("pwa_task", "pwa_assignment", *(log.stream for log in LOGS.values())):
                asked.append(own)
            elif stream == "pwa_baseline" or (stream == "pwa_link" and await self._shows_links(home)):
                answer[own] = Presence.DELETED
        there = await self._there(stream, asked)
        return answer | {own: Presence.PRESENT if own in there else Presence.DELETED for own in asked}

    async def _shows_links(self, project_id: str) -> bool:
        """Whether we may see the links of a project. Asked, for another process may have read its plan."""
        if project_id not in self._linked:
            status, _ = await links_of(self._http, project_id)
            self._linked[project_id] = status == 200 and project_id not in self._site.unlinked
        return self._linked[project_id]

    async def _absent(self, project_id: str) -> Presence:
        """Of a project that is not listed: one of a kind that is not read is merely out of scope."""
        page = await self._http.json(
            "GET",
            f"{DATA}/Projects",
            params={
                "$filter": f"ProjectId eq {odata.guid_literal(project_id)}",
                "$select": "ProjectId,ProjectType",
            },
            decode=odata.decode_set,
            stream="pwa_project",
        )
        return Presence.OUT_OF_SCOPE if page.raws else Presence.DELETED

    async def _there(self, stream: str, ids: Sequence[str]) -> set[str]:
        """Which of these the feed does have."""
        keys = {"pwa_task": "TaskId", "pwa_assignment": "AssignmentId"} | {
            log.stream: log.key for log in LOGS.values()
        }
        found: set[str] = set()
        for start in range(0, len(ids), _IDS_AT_ONCE):
            key = keys[stream]
            wanted = [own.partition(":")[2] for own in ids[start : start + _IDS_AT_ONCE]]
            tests = " or ".join(f"{key} eq {odata.guid_literal(own)}" for own in wanted)
            params = {"$filter": tests, "$select": f"ProjectId,{key}"}
            async for page in odata.pages(self._http, f"{DATA}/{_SETS[stream]}", params, stream=stream):
                for raw in page.raws:
                    data = loads(raw)
                    found.add(f"{guid(data['ProjectId'])}:{guid(data[key])}")
        return found

    async def _resource_pages(self) -> AsyncGenerator[Page, None]:
        async for page in self._site.steady("Resources", {"$orderby": "ResourceId"}, "ResourceId"):
            if page is None:
                continue
            records = []
            for raw in page.raws:
                data = pwa_records.entity("pwa_resource", raw, "ResourceId")
                kind = "" if isinstance(data, RawRecord) else resource_kind(data[0])
                records.append(pwa_records.resource(raw, kind))
            yield Page(records, None, page.total)
        yield Page([], {"read": "whole"})

    async def _project_pages(self, cursor: Cursor | None, *, full: bool) -> AsyncGenerator[Page, None]:
        chosen = {p.id for p in await self._site.projects()}
        since = _before(str((cursor or {}).get("since") or "")) if not full else None
        params = {"$orderby": "ProjectId"}
        if since:
            moment = odata.date_literal(since)
            params["$filter"] = f"ProjectModifiedDate ge {moment} or ProjectLastPublishedDate ge {moment}"
        async for page in self._site.steady("Projects", params, "ProjectId"):
            if page is None:
                continue
            baselines = await self._site.baselines()
            records = [pwa_records.project(raw, self._http.base_url, baselines) for raw in page.raws]
            yield Page([r for r in records if r.id in chosen or r.error is not None], None, page.total)
        latest = max((p.modified for p in await self._site.projects()), default="")
        yield Page([], {"since": latest})

    async def _log_pages(self, log: Log, cursor: Cursor | None, *, full: bool) -> AsyncGenerator[Page, None]:
        chosen = {p.id: p for p in await self._site.projects()}
        high = str((cursor or {}).get("since") or "") if not full else ""
        params = {"$orderby": log.key}
        if since := _before(high):
            params["$filter"] = f"ModifiedDate ge {odata.date_literal(since)}"
        async for page in self._site.steady(log.entity_set, params, "ProjectId", log.key):
            if page is None:
                continue
            records = []
            for raw in page.raws:
                data = pwa_records.entity(log.stream, raw, "ProjectId", log.key)
                people: dict[str, str | None] = {}
                if not isinstance(data, RawRecord):
                    if data[1].partition(":")[0] not in chosen:
                        continue
                    owner = data[0].get("AssignedToResource") or data[0].get("Owner")
                    people = {str(owner): await self._site.person_named(owner)}
                    high = max(high, odata.stamp(data[0].get("ModifiedDate")) or "")
                records.append(pwa_records.logged(log.stream, raw, log.key, people, chosen))
            yield Page(records, None, page.total)
        yield Page([], {"since": high})

    async def _sample(self, stream: str) -> list[dict[str, Any]]:
        """The first few entities of a set; none where it may not be read."""
        if stream not in self._samples:
            rows: list[dict[str, Any]] = []
            try:
                page = await self._http.json(
                    "GET",
                    f"{DATA}/{_SETS[stream]}",
                    params={"$top": "10"},
                    decode=odata.decode_set,
                    stream=stream,
                )
                rows = [data for raw in page.raws if isinstance(data := loads(raw), dict)]
            except SourceRefused:
                if stream == "pwa_project":
                    raise
            self._samples[stream] = rows
        return self._samples[stream]


def _counted(stream: str, raws: Sequence[bytes], key: str) -> list[Counted]:
    found = []
    for raw in raws:
        data = loads(raw)
        home, own = guid(data.get("ProjectId")), guid(data.get(key))
        if home and own:
            found.append(Counted(stream, f"{home}:{own}", home))
    return found


def _before(text: str) -> str | None:
    """A little earlier than the latest change met; None when there is none."""
    return (site_time(text) - OVERLAP).isoformat() if text else None


def _kind(values: Sequence[Any]) -> str:
    if not values:
        return "unknown"
    first = values[0]
    return "yes/no" if isinstance(first, bool) else "text" if isinstance(first, str) else "number"
