"""`portbook webhooks`: who is told of events, what became of it, and telling anew."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape

from portbook import __version__
from portbook.errors import SettingsInvalid
from portbook.outbound import Outbound
from portbook.session import at_command_line, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import ago, err, out, table
from portbook.wiring import Parts
from register.db import Connection, Pool, open_pool
from register.deliveries import Deliveries, Outcome
from register.query import parse_as_of
from register.replay import (
    STATES,
    list_deliveries,
    replay_failed,
    replay_one,
    replay_since,
    send_test,
    show_delivery,
)
from register.webhooks import (
    Maker,
    Wanted,
    change_webhook,
    create_webhook,
    delete_webhook,
    find_webhook,
    list_webhooks,
    rotate_secret,
)
from workers.deliver import Deliverer
from workers.queue import ring

T = TypeVar("T")
app = typer.Typer(
    no_args_is_help=True, help="Addresses that are told of events: add them, test them, tell them anew."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Which = Annotated[str, typer.Argument(help="A webhook: its name, its id or the beginning of that.")]


@contextlib.asynccontextmanager
async def telling(database_url: str, outbound: Outbound) -> AsyncIterator[Deliverer]:
    """Who tells webhooks, on connections of its own: runs may need all of theirs."""
    pool = await open_pool(database_url, size=4, name="portbook webhooks")
    try:
        async with Deliverer(
            Deliveries(pool), sealer=outbound.sealer, secrets=outbound.secrets, allowed=outbound.allowed,
            version=__version__,
        ) as deliverer:  # fmt: skip
            yield deliverer
    finally:
        await pool.close()


@app.command("list")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """Show webhooks, and how their deliveries stand. Exit code 1 when one was disabled or is failing."""
    found = _run(context, lambda connection, _: list_webhooks(connection, _maker()))
    if as_json:
        print(json.dumps(found, default=str))
    else:
        rows = [
            (
                escape(hook["name"]),
                escape(hook["url"]),
                escape(", ".join(hook["types"])),
                _standing(hook),
                f"{hook['pending']:,}",
                f"{hook['failed']:,}",
                escape(hook["origin"] or hook["created_by"]),
            )
            for hook in found
        ]
        out.print(table("", ("webhook", "address", "events", "", "waiting", "given up", "from"), rows))
    bad = [hook for hook in found if hook["failing_since"] or not hook["enabled"]]
    raise typer.Exit(1 if bad else 0)


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    url: Annotated[str, typer.Argument(help="Where events are sent to: https://…")],
    kind: Annotated[
        list[str] | None,
        typer.Option("--type", help="project.changed, work_item.*, * (default). May be repeated."),
    ] = None,
    condition: Annotated[
        str | None, typer.Option("--filter", help="Only events of rows that this finds.")
    ] = None,
    fields: Annotated[
        str | None, typer.Option(help="What is sent of the row; default: all its fields.")
    ] = None,
) -> None:
    """Tell an address of events from now on. Prints its secret once."""
    wanted = Wanted(name, url, tuple(kind or ("*",)), condition, fields)

    async def make(connection: Connection, parts: Parts) -> tuple[str, str]:
        outbound = parts.outbound
        return await create_webhook(
            connection, wanted, sealer=outbound.sealer, allowed=outbound.allowed, maker=_maker()
        )

    _, secret = _run(context, make)
    out.print(secret, soft_wrap=True)
    err.print(
        f"Give it to the receiver now: it is not shown again. `portbook webhooks test {name}` tries it."
    )


@app.command("enable")
def enable(context: typer.Context, which: Which) -> None:
    """Send events again, from where it stopped."""
    _switch(context, which, enabled=True)


@app.command("disable")
def disable(context: typer.Context, which: Which) -> None:
    """Send nothing until it is enabled; what happens meanwhile is sent then."""
    _switch(context, which, enabled=False)


@app.command("remove")
def remove(context: typer.Context, which: Which) -> None:
    """Remove a webhook, and what it was still to be told."""
    # Untold of the configuration, which may have one of this very name now.
    _run(context, lambda connection, _: delete_webhook(connection, which, maker=_maker()), tell_sources=False)
    out.print("removed")


@app.command("rotate")
def rotate(
    context: typer.Context,
    which: Which,
    overlap: Annotated[
        int, typer.Option(help="Hours for which the old secret signs as well.", min=0, max=720)
    ] = 24,
) -> None:
    """Make a new secret and print it once. The old one signs as well for a day, so that nothing is missed."""

    async def turn(connection: Connection, parts: Parts) -> str:
        return await rotate_secret(
            connection, which, sealer=parts.outbound.sealer, maker=_maker(), overlap=timedelta(hours=overlap)
        )

    out.print(_run(context, turn), soft_wrap=True)
    err.print("Give it to the receiver now: it is not shown again.")


@app.command("test")
def test(context: typer.Context, which: Which) -> None:
    """Send a test from here, and say what came of it. Exit code 1 when it did not arrive."""

    async def send(pool: Pool, parts: Parts, stores: Stores) -> Outcome | None:
        async with pool.acquire() as connection, connection.transaction():
            hook = await find_webhook(connection, which, _maker())
            delivery = await send_test(connection, which, _maker())
        async with telling(stores.database_url, parts.outbound) as deliverer:
            return await deliverer.deliver_one(hook["id"], delivery)

    outcome = with_register(read_config(context.obj), send)
    if outcome is None:
        out.print("a worker has it in hand: `portbook webhooks deliveries` shows what came of it")
        return
    if outcome.error is None:
        out.print(f"[green]arrived[/]: answered {outcome.status} after {outcome.latency_ms} ms")
    else:
        out.print(f"[red]did not arrive[/]: {escape(outcome.error)}", soft_wrap=True)
        if outcome.answer:
            out.print(f"  [dim]{escape(outcome.answer)}[/]", soft_wrap=True)
        raise typer.Exit(1)


@app.command("deliveries")
def deliveries(
    context: typer.Context,
    which: Which,
    state: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what became of events, the newest first."""
    if state is not None and state not in STATES:
        raise SettingsInvalid(f"there is no state {state!r}", hint=f"Write one of {', '.join(STATES)}.")

    async def look(connection: Connection, parts: Parts) -> list[dict[str, Any]]:
        hook = await find_webhook(connection, which, _maker())
        return await list_deliveries(connection, hook["id"], state=state, limit=limit)

    found = _run(context, look)
    if as_json:
        print(json.dumps(found, default=str))
        return
    rows = [
        (
            str(one["id"]),
            one["type"],
            (one["row_id"] or "")[:8],
            str(one["version"] or ""),
            one["state"],
            str(one["attempts"]),
            escape(one["error"] or str(one["status"] or "")),
            f"next {one['due_at']:%Y-%m-%d %H:%M:%S}"
            if one["state"] == "pending"
            else ago(one["finished_at"]),
        )
        for one in found
    ]
    columns = ("delivery", "event", "row", "version", "", "attempts", "last answer", "")
    out.print(table("", columns, rows))


