"""Rows written as the register's writer leaves them, with an event each, for tests of what looks at them."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from register.db import Pool

Rows = dict[UUID, dict[str, Any]]


async def put(pool: Pool, entity: str, row_id: UUID, **values: Any) -> None:
    """Write a row as it shall be from now on, and the event that tells of it; nothing where it is so already."""
    async with pool.acquire() as connection, connection.transaction():
        before = await connection.fetchrow(f"SELECT * FROM {entity} WHERE id = $1", row_id)
        if before is None:
            names = ", ".join(["id", *values])
            marks = ", ".join(f"${at}" for at in range(1, len(values) + 2))
            await connection.execute(
                f"INSERT INTO {entity} ({names}) VALUES ({marks})", row_id, *values.values()
            )
            changed, version = None, 1
        else:
            changed = {n: [_json(before[n]), _json(v)] for n, v in values.items() if before[n] != v}
            if not changed:
                return
            version = before["version"] + 1
            sets = ", ".join(f"{name} = ${at}" for at, name in enumerate(values, 3))
            await connection.execute(
                f"UPDATE {entity} SET version = $2, valid_from = clock_timestamp(), {sets} WHERE id = $1",
                row_id, version, *values.values(),
            )  # fmt: skip
        await connection.execute(
            "INSERT INTO event (type, entity, entity_id, version, changed) VALUES ($1, $2, $3, $4, $5)",
            "created" if changed is None else "changed",
            entity, row_id, version, None if changed is None else json.dumps(changed),
        )  # fmt: skip


def _json(value: Any) -> Any:
    if isinstance(value, (UUID, asyncpg.pgproto.pgproto.UUID, date, datetime)):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    return [_json(item) for item in value] if isinstance(value, list) else value


async def findings(pool: Pool, where: str = "closed_at IS NULL") -> list[tuple[Any, ...]]:
    """(code, row, state, message, severity, value, project, owner) of findings, in an order of their own."""
    rows = await pool.fetch(
        f"""
        SELECT code, entity_id::text, state, message, severity, value, project_id::text, owner_id::text
        FROM finding WHERE {where} ORDER BY 1, 2
        """
    )
    return [tuple(row) for row in rows]
