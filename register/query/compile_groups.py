"""Groups of rows as one SQL statement, spelled as `compile` spells lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from register.query.check import mentions_presence
from register.query.compile import WHOLE, Builder
from register.query.from_clause import CASTS, FromClause, quoted
from register.query.order import behind, direction
from register.query.plan import Applied, Expression, Groups, Measured, Other, Tally
from register.query.scope import permitted_by
from register.query.statement import Statement

_SQL = {
    "count": "count({})",
    "count_distinct": "count(DISTINCT {})",
    "sum": "sum({})",
    "avg": "avg({})",
    "min": "min({})",
    "max": "max({})",
    "count_if": "count(*) FILTER (WHERE {})",
}
# Of parts of the rows, and of these then. Where there are no parts, nothing was counted.
_COUNTED = "coalesce(sum({}), 0)::int8"
_IN_PARTS = {
    "count": ((_SQL["count"],), _COUNTED),
    "count_if": ((_SQL["count_if"],), _COUNTED),
    "sum": ((_SQL["sum"],), "sum({})"),
    "avg": ((_SQL["sum"], _SQL["count"]), "sum({}) / nullif(sum({}), 0)"),
    "min": ((_SQL["min"],), "min({})"),
    "max": ((_SQL["max"],), "max({})"),
}


def compile_groups(
    groups: Groups,
    after: Sequence[str | None] | None = None,
    *,
    past: bool = False,
    scoped: bool = False,
    wide: bool = False,
) -> Statement:
    """Columns data (json), more, freshness (json), as_of (json), the last group's order values as text, and totals
    (json or null): the measures over all rows, whatever `having` and `limit` leave out. `wide` is for callers who see
    most of the rows: it is the same, sooner found for them."""
    builder = Builder(past=past, scoped=scoped)
    inner, measures = _parts(builder, groups, wide=wide) or _rows(builder, groups)
    keys = [f"x._k{at}" for at in range(len(groups.keys))]
    names = [quoted(name) for name, _ in groups.keys]
    columns = [f"{key} AS {name}" for key, name in zip(keys, names, strict=True)]
    measured = [quoted(name) for name, _ in groups.measures]
    columns += [f"{measure} AS {name}" for measure, name in zip(measures, measured, strict=True)]
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
    ordered = "".join(f", {term} AS _o{at}" for at, term in enumerate(terms))
    orders = _order(groups, terms)
    outside = _order(groups, [f"u._o{at}" for at in range(len(terms))])
    last = "".join(
        f", min(r._o{at}::text) FILTER (WHERE r._n = {groups.limit}) AS _o{at}" for at in range(len(terms))
    )
    totals = "NULL::json"
    if groups.totals:
        totals = f"(SELECT row_to_json({WHOLE}) FROM (SELECT {', '.join(measured)} FROM ({whole}) w) {WHOLE})"
    shown = ", ".join(f"r.{name}" for name in (*names, *measured))
    if groups.nested:
        shown = _nested([(name.split("/"), f"r.{quoted(name)}") for name in groups.shown.fields])
    sql = (
        f"WITH g AS (SELECT {', '.join(columns)} FROM ({inner}) x {grouped}) "
        f"SELECT json_agg({WHOLE} ORDER BY r._n) FILTER (WHERE r._n <= {groups.limit}) AS data, "
        f"max(r._n) > {groups.limit} AS more, {builder.meta}{last}, {totals} AS totals FROM ("
        f"SELECT u.*, row_number() OVER ({outside}) AS _n FROM (SELECT g.*{ordered} FROM g"
        f"{' WHERE ' + ' AND '.join(conditions) if conditions else ''}{orders} LIMIT {groups.limit + 1}"
        f"{f' OFFSET {groups.offset}' if groups.offset else ''}) u"
        f") r CROSS JOIN LATERAL (SELECT {shown}) {WHOLE}"
    )
    return Statement(sql, tuple(builder.parameters), (None,) * len(terms))


def _order(groups: Groups, terms: Sequence[str]) -> str:
    found = [
        direction(term, by.descending, True, by.empty_first)
        for term, by in zip(terms, groups.order, strict=True)
    ]
    return f" ORDER BY {', '.join(found)}" if found else ""


def _rows(builder: Builder, groups: Groups) -> tuple[str, list[str]]:
    """The rows that count, as what they are grouped by and what is measured of them; the measures."""
    rows = FromClause(builder, groups.entity, "e")
    columns = [f"{rows.expression(key)} AS _k{at}" for at, (_, key) in enumerate(groups.keys)]
    measures = []
    for at, (_, measured) in enumerate(groups.measures):
        operand = _operand(rows, measured)
        if operand is not None:
            columns.append(f"{operand} AS _m{at}")
        measure = _SQL[measured.function].format("*" if operand is None else f"x._m{at}")
        for nth, currency in enumerate(measured.currencies):
            columns.append(
                f"CASE WHEN {operand} IS NOT NULL THEN {_named(rows, currency)} END AS _c{at}_{nth}"
            )
            measure = _of_one(measure, f"min(x._c{at}_{nth})", f"max(x._c{at}_{nth})")
        measures.append(measure)
    return f"SELECT {', '.join(columns)}{_counted(builder, groups, rows)}", measures


def _parts(builder: Builder, groups: Groups, *, wide: bool) -> tuple[str, list[str]] | None:
    """The same where rows are grouped by what they lead to: first by what leads there, so that it is looked up for
    each of these parts and not for each row. None where that is not the same, or is not known to be less.

    Where a part is permitted or not as a whole, a `wide` caller's rows are put together before that is asked, too.
    """
    columns = _leading(groups)
    if columns is None or any(measured.function not in _IN_PARTS for _, measured in groups.measures):
        return None
    rows = FromClause(builder, groups.entity, "e")
    by = [f"e.{quoted(column)}" for column in columns]
    parts: list[str] = []
    currencies: list[str] = []
    measures = []
    for _, measured in groups.measures:
        spelled, again = _IN_PARTS[measured.function]
        operand = _operand(rows, measured) or "*"
        names = [f"_p{len(parts) + at}" for at in range(len(spelled))]
        parts += [f"{one.format(operand)} AS {name}" for one, name in zip(spelled, names, strict=True)]
        measure = again.format(*(f"x.{name}" for name in names))
        for currency in measured.currencies:
            of_amounts = f"({_named(rows, currency)}) FILTER (WHERE {operand} IS NOT NULL)"
            low, high = f"_c{len(currencies)}", f"_c{len(currencies) + 1}"
            currencies += [f"min{of_amounts} AS {low}", f"max{of_amounts} AS {high}"]
            measure = _of_one(measure, f"min(x.{low})", f"max(x.{high})")
        measures.append(measure)
    late = wide and builder.instant is None and permitted_by(groups.entity) <= {*columns}
    counted = _counted(builder, groups, rows, permitted=late)
    below = f"SELECT {', '.join([*by, *parts, *currencies])}{counted} GROUP BY {', '.join(by)}"
    conditions = builder.permitted(groups.entity, "p") if late else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    part = FromClause(builder, groups.entity, "p")
    shown = [f"{part.expression(key)} AS _k{at}" for at, (_, key) in enumerate(groups.keys)]
    shown += [f"p._p{at}" for at in range(len(parts))]
    shown += [f"p.{currency.rpartition(' ')[2]}" for currency in currencies]
    return f"SELECT {', '.join(shown)} FROM ({below}) p{part.joins}{where}", measures


def _of_one(measure: str, lowest: str, highest: str) -> str:
    """A measure, where all amounts are of one currency, or none of them names one."""
    return f"CASE WHEN {lowest} IS NOT DISTINCT FROM {highest} THEN {measure} END"


def _named(rows: FromClause, currency: Other) -> str:
    # Beside amounts of a currency, one that names none may be of another: `min` and `max` would pass over a null.
    return f"coalesce({rows.expression(currency)}, '')"


def _leading(groups: Groups) -> list[str] | None:
    """The columns of a row by which it is known what it is grouped by: those that lead elsewhere, and those that are
    grouped by as they are. None where nothing leads elsewhere, or something is worked out of the row itself."""
    found: dict[str, None] = {}
    elsewhere = False
    for _, key in groups.keys:
        for other in _others(key):
            if other.hops:
                relation = other.hops[0]
                if not relation.column_on_owner or relation.array:
                    return None
                elsewhere = True
                found[relation.column] = None
            elif isinstance(key, Applied) or isinstance(other.field, Tally):
                return None
            else:
                found[other.field.name] = None
    return list(found) if elsewhere and groups.entity.view is None else None


def _others(expression: Expression) -> Iterator[Other]:
    if isinstance(expression, Other):
        yield expression
    elif isinstance(expression, Applied):
        for argument in expression.arguments:
            yield from _others(argument)


def _operand(rows: FromClause, measured: Measured) -> str | None:
    """What is measured of a row; None: that it is there."""
    if measured.operand is not None:
        return rows.expression(measured.operand)
    return None if measured.rule is None else rows.rule(measured.rule)


def _counted(builder: Builder, groups: Groups, rows: FromClause, *, permitted: bool = False) -> str:
    """FROM and WHERE of the rows that count; without asking what is `permitted` where that is asked elsewhere."""
    any_presence = mentions_presence(groups.rule, groups.entity)
    conditions = builder.visible(groups.entity, "e", any_presence=any_presence, permitted=permitted)
    if groups.rule is not None:
        conditions.append(rows.rule(groups.rule))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f" FROM {builder.table(groups.entity)} e{rows.joins}{where}"


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
