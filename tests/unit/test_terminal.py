"""What people see while they wait."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.progress import Progress

from portbook import reports, terminal
from portbook.reports import show_status
from portbook.terminal import HowFar, Screen


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [
        (0, None, ""),
        (1200, None, "1,200"),
        (1200, 3400, "1,200 of 3,400"),
        (0, 3400, "0 of 3,400"),
        (0, 0, "none"),
    ],
)
def test_how_far_something_has_come_is_told_in_words(done: int, total: int | None, shown: str) -> None:
    bars = Progress(HowFar(), disable=True)
    bars.add_task("x", completed=done, total=total)
    assert HowFar().render(bars.tasks[0]).plain == shown


def source(name: str, **other: Any) -> dict[str, Any]:
    """A source as `status` finds it just now, that is due in three minutes."""
    now = datetime.now(UTC)
    usual = {
        "kind": "azure_devops", "state": "succeeded", "paused": False, "configured": True, "score": 96.4, "fresh_at": now,
        "next_run_at": now + timedelta(minutes=3), "records": 120_388, "findings": 78, "set_aside": 0, "error": None,
        "outside": 0, "not_before": now,
    }  # fmt: skip
    return {"source": name, **usual, **other}


def test_status_breaks_no_word_on_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for width, left_out in ((80, {"kind", "set aside"}), (150, set[str]())):
        screen = Screen(highlight=False, width=width)
        for module in (terminal, reports):
            monkeypatch.setattr(module, "out", screen)
        show_status([source("delivery"), source("boards")])
        head, _, row, *_ = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
        names = {
            "source",
            "kind",
            "state",
            "fresh",
            "records",
            "quality",
            "findings",
            "set aside",
            "next run",
        }
        assert set(re.split(r"\s{2,}", head.strip())) == names - left_out
        assert "just now" in row
        assert "succeeded" in row


def test_status_says_that_no_worker_takes_up_what_is_due(capsys: pytest.CaptureFixture[str]) -> None:
    due = {"next_run_at": datetime.now(UTC) - timedelta(minutes=20)}
    show_status([source("delivery", **due), source("boards", **due, state="running")])
    shown = capsys.readouterr().out
    assert shown.count("overdue") == 1
    assert "What was due 20 min ago has not begun" in shown
    show_status([source("delivery")])
    assert "worker" not in capsys.readouterr().out


def test_status_says_when_a_run_that_was_put_off_is_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    again = datetime.now(UTC) + timedelta(minutes=15, seconds=9)
    show_status([source("delivery", state="queued", error="the tool answered 429", not_before=again)])
    shown = capsys.readouterr().out
    assert "A worker tries again in 15 min; `portbook sync delivery` tries now." in shown
