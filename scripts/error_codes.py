"""`python -m scripts.error_codes`: the table of docs/errors.md, from the code. `--write` puts it there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from portbook.errors import Problem
from scripts.marked import Marked

PACKAGES = ("portbook", "gateway", "adapters", "mapping", "register", "workers")


def problems() -> list[type[Problem]]:
    """Every class of Problem in the code base, by code."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)
    return sorted(_below(Problem), key=lambda kind: (kind.code, kind.__name__))


def table() -> str:
    """One line per code. A class without a code of its own is its parent to whoever reads it, and has no line."""
    lines: dict[str, list[type[Problem]]] = {}
    for kind in problems():
        if "code" in vars(kind):
            lines.setdefault(kind.code, []).append(kind)
    rows = [
        f"| `{code}` | {', '.join(kind.__name__ for kind in kinds)} | {_meaning(kinds[0])} |\n"
        for code, kinds in sorted(lines.items())
    ]
    return "| Code | Name in the code | What happened |\n|---|---|---|\n" + "".join(rows)


def _meaning(kind: type[Problem]) -> str:
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())


def _below(kind: type[Problem]) -> Iterator[type[Problem]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _below(child)


codes = Marked("errors.md", "codes", table)

if __name__ == "__main__":
    codes.main()
