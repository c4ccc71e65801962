"""What a row scope is of, as it is resolved when a caller comes."""

from __future__ import annotations

import json
from hashlib import md5
from uuid import UUID

import asyncpg
import pytest

from register.keys import Caller, Keyring, create_key
from register.query.scope import _RESOLVED_AND_WIDE, is_wide, resolve_and_weigh

_FILLED = """
INSERT INTO portfolio (id, key) VALUES (md5('all')::uuid, 'ALL');
INSERT INTO programme (id, key, portfolio_id) VALUES (md5('erp')::uuid, 'ERP', md5('all')::uuid),
                                                     (md5('alone')::uuid, 'ALONE', NULL);
INSERT INTO project (id, key, programme_id, portfolio_id) VALUES
  (md5('one')::uuid, 'ONE', md5('erp')::uuid, NULL), (md5('two')::uuid, 'TWO', NULL, md5('all')::uuid),
  (md5('three')::uuid, 'THREE', md5('alone')::uuid, NULL);
"""


@pytest.mark.parametrize(
    ("rows", "wide"),
    [
        ({"portfolios": ["all"]}, True),
        ({"programmes": ["erp"]}, False),
        ({"programmes": ["erp", "alone"]}, True),
        ({"projects": ["one"], "programmes": ["alone"]}, True),
        ({"projects": ["one", "one"]}, False),
    ],
)
async def test_a_scope_is_wide_where_most_projects_are_in_it(
    register_url: str, rows: dict[str, list[str]], wide: bool
) -> None:
    connection = await asyncpg.connect(register_url)
    try:
        kept = json.dumps({name: [str(_id(key)) for key in keys] for name, keys in rows.items()})
        assert not is_wide(await resolve_and_weigh(connection, kept)), "where there are no projects"
        await connection.execute(_FILLED)
        assert is_wide(await resolve_and_weigh(connection, kept)) is wide
    finally:
        await connection.close()
    assert not is_wide(None)


async def test_no_list_of_a_scope_is_gone_through_for_each_project(register_url: str) -> None:
    """Of 20,000 projects, each named, that took two and a half seconds."""
    connection = await asyncpg.connect(register_url)
    try:
        sql = _RESOLVED_AND_WIDE.replace("$1", "'{}'")
        plan = await connection.fetch(f"EXPLAIN (VERBOSE) {sql}")
    finally:
        await connection.close()
    (counted,) = (line for (line,) in plan if "count(*) FILTER" in line)
    assert counted.count("hashed SubPlan") == counted.count("SubPlan") == 3


def _id(key: str) -> UUID:
    return UUID(md5(key.encode(), usedforsecurity=False).hexdigest())


async def test_who_comes_with_a_key_is_known_to_see_most_projects(register_url: str) -> None:
    pool = await asyncpg.create_pool(register_url, min_size=1, max_size=1)
    try:
        await pool.execute(_FILLED)
        keyring = Keyring(pool)
        for rows, wide in (({"portfolios": ["ALL"]}, True), ({"programmes": ["ERP"]}, False)):
            caller = await keyring.caller(await create_key(pool, "k", rows=rows))
            assert isinstance(caller, Caller)
            assert is_wide(caller.rows) is wide
    finally:
        await pool.close()
