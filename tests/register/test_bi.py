"""The schema `bi`: what it promises to tools that speak SQL, and who sees what in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from register.bi import script, views
from register.bi_logins import LoginInvalid, create_login, list_logins, revoke_login
from register.catalog import catalog
from register.errors import RowNotFound
from register.query import Query, check, parse_fields
from register.query.compile_page import compile_page
from register.query.scope import resolve_scope

COLUMNS = Path(__file__).parent / "bi_columns.txt"
BANK, ERP, CRM = UUID(int=1), UUID(int=11), UUID(int=12)
PAY, WEB, LAB = UUID(int=21), UUID(int=22), UUID(int=23)


@pytest.fixture
async def owner(database: str) -> AsyncIterator[asyncpg.Connection]:
    """The register's owner, over rows of three projects: PAY in ERP, WEB in CRM, LAB in nothing."""
    connection = await asyncpg.connect(database)
    # The migration revokes it; a database that was cloned, as those of tests are, begins with it again.
    await connection.execute(
        f"REVOKE TEMPORARY ON DATABASE {await connection.fetchval('SELECT current_database()')} FROM PUBLIC"
    )
    await connection.execute(
        f"""
        INSERT INTO portfolio (id, key) VALUES ('{BANK}', 'BANK');
        INSERT INTO programme (id, key, portfolio_id) VALUES ('{ERP}', 'ERP', '{BANK}'), ('{CRM}', 'CRM', '{BANK}');
        INSERT INTO project (id, key, programme_id, tags)
        VALUES ('{PAY}', 'PAY', '{ERP}', '{{a,b}}'), ('{WEB}', 'WEB', '{CRM}', NULL), ('{LAB}', 'LAB', NULL, NULL);
        INSERT INTO person (id, key) VALUES (gen_random_uuid(), 'ana');
        INSERT INTO work_item (id, key, project_id, presence)
        SELECT gen_random_uuid(), p.key || '-' || n, p.id, CASE n WHEN 3 THEN 'deleted' ELSE 'present' END
        FROM project p, generate_series(1, 3) n;
        INSERT INTO milestone (id, key, project_id) SELECT gen_random_uuid(), key || '-M', id FROM project;
        INSERT INTO risk (id, key, programme_id) SELECT gen_random_uuid(), key || '-R', id FROM programme;
        INSERT INTO dependency (id, key, from_work_item_id, to_milestone_id)
        SELECT gen_random_uuid(), 'D', (SELECT id FROM work_item WHERE key = 'WEB-1'), m.id FROM milestone m;
        INSERT INTO run (source, mode, state) VALUES ('s', 'full', 'succeeded');
        INSERT INTO event (type, entity, entity_id, version, at)
        VALUES ('created', 'project', '{PAY}', 1, now() - interval '3 days');
        """
    )
    yield connection
    for login in await list_logins(connection):
        await revoke_login(connection, login.name)
    await connection.close()


SCHEMA = """
    SELECT c.relname, pg_get_viewdef(c.oid), c.reloptions, c.relacl, a.attname, col_description(c.oid, a.attnum),
      obj_description(c.oid)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'bi'::regnamespace
    UNION ALL SELECT proname, prosrc, proconfig, proacl, NULL, NULL, NULL FROM pg_proc
    WHERE pronamespace = 'bi'::regnamespace ORDER BY 1, 5
"""


async def test_migrations_make_the_schema_that_the_catalog_says(owner: asyncpg.Connection) -> None:
    migrated = await owner.fetch(SCHEMA)
    await owner.execute("DROP SCHEMA bi CASCADE")
    await owner.execute(script())
    assert migrated == await owner.fetch(SCHEMA), (
        "a migration is to be written with `python -m scripts.bi_schema`"
    )


async def test_columns_and_types_are_those_that_tools_rely_on(owner: asyncpg.Connection) -> None:
    """A column that goes or changes its type breaks reports that others built: that needs a new name, not an edit."""
    rows = await owner.fetch(
        "SELECT table_name, column_name, udt_name FROM information_schema.columns WHERE table_schema = 'bi' "
        'ORDER BY table_name COLLATE "C", ordinal_position'
    )
    found = "".join(f"{table}.{column} {kind}\n" for table, column, kind in rows)
    assert found == COLUMNS.read_text("utf-8")


