"""A record × its rules → what it says of the register's entities. Pure: no clock, no network, no order.

Rules are compiled: a mapping fills some thirty fields of every record, most of them from few objects in it, and a
first load maps millions of records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mapping.cleaning import KEY_MOST, key_too_long, nul_replaced, without_nul
from mapping.currency import settle_currency
from mapping.describe import Described, describe
from mapping.errors import FieldUnmapped, ValueUnknown
from mapping.locale import Locale, own_locale
from mapping.meaning import Changed, Meaning, RuleOf, code_digest, meaning_of
from mapping.paths import Getter, compile_path
from mapping.rules import FieldRule, MappingSet, Rule
from mapping.values import MEMO_SIZE, UNCONVERTIBLE, Convert, DeriveId, converter, keyed_by_rows, problem_of


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


class Unread(NamedTuple):
    """A value that could not be understood."""

    problem: FieldUnmapped
    rule: FieldRule
    value: Any
    row: int
    """Which of the record's rows lacks it."""


@dataclass(slots=True)
class Mapped:
    """Everything a record says, and what could not be understood."""

    rows: list[MappedRow] = field(default_factory=list)
    problems: list[Unread] = field(default_factory=list)

    def note(self, problem: FieldUnmapped, rule: FieldRule, value: Any) -> None:
        """In the row that comes next, this was not understood."""
        self.problems.append(Unread(problem, rule, value, len(self.rows)))


_Refer = Callable[[Any, dict[str, Any], list[Reference], Mapped], None]
"""Fills a field that points to other rows: (value, values to fill, references to add to, problems to add to)."""


class _Value(NamedTuple):
    """A field that takes a value."""

    member: str
    column: str
    convert: Convert
    default: Any
    rule: FieldRule


class _Object(NamedTuple):
    """A part of the record, and the fields that are filled from its members."""

    find: Getter
    values: list[_Value]
    references: list[tuple[str, _Refer]]


_Holds = Callable[[Any, Any, Locale], bool]
"""Whether something holds of (element, record)."""


class _Fields(NamedTuple):
    """What fills the columns of a row, or its custom fields."""

    constants: dict[str, Any]
    objects: list[_Object]
    references: list[_Refer]
    """Of fields that name the same row in every record."""
    only: list[tuple[str, _Holds]]
    """Columns that stay empty unless something holds."""


class _Compiled(NamedTuple):
    rule: Rule
    each: Getter | None
    id: Getter | None
    when: Getter | None
    locale: Locale
    fields: _Fields
    custom: _Fields
    amounts: list[FieldRule]


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
        """Changes whenever the same record may come to say something else, and with every word of the files."""
        self._aliases = aliases or {}
        self._by_locale: dict[Locale, dict[str, list[_Compiled]]] = {}
        self._by_stream = self._compiled(self._locale)

    @property
    def described(self) -> Described:
        """What each of its lines says, for explanations."""
        return describe(self._mapping)

    @property
    def meaning(self) -> Meaning:
        """What it means, to be held against another one's."""
        return meaning_of(self._mapping, self._locale, self._aliases)

    def narrowed(self, stream: str, changed: Changed) -> Mapper:
        """One that fills only these columns of these rules' rows."""
        rules = []
        for rule in self._mapping.rules:
            columns = changed.get(RuleOf(rule.into, rule.each)) if rule.stream == stream else None
            if columns is not None:
                fields = {name: self._at_home(f) for name, f in rule.fields.items() if f.column in columns}
                custom = rule.custom if "custom" in columns else {}
                rules.append(replace(rule, fields=fields, custom=custom))
        narrowed = replace(self._mapping, rules=tuple(rules))
        return Mapper(narrowed, self._derive_id, locale=self._locale, aliases=self._aliases)

    def _at_home(self, rule: FieldRule) -> FieldRule:
        """The field, saying itself whose records a reference means: which rules there are decides it otherwise."""
        if rule.ref is None:
            return rule
        return replace(rule, ref_stream=rule.ref_stream or self._mapping.stream_of(rule.ref))

    @property
    def streams(self) -> list[str]:
        """The streams that it has a rule for."""
        return sorted(self._by_stream)

    def __call__(self, stream: str, source_id: str, data: Any) -> Mapped:
        """What the record says. A stream without a rule says nothing; its records are kept all the same."""
        mapped = Mapped()
        by_stream = self._by_stream
        if (locale := own_locale(data, self._locale)) is not self._locale:
            by_stream = self._by_locale.get(locale) or self._compiled(locale)
        for compiled in by_stream.get(stream, ()):
            if compiled.each is None:
                if compiled.when is None or compiled.when(data, data):
                    given = compiled.id(data, data) if compiled.id else None
                    own_id = str(given) if isinstance(given, (str, int)) else source_id
                    row_id = self._derive_id(stream, own_id)
                    mapped.rows.append(_row(compiled, row_id, own_id, data, data, mapped, shared=False))
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
        self._by_locale[locale] = found
        return found


