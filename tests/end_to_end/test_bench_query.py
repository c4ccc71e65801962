"""The query bench runs, small: that its numbers mean something is for a quiet machine."""

from __future__ import annotations

import subprocess
import sys


def test_the_query_bench_measures_both_sides_and_prints_their_ratio() -> None:
    command = (
        "--seconds 0.1 --rounds 1 --connections 2 --work-items 2000 --projects 100 --at-least 0 --cpu-at-most inf "
        "--only Q1,Q4,Q6"
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.query", *command.split()], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("  gateway ") == done.stdout.count("  gateway, the same") == 2
    for line in (
        "without PostGraphile",
        "parse, check and compile",
        "Q1: 100 projects, 10 fields",
        "Q4: work items by project and status",
        "Q6 csv: every work item",
        "Q6 ndjson",
    ):
        assert line in done.stdout
