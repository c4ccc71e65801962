"""The rules of one mapping file, read with every mistake that is in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from ruamel.yaml.comments import CommentedMap

from mapping.dates import utc_text
from mapping.locale import Locale
from mapping.paths import PathInvalid, Place, compile_place
from mapping.rules import FieldRule, Rule
from mapping.verbs import VERBS
from portbook.text import nearest


class FieldShape(Protocol):
    """What the loader needs to know of a register field."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def choices(self) -> tuple[str, ...]: ...
    @property
    def ref(self) -> str | None: ...


Entities = Mapping[str, Mapping[str, FieldShape]]
"""Entity name → the fields a mapping may set, by the name it uses."""

DEFAULT_VERB = {
    "text": "text",
    "date": "date",
    "instant": "instant",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "texts": "list",
    "document": "json",
}
FITTING: dict[str, tuple[str, ...]] = {
    "text": ("text", "line", "adf", "html", "key", "rag", "date", "instant"),
    "date": ("date",),
    "instant": ("instant",),
    "number": ("number", "integer", "percent", "fraction", "money", "hours", "seconds", "scale5"),
    "integer": ("integer", "scale5"),
    "boolean": ("boolean",),
    "texts": ("list",),
}
"""Kind of field → the verbs whose results it can hold. What is not here holds anything."""
RULE_KEYS = ("stream", "into", "each", "id", "when", "fields")
FIELD_KEYS = ("from", "const", "lookup", "as", "ref", "stream", "keys", "many", "default", "only")


def line_of(node: Any, key: Any) -> int:
    """The line of a key as it is written there; the map's own where it has none, as what a merge (`<<`) brings."""
    position = getattr(node, "lc", None)
    if position is None:
        return 1
    if position.data is not None and key in position.data:
        return int(position.key(key)[0]) + 1
    return (position.line or 0) + 1


