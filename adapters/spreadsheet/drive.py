"""Workbooks in a drive of SharePoint or OneDrive: found by pattern, fetched only when their content changed."""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import logging
import shutil
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from adapters import graph_hooks
from adapters.base import Subscribed
from adapters.errors import CursorExpired, FileRefused, SourceUnavailable
from adapters.graph import Drive, Graph, Item
from adapters.spreadsheet.files import (
    EMPTY,
    Found,
    FoundFile,
    Snapshot,
    date_in,
    newest_is_empty,
    passed_over,
)
from adapters.spreadsheet.options import DriveOptions, SpreadsheetOptions
from portbook.text import normal_key

_log = logging.getLogger(__name__)
_MOST_FOLDERS = 2_000
_SHELF_BYTES = 1 << 30
_GLOB = frozenset("*?[")


class Listed(NamedTuple):
    """A file that was found, and what tells whether it is still the same."""

    item: Item
    name: str
    logical: str


class Listing:
    """What the patterns named at one moment, and everything whose change could make that untrue."""

    def __init__(self) -> None:
        self.files: dict[str, Listed] = {}
        self.skipped: list[str] = []
        self.empty: list[str] = []
        self.folders: dict[str, tuple[str, str, bool]] = {}
        """Folder id → its name, its parent, and whether its children were looked at."""

    def touched_by(self, item: Item) -> bool:
        """Whether a change of this item may change what is found. The feed names a file's folders too, whenever the
        file changes: a folder that is called and stands as before is no news."""
        if listed := self.files.get(item.id):
            same = listed.item
            return item.deleted or (item.tag, item.name, item.parent) != (same.tag, same.name, same.parent)
        if folder := self.folders.get(item.id):
            # The top folder is called `root` in the feed, and has no parent.
            return item.deleted or (bool(folder[1]) and (item.name, item.parent) != folder[:2])
        above = self.folders.get(item.parent)
        return above is not None and above[2]


