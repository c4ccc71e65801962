"""`Status eq 'open' and Milestones/any(m:m/SlipDays gt 10)` → an expression. Also what `$orderby` is made of.

    or       := and ("or" and)*                        compare := sum [("eq" | "ne" | …) sum | "in" list]
    and      := compare ("and" compare)*               sum     := product (("add" | "sub") product)*
    unary    := "-" unary | "not" not | primary        product := unary (("mul" | "div" | "divby" | "mod") unary)*
    not      := "not" not | primary ["in" list]
    primary  := "(" or ")" | literal | function "(" … ")" | path
    path     := name ("/" name)* ["/" ("any" | "all") "(" [variable ":" or] ")" | "/$count"]

What OData has beyond that is told apart from what is wrong: the one is NotSupported, the other QueryInvalid. Limits are
enforced while reading, so that hostile text is refused quickly.
"""

from __future__ import annotations

from typing import NoReturn

from gateway.odata.errors import NotSupported
from gateway.odata.syntax import (
    COMPARISONS,
    PRODUCTS,
    SUMS,
    TOKEN,
    Binary,
    Call,
    Expression,
    Kind,
    Lambda,
    Literal,
    Member,
    Minus,
    Negation,
    Within,
)
from register.query.ast import MAX_VALUES, Origin
from register.query.tokens import Token, TokenReader

_LITERALS: dict[str, Kind] = {
    "text": "text",
    "number": "number",
    "date": "date",
    "instant": "instant",
    "id": "id",
}
_LACKING = {
    "cast": "casts", "isof": "types of rows", "geo.distance": "places", "geo.length": "places",
    "geo.intersects": "places", "case": "`case`", "matchesPattern": "patterns", "matchespattern": "patterns",
    "hassubset": "ordered collections", "hassubsequence": "ordered collections",
    "time": "times of day", "fractionalseconds": "fractions of a second", "totalseconds": "durations",
    "totaloffsetminutes": "zones: all instants are UTC", "mindatetime": "`mindatetime`", "maxdatetime": "`maxdatetime`",
}  # fmt: skip


def parse_expression(text: str, origin: Origin) -> Expression:
    """Raises QueryInvalid at the character that cannot be understood, NotSupported at what is not supported."""
    return _Reader(text, origin).whole()


