"""`python -m bench.query`: requests per second of the gateway, as a share of a bare asyncpg loop's.

Both sides take turns on the same 8 connections' worth of load, so that a noisy machine is noisy for both; medians.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import asyncpg
import psutil

from bench.query.cases import CASES, Case
from bench.query.export import compare_export
from bench.query.fill import fill
from portbook.stores import open_stores
from register.db import open_pool
from register.keys import create_key
from register.schema import migrate


class Measured(NamedTuple):
    per_second: float
    python_ms: float
    database_ms: float


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench.query")
    options.add_argument("--seconds", type=float, default=5, help="per measurement")
    options.add_argument("--rounds", type=int, default=5, help="turns each side takes")
    options.add_argument("--work-items", type=int, default=500_000)
    options.add_argument("--projects", type=int, default=2_000)
    options.add_argument("--data-dir", type=Path, help="keep the filled register here for the next time")
    options.add_argument("--at-least", type=float, default=0.5, help="ratio below which the bench fails")
    options.add_argument("--only", type=lambda text: text.split(","), default=[*CASES, "Q6"], help="Q1,Q4 …")
    given = options.parse_args()
    folder = given.data_dir or Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with open_stores("embedded", "embedded", folder) as stores:
            url = stores.database_url
            key = asyncio.run(_prepare(url, given.projects, given.work_items))
            with _gateway(url) as (port, gateway):
                ratios = [
                    _compare(name, case, url, port, key, gateway, given.seconds, given.rounds)
                    for name, case in CASES.items()
                    if name in given.only
                ]
                if "Q6" in given.only:
                    ratios += [
                        compare_export(form, url, port, key, gateway, given.rounds)
                        for form in ("csv", "ndjson")
                    ]
    finally:
        if given.data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if min(ratios) >= given.at_least else 1


async def _prepare(url: str, projects: int, work_items: int) -> str:
    await migrate(url)
    started = time.perf_counter()
    await fill(url, projects=projects, work_items=work_items)
    print(f"{work_items:,} work items, {projects:,} projects ready in {time.perf_counter() - started:.0f} s")
    pool = await open_pool(url, size=1)
    try:
        # Restricted to the portfolio that holds everything: what a row scope costs is in every figure.
        return await create_key(pool, "bench", rows={"portfolios": ["BANK"]})
    finally:
        await pool.close()


async def _postmaster(url: str) -> psutil.Process:
    connection = await asyncpg.connect(url)
    try:
        server = psutil.Process(connection.get_server_pid()).parent()
        assert server is not None
        return server
    finally:
        await connection.close()


@contextmanager
def _gateway(url: str) -> Iterator[tuple[int, psutil.Process]]:
    # The socket is taken before the gateway starts: a port only looked up could be somebody else's by then.
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(128)
        port = door.getsockname()[1]
        descriptor = door.fileno()
        command = [sys.executable, "-m", "bench.query.serve", url, str(descriptor)]
        process = subprocess.Popen(command, pass_fds=[descriptor])
    try:
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _compare(
    name: str, case: Case, url: str, port: int, key: str, gateway: psutil.Process, seconds: float, rounds: int
) -> float:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{case.path}", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request) as answer:
        size = len(answer.read())
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(_bare(url, name, seconds))
        ours.append(_ours(url, port, case.path, key, gateway, seconds))
    ratios = [a.per_second / b.per_second for a, b in zip(ours, bare, strict=True)]
    ratio = statistics.median(ratios)
    print(f"\n{name}: {case.title} ({size / 1000:.0f} KB)")
    print(f"  {'':22} requests/s   Python ms   PostgreSQL ms   (CPU per request)")
    for title, side in (("bare asyncpg loop", bare), ("gateway over HTTP", ours)):
        row = [statistics.median(column) for column in zip(*side, strict=True)]
        print(f"  {title:22} {row[0]:10.0f} {row[1]:11.2f} {row[2]:15.2f}")
    cpu = [
        sum(statistics.median(column) for column in list(zip(*side, strict=True))[1:])
        for side in (ours, bare)
    ]
    print(
        f"  ratio {ratio:.2f}   ({min(ratios):.2f} to {max(ratios):.2f} in {rounds} turns); CPU {cpu[0] / cpu[1]:.2f} x"
    )
    return ratio


def _bare(url: str, name: str, seconds: float) -> Measured:
    with _DatabaseClock(url) as clock:
        asked = subprocess.run(
            [sys.executable, "-m", "bench.query.bare", url, name, str(seconds)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        per_second, cpu = map(float, asked.stdout.split())
    return Measured(per_second, cpu * 1000, clock.spent * 1000 / (per_second * seconds))


def _ours(url: str, port: int, path: str, key: str, gateway: psutil.Process, seconds: float) -> Measured:
    before = _cpu(gateway)
    with _DatabaseClock(url) as clock:
        if shutil.which("wrk"):
            command = [
                "wrk",
                "-t1",
                "-c8",
                f"-d{max(1, round(seconds))}s",
                "-H",
                f"Authorization: Bearer {key}",
            ]
            asked = subprocess.run(
                [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
            )
            if "Non-2xx" in asked.stdout:
                raise SystemExit(asked.stdout)
            rate = re.search(r"Requests/sec:\s+([\d.]+)", asked.stdout)
            assert rate is not None
            per_second = float(rate.group(1))
            seconds = max(1, round(seconds))
        else:
            command = [sys.executable, "-m", "bench.query.load", str(port), path, key, str(seconds)]
            per_second = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    count = per_second * seconds
    return Measured(per_second, (_cpu(gateway) - before) * 1000 / count, clock.spent * 1000 / count)


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


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.exit(main())
