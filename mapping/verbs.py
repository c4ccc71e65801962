"""The closed list of what `as:` can say. Each turns a tool's value into JSON the register understands.

Dates come out as `2026-11-22`, instants as UTC `2026-11-22T08:00:00+00:00`, numbers as int or float, lists as lists
of text. Every function raises ValueError, with a reason for a person, where the value will not do; none of them
guesses. `docs/mapping.md` shows an example of each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mapping.dates import instant, iso_date
from mapping.kinds import kind_of
from mapping.locale import Locale
from mapping.numbers import fraction, hours, integer, money, number, percent, seconds
from mapping.richtext import adf_text, html_text
from portbook.text import normal_key

NUL_REPLACEMENT = "�"


Verb = Callable[[Any, Locale], Any]


def text(value: Any, locale: Locale) -> str | None:
    """Text as it is, trimmed; numbers and booleans as people write them. Empty text is nothing."""
    if type(value) is str:
        return value.strip() or None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, dict):
        for key in ("value", "name", "displayName"):
            if isinstance(value.get(key), str):
                return text(value[key], locale)
    raise ValueError(f"{kind_of(value)} is not text")


def line(value: Any, locale: Locale) -> str | None:
    """Text with every run of white space made one space."""
    found = text(value, locale)
    return " ".join(found.split()) or None if found else None


_YES = {"yes", "y", "true", "1", "x", "ja", "oui", "si", "✓", "✔"}
_NO = {"no", "n", "false", "0", "nein", "non", ""}


def boolean(value: Any, locale: Locale) -> bool:
    if isinstance(value, bool):
        return value
    written = normal_key(_single(value))
    if written in _YES:
        return True
    if written in _NO:
        return False
    raise ValueError("neither yes nor no")


def texts(value: Any, locale: Locale) -> list[str] | None:
    """A list of text; one text is split at semicolons, else at line breaks, else at commas."""
    if isinstance(value, str):
        # The strongest sign decides: `Smith, John; Doe, Jane` are two.
        at = ";" if ";" in value else "\n" if "\n" in value.strip() else ","
        value = [part.strip().removesuffix(",") for part in re.split(f"[{at}\n]", value)]
    if not isinstance(value, list):
        raise ValueError(f"{kind_of(value)} is not a list")
    if not value:
        return None
    return [found for found in (text(part, locale) for part in value if part is not None) if found] or None


_RAG = {
    "red": "red r rot rouge 🔴 high 1",
    "amber": "amber a yellow y orange gelb 🟡 🟠 medium 2",
    "green": "green g grün gruen vert 🟢 low 3 on-track",
    "blue": "blue b complete completed done closed 🔵",
    "grey": "grey gray n/a na none not-started ⚪",
}
_RAG_WORDS = {word: colour for colour, words in _RAG.items() for word in words.split()}


def rag(value: Any, locale: Locale) -> str | None:
    """Red, amber, green, blue (complete) or grey (not started), from a word, letter or coloured sign."""
    written = normal_key(_single(value)).replace(" ", "-")
    if not written:
        return None
    if written not in _RAG_WORDS:
        raise ValueError("not a RAG colour")
    return _RAG_WORDS[written]


_SCALE5 = {
    "vl": 1,
    "very low": 1,
    "l": 2,
    "low": 2,
    "m": 3,
    "medium": 3,
    "h": 4,
    "high": 4,
    "vh": 5,
    "very high": 5,
}


def scale5(value: Any, locale: Locale) -> int | None:
    """1 to 5, from a number or from very low … very high."""
    if isinstance(value, str) and (found := _SCALE5.get(normal_key(value))):
        return found
    if isinstance(value, str):
        value, *rest = re.split(r"[\s\-–(:]+", value.strip(), maxsplit=1)
        if rest and rest[0][:1].isdigit():
            raise ValueError("two levels, not one")
    level = integer(value, locale)
    if level is not None and not 1 <= level <= 5:
        raise ValueError("not between 1 and 5")
    return level


def key(value: Any, locale: Locale) -> str | None:
    """The form in which typed keys are compared."""
    return normal_key(_single(value)) or None


_DEEPEST = 100


def json_value(value: Any, locale: Locale) -> Any:
    """The value as it is, down to a depth that every JSON library can write."""
    level = [value] if isinstance(value, (list, dict)) else []
    for _ in range(_DEEPEST):
        if not level:
            return value
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, (list, dict))
        ]
    raise ValueError(f"nested more than {_DEEPEST} levels deep")


VERBS: Mapping[str, Verb] = {
    "text": text,
    "line": line,
    "date": iso_date,
    "instant": instant,
    "number": number,
    "integer": integer,
    "percent": percent,
    "fraction": fraction,
    "money": money,
    "boolean": boolean,
    "hours": hours,
    "seconds": seconds,
    "list": texts,
    "rag": rag,
    "scale5": scale5,
    "adf": lambda value, locale: adf_text(value),
    "html": lambda value, locale: html_text(value),
    "key": key,
    "json": json_value,
}


def _single(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        raise ValueError(f"{kind_of(value)} is not a single value")
    return value
