"""An aggregate checked: what can be grouped by, what can be measured, and the columns that come of it."""

from __future__ import annotations

from dataclasses import replace

from register.catalog import Entity, FieldDef, Kind, catalog
from register.query.ast import Aggregate, Measure, Named, Operand, Value
from register.query.check import COMPARED, ORDERED, Checker, check_limit, entity_of, mentions_presence
from register.query.errors import NameUnknown, QueryTooLarge
from register.query.functions import MEASURES
from register.query.lookup import wrong
from register.query.names import did_you_mean
from register.query.plan import Applied, Expression, Groups, Measured, OrderBy, Other, kind_of

MAX_COLUMNS = 40
_NUMBERS = frozenset({Kind.NUMBER, Kind.INTEGER})
_COUNT = Measured("count", None, None)


def check_groups(aggregate: Aggregate, entity: Entity | None = None, *, counts: bool = True) -> Groups:
    """The plan of an aggregate; of its collection, or of an entity that is none. Without measures it counts, where it
    is not told not to. Raises QueryInvalid or a child of it, pointing at the
    character."""
    entity = entity or entity_of(aggregate.collection)
    check_limit(aggregate.limit)
    checker = _GroupChecker()
    columns: dict[str, FieldDef] = {}
    keys = []
    for key in aggregate.keys:
        expression = checker.key(entity, key)
        _add(columns, key, kind_of(expression))
        keys.append((key.name, expression))
    rule = checker.rule(entity, aggregate.filter, 0) if aggregate.filter else None
    measures = []
    for measure in aggregate.measures:
        measured, kind = checker.measure(entity, measure)
        if (
            entity.enveloped
            and mentions_presence(measured.rule, entity)
            and not mentions_presence(rule, entity)
        ):
            raise wrong(
                measure.origin,
                measure.at,
                "rows that are gone are not among those that are counted",
                "Let `filter` speak of presence: presence IS NOT NULL.",
            )
        if measured.function in ("sum", "avg", "min", "max"):
            # The totals are of all groups together.
            grouped = [] if aggregate.totals else [expression for _, expression in keys]
            currencies = tuple(c for c in _currencies(entity, measured.operand) if c not in grouped)
            measured = replace(measured, currencies=currencies)
        _add(columns, measure, kind)
        measures.append((measure.name, measured))
    if not measures and counts:
        measures.append(("count", _COUNT))
        columns["count"] = FieldDef("count", Kind.INTEGER, "")
    shown = replace(
        entity, fields=columns, relations={}, enveloped=False, view=None, name="group", collection="groups"
    )
    order = checker.order_of_groups(shown, aggregate, [name for name, _ in keys])
    return Groups(
        entity=entity,
        keys=tuple(keys),
        measures=tuple(measures),
        rule=rule,
        shown=shown,
        having=checker.rule(shown, aggregate.having, 0) if aggregate.having else None,
        order=order,
        limit=aggregate.limit,
        totals=aggregate.totals,
        offset=aggregate.offset,
        nested=aggregate.nested,
    )


