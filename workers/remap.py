"""Bringing the register to the configuration of now, from stored records, calling no tool.

In four steps: links whose rule is gone are taken back; records say anew what they say, source by source, as far as
their mapping means something else than the one they were said with; links that rules now call for are made; rows of
which several sources tell are merged anew. Each step finds what is left to do in the register itself, so that it can be
stopped anywhere and begun again, and writes nothing where nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import NamedTuple, TypeVar
from uuid import UUID

from mapping.apply import Mapper
from register import mappings, relink, restate
from register.catalog import catalog
from register.db import Connection
from register.findings import close_settled_values
from register.narrow import Partly, say_partly, stored_partly
from register.pinned import told_by_several
from register.policy import Policy
from register.restate import ID_BYTES, Anew, Left, Stored
from register.write import Counts, PageWrite
from workers.ground import Ground
from workers.records import YIELD_EVERY
from workers.saying import Narrow, Sayer

R = TypeVar("R")

IDENTITY, PRECEDENCE = "(identity)", "(precedence)"
"""Steps that are no source's: no source is called that."""
BATCH_RECORDS = 1_000
WRITERS = 2
"""Batches that are written side by side where no rule joins what is in them: PostgreSQL then uses two cores."""
BATCH_LINKS = 100
BATCH_ROWS = 1_000


