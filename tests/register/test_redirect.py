"""Rows that refer to one that is joined with another: redirected at once, and exactly as merging them would."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest

from register.audit import Actor
from register.db import Pool, open_pool
from register.decisions import deciding
from register.merge import Change, merge_rows
from register.policy import Policy
from register.settled import Memory, read_settled

POLICY = Policy(("one", "two"))


def of(word: str) -> str:
    return str(uuid5(UUID(int=0), word))


KEPT, GONE, OTHER = of("kept"), of("gone"), of("other")


async def tell(pool: Pool, entity: str, name: str, source: str, **values: Any) -> None:
    """A record of a source that says this of a row, and the row as the writer would leave it."""
    record, row = of(f"{source} {entity} {name}"), of(name)
    await pool.execute(
        "INSERT INTO source_record (id, source, stream, source_id, content_hash, payload) VALUES ($1, $2, $3, $4, '', '')",
        record, source, entity, name,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO claim (record_id, entity, own_id, entity_id, source, values) VALUES ($1, $2, $3, $3, $4, $5)",
        record, entity, row, source, orjson.dumps({"key": name, "title": name, **values}).decode(),
    )  # fmt: skip
    await merge(pool, entity, [row])


async def merge(pool: Pool, entity: str, rows: list[str]) -> list[Change]:
    async with pool.acquire() as connection, connection.transaction():
        settled = await read_settled(connection, Memory())
        return await merge_rows(connection, entity, rows, POLICY, settled)


@pytest.mark.parametrize("entity", ["person", "milestone"])
async def test_whoever_referred_to_the_absorbed_row_refers_to_the_kept_one(
    database: str, entity: str
) -> None:
    pool = await open_pool(database, size=2)
    for name, source in (("kept", "one"), ("gone", "two"), ("other", "one")):
        await tell(pool, entity, name, source)
    if entity == "person":
        said: dict[str, dict[str, Any]] = {
            "once": {"assignee_id": GONE},
            "twice": {"assignee_id": GONE, "reporter_id": GONE},
            "both": {"assignee_id": GONE, "reporter_id": KEPT},
            "another": {"assignee_id": OTHER},
        }
        expected: dict[str, Any] = {"once": (KEPT, None), "twice": (KEPT, KEPT), "both": (KEPT, KEPT)}
        expected |= {"another": (OTHER, None), "disputed": (KEPT, None), "unsaid": (GONE, None)}
        columns, disputed, unsaid = (
            ("assignee_id", "reporter_id"),
            {"assignee_id": KEPT},
            {"assignee_id": GONE},
        )
    else:
        said = {
            "once": {"milestone_ids": [GONE]},
            "twice": {"milestone_ids": [OTHER, GONE, KEPT]},
            "another": {"milestone_ids": [OTHER]},
        }
        expected = {"once": ([KEPT],), "twice": ([OTHER, KEPT],), "another": ([OTHER],)}
        expected |= {"disputed": ([KEPT],), "unsaid": ([GONE],)}
        columns, disputed, unsaid = (
            ("milestone_ids",),
            {"milestone_ids": [KEPT]},
            {"milestone_ids": [GONE]},
        )
    for name, values in said.items():
        await tell(pool, "work_item", name, "one", **values)
    await tell(pool, "work_item", "disputed", "two", **unsaid)
    await tell(pool, "work_item", "disputed", "one", **disputed)
    await tell(pool, "work_item", "unsaid", "one", **unsaid)
    await pool.execute("DELETE FROM claim WHERE own_id = $1", of("unsaid"))
    await merge(pool, "work_item", [of("unsaid")])
    before = {
        row["id"]: row["version"] for row in await pool.fetch("SELECT id::text, version FROM work_item")
    }

    async with deciding(pool, POLICY, Actor("ana")) as decisions:
        await decisions.same(entity, KEPT, GONE, "they are")

    shown = ", ".join(columns)
    rows = {
        row["key"]: row for row in await pool.fetch(f"SELECT key, id::text, version, {shown} FROM work_item")
    }
    found = {
        key: tuple(_plain(row[column]) for column in columns) for key, row in rows.items() if key in expected
    }
    assert found == expected
    for name, row in rows.items():
        events = await pool.fetch(
            "SELECT version, changed FROM event WHERE entity_id = $1 AND cause = 'decision'", row["id"]
        )
        if name in ("once", "twice", "both"):
            assert row["version"] == before[row["id"]] + 1
            ((version, changed),) = events
            assert version == row["version"]
            assert {k: v[1] for k, v in orjson.loads(changed).items()} == {
                column: value
                for column, value in zip(columns, expected[name], strict=True)
                if value != said[name].get(column)
            }
        else:
            assert not events, name
    assert await merge(pool, "work_item", [row["id"] for row in rows.values()]) == []
    await pool.close()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [str(item) for item in value]
    return None if value is None else str(value)
