"""What an error that nobody expected says of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import walk_tb

import asyncpg

from portbook.stores.errors import StoreRefused, StoreUnavailable
from register.db import is_away


def store_problem(error: BaseException) -> StoreUnavailable | None:
    """The store's problem that a command ended with, also out of several tasks; None where it is something else."""
    parts = list(_parts(error))
    for part in parts:
        cause = getattr(part, "orig", part)  # of SQLAlchemy, which migrations go through
        if getattr(cause, "sqlstate", None) == asyncpg.InsufficientPrivilegeError.sqlstate:
            return StoreRefused(
                f"PostgreSQL does not let this role do that: {cause}",
                hint="Check the user in register.database. `portbook migrate` needs one that may create tables.",
            )
        if isinstance(part, asyncpg.DiskFullError):
            return StoreUnavailable(
                f"PostgreSQL has no room left: {part.args[0]}",
                hint="Free some space and try again: what was read is kept, and a run goes on where it stopped.",
            )
    if all(_says_away(part) for part in parts):
        return StoreUnavailable(
            f"PostgreSQL went away in the middle: {parts[0]}",
            hint="Try again: what was read is kept, and a run goes on where it stopped. "
            "The log of PostgreSQL says why it went.",
        )
    return None


def _says_away(error: BaseException) -> bool:
    # An OSError that asyncpg has no part in is of a file or a connection of ours.
    return is_away(error) and (not isinstance(error, OSError) or _came_through_asyncpg(error))


def _came_through_asyncpg(error: BaseException) -> bool:
    return any(
        frame.f_globals.get("__name__", "").startswith("asyncpg.")
        for frame, _ in walk_tb(error.__traceback__)
    )


def _parts(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _parts(inner)
    else:
        yield error
