"""Records through rules: ids that depend on the thing alone, references, repairs, and no surprise whatever comes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings

from mapping.apply import Mapped, MappedRow, Mapper
from mapping.errors import FieldUnmapped
from mapping.load import load_mapping, parse_mapping
from mapping.meaning import RuleOf, compare
from portbook.wiring import entities
from tests.unit.test_mapping_verbs import JSON

RULES = """
rules:
  - stream: issue
    into: work_item
    when: title
    fields:
      title: {from: title}
      description: {from: text, as: adf}
      status: {from: status, lookup: status}
      type: {from: type, default: task}
      points: {from: points}
      level: {from: level}
      due_on: {from: due}
      labels: {from: labels}
      project: {from: project, ref: project}
      assignee: {from: who, ref: person, lookup: people}
      iterations: {from: sprints, ref: iteration}
      priority: {const: high}
      custom: {Value: {from: value}, Score: {from: score, as: number}}
  - stream: issue
    into: dependency
    each: links
    id: id
    when: kind
    fields:
      kind: {from: kind}
      from_work_item: {from: record.key, ref: work_item}
      to_work_item: {from: to, ref: work_item, stream: issue}
  - {stream: board, into: risk, fields: {title: {from: t}, project: {const: PAY, ref: project}}}
lookups:
  status: {Open: todo, Done: done}
  people: {mia: m.krystof, nobody: }