class Shelf:
    """Copies of files in drives, kept while this process runs, so that an unchanged file is not fetched again by the
    next run. Holds a gibibyte at most, and drops what was not asked for longest."""

    def __init__(self, most: int = _SHELF_BYTES) -> None:
        self._most = most
        self._folder: Path | None = None
        self._kept: OrderedDict[tuple[str, str, str], tuple[Path, str, int]] = OrderedDict()
        self._count = 0

    def get(self, key: tuple[str, str, str]) -> tuple[Path, str, int] | None:
        found = self._kept.get(key)
        if found is None or not found[0].exists():
            return None
        self._kept.move_to_end(key)
        return found

    def place(self) -> Path:
        """Where a new copy may be written."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="portbook-drive-"))
            # Also when the process ends without anybody's `close`.
            self._end = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._count += 1
        return self._folder / str(self._count)

    def put(self, key: tuple[str, str, str], copy: Path, sha256: str, size: int) -> None:
        # Earlier contents of the same file are of no more use.
        for old in [kept for kept in self._kept if kept[:2] == key[:2]]:
            self._drop(old)
        self._kept[key] = copy, sha256, size
        while len(self._kept) > 1 and sum(entry[2] for entry in self._kept.values()) > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str, str]) -> None:
        self._kept.pop(key)[0].unlink(missing_ok=True)


_shelf = Shelf()


class InDrive:
    """Files in a drive, read as an application."""

    def __init__(self, options: SpreadsheetOptions, graph: Graph, shelf: Shelf | None = None) -> None:
        if options.drive is None:
            raise ValueError("no drive")
        self._options: DriveOptions = options.drive
        self._newest_only = options.newest_only
        self._largest = options.limits.file_mb << 20
        self._graph = graph
        self._shelf = shelf or _shelf
        self._drive: Drive | None = None
        self._listing: Listing | None = None
        self._place: str | None = None
        """Our place in the drive's feed of changes, from before the listing."""
        self._lock = asyncio.Lock()
        self.account = "Microsoft Graph"
        self.where = ", ".join(options.drive.path)

    async def open(self, folder: Path) -> None:
        self._copies = folder
        await self._graph.__aenter__()

    async def close(self) -> None:
        await self._graph.__aexit__()

    async def subscribe(self, address: str, secret: str) -> list[Subscribed]:
        """Let the drive tell `address` of its changes."""
        drive = self._drive or await self._find_drive()
        return await graph_hooks.subscribe(self._graph.http, drive, address, secret)

    async def resubscribe(self, subscription_id: str) -> Subscribed | None:
        return await graph_hooks.renew(self._graph.http, subscription_id)

    async def find(self) -> Found:
        """The files there are now. What was found before is found again by one look at the drive's changes."""
        async with self._lock:
            if self._drive is None:
                self._drive = await self._find_drive()
                self.account = f"Microsoft Graph: {self._drive.title}"
            if self._listing is None or not await self._still_true(self._listing):
                # First the place, then the listing: what changes in between is seen twice rather than never.
                self._place = await self._graph.now(self._drive)
                self._listing = await self._list(self._drive)
            listing = self._listing
            return Found(
                tuple(
                    FoundFile(Path(found.item.id), found.name, found.logical)
                    for found in listing.files.values()
                ),
                tuple(listing.skipped),
                tuple(listing.empty),
            )

    async def snapshot(self, file: FoundFile) -> Snapshot:
        """A copy of the file. One whose tag is known is not fetched again."""
        listed = self._listing.files.get(str(file.path)) if self._listing else None
        if listed is None or self._drive is None:
            raise SourceUnavailable(f"{file.name} vanished while it was being read", retry_after=30)
        async with self._lock:
            item = listed.item
            if item.size > self._largest:
                raise FileRefused(
                    f"{file.name} is too large: {item.size >> 20} MiB, the limit is {self._largest >> 20} MiB",
                    hint="Split it, or raise `limits.file_mb` of this source.",
                )
            key = self._drive.id, item.id, item.tag
            kept = self._shelf.get(key) if item.tag else None
            if kept is None:
                place = self._shelf.place()
                try:
                    fetched = await self._graph.content(
                        self._drive, item, place, name=file.name, largest=self._largest
                    )
                except BaseException:
                    place.unlink(missing_ok=True)  # the part that came: the shelf does not know of it
                    raise
                kept = place, fetched.sha256, fetched.size
                self._shelf.put(key, *kept)
            copy = self._copies / hashlib.sha256("\0".join(key).encode()).hexdigest()[:32]
            if not copy.exists():
                # A name of our own: the shelf may drop its copy while this run still reads.
                await asyncio.to_thread(copy.hardlink_to, kept[0])
            return Snapshot(file, copy, kept[1], item.modified, kept[2])

    def resume(self, state: Mapping[str, Any]) -> None:
        """Take an earlier run's listing for the start; whether it is still true, the drive's changes tell."""
        if self._listing is not None or state.get("asked") != self._asked() or not state.get("place"):
            return
        try:
            self._drive = Drive(*state["drive"])
            listing = Listing()
            for item, name, logical in state["files"]:
                listing.files[item[0]] = Listed(Item(*item), name, logical)
            listing.folders = {key: (name, parent, looked) for key, name, parent, looked in state["folders"]}
            listing.skipped, listing.empty = list(state["skipped"]), list(state["empty"])
        except (KeyError, TypeError, ValueError):
            self._drive = None
            return
        self._listing, self._place = listing, str(state["place"])
        self.account = f"Microsoft Graph: {self._drive.title}"

    def state(self) -> Mapping[str, Any] | None:
        if self._listing is None or self._drive is None:
            return None
        return {
            "asked": self._asked(),
            "drive": list(self._drive),
            "place": self._place,
            "files": [
                [list(found.item), found.name, found.logical] for found in self._listing.files.values()
            ],
            "folders": [[key, *folder] for key, folder in self._listing.folders.items()],
            "skipped": self._listing.skipped[:100],
            "empty": self._listing.empty,
        }

    def _asked(self) -> str:
        """What the listing depends on besides the drive."""
        options = self._options.model_dump(mode="json")
        return hashlib.sha256(orjson.dumps([options, self._newest_only])).hexdigest()[:16]

    async def _find_drive(self) -> Drive:
        options = self._options
        if options.site is not None:
            return await self._graph.drive_of_site(options.site, options.library)
        if options.user is not None:
            return await self._graph.drive_of_user(options.user)
        return await self._graph.drive_by_id(str(options.id))

    async def _still_true(self, listing: Listing) -> bool:
        if self._place is None:
            return False
        try:
            async for items, place in self._graph.changes(self._place):
                if any(listing.touched_by(item) for item in items):
                    return False
                self._place = place or self._place
        except CursorExpired:
            return False
        return True

    async def _list(self, drive: Drive) -> Listing:
        """Raises FileRefused for a pattern that finds nothing: silence would look like an empty register."""
        listing = Listing()
        walk = _Walk(self._graph, drive, listing)
        for pattern in self._options.path:
            steps = [step for step in pattern.split("/") if step]
            matches = await walk.matching(steps)
            judged = [(item, name, passed_over(item.name, item.size)) for item, name in matches]
            passed = [f"{name}: {reason}" for _, name, reason in judged if reason]
            found = [(item, name) for item, name, reason in judged if not reason]
            blank = [(item, name) for item, name, reason in judged if reason == EMPTY]
            listing.skipped += passed
            listing.empty += [name for _, name in blank]
            if not found:
                raise await walk.nothing(pattern, steps, passed)
            if self._newest_only and blank and _age(max(blank, key=_age)) > max(map(_age, found)):
                raise newest_is_empty(max(blank, key=_age)[1])
            if self._newest_only and len(found) > 1:
                *older, newest = sorted(found, key=_age)
                listing.skipped += [f"{name}: older than {newest[0].name}" for _, name in older]
                found = [newest]
            for item, name in sorted(found, key=lambda one: normal_key(one[1])):
                # A file is itself by its id, under whatever name and in whatever folder.
                listing.files.setdefault(
                    item.id, Listed(item, name, pattern if self._newest_only else item.id)
                )
        listing.skipped = list(dict.fromkeys(listing.skipped))
        return listing


