"""A whole run: read → keep raw → map → write → advance the cursor, a page at a time.

Partitions are read side by side; one writer takes their pages in the order they come. While PostgreSQL works on one
batch the next is decoded, compared and mapped. A bounded queue holds readers back when the register is slower than
the tool, so that memory stays flat whatever the source's size.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import asyncpg
import structlog

from adapters.base import Adapter, Page, Partition, RawRecord
from adapters.errors import (
    CursorExpired,
    FileRefused,
    SourceError,
    SourceMisbehaved,
    SourceRefused,
    SourceUnavailable,
)
from mapping.apply import Mapper
from portbook.errors import Problem
from portbook.logs import plain_error
from register import lease, runs
from register.db import Pool
from register.errors import LeaseLost
from register.identity import LinkCache, NeedsIdentity
from register.policy import Policy
from register.runs import PartitionState, RunJob
from register.write import Counts, PageWrite, Place, open_rejections, page
from workers.records import Sorted, Sorter
from workers.streams import streams_to_sweep
from workers.sweep import Held, sweep

BATCH_RECORDS = 600
"""Pages waiting together are committed together up to this many records: fewer, larger transactions."""
QUEUE_PAGES = 3
"""Pages read ahead of the writer; the readers wait beyond that."""
REJECTED_SHARE = 0.05
REJECTED_FEW = 20
REJECTED_MOST = 1_000
MAX_ATTEMPTS = 5

log = structlog.get_logger("portbook.sync")


@dataclass(frozen=True)
class SourceSpec:
    """A configured source, ready to be opened."""

    name: str
    open_adapter: Callable[[], Adapter]
    build_mapper: Callable[[Mapping[str, str]], Mapper]
    """Aliases → mapper. Raises MappingInvalid."""
    concurrency: int = 4


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


class Broken(Problem):
    """Portbook itself failed. The run ends, the source's cursors stay."""

    code = "RUN002"


REPORT = "This is a defect of Portbook; please report it with the lines of the log that belong to this run."
_DATABASE_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


class _Batch(NamedTuple):
    places: list[Place]
    sorted: Sorted


class _Fetched(NamedTuple):
    partition: Partition
    page: Page | None
    """None: the partition has been read to its end."""


Watch = Callable[[Progress], None]


