"""`filter(…)/groupby((ProjectKey,Status),aggregate($count as N,Points with sum as Total))` → an aggregate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.odata.bind import Binder
from gateway.odata.errors import NotSupported
from gateway.odata.model import EntitySet
from gateway.odata.options import read_filter, read_order, split
from gateway.odata.parse_filter import parse_expression
from gateway.odata.syntax import Member
from register.catalog import Kind
from register.errors import QueryInvalid
from register.query import Aggregate
from register.query.ast import Condition, Every, Measure, Named, Origin, Term

_MEASURES = {"sum": "sum", "average": "avg", "min": "min", "max": "max", "countdistinct": "count_distinct"}
_NAME = re.compile(r"[^\W\d]\w*")
_STEP = re.compile(r"\s*([A-Za-z][\w.]*)\s*\((.*)\)\s*", re.DOTALL)


@dataclass
class _Steps:
    """What the steps so far come to."""

    before: list[Condition]
    after: list[Condition]
    keys: list[Named]
    measures: list[Measure]
    columns: dict[str, Kind]
    grouped: bool = False


def read_apply(each: EntitySet, given: Mapping[str, str], limit: int, skip: int) -> tuple[Aggregate, str]:
    """The aggregate, and the shape of its rows for the context of the answer. Raises QueryInvalid or NotSupported."""
    text = given["$apply"]
    origin = Origin("$apply", text)
    for name in ("$select", "$expand", "$count"):
        if name in given:
            raise NotSupported(f"not supported: `{name}` beside `$apply`", parameter=name)
    steps = _Steps([], [], [], [], {})
    for piece, at in split(text, "/", origin):
        _step(each, steps, piece, at, origin)
    if not steps.grouped:
        raise _lack(origin, 0, "`$apply` without groupby or aggregate", "Write $filter for a filter alone.")
    if "$filter" in given:
        here = Origin("$filter", given["$filter"])
        binder = Binder(each, here, columns=steps.columns)
        steps.after.append(binder.condition(parse_expression(here.text, here)))
    order: tuple[Term, ...] = ()
    if "$orderby" in given:
        here = Origin("$orderby", given["$orderby"])
        order = read_order(Binder(each, here, columns=steps.columns), here.text, here)
    aggregate = Aggregate(
        each.entity.collection,
        keys=tuple(steps.keys),
        measures=tuple(steps.measures),
        filter=_all(steps.before),
        having=_all(steps.after),
        order=order,
        limit=limit,
        offset=skip,
        nested=True,
    )
    return aggregate, f"({','.join(_shapes(list(steps.columns)))})"


def _step(each: EntitySet, steps: _Steps, piece: str, at: int, origin: Origin) -> None:
    found = _STEP.fullmatch(piece)
    if found is None:
        raise QueryInvalid(
            f"{piece.strip()[:40]!r} is no step", position=at, parameter=origin.parameter, text=origin.text,
            hint="Write filter(…)/groupby((ProjectKey),aggregate($count as N)).",
        )  # fmt: skip
    word, inside = found[1], found[2]
    start = at + found.start(2)
    here = Origin(origin.parameter, origin.text, start)
    if word == "filter" and not steps.grouped:
        steps.before.append(read_filter(each, inside, here))
    elif word == "filter":
        binder = Binder(each, here, columns=steps.columns)
        steps.after.append(binder.condition(parse_expression(inside, here)))
    elif word == "aggregate" and not steps.grouped:
        steps.grouped = True
        _aggregate(each, steps, inside, here)
    elif word == "groupby" and not steps.grouped:
        steps.grouped = True
        parts = list(split(inside, ",", here))
        keys, place = parts[0]
        if not keys.startswith("(") or not keys.rstrip().endswith(")"):
            raise _wrong(
                here, place, "the properties to group by stand in parentheses", "groupby((ProjectKey,Status))"
            )
        for name, position in split(
            keys.rstrip()[1:-1], ",", Origin(origin.parameter, origin.text, place + 1)
        ):
            _key(each, steps, name.strip(), Origin(origin.parameter, origin.text, position))
        if len(parts) > 2:
            raise _lack(here, parts[2][1], "more than one step inside of groupby")
        if len(parts) == 2:
            nested, position = parts[1]
            below = _STEP.fullmatch(nested)
            if below is None or below[1] != "aggregate":
                raise _lack(here, position, "anything but aggregate inside of groupby")
            _aggregate(
                each, steps, below[2], Origin(origin.parameter, origin.text, position + below.start(2))
            )
    else:
        raise _lack(here, at, f"`{word[:40]}` {'behind groups' if steps.grouped else 'in $apply'}")


def _key(each: EntitySet, steps: _Steps, name: str, origin: Origin) -> None:
    node = parse_expression(name, origin) if "(" not in name else None
    if not isinstance(node, Member):
        raise _lack(origin, origin.offset, "grouping by anything but properties")
    path, kind = Binder(each, origin).path(node)
    steps.keys.append(Named(node.text, path, origin.offset, origin))
    steps.columns[node.text] = kind


def _aggregate(each: EntitySet, steps: _Steps, text: str, origin: Origin) -> None:
    for piece, at in split(text, ",", origin):
        here = Origin(origin.parameter, origin.text, at)
        what, how, name = _measured(piece)
        if not _NAME.fullmatch(name):
            raise _wrong(
                here, at, "a measure and its name are expected", "Points with sum as Total, $count as N"
            )
        if any(name in (known, known.partition(".")[0], known.partition("/")[0]) for known in steps.columns):
            raise _wrong(here, at, f"`{name}` is there already", "Give it another name.")
        if what == "$count" and how is None:
            steps.measures.append(Measure(name, "count", None, None, at, here))
            steps.columns[name] = Kind.INTEGER
            continue
        function = _MEASURES.get(how or "")
        if function is None:
            raise _lack(here, at, f"the method `{how}`" if how else "a measure without a method",
                        f"There are {', '.join(_MEASURES)}, and $count as N.")  # fmt: skip
        binder = Binder(each, here)
        node = parse_expression(what, here)
        kind = binder.kind(node) or Kind.TEXT
        steps.measures.append(Measure(name, function, binder.operand(node, kind), None, at, here))
        steps.columns[name] = {"count_distinct": Kind.INTEGER, "sum": Kind.NUMBER, "avg": Kind.NUMBER}.get(
            function, kind
        )


def _measured(piece: str) -> tuple[str, str | None, str]:
    """`Points with sum as Total` → what, how, name; no name where it is none of this form."""
    words = piece.rsplit(None, 2)
    if len(words) != 3 or words[1] != "as":
        return piece, None, ""
    inner = words[0].rsplit(None, 2)
    if len(inner) == 3 and inner[1] == "with":
        return inner[0], inner[2], words[2]
    return words[0], None, words[2]


def _shapes(names: list[str]) -> list[str]:
    """`Project/Key` → `Project(Key)`."""
    inside: dict[str, list[str]] = {}
    for name in names:
        head, _, rest = name.partition("/")
        inside.setdefault(head, []).extend([rest] if rest else [])
    return [f"{head}({','.join(_shapes(rest))})" if rest else head for head, rest in inside.items()]


def _all(conditions: list[Condition]) -> Condition | None:
    return None if not conditions else conditions[0] if len(conditions) == 1 else Every(tuple(conditions))


def _lack(origin: Origin, at: int, what: str, hint: str = "") -> NotSupported:
    return NotSupported(
        f"not supported: {what}", position=at, parameter=origin.parameter, text=origin.text,
        hint=hint or "docs/odata.md lists what is.",
    )  # fmt: skip


def _wrong(origin: Origin, at: int, message: str, hint: str) -> QueryInvalid:
    return QueryInvalid(message, position=at, parameter=origin.parameter, text=origin.text, hint=hint)
