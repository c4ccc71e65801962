"""One FROM and its WHERE: a table, the to-one relations that conditions and orders go over, and the conditions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from register.catalog import Entity, FieldDef, Kind, Relation, catalog
from register.query.check import mentions_presence
from register.query.plan import (
    Applied,
    Comparison,
    Constant,
    Constantly,
    Exists,
    Expression,
    Fixed,
    Group,
    Hops,
    Opposite,
    Other,
    Rule,
    Tally,
    Test,
    kind_of,
)
from register.query.values import Known, Moment

if TYPE_CHECKING:
    from register.query.compile import Builder

CASTS = {
    Kind.TEXT: "text",
    Kind.TEXTS: "text",
    Kind.DATE: "date",
    Kind.INSTANT: "timestamptz",
    Kind.NUMBER: "numeric",
    Kind.INTEGER: "int8",
    Kind.BOOLEAN: "boolean",
    Kind.ID: "uuid",
    Kind.IDS: "uuid",
}


class FromClause:
    """One FROM: a table and the to-one relations that its conditions and order go over, each joined once."""

    def __init__(self, builder: Builder, entity: Entity, alias: str) -> None:
        self._builder = builder
        self._entity = entity
        self._reached: dict[Hops, str] = {(): alias}
        self.alias = alias
        self.joins = ""

    def field(self, hops: Hops, field: FieldDef) -> str:
        owner = self.reach(hops)
        if isinstance(field, Tally):
            counted = self._builder.tally(field, owner, hops[-1].target if hops else self._entity.name)
            # Where no row is, nothing is counted: that is not the same as none.
            return f"CASE WHEN {owner}.id IS NOT NULL THEN {counted} END" if hops else counted
        return f"{owner}.{quoted(field.name)}"

    def expression(self, expression: Expression) -> str:
        match expression:
            case Other(hops, field):
                return self.field(hops, field)
            case Fixed(value, kind):
                return self._value(value, CASTS[kind])
            case Applied(function, arguments):
                timed = Kind.INSTANT in function.takes[0]
                return function.sql.format(*(self._argument(one, timed) for one in arguments))

    def _argument(self, expression: Expression, timed: bool) -> str:
        sql = self.expression(expression)
        return f"({sql} AT TIME ZONE 'UTC')" if timed and kind_of(expression) is Kind.INSTANT else sql

    def reach(self, hops: Hops) -> str:
        """The alias of the row that these to-one relations lead to."""
        found = self._reached.get(hops)
        if found is None:
            owner = self.reach(hops[:-1])
            found = self._reached[hops] = self._builder.alias()
            target = catalog()[hops[-1].target]
            before = catalog()[hops[-2].target] if len(hops) > 1 else self._entity
            on = [
                joined(hops[-1], owner, found),
                *self._builder.visible(
                    target, found, any_presence=True, permitted=self._builder.implied(hops[-1], before)
                ),
            ]
            self.joins += f" LEFT JOIN {self._builder.table(target)} {found} ON {' AND '.join(on)}"
        return found

    def rule(self, rule: Rule) -> str:
        match rule:
            case Group(word, parts):
                return "(" + f" {word} ".join(self.rule(part) for part in parts) + ")"
            case Opposite(part):
                return f"({self.rule(part)}) IS NOT TRUE"
            case Constantly(holds):
                return "true" if holds else "false"
            case Exists(hops, inner):
                return self._exists(self._entity, self._reached[()], hops, inner)
            case Comparison(left, operator, right):
                return self._comparison(left, operator, right)
            case Test(hops, field, operator, values):
                column = self.field(hops, field)
                if self._follows(hops, field, operator, values):
                    return self._is_shown(column, field, operator, values)
                return self._test(column, field, operator, values)

    def _exists(self, entity: Entity, owner: str, hops: Hops, inner: Rule | None) -> str:
        relation, rest = hops[0], hops[1:]
        target = catalog()[relation.target]
        alias = self._builder.alias()
        rows = FromClause(self._builder, target, alias)
        free = not relation.many or (not rest and mentions_presence(inner, target))
        conditions = [
            joined(relation, owner, alias),
            *self._builder.visible(
                target, alias, any_presence=free, permitted=self._builder.implied(relation, entity)
            ),
        ]
        if rest:
            conditions.append(rows._exists(target, alias, rest, inner))
        elif inner is not None:
            conditions.append(rows.rule(inner))
        source = f"{self._builder.table(target)} {alias}{rows.joins}"
        return f"EXISTS (SELECT FROM {source} WHERE {' AND '.join(conditions)})"

    def _comparison(self, left: Expression, operator: str, right: Expression | None) -> str:
        first = self.expression(left)
        if right is None:
            return f"{first} IS NULL"
        if operator == "=" and right == Fixed(True, Kind.BOOLEAN):
            return first
        second = self.expression(right)
        return f"{first} IS DISTINCT FROM {second}" if operator == "!=" else f"{first} {operator} {second}"

    def _test(self, column: str, field: FieldDef, operator: str, values: Sequence[Known | Other]) -> str:
        lists = field.kind in (Kind.TEXTS, Kind.IDS)
        cast = CASTS.get(field.kind, "text")
        if operator == "null":
            return f"coalesce(cardinality({column}), 0) = 0" if lists else f"{column} IS NULL"
        if operator == "~":
            pattern = self._builder.bind(f"%{_escaped(str(values[0]))}%", "text")
            if lists:
                return f"EXISTS (SELECT FROM unnest({column}) x WHERE x ILIKE {pattern})"
            return f"{column} ILIKE {pattern}"
        if operator == "in" and not any(isinstance(value, Moment) for value in values):
            if any(isinstance(value, Decimal) for value in values):
                cast, values = "numeric", [Decimal(str(value)) for value in values]
            bound = self._builder.bind(tuple(values), f"{cast}[]")
            return f"{column} && {bound}" if lists else f"{column} = ANY({bound})"
        if operator == "in":
            return "(" + " OR ".join(f"{column} = {self._value(value, cast)}" for value in values) + ")"
        bound = self._value(values[0], cast)
        if lists:
            held = f"{column} @> ARRAY[{bound}]"
            return held if operator == "=" else f"({held}) IS NOT TRUE"
        return f"{column} IS DISTINCT FROM {bound}" if operator == "!=" else f"{column} {operator} {bound}"

    def _follows(self, hops: Hops, field: FieldDef, operator: str, values: Sequence[Known | Other]) -> bool:
        """Whether ids of rows are compared, of which some may have become part of others. Not in the past: what was
        part of what is kept as it is now."""
        if self._builder.instant is not None or operator not in ("=", "!=", "in"):
            return False
        if field.kind not in (Kind.ID, Kind.IDS) or any(isinstance(value, Other) for value in values):
            return False
        owner = catalog()[hops[-1].target] if hops else self._entity
        return field.ref is not None or (field.name == "id" and owner.enveloped)

    def _is_shown(self, column: str, field: FieldDef, operator: str, values: Sequence[Known | Other]) -> str:
        """A comparison with ids, each of which also means the row that it became part of."""
        if operator == "in":
            ids = self._builder.bind(tuple(values), "uuid[]")
            sets = [ids, f"ARRAY(SELECT entity_id FROM absorbed WHERE id = ANY({ids}))"]
        else:
            # One array, and the id as it is in it: so PostgreSQL knows how many rows have it.
            given = self._value(values[0], "uuid")
            sets = [f"ARRAY[{given}, (SELECT entity_id FROM absorbed WHERE id = {given})]"]
        lists = field.kind is Kind.IDS
        found = " OR ".join(f"{column} && {ids}" if lists else f"{column} = ANY({ids})" for ids in sets)
        return f"({found}) IS NOT TRUE" if operator == "!=" else f"({found})"

    def _value(self, value: Known | Other, cast: str) -> str:
        if isinstance(value, Other):
            return self.field(value.hops, value.field)
        if isinstance(value, Moment):
            now = self._builder.instant or "now()"
            start = f"({now} AT TIME ZONE 'UTC')::date" if value.whole_day else now
            moved = f"({start} + make_interval({value.unit} => {self._builder.bind(value.amount, 'int4')}))"
            if not value.whole_day:
                return moved
            return f"{moved}::date" if cast == "date" else f"({moved} AT TIME ZONE 'UTC')"
        if isinstance(value, Decimal):
            cast = "numeric"
        assert not isinstance(value, datetime) or value.tzinfo is not None
        return self._builder.bind(value, cast)


def joined(relation: Relation, owner: str, target: str) -> str:
    column = quoted(relation.column)
    if relation.column_on_owner:
        return f"{target}.id = ANY({owner}.{column})" if relation.array else f"{target}.id = {owner}.{column}"
    # A containment, because an index on a list can answer that and not `= ANY`.
    return f"{target}.{column} @> ARRAY[{owner}.id]" if relation.array else f"{target}.{column} = {owner}.id"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def constant(item: Constant) -> str:
    """A word of our own, as a column."""
    return f"'{item.text}'::text"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
