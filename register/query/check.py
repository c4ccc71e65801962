"""Names looked up in the catalog, values read as what their field holds, limits kept: a query becomes a plan.

Everything a caller can get wrong is found here; what comes out can be compiled without another question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from register.catalog import Entity, FieldDef, Kind, catalog, collections
from register.errors import QueryInvalid
from register.query.ast import (
    DEFAULT_NESTED_LIMIT,
    MAX_DEPTH,
    MAX_LIMIT,
    MAX_NESTED_LIMIT,
    MAX_ROWS,
    Call,
    Compare,
    Computed,
    Condition,
    Either,
    Every,
    Not,
    Operand,
    Operator,
    Origin,
    Path,
    Query,
    Selected,
    Some,
    Term,
    Value,
    Verdict,
)
from register.query.errors import CollectionUnknown, NameUnknown, QueryTooLarge
from register.query.functions import FUNCTIONS, Function
from register.query.lookup import Names, in_path, unknown, wrong
from register.query.names import did_you_mean
from register.query.plan import (
    Applied,
    Beyond,
    Branch,
    Comparison,
    Constant,
    Constantly,
    Exists,
    Expression,
    Fixed,
    Flat,
    Group,
    Level,
    Opposite,
    OrderBy,
    Other,
    Rule,
    Tally,
    Test,
    kind_of,
)
from register.query.usual import usual_fields, usual_order
from register.query.values import read_value

_PRESENCE = {"finding": ("state", "closed_at")}
ORDERED = frozenset({Kind.TEXT, Kind.DATE, Kind.INSTANT, Kind.NUMBER, Kind.INTEGER})
COMPARED = ORDERED | {Kind.BOOLEAN, Kind.ID}
_ALIKE = {Kind.INTEGER: Kind.NUMBER}


def entity_of(collection: str) -> Entity:
    """The entity behind a collection. Raises CollectionUnknown."""
    found = collections().get(collection)
    if found is None:
        raise CollectionUnknown(
            f"there is no collection `{collection[:60]}`",
            hint=did_you_mean(collection, collections()) or "GET /api/v1/schema lists them.",
        )
    return found


def check(query: Query, entity: Entity | None = None) -> Level:
    """The plan of a query; of its collection, or of an entity that is none. Raises QueryInvalid or a child of it,
    pointing at the character."""
    entity = entity or entity_of(query.collection)
    check_limit(query.limit)
    checker = Checker()
    level = Level(
        entity=entity,
        items=checker.items(entity, query.fields, 0),
        rule=checker.rule(entity, query.filter, 0) if query.filter else None,
        order=checker.order(entity, query.order),
        limit=query.limit,
        count=query.count,
        offset=query.offset,
    )
    if level.most_rows > MAX_ROWS:
        raise QueryTooLarge(
            f"with these limits an answer could have {level.most_rows:,} rows: at most {MAX_ROWS:,} are allowed",
            parameter="fields",
            hint="Give lists in `fields` a smaller `limit`: limits of lists in lists multiply.",
        )
    return level


def check_limit(limit: int) -> None:
    """Raises QueryTooLarge."""
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryTooLarge(f"`limit` is from 1 to {MAX_LIMIT:,}", parameter="limit")


def mentions_presence(rule: Rule | None, entity: Entity) -> bool:
    """Whether the rule says itself which presence it wants at this level; else absent rows are left out. What presence
    is to rows of the register, being closed is to findings."""
    match rule:
        case Test(hops, field):
            return not hops and field.name in _PRESENCE.get(entity.name, ("presence",))
        case Group(_, parts):
            return any(mentions_presence(part, entity) for part in parts)
        case Opposite(part):
            return mentions_presence(part, entity)
        case Comparison(left, _, right):
            named = _PRESENCE.get(entity.name, ("presence",))
            return any(
                isinstance(side, Other) and not side.hops and side.field.name in named
                for side in (left, right)
            )
    return False


def type_name(entity: str) -> str:
    """`work_item` → `WorkItem`: what GraphQL and OData call its type."""
    return "".join(word.capitalize() for word in entity.split("_"))


class Checker(Names):
    """Checks a request, part by part."""

    def __init__(self) -> None:
        super().__init__()
        self._filters: dict[int, Rule] = {}
        """By the condition they were read from, which lives as long as the query."""

    def items(
        self, entity: Entity, selected: Iterable[Selected], depth: int
    ) -> tuple[tuple[str, FieldDef | Branch], ...]:
        chosen = tuple((item.alias, self._item(entity, item, depth)) for item in selected)
        return chosen or tuple((field.name, field) for field in usual_fields(entity.name))

    def _item(self, entity: Entity, item: Selected, depth: int) -> FieldDef | Branch:
        if item.beyond is not None:
            return self._beyond(entity, item, item.beyond, depth)
        if item.flat and item.children is None and not item.name.endswith("_count"):
            return self._flat(entity, item)
        field = entity.field(item.name)
        if item.name == "__typename":
            field = Constant(item.name, Kind.TEXT, "", text=type_name(entity.name))
        if field is not None:
            if item.children is not None or item.arguments:
                raise _at(item, QueryInvalid, f"`{item.name}` is a field: it has nothing below it")
            return field
        relation = entity.relations.get(item.name)
        if relation is None:
            return self._tallied(entity, item, depth)
        if depth == MAX_DEPTH:
            raise _at(item, QueryTooLarge, f"relations are nested deeper than {MAX_DEPTH} levels")
        if item.arguments and not relation.many:
            raise _at(
                item, QueryInvalid, f"`{item.name}` is one row: it takes no {', '.join(item.arguments)}"
            )
        limit = DEFAULT_NESTED_LIMIT if item.limit is None else item.limit
        if not 1 <= limit <= MAX_NESTED_LIMIT:
            raise _at(item, QueryTooLarge, f"the limit of a nested list is from 1 to {MAX_NESTED_LIMIT}")
        self.use_relation(object(), item.at, item.origin.parameter, item.origin.text)
        target = catalog()[relation.target]
        return Branch(
            relation,
            Level(
                entity=target,
                items=self.items(target, item.children or (), depth + 1),
                rule=self._filter(target, item, depth),
                order=self.order(target, item.order),
                limit=limit,
                offset=item.offset,
            ),
        )

    def _flat(self, entity: Entity, item: Selected) -> FieldDef:
        hops, field = self.reach(entity, Path(tuple(item.name.split(".")), item.at, item.origin), free=True)
        if not hops and field.kind not in (Kind.TEXTS, Kind.IDS, Kind.DOCUMENT):
            return field
        return Flat(item.alias, field.kind, field.description, hops=hops, of=field)

    def _beyond(self, entity: Entity, item: Selected, beyond: tuple[int, str, str], depth: int) -> Beyond:
        relation = entity.relations[item.name]
        target = catalog()[relation.target]
        return Beyond(
            item.alias,
            Kind.TEXT,
            "",
            relation=relation,
            rule=self._filter(target, item, depth),
            most=beyond[0],
            before=beyond[1],
            after=beyond[2],
        )

    def _tallied(self, entity: Entity, item: Selected, depth: int) -> Tally:
        """`risks_count(filter: "…")`."""
        tally = self.tally(entity, item.name, item.at, item.origin)
        if tally is None:
            raise unknown(entity, item.name, item.at, item.origin.parameter, item.origin.text)
        if item.children is not None or set(item.arguments) - {"filter"}:
            raise _at(item, QueryInvalid, f"`{item.name}` is a number: it takes a filter and nothing else")
        return replace(tally, rule=self._filter(catalog()[tally.relation.target], item, depth))

    def _filter(self, target: Entity, item: Selected, depth: int) -> Rule | None:
        """The filter of a list below a row. OData's rows, their number and the link behind them share one, which
        counts once: the caller wrote it once."""
        if item.filter is None:
            return None
        known = self._filters.get(id(item.filter))
        if known is None:
            known = self._filters[id(item.filter)] = self.rule(target, item.filter, depth + 1)
        return known

    def rule(self, entity: Entity, condition: Condition, depth: int) -> Rule:
        match condition:
            case Every(parts):
                return Group("AND", tuple(self.rule(entity, part, depth) for part in parts))
            case Either(parts):
                return Group("OR", tuple(self.rule(entity, part, depth) for part in parts))
            case Not(part):
                return Opposite(self.rule(entity, part, depth))
            case Some(path, inner):
                return self._exists(entity, path, inner, depth)
            case Verdict(holds):
                return Constantly(holds)
            case Compare():
                return self._test(entity, condition)
            case Computed():
                return self._comparison(entity, condition)

    def _exists(self, entity: Entity, path: Path, inner: Condition | None, depth: int) -> Exists:
        hops = []
        target = entity
        for index, name in enumerate(path.names):
            relation = target.relations.get(name)
            if relation is None:
                if name in target.fields:
                    raise in_path(
                        path, index, QueryInvalid, f"`{name}` is a field; any and none take a relation"
                    )
                raise unknown(target, name, path.at_name(index), path.origin.parameter, path.origin.text)
            self.use_relation(object(), path.at_name(index), path.origin.parameter, path.origin.text)
            hops.append(relation)
            target = catalog()[relation.target]
        if depth + len(hops) > MAX_DEPTH:
            raise in_path(path, 0, QueryTooLarge, f"relations are nested deeper than {MAX_DEPTH} levels")
        return Exists(tuple(hops), self.rule(target, inner, depth + len(hops)) if inner else None)

    def _test(self, entity: Entity, compare: Compare) -> Test:
        path = compare.path
        self.use_comparison(path.at, path.origin)
        hops, field = self.reach(entity, path)
        last = len(path.names) - 1
        operator = compare.operator
        if operator == "~" and field.kind not in (Kind.TEXT, Kind.TEXTS):
            raise in_path(path, last, QueryInvalid, f"`~` looks into text; `{field.name}` holds {field.kind}")
        if operator in ("<", "<=", ">", ">=") and field.kind not in ORDERED:
            raise in_path(path, last, QueryInvalid, f"`{field.name}` holds {field.kind}, which has no order")
        if operator != "null" and field.kind is Kind.DOCUMENT:
            raise in_path(
                path, last, QueryInvalid, f"`{field.name}` holds free JSON; only IS NULL can be asked of it"
            )
        values = [
            self._other(entity, field, operator, value, path)
            if value.kind == "field"
            else read_value(field, operator, value, path)
            for value in compare.values
        ]
        return Test(hops, field, operator, tuple(values))

    def _comparison(self, entity: Entity, computed: Computed) -> Comparison:
        operator, at, origin = computed.operator, computed.at, computed.origin
        self.use_comparison(at, origin)
        left, right = computed.left, computed.right
        if right is None:
            return Comparison(self.expression(entity, left), operator, None)
        if isinstance(left, Value):
            if isinstance(right, Value):
                raise wrong(origin, at, "two values are compared: one side is a field or a function")
            other = self.expression(entity, right)
            return Comparison(self._value(left, (kind_of(other),), origin, _shown(right)), operator, other)
        first = self.expression(entity, left)
        kind = kind_of(first)
        if isinstance(right, Value):
            if right.kind == "boolean" and kind is not Kind.BOOLEAN and right.at == computed.at:
                raise wrong(
                    origin,
                    at,
                    f"this holds {kind}: it is no condition by itself",
                    "Compare it with something.",
                )
            return Comparison(first, operator, self._value(right, (kind,), origin, _shown(left)))
        second = self.expression(entity, right)
        kinds = {_ALIKE.get(one, one) for one in (kind, kind_of(second))}
        if len(kinds) > 1 or not kinds <= COMPARED or (operator not in ("=", "!=") and not kinds <= ORDERED):
            raise wrong(origin, at, f"{kind} cannot be compared with {kind_of(second)} by {operator}")
        return Comparison(first, operator, second)

    def expression(self, entity: Entity, operand: Operand, wanted: tuple[Kind, ...] = ()) -> Expression:
        """An operand whose kind is one of `wanted`, or of any; it is no bare value then."""
        if isinstance(operand, Value):
            raise AssertionError("a value has no kind of its own")
        if isinstance(operand, Path):
            hops, field = self.reach(entity, operand)
            if wanted and field.kind not in wanted:
                last = len(operand.names) - 1
                shown = " or ".join(wanted)
                raise in_path(
                    operand, last, QueryInvalid, f"{shown} is expected; `{field.name}` holds {field.kind}"
                )
            return Other(hops, field)
        function = self._function(operand)
        if wanted and function.gives not in wanted:
            shown = " or ".join(wanted)
            raise wrong(
                operand.origin, operand.at, f"{shown} is expected; `{operand.name}` gives {function.gives}"
            )
        found = [
            self._value(argument, kinds, operand.origin, _shown(operand))
            if isinstance(argument, Value)
            else self.expression(entity, argument, kinds)
            for argument, kinds in zip(operand.arguments, function.takes, strict=True)
        ]
        return Applied(function, tuple(found))

    def _function(self, call: Call) -> Function:
        function = FUNCTIONS.get(call.name)
        if function is None:
            hint = did_you_mean(call.name, FUNCTIONS) or f"There are {', '.join(FUNCTIONS)}."
            raise NameUnknown(
                f"there is no function `{call.name[:60]}`",
                position=call.at,
                parameter=call.origin.parameter,
                text=call.origin.text,
                hint=hint,
            )
        if len(call.arguments) != len(function.takes):
            count = len(function.takes)
            raise wrong(
                call.origin, call.at, f"`{call.name}` takes {count} argument{'' if count == 1 else 's'}"
            )
        return function

    def _value(self, value: Value, kinds: tuple[Kind, ...], origin: Origin, beside: str) -> Fixed:
        """The value, read as what stands beside it wants it."""
        kind = kinds[0]
        if Kind.INSTANT in kinds and (value.kind == "now" or len(value.text) > len("2026-11-30")):
            kind = Kind.INSTANT
        elif Kind.NUMBER in kinds:
            kind = Kind.NUMBER
        place = Path((beside,), value.at, origin)
        return Fixed(read_value(FieldDef(beside, kind, ""), "=", value, place), kind)

    def _other(self, entity: Entity, field: FieldDef, operator: Operator, value: Value, path: Path) -> Other:
        """The field that stands where a value might. Who forgot the quotes around a text is told so."""
        named = Path(tuple(value.text.split(".")), value.at, path.origin)
        try:
            hops, other = self.reach(entity, named)
        except NameUnknown as error:
            raise QueryInvalid(
                f"`{value.text[:60]}` is neither a value nor a field",
                position=value.at,
                parameter=path.origin.parameter,
                text=path.origin.text,
                hint=f"Put text in single quotes: '{value.text[:40]}'. {error.hint}",
            ) from None
        kinds = {_ALIKE.get(known.kind, known.kind) for known in (field, other)}
        if operator == "~" or len(kinds) > 1 or not kinds <= COMPARED:
            raise QueryInvalid(
                f"`{field.name}`, which holds {field.kind}, cannot be compared by {operator} "
                f"with `{other.name}`, which holds {other.kind}",
                position=value.at,
                parameter=path.origin.parameter,
                text=path.origin.text,
            )
        return Other(hops, other)

    def order(self, entity: Entity, terms: Iterable[Term]) -> tuple[OrderBy, ...]:
        found: list[OrderBy] = []
        for term in terms:
            hops, field = self.reach(entity, term.path)
            if field.kind not in COMPARED:
                raise in_path(
                    term.path,
                    len(hops),
                    QueryInvalid,
                    f"`{field.name}` holds {field.kind}, which has no order",
                )
            if not any(known.hops == hops and known.field == field for known in found):
                found.append(OrderBy(hops, field, term.descending, term.empty_first))
            if not hops and field.name == "id":
                return tuple(found)
        return (*found, OrderBy((), entity.fields["id"], False)) if found else usual_order(entity)


def _at(item: Selected, error: type[QueryInvalid], message: str) -> QueryInvalid:
    return error(message, position=item.at, parameter=item.origin.parameter, text=item.origin.text)


def _shown(operand: Operand) -> str:
    return operand.text[:60]
