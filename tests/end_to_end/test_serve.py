"""`portbook serve` as a supervisor sees it: it answers, and whatever stops it, it leaves nothing behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil


def test_stopping_the_server_by_either_signal_stops_its_worker(tmp_path: Path) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    config = tmp_path / "portbook.yaml"
    config.write_text(f"gateway: {{listen: '127.0.0.1:{port}'}}\nsources: []\n")
    for number in (signal.SIGTERM, signal.SIGINT):
        _serve_and_stop(config, port, number)


def _serve_and_stop(config: Path, port: int, number: signal.Signals) -> None:
    folder = config.parent
    command = [sys.executable, "-m", "portbook", "--config", str(config), "serve"]
    serving = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _answers(port), 60)
        _until(lambda: len(_family(folder)) == 2, 60)
        serving.send_signal(number)
        serving.wait(30)
        _until(lambda: not _family(folder), 30)
    finally:
        for process in _family(folder):
            process.kill()
        serving.wait(10)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2, verify=False).status_code == 200
    except httpx.HTTPError:
        return False


def _family(folder: Path) -> list[psutil.Process]:
    """The server and its worker: both name the configuration in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(folder / "portbook.yaml") in words:
            found.append(process)
    return found


def _until(holds: object, seconds: float) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.2)
