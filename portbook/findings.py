"""`portbook findings`: what should be mended, by who can mend it; and what is waived."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.decide import AsJson, Reason, instant_of
from portbook.errors import SettingsInvalid
from portbook.session import at_command_line, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import ago, err, out, table
from portbook.wiring import Parts
from register.db import Connection, Pool
from register.decisions import Decisions
from register.waivers import end_waiver, waive

app = typer.Typer(
    invoke_without_command=True,
    help="What should be mended in the data, by who can mend it; waive what need not be.",
)
STATES = ("open", "waived", "closed")
SEVERITY_STYLE = {"error": "red", "warning": "yellow", "info": "cyan"}

# Who answers for the row itself, else the manager of its project.
_LIST = """
SELECT f.id::text, f.code, f.severity, f.state, f.source, f.entity, f.entity_id::text, f.field, f.value, f.message,
       f.detail, f.hint, f.opened_at, coalesce(p.key, p.title) AS project, q.score::float8 AS project_score,
       o.title AS owner, o.team, w.reason AS waived_because, w.actor AS waived_by, w.expires_at AS waived_until,
       count(*) OVER () AS total, count(*) FILTER (WHERE f.severity = 'error') OVER () AS errors
FROM finding f
LEFT JOIN project p ON p.id = f.project_id
LEFT JOIN quality q ON q.id = p.id
LEFT JOIN person o ON o.id = coalesce(f.owner_id, p.manager_id)
LEFT JOIN waiver w ON w.id = f.waiver_id
WHERE f.state = $1
  AND ($2::text IS NULL OR lower($2) IN (lower(p.key), lower(p.code), lower(p.title), p.id::text))
  AND ($3::text IS NULL OR f.source = $3)
  AND ($4::text IS NULL OR lower(o.team) = lower($4))
  AND ($5::text IS NULL OR f.code = upper($5))
ORDER BY f.source NULLS FIRST, project NULLS FIRST, array_position(ARRAY['error', 'warning', 'info'], f.severity),
         f.code, owner NULLS FIRST, f.detail, f.id
LIMIT $6
"""


@app.callback(invoke_without_command=True)
def list_findings(
    context: typer.Context,
    project: Annotated[str | None, typer.Option(help="Only of this project: key, code or title.")] = None,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    team: Annotated[str | None, typer.Option(help="Only what people of this team answer for.")] = None,
    code: Annotated[str | None, typer.Option(help="Only of this code.")] = None,
    state: Annotated[str, typer.Option(help="open (default), waived or closed.")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many to show.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Show findings, by source and project, the worst first. Exit code 1 while an error is open."""
    if context.invoked_subcommand is not None:
        return
    if state not in STATES:
        raise SettingsInvalid(f"there is no state {state!r}", hint=f"Write one of {', '.join(STATES)}.")

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        rows = await pool.fetch(_LIST, state, project, source, team, code, limit)
        return [dict(row) for row in rows]

    found = with_register(read_config(context.obj), look, tell_sources=False)
    total = found[0]["total"] if found else 0
    if as_json:
        shown = [
            {key: value for key, value in row.items() if key not in ("total", "errors")} for row in found
        ]
        print(json.dumps({"total": total, "findings": shown}, default=str))
    else:
        _show(found, total)
    raise typer.Exit(1 if state == "open" and found and found[0]["errors"] else 0)


@app.command("waive")
def waive_findings(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="The code of the findings.")],
    reason: Reason,
    until: Annotated[
        str, typer.Option(help="When the waiver ends: 2026-12-31, or an instant with its zone.")
    ],
    entity: Annotated[str | None, typer.Option(help="With --key: the entity type of one row.")] = None,
    key: Annotated[
        str | None, typer.Option(help="That row: an id, a key, or `source:key`. Default: all rows.")
    ] = None,
) -> None:
    """Findings need not be mended for a time: of one row, or all of a code, also those that are still to come."""
    if (entity is None) != (key is None):
        raise SettingsInvalid("--entity and --key go together", hint="--entity project --key PAY")
    expires_at = instant_of(until)

    async def act(pool: Pool, parts: Parts, stores: Stores) -> tuple[str, int]:
        async with pool.acquire() as connection, connection.transaction():
            row = None
            if entity is not None and key is not None:
                own_id = await Decisions(connection, parts.policy, at_command_line()).own_id(entity, key)
                shown = "SELECT coalesce((SELECT entity_id FROM absorbed WHERE id = $1), $1)::text"
                row = await connection.fetchval(shown, own_id)
            return await waive(
                connection,
                code.upper(),
                reason=reason,
                actor=at_command_line(),
                until=expires_at,
                entity=entity,
                row=row,
            )

    waiver, count = with_register(read_config(context.obj), act)
    out.print(waiver)
    err.print(f"{count} finding{'' if count == 1 else 's'} waived until {expires_at:%Y-%m-%d %H:%M} UTC.")


