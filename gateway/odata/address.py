"""`Projects(6f1c…)/WorkItems/$count` → which rows are meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import HttpProblem
from gateway.odata.errors import NotSupported
from gateway.odata.model import EntitySet, entity_sets
from register.catalog import Kind
from register.errors import QueryInvalid
from register.query.ast import MAX_TEXT, Origin
from register.query.names import did_you_mean
from register.query.tokens import check_text

# A quote inside of a text is doubled, and so reads as two texts. Nothing here can be read in two ways.
_PART = re.compile(r"([^/('\s]+)(?:\(((?:'[^']*'|[^()'])*+)\))?(?:/|\Z)")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LACKING = ("$all", "$entity", "$crossjoin", "$ref", "$links", "$filter", "$each", "$query", "$root")


@dataclass(frozen=True, slots=True)
class Address:
    """`set` is None for documents, whose name is `below` then."""

    set: str | None
    key: str | None = None
    below: str | None = None
    count: bool = False
    value: bool = False


def read_address(path: str) -> Address:
    """Of a decoded path below the root. Raises HttpProblem 404, QueryInvalid or NotSupported."""
    if path in ("", "$metadata"):
        return Address(None, below=path)
    parts = _parts(path)
    name, key = parts[0]
    if name in _LACKING:
        raise NotSupported(f"not supported: `{name}`", parameter="path")
    each = entity_sets().get(name)
    if each is None:
        raise HttpProblem(
            f"there is no entity set {name[:60]!r}",
            status=404,
            hint=did_you_mean(name, entity_sets()) or "The service document lists them.",
        )
    found = Address(name, None if key is None else _key(each, key))
    for at, (word, inside) in enumerate(parts[1:]):
        if word in _LACKING or "." in word:
            raise NotSupported(f"not supported: `{word[:60]}` in an address", parameter="path")
        if found.count or found.value:
            raise NotSupported(f"not supported: anything behind `{parts[at][0]}`", parameter="path")
        if word == "$count" and inside is None and (found.key is None or found.below):
            found = Address(found.set, found.key, found.below, count=True)
        elif word == "$value" and inside is None and found.below:
            found = Address(found.set, found.key, found.below, value=True)
        elif inside is None and found.key is not None and found.below is None and word[0] != "$":
            found = Address(found.set, found.key, word)
        else:
            raise NotSupported(
                f"not supported: `{word[:60]}` at this place of an address",
                parameter="path",
                hint="There are Set, Set(key), Set(key)/Property, Set(key)/Navigation, /$count and /$value.",
            )
    return found


def _parts(path: str) -> list[tuple[str, str | None]]:
    if len(path) > MAX_TEXT:
        raise QueryInvalid("the address is too long", parameter="path")
    check_text(path, Origin("path", path))
    found, at = [], 0
    while at < len(path):
        part = _PART.match(path, at)
        if part is None:
            raise QueryInvalid("the address is not understood here", parameter="path", position=at, text=path)
        found.append((part[1], part[2]))
        at = part.end()
    return found


def _key(each: EntitySet, text: str) -> str:
    """The id in the parentheses."""
    kind = each.properties["Id"].kind
    text = text.strip()
    if text.startswith("Id="):
        text = text[3:].strip()
    elif re.match(r"[A-Za-z]\w*=", text) or "," in text.partition("'")[0]:
        raise NotSupported(
            f"not supported: rows of {each.name} by anything but Id", parameter="path",
            hint=f"Write {each.name}?$filter=Key eq 'A'.",
        )  # fmt: skip
    if kind is Kind.ID and _GUID.fullmatch(text):
        return text.lower()
    if kind is Kind.INTEGER and text.isascii() and text.isdecimal() and len(text) < 19:
        return text
    if kind is Kind.TEXT and len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    written = {Kind.ID: "an id without quotes", Kind.INTEGER: "a whole number"}.get(
        kind, "text in single quotes"
    )
    raise QueryInvalid(f"the key of {each.name} is {written}", parameter="path", text=text)
