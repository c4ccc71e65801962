"""`python -m bench.past`: how long a question takes as of an instant, beside the same question now.

Both take turns on one connection; medians. Exits with 1 when the list of work items costs more than twice as much.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from bench.past.fill import DAYS, fill_past
from gateway.rest import prepare
from portbook.stores import open_stores
from register.db import open_read_pool
from register.query import Lanes, read_page
from register.schema import migrate

CASES = {
    "100 work items": "work_items?limit=100&fields=id,key,title,status,due_on,points,labels,url,updated_at",
    "100 work items of a project": "work_items?limit=100&project.key=P00007&fields=key,title,status,due_on",
    "100 work items of an assignee, by due date": "work_items?limit=100&assignee.key=u7&order=due_on&fields=key,due_on",
    "100 projects, 10 fields": "projects?limit=100&fields=id,key,title,stage,rag_reported,percent_complete,budget,"
    "currency,start_planned_on,finish_planned_on",
    "50 projects, 20 items each, with assignee": "projects?limit=50&fields=key,title,work_items(limit:20)"
    "{key,title,status,due_on,assignee{key,title}}",
    "projects with a late milestone": "projects?limit=50&fields=key,title&filter=any(milestones, slip_days > 10)",
}  # fmt: skip
AGES = (1, 100, 145, 365, DAYS - 60)
"""At 145 days hardly any row of the present is that old: the hardest for a reader of two tables."""
AT_MOST = 2.0
"""For the first of these."""


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench.past")
    options.add_argument("--rounds", type=int, default=60, help="turns each side takes")
    options.add_argument("--work-items", type=int, default=500_000)
    options.add_argument("--projects", type=int, default=2_000)
    options.add_argument("--data-dir", type=Path, help="keep the filled register here for the next time")
    given = options.parse_args()
    folder = given.data_dir or Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with open_stores("embedded", "embedded", folder) as stores:
            worst = asyncio.run(_measure(stores.database_url, given))
    finally:
        if given.data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if worst <= AT_MOST else 1


async def _measure(url: str, given: argparse.Namespace) -> float:
    await migrate(url)
    started = time.perf_counter()
    past = await fill_past(url, projects=given.projects, work_items=given.work_items)
    print(
        f"{given.work_items:,} work items with {past:,} past versions ready in {time.perf_counter() - started:.0f} s"
    )
    pool = await open_read_pool(url, size=1, statement_timeout_ms=60_000)
    lanes = Lanes(pool)
    today = datetime.now(UTC).date()
    ages = {f"{age} days ago": age for age in AGES}
    worst = 0.0
    try:
        print(f"\n{'':46}{'now':>9}" + "".join(f"{name:>18}" for name in ages))
        for title, question in CASES.items():
            days = [None, *(today - timedelta(days=age) for age in ages.values())]
            took: list[list[float]] = [[] for _ in days]
            for turn in range(given.rounds + 8):
                for day, times in zip(days, took, strict=True):
                    seconds = await _ask(lanes, question, None if day is None else day.isoformat())
                    if turn >= 8:  # before that PostgreSQL still makes up its mind about a plan
                        times.append(seconds)
            now, *then = [statistics.median(times) for times in took]
            shown = "".join(f"{seconds * 1000:8.2f} ms ({seconds / now:4.2f})" for seconds in then)
            print(f"{title:46}{now * 1000:6.2f} ms{shown}")
            if title == next(iter(CASES)):
                worst = max(then) / now
    finally:
        await lanes.close()
        await pool.close()
    return worst


async def _ask(lanes: Lanes, question: str, as_of: str | None) -> float:
    collection, _, query = question.partition("?")
    prepared = prepare(
        collection, quote(query + (f"&as_of={as_of}" if as_of else ""), safe="&=(){},").encode()
    )
    started = time.perf_counter()
    await read_page(lanes, b"bench", prepared)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
