"""The one query value: what every grammar parses into, before any name is looked up.

Each node remembers where it stands: `at` counts characters from 0 in the parameter it was read from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as Word

MAX_DEPTH = 4
"""Relations below one another."""
MAX_RELATIONS = 8
"""Relations in a request: selected, followed by a filter or an order."""
MAX_COMPARISONS = 100
MAX_VALUES = 1_000
"""Values in one list of a filter."""
MAX_TEXT = 16_000
"""Characters in one parameter."""
MAX_LIMIT = 1_000
DEFAULT_LIMIT = 100
MAX_NESTED_LIMIT = 200
DEFAULT_NESTED_LIMIT = 50
MAX_ROWS = 20_000_000
"""Rows that all limits together may allow in one answer: more than PostgreSQL could ever put into one."""

Operator = Word["=", "!=", "<", "<=", ">", ">=", "~", "in", "null"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a piece of text stands in the request: errors point there."""

    parameter: str
    text: str
    offset: int = 0

    def at(self, position: int) -> int:
        return self.offset + position


@dataclass(frozen=True, slots=True)
class Path:
    """A name, or several with dots between: `programme.key`."""

    names: tuple[str, ...]
    at: int
    origin: Origin

    @property
    def text(self) -> str:
        return ".".join(self.names)

    def at_name(self, index: int) -> int:
        """Where the name of this index starts."""
        return self.at + sum(len(name) + 1 for name in self.names[:index])


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written. `raw` is text of no declared kind: the right side of `status=open` in the address. `field` is
    the name of another field of the row, to compare with. `date`, `instant` and `id` are of grammars that write these
    without quotes."""

    kind: Word["text", "number", "boolean", "today", "now", "raw", "field", "date", "instant", "id"]
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of fields and values: `year(due_on)`."""

    name: str
    arguments: tuple[Operand, ...]
    at: int
    origin: Origin
    text: str
    """As it was written."""


Operand = Path | Value | Call


@dataclass(frozen=True, slots=True)
class Computed:
    """A comparison in which something is worked out. With "null", `right` is empty: nothing comes of `left`."""

    left: Operand
    operator: Operator
    right: Operand | None
    at: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Compare:
    path: Path
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one row at the end of `path`, and `condition` holds for it."""

    path: Path
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The exact opposite: an empty field is no third answer."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Verdict:
    """Holds for every row, or for none."""

    holds: bool


Condition = Compare | Computed | Some | Every | Either | Not | Verdict


@dataclass(frozen=True, slots=True)
class Term:
    """One field to order by. Rows that lack it come last; with `empty_first` they come first."""

    path: Path
    descending: bool
    empty_first: bool = False


@dataclass(frozen=True, slots=True)
class Selected:
    """A field or relation asked for, under the name it gets in the answer."""

    name: str
    alias: str
    at: int
    origin: Origin
    children: tuple[Selected, ...] | None = None
    filter: Condition | None = None
    order: tuple[Term, ...] = ()
    limit: int | None = None
    arguments: tuple[str, ...] = ()
    offset: int = 0
    flat: bool = False
    """For readers of tables: `name` may be a path over to-one relations, a list is never null, JSON is text."""
    beyond: tuple[int, str, str] | None = None
    """Of a count: where it is more than this, these texts with the row's id between; else null."""


@dataclass(frozen=True, slots=True)
class Query:
    """A request for rows of one collection. Empty `fields` and `order` mean the collection's own."""

    collection: str
    fields: tuple[Selected, ...] = ()
    filter: Condition | None = None
    order: tuple[Term, ...] = ()
    limit: int = DEFAULT_LIMIT
    count: bool = False
    """Whether to say how many rows there are on all pages."""
    offset: int = 0
    """Rows that the first page leaves out."""


@dataclass(frozen=True, slots=True)
class Named:
    """Something worked out of rows, under the name it gets in the answer."""

    name: str
    operand: Operand
    at: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Measure:
    """Something worked out of each group: `hours:sum(remaining_hours)`. `condition` belongs to `count_if`."""

    name: str
    function: str
    operand: Operand | None
    condition: Condition | None
    at: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A request for groups of rows of one collection. `having` and `order` speak of the names in the answer."""

    collection: str
    keys: tuple[Named, ...] = ()
    measures: tuple[Measure, ...] = ()
    filter: Condition | None = None
    having: Condition | None = None
    order: tuple[Term, ...] = ()
    limit: int = DEFAULT_LIMIT
    totals: bool = False
    offset: int = 0
    nested: bool = False
    """Whether the answer shows a key called `project/key` as `{"project": {"key": …}}`."""
