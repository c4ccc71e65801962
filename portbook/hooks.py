"""`portbook hooks`: letting a tool tell us of changes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from adapters.base import Subscribed, Subscribes
from adapters.errors import SourceRefused
from portbook.errors import SettingsInvalid
from portbook.session import read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out, show_problem, table
from portbook.wiring import Parts, hook_address, open_adapter, open_door, require_notifications
from register import hints
from register.db import Pool

app = typer.Typer(no_args_is_help=True, help="Notifications of the tools: set them up, see what waits.")


@app.command("install")
def install(context: typer.Context, source: Annotated[str, typer.Argument(help="Name of a source.")]) -> None:
    """Let the tool tell us of changes; where it will not let us, say what to set up there by hand."""
    config = read_config(context.obj)
    item = config.source(source)
    require_notifications(item)
    door = open_door(item)
    if door is None or item.hooks is None:
        raise SettingsInvalid(
            f"source {source!r} has no `hooks`",
            detail=f"{config.path}:{item.line}",
            hint="Add `hooks: {secret: {env: NAME}}` to it, with a long random text in the variable.",
        )
    address, secret = hook_address(config, item), item.hooks.secret.get_secret_value()
    if address is None:
        raise SettingsInvalid(
            "the tool must be given an address that it can reach",
            detail=str(config.path),
            hint="Set `gateway: {public_url: https://…}` to the address that leads to this gateway.",
        )

    async def set_up(pool: Pool, parts: Parts, stores: Stores) -> list[Subscribed] | None:
        async with open_adapter(item) as adapter:
            if not isinstance(adapter, Subscribes):
                return None
            made = await adapter.subscribe(address, secret)
        for old in await hints.subscriptions(pool, item.name):
            await hints.forget_subscription(pool, item.name, old)
        for hook in made:
            await hints.note_subscription(pool, item.name, hook.id, hook.expires_at)
        return made

    try:
        made = with_register(config, set_up)
    except SourceRefused as problem:
        show_problem(problem)
        err.print("\nBy hand:")
        out.print(escape(door.instructions(address)), soft_wrap=True)
        raise typer.Exit(1) from None
    if made is None:
        out.print(escape(door.instructions(address)), soft_wrap=True)
        return
    for hook in made:
        until = (
            f", until {hook.expires_at:%Y-%m-%d %H:%M} UTC; it is renewed in time" if hook.expires_at else ""
        )
        out.print(f"{escape(hook.title)} tells {escape(address)}{until}", soft_wrap=True)


@app.command("list")
def list_hooks(context: typer.Context) -> None:
    """Show, for each source: where its notifications come in, what was set up, and how many wait to be followed."""
    config = read_config(context.obj)

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[tuple[str, str, str, str]]:
        rows = []
        for item in config.sources:
            known = await hints.subscriptions(pool, item.name)
            ends = [moment for moment in known.values() if moment is not None]
            rows.append(
                (
                    item.name,
                    f"/hooks/{item.name}" if item.hooks else "[dim]off[/]",
                    f"{len(known)}{f', until {min(ends):%Y-%m-%d %H:%M} UTC' if ends else ''}",
                    str(await hints.count(pool, item.name)),
                )
            )
        return rows

    out.print(table("", ("source", "comes in at", "set up by us", "waiting"), with_register(config, look)))
