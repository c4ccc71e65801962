"""Whoever follows a row scope by the feed or a webhook has what it may read, through merges, partings and moves."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
import pytest

from register.audit import Actor
from register.catalog import catalog
from register.db import Pool, open_pool
from register.decisions import deciding
from register.merge import merge_rows, write_events
from register.policy import Policy
from register.query import Lanes, Query, check, read_changes
from register.query.ast import Origin
from register.query.compile_page import compile_page
from register.query.parse_fields import parse_fields
from register.query.parse_filter import parse_filter
from register.query.scope import ABOVE, resolve_scope
from register.query.told import matching, messages, telling
from register.settled import Memory, read_settled
from tests.register.test_redirect import of

POLICY = Policy(("one", "two"))
ENTITIES = ("portfolio", "programme", "project", "risk")
TOLD = telling(tuple(f"{entity}.*" for entity in ENTITIES), None, None)
COLLECTIONS = {catalog()[entity].collection: entity for entity in ENTITIES}
COLUMNS = {
    entity: [field.name for field in catalog()[entity].fields.values() if field.ref in ABOVE]
    for entity in ENTITIES
}
Rows = dict[tuple[str, str], dict[str, Any]]


class World:
    """A register of which two sources tell, and people who join and part what they tell."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.links: list[str] = []

    async def tell(self, entity: str, name: str, source: str = "one", **values: Any) -> None:
        """Let the record of this row say this now, and leave what the writer would."""
        record = of(f"{entity} {name} record")
        said = orjson.dumps({"key": name, "title": name, **values}).decode()
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO source_record (id, source, stream, source_id, content_hash, payload) "
                "VALUES ($1, $2, $3, $4, '', '') ON CONFLICT DO NOTHING",
                record, source, entity, name,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO claim AS c (record_id, entity, own_id, entity_id, source, values) "
                "VALUES ($1, $2, $3, $3, $4, $5) "
                "ON CONFLICT (record_id, entity, own_id) DO UPDATE SET values = c.values || excluded.values",
                record, entity, of(name), source, said,
            )  # fmt: skip
            settled = await read_settled(connection, Memory())
            changes = await merge_rows(connection, entity, [settled.row(of(name))], POLICY, settled)
            await write_events(connection, changes, cause="sync", run_id=None)

    async def join(self, entity: str, one: str, other: str) -> None:
        async with deciding(self.pool, POLICY, Actor("ana")) as decisions:
            self.links.append(await decisions.same(entity, of(one), of(other), "why"))

    async def part(self, entity: str, one: str, other: str) -> None:
        async with deciding(self.pool, POLICY, Actor("ana")) as decisions:
            await decisions.different(entity, of(one), of(other), "why")

    async def undecide(self, link: str) -> None:
        async with deciding(self.pool, POLICY, Actor("ana")) as decisions:
            if (await decisions.link(link))["state"] == "applied":
                await decisions.undecided(link, "why")

    async def listed(self, kept: str) -> Rows:
        """What a caller of this scope may read, whatever its presence."""
        scope = await resolve_scope(self.pool, kept)
        found: Rows = {}
        for entity in ENTITIES:
            fields = parse_fields(",".join(("id", "version", "title", "presence", *COLUMNS[entity])))
            there = parse_filter("presence != 'archived'", Origin("filter", ""))
            query = Query(catalog()[entity].collection, fields=fields, filter=there, limit=1000)
            statement = compile_page(check(query), scoped=True)
            rows = await self.pool.fetchval(statement.sql, *statement.arguments(scope))
            found |= {(entity, row["id"]): row for row in orjson.loads(rows or "[]")}
        return found


class Copy:
    """What a receiver keeps that does as the manual says: `version` is the row's, where it is told."""

    def __init__(self, world: World, kept: str) -> None:
        self.world = world
        self.kept = kept
        self.rows: Rows = {}

    async def read_below(self, moved: Iterable[tuple[str, str]]) -> None:
        """When a project, a programme or a portfolio comes or goes, read what hangs on it anew."""
        listed = await self.world.listed(self.kept)
        waiting, done = list(moved), set[tuple[str, str]]()
        while waiting:
            above = waiting.pop()
            if above in done:
                continue
            done.add(above)
            for rows in (dict(self.rows), listed):
                below = [place for place, row in rows.items() if hangs_on(place, row, above)]
                for place in below:
                    if place in listed:
                        self.rows[place] = listed[place]
                    else:
                        self.rows.pop(place, None)
                waiting += [place for place in below if place[0] in ABOVE]

    async def check(self) -> None:
        wanted = await self.world.listed(self.kept)
        assert {place: shown(place, row) for place, row in self.rows.items()} == {
            place: shown(place, row) for place, row in wanted.items()
        }


