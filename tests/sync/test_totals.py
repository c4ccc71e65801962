"""Full, incremental, quiet and deleting runs of every kind of source: the register agrees with the tool's own totals."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fix_engine import Engine
from tests.totals import NOTHING, SOURCE, Told, plain, register_totals
from tests.totals.worlds import WORLDS, opened


async def _agrees(engine: Engine, told: Told) -> None:
    assert await register_totals(engine) == plain({**NOTHING, **told.wanted()})


async def _run(engine: Engine, told: Told, mode: str) -> dict[str, Any]:
    started = time.monotonic()
    run = await engine.sync(SOURCE, mode)
    print(f"{mode}: {run['seen']} seen, {run['stored']} stored, {time.monotonic() - started:.1f} s")
    assert (run["state"], run["error"], run["quarantined"]) == ("succeeded", None, 0)
    await _agrees(engine, told)
    return run


async def _prove(engine: Engine, told: Told) -> None:
    rng = random.Random(11)
    few = max(3, told.items // 100)
    await told.join(engine)
    await _run(engine, told, "full")
    told.edit(rng, few)
    changed = await _run(engine, told, "incremental")
    assert changed["stored"] >= 3
    for mode in ("incremental", "full"):
        quiet = await _run(engine, told, mode)
        assert (quiet["stored"], quiet["rows_changed"], quiet["vanished"]) == (0, 0, 0), mode
    told.edit(rng, few)
    told.delete(rng, few)
    await _run(engine, told, "full")


@pytest.mark.parametrize("kind", WORLDS)
async def test_every_run_agrees_with_the_tools_own_totals(engine: Engine, kind: str, tmp_path: Path) -> None:
    with opened(kind, 300, tmp_path) as told:
        await _prove(engine, told)


@pytest.mark.soak
@pytest.mark.parametrize("kind", WORLDS)
async def test_at_a_hundred_thousand_items_too(engine: Engine, kind: str, tmp_path: Path) -> None:
    with opened(kind, 100_000, tmp_path) as told:
        await _prove(engine, told)
