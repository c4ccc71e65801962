"""An adapter by itself: check, then every partition in full, each record taken and dropped. `python -m
bench.adapters.read CONFIG`; the partitions go side by side as in a run of the product."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import orjson

from adapters.base import Adapter, Partition
from portbook.config import load_config
from portbook.wiring import KINDS, wire
from workers.app import calm_garbage_collector


async def main(path: Path) -> None:
    (spec,) = wire(load_config(path, KINDS)).specs.values()
    calm_garbage_collector()
    started = time.perf_counter()
    records = 0

    async def consume(adapter: Adapter, partition: Partition, gate: asyncio.Semaphore) -> None:
        nonlocal records
        async with gate:
            async for page in adapter.read(partition, None, full=True):
                records += len(page.records)

    async with spec.open_adapter() as adapter:
        await adapter.check()
        partitions = await adapter.partitions()
        for some in ([p for p in partitions if p.first], [p for p in partitions if not p.first]):
            gate = asyncio.Semaphore(spec.concurrency)
            async with asyncio.TaskGroup() as group:
                for partition in some:
                    group.create_task(consume(adapter, partition, gate))
    print(orjson.dumps({"records": records, "wall_s": time.perf_counter() - started}).decode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
