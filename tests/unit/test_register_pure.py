"""What the register computes without a database: derived fields, ranks, ids; and values through COPY and back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from register.derive import derive, working_days_between
from register.ids import NAMESPACE, derive_id
from register.merge import insert_rows, merge_rows
from register.policy import Policy
from register.settled import Settled
from tests.fix_engine import Engine

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
AWKWARD = st.sampled_from(
    ["\\", "\\N", "\\.", "\\n", "\n", "\t\r", "NULL", "{}", '"', ",", "'", "\\u0000", " ", "\x7f", "�"]
)
WORDS = st.lists(TEXT | AWKWARD, min_size=1, max_size=4)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | AWKWARD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | AWKWARD, inner, max_size=3),
    max_leaves=10,
)


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(-60, 60))
def test_working_days_are_those_from_monday_to_friday(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    low, high = sorted((start, end))
    counted = sum((low + timedelta(days=at)).weekday() < 5 for at in range(1, (high - low).days + 1))
    assert working_days_between(start, end) == (counted if days >= 0 else -counted)


@pytest.mark.parametrize(
    ("values", "slip"),
    [
        ({"baseline_on": "2026-11-20", "planned_on": "2026-11-23"}, 1),
        ({"baseline_on": "2026-11-20", "planned_on": "2026-11-23", "actual_on": "2026-11-19"}, -1),
        ({"baseline_on": "2026-11-20", "planned_on": "x", "forecast_on": "2026-12-04"}, 10),
        ({"baseline_on": "2026-11-20"}, None),
        (
            {"baseline_on": "2026-11-20", "planned_on": "2026-11-23", "slip_days": 1, "status": "cancelled"},
            None,
        ),
        ({"planned_on": "2026-11-20", "slip_days": 7}, None),
    ],
)
def test_a_milestone_slips_against_its_baseline(values: dict[str, Any], slip: int | None) -> None:
    assert derive("milestone", dict(values)).get("slip_days") == slip


def test_a_score_is_the_product_and_never_the_sheets_own() -> None:
    assert derive("risk", {"probability": 3, "impact": 5, "score": 99})["score"] == 15
    assert derive("risk", {"probability": 3, "score": 99, "residual_impact": 2}) == {
        "probability": 3,
        "residual_impact": 2,
    }
    assert derive("work_item", {"score": 99}) == {"score": 99}


def test_ranks_follow_the_field_then_the_default_then_the_file() -> None:
    policy = Policy(("a", "b", "c"), {"project": {"default": ["c"], "budget": ["b"], "manager": ["b", "c"]}})
    assert policy.ranking("project", "title").rank == {"c": 0, "a": 1, "b": 2}
    assert policy.ranking("project", "budget").rank == {"b": 0, "a": 1, "c": 2}
    assert policy.ranking("project", "manager_id").rank == {"b": 0, "c": 1, "a": 2}
    assert policy.ranking("person", "title").rank == {"a": 0, "b": 1, "c": 2}
    assert policy.ranking("project", "manager_id").rule == "precedence.project.manager"
    assert policy.ranking("project", "title").rule == "precedence.project.default"
    assert policy.ranking("person", "title").rule == "order of sources"


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_ids_are_version_5_uuids_of_their_parts(parts: list[str]) -> None:
    assert UUID(derive_id(*parts)) == uuid5(NAMESPACE, "\x1f".join(parts))


def test_ids_stay_what_they_are_for_ever() -> None:
    assert derive_id("delivery", "issue", "10001") == str(uuid5(NAMESPACE, "delivery\x1fissue\x1f10001"))
    assert derive_id("a", "bc") != derive_id("ab", "c")


def floats(value: Any) -> Any:
    """JSON has one kind of number: PostgreSQL writes 1e16 with sixteen zeros."""
    match value:
        case bool() | str() | None:
            return value
        case dict():
            return {key: floats(part) for key, part in value.items()}
        case list():
            return [floats(part) for part in value]
        case _:
            return float(value)


_ROWS: list[int] = []


@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    title=TEXT | AWKWARD,
    tags=WORDS,
    budget=NUMBERS,
    custom=st.dictionaries(TEXT | AWKWARD, DOCUMENTS, max_size=3),
)
async def test_any_value_comes_back_as_it_went_in_by_copy_and_by_update(
    engine: Engine, title: str, tags: list[str], budget: float, custom: dict[str, Any]
) -> None:
    _ROWS.append(0)
    said = {"title": title, "tags": tags, "budget": budget, "custom": custom}
    row_id, record_id = derive_id("row", str(len(_ROWS))), derive_id("record", str(len(_ROWS)))
    row = {**said, "id": row_id, "source": "a", "source_id": "1", "presence": "present"}
    async with engine.pool.acquire() as connection, connection.transaction():
        await insert_rows(connection, "project", [row])
        await connection.execute(
            """
            INSERT INTO source_record (id, source, stream, source_id, payload, content_hash)
            VALUES ($1, 'a', 's', $2, '', '')
            """,
            record_id,
            record_id,
        )
        await connection.execute(
            """
            INSERT INTO claim (record_id, own_id, entity, entity_id, source, values, mapping)
            VALUES ($1, $2, 'project', $2, 'a', $3, '')
            """,
            record_id,
            row_id,
            orjson.dumps(said).decode(),
        )
        kept = orjson.loads(
            await connection.fetchval("SELECT to_jsonb(p) FROM project p WHERE id = $1", row_id)
        )
        assert floats({name: kept[name] for name in said}) == floats(said)
        await connection.execute("UPDATE source_record SET source_id = '1' WHERE id = $1", record_id)
        changes = await merge_rows(connection, "project", [row_id], Policy(), Settled())
        assert changes == [], "the claim says what the row says"
        await connection.execute(
            "UPDATE project SET title = 'x', tags = NULL, budget = 1, custom = NULL, version = 2 WHERE id = $1",
            row_id,
        )
        (change,) = await merge_rows(connection, "project", [row_id], Policy(), Settled())
        orjson.dumps(change.changed)
        kept = orjson.loads(
            await connection.fetchval("SELECT to_jsonb(p) FROM project p WHERE id = $1", row_id)
        )
        assert floats({name: kept[name] for name in said}) == floats(said)
        await connection.execute("UPDATE source_record SET source_id = id::text WHERE id = $1", record_id)


@settings(
    max_examples=30,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=10),
    days=st.lists(st.dates(), min_size=1, max_size=5),
    moments=st.lists(st.datetimes(timezones=st.timezones()), min_size=1, max_size=5),
    level=st.integers(-(2**31), 2**31 - 1),
    refs=st.lists(st.uuids().map(str), max_size=3),
)
async def test_copy_brings_what_postgresql_reads_from_the_same_text(
    engine: Engine,
    numbers: list[float],
    days: list[date],
    moments: list[datetime],
    level: int,
    refs: list[str],
) -> None:
    # Of UTC beyond the years that Python knows nothing can be said.
    written = [m.isoformat() for m in moments if 1 < m.year < 9999] or ["2026-11-22T08:00:00Z"]
    said = [
        {
            "points": numbers[at % len(numbers)],
            "due_on": days[at % len(days)].isoformat(),
            "resolved_at": written[at % len(written)],
            "is_blocked": at % 2 == 0,
            "level": level,
            "iteration_ids": refs,
            "labels": [f"{n}" for n in range(at % 3)],
            **({"project_id": refs[0]} if refs else {}),
        }
        for at in range(10)
    ]
    rows = [
        {**values, "id": derive_id("copied", str(at)), "source": "a", "source_id": "1", "presence": "present"}
        for at, values in enumerate(said)
    ]
    async with engine.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await insert_rows(connection, "work_item", rows)
        shown = await connection.fetch(
            """
            SELECT to_jsonb(w) - 'valid_from' - 'synced_at', to_jsonb(r) - 'valid_from' - 'synced_at'
            FROM work_item w JOIN json_populate_recordset(NULL::work_item, $1) r ON r.id = w.id
            """,
            orjson.dumps([{**row, "version": 1} for row in rows]).decode(),
        )
        await transaction.rollback()
    assert len(shown) == 10
    assert all(copied == read for copied, read in shown)


async def test_rows_of_any_size_are_copied_whole_and_one_that_cannot_be_leaves_none(engine: Engine) -> None:
    sizes = [0, 1, 100, 131_000, 131_072, 400_000, 5, 70_000, 70_000, 3]
    rows = [
        {"title": chr(97 + at) * size, "id": derive_id("sized", str(at)), "source": "a", "source_id": str(at),
         "presence": "present"}
        for at, size in enumerate(sizes)
    ]  # fmt: skip
    count = "SELECT count(*) FROM project WHERE id = ANY($1::uuid[])"
    ids = [row["id"] for row in rows]
    async with engine.pool.acquire() as connection:
        with pytest.raises(ValueError, match="fromhex"):
            await insert_rows(connection, "project", [*rows, {**rows[0], "id": "no id"}])
        assert await connection.fetchval(count, ids) == 0
        transaction = connection.transaction()
        await transaction.start()
        await insert_rows(connection, "project", rows)
        kept = await connection.fetch(
            "SELECT title FROM project WHERE id = ANY($1::uuid[]) ORDER BY source_id", ids
        )
        await transaction.rollback()
    assert [row[0] for row in kept] == [row["title"] for row in rows]
