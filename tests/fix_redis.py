"""A real Valkey for the session, emptied before every test that asks for it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import redis

from portbook.stores.valkey import program


def pytest_report_header() -> str:
    asked = subprocess.run([program(), "--version"], capture_output=True, text=True)
    return f"redis: {asked.stdout.strip().partition(' sha=')[0]}"


@pytest.fixture(scope="session")
def valkey(embedded_stores: Any) -> str:
    """URL of the session's server, whatever is in it."""
    return str(embedded_stores.redis_url)


@pytest.fixture
def redis_url(valkey: str) -> str:
    """URL of an empty server."""
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    return valkey
