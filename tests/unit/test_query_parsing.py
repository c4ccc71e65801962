"""The two grammars and the check against the catalog: what is refused, where, and how quickly."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from register.catalog import collections
from register.errors import QueryInvalid
from register.query import Query, QueryTooLarge, check, parse_fields, parse_filter, parse_order
from register.query.ast import Compare, Either, Every, Not
from register.query.compile_page import compile_page
from register.query.cursor import read_cursor, shape_of, write_cursor
from register.query.errors import CursorInvalid
from register.query.selection_set import read_selection_set


def test_and_binds_tighter_than_or_and_not_tighter_than_both() -> None:
    found = parse_filter("a = 1 or not b = 2 and c = 3")
    assert isinstance(found, Either)
    first, second = found.parts
    assert isinstance(first, Compare)
    assert isinstance(second, Every)
    assert isinstance(second.parts[0], Not)


def test_two_nots_are_none() -> None:
    assert isinstance(parse_filter("NOT NOT a = 1"), Compare)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("a", 1),
        ("a =", 3),
        ("a = 'x", 4),
        ("a = 1 b", 6),
        ("a IN ()", 6),
        ("a IS 1", 5),
        ("(a = 1", 6),
        ("a = 1 AND", 9),
    ],
)
def test_a_filter_that_breaks_off_is_refused_at_that_character(text: str, position: int) -> None:
    with pytest.raises(QueryInvalid) as caught:
        parse_filter(text)
    assert caught.value.position == position


_DEEP = 5_000


def _cost(parse: Callable[[str], object], text: str) -> float:
    """CPU time per character, the least of five: what a text costs, however busy the machine is."""
    times = []
    for _ in range(5):
        started = time.process_time()
        with suppress(QueryInvalid):
            parse(text)
        times.append(time.process_time() - started)
    return min(times) / len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * _DEEP + "a = 1" + ")" * _DEEP,
        "any(risks, " * _DEEP + "a = 1",
        "(" * _DEEP,
        "a = 1 or " * _DEEP + "a = 1",
    ],
)
def test_a_filter_nested_five_thousand_deep_is_refused_at_once(text: str) -> None:
    with pytest.raises(QueryTooLarge):
        parse_filter(text)
    assert _cost(parse_filter, text) < 30 * _cost(parse_filter, " and ".join(["a = 1"] * 90))


def test_many_nots_are_not_nesting() -> None:
    assert isinstance(parse_filter("not " * 3_001 + "a = 1"), Not)


@pytest.mark.parametrize(
    "text",
    [
        "a{" * _DEEP + "b" + "}" * _DEEP,
        "a(filter:" + "[" * _DEEP,
        "a(filter:{" + "b:{" * 3_000,
        "a{" * _DEEP,
        "a " * 7_000,
    ],
)
def test_fields_nested_five_thousand_deep_are_refused_at_once(text: str) -> None:
    with pytest.raises(QueryInvalid):
        parse_fields(text)
    assert _cost(_anew, text) < 30 * _cost(_anew, " ".join(f"a{n}" for n in range(200)))


def _anew(text: str) -> object:
    read_selection_set.cache_clear()
    return parse_fields(text)


@pytest.mark.parametrize(
    "text", ["...a", "a @skip(if:true)", "a(x:$y)", "a} mutation {b", "a,a", "a(limit:1,limit:2)"]
)
def test_the_rest_of_graphql_is_not_part_of_the_grammar(text: str) -> None:
    with pytest.raises(QueryInvalid):
        parse_fields(text)


def plan(**parts: object) -> object:
    return check(Query("projects", **parts))  # type: ignore[arg-type]


def test_limits_are_kept_before_any_work() -> None:
    four = "work_items(limit:9){children(limit:9){children(limit:9){children(limit:9){id}}}}"
    plan(fields=parse_fields(four))
    for text in (
        "work_items{children{children{children{id}}}}",
        "work_items{children{children{children{children{id}}}}}",
        ",".join(f"r{n}:risks{{id}}" for n in range(9)),
    ):
        with pytest.raises(QueryTooLarge):
            plan(fields=parse_fields(text))
    with pytest.raises(QueryTooLarge):
        plan(filter=parse_filter(" AND ".join(f"any(risks, score > {n})" for n in range(9))))
    many = " AND ".join(["budget > 1"] * 60)
    with pytest.raises(QueryTooLarge):
        plan(
            filter=parse_filter(many),
            fields=parse_fields(f'risks(filter:"{" AND ".join(["score > 1"] * 60)}"){{id}}'),
        )


def test_values_are_bound_and_never_part_of_the_statement() -> None:
    text = "title = 'x''; DROP TABLE project' AND budget > 123456.5 AND any(risks, title ~ 'zzz')"
    statement = compile_page(plan(filter=parse_filter(text)))  # type: ignore[arg-type]
    for value in ("DROP", "123456", "zzz"):
        assert value not in statement.sql
    assert "x'; DROP TABLE project" in statement.parameters


def test_every_collection_can_be_compiled_with_all_its_fields_and_by_each_order() -> None:
    for name, entity in collections().items():
        for field in entity.fields.values():
            selected = parse_fields(",".join(entity.fields))
            try:
                order = parse_order(f"-{field.name}")
                compile_page(check(Query(name, fields=selected, order=order)))
            except QueryInvalid as problem:
                assert "no order" in problem.message, name  # noqa: PT017 - only some fields are refused


_PIECES = st.sampled_from(
    ["title", "budget", "risks", "manager.title", "any(", "none(", "(", ")", "=", "~", "<", " in ", " is ", "null",
     "not ", " and ", " or ", "'x'", "'", '"', "1", "-1.5", "today(", "-30d", "now()", ",", ".", "{", "}", ":",
     "filter", "\\", "\0", "\ud800", "é", " ", "limit:5", "#", "\n", '"""', "@", "$"]
)  # fmt: skip
_HOSTILE = st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=25).map("".join))


