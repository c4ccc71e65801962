"""Paths into a record: JMESPath, with those that mappings are mostly made of compiled to closures.

These are dotted names (`fields.summary`), the first of several (`cells.status || cells.state`), and a name compared
with a word (`portbook.log == 'risk'`). A mapping reads some thirty paths per record; walking dictionaries directly is
about ten times faster than interpreting a JMESPath syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jmespath
from jmespath.exceptions import JMESPathError

from portbook.text import nearest

Getter = Callable[[Any, Any], Any]
"""(element or record, whole record) → value, or None where the path leads nowhere."""

_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"\\]+")'
_STEP = re.compile(_NAME)
_DOTTED = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_FIRST_OF = re.compile(rf"{_DOTTED.pattern}(?:\s*\|\|\s*{_DOTTED.pattern})+")
_LIST_OF = re.compile(rf"\[\s*{_DOTTED.pattern}(?:\s*,\s*{_DOTTED.pattern})+\s*\]")
_COMPARED = re.compile(rf"({_DOTTED.pattern})\s*(==|!=)\s*'([^'\\]*)'")
_CUSTOM = re.compile(r'\bcustom\.("(?:[^"\\]|\\.)+"|[A-Za-z_][A-Za-z0-9_]*)')
_PLAIN_NAMES = re.compile(r"[\w /%#:-]+(?:\.[\w /%#:-]+)*")
_RECORD = "record."


class Place(NamedTuple):
    """Where a value lies: the member of an object. Most of a mapping's values lie in few objects, each of which needs
    to be found once for a record."""

    object: tuple[str, ...]
    """The way to the object; what has the same lies together."""
    find: Getter
    """Gives the object, or anything else where there is none."""
    member: str


class PathInvalid(ValueError):
    """The path is not JMESPath, or names a custom field that is not there."""


def compile_path(path: str, aliases: Mapping[str, str]) -> Getter:
    """A getter for `path`. `record.` in front reaches the whole record from within `each`; `custom."NAME"` is
    looked up in `aliases`. Raises PathInvalid."""
    path = resolved(path, aliases)
    whole = path.startswith(_RECORD)
    path = path.removeprefix(_RECORD)
    if _DOTTED.fullmatch(path):
        return _walk(_steps(path), whole)
    search = _search(path)
    if whole:
        return lambda element, record: search(record)
    return lambda element, record: search(element)


def compile_place(path: str, aliases: Mapping[str, str]) -> Place:
    """Where `path` leads. What takes an expression to find is the only member of an object of its own."""
    written = resolved(path, aliases)
    whole = written.startswith(_RECORD)
    if _DOTTED.fullmatch(written.removeprefix(_RECORD)):
        *steps, member = _steps(written.removeprefix(_RECORD))
        return Place((_RECORD if whole else "", *steps), _walk(steps, whole), member)
    get = compile_path(path, aliases)
    return Place(("expression", written), lambda element, record: {"": get(element, record)}, "")


def resolved(path: str, aliases: Mapping[str, str]) -> str:
    """The path with custom fields called as the tool calls them. Raises PathInvalid."""
    return _CUSTOM.sub(lambda found: _alias(found[1].strip('"'), aliases), path.strip())


def ways_read(path: str, aliases: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The names, one below the other, of each member that `path` looks at: `[a."b.c", d[0].e]` looks at `("a", "b.c")`
    and `("d", "e")`. `record.` in front is left in. Raises PathInvalid."""
    try:
        tree = jmespath.compile(resolved(path, aliases)).parsed
    except JMESPathError as error:
        raise _no_path(path, error) from None
    looked_at: list[tuple[str, ...]] = []
    looked_at += _ways(tree, [()], looked_at)
    return list(dict.fromkeys(filter(None, looked_at)))


