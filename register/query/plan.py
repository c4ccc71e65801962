"""A checked query: names are fields of the catalog, values are what those hold. `check` makes it for `compile`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as Word

from register.catalog import Entity, FieldDef, Kind, Relation
from register.query.ast import Operator
from register.query.functions import Function
from register.query.values import Known, Moment

Hops = tuple[Relation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally(FieldDef):
    """How many rows a list leads to: `risks_count`. A field as any other, but for where it comes from."""

    relation: Relation
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(FieldDef):
    """The same text for every row: GraphQL's `__typename`."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond(Tally):
    """Where there are more than `most` rows: `before`, the row's id, `after`. Else null."""

    most: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat(FieldDef):
    """A field as a table shows it: of this row or of one it leads to; a list is never null, JSON is text."""

    hops: Hops
    of: FieldDef


@dataclass(frozen=True, slots=True)
class Other:
    """Another field of the same row, reached over to-one relations: what a field is compared with."""

    hops: Hops
    field: FieldDef


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value inside an expression."""

    value: Known
    kind: Kind


@dataclass(frozen=True, slots=True)
class Applied:
    """A function of expressions."""

    function: Function
    arguments: tuple[Expression, ...]


Expression = Other | Fixed | Applied


def kind_of(expression: Expression) -> Kind:
    match expression:
        case Other(_, field):
            return field.kind
        case Fixed(_, kind):
            return kind
        case Applied(function, _):
            return function.gives


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of one field, reached over to-one relations."""

    hops: Hops
    field: FieldDef
    operator: Operator
    values: tuple[Known | Other, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison in which something is worked out; `right` is None for "null"."""

    left: Expression
    operator: Operator
    right: Expression | None


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


@dataclass(frozen=True, slots=True)
class Constantly:
    """Holds for every row, or for none."""

    holds: bool


Rule = Test | Comparison | Exists | Group | Opposite | Constantly


@dataclass(frozen=True, slots=True)
class OrderBy:
    hops: Hops
    field: FieldDef
    descending: bool
    empty_first: bool = False


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
    count: bool = False
    """Whether the answer says how many rows there are on all pages."""
    offset: int = 0

    @property
    def most_rows(self) -> int:
        """How many rows limits allow in an answer: these, and in lists below each."""
        return self.limit * (1 + self._below)

    @property
    def _below(self) -> int:
        branches = [item for _, item in self.items if isinstance(item, Branch)]
        return sum(one.level.most_rows if one.relation.many else one.level._below for one in branches)


@dataclass(frozen=True, slots=True)
class Measured:
    """What is worked out of each group."""

    function: str
    operand: Expression | None
    rule: Rule | None
    currencies: tuple[Other, ...] = ()
    """What the rows that are measured must have in common, or nothing comes of it."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of an entity's rows: by what, what of them, which, in what order, how many."""

    entity: Entity
    keys: tuple[tuple[str, Expression], ...]
    measures: tuple[tuple[str, Measured], ...]
    rule: Rule | None
    shown: Entity
    """The columns of the answer as fields of an entity: what `having` and `order` speak of."""
    having: Rule | None
    order: tuple[OrderBy, ...]
    """Ends with every key, so that no two groups stand in the same place."""
    limit: int
    totals: bool
    offset: int = 0
    nested: bool = False


def ways(rule: Rule, before: Hops = ()) -> Iterator[Hops]:
    """Every way, from the row, to what the rule looks at."""
    match rule:
        case Test(hops, field, _, values):
            yield from _ways_of(Other(hops, field), before)
            for value in values:
                if isinstance(value, Other):
                    yield from _ways_of(value, before)
        case Comparison(left, _, right):
            yield from _ways_of(left, before)
            if right is not None:
                yield from _ways_of(right, before)
        case Group(_, parts):
            for part in parts:
                yield from ways(part, before)
        case Opposite(part):
            yield from ways(part, before)
        case Exists(hops, inner):
            yield before + hops
            if inner is not None:
                yield from ways(inner, before + hops)


def _ways_of(expression: Expression, before: Hops) -> Iterator[Hops]:
    match expression:
        case Other(hops, field):
            yield before + hops
            if isinstance(field, Tally):
                yield before + hops + (field.relation,)
                if field.rule is not None:
                    yield from ways(field.rule, before + hops + (field.relation,))
        case Applied(_, arguments):
            for argument in arguments:
                yield from _ways_of(argument, before)


def moments(rule: Rule) -> Iterator[Moment]:
    """Every value of the rule that the clock gives."""
    match rule:
        case Test(_, _, _, values):
            yield from (value for value in values if isinstance(value, Moment))
        case Comparison(left, _, right):
            yield from _moments_of(left)
            if right is not None:
                yield from _moments_of(right)
        case Group(_, parts):
            for part in parts:
                yield from moments(part)
        case Opposite(part):
            yield from moments(part)
        case Exists(_, inner) if inner is not None:
            yield from moments(inner)


def _moments_of(expression: Expression) -> Iterator[Moment]:
    match expression:
        case Fixed(value, _) if isinstance(value, Moment):
            yield value
        case Applied(_, arguments):
            for argument in arguments:
                yield from _moments_of(argument)