class Syncer:
    """Carries out runs against one register."""

    def __init__(
        self,
        pool: Pool,
        sources: Mapping[str, SourceSpec],
        policy: Policy,
        *,
        holder: str,
        lease_s: float = lease.TTL_S,
    ) -> None:
        self._pool = pool
        self._sources = sources
        self._policy = policy
        self._holder = holder
        self._lease_s = lease_s
        self._cache = LinkCache()

    async def work(self, job: RunJob, watch: Watch | None = None) -> bool:
        """Carry out a run unless another worker has it. Every end is written down; returns whether it was ours."""
        held = await lease.acquire(self._pool, job.source, self._holder, ttl_s=self._lease_s)
        if held is None:
            return False
        try:
            # Read again under the lease: since it was listed, another worker may have ended it.
            async with lease.fenced(self._pool, held) as connection:
                current = await runs.take_up(connection, job)
            if current is None:
                return False
            async with _heartbeat(self._pool, held, self._lease_s):
                await self._work_on(current, held, watch or (lambda progress: None))
        except LeaseLost:
            # Whoever has it now decides how the run ends.
            log.warning("lease lost", source=job.source, run=job.id)
        finally:
            # Also when a worker is stopped in this very moment: the next would wait out the lease.
            await asyncio.shield(lease.release(self._pool, held))
        return True

    async def _work_on(self, job: RunJob, held: lease.Held, watch: Watch) -> None:
        try:
            await self._carry_out(job, self._sources[job.source], held, watch)
        except LeaseLost:
            raise
        except Problem as problem:
            await self._end_badly(job, held, problem)
        except _DATABASE_AWAY:
            raise
        except Exception as error:
            # Whatever it is, it would come again: a run that nobody ends is taken up again at once, for ever.
            log.exception("run broken", source=job.source, run=job.id)
            await self._end_badly(job, held, Broken(plain_error(error)[:1000], hint=REPORT))

    async def _end_badly(self, job: RunJob, held: lease.Held, problem: Problem) -> None:
        """What a problem means for the run is decided here, by its class, and nowhere else."""
        ended = {"code": problem.code, "error": str(problem)}
        log.warning("run ended", source=job.source, run=job.id, **ended)
        async with lease.fenced(self._pool, held) as connection:
            match problem:
                case Held():
                    await runs.end_run(connection, job.id, "held", **ended)
                case SourceUnavailable() if job.attempts + 1 < MAX_ATTEMPTS:
                    delay = problem.retry_after or min(300.0, 5.0 * 3**job.attempts)
                    await runs.postpone(connection, job.id, delay_s=delay, **ended)
                case SourceRefused():
                    await runs.end_run(connection, job.id, "failed", **ended)
                    if not isinstance(problem, FileRefused):
                        await runs.pause(connection, job.source, str(problem))
                case SourceError():
                    await runs.end_run(connection, job.id, "incomplete", **ended)
                case _:
                    await runs.end_run(connection, job.id, "failed", **ended)
        if isinstance(problem, CursorExpired):
            await runs.request_run(self._pool, job.source, "full", requested_by="schedule")

    async def _carry_out(self, job: RunJob, spec: SourceSpec, held: lease.Held, watch: Watch) -> None:
        started = datetime.now(UTC)
        async with spec.open_adapter() as adapter:
            identity = await adapter.check()
            aliases = dict(await adapter.aliases())
            mapper = spec.build_mapper(aliases)
            async with lease.fenced(self._pool, held) as connection:
                await runs.note_account(
                    connection,
                    job,
                    account=identity.account,
                    timezone=identity.timezone,
                    aliases=aliases,
                    mapping_version=mapper.version,
                )
            partitions = await adapter.partitions()
            writer = _Writer(self._pool, job, held, self._policy, self._cache, mapper, watch)
            await writer.begin()
            first = [partition for partition in partitions if partition.first]
            others = [partition for partition in partitions if not partition.first]
            for partition in first:
                await self._read(adapter, job, [partition], writer, 1)
            await self._read(adapter, job, others, writer, spec.concurrency)
            if job.mode == "full":
                streams = await streams_to_sweep(self._pool, job, adapter, partitions)
                await sweep(self._pool, held, job, adapter, streams, self._policy, self._cache)
            await writer.finish(fresh_at=started)
        if job.mode == "incremental" and writer.whole:
            # A changed file was read whole: what it no longer holds is found by a complete run, now rather than
            # tonight.
            await runs.request_run(self._pool, job.source, "full", requested_by="schedule")

    async def _read(
        self,
        adapter: Adapter,
        job: RunJob,
        partitions: Sequence[Partition],
        writer: _Writer,
        concurrency: int,
    ) -> None:
        """Read these partitions to their ends and write all of it. The first problem stops everything."""
        queue: asyncio.Queue[_Fetched | None] = asyncio.Queue(maxsize=QUEUE_PAGES)
        gate = asyncio.Semaphore(concurrency)

        async def read_one(partition: Partition) -> None:
            state = writer.states.get(partition.name)
            if state is not None and state.done:
                return
            async with gate:
                cursor = (
                    state.cursor
                    if state is not None and state.cursor is not None
                    else writer.start(partition)
                )
                async for found in _pages(adapter, partition, cursor, full=job.mode == "full"):
                    await queue.put(_Fetched(partition, found))
                await queue.put(_Fetched(partition, None))

        async def read_all() -> None:
            async with asyncio.TaskGroup() as group:
                for partition in partitions:
                    group.create_task(read_one(partition))
            await queue.put(None)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(read_all())
                group.create_task(writer.drain(queue))
        except BaseExceptionGroup as several:
            raise _foremost(several) from several


async def _pages(adapter: Adapter, partition: Partition, cursor: Any, *, full: bool) -> AsyncIterator[Page]:
    async with contextlib.aclosing(cast(Any, adapter.read(partition, cursor, full=full))) as pages:
        async for found in pages:
            yield found


