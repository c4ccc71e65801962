"""What a command says that the database ended: the store's problem where it is one, and nothing where it is not."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
import sqlalchemy.exc
from asyncpg.exceptions._base import DataError

from portbook.stores import StoreRefused, StoreUnavailable
from portbook.stores.lost import store_problem

DENIED = asyncpg.InsufficientPrivilegeError("permission denied for function pg_advisory_lock")
AWAY = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


@pytest.mark.parametrize("error", [DENIED, sqlalchemy.exc.ProgrammingError("SELECT 1", None, DENIED)])
def test_a_role_that_may_not_is_told_so(error: Exception) -> None:
    problem = store_problem(error)
    assert isinstance(problem, StoreRefused)
    assert problem.message.endswith("do that: permission denied for function pg_advisory_lock")


@pytest.mark.parametrize(
    "error",
    [
        AWAY,
        asyncpg.InterfaceError("cannot perform operation: connection is closed"),
        asyncpg.InterfaceError("cannot call Transaction.__aexit__(): the underlying connection is closed"),
        asyncpg.InterfaceError(
            "cannot call Connection.fetch(): connection has been released back to the pool"
        ),
        asyncpg.InterfaceError("pool is closing"),
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
        asyncpg.InternalClientError("got result for unknown protocol state 0"),
        ExceptionGroup("", [asyncpg.InterfaceError("connection is closed"), AWAY]),
    ],
)
def test_a_server_that_went_away_is_told_so(error: Exception) -> None:
    assert "went away in the middle" in told(error)


async def test_a_server_that_does_not_answer_is_told_so(tmp_path: Path) -> None:
    errors: list[Exception] = []
    for host in (str(tmp_path), "127.0.0.1"):
        with pytest.raises(OSError, match=r"Errno|refused|failed") as caught:
            await asyncpg.connect(host=host, port=1, user="x")
        errors.append(caught.value)
    for error in (*errors, ExceptionGroup("", [*errors, AWAY])):
        assert "went away in the middle" in told(error)


def told(error: Exception) -> str:
    problem = store_problem(error)
    assert isinstance(problem, StoreUnavailable)
    return problem.message


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("a file of ours"),
        ConnectionResetError("a pipe of ours"),
        KeyError("x"),
        ExceptionGroup("", [AWAY, KeyError("x")]),
        asyncpg.InterfaceError("the server expects 1 argument for this query, 2 were passed"),
        asyncpg.InterfaceError("cannot start; the transaction is already started"),
        asyncpg.InternalClientError("no binary format encoder for type x (OID 7)"),
        # What PostgreSQL was asked stands in this one.
        DataError("invalid input for query argument $1: 'connection is closed' (expected an int)"),
    ],
)
def test_what_is_ours_stays_a_defect(error: Exception) -> None:
    assert store_problem(error) is None
