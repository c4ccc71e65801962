"""Who may write for a source: a lease on the database's clock, with a token that fences out whoever lost it.

A worker's own clock plays no part, so a paused or skewed worker can hold a lease for too short a time, never write
after it has passed on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from register.db import Connection, Pool
from register.errors import LeaseLost

TTL_S = 30
"""Seconds a lease lasts without a sign of life; a heartbeat renews it every third of that."""


class Held(NamedTuple):
    """A lease in hand. Only who knows the token may write."""

    name: str
    token: int


async def acquire(pool: Pool, name: str, holder: str, *, ttl_s: float = TTL_S) -> Held | None:
    """Take the lease if nobody holds it, or its holder has gone silent; None where somebody works."""
    token = await pool.fetchval(
        """
        INSERT INTO lease AS l (name, token, holder, expires_at)
        VALUES ($1, 1, $2, clock_timestamp() + make_interval(secs => $3))
        ON CONFLICT (name) DO UPDATE
        SET token = l.token + 1, holder = excluded.holder, expires_at = excluded.expires_at
        WHERE l.expires_at < clock_timestamp()
        RETURNING token
        """,
        name,
        holder,
        ttl_s,
    )
    return None if token is None else Held(name, token)


async def fence(connection: Connection, held: Held) -> None:
    """Prove, inside a transaction, that the lease is still ours, and keep everybody from taking it until commit.

    Raises LeaseLost when it has passed on or run out: nothing may be written then.
    """
    ours = await connection.fetchval(
        "SELECT true FROM lease WHERE name = $1 AND token = $2 AND expires_at > clock_timestamp() FOR SHARE",
        held.name,
        held.token,
    )
    if not ours:
        raise LeaseLost(f"the lease on {held.name} has passed to another worker")


@asynccontextmanager
async def fenced(pool: Pool, held: Held) -> AsyncIterator[Connection]:
    """A transaction of the holder's. Raises LeaseLost, with nothing written, when somebody else holds the lease."""
    async with pool.acquire() as connection, connection.transaction():
        await fence(connection, held)
        yield connection


async def renew(pool: Pool, held: Held, *, ttl_s: float = TTL_S) -> None:
    """Show a sign of life. Raises LeaseLost when it came too late."""
    kept = await pool.fetchval(
        """
        UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => $3)
        WHERE name = $1 AND token = $2 AND expires_at > clock_timestamp()
        RETURNING true
        """,
        held.name,
        held.token,
        ttl_s,
    )
    if not kept:
        raise LeaseLost(f"the lease on {held.name} has passed to another worker")


async def release(pool: Pool, held: Held) -> None:
    """Give the lease back at once, so that the next holder need not wait for it to run out."""
    await pool.execute(
        "UPDATE lease SET expires_at = clock_timestamp() - interval '1 second' WHERE name = $1 AND token = $2",
        held.name,
        held.token,
    )