class _GroupChecker(Checker):
    def key(self, entity: Entity, key: Named) -> Expression:
        expression = self._operand(entity, key.operand, key)
        kind = kind_of(expression)
        if kind not in COMPARED:
            why = (
                "a row would stand in several groups" if kind in (Kind.TEXTS, Kind.IDS) else "it has no order"
            )
            raise wrong(
                key.origin, key.at, f"{key.name[:60]!r} holds {kind}, which cannot be grouped by: {why}"
            )
        return expression

    def measure(self, entity: Entity, measure: Measure) -> tuple[Measured, Kind]:
        function = measure.function
        self.use_comparison(measure.at, measure.origin)
        if function not in MEASURES:
            raise NameUnknown(
                f"there is no measure `{function[:60]}`",
                position=measure.at,
                parameter=measure.origin.parameter,
                text=measure.origin.text,
                hint=did_you_mean(function, MEASURES) or f"There are {', '.join(MEASURES)}.",
            )
        if function == "count_if":
            if measure.condition is None:
                raise wrong(
                    measure.origin,
                    measure.at,
                    "`count_if` takes a condition",
                    "late:count_if(slip_days > 10)",
                )
            return Measured(function, None, self.rule(entity, measure.condition, 0)), Kind.INTEGER
        if measure.operand is None:
            if function == "count":
                return _COUNT, Kind.INTEGER
            raise wrong(measure.origin, measure.at, f"`{function}` takes a field", f"{function}(budget)")
        expression = self._operand(entity, measure.operand, measure)
        kind = kind_of(expression)
        if function in ("sum", "avg") and kind not in _NUMBERS:
            raise wrong(measure.origin, measure.at, f"`{function}` takes numbers, not {kind}")
        if function in ("min", "max") and kind not in ORDERED:
            raise wrong(measure.origin, measure.at, f"`{function}` takes what has an order, not {kind}")
        if function == "count_distinct" and kind not in COMPARED:
            raise wrong(measure.origin, measure.at, f"`{function}` cannot tell {kind} apart")
        return Measured(function, expression, None), _given(function, kind)

    def order_of_groups(self, shown: Entity, aggregate: Aggregate, keys: list[str]) -> tuple[OrderBy, ...]:
        found: list[OrderBy] = []
        for term in aggregate.order:
            hops, field = self.reach(shown, term.path)
            if not any(known.field == field for known in found):
                found.append(OrderBy(hops, field, term.descending, term.empty_first))
        named = {known.field.name for known in found}
        return (*found, *(OrderBy((), shown.fields[key], False) for key in keys if key not in named))

    def _operand(self, entity: Entity, operand: Operand, about: Named | Measure) -> Expression:
        if isinstance(operand, Value):
            raise wrong(
                about.origin, operand.at, "a value is no field", "Write a field, or a function of fields."
            )
        return self.expression(entity, operand)


def _currencies(entity: Entity, expression: Expression | None) -> dict[Other, None]:
    """The currencies of the amounts that a number is made of; a share of two amounts has none."""
    if isinstance(expression, Other) and expression.field.money:
        owner = catalog()[expression.hops[-1].target] if expression.hops else entity
        # Of a benefit the currency says nothing where it is counted in hours.
        return {
            Other(expression.hops, owner.fields[name]): None
            for name in ("currency", "unit")
            if name in owner.fields
        }
    if not isinstance(expression, Applied):
        return {}
    found = [_currencies(entity, argument) for argument in expression.arguments]
    if expression.function.name.startswith("divide") and all(found):
        return {}
    return {currency: None for one in found for currency in one}


def _given(function: str, kind: Kind) -> Kind:
    if function in ("count", "count_distinct"):
        return Kind.INTEGER
    return Kind.NUMBER if function in ("sum", "avg") else kind


def _add(columns: dict[str, FieldDef], named: Named | Measure, kind: Kind) -> None:
    name = named.name
    if name.startswith("_"):
        raise wrong(
            named.origin, named.at, f"{name[:60]!r} begins with an underscore", "Give it another name."
        )
    # PostgreSQL cuts names at 63 bytes; in SQL `$1` and `:instant` stand for something else.
    if len(name.encode()) > 60 or not set('"$:').isdisjoint(name):
        raise wrong(
            named.origin,
            named.at,
            f"{name[:60]!r} cannot be a name in the answer",
            "Give it one: month:year(due_on).",
        )
    if name in columns:
        raise wrong(
            named.origin, named.at, f"`{name}` is asked for twice", f"Give one another name: other:{name}."
        )
    if len(columns) == MAX_COLUMNS:
        raise wrong(
            named.origin, named.at, f"the answer has more than {MAX_COLUMNS} columns", error=QueryTooLarge
        )
    columns[name] = FieldDef(name, kind, "")
