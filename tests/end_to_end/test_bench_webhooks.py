"""The webhook bench runs, small."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from bench.webhooks.__main__ import run


async def test_the_webhook_bench_tells_every_receiver_everything_with_signatures_that_hold(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = Namespace(events=20, receivers=2, repeat=1, turns=2, seconds=0.2, per_second=10)
    assert await run(database, tmp_path, given) == 0
    said = capsys.readouterr().out
    assert "attempts beyond one each: 0; not delivered: 0; wrong signatures: 0" in said
    assert "events that did not arrive: 0" in said
