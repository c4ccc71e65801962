"""Serve a fake Dataverse by itself: `python -m tests.fakes.dataverse --items 50000 --port 0`. The first line is its
address, and behind a space that of the directory whose tokens it takes."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.dataverse", description=__doc__)
    parser.add_argument("--items", type=int, default=300, help="how many tasks")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with FakeEntra() as entra, FakeDataverse(entra, port=given.port) as fake:
        fake.world.generate(given.items)
        print(fake.url, entra.url, flush=True)
        auth = fake.auth()
        said = f"tenant {auth['tenant']}, client {auth['client_id']}, secret {auth['client_secret']!r}"
        print(said, file=sys.stderr, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
