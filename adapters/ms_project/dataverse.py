"""Plans in Dataverse: Planner Premium, Project for the web, Project Operations. One partition per table, because
changes are told per table; a feed of changes lasts seven days, then the table is read in full again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

import httpx

from adapters.base import Counted, Cursor, Identity, Page, Partition, Presence, RawRecord, SourceField, Stream
from adapters.entra import EntraSignIn
from adapters.errors import CursorExpired, SourceMisbehaved, SourceRefused
from adapters.http import Credentials, Patience
from adapters.json_body import loads
from adapters.ms_project.dataverse_org import FORMATTED, Layout, Org, Rows, as_object, prefer
from adapters.ms_project.dataverse_records import Around, build, deletion
from adapters.ms_project.dataverse_tables import (
    ASSIGNMENT,
    BUCKET,
    LINK,
    PROJECT,
    RESOURCE,
    TABLES,
    TASK,
    TEAM,
    Table,
)
from adapters.ms_project.options import Basic, Bearer, MsProjectOptions
from adapters.selected import unmet
from adapters.sign_in import Refresh, SignIn

_OVERLAP = timedelta(minutes=5)
"""Rows are found by `modifiedon` a little after they are written."""
_TURN = 50
"""Records built between two turns of the event loop."""
_LOCATE_AT_ONCE = 20
_KEYS_AT_ONCE = 5000
_SAMPLES = 3
_TELL_OF: Mapping[str, Mapping[Table, Sequence[str]]] = {
    TASK.name: {BUCKET: ["_msdyn_projectbucket_value"]},
    LINK.name: {TASK: ["_msdyn_predecessortask_value", "_msdyn_successortask_value"]},
    TEAM.name: {RESOURCE: ["_msdyn_bookableresourceid_value"]},
    ASSIGNMENT.name: {TASK: ["_msdyn_taskid_value"], RESOURCE: ["_msdyn_bookableresourceid_value"]},
}
"""Table → the tables whose rows its records tell something of, by the columns that lead there."""
_MANY_CHANGED = 1000
"""Beyond so many, a table is read as a whole sooner than by what it leads to."""


class DataverseReader:
    """Reads the tables behind Planner Premium. See `Reader` in `adapter.py`."""

    def __init__(
        self,
        options: MsProjectOptions,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        refresh: Refresh | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._options = options
        credentials: Credentials
        if options.auth is None or isinstance(options.auth, Basic):
            raise SourceRefused(
                "Dataverse takes no user and password",
                detail=options.url or "",
                hint="Use entra_secret, entra_certificate or managed_identity under `auth`.",
            )
        if isinstance(options.auth, Bearer):
            credentials = SignIn(options.auth.token, refresh=refresh)
        else:
            credentials = EntraSignIn(options.auth, f"{options.url}/.default")
        self._org = Org(options, credentials, transport=transport, patience=patience)

    async def __aenter__(self) -> Self:
        await self._org.http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._org.http.__aexit__(*exc)

    async def check(self) -> Identity:
        """Who we are there, and which tables we may not read, or not as a whole."""
        http = self._org.http
        me = await http.json("GET", "WhoAmI", decode=as_object)
        version = await http.json("GET", "RetrieveVersion", decode=as_object)
        user = str(me.get("UserId") or "")
        _, found = await http.send(
            "GET",
            f"systemusers({user})?$select=fullname,applicationid",
            decode=as_object,
            also=(403, 404),
        )
        name = str((found or {}).get("fullname") or user)
        warnings = await self._missing_rights(user)
        missing: tuple[SourceRefused, ...] = ()
        if not warnings:
            projects = await self._org.projects()
            await self._org.selected()
            visible = ((facts.name.strip(), key) for key, facts in projects.items() if not facts.template)
            missing = unmet(self._options.select.projects, visible)
        if not await self._described():
            warnings.append(
                "custom fields are not known: the security role lacks Read on Entity, Field and Relationship "
                "(Customization; prvReadEntity, organisation level)"
            )
        return Identity(
            account=name,
            product=f"Dataverse {version.get('Version') or '?'}",
            timezone=self._options.timezone,
            warnings=tuple(warnings),
            unmet=missing,
        )

    async def _missing_rights(self, user: str) -> list[str]:
        """A role that reads less than the organisation's rows leaves rows out without a word."""
        depths = await self._depths(user)
        warnings: list[str] = []
        for table in TABLES:
            layout = await self._org.layout(table)
            if layout is None:
                if not table.optional:
                    warnings.append(f"there is no table {table.name}: {table.title} are not read")
                continue
            answer, _ = await self._org.http.send(
                "GET",
                f"{table.set}?$select={table.key}&$top=1",
                decode=as_object,
                also=(403,),
                stream=table.name,
            )
            depth = depths.get(f"prvread{table.name}")
            if answer.status == 403:
                warnings.append(
                    f"{table.title} cannot be read: the security role lacks Read on {table.name} (organisation level)"
                )
            elif depth not in (None, "Global"):
                warnings.append(
                    f"only some {table.title} can be seen: the security role reads {table.name} at {depth} level, it "
                    "needs Organization"
                )
        return warnings

    async def _described(self) -> bool:
        layouts = [await self._org.layout(table) for table in TABLES]
        return all(layout.described for layout in layouts if layout is not None)

    async def _depths(self, user: str) -> dict[str, str]:
        answer, found = await self._org.http.send(
            "GET",
            f"systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges",
            decode=as_object,
            also=(400, 403, 404),
        )
        if answer.status != 200:
            return {}
        return {
            str(one.get("PrivilegeName") or "").casefold(): str(one.get("Depth"))
            for one in found.get("RolePrivileges") or ()
            if isinstance(one, dict)
        }

    async def partitions(self) -> list[Partition]:
        found = [table for table in TABLES if await self._org.layout(table) is not None]
        if PROJECT not in found:
            await self._org.required(PROJECT)
        return [Partition(table.name, (table.name,), table.title, table.first) for table in found]

    async def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]:
        """A table's rows in full, or its changes; where the table keeps no account of them, by their date of change."""
        table = next((table for table in TABLES if table.name == partition.name), None)
        layout = await self._org.layout(table) if table is not None else None
        if table is None or layout is None:
            raise SourceMisbehaved(f"there is no table {partition.name} any more", stream=partition.name)
        if cursor is not None and cursor.get("shape") != layout.shape:
            if not full:
                raise CursorExpired("the table's columns have changed", stream=table.name)
            cursor = None
        reads = await self._org.reads(table)
        around = await self._around(table)
        if not full and cursor is not None:
            async for rows in self._of_changed(layout, cursor):
                yield Page(await self._records(layout, rows, around, reads), None)
        async with aclosing(self._pages(layout, cursor, full)) as pages:
            waiting: list[RawRecord] = []
            async for rows, following, last in pages:
                waiting += await self._records(layout, rows, around, reads)
                # A page of other projects' rows is no page: the next one takes its place.
                if last or waiting:
                    yield Page(waiting, following)
                    waiting = []

    async def _of_changed(self, layout: Layout, cursor: Cursor) -> AsyncGenerator[Rows, None]:
        """Rows that lead to others which changed since, and tell of these: a link does not change when its task becomes
        a milestone."""
        since = cursor.get("at") or cursor.get("since")
        first = f"{layout.table.set}?$select={layout.select}"
        headers = prefer(self._options.page_size, labels=layout.labels)
        for other, columns in _TELL_OF.get(layout.table.name, {}).items() if since else ():
            changed = await self._org.changed(other, _a_little_before(str(since)))
            at_once = _LOCATE_AT_ONCE // len(columns)
            paths = [first]
            if len(changed) <= _MANY_CHANGED:
                wheres = (
                    " or ".join(
                        f"{column} eq {key}" for key in changed[at : at + at_once] for column in columns
                    )
                    for at in range(0, len(changed), at_once)
                )
                paths = [f"{first}&$filter={quote(where, safe='')}" for where in wheres]
            for path in paths:
                async for rows in self._org.rows(path, layout.table, headers):
                    yield rows

    async def _pages(
        self, layout: Layout, cursor: Cursor | None, full: bool
    ) -> AsyncGenerator[tuple[Rows, Cursor, bool], None]:
        """Pages with the cursor that follows each. The next one is on its way while the caller stores this one."""
        table = layout.table
        path, headers, kept, resumed = self._start(layout, cursor, full)
        seen = {path}
        empty = 0
        coming = asyncio.create_task(self._org.page(path, table, headers, resumed=resumed))
        try:
            while True:
                rows = await coming
                if rows.next is None:
                    yield rows, self._end(layout, rows, kept), True
                    return
                empty = self._org.still_sane(rows, empty, table)
                path = self._org.follow(rows.next, seen, table)
                coming = asyncio.create_task(self._org.page(path, table, headers))
                yield rows, {**kept, "shape": layout.shape, "next": path}, False
        finally:
            if not coming.done():
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    def _start(
        self, layout: Layout, cursor: Cursor | None, full: bool
    ) -> tuple[str, Mapping[str, str], dict[str, Any], bool]:
        """Where to begin: address, headers, what every cursor of this read carries, and whether it is a kept place."""
        table, size = layout.table, self._options.page_size
        # A page's wishes are repeated with the next one (Microsoft: "Page results").
        plain, track = (
            prefer(size, labels=layout.labels),
            prefer(size, track=layout.tracked, labels=layout.labels),
        )
        cursor = cursor or {}
        started = self._org.http.tool_now().isoformat()
        kept: dict[str, Any] = {"started": cursor.get("started") or started}
        if cursor.get("next") and bool(cursor.get("full")) == full:
            more = {name: cursor[name] for name in ("full", "since") if name in cursor}
            return str(cursor["next"]), track if full else plain, kept | more, True
        if not full and cursor.get("delta"):
            return str(cursor["delta"]), plain, {"started": started}, True
        first = f"{table.set}?$select={layout.select}"
        if not full and cursor.get("since"):
            since = str(cursor["since"])
            where = f"modifiedon ge {_a_little_before(since)}"
            return (
                f"{first}&$filter={quote(where, safe='')}",
                plain,
                {"started": started, "since": since},
                False,
            )
        return first, track, {"started": started, "full": full}, False

    def _end(self, layout: Layout, rows: Rows, kept: Mapping[str, Any]) -> Cursor:
        """Where the next run starts."""
        if rows.delta is not None:
            delta = self._org.follow(rows.delta, set(), layout.table)
            return {"shape": layout.shape, "delta": delta, "at": kept["started"]}
        if layout.tracked and "since" not in kept:
            raise SourceMisbehaved(
                "Dataverse ends a table that tracks its changes without saying where changes begin",
                stream=layout.table.name,
            )
        return {"shape": layout.shape, "since": kept["started"]}

    async def _records(
        self, layout: Layout, rows: Rows, around: Around, reads: Callable[[Any], bool]
    ) -> list[RawRecord]:
        table = layout.table
        records: list[RawRecord] = []
        for at, raw in enumerate(rows.value):
            if at % _TURN == 0:
                await asyncio.sleep(0)
            payload = bytes(raw)
            gone = deletion(payload)
            if gone is not None:
                records.append(RawRecord(table.name, gone, b"null", None, deleted=True))
                continue
            record = build(table, payload, around)
            if record.error or reads(record.data.get(table.project)):
                records.append(record)
        return records

    async def _around(self, table: Table) -> Around:
        org = self._org
        return Around(
            self._options.timezone,
            projects=await org.projects() if table is LINK else None,
            buckets=await org.buckets() if table is TASK else None,
            resource_of_user=await org.resource_of_user() if table is PROJECT else None,
            roles=await org.roles() if table in (TEAM, ASSIGNMENT) else None,
            milestones=await org.milestones() if table in (LINK, ASSIGNMENT) else None,
        )

    async def counted(self) -> Sequence[str]:
        return [table.name for table in TABLES if await self._org.layout(table) is not None]

    async def census(self) -> AsyncGenerator[list[Counted], None]:
        """Keys alone, table by table."""
        for table in TABLES:
            if await self._org.layout(table) is None:
                continue
            reads = await self._org.reads(table)
            columns = ",".join(dict.fromkeys((table.key, *([table.project] if table.project else []))))
            path: str | None = f"{table.set}?$select={columns}"
            seen = {path or ""}
            empty = 0
            while path is not None:
                rows = await self._org.page(path, table, prefer(_KEYS_AT_ONCE))
                found = [loads(bytes(raw)) for raw in rows.value]
                yield [
                    Counted(table.name, str(row[table.key]), str(row.get(table.project) or ""))
                    for row in found
                    if reads(row.get(table.project))
                ]
                empty = self._org.still_sane(rows, empty, table)
                path = self._org.follow(rows.next, seen, table) if rows.next is not None else None

    async def changed(self, stream: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        table = next((table for table in TABLES if table.name == stream), None)
        found: dict[str, datetime] = {}
        for at in range(0, len(ids) if table else 0, _LOCATE_AT_ONCE):
            assert table is not None
            where = " or ".join(
                f"{table.key} eq {quote(key, safe='')}" for key in ids[at : at + _LOCATE_AT_ONCE]
            )
            path = f"{table.set}?$select={table.key},modifiedon&$filter={quote(where, safe='')}"
            for raw in (await self._org.page(path, table, prefer(100))).value:
                row = loads(bytes(raw))
                if row.get("modifiedon"):
                    found[str(row[table.key])] = datetime.fromisoformat(row["modifiedon"])
        return found

    async def discover(self) -> list[Stream]:
        """Every table with its columns, those the organisation added by the name people know, with samples."""
        streams: list[Stream] = []
        for table in TABLES:
            layout = await self._org.layout(table)
            if layout is None:
                streams.append(Stream("", f"{table.title}: this environment has no table {table.name}", ()))
                continue
            answer, rows = await self._org.http.send(
                "GET",
                f"{table.set}?$select={layout.select}&$top=50",
                headers=prefer(50, labels=True),
                decode=as_object,
                also=(403,),
                stream=table.name,
            )
            if answer.status == 403:
                streams.append(Stream("", f"{table.title} cannot be read: {answer.said()}", ()))
                continue
            streams.append(_stream(layout, rows.get("value") or []))
        return streams

    async def aliases(self) -> Mapping[str, str]:
        """Added columns by the name people know. A name that two tables use for different columns is left out."""
        found: dict[str, set[str]] = {}
        for table in TABLES:
            layout = await self._org.layout(table)
            for column in layout.custom if layout else ():
                found.setdefault(column.title, set()).add(column.path)
        return {
            title: next(iter(paths))
            for title, paths in found.items()
            if len(paths) == 1 and not set('"\\') & set(title)
        }

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """A row's project tells: gone with it, no longer ours to see, or not selected. Else the row was deleted, unless
        it can still be fetched."""
        table = next((table for table in TABLES if table.name == stream), None)
        if table is None or not ids:
            return {}
        reads = await self._org.reads(table)
        found: dict[str, Presence] = {}
        by_project: dict[str, list[str]] = {}
        for key in ids:
            row = last_known.get(key)
            project = row.get(table.project) if table.project and isinstance(row, dict) else None
            by_project.setdefault(str(project or ""), []).append(key)
        for project, rows in by_project.items():
            if project and not reads(project):
                found |= dict.fromkeys(rows, Presence.OUT_OF_SCOPE)
                continue
            presence = await self._presence(PROJECT, project) if project else None
            if presence in (Presence.DELETED, Presence.LOST_ACCESS):
                found |= dict.fromkeys(rows, presence)
            elif presence is Presence.PRESENT or not project:
                found |= await self._rows_of(table, rows)
        return found

    async def _rows_of(self, table: Table, ids: Sequence[str]) -> dict[str, Presence]:
        """Of rows whose project is there: those a query no longer finds are deleted."""
        found: dict[str, Presence] = {}
        for at in range(0, len(ids), _LOCATE_AT_ONCE):
            some = ids[at : at + _LOCATE_AT_ONCE]
            where = " or ".join(f"{table.key} eq {quote(key, safe='')}" for key in some)
            rows = await self._org.page(
                f"{table.set}?$select={table.key}&$filter={quote(where, safe='')}", table, prefer(100)
            )
            there = {str(loads(bytes(raw)).get(table.key)) for raw in rows.value}
            for key in some:
                if key not in there:
                    found[key] = await self._presence(table, key) if not table.project else Presence.DELETED
        return {key: presence for key, presence in found.items() if presence is not Presence.PRESENT}

    async def _presence(self, table: Table, key: str) -> Presence:
        answer, _ = await self._org.http.send(
            "GET",
            f"{table.set}({quote(key, safe='')})?$select={table.key}",
            decode=as_object,
            also=(403, 404),
            stream=table.name,
        )
        if answer.status == 404:
            return Presence.DELETED
        return Presence.LOST_ACCESS if answer.status == 403 else Presence.PRESENT


def _a_little_before(moment: str) -> str:
    return (datetime.fromisoformat(moment) - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stream(layout: Layout, rows: Sequence[Any]) -> Stream:
    def samples(name: str) -> tuple[Any, ...]:
        values: list[Any] = []
        for row in rows:
            value = row.get(name) if isinstance(row, dict) else None
            if value not in (None, "") and value not in values and len(values) < _SAMPLES:
                values.append(value[:200] if isinstance(value, str) else value)
        return tuple(values)

    fields = [SourceField(name, name, _kind(samples(name)), samples(name)) for name in layout.columns]
    for column in layout.custom:
        read = f"{column.wire}@{FORMATTED}" if column.path != column.wire else column.wire
        fields.append(SourceField(column.path, column.title, column.type.lower(), samples(read)))
    tracked = (
        "" if layout.tracked else "; it keeps no account of changes, deletions are found by the complete pass"
    )
    return Stream(layout.table.name, layout.table.title.capitalize() + tracked, tuple(fields))


def _kind(samples: Sequence[Any]) -> str:
    if not samples:
        return "empty"
    value = samples[0]
    return "yes/no" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"
