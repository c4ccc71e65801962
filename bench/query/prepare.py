"""What it takes to get from an address to the statement: all of it, where its fields are known, and from memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench.query.cases import CASES
from gateway.aggregate import prepare_groups
from gateway.rest import PREFIX, prepare
from register.query.selection_set import read_selection_set

_TIMES = 50


def print_prepare() -> None:
    """Parse, check and compile each question, `_TIMES` times; the least."""
    print("parse, check and compile, ms: anew, where its `fields` came before, and where it came itself")
    for name, case in CASES.items():
        path, _, query = case.path.removeprefix(PREFIX).partition("?")
        collection, _, below = path.partition("/")
        remembering = prepare_groups if below else prepare
        anew, again = (
            partial(function, collection, query.encode(), True)
            for function in (remembering.__wrapped__, remembering)
        )
        times = _least(anew, read_selection_set.cache_clear), _least(anew), _least(again)
        print(f"  {name}  {times[0]:.3f}  {times[1]:.3f}  {times[2]:.4f}")


def _least(work: Callable[[], object], before: Callable[[], object] = int) -> float:
    work()
    took = []
    for _ in range(_TIMES):
        before()
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return min(took) * 1000
