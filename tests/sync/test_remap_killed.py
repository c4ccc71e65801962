"""A remap that is killed anywhere and begun again ends in the same register as one in peace."""

from __future__ import annotations

import pickle

import pytest

from register.db import open_pool
from tests.fix_engine import register_state
from tests.fix_killed import killed
from tests.fix_postgres import ask_postgres, on
from tests.sync.remap_child import die_in_remap
from tests.sync.test_remap import CORPUS, Ready, filled, ready
from workers import remap as steps

__all__ = ["filled", "ready"]


async def test_a_remap_that_is_killed_again_and_again_ends_as_one_in_peace(
    ready: Ready, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = CORPUS["everything at once"][0](ready.setting)
    ask_postgres(postgres, "CREATE DATABASE remap_killed TEMPLATE remap_filled")
    try:
        database = on(postgres, "remap_killed")
        (ready.folder / "remap.pickle").write_bytes(pickle.dumps((ready.sources, setting)))
        kills = 0
        while await killed(die_in_remap, database, ready.folder, 1 + kills):
            kills += 1
            ask_postgres(database, "UPDATE lease SET expires_at = now() - interval '1 second'")
        assert kills >= 3
        for name, small in (("BATCH_RECORDS", 7), ("BATCH_LINKS", 1), ("BATCH_ROWS", 1)):
            monkeypatch.setattr(steps, name, small)
        await ready.remap(setting)
        pool = await open_pool(database)
        broken, peaceful = await register_state(pool), await register_state(ready.pool)
        await pool.close()
        assert broken.keys() == peaceful.keys()
        for table, rows in peaceful.items():
            assert broken[table] == rows, table
    finally:
        ask_postgres(postgres, "DROP DATABASE remap_killed WITH (FORCE)")
