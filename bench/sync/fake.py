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
    directory: str = ""
    """Where tokens come from, for a fake that has a directory beside it."""


@contextmanager
def fake_jira(issues: int) -> Iterator[Fake]:
    with running("tests.fakes.jira", "--issues", str(issues)) as fake:
        yield fake


@contextmanager
def running(module: str, *arguments: str) -> Iterator[Fake]:
    """A fake as a process. The first line it prints is its address, and its directory's where it has one."""
    command = [sys.executable, "-m", module, *arguments, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        url, *more = process.stdout.readline().split()
        yield Fake(url, process.pid, *more)
    finally:
        process.terminate()
        process.wait()


def split_address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
