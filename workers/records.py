"""Raw records → what to do with each: new, changed, unchanged, deleted or set aside. Nothing is written here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from adapters.base import RawRecord
from adapters.errors import FileDoubled, RecordRejected
from mapping.apply import Mapped, Mapper
from mapping.errors import FieldUnmapped, ValueUnknown
from portbook.text import shown
from register.db import Pool
from register.findings import FindingDraft
from register.ids import derive_id
from register.rejections import Rejected
from register.write import Counts, Incoming, Known, known_records, stored_payloads

YIELD_EVERY = 8
"""Records between two turns of the event loop. The batch before this one is being written meanwhile, and a socket
takes some 200 kB a turn: with longer stretches PostgreSQL waits for its data half of the time."""


@dataclass(slots=True)
class Sorted:
    """A page's records by what is to be done with them."""

    ids: frozenset[str]
    new: list[Incoming] = field(default_factory=list)
    changed: list[Incoming] = field(default_factory=list)
    touched: list[Incoming] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    """Records that are there and need no writing: what a complete run must remember having seen."""
    deleted: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    altered: bool = False
    """Whether any of them is new, or another than it was."""
    counts: Counts = field(default_factory=Counts)
    """`seen`, and `unchanged` as far as nothing is written; the rest is counted where it is written."""


class Sorter:
    """Sorts a source's records by what the register has of them."""

    def __init__(self, pool: Pool, source: str, mapper: Mapper) -> None:
        self._pool = pool
        self._source = source
        self._mapper = mapper
        self.newest: dict[str, datetime] = {}
        """Records that were read again ahead of their turn, and how new they were: a page that was on its way
        meanwhile must not take them back."""
        self.remap = False
        """Say anew what every record says, also of unchanged ones: the mapping is another one than last time."""

    def keyed(self, raws: Iterable[RawRecord]) -> dict[str, RawRecord]:
        """The records by the id they are stored under; of one met twice, the newer, else the last."""
        found: dict[str, RawRecord] = {}
        for raw in raws:
            row_id = derive_id(self._source, raw.stream, raw.id)
            before = found.get(row_id)
            if before is None or not _older(raw, before.updated_at):
                found[row_id] = raw
        return found

    async def sort(self, latest: Mapping[str, RawRecord], seen: int) -> Sorted:
        """Decide for each record. `seen` counts those met twice as often as they were met. Needs the source's lease,
        and no write under way that holds one of these records."""
        known = await known_records(self._pool, list(latest))
        found = Sorted(frozenset(latest))
        found.counts.seen = seen
        found.counts.unchanged = seen - len(latest)
        doubtful: list[tuple[str, RawRecord, bytes]] = []
        for at, (row_id, raw) in enumerate(latest.items()):
            if at % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            if raw.error is not None:
                found.rejected.append(_rejected(row_id, raw, raw.error))
                continue
            stored = known.get(row_id)
            if row_id in self.newest and _older(raw, self.newest[row_id]):
                found.counts.unchanged += 1
                found.met.append(row_id)
                continue
            if raw.deleted:
                self._deleted(row_id, stored, found)
                continue
            digest = hashlib.blake2b(raw.payload, digest_size=16).digest()
            found.altered |= stored is None or (stored.presence, stored.content_hash) != ("present", digest)
            if stored is None:
                found.new.append(self._incoming(row_id, raw, digest))
            elif stored.presence != "present" or self.remap:
                found.changed.append(self._incoming(row_id, raw, digest))
            elif stored.content_hash == digest:
                found.counts.unchanged += 1
                found.met.append(row_id)
            else:
                doubtful.append((row_id, raw, digest))
        if doubtful:
            await self._compare(doubtful, found)
        return found

    def _deleted(self, row_id: str, stored: Known | None, found: Sorted) -> None:
        if stored is not None and stored.presence == "present":
            found.deleted.append(row_id)
        else:
            found.counts.unchanged += 1

    async def _compare(self, doubtful: list[tuple[str, RawRecord, bytes]], found: Sorted) -> None:
        """Other bytes may mean the same: members in another order, a row that moved to another line."""
        before = await stored_payloads(self._pool, [row_id for row_id, _, _ in doubtful])
        for row_id, raw, digest in doubtful:
            if _meaning(_decoded(before[row_id])) == _meaning(raw.data):
                found.touched.append(
                    Incoming(row_id, raw.stream, raw.id, raw.payload, digest, raw.updated_at, (), ())
                )
            else:
                found.changed.append(self._incoming(row_id, raw, digest))

    def _incoming(self, row_id: str, raw: RawRecord, digest: bytes) -> Incoming:
        mapped = self._mapper(raw.stream, raw.id, raw.data)
        findings = findings_of(self._source, row_id, raw, mapped) if mapped.problems else []
        if raw.doubt is not None:
            findings.append(_doubt(self._source, row_id, raw, raw.doubt, mapped))
        return Incoming(
            row_id, raw.stream, raw.id, raw.payload, digest, raw.updated_at, mapped.rows, findings
        )


