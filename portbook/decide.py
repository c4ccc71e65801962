"""`portbook links` and `portbook pins`: what people decide, who decided it and why."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.errors import SettingsInvalid
from portbook.session import at_command_line, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import ago, err, out, table
from portbook.wiring import Parts
from register.db import Pool
from register.decisions import Decisions, deciding
from register.pinned import all_pins
from register.suggest import suggest

links = typer.Typer(
    no_args_is_help=True, help="Rows that are one thing: what waits for you, what was decided."
)
pins = typer.Typer(no_args_is_help=True, help="Values that hold whatever sources say.")

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for those who ask later.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Entity = Annotated[str, typer.Argument(help="project, person, milestone, work_item …")]
Row = Annotated[str, typer.Argument(help="An id, a key, or `source:key`.")]
SHOWN = 8
"""Characters of an id in tables; commands take an id by its beginning."""
STATES = ("suggested", "applied", "refused", "withdrawn")


@links.command("list")
def list_links(
    context: typer.Context,
    state: Annotated[
        str, typer.Option(help="suggested (default), applied, refused, withdrawn or all.")
    ] = "suggested",
    entity: Annotated[str | None, typer.Option(help="Only of this entity type.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show links: by default those that wait for a person, the likeliest first."""
    if state not in (*STATES, "all"):
        raise SettingsInvalid(f"there is no state {state!r}", hint=f"Write one of {', '.join(STATES)}, all.")

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        rows = await pool.fetch(
            """
            SELECT id::text, entity, first, second, state, rule, evidence, confidence::float8, actor, reason,
                   created_at, decided_at
            FROM link WHERE ($1 = 'all' OR state = $1) AND ($2::text IS NULL OR entity = $2)
            ORDER BY confidence DESC NULLS LAST, entity, first, second
            """,
            state,
            entity,
        )
        return [dict(row) for row in rows]

    found = with_register(read_config(context.obj), look)
    if as_json:
        print(json.dumps(found, default=str))
        return
    rows = [
        (
            row["id"][:SHOWN],
            row["entity"],
            escape(f"{row['first']}  =  {row['second']}"),
            row["state"] if state == "all" else "",
            "" if row["confidence"] is None else f"{row['confidence']:.0%}",
            escape(
                f"{row['rule']}: {row['evidence'] or ''}" + (f" ({row['actor']})" if row["actor"] else "")
            ),
        )
        for row in found
    ]
    out.print(table("", ("link", "entity", "which", "", "sure", "why"), rows))
    if state == "suggested":
        err.print("`portbook links accept LINK -r WHY` joins the two; `refuse` keeps them apart for good.")


@links.command("accept")
def accept(context: typer.Context, link: str, reason: Reason) -> None:
    """The two of this link are one thing."""
    _act(context, lambda decisions: decisions.verdict(link, "same", reason))


@links.command("refuse")
def refuse(context: typer.Context, link: str, reason: Reason) -> None:
    """They are not, whatever rules say; rows joined already come apart."""
    _act(context, lambda decisions: decisions.verdict(link, "different", reason))


@links.command("undo")
def undo(context: typer.Context, link: str, reason: Reason) -> None:
    """Take a decision back: rules decide again."""
    _act(context, lambda decisions: decisions.verdict(link, "undecided", reason))


@links.command("join")
def join(context: typer.Context, entity: Entity, one: Row, other: Row, reason: Reason) -> None:
    """Two rows are one thing, although nothing suggests it."""
    _pair(context, entity, one, other, reason, same=True)


@links.command("part")
def part(context: typer.Context, entity: Entity, one: Row, other: Row, reason: Reason) -> None:
    """Two things are shown as one row and are not. Name them as `source:key`."""
    _pair(context, entity, one, other, reason, same=False)


@links.command("suggest")
def look_for_suggestions(context: typer.Context) -> None:
    """Look for rows that may be one thing. Complete runs do so too."""

    async def look(pool: Pool, parts: Parts, stores: Stores) -> int:
        return await suggest(pool, parts.policy)

    count = with_register(read_config(context.obj), look)
    out.print(
        f"{count} suggestion{'' if count == 1 else 's'} wait{'s' if count == 1 else ''}: `portbook links list`."
    )


@pins.command("list")
def list_pins(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is pinned, by whom and until when."""

    async def look(pool: Pool, parts: Parts, stores: Stores) -> list[dict[str, Any]]:
        return await all_pins(pool, ended=every)

    found = with_register(read_config(context.obj), look)
    if as_json:
        print(json.dumps(found, default=str))
        return
    rows = [
        (
            row["id"][:SHOWN],
            f"{row['entity']} {escape(row['key'] or row['entity_id'])}",
            escape(f"{row['field']} = {json.dumps(row['value'], ensure_ascii=False)}"),
            escape(row["reason"]),
            escape(row["actor"]),
            _until(row),
        )
        for row in found
    ]
    out.print(table("", ("pin", "row", "value", "why", "who", "until"), rows))


@pins.command("set")
def set_pin(
    context: typer.Context,
    entity: Entity,
    row: Row,
    field: Annotated[str, typer.Argument(help="The field.")],
    value: Annotated[str, typer.Argument(help="The value; JSON for lists and null.")],
    reason: Reason,
    until: Annotated[
        str | None, typer.Option(help="When it ends: 2026-12-31, or an instant with its zone.")
    ] = None,
) -> None:
    """Let a field have a value, whatever sources say."""
    expires_at = instant_of(until) if until else None

    async def pin(decisions: Decisions) -> None:
        row_id = await decisions.own_id(entity, row)
        out.print(await decisions.pin(entity, row_id, field, _value(value), reason, expires_at))

    _act(context, pin)


@pins.command("release")
def release(context: typer.Context, pin: str, reason: Reason) -> None:
    """Take a pin back: sources are believed again."""
    _act(context, lambda decisions: decisions.release(pin, reason))


def _pair(context: typer.Context, entity: str, one: str, other: str, reason: str, *, same: bool) -> None:
    async def act(decisions: Decisions) -> None:
        first, second = [await decisions.own_id(entity, word) for word in (one, other)]
        decided = decisions.same if same else decisions.different
        out.print(await decided(entity, first, second, reason))

    _act(context, act)


def _act(context: typer.Context, act: Callable[[Decisions], Awaitable[object]]) -> None:
    async def inside(pool: Pool, parts: Parts, stores: Stores) -> int:
        async with deciding(pool, parts.policy, at_command_line()) as decisions:
            await act(decisions)
            return decisions.changed

    count = with_register(read_config(context.obj), inside)
    err.print(f"{count} row{'' if count == 1 else 's'} changed.")


def _value(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(found, (int, float)) and not isinstance(found, bool) else found


def instant_of(text: str, option: str = "--until") -> datetime:
    """What the option means: the end of a day (UTC), or an instant. Raises SettingsInvalid."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsInvalid(
            f"{option} {text!r} is no date", hint="Write 2026-12-31 or 2026-12-31T17:00:00Z."
        ) from None
    if len(text) == len("2026-12-31"):
        found = datetime.combine(found.date(), time.max)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _until(row: dict[str, Any]) -> str:
    if row["released_at"]:
        return f"[dim]ended {ago(row['released_at'])} by {escape(row['released_by'] or '')}[/]"
    return f"{row['expires_at']:%Y-%m-%d %H:%M} UTC" if row["expires_at"] else ""
