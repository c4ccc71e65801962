"""`portbook query`: the API's questions, asked at the terminal."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.errors import SettingsInvalid
from portbook.session import read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out, table
from portbook.wiring import Parts
from register.catalog import Kind, collections
from register.db import Connection, Pool
from register.export import FORMATS, Export, compile_export, copy_out, write_file
from register.query import Query, check, parse_as_of, parse_fields, parse_filter, parse_order
from register.query.usual import few_fields

SHOWN = 50
"""Rows of a table, unless more are asked for: a terminal is no place for thousands."""
_FORMATS = ("table", "json", *FORMATS)


def query_command(
    context: typer.Context,
    collection: Annotated[str, typer.Argument(help="projects, work_items, risks …")],
    fields: Annotated[
        str, typer.Option("--fields", "-f", help="As in the API: key,title,manager{title}.")
    ] = "",
    where: Annotated[
        str | None, typer.Option("--filter", "-w", help="As in the API: status = 'open' AND score > 9.")
    ] = None,
    order: Annotated[str | None, typer.Option("--order", "-o", help="As in the API: -score,key.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="How many; a table shows 50.")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="A day or instant of the past.")] = None,
    form: Annotated[
        str, typer.Option("--format", help="table, json, csv, ndjson, xlsx or parquet.")
    ] = "table",
    output: Annotated[Path | None, typer.Option("--output", help="A file, in place of the terminal.")] = None,
) -> None:
    """Ask the register, as the API is asked: every row that there is, or a table of the first 50. A table shows a few
    fields where --fields names none."""
    if form not in _FORMATS:
        raise SettingsInvalid(f"there is no format {form!r}", hint=f"Write one of {', '.join(_FORMATS)}.")
    if form in ("xlsx", "parquet") and output is None and sys.stdout.isatty():
        raise SettingsInvalid(f"{form} is no text for a terminal", hint=f"Add --output {collection}.{form}.")
    asked = parse_as_of(as_of) if as_of else None
    entity = collections().get(collection)
    few = few_fields(entity.name) if entity is not None and form == "table" and not fields else ""
    level = check(
        Query(
            collection,
            fields=parse_fields(few or fields),
            filter=parse_filter(where) if where else None,
            order=parse_order(order) if order else (),
        )
    )
    instant = asked.instant(datetime.now(UTC)) if asked else None
    wanted = (limit or SHOWN) + 1 if form == "table" else limit
    kind = "flat" if form == "table" else "ndjson" if form == "json" else form
    export = compile_export(level, kind, limit=wanted, instant=instant)

    async def ask(pool: Pool, parts: Parts, stores: Stores) -> None:
        async with pool.acquire() as connection:
            if form == "table":
                found = await _table(connection, export, limit or SHOWN)
                if entity is not None and few and found:
                    err.print(
                        f"These are {len(export.columns)} of {len(entity.fields)} fields. `--fields key,title,…` shows "
                        "others, `portbook schema register` lists them; `--format csv` shows the usual ones."
                    )
            else:
                await _file(connection, export, kind, form, output, collection)

    with_register(read_config(context.obj), ask, tell_sources=False)


async def _table(connection: Connection, export: Export, limit: int) -> bool:
    """Print it; returns whether it has a row."""
    rows = await connection.fetch(export.sql, *export.parameters)
    names = [column.name for column in export.columns]
    numbers = [column.name for column in export.columns if column.kind in (Kind.NUMBER, Kind.INTEGER)]
    out.print(table("", names, [[_cell(value) for value in row] for row in rows[:limit]], right=numbers))
    if len(rows) > limit:
        err.print(f"There are more than {limit} rows: --limit shows more of them, --format csv all.")
    elif not rows:
        err.print("No row is like that.")
    return bool(rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:,f}"
    if isinstance(value, (list, tuple)):
        return escape(", ".join(map(str, value)))
    return escape(str(value))


async def _file(
    connection: Connection, export: Export, kind: str, form: str, output: Path | None, title: str
) -> None:
    """Into the file, which appears when it is whole, or to standard output."""
    if output is None:
        target = sys.stdout.buffer
        if kind in ("csv", "ndjson"):
            await _copy(connection, export, kind, form, target)
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{title}.{form}"
                await write_file(connection, export, form, path, title)
                target.write(path.read_bytes())
        target.flush()
        return
    part = output.with_name(f".{output.name}.part")
    try:
        if kind in ("csv", "ndjson"):
            with part.open("wb") as target:
                await _copy(connection, export, kind, form, target)
        else:
            await write_file(connection, export, form, part, title)
        part.replace(output)
    except OSError as error:
        raise SettingsInvalid(f"{output} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    err.print(f"{output} is written.")


async def _copy(connection: Connection, export: Export, kind: str, form: str, target: Any) -> None:
    first = True
    if form == "json":
        target.write(b"[")
    rest = b""
    try:
        async for piece in copy_out(connection, export, FORMATS[kind]):
            if form != "json":
                target.write(piece)
                continue
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                target.write((b"\n" if first else b",\n") + line)
                first = False
    except OSError:
        # Whoever reads the pipe has seen enough, or the disk is full. PostgreSQL is still copying: the connection can
        # do nothing else.
        connection.terminate()
        raise
    if form == "json":
        target.write(b"\n]\n")
