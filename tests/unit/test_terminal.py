"""What people see while they wait."""

from __future__ import annotations

import pytest
from rich.progress import Progress

from portbook.terminal import HowFar


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
