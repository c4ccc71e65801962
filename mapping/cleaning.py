"""Values that no register can hold: texts with NUL, keys that no index takes."""

from __future__ import annotations

from typing import Any

from mapping.errors import FieldUnmapped, TextRepaired
from mapping.rules import FieldRule
from mapping.verbs import NUL_REPLACEMENT

KEY_MOST = 500
"""Characters of a key. The register looks rows up by it, and PostgreSQL refuses index entries above 2,704 bytes: one
such row would stop its whole page, at every run."""


def key_too_long(rule: FieldRule, key: str) -> FieldUnmapped:
    return FieldUnmapped(
        f"{rule.name} has {len(key):,} characters, more than the {KEY_MOST} a key may have: {key[:40]!r} …",
        detail=rule.where,
        hint="Give the record a short key in the tool; until then it is shown without one.",
    )


def nul_replaced(rule: FieldRule) -> TextRepaired:
    return TextRepaired(
        f"{rule.name} holds NUL characters; each is shown as {NUL_REPLACEMENT}",
        detail=rule.where,
        hint="Retype the text in the tool; the record as sent is kept.",
    )


def without_nul(value: Any) -> Any:
    """`value` itself when it holds no NUL, else a copy with each NUL replaced."""
    kind = type(value)
    if kind is str:
        return value.replace("\x00", NUL_REPLACEMENT) if "\x00" in value else value
    if kind is list:
        parts = [without_nul(part) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
    if kind is dict:
        pairs = [(without_nul(k), without_nul(v)) for k, v in value.items()]
        same = all(k is a and v is b for (k, v), (a, b) in zip(pairs, value.items(), strict=True))
        return value if same else dict(pairs)
    return value
