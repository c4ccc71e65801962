"""What several ask for at the same time is done once, and nobody's failure or absence is anybody else's."""

from __future__ import annotations

import asyncio

import pytest

from register.single_flight import SingleFlight


async def test_thirty_who_ask_at_once_share_one_answer_and_the_next_gets_a_new_one() -> None:
    flight = SingleFlight[int]()
    tries = 0

    async def count() -> int:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.01)
        return tries

    assert await asyncio.gather(*(flight("a", count) for _ in range(30))) == [1] * 30
    assert await asyncio.gather(flight("a", count), flight("b", count)) == [3, 3]
    assert await flight("a", count) == 4


async def test_a_failure_is_everybodys_who_waits_and_is_not_kept() -> None:
    flight = SingleFlight[str]()

    async def fail() -> str:
        await asyncio.sleep(0.01)
        raise LookupError("away")

    async def well() -> str:
        return "here"

    failed = await asyncio.gather(*(flight("a", fail) for _ in range(5)), return_exceptions=True)
    assert [str(error) for error in failed] == ["away"] * 5
    assert await flight("a", well) == "here"


async def test_who_goes_away_takes_nobodys_answer_along() -> None:
    flight = SingleFlight[str]()
    begun, go = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        begun.set()
        await go.wait()
        return "here"

    first = asyncio.create_task(flight("a", wait))
    await begun.wait()
    second = asyncio.create_task(flight("a", wait))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go.set()
    assert await second == "here"


async def test_closing_ends_what_is_under_way() -> None:
    flight = SingleFlight[None]()
    asking = asyncio.create_task(flight("a", asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await flight.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
