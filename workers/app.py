"""The worker process: schedules what is due, takes up runs, and listens to the bell.

The database is the queue. arq carries the bell and nothing else, so that a worker whose Redis is away, flushed or
replaced goes on working, only a little later than it could.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from register import runs
from register.audit import forget_use
from register.db import DATABASE_TROUBLE, Pool
from register.pinned import end_what_is_over
from register.policy import Policy
from register.quality import Expected, Quality
from workers.deliver import Deliverer
from workers.queue import JOB, QUEUE, decode, encode, redis_settings
from workers.schedule import Due, request_due_runs, request_hinted_runs
from workers.sync import SourceSpec, Syncer
from workers.writer import Watch

BREATH_S = 5.0
"""Between two attempts at a run whose database went away in the middle."""
LOOK_EVERY_S = 2.0
"""Seconds between looks into the database when nobody rings."""
RUNS_AT_ONCE = 2
FORGET_EVERY_S = 3_600.0

log = structlog.get_logger("portbook.worker")


def holder_name() -> str:
    """Who holds a lease, for people reading the table."""
    return f"{socket.gethostname()}:{os.getpid()}"


def calm_garbage_collector() -> None:
    """Decoded pages are thousands of short-lived containers without cycles. With its default thresholds the
    collector walks them again and again: it tripled the cost of decoding a page."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


class WorkerApp:
    """Works until told to stop; finishes or hands back what it has begun."""

    def __init__(
        self,
        pool: Pool,
        redis_url: str,
        sources: Mapping[str, SourceSpec],
        schedule: Mapping[str, Due],
        policy: Policy,
        *,
        watch: Watch | None = None,
        expected: Expected | None = None,
        deliverer: Deliverer | None = None,
        keep_audit_days: int | None = None,
    ) -> None:
        self._pool = pool
        self._redis_url = redis_url
        self._sources = sources
        self._schedule = schedule
        self._watch = watch
        self._policy = policy
        self._syncer = Syncer(pool, sources, policy, holder=holder_name())
        self._bell = asyncio.Event()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._quality = Quality(pool, expected) if expected is not None else None
        self._looking: asyncio.Task[None] | None = None
        self._deliverer = deliverer
        self._keep_audit_days = keep_audit_days
        self._forgetting: asyncio.Task[None] | None = None
        self._forget_at = 0.0
        self._outbound_bell = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Runs under way are cancelled then: their pages are whole, another worker goes on."""
        calm_garbage_collector()
        beside = [asyncio.create_task(self._listen())]
        if self._deliverer is not None:
            beside.append(asyncio.create_task(self._deliverer.run(stop, self._outbound_bell)))
        try:
            while not stop.is_set():
                await self._look()
                await self._wait(stop)
        finally:
            alone = [task for task in (self._looking, self._forgetting) if task is not None]
            tasks = [*beside, *self._running.values(), *alone]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        self._bell.clear()
        try:
            await request_due_runs(self._pool, self._schedule)
            await request_hinted_runs(self._pool, self._sources)
            await end_what_is_over(self._pool, self._policy)
            self._forget()
            for job in await runs.waiting_runs(self._pool):
                if len(self._running) >= RUNS_AT_ONCE:
                    return
                if job.id not in self._running and job.source in self._sources:
                    self._running[job.id] = asyncio.create_task(self._work(job))
            if (
                self._quality is not None
                and not self._running
                and (self._looking is None or self._looking.done())
            ):
                self._looking = asyncio.create_task(self._look_at_data(self._quality))
        except DATABASE_TROUBLE as error:
            log.warning("the register's database does not answer; trying again", error=str(error))

    async def _look_at_data(self, quality: Quality) -> None:
        """Beside the runs: a look at everything may take a while."""
        try:
            await quality.look()
        except DATABASE_TROUBLE as error:
            log.warning("the data could not be looked at; trying again", error=str(error))

    def _forget(self) -> None:
        """Let the audit forget old use every now and then, beside everything else."""
        if self._keep_audit_days is None or time.monotonic() < self._forget_at:
            return
        if self._forgetting is None or self._forgetting.done():
            self._forget_at = time.monotonic() + FORGET_EVERY_S
            self._forgetting = asyncio.create_task(self._forget_use(self._keep_audit_days))

    async def _forget_use(self, days: int) -> None:
        try:
            if forgotten := await forget_use(self._pool, days):
                log.info("the audit forgot old use", lines=forgotten, older_than_days=days)
        except DATABASE_TROUBLE as error:
            log.warning("the audit could not forget old use; trying again later", error=str(error))

    async def _work(self, job: runs.RunJob) -> None:
        try:
            await self._syncer.work(job, self._watch)
        except DATABASE_TROUBLE as error:
            # The database went away in the middle. The run is still marked as running; its lease runs out, and
            # whoever looks next goes on where the last whole page ended.
            log.warning("run interrupted", source=job.source, run=job.id, error=str(error))
            # Not at once: what is wrong may last, as a full disk does, and each attempt asks the tool anew.
            await asyncio.sleep(BREATH_S)
        finally:
            del self._running[job.id]
            self._bell.set()

    async def _wait(self, stop: asyncio.Event) -> None:
        waits = [asyncio.create_task(self._bell.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()

    async def _listen(self) -> None:
        """Hear the bell for as long as the process lives, through every absence of Redis."""
        while True:
            with contextlib.suppress(RedisError, OSError, asyncio.TimeoutError):
                async with self._arq() as worker:
                    await worker.main()
            await asyncio.sleep(LOOK_EVERY_S)

    @contextlib.asynccontextmanager
    async def _arq(self) -> AsyncIterator[Worker]:
        async def ring(context: dict[Any, Any], *_: Any, **__: Any) -> None:
            self._bell.set()
            self._outbound_bell.set()

        worker = Worker(
            functions=[func(ring, name=JOB, max_tries=1, keep_result=0)],  # type: ignore[arg-type]  # wants __qualname__
            queue_name=QUEUE,
            redis_settings=redis_settings(self._redis_url),
            job_serializer=encode,
            job_deserializer=decode,
            handle_signals=False,
            max_jobs=4,
            poll_delay=0.2,
            keep_result=0,
        )
        try:
            yield worker
        finally:
            with contextlib.suppress(RedisError, OSError, asyncio.TimeoutError):
                await worker.close()


async def work_until_idle(
    pool: Pool,
    sources: Mapping[str, SourceSpec],
    policy: Policy,
    names: list[str],
    watch: Watch | None = None,
) -> None:
    """Carry out the waiting runs of these sources here and now, side by side; returns when none is open.

    A run that another worker holds is waited for, and taken over when that worker goes silent.
    """
    calm_garbage_collector()
    syncer = Syncer(pool, sources, policy, holder=holder_name())
    await end_what_is_over(pool, policy)

    async def one(name: str) -> None:
        while True:
            for job in await runs.waiting_runs(pool):
                if job.source == name:
                    await syncer.work(job, watch)
            if not await runs.open_run(pool, name):
                return
            await asyncio.sleep(0.5)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name))
