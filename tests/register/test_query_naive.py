"""Random queries, in random scopes, over a small world: PostgreSQL's answers are those of loops over dictionaries."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from register.db import Connection, open_read_pool
from register.export import FORMATS, compile_export, copy_out
from register.query import (
    Aggregate,
    AsOf,
    Lanes,
    Prepared,
    PreparedGroups,
    Query,
    check,
    check_groups,
    parse_as_of,
    parse_fields,
    parse_filter,
    parse_keys,
    parse_measures,
    parse_order,
    read_page,
    shape_of,
)
from register.query.scope import RowScope
from tests.register.naive_query import Naive, Row
from tests.register.world import DAYS, NOW, NUMBERS, TEXTS, TODAY, WORLD, scopes


@pytest.fixture
async def filled(database: str) -> str:
    connection = await asyncpg.connect(database)
    for entity, rows in WORLD.items():
        for row in rows:
            names, marks = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
            await connection.execute(f"INSERT INTO {entity} ({names}) VALUES ({marks})", *row.values())
    await connection.close()
    return database


# What can be asked of each entity, as it is written: fields by what they hold, and relations.
FIELDS: dict[str, dict[str, list[str]]] = {
    "project": {
        "text": ["key", "title", "programme.key", "manager.title"], "number": ["budget", "milestones_count"],
        "date": ["start_planned_on"], "word": ["stage"], "texts": ["tags"], "flag": [], "presence": ["presence"],
    },
    "work_item": {
        "text": ["key", "title", "project.key", "project.programme.title", "parent.title"],
        "number": ["points", "project.budget", "children_count", "project.work_items_count"],
        "date": ["due_on", "project.start_planned_on"], "word": ["status"], "texts": ["labels"],
        "flag": ["is_blocked"], "presence": ["presence"],
    },
    "milestone": {
        "text": ["key", "title", "project.title"], "number": ["slip_days"], "date": ["planned_on"], "word": [],
        "texts": [], "flag": [], "presence": ["presence"],
    },
}  # fmt: skip
WORDS = {"stage": ["delivery", "closing", "closed"], "status": ["todo", "done", "cancelled"]}
RELATIONS = {
    "project": {"milestones": "milestone", "work_items": "work_item", "manager": None, "programme.projects": "project"},
    "work_item": {"project": "project", "project.milestones": "milestone", "children": "work_item", "milestones": "milestone", "assignee": None},
    "milestone": {"project": "project", "work_items": "work_item", "project.work_items": "work_item"},
}  # fmt: skip
_text = st.sampled_from([f"'{text}'" for text in (*TEXTS, "A1", "same", "p1", "w2", "%", "_")])
_number = st.sampled_from([str(n) for n in (*NUMBERS, -1, 2.5)])
_day = st.sampled_from([*(f"'{day}'" for day in DAYS), "today()", "today(-31d)", "today(+45d)"])
_ordered = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "ge", "ne"])


@st.composite
def comparisons(draw: Any, entity: str) -> str:
    fields = FIELDS[entity]
    kind = draw(st.sampled_from([kind for kind, names in fields.items() if names]))
    name = draw(st.sampled_from(fields[kind]))
    if draw(st.integers(0, 9)) == 0:
        return f"{name} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    values = {"text": _text, "number": _number, "date": _day, "texts": _text}.get(kind)
    if kind in ("word", "presence"):
        known = WORDS.get(name, ["present", "deleted"])
        values = st.sampled_from([f"'{word}'" for word in known])
    if kind == "flag":
        return f"{name} {draw(st.sampled_from(['=', '!=']))} {draw(st.sampled_from(['true', 'false']))}"
    assert values is not None
    if draw(st.integers(0, 4)) == 0:
        listed = ", ".join(draw(st.lists(values, min_size=1, max_size=3)))
        return f"{name} {draw(st.sampled_from(['', 'NOT ']))}IN ({listed})"
    if kind in ("text", "texts") and draw(st.integers(0, 3)) == 0:
        return f"{name} ~ {draw(_text.filter(lambda text: text not in ('', chr(39) * 2)))}"
    if kind in ("word", "presence", "texts"):
        return f"{name} {draw(st.sampled_from(['=', '!=']))} {draw(values)}"
    if draw(st.integers(0, 2)) == 0:
        return draw(worked_out(kind, name, fields))
    return f"{name} {draw(_ordered)} {draw(values)}"


@st.composite
def worked_out(draw: Any, kind: str, name: str, fields: dict[str, list[str]]) -> str:
    other = draw(st.sampled_from(fields[kind]))
    forms = {
        "text": [
            f"contains({name}, {draw(_text)})", f"starts_with(lower({name}), {draw(_text)})",
            f"ends_with({name}, {other})", f"length({name}) {draw(_ordered)} {draw(_number)}",
            f"concat({name}, {other}) = {draw(_text)}", f"index_of({name}, {draw(_text)}) = 0",
            f"substring({name}, 1) {draw(_ordered)} {draw(_text)}", f"upper({name}) IN ('A1', 'B2')",
            f"{name} {draw(_ordered)} lower({other})", f"{name} = {other}",
        ],
        "number": [
            f"add({name}, {draw(_number)}) {draw(_ordered)} {draw(_number)}", f"multiply({name}, {other}) > {name}",
            f"divide({name}, {draw(_number)}) {draw(_ordered)} {draw(_number)}", f"negative({name}) < {draw(_number)}",
            f"{name} {draw(_ordered)} {other}", f"subtract({other}, {name}) IS NULL",
        ],
        "date": [
            f"year({name}) {draw(_ordered)} {TODAY.year}", f"month({name}) IN (1, 2, 11)", f"{name} < {other}",
            f"start_of_month({name}) = start_of_month({draw(_day)})", f"quarter({name}) = 4", f"weekday({name}) < 4",
            f"days_between({name}, {draw(_day)}) {draw(_ordered)} {draw(_number)}", f"week({name}) > 20",
        ],
    }  # fmt: skip
    return draw(st.sampled_from(forms[kind]))


def conditions(entity: str | None, depth: int = 2) -> st.SearchStrategy[str]:
    if entity is None:
        return st.sampled_from(["title = 'a1'", "key IS NULL"])
    simple = comparisons(entity)
    if depth == 0:
        return simple
    inner = conditions(entity, depth - 1)
    below = st.sampled_from(sorted(RELATIONS[entity])).flatmap(
        lambda path: st.tuples(
            st.sampled_from(["any", "none"]),
            st.one_of(st.none(), conditions(RELATIONS[entity][path], depth - 1)),
        ).map(lambda found: f"{found[0]}({path}{'' if found[1] is None else ', ' + found[1]})")
    )
    joined = st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
    return st.one_of(simple, below, joined, inner.map(lambda text: f"NOT ({text})"))


def orders(entity: str) -> st.SearchStrategy[str]:
    names = [name for kind in ("text", "number", "date", "word") for name in FIELDS[entity][kind]]
    term = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(names)).map("".join)
    return st.lists(term, max_size=3, unique_by=lambda text: text.lstrip("-")).map(",".join)


_slow = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def just_now(past: bool) -> AsOf | None:
    """What was a moment ago is the same, read another way."""
    return parse_as_of(datetime.now(UTC).isoformat()) if past else None


COLLECTIONS = {"project": "projects", "work_item": "work_items", "milestone": "milestones"}


@st.composite
def questions(draw: Any) -> tuple[str, str | None, str, int]:
    entity = draw(st.sampled_from(sorted(FIELDS)))
    return (
        entity,
        draw(st.one_of(st.none(), conditions(entity))),
        draw(orders(entity)),
        draw(st.integers(1, 5)),
    )


async def paged(lanes: Lanes, prepared: Any, scope: RowScope | None) -> list[Any]:
    """All pages, one after the other."""
    found: list[Any] = []
    cursor = None
    while True:
        answer = await read_page(lanes, b"secret", prepared, cursor, scope)
        found += orjson.loads(answer.body)["data"]
        cursor = answer.next
        if cursor is None:
            return found


async def exported(connection: Connection, level: Any, scope: RowScope | None) -> list[str]:
    export = compile_export(level, "csv", scope=scope)
    text = b"".join([piece async for piece in copy_out(connection, export, FORMATS["csv"])]).decode()
    return [row["id"] for row in csv.DictReader(io.StringIO(text))]


@settings(max_examples=120, **_slow)
@given(question=questions(), scope=scopes, past=st.booleans())
async def test_a_random_list_shows_the_rows_that_a_loop_finds_in_their_order_page_by_page(
    filled: str, question: Any, scope: RowScope | None, past: bool
) -> None:
    await _same(filled, question, scope, past)


@pytest.mark.soak
@settings(max_examples=4_000, **_slow)
@given(question=questions(), scope=scopes, past=st.booleans())
async def test_many_random_lists_show_the_rows_that_a_loop_finds(
    filled: str, question: Any, scope: RowScope | None, past: bool
) -> None:
    await _same(filled, question, scope, past)


async def _same(database: str, question: Any, scope: RowScope | None, past: bool) -> None:
    entity, condition, order, limit = question
    query = Query(
        COLLECTIONS[entity],
        fields=parse_fields("id"),
        filter=parse_filter(condition) if condition else None,
        order=parse_order(order) if order else (),
        limit=limit,
        count=True,
    )
    level = check(query)
    wanted = [str(row["id"]) for row in Naive(WORLD, scope, NOW).rows(level)]
    pool = await open_read_pool(database, size=1)
    lanes = Lanes(pool)
    try:
        prepared = Prepared.of(level, shape_of("x"), just_now(past), scoped=scope is not None)
        assert [row["id"] for row in await paged(lanes, prepared, scope)] == wanted
        first = await read_page(lanes, b"secret", prepared, scope=scope)
        assert orjson.loads(first.body)["meta"]["count"] == len(wanted)
        await lanes.close()
        async with pool.acquire() as connection:
            assert await exported(connection, level, scope) == wanted
    finally:
        await lanes.close()
        await pool.close()


GROUPED = (
    "project.key",
    "project.programme.title",
    "year(project.start_planned_on)",
    "status",
    "year(due_on)",
    "month:start_of_month(due_on)",
    "is_blocked",
    "project.work_items_count",
)
MEASURED = (
    "n:count()", "has:count(points)", "kinds:count_distinct(status)", "total:sum(points)", "mean:avg(points)", "low:min(due_on)",
    "high:max(project.budget)", "some:count_if(points > 1 OR any(milestones))",
)  # fmt: skip


@settings(max_examples=60, **_slow)
@given(
    keys=st.lists(st.sampled_from(GROUPED), max_size=3, unique=True),
    measures=st.lists(st.sampled_from(MEASURED), min_size=1, max_size=4, unique=True),
    condition=st.one_of(st.none(), conditions("work_item", 1)),
    limit=st.integers(1, 4),
    scope=scopes,
    past=st.booleans(),
    wide=st.booleans(),
)
async def test_random_groups_are_those_that_a_loop_makes(
    filled: str,
    keys: list[str],
    measures: list[str],
    condition: str | None,
    limit: int,
    scope: RowScope | None,
    past: bool,
    wide: bool,
) -> None:
    groups = check_groups(
        Aggregate(
            "work_items",
            keys=parse_keys(",".join(keys)),
            measures=parse_measures(",".join(measures)),
            filter=parse_filter(condition) if condition else None,
            limit=limit,
            totals=True,
        )
    )
    naive = Naive(WORLD, scope, NOW)
    pool = await open_read_pool(filled, size=1)
    lanes = Lanes(pool)
    try:
        prepared = PreparedGroups.of(
            groups, shape_of("y"), just_now(past), scoped=scope is not None, wide=wide
        )
        found = await paged(lanes, prepared, scope)
    finally:
        await lanes.close()
        await pool.close()
    assert _comparable(found) == _comparable(naive.groups(groups))


def _comparable(rows: list[Row]) -> list[str]:
    def plain(value: Any) -> Any:
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return value
        return value.isoformat() if isinstance(value, date) else float(value)

    return sorted(str({name: plain(value) for name, value in row.items()}) for row in rows)
