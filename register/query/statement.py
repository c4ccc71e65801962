"""What is sent to PostgreSQL for a question, and how its answer is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from register.query.past import placed
from register.query.scope import RowScope, bound

_BETWEEN = b", \n "
"""What `json_agg` puts between two rows."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and what to bind to it. `places` is how many order values a page's row carries after the fixed columns."""

    sql: str
    parameters: tuple[Any, ...]
    places: int = 0
    beyond: bool = False
    """Whether `data` of a page holds the row behind it, too, where there are more."""

    def arguments(self, scope: RowScope | None) -> Sequence[Any]:
        """What to bind, for this caller."""
        return bound(scope, self.parameters)

    def data(self, data: bytes | str | None, more: bool | None) -> bytes | None:
        """The rows of the page, from these columns."""
        return None if data is None else b"".join(self.pieces(data, more))

    def pieces(self, data: bytes | str, more: bool | None) -> tuple[bytes | memoryview, ...]:
        """The same before it is joined: a page is long, and need be copied once alone."""
        found = data if isinstance(data, bytes) else data.encode()
        if not self.beyond or not more:
            return (found,)
        return memoryview(found)[: found.rindex(_BETWEEN)], b"]"

    def place(self, row: Mapping[str, Any]) -> list[str | None]:
        """The order values of a page's last row, for a cursor."""
        return [row[f"_o{at}"] for at in range(self.places)]

    def at(self, instant: datetime | None) -> str:
        """The SQL; of a statement about the past, for this instant of it."""
        return self.sql if instant is None else placed(self.sql, instant)