class _Walk:
    """Looks for patterns in a drive, into each folder once."""

    def __init__(self, graph: Graph, drive: Drive, listing: Listing) -> None:
        self._graph, self._drive, self._listing = graph, drive, listing
        self._children: dict[str, list[Item]] = {}
        listing.folders[drive.root] = ("", "", False)

    async def matching(self, steps: list[str]) -> list[tuple[Item, str]]:
        """Each matching file with its path in the drive."""
        found: dict[str, tuple[Item, str]] = {}
        literal = _literal(steps)
        # A name may hold brackets: `RAID [final].xlsx`.
        if len(literal) == len(steps) or not any(set(step) & {"*", "?"} for step in steps):
            item = await self._descend(steps)
            if item is not None and not item.folder:
                return [(item, "/".join(steps))]
            if len(literal) == len(steps):
                return []
        start = await self._descend(literal)
        if start is not None and start.folder:
            await self._match(start.id, steps[len(literal) :], "/".join(literal), found)
        return list(found.values())

    async def _descend(self, steps: list[str]) -> Item | None:
        """The item at that path; the folders on the way are remembered, for a rename of one moves the path."""
        if not steps:
            return Item(self._drive.root, "", True, "", "", 0, 0.0)
        item: Item | None = None
        for count in range(1, len(steps) + 1):
            item = await self._graph.by_path(self._drive, "/".join(steps[:count]))
            if item is None:
                return None
            if item.folder:
                self._remember(item)
        return item

    async def _match(
        self, folder: str, steps: list[str], path: str, found: dict[str, tuple[Item, str]]
    ) -> None:
        step, rest = steps[0], steps[1:]
        if step == "**":
            await self._match(folder, rest or ["*"], path, found)
        for item in await self._look_into(folder):
            name = f"{path}/{item.name}" if path else item.name
            if item.folder:
                if step == "**":
                    await self._match(item.id, steps, name, found)
                elif rest and _same_name(item.name, step):
                    await self._match(item.id, rest, name, found)
            elif not rest and step != "**" and _same_name(item.name, step):
                found.setdefault(item.id, (item, name))

    async def _look_into(self, folder: str) -> list[Item]:
        if folder not in self._children:
            if len(self._children) >= _MOST_FOLDERS:
                raise FileRefused(
                    f"The patterns reach into more than {_MOST_FOLDERS} folders",
                    hint="Name the folder in `path`, before the first `*`.",
                )
            self._children[folder] = [item async for item in self._graph.children(self._drive, folder)]
            name, parent, _ = self._listing.folders.get(folder, ("", "", False))
            self._listing.folders[folder] = (name, parent, True)
            for item in self._children[folder]:
                if item.folder:
                    self._remember(item)
        return self._children[folder]

    def _remember(self, item: Item) -> None:
        self._listing.folders.setdefault(item.id, (item.name, item.parent, False))

    async def nothing(self, pattern: str, steps: list[str], passed: list[str]) -> FileRefused:
        folder = await self._descend(_literal(steps[:-1]))
        there: list[str] = []
        if folder is not None and folder.folder:
            inside = await self._look_into(folder.id)
            there = sorted(
                item.name for item in inside if not item.folder and not passed_over(item.name, item.size)
            )
        detail = f"searched in {self._drive.title}"
        if passed:
            detail += f"; passed over {'; '.join(passed[:5])}"
        if there:
            hint = f"There are: {', '.join(there[:10])}. Correct `path`."
        elif folder is None:
            hint = "Correct `path`; that folder does not exist, or the application may not see it."
        else:
            hint = "Correct `path`; that folder holds no spreadsheets that the application may see."
        return FileRefused(f"No file matches {pattern!r}", detail=detail, hint=hint)


def _age(found: tuple[Item, str]) -> tuple[str, float]:
    return date_in(found[0].name), found[0].modified


def _literal(steps: list[str]) -> list[str]:
    """The steps before the first that is a pattern."""
    for index, step in enumerate(steps):
        if set(step) & _GLOB:
            return steps[:index]
    return steps


def _same_name(name: str, pattern: str) -> bool:
    # SharePoint knows no case.
    return fnmatch.fnmatchcase(name.casefold(), pattern.casefold())
