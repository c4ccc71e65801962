"""`kill -9` anywhere ends in the same register as no kill: rows, history and events, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from register.db import Pool, open_pool
from tests.end_to_end.fire import expire_leases, flush, under_fire, until_read
from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import bulk_world
from tests.fix_engine import Engine, register_state
from tests.fix_postgres import ask_postgres, on
from tests.fix_warm import Warm

SEED = int(os.environ.get("PORTBOOK_SEED", "20261122"))


class Registers(NamedTuple):
    """A register to be read under fire, and one to be read in peace."""

    under_fire: Pool
    in_peace: Pool
    database: str
    warm: Warm


_numbers = itertools.count(1)


@contextlib.asynccontextmanager
async def registers(postgres: str, template: str, warm: Warm) -> AsyncIterator[Registers]:
    names = [f"fire_{next(_numbers)}" for _ in range(2)]
    for name in names:
        ask_postgres(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    pools = [await open_pool(on(postgres, name)) for name in names]
    try:
        yield Registers(pools[0], pools[1], on(postgres, names[0]), warm)
    finally:
        for pool, name in zip(pools, names, strict=True):
            await pool.close()
            ask_postgres(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def kills_at_commits(both: Registers, issues: int, *, page_size: int, most: int) -> int:
    """Read the same Jira twice, once with a worker killed `most` times: before and after its first commit, before and
    after its second, and so on to the sixth, then from the first again. Returns how often one was."""
    with (
        tempfile.TemporaryDirectory(prefix="fire") as folder,
        FakeJira(bulk_world(issues, projects=4, seed=SEED)) as fake,
    ):
        async with under_fire(
            both.warm, both.database, fake.url, fake.secret, Path(folder), page_size=page_size
        ) as (
            door,
            workers,
            _,
        ):
            done = asyncio.create_task(until_read(both.under_fire, 120 + issues / 20 + 3 * most))
            way = 0
            while not done.done():
                begun = await both.under_fire.fetchval("SELECT count(*) FROM run")
                if begun and door.armed is None and door.kills < most:
                    door.spare = way // 2 % 6
                    door.armed = ("before", "after")[way % 2]
                    way += 1
                await asyncio.sleep(0.05)
                if sum(worker.revive() for worker in workers):
                    await expire_leases(both.under_fire)
            assert done.result(), await both.under_fire.fetch("SELECT * FROM run")
        await compare(both, fake)
    return door.kills


async def kills_at_random(
    both: Registers, issues: int, *, page_size: int, most: int, rng: random.Random
) -> int:
    """Read the same Jira twice, once with workers killed at random moments and Valkey flushed or killed between."""
    killed = 0
    with (
        tempfile.TemporaryDirectory(prefix="fire") as folder,
        FakeJira(bulk_world(issues, projects=4, seed=SEED)) as fake,
    ):
        async with under_fire(
            both.warm, both.database, fake.url, fake.secret, Path(folder), page_size=page_size
        ) as (
            _,
            workers,
            valkey,
        ):
            done = asyncio.create_task(until_read(both.under_fire, 120 + issues / 20 + 3 * most))
            while not done.done():
                # From the middle of start-up to the middle of a page.
                await asyncio.sleep(rng.uniform(0.02, 0.4))
                if killed < most and not done.done():
                    rng.choice(workers).kill()
                    killed += 1
                    match rng.randrange(6):
                        case 0:
                            await flush(valkey.url)
                        case 1:
                            valkey.kill()
                            valkey.start()
                if sum(worker.revive() for worker in workers):
                    await expire_leases(both.under_fire)
            assert done.result(), await both.under_fire.fetch("SELECT * FROM run")
        await compare(both, fake)
    return killed


async def compare(both: Registers, fake: FakeJira) -> None:
    calm = Engine(both.in_peace, Path())
    await calm.add_jira(fake)
    run = await calm.sync()
    assert run["state"] == "succeeded"
    expected, found = await register_state(both.in_peace), await register_state(both.under_fire)
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert found[table] == rows, table


async def test_kills_at_commits_leave_the_same_register(
    postgres: str, migrated_template: str, warm: Warm
) -> None:
    async with registers(postgres, migrated_template, warm) as both:
        assert await kills_at_commits(both, 400, page_size=20, most=6) == 6


async def test_kills_at_random_moments_leave_the_same_register(
    postgres: str, migrated_template: str, warm: Warm
) -> None:
    async with registers(postgres, migrated_template, warm) as both:
        assert await kills_at_random(both, 600, page_size=10, most=4, rng=random.Random(SEED)) >= 1


@pytest.mark.soak
async def test_twenty_thousand_issues_killed_at_every_commit(
    postgres: str, migrated_template: str, warm: Warm
) -> None:
    async with registers(postgres, migrated_template, warm) as both:
        kills = await kills_at_commits(both, 20_000, page_size=50, most=1_000)
    print(f"{kills} kills at commits")
    assert kills >= 60


@pytest.mark.soak
async def test_twenty_thousand_issues_killed_at_two_hundred_moments(
    postgres: str, migrated_template: str, warm: Warm
) -> None:
    rng = random.Random(SEED)
    killed = rounds = 0
    while killed < 200:
        async with registers(postgres, migrated_template, warm) as both:
            killed += await kills_at_random(both, 20_000, page_size=25, most=200 - killed, rng=rng)
        rounds += 1
        print(f"{killed} kills in {rounds} syncs of 20,000 issues, all equal to the fault-free one")
