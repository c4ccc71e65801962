"""`portbook status`: how the sources are, and what waits for a person."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.decide import AsJson
from portbook.reports import open_findings, show_status, source_status
from portbook.session import read_config, with_register
from portbook.stores import Stores
from portbook.terminal import out
from portbook.wiring import Parts
from register.db import Pool


def status_command(
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

    sources, found = with_register(read_config(context.obj), look)
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
