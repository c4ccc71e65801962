"""A record × its rules → what it says of the register's entities. Pure: no clock, no network, no order.

Rules are compiled to one closure per field: a mapping fills some thirty fields of every record, and a first load
maps millions of records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mapping.describe import Described, describe
from mapping.errors import FieldUnmapped, TextRepaired, ValueUnknown
from mapping.load import FieldRule, MappingSet, Rule
from mapping.paths import Getter, compile_path
from mapping.verbs import NUL_REPLACEMENT, VERBS, Locale, Verb
from portbook.text import shown

DeriveId = Callable[[str, str], str]
"""(stream, source id) → the id in the register. Handed in, since ids belong to the register."""

_MEMO_SIZE = 5_000
KEY_MOST = 500
"""Characters of a key. The register looks rows up by it, and PostgreSQL refuses index entries above 2,704 bytes: one
such row would stop its whole page, at every run."""


class Reference(NamedTuple):
    """A field that points to another row, by an id that was derived, not looked up."""

    column: str
    entity: str
    id: str
    word: str
    """What the tool wrote: a key, an account id, a name."""


class MappedRow(NamedTuple):
    """What a record says about one row."""

    entity: str
    id: str
    source_id: str
    values: dict[str, Any]
    """Column → JSON value. What is not there is empty."""
    references: list[Reference]
    shared: bool
    """Other records may say the same of the same row (a link is met on both of its ends)."""


@dataclass(slots=True)
class Mapped:
    """Everything a record says, and what could not be understood."""

    rows: list[MappedRow] = field(default_factory=list)
    problems: list[tuple[FieldUnmapped, FieldRule, Any]] = field(default_factory=list)


class _Value(NamedTuple):
    """A field that takes a value."""

    column: str
    get: Getter
    convert: Callable[[Any], Any]
    default: Any
    rule: FieldRule


_Refer = Callable[[Any, Any, dict[str, Any], list[Reference], Mapped], None]
"""A field that points to other rows: (element, record, values to fill, references to add to, problems to add to)"""


class _Fields(NamedTuple):
    """What fills the columns of a row, or its custom fields. Values come first: most fields are values."""

    constants: dict[str, Any]
    values: list[_Value]
    references: list[_Refer]


class _Compiled(NamedTuple):
    rule: Rule
    each: Getter | None
    id: Getter | None
    when: Getter | None
    fields: _Fields
    custom: _Fields


class Mapper:
    """Rules compiled for one source. Build once, call for each record."""

    def __init__(
        self,
        mapping: MappingSet,
        derive_id: DeriveId,
        *,
        locale: Locale | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._mapping = mapping
        self._derive_id = derive_id
        self._locale = locale or Locale()
        self.version = _version(mapping.version, self._locale)
        """Changes whenever the same record may come to say something else."""
        self._aliases = aliases or {}
        self._by_locale: dict[str, dict[str, list[_Compiled]]] = {}
        self._by_stream = self._compiled(self._locale)

    @property
    def described(self) -> Described:
        """What each of its lines says, for explanations."""
        return describe(self._mapping)

    @property
    def streams(self) -> list[str]:
        """The streams that it has a rule for."""
        return sorted(self._by_stream)

    def __call__(self, stream: str, source_id: str, data: Any) -> Mapped:
        """What the record says. A stream without a rule says nothing; its records are kept all the same."""
        mapped = Mapped()
        by_stream = self._by_stream
        if (own := _own_locale(data)) and own != self._locale.name:
            by_stream = self._by_locale.get(own) or self._compiled(replace(self._locale, name=own))
        for compiled in by_stream.get(stream, ()):
            if compiled.each is None:
                if compiled.when is None or compiled.when(data, data):
                    row_id = self._derive_id(stream, source_id)
                    mapped.rows.append(_row(compiled, row_id, source_id, data, data, mapped, shared=False))
                continue
            elements = compiled.each(data, data)
            for element in elements if isinstance(elements, list) else ():
                if compiled.when is not None and not compiled.when(element, data):
                    continue
                own = compiled.id(element, data) if compiled.id else None
                if isinstance(own, (str, int)):
                    row_id = self._derive_id(f"{stream}/{compiled.rule.each}", str(own))
                    mapped.rows.append(_row(compiled, row_id, str(own), element, data, mapped, shared=True))
        return mapped

    def _compiled(self, locale: Locale) -> dict[str, list[_Compiled]]:
        found: dict[str, list[_Compiled]] = {}
        for rule in self._mapping.rules:
            compiled = _compile(rule, self._mapping, self._derive_id, locale, self._aliases)
            found.setdefault(rule.stream, []).append(compiled)
        self._by_locale[locale.name] = found
        return found


def _version(version: str, locale: Locale) -> str:
    if locale == Locale():
        return version
    return hashlib.sha256(f"{version} {locale.name} {locale.zone.key}".encode()).hexdigest()[: len(version)]


def _own_locale(data: Any) -> str | None:
    """A sheet may be written in another locale than its neighbours; the adapter then says so in the record."""
    extra = data.get("portbook") if type(data) is dict else None
    return extra.get("locale") if type(extra) is dict else None


def _row(
    compiled: _Compiled,
    row_id: str,
    source_id: str,
    element: Any,
    record: Any,
    mapped: Mapped,
    *,
    shared: bool,
) -> MappedRow:
    references: list[Reference] = []
    values = _filled(compiled.fields, element, record, references, mapped)
    key = values.get("key")
    if type(key) is str and len(key) > KEY_MOST:
        del values["key"]
        rule = compiled.rule.fields["key"]
        mapped.problems.append((_too_long(rule, key), rule, key))
    if any(compiled.custom):
        custom = _filled(compiled.custom, element, record, references, mapped)
        if custom:
            values["custom"] = custom
    return MappedRow(compiled.rule.into, row_id, source_id, values, references, shared)


def _filled(
    fields: _Fields, element: Any, record: Any, references: list[Reference], mapped: Mapped
) -> dict[str, Any]:
    # One loop rather than a closure for each field: this is where a first load spends its time.
    values = fields.constants.copy()
    for column, get, convert, default, rule in fields.values:
        value = get(element, record)
        if value is None:
            if default is not None:
                values[column] = default
            continue
        try:
            result = convert(value)
        except _UNCONVERTIBLE as error:
            mapped.problems.append((_problem(rule, value, error), rule, value))
            continue
        if result is None:
            continue
        kind = type(result)
        if (kind is str and "\x00" in result) or kind is list or kind is dict:
            cleaned = _without_nul(result)
            if cleaned is not result:
                mapped.problems.append((_repaired(rule), rule, value))
            result = cleaned
        values[column] = result
    for refer in fields.references:
        refer(element, record, values, references, mapped)
    return values


def _compile(
    rule: Rule, mapping: MappingSet, derive_id: DeriveId, locale: Locale, aliases: Mapping[str, str]
) -> _Compiled:
    def path(written: str | None) -> Getter | None:
        return None if written is None else compile_path(written, aliases)

    def fields(rules: Iterable[FieldRule]) -> _Fields:
        compiled = _Fields({}, [], [])
        for found in rules:
            if found.ref is not None:
                stream = found.ref_stream or mapping.stream_of(found.ref)
                compiled.references.append(_reference(found, stream, derive_id, locale))
            elif found.get is None:
                compiled.constants[found.column] = found.const
            else:
                value = _Value(found.column, found.get, _converter(found, locale), found.default, found)
                compiled.values.append(value)
        return compiled

    return _Compiled(
        rule,
        path(rule.each),
        path(rule.id),
        path(rule.when),
        fields(rule.fields.values()),
        fields(rule.custom.values()),
    )


def _reference(rule: FieldRule, stream: str, derive_id: DeriveId, locale: Locale) -> _Refer:
    column, entity, default = rule.column, rule.ref, rule.default
    get = rule.get or (lambda element, record: rule.const)
    assert entity is not None
    convert = _converter(rule, locale)
    many = rule.many
    memo: dict[str, Reference] = {}

    def refer(word: Any) -> Reference:
        written = str(_without_nul(word))
        found = memo.get(written)
        if found is None:
            if len(memo) > _MEMO_SIZE:
                memo.clear()
            found = memo[written] = Reference(column, entity, derive_id(stream, written), written)
        return found

    def fill(
        element: Any, record: Any, values: dict[str, Any], references: list[Reference], mapped: Mapped
    ) -> None:
        value = get(element, record)
        if value is None:
            value = default
        else:
            try:
                value = convert(value)
                if type(value) is not str and not _names(value, many=many):
                    raise ValueError("not a name, key or id")
            except _UNCONVERTIBLE as error:
                mapped.problems.append((_problem(rule, value, error), rule, value))
                return
        if value is None:
            return
        if not many:
            found = refer(value)
            references.append(found)
            values[column] = found.id
        elif several := [
            refer(word) for word in (value if isinstance(value, list) else [value]) if word is not None
        ]:
            references.extend(several)
            values[column] = [found.id for found in several]

    return fill


def _names(value: Any, *, many: bool) -> bool:
    """Whether this can say which row is meant."""
    parts = value if many and isinstance(value, list) else [value]
    return not any(isinstance(part, (list, dict)) for part in parts)


_UNCONVERTIBLE = (FieldUnmapped, ValueError, TypeError, OverflowError, AttributeError)


def _converter(rule: FieldRule, locale: Locale) -> Callable[[Any], Any]:
    """value → result or None; raises one of _UNCONVERTIBLE."""
    if rule.lookup is not None:
        return _looked_up(rule, rule.lookup)
    verb: Verb = VERBS[rule.verb]
    if not rule.choices:
        return lambda value: verb(value, locale)
    choices = rule.choices

    def chosen(value: Any) -> Any:
        result = verb(value, locale)
        if result is not None and result not in choices:
            raise ValueUnknown(
                f"{rule.name} {str(result)[:80]!r} is none of {', '.join(choices)}",
                detail=rule.where,
                hint="Use a `lookup` that turns the tool's words into these.",
            )
        return result

    return chosen


def _looked_up(rule: FieldRule, table: Mapping[str, Any]) -> Callable[[Any], Any]:
    memo: dict[str, Any] = {}  # a tool's words are few and come again and again

    def look_up(value: Any) -> Any:
        if type(value) is str and value in memo:
            return memo[value]
        if isinstance(value, (list, dict)):
            raise ValueError("a lookup needs a word")
        word = str(value).strip()
        if not word:
            return None
        if word.casefold() not in table:
            raise ValueUnknown(
                f"{rule.name} {word[:80]!r} is not in lookup {rule.lookup_name!r}",
                detail=rule.where,
                hint="Add it to the lookup in a mapping file"
                + (f"; the register's words are {', '.join(rule.choices)}." if rule.choices else "."),
            )
        result = table[word.casefold()]
        if type(value) is str and len(memo) < _MEMO_SIZE:
            memo[value] = result
        return result

    return look_up


def _problem(rule: FieldRule, value: Any, error: Exception) -> FieldUnmapped:
    if isinstance(error, FieldUnmapped):
        return error
    return FieldUnmapped(
        f"{rule.name} cannot be read from {shown(value)[:80]!r}: {error}",
        detail=rule.where,
        hint="Mend the value in the tool, or change `as:` in the mapping.",
    )


def _too_long(rule: FieldRule, key: str) -> FieldUnmapped:
    return FieldUnmapped(
        f"{rule.name} has {len(key):,} characters, more than the {KEY_MOST} a key may have: {key[:40]!r} …",
        detail=rule.where,
        hint="Give the record a short key in the tool; until then it is shown without one.",
    )


def _repaired(rule: FieldRule) -> TextRepaired:
    return TextRepaired(
        f"{rule.name} holds NUL characters; each is shown as {NUL_REPLACEMENT}",
        detail=rule.where,
        hint="Retype the text in the tool; the record as sent is kept.",
    )


def _without_nul(value: Any) -> Any:
    """`value` itself when it holds no NUL, else a copy with each NUL replaced."""
    kind = type(value)
    if kind is str:
        return value.replace("\x00", NUL_REPLACEMENT) if "\x00" in value else value
    if kind is list:
        parts = [_without_nul(part) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
    if kind is dict:
        pairs = [(_without_nul(k), _without_nul(v)) for k, v in value.items()]
        same = all(k is a and v is b for (k, v), (a, b) in zip(pairs, value.items(), strict=True))
        return value if same else dict(pairs)
    return value
