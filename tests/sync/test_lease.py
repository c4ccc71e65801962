"""Who may write for a source: one at a time, for as long as it takes."""

from __future__ import annotations

import asyncio

import pytest

from register import lease
from register.db import Pool
from register.errors import LeaseLost
from tests.fix_engine import Engine
from workers.sync import heartbeat


@pytest.fixture
def pool(engine: Engine) -> Pool:
    return engine.pool


async def test_a_page_may_last_longer_than_the_lease(pool: Pool) -> None:
    """It is renewed meanwhile: the joins of a page can take a minute where the database is far away."""
    held = await lease.acquire(pool, "delivery", "a", ttl_s=0.6)
    assert held is not None
    async with heartbeat(pool, held, 0.6), lease.fenced(pool, held) as connection:
        await asyncio.sleep(1.5)
        await lease.fence(connection, held)
    assert await lease.acquire(pool, "delivery", "b") is None


async def test_nobody_takes_a_lease_while_a_page_is_open_that_began_under_it(pool: Pool) -> None:
    held = await lease.acquire(pool, "delivery", "a", ttl_s=0.3)
    assert held is not None
    async with lease.fenced(pool, held):
        assert await asyncio.wait_for(lease.acquire(pool, "delivery", "b"), 1) is None  # it has not run out
        await asyncio.sleep(0.4)
        taking = asyncio.create_task(lease.acquire(pool, "delivery", "b"))
        await asyncio.sleep(0.3)
        assert not taking.done()
    taken = await taking
    assert taken is not None
    assert taken.token == held.token + 1
    with pytest.raises(LeaseLost):
        await lease.renew(pool, held)
    with pytest.raises(LeaseLost):
        async with lease.fenced(pool, held):
            raise AssertionError("the page of a lost lease began")


async def test_one_of_many_gets_it(pool: Pool) -> None:
    for expected in (1, 2, 3):
        got = await asyncio.gather(*(lease.acquire(pool, "delivery", f"{n}", ttl_s=0.2) for n in range(8)))
        assert [held.token for held in got if held is not None] == [expected]
        await asyncio.sleep(0.3)
