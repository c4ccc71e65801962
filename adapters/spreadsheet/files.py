"""Finding files by pattern, and taking a copy of one that nobody is writing to."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from adapters.errors import FileRefused, SourceUnavailable

TABLES = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv", ".txt"}
EMPTY = "empty (0 bytes), perhaps still uploading"
_WILD = re.compile(r"[*?\[]")
_DATE_IN_NAME = re.compile(r"(20\d\d)[-_. ]?([01]\d)(?:[-_. ]?([0-3]\d))?(?!\d)")


class FoundFile(NamedTuple):
    path: Path
    """Where it is on this machine; for a file in a drive, its id there."""
    name: str
    """The path as a person wrote it, relative to the configuration's folder: what errors and addresses
    show."""
    logical: str
    """What stays the same when a new copy comes under a new name: the name, or the pattern with
    newest_only."""


class Found(NamedTuple):
    files: tuple[FoundFile, ...]
    skipped: tuple[str, ...]
    """Files that matched and are not read, with the reason."""
    empty: tuple[str, ...] = ()
    """Those among them, by name, that may still be uploading: what was read of them last is not gone."""
    closed: tuple[str, ...] = ()
    """Folders that the account may not look into: nor is what was read there."""

    def hides(self, name: str) -> bool:
        """Whether the file of that name may be there all the same."""
        return name in self.empty or any(name.startswith(f"{folder}/") for folder in self.closed)


class Snapshot(NamedTuple):
    """A private copy of a file at one moment."""

    file: FoundFile
    copy: Path
    sha256: str
    mtime: float
    size: int


def find_files(
    patterns: Sequence[str],
    base: Path,
    *,
    newest_only: bool,
    suffixes: Collection[str] = TABLES,
    what: str = "spreadsheet",
) -> Found:
    """The files the patterns name, each once, in the order of patterns and names.

    Raises FileRefused for a pattern that finds nothing: silence would look like an empty register.
    """
    base = base.resolve()
    files: dict[Path, FoundFile] = {}
    skipped: list[str] = []
    empty: list[str] = []
    closed: dict[str, None] = {}
    for pattern in patterns:
        matches, passed_over, blank = _matches(pattern, base, suffixes, what)
        for folder in _closed(pattern, base):
            closed[_shown(folder, base)] = None
            passed_over.append(f"{_shown(folder, base)}: a folder that cannot be opened")
        skipped += passed_over
        empty += [_shown(path, base) for path in blank]
        if not matches:
            raise _nothing(pattern, base, passed_over, suffixes, what)
        if newest_only and blank and max(map(_age, blank)) > max(map(_age, matches)):
            raise newest_is_empty(_shown(max(blank, key=_age), base))
        if newest_only and len(matches) > 1:
            *older, newest = sorted(matches, key=_age)
            skipped += [f"{_shown(path, base)}: older than {newest.name}" for path in older]
            matches = [newest]
        for path in matches:
            logical = pattern if newest_only else _shown(path, base)
            files.setdefault(path, FoundFile(path, _shown(path, base), logical))
    return Found(
        tuple(files.values()), tuple(dict.fromkeys(skipped)), tuple(dict.fromkeys(empty)), tuple(closed)
    )


def newest_is_empty(name: str) -> SourceUnavailable:
    """Reading the one before it instead would take the whole register back to what it said then."""
    return SourceUnavailable(
        f"{name}, the newest file, is {EMPTY}", hint="Else remove it, or save it again.", retry_after=60
    )


def _matches(
    pattern: str, base: Path, suffixes: Collection[str], what: str
) -> tuple[list[Path], list[str], list[Path]]:
    """Files to read, why others are not, and those others that are empty."""
    root, relative = _parted(pattern, base)
    files: list[Path] = []
    skipped: list[str] = []
    empty: list[Path] = []
    try:
        literal = root / relative
        if literal.is_file():  # a name may hold brackets: `RAID [final].xlsx`
            return [literal], [], []
        candidates = sorted(path for path in root.glob(relative) if path.is_file())
    except (ValueError, NotImplementedError, OSError) as error:
        raise FileRefused(f"The pattern {pattern!r} cannot be searched", detail=str(error)) from error
    for path in candidates:
        if reason := passed_over(path.name, path.stat().st_size, suffixes, what):
            skipped.append(f"{_shown(path, base)}: {reason}")
            empty += [path] if reason == EMPTY else []
        else:
            files.append(path)
    return files, skipped, empty


def _parted(pattern: str, base: Path) -> tuple[Path, str]:
    """Where to search, and for what from there."""
    written = Path(pattern).expanduser()
    if written.is_absolute():
        return Path(written.anchor), str(written.relative_to(written.anchor))
    return base, pattern


def _closed(pattern: str, base: Path) -> list[Path]:
    """The folders among those the pattern leads through that cannot be listed: `glob` is silent about them."""
    root, relative = _parted(pattern, base)
    above = PurePath(relative).parent
    if not _WILD.search(str(above)) or (root / relative).is_file():
        return []
    closed: dict[Path, None] = {}
    for way in (above, *above.parents):
        if not _WILD.search(str(way)):
            break
        for folder in root.glob(str(way)):
            if not folder.is_dir():
                continue
            try:
                with os.scandir(folder):
                    pass
            except OSError:
                closed[folder] = None
    return sorted(closed)


def passed_over(
    name: str, size: int, suffixes: Collection[str] = TABLES, what: str = "spreadsheet"
) -> str | None:
    """Why a file that a pattern names is not read, None when it is."""
    if name.startswith("~$") or (name.startswith(".~lock.") and name.endswith("#")):
        return "the lock of a file someone has open"
    if name.startswith("."):
        return "a hidden file"
    if PurePath(name).suffix.casefold() not in suffixes:
        return f"not a {what} by its name"
    if size == 0:
        return EMPTY
    return None


def _nothing(
    pattern: str, base: Path, skipped: list[str], suffixes: Collection[str], what: str
) -> FileRefused:
    written = Path(pattern)
    folder = written.parent if written.is_absolute() else base / written.parent
    there: list[str] = []
    if folder.is_dir():
        there = sorted(
            path.name
            for path in folder.iterdir()
            if path.is_file() and not passed_over(path.name, path.stat().st_size, suffixes, what)
        )[:10]
    detail = f"searched in {folder}"
    if skipped:
        detail += f"; passed over {'; '.join(skipped[:5])}"
    hint = f"There are: {', '.join(there)}. Correct `files:`." if there else "Correct `files:`; "
    if not there:
        hint += "that folder " + (f"holds no {what}s." if folder.is_dir() else "does not exist.")
    return FileRefused(f"No file matches {pattern!r}", detail=detail, hint=hint)


def _age(path: Path) -> tuple[str, float]:
    return date_in(path.name), path.stat().st_mtime


def date_in(name: str) -> str:
    """The last date in a file's name, comparable as text; empty without one."""
    dates = [
        "".join(part or "00" for part in match.groups())
        for match in _DATE_IN_NAME.finditer(PurePath(name).stem)
    ]
    return dates[-1] if dates else ""


