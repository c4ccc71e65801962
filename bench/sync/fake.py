"""The fake Jira as a process of its own, and what it takes to ask it."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

TOKEN = "fake-token"
EMAIL = "pmo@acme.example"
AUTHORIZATION = "Basic " + base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
FIELDS = ["*all", "-comment", "-attachment", "-worklog"]


class Fake(NamedTuple):
    url: str
    pid: int


@contextmanager
def fake_jira(issues: int) -> Iterator[Fake]:
    command = [sys.executable, "-m", "tests.fakes.jira", "--issues", str(issues), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield Fake(process.stdout.readline().strip(), process.pid)
    finally:
        process.terminate()
        process.wait()


def split_address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
