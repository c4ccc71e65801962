"""Where workbooks come from. A file on disk and a file in a drive are read by the same adapter; only this differs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from adapters.spreadsheet.files import Found, FoundFile, Snapshot, find_files, snapshot
from adapters.spreadsheet.options import SpreadsheetOptions


class Origin(Protocol):
    """Finds files and takes copies of them. Every method may raise a SourceError."""

    account: str
    """As whom we read, for people."""
    where: str
    """What was asked for, for people: the patterns."""

    async def open(self, folder: Path) -> None:
        """`folder` is for copies, and vanishes with the adapter."""
        ...

    async def close(self) -> None: ...

    async def find(self) -> Found:
        """The files there are now."""
        ...

    async def snapshot(self, file: FoundFile) -> Snapshot:
        """A copy of this file, taken anew only when it changed: all streams of a run see the same state."""
        ...

    def resume(self, state: Mapping[str, Any]) -> None:
        """Start from what `state()` said in an earlier run, where that is of use."""
        ...

    def state(self) -> Mapping[str, Any] | None:
        """What the next run may start from; part of the cursor."""
        ...


class Disk:
    """Files in folders that this machine can read."""

    account = "files on disk"

    def __init__(self, options: SpreadsheetOptions) -> None:
        self._options = options
        self._taken: dict[Path, Snapshot] = {}
        self.where = ", ".join(options.files)

    async def open(self, folder: Path) -> None:
        self._folder = folder

    async def close(self) -> None:
        pass

    async def find(self) -> Found:
        options = self._options
        return await asyncio.to_thread(
            find_files, options.files, options.base_dir, newest_only=options.newest_only
        )

    async def snapshot(self, file: FoundFile) -> Snapshot:
        known = self._taken.get(file.path)
        if known is not None:
            now = await asyncio.to_thread(_stat, file.path)
            if now == (known.mtime, known.size):
                return known._replace(file=file)
        taken = await asyncio.to_thread(
            snapshot,
            file,
            self._folder,
            settle_s=self._options.settle_s,
            largest_mb=self._options.limits.file_mb,
        )
        self._taken[file.path] = taken
        return taken

    def resume(self, state: Mapping[str, Any]) -> None:
        pass

    def state(self) -> Mapping[str, Any] | None:
        return None


def _stat(path: Path) -> tuple[float, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime, status.st_size
