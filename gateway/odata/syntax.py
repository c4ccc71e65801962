"""Expressions of OData as they are written, before any name is looked up, and the tokens they are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal as Word

Kind = Word["text", "number", "boolean", "null", "date", "instant", "id"]
COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
SUMS = ("add", "sub")
PRODUCTS = ("mul", "div", "divby", "mod")


@dataclass(frozen=True, slots=True)
class Literal:
    kind: Kind
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`Project/Programme/Key`: names, each with where it stands. With `count`, `/$count` behind them."""

    names: tuple[tuple[str, int], ...]
    count: bool = False

    @property
    def at(self) -> int:
        return self.names[0][1]

    @property
    def text(self) -> str:
        return "/".join(name for name, _ in self.names) + ("/$count" if self.count else "")


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Expression, ...]
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Binary:
    """Two sides of and, or, a comparison, or arithmetic."""

    operator: str
    left: Expression
    right: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Negation:
    part: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Minus:
    part: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Within:
    """`left in (…)`."""

    left: Expression
    items: tuple[Literal, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Lambda:
    """`WorkItems/any(w:…)`."""

    member: Member
    word: Word["any", "all"]
    variable: str
    body: Expression | None
    at: int


Expression = Literal | Member | Call | Binary | Negation | Minus | Within | Lambda


TOKEN = re.compile(
    r"""[ \t]*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<id>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}(?![\w-]))
    | (?P<instant>-?[0-9]{4,9}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,12})?)?
        (?:[Zz]|[+\-\ ][0-9]{2}:[0-9]{2}))
    | (?P<date>-?[0-9]{4,9}-[0-9]{2}-[0-9]{2}(?![\w-]))
    | (?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,12})?)?)
    | (?P<number>[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?(?![\w.])|-?INF\b)
    | (?P<typed>[^\W\d][\w.]*'(?:[^']|'')*')
    | (?P<name>[$@]?[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<mark>[()/:,;=\-*])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
