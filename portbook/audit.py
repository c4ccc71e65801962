"""`portbook audit`: who changed what, who took files, who asked, and who was refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from portbook.session import read_config, with_register
from portbook.stores import Stores
from portbook.terminal import out, table
from portbook.wiring import Parts
from register.audit import MOST, list_audit
from register.db import Pool
from register.query import parse_as_of

_COLUMNS = ("at", "actor", "action", "subject", "detail")


def audit_command(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(help="Only of this key, account or command.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this: asked, refused, exported …")] = None,
    since: Annotated[str | None, typer.Option(help="Only since a date or an instant.")] = None,
    most: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="How many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the audit, newest first: who changed what, who took files, who asked, and who was refused."""
    begin = None if since is None else parse_as_of(since, "--since").instant(datetime.now(UTC), start=True)

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        return await list_audit(pool, actor=actor, action=action, since=begin, limit=most)

    found = with_register(read_config(context.obj), look, tell_sources=False)
    if as_json:
        print(json.dumps(found, default=str))
    else:
        out.print(table("", _COLUMNS, [[_cell(line[column]) for column in _COLUMNS] for line in found]))


def _cell(value: Any) -> Any:
    return ", ".join(f"{name}={one}" for name, one in value.items()) if isinstance(value, dict) else value
