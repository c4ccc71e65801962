"""Walking all pages gives exactly the rows that a naive evaluation in Python gives, in its order, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cmp_to_key
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from register.db import open_read_pool
from register.query import (
    Lanes,
    Prepared,
    Query,
    check,
    parse_fields,
    parse_filter,
    parse_order,
    read_page,
    shape_of,
)

_PEOPLE = [{"id": UUID(int=n), "title": title} for n, title in ((1, "Ana"), (2, "Ben"), (3, None))]
_INSTANT = datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))
_ROW = st.fixed_dictionaries(
    {
        "key": st.sampled_from([None, "A", "B", "a", "é", '", \n {"id": "', "\\"]),
        "assignee_id": st.sampled_from([None, *(person["id"] for person in _PEOPLE), UUID(int=99)]),
        "points": st.sampled_from([None, 0, 1, 2, 2.5]),
        "level": st.sampled_from([None, 1, 2]),
        "due_on": st.sampled_from([None, date(2026, 3, 1), date(2026, 3, 2)]),
        "created_at": st.sampled_from(
            [None, datetime(1, 1, 1, tzinfo=UTC), _INSTANT, _INSTANT.replace(microsecond=7)]
        ),
        "is_blocked": st.sampled_from([None, True, False]),
        "presence": st.sampled_from(["present", "present", "present", "deleted"]),
    }
)
_TERMS = st.lists(
    st.sampled_from(
        [
            "key",
            "points",
            "level",
            "due_on",
            "created_at",
            "is_blocked",
            "assignee.title",
            "assignee_id",
            "id",
        ]
    ),
    max_size=3,
    unique=True,
)


_FIELDS = (
    "id",
    "id,key",
    "id,due_on,key:title,named:key,created_at,level,points",
    "id,assignee_id,assignee{title}",
)
"""What pages show: where they end is read from there, as far as it stands there."""


def _title(row: dict[str, Any]) -> str | None:
    return next((person["title"] for person in _PEOPLE if person["id"] == row["assignee_id"]), None)


_FILTERS: dict[str, Any] = {
    "": lambda row: True,
    "points > 1": lambda row: row["points"] is not None and row["points"] > 1,
    "NOT points > 1": lambda row: row["points"] is None or row["points"] <= 1,
    "points != 2 AND level IS NOT NULL": lambda row: row["points"] != 2 and row["level"] is not None,
    "key IN ('A', 'é') OR is_blocked = true": lambda row: (
        row["key"] in ("A", "é") or row["is_blocked"] is True
    ),
    "assignee.title = 'Ana'": lambda row: _title(row) == "Ana",
    "NOT assignee.title = 'Ana'": lambda row: _title(row) != "Ana",
    "any(assignee, title IS NULL)": lambda row: row["assignee_id"] == UUID(int=3),
}


@pytest.fixture
def lanes(register_url: str) -> Iterator[Any]:
    with asyncio.Runner() as runner:

        async def start() -> tuple[Any, Any, Lanes]:
            owner = await asyncpg.connect(register_url)
            await owner.executemany(
                "INSERT INTO person (id, title) VALUES ($1, $2)", [tuple(p.values()) for p in _PEOPLE]
            )
            pool = await open_read_pool(register_url, size=1)
            return owner, pool, Lanes(pool)

        owner, pool, opened = runner.run(start())
        yield runner, owner, opened

        async def stop() -> None:
            await opened.close()
            await pool.close()
            await owner.close()

        runner.run(stop())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(_ROW, max_size=12),
    where=st.sampled_from(sorted(_FILTERS)),
    order=_TERMS.flatmap(lambda terms: st.tuples(*(st.sampled_from([term, f"-{term}"]) for term in terms))),
    limit=st.integers(1, 4),
    fields=st.sampled_from(_FIELDS),
)
def test_all_pages_together_are_the_rows_in_their_order_each_once(
    lanes: Any, rows: list[dict[str, Any]], where: str, order: tuple[str, ...], limit: int, fields: str
) -> None:
    runner, owner, opened = lanes
    rows = [{"id": UUID(int=1000 + (at * 7) % 13), **row} for at, row in enumerate(rows)]
    expected = _naive(rows, where, order)
    shown = runner.run(_walk(owner, opened, rows, _prepared(where, order, limit, fields)))
    assert shown == [str(row["id"]) for row in expected]


def test_rows_that_come_and_go_between_pages_move_nobody_else(lanes: Any) -> None:
    runner, owner, opened = lanes

    async def walk() -> list[str]:
        await _fill(owner, [{"id": UUID(int=n), "key": f"K{n:03}"} for n in range(10, 30)])
        prepared = _prepared("", (), 5)
        found: list[str] = []
        cursor = None
        for turn in range(9):
            answer = await read_page(opened, b"s", prepared, cursor)
            found += [row["key"] for row in orjson.loads(answer.body)["data"]]
            await owner.execute(
                "INSERT INTO work_item (id, key) VALUES ($1, $2)", UUID(int=100 + turn), f"A{turn}"
            )
            await owner.execute("DELETE FROM work_item WHERE key = $1", found[-1])
            cursor = answer.next
            if cursor is None:
                return found
        raise AssertionError("the pages do not end")

    assert runner.run(walk()) == [f"K{n:03}" for n in range(10, 30)]


async def _walk(owner: Any, lanes: Lanes, rows: list[dict[str, Any]], prepared: Prepared) -> list[str]:
    await _fill(owner, rows)
    found: list[str] = []
    cursor = None
    while True:
        answer = await read_page(lanes, b"s", prepared, cursor)
        page = [row["id"] for row in orjson.loads(answer.body)["data"]]
        assert len(page) <= prepared.level.limit
        assert answer.next is None or len(page) == prepared.level.limit
        found += page
        cursor = answer.next
        if cursor is None:
            return found


def _prepared(where: str, order: tuple[str, ...], limit: int, fields: str = "id,key") -> Prepared:
    query = Query(
        "work_items",
        fields=parse_fields(fields),
        filter=parse_filter(where) if where else None,
        order=parse_order(",".join(order)) if order else (),
        limit=limit,
    )
    return Prepared.of(check(query), shape_of(where, *order))


async def _fill(owner: Any, rows: list[dict[str, Any]]) -> None:
    await owner.execute("TRUNCATE work_item")
    for row in rows:
        names = ", ".join(row)
        await owner.execute(
            f"INSERT INTO work_item ({names}) VALUES ({', '.join(f'${n}' for n in range(1, len(row) + 1))})",
            *row.values(),
        )


def _naive(rows: list[dict[str, Any]], where: str, order: tuple[str, ...]) -> list[dict[str, Any]]:
    terms = [*(order or ("key",)), "id"]

    def compare(one: dict[str, Any], other: dict[str, Any]) -> int:
        for term in terms:
            name = term.removeprefix("-")
            a, b = ((_title(row) if name == "assignee.title" else row[name]) for row in (one, other))
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return (1 if a > b else -1) * (-1 if term.startswith("-") else 1)
        return 0

    kept = [row for row in rows if row["presence"] == "present" and _FILTERS[where](row)]
    return sorted(kept, key=cmp_to_key(compare))
