"""The audit: who changed what in the workings, who took files, who asked. The database lets nobody change a line, and
removes those of use alone, when they are old."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from register.db import Connection, Pool
from register.errors import QueryInvalid
from register.query.errors import QueryTooSlow

MOST = 1_000
"""Lines in one answer."""
ASKED = "asked"
REFUSED = "refused"
EXPORTED = "exported"
KEPT_DAYS_LEAST = 30
"""The database forgets no use that is younger."""
_PIECE, _REST_S = 5_000, 0.05


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something."""

    name: str
    noted: Mapping[str, str] = field(default_factory=dict)
    """For the audit: which key or account it is, whatever it is called."""


UNNAMED = Actor("command line")
"""Whoever calls the register's functions without saying who it is."""


async def note(
    connection: Connection, actor: Actor, action: str, subject: str, detail: Mapping[str, Any]
) -> None:
    """Write down who did what, in the transaction that does it. No detail hides who it was."""
    await connection.execute(
        "INSERT INTO audit (actor, action, subject, detail) VALUES ($1, $2, $3, $4::text::jsonb)",
        actor.name,
        action,
        subject,
        orjson.dumps({**detail, **actor.noted}, default=str).decode(),
    )


@dataclass(frozen=True, slots=True)
class Use:
    """That somebody asked for something, or was refused, so many times between two instants."""

    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    first_at: datetime
    last_at: datetime
    key_id: UUID | None = None
    """The key that was used, where it was one."""


async def note_uses(pool: Pool, uses: Sequence[Use]) -> None:
    """Write them down, and at each key when it was used. What the database takes into no text is replaced, so that
    nobody's name keeps the others out. Raises what asyncpg raises."""
    keys: dict[UUID, tuple[datetime, datetime]] = {}
    for use in uses:
        if use.key_id is not None:
            first, last = keys.get(use.key_id, (use.first_at, use.last_at))
            keys[use.key_id] = min(first, use.first_at), max(last, use.last_at)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO audit (at, actor, action, subject, detail) "
            "SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::jsonb[])",
            [use.last_at for use in uses],
            [_plain(use.actor) for use in uses],
            [use.action for use in uses],
            [_plain(use.subject) for use in uses],
            [_detail(use) for use in uses],
        )
        # Gateways write at once, each for many keys: in one order, or they wait for each other.
        await connection.execute(
            "SELECT FROM api_key WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(keys)
        )
        await connection.execute(
            """
            UPDATE api_key k
            SET first_used_at = least(k.first_used_at, u.first), last_used_at = greatest(k.last_used_at, u.last)
            FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) u (id, first, last) WHERE k.id = u.id
            """,
            list(keys),
            [first for first, _ in keys.values()],
            [last for _, last in keys.values()],
        )


async def forget_use(pool: Pool, days: int) -> int:
    """Remove the lines about use (asked, refused, exported) that are older; returns how many. A piece at a time, so
    that nobody waits for it. Raises what asyncpg raises."""
    forgotten = 0
    while gone := await pool.fetchval("SELECT forget_use($1, $2)", days, _PIECE):
        forgotten += gone
        await asyncio.sleep(_REST_S)
    return forgotten


def _detail(use: Use) -> str:
    said = {name: _plain(value) if isinstance(value, str) else value for name, value in use.detail.items()}
    return orjson.dumps({**said, "first_at": use.first_at, "last_at": use.last_at}).decode()


def _plain(text: str) -> str:
    """Without control characters and half characters: PostgreSQL refuses some of them, and with them the statement."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


async def list_audit(
    pool: Pool,
    *,
    actor: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Lines of the audit, newest first; `before` goes on behind the last of a list. Raises QueryTooSlow, and
    QueryInvalid for what no text can hold."""
    wanted, values = ["true"], list[Any]()
    for condition, value in (
        ("actor = $", actor),
        ("action = $", action),
        ("seq < $", before),
    ):
        if value is not None:
            values.append(value)
            wanted.append(f"{condition}{len(values)}")
    if since is not None:
        # Written out: for any instant at all the planner takes a third of all lines to be later, and reads them all.
        wanted.append(f"at >= '{since.isoformat()}'::timestamptz")
    try:
        rows = await pool.fetch(
            f"SELECT seq, at, actor, action, subject, detail FROM audit WHERE {' AND '.join(wanted)} "
            f"ORDER BY seq DESC LIMIT {min(limit, MOST)}",
            *values,
        )
    except asyncpg.QueryCanceledError:
        raise QueryTooSlow(
            "the database did not finish in time", hint="Ask for one actor or action, or since a later day."
        ) from None
    except (asyncpg.DataError, UnicodeError) as error:
        raise QueryInvalid(f"the database refuses a value: {error}") from None
    return [{**dict(row), "detail": orjson.loads(row["detail"] or "{}")} for row in rows]
