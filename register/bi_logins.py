"""Database roles that may read the schema `bi`: made with a password that is shown once, each with its row scope."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import orjson

from register.audit import UNNAMED, Actor, note
from register.db import Connection
from register.errors import RegisterError
from register.query.scope import name_scope

ROLE = "bi_reader"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}", re.ASCII)


class LoginInvalid(RegisterError):
    """The role cannot be made, or is none that Portbook made."""

    code = "REG013"


class Login(NamedTuple):
    """A role as lists show it: `rows` are ids by collection; empty: it sees everything."""

    name: str
    rows: Mapping[str, list[str]]
    created_at: datetime


async def create_login(
    connection: Connection,
    name: str,
    *,
    rows: Mapping[str, Sequence[str]] | None = None,
    timeout_s: int = 60,
    actor: Actor = UNNAMED,
) -> str:
    """Make a role that reads `bi` and nothing else; returns its password, which cannot be shown again.

    `connection` is of the register's owner, who must be allowed to make roles. Questions end after `timeout_s` and
    write nothing, unless the role says otherwise in its session: PostgreSQL knows no harder limit.

    Raises LoginInvalid, RowNotFound or RowAmbiguous.
    """
    if not _NAME.fullmatch(name) or name in (ROLE, "public", "none") or name.startswith("pg_"):
        raise LoginInvalid(
            f"{name[:60]!r} is no name for a role",
            hint="Use small letters, digits and underscores: tableau_erp.",
        )
    password = secrets.token_urlsafe(24)
    try:
        async with connection.transaction():
            kept = await name_scope(connection, rows or {})
            # A role of this name may belong to somebody else on the server: CREATE refuses it.
            await connection.execute(f"""CREATE ROLE "{name}" LOGIN PASSWORD '{password}' IN ROLE {ROLE}""")
            for setting in (
                f"statement_timeout = '{int(timeout_s)}s'",
                "default_transaction_read_only = on",
                "search_path = bi",
                "timezone = 'UTC'",
            ):
                await connection.execute(f'ALTER ROLE "{name}" SET {setting}')
            database = await connection.fetchval("SELECT quote_ident(current_database())")
            await connection.execute(f'GRANT CONNECT ON DATABASE {database} TO "{name}"')
            await connection.execute(
                "INSERT INTO bi_login (name, row_scope) VALUES ($1, $2::text::jsonb)",
                name,
                orjson.dumps(kept).decode() if kept else None,
            )
            await note(
                connection,
                actor,
                "bi login created",
                f"bi_login {name}",
                {"rows": kept, "timeout_s": timeout_s},
            )
    except asyncpg.DuplicateObjectError:
        raise LoginInvalid(f"there is a role {name!r} already", hint="Take another name.") from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise LoginInvalid(
            f"the register's own role may not make roles: {error}",
            hint="Let it: ALTER ROLE … CREATEROLE, or connect as one that may for this command.",
        ) from None
    return password


async def list_logins(connection: Connection) -> list[Login]:
    """Every role, by name."""
    found = await connection.fetch("SELECT name, row_scope::text, created_at FROM bi_login ORDER BY name")
    return [Login(row[0], orjson.loads(row[1] or "{}"), row[2]) for row in found]


async def revoke_login(connection: Connection, name: str, *, actor: Actor = UNNAMED) -> None:
    """Take the role away and end its sessions. Raises LoginInvalid where Portbook made none of this name."""
    # First it sees nothing and may not come back, whatever becomes of the rest; then its sessions end, then the role.
    async with connection.transaction():
        gone = await connection.fetchval("DELETE FROM bi_login WHERE name = $1 RETURNING name", name)
        if gone is None:
            raise LoginInvalid(f"there is no login {name!r}", hint="`portbook bi list` shows them.")
        await connection.execute(f'ALTER ROLE "{gone}" NOLOGIN')
        await note(connection, actor, "bi login revoked", f"bi_login {name}", {})
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1", name
    )
    try:
        await connection.execute(f'DROP OWNED BY "{gone}"')
        await connection.execute(f'DROP ROLE "{gone}"')
    except (asyncpg.DependentObjectsStillExistError, asyncpg.InsufficientPrivilegeError) as error:
        raise LoginInvalid(
            f"{name} may sign in no longer and sees nothing, but the role is still there: {error}",
            hint="It owns something, perhaps in another database of the server: drop that, then the role.",
        ) from None
