"""A real PostgreSQL for the session, and a database of its own for every test that asks for one.

`database` is cloned from a template that the migrations have run on once, and dropped afterwards. The server is the one
that Portbook brings; PORTBOOK_TEST_POSTGRES names another.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from portbook.stores import open_stores
from portbook.stores.external import ask_postgres
from portbook.stores.postgres import programs
from register.schema import migrate

_GIVEN = os.environ.get("PORTBOOK_TEST_POSTGRES")
_TEMPLATE = "portbook_template"
_numbers = itertools.count(1)


def pytest_report_header() -> str:
    if _GIVEN:
        return f"database: {_GIVEN}"
    asked = subprocess.run([programs() / "bin" / "postgres", "--version"], capture_output=True, text=True)
    return f"database: {asked.stdout.strip()}"


def on(url: str, database: str) -> str:
    """The same server, another database."""
    before, _, after = url.partition("?")
    return f"{before.rpartition('/')[0]}/{database}?{after}"


@pytest.fixture(scope="session")
def embedded_stores() -> Iterator[Any]:
    """Both servers, started once by our own launcher; only tests that ask for them pay for them."""
    folder = Path(tempfile.mkdtemp(prefix="portbook-tests-", dir=_in_memory()))
    folder.chmod(0o755)
    try:
        with open_stores(_GIVEN or "embedded", "embedded", folder) as stores:
            yield stores
    finally:
        shutil.rmtree(folder)


def _in_memory() -> str | None:
    """A folder in memory where there is room: a database is 700 files, and cloning one takes 30 ms there, several
    hundred on a disk. None for the usual place."""
    folder = "/dev/shm"
    roomy = os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 4 << 30
    return folder if roomy else None


@pytest.fixture(scope="session")
def postgres(embedded_stores: Any) -> str:
    """URL of the server's maintenance database."""
    url = on(embedded_stores.database_url, "postgres")
    if _GIVEN:
        return url
    # Nothing here outlives the session, and a disk that syncs slowly must not slow the tests.
    ask_postgres(url, "ALTER SYSTEM SET fsync = off")
    ask_postgres(url, "SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def migrated_template(postgres: str) -> str:
    """Name of a database with the register's schema and no rows. Nobody may stay connected to it."""
    if _GIVEN:
        ask_postgres(postgres, f"DROP DATABASE IF EXISTS {_TEMPLATE}")
    ask_postgres(postgres, f"CREATE DATABASE {_TEMPLATE}")
    run_apart(migrate(on(postgres, _TEMPLATE)))
    return _TEMPLATE


@pytest.fixture
def database(postgres: str, migrated_template: str) -> Iterator[str]:
    """URL of a fresh register: schema, no rows."""
    name = f"test_{next(_numbers)}"
    # WAL_LOG would copy page by page through the WAL.
    ask_postgres(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY FILE_COPY")
    yield on(postgres, name)
    ask_postgres(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """URL of a database without any schema, for tests of the migrations themselves."""
    name = f"empty_{next(_numbers)}"
    ask_postgres(postgres, f"CREATE DATABASE {name}")
    yield on(postgres, name)
    ask_postgres(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end on a loop of its own, whether or not one runs here."""
    outcome: list[Any] = []

    def target() -> None:
        try:
            outcome.append((asyncio.run(work), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    value, error = outcome[0]
    if error is not None:
        raise error
    return value
