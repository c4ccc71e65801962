"""What was part of what, and when: kept whoever writes, and closed when the part or the whole goes."""

from __future__ import annotations

from uuid import UUID

import asyncpg

PROJECT, PAY, WEB = UUID(int=1), UUID(int=2), UUID(int=3)


async def test_a_project_that_changes_its_programme_was_part_of_both(database: str) -> None:
    connection = await asyncpg.connect(database, server_settings={"role": "portbook_app"})
    try:
        await connection.execute(
            "INSERT INTO project (id, key, programme_id) VALUES ($1, 'P', $2), ($2, 'Q', NULL)", PROJECT, PAY
        )
        version = 1
        for change in (
            f"programme_id = '{PAY}', title = 'the same'",
            f"programme_id = '{WEB}'",
            "presence = 'deleted'",
            "presence = 'present'",
            "programme_id = NULL",
        ):
            version += 1
            await connection.execute(
                f"UPDATE project SET {change}, version = {version}, valid_from = clock_timestamp() WHERE id = $1",
                PROJECT,
            )
        rows = await connection.fetch(
            "SELECT project_id, programme_id, from_at, to_at FROM membership ORDER BY from_at"
        )
        assert [(row["project_id"], row["programme_id"]) for row in rows] == [
            (PROJECT, PAY),
            (PROJECT, WEB),
            (PROJECT, WEB),
        ]
        assert rows[0]["to_at"] == rows[1]["from_at"]
        assert rows[1]["to_at"] < rows[2]["from_at"] < rows[2]["to_at"]
        past = await connection.fetch("SELECT version, valid_from FROM project_history ORDER BY version")
        assert rows[1]["from_at"] == past[2]["valid_from"], "from the very version that showed it"
    finally:
        await connection.close()


async def test_a_programme_is_part_of_a_portfolio(database: str) -> None:
    connection = await asyncpg.connect(database, server_settings={"role": "portbook_app"})
    try:
        await connection.execute("INSERT INTO programme (id, portfolio_id) VALUES ($1, $2)", PAY, WEB)
        row = await connection.fetchrow(
            "SELECT project_id, programme_id, portfolio_id, to_at FROM membership"
        )
        assert tuple(row) == (None, PAY, WEB, None)
    finally:
        await connection.close()