class RuleReader:
    """Reads the rules of one file and notes mistakes instead of stopping at the first."""

    def __init__(
        self,
        name: str,
        entities: Entities,
        aliases: Mapping[str, str],
        lookups: Mapping[str, Mapping[str, Any]],
        told: Mapping[tuple[str, str], str],
        used: set[str],
        mistakes: list[str],
        streams: Collection[str] | None,
    ) -> None:
        self._name = name
        self._entities = entities
        self._aliases = aliases
        self._lookups = lookups
        self._told = told
        self._used = used
        self._mistakes = mistakes
        self._streams = streams

    def mistake(self, node: Any, key: str | None, message: str) -> None:
        self._mistakes.append(f"{self._at(node, key)}: {message}")

    def _at(self, node: Any, key: str | None) -> str:
        return f"{self._name}:{line_of(node, key)}"

    def rule(self, node: Any) -> Rule | None:
        if not isinstance(node, CommentedMap):
            self.mistake(node, None, "a rule is `{stream, into, fields}`")
            return None
        for key in node:
            if key not in RULE_KEYS:
                self.mistake(node, key, f"unknown key {key!r}{meant(key, RULE_KEYS)}")
        into = node.get("into")
        shapes = self._entities.get(into) if isinstance(into, str) else None
        if shapes is None:
            self.mistake(node, "into", f"`into: {into}` is no entity{meant(str(into), self._entities)}")
            return None
        if not isinstance(node.get("stream"), str):
            self.mistake(node, "stream", "a rule needs `stream:`, the kind of record it reads")
            return None
        self._known_stream(node, "stream")
        if node.get("each") and not node.get("id"):
            self.mistake(node, "each", "`each` needs `id`, the path of the element's own id")
        each, own_id, when = (
            None if node.get(key) is None else str(node[key]) for key in ("each", "id", "when")
        )
        for key, path in (("each", each), ("id", own_id), ("when", when)):
            if path is not None:
                self._path(node, key, path)
        fields, custom = self._fields(node, shapes)
        place = self._at(node, None)
        return Rule(node["stream"], into, place, fields, custom, each, own_id, when, "currency" in shapes)

    def _fields(
        self, node: CommentedMap, shapes: Mapping[str, FieldShape]
    ) -> tuple[dict[str, FieldRule], dict[str, FieldRule]]:
        given = node.get("fields")
        if not isinstance(given, CommentedMap):
            self.mistake(node, "fields", "`fields:` is a map of field to `{from: …}`")
            return {}, {}
        fields: dict[str, FieldRule] = {}
        custom: dict[str, FieldRule] = {}
        for name, spec in given.items():
            if name == "custom" and isinstance(spec, CommentedMap) and "from" not in spec:
                for label, inner in spec.items():
                    if found := self._field(spec, str(label), inner, None):
                        custom[str(label)] = replace(found, only=self._only(inner, shapes))
            elif name not in shapes:
                self.mistake(given, name, f"{node['into']} has no field {name!r}{meant(name, shapes)}")
            elif found := self._field(given, name, spec, shapes[name]):
                fields[name] = replace(found, only=self._only(spec, shapes))
        return fields, custom

    def _field(
        self, parent: CommentedMap, name: str, spec: Any, shape: FieldShape | None
    ) -> FieldRule | None:
        if not isinstance(spec, CommentedMap):
            self.mistake(parent, name, f"write `{name}: {{from: PATH}}`")
            return None
        for key in spec:
            if key not in FIELD_KEYS:
                self.mistake(spec, key, f"unknown verb {key!r}{meant(key, FIELD_KEYS)}")
                return None
        if (spec.get("from") is None) == (spec.get("const") is None):
            self.mistake(parent, name, f"{name} needs either `from` or `const`")
            return None
        lookups = self._lookups_of(spec, shape)
        several = isinstance(spec.get("lookup"), list)
        lookup = lookups[0][1] if lookups and not several else None
        wanted = shape.ref if shape else None
        ref = spec.get("ref")
        if ref != wanted:
            self.mistake(
                parent, name, f"{name} needs `ref: {wanted}`" if wanted else f"{name} is no reference"
            )
            return None
        verb = str(spec.get("as") or DEFAULT_VERB.get(shape.kind if shape else "", "json"))
        if verb not in VERBS:
            self.mistake(spec, "as", f"`as: {verb}` is no verb{meant(verb, VERBS)}")
            return None
        if shape and not ref and not lookups and verb not in FITTING.get(shape.kind, VERBS):
            self.mistake(
                spec, "as", f"`as: {verb}` does not give a {shape.kind}, which {name} is; "
                f"these do: {', '.join(FITTING[shape.kind])}",
            )  # fmt: skip
        for table, word, value in _words(lookups):
            if shape and not ref and value is not None and not _fits(shape.kind, value):
                self._mistakes.append(
                    f"{self._told[table, word]}: the lookup gives {value!r}, which is no {shape.kind}"
                )
                break
        const, default = plain(spec.get("const")), plain(spec.get("default"))
        for key, value in (("const", const), ("default", default)):
            if shape and not ref and value is not None and not _fits(shape.kind, value):
                self.mistake(spec, key, f"{value!r} is no {shape.kind}, which {name} is")
                return None
            if shape and shape.choices and value is not None and value not in shape.choices:
                self.mistake(
                    spec,
                    key,
                    f"{value!r} is not one of {', '.join(shape.choices)}{meant(str(value), shape.choices)}",
                )
        if spec.get("keys") is not None and (verb != "json" or ref or lookups or spec.get("from") is None):
            self.mistake(
                spec, "keys", f"`keys` is for an object taken `from` a path as it is, which {name} is not"
            )
            return None
        for key in ("stream", "keys"):
            self._known_stream(spec, key)
        path = None if spec.get("from") is None else str(spec["from"])
        place = self._path(spec, "from", path) if path is not None else None
        return FieldRule(
            name=name,
            column=shape.name if shape else name,
            path=path,
            verb="json" if ref and "as" not in spec else verb,
            where=self._at(parent, name),
            const=const,
            lookup=lookup,
            lookup_name=", ".join(name for name, _ in lookups),
            in_turn=lookups if several else (),
            ref=ref,
            ref_stream=None if spec.get("stream") is None else str(spec["stream"]),
            keys=None if spec.get("keys") is None else str(spec["keys"]),
            many=bool(shape and shape.kind == "ids"),
            default=default,
            choices=shape.choices if shape else (),
            place=place,
        )

    def _known_stream(self, node: CommentedMap, key: str) -> None:
        """A rule of a stream that the tool does not have reads nothing, and a reference to one leads nowhere."""
        name = node.get(key)
        if name is not None and self._streams is not None and str(name) not in self._streams:
            known = meant(str(name), self._streams) or f"; there are {', '.join(sorted(self._streams))}"
            self.mistake(node, key, f"this tool has no stream {str(name)!r}{known}")

    def _lookups_of(
        self, spec: CommentedMap, shape: FieldShape | None
    ) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Name and table of each that the field uses."""
        written = spec.get("lookup")
        if written is None:
            return ()
        if isinstance(written, list) and spec.get("ref") is not None:
            self.mistake(spec, "lookup", "a reference has one lookup")
            return ()
        found = []
        for name in map(str, written if isinstance(written, list) else [written]):
            self._used.add(name)
            table = self._lookups.get(name)
            if table is None:
                self.mistake(spec, "lookup", f"there is no lookup {name!r}{meant(name, self._lookups)}")
                continue
            found.append((name, table))
        for name, word, value in _words(found) if shape and shape.choices else ():
            if shape and value is not None and value not in shape.choices:
                # With the line of the word: an override may have given it to a lookup of the file below.
                self._mistakes.append(
                    f"{self._told[name, word]}: lookup {name} turns {word!r} into {value!r}, "
                    f"not one of {', '.join(shape.choices)}{meant(str(value), shape.choices)}"
                )
        return tuple(found)

    def _only(self, spec: CommentedMap, shapes: Mapping[str, FieldShape]) -> tuple[str, Any] | None:
        written = spec.get("only")
        if written is None:
            return None
        if not isinstance(written, CommentedMap) or len(written) != 1 or spec.get("ref") is not None:
            self.mistake(spec, "only", "`only` is `{FIELD: WORD}` of the same row, and not for a reference")
            return None
        ((name, word),) = written.items()
        shape = shapes.get(name)
        if shape is None:
            self.mistake(spec, "only", f"`only` names no field: {name!r}{meant(str(name), shapes)}")
            return None
        if shape.choices and word not in shape.choices:
            near = meant(str(word), shape.choices)
            self.mistake(spec, "only", f"{word!r} is not one of {', '.join(shape.choices)}{near}")
        return str(name), plain(word)

    def _path(self, node: CommentedMap, key: str, path: str) -> Place | None:
        try:
            return compile_place(path, self._aliases)
        except PathInvalid as error:
            self.mistake(node, key, str(error))
            return None


def _words(tables: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, str, Any]]:
    """Table, word and value of every word of these lookups."""
    for name, table in tables:
        for word, value in table.items():
            yield name, word, value


def plain(value: Any) -> Any:
    """What YAML says, as JSON: its library has numbers, dates and lists of its own."""
    match value:
        case bool() | None:
            return value
        case str():
            return str(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case datetime():
            return utc_text(value if value.tzinfo else value.replace(tzinfo=UTC))
        case _:
            return str(value)


def _fits(kind: str, value: Any) -> bool:
    """Whether a value written into a mapping is one that a field of this kind can hold."""
    if kind not in FITTING:
        return True
    if kind == "text":
        return isinstance(value, str)
    try:
        return bool(VERBS[DEFAULT_VERB[kind]](value, Locale()) == value)
    except (ValueError, TypeError, OverflowError):
        return False


def meant(word: str, among: Any) -> str:
    near = nearest(str(word), map(str, among))
    return f"; did you mean {near!r}?" if near else ""
