"""Connections to the register."""

from __future__ import annotations

from typing import Any

import asyncpg

from register.errors import RegisterError

APP_ROLE = "portbook_app"

Pool = asyncpg.Pool
Connection = asyncpg.Connection


async def open_pool(
    url: str, *, size: int = 4, statement_timeout_ms: int | None = None, name: str = "portbook"
) -> Pool:
    """A pool whose sessions act as the application role: they can add to history and events, not rewrite them.

    Raises RegisterError where the database cannot be reached.
    """
    settings = {"role": APP_ROLE, "timezone": "UTC", "application_name": name, "jit": "off"}
    if statement_timeout_ms is not None:
        settings["statement_timeout"] = str(statement_timeout_ms)
    try:
        return await asyncpg.create_pool(
            url, min_size=1, max_size=size, init=_codecs, server_settings=settings, command_timeout=None
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise RegisterError(
            f"the register's database cannot be opened: {error}",
            hint="Is it running, and has `portbook migrate` been run there?",
        ) from None


async def _codecs(connection: Connection) -> None:
    # JSON travels as text both ways: what PostgreSQL builds is passed through, what we build is built once.
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_text, decoder=_text, format="text")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