def _version(version: str, locale: Locale) -> str:
    decides = f"{version} {code_digest()} {locale.name} {locale.zone.key}"
    return hashlib.sha256(decides.encode()).hexdigest()[: len(version)]


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
    values = _filled(compiled.fields, compiled.locale, element, record, references, mapped)
    if compiled.rule.has_currency:
        for rule, value, problem in settle_currency(compiled.amounts, element, record, values):
            mapped.note(problem, rule, value)
    key = values.get("key")
    if type(key) is str and len(key) > KEY_MOST:
        del values["key"]
        rule = compiled.rule.fields["key"]
        mapped.note(key_too_long(rule, key), rule, key)
    if any(compiled.custom):
        custom = _filled(compiled.custom, compiled.locale, element, record, references, mapped)
        if custom:
            values["custom"] = custom
    return MappedRow(compiled.rule.into, row_id, source_id, values, references, shared)


def _filled(
    fields: _Fields, locale: Locale, element: Any, record: Any, references: list[Reference], mapped: Mapped
) -> dict[str, Any]:
    # Two loops rather than a closure for each field: this is where a first load spends its time.
    values = fields.constants.copy()
    for find, members, pointers in fields.objects:
        found = find(element, record)
        get = found.get if type(found) is dict else _NOTHING.get
        for member, column, convert, default, rule in members:
            value = get(member)
            if value is None:
                if default is not None:
                    values[column] = default
                continue
            try:
                result = convert(value, locale)
            except UNCONVERTIBLE as error:
                word, result = (
                    (error.word, error.instead) if isinstance(error, ValueUnknown) else (None, None)
                )
                mapped.note(problem_of(rule, value, error), rule, value if word is None else word)
            if result is None:
                continue
            kind = type(result)
            if (kind is str and "\x00" in result) or kind is list or kind is dict:
                cleaned = without_nul(result)
                if cleaned is not result:
                    mapped.note(nul_replaced(rule), rule, value)
                result = cleaned
            values[column] = result
        for member, refer in pointers:
            refer(get(member), values, references, mapped)
    for refer in fields.references:
        refer(None, values, references, mapped)
    for column, holds in fields.only:
        if column in values and not holds(element, record, locale):
            del values[column]
    return values


_NOTHING: dict[str, Any] = {}


def _compile(
    rule: Rule, mapping: MappingSet, derive_id: DeriveId, locale: Locale, aliases: Mapping[str, str]
) -> _Compiled:
    def path(written: str | None) -> Getter | None:
        return None if written is None else compile_path(written, aliases)

    def fields(rules: Iterable[FieldRule]) -> _Fields:
        constants: dict[str, Any] = {}
        objects: dict[tuple[str, ...], _Object] = {}
        fixed: list[_Refer] = []
        only: list[tuple[str, _Holds]] = []
        for found in rules:
            if found.only is not None and found.beside is not None:
                only.append((found.column, _holding(found.beside, found.only[1])))
            place = found.place
            if place is None:
                if found.ref is None:
                    constants[found.column] = found.const
                else:
                    fixed.append(_reference(found, mapping, derive_id, locale))
                continue
            holder = objects.setdefault(place.object, _Object(place.find, [], []))
            if found.ref is None:
                convert = converter(found)
                if found.keys is not None:
                    convert = keyed_by_rows(convert, derive_id, found.keys)
                value = _Value(place.member, found.column, convert, found.default, found)
                holder.values.append(value)
            else:
                holder.references.append((place.member, _reference(found, mapping, derive_id, locale)))
        return _Fields(constants, list(objects.values()), fixed, only)

    return _Compiled(
        rule,
        path(rule.each),
        path(rule.id),
        path(rule.when),
        locale,
        fields(rule.fields.values()),
        fields(rule.custom.values()),
        rule.amounts,
    )


def _holding(rule: FieldRule, word: Any) -> _Holds:
    """Whether the field is this word. Asked of the record, not of the row: the field itself may not be among those that
    are filled."""
    place, convert = rule.place, converter(rule)
    assert place is not None

    def holds(element: Any, record: Any, locale: Locale) -> bool:
        found = place.find(element, record)
        value = found.get(place.member) if type(found) is dict else None
        if value is None:
            return bool(rule.default == word)
        try:
            return bool(convert(value, locale) == word)
        except ValueUnknown as error:
            return bool(error.instead == word)
        except UNCONVERTIBLE:
            return False

    return holds


def _reference(rule: FieldRule, mapping: MappingSet, derive_id: DeriveId, locale: Locale) -> _Refer:
    column, entity, many = rule.column, rule.ref, rule.many
    assert entity is not None
    stream = rule.ref_stream or mapping.stream_of(entity)
    convert = converter(rule)
    default = rule.default
    memo: dict[str, Reference] = {}

    def refer(word: Any) -> Reference:
        written = str(without_nul(word))
        found = memo.get(written)
        if found is None:
            if len(memo) > MEMO_SIZE:
                memo.clear()
            found = memo[written] = Reference(column, entity, derive_id(stream, written), written)
        return found

    def fill(value: Any, values: dict[str, Any], references: list[Reference], mapped: Mapped) -> None:
        if value is None:
            value = default
        else:
            try:
                value = convert(value, locale)
                if type(value) is not str and not _names(value, many=many):
                    raise ValueError("not a name, key or id")
            except UNCONVERTIBLE as error:
                mapped.note(problem_of(rule, value, error), rule, value)
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

    if rule.place is None:
        return lambda value, values, references, mapped: fill(rule.const, values, references, mapped)
    return fill


def _names(value: Any, *, many: bool) -> bool:
    """Whether this can say which row is meant."""
    parts = value if many and isinstance(value, list) else [value]
    return not any(isinstance(part, (list, dict)) for part in parts)