"""


def mapper() -> Mapper:
    mapping = parse_mapping("jira", [("rules.yaml", RULES)], entities(), {})
    return Mapper(mapping, lambda stream, name: f"{stream}:{name}")


def first(data: Any) -> tuple[MappedRow, Mapped]:
    mapped = mapper()("issue", "1", {"title": "t", **data})
    return mapped.rows[0], mapped


def codes(mapped: Mapped) -> list[tuple[str, str]]:
    return [(unread.problem.code, unread.rule.name) for unread in mapped.problems]


@settings(max_examples=150)
@given(JSON, JSON, JSON)
def test_whatever_a_record_holds_the_rows_are_json_without_nul(a: Any, b: Any, c: Any) -> None:
    places = (
        "text",
        "status",
        "type",
        "points",
        "level",
        "due",
        "labels",
        "project",
        "who",
        "sprints",
        "value",
        "score",
    )
    data = {"title": "t", "links": a, **{name: (a, b, c)[at % 3] for at, name in enumerate(places)}}
    before = copy.deepcopy(data)
    mapped = mapper()("issue", "1", data)
    assert data == before
    for row in mapped.rows:
        assert "\\u0000" not in json.dumps([row.values, row.references]).replace("\\\\", "")
    assert all(isinstance(u.problem, FieldUnmapped) and u.problem.detail for u in mapped.problems)
    again = mapper()("issue", "1", data)
    assert again.rows == mapped.rows
    assert codes(again) == codes(mapped)


@settings(max_examples=60)
@given(JSON, JSON)
def test_the_builtin_jira_mapping_takes_any_record(fields: Any, extra: Any) -> None:
    mapping = load_mapping("jira", entities())
    call = Mapper(mapping, lambda stream, name: f"{stream}:{name}")
    for data in (
        fields,
        {"fields": fields, "portbook": extra},
        {"fields": {"summary": fields, "status": {"name": extra}}},
    ):
        for stream in ("issue", "project", "user", "version", "sprint", "worklog"):
            json.dumps([row.values for row in call(stream, "1", data).rows])


def test_nul_is_repaired_in_text_lists_and_documents_and_told() -> None:
    row, mapped = first({"text": "a\0b", "labels": ["c\0d", "e"], "value": {"k\0": ["\0", {"x": "y\0"}]}})
    assert row.values["description"] == "a�b"
    assert row.values["labels"] == ["c�d", "e"]
    assert row.values["custom"] == {"Value": {"k�": ["�", {"x": "y�"}]}}
    assert codes(mapped) == [("MAP103", "description"), ("MAP103", "labels"), ("MAP103", "Value")]


def test_an_escaped_backslash_that_looks_like_nul_is_left_alone() -> None:
    row, mapped = first({"text": "C:\\u0000"})
    assert (row.values["description"], mapped.problems) == ("C:\\u0000", [])


def test_nul_in_what_names_another_row_reaches_no_statement() -> None:
    row, _ = first({"project": "P\0Y", "sprints": ["a\0"]})
    assert row.values["project_id"] == "project:P�Y"
    assert {reference.word for reference in row.references} == {"P�Y", "a�"}


def test_an_unknown_word_is_a_problem_and_leaves_the_field_empty() -> None:
    row, mapped = first({"status": "Odd", "type": "epik"})
    assert not {"status", "type"} & set(row.values)
    assert codes(mapped) == [("MAP102", "status"), ("MAP102", "type")]
    assert "rules.yaml:9" in mapped.problems[0][0].detail


def test_words_are_looked_up_without_case_and_space_and_an_empty_one_is_nothing() -> None:
    row, mapped = first({"status": " dONE ", "who": "Nobody"})
    assert (row.values["status"], mapped.problems) == ("done", [])
    assert "assignee_id" not in row.values
    assert "status" not in first({"status": " "})[0].values


def test_a_default_stands_in_for_what_is_missing_and_not_for_what_is_wrong() -> None:
    assert first({})[0].values["type"] == "task"
    assert "type" not in first({"type": "epik"})[0].values


def test_references_are_derived_from_what_the_tool_wrote() -> None:
    row, _ = first({"project": 10001, "who": "MIA", "sprints": [7, None, "8"]})
    assert row.values["project_id"] == "project:10001"
    assert row.values["assignee_id"] == "person:m.krystof"
    assert row.values["iteration_ids"] == ["iteration:7", "iteration:8"]
    assert [reference.column for reference in row.references] == [
        "project_id",
        "assignee_id",
        *["iteration_ids"] * 2,
    ]


@pytest.mark.parametrize("named", [{"id": 1}, [1], {}, []])
def test_what_cannot_name_a_row_is_a_problem(named: Any) -> None:
    row, mapped = first({"project": named})
    assert "project_id" not in row.values
    assert codes(mapped) == [("MAP101", "project")]


def test_a_constant_reference_names_a_row_like_any_other() -> None:
    (row,) = mapper()("board", "1", {}).rows
    assert row.values == {"project_id": "project:PAY"}
    assert row.references[0].word == "PAY"


def test_an_element_that_two_records_show_has_one_id() -> None:
    link = {"id": 9, "kind": "blocks", "to": "2"}
    rows = [
        mapper()("issue", name, {"title": "t", "key": name, "links": [link]}).rows[1] for name in ("1", "2")
    ]
    assert {row.id for row in rows} == {"issue/links:9"}
    assert all(row.shared and row.source_id == "9" for row in rows)
    assert rows[0].values["from_work_item_id"] == "issue:1"
    assert rows[0].values["to_work_item_id"] == "issue:2"


def test_elements_without_an_id_or_a_condition_are_left_out() -> None:
    links = [
        {"kind": "blocks"},
        {"id": 1},
        "x",
        None,
        {"id": [2], "kind": "blocks"},
        {"id": 3, "kind": "blocks"},
    ]
    rows = mapper()("issue", "1", {"title": "t", "links": links}).rows
    assert [row.source_id for row in rows[1:]] == ["3"]


def test_a_record_of_two_rows_may_call_the_one_by_another_name() -> None:
    rules = """
rules:
  - {stream: task, into: work_item, id: work, fields: {title: {from: t}}}
  - {stream: task, into: milestone, fields: {title: {from: t}}}
