"""What is logged in people's words."""

from __future__ import annotations

import logging

import pytest

from portbook.logs import DatabaseAway


def test_pools_that_cannot_connect_say_so_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Several pools try again and again, each with a traceback."""
    pools = logging.getLogger("asyncpg.pool")
    away = DatabaseAway()
    pools.addFilter(away)
    try:
        for error in (*[ConnectionRefusedError(111, "Connection refused")] * 3, OSError("no such socket")):
            try:
                raise error
            except OSError:
                pools.warning("Failed to restore the pool connection floor; retrying", exc_info=True)
        pools.warning("something else")
    finally:
        pools.removeFilter(away)
    assert [record.getMessage() for record in caplog.records] == [
        "the register's database does not answer: ConnectionRefusedError: [Errno 111] Connection refused",
        "the register's database does not answer: OSError: no such socket",
        "something else",
    ]
    assert "Traceback" not in caplog.text
