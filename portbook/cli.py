"""`portbook`: the commands, and the one place that puts all parts together.

Exit codes: 0 fine, 1 the thing checked is not fine, 2 wrong usage or configuration.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook import __version__, accounts, bi, decide, explain, findings, hooks, keys, planning, webhooks
from portbook.audit import audit_command
from portbook.check import check_command
from portbook.config import Config, config_schema
from portbook.errors import Problem, SettingsInvalid
from portbook.logs import set_up_logs
from portbook.prove import prove_command
from portbook.query import query_command
from portbook.reports import (
    open_findings,
    run_outcomes,
    show_outcomes,
    show_status,
    show_streams,
    source_status,
)
from portbook.retire import retire_command
from portbook.session import ask_for_runs, configured_stores, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out, show_problem, sync_progress
from portbook.wiring import KINDS, Parts, open_adapter, source_mapping
from register import runs
from register.db import Pool
from register.quality import Quality
from register.schema import migrate as migrate_schema
from workers.app import WorkerApp, work_until_idle
from workers.queue import ring

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)
app.add_typer(keys.app, name="keys")
app.add_typer(accounts.app, name="accounts")
app.add_typer(bi.app, name="bi")
app.add_typer(hooks.app, name="hooks")
app.add_typer(decide.links, name="links")
app.add_typer(decide.pins, name="pins")
app.add_typer(findings.app, name="findings")
app.add_typer(webhooks.app, name="webhooks")
app.command("check")(check_command)
app.command("plan")(planning.plan_command)
app.command("remap")(planning.remap_command)
app.command("query")(query_command)
app.command("prove")(prove_command)
app.command("audit")(audit_command)
app.command("explain")(explain.explain_command)
app.command("retire")(retire_command)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> None:
    """Run a command; a problem becomes a few readable lines and an exit code, never a traceback."""
    set_up_logs("error")  # a command tells of its own problems
    try:
        sys.exit(app(standalone_mode=False))
    except Problem as problem:
        show_problem(problem)
        sys.exit(problem.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        err.print("stopped")
        sys.exit(130)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        if os.environ.get("PORTBOOK_DEBUG"):
            raise
        err.print(f"[bold red]PRB001[/] unexpected {type(error).__name__}: {escape(str(error))}")
        err.print(
            "  [green]→[/] This is a defect. Run again with PORTBOOK_DEBUG=1 and report what it prints."
        )
        sys.exit(1)


def _print_version(asked: bool) -> None:
    if asked:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Default: $PORTBOOK_CONFIG, else ./portbook.yaml.")
    ] = None,
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version."),
    ] = False,
) -> None:
    """Portbook keeps one register of every project, read from the tools that teams already use."""
    context.obj = config


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@app.command()
def migrate(context: typer.Context) -> None:
    """Create or upgrade the register's schema."""
    with configured_stores(_config(context)) as stores:
        revision = asyncio.run(migrate_schema(stores.database_url))
    out.print(f"The register is at schema revision {revision}.")


@app.command()
def discover(context: typer.Context, source: str) -> None:
    """Show what this tenant really has: every field with samples, and what the mapping does with it."""
    item = _config(context).source(source)

    async def look() -> None:
        async with open_adapter(item) as adapter:
            await adapter.check()
            aliases = dict(await adapter.aliases())
            show_streams(await adapter.discover(), source_mapping(item, aliases), aliases)

    asyncio.run(look())


@app.command()
def sync(
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
    config = _config(context)
    if approve and not sources:
        raise SettingsInvalid(
            "--approve needs the name of a source",
            hint="Name the source whose run was held: `portbook sync SOURCE --full --approve`.",
        )
    names = [config.source(name).name for name in sources] if sources else [s.name for s in config.sources]
    mode = "full" if full or approve else "incremental"

    async def ask_and_work(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        asked = await ask_for_runs(pool, names, mode, approved=approve)
        if wait:
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


@app.command()
def status(
    context: typer.Context,
    most: Annotated[
        int, typer.Option("--findings", min=0, max=100_000, help="How many open findings to show.")
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Show every source: its last run, how fresh it is, and what waits for a person."""

    async def look(
        pool: Pool, parts: Parts, stores: Stores
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return await source_status(pool), await open_findings(pool, most)

    sources, found = with_register(_config(context), look)
    if as_json:
        print(json.dumps({"sources": sources, "findings": found}, default=str))
    else:
        show_status(sources)
        for finding in found:
            colour = "red" if finding["severity"] == "error" else "yellow"
            also = f" [dim]and {finding['also']:,} more like it[/]" if finding["also"] else ""
            where = finding["source"] or "register"
            out.print(f"[{colour}]{finding['code']}[/] {where}: {escape(finding['message'])}{also}")
            out.print(
                f"  [dim]{escape(finding['detail'] or '')}[/] [green]→[/] {escape(finding['hint'] or '')}"
            )
    # A queued run with an error is one that was put off: the tool did not answer.
    bad = any(
        s["paused"]
        or s["state"] in ("failed", "held", "incomplete")
        or (s["state"] == "queued" and s["error_code"])
        for s in sources
        if s["configured"]
    )
    raise typer.Exit(1 if bad else 0)


@app.command()
def work(context: typer.Context) -> None:
    """Run a worker: schedules what is due and carries out runs, until stopped."""
    config = _config(context)
    set_up_logs("info")

    async def work_until_stopped(pool: Pool, parts: Parts, stores: Stores) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with webhooks.telling(stores.database_url, parts.outbound) as deliverer:
            worker = WorkerApp(
                pool, stores.redis_url, parts.specs, parts.schedule, parts.policy,
                expected=parts.expected, deliverer=deliverer,
                keep_audit_days=config.register.keep_audit_days,
            )  # fmt: skip
            err.print(f"worker for {', '.join(parts.specs) or 'no source'}; Ctrl-C stops it")
            await worker.run(stop)

    with_register(config, work_until_stopped)


@app.command()
def serve(context: typer.Context) -> None:
    """Serve the API; with embedded stores a worker runs beside it."""
    from portbook.serving import serve as serve_api

    config = _config(context)
    set_up_logs("info")
    with configured_stores(config) as stores:
        serve_api(config, stores)


@app.command(name="map")
def map_record(
    mapping: Annotated[
        Path, typer.Argument(help="A mapping file, or the name of a built-in one's kind (jira).")
    ],
    record: Annotated[Path, typer.Argument(help="A record as JSON.")],
    stream: Annotated[
        str | None, typer.Option(help="The kind of record; default: the mapping's first.")
    ] = None,
) -> None:
    """Show the rows that a record becomes under a mapping, and what could not be understood."""
    from portbook.mapping_trial import try_mapping

    raise typer.Exit(0 if try_mapping(mapping, record, stream) else 1)


@app.command()
def schema(
    what: Annotated[str, typer.Argument(help="`config` (JSON Schema for editors) or `register`.")],
) -> None:
    """Print a schema as JSON."""
    match what:
        case "config":
            print(json.dumps(config_schema(KINDS), indent=2))
        case "register":
            from gateway.schema import register_schema

            print(json.dumps(json.loads(register_schema()), indent=2))
        case _:
            raise SettingsInvalid(f"there is no schema {what!r}", hint="Write `config` or `register`.")


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the summary.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo lives.")] = Path(".portbook/demo"),
) -> None:
    """Fill a register from a pretended Jira and a PMO workbook, and serve it."""
    from portbook.demo import run_demo

    run_demo(folder, once=once)


def _config(context: typer.Context) -> Config:
    return read_config(context.obj)
