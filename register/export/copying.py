"""csv and ndjson: PostgreSQL writes them, and its bytes are passed on as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import asyncpg

from register.db import DATABASE_AWAY, Connection
from register.errors import QueryInvalid
from register.export.columns import Export
from register.export.formats import ExportFailed, Format

_PIECES = 8
"""Pieces that wait for a slow reader before PostgreSQL waits as well."""
# JSON text holds no control characters: with these as quote and delimiter, COPY changes nothing in it.
_OPTIONS: dict[str, dict[str, Any]] = {
    "csv": {"format": "csv"},
    "ndjson": {"format": "csv", "delimiter": "\x02", "quote": "\x01"},
}


async def copy_out(connection: Connection, export: Export, kind: Format) -> AsyncGenerator[bytes, None]:
    """The file, in pieces, none before PostgreSQL has begun. Raises QueryInvalid for a value PostgreSQL refuses, and
    ExportFailed."""
    # Not PostgreSQL's heading: it cuts names at 63 bytes. Names are letters, digits, underscores and dots.
    heading = b"" if kind.name != "csv" else (",".join(one.name for one in export.columns) + "\n").encode()
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES)

    async def copy() -> None:
        try:
            await connection.copy_from_query(
                export.sql, *export.parameters, output=pieces.put, **_OPTIONS[kind.name]
            )
        finally:
            # Whoever reads no longer must not keep this waiting.
            with suppress(asyncio.QueueFull):
                pieces.put_nowait(None)

    copying = asyncio.create_task(copy())
    try:
        while True:
            getting = asyncio.create_task(pieces.get())
            done, _ = await asyncio.wait({getting, copying}, return_when=asyncio.FIRST_COMPLETED)
            if getting not in done:
                getting.cancel()
                break
            piece = getting.result()
            if piece is None:
                break
            yield heading + piece
            heading = b""
        while not pieces.empty():
            if piece := pieces.get_nowait():
                yield heading + piece
                heading = b""
        await copying
        if heading:
            yield heading
    except asyncpg.DataError as error:
        raise QueryInvalid(f"the database refuses a value: {error}") from None
    except (asyncpg.QueryCanceledError, *DATABASE_AWAY) as error:
        raise ExportFailed(
            f"the database broke the export off: {error}", hint="Ask for less, or again."
        ) from None
    finally:
        copying.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await copying