def _older(raw: RawRecord, than: datetime | None) -> bool:
    return raw.updated_at is not None and than is not None and raw.updated_at < than


def findings_of(source: str, row_id: str, raw: RawRecord, mapped: Mapped) -> list[FindingDraft]:
    """What the mapping could not understand in a record."""
    return [
        FindingDraft(
            code=problem.code,
            severity="warning",
            source=source,
            stream=raw.stream,
            record_id=row_id,
            entity=mapped.rows[row].entity,
            entity_id=mapped.rows[row].id,
            field=rule.name,
            value=shown(value),
            message=problem.message
            if isinstance(problem, ValueUnknown)
            else f"{_called(raw)}: {problem.message}",
            detail=_where(problem, raw, rule.path),
            hint=problem.hint,
        )
        for problem, rule, value, row in mapped.problems
    ]


def _doubt(source: str, row_id: str, raw: RawRecord, doubt: FileDoubled, mapped: Mapped) -> FindingDraft:
    row = mapped.rows[0] if mapped.rows else None
    return FindingDraft(
        doubt.code, "warning", doubt.message, source=source, stream=raw.stream, record_id=row_id,
        entity=row and row.entity, entity_id=row and row.id, detail=doubt.detail, hint=doubt.hint,
    )  # fmt: skip


def _called(raw: RawRecord) -> str:
    name = raw.data.get("key") if isinstance(raw.data, dict) else None
    called = name if isinstance(name, str) else raw.id
    return f"{raw.stream} {called if len(called) <= 80 else f'{called[:79]}…'}"


def _where(problem: FieldUnmapped, raw: RawRecord, path: str | None) -> str:
    """The place in the tool (a cell, where there are cells), and the line of the mapping."""
    extra = raw.data.get("portbook") if isinstance(raw.data, dict) else None
    if not isinstance(extra, dict) or "where" not in extra:
        return f"{raw.stream} {raw.id}; {problem.detail}"
    cells = extra.get("at") or {}
    names = [part.strip().removeprefix("cells.").strip('"') for part in (path or "").split("||")]
    cell = (
        next((cells[name] for name in names if name in cells), None)
        or next((address for name, address in cells.items() if path and f'"{name}"' in path), None)
        or next((address for name, address in cells.items() if path and path.endswith(f".{name}")), None)
    )
    return f"{extra['where']}{f', cell {cell}' if cell else ''}; {problem.detail}"


def _rejected(row_id: str, raw: RawRecord, error: RecordRejected) -> Rejected:
    return Rejected(
        row_id,
        raw.stream,
        raw.id,
        raw.payload,
        error.code,
        error.message,
        error.detail or f"{raw.stream} {raw.id}",
        error.hint,
    )


def _decoded(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload  # lone surrogates: compared as sent


def _meaning(data: Any) -> Any:
    """The record without its place in the file: sorting a sheet changes every address and nothing else."""
    if not isinstance(data, dict) or not isinstance(data.get("portbook"), dict):
        return data
    extra = {k: v for k, v in data["portbook"].items() if k not in ("where", "at")}
    return {**data, "portbook": extra}
