"""Processes that die of `kill -9` in the middle of their work, forked from one that has everything imported."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["pytest", "tests.register.reading", "tests.sync.remap_child"])


async def killed(work: Callable[..., Any], *given: Any) -> bool:
    """Run the coroutine function `work` in a process of its own. Whether it was killed; anything but that and success
    is a mistake."""
    process = _forks.Process(target=_run, args=(work, *given))
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(after: int) -> Callable[[object], None]:
    """What watches steps and dies of the one after so many."""
    told = 0

    def watch(step: object) -> None:
        nonlocal told
        told += 1
        if told > after:
            die()

    return watch


def _run(work: Callable[..., Any], *given: Any) -> None:
    asyncio.run(work(*given))
