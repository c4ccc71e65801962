"""What a mapping says of each field, in words and with its line: kept with the register, for explanations."""

from __future__ import annotations

from typing import Any

from mapping.rules import FieldRule, MappingSet

Described = dict[str, dict[str, dict[str, list[str]]]]
"""Stream → entity → column (`custom.NAME` for a custom field) → [file:line, what the line says]."""


def describe(mapping: MappingSet) -> Described:
    """Every line that fills a field."""
    found: Described = {}
    for rule in mapping.rules:
        fields = found.setdefault(rule.stream, {}).setdefault(rule.into, {})
        inside = f" of each {rule.each}" if rule.each else ""
        for field in rule.fields.values():
            fields.setdefault(field.column, [field.where, says(field) + inside])
        for name, field in rule.custom.items():
            fields.setdefault(f"custom.{name}", [field.where, says(field) + inside])
    return found


def says(rule: FieldRule) -> str:
    """One line of a mapping: `from fields.duedate as date`."""
    words = [f"const {_shown(rule.const)}" if rule.path is None else f"from {rule.path}"]
    if rule.lookup_name:
        words.append(f"lookup {rule.lookup_name}")
    elif rule.ref is not None:
        words.append(f"ref {rule.ref}")
    elif rule.path is not None and rule.verb not in ("text", "json"):
        words.append(f"as {rule.verb}")
    if rule.default is not None:
        words.append(f"default {_shown(rule.default)}")
    if rule.only is not None:
        words.append(f"only {rule.only[0]} {_shown(rule.only[1])}")
    return " ".join(words)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
