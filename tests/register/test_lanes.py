"""Connections that stay lent: replaced when they are lost, and only then."""

from __future__ import annotations

import time

import asyncpg
import pytest

from register.db import open_read_pool
from register.errors import QueryInvalid
from register.query import QueryTooSlow
from register.query.lanes import Lanes


async def test_a_statement_that_takes_too_long_is_not_asked_again(database: str) -> None:
    """It would take as long once more, and every connection would be opened anew."""
    pool = await open_read_pool(database, size=2, statement_timeout_ms=400)
    lanes = Lanes(pool)
    backend = await lanes.fetchrow("SELECT pg_backend_pid()")
    begun = time.monotonic()
    with pytest.raises(QueryTooSlow):
        await lanes.fetchrow("SELECT pg_sleep(5)")
    assert time.monotonic() - begun < 0.75
    assert await lanes.fetchrow("SELECT pg_backend_pid()") == backend
    await lanes.close()
    await pool.close()


async def test_a_connection_that_was_lost_is_replaced(database: str) -> None:
    pool = await open_read_pool(database, size=2)
    lanes = Lanes(pool)
    lost = (await lanes.fetchrow("SELECT pg_backend_pid()"))[0]
    owner = await asyncpg.connect(database)
    await owner.execute("SELECT pg_terminate_backend($1)", lost)
    await owner.close()
    assert (await lanes.fetchrow("SELECT pg_backend_pid()"))[0] != lost
    await lanes.close()
    await pool.close()


async def test_a_value_that_cannot_be_sent_is_refused_and_costs_no_connection(database: str) -> None:
    pool = await open_read_pool(database, size=2)
    lanes = Lanes(pool)
    backend = await lanes.fetchrow("SELECT pg_backend_pid()")
    with pytest.raises(QueryInvalid):
        await lanes.fetchrow("SELECT $1::bigint", 1 << 80)
    assert await lanes.fetchrow("SELECT pg_backend_pid()") == backend
    await lanes.close()
    await pool.close()
