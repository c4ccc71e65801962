"""`python -m bench.sync [--issues 50000] [--repeat 3]`: our sync beside a plain loop and a tuned limit.

All of it happens on this machine, one after the other: a fake Jira in a process of its own, the embedded stores in a
temporary folder, and each contender as a process that is waited for. Rounds are interleaved, so that a noisy minute
meets everybody. Ratios within one run are the result; seconds are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from bench.sync.fake import EMAIL, TOKEN, fake_jira
from bench.sync.stage import Place, Result, drop, fresh, one, timed
from portbook.stores import open_stores

PLAIN_PROJECTS = 1
"""The plain loop reads this many of the fake's eight projects, and is compared by issues per second."""

SECRETS = {"BENCH_JIRA_TOKEN": TOKEN}
CONFIG = """\
register: {{database: "{database}", redis: "{redis}", data_dir: "{folder}"}}
sources:
  - name: delivery
    kind: jira
    url: {jira}
    auth: {{kind: api_token, email: {email}, token: {{env: BENCH_JIRA_TOKEN}}}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sync", description=__doc__)
    parser.add_argument("--issues", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", help="names of contenders, by commas: limit, full, plain")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the table")
    given = parser.parse_args()
    chosen = set(given.only.split(",")) if given.only else {"limit", "full", "plain"}
    results = measure(given.issues, given.repeat, chosen)
    if given.json:
        print(
            orjson.dumps({name: [r._asdict() for r in rounds] for name, rounds in results.items()}).decode()
        )
    else:
        show(given.issues, given.repeat, results)


def measure(issues: int, repeat: int, chosen: set[str]) -> dict[str, list[Result]]:
    results: dict[str, list[Result]] = defaultdict(list)
    folder = Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    folder.chmod(0o755)
    try:
        with open_stores("embedded", "embedded", folder) as stores, fake_jira(issues) as fake:
            postmaster = int(next(folder.rglob("postmaster.pid")).read_text().split("\n", 1)[0])
            place = Place(folder, stores.database_url, stores.redis_url, postmaster, fake)
            for _ in range(repeat):
                if "limit" in chosen:
                    results["limit"].append(_apart(place, "bench.sync.limit", fake.url))
                if "full" in chosen:
                    _ours(place, results)
                if "plain" in chosen:
                    results["plain"].append(_apart(place, "bench.sync.plain", fake.url, str(PLAIN_PROJECTS)))
    finally:
        shutil.rmtree(folder)
    return results


def _apart(place: Place, module: str, jira: str, *more: str) -> Result:
    """A contender of the bench, in a database of its own."""
    name = module.rpartition(".")[2]
    database = fresh(place, name)
    told, result = timed(place, [sys.executable, "-m", module, jira, database, *more])
    drop(place, name)
    return result._replace(issues=told["issues"], wall_s=told["wall_s"])


def _ours(place: Place, results: dict[str, list[Result]]) -> None:
    """The product itself: `portbook sync`, with the times that its own runs are booked with."""
    database = fresh(place, "ours")
    config = place.folder / "portbook.yaml"
    config.write_text(
        CONFIG.format(
            database=database, redis=place.redis, folder=place.folder, jira=place.fake.url, email=EMAIL
        )
    )
    command = [sys.executable, "-m", "portbook", "--config", str(config)]
    timed(place, [*command, "migrate"], SECRETS)
    _, start = timed(place, [*command, "status", "--json"], SECRETS)
    for name, arguments in (("full", ["--full"]), ("no change", [])):
        outcomes, result = timed(place, [*command, "sync", *arguments, "--wait", "--json"], SECRETS)
        (outcome,) = outcomes
        if outcome["state"] != "succeeded":
            raise SystemExit(f"the {name} run ended as {outcome['state']}: {outcome['error']}")
        if name == "no change" and outcome["rows_changed"]:
            raise SystemExit(f"the run without changes changed {outcome['rows_changed']} rows")
        issues, wall_s = asyncio.run(
            one(
                database,
                "SELECT (SELECT count(*) FROM work_item),"
                " extract(epoch FROM finished_at - started_at)::float8 FROM run WHERE id = $1",
                outcome["id"],
            )
        )
        worker_s = max(0.0, result.worker_s - start.worker_s)
        results[name].append(result._replace(issues=issues, wall_s=wall_s, worker_s=worker_s))
    drop(place, "ours")


def show(issues: int, repeat: int, results: dict[str, list[Result]]) -> None:
    def median(name: str, column: str) -> float:
        return statistics.median(getattr(result, column) for result in results[name])

    table = Table(title=f"{issues:,} issues, medians of {repeat}; CPU in µs per issue")
    headings = ("", "issues", "wall", "issues/s", "× limit", "× plain", "worker", "PostgreSQL", "fake", "RSS")
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name in results:
        count = median(name, "issues")
        speeds, costs = ["", "", ""], ["", "", ""]
        if name != "no change":
            speeds[0] = f"{median(name, 'per_second'):,.0f}"
            for at, other in enumerate(("limit", "plain"), 1):
                if other in results:
                    speeds[at] = f"{median(name, 'per_second') / median(other, 'per_second'):.2f}"
            costs = [f"{median(name, c) / count * 1e6:,.0f}" for c in ("worker_s", "postgres_s", "fake_s")]
        table.add_row(
            name,
            f"{count:,.0f}",
            f"{median(name, 'wall_s'):.2f} s",
            *speeds,
            *costs,
            f"{median(name, 'rss_mb'):.0f} MB",
        )
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(table)
    if "no change" in results:
        share = median("no change", "wall_s") / median("full", "wall_s")
        console.print(f"A run without changes takes {share:.1%} of a full one.")


if __name__ == "__main__":
    main()
