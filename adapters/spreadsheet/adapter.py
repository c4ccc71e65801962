"""The spreadsheet adapter: workbooks become streams named after the entities their rows are."""

from __future__ import annotations

import fnmatch
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx
import orjson
from pydantic import BaseModel

from adapters.base import (
    Cursor,
    Identity,
    Page,
    Partition,
    Presence,
    RawRecord,
    Stream,
    Subscribed,
)
from adapters.entra import EntraSignIn
from adapters.errors import FileRefused, SourceError, SourceMisbehaved, SourceRefused
from adapters.graph import Graph, scope_of
from adapters.http import Patience
from adapters.spreadsheet.drive import InDrive
from adapters.spreadsheet.files import Snapshot
from adapters.spreadsheet.layout import STANDARD_SHEETS, entity_of
from adapters.spreadsheet.options import SheetOptions, SpreadsheetOptions
from adapters.spreadsheet.origin import Disk, Origin
from adapters.spreadsheet.process import problem
from adapters.spreadsheet.records import described, of_no_column, of_unclear_unit, record, report
from adapters.spreadsheet.workbooks import Workbooks
from portbook.text import normal_key

_log = logging.getLogger(__name__)
_PAGE = 500
_READER_VERSION = 3
"""Raised when rows come out differently from the same file: unchanged files are then read again."""

REFERRED_TO = ("person", "portfolio", "programme", "project")


class SheetRenamed(SourceMisbehaved):
    """Rows were not met because their sheet is called otherwise now."""


