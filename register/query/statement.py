"""What is sent to PostgreSQL for a question, and how its answer is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from register.query.past import placed
from register.query.scope import RowScope, bound

_BETWEEN = b", \n "
"""What `json_agg` puts between two rows."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and what to bind to it. `places` are the order values of a page's last row: for each the name it has in that
    row's JSON, or None where a column `_o0` … has it as text."""

    sql: str
    parameters: tuple[Any, ...]
    places: tuple[str | None, ...] = ()
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

    def place(self, row: Mapping[str, Any], data: str = "data", columns: str = "_o") -> list[str | None]:
        """The order values of a page's last row, for a cursor, where there is a row behind it; from these columns."""
        shown = _last_but_one(row[data]) if any(self.places) else {}
        return [row[f"{columns}{at}"] if name is None else shown[name] for at, name in enumerate(self.places)]

    def at(self, instant: datetime | None) -> str:
        """The SQL; of a statement about the past, for this instant of it."""
        return self.sql if instant is None else placed(self.sql, instant)


def _last_but_one(data: bytes | str) -> Any:
    """The row before the last one."""
    found = data if isinstance(data, bytes) else data.encode()
    end = found.rindex(_BETWEEN)
    start = found.rfind(_BETWEEN, 0, end)
    return orjson.loads(found[1 if start < 0 else start + len(_BETWEEN) : end])
