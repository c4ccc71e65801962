"""Serve a fake Azure DevOps by itself: `python -m tests.fakes.azure_devops --items 50000 --port 0`. The first line is
its address."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import believable, bulk_world


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.azure_devops", description=__doc__)
    parser.add_argument("--items", type=int, default=0, help="how many like work items; 0: five projects")
    parser.add_argument("--projects", type=int, default=8)
    parser.add_argument("--size", type=int, default=3000, help="bytes per work item")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", action="store_true", help="speak as Azure DevOps Server")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    world = (
        bulk_world(given.items, projects=given.projects, seed=given.seed, size_bytes=given.size)
        if given.items
        else believable()
    )
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with FakeAzureDevOps(world, server=given.server, port=given.port) as fake:
        print(fake.url, flush=True)
        print(f"{len(world.items)} work items; the token is {fake.secret!r}", file=sys.stderr, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
