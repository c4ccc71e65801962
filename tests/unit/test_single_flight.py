"""What several ask for at the same time is done once, and nobody's absence is anybody else's."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.single_flight import SIDE_BY_SIDE, NextFlight, SingleFlight


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


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.integers(0, 1),
            st.integers(1, 12),
            st.booleans(),
            st.none() | st.integers(0, 9),
        ),
        max_size=40,
    )
)
def test_nobody_is_answered_by_what_began_before_they_asked(
    asking: list[tuple[int, int, int, bool, int | None]],
) -> None:
    """Who asks: when, for which key, how long their work would take, whether it fails, and when they lose patience; in
    turns of the event loop."""
    flight = NextFlight[tuple[int, int]]()
    clock, under_way, begun = 0, [0, 0], [0, 0]

    async def work(key: int, turns: int, fails: bool) -> tuple[int, int]:
        began = clock
        begun[key] += 1
        under_way[key] += 1
        assert under_way[key] <= SIDE_BY_SIDE
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
            if fails:
                raise LookupError(began)
            return key, began
        finally:
            under_way[key] -= 1

    async def ask(at: int, key: int, turns: int, fails: bool, patience: int | None) -> None:
        while clock < at:
            await asyncio.sleep(0)
        asked = clock
        task = asyncio.create_task(flight(key, lambda: work(key, turns, fails)))
        if patience is not None:
            for _ in range(patience):
                await asyncio.sleep(0)
            task.cancel()
        try:
            whose, began = await task
            assert whose == key
        except LookupError as error:
            (began,) = error.args
        except asyncio.CancelledError:
            assert patience is not None
            return
        assert began >= asked

    async def everybody() -> None:
        nonlocal clock
        asked = asyncio.gather(*(ask(*one) for one in asking))
        while not asked.done():
            clock += 1
            await asyncio.sleep(0)
            assert clock < 10_000
        await asked
        for _ in range(15):  # what nobody waits for any more comes to its end
            await asyncio.sleep(0)
        assert not any((flight._under_way, flight._next, flight._joint))

    asyncio.run(everybody())


async def test_a_crowd_costs_what_two_callers_cost_at_a_time() -> None:
    flight = NextFlight[int]()
    begun = 0

    async def count() -> int:
        nonlocal begun
        begun += 1
        mine = begun
        await asyncio.sleep(0.01)
        return mine

    answers = await asyncio.gather(*(flight("a", count) for _ in range(100)))
    assert sorted(answers) == [1, 2, *[3] * 98]
    assert await asyncio.gather(flight("a", count), flight("b", count)) == [4, 5]


async def test_closing_ends_what_a_crowd_waits_for() -> None:
    flight = NextFlight[bool]()
    asking = [asyncio.create_task(flight("a", asyncio.Event().wait)) for _ in range(5)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await flight.close()
    done = await asyncio.wait_for(asyncio.gather(*asking[2:], return_exceptions=True), 5)
    assert [type(one) for one in done] == [asyncio.CancelledError] * 3
    for one in asking[:2]:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert not any((flight._under_way, flight._next, flight._joint))
