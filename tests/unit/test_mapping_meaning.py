"""What two versions of a mapping may say differently: nothing is missed, and a comment is nothing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.apply import Mapper
from mapping.load import parse_mapping
from mapping.locale import Locale
from mapping.meaning import RuleOf, compare
from portbook.wiring import entities
from register.mappings import Used
from register.restate import Stored, Told
from tests.unit.test_mapping_apply import RULES
from workers.saying import Sayer


def mapper(*texts: str, aliases: dict[str, str] | None = None, locale: str = "") -> Mapper:
    files = [(f"{at}.yaml", text) for at, text in enumerate(texts)]
    mapping = parse_mapping("jira", files, entities(), aliases or {})
    return Mapper(mapping, lambda stream, name: f"{stream}:{name}", aliases=aliases, locale=Locale(locale))


def over(fields: str) -> str:
    return f"rules: [{{stream: issue, into: work_item, fields: {{{fields}}}}}]\n"


ITEM = RuleOf("work_item", None)
CHANGES: dict[str, tuple[str, Any]] = {
    "a comment": ("# a word\n", {}),
    "what it says already": (over("title: {from: title}"), {}),
    "a path": (over("title: {from: key}"), {ITEM: {"title"}}),
    "a default": (over("points: {from: points, default: 1}"), {ITEM: {"points"}}),
    "a number of another kind": (over("priority: {const: low}"), {ITEM: {"priority"}}),
    "a reference to other records": (
        over("project: {from: project, ref: project, stream: issue}"),
        {ITEM: {"project_id"}},
    ),
    "a word in a lookup": ("lookups: {status: {Open: done}}\n", {ITEM: {"status"}}),
    "a custom field": (over("custom: {Value: {from: other}}"), {ITEM: {"custom"}}),
    "a field more": (over("url: {from: url}"), {ITEM: {"url"}}),
    "a condition": ("rules: [{stream: issue, into: work_item, when: key, fields: {}}]\n", None),
    "a rule more": ("rules: [{stream: issue, into: action, fields: {title: {from: title}}}]\n", None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_change_may_change(name: str) -> None:
    text, expected = CHANGES[name]
    before, after = mapper(RULES), mapper(RULES, text)
    assert before.version != after.version
    kept = orjson.loads(orjson.dumps(before.meaning))  # as the register gives it back
    assert compare(kept, after.meaning, "issue") == expected
    assert compare(kept, after.meaning, "board") == {}
    assert compare(None, after.meaning, "issue") is None


def test_a_locale_and_a_custom_field_that_is_called_otherwise_change_what_is_said() -> None:
    assert compare(mapper(RULES).meaning, mapper(RULES, locale="de-DE").meaning, "issue") is None
    custom = over('level: {from: custom."Depth"}')
    one, other = (mapper(RULES, custom, aliases={"Depth": path}) for path in ("a.b", "a.c"))
    assert compare(one.meaning, other.meaning, "issue") == {ITEM: {"level"}}
    assert compare(one.meaning, other.meaning, "board") == {}


def test_a_stream_that_is_mapped_to_elsewhere_moves_what_refers_to_it() -> None:
    two = "rules: [{stream: plan, into: project, fields: {title: {from: t}}}]\n"
    assert compare(mapper(RULES).meaning, mapper(RULES, two).meaning, "issue") == {ITEM: {"project_id"}}


WORDS = st.sampled_from(["Open", "Done", "", None, 3, 2.5, True, "x" * 3, ["a"], {"b": 1}])
NAMES = (
    "text",
    "status",
    "type",
    "points",
    "level",
    "due",
    "labels",
    "project",
    "who",
    "value",
    "key",
    "url",
)
RECORDS = st.fixed_dictionaries(
    {"title": WORDS}, optional={**dict.fromkeys(NAMES, WORDS), "links": st.lists(st.fixed_dictionaries(
        {"id": st.integers(1, 3), "kind": WORDS}, optional={"to": WORDS}), max_size=3)},
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(CHANGES)), st.sampled_from(sorted(CHANGES)), RECORDS, st.booleans(), st.booleans()
)
def test_saying_what_may_have_changed_is_saying_everything(
    first: str, second: str, data: dict[str, Any], agrees: bool, doubtful: bool
) -> None:
    before, after = mapper(RULES, CHANGES[first][0]), mapper(RULES, CHANGES[second][0])
    mapped = before("issue", "1", data)
    said = {(row.entity, row.id): Told(row.values, before.version) for row in mapped.rows}
    doubtful = doubtful or bool(mapped.problems)
    record = Stored("r", "issue", "1", orjson.dumps(data), "present", None, doubtful, orjson_told(said))
    used = {before.version: Used(orjson.loads(orjson.dumps(before.meaning)), None)}
    if agrees:  # a remap to a third mapping has found that this record says the same
        used["third"] = Used(mapper(RULES, CHANGES["a path"][0]).meaning, None)
        third = mapper(RULES, CHANGES["a path"][0])("issue", "1", data)
        if not third.problems and {(r.entity, r.id): r.values for r in third.rows} == {
            key: told.values for key, told in said.items()
        }:
            used[before.version] = used[before.version]._replace(agrees_with="third")
    narrow, whole = Sayer("s", after, used), Sayer("s", after, {})
    found, expected = narrow(record), whole(record)
    assert {(r.entity, r.id): r.values for r in found.rows} == {
        (r.entity, r.id): r.values for r in expected.rows
    }
    assert found.findings == expected.findings
    if ("issue", before.version) in narrow.same:
        assert {(r.entity, r.id): r.values for r in expected.rows} == {
            key: told.values for key, told in record.told.items()
        }


def orjson_told(said: dict[tuple[str, str], Told]) -> dict[tuple[str, str], Told]:
    return {key: told._replace(values=orjson.loads(orjson.dumps(told.values))) for key, told in said.items()}
