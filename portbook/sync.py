"""`portbook sync`: the sources read now, while one watches."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.decide import AsJson
from portbook.errors import SettingsInvalid
from portbook.reports import run_outcomes, show_outcomes
from portbook.selection import refuse_doubles
from portbook.session import ask_for_runs, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, sync_progress
from portbook.wiring import Parts, import_adapters
from register import runs
from register.db import Pool
from register.quality import Quality
from workers.app import work_until_idle
from workers.queue import ring


def sync_command(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Argument(help="Default: all.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything and find what has vanished.")] = False,
    approve: Annotated[
        bool,
        typer.Option(
            "--approve", help="Accept that much of the named sources vanishes, after a run that was held."
        ),
    ] = False,
    wait: Annotated[bool, typer.Option(help="Work here until done; else leave it to a worker.")] = True,
    as_json: AsJson = False,
) -> None:
    """Bring the register up to date, with progress bars."""
    config = read_config(context.obj)
    if approve and not sources:
        raise SettingsInvalid(
            "--approve needs the name of a source",
            hint="Name the source whose run was held: `portbook sync SOURCE --full --approve`.",
        )
    names = [config.source(name).name for name in sources] if sources else [s.name for s in config.sources]
    mode = "full" if full or approve else "incremental"

    async def ask_and_work(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        await refuse_doubles(pool, config, names)
        asked = await ask_for_runs(pool, names, mode, approved=approve)
        if wait:
            import_adapters(config)
            async with sync_progress(pool, asked, quiet=as_json):
                await work_until_idle(pool, parts.specs, parts.policy, names)
                # A run that was under way already has ended now; the one that was asked for is still to come.
                while again := await runs.ended_short(pool, list(asked.values()), mode):
                    asked.update(await ask_for_runs(pool, again, mode, approved=approve))
                    await work_until_idle(pool, parts.specs, parts.policy, again)
                await Quality(pool, parts.expected).look(now=True)
        else:
            await ring(stores.redis_url)
        return await run_outcomes(pool, asked)

    outcomes = with_register(config, ask_and_work)
    if as_json:
        print(json.dumps(outcomes, default=str))
    else:
        show_outcomes(outcomes, {s.name: f"{config.path.name}:{s.line}" for s in config.sources})
    fine = not wait or all(outcome["state"] == "succeeded" for outcome in outcomes)
    for outcome in outcomes if mode == "full" else ():
        if outcome["mode"] != "full":
            fine = False
            err.print(
                f"[yellow]{escape(outcome['source'])}: another run is under way, so no complete one was asked for[/]\n"
                "  [green]→[/] Ask again when it has ended."
            )
    raise typer.Exit(0 if fine else 1)
