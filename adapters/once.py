"""A value that is asked for once per run, by whoever needs it first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """A value loaded when first asked for, also when several ask at once. A failure is not kept."""

    def __init__(self, load: Callable[[], Awaitable[T]]) -> None:
        self._load = load
        self._lock = asyncio.Lock()
        self._value: tuple[T] | None = None

    async def __call__(self) -> T:
        async with self._lock:
            if self._value is None:
                self._value = (await self._load(),)
            return self._value[0]
