"""Run a compiled query: one statement, and the JSON that PostgreSQL built is passed on as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import asyncpg

from register.query.compile import Builder
from register.query.compile_groups import compile_groups
from register.query.compile_page import compile_page
from register.query.cost import ask
from register.query.cursor import another_query, read_cursor, write_cursor
from register.query.lanes import Lanes
from register.query.near import read_near
from register.query.one_row import compile_named, compile_row, find_row, only_one
from register.query.past import AsOf, require_history
from register.query.plan import Groups, Level
from register.query.revision import follows_events
from register.query.scope import RowScope
from register.query.statement import Statement


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query that was parsed, checked and compiled, to be run any number of times."""

    level: Level
    shape: bytes
    first: Statement
    as_of: AsOf | None = None
    scoped: bool = False
    follows_events: bool = False
    """Whether the answer stays the same while nothing happens."""
    near: dict[str, Statement] = field(default_factory=dict)
    """The first page of the past, up to a key."""

    @classmethod
    def of(cls, level: Level, shape: bytes, as_of: AsOf | None = None, *, scoped: bool = False) -> Prepared:
        """Raises PastUnknown where an instant is asked of rows that keep no history."""
        if as_of is not None:
            require_history(level.entity, as_of.parameter)
        first = compile_page(level, past=as_of is not None, scoped=scoped)
        return cls(level, shape, first, as_of, scoped, follows_events(level))

    def behind(self, after: Sequence[str | None], *, past: bool) -> Statement:
        """The page behind this place."""
        return compile_page(replace(self.level, offset=0), after, past=past, scoped=self.scoped)


