"""The migrated database is what the models say, and the past in it cannot be rewritten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from register.catalog import catalog, column_type
from register.migrating import sqlalchemy_url
from register.models import ENTITIES
from register.query import Query, check, parse_order
from register.query.compile_page import compile_page
from register.schema import migrate, newest
from register.tables import HISTORY_SUFFIX, METADATA

ROW = UUID(int=7)


async def test_the_migrations_build_what_the_models_declare(empty_database: str) -> None:
    await migrate(empty_database)
    engine = create_async_engine(sqlalchemy_url(empty_database), poolclass=NullPool)

    def differences(connection: Any) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        return list(compare_metadata(context, METADATA))

    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
    finally:
        await engine.dispose()
    assert found == []


async def test_migrating_twice_changes_nothing(empty_database: str) -> None:
    assert await migrate(empty_database) == newest() == await migrate(empty_database)


@pytest.fixture
async def app(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of the application role, over one project with a past, an event and a line of audit."""
    connection = await asyncpg.connect(database, server_settings={"role": "portbook_app"})
    await connection.execute("INSERT INTO project (id, key, title) VALUES ($1, 'PAY', 'before')", ROW)
    await connection.execute(
        "UPDATE project SET title = 'after', version = 2, valid_from = now() WHERE id = $1", ROW
    )
    await connection.execute(
        "INSERT INTO event (type, entity, entity_id, version) VALUES ('created', 'project', $1, 1)", ROW
    )
    await connection.execute("INSERT INTO audit (actor, action) VALUES ('test', 'tested')")
    yield connection
    await connection.close()


async def test_a_change_keeps_the_row_as_it_was(app: asyncpg.Connection) -> None:
    was = await app.fetch(
        "SELECT title, version, valid_to >= valid_from AS ordered FROM project_history WHERE id = $1", ROW
    )
    assert [tuple(row) for row in was] == [("before", 1, True)]
    assert await app.fetchval("SELECT title FROM project WHERE id = $1", ROW) == "after"


async def test_every_entity_keeps_history_in_the_order_of_its_columns(app: asyncpg.Connection) -> None:
    for name in ENTITIES:
        columns = [
            [
                row[0]
                for row in await app.fetch(
                    "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 "
                    "AND NOT attisdropped ORDER BY attnum",
                    table,
                )
            ]
            for table in (name, f"{name}_history")
        ]
        assert columns[1] == ["valid_to", *columns[0]], name
        identifier = UUID(int=1000)
        await app.execute(f"INSERT INTO {name} (id, title) VALUES ($1, 'a')", identifier)
        await app.execute(f"UPDATE {name} SET title = 'b', version = 2 WHERE id = $1", identifier)
        assert await app.fetchval(f"SELECT title FROM {name}_history WHERE id = $1", identifier) == "a", name


async def test_a_column_has_the_type_that_updates_call_it_by(app: asyncpg.Connection) -> None:
    for name in ENTITIES:
        types = await app.fetch(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = $1::text::regclass AND attnum > 0",
            name,
        )
        assert {column: column_type(name, column) for column, _ in types} == dict(types)


async def test_the_application_can_add_to_the_past_but_not_rewrite_it(app: asyncpg.Connection) -> None:
    forbidden = [
        "UPDATE event SET type = 'changed'",
        "DELETE FROM event",
        "TRUNCATE event",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DELETE FROM source_record",
        "UPDATE alembic_version SET version_num = 'x'",
        "ALTER TABLE project DISABLE TRIGGER keep_history",
        "SET session_replication_role = replica",
    ]
    for name in ENTITIES:
        forbidden += [
            f"INSERT INTO {name}_history (id, version, valid_to) VALUES (gen_random_uuid(), 1, now())",
            f"UPDATE {name}_history SET title = 'x'",
            f"DELETE FROM {name}_history",
            f"TRUNCATE {name}_history",
            f"DELETE FROM {name}",
            f"TRUNCATE {name}",
        ]
    for statement in forbidden:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)


