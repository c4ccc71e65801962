"""Connections to the register."""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, TypeAlias

import asyncpg

from register.errors import RegisterError

DATABASE_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its goodbye was read while something else was awaited
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What asyncpg raises when the server does not answer, or will not just now. Two of them it raises for mistakes of its
caller too: see `is_away`."""

DATABASE_TROUBLE = (asyncpg.PostgresError, *DATABASE_AWAY)
"""The same, and whatever else PostgreSQL says: for work that is tried again."""

_GONE = re.compile(
    r"(connection|pool|prepared statement) is clos(ed|ing)|released back\s+to the pool|not connected"
    # Its own confusion where the server's goodbye came in between.
    r"|cannot switch to|unexpected state|unknown protocol state|waiter is not done while"
)
"""What asyncpg says of a connection that was lost, in errors that have no class of their own."""

APP_ROLE = "portbook_app"

_INT4 = struct.Struct(">i")
_DAY_ZERO = date(2000, 1, 1).toordinal()
"""What PostgreSQL counts dates from."""

# asyncpg ships no types; the names say which of its objects is meant.
Pool: TypeAlias = Any
Connection: TypeAlias = Any


@asynccontextmanager
async def without_nested_loops(connection: Connection) -> AsyncIterator[None]:
    """A transaction, or a part of one, in which no join goes through its one side for each row of the other.

    For a table that is filled and emptied again in each run. What PostgreSQL last counted there was another run's: of
    this one it expects a row, and would look a hundred thousand through for each of as many.
    """
    async with connection.transaction(), for_a_while(connection, "enable_nestloop", "off"):
        yield


@asynccontextmanager
async def for_a_while(connection: Connection, setting: str, value: str | int) -> AsyncIterator[None]:
    """A part of a transaction in which PostgreSQL's `setting` has this value. Where it ends in an error, so does the
    transaction, and the setting with it."""
    await connection.execute(f"SET LOCAL {setting} = {value}")
    yield
    await connection.execute(f"SET LOCAL {setting} TO DEFAULT")


def is_away(error: BaseException) -> bool:
    """Whether the server does not answer, or will not just now; not so where asyncpg was merely called wrongly."""
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        # A ValueError among them quotes what PostgreSQL was given.
        return not isinstance(error, ValueError) and _GONE.search(str(error)) is not None
    return isinstance(error, DATABASE_AWAY)


async def open_pool(
    url: str, *, size: int = 4, statement_timeout_ms: int | None = None, name: str = "portbook"
) -> Pool:
    """A pool whose sessions act as the application role: they can add to history and events, not rewrite them.

    Raises RegisterError where the database cannot be reached.
    """
    settings = _settings(name)
    if statement_timeout_ms is not None:
        settings["statement_timeout"] = str(statement_timeout_ms)
    return await _open(url, size, settings, init=_codecs)


async def open_read_pool(
    url: str, *, size: int = 8, statement_timeout_ms: int = 5_000, name: str = "portbook reader"
) -> Pool:
    """A pool for questions: sessions can write nothing, and `json` arrives as bytes, ready to be sent on.

    Nothing here changes a session, so connections go back without the round trip that would reset them.
    Raises RegisterError where the database cannot be reached.
    """
    settings = {
        **_settings(name),
        "statement_timeout": str(statement_timeout_ms),
        "default_transaction_read_only": "on",
    }
    return await _open(url, size, settings, init=_bytes_codec, reset=_as_it_is)


def _settings(name: str) -> dict[str, str]:
    return {"role": APP_ROLE, "timezone": "UTC", "application_name": name, "jit": "off"}


async def _open(url: str, size: int, settings: dict[str, str], **options: Any) -> Pool:
    try:
        return await asyncpg.create_pool(
            url, min_size=1, max_size=size, server_settings=settings, command_timeout=None, **options
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise RegisterError(
            f"the register's database cannot be opened: {error}",
            hint="Is it running, and has `portbook migrate` been run there?",
        ) from None


async def _as_it_is(connection: Connection) -> None:
    """Instead of asyncpg's RESET ALL."""


async def _plain_dates(connection: Connection) -> None:
    """asyncpg sends the last day there is, with which many tools say that there is no end, as `infinity`."""
    await connection.set_type_codec(
        "date", schema="pg_catalog", encoder=_days, decoder=_date, format="binary"
    )


def _days(value: date) -> bytes:
    return _INT4.pack(value.toordinal() - _DAY_ZERO)


def _date(value: bytes) -> date:
    return date.fromordinal(min(max(_INT4.unpack(value)[0] + _DAY_ZERO, 1), date.max.toordinal()))


async def _bytes_codec(connection: Connection) -> None:
    await _plain_dates(connection)
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )


async def _codecs(connection: Connection) -> None:
    await _plain_dates(connection)
    # JSON travels as text both ways: what PostgreSQL builds is passed through, what we build is built once.
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=_text, decoder=_text, format="text"
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
