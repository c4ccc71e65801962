"""A gateway on a real port, over a register of its own, and one place that knows what every error looks like."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest
import uvicorn

from gateway.app import create_app
from gateway.together import InOneWrite
from register.db import open_pool
from register.keys import create_key
from tests.fix_postgres import run_apart


class RunningGateway(NamedTuple):
    url: str
    database_url: str
    key: str

    def client(self, key: str | None = None) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key or self.key}"}, timeout=20
        )


@pytest.fixture
def register_url(database: str) -> str:
    """A register without rows."""
    return database


@pytest.fixture
def gateway(register_url: str) -> Iterator[RunningGateway]:
    """A gateway over an empty register, and a key for it."""
    with_key = run_apart(with_pool(register_url, lambda pool: create_key(pool, "tests")))
    server = Server(create_app(database_url=register_url, pool_size=3, secret=b"tests", version="0.test"))
    with server as url:
        yield RunningGateway(url, register_url, with_key)


class Server:
    """uvicorn on a thread; also what a test uses for an app of its own."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(
            app, http=InOneWrite, port=0, log_level="critical", access_log=False, lifespan="on"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        deadline = time.monotonic() + 15
        while not self._server.started:
            assert self._thread.is_alive(), "the gateway did not start"
            assert time.monotonic() < deadline, "the gateway takes too long to start"
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive()


async def with_pool(url: str, work: Callable[[asyncpg.Pool], Awaitable[Any]]) -> Any:
    pool = await open_pool(url, size=1)
    try:
        return await work(pool)
    finally:
        await pool.close()


def insert(url: str, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as they are, past the writer: these tests are about reading."""

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            for row in rows:
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join(f"${at}" for at in range(1, len(row) + 1))
                await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())
        finally:
            await connection.close()

    run_apart(work())


def execute(url: str, sql: str) -> Any:
    """One statement as the database's owner; returns the first value."""

    async def work() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return run_apart(work())


_OPTIONAL = {"parameter": str, "position": int, "hint": str, "estimate": int, "limit": int}


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Every error has this one shape; returns its body."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert set(body) <= {"type", "title", "status", "detail", "code", *_OPTIONAL}
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:portbook:problem:{code}"
    assert body["title"]
    assert body["detail"]
    for name, kind in _OPTIONAL.items():
        assert name not in body or isinstance(body[name], kind)
    assert "Traceback" not in response.text
    return body


__all__ = [
    "RunningGateway",
    "Server",
    "assert_problem",
    "execute",
    "gateway",
    "insert",
    "register_url",
    "with_pool",
]
