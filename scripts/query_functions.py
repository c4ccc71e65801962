"""The table of functions in docs/api.md, from the code: `python -m scripts.query_functions` [--write]."""

from __future__ import annotations

import sys
from pathlib import Path

from register.query.functions import FUNCTIONS

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
_START, _END = "<!-- functions -->\n", "<!-- /functions -->\n"


def table() -> str:
    """One line per function."""
    rows = [
        f"| `{function.name}({', '.join(' or '.join(kinds) for kinds in function.takes)})` | {function.gives} "
        f"| {function.says} |\n"
        for function in FUNCTIONS.values()
    ]
    return "| Function | Gives | What |\n|---|---|---|\n" + "".join(rows)


def written() -> str:
    """The table as the page has it."""
    return PAGE.read_text("utf-8").partition(_START)[2].partition(_END)[0]


if __name__ == "__main__":
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text("utf-8").partition(_START)
        PAGE.write_text(before + _START + table() + _END + rest.partition(_END)[2], "utf-8")
    else:
        print(table(), end="")
