"""What it takes to get from an address to the statement: all of it, and from memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench.query.cases import CASES
from gateway.aggregate import prepare_groups
from gateway.rest import PREFIX, prepare

_TIMES = 50


def print_prepare() -> None:
    """Parse, check and compile each question, `_TIMES` times; the least."""
    print("parse, check and compile, ms: anew, and as it is remembered of the last 512 questions")
    for name, case in CASES.items():
        path, _, query = case.path.removeprefix(PREFIX).partition("?")
        collection, _, below = path.partition("/")
        remembering = prepare_groups if below else prepare
        anew, again = (
            _least(partial(function, collection, query.encode(), True))
            for function in (remembering.__wrapped__, remembering)
        )
        print(f"  {name}  {anew:.3f}  {again:.4f}")


def _least(work: Callable[[], object]) -> float:
    work()
    took = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return min(took) * 1000
