"""Pages on their way from readers to the writer."""

from __future__ import annotations

import asyncio

from workers.handover import Handover


async def test_items_come_in_order_and_the_end_comes_last_and_stays() -> None:
    handover = Handover[int](2)
    got = []

    async def put() -> None:
        for number in range(10):
            await handover.put(number)
        handover.close()

    putting = asyncio.create_task(put())
    while (item := await handover.get()) is not None:
        got.append(item)
    await putting
    assert got == list(range(10))
    assert handover.waits()
    assert await handover.get() is None


async def test_no_more_than_its_room_waits_and_the_end_needs_none() -> None:
    handover = Handover[int](3)
    putting = [asyncio.create_task(handover.put(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert sum(task.done() for task in putting) == 3
    handover.close()
    for task in putting[3:]:
        task.cancel()
    assert [await handover.get() for _ in range(4)] == [0, 1, 2, None]