def _shown(path: Path, base: Path) -> str:
    try:
        return path.resolve().relative_to(base).as_posix()
    except ValueError:
        return str(path)


def snapshot(file: FoundFile, into: Path, *, settle_s: float, largest_mb: int) -> Snapshot:
    """Copy a file once it has stopped changing, so that what is checked is also what is parsed.

    Raises SourceUnavailable while someone keeps writing to it, FileRefused when it cannot be opened.
    """
    for _ in range(3):
        try:
            before = file.path.stat()
            if before.st_size > largest_mb << 20:
                raise FileRefused(
                    f"{file.name} is too large: {before.st_size >> 20} MiB, the limit is {largest_mb} MiB",
                    hint="Split it, or raise `limits.file_mb` of this source.",
                )
            if (wait := settle_s - (time.time() - before.st_mtime)) > 0:
                time.sleep(min(wait, settle_s))
            copy, digest = _copied(file.path, into)
            after = file.path.stat()
        except FileNotFoundError as error:
            raise SourceUnavailable(
                f"{file.name} vanished while it was being read", retry_after=30
            ) from error
        except OSError as error:
            raise FileRefused(
                f"{file.name} cannot be opened: {error.strerror or error}",
                detail=str(file.path),
                hint="Give the account that runs Portbook the right to read it.",
            ) from error
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            return Snapshot(file, copy, digest, after.st_mtime, after.st_size)
    raise SourceUnavailable(
        f"{file.name} keeps changing while it is read",
        detail=str(file.path),
        hint="Close it.",
        retry_after=60,
    )


def _copied(path: Path, into: Path) -> tuple[Path, str]:
    target = into / hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with path.open("rb") as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    with target.open("rb") as copied:
        return target, hashlib.file_digest(copied, "sha256").hexdigest()
