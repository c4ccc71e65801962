"""Where a change of configuration is carried out: in transactions of its own, or in one that is taken back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import asyncpg

from portbook.errors import Problem
from register import lease
from register.db import Connection, Pool
from register.identity import NeedsIdentity
from register.policy import Policy
from register.settled import IDENTITY_LOCK, Memory, read_settled
from register.write import Counts, PageWrite
from workers.sync import heartbeat

WAIT_S = 0.3
"""Between two attempts to get a source's lease while a run has it."""
LOCK_TIMEOUT_S = 20
"""A page's transaction takes well below a second; who waits for longer waits for something else."""

Body = Callable[[PageWrite], Awaitable[None]]


class RegisterBusy(Problem):
    """Somebody else is changing what this would change."""

    code = "RUN003"


class Ground(Protocol):
    """Where work is done."""

    ahead: bool
    """Whether the next batch may be read while one is being written."""

    def hold(self, source: str) -> AbstractAsyncContextManager[None]:
        """Keep others from writing for a source meanwhile."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection to look things up."""
        ...

    async def write(self, source: str, body: Body, *, alone: bool = False) -> Counts:
        """Carry `body` out as a whole; `alone` keeps every page from being written meanwhile. It may be carried out
        again, from the start, where it must be alone after all."""
        ...


class Apart:
    """Transactions of their own: for `remap`. Each that belongs to a source proves that it holds its lease."""

    ahead = True

    def __init__(
        self, pool: Pool, policy: Policy, *, waiting: Callable[[str], None] = lambda source: None
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._memory = Memory()
        self._waiting = waiting
        self._held: dict[str, lease.Held] = {}

    @contextlib.asynccontextmanager
    async def hold(self, source: str) -> AsyncIterator[None]:
        holder = f"remap {socket.gethostname()} {os.getpid()}"
        while (held := await lease.acquire(self._pool, source, holder)) is None:
            self._waiting(source)
            await asyncio.sleep(WAIT_S)
        self._held[source] = held
        try:
            async with heartbeat(self._pool, held, lease.TTL_S):
                yield
        finally:
            del self._held[source]
            await asyncio.shield(lease.release(self._pool, held))

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection:
            yield connection

    async def write(self, source: str, body: Body, *, alone: bool = False) -> Counts:
        for attempt in range(6):
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
                    await connection.execute(f"SELECT {lock}({IDENTITY_LOCK})")
                    if source in self._held:
                        await lease.fence(connection, self._held[source])
                    settled = await read_settled(connection, self._memory)
                    write = PageWrite(connection, source, None, self._policy, self._memory, alone, settled)
                    await body(write)
                return write.counts
            except NeedsIdentity:
                alone = True
            except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if attempt == 5:
                    raise
                await asyncio.sleep(0.05 * (attempt + 1))
            except BaseException:
                self._memory.forget()
                raise
            self._memory.forget()
        raise AssertionError("a page that is alone never asks to be")


class Together:
    """One transaction, which the caller takes back: for `plan`. Nobody else writes a page meanwhile; readers do not
    notice."""

    ahead = False

    def __init__(self, connection: Connection, policy: Policy) -> None:
        self._connection = connection
        self._policy = policy
        self._memory = Memory()

    @contextlib.asynccontextmanager
    async def hold(self, source: str) -> AsyncIterator[None]:
        yield

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        yield self._connection

    async def write(self, source: str, body: Body, *, alone: bool = False) -> Counts:
        settled = await read_settled(self._connection, self._memory)
        write = PageWrite(self._connection, source, None, self._policy, self._memory, True, settled)
        await body(write)
        return write.counts


@contextlib.asynccontextmanager
async def taken_back(pool: Pool, policy: Policy) -> AsyncIterator[tuple[Together, Connection]]:
    """A ground of one transaction that is rolled back at the end, and its connection. Raises RegisterBusy when
    somebody else keeps the register locked."""
    # Alone until the end: what is written here is locked row by row until it is taken back. A page that came across
    # such a row would wait as long anyway, with rows of its own that this would wait for next, and one of them would be
    # thrown out; of a page that fits in between, the plan would show what no remap does. A plan takes as long as what
    # it plans, and looks only at what has changed.
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
            await connection.execute(f"SELECT pg_advisory_xact_lock({IDENTITY_LOCK})")
            yield Together(connection, policy), connection
        except asyncpg.LockNotAvailableError:
            raise RegisterBusy(
                f"the register is being written by somebody else, for more than {LOCK_TIMEOUT_S} s",
                hint="Try again when `portbook status` shows no run, and nobody else plans or remaps.",
            ) from None
        finally:
            await transaction.rollback()