def _ways(
    tree: Mapping[str, Any], start: list[tuple[str, ...]], looked_at: list[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Where the values that this part of an expression gives come from. What else it looks at, to decide which, is
    added to `looked_at`."""
    children = tree["children"]
    match tree["type"]:
        case "field":
            return [(*way, tree["value"]) for way in start]
        case "subexpression" | "index_expression" | "projection" | "value_projection" | "pipe":
            for child in children:
                start = _ways(child, start, looked_at)
            return start
        case "filter_projection":
            elements, then, condition = children
            start = _ways(elements, start, looked_at)
            looked_at += _ways(condition, start, looked_at)
            return _ways(then, start, looked_at)
        case "literal":
            return []
        case "slice":  # its children are numbers
            return start
        case _ if children:  # each part of it begins where it does: a || b, [a, b], length(a)
            return [way for child in children for way in _ways(child, start, looked_at)]
        case _:  # a place in a list, the value itself
            return start


def _search(path: str) -> Callable[[Any], Any]:
    if _FIRST_OF.fullmatch(path):
        return _first_of([_steps(dotted) for dotted in _DOTTED.findall(path)])
    if _LIST_OF.fullmatch(path):
        return _list_of([_walk(_steps(dotted), False) for dotted in _DOTTED.findall(path)])
    if found := _COMPARED.fullmatch(path):
        return _compared(_walk(_steps(found[1]), False), found[3], equal=found[2] == "==")
    try:
        return jmespath.compile(path).search  # type: ignore[no-any-return]
    except JMESPathError as error:
        raise _no_path(path, error) from None


def _no_path(path: str, error: JMESPathError) -> PathInvalid:
    quoted = ""
    if _PLAIN_NAMES.fullmatch(path):
        steps = [step if _STEP.fullmatch(step) else f'"{step}"' for step in path.split(".")]
        quoted = (
            f" A name with other signs than letters, digits and _ has quotes of its own: '{'.'.join(steps)}'"
        )
    return PathInvalid(f"{path!r} is not a JMESPath: {str(error).splitlines()[0]}{quoted}")


def _alias(name: str, aliases: Mapping[str, str]) -> str:
    if name in aliases:
        return aliases[name]
    if not aliases:
        # Nothing is known of the tenant yet (`portbook check` offline): the field reads as absent.
        return '"custom"."' + name + '"'
    near = nearest(name, aliases)
    meant = f"; did you mean {near!r}?" if near else ""
    raise PathInvalid(f"this source has no custom field {name!r}, or several of that name{meant}")


def _walk(steps: list[str], whole: bool) -> Getter:
    if whole:
        inner = _walk(steps, False)
        return lambda element, record: inner(record, record)
    if not steps:
        return lambda element, record: element
    if len(steps) == 1:
        (only,) = steps
        return lambda element, record: element.get(only) if type(element) is dict else None
    if len(steps) == 2:
        first, second = steps

        def two(element: Any, record: Any) -> Any:
            inner = element.get(first) if type(element) is dict else None
            return inner.get(second) if type(inner) is dict else None

        return two

    def walk(element: Any, record: Any) -> Any:
        for step in steps:
            if type(element) is not dict:
                return None
            element = element.get(step)
        return element

    return walk


def _steps(dotted: str) -> list[str]:
    return [step.strip('"') for step in _STEP.findall(dotted)]


_NUMBERS = (int, float)
"""What JMESPath takes for true whatever it is: 0, too."""


def _first_of(paths: list[list[str]]) -> Callable[[Any], Any]:
    """The first value that is not empty, else the last."""
    if all(len(steps) == 2 and steps[0] == paths[0][0] for steps in paths):
        return _first_in(paths[0][0], [steps[1] for steps in paths])
    getters = [_walk(steps, False) for steps in paths]

    def first(data: Any) -> Any:
        value = None
        for get in getters:
            value = get(data, data)
            if value or type(value) in _NUMBERS:
                return value
        return value

    return first


def _list_of(getters: list[Getter]) -> Callable[[Any], Any]:
    return lambda data: None if data is None else [get(data, data) for get in getters]


def _first_in(where: str, names: list[str]) -> Callable[[Any], Any]:
    """The same where all are members of one object, as the many names that a column may have."""

    def first(data: Any) -> Any:
        inner = data.get(where) if type(data) is dict else None
        if type(inner) is not dict:
            return None
        value = None
        for name in names:
            value = inner.get(name)
            if value or type(value) in _NUMBERS:
                return value
        return value

    return first


def _compared(get: Getter, word: str, *, equal: bool) -> Callable[[Any], Any]:
    if equal:
        return lambda data: get(data, data) == word
    return lambda data: get(data, data) != word
