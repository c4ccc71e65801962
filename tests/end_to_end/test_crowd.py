"""A crowd that asks the same at the same time shares answers: none older than its question, none from another scope."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import asyncpg
import httpx
import pytest

from register.keys import create_key
from tests.fix_gateway import RunningGateway, execute, insert, with_pool
from tests.fix_postgres import run_apart

ITEMS = {"PAY": 60_000, "WEB": 30_000}
"""Enough that a change is committed while a sum is worked out."""
SUM = "/api/v1/work_items/aggregate?measures=points:sum(points)"
CHANGES = 25


@pytest.fixture
def keys(gateway: RunningGateway) -> dict[str, list[str]]:
    """Key → the projects whose items it sees. Each item has a point."""
    url = gateway.database_url
    for at, (project, items) in enumerate(ITEMS.items(), 1):
        insert(url, "project", [{"id": UUID(int=at), "key": project}])
        execute(
            url,
            "INSERT INTO work_item (id, key, project_id, points) "
            f"SELECT gen_random_uuid(), '{project}-' || i, '{UUID(int=at)}', 1 FROM generate_series(1, {items}) i",
        )
    found = {gateway.key: [*ITEMS]}
    for project in ITEMS:
        rows = {"projects": [project]}
        key = run_apart(
            with_pool(url, lambda pool, rows=rows: create_key(pool, rows["projects"][0], rows=rows))
        )
        found[key] = [project]
    return found


async def test_no_answer_is_older_than_its_question_nor_of_another_scope(
    gateway: RunningGateway, keys: dict[str, list[str]]
) -> None:
    changes = answers = 0
    moments: set[str] = set()
    when = random.Random(7)
    writer = await asyncpg.connect(gateway.database_url)

    async def change() -> None:
        """A point more for one item of each project, time and again."""
        nonlocal changes
        while changes < CHANGES:
            await writer.execute(
                "UPDATE work_item SET points = points + 1, version = version + 1 WHERE key LIKE '%-1'"
            )
            changes += 1
            await asyncio.sleep(0.01)

    async def ask(client: httpx.AsyncClient, key: str) -> None:
        nonlocal answers
        while changes < CHANGES:
            await asyncio.sleep(when.uniform(0, 0.005))
            before = changes
            answer = await client.get(SUM, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200, answer.text
            told = answer.json()["data"][0]["points"]
            since, left = divmod(told - sum(ITEMS[project] for project in keys[key]), len(keys[key]))
            assert left == 0
            assert before <= since <= changes + 1
            answers += 1
            moments.add(key + answer.json()["meta"]["as_of"])

    try:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as client:
            await asyncio.gather(change(), *(ask(client, key) for key in keys for _ in range(8)))
    finally:
        await writer.close()
    assert len(moments) < answers * 0.8, "hardly anybody shared an answer"
