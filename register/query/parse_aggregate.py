"""`project.key,month:start_of_month(due_on)` and `n:count(),hours:sum(remaining_hours)`: what an aggregate groups by,
and what it works out of each group.

    keys     := key ("," key)*
    key      := [name ":"] (path | call)
    measures := measure ("," measure)*
    measure  := [name ":"] function "(" [operand | condition] ")"

Without a name, a key is called as it is written and a measure by its function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from register.query.ast import Measure, Named, Origin
from register.query.parse_filter import MAX_ALIAS, Reader
from register.query.tokens import Token

_T = TypeVar("_T")


def parse_keys(text: str, origin: Origin | None = None) -> tuple[Named, ...]:
    """What to group by. Raises QueryInvalid at the character that cannot be understood."""
    return _Lists(text, origin or Origin("group_by", text)).keys()


def parse_measures(text: str, origin: Origin | None = None) -> tuple[Measure, ...]:
    """What to work out. Raises QueryInvalid at the character that cannot be understood."""
    return _Lists(text, origin or Origin("measures", text)).measures()


class _Lists(Reader):
    def keys(self) -> tuple[Named, ...]:
        return tuple(self._listed(self._key))

    def measures(self) -> tuple[Measure, ...]:
        return tuple(self._listed(self._measure))

    def _listed(self, read: Callable[[], _T]) -> Iterator[_T]:
        if self._token.kind == "end":
            return
        yield read()
        while self._token.text == ",":
            self._advance()
            yield read()
        if self._token.kind != "end":
            self._fail(f"{self._shown()} is not expected here", "Write commas between.")

    def _name(self) -> tuple[Token, Token | None]:
        """A name and, where a colon follows, the name behind it."""
        if self._token.kind != "name":
            self._fail(f"a name is expected, not {self._shown()}", "")
        first = self._advance()
        if self._token.text != ":":
            return first, None
        if "." in first.text or len(first.text) > MAX_ALIAS:
            self._fail(
                f"{first.text[:70]!r} cannot be a name in the answer",
                f"At most {MAX_ALIAS} characters, no dot.",
            )
        self._advance()
        if self._token.kind != "name":
            self._fail(f"a field or function is expected, not {self._shown()}", "")
        return first, self._advance()

    def _key(self) -> Named:
        first, second = self._name()
        head = second or first
        operand = self._call(head) if self._token.text == "(" else self._path(head)
        name = first.text if second else operand.text
        return Named(name, operand, self._origin.at(first.at), self._origin)

    def _measure(self) -> Measure:
        self._count()
        first, second = self._name()
        head = second or first
        if self._token.text != "(":
            self._fail(
                f"`(` is expected, not {self._shown()}", "Write n:count() or hours:sum(remaining_hours)."
            )
        self._advance()
        operand = condition = None
        if self._token.text != ")":
            if head.word == "count_if":
                condition = self._or()
            else:
                operand = self._operand()
        self._expect(")")
        name = first.text if second else head.word
        return Measure(name, head.word, operand, condition, self._origin.at(first.at), self._origin)