async def test_every_view_and_column_says_what_it_is(owner: asyncpg.Connection) -> None:
    silent = await owner.fetch(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 "
        "WHERE c.relnamespace = 'bi'::regnamespace AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL"
    )
    assert [tuple(row) for row in silent if row["attname"] != "run_id"] == []


async def as_reader(database: str, name: str) -> asyncpg.Connection:
    return await asyncpg.connect(database, user=name)


def login_name() -> str:
    """Roles are the whole server's: a test needs one of its own."""
    return f"bi_{uuid4().hex[:12]}"


async def test_a_name_that_is_a_word_of_sql_is_a_name(owner: asyncpg.Connection) -> None:
    await create_login(owner, "desc")
    assert [login.name for login in await list_logins(owner)] == ["desc"]


@pytest.mark.parametrize(
    "rows",
    [{"programmes": ["ERP"]}, {"portfolios": ["BANK"]}, {"projects": ["LAB", str(WEB)]}, {}],
    ids=["programme", "portfolio", "projects", "everything"],
)
async def test_a_role_sees_the_rows_that_the_api_shows_a_key_of_the_same_scope(
    database: str, owner: asyncpg.Connection, rows: dict[str, list[str]]
) -> None:
    name = login_name()
    await create_login(owner, name, rows=rows)
    kept = (await list_logins(owner))[0].rows
    scope = await resolve_scope(owner, json.dumps(kept)) if kept else None
    reader = await as_reader(database, name)
    try:
        for view in views():
            entity = catalog().get(view.name.partition("_")[2])
            if entity is None:
                continue
            level = check(Query(entity.collection, fields=parse_fields("id"), limit=1000))
            statement = compile_page(level, scoped=scope is not None)
            shown = await owner.fetchval(statement.sql, *statement.arguments(scope))
            wanted = {row["id"] for row in json.loads(shown or "[]")}
            if entity.name == "finding":
                wanted = {str(row["id"]) for row in await owner.fetch("SELECT id FROM finding")}
            found = {
                row["id"] if isinstance(row["id"], int) else str(row["id"])
                for row in await reader.fetch(f"SELECT id FROM bi.{view.name}")
            }
            assert found == wanted, view.name
    finally:
        await reader.close()


async def test_findings_that_are_not_closed_are_those_that_the_api_lists(owner: asyncpg.Connection) -> None:
    waiver = await owner.fetchval(
        "INSERT INTO waiver (id, code, reason, actor, expires_at) "
        "VALUES (gen_random_uuid(), 'WAIVED', 'later', 'Petra', now() + interval '9 days') RETURNING id"
    )
    await owner.executemany(
        "INSERT INTO finding (id, code, severity, message, closed_at, waiver_id) "
        "VALUES (gen_random_uuid(), $1, 'info', 'wrong', $2, $3)",
        [("OPEN", None, None), ("WAIVED", None, waiver), ("GONE", datetime.now(UTC), None)],
    )
    statement = compile_page(check(Query("findings", fields=parse_fields("code"), limit=10)))
    listed = {
        row["code"] for row in json.loads(await owner.fetchval(statement.sql, *statement.arguments(None)))
    }
    kept = {row["code"]: row["state"] for row in await owner.fetch("SELECT code, state FROM bi.fact_finding")}
    assert kept == {"OPEN": "open", "WAIVED": "waived", "GONE": "closed"}
    assert listed == {code for code, state in kept.items() if state != "closed"}


async def test_a_role_reads_the_schema_and_nothing_else(database: str, owner: asyncpg.Connection) -> None:
    name = login_name()
    await create_login(owner, name, rows={"projects": ["PAY"]}, timeout_s=7)
    reader = await as_reader(database, name)
    try:
        assert await reader.fetchval("SELECT tags FROM dim_project") == "a, b"
        assert await reader.fetchval("SHOW statement_timeout") == "7s"
        assert await reader.fetchval("SHOW default_transaction_read_only") == "on"
        for forbidden in (
            "SELECT * FROM public.project",
            "SELECT * FROM public.bi_login",
            "SELECT * FROM public.api_key",
            "UPDATE bi.dim_project SET title = 'x'",
            "CREATE TABLE bi.mine ()",
            "CREATE FUNCTION bi.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "SET ROLE portbook_app",
            # One who may take these could make everybody wait, or fill the disk.
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
            "SELECT lo_create(0)",
        ):
            await reader.execute("SET default_transaction_read_only = off")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.execute(forbidden)
    finally:
        await reader.close()


