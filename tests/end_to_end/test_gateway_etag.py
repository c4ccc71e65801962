"""304 while nothing has changed, and never when something has."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from register.db import open_read_pool
from register.keys import create_key
from register.query import Lanes
from register.query.revision import Revisions
from tests.fix_gateway import RunningGateway, execute, insert, with_pool
from tests.fix_postgres import run_apart

EVENT = (
    "INSERT INTO event (type, entity, entity_id, version) VALUES ('changed', 'project', gen_random_uuid(), 1)"
)


@pytest.fixture
def api(gateway: RunningGateway) -> Any:
    insert(gateway.database_url, "project", [{"id": UUID(int=1), "key": "PAY"}])
    execute(
        gateway.database_url,
        "INSERT INTO source (id, key, kind, configured, fresh_at) "
        "VALUES (gen_random_uuid(), 'delivery', 'jira', true, '2026-11-22T03:10:00Z')",
    )
    with gateway.client() as client:
        yield client


def tag(client: httpx.Client, path: str = "projects", **parameters: str) -> str | None:
    response = client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    found: str | None = response.headers.get("etag")
    return found


def again(client: httpx.Client, known: str | None, path: str = "projects", **parameters: str) -> int:
    response = client.get(
        f"/api/v1/{path}", params=parameters, headers={"If-None-Match": f'W/"other", {known}'}
    )
    if response.status_code == 304:
        assert response.content == b""
        assert response.headers["etag"] == known
    return response.status_code


def test_what_has_not_changed_is_not_sent_again(api: httpx.Client, gateway: RunningGateway) -> None:
    known = tag(api)
    assert known is not None
    assert again(api, known) == 304
    assert again(api, known, limit="5") == 200
    execute(gateway.database_url, EVENT)
    assert again(api, known) == 200


def test_a_source_that_became_fresher_is_news(api: httpx.Client, gateway: RunningGateway) -> None:
    known = tag(api)
    assert again(api, known) == 304
    execute(gateway.database_url, "UPDATE source SET fresh_at = now()")
    assert again(api, known) == 200


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("findings", {}),
        ("projects", {"fields": "key,findings{code}"}),
        ("projects", {"filter": "any(findings)"}),
        ("projects", {"filter": "updated_at > now(-1h)"}),
        ("projects", {"fields": 'work_items(filter:"updated_at > now(-1h)"){key}'}),
        ("projects", {"fields": "findings_count"}),
        ("projects", {"order": "-findings_count"}),
    ],
)
def test_what_no_event_tells_of_carries_no_tag(
    api: httpx.Client, path: str, parameters: dict[str, str]
) -> None:
    assert tag(api, path, **parameters) is None


def test_callers_of_different_scopes_have_different_tags(api: httpx.Client, gateway: RunningGateway) -> None:
    key = run_apart(
        with_pool(gateway.database_url, lambda pool: create_key(pool, "pay", rows={"projects": ["PAY"]}))
    )
    with gateway.client(key) as client:
        assert again(client, tag(api)) == 200
        assert again(client, tag(client)) == 304


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.sampled_from(["begin", "commit first", "commit last", "roll back"]), max_size=12))
async def test_every_commit_is_another_revision_in_whatever_order_transactions_end(
    database: str, steps: list[str]
) -> None:
    pool = await open_read_pool(database, size=1)
    revisions = Revisions(Lanes(pool))
    open_ones: list[asyncpg.Connection] = []
    seen: list[str] = [await revisions.now()]
    try:
        for step in steps:
            if step == "begin":
                connection = await asyncpg.connect(database)
                await connection.execute("BEGIN")
                await connection.execute(EVENT)
                open_ones.append(connection)
                continue
            if not open_ones:
                continue
            connection = open_ones.pop(0 if step == "commit first" else -1)
            await connection.execute("ROLLBACK" if step == "roll back" else "COMMIT")
            await connection.close()
            found = await revisions.now()
            if step != "roll back":
                assert found not in seen
            seen.append(found)
    finally:
        for connection in open_ones:
            connection.terminate()
        await revisions._lanes.close()
        await asyncio.wait_for(pool.close(), 5)
