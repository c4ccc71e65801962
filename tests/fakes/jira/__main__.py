"""Serve a fake Jira by itself: `python -m tests.fakes.jira --issues 50000 --port 0`. The first line is its
address."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import date

from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import believable, bulk_world


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.jira", description=__doc__)
    parser.add_argument(
        "--issues", type=int, default=0, help="how many like issues; 0: the demo's three projects"
    )
    parser.add_argument("--projects", type=int, default=8)
    parser.add_argument("--size", type=int, default=6000, help="bytes per issue")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flavour", choices=("cloud", "dc"), default="cloud")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.issues:
        world = bulk_world(
            given.issues,
            projects=given.projects,
            seed=given.seed,
            size_bytes=given.size,
            flavour=given.flavour,
        )
    else:
        world = believable(date.today(), flavour=given.flavour)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with FakeJira(world, port=given.port) as fake:
        print(fake.url, flush=True)
        print(
            f"{len(world.issues)} issues; sign in with the secret {fake.secret!r}",
            file=sys.stderr,
            flush=True,
        )
        stop.wait()


if __name__ == "__main__":
    main()
