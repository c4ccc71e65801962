"""The commands `plan` and `remap`, and what they print."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from mapping.errors import MappingInvalid
from portbook.errors import SettingsInvalid
from portbook.remap import mappers_of, plan, remap
from portbook.selection import changed_sources, left_out
from portbook.session import read_config, with_register
from portbook.stores import Stores
from portbook.terminal import HowFar, err, out, table
from portbook.wiring import Parts
from register.catalog import catalog, mapping_name
from register.db import Pool
from register.difference import Difference, EntityDifference, Sample, Some
from workers.remap import IDENTITY, PRECEDENCE, Remapped, Step, Watch

_WIDEST = 60
_STEPS = {IDENTITY: "links between tools", PRECEDENCE: "rows of several tools"}
"""What people are told of the steps that are no source's."""


def plan_command(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="Samples of each field and kind of change.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show which rows and fields `remap` would change, from stored records. Exit code 1 when any would."""
    config = read_config(context.obj)

    async def look(pool: Pool, parts: Parts, stores: Stores) -> tuple[Difference, list[dict[str, Any]]]:
        with _bars(quiet=as_json) as watch:
            mappers = await mappers_of(pool, config)
            found = await plan(pool, mappers, parts.policy, limit=limit, watch=watch)
        return found, [*await changed_sources(pool, list(parts.specs)), *await left_out(pool, config)]

    with _settings_are_wrong():
        found, sources = with_register(config, look, tell_sources=False)
    if as_json:
        print(json.dumps(document(found, sources), default=str))
    else:
        show(found, sources)
    raise typer.Exit(0 if found.nothing else 1)


def remap_command(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Argument(help="Default: all.")] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Look at every record, also where its mapping means the same as before."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Bring the register to the mappings, identity and precedence of now, from stored records."""
    config = read_config(context.obj)
    names = [config.source(name).name for name in sources] if sources else None
    told: set[str] = set()

    def waiting(source: str) -> None:
        if source not in told:
            told.add(source)
            err.print(f"{escape(source)}: waiting for a run to end")

    async def work(pool: Pool, parts: Parts, stores: Stores) -> Remapped:
        with _bars(quiet=as_json) as watch:
            mappers = await mappers_of(pool, config, names)
            return await remap(pool, mappers, parts.policy, watch, waiting, everything=everything)

    with _settings_are_wrong():
        done = with_register(config, work)
    if as_json:
        print(json.dumps(done._asdict()))
    else:
        out.print(
            f"{done.records:,} records looked at, {done.restated:,} say something else, "
            f"{done.rows_changed:,} rows written."
        )


def document(found: Difference, sources: list[dict[str, Any]]) -> dict[str, Any]:
    """The difference as JSON: counts and samples, by entity and field."""
    return {
        "changes": not found.nothing,
        "entities": {
            entity: {
                "rows": part.rows,
                **{name: _some(some) for name, some in _kinds(part).items()},
                "fields": {name: _some(some) for name, some in sorted(part.fields.items())},
            }
            for entity, part in sorted(found.entities.items())
        },
        "conflicts": found.conflicts,
        "links": found.links,
        "findings": found.findings,
        "sources": sources,
    }


def show(found: Difference, sources: list[dict[str, Any]]) -> None:
    """The difference for people: a line for each kind of change, with samples."""
    for source in sources:
        if source["what"] == "new":
            out.print(f"[bold]{escape(source['source'])}[/] is new: `portbook sync` will read it.")
        elif source["what"] == "not selected":
            out.print(
                f"[bold]{escape(source['source'])}[/] no longer selects {escape(source['project'])}. Its "
                f"{source['records']:,} records stay as they are.\n  [green]→[/] `portbook retire "
                f"{escape(source['source'])} --out-of-selection` takes them out of scope."
            )
        else:
            out.print(
                f"[bold]{escape(source['source'])}[/] is no longer configured. Its {source['records']:,} records stay "
                f"as they are.\n  [green]→[/] `portbook retire {escape(source['source'])}` takes them out of scope."
            )
    if found.nothing:
        out.print("No row would change.")
        return
    for entity, part in sorted(found.entities.items()):
        rows = [
            line
            for name, some in (
                *_kinds(part).items(),
                *((_field(entity, n), s) for n, s in sorted(part.fields.items())),
            )
            if some.count
            for line in _lines(name, some)
        ]
        columns = ("", "rows", "key", "title", "before", "after")
        out.print(table(f"{entity}: {part.rows:,} rows", columns, rows, right=("rows",)))
    for name, counts in (
        ("conflicts", found.conflicts),
        ("links", found.links),
        ("findings", found.findings),
    ):
        if counts:
            out.print(f"{name}: " + ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items())))


def _kinds(part: EntityDifference) -> dict[str, Some]:
    return {"added": part.added, "vanished": part.vanished, "merged": part.merged, "split": part.split}


def _field(entity: str, name: str) -> str:
    return mapping_name(name, catalog()[entity].fields[name])


def _some(some: Some) -> dict[str, Any]:
    return {"count": some.count, "samples": [sample._asdict() for sample in some.samples]}


def _lines(name: str, some: Some) -> Iterator[tuple[str, ...]]:
    for at, sample in enumerate(some.samples or [Sample("", None, None)]):
        first = (escape(name), f"{some.count:,}") if at == 0 else ("", "")
        yield (*first, *(escape(_short(v)) for v in (sample.key, sample.title, sample.before, sample.after)))


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


@contextlib.contextmanager
def _settings_are_wrong() -> Iterator[None]:
    """A mapping that cannot be used is a mistake in the configuration: exit code 2."""
    try:
        yield
    except MappingInvalid as wrong:
        raise SettingsInvalid(wrong.message, detail=wrong.detail, hint=wrong.hint) from None


@contextlib.contextmanager
def _bars(*, quiet: bool) -> Iterator[Watch]:
    """A bar for each step on a terminal; elsewhere nothing."""
    with Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.description:<26}"),
        BarColumn(bar_width=20),
        HowFar(),
        console=err,
        disable=quiet or not err.is_terminal,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def watch(step: Step) -> None:
            if step.name not in tasks:
                said = _STEPS.get(step.name, f"records of {step.name}")
                tasks[step.name] = bars.add_task(escape(said), total=step.total)
            bars.update(tasks[step.name], completed=step.done, total=step.total)

        yield watch
