"""A page of the past from nearby: only keys are looked at that a page of the present would come across.

Rows shown at an instant lie in two tables, and of one of them nearly all may be of another time; walking it in search
of the few that are not costs more than the whole page. Between two keys, though, there is little to look at in either
table: the page is first read up to a key some way ahead. Where enough rows were shown up to there, they are the page.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from datetime import datetime

import asyncpg

from register.query.compile_page import compile_page
from register.query.cost import ask
from register.query.lanes import Lanes
from register.query.plan import Level
from register.query.scope import RowScope
from register.query.statement import Statement

AHEAD = 3
"""Pages: rows of the present that are skipped to find the key. Some were not there yet, or were gone already."""


async def read_near(
    lanes: Lanes,
    level: Level,
    after: Sequence[str | None] | None,
    instant: datetime,
    compiled: MutableMapping[str, Statement],
    scope: RowScope | None = None,
) -> asyncpg.Record | None:
    """The columns of `compile_page`, or None where this way leads to no full page. `compiled` remembers the first
    one."""
    first = level.order[0]
    if level.entity.view is not None or first.empty_first:
        return None
    if level.rule is not None or first.hops or first.field.name != "key" or (after and after[0] is None):
        return None
    direction, sign = ("DESC", "<=") if first.descending else ("ASC", ">=")
    start, given = (f"key {sign} $1::text", [after[0]]) if after else ("key IS NOT NULL", [])
    ahead = await lanes.fetchrow(
        f'SELECT key FROM "{level.entity.table.name}" WHERE {start} '
        f"ORDER BY key {direction} OFFSET {AHEAD * (level.limit + 1)} LIMIT 1",
        *given,
    )
    if ahead is None:
        return None
    until: str = ahead["key"]
    statement = None if after else compiled.get(until)
    if statement is None:
        statement = compile_page(level, after, past=True, until=until, scoped=scope is not None)
        if not after:
            compiled.clear()
            compiled[until] = statement
    row = await ask(lanes, statement, instant, scope, level)
    return row if row["more"] else None
