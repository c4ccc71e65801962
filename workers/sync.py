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
from typing import Any, cast

import structlog

from adapters.base import Adapter, Page, Partition, Subscribed, Subscribes
from adapters.errors import (
    CursorExpired,
    FileRefused,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    our_own_trouble,
)
from mapping.apply import Mapper
from portbook.errors import Problem
from portbook.logs import plain_error
from portbook.tasks import stop
from register import lease, runs
from register.db import DATABASE_TROUBLE, Pool, is_away
from register.errors import LeaseLost
from register.findings import open_findings
from register.mappings import note_mapping
from register.policy import Policy
from register.runs import RunJob
from register.settled import Memory
from register.suggest import suggest
from workers.following import RUN_FOR_S, follow, keep_subscribed
from workers.handover import Handover
from workers.streams import streams_to_sweep
from workers.sweep import Held, sweep
from workers.writer import Fetched, Watch, Writer

QUEUE_PAGES = 3
"""Pages read ahead of the writer; the readers wait beyond that."""
MAX_ATTEMPTS = 5
"""How often in a row a run may come no further at a tool that is busy or down."""

log = structlog.get_logger("portbook.sync")


@dataclass(frozen=True)
class SourceSpec:
    """A configured source, ready to be opened."""

    name: str
    open_adapter: Callable[[], Adapter]
    build_mapper: Callable[[Mapping[str, str]], Mapper]
    """Aliases → mapper. Raises MappingInvalid."""
    concurrency: int = 4
    subscribe: Callable[[Subscribes], Awaitable[Sequence[Subscribed]]] | None = None
    """Sets the tool's notifications up again, where they are configured."""


class Broken(Problem):
    """Portbook itself failed. The run ends, the source's cursors stay."""

    code = "RUN002"