def _foremost(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one problem to report: whatever else broke, broke because of it."""
    flat: list[BaseException] = []

    def collect(error: BaseException) -> None:
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                collect(inner)
        else:
            flat.append(error)

    collect(several)
    order = (LeaseLost, SourceRefused, Problem, Exception)
    return min(
        flat, key=lambda error: next((at for at, kind in enumerate(order) if isinstance(error, kind)), 9)
    )


class _Writer:
    """Takes pages as they come and commits them, in the order of each partition."""

    def __init__(
        self,
        pool: Pool,
        job: RunJob,
        held: lease.Held,
        policy: Policy,
        cache: LinkCache,
        mapper: Mapper,
        watch: Watch,
    ) -> None:
        self._pool = pool
        self._job = job
        self._held = held
        self._policy = policy
        self._cache = cache
        self._mapping_version = mapper.version
        self._sorter = Sorter(pool, job.source, mapper)
        self._watch = watch
        self._cursors: Mapping[str, Any] = {}
        self._seen: dict[str, int] = {}
        self._expected: dict[str, int | None] = {}
        self._set_aside: set[str] = set()
        self._totals = Counts()
        self.states: dict[str, PartitionState] = {}
        self.whole = False
        """A partition with records was read from first to last, as files are."""

    async def begin(self) -> None:
        """Find out how far the run has come, if it was begun before."""
        self.states = await runs.partition_states(self._pool, self._job.id)
        self._seen = {name: state.seen for name, state in self.states.items()}
        if self._job.mode == "incremental":
            self._cursors = await runs.source_cursors(self._pool, self._job.source)
        else:
            before = await runs.last_full_mapping(self._pool, self._job.source)
            self._sorter.remap = before is not None and before != self._mapping_version
        self._set_aside = await open_rejections(self._pool, self._job.source)
        # A run that another worker began goes on counting where that one stopped.
        row = await self._pool.fetchrow("SELECT seen, quarantined FROM run WHERE id = $1", self._job.id)
        self._totals = Counts(seen=row["seen"], quarantined=row["quarantined"])

    def start(self, partition: Partition) -> Mapping[str, Any] | None:
        """Where a partition is begun: after what the last succeeded run read, or at its beginning."""
        return self._cursors.get(partition.name)

    async def drain(self, queue: asyncio.Queue[_Fetched | None]) -> None:
        """Write until the readers are through. While a batch is being written the next is being prepared."""
        writing: asyncio.Task[None] | None = None
        busy: frozenset[str] = frozenset()
        async for fetched in _batches(queue):
            records = [record for item in fetched if item.page for record in item.page.records]
            latest = self._sorter.keyed(records)
            if writing is not None and not busy.isdisjoint(latest):
                await writing  # the batch under way holds some of the same records
                writing = None
            prepared = _Batch(self._places(fetched), await self._sorter.sort(latest, len(records)))
            if writing is not None:
                await writing
            busy = prepared.sorted.ids
            writing = asyncio.create_task(self._write(prepared))
        if writing is not None:
            await writing
        self._check_rejections(ended=True)

    def _places(self, fetched: Sequence[_Fetched]) -> list[Place]:
        self.whole = self.whole or any(
            item.page.complete and item.page.records for item in fetched if item.page
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
        await write.store(found.new, found.changed, self._mapping_version)
        await write.touch(found.touched)
        write.counts.stored += await write.mark(dict.fromkeys(found.deleted, "deleted"))
        await write.reject(found.rejected)
        await write.accept(sorted((self._set_aside & found.ids) - {record.id for record in found.rejected}))
        if self._job.mode == "full":
            await write.met([*found.met, *(r.id for r in found.rejected)])
        await write.advance(batch.places)
        self._totals += write.counts

    async def _in_page(self, body: Callable[[PageWrite], Awaitable[None]]) -> None:
        """Run `body` in a page's transaction; again where two pages met in the middle of the same row."""
        may_unite = False
        for attempt in range(5):
            try:
                totals = Counts(*(getattr(self._totals, name) for name in Counts.__slots__))
                async with page(
                    self._pool, self._held, source=self._job.source, run_id=self._job.id, policy=self._policy,
                    cache=self._cache, may_unite=may_unite,
                ) as write:  # fmt: skip
                    await body(write)
                return
            except NeedsIdentity:
                may_unite = True
            except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if attempt == 4:
                    raise
                await asyncio.sleep(0.05 * (attempt + 1))
            self._totals = totals
            self._cache.known.clear()
            self._cache.stamp = ()

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


async def _batches(queue: asyncio.Queue[_Fetched | None]) -> AsyncIterator[list[_Fetched]]:
    """Whatever is waiting, together, up to BATCH_RECORDS. Ends with the readers."""
    ended = False
    while not ended:
        first = await queue.get()
        if first is None:
            return
        batch = [first]
        size = len(first.page.records) if first.page else 0
        while size < BATCH_RECORDS and not queue.empty():
            item = queue.get_nowait()
            if item is None:
                ended = True
                break
            batch.append(item)
            size += len(item.page.records) if item.page else 0
        yield batch


@contextlib.asynccontextmanager
async def _heartbeat(pool: Pool, held: lease.Held, ttl_s: float) -> AsyncIterator[None]:
    """Renew the lease for as long as the body runs; losing it cancels the body with LeaseLost."""
    body = asyncio.current_task()
    assert body is not None
    lost = False

    async def beat() -> None:
        nonlocal lost
        while True:
            await asyncio.sleep(ttl_s / 3)
            try:
                await lease.renew(pool, held, ttl_s=ttl_s)
            except LeaseLost:
                lost = True
                body.cancel()
                return
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("heartbeat failed", lease=held.name, error=str(error))

    beating = asyncio.create_task(beat())
    try:
        yield
    except asyncio.CancelledError:
        if lost:
            body.uncancel()
            raise LeaseLost(f"the lease on {held.name} ran out") from None
        raise
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating


__all__ = ["Progress", "RawRecord", "SourceSpec", "Syncer"]
