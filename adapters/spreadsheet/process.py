"""Asking the reading process: start it, take its frames one by one, and say plainly how it died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import orjson

from adapters.errors import FileRefused, SourceMisbehaved

_ROOT = Path(__file__).resolve().parents[2]
_AHEAD = 32
"""Frames that are held for whoever comes next: of rows, six thousand."""
_LARGEST_FRAME = 256 << 20
_RAISE_LIMITS = "Split the workbook or clear unused cells; if it is honest, raise `limits:` of this source."


async def frames(
    request: dict[str, Any], *, child: str = "adapters.spreadsheet.child", advice: str = _RAISE_LIMITS
) -> AsyncGenerator[dict[str, Any], None]:
    """The answers to one request, as they come. The process waits while the reader is slow, and is killed
    when the reader stops asking. Raises FileRefused naming the file when the process dies or falls
    silent. `child` is the module whose `main` runs in the process; `advice` is the hint when a limit was hit."""
    limits = request["limits"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from {child} import main; main()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(orjson.dumps(request))
        process.stdin.close()
        while True:
            try:
                async with asyncio.timeout(limits["wall_s"]):
                    frame = await _next(process.stdout)
            except TimeoutError:
                raise FileRefused(
                    f"{request['name']} was not read within {limits['wall_s']} seconds", hint=advice
                ) from None
            except asyncio.IncompleteReadError:
                raise _died(request["name"], await process.wait(), limits, advice) from None
            if frame["kind"] == "end":
                return
            yield frame
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Ahead:
    """The same frames, asked for from now on, a few before they are needed: the next file is parsed while the one
    before it is taken in."""

    def __init__(self, answers: AsyncGenerator[dict[str, Any], None]) -> None:
        self._queue: asyncio.Queue[dict[str, Any] | Exception | None] = asyncio.Queue(_AHEAD)
        self._task = asyncio.create_task(self._ask(answers))

    async def _ask(self, answers: AsyncGenerator[dict[str, Any], None]) -> None:
        async with contextlib.aclosing(answers):
            try:
                async for frame in answers:
                    await self._queue.put(frame)
            except Exception as error:  # noqa: BLE001 - whoever takes the frames hears of it, whatever it is
                await self._queue.put(error)
            else:
                await self._queue.put(None)

    async def frames(self) -> AsyncGenerator[dict[str, Any], None]:
        while (frame := await self._queue.get()) is not None:
            if isinstance(frame, Exception):
                raise frame
            yield frame

    async def aclose(self) -> None:
        """The process is gone when this returns."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _next(stream: asyncio.StreamReader) -> dict[str, Any]:
    (length,) = struct.unpack(">I", await stream.readexactly(4))
    if length > _LARGEST_FRAME:
        raise asyncio.IncompleteReadError(b"", length)
    frame: dict[str, Any] = orjson.loads(await stream.readexactly(length))
    return frame


def problem(frame: dict[str, Any]) -> FileRefused | SourceMisbehaved:
    """An `error` frame as the SourceError it stands for."""
    kind = SourceMisbehaved if frame["class"] == "misbehaved" else FileRefused
    return kind(frame["message"], detail=frame["detail"], hint=frame["hint"])


def environment() -> dict[str, str]:
    """Next to nothing: no secret of ours is in the memory that parses a stranger's file."""
    kept = {
        name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ
    }
    path = os.pathsep.join([str(_ROOT), *([os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else [])])
    return {**kept, "PYTHONPATH": path, "PYTHONUTF8": "1"}


def _died(name: str, code: int, limits: dict[str, int], advice: str) -> FileRefused:
    if code == -getattr(signal, "SIGXCPU", 24) or (code == -signal.SIGKILL and limits["cpu_s"]):
        what = (
            f"it took more than {limits['cpu_s']} seconds of processor time, or the system ran out of memory"
        )
    elif code in (-signal.SIGABRT, -signal.SIGSEGV, -getattr(signal, "SIGBUS", 7)):
        what = f"it needs more than {limits['memory_mb']} MiB of memory, or crashed the parser"
    else:
        what = f"the reading process ended with code {code}"
    return FileRefused(
        f"{name} cannot be read: {what}", detail=f"limits: memory_mb, cpu_s of {name}", hint=advice
    )
