"""Where contenders of a bench are measured: embedded stores, a fake tool, each contender as a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import orjson
import psutil

from bench.sync.fake import Fake


class Result(NamedTuple):
    issues: int
    wall_s: float
    worker_s: float
    """CPU seconds of the contender's process; of ours without those it takes to start and to stop."""
    postgres_s: float
    fake_s: float
    rss_mb: float

    @property
    def per_second(self) -> float:
        return self.issues / self.wall_s


class Place(NamedTuple):
    folder: Path
    server: str
    redis: str
    postmaster: int
    fake: Fake


def timed(
    place: Place, command: list[str], environment: Mapping[str, str] | None = None
) -> tuple[Any, Result]:
    """Run a command to its end. What it printed, and what it cost everybody."""
    postgres, fake = postgres_cpu(place.postmaster), _cpu(place.fake.pid)
    environment = {**os.environ, **(environment or {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[1:4])} failed: {printed.decode()}")
    result = Result(
        0,
        0.0,
        usage.ru_utime + usage.ru_stime,
        postgres_cpu(place.postmaster) - postgres,
        _cpu(place.fake.pid) - fake,
        usage.ru_maxrss / 1024,
    )
    return orjson.loads(printed) if printed.startswith((b"{", b"[")) else None, result


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def postgres_cpu(postmaster: int) -> float:
    """CPU seconds of the server: those of living processes, and of ended ones, which their parent remembers."""
    process = psutil.Process(postmaster)
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in process.children():
        try:
            total += _cpu(child.pid)
        except psutil.NoSuchProcess:
            continue
    return float(total)


def fresh(place: Place, name: str) -> str:
    """The address of a new empty database."""

    async def make() -> None:
        connection = await asyncpg.connect(place.server)
        await connection.execute(f"CREATE DATABASE bench_{name}")
        # Nobody starts with the dirty pages of who came before.
        await connection.execute("CHECKPOINT")
        await connection.close()

    asyncio.run(make())
    before, _, after = place.server.partition("?")
    return f"{before.rpartition('/')[0]}/bench_{name}?{after}"


def drop(place: Place, name: str) -> None:
    async def drop() -> None:
        connection = await asyncpg.connect(place.server)
        await connection.execute(f"DROP DATABASE bench_{name} WITH (FORCE)")
        await connection.close()

    asyncio.run(drop())


async def one(database: str, sql: str, *args: Any) -> tuple[Any, ...]:
    connection = await asyncpg.connect(database)
    try:
        return tuple(await connection.fetchrow(sql, *args))
    finally:
        await connection.close()