class FeedCopy(Copy):
    """Kept by the change feed, for a caller whose scope a gateway resolved when it began."""

    async def begin(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.scope = await resolve_scope(lanes, self.kept)
        self.since: str | None = None

    async def follow(self) -> None:
        moved = []
        more = True
        while more:
            answer = await read_changes(
                self.lanes, b"tests", tuple(COLLECTIONS), self.since, limit=9, scope=self.scope
            )
            body = orjson.loads(answer.body)
            for event in body["data"]:
                place = (COLLECTIONS[event["collection"]], event["id"])
                if event["type"] != "changed" and place[0] in ABOVE:
                    moved.append(place)
                if event["type"] == "out_of_scope":
                    self.rows.pop(place, None)
                    continue
                news = {name: after for name, (_, after) in event["changed"].items()}
                known = {} if event["type"] == "created" else self.rows.get(place, {})
                self.rows[place] = known | news
            self.since, more = body["next"], body["meta"]["more"]
        await self.read_below(moved)


class HookCopy(Copy):
    """Kept by a webhook, as its manual says: of two messages about a row the one of the higher version counts."""

    def __init__(self, world: World, kept: str) -> None:
        super().__init__(world, kept)
        self.seq = 0
        self.versions: dict[tuple[str, str], int] = {}

    async def follow(self) -> None:
        pool = self.world.pool
        upto = await pool.fetchval("SELECT feed_settled()")
        scope = await resolve_scope(pool, self.kept)
        events = {entity: await matching(pool, TOLD, entity, self.seq, upto, scope) for entity in ENTITIES}
        self.seq, moved = upto, []
        for _, body in sorted((await messages(pool, TOLD, events, scope)).items()):
            message = orjson.loads(body)
            data = message["data"]
            place = (data["entity"], data["id"])
            if self.versions.get(place, 0) >= data["version"]:
                continue
            self.versions[place] = data["version"]
            if not message["type"].endswith(".changed") and place[0] in ABOVE:
                moved.append(place)
            if data["row"] is None:
                self.rows.pop(place, None)
            else:
                self.rows[place] = data["row"]
        await self.read_below(moved)


def hangs_on(place: tuple[str, str], row: dict[str, Any], above: tuple[str, str]) -> bool:
    entity, above_id = above
    return any(row.get(name) == above_id for name in COLUMNS[place[0]] if name == f"{entity}_id")


def shown(place: tuple[str, str], row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in ("title", "presence", *COLUMNS[place[0]])}


def scope_of(**rows: Iterable[str]) -> str:
    return orjson.dumps({name: [of(word) for word in words] for name, words in rows.items()}).decode()


SCOPES = [
    *(scope_of(projects=[name]) for name in ("P0", "P1", "P2", "P3")),
    *(scope_of(programmes=[name]) for name in ("G0", "G1", "G2")),
    *(scope_of(portfolios=[name]) for name in ("F0", "F1")),
    scope_of(projects=["P1", "P2"], programmes=["G2"]),
    scope_of(portfolios=["F1"], projects=["P0"]),
]
NAMES = {"portfolio": ["F0", "F1"], "programme": ["G0", "G1", "G2"], "project": ["P0", "P1", "P2", "P3"]}


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    pool = await open_pool(database, size=2)
    yield World(pool)
    await pool.close()


@pytest.fixture
async def lanes(world: World) -> AsyncIterator[Lanes]:
    found = Lanes(world.pool)
    yield found
    await found.close()


async def copies(world: World, lanes: Lanes, scopes: Iterable[str]) -> list[FeedCopy | HookCopy]:
    found: list[FeedCopy | HookCopy] = []
    for kept in scopes:
        feed = FeedCopy(world, kept)
        await feed.begin(lanes)
        found += [feed, HookCopy(world, kept)]
    return found


@pytest.mark.parametrize("sources", [("one", "two"), ("one", "one")], ids=["of two sources", "of one source"])
async def test_a_row_that_swallows_one_in_scope_comes_whole_and_goes_when_they_part(
    world: World, lanes: Lanes, sources: tuple[str, str]
) -> None:
    for name, source in zip(("P0", "P1"), sources, strict=True):
        await world.tell("project", name, source, title="Payments")
        await world.tell("risk", f"R{name}", source, project_id=of(name))
    followers = await copies(world, lanes, [scope_of(projects=["P0"]), scope_of(projects=["P1"])])
    for step, rows in ((None, 2), (world.join, 3), (world.part, 2), (world.join, 3)):
        if step is not None:
            await step("project", "P0", "P1")
        for copy in followers:
            await copy.follow()
            await copy.check()
            there = [place for place, row in copy.rows.items() if row["presence"] == "present"]
            assert len(there) == rows, "a project, and its risk or both"


@pytest.mark.parametrize("seed", range(3))
async def test_a_copy_equals_what_its_scope_may_read(world: World, lanes: Lanes, seed: int) -> None:
    chance = random.Random(seed)
    above = {"programme": ("portfolio", NAMES["portfolio"]), "project": ("programme", NAMES["programme"])}
    for entity, names in NAMES.items():
        for at, name in enumerate(names):
            said = {}
            if entity in above:
                kind, others = above[entity]
                said = {f"{kind}_id": of(others[at % len(others)])}
            await world.tell(entity, name, ("one", "two")[at % 2], **said)
            if entity != "portfolio":
                await world.tell("risk", f"R{name}", **{f"{entity}_id": of(name)})
    followers = await copies(world, lanes, SCOPES)
    for number in range(30):
        entity = chance.choice(["portfolio", "programme", "project", "project"])
        one, other = chance.sample(NAMES[entity], 2)
        match chance.choice(["join", "join", "part", "undecide", "edit", "move", "risk"]):
            case "join":
                await world.join(entity, one, other)
            case "part":
                await world.part(entity, one, other)
            case "undecide" if world.links:
                await world.undecide(chance.choice(world.links))
            case "move" if entity in above:
                kind, others = above[entity]
                await world.tell(entity, one, **{f"{kind}_id": of(chance.choice(others))})
            case "risk" if entity != "portfolio":
                await world.tell("risk", f"R{one}", title=f"Late {number}")
            case _:
                await world.tell(entity, one, title=f"Title {number}")
        for copy in followers:
            if chance.random() < 0.2:
                await copy.follow()
                await copy.check()
    for copy in followers:
        await copy.follow()
        await copy.check()
