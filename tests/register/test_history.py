"""Whatever order two sources speak in, the row is what their claims say, and its history tells every step."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapping.apply import MappedRow
from register import lease, runs
from register.belief import NO_CONFLICT
from register.ids import derive_id
from register.policy import Policy
from register.settled import Memory
from register.write import Incoming, page
from tests.fix_engine import Engine

POLICY = Policy(("a", "b"), {"project": {"default": ["b"], "budget": ["a"]}})
RANKED = {"budget": "ab"}
"""The sources by trust; `ba` for every other field."""
FIELDS: dict[str, Any] = {
    "title": st.sampled_from(["Payments", "Zahlungen"]),
    "budget": st.sampled_from([0, 1000, 0.1, 1e18, 1e300]),
    "currency": st.sampled_from(["EUR", "GBP"]),
    "tags": st.sampled_from([["x"], ["x", "y"]]),
    "start_planned_on": st.sampled_from(["2026-03-29", "0001-01-01"]),
    "custom": st.sampled_from([{"a": 1}, {"a": [1e25, None]}]),
}
SAYS = st.fixed_dictionaries({}, optional=FIELDS)
STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), SAYS | st.sampled_from(["deleted", "lost_access"])),
    min_size=1,
    max_size=9,
)
_numbers = itertools.count(1)


class Book:
    """One project that two sources tell of, and what a plain reading of their claims would make of it."""

    def __init__(self, engine: Engine, held: dict[str, lease.Held]) -> None:
        self.engine = engine
        self.held = held
        self.id = derive_id("project", str(next(_numbers)))
        self.said: dict[str, tuple[str, dict[str, Any]]] = {}

    async def step(self, source: str, what: Any) -> None:
        record_id = derive_id(source, self.id)
        known = source in self.said
        async with page(
            self.engine.pool, self.held[source], source=source, run_id=1, policy=POLICY, memory=Memory(),
            may_unite=True,
        ) as write:  # fmt: skip
            if isinstance(what, str):
                if known and self.said[source][0] == "present":
                    await write.mark({record_id: what})
                    self.said[source] = (what, self.said[source][1])
                return
            row = MappedRow("project", self.id, source, what, [], False)
            record = Incoming(record_id, "project", f"{source}-{self.id}", b"{}", b"", None, [row], [])
            await write.store([] if known else [record], [record] if known else [], "m")
            self.said[source] = ("present", what)

    def expected(self) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(FIELDS)
        for name in FIELDS:
            order = [s for s in self.ranked(name) if name != "budget" or s not in self.foreign()]
            row[name] = next((self.said[s][1][name] for s in order if name in self.said[s][1]), None)
        row["presence"], row["source"] = self.said[self.ranked("")[0]][0], self.ranked("")[0]
        return row

    def ranked(self, name: str) -> list[str]:
        """Who is asked, in order: the present first, and of a row that is there none whose record is deleted."""
        order = [source for source in RANKED.get(name, "ba") if source in self.said]
        if any(presence == "present" for presence, _ in self.said.values()):
            order = [source for source in order if self.said[source][0] != "deleted"]
        return sorted(order, key=lambda source: self.said[source][0] != "present")

    def foreign(self) -> list[str]:
        """Whose amounts are in another currency than the row shows."""
        named = [s for s in self.ranked("currency") if "currency" in self.said[s][1]]
        return [s for s in named if self.said[s][1]["currency"] != self.said[named[0]][1]["currency"]]

    def disagreements(self) -> set[str]:
        present = [values for presence, values in self.said.values() if presence == "present"]
        if len(present) < 2:
            return set()
        both = present[0].keys() & present[1].keys() - NO_CONFLICT
        left_out = {"budget" for source in self.foreign() if "budget" in self.said[source][1]}
        return {name for name in both if present[0][name] != present[1][name]} | left_out


async def books(engine: Engine) -> dict[str, lease.Held]:
    found = {}
    await runs.register_sources(engine.pool, [runs.SourceSetting(s, "jira", None, 300, None) for s in "ab"])
    for source in "ab":
        await runs.request_run(engine.pool, source, "full", requested_by="test")
        held = await lease.acquire(engine.pool, source, "test", ttl_s=600)
        if held is None:  # an earlier example of this test has it
            await engine.pool.execute("UPDATE lease SET expires_at = '-infinity' WHERE name = $1", source)
            held = await lease.acquire(engine.pool, source, "test", ttl_s=600)
        assert held is not None
        found[source] = held
    return found


async def documents(engine: Engine, sql: str, row_id: str) -> list[dict[str, Any]]:
    return [orjson.loads(row[0]) for row in await engine.pool.fetch(sql, row_id)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_a_row_is_what_its_claims_say_and_its_history_every_step(
    engine: Engine, steps: list[Any]
) -> None:
    book = Book(engine, await books(engine))
    seen: list[dict[str, Any]] = []
    for source, what in steps:
        await book.step(source, what)
        if not book.said:
            continue
        (row,) = await documents(engine, "SELECT to_jsonb(p) FROM project p WHERE id = $1", book.id)
        shown = {name: row[name] for name in book.expected()}
        assert shown == book.expected()
        if not seen or seen[-1]["version"] != row["version"]:
            seen.append(row)
        else:
            assert seen[-1] == row, "nothing changes without a new version"
        conflicts = await engine.pool.fetch(
            "SELECT field FROM conflict WHERE entity_id = $1 AND closed_at IS NULL", book.id
        )
        assert {record[0] for record in conflicts} == book.disagreements()
    if not seen:
        return
    past = await documents(
        engine, "SELECT to_jsonb(h) FROM project_history h WHERE id = $1 ORDER BY version", book.id
    )
    assert [row["version"] for row in (*past, seen[-1])] == list(range(1, len(seen) + 1))
    assert [{k: v for k, v in row.items() if k != "valid_to"} for row in past] == seen[:-1]
    # Each version ends in the moment in which the next begins: no gap, no overlap.
    assert [row["valid_to"] for row in past] == [row["valid_from"] for row in seen[1:]]
    assert all(row["valid_from"] < row["valid_to"] for row in past)
    events = await engine.pool.fetch(
        "SELECT type, version, changed FROM event WHERE entity_id = $1 ORDER BY seq", book.id
    )
    assert [(kind, version) for kind, version, _ in events] == [
        ("created" if at == 0 else "changed", at + 1) for at in range(len(seen))
    ]
    replayed = dict(seen[0])
    for _, version, changed in events[1:]:
        for name, (before, after) in orjson.loads(changed).items():
            assert replayed[name] == before
            replayed[name] = after
        replayed |= {name: seen[version - 1][name] for name in ("version", "valid_from", "synced_at")}
    assert replayed == seen[-1]
