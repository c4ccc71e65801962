"""Work that several ask for at the same time, done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]

SIDE_BY_SIDE = 2
"""Flights of `NextFlight` for a key. With one alone, whoever asks second would wait for the answer of the first, and
then for their own."""


class SingleFlight(Generic[T]):
    """Whoever asks while the answer is under way awaits the same one, be it good or bad; nothing is kept beyond it.

    One of them who goes away takes nobody's answer along.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def __call__(self, key: Hashable, work: Work[T]) -> T:
        """What `work` gives, unless somebody's for this key is under way: then what that gives, or raises."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: Hashable, done: asyncio.Task[T]) -> None:
        del self._under_way[key]
        _see(done)

    async def close(self) -> None:
        """Stop what is under way."""
        await _stop(self._under_way.values())


class NextFlight(Generic[T]):
    """The same where an answer may not be older than the question: nobody joins what began before they asked.

    Two are under way for a key at most. Whoever asks meanwhile waits until one of them ends, and is answered by the
    next, together with all who wait by then. So a crowd that asks the same costs what two callers cost, and who asks
    waits for what is under way and for their own answer, for no more.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, int] = {}
        self._next: dict[Hashable, tuple[asyncio.Event, asyncio.Task[T]]] = {}
        self._joint: set[asyncio.Task[T]] = set()

    async def __call__(self, key: Hashable, work: Work[T]) -> T:
        """What `work` gives, or what that of somebody gives, or raises, who waits for this key as well."""
        if key not in self._next:
            under_way = self._under_way.get(key, 0)
            if under_way < SIDE_BY_SIDE:
                self._under_way[key] = under_way + 1
                return await self._fly(key, work)
            gate = asyncio.Event()
            task = asyncio.create_task(self._wait_and_fly(gate, key, work))
            task.add_done_callback(self._forget)
            self._joint.add(task)
            self._next[key] = gate, task
        return await asyncio.shield(self._next[key][1])

    async def _wait_and_fly(self, gate: asyncio.Event, key: Hashable, work: Work[T]) -> T:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            if gate.is_set():  # the place of another was handed over already
                self._free(key)
            raise
        return await self._fly(key, work)

    async def _fly(self, key: Hashable, work: Work[T]) -> T:
        try:
            return await work()
        finally:
            self._free(key)

    def _free(self, key: Hashable) -> None:
        # The next takes the place before anybody else can.
        following = self._next.pop(key, None)
        if following is not None and not following[1].done():
            following[0].set()
        elif self._under_way[key] > 1:
            self._under_way[key] -= 1
        else:
            del self._under_way[key]

    def _forget(self, done: asyncio.Task[T]) -> None:
        self._joint.discard(done)
        _see(done)

    async def close(self) -> None:
        """Stop what several wait for."""
        await _stop(self._joint)


def _see(done: asyncio.Task[Any]) -> None:
    """Look at what it failed with, also where nobody awaits it any more."""
    if not done.cancelled():
        done.exception()


async def _stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)
