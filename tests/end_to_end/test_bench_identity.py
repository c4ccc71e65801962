"""The labelled set, small: rules join nothing that is not one, and the table says how much they find."""

from __future__ import annotations

import subprocess
import sys


def test_rules_join_nothing_that_is_not_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.identity", "--people", "240", "--projects", "40"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("joined although they are two: 0") == 2
    joined = [line.split() for line in done.stdout.splitlines() if "joined by rules" in line]
    assert all(int(line[3].replace(",", "")) > 20 for line in joined)
