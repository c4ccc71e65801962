"""YAML 1.2 text to plain values, with the line and column of every key and value.

Built on ruamel.yaml's node graph rather than its constructors: those give up at the first duplicate key, turn
dates into objects, and know positions of containers only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from portbook.config.errors import Mistake

Path = tuple[str | int, ...]
"""Where in the document: ("sources", 0, "auth", "token")."""

# Anchors may repeat parts; a document that multiplies beyond this is an attack or an accident.
_MOST_VALUES = 100_000
_DEEPEST = 60
_CORE = "tag:yaml.org,2002:"


class Document(NamedTuple):
    """A file's values and where they stand. With mistakes the values are what could be read."""

    data: Any
    keys: dict[Path, tuple[int, int]]
    values: dict[Path, tuple[int, int]]
    mistakes: list[Mistake]

    def where(self, path: Path) -> tuple[int, int]:
        """Line and column of the key, or of the list item; of what holds it where it does not exist."""
        while path:
            if place := self.keys.get(path) or self.values.get(path):
                return place
            path = path[:-1]
        return self.values.get((), (1, 1))


def read_yaml(text: str) -> Document:
    """Never raises: what cannot be read is among the mistakes."""
    document = Document(None, {}, {}, [])
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        # What is quoted may be a secret that begins with * or !; single characters are syntax.
        if r"'\t'" in str(error.problem):
            document.mistakes.append(
                Mistake(line, column, "a tab stands here", "YAML is indented with spaces")
            )
            return document
        if error.context_mark and error.context == "while scanning a quoted scalar":
            line, column = error.context_mark.line + 1, error.context_mark.column + 1
            document.mistakes.append(Mistake(line, column, "a quotation mark is opened here and not closed"))
            return document
        told = re.sub(r"'([^']*)'|\"([^\"]*)\"", _syntax_only, str(error.problem or error.context))
        hint = "put quotes around a value that begins with one of * & ! % @ `"
        document.mistakes.append(
            Mistake(
                line, column, f"this is not YAML: {told}", hint if re.search("alias|tag|token", told) else ""
            )
        )
        return document
    except RecursionError:
        document.mistakes.append(Mistake(1, 1, "the values are nested too deeply"))
        return document
    except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over is this file's text
        document.mistakes.append(_unreadable(text, error))
        return document
    if root is None:
        return document
    try:
        data = _Builder(document).build(root, ())
    except _TooMuchError as error:
        document.mistakes.append(Mistake(*error.place, str(error)))
        return document
    return document._replace(data=data)


def _syntax_only(quoted: re.Match[str]) -> str:
    inner = quoted[1] or quoted[2] or ""
    if inner == "<scalar>":
        return "more text"
    return quoted[0] if len(inner) <= 1 or re.fullmatch(r"<(stream|block|document) \w+>", inner) else "this"


def _unreadable(text: str, error: Exception) -> Mistake:
    position = getattr(error, "position", None)
    if isinstance(position, int):
        before = text[:position]
        line, column = before.count("\n") + 1, position - before.rfind("\n")
        return Mistake(line, column, "this character is not allowed in YAML")
    return Mistake(1, 1, f"this is not YAML ({type(error).__name__})")


class _TooMuchError(Exception):
    def __init__(self, message: str, place: tuple[int, int]) -> None:
        super().__init__(message)
        self.place = place


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: set[int] = set()
        self._count = 0

    def build(self, node: Node, path: Path) -> Any:
        place = _place(node)
        self._document.values[path] = place
        self._count += 1
        if self._count > _MOST_VALUES:
            raise _TooMuchError(f"the file holds more than {_MOST_VALUES} values", place)
        if len(path) > _DEEPEST:
            raise _TooMuchError("the values are nested too deeply", place)
        if isinstance(node, ScalarNode):
            return self._scalar(node, place)
        if id(node) in self._open:
            raise _TooMuchError("an alias refers to a value that contains it", place)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
            assert isinstance(node, MappingNode)
            return dict(self._entries(node, path))
        finally:
            self._open.discard(id(node))

    def _entries(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        for key_node, value_node in node.value:
            place = _place(key_node)
            if not isinstance(key_node, ScalarNode):
                self._wrong(place, "a key must be a word")
                continue
            key = str(key_node.value)
            if key == "<<":
                self._wrong(
                    place, "merge keys (<<) are not YAML 1.2", "repeat the values, or give *alias alone"
                )
                continue
            if (*path, key) in self._document.keys:
                first = self._document.keys[(*path, key)][0]
                self._wrong(place, f"the key {key!r} stands here twice", f"first in line {first}")
                continue
            self._document.keys[(*path, key)] = place
            yield key, self.build(value_node, (*path, key))

    def _scalar(self, node: ScalarNode, place: tuple[int, int]) -> Any:
        text = str(node.value)
        if node.style == ">":
            text = text.replace("\a", "")  # where ruamel.yaml remembers that a line was folded
        tag = str(node.tag).removeprefix(_CORE)
        if tag in {"str", "timestamp"}:  # YAML 1.2 has no dates; the text is what was meant
            return text
        if tag == "null" and text in {"", "~", "null", "Null", "NULL"}:
            return None
        if tag == "bool" and text.lower() in {"true", "false"}:
            return text.lower() == "true"
        if tag == "int" and re.fullmatch(r"[-+]?[0-9]{1,18}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}", text):
            return int(text, 0 if text.startswith(("0o", "0x")) else 10)
        if tag == "float" and re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", text):
            number = float(text)
            if math.isfinite(number):
                return number
        if tag in {"null", "bool", "int", "float"}:
            self._wrong(place, f"this is not a usable {tag}", "put quotes around it if it is meant as text")
        else:
            self._wrong(place, "tags (!…) are not used in this file")
        return None

    def _wrong(self, place: tuple[int, int], message: str, hint: str = "") -> None:
        self._document.mistakes.append(Mistake(*place, message, hint))


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
