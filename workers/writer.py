"""The writing half of a run: takes pages as they come and commits them, in the order of each partition.

While PostgreSQL works on one batch the next is compared and mapped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import structlog

from adapters.base import Page, Partition
from adapters.errors import SourceMisbehaved
from mapping.apply import Mapper
from register import hints, lease, runs
from register.db import Pool
from register.hints import Waiting
from register.identity import NeedsIdentity
from register.policy import Policy
from register.rejections import accept, open_rejections, reject
from register.runs import PartitionState, RunJob
from register.settled import Memory
from register.write import Counts, PageWrite, Place, overtaken, page
from workers.handover import Handover
from workers.records import Sorted, Sorter

log = structlog.get_logger("portbook.sync")

BATCH_RECORDS = 600
"""Pages waiting together are committed together up to this many records: fewer, larger transactions."""
REJECTED_SHARE = 0.05
REJECTED_FEW = 20
REJECTED_MOST = 1_000


class Progress(NamedTuple):
    """How a run is coming along, for people watching."""

    source: str
    partition: str
    seen: int
    expected: int | None
    done: bool


class RejectedTooMany(SourceMisbehaved):
    """So many records are unreadable that the fault is not theirs."""

    code = "SRC007"


class _Batch(NamedTuple):
    places: list[Place]
    wholes: list[str]
    """Those of the partitions that are read as a whole."""
    sorted: Sorted
    hints: list[Waiting]
    gone: dict[str, str]
    soon: bool


class Fetched(NamedTuple):
    partition: Partition
    page: Page | None
    """None: the partition has been read to its end."""
    hints: Sequence[Waiting] = ()
    """Notifications that this page follows."""
    gone: Mapping[str, str] = {}
    """Records by their id that are no longer there: why."""
    asked_at: datetime | None = None
    """When the tool was asked for what the hints name, on the database's clock."""
    soon: bool = False
    """The tool told of something that only an incremental run finds."""


Watch = Callable[[Progress], None]


