"""Bringing the register to the configuration of now, from stored records, calling no tool.

In four steps: links whose rule is gone are taken back; records say anew what they say, source by source; links that
rules now call for are made; rows of which several sources tell are merged anew. Each step finds what is left to do in
the register itself, so that it can be stopped anywhere and begun again, and writes nothing where nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from adapters.base import RawRecord
from adapters.json_body import loads
from mapping.apply import MappedRow, Mapper
from register import relink, restate, runs
from register.findings import close_settled_values
from register.pinned import told_by_several
from register.policy import Policy
from register.restate import ID_BYTES, Anew, Stored
from register.write import Counts, PageWrite
from workers.ground import Ground
from workers.records import YIELD_EVERY, findings_of

BATCH_RECORDS = 1_000
BATCH_LINKS = 100
BATCH_ROWS = 1_000
_BATCH_BYTES = BATCH_RECORDS * ID_BYTES


class Step(NamedTuple):
    """How far a step has come, for people watching."""

    name: str
    """A source, `identity` or `precedence`."""
    done: int
    total: int | None


Watch = Callable[[Step], None]


class Remapped(NamedTuple):
    """What was done."""

    records: int
    """Records that were looked at."""
    restated: int
    """Of these, records that say something else than before."""
    rows_changed: int


class Remapper:
    """Carries the steps out on a ground."""

    def __init__(
        self, ground: Ground, mappers: Mapping[str, Mapper], policy: Policy, watch: Watch = lambda step: None
    ) -> None:
        self._ground = ground
        self._mappers = mappers
        self._policy = policy
        self._watch = watch
        self._records = 0
        self._restated = 0
        self._rows = 0

    async def run(self) -> Remapped:
        """All steps. What the policy says concerns every source; records are said anew for those that have a mapper
        here."""
        await self._withdraw_links()
        for source, mapper in self._mappers.items():
            async with self._ground.hold(source):
                await self._say_anew(source, mapper)
        await self._make_links()
        await self._merge_anew()
        return Remapped(self._records, self._restated, self._rows)

    async def _withdraw_links(self) -> None:
        async with self._ground.reading() as connection:
            lapsed = await relink.lapsed_links(connection, self._policy)
        for at in range(0, len(lapsed), BATCH_LINKS):
            batch = lapsed[at : at + BATCH_LINKS]
            self._add(await self._ground.write("", partial(relink.withdraw, lapsed=batch), alone=True))
            self._watch(Step("identity", at + len(batch), len(lapsed)))

    async def _say_anew(self, source: str, mapper: Mapper) -> None:
        async with self._ground.reading() as connection:
            left = await restate.left(connection, source, mapper.version, mapper.streams)
        total = len(left) // ID_BYTES
        self._watch(Step(source, 0, total))
        await self._ground.write(
            source,
            lambda write: runs.note_mapping(write.connection, source, mapper.version, mapper.described),
        )
        done = 0
        writing: asyncio.Future[None] | None = None
        try:
            async with contextlib.aclosing(self._fetched(left)) as fetched:
                async for records in fetched:
                    batch = await _map(source, mapper, records)
                    if writing is not None:
                        await writing
                    writing = asyncio.ensure_future(self._restate(source, mapper.version, batch))
                    if not self._ground.ahead:
                        await writing
                    done += len(batch)
                    self._watch(Step(source, done, total))
            if writing is not None:
                await writing
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
        self._records += done
        await self._ground.write(source, lambda write: _finish(write, mapper.version))

    async def _fetched(self, left: bytes) -> AsyncGenerator[list[Stored], None]:
        """The records to be said anew. While one batch is mapped and the one before it written, the next is fetched."""

        async def fetch(start: int) -> list[Stored]:
            async with self._ground.reading() as connection:
                return await restate.stored(connection, left[start : start + _BATCH_BYTES])

        coming = asyncio.ensure_future(fetch(0))
        try:
            for start in range(0, len(left), _BATCH_BYTES):
                records = await coming
                if self._ground.ahead:
                    coming = asyncio.ensure_future(fetch(start + _BATCH_BYTES))
                yield records
                if not self._ground.ahead:
                    coming = asyncio.ensure_future(fetch(start + _BATCH_BYTES))
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _restate(self, source: str, version: str, batch: Sequence[Anew]) -> None:
        restated = 0

        async def body(write: PageWrite) -> None:
            nonlocal restated
            restated = await restate.restate(write, batch, version)

        self._add(await self._ground.write(source, body))
        self._restated += restated

    async def _make_links(self) -> None:
        async with self._ground.reading() as connection:
            found = await relink.candidates(connection, self._policy)
        done = 0
        for source, several in groupby(found, key=lambda candidate: candidate.source):
            waiting = list(several)
            for at in range(0, len(waiting), BATCH_LINKS):
                batch = waiting[at : at + BATCH_LINKS]
                self._add(await self._ground.write(source, partial(relink.unite, several=batch), alone=True))
                done += len(batch)
                self._watch(Step("identity", done, len(found)))

    async def _merge_anew(self) -> None:
        self._add(await self._ground.write("", relink.note_silences, alone=True))
        for entity in sorted(self._policy.merged):
            after = relink.FIRST
            while True:
                async with self._ground.reading() as connection:
                    ids = await told_by_several(connection, entity, after=after, most=BATCH_ROWS)
                if not ids:
                    break
                self._add(await self._ground.write("", partial(relink.merge_anew, entity=entity, ids=ids)))
                after = ids[-1]
            self._watch(Step("precedence", 0, None))

    def _add(self, counts: Counts) -> None:
        self._rows += counts.rows_changed


async def _map(source: str, mapper: Mapper, records: Sequence[Stored]) -> list[Anew]:
    found = []
    for at, record in enumerate(records):
        if at % YIELD_EVERY == 0:
            await asyncio.sleep(0)
        found.append(_said(source, mapper, record))
    return found


def _said(source: str, mapper: Mapper, record: Stored) -> Anew:
    """What the record says now. One that cannot be read any more keeps saying what it said."""
    try:
        data = loads(record.payload)
    except ValueError:
        kept = [
            MappedRow(entity, own_id, record.source_id, told.values, [], shared=True)
            for (entity, own_id), told in record.told.items()
        ]
        return Anew(record, kept, [])
    mapped = mapper(record.stream, record.source_id, data)
    raw = RawRecord(record.stream, record.source_id, record.payload, data)
    return Anew(record, mapped.rows, findings_of(source, record.id, raw, mapped) if mapped.problems else [])


async def _finish(write: PageWrite, version: str) -> None:
    await write.connection.execute(
        "UPDATE source SET mapped_with = $2, mapping_version = $2 WHERE key = $1 "
        "AND (mapped_with, mapping_version) IS DISTINCT FROM ($2, $2)",
        write.source,
        version,
    )
    await close_settled_values(write.connection, write.source)
