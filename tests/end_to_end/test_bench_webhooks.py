"""The webhook bench runs, small."""

from __future__ import annotations

import subprocess
import sys


def test_the_webhook_bench_tells_every_receiver_everything_with_signatures_that_hold() -> None:
    command = ["--events", "20", "--receivers", "2", "--repeat", "1", "--seconds", "0.5"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.webhooks", *command], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "attempts beyond one each: 0; not delivered: 0; wrong signatures: 0" in done.stdout
    assert "events that did not arrive: 0" in done.stdout
