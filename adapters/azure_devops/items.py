"""Work items, in full or as changes, from the reporting feed or, where that is refused, by query and batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

from adapters.azure_devops.batch import WINDOW, find_ids, quoted, read_items
from adapters.azure_devops.feed import Batch, Feed, TokenRefused
from adapters.azure_devops.links import hyperlinks_of, links_of, parent_of
from adapters.azure_devops.payload import ItemReader, decode, gone, instant, rejected
from adapters.azure_devops.people import People
from adapters.azure_devops.site import Project, Site
from adapters.base import Counted, Cursor, Page, RawRecord
from adapters.errors import CursorExpired, SourceMisbehaved

OVERLAP = timedelta(minutes=5)
"""By query, changes are looked for from so long before the last: the clock of the tool and its index."""

_WHOLE = "All"
"""What to expand for all that the feed tells, and relations: with `Relations` alone, ids of areas and iterations are
left out (Microsoft's samples of "Work Items - Get Work Item")."""

_TURN = 32
"""Work items handled between two turns of the event loop."""


class Items:
    def __init__(self, site: Site, people: People) -> None:
        self._site = site
        self._people = people
        self._iterations: dict[int | str, str] = {}
        """GUIDs by number, and by path in small letters; empty for the backlogs."""
        self._asked_again: set[str] = set()
        """Names and ids of projects that were asked about a second time."""
        self._feed_has_parents: bool | None = None
        """Whether the feed tells parents. None while no work item with a parent was met."""

    async def pages(
        self, project: Project | None, cursor: Cursor | None, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        """Work items of one project, or of all that are visible. May repeat, never skips. The next batch is already
        on its way while the caller stores this one."""
        mode = "feed" if await self._site.feeds() else "query"
        cursor = cursor or {}
        if full and not (cursor.get("full") and cursor.get("mode") == mode):
            cursor = {}
        if cursor and cursor.get("mode") != mode:
            raise CursorExpired("work items are read in another way than before", stream="work_item")
        reader = await self._reader()
        read = self._by_feed if mode == "feed" else self._by_query
        async with aclosing(
            read(project, cursor, reader, full=not cursor or bool(cursor.get("full")))
        ) as pages:
            async for page in pages:
                yield page

    # --- the feed ---------------------------------------------------------------------------------------------

    def feed(self, project: Project | None, size: int) -> Feed:
        return Feed(
            self._site,
            "workitemrevisions",
            project.id if project else "",
            {
                "includeLatestOnly": "true",
                "includeDeleted": "true",
                "includeIdentityRef": "true",
                "$expand": "fields",
                "$maxPageSize": size,
            },
            "work_item",
        )

    async def _by_feed(
        self, project: Project | None, cursor: Cursor, reader: ItemReader, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        """Of each work item the latest revision. An edit made meanwhile comes again, further on in the feed."""
        feed = self.feed(project, self._site.options.page_size)
        rows, met = int(cursor.get("rows") or 0), bool(cursor.get("rows"))
        token: str | None = cursor.get("token")
        began_again = False
        coming = asyncio.create_task(feed.batch(token))
        try:
            while True:
                try:
                    batch: Batch = await coming
                except TokenRefused as refused:
                    if not full or not token:
                        raise CursorExpired(
                            f"the place in the feed is no longer known: {refused}", stream="work_item"
                        ) from None
                    # In the middle of a full read: what was read is stored, reading it again costs time alone.
                    if began_again:
                        raise SourceMisbehaved(
                            f"the feed refuses its own tokens: {refused}", stream="work_item"
                        ) from None
                    token, began_again = None, True
                    feed = self.feed(project, self._site.options.page_size)
                    coming = asyncio.create_task(feed.batch(None))
                    continue
                token = batch.token
                if not batch.done:
                    coming = asyncio.create_task(feed.batch(token))
                records = await self._build(reader, batch.raws, project, fed=True)
                rows += len(batch.raws)
                met = met or bool(batch.raws)
                if batch.done:
                    break
                place = {"mode": "feed", "token": token}
                yield Page(records, {**place, "full": True, "rows": rows} if full else place)
        finally:
            # Also when it is done: a failure of its own beside the one on its way must not be left unseen.
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        if full and not met:
            await self._doubt_nothing(project)
        yield Page(records, {"mode": "feed", "token": token}, rows if full else None)

    async def _doubt_nothing(self, project: Project | None) -> None:
        """An empty organisation is possible. A feed that says nothing to us is, too."""
        where = f"[System.TeamProject] = {quoted(project.name)}" if project else "[System.Id] > 0"
        if await find_ids(self._site, where, top=1):
            raise SourceMisbehaved(
                "the reporting feed is empty, yet a query finds work items",
                stream="work_item",
                detail=self._site.http.base_url,
                hint="Nothing was deleted here. Run the sync again in a few minutes.",
            )

    async def _parents(self, rows: Sequence[dict[str, Any]]) -> Mapping[int, int]:
        """Parents by work item. The feed tells them; where it does not (no document promises it), the batch does."""
        told = {int(row["id"]): parent for row in rows if (parent := parent_of(row)) is not None}
        if told or self._feed_has_parents or not rows:
            self._feed_has_parents = self._feed_has_parents or bool(told)
            return told
        known = any(field["referenceName"] == "System.Parent" for field in await self._site.fields())
        raws = await read_items(
            self._site,
            [int(row["id"]) for row in rows],
            **({"fields": ["System.Id", "System.Parent"]} if known else {"expand": "Relations"}),
        )
        found: dict[int, int] = {}
        for raw in raws:
            data = decode(raw)
            if isinstance(data, dict) and (parent := parent_of(data)) is not None:
                found[int(data["id"])] = parent
        if found:
            self._feed_has_parents = False
        return found

    async def _described(self, reader: ItemReader, rows: Sequence[dict[str, Any]]) -> list[Any]:
        """Whom a feed names without an id, as the work items themselves describe them, who have it: a person must be
        the same however the work item was read. Each is asked for once, at one work item."""
        unknown = {
            value: int(row["id"])
            for row in rows
            for value in reader.people(row["fields"])
            if isinstance(value, str) and self._people.is_new(value)
        }
        ids = sorted(set(unknown.values()))
        raws = await read_items(self._site, ids, fields=["System.Id", *reader.names]) if ids else []
        found = [data for raw in raws if isinstance(data := decode(raw), dict)]
        return [value for data in found for value in reader.people(data["fields"])]

    async def _elsewhere(self, rows: Sequence[dict[str, Any]], *, fed: bool) -> Mapping[int, list[str]]:
        """Hyperlinks by work item. The feed tells how many there are, and only of few items more than none."""
        if fed:
            linked = [int(row["id"]) for row in rows if row["fields"].get("System.HyperLinkCount")]
            raws = await read_items(self._site, linked, expand="Relations") if linked else []
            rows = [data for raw in raws if isinstance(data := decode(raw), dict)]
        found = {int(row["id"]): hyperlinks_of(row) for row in rows if row.get("relations")}
        return {own: links for own, links in found.items() if links}

    # --- by query ---------------------------------------------------------------------------------------------

    async def _by_query(
        self, project: Project | None, cursor: Cursor, reader: ItemReader, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        """By windows of ids, each read in batches. What was deleted is found by the next full run."""
        since = instant(cursor.get("since"))
        started = instant(cursor.get("started")) or self._site.http.tool_now()
        last = int(cursor.get("last") or 0)
        high = instant(cursor.get("high"))
        conditions = [f"[System.TeamProject] = {quoted(project.name)}"] if project else []
        if not full and since:
            conditions.append(f"[System.ChangedDate] >= '{_wiql_time(since - OVERLAP)}'")
        while True:
            ids = await find_ids(self._site, " AND ".join([*conditions, f"[System.Id] > {last}"]))
            if ids and (ids != sorted(ids) or ids[0] <= last):
                raise SourceMisbehaved("a query by id answers out of order", stream="work_item")
            size = self._site.options.page_size
            for start in range(0, len(ids), size):
                raws = await read_items(self._site, ids[start : start + size], expand=_WHOLE)
                records = await self._build(reader, raws, project)
                for record in records:
                    if record.stream == "work_item" and record.updated_at is not None:
                        high = max(high or record.updated_at, record.updated_at)
                last = ids[min(start + size, len(ids)) - 1]
                place: dict[str, Any] = {
                    "mode": "query",
                    "last": last,
                    "started": started.isoformat(),
                    "since": since.isoformat() if since else None,
                    "high": high.isoformat() if high else None,
                }
                yield Page(records, {**place, "full": True} if full else place)
            if len(ids) < WINDOW:
                break
        following = min(high or started, started)
        following = max(following, since) if since else following
        yield Page([], {"mode": "query", "since": following.isoformat()})

    async def ids(self) -> AsyncGenerator[list[Counted], None]:
        """The ids of all work items that would be read, by windows of ids."""
        for project in await self._site.projects():
            kinds = (await self._site.process(project.id)).kinds.values()
            read = [f"[System.WorkItemType] <> {quoted(kind.name)}" for kind in kinds if kind.hidden]
            where = " AND ".join([f"[System.TeamProject] = {quoted(project.name)}", *read])
            last = 0
            while True:
                ids = await find_ids(self._site, f"{where} AND [System.Id] > {last}")
                yield [Counted("work_item", str(own), project.id) for own in ids]
                if len(ids) < WINDOW:
                    break
                last = ids[-1]

    async def changed(self, ids: Sequence[str]) -> dict[str, datetime]:
        """When these were last changed."""
        numbers = [int(own) for own in ids if own.isascii() and own.isdigit()]
        found = {}
        for raw in await read_items(self._site, numbers, fields=["System.Id", "System.ChangedDate"]):
            data = decode(raw)
            moment = instant(data["fields"].get("System.ChangedDate")) if isinstance(data, dict) else None
            if isinstance(data, dict) and moment is not None:
                found[str(data["id"])] = moment
        return found

    # --- building ---------------------------------------------------------------------------------------------

    async def again(self, ids: Sequence[int]) -> list[RawRecord]:
        """These work items as they are now, with their links. What is not visible, or lies outside the projects we
        read, is left out."""
        raws = await read_items(self._site, ids, expand=_WHOLE)
        return await self._build(await self._reader(), raws, None)

    async def _reader(self) -> ItemReader:
        return ItemReader(self._site.http.base_url, self._site.zone, await self._site.fields())

    async def _build(
        self, reader: ItemReader, raws: list[bytes], project: Project | None, *, fed: bool = False
    ) -> list[RawRecord]:
        """Records of a batch, behind the people they name. What the feed leaves out is asked for; what was read with
        its relations has its links behind it."""
        rows: list[tuple[bytes, dict[str, Any]]] = []
        records: list[RawRecord] = []
        named: list[Any] = []
        for at, raw in enumerate(raws):
            if at % _TURN == 0:
                await asyncio.sleep(0)
            data = decode(raw)
            if isinstance(data, RawRecord):
                records.append(data)
            elif data["fields"].get("System.IsDeleted") is True:
                records.append(gone(data))
            else:
                rows.append((raw, data))
                named.extend(reader.people(data["fields"]))
        if fed:
            named = await self._described(reader, [data for _, data in rows]) + named
        people = self._people.met(named)
        if fed:
            parents = await self._parents([data for _, data in rows])
        else:
            parents = {int(data["id"]): parent for _, data in rows if (parent := parent_of(data)) is not None}
        elsewhere = await self._elsewhere([data for _, data in rows], fed=fed)
        kinds = {} if fed else await self._site.link_types()
        for at, (raw, data) in enumerate(rows):
            if at % _TURN == 0:
                await asyncio.sleep(0)
            try:
                record = await self._record(reader, raw, data, parents, elsewhere, project)
                links = links_of(data, kinds) if kinds and record is not None else []
            except (TypeError, ValueError, KeyError, AttributeError) as wrong:
                record, links = rejected("work_item", raw, f"unexpected shape ({wrong})"), []
            if record is not None:
                records.append(record)
            records += links
        return [*people, *records]

    async def _record(
        self,
        reader: ItemReader,
        raw: bytes,
        data: dict[str, Any],
        parents: Mapping[int, int],
        elsewhere: Mapping[int, list[str]],
        project: Project | None,
    ) -> RawRecord | None:
        """None for what nobody plans with (tests and reviews of code), and for what we are not to read."""
        fields = data["fields"]
        found = project or await self._home(fields.get("System.TeamProject"))
        if found is not None and not self._site.selected(found):
            return None
        home = found.id if found else None
        process = await self._site.process(home) if home else None
        kind = process.kind(str(fields.get("System.WorkItemType") or "")) if process else None
        if kind and kind.hidden:
            return None
        who = {
            name: own
            for name in reader.names
            if (value := fields.get(name)) and (own := self._people.id_of(value))
        }
        return reader.record(
            raw,
            data,
            project=home,
            process=process,
            iteration=await self._iteration(fields, home),
            parent=parents.get(int(data["id"])),
            who=who,
            elsewhere=elsewhere.get(int(data["id"]), ()),
        )

    async def _home(self, name: Any) -> Project | None:
        if not isinstance(name, str) or name in self._asked_again:
            return None
        found = await self._site.project_named(name)
        if found is None:
            # Known not to be listed: the projects are not listed again for each of its work items.
            self._asked_again.add(name)
        return found

    async def _iteration(self, fields: Mapping[str, Any], home: str | None) -> str | None:
        """The GUID of an iteration: by the number that work items carry, since paths are renamed, else by its path."""
        number, path = fields.get("System.IterationId"), fields.get("System.IterationPath")
        node = number if isinstance(number, int) else str(path or "").casefold()
        if not node or home is None:
            return None
        known = self._iterations
        if node not in known and home not in self._asked_again:
            for again in (False, True):
                if again:
                    # Made since the trees were read; they are read again once in a run.
                    self._asked_again.add(home)
                    self._site.forget_trees(home)
                trees = await self._site.trees(home)
                for found in trees.iterations:
                    known[found.id] = known[found.path.casefold()] = found.identifier
                if trees.backlog is not None:
                    known[trees.backlog] = known[trees.title.casefold()] = ""
                if node in known:
                    break
        return known.get(node) or None


def _wiql_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
