"""Rows as PostgreSQL's COPY text format, and as the JSON that `json_populate_recordset` reads.

Values are JSON values, as claims hold them; PostgreSQL's own input functions give them their types. See the
PostgreSQL manual, COPY, "Text Format".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from typing import Any

import orjson

from register.catalog import Kind, catalog
from register.db import Connection

NULL = "\\N"


def text(value: str) -> str:
    """A text value; the four characters COPY gives a meaning are escaped."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\n" in value:
        value = value.replace("\n", "\\n")
    if "\t" in value:
        value = value.replace("\t", "\\t")
    if "\r" in value:
        value = value.replace("\r", "\\r")
    return value


def document(value: Any) -> str:
    """A JSON value."""
    return text(orjson.dumps(value).decode())


def texts(values: Sequence[str]) -> str:
    """An array of text."""
    quoted = (part.replace("\\", "\\\\").replace('"', '\\"') for part in values)
    return text("{" + ",".join(f'"{part}"' for part in quoted) + "}")


def ids(values: Sequence[str]) -> str:
    """An array of UUIDs."""
    return "{" + ",".join(values) + "}"


def boolean(value: bool) -> str:
    return "t" if value else "f"


ENCODERS: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: text,
    Kind.DATE: str,
    Kind.INSTANT: str,
    Kind.NUMBER: repr,
    Kind.INTEGER: repr,
    Kind.BOOLEAN: boolean,
    Kind.ID: str,
    Kind.TEXTS: texts,
    Kind.IDS: ids,
    Kind.DOCUMENT: document,
}


class EntityRows:
    """Encodes rows of one entity: which columns are written, in which order, and how."""

    def __init__(self, entity: str) -> None:
        fields = catalog()[entity].fields
        kept = [f for f in fields.values() if f.name not in ("version", "valid_from", "synced_at")]
        self.columns = tuple(f.name for f in kept)
        self.places = {f.name: (at, ENCODERS[f.kind]) for at, f in enumerate(kept)}
        self._empty = [NULL] * len(kept)

    def encode(self, values: dict[str, Any]) -> str:
        """One line. `values` has the envelope's id, source, source_id and presence too."""
        cells = self._empty.copy()
        places = self.places
        for name, value in values.items():
            at, encode = places[name]
            cells[at] = encode(value)
        return "\t".join(cells) + "\n"


@cache
def entity_rows(entity: str) -> EntityRows:
    return EntityRows(entity)


async def copy_in(connection: Connection, table: str, columns: Sequence[str], lines: str) -> None:
    """Append lines in the text format to a table."""
    # Not as a file: asyncpg makes a class to read one, a class is part of a cycle, and so megabytes of lines would
    # stay until the collector comes by.
    await connection.copy_to_table(table, source=_whole(lines.encode()), columns=columns, format="text")


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
