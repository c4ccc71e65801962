"""Names looked up in the catalog, values read as what their field holds, limits kept: a query becomes a plan.

Everything a caller can get wrong is found here; what comes out can be compiled without another question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal as Word

from register.catalog import Entity, FieldDef, Kind, Relation, catalog, collections
from register.errors import QueryInvalid
from register.query.ast import (
    DEFAULT_NESTED_LIMIT,
    MAX_COMPARISONS,
    MAX_DEPTH,
    MAX_LIMIT,
    MAX_NESTED_LIMIT,
    MAX_RELATIONS,
    Compare,
    Condition,
    Either,
    Every,
    Not,
    Operator,
    Path,
    Query,
    Selected,
    Some,
    Term,
    Value,
)
from register.query.errors import CollectionUnknown, NameUnknown, QueryTooLarge
from register.query.names import did_you_mean
from register.query.values import Known, read_value

Hops = tuple[Relation, ...]

_USUAL = (
    *("id", "key", "title", "code", "type", "kind", "stage", "status", "state", "rag_reported", "score"),
    *(
        "programme_id",
        "project_id",
        "manager_id",
        "owner_id",
        "assignee_id",
        "due_on",
        "start_on",
        "finish_on",
    ),
    *("url", "updated_at"),
)
_NEWEST_FIRST = {
    "run": "id",
    "finding": "opened_at",
    "conflict": "opened_at",
    "rejection": "rejected_at",
    "waiver": "waived_at",
}
_PRESENCE = {"finding": ("state", "closed_at")}
_ORDERED = frozenset({Kind.TEXT, Kind.DATE, Kind.INSTANT, Kind.NUMBER, Kind.INTEGER})
_COMPARED = _ORDERED | {Kind.BOOLEAN, Kind.ID}
_ALIKE = {Kind.INTEGER: Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Other:
    """Another field of the same row, reached over to-one relations: what a field is compared with."""

    hops: Hops
    field: FieldDef


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of one field, reached over to-one relations."""

    hops: Hops
    field: FieldDef
    operator: Operator
    values: tuple[Known | Other, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """At least one row at the end of the relations."""

    hops: Hops
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Group:
    word: Word["AND", "OR"]
    parts: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Opposite:
    part: Rule


Rule = Test | Exists | Group | Opposite


@dataclass(frozen=True, slots=True)
class OrderBy:
    hops: Hops
    field: FieldDef
    descending: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows below a row."""

    relation: Relation
    level: Level


@dataclass(frozen=True, slots=True)
class Level:
    """Rows of one entity, as one SELECT: what to show of them, which, in what order, how many."""

    entity: Entity
    items: tuple[tuple[str, FieldDef | Branch], ...]
    rule: Rule | None
    order: tuple[OrderBy, ...]
    """Ends with the id, so that no two rows stand in the same place."""
    limit: int


def entity_of(collection: str) -> Entity:
    """The entity behind a collection. Raises CollectionUnknown."""
    found = collections().get(collection)
    if found is None:
        raise CollectionUnknown(
            f"there is no collection `{collection[:60]}`",
            hint=did_you_mean(collection, collections()) or "GET /api/v1/schema lists them.",
        )
    return found


def check(query: Query) -> Level:
    """The plan of a query. Raises QueryInvalid or a child of it, pointing at the character."""
    entity = entity_of(query.collection)
    if not 1 <= query.limit <= MAX_LIMIT:
        raise QueryTooLarge(f"`limit` is from 1 to {MAX_LIMIT:,}", parameter="limit")
    checker = _Checker()
    return Level(
        entity=entity,
        items=checker.items(entity, query.fields, 0),
        rule=checker.rule(entity, query.filter, 0) if query.filter else None,
        order=checker.order(entity, query.order),
        limit=query.limit,
    )


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
    return False


@cache
def usual_fields(entity: str) -> tuple[FieldDef, ...]:
    """What a row shows when nobody says what to show."""
    found = catalog()[entity]
    if not found.enveloped:
        return tuple(field for field in found.fields.values() if field.kind is not Kind.DOCUMENT)
    return tuple(found.fields[name] for name in _USUAL if name in found.fields)


@cache
def usual_order(entity: str) -> tuple[OrderBy, ...]:
    """By key; what has none by time, newest first. The id decides between equals."""
    fields = catalog()[entity].fields
    last = OrderBy((), fields["id"], False)
    if entity in _NEWEST_FIRST:
        first = OrderBy((), fields[_NEWEST_FIRST[entity]], True)
        return (first,) if first.field.name == "id" else (first, last)
    return (OrderBy((), fields["key"], False), last) if "key" in fields else (last,)


class _Checker:
    """Counts what a request uses while it looks names up."""

    def __init__(self) -> None:
        self._relations: set[object] = set()
        self._comparisons = 0

    def items(
        self, entity: Entity, selected: Iterable[Selected], depth: int
    ) -> tuple[tuple[str, FieldDef | Branch], ...]:
        chosen = tuple((item.alias, self._item(entity, item, depth)) for item in selected)
        return chosen or tuple((field.name, field) for field in usual_fields(entity.name))

    def _item(self, entity: Entity, item: Selected, depth: int) -> FieldDef | Branch:
        field = entity.field(item.name)
        if field is not None:
            if item.children is not None or item.arguments:
                raise _at(item, QueryInvalid, f"`{item.name}` is a field: it has nothing below it")
            return field
        relation = entity.relations.get(item.name)
        if relation is None:
            raise _unknown(entity, item.name, item.at, item.origin.parameter, item.origin.text)
        if depth == MAX_DEPTH:
            raise _at(item, QueryTooLarge, f"relations are nested deeper than {MAX_DEPTH} levels")
        if item.arguments and not relation.many:
            raise _at(
                item, QueryInvalid, f"`{item.name}` is one row: it takes no {', '.join(item.arguments)}"
            )
        limit = DEFAULT_NESTED_LIMIT if item.limit is None else item.limit
        if not 1 <= limit <= MAX_NESTED_LIMIT:
            raise _at(item, QueryTooLarge, f"the limit of a nested list is from 1 to {MAX_NESTED_LIMIT}")
        self._use_relation(object(), item.at, item.origin.parameter, item.origin.text)
        target = catalog()[relation.target]
        return Branch(
            relation,
            Level(
                entity=target,
                items=self.items(target, item.children or (), depth + 1),
                rule=self.rule(target, item.filter, depth + 1) if item.filter else None,
                order=self.order(target, item.order),
                limit=limit,
            ),
        )

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
            case Compare():
                return self._test(entity, condition)

    def _exists(self, entity: Entity, path: Path, inner: Condition | None, depth: int) -> Exists:
        hops = []
        target = entity
        for index, name in enumerate(path.names):
            relation = target.relations.get(name)
            if relation is None:
                if name in target.fields:
                    raise _in_path(
                        path, index, QueryInvalid, f"`{name}` is a field; any and none take a relation"
                    )
                raise _unknown(target, name, path.at_name(index), path.origin.parameter, path.origin.text)
            self._use_relation(object(), path.at_name(index), path.origin.parameter, path.origin.text)
            hops.append(relation)
            target = catalog()[relation.target]
        if depth + len(hops) > MAX_DEPTH:
            raise _in_path(path, 0, QueryTooLarge, f"relations are nested deeper than {MAX_DEPTH} levels")
        return Exists(tuple(hops), self.rule(target, inner, depth + len(hops)) if inner else None)

    def _test(self, entity: Entity, compare: Compare) -> Test:
        self._comparisons += 1
        path = compare.path
        if self._comparisons > MAX_COMPARISONS:
            raise _in_path(path, 0, QueryTooLarge, f"the request has more than {MAX_COMPARISONS} comparisons")
        hops, field = self._reach(entity, path)
        last = len(path.names) - 1
        operator = compare.operator
        if operator == "~" and field.kind not in (Kind.TEXT, Kind.TEXTS):
            raise _in_path(
                path, last, QueryInvalid, f"`~` looks into text; `{field.name}` holds {field.kind}"
            )
        if operator in ("<", "<=", ">", ">=") and field.kind not in _ORDERED:
            raise _in_path(path, last, QueryInvalid, f"`{field.name}` holds {field.kind}, which has no order")
        if operator != "null" and field.kind is Kind.DOCUMENT:
            raise _in_path(
                path, last, QueryInvalid, f"`{field.name}` holds free JSON; only IS NULL can be asked of it"
            )
        values = [
            self._other(entity, field, operator, value, path)
            if value.kind == "field"
            else read_value(field, operator, value, path)
            for value in compare.values
        ]
        return Test(hops, field, operator, tuple(values))

    def _other(self, entity: Entity, field: FieldDef, operator: Operator, value: Value, path: Path) -> Other:
        """The field that stands where a value might. Who forgot the quotes around a text is told so."""
        named = Path(tuple(value.text.split(".")), value.at, path.origin)
        try:
            hops, other = self._reach(entity, named)
        except NameUnknown as error:
            raise QueryInvalid(
                f"`{value.text[:60]}` is neither a value nor a field",
                position=value.at,
                parameter=path.origin.parameter,
                text=path.origin.text,
                hint=f"Put text in single quotes: '{value.text[:40]}'. {error.hint}",
            ) from None
        kinds = {_ALIKE.get(known.kind, known.kind) for known in (field, other)}
        if operator == "~" or len(kinds) > 1 or not kinds <= _COMPARED:
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
            hops, field = self._reach(entity, term.path)
            if field.kind not in _COMPARED:
                raise _in_path(
                    term.path,
                    len(hops),
                    QueryInvalid,
                    f"`{field.name}` holds {field.kind}, which has no order",
                )
            if not any(known.hops == hops and known.field == field for known in found):
                found.append(OrderBy(hops, field, term.descending))
            if not hops and field.name == "id":
                return tuple(found)
        return (*found, OrderBy((), entity.fields["id"], False)) if found else usual_order(entity.name)

    def _reach(self, entity: Entity, path: Path) -> tuple[Hops, FieldDef]:
        hops: list[Relation] = []
        target = entity
        for index, name in enumerate(path.names[:-1]):
            relation = target.relations.get(name)
            if relation is None:
                if name in target.fields:
                    raise _in_path(path, index, QueryInvalid, f"`{name}` is a field: nothing is below it")
                raise _unknown(target, name, path.at_name(index), path.origin.parameter, path.origin.text)
            if relation.many:
                raise _in_path(
                    path,
                    index,
                    QueryInvalid,
                    f"`{name}` is a list",
                    f"Write any({name}, …) or none({name}, …).",
                )
            hops.append(relation)
            if index == MAX_DEPTH:
                raise _in_path(path, index, QueryTooLarge, f"a path may have {MAX_DEPTH} relations")
            self._use_relation(
                (entity.name, tuple(hops)), path.at_name(index), path.origin.parameter, path.origin.text
            )
            target = catalog()[relation.target]
        name = path.names[-1]
        field = target.field(name)
        if field is None:
            at = len(path.names) - 1
            relation = target.relations.get(name)
            if relation is not None:
                hint = f"any({path.text}, …)" if relation.many else f"{path.text}.key or {path.text}_id"
                raise _in_path(
                    path, at, QueryInvalid, f"`{name}` is a relation, not a field", f"Write {hint}."
                )
            raise _unknown(target, name, path.at_name(at), path.origin.parameter, path.origin.text)
        return tuple(hops), field

    def _use_relation(self, which: object, at: int, parameter: str, text: str) -> None:
        self._relations.add(which)
        if len(self._relations) > MAX_RELATIONS:
            raise QueryTooLarge(
                f"the request uses more than {MAX_RELATIONS} relations",
                position=at,
                parameter=parameter,
                text=text,
            )


def _unknown(entity: Entity, name: str, at: int, parameter: str, text: str) -> NameUnknown:
    return NameUnknown(
        f"{entity.collection} have no field or relation `{name[:60]}`",
        position=at,
        parameter=parameter,
        text=text,
        hint=did_you_mean(name, (*entity.fields, *entity.relations)) or "GET /api/v1/schema lists them.",
    )


def _at(item: Selected, error: type[QueryInvalid], message: str) -> QueryInvalid:
    return error(message, position=item.at, parameter=item.origin.parameter, text=item.origin.text)


def _in_path(path: Path, index: int, error: type[QueryInvalid], message: str, hint: str = "") -> QueryInvalid:
    return error(
        message,
        position=path.at_name(index),
        parameter=path.origin.parameter,
        text=path.origin.text,
        hint=hint,
    )
