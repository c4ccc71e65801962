"""What a command says that the database ended: the store's problem where it is one, and nothing where it is not."""

from __future__ import annotations

import asyncpg
import pytest
import sqlalchemy.exc

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
    [AWAY, ConnectionRefusedError("refused"), ExceptionGroup("", [FileNotFoundError("no socket"), AWAY])],
)
def test_a_server_that_went_away_is_told_so(error: Exception) -> None:
    problem = store_problem(error)
    assert isinstance(problem, StoreUnavailable)
    assert "went away in the middle" in problem.message


@pytest.mark.parametrize(
    "error", [FileNotFoundError("a file of ours"), KeyError("x"), ExceptionGroup("", [AWAY, KeyError("x")])]
)
def test_what_is_ours_stays_a_defect(error: Exception) -> None:
    assert store_problem(error) is None
