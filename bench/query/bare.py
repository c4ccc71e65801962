"""`python -m bench.query.bare URL CASE SECONDS`: the hand-written SQL, 8 connections, JSON as bytes, no HTTP."""

from __future__ import annotations

import asyncio
import sys
import time

import asyncpg
import uvloop

from bench.query.cases import CASES

CONNECTIONS = 8


async def run(url: str, sql: str, seconds: float) -> None:
    connections = [await asyncpg.connect(url, server_settings={"jit": "off"}) for _ in range(CONNECTIONS)]
    for connection in connections:
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
        )
    statements = [await connection.prepare(sql) for connection in connections]
    counts = [0] * CONNECTIONS

    async def loop(at: int, until: float) -> None:
        while time.perf_counter() < until:
            await statements[at].fetchval()
            counts[at] += 1

    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(loop(at, start + seconds) for at in range(CONNECTIONS)))
    took = time.perf_counter() - start
    print(sum(counts) / took, (time.process_time() - cpu) / sum(counts))


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], CASES[sys.argv[2]].sql, float(sys.argv[3])))
