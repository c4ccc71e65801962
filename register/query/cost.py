"""What PostgreSQL expects a question to cost, held against a limit before it is asked.

The estimate is the planner's for this very statement and these values, in its own unit (a page read in sequence is
1): a plan for any values would take a row scope of one project for one of a thousand. It is asked for once a minute and
shape. Far below the limit it stands for other values of the shape as well, lists of values (those of a row scope) by
their length; near it, every set of values is estimated for itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Coroutine, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from register.query.errors import QueryTooCostly
from register.query.plan import Branch, Groups, Level, Tally
from register.query.scope import RowScope
from register.query.statement import Statement

if TYPE_CHECKING:
    from register.query.lanes import Lanes

KEPT_S = 60.0
"""Statistics change as the register grows."""
FAR_BELOW = 0.01
"""Of the limit. Values of one shape may differ a hundredfold without being asked about."""
_REMEMBERED = 5_000
_LISTS = (list, tuple)
_TOTAL = re.compile(r"cost=[\d.]+\.\.([\d.]+)")


class Costs:
    """Remembers estimates. To look one up takes about a microsecond."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._fine: dict[tuple[int, ...], float] = {}
        self._near: dict[tuple[int, int], tuple[float, float]] = {}

    def fine(self, shape: str, values: Sequence[Any]) -> bool:
        """Whether questions of this shape are known to be far below the limit."""
        return self._fine.get(_place(shape, values), 0.0) > time.monotonic()

    async def weigh(self, lanes: Lanes, shape: str, sql: str, values: Sequence[Any]) -> float:
        """The estimate. `shape` is the SQL without what is different each time, `sql` the statement itself."""
        now = time.monotonic()
        exactly = hash(shape), hash(repr(values))
        known = self._near.get(exactly)
        if known is not None and known[0] > now:
            return known[1]
        estimate = total_of(await lanes.explain(sql, *values))
        if max(len(self._fine), len(self._near)) >= _REMEMBERED:
            self._fine.clear()
            self._near.clear()
        if estimate <= self.limit * FAR_BELOW:
            self._fine[_place(shape, values)] = now + KEPT_S
        else:
            self._near[exactly] = now + KEPT_S, estimate
        return estimate


def ask(
    lanes: Lanes,
    statement: Statement,
    instant: datetime | None,
    scope: RowScope | None,
    plan: Level | Groups | None = None,
) -> Coroutine[Any, Any, Any]:
    """The statement's row, unless it would cost too much; callers who ask the same at the same time share one
    (`NextFlight`). Raises QueryTooCostly and what `Lanes.fetchrow` does."""
    sql, values = statement.at(instant), statement.arguments(scope)

    def work() -> Coroutine[Any, Any, Any]:
        if lanes.costs is None or lanes.costs.fine(statement.sql, values):
            return lanes.fetchrow(sql, *values)
        return _weighed(lanes, lanes.costs, statement.sql, sql, values, plan)

    return lanes.flights((sql, statement.parameters, scope and scope.digest), work)


async def _weighed(
    lanes: Lanes, costs: Costs, shape: str, sql: str, values: Sequence[Any], plan: Level | Groups | None
) -> Any:
    estimate = await costs.weigh(lanes, shape, sql, values)
    if estimate > costs.limit:
        raise QueryTooCostly(estimate, costs.limit, narrower(plan))
    return await lanes.fetchrow(sql, *values)


def _place(shape: str, values: Sequence[Any]) -> tuple[int, ...]:
    # Hashes, since statements are long and many; lists by the number of digits of their length.
    return (hash(shape), *[len(value).bit_length() for value in values if value.__class__ in _LISTS])


def total_of(first_line: str) -> float:
    """The cost of the whole, from the first line of EXPLAIN."""
    found = _TOTAL.search(first_line)
    return float(found[1]) if found else 0.0


def narrower(plan: Level | Groups | None) -> str:
    """What to ask for less of."""
    if plan is None:
        return "Ask fewer questions at a time, with filters and smaller limits."
    ways = []
    if isinstance(plan, Groups):
        ways.append("group by less")
    else:
        below = list(_below(plan))
        if lists := [f"`{name}`" for name, counted in below if not counted]:
            ways.append(f"give {', '.join(lists[:4])} a smaller `limit`")
        if counts := [f"`{name}`" for name, counted in below if counted]:
            ways.append(f"leave out {', '.join(counts[:4])}")
        if plan.count:
            ways.append("do not have all rows counted")
        if plan.order[0].field.name not in ("key", "id"):
            ways.append("order by `key`")
    ways.append("narrow the filter" if plan.rule else "give a filter, by project or programme for one")
    text = ", or ".join(ways)
    return f"{text[0].upper()}{text[1:]}."


def _below(level: Level) -> Iterator[tuple[str, bool]]:
    """Lists below the rows by name, and what is counted below them."""
    for _, item in level.items:
        if isinstance(item, Tally):
            yield item.name, True
        elif isinstance(item, Branch):
            if item.relation.many:
                yield item.relation.name, False
            yield from _below(item.level)
