"""What a mapping means, without its lines and comments: so that two versions of it can be held against each other.

A digest for each field of each rule, and one for whatever decides which rows there are. Where two digests are equal,
the same record says the same; what is not proved equal counts as different. The digests of a mapping are kept with the
register, since its files may be gone when it is compared with the next one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

from mapping.locale import Locale
from mapping.paths import resolved
from mapping.rules import FieldRule, MappingSet, Rule

Meaning = Mapping[str, Sequence[Mapping[str, Any]]]
"""Stream → its rules in order: `into`, `each`, `rows` (a digest of what decides which rows there are) and `fields`
(column, or `custom.NAME` → digest). JSON."""
_LIBRARIES = ("inscriptis", "jmespath", "lxml", "orjson")
"""What decides beside our own code which value comes of which."""


class RuleOf(NamedTuple):
    """A rule of a stream."""

    into: str
    each: str | None


Changed = Mapping[RuleOf, frozenset[str]]
"""The rules of a stream whose rows may come to hold something else, and in which columns. Nothing: records say the
same."""


def meaning_of(mapping: MappingSet, locale: Locale, aliases: Mapping[str, str]) -> Meaning:
    """What the mapping means for a tenant with this locale and these custom fields."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for rule in mapping.rules:
        found.setdefault(rule.stream, []).append(_rule(rule, mapping, locale, aliases))
    return found


def compare(before: Meaning | None, after: Meaning, stream: str) -> Changed | None:
    """What may differ in what records of the stream say. None: anything, also which rows there are."""
    if before is None:
        return None
    old, new = before.get(stream, ()), after.get(stream, ())
    if [(r["into"], r["each"], r["rows"]) for r in old] != [(r["into"], r["each"], r["rows"]) for r in new]:
        return None
    changed = {}
    for was, now in zip(old, new, strict=True):
        columns = {
            column.partition(".")[0] if column.startswith("custom.") else column
            for column in was["fields"].keys() | now["fields"].keys()
            if was["fields"].get(column) != now["fields"].get(column)
        }
        if columns:
            changed[RuleOf(now["into"], now["each"])] = frozenset(columns)
    return changed


@cache
def code_digest() -> str:
    """Changes with every release in which the same rules may give another value."""
    digest = hashlib.sha256()
    ours = [file for file in files("mapping").iterdir() if file.name.endswith(".py")]
    for file in (*sorted(ours, key=lambda one: one.name), files("portbook") / "text.py"):
        digest.update(file.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)} ".encode())
    return digest.hexdigest()


def _rule(rule: Rule, mapping: MappingSet, locale: Locale, aliases: Mapping[str, str]) -> Mapping[str, Any]:
    def path(written: str | None) -> str | None:
        return None if written is None else resolved(written, aliases)

    fields = {field.column: _field(field, mapping) for field in rule.fields.values()}
    fields |= {f"custom.{name}": _field(field, mapping) for name, field in rule.custom.items()}
    rows: list[Any] = [
        code_digest(),
        locale.name,
        locale.zone.key,
        path(rule.each),
        path(rule.id),
        path(rule.when),
    ]
    if len(fields) < len(rule.fields) + len(rule.custom):
        # Two names of one column: which of them fills it is decided by all of them together.
        rows.append([[name, _field(field, mapping)] for name, field in rule.fields.items()])
    if rule.amounts:
        # What is written in one amount may decide the currency, and so whether there is another amount.
        told = [*rule.amounts, *(f for f in rule.fields.values() if f.column == "currency")]
        rows.append([_field(field, mapping) for field in told])
    return {"into": rule.into, "each": rule.each, "rows": _digest(rows), "fields": fields}


def _field(rule: FieldRule, mapping: MappingSet) -> str:
    """Everything of the field but where it is written. The name of a lookup is told in findings."""
    place = None if rule.place is None else [*rule.place.object, rule.place.member]
    lookup = None if rule.lookup is None else sorted(rule.lookup.items())
    stream = None if rule.ref is None else rule.ref_stream or mapping.stream_of(rule.ref)
    return _digest(
        [
            rule.name, rule.column, place, rule.verb, rule.const, lookup, rule.lookup_name, rule.ref, stream,
            rule.keys, rule.many, rule.default, rule.choices, [sorted(table.items()) for _, table in rule.in_turn],
            None if rule.beside is None else [_field(rule.beside, mapping), rule.only],
        ]
    )  # fmt: skip


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
