"""The remap bench runs from end to end; what it finds is for people to read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_remap_bench_measures_every_change_on_a_small_site() -> None:
    command = [sys.executable, "-m", "bench.remap", "--issues", "300", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    assert list(changes) == ["no value", "some rows", "every row"]
    for name, ways in changes.items():
        assert list(ways) == ["remap", "plan", "again", "ratio", "cpu_ratio"], name
        assert max(ways[way]["longest_wait_s"] for way in ("remap", "plan", "again")) < 5, name
