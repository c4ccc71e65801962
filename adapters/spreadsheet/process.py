"""Asking the reading processes: start one, take its frames one by one, and say plainly how it died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import AsyncGenerator
from typing import Any

import orjson

from adapters.errors import FileRefused, SourceMisbehaved
from adapters.spreadsheet.forks import Forks

_AHEAD = 32
"""Frames that are held for whoever comes next: of rows, six thousand."""
_LARGEST_FRAME = 256 << 20


class ReadingProcesses:
    """One for each request. `child` is the module whose `main` runs in them; `advice` is the hint when a limit was
    hit. To be closed when nothing more is asked."""

    def __init__(self, child: str, advice: str) -> None:
        self._forks = Forks(child)
        self._advice = advice

    async def close(self) -> None:
        await asyncio.to_thread(self._forks.close)

    async def frames(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The answers to one request, as they come. The process waits while the reader is slow, and is killed
        when the reader stops asking. Raises FileRefused naming the file when the process dies or falls
        silent."""
        limits = request["limits"]
        try:
            pid, ours = await self._start()
        except OSError as error:
            raise FileRefused(
                f"{request['name']} cannot be read: no process could be started for it",
                detail=str(error),
                hint="The system may be short of memory or of processes.",
            ) from None
        writer: asyncio.StreamWriter | None = None
        code: int | None = None
        try:
            reader, writer = await asyncio.open_connection(sock=ours)
            writer.write(orjson.dumps(request))
            writer.write_eof()
            while True:
                try:
                    async with asyncio.timeout(limits["wall_s"]):
                        frame = await _next(reader)
                except TimeoutError:
                    raise FileRefused(
                        f"{request['name']} was not read within {limits['wall_s']} seconds", hint=self._advice
                    ) from None
                except (asyncio.IncompleteReadError, ConnectionError):
                    code = await asyncio.to_thread(self._forks.ended, pid)
                    raise _died(request["name"], code, limits, self._advice) from None
                if frame["kind"] == "end":
                    return
                yield frame
        finally:
            (writer or ours).close()
            if code is None:
                await self._end(pid)

    async def _start(self) -> tuple[int, socket.socket]:
        """A process and our end of the line to it. Raises OSError. Whoever is cancelled meanwhile leaves neither
        behind: a thread goes on to its end, and must find the other end of the line as it was."""
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as unneeded, theirs:
            unneeded.enter_context(ours)
            starting = asyncio.create_task(asyncio.to_thread(self._forks.start, theirs))
            try:
                await asyncio.wait([starting])
            except asyncio.CancelledError:
                await asyncio.wait([starting])
                if starting.exception() is None:
                    await self._end(starting.result())
                raise
            pid = starting.result()
            unneeded.pop_all()
        return pid, ours

    async def _end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(self._forks.ended, pid)


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
