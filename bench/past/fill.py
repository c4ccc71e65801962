"""A register with a past: every row of it has had five versions in two years."""

from __future__ import annotations

import asyncpg

from bench.query.fill import fill
from register.catalog import catalog

DAYS = 730
VERSIONS = 5
_ENTITIES = ("person", "project", "milestone", "work_item")
# A version lives for a fifth of the time, more or less: rows do not change together.
_BEGINS = (
    "now() - make_interval(days => {days}) + make_interval(hours => {days} * 24 / {versions} * ({version} - 1) "
    "+ abs(hashint4(hashtext(id::text) + {version})) % ({days} * 24 / {versions}))"
)


async def fill_past(url: str, *, projects: int, work_items: int) -> int:
    """Fill an empty, migrated register; does nothing when it is full already. Returns how many versions are past."""
    await fill(url, projects=projects, work_items=work_items)
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT count(*) FROM work_item_history"):
            for entity in _ENTITIES:
                await _age(connection, entity)
        return int(await connection.fetchval("SELECT count(*) FROM work_item_history"))
    finally:
        await connection.close()


async def _age(connection: asyncpg.Connection, entity: str) -> None:
    others = [name for name in catalog()[entity].fields if name not in ("valid_from", "version")]
    if entity == "work_item":  # one in twenty was somewhere else, and everything was open once
        others = [name for name in others if name not in ("project_id", "status")]
    columns = ", ".join(others)
    await connection.execute(f"ALTER TABLE {entity} DISABLE TRIGGER keep_history")
    await connection.execute(
        f"UPDATE {entity} SET version = {VERSIONS}, valid_from = {_begins(str(VERSIONS))}"
    )
    await connection.execute(f"ALTER TABLE {entity} ENABLE TRIGGER keep_history")
    more, values = "", ""
    if entity == "work_item":
        more = ", project_id, status"
        values = (
            ", CASE WHEN v < 3 AND abs(hashtext(e.id::text)) % 20 = 0 THEN md5('project1')::uuid ELSE project_id END"
            ", CASE WHEN v < 3 THEN 'todo' ELSE status END"
        )
    await connection.execute(
        f"INSERT INTO {entity}_history (valid_to, valid_from, version, {columns}{more}) "
        f"SELECT {_begins('(v + 1)')}, {_begins('v')}, v, {columns}{values} "
        f"FROM generate_series(1, {VERSIONS - 1}) v CROSS JOIN {entity} e"
    )
    await connection.execute(f"VACUUM (FULL, ANALYZE) {entity}")  # as compact as it was before its update
    await connection.execute(f"VACUUM ANALYZE {entity}")
    await connection.execute(f"VACUUM ANALYZE {entity}_history")


def _begins(version: str) -> str:
    return _BEGINS.format(days=DAYS, versions=VERSIONS, version=version)
