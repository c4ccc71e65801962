"""portbook.yaml → Config, or one ConfigInvalid with everything that is wrong in it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from portbook.config.errors import ConfigInvalid, ConfigMissing, Mistake, refused
from portbook.config.model import (
    Config,
    LinkedRecord,
    NamedRow,
    Source,
    WrittenRule,
    WrittenWebhook,
)
from portbook.config.overlaps import read_by_both
from portbook.config.settings import ConfigFile, Identity, RuleSettings, SourceSettings, WebhookSettings
from portbook.config.shape import BASE_DIR, Shape, absolute
from portbook.config.sign_in import IssuerSettings
from portbook.config.suggest import did_you_mean
from portbook.config.yaml_text import Document, read_yaml
from portbook.config.yaml_text import Path as At

DEFAULT_PATH = Path("portbook.yaml")
_LARGEST = 4 * 1024 * 1024

Kinds = Mapping[str, type[BaseModel]]
"""Adapter kind → the model of its options."""
Entities = Mapping[str, Collection[str]]
"""Entity, singular → its fields."""


def config_path(given: Path | None = None) -> Path:
    """The file to read: `--config`, else $PORTBOOK_CONFIG, else ./portbook.yaml."""
    return given or Path(os.environ.get("PORTBOOK_CONFIG") or DEFAULT_PATH)


def load_config(path: Path, kinds: Kinds, entities: Entities | None = None) -> Config:
    """The configuration, frozen and with absolute paths. No secret is read and no tool is asked.

    Raises ConfigInvalid with every mistake, each as `portbook.yaml:12:5: …`; ConfigMissing without a file.
    """
    return parse_config(_text(path), path, kinds, entities)


def parse_config(text: str, path: Path, kinds: Kinds, entities: Entities | None = None) -> Config:
    """As `load_config`, of a text that would stand at `path`."""
    path = path.absolute()
    document = read_yaml(text)
    if document.mistakes and document.data is None:
        raise refused(path.name, document.mistakes)
    if not isinstance(document.data, dict):
        raise ConfigInvalid(
            f"{path.name} is empty" if document.data is None else f"{path.name} does not hold sections",
            detail=f"{path}:1:1",
            hint="It begins with `register:` and `sources:`; `portbook demo` writes an example, "
            "and docs/configuration.md describes every key.",
            mistakes=[Mistake(1, 1, "there are no sections")],
        )
    reader = _Reader(document, path, kinds, entities, text)
    config = reader.read()
    mistakes = [*document.mistakes, *reader.shape.mistakes]
    if config is None or mistakes:
        raise refused(path.name, mistakes)
    return config


def read_rules(path: Path) -> tuple[WrittenRule, ...]:
    """The rules in a file of their own. Raises ConfigInvalid with every mistake, or ConfigMissing."""
    text = _text(path)
    document = read_yaml(text)
    reader = _Reader(document, path, {}, None, text)
    rules = reader.rules(document.data, ()) if document.data is not None else ()
    if mistakes := [*document.mistakes, *reader.shape.mistakes]:
        raise refused(path.name, mistakes)
    return rules


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise ConfigMissing(
            f"There is no configuration file {path.name}",
            detail=str(path.absolute()),
            hint="`portbook demo` writes one to start from; docs/configuration.md describes it. "
            "Another place: --config FILE or PORTBOOK_CONFIG.",
        ) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        raise ConfigMissing(
            f"The configuration file cannot be read: {reason}",
            detail=str(path),
            hint="Check the path and its permissions.",
        ) from None
    if len(content) > _LARGEST:
        raise ConfigInvalid("The configuration file is larger than 4 MiB", detail=str(path.absolute()))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise refused(
            path.name, [Mistake(line, column, "this is not UTF-8 text", "save it as UTF-8")]
        ) from None


class _Reader:
    def __init__(
        self, document: Document, path: Path, kinds: Kinds, entities: Entities | None, text: str
    ) -> None:
        self._document = document
        self._lines = text.splitlines()
        self._path = path
        self._kinds = kinds
        self._entities = entities
        self.shape = Shape(document, path.name, path.parent, entities)

    def read(self) -> Config | None:
        data = dict(self._document.data)
        listed = data.pop("sources", [])
        rules = self.rules(data.pop("rules", []), ("rules",))
        fitted = self.shape.fit(data, [ConfigFile], ())
        top = self._validated(ConfigFile, fitted, ())
        sources = self._sources(listed)
        named = [item.get("name") for _, item in _items(listed) if isinstance(item, dict)]
        self._check_names(data, [name for name in named if isinstance(name, str)])
        if not isinstance(top, ConfigFile):
            return None
        return Config(
            path=self._path,
            register=top.register_.model_copy(update={"data_dir": self._absolute(top.register_.data_dir)}),
            gateway=top.gateway,
            sources=tuple(sources),
            identity=top.identity,
            precedence=MappingProxyType(
                {entity: MappingProxyType(dict(fields)) for entity, fields in top.precedence.items()}
            ),
            rules=(*rules, *(read_rules(self._absolute(top.rules_file)) if top.rules_file else ())),
            outbound=top.outbound,
            webhooks=tuple(self._webhooks(top.webhooks)),
            sign_in=self._issuers(top.sign_in),
            named_rows=tuple(sorted(self._named_rows(top.sign_in), key=lambda row: (row.line, row.column))),
            linked=tuple(self._linked(top.identity)),
        )

    def _issuers(self, listed: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
        lines: dict[str, int] = {}
        for index, issuer in enumerate(listed):
            at: At = ("sign_in", index)
            if issuer.issuer in lines:
                first = f"put its grants together: it stands in line {lines[issuer.issuer]}"
                self.shape.wrong((*at, "issuer"), "the issuer stands twice", first)
            lines.setdefault(issuer.issuer, self._document.where(at)[0])
        return listed

    def _named_rows(self, listed: tuple[IssuerSettings, ...]) -> Iterable[NamedRow]:
        for index, issuer in enumerate(listed):
            for number, grant in enumerate(issuer.grants):
                for collection, references in grant.rows.items():
                    at: At = ("sign_in", index, "grants", number, collection)
                    for place, reference in enumerate(references):
                        yield NamedRow(collection, reference, *self._document.where((*at, place)))

    def _linked(self, identity: Identity) -> Iterable[LinkedRecord]:
        for entity, (section, rule) in identity.rules().items():
            for row, group in enumerate(rule.links):
                for column, record in enumerate(group):
                    source, _, name = record.partition(":")
                    at: At = ("identity", section, "links", row, column)
                    yield LinkedRecord(entity, source, name, *self._document.where(at))

    def _webhooks(self, listed: Iterable[WebhookSettings]) -> Iterable[WrittenWebhook]:
        """With their places: whether types, filters and fields can be understood only the register's grammar knows."""
        lines: dict[str, int] = {}
        for index, settings in enumerate(listed):
            at: At = ("webhooks", index)
            line = self._document.where(at)[0]
            if settings.name in lines:
                first = f"first in line {lines[settings.name]}"
                self.shape.wrong((*at, "name"), f"the webhook name {settings.name!r} is used twice", first)
            lines.setdefault(settings.name, line)
            written = self._document.data["webhooks"][index]
            yield WrittenWebhook(
                settings, line, {key: self._value_place((*at, key), value) for key, value in written.items()}
            )

    def rules(self, listed: Any, at: At) -> tuple[WrittenRule, ...]:
        """A list of rules; whether their conditions can be understood only the register's grammar knows."""
        if not isinstance(listed, list):
            self.shape.wrong(at, "must be a list: each rule begins with `- code:`")
            return ()
        found = []
        for index, item in enumerate(listed):
            place: At = (*at, index)
            fitted = self.shape.fit(item, [RuleSettings], place)
            settings = self._validated(RuleSettings, fitted, place)
            if isinstance(settings, RuleSettings) and isinstance(item, dict):
                places = {key: self._value_place((*place, key), value) for key, value in item.items()}
                line = self._document.where(place)[0]
                found.append(WrittenRule(settings, self._path.name, line, places))
        return tuple(found)

    def _value_place(self, at: At, value: Any) -> tuple[int, int, bool]:
        """Where a value begins; whether it stands on that line as it is, so that a place in it can be counted."""
        line, column = self._document.values.get(at, self._document.where(at))
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        for start in (column - 1, column):
            if isinstance(value, str) and text[start:].startswith(value):
                return line, start + 1, True
        return line, column, False

    def _sources(self, listed: Any) -> Iterable[Source]:
        if not isinstance(listed, list):
            self.shape.wrong(("sources",), "must be a list: each source begins with `- name:`")
            return []
        read = [self._source(item, ("sources", index)) for index, item in enumerate(listed)]
        lines: dict[str, int] = {}
        for index, item in enumerate(listed):
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str):
                continue
            at: At = ("sources", index, "name")
            if name in lines:
                self.shape.wrong(
                    at, f"the source name {name!r} is used twice", f"first in line {lines[name]}"
                )
            lines.setdefault(name, self._document.where(at)[0])
        self._check_overlaps(read)
        return [source for source in read if source is not None]

    def _check_overlaps(self, read: list[Source | None]) -> None:
        sources = [(index, source) for index, source in enumerate(read) if source is not None]
        for (_, earlier), (index, source) in combinations(sources, 2):
            if both := read_by_both(earlier, source):
                self.shape.wrong(
                    ("sources", index),
                    f"{source.name!r} and {earlier.name!r} (line {earlier.line}) both read {both}: its rows would "
                    "count twice",
                    "let each read what the other does not (`select`, `files`, `sheets`), or take one away",
                )

    def _source(self, item: Any, at: At) -> Source | None:
        if not isinstance(item, dict):
            self.shape.wrong(at, "a source is a mapping with name and kind")
            return None
        kind = item.get("kind")
        options = self._kinds.get(kind) if isinstance(kind, str) else None
        if options is None:
            if "kind" in item:
                known = ", ".join(sorted(self._kinds))
                near = did_you_mean(kind, self._kinds) if isinstance(kind, str) else ""
                hint = f"{near} known: {known}" if near else f"known: {known}"
                # Only a word of the file's own is repeated, nothing that could be anything.
                shown = f" {kind!r}" if isinstance(kind, str) else ""
                self.shape.wrong((*at, "kind"), f"unknown kind of source{shown}", hint)
            else:
                self.shape.wrong(at, "`kind` is missing", f"known: {', '.join(sorted(self._kinds))}")
            common = {key: value for key, value in item.items() if key in SourceSettings.model_fields}
            self._validated(SourceSettings, {"kind": "", **common}, at)
            return None
        fitted = self.shape.fit(item, [SourceSettings, options], at)
        own = {key: fitted[key] for key in SourceSettings.model_fields if key in fitted}
        rest = {key: value for key, value in fitted.items() if key not in own}
        if BASE_DIR in options.model_fields:
            rest[BASE_DIR] = self._path.parent
        settings = self._validated(SourceSettings, own, at)
        chosen = self._validated(options, rest, at)
        if not isinstance(settings, SourceSettings) or chosen is None:
            return None
        return Source(
            name=settings.name,
            kind=settings.kind,
            every=settings.every,
            sweep=settings.sweep,
            mapping=self._absolute(settings.mapping) if settings.mapping else None,
            options=chosen,
            line=self._document.where(at)[0],
            hooks=settings.hooks,
            expect_within=settings.expect_within,
        )

    def _absolute(self, path: Path) -> Path:
        return absolute(self._path.parent, path)

    def _validated(self, model: type[BaseModel], data: dict[str, Any], at: At) -> BaseModel | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            # What is wrong in a value would otherwise be told once for every type it might have had.
            told: dict[At, Mistake] = {}
            for each in error.errors(include_url=False, include_input=False):
                where, absent = _located(each["loc"], data)
                place = self._document.where((*at, *where))
                if any(mistake[:2] == place for mistake in self.shape.mistakes) and not absent:
                    continue
                message = _message(each["type"], each["msg"], each.get("ctx", {}))
                if each["type"] == "missing":
                    message = f"`{each['loc'][-1]}` is missing"
                elif named := [step for step in where if isinstance(step, str)]:
                    message = f"`{named[-1]}` {message}"
                key = (*where, str(each["loc"][-1])) if absent else where
                earlier = told.get(key)
                told[key] = Mistake(*place, f"{earlier.message}; or {message}" if earlier else message)
            self.shape.mistakes += told.values()
        except RecursionError:
            self.shape.wrong(at, "the values are nested too deeply")
        return None

    def _check_names(self, data: dict[str, Any], sources: list[str]) -> None:
        """Names of sources, entities and fields, in whatever part of the file has the right form."""
        for section, rule in _entries(data.get("identity")):
            for row, group in _items(rule.get("links") if isinstance(rule, dict) else None):
                at: At = ("identity", section, "links", row)
                if isinstance(group, list) and len(group) < 2:
                    self.shape.wrong(at, "a link names at least two records")
                for column, record in _items(group):
                    source, _, record_id = record.partition(":") if isinstance(record, str) else ("", "", "")
                    if not record_id:
                        self.shape.wrong((*at, column), "must be `source:id or key`, e.g. delivery:PAY")
                    else:
                        self._known_source(source, sources, (*at, column))
        for entity, fields in _entries(data.get("precedence")):
            at = ("precedence", entity)
            if self._entities is not None and entity not in self._entities:
                self.shape.wrong(at, f"there is no entity {entity!r}", did_you_mean(entity, self._entities))
            for field, order in _entries(fields):
                known = self._entities.get(entity) if self._entities is not None else None
                if known is not None and field != "default" and field not in known:
                    near = did_you_mean(field, [*known, "default"])
                    self.shape.wrong((*at, field), f"{entity} has no field {field!r}", near)
                named: list[Any] = [
                    item.get("source") if isinstance(item, dict) else item for _, item in _items(order)
                ]
                for index, name in enumerate(named):
                    if isinstance(name, str):
                        self._known_source(name, sources, (*at, field, index))
                        if name in named[:index]:
                            self.shape.wrong((*at, field, index), f"the source {name!r} is named twice")

    def _known_source(self, name: str, sources: list[str], at: At) -> None:
        if name not in sources:
            near = did_you_mean(name, sources) or f"sources are: {', '.join(sources) or 'none yet'}"
            self.shape.wrong(at, f"there is no source {name!r}", near)


def _entries(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _items(value: Any) -> Iterable[tuple[int, Any]]:
    return enumerate(value) if isinstance(value, list) else ()


def _located(loc: tuple[int | str, ...], data: Any) -> tuple[At, bool]:
    """pydantic's place as a path of the document, without the names of types it mixes in; and whether the
    last step does not exist."""
    where: list[int | str] = []
    for step in loc:
        inside = (
            step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        )
        if inside:
            data = data[step]
            where.append(step)
    return tuple(where), isinstance(data, dict) and bool(loc) and where[-1:] != [loc[-1]]


def _message(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in {"string_type", "path_type"}:
        return "must be text (put quotes around a number)"
    if kind in {"model_type", "model_attributes_type", "dict_type", "mapping_type"}:
        return "must be a mapping of keys and values"
    if kind in {"list_type", "tuple_type"}:
        return "must be a list"
    if kind == "union_tag_invalid":
        return f"must have {_bare(context)}: one of {context['expected_tags']}"
    if kind == "union_tag_not_found":
        return f"needs a {_bare(context)}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    return (
        message.replace("Input should be", "must be", 1)
        .replace("String should", "must", 1)
        .replace("List should have", "must have", 1)
    )


def _bare(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).replace("'", "`")
