"""`status = 'open' AND any(milestones, slip_days > 10)` → a condition. Also `-budget,key` → order terms.

    or       := and ("OR" and)*
    and      := not ("AND" not)*
    not      := "NOT"* primary
    primary  := "(" or ")" | ("any" | "none") "(" path ["," or] ")" | path test | call [test]
    test     := operator (value | path | call) | ["NOT"] "IN" "(" value ("," value)* ")" | "IS" ["NOT"] "NULL"
    call     := name "(" [operand ("," operand)*] ")"
    operand  := value | path | call
    operator := = != <> < <= > >= ~ | eq ne lt le gt ge
    value    := 'text' | number | true | false | null | today([±n d|w|m|y]) | now([±n h|d|w|m|y])

Words may be written in either case. Limits are enforced while reading, so that hostile text is refused quickly.
"""

from __future__ import annotations

import re
from typing import NoReturn

from register.errors import QueryInvalid
from register.query.ast import (
    MAX_VALUES,
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
    Some,
    Term,
    Value,
)
from register.query.tokens import Token, TokenReader, check_text

MAX_ALIAS = 60
"""Characters of a name in the answer: PostgreSQL cuts names at 63 bytes, and one cut short would be another."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<span>[+-]?\d{1,9}[hdwmyHDWMY]\b)
    | (?P<number>[+-]?\d{1,40}(?:\.\d{1,40})?(?![\w.]))
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<operator><=|>=|!=|<>|=|<|>|~)
    | (?P<mark>[(),:])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_OPERATORS: dict[str, Operator] = {
    "=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "~": "~",
    "eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
_CLOCKS = ("today", "now")
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


def parse_filter(text: str, origin: Origin | None = None) -> Condition:
    """The condition that `text` says. Raises QueryInvalid at the character that cannot be understood."""
    return Reader(text, origin or Origin("filter", text)).condition()


def parse_order(text: str, origin: Origin | None = None) -> tuple[Term, ...]:
    """`-budget,programme.key` → terms, the first counting most."""
    origin = origin or Origin("order", text)
    check_text(text, origin)
    terms = []
    at = 0
    for piece in text.split(","):
        word = piece.strip()
        start = at + len(piece) - len(piece.lstrip())
        name = word.lstrip("+-") if word[:2] not in ("--", "++", "+-", "-+") else word
        if not _PATH.fullmatch(name):
            raise QueryInvalid(
                f"{word[:60]!r} is not a field to order by",
                position=origin.at(start),
                parameter=origin.parameter,
                text=origin.text,
                hint="Write fields with commas between, a minus before those that go down: -budget,key.",
            )
        path = Path(tuple(name.split(".")), origin.at(start + len(word) - len(name)), origin)
        terms.append(Term(path, word.startswith("-")))
        at += len(piece) + 1
    return tuple(terms)


class Reader(TokenReader):
    """Recursive descent over the tokens."""

    pattern, noun, counted = _TOKEN, "the filter", "comparisons"

    def condition(self) -> Condition:
        found = self._or()
        if self._token.kind != "end":
            self._fail(f"{self._shown()} is not expected here", "Join two conditions with AND or OR.")
        return found

    def _or(self) -> Condition:
        with self._deeper():
            parts = [self._and()]
            while self._accept("or"):
                parts.append(self._and())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._accept("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _not(self) -> Condition:
        negated = False
        while self._accept("not"):
            negated = not negated
        part = self._primary()
        return Not(part) if negated else part

    def _primary(self) -> Condition:
        if self._token.text == "(":
            self._advance()
            inner = self._or()
            self._expect(")")
            return inner
        if self._token.kind != "name":
            self._fail(
                f"a field is expected, not {self._shown()}",
                "A condition starts with a field: status = 'open'.",
            )
        head = self._advance()
        if head.word in ("any", "none") and self._token.text == "(":
            return self._some(head)
        if self._token.text == "(":
            return self._computed(self._call(head))
        return self._test(self._path(head))

    def _call(self, head: Token) -> Call:
        """Behind the name of a function."""
        self._count()
        self._expect("(")
        found: list[Operand] = []
        with self._deeper():
            while self._token.text != ")":
                if found:
                    self._expect(",")
                found.append(self._operand())
        end = self._token.at + 1
        self._advance()
        at = self._at(head.at)
        return Call(head.word, tuple(found), at, self._origin, self._text[head.at : end])

    def _operand(self) -> Operand:
        if self._token.kind != "name" or self._token.word in (*_CLOCKS, "true", "false", "null"):
            return self._value()
        head = self._advance()
        return self._call(head) if self._token.text == "(" else self._path(head)

    def _computed(self, left: Path | Call) -> Condition:
        """Behind a call, or a path that is compared with one."""
        at = self._at(self._token.at)
        if self._accept("is"):
            negated = self._accept("not")
            if not self._accept("null"):
                self._fail(f"NULL is expected, not {self._shown()}", "Write IS NULL or IS NOT NULL.")
            return _negate(Computed(left, "null", None, at, self._origin), negated)
        negated = self._accept("not")
        if self._accept("in"):
            found = tuple(Computed(left, "=", value, at, self._origin) for value in self._list())
            return _negate(found[0] if len(found) == 1 else Either(found), negated)
        operator = _OPERATORS.get(self._token.word or self._token.text)
        if negated:
            self._fail(f"IN is expected, not {self._shown()}", "Write NOT IN (…).")
        if operator is None:
            # What is true or false is a condition by itself; the check refuses others.
            return Computed(left, "=", Value("boolean", "true", left.at), left.at, self._origin)
        if operator == "~":
            self._fail("`~` goes with a field", "Write contains(lower(title), 'pay').")
        self._advance()
        return Computed(left, operator, self._operand(), at, self._origin)

    def _some(self, head: Token) -> Condition:
        self._count()
        self._advance()
        if self._token.kind != "name":
            self._fail(
                f"a relation is expected, not {self._shown()}", "Write any(milestones, slip_days > 10)."
            )
        path = self._path(self._advance())
        inner = None
        if self._token.text == ",":
            self._advance()
            inner = self._or()
        self._expect(")")
        found = Some(path, inner)
        return found if head.word == "any" else Not(found)

    def _test(self, path: Path) -> Condition:
        self._count()
        token = self._token
        if token.word == "is":
            self._advance()
            negated = self._accept("not")
            if not self._accept("null"):
                self._fail(f"NULL is expected, not {self._shown()}", "Write IS NULL or IS NOT NULL.")
            return _negate(Compare(path, "null", ()), negated)
        negated = self._accept("not")
        if self._accept("in"):
            return _negate(Compare(path, "in", self._list()), negated)
        operator = _OPERATORS.get(self._token.word or self._token.text)
        if negated or operator is None:
            self._fail(
                f"an operator is expected after `{path.text}`, not {self._shown()}",
                "Use = != < <= > >= ~, IN (…) or IS NULL.",
            )
        self._advance()
        if operator in ("=", "!=") and self._accept("null"):
            return _negate(Compare(path, "null", ()), operator == "!=")
        if self._token.kind == "name" and self._token.word not in _CLOCKS and self._ahead() == "(":
            if operator == "~":
                self._fail("`~` takes a text", "Write contains(lower(title), …) for what is worked out.")
            return Computed(path, operator, self._operand(), self._at(token.at), self._origin)
        return Compare(path, operator, (self._value(or_field=True),))

    def _list(self) -> tuple[Value, ...]:
        self._expect("(")
        values = [self._value()]
        while self._token.text == ",":
            self._advance()
            if len(values) == MAX_VALUES:
                self._too_large(f"the list has more than {MAX_VALUES:,} values")
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self, *, or_field: bool = False) -> Value:  # noqa: RET503 - _fail never returns
        token = self._token
        at = self._at(token.at)
        if token.kind == "text":
            self._advance()
            return Value("text", token.text[1:-1].replace("''", "'"), at)
        if token.kind == "number":
            self._advance()
            return Value("number", token.text, at)
        if token.word in ("true", "false"):
            self._advance()
            return Value("boolean", token.word, at)
        if token.word in _CLOCKS:
            self._advance()
            self._expect("(")
            span = self._advance().text.lower() if self._token.kind == "span" else ""
            self._expect(")")
            return Value("today" if token.word == "today" else "now", span, at)
        if token.kind == "name" and token.word != "null" and or_field:
            self._advance()
            return Value("field", token.text, at)
        if token.kind == "name":
            self._fail(
                f"{self._shown()} is not a value",
                f"Put text in single quotes: '{token.text[:40]}'."
                if token.word != "null"
                else "Write IS NULL.",
            )
        self._fail(
            f"a value is expected, not {self._shown()}",
            "Text goes in single quotes, doubled inside: 'it''s'.",
        )

    def _unreadable(self, character: str) -> NoReturn:
        if character == '"':
            self._fail("a double quote is not understood here", "Text goes in single quotes: 'open'.")
        super()._unreadable(character)

    def _path(self, token: Token) -> Path:
        return Path(tuple(token.text.split(".")), self._at(token.at), self._origin)


def _negate(condition: Condition, negated: bool) -> Condition:
    return Not(condition) if negated else condition
