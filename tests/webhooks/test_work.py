"""A worker tells webhooks beside its runs."""

from __future__ import annotations

import asyncio

import pytest

from register.deliveries import FORGOTTEN_AT_ONCE
from register.policy import Policy
from tests.fakes.receiver import Receiver
from tests.fix_webhooks import HERE, SEALER, Told
from workers.app import WorkerApp
from workers.deliver import Deliverer

AWAY = "unix:///nonexistent/valkey.sock"


async def test_a_worker_tells_of_events_as_they_come_though_redis_was_never_there(told: Told) -> None:
    stop = asyncio.Event()
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, secret = await told.hook(receiver.url)
        worker = WorkerApp(told.pool, AWAY, {}, {}, Policy(), deliverer=deliverer)
        task = asyncio.create_task(worker.run(stop))
        for number in range(3):
            await told.write("project", f"P{number}")
            async with asyncio.timeout(20):
                while len(receiver.calls) <= number:
                    await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(task, 10)
    assert [call.verified(secret)["data"]["key"] for call in receiver.calls] == ["P0", "P1", "P2"]
    assert {one["state"] for one in await told.delivered(hook)} == {"delivered"}


async def test_a_worker_forgets_all_that_ended_long_ago_however_much_and_short_it_runs(told: Told) -> None:
    hook, _ = await told.hook("https://hooks.example/x")
    await told.pool.execute(
        "INSERT INTO delivery (webhook_id, seq, type, state, finished_at) SELECT $1, n, 'project.changed', 'delivered', "
        "now() - interval '31 days' FROM generate_series(1, $2::int) n",
        hook,
        FORGOTTEN_AT_ONCE + 1,
    )
    stop = asyncio.Event()
    async with told.deliverer() as deliverer:
        task = asyncio.create_task(deliverer.run(stop))
        async with asyncio.timeout(20):
            while await told.pool.fetchval("SELECT count(*) FROM delivery"):
                await asyncio.sleep(0.1)
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_a_lane_that_breaks_ends_nothing_else(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Deliverer):
        async def _send_all(self, lane, taken):
            if lane.name == "broken":
                raise ValueError("no such thing")
            return await super()._send_all(lane, taken)

    stop = asyncio.Event()
    async with Receiver() as receiver, Broken(told.deliveries, sealer=SEALER, allowed=HERE) as deliverer:
        await told.hook(receiver.url, name="broken")
        await told.hook(receiver.url, name="fine")
        task = asyncio.create_task(deliverer.run(stop))
        await told.write("project", "PAY")
        async with asyncio.timeout(20):
            while not receiver.calls:
                await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(task, 10)
        assert len(receiver.calls) == 1
