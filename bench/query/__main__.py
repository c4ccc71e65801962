"""`python -m bench.query`: answers per second of the gateway, as a share of a bare asyncpg loop's and PostGraphile's.

All take turns on the same connections' worth of load, so that a noisy machine is noisy for each; medians. The gateway
is asked twice: by sixteen callers whose row scopes differ, and by one, as PostGraphile is asked; the one's requests
share answers (`NextFlight`), those of callers with scopes of their own never do. Fails where at 8 connections questions
that nobody shares are answered less than half as often as by the bare loop, or take more than 1.6 × its CPU, or the
same question less than 3 × as often as by PostGraphile, where that is given.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench.query.cases import CASES, Case
from bench.query.export import compare_export
from bench.query.fill import fill
from bench.query.postgraphile import postgraphile
from bench.query.prepare import print_prepare
from bench.query.sides import (
    Measured,
    Served,
    answer_of_bare,
    asks_by_wrk,
    gateway,
    measure_bare,
    measure_served,
)
from portbook.stores import open_stores
from register.db import open_pool
from register.keys import create_key
from register.schema import migrate

JUDGED = 8
"""Connections at which is judged whether it is fast enough."""
CALLERS = 16


def main() -> int:
    given = _options()
    folder = given.data_dir or Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    enough = True
    try:
        with ExitStack() as held:
            url = held.enter_context(open_stores("embedded", "embedded", folder)).database_url
            keys = asyncio.run(_prepare(url, given.projects, given.work_items))
            ours = held.enter_context(gateway(url, keys))
            beside = held.enter_context(postgraphile(url, given.postgraphile))
            print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            print(f"asked by {'wrk' if asks_by_wrk(given.seconds) else 'bench.query.load'}")
            print_prepare()
            for name, case in CASES.items():
                if name in given.only:
                    enough &= _compare(name, case, url, ours, beside, given)
            if "Q6" in given.only:
                for form in ("csv", "ndjson"):
                    ratio = compare_export(form, url, ours.port, keys[0], ours.process, given.rounds)
                    enough &= ratio >= given.at_least
            print(f"\nload average {os.getloadavg()[0]:.1f}")
    finally:
        if given.data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if enough else 1


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m bench.query")
    options.add_argument("--seconds", type=float, default=5, help="per measurement")
    options.add_argument("--rounds", type=int, default=5, help="turns each side takes")
    options.add_argument(
        "--connections", type=lambda text: [int(one) for one in text.split(",")], default=[1, 8, 32]
    )
    options.add_argument("--work-items", type=int, default=500_000)
    options.add_argument("--projects", type=int, default=2_000)
    options.add_argument("--data-dir", type=Path, help="keep the filled register here for the next time")
    options.add_argument("--at-least", type=float, default=0.5, help="of the bare loop's throughput")
    options.add_argument("--cpu-at-most", type=float, default=1.6, help="× the bare loop's CPU for an answer")
    options.add_argument("--only", type=lambda text: text.split(","), default=[*CASES, "Q6"], help="Q1,Q4 …")
    options.add_argument("--postgraphile", type=Path, metavar="FOLDER", help="where npm installed it")
    return options.parse_args()


async def _prepare(url: str, projects: int, work_items: int) -> tuple[str, ...]:
    """Fill the register; returns the callers' keys."""
    await migrate(url)
    started = time.perf_counter()
    await fill(url, projects=projects, work_items=work_items)
    print(f"{work_items:,} work items, {projects:,} projects ready in {time.perf_counter() - started:.0f} s")
    pool = await open_pool(url, size=1)
    try:
        # Restricted to the portfolio that holds everything: what a row scope costs is in every figure. What tells the
        # callers' scopes apart is a project of it that each has besides.
        everything = {"portfolios": ["BANK"]}
        scopes = [everything, *({**everything, "projects": [f"P{i:05}"]} for i in range(1, CALLERS))]
        return tuple([await create_key(pool, f"bench {at}", rows=rows) for at, rows in enumerate(scopes)])
    finally:
        await pool.close()


def _compare(
    name: str, case: Case, url: str, ours: Served, beside: Served | None, given: argparse.Namespace
) -> bool:
    """Prints a question's figures; returns whether they are what was asked for."""
    body = ours.fetch(case.path)
    _same(name, body, asyncio.run(answer_of_bare(url, case.sql)))
    print(f"\n{name}: {case.title} ({len(body) / 1000:.0f} KB)")
    sides = {
        "bare asyncpg loop": partial(measure_bare, url, name),
        "gateway": partial(measure_served, url, ours, ours.get_each(case.path)),
        "gateway, the same": partial(measure_served, url, ours, ours.get(case.path)),
    }
    if beside is not None:
        sides["PostGraphile"] = partial(measure_served, url, beside, beside.ask(case.graphql))
    for server, requests in (
        (ours, ours.get_each(case.path)),
        (ours, ours.get(case.path)),
        (beside, beside and beside.ask(case.graphql)),
    ):
        if server is not None and requests is not None:
            # Plans, and whatever else comes once.
            measure_served(url, server, requests, given.seconds / 5, JUDGED)
    enough = True
    for connections in given.connections:
        turns: dict[str, list[Measured]] = {side: [] for side in sides}
        for _ in range(given.rounds):
            for side, measure in sides.items():
                turns[side].append(measure(given.seconds, connections))
        holds = _print(turns, connections, given)
        enough &= holds or connections != JUDGED
    return enough


def _print(turns: Mapping[str, list[Measured]], connections: int, given: argparse.Namespace) -> bool:
    plain, ours, same, *_ = turns.values()
    print(f"  {f'{connections} connections':18} answers/s  × bare  Python ms  PostgreSQL ms   CPU × bare")
    for side, found in turns.items():
        row = Measured(*(statistics.median(column) for column in zip(*found, strict=True)))
        rate, cpu = _ratios(found, plain)
        print(
            f"  {side:18} {row.per_second:9.1f} {rate:7.2f} {row.process_ms:10.2f} {row.database_ms:14.2f} {cpu:12.2f}"
        )
    rate, cpu = _ratios(ours, plain)
    holds = rate >= given.at_least and cpu <= given.cpu_at_most
    if "PostGraphile" in turns:
        apart, _ = _ratios(ours, turns["PostGraphile"])
        rate, _ = _ratios(same, turns["PostGraphile"])
        print(f"  gateway × PostGraphile: {rate:.2f}, where no two ask the same {apart:.2f}")
        holds &= rate >= 3 or not given.at_least
    return holds


def _ratios(found: list[Measured], others: list[Measured]) -> tuple[float, float]:
    """Answers and CPU, each turn held against the other side's in the same round; medians."""
    pairs = list(zip(found, others, strict=True))
    return (
        statistics.median(a.per_second / b.per_second for a, b in pairs),
        statistics.median(
            (a.process_ms + a.database_ms) / max(b.process_ms + b.database_ms, 1e-9) for a, b in pairs
        ),
    )


def _same(name: str, ours: bytes, theirs: str) -> None:
    """Both answered with the same rows, whatever they call the columns."""

    def values(found: Any) -> Any:
        if isinstance(found, dict):
            return [values(one) for one in found.values()]
        return [values(one) for one in found] if isinstance(found, list) else found

    if values(json.loads(ours)["data"]) != values(json.loads(theirs)):
        raise SystemExit(f"{name}: the gateway and the hand-written SQL answer with different rows")


if __name__ == "__main__":
    sys.exit(main())