class SpreadsheetAdapter:
    """Reads tables from workbooks. There is one partition per entity, holding its rows of every file and
    sheet: only so can a key that two sheets share be noticed, and a row that moves to the `Closed` sheet
    stay itself.

    A file is copied, then parsed in a process with limits; see `child.py`. Whether it comes from a disk or from a
    drive in the cloud is its origin's business alone.
    """

    kind: ClassVar[str] = "spreadsheet"
    options: ClassVar[type[BaseModel]] = SpreadsheetOptions

    def __init__(
        self,
        options: SpreadsheetOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._options = options
        self._origin: Origin = Disk(options)
        if options.drive is not None and options.auth is not None:
            credentials = EntraSignIn(options.auth, scope_of(options.drive.graph))
            self._origin = InDrive(
                options,
                Graph(options.drive.graph, credentials, transport=transport, patience=patience),
            )
        self._books = Workbooks(options, self._origin)

    async def __aenter__(self) -> Self:
        await self._books.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._books.close()

    async def subscribe(self, address: str, secret: str) -> list[Subscribed]:
        """Only a drive tells of its changes."""
        return await self._in_drive().subscribe(address, secret)

    async def resubscribe(self, subscription_id: str) -> Subscribed | None:
        return await self._in_drive().resubscribe(subscription_id)

    def _in_drive(self) -> InDrive:
        if isinstance(self._origin, InDrive):
            return self._origin
        raise SourceRefused(
            "files on disk tell nobody of their changes", hint="They are looked at every few minutes."
        )

    async def check(self) -> Identity:
        """Find every file and open it far enough to list its sheets. Rows are not read. Raises when no file can be
        opened."""
        found = await self._books.find()
        warnings = [f"skipped {reason}" for reason in found.skipped]
        formats: dict[str, int] = {}
        recognised = False
        refused: list[FileRefused] = []  # raised again by every read, after what can be read
        copies: list[Snapshot] = []
        for file in found.files:
            try:
                copies.append(await self._books.snapshot(file))
            except FileRefused as error:
                refused.append(error)
        await self._books.learn(copies)
        for taken in copies:
            file = taken.file
            try:
                sheets = await self._books.sheets(taken)
            except FileRefused as error:
                refused.append(error)
                continue
            kind = Path(file.name).suffix.lstrip(".").casefold()
            formats[kind] = formats.get(kind, 0) + 1
            unknown = [name for name, _ in sheets if not self._options.sheets and not entity_of(name)]
            recognised = recognised or len(unknown) < len(sheets)
            if unknown and not self._options.sheets:
                warnings.append(f"{file.name}: no standard sheet name, not read: {', '.join(unknown)}")
            warnings += [f"{file.name}: sheet {name} is hidden" for name, visible in sheets if not visible]
        if not formats and refused:
            raise refused[0]
        warnings += [f"not read: {error.message}" for error in refused]
        if not recognised:
            raise _no_standard_sheet("; ".join(warnings)[:1000])
        count = sum(formats.values())
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(formats.items()))
        product = f"{count} file{'' if count == 1 else 's'} ({kinds})"
        return Identity(account=self._origin.account, product=product, warnings=tuple(warnings))

    async def partitions(self) -> list[Partition]:
        """One per entity, in the order of the configuration, else of the standard workbook."""
        if self._options.sheets:
            streams = list(dict.fromkeys(entry.into for entry in self._options.sheets))
        else:
            present: set[str] = set()
            refused: SourceError | None = None
            for file in (await self._books.find()).files:
                try:
                    sheets = await self._books.sheets(await self._books.snapshot(file))
                except SourceError as error:  # raised again by every read, after what can be read
                    _log.warning("%s", error)
                    refused = refused or error
                    continue
                present |= {entity for name, _ in sheets if (entity := entity_of(name))}
            if not present:  # no partition would look like an empty source that was read well
                raise refused or _no_standard_sheet(self._origin.where)
            streams = [entity for entity in dict.fromkeys(STANDARD_SHEETS.values()) if entity in present]
        names = self._origin.where
        # What other rows refer to comes first, in the order in which these refer to one another.
        early = [name for name in REFERRED_TO if name in streams]
        return [
            Partition(
                name, (name,), f"{name.replace('_', ' ')} rows of {names}", first=name in early, whole=True
            )
            for name in [*early, *(name for name in streams if name not in early)]
        ]

    async def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]:
        """Yield the partition's rows in the order of files, sheets and rows; all of them, or none when no
        file has changed since `cursor`.

        A file or sheet that cannot be read does not keep the others from being read: its error is raised
        after them, so that the run is incomplete and nothing counts as missing.
        """
        stream = partition.streams[0]
        if cursor is not None and not full:
            self._origin.resume(cursor.get("origin") or {})
        found = await self._books.find()
        if cursor is not None and not full and (same := self._unchanged(cursor)) is not None:
            yield Page((), same, expected=0)
            return
        taken: list[tuple[Snapshot, list[SheetOptions]]] = []
        problems: list[SourceError] = []
        for file in found.files:
            try:
                copy = await self._books.snapshot(file)
                if entries := await self._books.entries(copy, stream):
                    taken.append((copy, entries))
            except SourceError as error:
                problems.append(error)
        following = self._cursor(taken)
        if not full and not problems and cursor is not None and _same(cursor, following):
            yield Page((), cursor, expected=0)
            return
        _refuse_twins(taken)
        seen: dict[str, str] = {}
        batch: list[RawRecord] = []
        async with aclosing(self._books.answers(taken)) as answers:
            async for copy, frame in answers:
                if isinstance(frame, SourceError):
                    problems.append(frame)
                elif frame["kind"] == "error":
                    problems.append(problem(frame))
                elif frame["kind"] == "sheet":
                    report(copy.file.name, frame)
                elif frame["kind"] == "rows":
                    prefix = f"{normal_key(copy.file.logical)}:" if frame["scope"] == "file" else ""
                    # A full page waits for more rows: the last page, with the cursor, is not empty.
                    if len(batch) >= _PAGE and frame["rows"]:
                        yield Page(batch, None)
                        batch = []
                    batch += [record(stream, prefix, row, seen) for row in frame["rows"]]
        if problems:
            if batch:
                yield Page(batch, None)
            raise _together(problems, stream)
        yield Page(batch, following, complete=True)

    async def discover(self) -> list[Stream]:
        """Every table with its columns and samples. What was passed over, and why, stands in the title."""
        streams: list[Stream] = []
        titles: set[str] = set()
        whole = True
        for file in (await self._books.find()).files:
            try:
                copy = await self._books.snapshot(file)
                entries = await self._books.entries(copy, None)
            except FileRefused as refused:
                streams.append(Stream("", str(refused), (), problem=refused))
                whole = False
                continue
            if not entries:
                continue
            async with aclosing(self._books.ask("discover", copy, entries)) as answers:
                async for frame in answers:
                    if frame["kind"] == "described":
                        streams.append(described(file.name, frame))
                        titles.update(title for _, title, *_ in frame["columns"])
                        streams += [
                            Stream("", error.message, (), problem=error)
                            for error in of_unclear_unit(file.name, frame)
                        ]
                    elif frame["kind"] == "error":
                        error = problem(frame)
                        streams.append(Stream("", f"{file.name}: {error}", (), problem=error))
                        whole = False
        missed = of_no_column(self._options.units, titles) if whole else []
        return streams + [Stream("", error.message, (), problem=error) for error in missed]

    async def aliases(self) -> Mapping[str, str]:
        """None: columns are called by their own names already."""
        return {}

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """Rows that a complete read did not meet were deleted by someone. Unknown while a file cannot be opened or a
        sheet is missing, and of rows whose file is empty for now or in a folder that cannot be opened.
        Raises SourceMisbehaved where a sheet was merely renamed."""
        try:
            found = await self._books.find()
            for file in found.files:
                copy = await self._books.snapshot(file)
                names = [normal_key(name) for name, _ in await self._books.sheets(copy)]
                for entry in await self._books.entries(copy, stream):
                    wanted = normal_key(entry.sheet)
                    if not entry.optional and wanted not in names and not fnmatch.filter(names, wanted):
                        return {}
                if not self._options.sheets:
                    await self._look_for_renamed(stream, copy, set(names), ids, last_known)
        except SheetRenamed:
            raise
        except SourceError:
            return {}
        return {name: Presence.DELETED for name in ids if not found.hides(_told(last_known, name, "file"))}

    async def _look_for_renamed(
        self, stream: str, copy: Snapshot, names: set[str], ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> None:
        """A sheet that lost its standard name is read no more; its rows are where they were."""
        lost = {
            name: sheet
            for name in ids
            if _told(last_known, name, "file") == copy.file.name
            and (sheet := _told(last_known, name, "sheet"))
            and normal_key(sheet) not in names
        }
        unread = [name for name, _ in await self._books.sheets(copy) if not entity_of(name)] if lost else []
        for sheet in unread:
            for name in lost.keys() & await self._books.keys_on(copy, sheet, stream):
                raise SheetRenamed(
                    f"{copy.file.name} has no sheet {lost[name]} any more; its rows stand on {sheet!r}, which is no "
                    "standard name",
                    stream=stream,
                    hint="Nothing was deleted. Give the sheet its name back, or name it under `sheets:`. "
                    f"If these rows are to go, delete {sheet!r} as well, or the rows on it.",
                )

    def _unchanged(self, cursor: Cursor) -> Cursor | None:
        """The cursor to go on from where the origin itself tells that no file is another, without fetching one."""
        state, before = self._origin.state(), cursor.get("origin")
        if state is None or before is None or cursor.get("asked") != self._asked():
            return None
        same = all(before.get(part) == state[part] for part in ("drive", "files"))
        return {**cursor, "origin": state} if same else None

    def _cursor(self, taken: list[tuple[Snapshot, list[SheetOptions]]]) -> dict[str, Any]:
        """What the rows depend on: the files' contents, and how the configuration says to read them."""
        how = [
            _READER_VERSION,
            self._options.locale,
            self._options.units,
            [[e.model_dump(mode="json") for e in es] for _, es in taken],
        ]
        state = self._origin.state()
        origin = {} if state is None else {"origin": state, "asked": self._asked()}
        return origin | {
            "files": {copy.file.name: {"sha256": copy.sha256, "mtime": copy.mtime} for copy, _ in taken},
            "how": hashlib.sha256(orjson.dumps(how)).hexdigest()[:16],
        }

    def _asked(self) -> str:
        """What the same files' rows depend on besides the files."""
        how = [
            _READER_VERSION,
            self._options.locale,
            self._options.units,
            [e.model_dump(mode="json") for e in self._options.sheets],
        ]
        return hashlib.sha256(orjson.dumps(how)).hexdigest()[:16]


def _told(last_known: Mapping[str, Any], record_id: str, member: str) -> str:
    """What a row's record said last: the `file` or the `sheet` that it came from."""
    record = last_known.get(record_id)
    return str(record.get(member) or "") if isinstance(record, dict) else ""


def _no_standard_sheet(detail: str) -> FileRefused:
    return FileRefused(
        "No sheet has the name of a standard PMO sheet",
        detail=detail,
        hint="Say under `sheets:` which holds what, e.g. `{sheet: Tabelle1, into: risk, key: ID}`.",
    )


def _same(one: Cursor, other: Cursor) -> bool:
    """Whether two cursors stand for the same contents; a file that was only touched is the same."""
    return _contents(one) == _contents(other)


def _contents(cursor: Cursor) -> tuple[object, dict[str, object]]:
    files = cursor.get("files") or {}
    return cursor.get("how"), {name: state.get("sha256") for name, state in files.items()}


def _refuse_twins(taken: list[tuple[Snapshot, list[SheetOptions]]]) -> None:
    """Two files with the same bytes are one register copied; every row would be there twice."""
    by_content: dict[str, str] = {}
    for copy, _ in taken:
        other = by_content.setdefault(copy.sha256, copy.file.name)
        if other != copy.file.name:
            raise FileRefused(
                f"{copy.file.name} is an exact copy of {other}",
                hint="Remove one, narrow `files:`, or set `newest_only: true` when each is a later state.",
            )


def _together(problems: list[SourceError], stream: str) -> SourceError:
    """One error for the run: the first, mentioning the others."""
    first = problems[0]
    first.stream = stream
    if len(problems) > 1:
        others = "; ".join(error.message for error in problems[1:4])
        first.detail = f"{first.detail}; also: {others}" if first.detail else f"also: {others}"
    return first
