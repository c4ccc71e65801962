"""`python -m bench.identity`: how many of the things that are one the register finds, and whether it ever joins two.

300 projects and 2,000 people as four tools tell of them. Precision and recall are of pairs: two tools' records of one
thing. Fails when anything was joined by itself that is not one.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from bench.identity.labelled import TOOLS, Told, people, projects
from mapping.apply import MappedRow
from portbook.stores import open_stores
from register import lease, runs
from register.db import Pool, open_pool
from register.ids import derive_id
from register.policy import Policy
from register.schema import migrate
from register.settled import Memory
from register.suggest import suggest
from register.write import Incoming, page

PAGE = 200
LIKELY = 0.5
POLICY = Policy(TOOLS, match={"project": ("code",), "person": ("email",)})

Pairs = set[frozenset[str]]


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench.identity")
    options.add_argument("--projects", type=int, default=300)
    options.add_argument("--people", type=int, default=2_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    try:
        with open_stores("embedded", "embedded", folder) as stores:
            wrong = asyncio.run(_measure(stores.database_url, given.seed, given.projects, given.people))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0


async def _measure(url: str, seed: int, project_count: int, person_count: int) -> int:
    rng = random.Random(seed)
    told = {"project": projects(rng, project_count), "person": people(rng, person_count)}
    await migrate(url)
    pool = await open_pool(url, size=2)
    try:
        for entity, things in told.items():
            await _write(pool, entity, things, rng)
        await suggest(pool, POLICY)
        return sum([await _report(pool, entity, things) for entity, things in told.items()])
    finally:
        await pool.close()


async def _write(pool: Pool, entity: str, told: Sequence[Told], rng: random.Random) -> None:
    """Every tool's records, the tools' pages in turn and in no particular order."""
    await runs.register_sources(pool, [runs.SourceSetting(tool, "jira", None, 300, None) for tool in TOOLS])
    shuffled = rng.sample(told, len(told))
    for tool in TOOLS:
        held = await lease.acquire(pool, tool, "bench", ttl_s=600)
        assert held is not None
        mine = [each for each in shuffled if each.tool == tool]
        for at in range(0, len(mine), PAGE):
            async with page(
                pool, held, source=tool, run_id=1, policy=POLICY, memory=Memory(), may_unite=True
            ) as write:
                await write.store([_incoming(entity, each) for each in mine[at : at + PAGE]], [], "bench")
        await lease.release(pool, held)


def _incoming(entity: str, told: Told) -> Incoming:
    row = MappedRow(entity, _own_id(entity, told), told.number, dict(told.values), [], False)
    return Incoming(derive_id("record", row.id), entity, told.number, b"{}", b"", None, [row], [])


def _own_id(entity: str, told: Told) -> str:
    return derive_id(told.tool, entity, told.number)


async def _report(pool: Pool, entity: str, told: Sequence[Told]) -> int:
    """Print the table of an entity; returns how many pairs were joined wrongly."""
    labels = {_own_id(entity, each): each.label for each in told}
    one = _pairs(_by(labels.items()))
    rows = await pool.fetch("SELECT own_id::text, entity_id::text FROM claim WHERE entity = $1", entity)
    shown = dict(rows)
    joined = _pairs(_by(shown.items()))
    parts = _by(shown.items())
    likely: Pairs = set()
    suggested: Pairs = set()
    for first, second, confidence in await pool.fetch(
        "SELECT first_id::text, second_id::text, confidence FROM link WHERE state = 'suggested' AND entity = $1",
        entity,
    ):
        # A suggestion is about two rows: accepted, it joins everything they show.
        told_of = {frozenset((a, b)) for a in parts[shown[first]] for b in parts[shown[second]]} - joined
        suggested |= told_of
        if confidence >= LIKELY:
            likely |= told_of
    wrong = joined - one
    print(
        f"\n{entity}: {len(set(labels.values())):,} things, {len(labels):,} records, {len(one):,} pairs that are one"
    )
    print(f"  {'':24} {'pairs':>7} {'right':>7} {'precision':>10} {'recall':>8}")
    for title, found in (
        ("joined by rules", joined),
        (f"suggested, {LIKELY:.0%} sure", likely),
        ("suggested at all", suggested),
        ("joined or suggested", joined | suggested),
    ):
        right = len(found & one)
        precision = right / len(found) if found else 1.0
        print(f"  {title:24} {len(found):7,} {right:7,} {precision:10.3f} {right / len(one):8.3f}")
    print(f"  joined although they are two: {len(wrong)}")
    for pair in list(wrong)[:5]:
        print("   ", *(str(each.values) for each in told if _own_id(entity, each) in pair))
    return len(wrong)


def _by(pairs: Iterable[tuple[str, object]]) -> dict[object, list[str]]:
    found: dict[object, list[str]] = {}
    for own_id, group in pairs:
        found.setdefault(group, []).append(own_id)
    return found


def _pairs(groups: dict[object, list[str]]) -> Pairs:
    return {frozenset(pair) for members in groups.values() for pair in combinations(members, 2)}


if __name__ == "__main__":
    sys.exit(main())
