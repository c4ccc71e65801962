"""The bare loop over each fake: fetch, cut into records as sent, COPY. `python -m bench.adapters.bare KIND URL DATABASE
[DIRECTORY]`.

As in `bench.sync.limit`, whose parts these are: bare connections side by side under uvloop, the next page asked for
while the last is stored, nothing decoded, mapped or hashed. A plan is cut by lxml, a sheet by calamine, for nothing
less finds where a record begins.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import httpx
import msgspec
import orjson
import uvloop
from lxml import etree
from python_calamine import CalamineWorkbook

from adapters.ms_project.dataverse_tables import TABLES
from bench.adapters.kinds import CLIENT, KINDS, PASSWORD, PAT, TENANT
from bench.sync import limit
from bench.sync.fake import Fake, split_address
from bench.sync.limit import SIDE_BY_SIDE, Line

Raws = list[msgspec.Raw]


class Rows(msgspec.Struct, rename={"following": "odata.nextLink", "newer": "@odata.nextLink"}):
    """A page of OData, version 3 or 4."""

    value: Raws
    following: str | None = None
    newer: str | None = None


class Batch(msgspec.Struct):
    values: Raws
    nextLink: str  # noqa: N815 - Azure DevOps' spelling
    isLastBatch: bool  # noqa: N815


class Linked(msgspec.Struct):
    TaskLinks: Raws


_rows = msgspec.json.Decoder(Rows)
_batch = msgspec.json.Decoder(Batch)
_linked = msgspec.json.Decoder(Linked)


class Store:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool, self.count = pool, 0

    async def put(self, raws: Iterable[Any]) -> None:
        records = [(0, bytes(raw)) for raw in raws]
        self.count += len(records)
        async with self._pool.acquire() as connection:
            await connection.copy_records_to_table("raw", records=records)


Cut = Callable[[bytes], tuple[Raws, str | None]]


async def read_all(store: Store, line: Callable[[], Line], chains: Iterable[tuple[str, Cut]]) -> None:
    """Each chain of pages from its first address on, so many chains side by side."""
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def follow(path: str | None, cut: Cut) -> None:
        async with gate:
            connection = line()
            await connection.open()
            storing: Awaitable[None] | None = None
            while path:
                raws, path = cut(await connection.ask("GET", path))
                if storing is not None:
                    await storing
                storing = asyncio.create_task(store.put(raws))
            if storing is not None:
                await storing

    async with asyncio.TaskGroup() as group:
        for path, cut in chains:
            group.create_task(follow(path, cut))


def _path(link: str | None) -> str | None:
    if link is None:
        return None
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def cut_rows(body: bytes) -> tuple[Raws, str | None]:
    found = _rows.decode(body)
    return found.value, _path(found.following or found.newer)


async def azure_devops(fake: Fake, store: Store) -> None:
    host, port = split_address(fake.url)
    root = urlsplit(fake.url).path
    sign = "Basic " + base64.b64encode(f":{PAT}".encode()).decode()
    first = Line(host, port, sign)
    await first.open()
    listed = orjson.loads(await first.ask("GET", f"{root}/_apis/projects?api-version=7.1&$top=100"))
    wanted = (
        "api-version=7.1&includeLatestOnly=true&includeDeleted=true&includeIdentityRef=true&$expand=fields"
        "&$maxPageSize=1000"
    )

    def chain(path: str, query: str) -> tuple[str, Cut]:
        def cut(body: bytes) -> tuple[Raws, str | None]:
            found = _batch.decode(body)
            token = quote(found.nextLink.rpartition("continuationToken=")[2])
            following = None if found.isLastBatch else f"{path}?{query}&continuationToken={token}"
            return found.values, following

        return f"{path}?{query}", cut

    feeds = [
        chain(f"{root}/{project['id']}/_apis/wit/reporting/workitemrevisions", wanted)
        for project in listed["value"]
    ]
    # Parents are told by the items themselves.
    kinds = ",".join(f"System.LinkTypes.{name}" for name in ("Dependency", "Related", "Duplicate"))
    links = chain(f"{root}/_apis/wit/reporting/workitemlinks", f"api-version=7.1&linkTypes={kinds}")
    await read_all(store, lambda: Line(host, port, sign), [links, *feeds])


async def project_data(fake: Fake, store: Store) -> None:
    host, port = split_address(fake.url)
    sign = "Basic " + base64.b64encode(f"EXAMPLE\\portbook:{PASSWORD}".encode()).decode()
    first = Line(host, port, sign)
    await first.open()
    projects, following = cut_rows(await first.ask("GET", "/pwa/_api/ProjectData/Projects"))
    assert following is None
    await store.put(projects)

    def cut_links(body: bytes) -> tuple[Raws, str | None]:
        return _linked.decode(body).TaskLinks, None

    chains: list[tuple[str, Cut]] = [("/pwa/_api/ProjectData/Resources", cut_rows)]
    for raw in projects:
        own = orjson.loads(bytes(raw))["ProjectId"]
        mine = quote(f"ProjectId eq guid'{own}'")
        chains += [
            (f"/pwa/_api/ProjectData/{name}?$filter={mine}", cut_rows)
            for name in ("Tasks", "Assignments", "TaskBaselines")
        ]
        chains.append((f"/pwa/_api/ProjectServer/Projects('{own}')?$expand=TaskLinks", cut_links))
    await read_all(store, lambda: Line(host, port, sign), chains)


async def dataverse(fake: Fake, store: Store) -> None:
    host, port = split_address(fake.url)
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{fake.directory}/{TENANT}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": CLIENT,
                "client_secret": KINDS["dataverse"].secret,
                "scope": f"{fake.url}/.default",
            },
        )
    sign = f"Bearer {answer.json()['access_token']}"
    prefer = "Prefer: odata.maxpagesize=5000\r\n"
    chains: list[tuple[str, Cut]] = []
    first = Line(host, port, sign)
    await first.open()
    for table in TABLES:
        # Not every environment has every column.
        some, _ = cut_rows(await first.ask("GET", f"/api/data/v9.2/{table.set}?$top=1"))
        columns = [name for name in table.columns if some and name in orjson.loads(bytes(some[0]))]
        if columns:
            chains.append((f"/api/data/v9.2/{table.set}?$select={','.join(columns)}", cut_rows))
    await read_all(store, lambda: Line(host, port, sign, prefer), chains)


async def plan_files(fake: Fake, store: Store) -> None:
    for path in sorted(Path(fake.url).glob("*.xml")):
        await _put_all(store, _elements(path))


def _elements(path: Path) -> Iterator[bytes]:
    tags = [f"{{http://schemas.microsoft.com/project}}{name}" for name in ("Task", "Resource", "Assignment")]
    for _, element in etree.iterparse(str(path), tag=tags):
        yield etree.tostring(element)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


async def workbooks(fake: Fake, store: Store) -> None:
    for path in sorted(Path(fake.url).glob("*.xlsx")):
        rows = CalamineWorkbook.from_path(path).get_sheet_by_name("Risks").iter_rows()
        await _put_all(store, map(orjson.dumps, rows))


async def _put_all(store: Store, records: Iterator[bytes]) -> None:
    while some := list(islice(records, 1000)):
        await store.put(some)


async def main(kind: str, url: str, database: str, directory: str = "") -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(limit.TABLE)
    await connection.close()
    started = time.perf_counter()
    if kind == "jira":
        count = await limit.fetch_all(url, database)
    else:
        async with asyncpg.create_pool(database, min_size=SIDE_BY_SIDE, max_size=SIDE_BY_SIDE) as pool:
            store = Store(pool)
            started = time.perf_counter()
            await LOOPS[kind](Fake(url, 0, directory), store)
            count = store.count
    print(orjson.dumps({"records": count, "wall_s": time.perf_counter() - started}).decode())


LOOPS: dict[str, Callable[[Fake, Store], Awaitable[None]]] = {
    "azure_devops": azure_devops,
    "project_data": project_data,
    "dataverse": dataverse,
    "plan_files": plan_files,
    "workbooks": workbooks,
}

if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
