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
    """Take the lease if nobody holds it, or its holder has gone silent; None where somebody works. Waits for the page
    of a holder whose lease ran out in its middle: what it writes is in the register before the next reads."""
    async with pool.acquire() as connection, connection.transaction():
        # This lock alone conflicts with a page's. An insert that meets the row would take one that does not.
        ran_out = await connection.fetchval(
            "SELECT true FROM lease WHERE name = $1 AND expires_at < clock_timestamp() FOR UPDATE", name
        )
        token = await connection.fetchval(_TAKE_OVER if ran_out else _TAKE_FIRST, name, holder, ttl_s)
    return None if token is None else Held(name, token)


_TAKE_FIRST = """
    INSERT INTO lease (name, token, holder, expires_at)
    VALUES ($1, 1, $2, clock_timestamp() + make_interval(secs => $3))
    ON CONFLICT (name) DO NOTHING RETURNING token
    """
_TAKE_OVER = """
    UPDATE lease SET token = token + 1, holder = $2, expires_at = clock_timestamp() + make_interval(secs => $3)
    WHERE name = $1 RETURNING token
    """


async def fence(connection: Connection, held: Held) -> None:
    """Prove, inside a transaction, that the lease is still ours, and keep everybody from taking it until commit, but
    not ourselves from renewing it.

    Raises LeaseLost when it has passed on or run out: nothing may be written then.
    """
    ours = await connection.fetchval(
        "SELECT true FROM lease WHERE name = $1 AND token = $2 AND expires_at > clock_timestamp() FOR KEY SHARE",
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
