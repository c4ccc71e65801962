"""A Dataverse environment as we found it: its tables and columns, and the few things that records need of others.

The Web API is version 9.2; paging, change tracking and limits follow Microsoft's "Use the Microsoft Dataverse Web API".
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import msgspec

from adapters.address import own_path
from adapters.errors import CursorExpired, SourceMisbehaved, SourceRefused
from adapters.http import Credentials, Http, Patience
from adapters.json_body import loads, page_decoder
from adapters.ms_project.dataverse_tables import BUCKET, EFFORTS, OLDER, PROJECT, RESOURCE, TASK, Table
from adapters.ms_project.options import MsProjectOptions
from adapters.ms_project.work import has_work
from adapters.once import Once

API = "api/data/v9.2"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
_ROLE = (
    "The application must be an application user of this environment (Power Platform admin center, Settings, Users + "
    "permissions) with a security role that may read the tables of Project at organisation level."
)
HINTS: Mapping[int, str] = {
    401: "The token is not for this environment. Check `url` (https://<org>.crm<N>.dynamics.com), `tenant` and "
    "`client_id`. " + _ROLE,
    403: _ROLE,
    404: "Check `url`: it is the environment's own address, without a path.",
    429: "Dataverse limits requests per user. Lower `concurrency` or `per_second`, or give Portbook an application "
    "user of its own.",
}
MOST_EMPTY = 3
PEOPLE = (2, 3)
"""Resource types that are somebody: contact and user. Others are generic, equipment, accounts, crews, pools."""
_SEVERAL = "MultiSelectPicklistType"
"""Microsoft, "MultiSelectPicklistAttributeMetadata": its AttributeType is Virtual, as that of what cannot be read."""
_CODED = frozenset({"Picklist", "State", "Status", _SEVERAL})
_KEPT = frozenset(
    {
        "String",
        "Memo",
        "Integer",
        "BigInt",
        "Decimal",
        "Double",
        "Money",
        "Boolean",
        "DateTime",
        "Lookup",
        *_CODED,
    }
)


class Rows(msgspec.Struct):
    """A page of a table."""

    value: list[msgspec.Raw]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")
    delta: str | None = msgspec.field(default=None, name="@odata.deltaLink")


decode_rows = page_decoder(Rows, "value")


class Column(NamedTuple):
    """A column that somebody added to the environment."""

    wire: str
    title: str
    type: str

    @property
    def path(self) -> str:
        """JMESPath to what a person sees: of a choice its label, not its number."""
        coded = self.type in _CODED or self.type == "Lookup"
        return f'"{self.wire}@{FORMATTED}"' if coded else self.wire


class Layout(NamedTuple):
    """A table as this environment has it."""

    table: Table
    columns: tuple[str, ...]
    custom: tuple[Column, ...]
    tracked: bool
    """Whether the table keeps account of its changes."""
    described: bool = True
    """Whether the environment lets us look up what the table is like."""

    @property
    def select(self) -> str:
        return ",".join((*self.columns, *(column.wire for column in self.custom)))

    @property
    def labels(self) -> bool:
        """Whether a person reads other words than the wire carries."""
        return self.table is PROJECT or any(column.path != column.wire for column in self.custom)

    @property
    def shape(self) -> str:
        """Another one when other columns are asked for: a feed of changes keeps to those it began with."""
        return hashlib.sha256(f"{self.select} {self.tracked} {self.labels}".encode()).hexdigest()[:16]


class ProjectFacts(NamedTuple):
    name: str
    hours_per_day: float
    template: bool = False
    """What projects are made from, and none itself."""


class Org:
    """Asks an environment, through one `Http`."""

    def __init__(
        self,
        options: MsProjectOptions,
        credentials: Credentials,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.options = options
        self.url = options.url or ""
        self.http = Http(
            f"{self.url}/{API}",
            credentials,
            concurrency=options.concurrency,
            per_second=options.per_second,
            headers={"OData-Version": "4.0", "OData-MaxVersion": "4.0"},
            hints=HINTS,
            patience=patience,
            transport=transport,
        )
        self._layouts: dict[str, Once[Layout | None]] = {}
        self.projects = Once(self._projects)
        self.resource_of_user = Once(self._resource_of_user)
        self.roles = Once(self._roles)
        self.buckets = Once(self._buckets)
        self.milestones = Once(self._milestones)

    async def layout(self, table: Table) -> Layout | None:
        """None when the environment has no such table."""
        known = self._layouts.setdefault(table.name, Once(lambda: self._layout(table)))
        return await known()

    async def required(self, table: Table) -> Layout:
        found = await self.layout(table)
        if found is None:
            raise SourceRefused(
                f"this environment has no table {table.name}",
                stream=table.name,
                detail=self.url,
                hint="Is this the environment that Planner Premium or Project for the web keeps its plans in?",
            )
        return found

    async def _layout(self, table: Table) -> Layout | None:
        answer, found = await self.http.send(
            "GET",
            f"EntityDefinitions(LogicalName='{table.name}')"
            "?$select=LogicalName,EntitySetName,ChangeTrackingEnabled"
            "&$expand=Attributes($select=LogicalName,AttributeType,AttributeTypeName,IsCustomAttribute,DisplayName)",
            decode=as_object,
            also=(403, 404),
            stream=table.name,
        )
        if answer.status == 404:
            return None
        if answer.status == 403:
            known = await self._columns_of_a_row(table)
            return None if known is None else Layout(table, known, (), True, described=False)
        kinds = {str(one.get("LogicalName")): one for one in found.get("Attributes") or ()}
        there = {
            name if kind.get("AttributeType") != "Lookup" else f"_{name}_value"
            for name, kind in kinds.items()
        }
        # Owner, Customer and the like are lookups too.
        there |= {f"_{name}_value" for name in kinds}
        columns = tuple(name for name in table.columns if name in there)
        if table.key not in columns:
            raise SourceMisbehaved(f"the table {table.name} has no column {table.key}", stream=table.name)
        custom = [_column(kind) for name, kind in sorted(kinds.items()) if _is_own(name, kind)]
        tracked = bool(found.get("ChangeTrackingEnabled"))
        return Layout(table, columns, tuple(custom), tracked)

    async def _columns_of_a_row(self, table: Table) -> tuple[str, ...] | None:
        """What a table is asked for that may not be looked up: the columns that one of its rows has, as no environment
        has all of those that are known. Asking for one that is not there is refused. None where there is no such
        table."""
        answer, found = await self.http.send(
            "GET", f"{table.set}?$top=1", decode=as_object, also=(403, 404), stream=table.name
        )
        if answer.status == 404:
            return None
        rows = found.get("value") if answer.status == 200 else None
        if isinstance(rows, list) and rows and isinstance(rows[0], dict) and table.key in rows[0]:
            return tuple(name for name in table.columns if name in rows[0])
        return tuple(name for name in table.columns if name not in OLDER)

    async def reads(self, table: Table) -> Callable[[Any], bool]:
        """Whether rows of the table are read that belong to a project: of templates, and of what is not selected, none
        are."""
        if not table.project:
            return lambda project: True
        templates = {key for key, facts in (await self.projects()).items() if facts.template}
        chosen = await self.selected()
        return lambda project: project not in templates and (chosen is None or project in chosen)

    async def selected(self) -> frozenset[str] | None:
        """Ids of the projects to read; None for all of them."""
        wanted = self.options.select.projects
        if wanted is None:
            return None
        names = {name.strip().casefold() for name in wanted}
        projects = {key: facts for key, facts in (await self.projects()).items() if not facts.template}
        found = {key for key, facts in projects.items() if {key, facts.name.strip().casefold()} & names}
        if not found:
            raise SourceRefused(
                f"none of the selected projects is visible: {', '.join(wanted)}",
                stream=PROJECT.name,
                detail=self.url,
                hint="Check `select.projects`. Visible are: "
                + ", ".join(facts.name for facts in list(projects.values())[:20]),
            )
        return frozenset(found)

    async def _projects(self) -> Mapping[str, ProjectFacts]:
        """Seeing none at all is never taken for "everything was deleted"."""
        layout = await self.required(PROJECT)
        found: dict[str, ProjectFacts] = {}
        columns = [
            c
            for c in ("msdyn_projectid", "msdyn_subject", "msdyn_hoursperday", "msdyn_istemplate")
            if c in layout.columns
        ]
        async for row in self._all(PROJECT, columns):
            hours = row.get("msdyn_hoursperday")
            usable = isinstance(hours, int | float) and 0 < hours <= 24
            found[str(row.get("msdyn_projectid"))] = ProjectFacts(
                str(row.get("msdyn_subject") or ""),
                float(hours) if usable and hours else 8.0,
                row.get("msdyn_istemplate") is True,
            )
        if not found:
            raise SourceRefused(
                "the application sees no project at all",
                stream=PROJECT.name,
                detail=self.url,
                hint="With a role that reads at user level, it sees its own rows only, of which it has none. "
                + _ROLE,
            )
        return found

    async def _resource_of_user(self) -> Mapping[str, str]:
        layout = await self.layout(RESOURCE)
        if layout is None or "_userid_value" not in layout.columns:
            return {}
        rows = self._all(RESOURCE, ["bookableresourceid", "_userid_value"], "_userid_value ne null")
        return {str(row["_userid_value"]): str(row["bookableresourceid"]) async for row in rows}

    async def _roles(self) -> Mapping[str, str]:
        """Resources that are nobody: generic ones, equipment, crews, pools → what they are called."""
        layout = await self.layout(RESOURCE)
        if layout is None or "resourcetype" not in layout.columns:
            return {}
        rows = self._all(RESOURCE, ["bookableresourceid", "name", "resourcetype"], "resourcetype ne 3")
        return {
            str(row["bookableresourceid"]): str(row.get("name") or "")
            async for row in rows
            if row.get("resourcetype") not in PEOPLE
        }

    async def _buckets(self) -> Mapping[str, str]:
        if await self.layout(BUCKET) is None:
            return {}
        rows = self._all(BUCKET, ["msdyn_projectbucketid", "msdyn_name"])
        return {str(row["msdyn_projectbucketid"]): str(row.get("msdyn_name") or "") async for row in rows}

    async def _milestones(self) -> Mapping[str, bool]:
        """Tasks that are milestones, since a link leads to one or the other → whether there is work in them."""
        layout = await self.required(TASK)
        if "msdyn_ismilestone" not in layout.columns:
            return {}
        columns = [
            name for name in ("msdyn_projecttaskid", "msdyn_summary", *EFFORTS) if name in layout.columns
        ]
        rows = self._all(TASK, columns, "msdyn_ismilestone eq true")
        return {
            str(row["msdyn_projecttaskid"]): has_work(*map(row.get, EFFORTS))
            async for row in rows
            if row.get("msdyn_summary") is not True
        }

    async def changed(self, table: Table, since: str) -> list[str]:
        """Keys of the rows that changed; none where the environment has no such table, or does not say when."""
        layout = await self.layout(table)
        if layout is None or "modifiedon" not in layout.columns:
            return []
        rows = self._all(table, [table.key], f"modifiedon ge {since}")
        return [str(row[table.key]) async for row in rows]

    async def _all(
        self, table: Table, columns: Sequence[str], where: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        path = f"{table.set}?$select={','.join(columns)}"
        if where:
            path += f"&$filter={quote(where, safe='')}"
        async for page in self.rows(path, table, prefer(5000)):
            for raw in page.value:
                row = loads(bytes(raw))
                if isinstance(row, dict):
                    yield row

    async def rows(self, path: str, table: Table, headers: Mapping[str, str]) -> AsyncIterator[Rows]:
        """Pages from the one at `path` to the last."""
        seen: set[str] = set()
        empty = 0
        while True:
            page = await self.page(path, table, headers)
            empty = self.still_sane(page, empty, table)
            yield page
            if page.next is None:
                return
            path = self.follow(page.next, seen, table)

    async def page(
        self, path: str, table: Table, headers: Mapping[str, str], *, resumed: bool = False
    ) -> Rows:
        """One page. CursorExpired when a place that was kept (`resumed`) is no longer accepted."""
        also = (400, 404, 410, 412) if resumed else ()
        answer, rows = await self.http.send(
            "GET", path, headers=headers, decode=decode_rows, also=also, stream=table.name
        )
        if answer.status in also:
            raise CursorExpired(
                f"Dataverse no longer accepts our place in {table.name}: {answer.said()}", stream=table.name
            )
        return rows

    @staticmethod
    def still_sane(page: Rows, empty: int, table: Table) -> int:
        """How many pages in a row were empty, this one included. A few may be: what they held is not for us to see."""
        empty = 0 if page.value else empty + 1
        if empty >= MOST_EMPTY and page.next is not None:
            raise SourceMisbehaved("Dataverse sends empty pages, and always one more", stream=table.name)
        return empty

    def follow(self, link: str, seen: set[str], table: Table) -> str:
        path = own_path(self.http.base_url, link)
        if path in seen:
            raise SourceMisbehaved("Dataverse leads back to a page that was already read", stream=table.name)
        seen.add(path)
        return path


def prefer(size: int, *, track: bool = False, labels: bool = False) -> dict[str, str]:
    wishes = [f"odata.maxpagesize={size}"]
    if track:
        wishes.append("odata.track-changes")
    if labels:
        wishes.append(f'odata.include-annotations="{FORMATTED}"')
    return {"Prefer": ",".join(wishes)}


def as_object(body: bytes) -> dict[str, Any]:
    data = loads(body)
    if not isinstance(data, dict):
        raise ValueError("expected an object")
    return data


def _is_own(name: str, kind: Mapping[str, Any]) -> bool:
    """Whether the organisation added the column: Microsoft's own begin with msdyn_ or are part of every table."""
    return bool(kind.get("IsCustomAttribute")) and not name.startswith("msdyn_") and _type(kind) in _KEPT


def _type(kind: Mapping[str, Any]) -> str:
    named = (kind.get("AttributeTypeName") or {}).get("Value")
    return _SEVERAL if named == _SEVERAL else str(kind.get("AttributeType"))


def _column(kind: Mapping[str, Any]) -> Column:
    name, type_ = str(kind["LogicalName"]), _type(kind)
    label = ((kind.get("DisplayName") or {}).get("UserLocalizedLabel") or {}).get("Label")
    return Column(f"_{name}_value" if type_ == "Lookup" else name, str(label or name), type_)
