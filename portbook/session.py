"""A command's session with the register: stores open, schema right, sources known."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import uvloop

from portbook.config import Config, config_path, load_config
from portbook.outbound import outbound_of
from portbook.rules import expected_quality
from portbook.stores import Stores, open_stores
from portbook.wiring import KINDS, Parts, entities, wire
from register import runs
from register.audit import Actor
from register.db import Pool, open_pool
from register.schema import migrate, require_current
from register.webhooks import register_webhooks

T = TypeVar("T")


def at_command_line() -> Actor:
    """Who runs this command."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers run programs under
        user = f"account {os.getuid()}"
    return Actor(f"{user} (command line)")


def read_config(path: Path | None) -> Config:
    """The configuration, checked against every kind of tool, the register's fields and the grammar of conditions."""
    known = {name: list(fields) for name, fields in entities().items()}
    config = load_config(config_path(path), KINDS, known)
    expected_quality(config)
    outbound_of(config)
    return config


def embedded(config: Config) -> bool:
    """Whether the database is ours to start, and so to migrate without being asked."""
    return config.register.database.get_secret_value() == "embedded"


@contextlib.contextmanager
def configured_stores(config: Config) -> Iterator[Stores]:
    """The stores, started where they are embedded."""
    register = config.register
    with open_stores(
        register.database.get_secret_value(),
        register.redis.get_secret_value(),
        register.data_dir,
        database_port=register.database_port,
    ) as stores:
        yield stores


async def prepare(config: Config, stores: Stores) -> None:
    """Bring an embedded register to this version's schema; refuse another one that is not there yet."""
    if embedded(config):
        await migrate(stores.database_url)
    else:
        await require_current(stores.database_url)


@contextlib.asynccontextmanager
async def working_parts(
    config: Config, stores: Stores, *, tell_sources: bool = True
) -> AsyncIterator[tuple[Pool, Parts]]:
    """A pool and the parts of the configuration, with the register told which sources there are."""
    parts = wire(config)
    pool = await open_pool(stores.database_url, size=6, name="portbook-worker")
    try:
        if tell_sources:
            await runs.register_sources(pool, parts.settings)
            await register_webhooks(pool, parts.outbound.configured)
        yield pool, parts
    finally:
        await pool.close()


def with_register(
    config: Config, body: Callable[[Pool, Parts, Stores], Awaitable[T]], *, tell_sources: bool = True
) -> T:
    """Run `body` with everything open. Without `tell_sources` the register is not told of the configuration, so that
    looking changes nothing."""

    async def inside(stores: Stores) -> T:
        await prepare(config, stores)
        async with working_parts(config, stores, tell_sources=tell_sources) as (pool, parts):
            return await body(pool, parts, stores)

    # uvloop: a worker moves tens of megabytes a second between two sockets.
    with configured_stores(config) as stores, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(inside(stores))


async def ask_for_runs(pool: Pool, names: list[str], mode: str, *, approved: bool = False) -> dict[str, int]:
    """Ask for a run of each source, resuming those that are paused: who asks has seen why. Source → run."""
    asked = {}
    for name in names:
        await runs.resume(pool, name)
        asked[name] = await runs.request_run(pool, name, mode, requested_by="command", approved=approved)
    return asked
