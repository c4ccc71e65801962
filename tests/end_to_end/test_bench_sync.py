"""The sync bench runs from end to end; what it finds is for people to read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_sync_bench_measures_all_contenders_on_a_small_site() -> None:
    command = [sys.executable, "-m", "bench.sync", "--issues", "300", "--repeat", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {name: rounds[0] for name, rounds in json.loads(done.stdout).items()}
    assert list(found) == ["limit", "full", "no change", "plain"]
    assert found["limit"]["issues"] == found["full"]["issues"] == found["no change"]["issues"] == 300
    assert 0 < found["plain"]["issues"] < 300  # one of the fake's projects
    for name, result in found.items():
        assert result["wall_s"] > 0, name
        assert result["postgres_s"] > 0, name
        assert result["rss_mb"] > 10, name