async def test_old_use_is_forgotten_and_nothing_else(app: asyncpg.Connection, database: str) -> None:
    assert "audit_use_ix" in str(
        await app.fetch("EXPLAIN SELECT seq FROM audit WHERE action IN ('asked', 'refused', 'exported') "
                        "AND at < now() - interval '40 days' ORDER BY at LIMIT 10")
    )  # fmt: skip
    await app.execute(
        """
        INSERT INTO audit (at, actor, action) SELECT now() - make_interval(days => days), days::text, action
        FROM unnest(ARRAY[1, 29, 31, 500]) days,
             unnest(ARRAY['asked', 'refused', 'exported', 'key created', 'link joined']) action
        """
    )
    for days in (29, 0, -1, None, -(2**31)):
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await app.fetchval("SELECT forget_use($1, 10)", days)
    assert await app.fetchval("SELECT forget_use(400, 2)") == 2
    assert await app.fetchval("SELECT forget_use(400, 2)") == 1
    assert await app.fetchval("SELECT forget_use(400, 2)") == 0
    assert await app.fetchval("SELECT forget_use(30, 1000)") == 3
    left = await app.fetch("SELECT action, count(*) FROM audit GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in left] == [
        ("asked", 2), ("exported", 2), ("key created", 4), ("link joined", 4), ("refused", 2), ("tested", 1),
    ]  # fmt: skip
    owner = await asyncpg.connect(database)
    privileges = "SELECT has_function_privilege($1, 'forget_use(integer, integer)', 'EXECUTE')"
    assert not await owner.fetchval(privileges, "bi_reader")
    assert await owner.fetchval(privileges, "portbook_app")
    await owner.close()


async def test_the_indexes_are_what_the_models_declare(app: asyncpg.Connection) -> None:
    # `compare_metadata` looks neither at what an index leaves out nor at what lies beside its columns.
    declared = {
        str(index.name): (
            [column.name for column in index.columns],
            list(index.dialect_options["postgresql"]["include"] or []),
            index.dialect_options["postgresql"]["where"] is not None,
        )
        for name in ENTITIES
        for table in (METADATA.tables[name], METADATA.tables[name + HISTORY_SUFFIX])
        for index in table.indexes
    }
    found = await app.fetch(
        """
        SELECT c.relname, array_agg(a.attname::text ORDER BY k.at) FILTER (WHERE k.at <= i.indnkeyatts),
               coalesce(array_agg(a.attname::text ORDER BY k.at) FILTER (WHERE k.at > i.indnkeyatts), '{}'),
               pg_get_expr(i.indpred, i.indrelid)
                 = format('(%I IS NOT NULL)', min(a.attname) FILTER (WHERE k.at = 1))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k (column_number, at)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.column_number
        WHERE c.relname = ANY($1::text[]) GROUP BY c.relname, i.indexrelid, i.indrelid, i.indpred
        """,
        list(declared),
    )
    assert {row[0]: (row[1], row[2], bool(row[3])) for row in found} == declared


async def test_no_new_version_waits_for_the_last_one_to_be_compressed(app: asyncpg.Connection) -> None:
    await app.execute(
        "INSERT INTO work_item (id, description) VALUES ($1, $2)", ROW, "What is to be done. " * 1000
    )
    await app.execute("UPDATE work_item SET title = 'b', version = 2 WHERE id = $1", ROW)
    kept = await app.fetchrow(
        "SELECT length(description), pg_column_compression(description) FROM work_item_history WHERE id = $1",
        ROW,
    )
    assert tuple(kept) == (20_000, None)


async def test_rows_below_a_row_are_counted_by_an_index_alone(app: asyncpg.Connection) -> None:
    await app.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    lists = [
        one
        for entity in catalog().values()
        for one in entity.relations.values()
        if entity.enveloped and not (one.column_on_owner or one.array) and catalog()[one.target].enveloped
    ]
    assert len(lists) > 40
    for one in lists:
        count = f"SELECT count(*) FROM {one.target} WHERE {one.column} = '{ROW}' AND presence = 'present'"
        plan = "\n".join(row[0] for row in await app.fetch(f"EXPLAIN {count}"))
        assert f"Index Only Scan using {one.target}_{one.column}_ix" in plan, plan


async def test_vacuum_comes_early_enough_for_counts(app: asyncpg.Connection) -> None:
    found = await app.fetch(
        "SELECT relname FROM pg_class WHERE 'autovacuum_vacuum_scale_factor=0.02' = ANY(reloptions)"
    )
    assert {row[0] for row in found} == set(ENTITIES)


@pytest.mark.parametrize("order", ["due_on", "-due_on"])
async def test_a_page_in_the_order_of_a_date_walks_its_index(database: str, order: str) -> None:
    owner = await asyncpg.connect(database)
    await owner.execute(
        """
        INSERT INTO work_item (id, key, due_on)
        SELECT gen_random_uuid(), i::text, CASE WHEN i % 50 > 0 THEN date '2026-01-01' + i % 300 END
        FROM generate_series(1, 5000) i
        """
    )
    await owner.execute("ANALYZE work_item")
    level = check(Query("work_items", order=parse_order(order), limit=10))
    plan = "\n".join(row[0] for row in await owner.fetch(f"EXPLAIN {compile_page(level).sql}"))
    await owner.close()
    assert "using work_item_due_on_ix" in plan.replace("Scan Backward", "Scan")
    assert "Seq Scan on work_item" not in plan, plan
