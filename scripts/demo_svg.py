"""Draw a terminal's screen as SVG: how docs/demo.svg is made, from what tmux shows with its colours.

tmux new -d -s demo -x 130 -y 75; tmux send-keys -t demo 'clear; make demo ONCE=1' Enter
tmux capture-pane -pe -t demo | .venv/bin/python -m scripts.demo_svg 130 > docs/demo.svg
"""

from __future__ import annotations

import io
import re
import sys

from rich.console import Console
from rich.text import Text

FROM, UNTIL = "Portbook demo", "Ask it yourself"
COMMAND = "\x1b[1;32m$\x1b[0m make demo"


def drawn(screen: str, columns: int) -> str:
    """The lines of the summary, as they stood on a screen of so many columns."""
    lines = screen.splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    first = next((n for n, line in enumerate(plain) if FROM in line), 0)
    last = next((n for n, line in enumerate(plain) if UNTIL in line), len(lines))
    text = "\n".join([COMMAND, *lines[first:last]]).rstrip()
    text = re.sub(r"/\S+/\.portbook/", "/srv/portbook/.portbook/", text)
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text.from_ansi(text), no_wrap=True, overflow="crop")
    svg = console.export_svg(title="make demo", unique_id="demo")
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)  # no font from elsewhere
    svg = re.sub(r"\s*<!--.*?-->", "", svg)
    return svg.replace("Fira Code, monospace", "'DejaVu Sans Mono', Menlo, Consolas, monospace")


if __name__ == "__main__":
    sys.stdout.write(drawn(sys.stdin.read(), int(sys.argv[1])))