@dataclass(frozen=True, slots=True)
class PreparedGroups:
    """The same of an aggregate."""

    groups: Groups
    shape: bytes
    first: Statement
    as_of: AsOf | None = None
    scoped: bool = False
    wide: bool = False

    @classmethod
    def of(
        cls,
        groups: Groups,
        shape: bytes,
        as_of: AsOf | None = None,
        *,
        scoped: bool = False,
        wide: bool = False,
    ) -> PreparedGroups:
        """`wide` is for callers who see most of the rows (`RowScope.wide`); to others it gives the same, later. Raises
        PastUnknown where an instant is asked of rows that keep no history."""
        if as_of is not None:
            require_history(groups.entity, as_of.parameter)
        first = compile_groups(groups, past=as_of is not None, scoped=scoped, wide=wide)
        return cls(groups, shape, first, as_of, scoped, wide)

    def behind(self, after: Sequence[str | None], *, past: bool) -> Statement:
        """The groups behind this place."""
        groups = replace(self.groups, offset=0)
        return compile_groups(groups, after, past=past, scoped=self.scoped, wide=self.wide)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished JSON body, and the cursor that is also in it."""

    body: bytes
    next: str | None = None


async def read_page(
    lanes: Lanes,
    secret: bytes,
    prepared: Prepared | PreparedGroups,
    cursor: str | None = None,
    scope: RowScope | None = None,
) -> Answer:
    """`{"data": […], "next": …, "meta": {…}}`, with `totals` of groups where they are asked for. Raises QueryInvalid,
    QueryTooSlow or RegisterError. What was prepared `scoped` needs a scope.

    A cursor keeps the instant of the page it comes from: pages of the past are all of one moment.
    """
    row, place = await _page(lanes, secret, prepared, cursor, scope)
    return Answer(_body(row, prepared.first, place), place)


async def fetch_page(
    lanes: Lanes,
    secret: bytes,
    prepared: Prepared | PreparedGroups,
    cursor: str | None = None,
    scope: RowScope | None = None,
) -> tuple[Mapping[str, Any], str | None]:
    """A page as the statement gave it, without the row behind it, and the cursor to the next, where there is one."""
    row, place = await _page(lanes, secret, prepared, cursor, scope)
    beyond = prepared.first.beyond and row["more"]
    return {**row, "data": prepared.first.data(row["data"], more=True)} if beyond else row, place


async def _page(
    lanes: Lanes,
    secret: bytes,
    prepared: Prepared | PreparedGroups,
    cursor: str | None,
    scope: RowScope | None,
) -> tuple[Mapping[str, Any], str | None]:
    if prepared.scoped is not (scope is not None):
        raise ValueError("what is prepared for a scope is asked with one")
    instant, after = place_of(secret, prepared, cursor, datetime.now(UTC))
    row = None
    if instant is not None and isinstance(prepared, Prepared) and not prepared.level.count:
        row = await read_near(lanes, prepared.level, after, instant, prepared.near, scope)
    if row is None:
        statement = prepared.behind(after, past=instant is not None) if after else prepared.first
        plan = prepared.level if isinstance(prepared, Prepared) else prepared.groups
        row = await ask(lanes, statement, instant, scope, plan)
    if not row["more"]:
        return row, None
    return row, write_cursor(secret, prepared.shape, prepared.first.place(row), instant)


def place_of(
    secret: bytes, prepared: Prepared | PreparedGroups, cursor: str | None, now: datetime
) -> tuple[datetime | None, list[str | None] | None]:
    """The instant that is looked at, unless it is now, and the place to go on behind. Raises CursorInvalid."""
    if cursor is None:
        return prepared.as_of.instant(now) if prepared.as_of else None, None
    instant, after = read_cursor(secret, prepared.shape, cursor)
    if prepared.as_of is not None and (instant is None or not prepared.as_of.means(instant)):
        raise another_query("Keep `as_of` as it was, or leave it out: the cursor knows it.")
    return instant, after


def _body(row: Mapping[str, Any], statement: Statement, cursor: str | None) -> bytes:
    data, totals = row["data"], row.get("totals")
    rows = (b"[]",) if data is None else statement.pieces(data, row["more"])
    shown = b"null" if cursor is None else b'"' + cursor.encode() + b'"'
    extra = b"" if totals is None else b'"totals":%b,' % bytes_of(totals, b"{}")
    return b"".join((b'{"data":', *rows, b',"next":', shown, b",", extra, meta_of(row)))


async def read_row(
    lanes: Lanes,
    level: Level,
    reference: str,
    as_of: AsOf | None = None,
    scope: RowScope | None = None,
) -> Answer:
    """`{"data": {…}, "meta": {…}}` by id or key, whatever its presence. Raises RowNotFound, RowAmbiguous, and with
    `as_of` PastUnknown."""
    return _one(await fetch_row(lanes, level, reference, as_of, scope))


async def fetch_row(
    lanes: Lanes,
    level: Level,
    reference: str,
    as_of: AsOf | None = None,
    scope: RowScope | None = None,
) -> asyncpg.Record:
    """The same as the statement gave it, with `data`."""
    instant = None
    scoped = scope is not None
    if as_of is not None:
        require_history(level.entity, as_of.parameter)
        instant = as_of.instant(datetime.now(UTC))
    else:
        row = await ask(lanes, compile_named(level, reference, scoped=scoped), None, scope, level)
        if row["ids"] and not row["gone"]:
            only_one(level.entity, reference, row["ids"])
            return row
    found = await find_row(lanes, level.entity, reference, instant, scope)
    statement = compile_row(level, found, past=instant is not None, scoped=scoped)
    row = await ask(lanes, statement, instant, scope, level)
    if not row["ids"]:
        only_one(level.entity, reference, [])
    return row


async def fetch_count(
    lanes: Lanes, level: Level, as_of: AsOf | None = None, scope: RowScope | None = None
) -> int:
    """How many rows there are. Raises PastUnknown."""
    instant = None
    if as_of is not None:
        require_history(level.entity, as_of.parameter)
        instant = as_of.instant(datetime.now(UTC))
    builder = Builder(past=instant is not None, scoped=scope is not None)
    sql = f"SELECT {builder.count(level)} AS total"
    found: int = (await ask(lanes, Statement(sql, tuple(builder.parameters)), instant, scope, level))["total"]
    return found


def answer_of(row: asyncpg.Record, place: str | None, *, more: bool | None = None) -> Answer:
    """A list from columns data and as_of, and, where the answer is about a span, since."""
    shown = b"null" if place is None else b'"' + place.encode() + b'"'
    since = b',"from":' + bytes_of(row["since"], b"null") if "since" in row.keys() else b""  # noqa: SIM118
    ahead = b"" if more is None else b',"more":' + (b"true" if more else b"false")
    body = b'{"data":%b,"next":%b,"meta":{"as_of":%b%b%b}}' % (
        bytes_of(row["data"], b"[]"), shown, bytes_of(row["as_of"], b"null"), since, ahead,
    )  # fmt: skip
    return Answer(body, place)


def _one(row: asyncpg.Record) -> Answer:
    return Answer(b'{"data":%b,%b' % (bytes_of(row["data"], b"null"), meta_of(row)))


def meta_of(row: Mapping[str, Any]) -> bytes:
    """The end of an answer: what it is of, from columns as_of, freshness and, where it was counted, total."""
    total = row.get("total")
    return b'"meta":%b}' % moment_of(
        row["as_of"], row["freshness"], None if total is None else b'"count":%d' % total
    )


def moment_of(as_of: bytes | str | None, freshness: bytes | str | None, more: bytes | None = None) -> bytes:
    """What an answer is of, as an object, from what the database says, and `more` members."""
    told = bytes_of(as_of, b"null"), bytes_of(freshness, b"{}"), b"" if more is None else b"," + more
    return b'{"as_of":%b,"freshness":%b%b}' % told


def bytes_of(value: bytes | str | None, empty: bytes) -> bytes:
    """JSON as it came from the database, or what stands for nothing."""
    if value is None:
        return empty
    return value if isinstance(value, bytes) else value.encode()
