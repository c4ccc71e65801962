"""`portbook discover`: what a tool has, and what the mapping does with it."""

from __future__ import annotations

import asyncio

import typer

from portbook.reports import show_streams
from portbook.session import read_config
from portbook.wiring import open_adapter, source_mapping


def discover_command(context: typer.Context, source: str) -> None:
    """Show what this tenant really has: every field with samples, and what the mapping does with it."""
    item = read_config(context.obj).source(source)

    async def look() -> None:
        async with open_adapter(item) as adapter:
            await adapter.check()
            aliases = dict(await adapter.aliases())
            show_streams(await adapter.discover(), source_mapping(item, aliases), aliases)

    asyncio.run(look())
