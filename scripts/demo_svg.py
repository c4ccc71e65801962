"""Draw a terminal's screen as SVG: how docs/demo.svg is made, from what tmux shows with its colours.

tmux new -d -s demo -x 130 -y 60 'PS1="$ " bash --norc'; tmux send-keys -t demo 'make demo ONCE=1' Enter
tmux capture-pane -pe -t demo | .venv/bin/python -m scripts.demo_svg 130 > docs/demo.svg
"""

from __future__ import annotations

import io
import re
import sys

from rich.console import Console
from rich.text import Text

FROM, UNTIL = "make demo", "Ask it yourself"


def drawn(screen: str, columns: int) -> str:
    """The lines from the command to where the summary ends, as they stood on a screen of so many columns."""
    lines = screen.splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    first = next((n for n, line in enumerate(plain) if FROM in line), 0)
    last = next((n for n, line in enumerate(plain) if UNTIL in line), len(lines))
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text.from_ansi("\n".join(lines[first:last]).rstrip()), no_wrap=True)
    font = "font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace;"
    svg = console.export_svg(title="make demo", unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)  # no font from elsewhere
    return re.sub(r"font-family: Fira Code, monospace;", font, svg)


if __name__ == "__main__":
    sys.stdout.write(drawn(sys.stdin.read(), int(sys.argv[1])))
