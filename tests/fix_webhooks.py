"""Webhooks over a register of one's own: rows that change, receivers, and a clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import orjson
import pytest

from register.audit import Actor
from register.db import Pool, open_pool
from register.deliveries import Deliveries
from register.sealing import Sealer
from register.webhooks import Maker, Wanted, create_webhook
from workers.deliver import Deliverer

HERE = (ip_network("127.0.0.1/32"),)
SEALER = Sealer(b"tests")
TESTS = Maker(Actor("tests"))
CLOCK = "(SELECT at FROM test_clock)"


class Told:
    """A register, its webhooks, and the one who tells them."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.deliveries = Deliveries(pool, clock=CLOCK, chance=lambda: 0.5)
        self.secrets: dict[str, Callable[[], list[bytes]]] = {}

    def deliverer(self, **options: Any) -> Deliverer:
        return Deliverer(
            self.deliveries, **{"sealer": SEALER, "allowed": HERE, "secrets": self.secrets, **options}
        )

    async def hook(self, url: str, types: str = "*", **wanted: Any) -> tuple[str, str]:
        """A webhook's id and secret; it is called after its address."""
        made = Wanted(wanted.pop("name", url), url, tuple(types.split(",")), **wanted)
        async with self.pool.acquire() as connection, connection.transaction():
            return await create_webhook(connection, made, sealer=SEALER, allowed=HERE, maker=TESTS)

    async def write(self, entity: str, key: str, **values: Any) -> UUID:
        """A row and its event, as the writer leaves them: a new row, or its next version where something differs."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await write_row(connection, entity, key, **values)

    async def now(self) -> datetime:
        return await self.pool.fetchval("SELECT at FROM test_clock")

    async def later(self, span: timedelta) -> None:
        await self.pool.execute("UPDATE test_clock SET at = at + $1::interval", span)

    async def state(self, webhook_id: str) -> dict[str, Any]:
        return dict(await self.pool.fetchrow("SELECT * FROM webhook WHERE id = $1", webhook_id))

    async def delivered(self, webhook_id: str) -> list[dict[str, Any]]:
        rows = await self.pool.fetch("SELECT * FROM delivery WHERE webhook_id = $1 ORDER BY id", webhook_id)
        return [dict(row) for row in rows]

    async def attempts(self, webhook_id: str) -> list[dict[str, Any]]:
        rows = await self.pool.fetch(
            "SELECT a.* FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.webhook_id = $1 ORDER BY a.id",
            webhook_id,
        )
        return [dict(row) for row in rows]


async def write_row(connection: Any, entity: str, key: str, **values: Any) -> UUID:
    row_id = uuid5(UUID(int=0), f"{entity} {key}")
    before = await connection.fetchval(f"SELECT to_jsonb(t) FROM {entity} t WHERE id = $1", row_id)
    if before is None:
        names = ["id", "key", *values]
        marks = ", ".join(f"${at}" for at in range(1, len(names) + 1))
        await connection.execute(
            f"INSERT INTO {entity} ({', '.join(names)}) VALUES ({marks})", row_id, key, *values.values()
        )
        version, changed = 1, None
    else:
        was = orjson.loads(before)
        version = was["version"] + 1
        sets = ", ".join(f"{name} = ${at}" for at, name in enumerate(values, 2))
        await connection.execute(
            f"UPDATE {entity} SET {sets}, version = version + 1, valid_from = now() WHERE id = $1",
            row_id,
            *values.values(),
        )
        changed = orjson.dumps(
            {name: [was[name], value] for name, value in values.items()}, default=str
        ).decode()
    await connection.execute(
        "INSERT INTO event (type, entity, entity_id, version, changed, cause) VALUES ($1, $2, $3, $4, $5, 'sync')",
        "created" if before is None else "changed", entity, row_id, version, changed,
    )  # fmt: skip
    return row_id


@pytest.fixture
async def told(database: str) -> AsyncIterator[Told]:
    """A fresh register, and a clock that stands still until it is moved."""
    owner = await asyncpg.connect(database)
    await owner.execute(
        "CREATE TABLE test_clock AS SELECT now() AS at; GRANT SELECT, UPDATE ON test_clock TO portbook_app"
    )
    await owner.close()
    pool = await open_pool(database, size=6)
    yield Told(pool)
    await pool.close()


__all__ = ["HERE", "SEALER", "TESTS", "Told", "told", "write_row"]
