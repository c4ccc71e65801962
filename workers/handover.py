"""Pages on their way from readers to the writer: a few at a time, so that memory stays flat."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """A bounded queue with an end. Takes items from many, gives them to one, in the order they came.

    `close` never waits: a reader that ends must not hang on a writer that has failed. (`asyncio.Queue.shutdown` is
    the same, from Python 3.13 on.)"""

    def __init__(self, most: int) -> None:
        self._items: asyncio.Queue[T | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(most)

    async def put(self, item: T) -> None:
        """Waits until there is room."""
        await self._room.acquire()
        self._items.put_nowait(item)

    async def get(self) -> T | None:
        """The next; None once all were taken and the end was told, however often it is asked."""
        item = await self._items.get()
        if item is None:
            self._items.put_nowait(None)
        else:
            self._room.release()
        return item

    def waits(self) -> bool:
        """Whether the next, or the end, is there already."""
        return not self._items.empty()

    def close(self) -> None:
        """Nothing comes after what was put."""
        self._items.put_nowait(None)