@app.command("attempts")
def attempts(context: typer.Context, which: Which, delivery: int, as_json: AsJson = False) -> None:
    """Show every attempt at a delivery, with how the answers began."""

    async def look(connection: Connection, parts: Parts) -> dict[str, Any]:
        hook = await find_webhook(connection, which, _maker())
        return await show_delivery(connection, hook["id"], delivery)

    found = _run(context, look)
    if as_json:
        print(json.dumps(found, default=str))
        return
    rows = [
        (
            f"{one['ended_at']:%Y-%m-%d %H:%M:%S}",
            f"{one['latency_ms']} ms",
            str(one["status"] or ""),
            escape(one["error"] or "arrived"),
            escape((one["answer"] or "")[:200]),
            f"{one['next_at']:%Y-%m-%d %H:%M:%S}" if one["next_at"] else "",
        )
        for one in found["attempts"]
    ]
    out.print(table("", ("at", "took", "status", "", "answer", "next"), rows))


@app.command("replay")
def replay(
    context: typer.Context,
    which: Which,
    delivery: Annotated[int | None, typer.Option(help="This one.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
    since: Annotated[
        str | None,
        typer.Option(help="All since then: a date, an instant with its zone, or `beginning`."),
    ] = None,
) -> None:
    """Tell a webhook anew. Receivers know what they had by its id and the row's version."""
    if sum((delivery is not None, failed, since is not None)) != 1:
        raise SettingsInvalid("say what to tell anew", hint="--delivery ID, --failed, or --since 2026-09-30.")
    moment = None if since in (None, "beginning") else _instant(str(since))

    async def again(pool: Pool, parts: Parts, stores: Stores) -> str:
        async with pool.acquire() as connection, connection.transaction():
            if delivery is not None:
                await replay_one(connection, which, delivery, _maker())
                said = "it is sent again"
            elif failed:
                count = await replay_failed(connection, which, _maker())
                said = f"{count:,} {'is' if count == 1 else 'are'} sent again"
            else:
                await replay_since(connection, which, moment, _maker())
                said = "everything since then is sent again"
        await ring(stores.redis_url)
        return said

    out.print(with_register(read_config(context.obj), again))


def _switch(context: typer.Context, which: str, *, enabled: bool) -> None:
    async def change(connection: Connection, parts: Parts) -> dict[str, Any]:
        return await change_webhook(
            connection, which, {"enabled": enabled}, allowed=parts.outbound.allowed, maker=_maker()
        )

    hook = _run(context, change)
    out.print(f"{escape(hook['name'])} is {'enabled' if hook['enabled'] else 'disabled'}")


def _run(
    context: typer.Context, work: Callable[[Connection, Parts], Awaitable[T]], *, tell_sources: bool = True
) -> T:
    async def inside(pool: Pool, parts: Parts, stores: Stores) -> T:
        async with pool.acquire() as connection, connection.transaction():
            return await work(connection, parts)

    return with_register(read_config(context.obj), inside, tell_sources=tell_sources)


def _maker() -> Maker:
    return Maker(at_command_line())


def _standing(hook: dict[str, Any]) -> str:
    if not hook["enabled"]:
        return f"[red]disabled[/] {escape(hook['disabled_reason'] or '')}"
    if hook["failing_since"]:
        return f"[yellow]failing since {ago(hook['failing_since'])}[/]"
    return "[green]fine[/]"


def _instant(text: str) -> datetime:
    moment = parse_as_of(text, "since").instant(datetime.now(UTC), start=True)
    return moment if moment.tzinfo else datetime.combine(moment.date(), time(), UTC)
