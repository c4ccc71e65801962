"""A filter that takes the database too long, for once or each time; nobody else is held to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from register.spread import SLOW_ROUNDS, Spread
from tests.fakes.receiver import Receiver
from tests.fix_webhooks import CLOCK, Told


def impatient(told: Told) -> Spread:
    return Spread(told.pool, clock=CLOCK, filter_timeout_ms=100, slow_rest_s=0)


@asynccontextmanager
async def nobody_reads(told: Told, table: str) -> AsyncIterator[None]:
    """Whoever looks at a table waits until the block ends."""
    async with told.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


async def test_a_filter_that_took_too_long_for_a_while_costs_nothing_but_time(told: Told) -> None:
    async with Receiver() as receiver:
        hook, _ = await told.hook(receiver.url, "project.*", filter="budget > 100")
        for at in range(12):
            await told.write("project", f"P{at}", budget=50 * at)
        spread = impatient(told)
        async with nobody_reads(told, "project"):
            for _ in range(SLOW_ROUNDS - 1):
                assert await spread() == 0
        assert await spread() == 9
        assert (await told.state(hook))["enabled"]
        await told.write("project", "LATER", budget=500)
        async with nobody_reads(told, "project"):  # in a row, that is
            for _ in range(SLOW_ROUNDS - 1):
                await spread()
        assert (await told.state(hook))["enabled"]


async def test_a_filter_that_takes_too_long_each_time_disables_its_webhook_alone(told: Told) -> None:
    async with Receiver() as receiver:
        slow, _ = await told.hook(receiver.url, "project.*", filter="budget > 100", name="slow")
        plain, _ = await told.hook(receiver.url, name="plain")
        await told.write("project", "PAY", budget=500)
        spread = impatient(told)
        async with nobody_reads(told, "project"):
            for _ in range(SLOW_ROUNDS):
                await spread()
        state = await told.state(slow)
        assert not state["enabled"]
        assert (
            state["disabled_reason"]
            == "its filter takes the database longer than 0.1 s for 5 events, 5 times in a row"
        )
        assert (await told.state(plain))["enabled"]
        assert len(await told.delivered(plain)) == 1


async def test_what_takes_many_steps_is_done_in_turns_so_that_others_are_told_meanwhile(told: Told) -> None:
    """Five events at a time, each a second: of ten thousand, nobody would hear of anything new for half an hour."""
    async with Receiver() as receiver:
        await told.hook(receiver.url, "project.*", filter="budget >= 0", name="slow")
        plain, _ = await told.hook(receiver.url, "risk.*", name="plain")
        for at in range(12):
            await told.write("project", f"P{at}", budget=50 * at)
        spread = Spread(told.pool, clock=CLOCK, filter_timeout_ms=100, slow_rest_s=0, turn_s=0)
        async with nobody_reads(told, "project"):
            assert await spread() == 0
        assert await spread() == 5
        await told.write("risk", "R-1")
        assert await spread() == 5 + 1
        assert len(await told.delivered(plain)) == 1
        assert await spread() == 2
        assert await spread() == 0


async def test_a_worker_that_finds_a_webhook_in_the_hands_of_another_forgets_nothing(told: Told) -> None:
    async with Receiver() as receiver:
        hook, _ = await told.hook(receiver.url, "project.*", filter="budget > 100")
        await told.write("project", "PAY", budget=500)
        spread = impatient(told)
        async with nobody_reads(told, "project"):
            for _ in range(SLOW_ROUNDS - 1):
                await spread()
            async with told.pool.acquire() as other, other.transaction():
                await other.execute("SELECT FROM webhook WHERE id = $1 FOR UPDATE", hook)
                assert await spread() == 0
            await spread()
        assert not (await told.state(hook))["enabled"]


async def test_who_has_no_filter_waits_for_a_database_that_has_trouble(told: Told) -> None:
    async with Receiver() as receiver:
        hook, _ = await told.hook(receiver.url)
        await told.write("project", "PAY")
        spread = impatient(told)
        async with nobody_reads(told, "delivery"):
            spreading = asyncio.create_task(spread())
            await asyncio.sleep(0.4)
            assert not spreading.done()
        assert await spreading == 1
        assert (await told.state(hook))["enabled"]
