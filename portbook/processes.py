"""`portbook migrate`, `work` and `serve`: what an installation runs."""

from __future__ import annotations

import asyncio
import signal

import typer

from portbook.logs import set_up_logs
from portbook.selection import refuse_doubles
from portbook.session import configured_stores, read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out
from portbook.wiring import Parts, import_adapters
from register.db import Pool
from register.schema import migrate


def migrate_command(context: typer.Context) -> None:
    """Create or upgrade the register's schema."""
    with configured_stores(read_config(context.obj)) as stores:
        revision = asyncio.run(migrate(stores.database_url))
    out.print(f"The register is at schema revision {revision}.")


def work_command(context: typer.Context) -> None:
    """Run a worker: schedules what is due and carries out runs, until stopped."""
    from portbook.webhooks import telling
    from workers.app import WorkerApp

    config = read_config(context.obj)
    set_up_logs("info")
    import_adapters(config)

    async def work_until_stopped(pool: Pool, parts: Parts, stores: Stores) -> None:
        await refuse_doubles(pool, config)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with telling(stores.database_url, parts.outbound) as deliverer:
            worker = WorkerApp(
                pool, stores.redis_url, parts.specs, parts.schedule, parts.policy,
                expected=parts.expected, deliverer=deliverer,
                keep_audit_days=config.register.keep_audit_days,
            )  # fmt: skip
            err.print(f"worker for {', '.join(parts.specs) or 'no source'}; Ctrl-C stops it")
            await worker.run(stop)

    with_register(config, work_until_stopped)


def serve_command(context: typer.Context) -> None:
    """Serve the API; with embedded stores a worker runs beside it."""
    from portbook.serving import serve  # the gateway, which no other process needs

    config = read_config(context.obj)
    set_up_logs("info")
    with configured_stores(config) as stores:
        serve(config, stores)
