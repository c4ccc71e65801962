"""`portbook explain`: why a row shows what it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.session import read_config, with_register
from portbook.stores import Stores
from portbook.terminal import out, table
from portbook.wiring import Parts
from register.db import Pool
from register.explain import explain_row
from register.query import Lanes, entity_of, parse_as_of

_WIDEST = 60


def explain_command(
    context: typer.Context,
    collection: Annotated[str, typer.Argument(help="projects, work_items, milestones …")],
    key: Annotated[str, typer.Argument(help="The row's id or key.")],
    field: Annotated[
        str | None, typer.Option(help="One field; default: every one that is not empty.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="As it was: a date (the end of that day, UTC) or an instant with its zone."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say of each value of a row who says so, who says otherwise, which rule chose, and since when."""
    config = read_config(context.obj)
    entity = entity_of(collection)
    instant = parse_as_of(as_of) if as_of else None

    async def look(pool: Pool, parts: Parts, stores: Stores) -> dict[str, Any]:
        lanes = Lanes(pool)
        try:
            return await explain_row(lanes, entity, key, field=field, as_of=instant)
        finally:
            await lanes.close()

    found = with_register(config, look, tell_sources=False)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _show(found["data"])


def _show(row: Mapping[str, Any]) -> None:
    fields = {name: told for name, told in row["fields"].items() if name != "chosen"}
    told = {name: one for name, one in fields.items() if "own" not in one}
    out.print(
        f"[bold]{escape(str(row['key'] or row['id']))}[/], version {row['version']} since {_moment(row['valid_from'])}"
    )
    rows = [line for name, one in (told or fields).items() for line in _lines(name, one)]
    out.print(table("", ("field", "value", "who", "why", "since"), rows))


def _lines(name: str, told: Mapping[str, Any]) -> list[list[str]]:
    """The value that is shown, and below it what others say."""
    who, why = _who(told)
    lines = [[f"[bold]{name}[/]", _short(told["value"]), who, why, _moment(told["since"])]]
    for loser in told.get("losers", ()):
        value = f"{_short(loser['value'])} {escape(loser.get('currency', ''))}".rstrip()
        lines.append(["", f"[dim]{value}[/]", f"[dim]{_record(loser)}[/]", "[dim]not chosen[/]", ""])
    return lines


def _who(told: Mapping[str, Any]) -> tuple[str, str]:
    if "own" in told:
        return "the register", escape(told["own"])
    if "computed_from" in told:
        return "the register", f"computed from {escape(told['computed_from'])}"
    if pin := told.get("pin"):
        until = f", until {_moment(pin['expires_at'])}" if pin["expires_at"] else ""
        return escape(pin["actor"]), f"pinned: {escape(pin['reason'])}{until}"
    winner = told["winner"]
    if winner is None:
        return "", escape(told["rule"])
    mapping = winner["mapping"]
    lines = mapping if isinstance(mapping, list) else [mapping] if mapping else []
    places = "; ".join(f"{line['at']} {line['says']}" for line in lines[:3])
    return _record(winner), escape(f"{told['rule']}; {places}" if places else told["rule"])


def _record(record: Mapping[str, Any]) -> str:
    run = f", run {record['run']}" if record["run"] else ""
    return escape(f"{record['source']} {record['stream']} {record['source_id']}{run}")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…")


def _moment(instant: str | None) -> str:
    return "" if instant is None else instant[:16].replace("T", " ")
