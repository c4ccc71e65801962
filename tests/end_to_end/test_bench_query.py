"""The query bench runs, small: that its numbers mean something is for a quiet machine."""

from __future__ import annotations

import subprocess
import sys


def test_the_query_bench_measures_both_sides_and_prints_their_ratio() -> None:
    command = [
        "--seconds",
        "0.3",
        "--rounds",
        "1",
        "--work-items",
        "2000",
        "--projects",
        "100",
        "--at-least",
        "0",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bench.query", *command], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ratio") == 7
    for line in (
        "Q1: 100 projects, 10 fields",
        "Q5: a programme, its projects",
        "Q6 csv: every work item",
        "Q6 ndjson",
    ):
        assert line in done.stdout