REPORT = "This is a defect of Portbook; please report it with the lines of the log that belong to this run."


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
        self._memory = Memory()

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
            async with heartbeat(self._pool, held, self._lease_s):
                await self._work_on(current, held, watch or (lambda progress: None))
        except LeaseLost:
            # Whoever has it now decides how the run ends.
            log.warning("lease lost", source=job.source, run=job.id)
        finally:
            # Also when a worker is stopped in this very moment: the next would wait out the lease.
            await asyncio.shield(lease.release(self._pool, held))
        return True

    async def _work_on(self, job: RunJob, held: lease.Held, watch: Watch) -> None:
        place = await self._place(job)
        try:
            await self._carry_out(job, self._sources[job.source], held, watch)
        except LeaseLost:
            raise
        except Problem as problem:
            further = isinstance(problem, SourceUnavailable) and await self._place(job) != place
            await self._end_badly(job, held, problem, further=further)
        except Exception as error:
            if is_away(error):
                raise
            # Whatever it is, it would come again: a run that nobody ends is taken up again at once, for ever.
            log.exception("run broken", source=job.source, run=job.id)
            await self._end_badly(job, held, Broken(plain_error(error)[:1000], hint=REPORT))

    async def _place(self, job: RunJob) -> Mapping[str, Any]:
        """How far a run has come in each partition that it has begun."""
        states = await runs.partition_states(self._pool, job.id)
        return {name: (state.cursor, state.done) for name, state in states.items()}

    async def _end_badly(
        self, job: RunJob, held: lease.Held, problem: Problem, *, further: bool = False
    ) -> None:
        """What a problem means for the run is decided here, by its class, and nowhere else. `further`: it has read on
        since it was taken up. A large source behind a quota is read in many turns."""
        ended = {"code": problem.code, "error": str(problem)}
        log.warning("run ended", source=job.source, run=job.id, **ended)
        async with lease.fenced(self._pool, held) as connection:
            match problem:
                case Held():
                    await runs.end_run(connection, job.id, "held", **ended)
                    await open_findings(connection, [problem.finding(job.source)], run_id=job.id)
                case SourceUnavailable() if further or job.attempts + 1 < MAX_ATTEMPTS:
                    delay = problem.retry_after or min(300.0, 5.0 * 3 ** (0 if further else job.attempts))
                    await runs.postpone(connection, job.id, delay_s=delay, anew=further, **ended)
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
        async with contextlib.AsyncExitStack() as opened:
            with our_own_trouble():
                adapter = await opened.enter_async_context(spec.open_adapter())
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
                    meaning=mapper.meaning,
                )
                await note_mapping(connection, job.source, mapper.version, mapper.described, mapper.meaning)
            writer = Writer(self._pool, job, held, self._policy, self._memory, mapper, watch)
            await writer.begin()
            if job.mode == "hints":
                await self._read(adapter, job, [], writer, 1)
                await writer.finish(fresh_at=started)
                return
            await keep_subscribed(self._pool, job.source, adapter, spec.subscribe)
            with our_own_trouble():
                partitions = await adapter.partitions()
            first = [partition for partition in partitions if partition.first]
            others = [partition for partition in partitions if not partition.first]
            refused: list[FileRefused] = []
            for partition in first:
                refused += await self._read(adapter, job, [partition], writer, 1)
            refused += await self._read(adapter, job, others, writer, spec.concurrency)
            if refused:
                raise refused[0]
            if job.mode == "full":
                streams = await streams_to_sweep(self._pool, job, adapter, partitions)
                await sweep(self._pool, held, job, adapter, streams, self._policy, self._memory)
            await writer.finish(fresh_at=started)
        if job.mode == "full":
            await suggest(self._pool, self._policy)
        if job.mode == "incremental" and writer.whole:
            # A changed file was read whole: what it no longer holds is found by a complete run, now rather than
            # tonight.
            await runs.request_run(self._pool, job.source, "full", requested_by="schedule")

    async def _read(
        self,
        adapter: Adapter,
        job: RunJob,
        partitions: Sequence[Partition],
        writer: Writer,
        concurrency: int,
    ) -> list[FileRefused]:
        """Read these partitions to their ends and write all of it, and follow hints meanwhile. The first problem of the
        source stops the reading; what was read before it is written. A file that cannot be read stops its own partition
        alone, and is returned."""
        refused: list[FileRefused] = []
        queue = Handover[Fetched](QUEUE_PAGES)
        gate = asyncio.Semaphore(concurrency)

        async def read_one(partition: Partition) -> None:
            state = writer.states.get(partition.name)
            if state is not None and state.done:
                writer.whole = writer.whole or (partition.whole and state.seen > 0)
                return
            async with gate:
                cursor = (
                    state.cursor
                    if state is not None and state.cursor is not None
                    else writer.start(partition)
                )
                try:
                    async for found in _pages(adapter, partition, cursor, full=job.mode == "full"):
                        await queue.put(Fetched(partition, found))
                        del found  # megabytes, until the next page has come
                except FileRefused as problem:
                    writer.cut_short = True
                    refused.append(problem)
                    return
                await queue.put(Fetched(partition, None))

        async def read_all() -> None:
            if job.mode == "hints":
                await follow(self._pool, job.source, adapter, queue, for_s=RUN_FOR_S)
            else:
                following = asyncio.create_task(follow(self._pool, job.source, adapter, queue))
                try:
                    async with asyncio.TaskGroup() as group:
                        for partition in partitions:
                            group.create_task(read_one(partition))
                except* SourceError as several:
                    writer.cut_short = True
                    failed.append(_foremost(several))
                finally:
                    await stop(following)
            queue.close()

        failed: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(read_all())
                group.create_task(writer.drain(queue))
        except BaseExceptionGroup as several:
            raise _foremost(several) from several
        if failed:
            raise failed[0]
        return refused


async def _pages(adapter: Adapter, partition: Partition, cursor: Any, *, full: bool) -> AsyncIterator[Page]:
    async with contextlib.aclosing(cast(Any, adapter.read(partition, cursor, full=full))) as pages:
        while True:
            with our_own_trouble():
                found = await anext(pages, None)
            if found is None:
                return
            yield found
            del found


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


@contextlib.asynccontextmanager
async def heartbeat(pool: Pool, held: lease.Held, ttl_s: float) -> AsyncIterator[None]:
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
            except DATABASE_TROUBLE as error:
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
        await stop(beating)
