"""Parts of documentation that are written from the code, between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_DOCS = Path(__file__).parent.parent / "docs"


@dataclass(frozen=True, slots=True)
class Marked:
    """The part called `name` of a page of docs/, and what makes it."""

    page: str
    name: str
    make: Callable[[], str]

    def written(self) -> str:
        """The part as the page has it."""
        return self._parts()[1]

    def main(self) -> None:
        """Print the part; with `--write` put it into the page."""
        if "--write" not in sys.argv:
            sys.stdout.write(self.make())
            return
        before, _, after = self._parts()
        path = _DOCS / self.page
        path.write_text(before + self.make() + after, "utf-8")

    def _parts(self) -> tuple[str, str, str]:
        text = (_DOCS / self.page).read_text("utf-8")
        start, end = f"<!-- {self.name} -->\n", f"<!-- /{self.name} -->\n"
        before, _, rest = text.partition(start)
        part, _, after = rest.partition(end)
        return before + start, part, end + after
