"""Tasks of asyncio that are stopped."""

from __future__ import annotations

import asyncio
from typing import Any


async def stop(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end. What it failed with before is raised; so is the CancelledError of whoever
    waits here, which awaiting the task itself could not tell from the task's own."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (failed := task.exception()) is not None:
        raise failed
