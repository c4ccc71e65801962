"""Generated histories of projects in three tools: whatever happens in whatever order, the register is what a naive
reading of what was said, linked and pinned would make of it, and shows every past moment as it was."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapping.apply import MappedRow, Reference
from register import lease, runs
from register.decisions import deciding
from register.identity import NeedsIdentity
from register.ids import derive_id
from register.merge import merge_rows, write_events
from register.policy import Policy
from register.settled import IDENTITY_LOCK, Memory, read_settled
from register.write import Incoming, page
from tests.fix_engine import Engine
from tests.register.naive import FIELDS, ORDERS, SOURCES, Naive

OWN = [(source, number) for source in SOURCES for number in (1, 2)]
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(["X", "Y"]),
        "title": st.sampled_from(["Payments", "Zahlungen"]),
        "budget": st.sampled_from([0, 1000]),
    },
)
THING = st.sampled_from([*OWN, *((source, 1) for source in SOURCES for _ in range(2))])
STEP = st.one_of(
    st.tuples(st.just("say"), THING, VALUES),
    st.tuples(st.just("say"), THING, VALUES),
    st.tuples(st.just("say"), THING, VALUES),
    st.tuples(st.just("gone"), THING, st.sampled_from(["deleted", "lost_access"])),
    st.tuples(st.just("risk"), THING, st.integers(1, 3)),
    st.tuples(st.just("same"), THING, THING),
    st.tuples(st.just("different"), THING, THING),
    st.tuples(st.just("undo"), st.integers(0, 9)),
    st.tuples(st.just("pin"), THING, st.sampled_from([("budget", 7), ("title", "Pinned"), ("code", None)])),
    st.tuples(st.just("release"), st.integers(0, 9)),
    st.tuples(st.just("order"), st.integers(0, len(ORDERS) - 1)),
    st.tuples(st.just("killed"), THING, VALUES),
)
BEFORE: list[Any] = [
    *(("say", thing, {"code": code, "budget": budget}) for thing, code, budget in
      ((("a", 1), "X", 0), (("b", 1), "X", 1000), (("c", 1), "Y", 0))),
    *(("risk", thing, 1) for thing in (("a", 1), ("b", 1), ("c", 1))),
]  # fmt: skip
"""A register in which there is something to part, to join and to refer to."""
_numbers = itertools.count(1)


def histories(longest: int) -> st.SearchStrategy[list[Any]]:
    steps = st.lists(STEP, min_size=2, max_size=longest)
    return st.one_of(steps, steps.map(lambda more: [*BEFORE, *more]))


class Killed(Exception):
    """The worker dies in the middle of a page."""


class History:
    """One generated history, in the register and in the naive one."""

    def __init__(self, engine: Engine, held: dict[str, lease.Held], memory: Memory) -> None:
        self.engine = engine
        self.held = held
        self.memory = memory
        self.name = f"h{next(_numbers)}"
        self.naive = Naive()
        self.decided: list[tuple[str, frozenset[str]]] = []
        self.pinned: list[str] = []
        self.moments: list[tuple[Any, dict[str, dict[str, Any]]]] = []

    @property
    def policy(self) -> Policy:
        return Policy(SOURCES, {"project": self.naive.order}, match={"project": ("code",)})

    def own(self, thing: tuple[str, int]) -> str:
        return derive_id(thing[0], "project", f"{self.name}-{thing[1]}")

    async def step(self, what: str, *given: Any) -> None:
        await getattr(self, f"_{what}")(*given)
        await self.compare()

    async def _say(self, thing: tuple[str, int], values: dict[str, Any], *, killed: bool = False) -> None:
        own, source = self.own(thing), thing[0]
        # Codes are this history's alone: others are in the same register.
        stored = {**values, **({"code": f"{values['code']}-{self.name}"} if "code" in values else {})}
        row = MappedRow("project", own, f"{self.name}-{thing[1]}", stored, [], False)
        await self._write(source, own, row, "project", killed=killed)
        if not killed:
            self.naive.say(own, derive_id("record", own), source, stored)

    async def _killed(self, thing: tuple[str, int], values: dict[str, Any]) -> None:
        with pytest.raises(Killed):
            await self._say(thing, values, killed=True)
        self.memory.forget()

    async def _write(
        self, source: str, own: str, row: MappedRow, stream: str, *, killed: bool = False
    ) -> None:
        record_id = derive_id("record", own)
        known = await self.engine.pool.fetchval("SELECT true FROM source_record WHERE id = $1", record_id)
        record = Incoming(record_id, stream, own, b"{}", b"", None, [row], [])
        for may_unite in (False, True):
            try:
                async with page(
                    self.engine.pool, self.held[source], source=source, run_id=1, policy=self.policy,
                    memory=self.memory, may_unite=may_unite,
                ) as write:  # fmt: skip
                    await write.store([] if known else [record], [record] if known else [], "m")
                    if killed:
                        raise Killed
                return
            except NeedsIdentity:
                self.memory.forget()

    async def _gone(self, thing: tuple[str, int], presence: str) -> None:
        own, source = self.own(thing), thing[0]
        said = self.naive.said.get(own)
        if said is None or said.presence != "present":
            return
        async with page(
            self.engine.pool,
            self.held[source],
            source=source,
            run_id=1,
            policy=self.policy,
            memory=self.memory,
        ) as write:
            await write.mark({said.record: presence})
        said.presence = presence
        self.naive.work_out()

    async def _risk(self, thing: tuple[str, int], number: int) -> None:
        own = derive_id(thing[0], "risk", f"{self.name}-{number}")
        project = self.own(thing)
        reference = Reference("project_id", "project", project, f"{self.name}-{thing[1]}")
        row = MappedRow("risk", own, f"{self.name}-{number}", {"project_id": project}, [reference], False)
        await self._write(thing[0], own, row, "risk")
        self.naive.risks[own] = project

    async def _same(self, one: tuple[str, int], other: tuple[str, int]) -> None:
        ids = self.own(one), self.own(other)
        if one == other or not all(own in self.naive.said for own in ids):
            return
        async with deciding(self.engine.pool, self.policy, "ana") as decisions:
            link = await decisions.same("project", *ids, "why")
        self.naive.same(*ids)
        self.decided.append((link, frozenset(ids)))

    async def _different(self, one: tuple[str, int], other: tuple[str, int]) -> None:
        ids = self.own(one), self.own(other)
        if one == other or not all(own in self.naive.said for own in ids):
            return
        async with deciding(self.engine.pool, self.policy, "ana") as decisions:
            link = await decisions.different("project", *ids, "why")
        self.naive.different(*ids)
        self.decided.append((link, frozenset(ids)))

    async def _undo(self, which: int) -> None:
        if not self.decided:
            return
        link, ends = self.decided[which % len(self.decided)]
        edge = self.naive.edges.get(link)
        if ends not in self.naive.refused and (edge is None or edge.rule != "decision"):
            return
        async with deciding(self.engine.pool, self.policy, "ana") as decisions:
            await decisions.undecided(link, "why")
        self.naive.undo(link, ends)

    async def _pin(self, thing: tuple[str, int], what: tuple[str, Any]) -> None:
        own = self.own(thing)
        if own not in self.naive.said:
            return
        name, value = what
        async with deciding(self.engine.pool, self.policy, "ana") as decisions:
            pin = await decisions.pin("project", own, name, value, "why", None)
        row = self.naive.row(own)
        self.naive.pins = {known: what for known, what in self.naive.pins.items() if what[:2] != (row, name)}
        self.naive.pins[pin] = (row, name, value)
        self.naive.work_out()

    async def _release(self, which: int) -> None:
        if not self.naive.pins:
            return
        pin = sorted(self.naive.pins)[which % len(self.naive.pins)]
        async with deciding(self.engine.pool, self.policy, "ana") as decisions:
            await decisions.release(pin, "why")
        del self.naive.pins[pin]
        self.naive.work_out()

    async def _order(self, which: int) -> None:
        """Another precedence, applied as a remap does: every row that several tell of is merged anew."""
        self.naive.order = dict(ORDERS[which])
        rows = sorted({self.naive.row(own) for own in self.naive.said})
        async with self.engine.pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({IDENTITY_LOCK})")
            settled = await read_settled(connection, Memory())
            changes = await merge_rows(connection, "project", rows, self.policy, settled)
            await write_events(connection, changes, cause="remap", run_id=None)
        self.naive.work_out()

    async def compare(self) -> None:
        naive, pool = self.naive, self.engine.pool
        rows = await self._rows("project", "id::text = ANY($1)", list(naive.rows))
        shown = {
            row_id: {name: row[name] for name in (*FIELDS, "presence", "source")}
            for row_id, row in rows.items()
        }
        assert shown == naive.rows
        ids = sorted({*naive.said, *naive.rows})
        absorbed = await pool.fetch(
            "SELECT id::text, entity_id::text FROM absorbed WHERE id::text = ANY($1)", ids
        )
        assert dict(absorbed) == naive.shown
        claims = await pool.fetch(
            "SELECT own_id::text, entity_id::text FROM claim WHERE own_id::text = ANY($1)", ids
        )
        assert dict(claims) == {own: naive.row(own) for own in naive.said}
        conflicts = await pool.fetch(
            "SELECT entity_id::text, field FROM conflict WHERE closed_at IS NULL AND entity_id::text = ANY($1)",
            ids,
        )
        assert {tuple(row) for row in conflicts} == naive.conflicts()
        risks = await self._rows("risk", "id::text = ANY($1)", list(naive.risks))
        assert {own: row["project_id"] for own, row in risks.items()} == {
            own: naive.row(project) for own, project in naive.risks.items()
        }
        self._explained(rows)
        self.moments.append((await pool.fetchval("SELECT clock_timestamp()"), {**rows, **risks}))

    def _explained(self, rows: dict[str, dict[str, Any]]) -> None:
        """Every value that is shown was said by the record, or pinned by the person, that the row names."""
        by_record = {said.record: said.values for said in self.naive.said.values()}
        for row_id, row in rows.items():
            said = self.naive.told(row_id)
            if not said:
                continue
            for name in FIELDS:
                record, rule = (row["chosen"] or {}).get(name, [None, ""])
                if record is not None:
                    assert by_record[record][name] == row[name]
                elif rule:
                    assert self.naive.pins[rule.removeprefix("pin ")][1:] == (name, row[name])
                elif row[name] is not None:
                    assert any(each.values.get(name) == row[name] for each in said)

    async def look_back(self) -> None:
        """The past, from the rows and their history, is what was seen then."""
        for at, then in self.moments:
            found = {}
            for entity in ("project", "risk"):
                for table, until in ((entity, "true"), (f"{entity}_history", "valid_to > $2")):
                    found |= await self._rows(
                        table, f"id::text = ANY($1) AND valid_from <= $2 AND {until}", list(then), at
                    )
            assert found == then

    async def _rows(self, table: str, where: str, *parameters: Any) -> dict[str, dict[str, Any]]:
        found = await self.engine.pool.fetch(
            f"SELECT id::text, to_jsonb(t) - 'valid_to' FROM {table} t WHERE {where}", *parameters
        )
        return {row_id: orjson.loads(row) for row_id, row in found}


async def _history(engine: Engine, steps: list[Any]) -> None:
    await runs.register_sources(
        engine.pool, [runs.SourceSetting(s, "jira", None, 300, None) for s in SOURCES]
    )
    held = {}
    for source in SOURCES:
        await engine.pool.execute("UPDATE lease SET expires_at = '-infinity' WHERE name = $1", source)
        held[source] = await lease.acquire(engine.pool, source, "test", ttl_s=600)
    history = History(engine, held, Memory())
    for step in steps:
        await history.step(*step)
    await history.look_back()


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(histories(10))
async def test_the_register_is_what_a_naive_one_would_be(engine: Engine, steps: list[Any]) -> None:
    await _history(engine, steps)


@pytest.mark.soak
@settings(max_examples=2_000, suppress_health_check=list(HealthCheck))
@given(histories(30))
async def test_in_two_thousand_long_histories_too(engine: Engine, steps: list[Any]) -> None:
    await _history(engine, steps)
