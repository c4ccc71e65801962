"""`portbook check`: whether sources, sign-in and what the configuration names in the register are as they should be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer
from rich.markup import escape

from adapters.errors import SourceError
from portbook.config import Config, LinkedRecord, NamedRow, Source
from portbook.config.suggest import did_you_mean
from portbook.errors import Problem, defect
from portbook.selection import refuse_doubles
from portbook.session import configured_stores, embedded, read_config
from portbook.terminal import err, out, show_problem, table
from portbook.wiring import build_mapper, open_adapter, open_door
from register.db import Pool, open_pool
from register.errors import RowNotFound
from register.matches import called, names_told
from register.query.errors import RowAmbiguous
from register.query.scope import keys_in, name_scope
from register.restricted import restricted_to_rows_gone
from register.schema import require_current

FINE, NOT_FINE = "[green]fine[/]", "[red]not fine[/]"
_TOLD = 5_000
"""Names among which the one is looked for that was meant."""


class _Line(NamedTuple):
    """Of the table that says how all is."""

    what: str
    state: str
    product: str = ""
    account: str = ""
    note: str = ""


def check_command(
    context: typer.Context, source: Annotated[str | None, typer.Argument(help="Default: all.")] = None
) -> None:
    """Sign in at each source, say who we are there and what is missing, and check its mapping; whether the keys of
    those whose tokens are taken can be read; and whether the rows that grants, keys, database roles and webhooks
    name are there, and the records that links of `identity` name."""
    config = read_config(context.obj)
    chosen = [config.source(source)] if source else list(config.sources)
    lines = asyncio.run(_all(config, chosen, sign_in=source is None))
    if source is None:
        lines += _register(config)
    shown = [(one.what, one.state, one.product, one.account, one.note) for one in lines]
    out.print(table("", ("source", "", "product", "account", "missing"), shown))
    raise typer.Exit(1 if any(one.state == NOT_FINE for one in lines) else 0)


async def _all(config: Config, chosen: Sequence[Source], *, sign_in: bool) -> list[_Line]:
    lines = []
    for item in chosen:
        try:
            line, found = await _source(item)
        except Problem as problem:
            line, found = _Line(item.name, NOT_FINE), [problem]
        except Exception as error:  # a defect in one adapter hides nothing of the other sources
            if os.environ.get("PORTBOOK_DEBUG"):
                raise
            line, found = _Line(item.name, NOT_FINE), [defect(error)]
        lines.append(line)
        if found:
            err.print(f"[bold]{item.name}[/] ({config.path.name}:{item.line})")
        for one in found:
            show_problem(one)
    for issuer in config.sign_in if sign_in else ():
        # Not before it is needed: it brings the gateway along.
        from portbook.sign_in import keys_of

        try:
            count = await keys_of(issuer).look()
            lines.append(_Line("sign-in", FINE, escape(issuer.issuer), f"{count} keys"))
        except Problem as problem:
            lines.append(_Line("sign-in", NOT_FINE, escape(issuer.issuer)))
            err.print(f"[bold]sign-in[/] {escape(issuer.issuer)}")
            show_problem(problem)
    return lines


async def _source(item: Source) -> tuple[_Line, list[Problem]]:
    """How the source is, and what of it is not there or cannot be read. Raises the Problem that concerns all of it."""
    async with open_adapter(item) as adapter:
        identity = await adapter.check()
        build_mapper(item, await adapter.aliases())
        unreadable: list[Problem] = [
            stream.problem or SourceError(stream.title)
            for stream in await adapter.discover()
            if not stream.name
        ]
    unreadable += identity.unmet
    try:
        open_door(item)
    except Problem as problem:
        unreadable.append(problem)
    note = f"[yellow]{escape('; '.join(identity.warnings))}[/]"
    state = NOT_FINE if unreadable else FINE
    return _Line(item.name, state, escape(identity.product), escape(identity.account), note), unreadable


def _register(config: Config) -> list[_Line]:
    """Whether the rows that somebody is restricted to are there. A register that is not there yet is neither made nor
    brought to this version for that."""
    named = config.named_rows or config.linked
    if embedded(config) and not (config.register.data_dir / "stores").is_dir():
        return [_Line("register", "not there yet")] if named else []
    try:
        with configured_stores(config) as stores:
            return asyncio.run(_rows(config, stores.database_url))
    except Problem as problem:
        if not named:  # then nothing but a source's answer is asked for
            return [_Line("register", "not looked at", note=f"[yellow]{escape(problem.message)}[/]")]
        err.print("[bold]register[/]")
        show_problem(problem)
        return [_Line("register", NOT_FINE)]


async def _rows(config: Config, database_url: str) -> list[_Line]:
    await require_current(database_url)
    pool = await open_pool(database_url, size=1, name="portbook check")
    try:
        unread = await _never_read(pool, config)
        missing = [problem for row in config.named_rows if (problem := await _missing(pool, config, row))]
        for problem in missing:
            show_problem(problem)
        apart = await _not_linked(pool, config)
        for _, problem in apart:
            show_problem(problem)
        gone = await restricted_to_rows_gone(pool)
        doubles = await _doubles(pool, config)
    finally:
        await pool.close()
    notes = []
    if missing and unread:
        notes.append(f"{len(missing)} rows that grants name; {', '.join(unread)} was never read to its end")
    if early := sorted({record.source for record, _ in apart if record.source in unread}):
        notes.append(f"records that links name may still come: {', '.join(early)} was never read to its end")
    notes += [f"the {one.who} names {one.gone} of {one.all} rows that are gone" for one in gone]
    wrong = doubles or (missing and not unread) or any(record.source not in unread for record, _ in apart)
    state = NOT_FINE if wrong else FINE
    return [_Line("register", state, note=f"[yellow]{escape('; '.join(notes))}[/]")]


async def _not_linked(pool: Pool, config: Config) -> list[tuple[LinkedRecord, Problem]]:
    """The records that links name and that are not one thing in the register, each with what is wrong and its place:
    such a link joins nothing."""
    listed: dict[tuple[str, str], list[LinkedRecord]] = {}
    for record in config.linked:
        listed.setdefault((record.entity, record.source), []).append(record)
    found: list[tuple[LinkedRecord, Problem]] = []
    async with pool.acquire() as connection:
        for (entity, source), records in listed.items():
            rows = await called(connection, entity, source, [record.name for record in records])
            wrong = [record for record in records if rows[record.name] != 1]
            there = await names_told(connection, entity, source, _TOLD) if wrong else []
            found += [(record, _joins_nothing(config, record, rows[record.name], there)) for record in wrong]
    return sorted(found, key=lambda one: (one[0].line, one[0].column))


def _joins_nothing(config: Config, record: LinkedRecord, count: int, there: Sequence[str]) -> Problem:
    what = record.entity.replace("_", " ")
    named = f"identity.links names {record.source}:{record.name}"
    place = f"{config.path.name}:{record.line}:{record.column}"
    if count:
        return RowAmbiguous(
            f"{named}, and {count} things are called that: the link joins nothing",
            detail=place,
            hint=f"Name the {what} by its id at the tool.",
        )
    near = did_you_mean(record.name, there)
    some = (
        f"There are {', '.join(there[:10])}{' …' if len(there) > 10 else ''}."
        if there
        else "It told of none yet."
    )
    hint = f"{near[0].upper()}{near[1:]}" if near else some
    return RowNotFound(f"{named}, and {record.source} tells of no such {what}", detail=place, hint=hint)


async def _doubles(pool: Pool, config: Config) -> bool:
    """Whether a source would be refused for what another one still shows; says so."""
    try:
        await refuse_doubles(pool, config)
    except Problem as problem:
        show_problem(problem)
        return True
    return False


async def _never_read(pool: Pool, config: Config) -> list[str]:
    """The sources that rows may still come from."""
    rows = await pool.fetch("SELECT key FROM source WHERE complete_at IS NOT NULL")
    read = {row[0] for row in rows}
    return [source.name for source in config.sources if source.name not in read]


async def _missing(pool: Pool, config: Config, row: NamedRow) -> Problem | None:
    """What is wrong with a row that a grant names, with its place in the file."""
    place = f"{config.path.name}:{row.line}:{row.column}"
    try:
        await name_scope(pool, {row.collection: [row.reference]})
    except RowNotFound as problem:
        near = did_you_mean(row.reference, await keys_in(pool, row.collection))
        hint = f"{near[0].upper()}{near[1:]}" if near else "Until it comes, the grant shows nothing of it."
        return RowNotFound(problem.message, detail=place, hint=hint)
    except RowAmbiguous as problem:
        return RowAmbiguous(problem.message, detail=f"{place}\n{problem.detail}", hint=problem.hint)
    return None
