"""How much Python does for a request: PostgreSQL makes the JSON, and what was asked before is remembered."""

from __future__ import annotations

import sys
import time
from typing import Any

import asyncpg

from gateway.app import Gateway, create_app
from gateway.rest import prepare
from gateway.together import Joining
from register.db import open_pool
from register.keys import create_key


async def test_a_thousand_rows_are_as_much_work_as_ten(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(
        "INSERT INTO person (id, key, title) SELECT md5(i::text)::uuid, 'u' || i, 'Person ' || i "
        "FROM generate_series(1, 1001) i"
    )
    await connection.close()
    pool = await open_pool(database, size=1)
    key = await create_key(pool, "counted")
    await pool.close()
    app = create_app(database_url=database, pool_size=1)
    async with app.router.lifespan_context(app):
        few, many = [await _calls(app, key, f"fields=key,title&limit={limit}") for limit in (10, 1_000)]
    assert many - few < 100, (few, many)


async def _calls(app: Gateway, key: str, query: str) -> int:
    """How many functions are called for a request that was made before."""
    counted, sent = 0, []

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "root_path": "", "path": "/api/v1/people", "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {key}".encode())],
    }  # fmt: skip
    for _ in range(8):
        await app(dict(scope), _nothing, send)
    assert sent[-2]["status"] == 200
    sys.setprofile(count)
    try:
        await app(dict(scope), _nothing, send)
    finally:
        sys.setprofile(None)
    return counted


async def _nothing() -> Any:
    return {"type": "http.request"}


def test_what_was_asked_before_is_neither_parsed_nor_compiled_again() -> None:
    query = b"fields=key,title,work_items(limit:20){key,assignee{key}}&filter=budget > 5 AND any(risks, score > 3)"
    prepare("projects", query, True)
    took = []
    for _ in range(20):
        started = time.perf_counter()
        prepare("projects", query, True)
        took.append(time.perf_counter() - started)
    assert min(took) < 0.000_3


def test_head_and_body_leave_together_and_nothing_is_lost_where_they_do_not() -> None:
    sent: list[bytes] = []

    later: list[Any] = []

    class Loop:
        def call_soon(self, function: Any) -> None:
            later.append(function)

    class Wire:
        def write(self, data: bytes) -> None:
            sent.append(data)

        def writelines(self, pieces: Any) -> None:
            sent.append(b"".join(pieces))

        def close(self) -> None:
            sent.append(b"closed")

    joining = Joining(Wire(), Loop())
    joining.write(b"head")
    joining.write(b"body" * 2_000)
    joining.write(b"piece" * 2_000)
    joining.write(b"head")
    later.pop()()
    joining.write(b"last")
    joining.close()
    assert sent == [b"head" + b"body" * 2_000, b"piece" * 2_000, b"head", b"last", b"closed"]