class Writer:
    """Takes pages as they come and commits them, in the order of each partition."""

    def __init__(
        self,
        pool: Pool,
        job: RunJob,
        held: lease.Held,
        policy: Policy,
        memory: Memory,
        mapper: Mapper,
        watch: Watch,
    ) -> None:
        self._pool = pool
        self._job = job
        self._held = held
        self._policy = policy
        self._memory = memory
        self._mapping_version = mapper.version
        self._sorter = Sorter(pool, job.source, mapper)
        self._watch = watch
        self._cursors: Mapping[str, Any] = {}
        self._seen: dict[str, int] = {}
        self._expected: dict[str, int | None] = {}
        self._set_aside: set[str] = set()
        self._totals = Counts()
        self.states: dict[str, PartitionState] = {}
        self.cut_short = False
        """The readers stopped before their end: the share of bad records says nothing."""
        self.whole = False
        """A partition with records was read from first to last, as files are."""

    async def begin(self) -> None:
        """Find out how far the run has come, if it was begun before."""
        self.states = await runs.partition_states(self._pool, self._job.id)
        self._seen = {name: state.seen for name, state in self.states.items()}
        if self._job.mode != "full":
            self._cursors = await runs.source_cursors(self._pool, self._job.source)
        else:
            self._sorter.remap = await runs.mapped_otherwise(
                self._pool, self._job.source, self._mapping_version
            )
        self._set_aside = await open_rejections(self._pool, self._job.source)
        # A run that another worker began goes on counting where that one stopped.
        row = await self._pool.fetchrow("SELECT seen, quarantined FROM run WHERE id = $1", self._job.id)
        self._totals = Counts(seen=row["seen"], quarantined=row["quarantined"])

    def start(self, partition: Partition) -> Mapping[str, Any] | None:
        """Where a partition is begun: after what the last succeeded run read, or at its beginning."""
        return self._cursors.get(partition.name)

    async def drain(self, queue: Handover[Fetched]) -> None:
        """Write until the readers are through. While a batch is being written the next is being prepared."""
        writing: asyncio.Task[None] | None = None
        busy: frozenset[str] = frozenset()
        try:
            while fetched := await _batch(queue):
                ahead = {row_id for item in fetched if item.asked_at for row_id in self._told_of(item)}
                if writing is not None and not busy.isdisjoint(ahead):
                    await writing  # what it writes may be newer
                    writing = None
                if ahead:
                    fetched = [await self._in_order(item) for item in fetched]
                records = [record for item in fetched if item.page for record in item.page.records]
                latest = self._sorter.keyed(records)
                gone = {row_id: why for item in fetched for row_id, why in item.gone.items()}
                if writing is not None and not (busy.isdisjoint(latest) and busy.isdisjoint(gone)):
                    await writing  # the batch under way holds some of the same records
                    writing = None
                told = [hint for item in fetched for hint in item.hints]
                self._remember(fetched)
                wholes = [
                    item.partition.name
                    for item in fetched
                    if item.partition.whole and item.page and item.page.records
                ]
                prepared = _Batch(
                    self._places(fetched), wholes, await self._sorter.sort(latest, len(records)), told, gone,
                    any(item.soon for item in fetched),
                )  # fmt: skip
                # Decoded records take six times the room of their payloads, and nobody needs them any more.
                del fetched, records, latest
                if writing is not None:
                    await writing
                busy = prepared.sorted.ids.union(gone)
                writing = asyncio.create_task(self._write(prepared))
            if writing is not None:
                await writing
        finally:
            if writing is not None:
                # Nothing is written behind the back of whoever ended this, and what the write failed with is not lost
                # on them: that they know already.
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
        self._check_rejections(ended=not self.cut_short)

    def _told_of(self, item: Fetched) -> dict[str, datetime | None]:
        """The records that a page for hints brings or finds gone, and how new they are."""
        records = self._sorter.keyed(item.page.records if item.page else ())
        return {**dict.fromkeys(item.gone), **{row_id: raw.updated_at for row_id, raw in records.items()}}

    async def _in_order(self, item: Fetched) -> Fetched:
        """A page for hints without what this run has read anew since the tool was asked for it: its cursors are past
        that, and would not come back. The hints then stay, and are followed when the run has ended."""
        if item.asked_at is None or item.page is None:
            return item
        older = await overtaken(self._pool, self._job.id, self._told_of(item), item.asked_at)
        if not older:
            return item
        records = [
            raw for row_id, raw in self._sorter.keyed(item.page.records).items() if row_id not in older
        ]
        gone = {row_id: why for row_id, why in item.gone.items() if row_id not in older}
        return item._replace(page=item.page._replace(records=records), gone=gone, hints=())

    def _remember(self, fetched: Sequence[Fetched]) -> None:
        for item in fetched:
            if item.asked_at is not None:
                for row_id, updated_at in self._told_of(item).items():
                    newest = item.asked_at if row_id in item.gone else updated_at
                    if newest is not None:
                        self._sorter.newest[row_id] = newest

    def _places(self, fetched: Sequence[Fetched]) -> list[Place]:
        self.whole = self.whole or any(
            (item.partition.whole or item.page.complete) and item.page.records
            for item in fetched
            if item.page
        )
        places: dict[str, Place] = {}
        for item in fetched:
            name = item.partition.name
            before = places.get(name)
            seen = (before.seen if before else 0) + (len(item.page.records) if item.page else 0)
            cursor = (
                item.page.cursor if item.page and item.page.cursor is not None else before and before.cursor
            )
            expected = item.page.expected if item.page else None
            places[name] = Place(
                name, cursor, seen, item.page is None, expected or (before.expected if before else None)
            )
        return list(places.values())

    async def _write(self, batch: _Batch) -> None:
        await self._in_page(lambda write: self._store(write, batch))
        self._set_aside -= batch.sorted.ids
        self._set_aside |= {record.id for record in batch.sorted.rejected}
        for place in batch.places:
            self._seen[place.partition] = self._seen.get(place.partition, 0) + place.seen
            self._expected[place.partition] = place.expected or self._expected.get(place.partition)
            self._watch(
                Progress(
                    self._job.source,
                    place.partition,
                    self._seen[place.partition],
                    self._expected[place.partition],
                    place.done,
                )
            )
        self._check_rejections(ended=False)

    async def _store(self, write: PageWrite, batch: _Batch) -> None:
        found = batch.sorted
        write.counts += found.counts
        await self._mark_gone(write, batch.gone)
        await write.store(found.new, found.changed, self._mapping_version)
        await write.touch(found.touched)
        write.counts.stored += await write.mark(dict.fromkeys(found.deleted, "deleted"))
        await reject(write, found.rejected)
        await accept(write, sorted((self._set_aside & found.ids) - {record.id for record in found.rejected}))
        if self._job.mode == "full":
            await write.met([*found.met, *(r.id for r in found.rejected)])
        if found.altered:
            await write.outdate(batch.wholes)
        await write.advance(batch.places)
        await hints.settle(write.connection, self._job.source, batch.hints)
        if batch.soon:
            await hints.read_soon(write.connection, self._job.source)
        self._totals += write.counts

    async def _mark_gone(self, write: PageWrite, gone: Mapping[str, str]) -> None:
        """Records that a hint led to and that are no longer there. Where they would be too many, a complete run
        decides, which holds and asks a person. What is merely not selected any more stays until it is retired."""
        gone = {row_id: why for row_id, why in gone.items() if why != "out_of_scope"}
        if not gone:
            return
        before = await hints.vanished_since_complete(write.connection, self._job.source)
        present = await runs.present_count(write.connection, self._job.source)
        if before + len(gone) > runs.HOLD_SHARE * (present + before):
            log.warning(
                "much vanishes: a complete run will decide", source=self._job.source, gone=before + len(gone)
            )
            await hints.sweep_soon(write.connection, self._job.source)
            return
        await write.mark(gone)

    async def _in_page(self, body: Callable[[PageWrite], Awaitable[None]]) -> None:
        """Run `body` in a page's transaction; again where two pages met in the middle of the same row."""
        may_unite = False
        for attempt in range(5):
            try:
                totals = Counts(*(getattr(self._totals, name) for name in Counts.__slots__))
                async with page(
                    self._pool, self._held, source=self._job.source, run_id=self._job.id, policy=self._policy,
                    memory=self._memory, may_unite=may_unite,
                ) as write:  # fmt: skip
                    await body(write)
                return
            except NeedsIdentity:
                self._memory.forget()
                may_unite = True
            except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                self._memory.forget()
                if attempt == 4:
                    raise
                await asyncio.sleep(0.05 * (attempt + 1))
            except BaseException:
                # Whatever ended the page, what was learned in it is not in the register.
                self._memory.forget()
                raise
            self._totals = totals

    def _check_rejections(self, *, ended: bool) -> None:
        """Their share is known when the readers are through: bad records often lie together, at the beginning."""
        count, seen = self._totals.quarantined, self._totals.seen
        if count > REJECTED_MOST or (ended and count > REJECTED_FEW and count > REJECTED_SHARE * seen):
            raise RejectedTooMany(
                f"{count} of {seen} records cannot be read",
                source=self._job.source,
                hint="Look at the first ones with `portbook status` and mend the cause; the run stopped to keep the "
                "register as it was.",
            )

    async def finish(self, *, fresh_at: datetime) -> None:
        """Close the run, if its accounts balance."""

        async def close(write: PageWrite) -> None:
            row = await write.connection.fetchrow(
                "SELECT seen, stored, unchanged, quarantined FROM run WHERE id = $1", self._job.id
            )
            if not Counts(*row).balanced:
                raise SourceMisbehaved(
                    f"the run's accounts do not balance: seen {row[0]}, stored {row[1]}, unchanged {row[2]}, "
                    f"set aside {row[3]}",
                    source=self._job.source,
                    hint="This is a defect of Portbook; please report it with the run's number.",
                )
            await runs.succeed(write.connection, self._job, fresh_at=fresh_at)

        await self._in_page(close)


async def _batch(queue: Handover[Fetched]) -> list[Fetched]:
    """Whatever is waiting, together, up to BATCH_RECORDS. Empty when the readers are through."""
    batch: list[Fetched] = []
    size = 0
    while not batch or (size < BATCH_RECORDS and queue.waits()):
        item = await queue.get()
        if item is None:
            break
        batch.append(item)
        size += len(item.page.records) if item.page else 0
    return batch
