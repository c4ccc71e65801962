"""The sides that are compared: each asked for some seconds, on so many connections, with the CPU it took."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg
import psutil


class Measured(NamedTuple):
    """`process_ms` is CPU of the side's own process for an answer, `database_ms` PostgreSQL's."""

    per_second: float
    process_ms: float
    database_ms: float


@dataclass(frozen=True, slots=True)
class Served:
    """A side that is a server."""

    port: int
    process: psutil.Process
    keys: tuple[str, ...] = ("",)
    """Of callers who may see the same rows, each by a row scope of their own, so that nobody shares an answer."""

    def get(self, path: str) -> list[bytes]:
        """The request for a path."""
        return self.get_each(path)[:1]

    def get_each(self, path: str) -> list[bytes]:
        """The same, of each caller."""
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nAuthorization: Bearer "
        return [f"{head}{key}\r\n\r\n".encode() for key in self.keys]

    def fetch(self, path: str) -> bytes:
        """The answer to it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {self.keys[0]}"}
        )
        with urllib.request.urlopen(request) as answer:
            body: bytes = answer.read()
        return body

    def ask(self, graphql: str) -> list[bytes]:
        """The request for a question in GraphQL."""
        body = json.dumps({"query": graphql}).encode()
        head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        return [head.encode() + b"\r\n\r\n" + body]


def measure_bare(url: str, name: str, seconds: float, connections: int) -> Measured:
    """The hand-written SQL."""
    with _DatabaseClock(url) as clock:
        command = [sys.executable, "-m", "bench.query.bare", url, name, str(seconds), str(connections)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers, took, cpu_ms, every = map(float, done.stdout.split())
    return Measured(answers / took, cpu_ms, clock.spent * 1000 / every)


def measure_served(
    url: str, side: Served, requests: list[bytes], seconds: float, connections: int
) -> Measured:
    """A server that is asked these in turn; what asking it costs is not counted."""
    for ask in (_by_wrk, _by_ourselves) if asks_by_wrk(seconds) else (_by_ourselves,):
        before = _cpu(side.process)
        with _DatabaseClock(url) as clock:
            answers, took = ask(side.port, requests, seconds, connections)
        # What is under way when its time is over wrk forgets: of few answers that is a good part.
        if answers >= 100 * connections:
            break
    return Measured(
        answers / took, (_cpu(side.process) - before) * 1000 / answers, clock.spent * 1000 / answers
    )


def asks_by_wrk(seconds: float) -> bool:
    """Whether `wrk` asks: it takes less of the cores than a program of ours, but knows whole seconds alone."""
    return seconds >= 1 and shutil.which("wrk") is not None


def _by_ourselves(port: int, requests: list[bytes], seconds: float, connections: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.query.load", str(port), str(seconds), str(connections)]
    done = subprocess.run(command, input=b"\0".join(requests), capture_output=True, check=True, timeout=300)
    answers, took, _ = map(float, done.stdout.split())
    return answers, took


def _by_wrk(port: int, requests: list[bytes], seconds: float, connections: int) -> tuple[float, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        written = ['"' + "".join(f"\\{byte:03}" for byte in one) + '"' for one in requests]
        script.write(f"local asked, turn = {{{', '.join(written)}}}, 0\n")
        script.write("request = function() turn = turn % #asked + 1; return asked[turn] end\n")
        script.flush()
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{round(seconds)}s",
            "--timeout",
            "60s",
            "-s",
            script.name,
        ]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}/"], capture_output=True, check=True, timeout=300, text=True
        )
    found = re.search(r"(\d+) requests in ([\d.]+)(m?s|m),", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"wrk says: {done.stdout}{done.stderr}")
    return float(found[1]), float(found[2]) * {"ms": 0.001, "s": 1, "m": 60}[found[3]]


async def answer_of_bare(url: str, sql: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        portfolio = await connection.fetchval("SELECT id FROM portfolio")
        found: str = await connection.fetchval(sql, portfolio)
        return found
    finally:
        await connection.close()


@contextmanager
def gateway(url: str, keys: tuple[str, ...]) -> Iterator[Served]:
    """The gateway, until the block ends."""
    # The socket is taken before the gateway starts: a port only looked up could be somebody else's by then.
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(128)
        port = door.getsockname()[1]
        descriptor = door.fileno()
        command = [sys.executable, "-m", "bench.query.serve", url, str(descriptor)]
        process = subprocess.Popen(command, pass_fds=[descriptor])
    try:
        yield Served(port, psutil.Process(process.pid), keys)
    finally:
        process.terminate()
        process.wait(20)


class _DatabaseClock:
    """CPU seconds of our PostgreSQL while it runs; backends that ended meanwhile are in their parent's."""

    def __init__(self, url: str) -> None:
        self._server = asyncio.run(_postmaster(url))

    def __enter__(self) -> _DatabaseClock:
        self._before = self._total()
        return self

    def __exit__(self, *_: object) -> None:
        self.spent = self._total() - self._before

    def _total(self) -> float:
        total = self._server.cpu_times().children_user + self._server.cpu_times().children_system
        for backend in self._server.children():
            with suppress(psutil.NoSuchProcess):
                total += _cpu(backend)
        return total


async def _postmaster(url: str) -> psutil.Process:
    connection = await asyncpg.connect(url)
    try:
        server = psutil.Process(connection.get_server_pid()).parent()
        assert server is not None
        return server
    finally:
        await connection.close()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