class Step(NamedTuple):
    """How far a step has come, for people watching."""

    name: str
    """A source, IDENTITY or PRECEDENCE."""
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
        self,
        ground: Ground,
        mappers: Mapping[str, Mapper],
        policy: Policy,
        watch: Watch = lambda step: None,
        *,
        everything: bool = False,
    ) -> None:
        """With `everything`, also records are said anew whose mapping is known to mean the same."""
        self._ground = ground
        self._mappers = mappers
        self._policy = policy
        self._watch = watch
        self._everything = everything
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
            self._watch(Step(IDENTITY, at + len(batch), len(lapsed)))

    async def _say_anew(self, source: str, mapper: Mapper) -> None:
        async with self._ground.reading() as connection:
            used = await mappings.mappings_used(connection, source)
            say = Sayer(source, mapper, {} if self._everything else used)
            left = await restate.left(
                connection, source, [] if self._everything else say.same, mapper.streams
            )
        told = _Told(self._watch, source, sum(len(group.ids) for group in left) // ID_BYTES)
        await self._ground.write(source, lambda write: _begin(write, mapper, begun=bool(left)))
        known = {*used, mapper.version}
        narrow = [(group, found) for group in left if (found := self._narrow(say, group)) is not None]
        alone = [group for group, _ in narrow]
        # In the order of their ids: of several records that a rule may join, the first is the same one every time.
        others = _in_order(group.ids for group in left if group not in alone)
        await self._say_wholly(source, say, known, others, told)
        unread: list[bytes] = []
        for group, found in narrow:
            unread += await self._say_partly(source, say, mapper.version, group, found, told)
        await self._say_wholly(source, say, known, _in_order(unread), told)
        self._records += told.done
        await self._ground.write(source, lambda write: _finish(write, mapper.version))

    def _narrow(self, say: Sayer, group: Left) -> Narrow | None:
        """What may differ in these records, where that concerns no rule that joins."""
        found = None if group.doubtful else say.narrow(group.stream, group.versions)
        merged = self._policy.merged
        if found is None or any(
            entity in merged or any(catalog()[entity].fields[column].ref in merged for column in columns)
            for entity, columns in found.columns.items()
        ):
            return None
        return found

    async def _say_wholly(
        self, source: str, say: Sayer, known: Collection[str], ids: bytes, told: _Told
    ) -> None:
        async def work(fetched: list[Stored]) -> Callable[[], Awaitable[None]]:
            batch = [say(record) async for record in _in_turns(fetched)]
            return partial(self._restate, source, say.version, batch, known)

        await self._in_batches(ids, restate.stored, work, told)

    async def _say_partly(
        self, source: str, say: Sayer, version: str, group: Left, narrow: Narrow, told: _Told
    ) -> list[bytes]:
        """Returns the ids of records that must be said wholly."""
        unread: list[bytes] = []

        async def work(fetched: list[Partly]) -> Callable[[], Awaitable[None]]:
            others, restated = [], 0
            async for record in _in_turns(fetched):
                found = say.partly(group.stream, narrow, record)
                if found is None:
                    unread.append(UUID(record.id).bytes)
                elif found:
                    others += found
                    restated += 1

            async def write() -> None:
                if others:
                    self._add(
                        await self._ground.write(
                            source, lambda write: say_partly(write, others, narrow.columns, version)
                        )
                    )
                    self._restated += restated

            return write

        fetch = partial(stored_partly, columns=narrow.columns)
        await self._in_batches(group.ids, fetch, work, told, at_once=WRITERS)
        told.step(-len(unread))
        return unread

    async def _in_batches(
        self,
        ids: bytes,
        fetch: Callable[[Connection, bytes], Awaitable[list[R]]],
        work: Callable[[list[R]], Awaitable[Callable[[], Awaitable[None]]]],
        told: _Told,
        *,
        at_once: int = 1,
    ) -> None:
        """Fetch these records and work on them; what `work` returns writes what came of it. While one batch is worked
        on, those before it are written, so many `at_once`, and the next is fetched."""
        writing: list[asyncio.Future[None]] = []
        try:
            async with contextlib.aclosing(self._fetched(ids, fetch)) as batches:
                async for fetched in batches:
                    write = await work(fetched)
                    if len(writing) == at_once or not self._ground.ahead:
                        # All of them: between two such groups nobody holds the lease's row, and it can be renewed.
                        await asyncio.gather(*writing)
                        writing = []
                    writing.append(asyncio.ensure_future(write()))
                    if not self._ground.ahead:
                        await asyncio.gather(*writing)
                    told.step(len(fetched))
            await asyncio.gather(*writing)
        finally:
            for one in writing:
                one.cancel()
            await asyncio.gather(*writing, return_exceptions=True)

    async def _fetched(
        self, ids: bytes, fetch: Callable[[Connection, bytes], Awaitable[list[R]]]
    ) -> AsyncGenerator[list[R], None]:
        size = BATCH_RECORDS * ID_BYTES

        async def read(start: int) -> list[R]:
            async with self._ground.reading() as connection:
                return await fetch(connection, ids[start : start + size])

        coming = asyncio.ensure_future(read(0))
        try:
            for start in range(0, len(ids), size):
                records = await coming
                if self._ground.ahead:
                    coming = asyncio.ensure_future(read(start + size))
                yield records
                if not self._ground.ahead:
                    coming = asyncio.ensure_future(read(start + size))
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _restate(
        self, source: str, version: str, batch: Sequence[Anew], known: Collection[str]
    ) -> None:
        restated = 0

        async def body(write: PageWrite) -> None:
            nonlocal restated
            restated = await restate.restate(write, batch, version, known)

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
                self._watch(Step(IDENTITY, done, len(found)))

    async def _merge_anew(self) -> None:
        self._add(await self._ground.write("", relink.note_silences, alone=True))
        done = 0
        for entity in sorted(self._policy.merged):
            after = relink.FIRST
            while True:
                async with self._ground.reading() as connection:
                    ids = await told_by_several(connection, entity, after=after, most=BATCH_ROWS)
                if not ids:
                    break
                self._add(await self._ground.write("", partial(relink.merge_anew, entity=entity, ids=ids)))
                after = ids[-1]
                done += len(ids)
                self._watch(Step(PRECEDENCE, done, None))
        self._watch(Step(PRECEDENCE, done, done))

    def _add(self, counts: Counts) -> None:
        self._rows += counts.rows_changed


@dataclass
class _Told:
    """How far the records of a source have come."""

    watch: Watch
    source: str
    total: int
    done: int = 0

    def __post_init__(self) -> None:
        self.step(0)

    def step(self, count: int) -> None:
        self.done += count
        self.watch(Step(self.source, self.done, self.total))


async def _in_turns(records: Iterable[R]) -> AsyncIterator[R]:
    for at, record in enumerate(records):
        if at % YIELD_EVERY == 0:
            await asyncio.sleep(0)
        yield record


def _in_order(packs: Iterable[bytes]) -> bytes:
    whole = b"".join(packs)
    return b"".join(sorted(whole[at : at + ID_BYTES] for at in range(0, len(whole), ID_BYTES)))


async def _begin(write: PageWrite, mapper: Mapper, *, begun: bool) -> None:
    await mappings.note_mapping(
        write.connection, write.source, mapper.version, mapper.described, mapper.meaning
    )
    if begun:
        await mappings.begin_remap(write.connection, write.source)


async def _finish(write: PageWrite, version: str) -> None:
    await mappings.finish_remap(write.connection, write.source, version)
    await close_settled_values(write.connection, write.source)
