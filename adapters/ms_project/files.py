"""Plans in folders: each file is copied while nobody writes to it, parsed in a limited process, and known by the
plan inside it rather than by its name."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

import orjson

from adapters.base import Cursor, Identity, Page, Partition, Presence, RawRecord, SourceField, Stream
from adapters.errors import FileDoubled, FileRefused, RecordRejected, SourceError, SourceMisbehaved
from adapters.ms_project.mpp import as_xml
from adapters.ms_project.mspdi import is_binary_plan
from adapters.ms_project.options import MsProjectOptions
from adapters.ms_project.survey import ALONE, Beside, stem_of
from adapters.spreadsheet.files import Found, FoundFile, Snapshot, find_files, snapshot
from adapters.spreadsheet.process import ReadingProcesses, problem
from portbook.text import normal_key

_log = logging.getLogger(__name__)

SUFFIXES = (".xml", ".mpp")
STREAMS = (
    "mspdi_project",
    "mspdi_calendar",
    "mspdi_task",
    "mspdi_resource",
    "mspdi_assignment",
    "mspdi_baseline",
)
_CHILD = "adapters.ms_project.child"
_ADVICE = "If the file is honest, raise `limits:` of this source; else ask who made it."
_PAGE = 600
_READER_VERSION = 7
"""Raised when records come out differently from the same file: unchanged files are then read again."""
_REFUSED = "refused"


class Plan(NamedTuple):
    """One plan, in its newest file."""

    id: str
    title: str
    taken: Snapshot
    saved: str
    """When its program last saved it, as written there; else when the file was last modified."""
    fields: Mapping[str, str]
    """Custom fields: name → kind."""
    program: str
    others: tuple[str, ...] = ()
    """Other files with a plan of this id."""

    @property
    def doubt(self) -> FileDoubled | None:
        if not self.others:
            return None
        return FileDoubled(
            f"{self.title} is in {self.taken.file.name}, which was saved last and is read, and in "
            f"{', '.join(self.others[:5])}{' …' if len(self.others) > 5 else ''}",
            stream="mspdi_project",
            detail=f"saved {self.saved}",
            hint="Keep older versions out of `files:`. Of two plans, copy the tasks of one into a new, blank plan: a "
            "file that was copied or saved under another name keeps its plan's id, and the one saved last takes the "
            "other's place.",
        )


class Folder(NamedTuple):
    """What the patterns led to."""

    plans: dict[str, Plan]
    skipped: tuple[str, ...]
    problems: tuple[SourceError, ...]
    hidden: tuple[str, ...]
    """Files that may still be uploading and folders that cannot be opened: which plans they hold, nobody can tell."""
    files: Mapping[str, str | None]
    """What plan is in the files of a name, by its stem; None where that cannot be told."""
    unread: frozenset[str]
    """Stems of names of files that cannot be read just now."""

    def beside(self, plan: Plan) -> Beside:
        """What is read besides this plan."""
        others = self.plans.keys() - {plan.id}
        files = [stem for stem, own in self.files.items() if own in others]
        return Beside(sorted(others), sorted(files), sorted(self.unread - {stem_of(plan.taken.file.name)}))


class FilesReader:
    """Reads plan files. There is one partition per plan; files that cannot be read are one more, which fails after
    the others have been read, so that nothing in them counts as missing."""

    def __init__(self, options: MsProjectOptions) -> None:
        self._options = options
        self._limits = options.limits.model_dump()
        self._processes = ReadingProcesses(_CHILD, _ADVICE)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._folder: Folder | None = None
        self._lock = asyncio.Lock()
        self._reading = 0
        self._idle = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._temporary = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="portbook-plans-")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._processes.close()
        if self._temporary is not None:
            await asyncio.to_thread(self._temporary.cleanup)
            self._temporary = None

    async def check(self) -> Identity:
        """Find every file and read it as far as it says which plan it is. Raises when none can be read."""
        folder = await self._open()
        warnings = [f"skipped {reason}" for reason in folder.skipped]
        warnings += [f"not read: {error.message}" for error in folder.problems]
        count = len(folder.plans)
        programs = ", ".join(sorted({plan.program for plan in folder.plans.values()}))
        return Identity(
            account="files on disk",
            product=f"{count} plan{'' if count == 1 else 's'} ({programs})",
            timezone=self._options.timezone,
            warnings=tuple(warnings),
        )

    async def partitions(self) -> list[Partition]:
        folder = await self._open()
        # What is read first is also stored before the rest begins, and so before a broken file ends the run.
        early = bool(folder.problems)
        found = [
            Partition(
                f"plan:{plan.id}", STREAMS, f"{plan.title} ({plan.taken.file.name})", first=early, whole=True
            )
            for plan in folder.plans.values()
        ]
        if folder.problems:
            found.append(Partition(_REFUSED, (), "files that cannot be read"))
        return found

    async def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]:
        """Yield a plan as it stands in its newest file, or nothing when that has not changed since `cursor`, and no
        project inserted in it has become one that is read by itself."""
        folder = await self._open()
        if partition.name == _REFUSED:
            await self._when_others_are_done()
            raise _together(folder.problems)
        plan = folder.plans.get(partition.name.removeprefix("plan:"))
        if plan is None:
            raise SourceMisbehaved(f"there is no plan {partition.name!r} any more", stream="mspdi_project")
        if not full and cursor is not None and _unchanged(cursor, plan, folder.beside(plan)):
            yield Page((), cursor, expected=0)
            return
        self._reading += 1
        refused: SourceError | None = None
        try:
            async with aclosing(self._pages(plan)) as pages:
                async for page in pages:
                    yield page
        except FileRefused as error:
            refused = error
        finally:
            self._reading -= 1
            async with self._idle:
                self._idle.notify_all()
        if refused is not None:
            await self._when_others_are_done()
            raise refused

    async def discover(self) -> list[Stream]:
        """The streams of a plan file, with samples from the first plan that can be read."""
        folder = await self._open()
        samples: dict[str, dict[str, list[Any]]] = {stream: {} for stream in STREAMS}
        for plan in list(folder.plans.values())[:5]:
            async with aclosing(self._pages(plan)) as pages:
                async for page in pages:
                    for record in page.records:
                        _sample(samples[record.stream], record.data)
        names = {name: kind for plan in folder.plans.values() for name, kind in plan.fields.items()}
        streams = []
        for stream, found in samples.items():
            fields = [
                SourceField(path, path.rpartition(".")[2], _kind(values), tuple(values))
                for path, values in found.items()
                if not path.startswith("portbook.fields")
            ]
            if stream in ("mspdi_task", "mspdi_resource", "mspdi_assignment"):
                fields += [
                    SourceField(path, name, kind or "text", tuple(found[path]))
                    for name, kind in names.items()
                    if (path := f"portbook.fields.{_quoted(name)}") in found
                ]
            streams.append(Stream(stream, stream.removeprefix("mspdi_").capitalize() + "s", tuple(fields)))
        streams += [Stream("", str(error), (), problem=error) for error in folder.problems]
        return streams

    async def aliases(self) -> Mapping[str, str]:
        """Custom fields by the names the plans give them. Where plans differ, each is read by its own definition."""
        names = {name for plan in (await self._open()).plans.values() for name in plan.fields}
        return {name: f'portbook.fields."{name}"' for name in sorted(names) if not set('"\\') & set(name)}

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """What a complete read did not meet was deleted: in its plan, or with its file. Unknown while any file is empty
        or any file or folder cannot be read, for it may be the one."""
        try:
            folder = await self._open()
        except SourceError:
            return {}
        return {} if folder.problems or folder.hidden else dict.fromkeys(ids, Presence.DELETED)

    async def _when_others_are_done(self) -> None:
        """Wait for the plans being read: one broken file must not cut short the reading of another."""
        async with self._idle:
            await self._idle.wait_for(lambda: self._reading == 0)

    async def _open(self) -> Folder:
        async with self._lock:
            if self._folder is None:
                self._folder = await self._look()
            return self._folder

    async def _look(self) -> Folder:
        """Copy and identify every file; of several versions of a plan the one saved last counts."""
        if self._temporary is None:
            raise RuntimeError("use the adapter as `async with`")
        found: Found = await asyncio.to_thread(
            find_files,
            self._options.files or (),
            self._options.base_dir,
            newest_only=False,
            suffixes=SUFFIXES,
            what="plan",
        )
        gate = asyncio.Semaphore(2)

        async def identify(file: FoundFile) -> Plan | SourceError:
            async with gate:
                try:
                    return await self._identify(file)
                except SourceError as error:
                    _log.warning("%s", error)
                    return error

        answers = await asyncio.gather(*(identify(file) for file in found.files))
        problems = tuple(answer for answer in answers if isinstance(answer, SourceError))
        skipped = list(found.skipped)
        plans: dict[str, Plan] = {}
        unread = {stem_of(name) for name in found.empty}
        files: dict[str, str | None] = dict.fromkeys(unread)
        for file, plan in zip(found.files, answers, strict=True):
            stem = stem_of(file.name)
            if isinstance(plan, SourceError):
                unread.add(stem)
                files[stem] = None
                continue
            files[stem] = plan.id if files.setdefault(stem, plan.id) == plan.id else None
            other = plans.get(plan.id)
            older, newer = sorted((other or plan, plan), key=lambda p: (p.saved, p.taken.mtime))
            if other is not None:
                skipped.append(
                    f"{older.taken.file.name}: an older version of {newer.title} in {newer.taken.file.name}"
                )
            others = {name for one in (older, newer) for name in (*one.others, one.taken.file.name)}
            plans[plan.id] = newer._replace(others=tuple(sorted(others - {newer.taken.file.name})))
        if not plans:
            raise _together(problems)
        return Folder(plans, tuple(skipped), problems, found.empty + found.closed, files, frozenset(unread))

    async def _identify(self, file: FoundFile) -> Plan:
        assert self._temporary is not None
        into = Path(self._temporary.name)
        taken = await asyncio.to_thread(
            snapshot,
            file,
            into,
            settle_s=self._options.settle_s,
            largest_mb=self._options.limits.file_mb,
        )
        if await asyncio.to_thread(is_binary_plan, taken.copy):
            converted = await as_xml(taken.copy, file.name, self._limits)
            taken = taken._replace(copy=converted)
        head: dict[str, Any] = {}
        async for frame in self._frames("head", taken, ""):
            head = frame
        own = head["head"]
        modified = datetime.fromtimestamp(taken.mtime, ZoneInfo(self._options.timezone))
        return Plan(
            head["guid"] or f"file:{normal_key(file.logical)}",
            own.get("Title") or Path(own.get("Name") or file.name).stem,
            taken,
            own.get("LastSaved") or modified.strftime("%Y-%m-%dT%H:%M:%S"),
            head["fields"],
            "Project XML" if file.path.suffix.casefold() == ".xml" else "Project file",
        )

    async def _frames(
        self, op: str, taken: Snapshot, plan: str, beside: Beside = ALONE
    ) -> AsyncGenerator[dict[str, Any], None]:
        request = {
            "op": op,
            "beside": list(beside),
            "path": str(taken.copy),
            "name": taken.file.name,
            "plan": plan,
            "limits": self._limits,
        }
        async with aclosing(self._processes.frames(request)) as answers:
            async for frame in answers:
                if frame["kind"] == "error":
                    raise problem(frame)
                yield frame

    async def _pages(self, plan: Plan) -> AsyncGenerator[Page, None]:
        """The records of a plan; the last page has the cursor."""
        expected: int | None = None
        inserted: list[Any] = []
        batch: list[RawRecord] = []
        beside = (await self._open()).beside(plan)
        async with aclosing(self._frames("read", plan.taken, plan.id, beside)) as answers:
            async for frame in answers:
                if frame["kind"] == "survey":
                    expected, inserted = frame["records"], frame["inserted"]
                    continue
                batch += [_record(plan, *made) for made in frame["records"]]
                if len(batch) >= _PAGE:
                    yield Page(batch, None, expected)
                    batch = []
        following = {**_read_from(plan), "inserted": inserted}
        yield Page(batch, following, expected, complete=True)


def _read_from(plan: Plan) -> dict[str, Any]:
    return {"sha256": plan.taken.sha256, "how": _READER_VERSION, "others": list(plan.others)}


def _unchanged(cursor: Cursor, plan: Plan, beside: Beside) -> bool:
    """Whether what the plan says is right as it was read. A project inserted in it that is read itself from now on
    would count twice, and one whose file went before it could be read not at all, though the plan's own file is the
    same. One that was read and whose file is gone still has its rows, until a complete run, which reads everything, has
    found that."""
    return {name: cursor.get(name) for name in _read_from(plan)} == _read_from(plan) and all(
        before == "read" or beside.state(other, file) in (before, "unread")
        for other, file, before in cursor["inserted"]
    )


def _record(plan: Plan, stream: str, own: str, data: dict[str, Any], trouble: str) -> RawRecord:
    doubt = plan.doubt if stream == "mspdi_project" else None
    if doubt is not None:
        data["portbook"]["other_files"] = list(plan.others)
    payload = orjson.dumps(data)
    if not trouble:
        return RawRecord(stream, own, payload, data, doubt=doubt)
    error = RecordRejected(
        f"{plan.title}: {trouble}",
        record_id=own,
        stream=stream,
        detail=plan.taken.file.name,
        hint="Open the plan in Project and save it again. The other records were read.",
    )
    return RawRecord(stream, own, payload, data, error=error)


def _together(problems: Sequence[SourceError]) -> SourceError:
    """One error for the run: the first, mentioning the others."""
    first = problems[0]
    if len(problems) == 1:
        return first
    others = "; ".join(error.message for error in problems[1:4])
    detail = f"{first.detail}; also: {others}" if first.detail else f"also: {others}"
    return type(first)(first.message, detail=detail, hint=first.hint)


_SAMPLES = 3


def _sample(found: dict[str, list[Any]], data: Any, before: str = "") -> None:
    for name, value in data.items() if isinstance(data, dict) else ():
        plain = name.isidentifier() and before != "portbook.fields."
        path = f"{before}{name}" if plain else before + _quoted(name)
        if isinstance(value, dict):
            _sample(found, value, f"{path}.")
        elif value not in ("", None, []):
            seen = found.setdefault(path, [])
            if len(seen) < _SAMPLES and value not in seen:
                seen.append(value[:200] if isinstance(value, str) else value)


def _quoted(name: str) -> str:
    """As a mapping writes a name that is no word."""
    return orjson.dumps(name).decode()


def _kind(values: Sequence[Any]) -> str:
    return (
        "list"
        if values and isinstance(values[0], list)
        else "yes/no"
        if values and isinstance(values[0], bool)
        else "text"
        if values and isinstance(values[0], str)
        else "number"
    )
