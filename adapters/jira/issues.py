"""Issues of one project, a page at a time, in full or as changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.base import Cursor, Page, RawRecord
from adapters.errors import SourceMisbehaved
from adapters.jira.boards import Boards
from adapters.jira.keys import Keys
from adapters.jira.payload import IssueReader, decode, instant, rejected
from adapters.jira.people import People
from adapters.jira.search import (
    DEEPEST_OFFSET,
    MOST_SHIFTS,
    OVERLAP,
    IssueSearch,
    Place,
    ProjectHidden,
    Rows,
    Shifted,
    TokenRefused,
)
from adapters.jira.site import Project, Site, as_object

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_TURN = 16
"""Issues handled between two turns of the event loop, which has requests and writes under way."""


class Issues:
    def __init__(self, site: Site, boards: Boards, people: People) -> None:
        self._site = site
        self._boards = boards
        self._people = people
        self._keys = Keys(site)

    async def pages(
        self, project: Project, cursor: Cursor | None, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        """May repeat rows, never skips one that stayed in the project. The next page is already on its way
        while the caller stores this one."""
        server = await self._site.server()
        fields = await self._site.fields()
        scan = Scan.resume(cursor, full, self._site.http.tool_now())
        points = await self._boards.points_fields(project)
        reader = IssueReader(fields, points, server.browse, server.zone)
        search = IssueSearch(
            self._site.http, server, project.id, scan.by, fields.asked, self._site.options.page_size
        )
        expected = await self._count(search) if scan.by == "created" else None
        coming = asyncio.create_task(fetch(search, scan.place))
        try:
            while True:
                try:
                    rows = await coming
                except ProjectHidden:
                    if await self._site.may_browse(project.id) is not False:
                        raise
                    # Listed, for the account administers it, and not ours to read: `locate` says so of what it holds.
                    yield Page([], cursor if scan.by == "updated" else None)
                    return
                records, last = await self._build(reader, rows.raws)
                scan.advance(rows, records, last)
                if rows.done:
                    break
                coming = asyncio.create_task(fetch(search, scan.place))
                yield Page(records, scan.cursor(), expected if rows.total is None else _total(scan, rows))
                del rows, records  # megabytes, until the next page has come
        finally:
            # Also when it has failed already: a problem that nobody heard of would be reported at some odd moment.
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        if scan.by == "created" and not scan.rows:
            await self._doubt_nothing(project, expected)
        yield Page(records, scan.final_cursor(), expected)

    async def records(self, project: Project, raws: list[bytes]) -> list[RawRecord]:
        """Issues of one project that were read singly, with the people they name."""
        server = await self._site.server()
        points = await self._boards.points_fields(project)
        reader = IssueReader(await self._site.fields(), points, server.browse, server.zone)
        return (await self._build(reader, raws))[0]

    async def _count(self, search: IssueSearch) -> int | None:
        """How many issues to expect; Data Center says it with every page."""
        server = await self._site.server()
        if not server.cloud:
            return None
        answer, found = await self._site.http.send(
            "POST",
            f"{server.api}/search/approximate-count",
            body={"jql": search.jql(None).partition(" ORDER BY ")[0]},
            decode=as_object,
            also=(400, 403, 404),
            stream="issue",
        )
        count = found.get("count") if answer.status == 200 else None
        return count if isinstance(count, int) else None

    async def _doubt_nothing(self, project: Project, expected: int | None) -> None:
        """An empty project is possible. An expired login that is answered with empty lists is, too."""
        if expected:
            raise SourceMisbehaved(
                f"Jira counts about {expected} issues in {project.key} and lists none",
                stream="issue",
                detail=self._site.http.base_url,
                hint="Nothing was deleted here. Run the sync again in a few minutes.",
            )
        server = await self._site.server()
        await self._site.http.json("GET", f"{server.api}/myself", decode=as_object, stream="issue")

    async def _build(self, reader: IssueReader, raws: list[bytes]) -> tuple[list[RawRecord], dict[str, Any]]:
        """Records of a page, the people it names included, and its last row as far as it can be read."""
        records: list[RawRecord] = []
        users: list[Mapping[str, Any]] = []
        waiting: list[tuple[int, bytes, dict[str, Any]]] = []
        wanted: set[str] = set()
        issue: dict[str, Any] | RawRecord = {}
        for at, raw in enumerate(raws):
            if at % _TURN == 0:
                await asyncio.sleep(0)
            issue = decode(raw)
            if isinstance(issue, RawRecord):
                records.append(issue)
                continue
            self._keys.learn(issue)
            users.extend(reader.people(issue["fields"]))
            # Built at once wherever that can be: by the end of the page an issue has left the processor's cache.
            key = reader.parent_key(issue["fields"])
            record = _record(reader, raw, issue, {})
            records.append(record)
            if key and record.error is None:
                wanted.add(key)
                waiting.append((at, raw, issue))
        if wanted:
            parents = await self._keys.ids(wanted)
            for at, raw, data in waiting:
                records[at] = _record(reader, raw, data, parents)
        last = {"id": issue.id, "fields": {}} if isinstance(issue, RawRecord) else issue
        return [*await self._people.newly_met(users), *records], last


def _record(reader: IssueReader, raw: bytes, data: dict[str, Any], parents: Mapping[str, str]) -> RawRecord:
    try:
        return reader.record(raw, data, parents)
    except (TypeError, ValueError, KeyError, AttributeError) as wrong:
        return rejected("issue", raw, f"unexpected shape ({wrong})")


async def fetch(search: IssueSearch, place: Place) -> Rows:
    """The rows after `place`; a new window is opened where a token is refused or rows shifted."""
    for _ in range(MOST_SHIFTS):
        try:
            return await search.page(place)
        except (TokenRefused, Shifted):
            place = Place(window=place.reached or place.window, reached=place.reached)
    raise SourceMisbehaved(
        f"rows kept moving under us in {MOST_SHIFTS} attempts",
        stream="issue",
        hint="A bulk change may be under way in Jira. Run the sync again later.",
    )


def _total(scan: Scan, rows: Rows) -> int | None:
    return max(rows.total or 0, scan.rows)


class Scan:
    """How far a read has come, and its form as a cursor."""

    def __init__(self, by: str, started: datetime, since: datetime | None, place: Place) -> None:
        self.by = by
        self.started = started
        self.since = since
        self.place = place
        self.high: datetime | None = None
        self.rows = 0

    @classmethod
    def resume(cls, cursor: Cursor | None, full: bool, now: datetime) -> Scan:
        cursor = cursor or {}
        by = cursor.get("by")
        if by == "created" or (by == "updated" and not full):
            place = Place(
                _moment(cursor.get("window")),
                cursor.get("token"),
                int(cursor.get("start") or 0),
                cursor.get("last"),
                _moment(cursor.get("reached")),
            )
            scan = cls(by, _moment(cursor.get("started")) or now, _moment(cursor.get("since")), place)
            scan.high, scan.rows = _moment(cursor.get("high")), int(cursor.get("rows") or 0)
            return scan
        since = _moment(cursor.get("since"))
        if full or since is None:
            return cls("created", now, None, Place())
        return cls("updated", now, since, Place(window=since - OVERLAP))

    def advance(self, rows: Rows, records: list[RawRecord], last: Mapping[str, Any]) -> None:
        self.rows += len(rows.raws)
        for record in records:
            if record.updated_at is not None and (self.high is None or record.updated_at > self.high):
                self.high = record.updated_at
        place = rows.place
        if last:
            reached = instant(last["fields"].get(self.by)) or place.reached
            reached = max(reached, _EARLIEST) if reached else None
            place = place._replace(last=str(last["id"]), reached=reached)
            if (
                place.token is None
                and place.start >= DEEPEST_OFFSET
                and reached
                and reached.replace(second=0, microsecond=0) > (place.window or _EARLIEST)
            ):
                place = Place(window=reached.replace(second=0, microsecond=0), reached=reached)
        self.place = place

    def cursor(self) -> Cursor:
        return {
            "by": self.by,
            "started": self.started.isoformat(),
            "since": _text(self.since),
            "high": _text(self.high),
            "rows": self.rows,
            "window": _text(self.place.window),
            "token": self.place.token,
            "start": self.place.start,
            "last": self.place.last,
            "reached": _text(self.place.reached),
        }

    def final_cursor(self) -> Cursor:
        """Where changes are looked for next: the latest change seen, but never so late that one which was not
        yet searchable when this read began could lie before it."""
        latest = self.started - OVERLAP
        since = min(self.high, latest) if self.high else (self.since or latest)
        return {"since": max(since, self.since).isoformat() if self.since else since.isoformat()}


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
