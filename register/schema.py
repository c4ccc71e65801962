"""Bring a database to this version's schema."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import asyncpg

from register.errors import SchemaMismatch

_VERSIONS = files("register") / "migrations" / "versions"
_REVISION = re.compile(r"(\d{4})_\w+\.py", re.ASCII)


@cache
def newest() -> str:
    """The revision that this version was written for."""
    return max(found[1] for each in _VERSIONS.iterdir() if (found := _REVISION.fullmatch(each.name)))


async def migrate(url: str) -> str:
    """Create or upgrade the schema; returns the revision reached. Safe to run twice, and at the same time."""
    if await _revision(url) == newest():
        return newest()
    # Late: most commands find the schema as it should be.
    from register.migrating import upgrade

    return await upgrade(url)


async def require_current(url: str) -> None:
    """Raise SchemaMismatch unless the schema is the one this version was written for."""
    found = await _revision(url)
    if found != newest():
        raise SchemaMismatch(
            f"the register's schema is at revision {found or 'none'}, this version needs {newest()}",
            hint="Run `portbook migrate`." if found is None or found < newest() else "Upgrade Portbook.",
        )


async def _revision(url: str) -> str | None:
    connection = await asyncpg.connect(url)
    try:
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()
