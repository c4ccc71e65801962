"""Migrations, carried out by Alembic."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

# Any number will do, as long as every Portbook uses the same: two commands that start at once migrate once.
_MIGRATION_LOCK = 0x706F7274


def sqlalchemy_url(url: str) -> str:
    """The same database for SQLAlchemy on asyncpg."""
    scheme, rest = url.split("://", 1)
    return f"{scheme.split('+')[0].replace('postgres', 'postgresql').replace('postgresqlql', 'postgresql')}+asyncpg://{rest}"


async def upgrade(url: str) -> str:
    """Bring the schema to the newest revision, and return it. Of two at the same time, one waits for the other."""
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            revision = await connection.run_sync(_upgrade)
            await connection.commit()
            return revision
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> str:
    config = Config()
    config.set_main_option("script_location", str(files("register") / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return MigrationContext.configure(connection).get_current_revision() or ""
