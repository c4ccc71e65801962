"""Bring a database to this version's schema."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from register.errors import SchemaMismatch

# Any number will do, as long as every Portbook uses the same: two commands that start at once migrate once.
_MIGRATION_LOCK = 0x706F7274


def sqlalchemy_url(url: str) -> str:
    """The same database for SQLAlchemy on asyncpg."""
    scheme, rest = url.split("://", 1)
    return f"{scheme.split('+')[0].replace('postgres', 'postgresql').replace('postgresqlql', 'postgresql')}+asyncpg://{rest}"


async def migrate(url: str) -> str:
    """Create or upgrade the schema; returns the revision reached. Safe to run twice, and at the same time."""
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            revision = await connection.run_sync(_upgrade)
            await connection.commit()
            return revision
    finally:
        await engine.dispose()


async def require_current(url: str) -> None:
    """Raise SchemaMismatch unless the schema is the one this version was written for."""
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    finally:
        await engine.dispose()
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise SchemaMismatch(
            f"the register's schema is at revision {found or 'none'}, this version needs {wanted}",
            hint="Run `portbook migrate`."
            if found is None or found < (wanted or "")
            else "Upgrade Portbook.",
        )


def _upgrade(connection: Connection) -> str:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("register") / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
