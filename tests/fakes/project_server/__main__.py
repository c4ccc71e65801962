"""Serve a fake Project Server by itself: `python -m tests.fakes.project_server --items 50000 --port 0`. The first line is
the address of its PWA."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tests.fakes.project_server import FakeProjectServer, generated


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.project_server", description=__doc__)
    parser.add_argument("--items", type=int, default=300, help="how many tasks")
    parser.add_argument("--projects", type=int, default=10)
    parser.add_argument("--page-size", type=int, default=1000, help="rows the server sends at most")
    parser.add_argument("--verbose", action="store_true", help="answer in the JSON of older servers")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    world = generated(given.projects, given.items // given.projects)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with FakeProjectServer(world, verbose=given.verbose, page_size=given.page_size, port=given.port) as fake:
        print(fake.site, flush=True)
        print(f"the password of EXAMPLE\\portbook is {fake.secret!r}", file=sys.stderr, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
