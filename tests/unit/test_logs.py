"""What is logged in people's words."""

from __future__ import annotations

import logging
import subprocess
import sys

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


REQUEST = """
import logging, httpx
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from portbook.logs import set_up_logs

class Moved(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "https://files.example/?tempauth=let-me-in")
        self.end_headers()
    def log_message(self, *args): ...

set_up_logs("debug")
with HTTPServer(("127.0.0.1", 0), Moved) as server:
    Thread(target=server.handle_request).start()
    httpx.get(f"http://127.0.0.1:{server.server_port}/?tempauth=let-me-in", trust_env=False)
logging.getLogger("adapters").info("all was logged")
"""


def test_no_address_that_lets_anybody_in_is_logged() -> None:
    ran = subprocess.run([sys.executable, "-c", REQUEST], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "all was logged" in ran.stderr
    assert "let-me-in" not in ran.stderr
