"""Work that several ask for at the same time, done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Whoever asks while the answer is under way awaits the same one, be it good or bad; nothing is kept beyond it.

    One of them who goes away takes nobody's answer along.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def __call__(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` gives, unless somebody's for this key is under way: then what that gives, or raises."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: Hashable, done: asyncio.Task[T]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # seen, also where nobody awaits it any more

    async def close(self) -> None:
        """Stop what is under way."""
        for task in (*self._under_way.values(),):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
