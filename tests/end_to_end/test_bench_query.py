"""The query bench runs, small: that its numbers mean something is for a quiet machine."""

from __future__ import annotations

import subprocess
import sys


def test_the_query_bench_measures_both_sides_and_prints_their_ratio() -> None:
    command = [
        "--seconds",
        "1",
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
    assert done.stdout.count("ratio") == 2
    for line in ("Q1: 100 projects, 10 fields", "Q2: 50 projects, 20 work items each, with assignee"):
        assert line in done.stdout
