"""Generated histories of projects that name a manager and a sponsor: whatever is said, pinned, joined and undone, a
reference is an open finding exactly where a present record says it and it leads to no row."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapping.apply import MappedRow, Reference
from register import lease, runs
from register.audit import Actor
from register.decisions import deciding
from register.identity import NeedsIdentity
from register.ids import derive_id
from register.policy import Policy
from register.quality import Expected, Quality
from register.settled import Memory
from register.write import Incoming, page
from tests.fix_engine import Engine
from tests.fix_postgres import ask_postgres
from tests.register.naive import SOURCES
from tests.register.test_naive import EMPTY, leases

POLICY = Policy(SOURCES, match={"project": ("code",), "person": ("email",)})
PROJECT = st.sampled_from([("a", "1"), ("a", "2"), ("b", "1")])
WORD = st.sampled_from(["", "ana", "bob"])
PERSON = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["ana", "bob"]))
FIELD = st.sampled_from(["manager", "sponsor"])
STEP = st.one_of(
    st.tuples(st.just("project"), PROJECT, st.sampled_from(["", "X"]), WORD, WORD),
    st.tuples(st.just("project"), PROJECT, st.sampled_from(["", "X"]), WORD, WORD),
    st.tuples(st.just("gone"), PROJECT),
    st.tuples(st.just("person"), PERSON),
    st.tuples(st.just("same"), PROJECT, PROJECT),
    st.tuples(st.just("different"), PROJECT, PROJECT),
    st.tuples(st.just("meant"), PERSON),
    st.tuples(st.just("not_meant"), PERSON),
    st.tuples(st.just("undo"), st.integers(0, 9)),
    st.tuples(st.just("pin"), PROJECT, FIELD),
    st.tuples(st.just("release"), st.integers(0, 9)),
    st.tuples(st.just("look")),
)
BEFORE: list[Any] = [
    ("project", ("a", "1"), "X", "ana", "bob"),
    ("project", ("a", "2"), "", "ana", "ana"),
    ("project", ("b", "1"), "X", "bob", ""),
]


class History:
    """One generated history."""

    def __init__(self, engine: Engine, held: dict[str, lease.Held]) -> None:
        self.engine, self.held = engine, held
        self.memory = Memory()
        self.said: dict[str, set[tuple[str, str]]] = {}
        """Project → (person, field) that its record says; nothing of one that is gone."""
        self.decided: list[str] = []
        self.pinned: list[str] = []

    async def step(self, what: str, *given: Any) -> None:
        await getattr(self, f"_{what}")(*given)

    async def _project(self, thing: tuple[str, str], code: str, manager: str, sponsor: str) -> None:
        source, key = thing
        own = derive_id(source, "project", key)
        named = {"manager": manager, "sponsor": sponsor}
        references = [
            Reference(f"{field}_id", "person", derive_id(source, "person", word), f"{word}@acme.example")
            for field, word in named.items()
            if word
        ]
        values = {"title": f"{key} {code}", **{each.column: each.id for each in references}}
        values |= {"code": code} if code else {}
        await self._store(source, MappedRow("project", own, key, values, references, False))
        self.said[own] = {(each.id, each.column.removesuffix("_id")) for each in references}

    async def _person(self, person: tuple[str, str]) -> None:
        source, word = person
        own = derive_id(source, "person", word)
        values = {"title": word, "email": f"{word}@acme.example"}
        await self._store(source, MappedRow("person", own, word, values, [], False))

    async def _store(self, source: str, row: MappedRow) -> None:
        payload = orjson.dumps(row.values)
        record = Incoming(derive_id("record", row.id), row.entity, row.id, payload, b"", None, [row], [])
        known = await self.engine.pool.fetchval("SELECT true FROM source_record WHERE id = $1", record.id)
        for may_unite in (False, True):
            try:
                async with self._page(source, may_unite=may_unite) as write:
                    await write.store([] if known else [record], [record] if known else [], "m0")
                return
            except NeedsIdentity:
                self.memory.forget()

    def _page(self, source: str, *, may_unite: bool = False) -> Any:
        return page(
            self.engine.pool, self.held[source],
            source=source, run_id=1, policy=POLICY, memory=self.memory, may_unite=may_unite,
        )  # fmt: skip

    async def _gone(self, thing: tuple[str, str]) -> None:
        own = derive_id(thing[0], "project", thing[1])
        if own in self.said:
            async with self._page(thing[0]) as write:
                await write.mark({derive_id("record", own): "deleted"})
            self.said[own] = set()

    async def _same(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        await self._decide("same", "project", one, other)

    async def _different(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        await self._decide("different", "project", one, other)

    async def _meant(self, person: tuple[str, str]) -> None:
        """What one source calls so is what the other one does, if that is a row."""
        await self._decide("same", "person", person, ("b" if person[0] == "a" else "a", person[1]))

    async def _not_meant(self, person: tuple[str, str]) -> None:
        await self._decide("different", "person", person, ("b" if person[0] == "a" else "a", person[1]))

    async def _decide(self, verdict: str, entity: str, one: Any, other: Any) -> None:
        ids = [derive_id(source, entity, key) for source, key in (one, other)]
        there, known = await self.engine.pool.fetchrow(
            f"""
            SELECT count(e.id), count(*) FILTER (WHERE e.id IS NOT NULL
                OR EXISTS (SELECT FROM finding f WHERE f.entity_id = u.id AND f.code = 'REF001'))
            FROM unnest($1::uuid[]) u (id) LEFT JOIN absorbed a ON a.id = u.id
            LEFT JOIN {entity} e ON e.id = coalesce(a.entity_id, u.id)
            """,
            ids,
        )
        if one == other or not there or known < 2:
            return
        async with deciding(self.engine.pool, POLICY, Actor("ana")) as decisions:
            self.decided.append(await getattr(decisions, verdict)(entity, *ids, "why"))

    async def _undo(self, which: int) -> None:
        if self.decided:
            link = self.decided.pop(which % len(self.decided))
            self.decided = [each for each in self.decided if each != link]
            decided = "SELECT true FROM link WHERE id = $1 AND rule = 'decision' AND state IN ('applied', 'refused')"
            if await self.engine.pool.fetchval(decided, link):
                async with deciding(self.engine.pool, POLICY, Actor("ana")) as decisions:
                    await decisions.undecided(link, "why")

    async def _pin(self, thing: tuple[str, str], field: str) -> None:
        own = derive_id(thing[0], "project", thing[1])
        person = await self.engine.pool.fetchval("SELECT id::text FROM person WHERE presence = 'present'")
        if own in self.said and person is not None:
            async with deciding(self.engine.pool, POLICY, Actor("ana")) as decisions:
                self.pinned.append(await decisions.pin("project", own, field, person, "why", None))

    async def _release(self, which: int) -> None:
        if self.pinned:
            pin = self.pinned.pop(which % len(self.pinned))
            in_force = "SELECT true FROM pin WHERE id = $1 AND released_at IS NULL"
            if await self.engine.pool.fetchval(in_force, pin):
                async with deciding(self.engine.pool, POLICY, Actor("ana")) as decisions:
                    await decisions.release(pin, "why")

    async def _look(self) -> None:
        # Anew each time: no run ends here, which is what lets a look begin when no row has changed.
        await Quality(self.engine.pool, Expected()).look(now=True)
        named = sorted({ref_id for several in self.said.values() for ref_id, _ in several})
        there = await self.engine.pool.fetch(
            """
            SELECT u.id::text FROM unnest($1::uuid[]) u (id) LEFT JOIN absorbed a ON a.id = u.id
            JOIN person p ON p.id = coalesce(a.entity_id, u.id)
            """,
            named,
        )
        known = {row[0] for row in there}
        told = await self.engine.pool.fetch(
            "SELECT entity_id::text, field FROM finding WHERE code = 'REF001' AND closed_at IS NULL"
        )
        wanted = {(ref_id, field) for several in self.said.values() for ref_id, field in several}
        assert sorted(map(tuple, told)) == sorted(pair for pair in wanted if pair[0] not in known)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=2, max_size=10))
async def test_an_unknown_reference_is_a_finding_as_long_as_a_record_says_it(
    engine: Engine, database: str, steps: list[Any]
) -> None:
    await asyncio.to_thread(ask_postgres, database, f"{EMPTY}, person, person_history, waiver")
    await runs.register_sources(
        engine.pool, [runs.SourceSetting(s, "jira", None, 300, None) for s in SOURCES]
    )
    history = History(engine, await leases(engine))
    for step in (*BEFORE, *steps, ("look",)):
        await history.step(*step)
