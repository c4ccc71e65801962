"""What is shown on a terminal steers none."""

from __future__ import annotations

import io

import pytest
from rich.markup import escape

from portbook.terminal import Screen, table

HOSTILE = "a\x1b[2J\x1b]52;c;cm0=\x07b\x9b31mc\x7f\x00d\re [red]\nf\tg é"


@pytest.mark.parametrize("coloured", [True, False])
def test_a_text_of_others_cannot_steer_the_terminal(coloured: bool) -> None:
    file = io.StringIO()
    screen = Screen(file=file, force_terminal=coloured, no_color=True, width=80, highlight=False)
    screen.print(escape(HOSTILE))
    screen.print(table("", ["title"], [[escape(HOSTILE)]], right=["title"]))
    shown = file.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert shown.count("a�[2J") == 2
    assert shown.count("[red]") == 2
