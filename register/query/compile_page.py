"""A page of a list as one SQL statement, spelled as `compile` spells lists."""

from __future__ import annotations

from collections.abc import Sequence

from register.catalog import FieldDef, Kind
from register.query.compile import WHOLE, Builder
from register.query.order import places
from register.query.plan import Branch, Level, OrderBy
from register.query.statement import Statement

LARGEST = 64 << 20
"""Bytes of a page."""
# The page, or the error that PostgreSQL has for what is too large (54000): by then it has the page in its memory, but
# we never get it into ours. Of a subselect: what has subselects in it is worked out as often as it is named.
_TOO_LARGE = "repeat('x', 1 << 30 | pg_column_size(p.data))::json"
_NOT_TOO_LARGE = f"CASE WHEN pg_column_size(p.data) > {LARGEST} THEN {_TOO_LARGE} ELSE p.data END"

_AS_TEXT = frozenset({Kind.TEXT, Kind.ID, Kind.DATE, Kind.INSTANT})
"""What JSON holds as text, from which PostgreSQL reads the very same value."""


def compile_page(
    level: Level,
    after: Sequence[str | None] | None = None,
    *,
    past: bool = False,
    until: str | None = None,
    scoped: bool = False,
) -> Statement:
    """One page: columns data (json), more, freshness (json), as_of (json), then those order values of the last row as
    text that are not in its JSON (`Statement.place`), and total where the level counts.

    `after` holds such values: the page starts behind that row. With `past`, the instant at which the register is
    looked at is left open (`Statement.at`); `until` is a key behind which no row is looked for (`register.query.near`).
    With `scoped` it shows what a caller may see whose scope is bound (`Statement.arguments`).
    """
    builder = Builder(past=past, scoped=scoped)
    builder.until = None if until is None else (until, level.order[0].descending)
    rows = builder.rows(level, "TRUE", after, extra=1)
    total = f", {builder.count(level)} AS total" if level.count else ""
    most, flat = level.limit, _flat(level)
    told = [_told(level, by) if flat else None for by in level.order]
    columns = [i for i, name in enumerate(told) if name is None]
    if flat:
        # To number the rows takes PostgreSQL as long as to find them.
        order = f"ORDER BY {places(level, 'r')}"
        data, more = f"json_agg({WHOLE} {order})", f"count(*) > {most}"
        last = "".join(f", (array_agg(r._o{i} {order}))[{most}]::text AS _o{i}" for i in columns)
    else:
        # Only those that are left: below a number PostgreSQL would put all there are in order.
        rows = f"SELECT u.*, row_number() OVER (ORDER BY {places(level, 'u')}) AS _n FROM ({rows}) u"
        data, more = f"json_agg({WHOLE} ORDER BY r._n) FILTER (WHERE r._n <= {most})", f"max(r._n) > {most}"
        last = "".join(f", min(r._o{i}::text) FILTER (WHERE r._n = {most}) AS _o{i}" for i in columns)
    shown = builder.shown(level, "r")
    page = f"SELECT {data} AS data, {more} AS more{last} FROM ({rows}) r CROSS JOIN LATERAL (SELECT {shown}) {WHOLE}"
    passed_on = "".join(f", p._o{i}" for i in columns)
    sql = f"SELECT {_NOT_TOO_LARGE} AS data, p.more, {builder.meta}{passed_on}{total} FROM ({page}) p"
    return Statement(sql, tuple(builder.parameters), tuple(told), flat)


def _told(level: Level, by: OrderBy) -> str | None:
    """Under which name a row tells an order value, where its JSON says it as text does. To collect what stands there
    anyhow takes PostgreSQL as long as to find some of the rows."""
    if by.hops or by.field.kind not in _AS_TEXT:
        return None
    plain = (name for name, item in level.items if type(item) is FieldDef and item.name == by.field.name)
    return next(plain, None)


def _flat(level: Level) -> bool:
    """Whether no list and no document stands in a row, so that what PostgreSQL puts between two rows (a comma and the
    start of a line) stands nowhere else in the answer."""
    for _, item in level.items:
        if isinstance(item, Branch):
            if item.relation.many or not _flat(item.level):
                return False
        elif item.kind is Kind.DOCUMENT:
            return False
    return level.entity.view is None
