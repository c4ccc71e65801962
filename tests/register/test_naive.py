"""Generated histories of projects in three tools: whatever happens in whatever order, the register is what a naive
reading of what was said, linked and pinned would make of it, and shows every past moment as it was."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from register import lease, runs
from register.audit import Actor
from register.decisions import deciding
from register.ids import derive_id
from register.merge import merge_rows, write_events
from register.policy import Policy
from register.settled import IDENTITY_LOCK, Memory, read_settled
from register.write import page
from tests.fix_engine import Engine
from tests.fix_killed import killed
from tests.fix_postgres import ask_postgres
from tests.register.naive import FIELDS, ORDERS, SOURCES, Naive
from tests.register.reading import (
    READINGS,
    Reading,
    die_in_page,
    die_in_remap,
    incoming,
    remap_all,
    store,
)

OWN = [(source, number) for source in SOURCES for number in (1, 2)]
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(["X", "Y"]),
        "title": st.sampled_from(["Payments", "Zahlungen"]),
        "budget": st.sampled_from([0, 1000]),
        "currency": st.sampled_from(["EUR", "JPY"]),
    },
)
THING = st.sampled_from([*OWN, *((source, 1) for source in SOURCES for _ in range(2))])
PINS = st.sampled_from([("budget", 7), ("title", "Pinned"), ("code", None), ("currency", "JPY")])
STEP = st.one_of(
    st.tuples(st.just("say"), THING, VALUES),
    st.tuples(st.just("say"), THING, VALUES),
    st.tuples(st.just("say"), THING, VALUES),
    st.tuples(st.just("gone"), THING, st.sampled_from(["deleted", "lost_access"])),
    st.tuples(st.just("risk"), THING, st.integers(1, 3)),
    st.tuples(st.just("same"), THING, THING),
    st.tuples(st.just("different"), THING, THING),
    st.tuples(st.just("undo"), st.integers(0, 9)),
    st.tuples(st.just("pin"), THING, PINS),
    st.tuples(st.just("release"), st.integers(0, 9)),
    st.tuples(st.just("order"), st.integers(0, len(ORDERS) - 1)),
    st.tuples(st.just("lost"), THING, VALUES),
    st.tuples(st.just("killed"), THING, VALUES, st.booleans()),
    st.tuples(st.just("remap"), st.integers(0, READINGS - 1), st.lists(st.integers(0, 12), max_size=2)),
)
BEFORE: list[Any] = [
    *(("say", thing, {"code": code, "budget": budget}) for thing, code, budget in
      ((("a", 1), "X", 0), (("b", 1), "X", 1000), (("c", 1), "Y", 0))),
    *(("risk", thing, 1) for thing in (("a", 1), ("b", 1), ("c", 1))),
]  # fmt: skip
"""A register in which there is something to part, to join and to refer to."""
EMPTY = (
    "TRUNCATE project, project_history, risk, risk_history, claim, claim_history, source_record, link, absorbed, pin, "
    "conflict, finding, event, former_key, mapping_used"
)
_numbers = itertools.count(1)


def histories(longest: int) -> st.SearchStrategy[list[Any]]:
    steps = st.lists(STEP, min_size=2, max_size=longest)
    return st.one_of(steps, steps.map(lambda more: [*BEFORE, *more]))


class Lost(Exception):
    """The connection breaks in the middle of a page."""


class History:
    """One generated history, in the register and in the naive one."""

    def __init__(self, engine: Engine, database: str, held: dict[str, lease.Held], memory: Memory) -> None:
        self.engine = engine
        self.database = database
        self.held = held
        self.memory = memory
        self.name = f"h{next(_numbers)}"
        self.naive = Naive()
        self.reading = Reading(0)
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

    def _written(self, thing: tuple[str, int], values: dict[str, Any]) -> dict[str, Any]:
        # Codes are this history's alone: others are in the same register.
        code = {"code": f"{values['code']}-{self.name}"} if "code" in values else {}
        return {**values, **code, "key": f"{self.name}-{thing[1]}"}

    async def _say(self, thing: tuple[str, int], values: dict[str, Any]) -> None:
        own, written = self.own(thing), self._written(thing, values)
        await self._store(thing[0], "project", own, written)
        self.naive.say(own, thing[0], written, self.reading)

    async def _store(self, source: str, stream: str, own: str, written: dict[str, Any], **more: Any) -> None:
        record = incoming(self.reading, stream, own, written)
        await store(
            self.engine.pool,
            self.held[source],
            self.policy,
            self.memory,
            record,
            self.reading.version,
            **more,
        )

    async def _lost(self, thing: tuple[str, int], values: dict[str, Any]) -> None:
        def lose() -> None:
            raise Lost

        with pytest.raises(Lost):
            await self._store(thing[0], "project", self.own(thing), self._written(thing, values), then=lose)
        self.memory.forget()

    async def _killed(self, thing: tuple[str, int], values: dict[str, Any], committed: bool) -> None:
        """Another worker dies of `kill -9` before its commit or after it."""
        own, written = self.own(thing), self._written(thing, values)
        record = incoming(self.reading, "project", own, written)
        assert await killed(
            die_in_page,
            self.database,
            self.held[thing[0]],
            self.policy,
            record,
            self.reading.version,
            committed,
        )
        if committed:
            self.naive.say(own, thing[0], written, self.reading)

    async def _remap(self, which: int, kills: list[int]) -> None:
        """Read everything stored another way, killed with -9 a few times before it comes to its end."""
        self.reading = Reading(which)
        for after in kills:
            await self._let_go()
            await killed(die_in_remap, self.database, self.policy, which, after)
        await self._let_go()
        await remap_all(self.engine.pool, self.policy, self.reading)
        self.held.update(await leases(self.engine))
        self.naive.remap(self.reading)

    async def _let_go(self) -> None:
        await self.engine.pool.execute("UPDATE lease SET expires_at = '-infinity'")

    async def _gone(self, thing: tuple[str, int], presence: str) -> None:
        own, source = self.own(thing), thing[0]
        if self.naive.presence.get(own) != "present":
            return
        async with page(
            self.engine.pool,
            self.held[source],
            source=source,
            run_id=1,
            policy=self.policy,
            memory=self.memory,
        ) as write:
            await write.mark({derive_id("record", own): presence})
        self.naive.gone(own, presence)

    async def _risk(self, thing: tuple[str, int], number: int) -> None:
        own = derive_id(thing[0], "risk", f"{self.name}-{number}")
        project = self.own(thing)
        written = {"key": f"{self.name}-{number}", "project": project, "word": f"{self.name}-{thing[1]}"}
        await self._store(thing[0], "risk", own, written)
        self.naive.risks[own] = project

    async def _same(self, one: tuple[str, int], other: tuple[str, int]) -> None:
        ids = self.own(one), self.own(other)
        if one == other or not all(own in self.naive.said for own in ids):
            return
        async with deciding(self.engine.pool, self.policy, Actor("ana")) as decisions:
            link = await decisions.same("project", *ids, "why")
        self.naive.same(*ids)
        self.decided.append((link, frozenset(ids)))

    async def _different(self, one: tuple[str, int], other: tuple[str, int]) -> None:
        ids = self.own(one), self.own(other)
        if one == other or not all(own in self.naive.said for own in ids):
            return
        async with deciding(self.engine.pool, self.policy, Actor("ana")) as decisions:
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
        async with deciding(self.engine.pool, self.policy, Actor("ana")) as decisions:
            await decisions.undecided(link, "why")
        self.naive.undo(link, ends)

    async def _pin(self, thing: tuple[str, int], what: tuple[str, Any]) -> None:
        own = self.own(thing)
        if own not in self.naive.said:
            return
        name, value = what
        async with deciding(self.engine.pool, self.policy, Actor("ana")) as decisions:
            pin = await decisions.pin("project", own, name, value, "why", None)
        self.naive.pin(pin, own, name, value)

    async def _release(self, which: int) -> None:
        if not self.naive.pins:
            return
        pin = sorted(self.naive.pins)[which % len(self.naive.pins)]
        async with deciding(self.engine.pool, self.policy, Actor("ana")) as decisions:
            await decisions.release(pin, "why")
        self.naive.release(pin)

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
        ids = sorted({*naive.written, *naive.rows})
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


async def leases(engine: Engine) -> dict[str, lease.Held]:
    """Every source's lease, whoever had it."""
    held = {}
    for source in SOURCES:
        await engine.pool.execute("UPDATE lease SET expires_at = '-infinity' WHERE name = $1", source)
        taken = await lease.acquire(engine.pool, source, "test", ttl_s=600)
        assert taken is not None
        held[source] = taken
    return held


async def _history(engine: Engine, database: str, steps: list[Any]) -> None:
    # A register of its own for each: a remap says anew whatever is in it.
    await asyncio.to_thread(ask_postgres, database, EMPTY)
    await runs.register_sources(
        engine.pool, [runs.SourceSetting(s, "jira", None, 300, None) for s in SOURCES]
    )
    history = History(engine, database, await leases(engine), Memory())
    for step in steps:
        await history.step(*step)
    await history.look_back()


# What is said no more was joined with nothing on the way: its code was somebody else's meanwhile.
@example([*BEFORE, ("say", ("a", 2), {"code": "X"}), ("say", ("c", 2), {"code": "X"}), ("remap", 2, [])])
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(histories(10))
async def test_the_register_is_what_a_naive_one_would_be(
    engine: Engine, database: str, steps: list[Any]
) -> None:
    await _history(engine, database, steps)


@pytest.mark.soak
@settings(max_examples=2_000, suppress_health_check=list(HealthCheck))
@given(histories(30))
async def test_in_two_thousand_long_histories_too(engine: Engine, database: str, steps: list[Any]) -> None:
    await _history(engine, database, steps)
