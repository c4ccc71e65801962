"""What the register showed at an instant is what it shows `as_of` that instant, to the byte."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from register.db import open_read_pool
from register.errors import RowNotFound
from register.query import (
    AsOf,
    Lanes,
    Prepared,
    Query,
    check,
    parse_as_of,
    parse_fields,
    parse_filter,
    parse_order,
    past,
    read_page,
    read_row,
    shape_of,
)
from register.query.near import read_near
from tests.register.histories import BEGIN, END, History, Row, State, lived

NESTED = (
    "id,key,stage,budget,tags,custom,version,presence,valid_from,programme{key,title},manager{name},"
    'work_items(order:"-points,key",limit:3){key,status,assignee{name},project{key}},'
    'late:milestones(filter:"slip_days > 0"){id,kind},first:work_items(limit:2){key,title},'
    'todo:work_items(filter:"status IS NOT NULL",limit:1){key}'
)
# collection, fields, filter, order
QUESTIONS = [
    ("projects", NESTED, "", ""),
    ("projects", "key", "none(work_items, status = 'done')", "-budget,key"),
    ("projects", "key", "any(work_items.assignee, name = 'Ana') OR programme.key = 'ERP'", "programme.title"),
    ("projects", "key,presence", "presence != 'present' AND tags = 'x'", "-key"),
    ("work_items", "key,parent{key,parent{key}}", "project.programme.key = 'ERP'", "-due_on,assignee.title"),
    ("work_items", "key,due_on", "status IN ('todo', 'done') AND NOT points > 1", "status"),
    ("work_items", "key", "key > parent.key AND version >= project.version", "-key"),
    ("people", "id,name,email", "", "-email"),
]  # fmt: skip


@pytest.fixture
async def lanes(database: str) -> AsyncIterator[Lanes]:
    pool = await open_read_pool(database, size=1)
    lanes = Lanes(pool)
    yield lanes
    await lanes.close()
    await pool.close()


@pytest.fixture
async def owner(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
        )
    yield connection
    await connection.close()


def prepared(question: tuple[str, str, str, str], as_of: AsOf | None = None, limit: int = 100) -> Prepared:
    collection, fields, where, order = question
    query = Query(
        collection,
        fields=parse_fields(fields),
        filter=parse_filter(where) if where else None,
        order=parse_order(order) if order else (),
        limit=limit,
    )
    return Prepared.of(check(query), shape_of(*question), as_of)


def of(instant: datetime) -> AsOf:
    return parse_as_of(instant.isoformat())


async def shown(lanes: Lanes, question: tuple[str, str, str, str], as_of: AsOf | None = None) -> bytes:
    body = (await read_page(lanes, b"s", prepared(question, as_of))).body
    return body[: body.index(b',"next"')]


async def _recorded_and_asked(
    lanes: Lanes, owner: asyncpg.Connection, *, seed: int, steps: int, instants: int
) -> None:
    history = History(owner, seed)
    record: list[list[bytes]] = []
    for _ in range(steps):
        await history.step((END - BEGIN) / (steps + 1))
        record.append([await shown(lanes, question) for question in QUESTIONS])
    empty = b'{"data":[]'
    chance = random.Random(seed)
    for _ in range(instants):
        instant = BEGIN + chance.random() * (END - BEGIN)
        if chance.random() < 0.2:  # the very moment of a change, and the last before it
            instant = chance.choice(history.steps)[0] - timedelta(microseconds=chance.choice([0, 1]))
        last = sum(when <= instant for when, _ in history.steps)
        for at, question in enumerate(QUESTIONS):
            expected = record[last - 1][at] if last else empty
            assert await shown(lanes, question, of(instant)) == expected, (seed, instant, question)
        state = history.at(instant)
        for question, naive in NAIVE:
            answer = orjson.loads(await shown(lanes, question, of(instant)) + b"}")["data"]
            assert answer == naive(state, instant), (seed, instant, question)
    assert await owner.fetchval("SELECT count(*) FROM work_item_history") > steps / 10


async def test_at_200_instants_of_two_years_the_register_is_what_it_showed_then(
    lanes: Lanes, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is near is looked for in another order than what is long ago: here each is half of the time.
    monkeypatch.setattr(past, "NEAR", datetime.now(UTC) - (BEGIN + (END - BEGIN) / 2))
    await _recorded_and_asked(lanes, owner, seed=4, steps=250, instants=200)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
async def test_at_many_instants_of_many_histories_the_register_is_what_it_showed_then(
    lanes: Lanes, owner: asyncpg.Connection, seed: int
) -> None:
    await _recorded_and_asked(lanes, owner, seed=seed, steps=3_000, instants=1_000)


def _present(rows: dict[UUID, Row]) -> list[Row]:
    found = [row for row in rows.values() if row["presence"] == "present"]
    return sorted(found, key=lambda row: (row["key"] is None, row["key"] or "", str(row["id"])))


def _naive_nested(state: State, instant: datetime) -> list[Row]:
    people = state["person"]
    return [
        {
            "key": project["key"],
            "manager": {"name": people[project["manager_id"]]["title"]} if project["manager_id"] in people else None,
            "work_items": [
                {"key": item["key"], "status": item["status"]}
                for item in _present(state["work_item"])
                if item["project_id"] == project["id"]
            ],
        }
        for project in _present(state["project"])
    ]  # fmt: skip


def _naive_filtered(state: State, instant: datetime) -> list[Row]:
    return [
        {"key": item["key"]}
        for item in _present(state["work_item"])
        if item["due_on"] is not None
        and item["due_on"] < instant.date()
        and (project := state["project"].get(item["project_id"])) is not None
        and (programme := state["programme"].get(project["programme_id"])) is not None
        and programme["key"] == "ERP"
    ]


def _naive_hidden(state: State, instant: datetime) -> list[Row]:
    gone = [row for row in state["project"].values() if row["presence"] != "present"]
    return [{"version": row["version"]} for row in sorted(gone, key=lambda row: str(row["id"]))]


NAIVE: list[tuple[tuple[str, str, str, str], Callable[[State, datetime], list[Row]]]] = [
    (("projects", "key,manager{name},work_items(limit:200){key,status}", "", ""), _naive_nested),
    (("work_items", "key", "project.programme.key = 'ERP' AND due_on < today()", ""), _naive_filtered),
    (("projects", "version", "presence != 'present'", "id"), _naive_hidden),
]


async def test_pages_of_the_past_are_all_of_one_moment_which_the_cursor_keeps(
    lanes: Lanes, owner: asyncpg.Connection
) -> None:
    history = await lived(owner, 1, steps=60, rows=12)
    instant = history.steps[40][0]
    question = ("work_items", "id,version", "presence IS NOT NULL", "-status")
    whole = orjson.loads(await shown(lanes, question, of(instant)) + b"}")["data"]
    found: list[Row] = []
    cursor = None
    while True:
        # Only the first page names the instant; meanwhile everything goes on changing.
        asked = prepared(question, of(instant) if cursor is None else None, limit=2)
        answer = await read_page(lanes, b"s", asked, cursor)
        body = orjson.loads(answer.body)
        assert datetime.fromisoformat(body["meta"]["as_of"]) == instant
        found += body["data"]
        await history.step(timedelta(minutes=1))
        cursor = answer.next
        if cursor is None:
            break
    assert found == whole
    assert len(found) > 4


@pytest.mark.parametrize("order", ["key", "-key", "key,-status", "-key,id"])
async def test_pages_that_end_at_a_key_nearby_are_the_same_as_one_long_page(
    lanes: Lanes, owner: asyncpg.Connection, order: str
) -> None:
    history = await lived(owner, 3, steps=150, rows=60, entities=("work_item",))
    # Keys as tools have them: the key is written into the statement.
    for n, key in enumerate(["it's", "'; DROP TABLE x; --", "\\", "\\+00", "é😀", "$1", "", "%", None, None]):
        await owner.execute(
            "INSERT INTO work_item (id, key, valid_from) VALUES ($1, $2, $3)", UUID(int=900 + n), key, BEGIN
        )
    chance = random.Random(3)
    question = ("work_items", "id,key,version", "", order)
    nearby = 0
    for _ in range(12):
        instant = BEGIN + chance.random() * (END - BEGIN)
        whole = orjson.loads(await shown(lanes, question, of(instant)) + b"}")["data"]
        found: list[Row] = []
        cursor = None
        while True:
            answer = await read_page(lanes, b"s", prepared(question, of(instant), limit=2), cursor)
            found += orjson.loads(answer.body)["data"]
            cursor = answer.next
            if cursor is None:
                break
        assert found == whole
        level = prepared(question, of(instant), limit=2).level
        nearby += await read_near(lanes, level, None, instant, {}) is not None
    assert nearby > 6, "most first pages are found nearby"
    assert len(history.at(END)["work_item"]) > 40


async def test_a_row_answers_as_it_was_and_not_before_it_was_there(
    lanes: Lanes, owner: asyncpg.Connection
) -> None:
    history = await lived(owner, 2, steps=80)
    level = check(Query("projects", fields=parse_fields("version,key,presence")))
    seen = 0
    for when, state in history.steps:
        for row_id in range(1, 7):
            expected = state["project"].get(UUID(int=row_id))
            if expected is None:
                with pytest.raises(RowNotFound):
                    await read_row(lanes, level, str(UUID(int=row_id)), of(when))
                continue
            row = orjson.loads((await read_row(lanes, level, str(UUID(int=row_id)), of(when))).body)["data"]
            assert row == {name: expected[name] for name in ("version", "key", "presence")}
            seen += row["presence"] == "deleted"
    assert seen


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-09-30", datetime(2026, 9, 30, 23, 59, 59, 999999, UTC)),
        ("2026-11-22", NOW),
        ("2026-09-30T12:00:00Z", datetime(2026, 9, 30, 12, tzinfo=UTC)),
        ("2026-09-30T12:00:00.25+02:00", datetime(2026, 9, 30, 10, 0, 0, 250000, UTC)),
        ("2026-09-30T12:00 02:00", datetime(2026, 9, 30, 10, tzinfo=UTC)),  # a plus that was not encoded
        ("2026-11-22T12:00:01Z", NOW + timedelta(seconds=1)),  # the database's clock is a little ahead
    ],
)
def test_a_date_is_the_end_of_its_day_and_an_instant_itself(text: str, meant: datetime) -> None:
    as_of = parse_as_of(text)
    assert as_of.instant(NOW) == meant
    assert as_of.means(meant)
    assert not as_of.means(meant - timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("2026-11-23", 0, "future"),
        ("2026-11-22T12:01:00Z", 0, "future"),
        ("9999-12-31", 0, "future"),
        ("2026-09-31", 0, "no date that there is"),
        ("0001-01-01T00:00:00+14:00", 0, "no date that there is"),
        ("2026-09-30T12:00:00", 19, "no zone"),
        ("yesterday", 0, "neither"),
        ("2026/09/30", 4, "neither"),
        ("2026-09-3O", 9, "neither"),
        ("2026-09", 7, "neither"),
        ("", 0, "neither"),
        ("٢٠٢٦-٠٩-٣٠", 0, "neither"),
    ],
)
def test_what_is_no_instant_of_the_past_is_refused_at_the_character(
    text: str, position: int, message: str
) -> None:
    with pytest.raises(Exception, match=message) as caught:
        parse_as_of(text).instant(NOW)
    found: Any = caught.value
    assert (found.code, found.parameter, found.position) == ("QRY001", "as_of", position)
