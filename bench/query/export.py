"""Q6: every work item as a file, beside COPY of the same columns into nothing."""

from __future__ import annotations

import asyncio
import statistics
import time
import urllib.request

import asyncpg
import psutil

from bench.query.cases import EXPORT

_SQL = (
    f"SELECT {EXPORT} FROM work_item e WHERE presence = 'present' "
    "AND project_id IN (SELECT id FROM project WHERE portfolio_id = (SELECT id FROM portfolio)) ORDER BY key, id"
)
_BARE = {
    "csv": (_SQL, {"format": "csv", "header": True}),
    "ndjson": (
        f"SELECT row_to_json(t) FROM ({_SQL}) t",
        {"format": "csv", "delimiter": "\x02", "quote": "\x01"},
    ),
}


def compare_export(form: str, url: str, port: int, key: str, gateway: psutil.Process, rounds: int) -> float:
    """Prints both, in turns; returns rows per second of ours as a share of the bare COPY's."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/work_items?format={form}&fields={EXPORT}",
        headers={"Authorization": f"Bearer {key}"},
    )
    bare, ours, peak, size = [], [], 0, 0
    for _ in range(rounds):
        bare.append(asyncio.run(_copied(url, form)))
        started = time.perf_counter()
        size = 0
        with urllib.request.urlopen(request) as answer:
            while piece := answer.read(1 << 20):
                size += len(piece)
                peak = max(peak, gateway.memory_info().rss)
        ours.append(time.perf_counter() - started)
    ratio = statistics.median(b / o for b, o in zip(bare, ours, strict=True))
    print(f"\nQ6 {form}: every work item, {size / 1e6:.0f} MB")
    print(
        f"  bare COPY {statistics.median(bare):.2f} s, gateway {statistics.median(ours):.2f} s, {peak / 1e6:.0f} MB"
    )
    print(f"  ratio {ratio:.2f}")
    return ratio


async def _copied(url: str, form: str) -> float:
    sql, options = _BARE[form]
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})

    async def nowhere(piece: bytes) -> None:
        pass

    started = time.perf_counter()
    await connection.copy_from_query(sql, output=nowhere, **options)
    took = time.perf_counter() - started
    await connection.close()
    return took
