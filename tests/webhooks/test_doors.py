"""A webhook is told of the rows that the API lists to the same caller under the same filter, and of no others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from register.db import open_pool, open_read_pool
from register.query import Lanes, Prepared, Query, RowScope, check, parse_fields, parse_filter, read_page
from register.query.told import matching, messages, telling
from tests.fix_webhooks import write_row

PROGRAMMES, PROJECTS = ("ERP", "CRM"), ("PAY", "WEB", "OPS", "NEW")
TESTS = {
    "project": ["budget > 20", "title ~ 'a'", "programme.key = 'ERP'", "any(risks, score > 10)", "none(work_items)",
                "presence = 'deleted'", "presence IN ('present', 'deleted')", "code IS NULL"],
    "risk": ["score > 10", "score IS NULL", "project.budget > 20", "project.programme.key = 'CRM'", "presence = 'deleted'"],
    "work_item": ["status = 'done'", "status IN ('todo', 'done')", "project.key = 'PAY'", "any(children)", "NOT title ~ 'b'"],
    "person": ["title ~ 'n'", "presence != 'present'"],
}  # fmt: skip


class Register:
    """A few rows of everything, on a loop of its own that the examples share."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.pool = self.runner.run(open_pool(url, size=1))
        self.read_pool = self.runner.run(open_read_pool(url, size=1))
        self.lanes = Lanes(self.read_pool)
        self.ids: dict[str, Any] = {}
        self.runner.run(self._fill())

    async def _fill(self) -> None:
        async with self.pool.acquire() as connection, connection.transaction():

            async def write(entity: str, key: str, **values: Any) -> Any:
                self.ids[key] = await write_row(connection, entity, key, **values)
                return self.ids[key]

            for key in PROGRAMMES:
                await write("programme", key)
            for number, key in enumerate(PROJECTS):
                programme = self.ids[PROGRAMMES[number % 2]] if number < 3 else None
                await write(
                    "project", key, title=f"{key} a" if number % 2 else key, budget=number * 15, programme_id=programme,
                    presence="deleted" if key == "OPS" else "present", code=None if number else "C",
                )  # fmt: skip
            for number in range(12):
                project = self.ids[PROJECTS[number % 5]] if number % 5 < 4 else None
                presence = "deleted" if number % 7 == 3 else "present"
                score = None if number % 4 == 3 else number * 2
                await write("risk", f"R-{number}", project_id=project, score=score, presence=presence)
                parent = self.ids.get(f"W-{number - 4}")
                await write(
                    "work_item", f"W-{number}", project_id=project, status=("todo", "in_progress", "done")[number % 3],
                    title="ab"[number % 2], parent_id=parent, presence=presence,
                )  # fmt: skip
            for name in ("ann", "bob"):
                await write("person", name, title=name)

    async def listed(self, entity: str, text: str, scope: RowScope | None) -> set[str]:
        collection = {"person": "people"}.get(entity, f"{entity}s")
        level = check(Query(collection, fields=parse_fields("id"), filter=parse_filter(text), limit=1000))
        answer = await read_page(
            self.lanes, b"", Prepared.of(level, b"", scoped=scope is not None), None, scope
        )
        return {row["id"] for row in orjson.loads(answer.body)["data"]}

    async def told(self, entity: str, text: str, scope: RowScope | None) -> set[str]:
        told = telling((f"{entity}.*",), text, "id")
        async with self.pool.acquire() as connection:
            seqs = await matching(connection, told, entity, 0, 10_000, scope)
            bodies = (await messages(connection, told, {entity: seqs}, scope)).values()
        found = [orjson.loads(body) for body in bodies]
        assert all(body["data"]["row"] == {"id": body["data"]["id"]} for body in found)
        return {body["data"]["id"] for body in found}

    def close(self) -> None:
        for pool in (self.pool, self.read_pool):
            pool.terminate()
        self.runner.close()


@pytest.fixture
def register(database: str) -> Iterator[Register]:
    found = Register(database)
    yield found
    found.close()


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, str]:
    entity = draw(st.sampled_from(sorted(TESTS)))
    parts = draw(st.lists(st.sampled_from(TESTS[entity]), min_size=1, max_size=3))
    text = f" {draw(st.sampled_from(['AND', 'OR']))} ".join(f"({part})" for part in parts)
    return entity, f"NOT ({text})" if draw(st.booleans()) else text


def some(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), unique=True)


def test_any_filter_under_any_scope_finds_the_same_rows_through_both_doors(register: Register) -> None:
    @given(questions(), st.none() | st.tuples(some(PROJECTS), some(PROGRAMMES)))
    @settings(max_examples=40)
    def compare(question: tuple[str, str], named: tuple[list[str], list[str]] | None) -> None:
        scope = None
        if named is not None:
            scope = RowScope(*(tuple(register.ids[key] for key in keys) for keys in named))
        listed = register.runner.run(register.listed(*question, scope))
        assert register.runner.run(register.told(*question, scope)) == listed

    compare()
