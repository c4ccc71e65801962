"""`portbook bi`: roles for tools that read the register by SQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import asyncpg
import typer

from portbook.config import Config
from portbook.keys import Portfolios, Programmes, Projects, named_rows, rows_cell
from portbook.session import at_command_line, configured_stores, prepare, read_config
from portbook.terminal import err, out, table
from register.bi_logins import create_login, list_logins, revoke_login
from register.db import Connection
from register.errors import RegisterError

app = typer.Typer(no_args_is_help=True, help="Roles for tools that read the schema `bi` by SQL.")

T = TypeVar("T")


@app.command("create")
def create(
    context: typer.Context,
    name: str,
    portfolio: Portfolios = None,
    programme: Programmes = None,
    project: Projects = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds after which a question ends.")] = 60,
) -> None:
    """Make a role that reads the schema `bi`; its password is shown once."""
    config = read_config(context.obj)
    rows = named_rows(portfolio, programme, project)

    async def make(connection: Connection) -> str:
        password = await create_login(connection, name, rows=rows, timeout_s=timeout, actor=at_command_line())
        database = await connection.fetchval("SELECT current_database()")
        return f"postgresql://{name}:{password}@{_where(config)}/{database}"

    out.print(_as_owner(config, make), soft_wrap=True, highlight=False)
    err.print("Keep it now: the password cannot be shown again. Tables are in the schema bi.")
    if config.register.database.get_secret_value() == "embedded" and config.register.database_port is None:
        err.print(
            "The embedded PostgreSQL only listens on a private socket: set `register.database_port` to let others in."
        )


@app.command("list")
def list_all(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the roles."""
    found = _as_owner(read_config(context.obj), list_logins)
    if as_json:
        print(json.dumps([login._asdict() for login in found], default=str))
    else:
        out.print(
            table(
                "",
                ("name", "rows", "created_at"),
                [(one.name, rows_cell(one.rows), one.created_at) for one in found],
            )
        )


@app.command("revoke")
def revoke(context: typer.Context, name: str) -> None:
    """Take a role away and end its sessions."""
    _as_owner(
        read_config(context.obj), lambda connection: revoke_login(connection, name, actor=at_command_line())
    )
    out.print(f"{name} may read no longer.")


def _as_owner(config: Config, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Roles are the owner's to make, not the application role's."""

    async def inside(url: str) -> T:
        try:
            connection = await asyncpg.connect(url)
        except (OSError, asyncpg.PostgresError) as error:
            raise RegisterError(f"the register's database cannot be opened: {error}") from None
        try:
            return await work(connection)
        finally:
            await connection.close()

    with configured_stores(config) as stores:
        asyncio.run(prepare(config, stores))
        return asyncio.run(inside(stores.database_url))


def _where(config: Config) -> str:
    """Host and port as a tool needs them."""
    url = config.register.database.get_secret_value()
    if url == "embedded":
        return f"127.0.0.1:{config.register.database_port or 5432}"
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
