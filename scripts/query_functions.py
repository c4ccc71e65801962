"""The table of functions in docs/api.md, from the code: `python -m scripts.query_functions` [--write]."""

from __future__ import annotations

from register.query.functions import FUNCTIONS
from scripts.marked import Marked


def table() -> str:
    """One line per function."""
    rows = [
        f"| `{function.name}({', '.join(' or '.join(kinds) for kinds in function.takes)})` | {function.gives} "
        f"| {function.says} |\n"
        for function in FUNCTIONS.values()
    ]
    return "| Function | Gives | What |\n|---|---|---|\n" + "".join(rows)


functions = Marked("api.md", "functions", table)

if __name__ == "__main__":
    functions.main()
