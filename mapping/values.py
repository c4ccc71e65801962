"""What a tool says in one place × the rule of a field → what the register holds there, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mapping.errors import FieldUnmapped, ValueUnknown
from mapping.locale import Locale
from mapping.rules import FieldRule
from mapping.verbs import VERBS, Verb
from portbook.text import shown

DeriveId = Callable[[str, str], str]
"""(stream, source id) → the id in the register. Handed in, since ids belong to the register."""
Convert = Callable[[Any, Locale], Any]
"""(value, locale) → result or None; raises one of UNCONVERTIBLE."""
MEMO_SIZE = 5_000
ANY_OTHER = "*"
"""In a lookup, every word that has no line of its own."""
UNCONVERTIBLE = (FieldUnmapped, ValueError, TypeError, OverflowError, AttributeError)


def converter(rule: FieldRule) -> Convert:
    """How the field is read: by its lookup, else by its verb, and held to the words that it may have."""
    if rule.in_turn:
        return _in_turn(rule)
    if rule.lookup is not None:
        return _looked_up(rule, rule.lookup, rule.lookup_name)
    verb: Verb = VERBS[rule.verb]
    if not rule.choices:
        return verb
    choices = rule.choices

    def chosen(value: Any, locale: Locale) -> Any:
        result = verb(value, locale)
        if result is not None and result not in choices:
            raise ValueUnknown(
                f"{rule.name} {str(result)[:80]!r} is none of {', '.join(choices)}",
                detail=rule.where,
                hint="Use a `lookup` that turns the tool's words into these.",
            )
        return result

    return chosen


def keyed_by_rows(convert: Convert, derive_id: DeriveId, stream: str) -> Convert:
    """The object under the ids of the rows that its keys name."""

    def keyed(value: Any, locale: Locale) -> Any:
        result = convert(value, locale)
        if not isinstance(result, dict):
            raise ValueError("not an object whose keys could name rows")
        return {derive_id(stream, key): item for key, item in result.items()}

    return keyed


def _in_turn(rule: FieldRule) -> Convert:
    """Each word by its own lookup; the first that gives something counts, and one that is unknown is told."""
    tables = [_looked_up(rule, table, name) for name, table in rule.in_turn]

    def look_up(value: Any, locale: Locale) -> Any:
        if not isinstance(value, list) or len(value) != len(tables):
            raise ValueError(f"{len(tables)} lookups need a list of as many words")
        unknown: ValueUnknown | None = None
        for word, table in zip(value, tables, strict=True):
            try:
                result = None if word is None else table(word, locale)
            except ValueUnknown as error:
                if unknown is None:
                    unknown, error.word = error, word
                continue
            if result is None:
                continue
            if unknown is None:
                return result
            unknown.instead = result
            break
        if unknown is not None:
            raise unknown
        return None

    return look_up


def _looked_up(rule: FieldRule, table: Mapping[str, Any], name: str) -> Convert:
    memo: dict[str, Any] = {}  # a tool's words are few and come again and again

    def look_up(value: Any, locale: Locale) -> Any:
        if type(value) is str and value in memo:
            return memo[value]
        if isinstance(value, (list, dict)):
            raise ValueError("a lookup needs a word")
        word = str(value).strip()
        if not word:
            return None
        if word.casefold() not in table and ANY_OTHER not in table:
            raise ValueUnknown(
                f"{rule.name} {word[:80]!r} is not in lookup {name!r}",
                detail=rule.where,
                hint="Add it to the lookup in a mapping file"
                + (f"; the register's words are {', '.join(rule.choices)}." if rule.choices else "."),
            )
        result = table.get(word.casefold(), table.get(ANY_OTHER))
        if type(value) is str and len(memo) < MEMO_SIZE:
            memo[value] = result
        return result

    return look_up


def problem_of(rule: FieldRule, value: Any, error: Exception) -> FieldUnmapped:
    if isinstance(error, FieldUnmapped):
        return error
    said = (
        f": {value['error']}"  # a cell, whose error is all that there is to say
        if isinstance(value, dict) and value.keys() == {"error"}
        else f" from {shown(value)[:80]!r}: {error}"
    )
    return FieldUnmapped(
        f"{rule.name} cannot be read{said}",
        detail=rule.where,
        hint="Mend the value in the tool, or change `as:` in the mapping.",
    )
