"""What a statement reads: what it answers is proved in tests/register."""

from __future__ import annotations

import re

import pytest

from register.catalog import Entity, catalog
from register.query import (
    Aggregate,
    Query,
    check,
    check_groups,
    parse_fields,
    parse_keys,
    parse_measures,
    parse_order,
)
from register.query.compile_groups import compile_groups
from register.query.compile_page import compile_page
from register.query.scope import permitted, permitted_by


@pytest.mark.parametrize("order", ["-resolved_at", "status", "-project.title", "-children_count"])
def test_a_list_in_an_order_that_no_index_has_is_read_once(order: str) -> None:
    level = check(Query("work_items", fields=parse_fields("id"), order=parse_order(order)))
    for after in (None, ["1", "A", "2"][: len(level.order)]):
        assert compile_page(level, after).sql.count(' FROM "work_item" e') == 1


def test_rows_without_the_value_are_looked_for_where_the_others_do_not_fill_the_page() -> None:
    level = check(Query("work_items", fields=parse_fields("id"), order=parse_order("-assignee_id"), limit=7))
    sql = compile_page(level).sql
    assert sql.count(' FROM "work_item" e') == 2
    assert '(SELECT count(*) FROM "~first") < 8' in sql


@pytest.mark.parametrize(
    ("keys", "measures", "parts"),
    [
        ("project.key,status", "count(),sum(points),avg(points)", 'GROUP BY e."project_id", e."status")'),
        ("year(project.start_planned_on)", "min(due_on)", 'GROUP BY e."project_id")'),
        ("project.key", "count_distinct(status)", None),
        ("project.key,year(due_on)", "count()", None),
        ("status", "count()", None),
    ],
)
def test_what_groups_lead_to_is_looked_up_for_parts_of_them(
    keys: str, measures: str, parts: str | None
) -> None:
    groups = check_groups(
        Aggregate("work_items", keys=parse_keys(keys), measures=parse_measures(measures), limit=5)
    )
    sql = compile_groups(groups).sql
    assert ("GROUP BY e." in sql) is (parts is not None)
    assert parts is None or parts in sql


@pytest.mark.parametrize(
    ("entity", "keys", "late"),
    [
        ("work_items", "project.key,status", True),
        ("risks", "project.programme.key", False),
        ("projects", "id,programme.key", False),
        ("work_items", "iteration.title", False),
        ("work_items", "status", False),
    ],
)
def test_who_sees_most_rows_has_parts_of_groups_looked_at_and_not_each_row(
    entity: str, keys: str, late: bool
) -> None:
    groups = check_groups(
        Aggregate(entity, keys=parse_keys(keys), measures=parse_measures("count()"), limit=5)
    )
    narrow, wide = (compile_groups(groups, scoped=True, wide=wide).sql for wide in (False, True))
    assert ("s.id = p.project_id" in wide) is late
    assert "s.id = p.project_id" not in narrow
    assert late or wide == narrow
    assert compile_groups(groups, past=True, scoped=True, wide=True).sql.count("s.id = p.project_id") == 0


@pytest.mark.parametrize("entity", catalog().values(), ids=list(catalog()))
def test_no_other_column_decides_whether_a_row_is_seen_than_it_is_said(entity: Entity) -> None:
    conditions = permitted(entity, "p", lambda part: f"${part.value}", past=False)
    assert set(re.findall(r"\bp\.(\w+)", " ".join(conditions))) <= permitted_by(entity)


@pytest.mark.parametrize(
    ("fields", "order", "collected"),
    [
        ("id,key", "", 0),
        ("key", "", 1),
        ("id,name:key,due_on", "-due_on,key", 0),
        ("id,key,points", "points,key", 1),  # as a number JSON may say it otherwise
        ("id,title:key,project{key}", "project.key,title", 2),
    ],
)
def test_where_a_page_ends_is_read_from_its_last_row_as_far_as_it_stands_there(
    fields: str, order: str, collected: int
) -> None:
    query = Query("work_items", fields=parse_fields(fields), order=parse_order(order) if order else ())
    statement = compile_page(check(query))
    assert statement.sql.count("array_agg") == statement.places.count(None) == collected
