"""A remap in a process of its own, in small steps, that dies of one of them."""

from __future__ import annotations

import pickle
from pathlib import Path

from portbook.remap import remap
from register.db import open_pool
from tests.fix_killed import deadly
from tests.sync.test_remap import Ready
from workers import remap as steps


async def die_in_remap(database: str, folder: Path, after: int) -> None:
    """Be killed when so many steps are told of, unless it ends before."""
    steps.BATCH_RECORDS, steps.BATCH_LINKS, steps.BATCH_ROWS = 7, 1, 1
    sources, setting = pickle.loads((folder / "remap.pickle").read_bytes())
    pool = await open_pool(database)
    ready = Ready(pool, folder, sources, setting)
    await remap(pool, await ready.mappers(setting), setting.policy, deadly(after))
    await pool.close()
