"""Whoever applies the change feed has what the register shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from register.audit import Actor
from register.catalog import plural
from register.db import open_read_pool
from register.decisions import deciding
from register.models import ENTITIES
from register.query import Lanes, read_changes
from register.query.versions import without_stamps
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill

SECRET = b"tests"
Rows = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
async def lanes(database: str) -> AsyncIterator[Lanes]:
    pool = await open_read_pool(database, size=1)
    found = Lanes(pool)
    yield found
    await found.close()
    await pool.close()


async def follow(lanes: Lanes, rows: Rows, since: str | None, *collections: str, limit: int = 7) -> str:
    """Apply what is new; returns where to go on."""
    while True:
        answer = await read_changes(lanes, SECRET, collections, since, limit=limit)
        body = orjson.loads(answer.body)
        for event in body["data"]:
            row = rows.setdefault((event["collection"], event["id"]), {})
            row |= {field: after for field, (_, after) in event["changed"].items()}
        since = body["next"]
        if not body["meta"]["more"]:
            return since


async def shown(engine: Engine) -> Rows:
    found: Rows = {}
    for name in ENTITIES:
        for row_id, row in await engine.pool.fetch(f"SELECT id::text, {without_stamps('e')} FROM {name} e"):
            found[plural(name), row_id] = orjson.loads(row)
    return found


def without_empty(rows: Rows) -> Rows:
    return {
        key: {name: value for name, value in row.items() if value is not None} for key, row in rows.items()
    }


async def test_a_reader_of_the_feed_has_the_register_through_edits_deletions_links_and_pins(
    engine: Engine, cloud: FakeJira, lanes: Lanes
) -> None:
    fill(cloud, 30)
    await engine.add_jira(cloud)
    rows: Rows = {}
    await engine.sync(mode="full")
    since = await follow(lanes, rows, None)
    assert len(rows) > 30
    assert without_empty(rows) == without_empty(await shown(engine))
    issues = list(cloud.world.issues.values())
    cloud.edit(issues[0], summary="Edited", duedate="2026-12-24")
    await engine.sync()
    cloud.edit(issues[0], summary="Edited again", duedate=None)
    cloud.delete(issues[1])
    await engine.sync(mode="full")
    since = await follow(lanes, rows, since)
    there = [
        row
        for (name, _), row in sorted(rows.items())
        if name == "work_items" and row["presence"] == "present"
    ]
    assert len(there) == 29
    ids = [row["id"] for row in there]
    async with deciding(engine.pool, engine.policy, Actor("test")) as decisions:
        await decisions.pin("work_item", ids[2], "title", "Pinned", "because", None)
        await decisions.same("work_item", ids[3], ids[4], "because")
    since = await follow(lanes, rows, since)
    now = await shown(engine)
    assert without_empty(rows) == without_empty(now)
    assert {row["presence"] for row in now.values()} == {"present", "deleted", "moved"}
    again: Rows = {}
    await follow(lanes, again, None, limit=1000)
    assert again == rows, "from the beginning, new rows come as they were when they were new"
    some: Rows = {}
    await follow(lanes, some, None, "work_items", "projects")
    assert some == {key: row for key, row in rows.items() if key[0] in ("work_items", "projects")}
