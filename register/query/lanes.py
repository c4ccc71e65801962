"""Connections that stay lent: what a pool does around each statement costs as much as sending it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import asyncpg

from register.db import Pool, is_away
from register.errors import QueryInvalid, RegisterError
from register.query.cost import Costs
from register.query.errors import AnswerTooLarge, QueryTooSlow
from register.single_flight import NextFlight


class Lanes:
    """Runs single read-only statements on the connections of a pool, each kept once it was acquired.

    The pool is theirs: they end up with all its connections. Only for statements that leave nothing behind in a
    session: it is not reset in between. The one used last goes first, so that its caches are warm. A connection that
    turns out to be dead is replaced, once per statement.
    """

    def __init__(self, pool: Pool, costs: Costs | None = None) -> None:
        self._pool = pool
        self.costs = costs
        """What questions may cost; None: whatever they do."""
        self.flights = NextFlight[Any]()
        """Questions under way."""
        self._idle: list[Any] = []
        self._free = asyncio.Semaphore(pool.get_max_size())

    def fetchrow(self, sql: str, *parameters: Any) -> Coroutine[Any, Any, asyncpg.Record]:
        """The statement's first row. Raises QueryTooSlow, QueryInvalid or RegisterError, nothing of asyncpg's."""
        return self._run(sql, parameters)

    async def explain(self, sql: str, *parameters: Any) -> str:
        """The first line of the statement's plan for these values. Raises the same."""
        found: str = (await self._run(f"EXPLAIN {sql}", parameters, once=True))[0]
        return found

    async def _run(self, sql: str, parameters: tuple[Any, ...], *, once: bool = False) -> asyncpg.Record:
        async with self._free:
            try:
                try:
                    return await self._on_one(sql, parameters, once)
                except Exception as error:
                    if not _is_lost(error):
                        raise
                    # The server was restarted while nobody asked. Questions can be asked again.
                    # What idles beside it went the same way.
                    idle, self._idle = self._idle, []
                    for connection in idle:
                        await self._drop(connection)
                    await self._pool.expire_connections()
                    return await self._on_one(sql, parameters, once)
            except asyncpg.QueryCanceledError:
                raise QueryTooSlow(
                    "the database did not finish in time",
                    hint="Narrow the filter, ask for fewer relations, or order by key.",
                ) from None
            except asyncpg.ProgramLimitExceededError as error:
                raise AnswerTooLarge(
                    f"the answer is more than the database can put into one: {error}",
                    hint="Ask for fewer rows or fields at a time, and go on with `cursor`; or export a file.",
                ) from None
            except (asyncpg.DataError, OverflowError, ValueError) as error:
                raise QueryInvalid(f"the database refuses a value: {error}") from None
            except Exception as error:
                if not _is_lost(error):
                    raise
                raise RegisterError(
                    f"the register's database does not answer: {error}", hint="Try again shortly."
                ) from None

    async def close(self) -> None:
        """Give idle connections back to their pool; what several wait for is stopped."""
        await self.flights.close()
        idle, self._idle = self._idle, []
        for connection in idle:
            await self._pool.release(connection)

    async def _on_one(self, sql: str, parameters: tuple[Any, ...], once: bool) -> asyncpg.Record:
        connection = self._idle.pop() if self._idle else await self._pool.acquire()
        try:
            if once:  # what is not asked again takes no place among the prepared statements
                row = await (await connection.prepare(sql, name="")).fetchrow(*parameters)
            else:
                row = await connection.fetchrow(sql, *parameters)
        except BaseException as error:
            if _is_lost(error):
                await self._drop(connection)
            else:
                # Refused, cancelled or broken: the pool knows how to clean up after each.
                await self._pool.release(connection)
            raise
        self._idle.append(connection)
        return row

    async def _drop(self, connection: Any) -> None:
        with suppress(asyncpg.InterfaceError):  # the pool noticed first
            connection.terminate()
        await self._pool.release(connection)


def _is_lost(error: BaseException) -> bool:
    """Whether another connection may still answer. A statement that was cancelled for its time would take it again."""
    return is_away(error) and not isinstance(error, asyncpg.QueryCanceledError)
