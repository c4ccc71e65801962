"""The bench of the past runs, small: that its numbers mean something is for a quiet machine."""

from __future__ import annotations

import subprocess
import sys


def test_the_bench_of_the_past_asks_every_question_now_and_then() -> None:
    command = ["--rounds", "1", "--work-items", "2000", "--projects", "100"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.past", *command], capture_output=True, text=True, timeout=120
    )
    # 1: the past was dear today, on a machine that did other things.
    assert done.returncode in (0, 1), done.stderr
    assert "2,000 work items with 8,000 past versions" in done.stdout
    assert done.stdout.count(" ms (") == 6 * 5
