"""The limit: what this machine does when nothing is asked but to fetch and to keep.

Searches run side by side on bare connections, each page is cut into its issues as sent, and COPY puts them into a
table without an index. No decoding, no mapping, no hashes, no accounts. `python -m bench.sync.limit JIRA DATABASE`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import asyncpg
import msgspec
import orjson
import uvloop

from bench.sync.fake import AUTHORIZATION, FIELDS, split_address

PAGE = 250
SIDE_BY_SIDE = 3
TABLE = """
CREATE TABLE raw (page int NOT NULL, payload bytea NOT NULL);
ALTER TABLE raw ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE raw SET (toast_tuple_target = 8160);
"""


class Search(msgspec.Struct):
    issues: list[msgspec.Raw]
    nextPageToken: str | None = None  # noqa: N815 - Jira's spelling


class Projects(msgspec.Struct):
    values: list[dict[str, Any]]


_search = msgspec.json.Decoder(Search)


class Line:
    """One HTTP connection, as little of the protocol as the fake needs."""

    def __init__(self, host: str, port: int, authorization: str = AUTHORIZATION, more: str = "") -> None:
        """`more` are further headers, each with its line end."""
        self._host, self._port = host, port
        self._headers = f"Host: {host}\r\nAuthorization: {authorization}\r\n{more}"

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=8 << 20)

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\n{self._headers}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(head.decode())
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return await self._reader.readexactly(length)


async def fetch_all(jira: str, database: str) -> int:
    host, port = split_address(jira)
    pool = await asyncpg.create_pool(database, min_size=SIDE_BY_SIDE, max_size=SIDE_BY_SIDE)
    first = Line(host, port)
    await first.open()
    answer = await first.ask("GET", "/rest/api/3/project/search?maxResults=100")
    projects = [project["id"] for project in msgspec.json.decode(answer, type=Projects).values]
    gate = asyncio.Semaphore(SIDE_BY_SIDE)
    count = 0

    async def store(page: int, raws: list[msgspec.Raw]) -> None:
        async with pool.acquire() as connection:
            await connection.copy_records_to_table("raw", records=[(page, bytes(raw)) for raw in raws])

    async def read(project: str) -> None:
        nonlocal count
        async with gate:
            line = Line(host, port)
            await line.open()
            question: dict[str, Any] = {
                "jql": f"project = {project} ORDER BY created ASC, id ASC", "fields": FIELDS, "maxResults": PAGE,
            }  # fmt: skip
            page, storing = 0, None
            while True:
                found = _search.decode(
                    await line.ask("POST", "/rest/api/3/search/jql", orjson.dumps(question))
                )
                page, count = page + 1, count + len(found.issues)
                if storing is not None:
                    await storing
                storing = asyncio.create_task(store(page, found.issues))
                if not found.nextPageToken:
                    break
                question["nextPageToken"] = found.nextPageToken
            await storing

    async with asyncio.TaskGroup() as group:
        for project in projects:
            group.create_task(read(project))
    await pool.close()
    return count


async def main(jira: str, database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(TABLE)
    await connection.close()
    started = time.perf_counter()
    issues = await fetch_all(jira, database)
    print(orjson.dumps({"issues": issues, "wall_s": time.perf_counter() - started}).decode())


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:3]))