@settings(max_examples=300, deadline=None)
@given(_HOSTILE)
@example("a" * 20_000)
@example("title = 1e999999999")
@example("budget > " + "9" * 5_000)
def test_whatever_is_written_is_understood_or_refused_with_a_position_inside_it(text: str) -> None:
    for parse, name in ((parse_filter, "filter"), (parse_order, "order"), (parse_fields, "fields")):
        try:
            compile_page(plan(**{name: parse(text)}))  # type: ignore[arg-type]
        except QueryInvalid as problem:
            inside = problem.position is None or 0 <= problem.position <= len(text)
            assert inside


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))))
def test_a_cursor_holds_what_was_put_in_and_nobody_can_change_it(values: list[str | None]) -> None:
    shape = shape_of("projects", "order=key")
    text = write_cursor(b"secret", shape, values)
    assert read_cursor(b"secret", shape, text) == (None, values)
    of_then = write_cursor(b"secret", shape, values, datetime(2026, 3, 31, 1, 2, 3, 4, UTC))
    assert read_cursor(b"secret", shape, of_then) == (datetime(2026, 3, 31, 1, 2, 3, 4, UTC), values)
    for secret, other, changed in (
        (b"other", shape, text),
        (b"secret", shape_of("projects"), text),
        (b"secret", shape, ("B" if text[0] == "A" else "A") + text[1:]),
    ):
        with pytest.raises(CursorInvalid):
            read_cursor(secret, other, changed)


def test_parsing_checking_and_compiling_take_less_than_a_third_of_a_millisecond_once_remembered() -> None:
    from gateway.rest import prepare

    query = b"fields=key,manager%7Btitle%7D&filter=budget > 3 AND any(risks, score > 3)&order=-budget"
    prepare("projects", query)
    started = time.perf_counter()
    for _ in range(100):
        prepare("projects", query)
    assert (time.perf_counter() - started) / 100 < 0.0003


def test_a_person_s_title_is_also_their_name() -> None:
    level = check(
        Query("projects", fields=parse_fields("manager{name}"), filter=parse_filter("manager.name = 'Ada'"))
    )
    sql = compile_page(level).sql
    assert '."title" AS "name"' in sql
    assert '."name"' not in sql


def test_a_comparison_of_two_fields_counts_their_relations() -> None:
    paths = "programme.portfolio.owner programme.portfolio.manager programme.sro programme.manager sponsor manager"
    text = " AND ".join(f"title != {path}.title" for path in paths.split())
    plan(filter=parse_filter(text.rpartition(" AND ")[0]))
    with pytest.raises(QueryTooLarge):
        plan(filter=parse_filter(f"{text} AND any(risks, score > 1) AND any(issues, due_on < raised_on)"))


def test_the_page_of_the_api_lists_every_function() -> None:
    from scripts.query_functions import functions

    assert functions.written() == functions.make(), "run: python -m scripts.query_functions --write"
