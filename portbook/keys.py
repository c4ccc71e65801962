"""`portbook keys`: who may ask the API, for what, and how long."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from portbook.decide import instant_of
from portbook.errors import SettingsInvalid
from portbook.session import at_command_line, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out, table
from portbook.wiring import Parts
from register import keys
from register.db import Pool

app = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")

_COLUMNS = ("name", "prefix", "scopes", "rows", "created_at", "expires_at", "revoked_at", "last_used_at")
_DAYS = re.compile(r"([1-9]\d{0,4})d", re.ASCII)


Portfolios = Annotated[
    list[str] | None,
    typer.Option("--portfolio", help="Show only this portfolio, by key or id. May be repeated."),
]
Programmes = Annotated[list[str] | None, typer.Option("--programme", help="Show only this programme.")]
Projects = Annotated[list[str] | None, typer.Option("--project", help="Show only this project.")]


@app.command("create")
def create(
    context: typer.Context,
    name: str,
    scope: Annotated[list[str] | None, typer.Option(help="read (default), webhooks or admin.")] = None,
    portfolio: Portfolios = None,
    programme: Programmes = None,
    project: Projects = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: a date (the end of that day, UTC), or 90d.")
    ] = None,
) -> None:
    """Make a key for a caller; it is shown once. Restricted to some rows, it shows these and what hangs on them."""
    rows = named_rows(portfolio, programme, project)
    until = None if expires is None else _end(expires, datetime.now(UTC))

    async def create(pool: Pool, parts: Parts, stores: Stores) -> str:
        return await keys.create_key(
            pool, name, scopes=scope or ["read"], rows=rows, expires_at=until, actor=at_command_line()
        )

    out.print(with_register(read_config(context.obj), create), soft_wrap=True)
    err.print("Keep it now: only its hash is stored.")


@app.command("list")
def list_all(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List keys; never the keys themselves."""

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        return [asdict(key) for key in await keys.list_keys(pool)]

    found = with_register(read_config(context.obj), look)
    if as_json:
        print(json.dumps(found, default=str))
    else:
        out.print(table("", _COLUMNS, [[_cell(key[column]) for column in _COLUMNS] for key in found]))


@app.command("revoke")
def revoke(context: typer.Context, which: Annotated[str, typer.Argument(help="Name or prefix.")]) -> None:
    """Withdraw a key."""

    async def revoke(pool: Pool, parts: Parts, stores: Stores) -> int:
        return len(await keys.revoke_key(pool, which, actor=at_command_line()))

    count = with_register(read_config(context.obj), revoke)
    out.print(f"{count} key{'' if count == 1 else 's'} revoked.")
    raise typer.Exit(0 if count else 1)


def _end(text: str, now: datetime) -> datetime:
    """Raises SettingsInvalid for what is no time, or is over."""
    days = _DAYS.fullmatch(text)
    end = now + timedelta(days=int(days[1])) if days else instant_of(text, "--expires")
    if end <= now:
        raise SettingsInvalid(f"{text} is over already", hint="A key ends in the future.")
    return end


def named_rows(
    portfolios: list[str] | None, programmes: list[str] | None, projects: list[str] | None
) -> dict[str, list[str]]:
    """What somebody is restricted to, by collection; empty: to nothing."""
    given = {"portfolios": portfolios, "programmes": programmes, "projects": projects}
    return {collection: references for collection, references in given.items() if references}


def rows_cell(rows: Mapping[str, list[str]]) -> str:
    """The same for a table."""
    return ", ".join(f"{len(ids)} {collection}" for collection, ids in rows.items()) or "all"


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return rows_cell(value)
    return ", ".join(value) if isinstance(value, (list, tuple)) else value
