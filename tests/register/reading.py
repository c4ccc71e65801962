"""How the records of generated histories are read, and processes that die of `kill -9` while they write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from mapping.apply import Mapped, MappedRow, Reference
from mapping.meaning import Changed, Meaning
from portbook.remap import remap
from register.db import open_pool
from register.identity import NeedsIdentity
from register.ids import derive_id
from register.lease import Held
from register.mappings import note_mapping
from register.policy import Policy
from register.settled import Memory
from register.write import Incoming, page
from tests.fix_killed import deadly, die
from workers import remap as steps
from workers.remap import Remapped, Step

READINGS = 3


class Reading:
    """A mapping. The first says what is written; the second another budget; the third nothing of second things and
    no titles."""

    described: Mapping[str, Any] = {}
    streams = ("project", "risk")

    def __init__(self, number: int) -> None:
        self.number = number
        self.version = f"m{number}"

    @property
    def meaning(self) -> Meaning:
        """As `mapping.meaning` would tell the three apart: by which rows there are, by the budget, by the title."""
        rows = "not of second things" if self.number == 2 else "of all"
        fields = {"budget": "five more" if self.number == 1 else "as written", "title": str(self.number == 2)}
        return {
            "project": [{"into": "project", "each": None, "rows": rows, "fields": fields}],
            "risk": [{"into": "risk", "each": None, "rows": "", "fields": {}}],
        }

    def narrowed(self, stream: str, changed: Changed) -> Callable[[str, str, Mapping[str, Any]], Mapped]:
        """One that fills only these columns."""
        columns = frozenset[str]().union(*changed.values())

        def narrow(stream: str, own: str, written: Mapping[str, Any]) -> Mapped:
            rows = self(stream, own, written).rows
            return Mapped(
                [r._replace(values={c: r.values[c] for c in r.values.keys() & columns}) for r in rows]
            )

        return narrow

    def values(self, written: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a record says of its project; None: nothing."""
        if self.number == 1:
            return {**written, **({"budget": written["budget"] + 5} if "budget" in written else {})}
        if self.number == 2:
            return (
                None if written["key"].endswith("2") else {k: v for k, v in written.items() if k != "title"}
            )
        return dict(written)

    def __call__(self, stream: str, own: str, written: Mapping[str, Any]) -> Mapped:
        if stream == "risk":
            key, project, source_id = written["key"], written["project"], written["word"]
            reference = Reference("project_id", "project", project, source_id)
            values = {"key": key, "project_id": project}
            return Mapped([MappedRow("risk", own, key, values, [reference], False)])
        said = self.values(written)
        return Mapped([] if said is None else [MappedRow("project", own, written["key"], said, [], False)])


def incoming(reading: Reading, stream: str, own: str, written: Mapping[str, Any]) -> Incoming:
    """The record as a page stores it."""
    rows = reading(stream, own, written).rows
    return Incoming(derive_id("record", own), stream, own, orjson.dumps(written), b"", None, rows, [])


async def store(
    pool: Any, held: Held, policy: Policy, memory: Memory, record: Incoming, version: str,
    then: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Write the record as a page of its own, in a run of its own; `then` is called before the commit."""
    meaning = Reading(int(version.removeprefix("m"))).meaning
    await note_mapping(pool, held.name, version, {}, meaning)
    known = await pool.fetchval("SELECT true FROM source_record WHERE id = $1", record.id)
    for may_unite in (False, True):
        try:
            async with page(
                pool, held, source=held.name, run_id=1, policy=policy, memory=memory, may_unite=may_unite
            ) as write:
                await write.store([] if known else [record], [record] if known else [], version)
                then()
            return
        except NeedsIdentity:
            memory.forget()


async def remap_all(
    pool: Any, policy: Policy, reading: Reading, watch: Callable[[Step], None] = lambda step: None
) -> Remapped:
    """Remap every source, a record at a time, so that a naive reader can follow."""
    steps.BATCH_RECORDS = steps.BATCH_LINKS = steps.BATCH_ROWS = 1
    return await remap(pool, dict.fromkeys(policy.sources, reading), policy, watch)  # type: ignore[arg-type]


async def die_in_page(
    url: str, held: Held, policy: Policy, record: Incoming, version: str, committed: bool
) -> None:
    """Be killed before the commit, or after it and before anybody hears of it."""
    pool = await open_pool(url, size=1)
    await store(pool, held, policy, Memory(), record, version, (lambda: None) if committed else die)
    die()


async def die_in_remap(url: str, policy: Policy, reading: int, after: int) -> None:
    """Be killed when so many steps are told of, unless it ends before."""
    pool = await open_pool(url, size=3)
    await remap_all(pool, policy, Reading(reading), deadly(after))
    await pool.close()
