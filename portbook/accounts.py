"""`portbook accounts`: who is shut out although the organisation's sign-in lets them in."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.decide import AsJson, Reason
from portbook.session import at_command_line, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out, table
from portbook.wiring import Parts
from register.accounts import Block, block_account, list_blocked, unblock_account
from register.db import Pool

app = typer.Typer(
    no_args_is_help=True, help="Accounts of the organisation's sign-in: block, unblock, list who is blocked."
)

Name = Annotated[
    str,
    typer.Argument(
        help="What the audit shows as actor or account; an address, a subject or an object id (Entra)."
    ),
]


@app.command("block")
def block(context: typer.Context, name: Name, reason: Reason) -> None:
    """Shut an account out, whatever its token says. Holds within seconds."""

    async def act(pool: Pool, parts: Parts, stores: Stores) -> Block:
        return await block_account(pool, name, reason=reason, actor=at_command_line())

    found = with_register(read_config(context.obj), act)
    out.print(f"{escape(found.name)} is blocked.")
    for account in found.accounts:
        out.print(f"  {escape(account)}", soft_wrap=True)
    if not found.accounts:
        err.print(
            "Nobody in the audit is called so: it holds for whoever comes with this name, subject or object id."
        )


@app.command("unblock")
def unblock(context: typer.Context, name: Name, reason: Reason) -> None:
    """Let it in again."""

    async def act(pool: Pool, parts: Parts, stores: Stores) -> Block:
        return await unblock_account(pool, name, reason=reason, actor=at_command_line())

    found = with_register(read_config(context.obj), act)
    out.print(f"{escape(found.name)} is no longer blocked.")


@app.command("list")
def list_all(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that were blocked once.")] = False,
    as_json: AsJson = False,
) -> None:
    """List who is blocked, by whom and why."""

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        return [asdict(each) for each in await list_blocked(pool, ended=every)]

    found = with_register(read_config(context.obj), look)
    if as_json:
        print(json.dumps(found, default=str))
        return
    columns = ("name", "accounts", "reason", "blocked_by", "blocked_at", "unblocked_at")
    rows = [[_cell(each[column]) for column in columns] for each in found]
    out.print(table("", columns, rows))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return escape(", ".join(value) if isinstance(value, tuple) else str(value))