@app.command("unwaive")
def unwaive(
    context: typer.Context,
    waiver: Annotated[str, typer.Argument(help="Its id, as `portbook findings waivers` shows it.")],
    reason: Reason,
) -> None:
    """Take a waiver back: its findings are open again."""

    async def act(connection: Connection) -> None:
        await end_waiver(connection, waiver, reason=reason, actor=at_command_line())

    _write(context, act)


@app.command("waivers")
def list_waivers(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is waived, by whom, why and until when."""

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        rows = await pool.fetch(
            """
            SELECT w.id::text, w.code, w.finding_id::text, w.entity, w.entity_id::text, w.reason, w.actor, w.waived_at,
                   w.expires_at, w.ended_at, w.ended_by,
                   (SELECT count(*) FROM finding f WHERE f.waiver_id = w.id AND f.state = 'waived') AS findings
            FROM waiver w WHERE $1 OR w.ended_at IS NULL ORDER BY w.waived_at DESC, w.id
            """,
            every,
        )
        return [dict(row) for row in rows]

    found = with_register(read_config(context.obj), look, tell_sources=False)
    if as_json:
        print(json.dumps(found, default=str))
        return
    rows = []
    for row in found:
        about = f"{row['entity']} {row['entity_id']}" if row["entity"] else "all of the code"
        about = "one finding" if row["finding_id"] else about
        ended = (
            f"[dim]ended {ago(row['ended_at'])} by {escape(row['ended_by'] or '')}[/]"
            if row["ended_at"]
            else ""
        )
        until = ended or f"{row['expires_at']:%Y-%m-%d %H:%M} UTC"
        rows.append(
            (
                row["id"],
                row["code"],
                about,
                row["findings"],
                escape(row["reason"]),
                escape(row["actor"]),
                until,
            )
        )
    out.print(
        table("", ("waiver", "code", "of", "findings", "why", "who", "until"), rows, right=("findings",))
    )


def _show(found: list[dict[str, Any]], total: int) -> None:
    for (source, project), rows in groupby(found, lambda row: (row["source"], row["project"])):
        listed = list(rows)
        score = listed[0]["project_score"]
        quality = "" if score is None else f"  [dim]quality {score:.1f}[/]"
        out.print(
            f"[bold]{escape(project or 'of no project')}[/] in [bold]{escape(source or 'the register')}[/]{quality}"
        )
        for (code, hint), alike in groupby(listed, lambda row: (row["code"], row["hint"])):
            for row in alike:
                style = SEVERITY_STYLE.get(row["severity"], "")
                who = f"  [dim]{escape(row['owner'])}[/]" if row["owner"] else ""
                where = f"  [dim]{escape(row['detail'])}[/]" if row["detail"] else ""
                waived = ""
                if row["state"] == "waived" and row["waived_until"]:
                    until = f"{row['waived_until']:%Y-%m-%d}"
                    waived = f"  [dim]waived until {until}: {escape(row['waived_because'])}[/]"
                text = escape(row["message"])
                out.print(f"  [{style}]{code}[/] {text}{where}{who}{waived}", soft_wrap=True)
            if hint:
                out.print(f"    [green]→[/] {escape(hint)}", soft_wrap=True)
    if total > len(found):
        err.print(
            f"{len(found)} of {total} shown; `--limit` shows more, `--project`, `--source` and `--team` choose."
        )
    elif not found:
        err.print("Nothing of the kind.")


def _write(context: typer.Context, act: Callable[[Connection], Awaitable[None]]) -> None:
    async def inside(pool: Pool, parts: Parts, stores: Stores) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await act(connection)

    with_register(read_config(context.obj), inside)
