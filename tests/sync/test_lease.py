"""Who may write for a source: one at a time, for as long as it takes."""

from __future__ import annotations

import asyncio

import pytest

from register import lease
from register.db import Pool
from register.errors import LeaseLost
from tests.fix_engine import Engine


@pytest.fixture
def pool(engine: Engine) -> Pool:
    return engine.pool


async def run_out(pool: Pool) -> None:
    await pool.execute("UPDATE lease SET expires_at = clock_timestamp() - interval '1 second'", timeout=5)


async def test_a_lease_is_renewed_while_a_page_is_open(pool: Pool) -> None:
    """The joins of a page can take a minute where the database is far away."""
    held = await lease.acquire(pool, "delivery", "a")
    assert held is not None
    async with lease.fenced(pool, held) as connection:
        await asyncio.wait_for(lease.renew(pool, held, ttl_s=1_000), 5)  # and does not wait for its end
        await lease.fence(connection, held)
    assert await pool.fetchval("SELECT expires_at > now() + interval '900 seconds' FROM lease")
    assert await lease.acquire(pool, "delivery", "b") is None


async def test_nobody_takes_a_lease_while_a_page_is_open_that_began_under_it(pool: Pool) -> None:
    held = await lease.acquire(pool, "delivery", "a")
    assert held is not None
    async with lease.fenced(pool, held):
        # It has not run out: whoever asks is told so, and does not wait.
        assert await asyncio.wait_for(lease.acquire(pool, "delivery", "b"), 5) is None
        await run_out(pool)
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
        got = await asyncio.gather(*(lease.acquire(pool, "delivery", f"{n}") for n in range(8)))
        assert [held.token for held in got if held is not None] == [expected]
        await run_out(pool)
