"""Serving: the gateway in this process and, with embedded stores, a worker in a child beside it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from gateway import hooks_out
from gateway.app import create_app
from gateway.together import InOneWrite
from portbook import __version__
from portbook.config import Config
from portbook.errors import SettingsInvalid
from portbook.outbound import kept_key, outbound_of
from portbook.selection import refuse_doubles
from portbook.session import embedded, prepare, working_parts
from portbook.sign_in import authorization_uri, issuers_of
from portbook.stores import Stores
from portbook.terminal import err
from portbook.wiring import open_door, wire
from workers.queue import ring

RESTART_AFTER_S = 3.0
STOP_WITHIN_S = 5
POOL_SIZE = 8


def serve(config: Config, stores: Stores) -> None:
    """Answer until stopped. A worker that dies is started again: its runs go on where their last page ended."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stopped_in_order())
        door = stack.enter_context(listening(config))
        asyncio.run(_introduce(config, stores))
        if embedded(config):
            stack.enter_context(worker_beside(config.path))
        err.print(f"Portbook answers at http://{config.gateway.listen}/api/v1/ - Ctrl-C stops it")
        server(config, stores).run(sockets=[door])


@contextlib.contextmanager
def _stopped_in_order() -> Iterator[None]:
    """Let SIGTERM unwind the stack, as Ctrl-C does. uvicorn raises a signal that stopped it once more when it is
    through, and what Python does with SIGTERM by itself would leave the worker and the stores behind."""

    def stop(number: int, frame: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _introduce(config: Config, stores: Stores) -> None:
    await prepare(config, stores)
    async with working_parts(config, stores) as (pool, _):
        if embedded(config):  # then a worker runs beside
            await refuse_doubles(pool, config)


def server(config: Config, stores: Stores) -> uvicorn.Server:
    """The gateway, ready to run."""
    secret = cursor_secret(config.register.data_dir)
    outbound = outbound_of(config)
    doors = {source.name: door for source in config.sources if (door := open_door(source)) is not None}
    app = create_app(
        database_url=stores.database_url,
        pool_size=POOL_SIZE,
        secret=secret,
        at_once=config.gateway.at_once,
        per_second=config.gateway.per_second,
        highest_cost=config.gateway.highest_cost,
        version=__version__,
        doors=doors,
        ring=lambda: ring(stores.redis_url),
        policy=wire(config).policy,
        webhooks=hooks_out.Desk(outbound.sealer, outbound.allowed),
        sign_in=issuers_of(config),
        authorization_uri=authorization_uri(config),
    )
    # Streams of events never end by themselves.
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=InOneWrite,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
    )


def cursor_secret(folder: Path) -> bytes | None:
    """What cursors are signed with, kept below `data_dir` so that they outlive a restart; None, which means a new one
    for each process, where nothing can be kept there."""
    return kept_key(folder / "cursor-secret")


@contextlib.contextmanager
def listening(config: Config) -> Iterator[socket.socket]:
    """The configured address, taken. Raises SettingsInvalid where somebody else has it."""
    host, _, port = config.gateway.listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, int(port)))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise SettingsInvalid(
                f"cannot listen on {config.gateway.listen}: {error.strerror or error}",
                detail=str(config.path),
                hint="Another program has this address; stop it or change `gateway: {listen: …}`."
                if taken
                else "Give `gateway: {listen: …}` an address of this machine and a port that is open to this account.",
            ) from None
        yield door


@contextlib.contextmanager
def worker_beside(config_path: Path) -> Iterator[None]:
    """`portbook work` as a child, so that decoding pages never delays an answer."""
    command = [sys.executable, "-m", "portbook", "--config", str(config_path), "work"]
    ended = threading.Event()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own command

    def keep_alive() -> None:
        nonlocal child
        while not ended.is_set():
            if child.poll() is not None and not ended.wait(RESTART_AFTER_S):
                err.print(f"[yellow]the worker ended with {child.returncode}; starting it again[/]")
                child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603
            ended.wait(0.5)

    watcher = threading.Thread(target=keep_alive, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(15)
        if child.poll() is None:
            child.kill()


@contextlib.contextmanager
def serving_in_background(config: Config, stores: Stores) -> Iterator[None]:
    """The gateway on a thread, answering once this yields."""
    with listening(config) as door:
        running = server(config, stores)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        try:
            for _ in range(200):
                if running.started or not thread.is_alive():
                    break
                time.sleep(0.05)
            yield
        finally:
            running.should_exit = True
            thread.join(10)
