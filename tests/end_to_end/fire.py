"""Faults from outside: a door before PostgreSQL that kills at commits, and workers that die and come back.

Nothing here reaches into the product: workers are `portbook work` as people run it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import redis.asyncio

from portbook.stores.valkey import program
from tests.fix_warm import Command, Warm

CONFIG = """\
register: {{database: {{env: TEST_DATABASE}}, redis: {{env: TEST_REDIS}}}}
sources:
  - name: delivery
    kind: jira
    url: {url}
    auth: {{kind: api_token, email: pmo@acme.example, token: {{env: TEST_TOKEN}}}}
    page_size: {page_size}
    every: 1h
"""
COMMIT = b"COMMIT;"


class Door:
    """A socket in front of PostgreSQL. When armed, a COMMIT of a worker kills that worker: before the server hears of
    it, or after the server has done it and before the worker hears. `spare` commits are let through first."""

    def __init__(self, server: str, folder: Path) -> None:
        self._server = server
        self.socket = folder / ".s.PGSQL.5432"
        self.armed: str | None = None
        self.spare = 0
        self.commits = 0
        self.kills = 0
        self.workers: list[Worker] = []

    async def open(self) -> None:
        self._listener = await asyncio.start_unix_server(self._serve, str(self.socket))

    async def close(self) -> None:
        self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_unix_connection(self._server)
        peer = writer.get_extra_info("socket")
        pid = int.from_bytes(peer.getsockopt(1, 17, 12)[:4], sys.byteorder)  # SO_PEERCRED

        doomed = False

        async def up() -> None:
            nonlocal doomed
            while data := await reader.read(65536):
                if COMMIT in data[-24:]:
                    self.commits += 1
                    spared = self.armed is not None and self.spare > 0
                    self.spare -= spared
                    if self.armed == "before" and not spared:
                        self._kill(pid)
                        return
                    doomed = self.armed == "after" and not spared
                behind_writer.write(data)
                await behind_writer.drain()

        async def down() -> None:
            while data := await behind_reader.read(65536):
                if doomed:
                    self._kill(pid)
                    return
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        with contextlib.suppress(ConnectionError, RuntimeError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (writer, behind_writer):
            end.close()

    def _kill(self, pid: int) -> None:
        self.armed = None
        self.kills += 1
        os.kill(pid, signal.SIGKILL)


class Worker:
    """`portbook work` in a process of its own."""

    def __init__(self, warm: Warm, config: Path, environment: dict[str, str]) -> None:
        self._warm = warm
        self._config = config
        self._environment = environment
        self.process = self._start()

    def _start(self) -> Command:
        return self._warm.start(
            ["--config", str(self._config), "work"],
            cwd=self._config.parent,
            env={**os.environ, **self._environment},
        )

    def revive(self) -> bool:
        """Start again if dead; whether it was."""
        if self.process.poll() is None:
            return False
        self.process = self._start()
        return True

    def kill(self) -> None:
        self.process.kill()


class Valkey:
    """A server that may be killed and comes back empty."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/valkey.sock"
        self._command = [
            program(),
            "--port",
            "0",
            "--unixsocket",
            f"{folder}/valkey.sock",
            "--save",
            "",
            "--dir",
            str(folder),
        ]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.asynccontextmanager
async def under_fire(
    warm: Warm, database: str, url: str, token: str, folder: Path, *, page_size: int, workers: int = 2
) -> AsyncIterator[tuple[Door, list[Worker], Valkey]]:
    """Two workers on the register behind the door, and a Valkey of their own."""
    parts = urlsplit(database)
    query = parse_qs(parts.query)
    behind = f"{query['host'][0]}/.s.PGSQL.{query.get('port', ['5432'])[0]}"
    door = Door(behind, folder)
    await door.open()
    valkey = Valkey(folder)
    config = folder / "portbook.yaml"
    config.write_text(CONFIG.format(url=url, page_size=page_size))
    environment = {
        "TEST_DATABASE": f"postgresql://{parts.username}@{parts.path}?host={folder}&port=5432",
        "TEST_REDIS": valkey.url,
        "TEST_TOKEN": token,
    }
    started = [Worker(warm, config, environment) for _ in range(workers)]
    try:
        yield door, started, valkey
    finally:
        for worker in started:
            worker.kill()
        valkey.kill()
        await door.close()


async def until_read(pool: asyncpg.Pool, timeout_s: float) -> bool:
    """Whether the source's run succeeds in this time. A dead worker's lease is made to run out at once: waiting out
    its thirty seconds would prove no more."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if await pool.fetchval("SELECT EXISTS (SELECT FROM run WHERE state = 'succeeded')"):
            return True
        await asyncio.sleep(0.05)
    return False


async def expire_leases(pool: asyncpg.Pool) -> None:
    await pool.execute("UPDATE lease SET expires_at = clock_timestamp() - interval '1 second'")


async def flush(url: str) -> None:
    with contextlib.suppress(redis.exceptions.RedisError, OSError):
        async with redis.asyncio.Redis.from_url(url) as client:
            await client.flushall()
