"""The currency of a row, by its code; also where its amounts name it in their own cells: `EUR 100`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mapping.errors import FieldUnmapped
from mapping.numbers import code_of, currency_of, is_code, may_be_one
from mapping.rules import FieldRule
from portbook.text import shown


class Refused(NamedTuple):
    """An amount that is not in the currency of its row."""

    rule: FieldRule
    value: Any
    problem: FieldUnmapped


def settle_currency(
    amounts: Sequence[FieldRule], element: Any, record: Any, values: dict[str, Any]
) -> list[Refused]:
    """Give the row the currency that its amounts name, where nothing else says it, and take from it those that name
    another. `$` is one of many: it names none, and is refused only where the row's cannot be it.

    What is one currency however it is written becomes its code: amounts are added up where the text is the same."""
    given = values.get("currency")
    if isinstance(given, str):
        given = values["currency"] = code_of(given) or given
    named = []
    for rule in amounts:
        value = _written(rule, element, record) if rule.column in values else None
        if (currency := currency_of(value)) is not None:
            named.append((rule, value, currency))
    if not named:
        return []
    if given is None:
        ours = next((currency for *_, currency in named if is_code(currency)), named[0][2])
        if is_code(ours):
            values["currency"] = ours
    else:
        ours = given if is_code(given) else currency_of(given) or ""
    refused = []
    for rule, value, currency in named:
        # What the row calls its currency may be a word that we do not know: `Thaler`.
        if ours and not may_be_one(ours, currency):
            del values[rule.column]
            refused.append(Refused(rule, value, _of_another(rule, value, given or ours)))
    return refused


def _written(rule: FieldRule, element: Any, record: Any) -> Any:
    assert rule.place is not None
    found = rule.place.find(element, record)
    return found.get(rule.place.member) if isinstance(found, dict) else None


def _of_another(rule: FieldRule, value: Any, currency: str) -> FieldUnmapped:
    return FieldUnmapped(
        f"{rule.name} {shown(value)[:80]!r} is not in the currency of the row, {currency[:20]}",
        detail=rule.where,
        hint="Write all amounts of a row in one currency, or mend its currency.",
    )
