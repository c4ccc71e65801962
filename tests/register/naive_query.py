"""Queries answered as a child would answer them: loops over dictionaries, no SQL. Takes checked plans."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from register.catalog import Entity, Relation, catalog
from register.query.check import mentions_presence
from register.query.plan import (
    Applied,
    Comparison,
    Exists,
    Expression,
    Fixed,
    Group,
    Groups,
    Hops,
    Level,
    Opposite,
    OrderBy,
    Other,
    Rule,
    Tally,
    Test,
)
from register.query.scope import ABOVE, OPEN, RowScope
from register.query.values import Moment

Row = dict[str, Any]
World = dict[str, list[Row]]


class Naive:
    """A register in memory, as one caller sees it."""

    def __init__(self, world: World, scope: RowScope | None, now: datetime) -> None:
        self._world = world
        self._scope = scope
        self._now = now

    def rows(self, level: Level) -> list[Row]:
        """Every row of the level, in its order."""
        found = [
            row for row in self._shown(level.entity, level.rule) if self.holds(level.rule, level.entity, row)
        ]
        return self._sorted(found, level.entity, level.order)

    def groups(self, groups: Groups) -> list[Row]:
        """Every group, in no order, before `having`."""
        rows = [
            row
            for row in self._shown(groups.entity, groups.rule)
            if self.holds(groups.rule, groups.entity, row)
        ]
        keyed: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            key = tuple(self._value(expression, groups.entity, row) for _, expression in groups.keys)
            keyed.setdefault(key, []).append(row)
        if not groups.keys:
            keyed = {(): rows}
        names = [name for name, _ in groups.keys]
        return [
            {**dict(zip(names, key, strict=True)), **{n: self._measure(m, groups.entity, members) for n, m in groups.measures}}
            for key, members in keyed.items()
        ]  # fmt: skip

    def _measure(self, measured: Any, entity: Entity, rows: list[Row]) -> Any:
        if measured.function == "count_if":
            return sum(self.holds(measured.rule, entity, row) for row in rows)
        if measured.operand is None:
            return len(rows)
        values = [v for row in rows if (v := self._value(measured.operand, entity, row)) is not None]
        match measured.function:
            case "count":
                return len(values)
            case "count_distinct":
                return len(set(values))
            case "sum":
                return sum(values) if values else None
            case "avg":
                return sum(values) / len(values) if values else None
            case "min":
                return min(values, default=None)
            case "max":
                return max(values, default=None)
        raise AssertionError(measured.function)

    def _shown(self, entity: Entity, rule: Rule | None) -> list[Row]:
        absent_too = mentions_presence(rule, entity)
        return [
            row
            for row in self._world[entity.name]
            if (absent_too or row["presence"] == "present") and self.permitted(entity, row)
        ]

    def permitted(self, entity: Entity, row: Row) -> bool:
        scope = self._scope
        if scope is None or entity.name in OPEN:
            return True
        if entity.name == "project":
            return bool(
                row["id"] in scope.projects
                or row["programme_id"] in scope.programmes
                or row["portfolio_id"] in scope.portfolios
            )
        if entity.name in ABOVE:
            return row["id"] in {"programme": scope.programmes, "portfolio": scope.portfolios}[entity.name]
        for field in entity.fields.values():
            if field.ref in ABOVE and row.get(field.name) is not None:
                above = self._by_id(field.ref, row[field.name])
                if above is not None and self.permitted(catalog()[field.ref], above):
                    return True
        return False

    def _by_id(self, entity: str, row_id: Any) -> Row | None:
        return next((row for row in self._world[entity] if row["id"] == row_id), None)

    def holds(self, rule: Rule | None, entity: Entity, row: Row) -> bool:
        match rule:
            case None:
                return True
            case Group(word, parts):
                return (all if word == "AND" else any)(self.holds(part, entity, row) for part in parts)
            case Opposite(part):
                return not self.holds(part, entity, row)
            case Exists(hops, inner):
                return any(True for _ in self._reached(entity, row, hops, inner))
            case Comparison(left, operator, right):
                first = self._value(left, entity, row)
                if right is None:
                    return first is None
                return _compared(first, operator, self._value(right, entity, row))
            case Test(hops, field, operator, values):
                found = self._value(Other(hops, field), entity, row)
                return self._tested(found, operator, [self._known(value, entity, row) for value in values])
        raise AssertionError(rule)

    def _tested(self, found: Any, operator: str, values: list[Any]) -> bool:
        if isinstance(found, list) or (operator != "null" and found is None and operator == "list"):
            match operator:
                case "null":
                    return not found
                case "~":
                    return any(values[0].lower() in item.lower() for item in found)
                case "in":
                    return any(item in values for item in found)
            return (values[0] in found) is (operator == "=")
        if operator == "null":
            return found is None
        if operator == "in":
            return found is not None and found in values
        if operator == "~":
            return found is not None and values[0].lower() in found.lower()
        return _compared(found, operator, values[0])

    def _known(self, value: Any, entity: Entity, row: Row) -> Any:
        return self._value(value, entity, row) if isinstance(value, Other) else self._moment(value)

    def _moment(self, value: Any) -> Any:
        if not isinstance(value, Moment):
            return value
        # Months and years are about as long: no day of the tests' world is near where it would matter.
        days = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 30.5, "years": 365.25}[value.unit]
        return (self._now.date() if value.whole_day else self._now) + timedelta(days=days * value.amount)

    def _value(self, expression: Expression, entity: Entity, row: Row) -> Any:
        match expression:
            case Fixed(value, _):
                return self._moment(value)
            case Applied(function, arguments):
                found = [self._value(argument, entity, row) for argument in arguments]
                return None if any(value is None for value in found) else _FUNCTIONS[function.name](*found)
            case Other(hops, field):
                for relation in hops:
                    target = catalog()[relation.target]
                    reached = self._by_id(relation.target, row[relation.column])
                    if reached is None or not self.permitted(target, reached):
                        return None
                    entity, row = target, reached
                if isinstance(field, Tally):
                    return sum(1 for _ in self._reached(entity, row, (field.relation,), field.rule))
                return row[field.name]
        raise AssertionError(expression)

    def _reached(self, entity: Entity, row: Row, hops: Hops, inner: Rule | None) -> Iterator[Row]:
        relation, rest = hops[0], hops[1:]
        target = catalog()[relation.target]
        free = not relation.many or (not rest and mentions_presence(inner, target))
        for other in self._world[relation.target]:
            if not _joins(relation, row, other) or not (free or other["presence"] == "present"):
                continue
            if not self.permitted(target, other):
                continue
            if rest:
                yield from self._reached(target, other, rest, inner)
            elif self.holds(inner, target, other):
                yield other

    def _sorted(self, rows: list[Row], entity: Entity, order: tuple[OrderBy, ...]) -> list[Row]:
        for by in reversed(order):
            keyed = [(self._value(Other(by.hops, by.field), entity, row), row) for row in rows]
            full = sorted((pair for pair in keyed if pair[0] is not None), key=lambda p: p[0], reverse=False)
            if by.descending:
                full = sorted((p for p in keyed if p[0] is not None), key=lambda p: p[0], reverse=True)
            rows = [row for _, row in full] + [row for value, row in keyed if value is None]
        return rows


def _joins(relation: Relation, row: Row, other: Row) -> bool:
    if relation.column_on_owner:
        held = row[relation.column]
        return other["id"] in (held or ()) if relation.array else other["id"] == held
    held = other[relation.column]
    return row["id"] in (held or ()) if relation.array else row["id"] == held


def _compared(first: Any, operator: str, second: Any) -> bool:
    if operator == "!=":
        return bool(first != second)
    if first is None or second is None:
        return False
    return {
        "=": lambda: first == second,
        "<": lambda: first < second,
        "<=": lambda: first <= second,
        ">": lambda: first > second,
        ">=": lambda: first >= second,
    }[operator]()


def _month(value: date) -> date:
    return date(value.year, value.month, 1)


_FUNCTIONS: dict[str, Any] = {
    "year": lambda value: value.year,
    "month": lambda value: value.month,
    "quarter": lambda value: (value.month + 2) // 3,
    "week": lambda value: value.isocalendar()[1],
    "weekday": lambda value: value.isoweekday(),
    "start_of_month": _month,
    "start_of_year": lambda value: date(value.year, 1, 1),
    "day": lambda value: value.day,
    "date": lambda value: value.date() if isinstance(value, datetime) else value,
    "lower": str.lower,
    "upper": str.upper,
    "length": len,
    "contains": lambda text, part: part in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "concat": lambda one, other: one + other,
    "index_of": str.find,
    "substring": lambda text, start: text[max(int(start), 0) :],
    "trim": lambda text: text.strip(" \t\r\n"),
    "substring_of": lambda text, start, count: text[int(start) :][: int(count)],
    "round": lambda value: Decimal(value).quantize(Decimal(1), ROUND_HALF_UP),
    "floor": math.floor,
    "ceiling": math.ceil,
    "modulo": lambda one, other: None if other == 0 else Decimal(one) % other,
    "add": lambda one, other: Decimal(one) + other,
    "subtract": lambda one, other: Decimal(one) - other,
    "multiply": lambda one, other: Decimal(one) * other,
    "divide": lambda one, other: None if other == 0 else Decimal(one) / other,
    "negative": lambda one: -one,
    "days_between": lambda one, other: (other - one).days,
}


def midnight(day: date) -> datetime:
    """The instant a day begins, UTC."""
    return datetime.combine(day, time(), UTC)
