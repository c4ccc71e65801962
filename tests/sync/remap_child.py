"""A remap in a process of its own, in small steps, that tells of each: so that a test can kill it after any of them."""

from __future__ import annotations

import asyncio
import pickle
import sys
from pathlib import Path

from portbook.remap import remap
from register.db import open_pool
from tests.sync.test_remap import Ready
from workers import remap as steps
from workers.remap import Step


async def work(database: str, folder: Path) -> None:
    sources, setting = pickle.loads((folder / "remap.pickle").read_bytes())
    pool = await open_pool(database)
    ready = Ready(pool, folder, sources, setting)

    def watch(step: Step) -> None:
        print(step, flush=True)

    await remap(pool, await ready.mappers(setting), setting.policy, watch)
    await pool.close()


if __name__ == "__main__":
    steps.BATCH_RECORDS = 7
    steps.BATCH_LINKS = 1
    steps.BATCH_ROWS = 1
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
