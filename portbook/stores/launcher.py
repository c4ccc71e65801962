"""Who starts and who stops the embedded stores, when several commands use them at once.

Two files in the data directory are locked, never read: every command holds `stores.lock` shared as long as it
uses the stores, and `stores.start.lock` alone while it starts or leaves. Whoever leaves and then gets
`stores.lock` alone was the last, and stops the servers. The kernel frees the locks of a killed command, so a
dead one never counts; its servers go on, and are reused and later stopped by the next.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from portbook.stores.errors import StoreRefused, StoreUnavailable
from portbook.stores.external import check_postgres, check_redis
from portbook.stores.place import Place, settle
from portbook.stores.postgres import EmbeddedPostgres
from portbook.stores.valkey import EmbeddedValkey

EMBEDDED = "embedded"
_LOCK_TIMEOUT_S = 360  # longer than a server may take to recover


class Stores(NamedTuple):
    """Where the two stores answer."""

    database_url: str
    """As asyncpg takes it; for SQLAlchemy put `postgresql+asyncpg` in place of `postgresql`."""
    redis_url: str


@contextmanager
def open_stores(
    database: str, redis: str, data_dir: Path, *, database_port: int | None = None
) -> Iterator[Stores]:
    """The stores, for as long as the block runs. `embedded` starts or joins the servers below `data_dir`, and
    stops them when no other command uses them; anything else is the URL of a store that must answer.

    With `database_port` the embedded PostgreSQL also listens on 127.0.0.1, for roles that have a password.
    Raises StoreUnavailable or one of its children.
    """
    if EMBEDDED not in (database, redis):
        yield Stores(check_postgres(database), check_redis(redis))
        return
    data_dir = data_dir.resolve()
    using = _lock_file(data_dir, "stores.lock")
    starting = _lock_file(data_dir, "stores.start.lock")
    place: Place | None = None
    try:
        with _alone(starting, data_dir):
            fcntl.flock(using, fcntl.LOCK_SH)
            place = settle(data_dir)
            postgres, valkey = EmbeddedPostgres(place, tcp_port=database_port), EmbeddedValkey(place)
            try:
                if database == EMBEDDED:
                    postgres.start()
                    database = postgres.url()
                else:
                    database = check_postgres(database)
                if redis == EMBEDDED:
                    valkey.start()
                    redis = valkey.url
                else:
                    redis = check_redis(redis)
            except BaseException:
                with suppress(StoreUnavailable):  # the first error is the one to tell
                    _leave(using, postgres, valkey)
                raise
        try:
            yield Stores(database, redis)
        finally:
            with _alone(starting, data_dir):
                _leave(using, postgres, valkey)
    finally:
        os.close(using)
        os.close(starting)
        if place is not None:
            place.close()


def _leave(using: int, *servers: EmbeddedPostgres | EmbeddedValkey) -> None:
    """Stop the servers if nobody else uses them: also one that only a command gone before had asked for.
    Under the start-up lock nobody can join meanwhile."""
    try:
        # On Linux this converts the lock by giving ours up first; either way it is no longer shared.
        fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    for server in servers:
        server.stop()


def _lock_file(data_dir: Path, name: str) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return os.open(data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreRefused(
            f"The data directory cannot be used: {error.strerror}",
            detail=str(error.filename or data_dir),
            hint="Check that it belongs to you and is writable, or choose another register.data_dir.",
        ) from error


@contextmanager
def _alone(lock: int, data_dir: Path) -> Iterator[None]:
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    "Another command has been starting or stopping the embedded stores for too long",
                    detail=str(data_dir / "stores.start.lock"),
                    hint="See what it is waiting for (`fuser` shows it), end it, and try again.",
                ) from None
            time.sleep(0.02)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
