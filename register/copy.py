"""Rows in PostgreSQL's binary COPY format: what is loaded need not be parsed a second time there.

Values are JSON values, as claims hold them. See the PostgreSQL manual, COPY, "Binary Format"; each type's bytes are
those of its `send` function.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import orjson

from register.catalog import Kind, catalog
from register.db import Connection

Encode = Callable[[Any], bytes]
"""A value → its bytes, behind their length."""

NULL = b"\xff\xff\xff\xff"
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"
_SEND_BYTES = 128 << 10
"""PostgreSQL takes each message up as a whole, and megabytes in one cost it more than reading them does."""

_int2 = struct.Struct(">h").pack
_int4 = struct.Struct(">i").pack
_sized_int4 = struct.Struct(">ii").pack
_sized_int8 = struct.Struct(">iq").pack
_array = struct.Struct(">iiiii").pack
_TEXT, _UUID = 25, 2950
_DAY_ZERO = date(2000, 1, 1).toordinal()
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_MEMO_SIZE = 20_000


def blob(value: bytes) -> bytes:
    return _int4(len(value)) + value


def text(value: str) -> bytes:
    content = value.encode()
    return _int4(len(content)) + content


def uuid(value: str) -> bytes:
    return b"\0\0\0\x10" + bytes.fromhex(value.replace("-", ""))


def boolean(value: bool) -> bytes:
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def integer(value: int) -> bytes:
    return _sized_int4(4, value)


def big_integer(value: int) -> bytes:
    return _sized_int8(8, value)


@lru_cache(_MEMO_SIZE)
def day(value: str) -> bytes:
    """A date, from ISO 8601."""
    return _sized_int4(4, date.fromisoformat(value).toordinal() - _DAY_ZERO)


def instant(value: str) -> bytes:
    """From ISO 8601; without an offset it is UTC, as in every session here."""
    found = datetime.fromisoformat(value)
    return moment(found if found.tzinfo else found.replace(tzinfo=UTC))


def moment(value: datetime) -> bytes:
    since = value - _ZERO
    return _sized_int8(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


@lru_cache(_MEMO_SIZE, typed=True)
def numeric(value: float) -> bytes:
    """Groups of four decimal digits, the place of the first, and how many decimals are shown."""
    written = f"{Decimal(repr(value)):f}"
    whole, _, decimals = written.lstrip("-").partition(".")
    whole = whole.zfill(-(-len(whole) // 4) * 4)
    digits = whole + decimals.ljust(-(-len(decimals) // 4) * 4, "0")
    groups = [int(digits[at : at + 4]) for at in range(0, len(digits), 4)]
    first = next((at for at, group in enumerate(groups) if group), len(groups))
    while groups and not groups[-1]:
        groups.pop()
    groups = groups[first:]
    sign = 0x4000 if groups and written.startswith("-") else 0
    weight = len(whole) // 4 - 1 - first if groups else 0
    return blob(struct.pack(f">HhHH{len(groups)}H", len(groups), weight, sign, len(decimals), *groups))


def texts(values: Sequence[str]) -> bytes:
    return _listed(_TEXT, [text(value) for value in values])


def uuids(values: Sequence[str]) -> bytes:
    return _listed(_UUID, [uuid(value) for value in values])


def _listed(kind: int, elements: Sequence[bytes]) -> bytes:
    """An array of one dimension, counted from 1; an empty one has none."""
    head = _array(1, 0, kind, len(elements), 1) if elements else _array(0, 0, kind, 0, 0)[:12]
    return blob(head + b"".join(elements))


def document(value: Any) -> bytes:
    """jsonb."""
    return encoded_document(orjson.dumps(value))


def encoded_document(content: bytes) -> bytes:
    """jsonb that is JSON text already."""
    return _int4(len(content) + 1) + b"\1" + content


ENCODERS: Mapping[Kind, Encode] = {
    Kind.TEXT: text,
    Kind.DATE: day,
    Kind.INSTANT: instant,
    Kind.NUMBER: numeric,
    Kind.INTEGER: integer,
    Kind.BOOLEAN: boolean,
    Kind.ID: uuid,
    Kind.TEXTS: texts,
    Kind.IDS: uuids,
    Kind.DOCUMENT: document,
}


class EntityRows:
    """Encodes rows of one entity: which columns are written, in which order, and how."""

    def __init__(self, entity: str) -> None:
        fields = catalog()[entity].fields
        kept = [f for f in fields.values() if f.name not in ("version", "valid_from", "synced_at")]
        self.columns = tuple(f.name for f in kept)
        self._places = {f.name: (at, ENCODERS[f.kind]) for at, f in enumerate(kept, 1)}
        self._empty = [_int2(len(kept)), *[NULL] * len(kept)]

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """One row. `values` has the envelope's id, source, source_id and presence too."""
        cells = self._empty.copy()
        places = self._places
        for name, value in values.items():
            at, encode = places[name]
            cells[at] = encode(value)
        return b"".join(cells)


@cache
def entity_rows(entity: str) -> EntityRows:
    return EntityRows(entity)


def one_row(*fields: bytes) -> bytes:
    """One row of any table."""
    return _int2(len(fields)) + b"".join(fields)


async def copy_in(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> str:
    """Append rows to a table; returns what PostgreSQL says it did. Rows are taken one piece at a time: PostgreSQL
    loads one while the next is being encoded."""
    # Not as a file: asyncpg makes a class to read one, a class is part of a cycle, and so megabytes of rows would
    # stay until the collector comes by.
    done = await connection.copy_to_table(table, source=_in_pieces(rows), columns=columns, format="binary")
    return str(done)


async def _in_pieces(rows: Iterable[bytes]) -> AsyncIterator[bytes | memoryview]:
    piece, size = [_HEAD], 0
    for row in rows:
        piece.append(row)
        size += len(row)
        if size >= _SEND_BYTES:
            for part in _cut(b"".join(piece)):
                yield part
            piece, size = [], 0
    piece.append(_TAIL)
    yield b"".join(piece)


def _cut(content: bytes) -> Iterable[memoryview]:
    whole = memoryview(content)
    return (whole[start : start + _SEND_BYTES] for start in range(0, len(content), _SEND_BYTES))
