"""The hook bench runs, small."""

from __future__ import annotations

import subprocess
import sys


def test_the_hook_bench_loses_nothing_and_ends_equal_to_the_tool() -> None:
    command = ["--issues", "200", "--edits", "1", "--storm", "300", "--within", "60"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.hooks", *command], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 of 300 accepted" in done.stdout
    assert "accepted and not kept: 0" in done.stdout
    assert "differ from the tool: 0" in done.stdout
