"""Run a compiled query: one statement, and the JSON that PostgreSQL built is passed on as it is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from register.catalog import Kind
from register.errors import RowNotFound
from register.query.check import Level
from register.query.compile import Statement, compile_page, compile_row
from register.query.cursor import read_cursor, write_cursor
from register.query.errors import RowAmbiguous
from register.query.lanes import Lanes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query that was parsed, checked and compiled, to be run any number of times."""

    level: Level
    shape: bytes
    first: Statement

    @classmethod
    def of(cls, level: Level, shape: bytes) -> Prepared:
        return cls(level, shape, compile_page(level))


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished JSON body, and the cursor that is also in it."""

    body: bytes
    next: str | None = None


async def read_page(lanes: Lanes, secret: bytes, prepared: Prepared, cursor: str | None = None) -> Answer:
    """`{"data": […], "next": …, "meta": {…}}`. Raises QueryInvalid, QueryTooSlow or RegisterError."""
    statement = prepared.first
    if cursor is not None:
        statement = compile_page(prepared.level, read_cursor(secret, prepared.shape, cursor))
    row = await lanes.fetchrow(statement.sql, *statement.parameters)
    next_cursor = None
    if row["more"]:
        next_cursor = write_cursor(secret, prepared.shape, list(row)[4:])
    shown = b"null" if next_cursor is None else b'"' + next_cursor.encode() + b'"'
    return Answer(b'{"data":%b,"next":%b,%b' % (_bytes(row["data"], b"[]"), shown, _meta(row)), next_cursor)


async def read_row(lanes: Lanes, level: Level, reference: str) -> Answer:
    """`{"data": {…}, "meta": {…}}` by id or key, whatever its presence. Raises RowNotFound or RowAmbiguous."""
    statement = compile_row(level, reference, _as_id(level, reference))
    row = await lanes.fetchrow(statement.sql, *statement.parameters)
    found = row["ids"] or []
    if not found:
        raise RowNotFound(
            f"no row of `{level.entity.collection}` has the id or key {reference[:80]!r}",
            hint=f"GET /api/v1/{level.entity.collection}?fields=id,key lists them.",
        )
    if len(found) > 1:
        raise RowAmbiguous(
            f"{len(found)} rows of `{level.entity.collection}` have the key {reference[:80]!r}",
            detail=", ".join(found),
            hint="Ask by id.",
        )
    return Answer(b'{"data":%b,%b' % (_bytes(row["data"], b"null"), _meta(row)))


def _meta(row: asyncpg.Record) -> bytes:
    return b'"meta":{"as_of":%b,"freshness":%b}}' % (
        _bytes(row["as_of"], b"null"),
        _bytes(row["freshness"], b"{}"),
    )


def _bytes(value: bytes | str | None, empty: bytes) -> bytes:
    if value is None:
        return empty
    return value if isinstance(value, bytes) else value.encode()


def _as_id(level: Level, reference: str) -> UUID | int | None:
    try:
        if level.entity.fields["id"].kind is Kind.ID:
            return UUID(reference)
        number = int(reference) if reference.isascii() and reference.isdecimal() else -1
    except ValueError:
        return None
    return number if 0 <= number < 2**63 else None
