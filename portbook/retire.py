"""`portbook retire`: taking a source or a project out of scope, by a person and after a preview."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.config import Config
from portbook.errors import SettingsInvalid
from portbook.planning import document, show
from portbook.selection import known_projects, selected
from portbook.session import at_command_line, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out
from portbook.wiring import Parts
from register import outside
from register.db import Connection, Pool
from register.difference import Difference, difference
from register.policy import Policy
from register.quality import Quality
from register.write import PageWrite
from workers.ground import Apart, Ground, taken_back

BATCH = 1_000


def retire_command(
    context: typer.Context,
    source: str,
    project: Annotated[str | None, typer.Option(help="Only this project of it, by key, name or id.")] = None,
    out_of_selection: Annotated[
        bool, typer.Option("--out-of-selection", help="Only what `select` no longer names.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without it, only show what it would do.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Take a source, or a project that is no longer selected, out of scope. Shows what that would change first."""
    config = read_config(context.obj)

    async def work(pool: Pool, parts: Parts, stores: Stores) -> tuple[int, Difference | None]:
        async with pool.acquire() as connection:
            ids = await chosen(
                connection, config, source, project, out_of_selection=out_of_selection, act=yes
            )
        if not yes:
            return len(ids), await preview(pool, parts.policy, source, ids)
        detail = {"records": len(ids), "project": project, "out_of_selection": out_of_selection}
        whole = project is None and not out_of_selection
        await carry_out(Apart(pool, parts.policy), source, ids, whole=whole, detail=detail)
        # Records that others tell of as well leave no event by which a worker would see that scores follow.
        await Quality(pool, parts.expected).look(now=True)
        return len(ids), None

    count, found = with_register(config, work, tell_sources=False)
    if as_json:
        print(
            json.dumps({"records": count, "done": yes, **(document(found, []) if found else {})}, default=str)
        )
    elif found is None:
        out.print(f"{count:,} records of {escape(source)} are out of scope now.")
    else:
        show(found, [])
        out.print(f"{count:,} records of {escape(source)} would be out of scope.")
        if count:
            err.print(
                "  [green]→[/] Add --yes to do it. The rows stay readable, and come back when they are read again."
            )


async def chosen(
    connection: Connection,
    config: Config,
    name: str,
    project: str | None,
    *,
    out_of_selection: bool,
    act: bool,
) -> list[str]:
    """The records meant. Raises SettingsInvalid for what the configuration still reads: the next run would bring it
    back."""
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM source WHERE key = $1)", name):
        raise SettingsInvalid(
            f"the register knows no source {name!r}", hint="`portbook status` lists those it knows."
        )
    source = next((s for s in config.sources if s.name == name), None)
    known = await known_projects(connection, name)
    if out_of_selection:
        left = [p.own_id for p in known if source is not None and not selected(source, p)]
        noted = await outside.noted_outside(connection, name)
        return sorted({*noted, *await outside.records_of_projects(connection, name, left)})
    if project is None:
        if act and source is not None:
            raise SettingsInvalid(
                f"{name} is still configured: its next run would bring everything back",
                detail=f"{config.path.name}:{source.line}",
                hint="Remove it from `sources:` first.",
            )
        return await outside.records_of_source(connection, name)
    meant = [p for p in known if project.strip().casefold() in p.names]
    if not meant:
        raise SettingsInvalid(
            f"{name} never told of a project {project!r}",
            hint="Known are: " + ", ".join(sorted(p.title for p in known)[:20]),
        )
    if act and source is not None and any(selected(source, p) for p in meant):
        raise SettingsInvalid(
            f"{name} still reads {project}: its next complete run would bring it back",
            detail=f"{config.path.name}:{source.line}",
            hint="Leave it out of `select.projects` first.",
        )
    return await outside.records_of_projects(connection, name, [p.own_id for p in meant])


async def preview(
    pool: Pool, policy: Policy, source: str, ids: Sequence[str], *, limit: int = 3
) -> Difference:
    """What retiring these records would change: it is done, looked at and taken back."""
    async with taken_back(pool, policy) as (ground, ours):
        await _mark(ground, source, ids)
        async with pool.acquire() as others:
            return await difference(ours, others, limit=limit)


async def carry_out(
    ground: Ground, source: str, ids: Sequence[str], *, whole: bool, detail: dict[str, Any]
) -> None:
    """Retire them, some at a time; it may be begun again."""

    async def end(write: PageWrite) -> None:
        await outside.conclude(write, whole=whole, actor=at_command_line(), detail=detail)

    async with ground.hold(source):
        await _mark(ground, source, ids)
        await ground.write(source, end)


async def _mark(ground: Ground, source: str, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]

        async def body(write: PageWrite, batch: Sequence[str] = batch) -> None:
            await outside.retire(write, batch)

        await ground.write(source, body)
