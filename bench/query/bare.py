"""`python -m bench.query.bare URL CASE SECONDS CONNECTIONS`: the hand-written SQL on so many connections, at most as
many as the gateway has, JSON as bytes, no HTTP and nobody to sign in. It is told the one portfolio that may be seen.

Prints answers, seconds, the milliseconds of CPU an answer took here, and the answers with those that came before.
"""

from __future__ import annotations

import asyncio
import sys
import time

import asyncpg
import uvloop

from bench.query.cases import CASES, POOL


async def run(url: str, sql: str, seconds: float, connections: int) -> None:
    opened = [
        await asyncpg.connect(url, server_settings={"jit": "off"}) for _ in range(min(connections, POOL))
    ]
    for connection in opened:
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
        )
    portfolio = await opened[0].fetchval("SELECT id FROM portfolio")
    statements = [await connection.prepare(sql) for connection in opened]
    answers = 0

    async def loop(statement: asyncpg.prepared_stmt.PreparedStatement, until: float) -> None:
        nonlocal answers
        while time.perf_counter() < until:
            await statement.fetchval(portfolio)
            answers += 1

    # PostgreSQL plans a statement anew five times on each connection.
    await asyncio.gather(*(loop(statement, time.perf_counter() + seconds / 5) for statement in statements))
    before = answers
    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(loop(statement, start + seconds) for statement in statements))
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(answers - before, took, cpu * 1000 / (answers - before), answers)


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], CASES[sys.argv[2]].sql, float(sys.argv[3]), int(sys.argv[4])))
