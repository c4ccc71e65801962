"""`python -m bench.adapters [--items 20000] [--only kinds] [--repeat 3]`: each kind of source, read by its adapter and
through a whole sync, beside a bare loop that fetches the same and COPYs it as it came.

The adapter alone must reach a quarter of the bare loop's rate, else the exit code is 1. The whole sync, which also
maps, hashes, merges and keeps history, is shown beside it and held to nothing here (`bench.sync` is about that).
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from bench.adapters.kinds import KINDS, source_of
from bench.sync.stage import Place, drop, fresh, one, timed
from portbook.stores import open_stores

CONFIG = """\
register: {{database: "{database}", redis: "{redis}", data_dir: "{folder}"}}
sources:
  - {{name: tool, {source}}}
"""


class Round(NamedTuple):
    """Seconds of each contender, one after the other."""

    bare_s: float
    adapter_s: float
    sync_s: float
    records: int
    """What the adapter gave."""
    rss_mb: float
    """Of the whole sync's process."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.adapters", description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default=",".join(KINDS), help=f"by commas: {', '.join(KINDS)}")
    parser.add_argument(
        "--at-least", type=float, default=0.25, help="the adapter alone, of the bare loop's rate"
    )
    given = parser.parse_args()
    chosen = given.only.split(",")
    if unknown := set(chosen) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    found = measure(chosen, given.items, given.repeat)
    slow = show(given.items, given.repeat, found, given.at_least)
    for kind in slow:
        print(f"{kind}: the adapter alone is below {given.at_least:.2f} of the bare loop", file=sys.stderr)
    return 1 if slow else 0


def measure(kinds: list[str], items: int, repeat: int) -> dict[str, list[Round]]:
    folder = Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    folder.chmod(0o755)
    found: dict[str, list[Round]] = {}
    try:
        with open_stores("embedded", "embedded", folder) as stores:
            postmaster = int(next(folder.rglob("postmaster.pid")).read_text().split("\n", 1)[0])
            for kind in kinds:
                held = folder / kind
                held.mkdir()
                with KINDS[kind].serve(items, held) as fake:
                    place = Place(folder, stores.database_url, stores.redis_url, postmaster, fake)
                    found[kind] = [_round(kind, items, place) for _ in range(repeat)]
    finally:
        shutil.rmtree(folder)
    return found


def _round(kind: str, items: int, place: Place) -> Round:
    """Everybody once: ratios are taken within a round, so that a noisy minute meets all of them."""
    secrets = {"BENCH_SECRET": KINDS[kind].secret}
    database = fresh(place, "bare")
    command = [sys.executable, "-m", "bench.adapters.bare", kind, place.fake.url, database]
    bare, _ = timed(place, [*command, *([place.fake.directory] if place.fake.directory else [])])
    drop(place, "bare")

    database = fresh(place, "ours")
    config = place.folder / "portbook.yaml"
    source = source_of(kind, place.fake)
    config.write_text(CONFIG.format(database=database, redis=place.redis, folder=place.folder, source=source))
    alone, _ = timed(place, [sys.executable, "-m", "bench.adapters.read", str(config)], secrets)
    if min(alone["records"], bare["records"]) < 0.9 * items:
        counts = f"{alone['records']} by the adapter and {bare['records']} by the bare loop"
        raise SystemExit(f"{kind}: of {items} items {counts} were read")

    product = [sys.executable, "-m", "portbook", "--config", str(config)]
    timed(place, [*product, "migrate"], secrets)
    (outcome,), result = timed(place, [*product, "sync", "--full", "--wait", "--json"], secrets)
    if outcome["state"] != "succeeded":
        raise SystemExit(f"{kind}: the run ended as {outcome['state']}: {outcome['error']}")
    sql = "SELECT extract(epoch FROM finished_at - started_at)::float8 FROM run WHERE id = $1"
    (sync_s,) = asyncio.run(one(database, sql, outcome["id"]))
    drop(place, "ours")
    return Round(bare["wall_s"], alone["wall_s"], sync_s, alone["records"], result.rss_mb)


def show(items: int, repeat: int, found: dict[str, list[Round]], at_least: float) -> list[str]:
    """Print the table; the kinds whose adapter is too slow."""
    table = Table(title=f"{items:,} items, medians of {repeat}; items/s, and ratios to the bare loop")
    headings = ("", "records", "bare", "adapter", "sync", "adapter ×", "sync ×", "RSS")
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    slow = []
    for kind, rounds in found.items():
        ratio = statistics.median(r.bare_s / r.adapter_s for r in rounds)
        medians = [statistics.median(each) for each in zip(*(r[:3] for r in rounds), strict=True)]
        if ratio < at_least:
            slow.append(kind)
        table.add_row(
            kind,
            f"{rounds[0].records:,}",
            *(f"{items / seconds:,.0f}" for seconds in medians),
            f"{ratio:.2f}",
            f"{statistics.median(r.bare_s / r.sync_s for r in rounds):.2f}",
            f"{statistics.median(r.rss_mb for r in rounds):.0f} MB",
        )
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    return slow


if __name__ == "__main__":
    sys.exit(main())
