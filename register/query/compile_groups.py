"""Groups of rows as one SQL statement, spelled as `compile` spells lists."""

from __future__ import annotations

from collections.abc import Sequence

from register.query.check import mentions_presence
from register.query.compile import WHOLE, Builder, Statement, behind, direction
from register.query.from_clause import CASTS, FromClause, quoted
from register.query.plan import Groups, Measured

_SQL = {
    "count": "count({})",
    "count_distinct": "count(DISTINCT {})",
    "sum": "sum({})",
    "avg": "avg({})",
    "min": "min({})",
    "max": "max({})",
    "count_if": "count(*) FILTER (WHERE {})",
}


def compile_groups(
    groups: Groups, after: Sequence[str | None] | None = None, *, past: bool = False, scoped: bool = False
) -> Statement:
    """Columns data (json), more, freshness (json), as_of (json), the last group's order values as text, and totals
    (json or null): the measures over all rows, whatever `having` and `limit` leave out."""
    builder = Builder(past=past, scoped=scoped)
    inner, keys = _rows(builder, groups), [f"x._k{at}" for at in range(len(groups.keys))]
    names = [quoted(name) for name, _ in groups.keys]
    columns = [f"{key} AS {name}" for key, name in zip(keys, names, strict=True)]
    measured = [quoted(name) for name, _ in groups.measures]
    columns += [
        f"{_measure(one, f'x._m{at}')} AS {name}"
        for at, ((_, one), name) in enumerate(zip(groups.measures, measured, strict=True))
    ]
    grouped = f"GROUP BY {', '.join(keys)}" if keys else ""
    apart, whole = "", "SELECT * FROM g"
    if groups.totals and keys:
        columns.append(f"grouping({keys[0]}) = 1 AS _whole")
        grouped = f"GROUP BY GROUPING SETS (({', '.join(keys)}), ())"
        apart, whole = "NOT g._whole", "SELECT * FROM g WHERE _whole"
    outer = FromClause(builder, groups.shown, "g")
    conditions = [apart] if apart else []
    if groups.having is not None:
        conditions.append(outer.rule(groups.having))
    terms = [f"g.{quoted(by.field.name)}" for by in groups.order]
    if after is not None:
        bound = [
            None if value is None else f"{builder.bind(value, 'text')}::{CASTS[by.field.kind]}"
            for value, by in zip(after, groups.order, strict=True)
        ]
        conditions.append(
            behind(
                [
                    (term, by.descending, True, by.empty_first)
                    for term, by in zip(terms, groups.order, strict=True)
                ],
                bound,
            )
        )
    orders = ", ".join(
        direction(term, by.descending, True, by.empty_first)
        for term, by in zip(terms, groups.order, strict=True)
    )
    ordered = "".join(f", {term} AS _o{at}" for at, term in enumerate(terms))
    end = groups.offset + groups.limit
    last = "".join(f", min(r._o{at}::text) FILTER (WHERE r._n = {end}) AS _o{at}" for at in range(len(terms)))
    totals = "NULL::json"
    if groups.totals:
        totals = f"(SELECT row_to_json({WHOLE}) FROM (SELECT {', '.join(measured)} FROM ({whole}) w) {WHOLE})"
    shown = ", ".join(f"r.{name}" for name in (*names, *measured))
    if groups.nested:
        shown = _nested([(name.split("/"), f"r.{quoted(name)}") for name in groups.shown.fields])
    sql = (
        f"WITH g AS (SELECT {', '.join(columns)} FROM ({inner}) x {grouped}) "
        f"SELECT json_agg({WHOLE} ORDER BY r._n) FILTER (WHERE r._n <= {end}) AS data, "
        f"max(r._n) > {end} AS more, {builder.meta}{last}, {totals} AS totals FROM ("
        f"SELECT g.*{ordered}, row_number() OVER ({'ORDER BY ' + orders if orders else ''}) AS _n FROM g"
        f"{' WHERE ' + ' AND '.join(conditions) if conditions else ''}"
        f"{' ORDER BY ' + orders if orders else ''} LIMIT {groups.limit + 1}"
        f"{f' OFFSET {groups.offset}' if groups.offset else ''}"
        f") r CROSS JOIN LATERAL (SELECT {shown}) {WHOLE}"
    )
    return Statement(sql, tuple(builder.parameters), len(terms))


def _rows(builder: Builder, groups: Groups) -> str:
    """The rows that count, as what they are grouped by and what is measured of them."""
    rows = FromClause(builder, groups.entity, "e")
    columns = [f"{rows.expression(key)} AS _k{at}" for at, (_, key) in enumerate(groups.keys)]
    for at, (_, measured) in enumerate(groups.measures):
        if measured.operand is not None:
            columns.append(f"{rows.expression(measured.operand)} AS _m{at}")
        elif measured.rule is not None:
            columns.append(f"{rows.rule(measured.rule)} AS _m{at}")
    any_presence = mentions_presence(groups.rule, groups.entity)
    conditions = builder.visible(groups.entity, "e", any_presence=any_presence)
    if groups.rule is not None:
        conditions.append(rows.rule(groups.rule))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(columns)} FROM {builder.table(groups.entity)} e{rows.joins}{where}"


def _nested(columns: Sequence[tuple[list[str], str]]) -> str:
    """Columns, those with one beginning inside an object of that name."""
    inside: dict[str, list[tuple[list[str], str]]] = {}
    for path, column in columns:
        inside.setdefault(path[0], []).append((path[1:], column))
    return ", ".join(
        f"{below[0][1]} AS {quoted(name)}"
        if not below[0][0]
        else f"(SELECT row_to_json(n) FROM (SELECT {_nested(below)}) n) AS {quoted(name)}"
        for name, below in inside.items()
    )


def _measure(measured: Measured, column: str) -> str:
    operand = "*" if measured.operand is None and measured.rule is None else column
    return _SQL[measured.function].format(operand)
