"""`python -m bench.remap [--issues 100000] [--only CHANGE] [--turns 1]`: a changed mapping by `remap`, and by reading
again.

A fake Jira in a process of its own, the embedded stores in a temporary folder. The register is filled once and cloned
for each contender, so that all begin with the same. Three changes: one that touches no value (a comment), one that
touches a part of the rows (a word in a lookup), one that touches all of them (a title from elsewhere). The seconds are
those of the command, less those of a command that does nothing; of several turns medians are told, and the median of
their ratios. Meanwhile somebody reads a page of work items over and over, and the longest wait is told.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import asyncpg
import orjson
from rich.console import Console
from rich.table import Table

from bench.sync.__main__ import CONFIG, SECRETS
from bench.sync.fake import EMAIL, fake_jira
from bench.sync.stage import postgres_cpu
from portbook.stores import open_stores

CHANGES = {
    "no value": "# nothing else\nsource: jira\n",
    "some rows": "source: jira\nlookups: {status: {in_progress: in_review}}\n",
    "every row": "source: jira\nrules: [{stream: issue, into: work_item, fields: {title: {from: key}}}]\n",
}
WAYS = {
    "remap": ["remap", "--json"],
    "plan": ["plan", "--json"],
    "again": ["sync", "--full", "--wait", "--json"],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.remap", description=__doc__)
    parser.add_argument("--issues", type=int, default=100_000)
    parser.add_argument("--only", choices=list(CHANGES), help="one of the changes; all of them otherwise")
    parser.add_argument("--turns", type=int, default=1, help="how often each way is gone, by turns")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the table")
    given = parser.parse_args()
    found = measure(given.issues, [given.only] if given.only else list(CHANGES), given.turns)
    if given.json:
        print(orjson.dumps(found).decode())
    else:
        show(given.issues, found)
    return 0


def measure(issues: int, changes: list[str], turns: int = 1) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    folder.chmod(0o755)
    try:
        with open_stores("embedded", "embedded", folder) as stores, fake_jira(issues) as fake:
            postmaster = int(next(folder.rglob("postmaster.pid")).read_text().split("\n", 1)[0])
            bench = Bench(folder, stores.database_url, stores.redis_url, fake.url, postmaster)
            return bench.all(changes, turns)
    finally:
        shutil.rmtree(folder)


class Cost(NamedTuple):
    """What a command took."""

    seconds: float
    cpu_s: float
    """CPU seconds of the command and of PostgreSQL, which a busy machine does not change."""

    def less(self, other: Cost) -> Cost:
        return Cost(self.seconds - other.seconds, self.cpu_s - other.cpu_s)


class Bench:
    def __init__(self, folder: Path, server: str, redis: str, jira: str, postmaster: int) -> None:
        self._folder = folder
        self._server = server
        self._redis = redis
        self._jira = jira
        self._postmaster = postmaster

    def all(self, changes: list[str], turns: int) -> dict[str, Any]:
        # It comes when it likes: to one way and not to the other. What is left for it is the same after both.
        asyncio.run(self._ask("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"))
        asyncio.run(self._ask("CREATE DATABASE filled"))
        self._configure("filled", None)
        self._run("migrate")
        first = self._run("sync", "--full", "--wait", "--json")
        # As it is after the first night.
        asyncio.run(self._ask("VACUUM ANALYZE", database="filled"))
        # The least of three: what else the machine does meanwhile would be taken off the commands.
        start = min((self._run("status", "--json") for _ in range(3)), key=lambda cost: cost.cpu_s)
        found: dict[str, Any] = {"first load": first.less(start).seconds, "changes": {}}
        for name in changes:
            mapping = CHANGES[name]
            rounds = [{way: self._contend(way, mapping, start) for way in WAYS} for _ in range(turns)]
            results: dict[str, Any] = {
                way: {figure: median(turn[way][figure] for turn in rounds) for figure in rounds[0][way]}
                for way in WAYS
            }
            for ratio, figure in (("ratio", "seconds"), ("cpu_ratio", "cpu_s")):
                results[ratio] = median(turn["again"][figure] / turn["remap"][figure] for turn in rounds)
            found["changes"][name] = results
        return found

    def _contend(self, way: str, mapping: str, start: Cost) -> dict[str, float]:
        """Go one of the ways on a clone of its own."""
        copy = "CREATE DATABASE contender TEMPLATE filled STRATEGY FILE_COPY"
        asyncio.run(self._ask(copy, "CHECKPOINT"))
        self._configure("contender", mapping)
        with self._reading("contender") as waits:
            cost = self._run(*WAYS[way]).less(start)
        asyncio.run(self._ask("DROP DATABASE contender WITH (FORCE)"))
        return {**cost._asdict(), "longest_wait_s": max(waits)}

    def _configure(self, database: str, mapping: str | None) -> None:
        text = CONFIG.format(
            database=self._on(database), redis=self._redis, folder=self._folder, jira=self._jira, email=EMAIL
        )
        if mapping is not None:
            (self._folder / "changed.yaml").write_text(mapping)
            text += "    mapping: changed.yaml\n"
        (self._folder / "portbook.yaml").write_text(text)

    def _run(self, *arguments: str) -> Cost:
        command = [
            sys.executable,
            "-m",
            "portbook",
            "--config",
            str(self._folder / "portbook.yaml"),
            *arguments,
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began, postgres = time.monotonic(), postgres_cpu(self._postmaster)
        done = subprocess.run(
            command, env={**os.environ, **SECRETS}, capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - began
        if done.returncode and arguments[0] != "plan":
            raise SystemExit(f"portbook {arguments[0]} failed: {done.stdout}{done.stderr}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(seconds, ours + postgres_cpu(self._postmaster) - postgres)

    @contextlib.contextmanager
    def _reading(self, database: str) -> Iterator[list[float]]:
        """Somebody who reads a page of work items over and over."""
        waits, stop = [0.0], threading.Event()

        async def read() -> None:
            connection = await asyncpg.connect(self._on(database))
            while not stop.is_set():
                began = time.monotonic()
                await connection.fetch("SELECT id, key, title, status FROM work_item ORDER BY id LIMIT 50")
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.02)
            await connection.close()

        reader = threading.Thread(target=lambda: asyncio.run(read()))
        reader.start()
        try:
            yield waits
        finally:
            stop.set()
            reader.join()

    def _on(self, database: str) -> str:
        before, _, after = self._server.partition("?")
        return f"{before.rpartition('/')[0]}/{database}?{after}"

    async def _ask(self, *statements: str, database: str | None = None) -> None:
        connection = await asyncpg.connect(self._on(database) if database else self._server)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()


def show(issues: int, found: dict[str, Any]) -> None:
    table = Table(
        title=f"{issues:,} issues, first loaded in {found['first load']:.1f} s; in brackets CPU of ours and PostgreSQL"
    )
    for heading in (
        "a change of",
        "remap",
        "plan",
        "reading again",
        "× wall",
        "× CPU",
        "longest wait of a reader",
    ):
        table.add_column(heading, justify="right" if heading != "a change of" else "left", no_wrap=True)
    for name, results in found["changes"].items():
        table.add_row(
            name,
            *(
                f"{results[way]['seconds']:.1f} s ({results[way]['cpu_s']:.1f})"
                for way in ("remap", "plan", "again")
            ),
            f"{results['ratio']:.1f}",
            f"{results['cpu_ratio']:.1f}",
            f"{max(results[way]['longest_wait_s'] for way in ('remap', 'plan')) * 1000:,.0f} ms",
        )
    Console(width=None if sys.stdout.isatty() else 130).print(table)


if __name__ == "__main__":
    sys.exit(main())
