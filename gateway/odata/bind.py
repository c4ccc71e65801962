"""Expressions whose names are looked up in the model, as conditions and operands of the one query value.

Null is OData's: a comparison with null is true or false, never unknown; a function of null is null, and so is its
opposite; two nulls are equal. `not` is carried down to where that matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.odata.model import Property, entity_sets
from gateway.odata.names import Names
from gateway.odata.syntax import (
    COMPARISONS,
    PRODUCTS,
    SUMS,
    Binary,
    Call,
    Expression,
    Lambda,
    Literal,
    Member,
    Minus,
    Negation,
    Within,
)
from register.catalog import Kind
from register.query import NameUnknown, ast
from register.query.ast import (
    Compare,
    Computed,
    Condition,
    Either,
    Every,
    Not,
    Path,
    Some,
    Value,
    Verdict,
)
from register.query.functions import FUNCTIONS
from register.query.names import did_you_mean

_SIGNS: dict[str, ast.Operator] = {"eq": "=", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_FUNCTIONS: Mapping[str, str] = {
    "contains": "contains", "startswith": "starts_with", "endswith": "ends_with", "length": "length",
    "indexof": "index_of", "substring": "substring", "tolower": "lower", "toupper": "upper", "trim": "trim",
    "concat": "concat", "year": "year", "month": "month", "day": "day", "hour": "hour", "minute": "minute",
    "second": "second", "date": "date", "round": "round", "floor": "floor", "ceiling": "ceiling",
}  # fmt: skip
_ARITHMETIC = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "divby": "divide",
    "mod": "modulo",
}
_WRITTEN = {
    Kind.TEXT: ("text", "Text goes in single quotes: 'open'."),
    Kind.DATE: ("date", "Write a date without quotes or time: 2026-11-30."),
    Kind.INSTANT: ("instant", "Write an instant without quotes: 2026-11-30T09:00:00Z."),
    Kind.NUMBER: ("number", "Write a number without quotes."),
    Kind.INTEGER: ("number", "Write a number without quotes."),
    Kind.BOOLEAN: ("boolean", "Write true or false."),
    Kind.ID: ("id", "Write the id without quotes: 6f1c3a52-…"),
}
_KINDS = {kind: of for of, (kind, _) in _WRITTEN.items()}


@dataclass(frozen=True, slots=True)
class Binder(Names):
    """Makes conditions and operands of expressions."""

    def condition(self, node: Expression, negated: bool = False) -> Condition:
        match node:
            case Binary("and" | "or" as word, left, right):
                parts = (self.condition(left, negated), self.condition(right, negated))
                return _joined(Every if (word == "and") != negated else Either, parts)
            case Negation(part):
                return self.condition(part, not negated)
            case Binary(operator, left, right, at) if operator in COMPARISONS:
                return self._compare(operator, left, right, at, negated)
            case Within(left, items, at):
                return _unless(negated, self._within(left, items, at))
            case Lambda():
                return _unless(negated, self._lambda(node))
            case Literal("boolean", text):
                return Verdict((text == "true") != negated)
            case Literal("null"):
                return Verdict(False)
            case Member() | Call() if self.kind(node) is Kind.BOOLEAN:
                at = node.at
                value = Value("boolean", "false" if negated else "true", at)
                operand = self.operand(node)
                if isinstance(operand, Path):
                    return Compare(operand, "=", (value,))
                return Computed(operand, "=", value, at, self.origin)
        raise self.wrong(node.at, "this is no condition", "Compare it with something: Budget gt 100.")

    def _compare(
        self, operator: str, left: Expression, right: Expression, at: int, negated: bool
    ) -> Condition:
        if isinstance(left, Literal) and not isinstance(right, Literal):
            left, right, operator = right, left, _MIRRORED[operator]
        for side in (left, right):
            if isinstance(side, Negation) and not (
                _is_condition(side.part) or self.kind(side.part) is Kind.BOOLEAN
            ):
                raise self.wrong(
                    side.at, "`not` takes a condition, and binds tighter than a comparison",
                    f"Write not (… {operator} …).",
                )  # fmt: skip
        if isinstance(left, Negation) and isinstance(right, Literal) and right.kind == "null":
            left = left.part  # the opposite of null is null
        if isinstance(right, Literal) and isinstance(left, Literal):
            return _unless(negated, Verdict(self._constant(operator, left, right)))
        if (
            _is_condition(left)
            and isinstance(right, Literal)
            and right.kind == "boolean"
            and operator in ("eq", "ne")
        ):
            # A condition may be null; whether it is true, or is false, never is.
            return _unless((operator == "ne") != negated, self.condition(left, right.text == "false"))
        return _unless(negated, self._comparison(operator, left, right, at))

    def _comparison(self, operator: str, left: Expression, right: Expression, at: int) -> Condition:
        first = self.operand(left)
        if isinstance(right, Literal) and right.kind == "null":
            if operator not in ("eq", "ne"):
                return Verdict(False)
            return _unless(operator == "ne", self._null(first, at))
        sign = _SIGNS[operator]
        second = self.operand(right, self.kind(left))
        if isinstance(first, Path) and isinstance(second, Value):
            return Compare(first, sign, (second,))
        if isinstance(first, Path) and isinstance(second, Path):
            found: Condition = Compare(first, sign, (Value("field", second.text, second.at),))
        else:
            found = Computed(first, sign, second, at, self.origin)
        if isinstance(second, Value) or operator != "eq":
            return found
        return Either((found, Every((self._null(first, at), self._null(second, at)))))

    def _null(self, operand: ast.Operand, at: int) -> Condition:
        if isinstance(operand, Path):
            return Compare(operand, "null", ())
        if isinstance(operand, Value):
            return Verdict(False)
        return Computed(operand, "null", None, at, self.origin)

    def _constant(self, operator: str, left: Literal, right: Literal) -> bool:
        if "null" in (left.kind, right.kind):
            same = left.kind == right.kind
            return {"eq": same, "ne": not same}.get(operator, False)
        if left.kind != right.kind:
            raise self.wrong(right.at, f"{right.kind} cannot be compared with {left.kind}")
        one, other = (float(each.text) if each.kind == "number" else each.text for each in (left, right))
        order = (one > other) - (one < other)  # type: ignore[operator]
        return {
            "eq": order == 0,
            "ne": order != 0,
            "gt": order > 0,
            "ge": order >= 0,
            "lt": order < 0,
            "le": order <= 0,
        }[operator]

    def _within(self, left: Expression, items: tuple[Literal, ...], at: int) -> Condition:
        operand = self.operand(left)
        kind = self.kind(left)
        values = tuple(self.value(item, kind) for item in items if item.kind != "null")
        parts: list[Condition] = []
        if values and isinstance(operand, Path):
            parts.append(Compare(operand, "in", values))
        else:
            parts += [Computed(operand, "=", value, at, self.origin) for value in values]
        if len(values) < len(items):
            parts.append(self._null(operand, at))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _lambda(self, node: Lambda) -> Condition:
        names = self._start(node.member)
        each, way = self.start, list[str]()
        for index, (name, at) in enumerate(names):
            navigation = each.navigations.get(name)
            if navigation is None:
                listed = each.properties.get(name)
                if listed is not None and listed.collection and index == len(names) - 1:
                    return self._listed(node, Path((*way, *listed.path), node.member.at, self.origin), listed)
                raise self.unknown(each, name, at)
            way.append(navigation.relation.name)
            each = entity_sets()[navigation.target]
        if not way:
            raise self.wrong(
                node.at, f"`{node.word}` stands behind a list", "Write WorkItems/any(w:w/Points gt 3)."
            )
        last = self._last(names)
        if not last:
            raise self.wrong(
                node.at, f"`{names[-1][0]}` is one row, no list", f"Write {node.member.text}/Key eq 'A'."
            )
        path = Path(tuple(way), node.member.at, self.origin)
        if node.body is None:
            return Some(path, None)
        outer = (*self.outer, self.variable) if self.variable else self.outer
        inner = replace(self, start=each, variable=node.variable, outer=outer, top=self.top or self.start)
        if node.word == "any":
            return Some(path, inner.condition(node.body))
        return Not(Some(path, Not(inner.condition(node.body))))

    def _last(self, names: tuple[tuple[str, int], ...]) -> bool:
        """Whether a path over navigation ends at a list."""
        each, many = self.start, False
        for name, _ in names:
            navigation = each.navigations[name]
            many = navigation.relation.many
            each = entity_sets()[navigation.target]
        return many

    def _listed(self, node: Lambda, path: Path, listed: Property) -> Condition:
        """A list of texts or ids: one of them is, or is one of, some value."""
        if node.body is None:
            return Not(Compare(path, "null", ()))
        kind = Kind.TEXT if listed.kind is Kind.TEXTS else Kind.ID
        found: tuple[Literal, ...] = ()
        match node.body:
            case Binary("eq", Member(((name, _),), False), Literal() as value) if name == node.variable:
                found = (value,)
            case Binary("eq", Literal() as value, Member(((name, _),), False)) if name == node.variable:
                found = (value,)
            case Within(Member(((name, _),), False), items) if name == node.variable:
                found = items
        if not found or node.word == "all" or any(value.kind == "null" for value in found):
            raise self.lacking(
                node.at, f"of a list of values anything but {node.member.text}/any(x:x eq 'a')"
            )
        values = tuple(self.value(value, kind) for value in found)
        return Compare(path, "=" if len(values) == 1 else "in", values)

    def operand(self, node: Expression, wanted: Kind | None = None) -> ast.Operand:
        """What is compared; a value is to be of the kind that is `wanted`."""
        match node:
            case Member():
                return self.path(node)[0]
            case Literal():
                return self.value(node, wanted)
            case Minus(Literal("number", text, at)):
                return Value("number", text[1:] if text[0] == "-" else f"-{text.lstrip('+')}", at)
            case Minus(part, at):
                return ast.Call("negative", (self.operand(part, Kind.NUMBER),), at, self.origin, "-")
            case Binary(operator, left, right, at) if operator in (*SUMS, *PRODUCTS):
                whole = operator == "div" and self.kind(left) is self.kind(right) is Kind.INTEGER
                name = "divide_whole" if whole else _ARITHMETIC[operator]
                sides = tuple(self.operand(self._number(side), Kind.NUMBER) for side in (left, right))
                return ast.Call(name, sides, at, self.origin, operator)
            case Call("now", ()):
                return Value("now", "", node.at)
            case Call():
                return self._call(node)
        raise self.lacking(node.at, "a condition as a value")

    def _number(self, node: Expression) -> Expression:
        kind = self.kind(node)
        if kind in (Kind.DATE, Kind.INSTANT):
            raise self.lacking(node.at, "arithmetic with dates", "Compare with a date: DueOn lt 2026-11-30.")
        return node

    def _call(self, node: Call) -> ast.Operand:
        name = _FUNCTIONS.get(node.name)
        if name is None:
            known = (*_FUNCTIONS, "now")
            raise NameUnknown(
                f"there is no function `{node.name[:60]}`",
                position=node.at, parameter=self.origin.parameter, text=self.origin.text,
                hint=did_you_mean(node.name, known) or f"There are {', '.join(known)}.",
            )  # fmt: skip
        if name == "substring" and len(node.arguments) == 3:
            name = "substring_of"
        takes = FUNCTIONS[name].takes
        if len(takes) != len(node.arguments):
            raise self.wrong(
                node.at, f"`{node.name}` takes {len(takes)} argument{'' if len(takes) == 1 else 's'}"
            )
        arguments = []
        for argument, kinds in zip(node.arguments, takes, strict=True):
            given = self.kind(argument)
            if given is not None and given not in kinds:
                raise self.wrong(argument.at, f"`{node.name}` takes {' or '.join(kinds)} here, not {given}")
            arguments.append(self.operand(argument, given or kinds[0]))
        return ast.Call(name, tuple(arguments), node.at, self.origin, node.text)

    def value(self, literal: Literal, wanted: Kind | None) -> Value:
        """A literal, where something of this kind is expected."""
        if literal.kind == "null":
            raise self.lacking(literal.at, "null as a value", "Write eq null or ne null.")
        if wanted is not None:
            kind, hint = _WRITTEN.get(wanted, ("", ""))
            # A day is also an instant: its beginning.
            if literal.kind != kind and not (wanted is Kind.INSTANT and literal.kind == "date"):
                raise self.wrong(literal.at, f"{wanted} is expected here, not {literal.kind}", hint)
        text = literal.text
        if literal.kind == "instant":
            text = text.replace(" ", "+").upper()
            head, point, tail = text.partition(".")
            digits = tail.rstrip("Z") if tail.endswith("Z") else tail[: max(tail.find("+"), tail.find("-"))]
            if point and len(digits) > 6:
                text = head + point + digits[:6] + tail[len(digits) :]
        kind_of = {"boolean": "boolean", "number": "number", "text": "text"}.get(literal.kind, literal.kind)
        return Value(kind_of, text, literal.at)  # type: ignore[arg-type]

    def kind(self, node: Expression) -> Kind | None:
        """What comes of an expression; None of null."""
        match node:
            case Member():
                return self.path(node)[1]
            case Literal("number", text):
                return Kind.NUMBER if "." in text else Kind.INTEGER
            case Literal(kind):
                return _KINDS.get(kind)
            case Minus(part):
                return self.kind(part)
            case Binary(operator, left, right) if operator in (*SUMS, *PRODUCTS):
                whole = self.kind(left) is self.kind(right) is Kind.INTEGER and operator != "divby"
                return Kind.INTEGER if whole else Kind.NUMBER
            case Call("now"):
                return Kind.INSTANT
            case Call(name):
                known = _FUNCTIONS.get(name)
                return FUNCTIONS[known].gives if known else None
        return Kind.BOOLEAN


def _joined(kind: type[Every] | type[Either], parts: tuple[Condition, ...]) -> Condition:
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return kind(tuple(flat))


def _unless(negated: bool, condition: Condition) -> Condition:
    return Not(condition) if negated else condition


def _is_condition(node: Expression) -> bool:
    match node:
        case Negation() | Lambda() | Within():
            return True
        case Binary(operator):
            return operator in (*COMPARISONS, "and", "or")
    return False