"""
    two = Mapper(
        parse_mapping("jira", [("r.yaml", rules)], entities(), {}), lambda stream, name: f"{stream}:{name}"
    )
    named = {
        row.entity: (row.id, row.source_id) for row in two("task", "1", {"t": "x", "work": "1:work"}).rows
    }
    assert named == {"work_item": ("task:1:work", "1:work"), "milestone": ("task:1", "1")}
    assert {row.id for row in two("task", "1", {"t": "x", "work": None}).rows} == {"task:1"}


def test_keys_of_an_object_become_the_ids_of_the_rows_that_they_name() -> None:
    rules = "rules: [{stream: plan, into: baseline, fields: {items: {from: held, keys: task}}}]"
    one = Mapper(
        parse_mapping("jira", [("r.yaml", rules)], entities(), {}), lambda stream, name: f"{stream}:{name}"
    )
    assert one("plan", "1", {"held": {"7": {"hours": 8}}}).rows[0].values["items"] == {"task:7": {"hours": 8}}
    mapped = one("plan", "1", {"held": ["7"]})
    assert "items" not in mapped.rows[0].values
    assert codes(mapped) == [("MAP101", "items")]


def test_a_rule_whose_condition_fails_says_nothing() -> None:
    assert mapper()("issue", "1", {}).rows == []
    assert mapper()("unheard", "1", {"title": "t"}).rows == []
    assert mapper()("issue", "1", None).rows == []


def test_a_whole_number_too_large_for_the_register_is_a_problem_not_a_failure() -> None:
    row, mapped = first({"level": 3_000_000_000})
    assert "level" not in row.values
    assert codes(mapped) == [("MAP101", "level")]


@pytest.mark.parametrize("levels", [120, 300, 1000])
def test_a_value_nested_beyond_reason_is_a_problem_wherever_it_stands(levels: int) -> None:
    deep = json.loads("[" * levels + "]" * levels) if levels < 900 else _nested(levels)
    places = ("text", "status", "type", "points", "due", "labels", "project", "who", "sprints", "value")
    row, mapped = first(dict.fromkeys(places, deep))
    json.dumps(row.values)
    assert {name for _, name in codes(mapped)} >= {"status", "points", "project", "assignee", "Value"}


def _nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def test_a_sheet_in_another_locale_is_read_in_its_own() -> None:
    call = mapper()
    due = {"title": "t", "due": "03/06/2026"}
    assert (
        call("issue", "1", {**due, "portbook": {"locale": "en-GB"}}).rows[0].values["due_on"] == "2026-06-03"
    )
    assert (
        call("issue", "1", {**due, "portbook": {"locale": "en-US"}}).rows[0].values["due_on"] == "2026-03-06"
    )
    assert codes(call("issue", "1", due)) == [("MAP101", "due_on")]


MONEY = """
rules:
  - stream: plan
    into: project
    fields:
      budget: {from: 'budget || "approved budget"', as: money}
      forecast_cost: {from: forecast, as: money}
      currency: {from: currency, as: line}
      custom:
        Fee: {from: fee, as: money}
"""


@pytest.mark.parametrize(
    ("record", "values", "refused"),
    [
        ({"budget": "EUR 100"}, {"budget": 100, "currency": "EUR"}, []),
        ({"approved budget": "€ 100", "forecast": 90}, {"budget": 100, "forecast_cost": 90, "currency": "EUR"}, []),
        ({"forecast": "US$ 1.5m"}, {"forecast_cost": 1_500_000, "currency": "USD"}, []),
        ({"budget": "$ 500 MXN"}, {"budget": 500, "currency": "MXN"}, []),
        ({"budget": "$100"}, {"budget": 100}, []),
        ({"budget": "500 kr.", "forecast": "SEK 400"}, {"budget": 500, "forecast_cost": 400, "currency": "SEK"}, []),
        ({"budget": "$100", "currency": "CAD"}, {"budget": 100, "currency": "CAD"}, []),
        ({"budget": "J$100", "currency": "JMD"}, {"budget": 100, "currency": "JMD"}, []),
        ({"budget": "€ 100", "currency": "eur"}, {"budget": 100, "currency": "EUR"}, []),
        ({"budget": 100, "currency": " eur "}, {"budget": 100, "currency": "EUR"}, []),
        ({"budget": 100, "currency": "€"}, {"budget": 100, "currency": "EUR"}, []),
        ({"budget": 100, "currency": "€ (EUR)"}, {"budget": 100, "currency": "EUR"}, []),
        ({"budget": 100, "currency": "k€"}, {"budget": 100, "currency": "k€"}, []),
        ({"budget": 100, "currency": "CHF (EUR)"}, {"budget": 100, "currency": "CHF (EUR)"}, []),
        ({"budget": 100, "currency": "€ USD"}, {"budget": 100, "currency": "€ USD"}, []),
        ({"budget": 100, "currency": "$"}, {"budget": 100, "currency": "$"}, []),
        ({"budget": "€ 100", "currency": "Euros"}, {"budget": 100, "currency": "EUR"}, []),
        ({"budget": "€ 100", "currency": "Thaler"}, {"budget": 100, "currency": "Thaler"}, []),
        ({"budget": "EUR 100", "forecast": "JPY 9"}, {"budget": 100, "currency": "EUR"}, ["forecast_cost"]),
        ({"budget": "$100", "forecast": "€ 9"}, {"forecast_cost": 9, "currency": "EUR"}, ["budget"]),
        ({"budget": "$100", "forecast": "kr 9"}, {"budget": 100}, ["forecast_cost"]),
        ({"budget": "$100", "currency": "€"}, {"currency": "EUR"}, ["budget"]),
        ({"budget": "100", "fee": "EUR 5"}, {"budget": 100, "custom": {"Fee": 5}}, []),
    ],
)  # fmt: skip
def test_a_row_has_the_currency_that_its_amounts_name(
    record: dict[str, Any], values: dict[str, Any], refused: list[str]
) -> None:
    rules = parse_mapping("spreadsheet", [("r.yaml", MONEY)], entities(), {})
    mapped = Mapper(rules, lambda stream, name: f"{stream}:{name}")("plan", "1", record)
    assert mapped.rows[0].values == values
    assert [(unread.rule.name, unread.problem.code) for unread in mapped.problems] == [
        (name, "MAP101") for name in refused
    ]
    assert all("is not in the currency of the row" in unread.problem.message for unread in mapped.problems)


ENDED = """
rules:
  - stream: issue
    into: work_item
    fields:
      status: {from: '[was, because, category]', lookup: [was, because, status]}
      finish_actual_on: {from: ended, as: date, only: {status: done}}
      custom: {Left: {from: left, only: {status: done}}}
