"""A random question in a random scope finds the same rows through every door of the register."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.odata.errors import pascal
from register.bi_logins import create_login, revoke_login
from register.catalog import catalog
from register.keys import create_key
from register.query import Query, check, parse_fields, parse_filter
from register.query.scope import RowScope, resolve_scope
from register.query.told import matching, messages, telling
from tests.doors import VIEWS, Where, conditions
from tests.fix_gateway import RunningGateway, insert, with_pool
from tests.fix_postgres import run_apart
from tests.register.naive_query import Naive
from tests.register.world import NOW, WORLD, ids

ENTITIES = ("project", "work_item", "milestone")
SCOPES: tuple[dict[str, list[str]], ...] = tuple(
    {collection: [str(ids(entity, 6)[n]) for n in chosen] for collection, entity, chosen in scope}
    for scope in (
        (),
        (("projects", "project", (0, 3)),),
        (("programmes", "programme", (0,)),),
        (("programmes", "programme", (1, 2)), ("projects", "project", (5,))),
        (("portfolios", "portfolio", (1,)),),
        (("portfolios", "portfolio", (0,)), ("projects", "project", (2,))),
    )
)
"""Of a key and of a login; the first sees everything."""


class Caller(NamedTuple):
    """Somebody with a scope, at each door."""

    scope: RowScope | None
    api: httpx.Client
    sql: asyncpg.Connection


class Doors:
    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self._runner = asyncio.Runner()
        self._names = [f"bi_{uuid4().hex[:12]}" for _ in SCOPES]
        self._owner = self._runner.run(asyncpg.connect(gateway.database_url))
        for entity, rows in WORLD.items():
            insert(gateway.database_url, entity, rows)
        # What the rows' first events would have been.
        for entity in WORLD:
            sql = f"INSERT INTO event (type, entity, entity_id, version) SELECT 'created', '{entity}', id, 1 FROM {entity}"
            self._runner.run(self._owner.execute(sql))
        self.callers = [self._caller(*each) for each in zip(self._names, SCOPES, strict=True)]

    def _caller(self, name: str, rows: dict[str, list[str]]) -> Caller:
        url = self._gateway.database_url
        key = run_apart(with_pool(url, lambda pool: create_key(pool, name, rows=rows)))
        self._runner.run(create_login(self._owner, name, rows=rows))
        scope = self._runner.run(resolve_scope(self._owner, json.dumps(rows))) if rows else None
        return Caller(scope, self._gateway.client(key), self._runner.run(asyncpg.connect(url, user=name)))

    def found(self, entity: str, where: Where, caller: Caller) -> dict[str, list[str]]:
        """The ids that each door gives, in no order."""
        collection = catalog()[entity].collection
        listed = {"fields": "id", "filter": where.api}
        document = f"query($f: String) {{ {collection}(filter: $f, limit: 1000) {{ id }} }}"
        posted = {"query": document, "variables": {"f": where.api}}
        odata = {"$select": "Id", "$filter": where.odata}
        answers = {
            "list": [row["id"] for row in self._get(caller, f"/api/v1/{collection}", listed).json()["data"]],
            "graphql": [row["id"] for row in self._posted(caller, posted)["data"][collection]],
            "csv": [row["id"] for row in csv.DictReader(io.StringIO(self._file(caller, collection, listed, "csv")))],
            "ndjson": [orjson.loads(line)["id"] for line in self._file(caller, collection, listed, "ndjson").splitlines()],
            "odata": [row["Id"] for row in self._get(caller, f"/odata/v4/{pascal(collection)}", odata).json()["value"]],
            "bi": self._runner.run(self._selected(caller, entity, where.sql)),
            "webhook": self._runner.run(self._told(caller, entity, where.api)),
        }  # fmt: skip
        return {door: sorted(found) for door, found in answers.items()}

    def _get(self, caller: Caller, path: str, parameters: dict[str, str]) -> httpx.Response:
        response = caller.api.get(path, params=parameters)
        assert response.status_code == 200, (path, parameters, response.text)
        return response

    def _file(self, caller: Caller, collection: str, listed: dict[str, str], kind: str) -> str:
        return self._get(caller, f"/api/v1/{collection}", {**listed, "format": kind}).text

    def _posted(self, caller: Caller, body: Any) -> Any:
        return caller.api.post("/api/v1/query", json=body).json()

    async def _selected(self, caller: Caller, entity: str, sql: str) -> list[str]:
        rows = await caller.sql.fetch(f'SELECT id FROM {VIEWS[entity]} "row" WHERE {sql}')
        return [str(row["id"]) for row in rows]

    async def _told(self, caller: Caller, entity: str, text: str) -> list[str]:
        told = telling((f"{entity}.*",), text, "id")
        seqs = await matching(self._owner, told, entity, 0, 10_000, caller.scope)
        bodies = (await messages(self._owner, told, {entity: seqs}, caller.scope)).values()
        return [orjson.loads(body)["data"]["row"]["id"] for body in bodies]

    def close(self) -> None:
        for caller in self.callers:
            caller.api.close()
            self._runner.run(caller.sql.close())
        for name in self._names:
            self._runner.run(revoke_login(self._owner, name))
        self._runner.run(self._owner.close())
        self._runner.close()


@pytest.fixture
def doors(gateway: RunningGateway) -> Iterator[Doors]:
    opened = Doors(gateway)
    yield opened
    opened.close()


questions = st.sampled_from(ENTITIES).flatmap(
    lambda entity: st.tuples(st.just(entity), conditions(entity).map(Where.at_top))
)
_slow = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def compared(doors: Doors, question: tuple[str, Where], which: int) -> None:
    entity, where = question
    caller = doors.callers[which]
    level = check(
        Query(
            catalog()[entity].collection,
            fields=parse_fields("id"),
            filter=parse_filter(where.api),
            limit=1000,
        )
    )
    wanted = sorted(str(row["id"]) for row in Naive(WORLD, caller.scope, NOW).rows(level))
    assert doors.found(entity, where, caller) == dict.fromkeys(
        ("list", "graphql", "csv", "ndjson", "odata", "bi", "webhook"), wanted
    )


def test_a_random_question_finds_the_same_rows_through_every_door(doors: Doors) -> None:
    @settings(max_examples=40, **_slow)
    @given(questions, st.integers(0, len(SCOPES) - 1))
    def ask(question: tuple[str, Where], which: int) -> None:
        compared(doors, question, which)

    ask()


@pytest.mark.soak
def test_many_random_questions_find_the_same_rows_through_every_door(doors: Doors) -> None:
    @settings(max_examples=2_000, **_slow)
    @given(questions, st.integers(0, len(SCOPES) - 1))
    def ask(question: tuple[str, Where], which: int) -> None:
        compared(doors, question, which)

    ask()
