"""The workbooks of an origin: found, copied, and opened in processes with limits; see `child.py`."""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any

from adapters.errors import SourceError
from adapters.spreadsheet.files import Found, FoundFile, Snapshot
from adapters.spreadsheet.layout import entity_of
from adapters.spreadsheet.options import SheetOptions, SpreadsheetOptions
from adapters.spreadsheet.origin import Origin
from adapters.spreadsheet.process import Ahead, ReadingProcesses, problem
from portbook.text import normal_key

_log = logging.getLogger(__name__)
_CHILD = "adapters.spreadsheet.child"
_RAISE_LIMITS = "Split the workbook or clear unused cells; if it is honest, raise `limits:` of this source."
_SIDE_BY_SIDE = 2
"""Parsing processes at a time, each of which may take `limits.memory_mb`."""


class Workbooks:
    """What is in them, by sheet and by table. Open between `open` and `close`."""

    def __init__(self, options: SpreadsheetOptions, origin: Origin) -> None:
        self._options = options
        self._limits = options.limits.model_dump()
        self._origin = origin
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lists: dict[str, list[list[Any]] | SourceError] = {}
        self._keys: dict[tuple[str, str, str], set[str]] = {}
        self._lock = asyncio.Lock()
        self._processes = ReadingProcesses(_CHILD, _RAISE_LIMITS)
        self._gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def open(self) -> None:
        self._folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="portbook-sheets-")
        await self._origin.open(Path(self._folder.name))

    async def close(self) -> None:
        await self._processes.close()
        if self._folder is not None:
            await self._origin.close()
            await asyncio.to_thread(self._folder.cleanup)
            self._folder = None

    async def find(self) -> Found:
        return await self._origin.find()

    async def snapshot(self, file: FoundFile) -> Snapshot:
        if self._folder is None:
            raise RuntimeError("use the adapter as `async with`")
        async with self._lock:
            return await self._origin.snapshot(file)

    async def sheets(self, taken: Snapshot) -> list[list[Any]]:
        """(name, visible) of each sheet. Remembered by content, also when it was refused."""
        await self.learn([taken])
        known = self._lists[taken.sha256]
        if isinstance(known, SourceError):
            raise known
        return known

    async def learn(self, taken: Iterable[Snapshot]) -> None:
        """List the sheets of those files whose content is new to us."""
        fresh = {copy.sha256: copy for copy in taken if copy.sha256 not in self._lists}
        self._lists.update(zip(fresh, await asyncio.gather(*map(self._list, fresh.values())), strict=True))

    async def _list(self, taken: Snapshot) -> list[list[Any]] | SourceError:
        sheets: list[list[Any]] = []
        try:
            async with aclosing(self.ask("list", taken, [])) as answers:
                async for frame in answers:
                    if frame["kind"] == "error":
                        return problem(frame)
                    sheets = frame["sheets"]
        except SourceError as error:
            return error
        return sheets

    async def entries(self, taken: Snapshot, stream: str | None) -> list[SheetOptions]:
        """The tables of this file that hold `stream` (None: all), configured or recognised by name."""
        if self._options.sheets:
            name = normal_key(Path(taken.file.name).name)
            return [
                entry
                for entry in self._options.sheets
                if stream in (None, entry.into) and fnmatch.fnmatchcase(name, normal_key(entry.file))
            ]
        return [
            SheetOptions.model_validate({"sheet": name, "into": entity, "optional": True})
            for name, _ in await self.sheets(taken)
            if (entity := entity_of(name)) and stream in (None, entity)
        ]

    async def ask(
        self, op: str, copy: Snapshot, entries: list[SheetOptions]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The frames of one process; of these a few run at a time, whatever is read side by side."""
        request = self._request(op, copy, entries)
        async with self._gate, aclosing(self._processes.frames(request)) as answers:
            async for frame in answers:
                yield frame

    async def answers(
        self, taken: list[tuple[Snapshot, list[SheetOptions]]]
    ) -> AsyncGenerator[tuple[Snapshot, dict[str, Any] | SourceError], None]:
        """What the reading processes say of each file, in the files' order, while the next one is parsed already."""
        waiting = iter(taken)
        opened: deque[tuple[Snapshot, Ahead]] = deque()
        try:
            while True:
                for copy, entries in islice(waiting, _SIDE_BY_SIDE - len(opened)):
                    opened.append((copy, Ahead(self.ask("read", copy, entries))))
                if not opened:
                    return
                copy, answers = opened[0]
                try:
                    async for frame in answers.frames():
                        yield copy, frame
                except SourceError as error:
                    yield copy, error
                await answers.aclose()
                opened.popleft()
        finally:
            for _, answers in opened:
                await answers.aclose()

    async def keys_on(self, copy: Snapshot, sheet: str, stream: str) -> set[str]:
        """The keys of the rows on a sheet that is not read; none where it holds no such table. Remembered by content:
        rows that are missed are asked about some at a time."""
        place = copy.sha256, sheet, stream
        if place in self._keys:
            return self._keys[place]
        entry = SheetOptions.model_validate({"sheet": sheet, "into": stream})
        found = self._keys[place] = set()
        try:
            async with aclosing(self.ask("read", copy, [entry])) as answers:
                async for frame in answers:
                    if frame["kind"] == "rows":
                        found.update(row[0] for row in frame["rows"])
        except SourceError as error:
            _log.warning("%s", error)
        return found

    def _request(self, op: str, taken: Snapshot, entries: list[SheetOptions]) -> dict[str, Any]:
        return {
            "op": op,
            "path": str(taken.copy),
            "name": taken.file.name,
            "limits": self._limits,
            "locale": self._options.locale,
            "units": self._options.units,
            "entries": [entry.model_dump(mode="json") for entry in entries],
        }