async def test_a_role_that_portbook_did_not_make_sees_nothing(
    database: str, owner: asyncpg.Connection
) -> None:
    name = login_name()
    await owner.execute(f"CREATE ROLE {name} LOGIN IN ROLE bi_reader")
    reader = await as_reader(database, name)
    try:
        for view in views():
            if view.name != "dim_date":
                assert await reader.fetchval(f"SELECT count(*) FROM bi.{view.name}") == 0, view.name
    finally:
        await reader.close()
        await owner.execute(f"DROP ROLE {name}")


async def test_facts_by_the_day_show_what_the_register_showed_at_its_end(owner: asyncpg.Connection) -> None:
    await owner.execute(
        f"""
        ALTER TABLE project DISABLE TRIGGER USER;
        INSERT INTO project_history (id, key, presence, version, valid_from, valid_to, stage)
        VALUES ('{PAY}', 'PAY', 'present', 1, now() - interval '3 days', now() - interval '1 day', 'delivery');
        UPDATE project SET stage = 'closing', version = 2, valid_from = now() - interval '1 day' WHERE id = '{PAY}';
        """
    )
    rows = await owner.fetch(
        "SELECT current_date - snapshot_on AS ago, stage FROM bi.fact_project_daily WHERE key = 'PAY' ORDER BY ago"
    )
    assert [tuple(row) for row in rows] == [(0, "closing"), (1, "closing"), (2, "delivery"), (3, "delivery")]


async def test_what_changed_at_midnight_is_of_the_day_that_begins(owner: asyncpg.Connection) -> None:
    await owner.execute(
        f"""
        ALTER TABLE project DISABLE TRIGGER USER;
        INSERT INTO project_history (id, key, presence, version, valid_from, valid_to, stage)
        VALUES ('{PAY}', 'PAY', 'present', 1, current_date - 3, current_date - 1, 'delivery');
        UPDATE project SET stage = 'closing', version = 2, valid_from = current_date - 1 WHERE id = '{PAY}';
        """
    )
    rows = await owner.fetch(
        "SELECT current_date - snapshot_on AS ago, stage FROM bi.fact_project_daily WHERE key = 'PAY' ORDER BY ago"
    )
    assert [tuple(row) for row in rows] == [(0, "closing"), (1, "closing"), (2, "delivery"), (3, "delivery")]


async def test_the_days_are_the_same_in_every_zone(owner: asyncpg.Connection) -> None:
    """Clients of many kinds set the zone of their machine. In São Paulo 4 November 2018 began at one o'clock."""
    await owner.execute("UPDATE event SET at = '2018-11-01 12:00Z'")
    days = "SELECT snapshot_on, count(*) FROM bi.fact_project_daily GROUP BY 1 ORDER BY 1"
    await owner.execute("SET timezone = 'UTC'")
    wanted = await owner.fetch(days)
    assert [tuple(row) for row in wanted] == [(datetime.now(UTC).date(), 3)]
    for zone in ("America/Sao_Paulo", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        await owner.execute(f"SET timezone = '{zone}'")
        assert await owner.fetch(days) == wanted, zone


async def test_a_role_that_is_taken_back_is_gone_and_its_sessions_end(
    database: str, owner: asyncpg.Connection
) -> None:
    name = login_name()
    await create_login(owner, name)
    reader = await as_reader(database, name)
    pid = reader.get_server_pid()
    await revoke_login(owner, name)
    assert await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid) == 0
    reader.terminate()
    assert await owner.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", name) == 0
    with pytest.raises(LoginInvalid):
        await revoke_login(owner, name)
    actions = await owner.fetch(
        "SELECT action FROM audit WHERE subject = $1 ORDER BY seq", f"bi_login {name}"
    )
    assert [row["action"] for row in actions] == ["bi login created", "bi login revoked"]


@pytest.mark.parametrize(
    "name", ["", "Up", "a b", "x;drop", "x'", "bi_reader", "public", "pg_x", "ä", "a" * 60]
)
async def test_hostile_names_are_refused(owner: asyncpg.Connection, name: str) -> None:
    with pytest.raises(LoginInvalid):
        await create_login(owner, name)


async def test_a_scope_of_nothing_that_is_there_is_refused_and_leaves_no_role(
    owner: asyncpg.Connection,
) -> None:
    name = login_name()
    with pytest.raises(RowNotFound):
        await create_login(owner, name, rows={"projects": ["NO"]})
    assert await owner.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", name) == 0
