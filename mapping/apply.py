"""A record × its rules → what it says of the register's entities. Pure: no clock, no network, no order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mapping.errors import FieldUnmapped, TextRepaired, ValueUnknown
from mapping.load import FieldRule, MappingSet, Rule
from mapping.paths import compile_path
from mapping.verbs import NUL_REPLACEMENT, VERBS, Locale

DeriveId = Callable[[str, str], str]
"""(stream, source id) → the id in the register. Handed in, since ids belong to the register."""


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


class _Compiled(NamedTuple):
    rule: Rule
    each: Callable[[Any, Any], Any] | None
    id: Callable[[Any, Any], Any] | None
    when: Callable[[Any, Any], Any] | None
    steps: list[tuple[FieldRule, Callable[[Any, Any], Any] | None, Callable[[Any, Locale], Any], str]]
    custom: list[tuple[FieldRule, Callable[[Any, Any], Any] | None, Callable[[Any, Locale], Any], str]]


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
        self.version = mapping.version
        self._locale = locale or Locale()
        self._derive_id = derive_id
        self._by_stream: dict[str, list[_Compiled]] = {}
        for rule in mapping.rules:
            self._by_stream.setdefault(rule.stream, []).append(_compile(rule, mapping, aliases or {}))

    def __call__(self, stream: str, source_id: str, data: Any) -> Mapped:
        """What the record says. A stream without a rule says nothing; its records are kept all the same."""
        mapped = Mapped()
        for compiled in self._by_stream.get(stream, ()):
            if compiled.each is None:
                if compiled.when is None or compiled.when(data, data):
                    row_id = self._derive_id(stream, source_id)
                    mapped.rows.append(self._row(compiled, row_id, source_id, data, data, mapped, shared=False))
                continue
            elements = compiled.each(data, data)
            for element in elements if isinstance(elements, list) else ():
                if compiled.when is not None and not compiled.when(element, data):
                    continue
                assert compiled.id is not None
                own = compiled.id(element, data)
                if own is not None:
                    row_id = self._derive_id(f"{stream}/{compiled.rule.each}", str(own))
                    mapped.rows.append(self._row(compiled, row_id, str(own), element, data, mapped, shared=True))
        return mapped

    def _row(
        self, compiled: _Compiled, row_id: str, source_id: str, element: Any, record: Any, mapped: Mapped, *, shared: bool
    ) -> MappedRow:
        values: dict[str, Any] = {}
        references: list[Reference] = []
        for rule, get, verb, ref_stream in compiled.steps:
            value = rule.const if get is None else get(element, record)
            if value is None:
                value = rule.default
                if value is None:
                    continue
                values[rule.column] = value
                continue
            value = self._convert(rule, verb, value, mapped)
            if value is None:
                continue
            if rule.ref is None:
                values[rule.column] = value
            elif rule.many:
                found = [self._refer(rule, ref_stream, word, references) for word in _list(value)]
                if found:
                    values[rule.column] = found
            else:
                values[rule.column] = self._refer(rule, ref_stream, value, references)
        if compiled.custom:
            custom = {}
            for rule, get, verb, _ in compiled.custom:
                value = rule.const if get is None else get(element, record)
                value = rule.default if value is None else self._convert(rule, verb, value, mapped)
                if value is not None:
                    custom[rule.name] = value
            if custom:
                values["custom"] = custom
        return MappedRow(compiled.rule.into, row_id, source_id, values, references, shared)

    def _refer(self, rule: FieldRule, stream: str, word: Any, references: list[Reference]) -> str:
        assert rule.ref is not None
        row_id = self._derive_id(stream, str(word))
        references.append(Reference(rule.column, rule.ref, row_id, str(word)))
        return row_id

    def _convert(self, rule: FieldRule, verb: Callable[[Any, Locale], Any], value: Any, mapped: Mapped) -> Any:
        try:
            if rule.lookup is not None:
                if (word := str(value).strip()) == "":
                    return None
                found = rule.lookup.get(word.casefold(), _MISSING)
                if found is _MISSING:
                    raise ValueUnknown(
                        f"{rule.name} {word[:80]!r} is not in lookup {rule.lookup_name!r}",
                        detail=rule.where,
                        hint=f"Add it to the lookup in a mapping file; allowed: {', '.join(rule.choices)}."
                        if rule.choices
                        else "Add it to the lookup in a mapping file.",
                    )
                return found
            result = verb(value, self._locale)
        except FieldUnmapped as problem:
            mapped.problems.append((problem, rule, value))
            return None
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            mapped.problems.append(
                (
                    FieldUnmapped(
                        f"{rule.name} cannot be read from {str(value)[:80]!r}: {error}",
                        detail=rule.where,
                        hint="Mend the value in the tool, or change `as:` in the mapping.",
                    ),
                    rule,
                    value,
                )
            )
            return None
        if rule.choices and result is not None and result not in rule.choices:
            problem = ValueUnknown(
                f"{rule.name} {str(result)[:80]!r} is none of {', '.join(rule.choices)}",
                detail=rule.where,
                hint="Use a `lookup` that turns the tool's words into these.",
            )
            mapped.problems.append((problem, rule, value))
            return None
        cleaned = _without_nul(result)
        if cleaned is not result:
            problem = TextRepaired(
                f"{rule.name} holds NUL characters; each is shown as {NUL_REPLACEMENT}",
                detail=rule.where,
                hint="Retype the text in the tool; the record as sent is kept.",
            )
            mapped.problems.append((problem, rule, value))
        return cleaned


_MISSING = object()


def _without_nul(value: Any) -> Any:
    """`value` itself when it holds no NUL, else a copy with each NUL replaced."""
    if type(value) is str:
        return value.replace("\x00", NUL_REPLACEMENT) if "\x00" in value else value
    if type(value) is list:
        parts = [_without_nul(part) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
    if type(value) is dict:
        pairs = {_without_nul(k): _without_nul(v) for k, v in value.items()}
        same = all(a is b for a, b in zip(pairs, value, strict=False)) and all(pairs[k] is v for k, v in value.items() if k in pairs)
        return value if same else pairs
    return value


def _list(value: Any) -> list[Any]:
    parts = value if isinstance(value, list) else [value]
    return [part for part in parts if part is not None]


def _compile(rule: Rule, mapping: MappingSet, aliases: Mapping[str, str]) -> _Compiled:
    def step(found: FieldRule) -> tuple[FieldRule, Any, Any, str]:
        stream = found.ref_stream or (mapping.stream_of(found.ref) if found.ref else "")
        return (found, found.get, VERBS[found.verb], stream)

    def path(written: str | None) -> Any:
        return None if written is None else compile_path(written, aliases)

    return _Compiled(
        rule,
        path(rule.each),
        path(rule.id),
        path(rule.when),
        [step(f) for f in rule.fields.values()],
        [step(f) for f in rule.custom.values()],
    )
