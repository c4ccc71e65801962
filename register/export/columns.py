"""A checked query as one flat SELECT: `manager.title` is a column, a list below a row is its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from register.catalog import FieldDef, Kind
from register.query.check import mentions_presence
from register.query.compile import WHOLE, Builder
from register.query.from_clause import FromClause, constant, quoted
from register.query.order import direction, may_be_empty
from register.query.past import require_history
from register.query.plan import Branch, Constant, Hops, Level
from register.query.scope import RowScope
from register.query.statement import Statement

_BEGINS = ", ".join(f"E'{sign}'" for sign in (*"=+-@＝＋－＠", r"\t", r"\r", r"\n"))
"""With what a formula begins, for one spreadsheet or another."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, its SQL, and what it holds."""

    name: str
    sql: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Export:
    """A list as a statement, for one caller and one instant."""

    columns: tuple[Column, ...]
    sql: str
    parameters: Sequence[Any]


def compile_export(
    level: Level,
    format_name: str,
    *,
    limit: int | None = None,
    instant: datetime | None = None,
    scope: RowScope | None = None,
) -> Export:
    """Every row of the level, in its order. In ndjson a row is the JSON that the API shows; elsewhere it is flat.

    In csv, text that a spreadsheet would take for a formula gets an apostrophe in front, as people would write it
    (OWASP, CSV injection). Raises PastUnknown.
    """
    if instant is not None:
        require_history(level.entity, "as_of")
    builder = Builder(past=instant is not None, scoped=scope is not None)
    rows = FromClause(builder, level.entity, "e")
    if format_name == "ndjson":
        columns: tuple[Column, ...] = ()
        # PostgreSQL puts each item of a list on a line of its own; inside texts a line's end is two characters.
        line = f"row_to_json({WHOLE})"
        if _has_lists(level):
            line = f"replace({line}::text, E'\\n', '')"
        shown = f"SELECT {line} FROM (SELECT {builder.shown(level, 'e')}"
    else:
        columns = tuple(_columns(builder, rows, level, (), ""))
        written = (
            f"{_in_csv(one) if format_name == 'csv' else one.sql} AS {quoted(one.name)}" for one in columns
        )
        shown = f"SELECT {', '.join(written)}"
    any_presence = mentions_presence(level.rule, level.entity)
    conditions = builder.visible(level.entity, "e", any_presence=any_presence)
    if level.rule is not None:
        conditions.append(rows.rule(level.rule))
    orders = ", ".join(
        direction(rows.field(by.hops, by.field), by.descending, may_be_empty(level.entity, by))
        for by in level.order
    )
    sql = (
        f"{shown} FROM {builder.table(level.entity)} e{rows.joins}"
        f"{' WHERE ' + ' AND '.join(conditions) if conditions else ''} ORDER BY {orders}"
        f"{'' if limit is None else f' LIMIT {limit}'}{f') {WHOLE}' if format_name == 'ndjson' else ''}"
    )
    statement = Statement(sql, tuple(builder.parameters))
    return Export(columns, statement.at(instant), statement.arguments(scope))


def _has_lists(level: Level) -> bool:
    below = [item for _, item in level.items if not isinstance(item, FieldDef)]
    return any(branch.relation.many or _has_lists(branch.level) for branch in below)


def _columns(builder: Builder, rows: FromClause, level: Level, hops: Hops, prefix: str) -> Iterator[Column]:
    for alias, item in level.items:
        name = prefix + alias
        if isinstance(item, Constant):
            yield Column(name, constant(item), item.kind)
        elif isinstance(item, FieldDef):
            yield Column(name, rows.field(hops, item), item.kind)
        elif item.relation.many:
            yield Column(name, _list(builder, rows, level, item, hops), Kind.DOCUMENT)
        else:
            yield from _columns(builder, rows, item.level, (*hops, item.relation), f"{name}.")


def _list(builder: Builder, rows: FromClause, level: Level, branch: Branch, hops: Hops) -> str:
    return builder.below(level.entity, branch, rows.reach(hops))


def _in_csv(column: Column) -> str:
    sql = column.sql
    match column.kind:
        case Kind.TEXT:
            return f"CASE WHEN left({sql}, 1) IN ({_BEGINS}) THEN '''' || {sql} ELSE {sql} END"
        case Kind.BOOLEAN:
            return f"({sql})::text"
        case Kind.TEXTS | Kind.IDS:
            return f"to_json({sql})::text"
        case _:
            return sql