lookups:
  was: {Cancelled: cancelled, "*": null}
  because: {Done: done, Duplicate: cancelled}
  status: {done: done, todo: todo}
"""


def ended(**data: str) -> Mapped:
    mapping = parse_mapping("jira", [("rules.yaml", ENDED)], entities(), {})
    call = Mapper(mapping, lambda stream, name: f"{stream}:{name}")
    return call("issue", "1", {"ended": "2026-06-01", "left": 3, **data})


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"was": "Closed", "because": "Done", "category": "done"}, "done"),
        ({"was": "cancelled", "because": "Done", "category": "done"}, "cancelled"),
        ({"was": "Closed", "because": "Duplicate", "category": "done"}, "cancelled"),
        ({"was": "Closed", "category": "done"}, "done"),
        ({"category": "todo"}, "todo"),
        ({}, None),
    ],
)
def test_of_several_words_the_first_that_means_something_counts(
    data: dict[str, str], status: str | None
) -> None:
    mapped = ended(**data)
    assert (mapped.rows[0].values.get("status"), mapped.problems) == (status, [])


def test_an_unknown_one_of_several_words_is_told_and_the_next_one_counts() -> None:
    mapped = ended(was="Closed", because="Later", category="done")
    (unread,) = mapped.problems
    assert mapped.rows[0].values["status"] == "done"
    assert mapped.rows[0].values["finish_actual_on"] == "2026-06-01"
    assert (unread.problem.code, unread.value) == ("MAP102", "Later")
    assert unread.problem.message == "status 'Later' is not in lookup 'because'"
    nothing = ended(because="Later", category="strange")
    assert "status" not in nothing.rows[0].values
    assert [unread.value for unread in nothing.problems] == ["Later"]


def test_a_field_is_filled_only_beside_its_word_also_when_it_is_mapped_alone() -> None:
    done, dropped = {"category": "done"}, {"category": "done", "because": "Duplicate"}
    assert ended(**done).rows[0].values["finish_actual_on"] == "2026-06-01"
    assert ended(**done).rows[0].values["custom"] == {"Left": 3}
    assert ended(**dropped).rows[0].values == {"status": "cancelled"}
    mapping = parse_mapping("jira", [("rules.yaml", ENDED)], entities(), {})
    call = Mapper(mapping, lambda stream, name: f"{stream}:{name}")
    alone = call.narrowed("issue", {RuleOf("work_item", None): frozenset({"finish_actual_on"})})
    assert alone("issue", "1", {"ended": "2026-06-01", **dropped}).rows[0].values == {}
    assert alone("issue", "1", {"ended": "2026-06-01", **done}).rows[0].values == {
        "finish_actual_on": "2026-06-01"
    }


def test_a_word_added_to_a_lookup_changes_what_stands_only_beside_it() -> None:
    before, after = (
        Mapper(parse_mapping("jira", [("rules.yaml", text)], entities(), {}), lambda stream, name: name)
        for text in (ENDED, ENDED.replace("Duplicate: cancelled", "Duplicate: cancelled, Later: cancelled"))
    )
    changed = compare(before.meaning, after.meaning, "issue")
    assert changed == {RuleOf("work_item", None): frozenset({"status", "finish_actual_on", "custom"})}