class _Reader(TokenReader):
    """Recursive descent over the tokens."""

    pattern, blank = TOKEN, " \t"
    noun, counted = "the expression", "comparisons and functions"

    def whole(self) -> Expression:
        found = self._or()
        if self._token.kind != "end":
            self._fail(f"{self._shown()} is not expected here", "Join two conditions with `and` or `or`.")
        return found

    def _or(self) -> Expression:
        with self._deeper():
            left = self._and()
            while self._token.word == "or":
                self._count()
                at = self._advance().at
                left = Binary("or", left, self._and(), self._at(at))
        return left

    def _and(self) -> Expression:
        left = self._compare()
        while self._token.word == "and":
            self._count()
            at = self._advance().at
            left = Binary("and", left, self._compare(), self._at(at))
        return left

    def _compare(self) -> Expression:
        left = self._sum()
        while True:
            word = self._token.word
            if word in COMPARISONS:
                self._count()
                at = self._advance().at
                left = Binary(word, left, self._sum(), self._at(at))
            elif word == "has":
                self._lack("`has`: no property is a set of flags")
            elif word == "in":
                left = self._within(left)
            else:
                return left

    def _within(self, left: Expression) -> Expression:
        self._count()
        at = self._advance().at
        return Within(left, self._list(), self._at(at))

    def _sum(self) -> Expression:
        left = self._product()
        while self._token.word in SUMS:
            self._count()
            token = self._advance()
            left = Binary(token.word, left, self._product(), self._at(token.at))
        return left

    def _product(self) -> Expression:
        left = self._unary()
        while self._token.word in PRODUCTS:
            self._count()
            token = self._advance()
            left = Binary(token.word, left, self._unary(), self._at(token.at))
        return left

    def _unary(self) -> Expression:
        if self._token.text == "-":
            at = self._advance().at
            with self._deeper():
                part = self._unary()
            return Minus(part, self._at(at))
        if self._is_not():
            return self._not()
        return self._primary()

    def _is_not(self) -> bool:
        return self._token.word == "not" and self._ahead() not in ("/", ",")

    def _not(self) -> Expression:
        """It binds as tightly as a minus: `not A eq B` is `(not A) eq B`. Only `in` and functions bind tighter."""
        found = []
        while self._is_not():
            found.append(self._advance().at)
        part = self._primary()
        if self._token.word == "in":
            part = self._within(part)
        # Two of them are none, of null too.
        return Negation(part, self._at(found[0])) if len(found) % 2 else part

    def _primary(self) -> Expression:
        token = self._token
        if token.text == "(":
            self._advance()
            inner = self._or()
            self._expect(")")
            return inner
        if token.kind == "typed":
            self._lack(f"the literal `{token.text[:40]}`")
        if token.kind == "time":
            self._lack("times of day")
        literal = self._literal()
        if literal is not None:
            return literal
        if token.kind != "name":
            self._fail(
                f"a property, a value or a function is expected, not {self._shown()}",
                "Text goes in single quotes, doubled inside: 'it''s'.",
            )
        if token.text[0] == "@":
            self._lack("parameter aliases")
        if token.text in ("$root", "$this"):
            self._lack(f"`{token.text}`")
        if self._ahead() == "(":
            return self._call(self._advance())
        return self._path()

    def _literal(self) -> Literal | None:
        token = self._token
        at = self._at(token.at)
        if token.kind == "number" and token.text.endswith("INF"):
            self._lack("infinity")
        kind = _LITERALS.get(token.kind)
        if kind is not None:
            self._advance()
            text = token.text[1:-1].replace("''", "'") if kind == "text" else token.text
            return Literal(kind, _plain(text) if kind == "number" else text, at)
        if token.kind == "name" and self._ahead() not in ("/", "("):
            if token.text in ("true", "false"):
                self._advance()
                return Literal("boolean", token.text, at)
            if token.text == "null":
                self._advance()
                return Literal("null", "null", at)
            if token.text in ("NaN", "INF"):
                self._lack(f"`{token.text}`")
        return None

    def _call(self, head: Token) -> Call:
        self._count()
        if head.text in _LACKING:
            self._lack(_LACKING[head.text], head)
        if "." in head.text:
            self._lack(f"the function `{head.text[:60]}`", head)
        self._expect("(")
        found: list[Expression] = []
        with self._deeper():
            while self._token.text != ")":
                if found:
                    self._expect(",")
                found.append(self._or())
                if self._token.text == "=":
                    self._lack("functions with named parameters and rows by key inside an expression", head)
        end = self._token.at + 1
        self._advance()
        if self._token.text == "/":
            self._lack("a path behind a function")
        return Call(head.text.lower(), tuple(found), self._at(head.at), self._text[head.at : end])

    def _path(self) -> Expression:
        names: list[tuple[str, int]] = []
        while True:
            token = self._token
            if token.kind != "name":
                self._fail(f"a name is expected, not {self._shown()}", "")
            if "." in token.text:
                self._lack(f"casts such as `{token.text[:60]}`")
            if token.text == "$count":
                self._advance()
                if not names:
                    self._fail("`$count` stands behind a list", "Write WorkItems/$count gt 5.", token)
                if self._token.text == "(":
                    self._lack("`$count` with a filter inside")
                return Member(tuple(names), count=True)
            if token.text in ("any", "all") and names and self._ahead() == "(":
                return self._lambda(Member(tuple(names)))
            if token.text in ("$filter", "$ref", "$value", "$each"):
                self._lack(f"`{token.text}` inside an expression")
            if token.text[0] == "@":
                self._lack("annotations")
            if token.text[0] == "$" and (names or token.text != "$it"):
                self._fail(f"{self._shown()} is not understood here", "")
            self._advance()
            names.append((token.text, self._at(token.at)))
            if self._token.text == "(":
                self._lack("rows by key inside an expression")
            if self._token.text != "/":
                return Member(tuple(names))
            self._advance()

    def _lambda(self, member: Member) -> Lambda:
        self._count()
        head = self._advance()
        self._expect("(")
        variable, body = "", None
        if self._token.text != ")":
            if self._token.kind != "name" or self._ahead() != ":":
                self._fail("a variable and a colon are expected", f"Write {member.text}/any(x:x/Key eq 'A').")
            variable = self._advance().text
            self._advance()
            with self._deeper():
                body = self._or()
        elif head.text == "all":
            self._fail("`all` takes a condition", f"Write {member.text}/all(x:x/Key ne 'A').")
        self._expect(")")
        word = "any" if head.text == "any" else "all"
        return Lambda(member, word, variable, body, self._at(head.at))  # type: ignore[arg-type]

    def _list(self) -> tuple[Literal, ...]:
        if self._token.text != "(":
            self._lack("`in` with anything but a list of values")
        self._advance()
        found: list[Literal] = []
        while True:
            if self._token.kind in ("typed", "time"):
                self._lack(f"the literal `{self._token.text[:40]}`")
            literal = self._literal()
            if literal is None and (self._token.kind == "name" or self._token.text == ")"):
                self._lack("`in` with anything but a list of values")
            if literal is None:
                self._fail(f"a value is expected, not {self._shown()}", "")
            found.append(literal)
            if len(found) > MAX_VALUES:
                self._too_large(f"the list has more than {MAX_VALUES:,} values")
            if self._token.text != ",":
                break
            self._advance()
        self._expect(")")
        return tuple(found)

    def _lack(self, what: str, token: Token | None = None) -> NoReturn:
        raise self._wrong(NotSupported, f"not supported: {what}", "docs/odata.md lists what is.", token)

    def _unreadable(self, character: str) -> NoReturn:
        if character in ("{", "[", '"'):
            self._lack("JSON inside an expression")
        super()._unreadable(character)


def _plain(text: str) -> str:
    """A number without an exponent."""
    digits, _, exponent = text.lower().partition("e")
    if not exponent:
        return text
    sign = digits[0] if digits[0] in "+-" else ""
    whole, _, fraction = digits.lstrip("+-").partition(".")
    places, moved = whole + fraction, len(whole) + int(exponent)
    if moved <= 0:
        return f"{sign}0.{'0' * -moved}{places}"
    if moved >= len(places):
        return sign + places + "0" * (moved - len(places))
    return f"{sign}{places[:moved]}.{places[moved:]}"
