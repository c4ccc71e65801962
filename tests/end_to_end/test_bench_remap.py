"""The remap bench runs from end to end; what it finds is for people to read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.remap.__main__ import CHANGES
from mapping.load import load_mapping
from portbook.wiring import entities

ROOT = Path(__file__).parent.parent.parent


def test_the_remap_bench_measures_a_change_on_a_small_site() -> None:
    command = [sys.executable, "-m", "bench.remap", "--issues", "300", "--only", "every row", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    assert list(changes) == ["every row"]
    assert list(changes["every row"]) == ["remap", "plan", "again", "ratio", "cpu_ratio"]
    for way in ("remap", "plan", "again"):
        assert changes["every row"][way]["longest_wait_s"] < 5, way


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_of_the_bench_is_a_mapping(name: str, tmp_path: Path) -> None:
    (tmp_path / "changed.yaml").write_text(CHANGES[name])
    changed = load_mapping("jira", entities(), override=tmp_path / "changed.yaml")
    assert changed.version != load_mapping("jira", entities()).version
