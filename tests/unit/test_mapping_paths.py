"""Paths that are compiled say what JMESPath says."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.paths import compile_path, ways_read

NAMES = ("a", "b", "c d", "e || f")
WORDS = ("", "risk", "a == b", "x || y")
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 0.0, 1.5, *WORDS]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
dotted = st.lists(
    st.sampled_from([name if name.isalpha() else f'"{name}"' for name in NAMES]), min_size=1, max_size=3
).map(".".join)
first_of = st.lists(dotted, min_size=2, max_size=4).map(" || ".join)
in_one = st.lists(dotted, min_size=2, max_size=4).map(lambda names: "||".join(f"a.{name}" for name in names))
compared = st.tuples(dotted, st.sampled_from([" == ", "!="]), st.sampled_from(WORDS)).map(
    lambda found: f"{found[0]}{found[1]}'{found[2]}'"
)


@given(path=dotted | first_of | in_one | compared, data=values)
def test_a_compiled_path_says_what_jmespath_says(path: str, data: Any) -> None:
    said, expected = compile_path(path, {})(data, data), jmespath.search(path, data)
    assert said == expected
    assert type(said) is type(expected)


@given(path=dotted | first_of | compared, data=values)
def test_record_in_front_reaches_the_whole_record(path: str, data: Any) -> None:
    assert compile_path(f"record.{path}", {})({"a": "the element"}, data) == jmespath.search(path, data)


@pytest.mark.parametrize(
    "path", ["a || 'none'", "a == b", "a == 'x' || b", "length(a)", "a[0] || b", "a == 'it\\'s'"]
)
def test_what_is_not_compiled_is_left_to_jmespath(path: str) -> None:
    for data in ({"a": "x", "b": 0}, {"a": ["y"], "b": "x"}, {"a": "it's"}):
        assert compile_path(path, {})(data, data) == jmespath.search(path, data)


@pytest.mark.parametrize(
    ("path", "ways"),
    [
        ("fields.summary", {"fields.summary"}),
        ('fields."System.Title"', {"fields.System.Title"}),
        ("assignees[0].id", {"assignees.id"}),
        ("[portbook.ended_as, portbook.status]", {"portbook.ended_as", "portbook.status"}),
        ("a.b || c", {"a.b", "c"}),
        ("rows[1:].who", {"rows.who"}),
        ("rows[?kind.name == 'x'].value | [0]", {"rows.kind.name", "rows.value"}),
        ("length(labels)", {"labels"}),
        ("parts[].{one: a, two: b.c}", {"parts.a", "parts.b.c"}),
        ("log == 'risk'", {"log"}),
        ('custom."Business value".value', {"fields.cf_1.value"}),
        ("@", set()),
    ],
)
def test_what_a_path_looks_at_is_known(path: str, ways: set[str]) -> None:
    assert {".".join(way) for way in ways_read(path, {"Business value": "fields.cf_1"})} == ways
