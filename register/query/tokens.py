"""Walking over the tokens of a text: what the parsers of all our grammars share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple, NoReturn

from register.errors import QueryInvalid
from register.query.ast import MAX_COMPARISONS, MAX_TEXT, Origin
from register.query.errors import QueryTooLarge

MAX_NESTING = 40


class Token(NamedTuple):
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """A name, in small letters; of anything else nothing."""
        return self.text.lower() if self.kind == "name" else ""


def check_text(text: str, origin: Origin) -> None:
    """Refuse what no parser should see: too long, or characters that PostgreSQL cannot hold."""
    if len(text) > MAX_TEXT:
        raise QueryTooLarge(
            f"`{origin.parameter}` has {len(text):,} characters; {MAX_TEXT:,} are allowed",
            position=origin.at(MAX_TEXT),
            parameter=origin.parameter,
        )
    for position, character in enumerate(text) if not text.isprintable() else ():
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise QueryInvalid(
                f"`{origin.parameter}` holds a character that no text in the register can hold",
                position=origin.at(position),
                parameter=origin.parameter,
            )


class TokenReader:
    """Stands at one token of a text, for a parser by recursive descent. Failures point at that token; how deep the
    parser may go and how much it may read is bounded, so that hostile text is refused quickly."""

    pattern: ClassVar[re.Pattern[str]]
    """A token, with white space in front; the group that matched is its kind. `end` matches at the end."""
    blank: ClassVar[str | None] = None
    """The white space of the pattern; None: all that there is."""
    noun: ClassVar[str]
    """What is read: `the filter`."""
    counted: ClassVar[str]
    """What is counted: `comparisons`."""

    def __init__(self, text: str, origin: Origin) -> None:
        check_text(text, origin)
        self._text = text
        self._origin = origin
        self._next = 0
        self._terms = 0
        self._depth = 0
        self._token = self._read()

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._too_large(f"{self.noun} is nested deeper than {MAX_NESTING} levels")
        yield
        self._depth -= 1

    def _count(self) -> None:
        self._terms += 1
        if self._terms > MAX_COMPARISONS:
            self._too_large(f"{self.noun} has more than {MAX_COMPARISONS} {self.counted}")

    def _accept(self, word: str) -> bool:
        if self._token.word != word:
            return False
        self._advance()
        return True

    def _expect(self, mark: str) -> None:
        if self._token.text != mark:
            self._fail(f"`{mark}` is expected, not {self._shown()}", "")
        self._advance()

    def _ahead(self) -> str:
        """The character behind the token."""
        return self._text[self._next :].lstrip()[:1]

    def _advance(self) -> Token:
        token = self._token
        self._token = self._read()
        return token

    def _read(self) -> Token:
        match = self.pattern.match(self._text, self._next)
        if match is None:
            rest = self._text[self._next :]
            start = self._next + len(rest) - len(rest.lstrip(self.blank))
            self._token = Token("unknown", self._text[start : start + 1], start)
            self._unreadable(self._token.text)
        kind = match.lastgroup or ""
        self._next = match.end()
        return Token(kind, match.group(kind), match.start(kind))

    def _unreadable(self, character: str) -> NoReturn:
        """No token begins with this character."""
        if character == "'":
            self._fail("the text that starts here does not end", "Close it with a single quote.")
        self._fail(f"{self._shown()} is not understood here", "")

    def _at(self, at: int) -> int:
        """A place in the text, as a place in the request."""
        return self._origin.at(at)

    def _shown(self) -> str:
        return "the end" if self._token.kind == "end" else f"`{self._token.text[:40]}`"

    def _fail(self, message: str, hint: str, token: Token | None = None) -> NoReturn:
        raise self._wrong(QueryInvalid, message, hint, token)

    def _too_large(self, message: str) -> NoReturn:
        raise self._wrong(QueryTooLarge, message)

    def _wrong(
        self, kind: type[QueryInvalid], message: str, hint: str = "", token: Token | None = None
    ) -> QueryInvalid:
        return kind(
            message,
            position=self._at((token or self._token).at),
            parameter=self._origin.parameter,
            text=self._origin.text,
            hint=hint,
        )
