"""The bench of adapters runs, small: how fast they are is for a quiet machine."""

from __future__ import annotations

import subprocess
import sys


def test_the_bench_of_adapters_measures_all_contenders_and_prints_their_ratios() -> None:
    command = ["--items", "200", "--repeat", "1", "--only", "azure_devops", "--at-least", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.adapters", *command], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "azure_devops" in line]
    numbers = [cell.strip() for cell in line.strip("│ ").split("│")][1:]
    records, bare, adapter, sync = (int(cell.replace(",", "")) for cell in numbers[:4])
    assert records >= 200
    assert min(bare, adapter, sync) > 0
