"""Mapping files: every mistake with its line and the word that was meant; whoever overrides writes the difference."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from mapping.apply import Mapper
from mapping.errors import MappingInvalid
from mapping.load import load_mapping, parse_mapping
from mapping.rules import MappingSet
from portbook.wiring import entities, mapping_of

BUILTIN = sorted(
    entry.name.removesuffix(".yaml") for entry in (files("mapping") / "builtin").iterdir() if entry.name.endswith(".yaml")
)  # fmt: skip
RULE = "rules:\n  - stream: issue\n    into: work_item\n    fields:\n"


def parse(*texts: str) -> MappingSet:
    return parse_mapping("jira", [(f"file{at}.yaml", text) for at, text in enumerate(texts)], entities(), {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules:\n  - stream: isue\n    into: work_item\n    fields: {}\n", "mine.yaml:2: this tool has no stream 'isue'; did you mean 'issue'?"),
        ("rules:\n  - stream: issue\n    into: work_item\n    fields:\n      iteration: {from: a, ref: iteration, stream: sprnt}\n",
         "mine.yaml:5: this tool has no stream 'sprnt'; did you mean 'sprint'?"),
        ("rules:\n  - stream: issue\n    into: baseline\n    fields:\n      items: {from: a, keys: isues}\n",
         "mine.yaml:5: this tool has no stream 'isues'; did you mean 'issue'?"),
        ("rules:\n  - stream: x\n    into: risk\n    fields: {}\n",
         "mine.yaml:2: this tool has no stream 'x'; there are issue, project, sprint, user, version, worklog"),
    ],
)  # fmt: skip
def test_a_stream_that_the_tool_does_not_have_is_found(tmp_path: Path, text: str, said: str) -> None:
    """Its rule would read nothing, and nobody would be told."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(MappingInvalid) as caught:
        load_mapping("jira", entities(), override=path)
    assert said in caught.value.detail


@pytest.mark.parametrize(("kind", "stream"), [("ms_project", "mspdi_calendar"), ("spreadsheet", "score")])
def test_a_stream_of_which_nothing_is_made_yet_may_be_mapped(tmp_path: Path, kind: str, stream: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"rules:\n  - stream: {stream}\n    into: risk\n    fields: {{title: {{from: a}}}}\n")
    assert stream in {rule.stream for rule in mapping_of(kind, path).rules}


def mistakes(text: str) -> str:
    with pytest.raises(MappingInvalid) as caught:
        parse(text)
    return f"{caught.value.message}\n{caught.value.detail}"


@pytest.mark.parametrize("kind", BUILTIN)
def test_every_builtin_mapping_loads_and_can_be_called(kind: str) -> None:
    mapping = load_mapping(kind, entities())
    assert mapping.rules
    mapper = Mapper(mapping, lambda stream, name: f"{stream}:{name}")
    for rule in mapping.rules:
        mapper(rule.stream, "1", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULE + "      titel: {from: a}\n", "file0.yaml:5: work_item has no field 'titel'; did you mean 'title'?"),
        (RULE + "      title: {form: a}\n", "file0.yaml:5: unknown verb 'form'; did you mean 'from'?"),
        (RULE + "      title:\n        from: a\n        as: lin\n", "file0.yaml:7: `as: lin` is no verb; did you mean 'line'?"),
        (RULE + "      title: {from: a, as: [text]}\n", "file0.yaml:5: `as: ['text']` is no verb"),
        (RULE + "      title: a\n", "file0.yaml:5: write `title: {from: PATH}`"),
        (RULE + "      title: {}\n", "file0.yaml:5: title needs either `from` or `const`"),
        (RULE + "      title: {from: }\n", "file0.yaml:5: title needs either `from` or `const`"),
        (RULE + "      title: {from: a, const: b}\n", "file0.yaml:5: title needs either"),
        (
            RULE + "      title: {from: Due date.on-site}\n",
            """has quotes of its own: '"Due date"."on-site"'""",
        ),
        (RULE + "      title: {from: 'a..b'}\n", "file0.yaml:5: 'a..b' is not a JMESPath"),
        (RULE + "      status: {from: a, lookup: stat}\nlookups: {state: {}}\n", "there is no lookup 'stat'; did you mean 'state'?"),
        (RULE + "      status: {from: a, lookup: s}\nlookups: {s: {Done: finished}}\n", "turns 'done' into 'finished', not one of"),
        (RULE + "      status: {const: dnoe}\n", "file0.yaml:5: 'dnoe' is not one of"),
        (RULE + "      project: {from: a}\n", "file0.yaml:5: project needs `ref: project`"),
        (RULE + "      title: {from: a, ref: project}\n", "file0.yaml:5: title is no reference"),
        (RULE + "      due_on: {from: a, as: text}\n", "file0.yaml:5: `as: text` does not give a date"),
        (RULE + "      level: {from: a, as: number}\n", "file0.yaml:5: `as: number` does not give a"),
        (RULE + "      status: {from: a, lookup: [s, t]}\nlookups: {s: {}}\n", "there is no lookup 't'"),
        (RULE + "      status: {from: a, lookup: [s]}\nlookups: {s: {Done: finished}}\n", "turns 'done' into 'finished', not one of"),
        (RULE + "      assignee: {from: a, ref: person, lookup: [s]}\nlookups: {s: {}}\n", "file0.yaml:5: a reference has one lookup"),
        (RULE + "      due_on: {from: a, only: done}\n", "file0.yaml:5: `only` is `{FIELD: WORD}`"),
        (RULE + "      due_on: {from: a, only: {stats: done}}\n", "`only` names no field: 'stats'; did you mean 'status'?"),
        (RULE + "      due_on: {from: a, only: {status: dnoe}}\n", "'dnoe' is not one of"),
        (RULE + "      due_on: {from: a, only: {status: done}}\n", "file0.yaml:5: `only` names status, which no path of this rule fills"),
        (RULE + "      title: {from: a, keys: issue}\n", "file0.yaml:5: `keys` is for an object taken `from` a path"),
        (RULE + "      project: {from: a, ref: project, keys: issue}\n", "file0.yaml:5: `keys` is for an object"),
        (RULE + "      due_on: {const: tomorrow}\n", "file0.yaml:5: 'tomorrow' is no date"),
        (RULE + "      points: {from: a, default: many}\n", "file0.yaml:5: 'many' is no number"),
        (RULE + "      points: {from: a, lookup: size}\nlookups: {size: {S: small}}\n", "the lookup gives 'small', which is no number"),
        (RULE + "      custom: {Value: 5}\n", "file0.yaml:5: write `Value: {from: PATH}`"),
        ("rules:\n  - stream: issue\n    into: workitem\n", "file0.yaml:3: `into: workitem` is no entity; did you mean 'work_item'?"),
        ("rules:\n  - into: work_item\n    fields: {}\n", "file0.yaml:2: a rule needs `stream:`"),
        ("rules:\n  - 5\n", "a rule is `{stream, into, fields}`"),
        ("rules:\n  - {stream: a, into: risk, feilds: {}}\n", "file0.yaml:2: unknown key 'feilds'; did you mean 'fields'?"),
        ("rules:\n  - {stream: a, into: risk, each: b, fields: {}}\n", "file0.yaml:2: `each` needs `id`"),
        ("rulse: []\n", "file0.yaml:1: unknown key 'rulse'; did you mean 'rules'?"),
        ("source: spreadsheet\n", "file0.yaml:1: is for 'spreadsheet', this source is 'jira'"),
        (RULE + "      status: {from: a, lookup: s}\nlookups:\n  s:\n    Open: todo\n    Done: doen\n", "file0.yaml:9: lookup s turns 'done' into 'doen', not one of todo, in_progress, in_review, done, cancelled; did you mean 'done'?"),
        (RULE + "      points: {from: a, lookup: size}\nlookups:\n  size:\n    S: small\n", "file0.yaml:8: the lookup gives 'small', which is no number"),
        (RULE + "      status: {from: a, lookup: status}\nlookups:\n  status: {Done: done}\n  sattus: {Open: todo}\n", "file0.yaml:8: no rule uses a lookup 'sattus'; did you mean 'status'?"),
        ("lookups: [a]\n", "file0.yaml:1"),
        ("lookups:\n  a: {}\n  status: todo\n", "file0.yaml:3: lookup 'status' is a map"),
        ("- a\n", "file0.yaml:1"),
        ("rules:\n  - {stream: a\n", "file0.yaml:"),
        ("a: 1\na: 2\n", "file0.yaml:2"),
        ("a: \x07", "not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_the_word_that_was_meant(text: str, said: str) -> None:
    assert said in mistakes(text)


@pytest.mark.parametrize("path", ["labels[0].name", "@.name"])
def test_a_path_with_signs_of_yaml_is_answered_with_how_to_write_it(path: str) -> None:
    with pytest.raises(MappingInvalid) as caught:
        parse(RULE + f"      title: {{from: {path}, as: line}}\n")
    assert caught.value.detail == "file0.yaml:5"
    assert "stands in quotes: {from: '" in caught.value.hint


def test_a_wrong_word_in_a_lookup_of_two_fields_is_one_mistake() -> None:
    told = mistakes(
        RULE
        + "      status: {from: a, lookup: s}\n      custom: {}\n"
        + "  - stream: sprint\n    into: work_item\n    fields:\n      status: {from: b, lookup: s}\n"
        + "lookups: {s: {Done: finished}}\n"
    )
    assert told.count("turns 'done' into 'finished'") == 1


def test_all_mistakes_are_told_at_once() -> None:
    told = mistakes(RULE + "      titel: {from: a}\n      due_on: {from: a, as: dat}\n      points: {}\n")
    assert [line.partition(":")[0] + ":" + line.split(":")[1] for line in told.splitlines()[1:]] == [
        "file0.yaml:5",
        "file0.yaml:6",
        "file0.yaml:7",
    ]
    assert "3 mistakes" in told


def test_an_override_replaces_fields_and_keeps_the_rest() -> None:
    mine = RULE + "      title: {from: mine, as: text}\n      custom: {Value: {from: v}}\n"
    below = (
        RULE
        + "      title: {from: theirs, as: line}\n      points: {from: p}\n      custom: {Old: {from: o}}\n"
    )
    (rule,) = parse(below, mine).rules
    assert {name: field.path for name, field in rule.fields.items()} == {"title": "mine", "points": "p"}
    assert {name: field.where for name, field in rule.fields.items()} == {
        "title": "file1.yaml:5",
        "points": "file0.yaml:6",
    }
    assert set(rule.custom) == {"Old", "Value"}


def test_an_override_adds_words_to_a_lookup_used_below_it() -> None:
    below = RULE + "      status: {from: s, lookup: status}\nlookups: {status: {Open: todo, Closed: done}}\n"
    (rule,) = parse(below, "lookups: {status: {'Rückfrage ': in_review, CLOSED: cancelled}}\n").rules
    assert rule.fields["status"].lookup == {"open": "todo", "closed": "cancelled", "rückfrage": "in_review"}


def test_a_word_that_an_override_gives_to_a_lookup_below_it_is_told_with_its_own_line() -> None:
    below = RULE + "      status: {from: s, lookup: status}\nlookups: {status: {Open: todo}}\n"
    with pytest.raises(MappingInvalid) as caught:
        parse(below, "source: jira\nlookups:\n  status: {Parked: waiting}\n")
    assert caught.value.detail.startswith(
        "file1.yaml:3: lookup status turns 'parked' into 'waiting', not one of"
    )


STATUS = "      status: {from: s, lookup: status}\n"


@pytest.mark.parametrize(
    "text",
    [
        RULE + STATUS + "lookups:\n  status:\n    <<: &base {To Do: todo}\n    Doing: in_progress\n",
        RULE + STATUS + "lookups:\n  <<: {status: {To Do: todo, Doing: in_progress}}\n",
    ],
)
def test_words_and_lookups_may_come_from_a_merge(text: str) -> None:
    (rule,) = parse(text).rules
    assert rule.fields["status"].lookup == {"to do": "todo", "doing": "in_progress"}


def test_fields_may_come_from_a_merge() -> None:
    (rule,) = parse(RULE + "      <<: {title: {from: t}}\n      points: {from: p}\n").rules
    assert {name: field.where for name, field in rule.fields.items()} == {
        "title": "file0.yaml:5",
        "points": "file0.yaml:6",
    }


@pytest.mark.parametrize(
    ("lookups", "said"),
    [
        ("  2026: {Open: todo}\n", "file0.yaml:6: no rule uses a lookup '2026'"),
        ("  <<: {a: {Open: todo}}\n", "file0.yaml:6: no rule uses a lookup 'a'"),
        ("  <<: {a: todo}\n", "file0.yaml:6: lookup 'a' is a map"),
    ],
)
def test_a_lookup_without_a_line_of_its_own_is_told_with_that_of_its_map(lookups: str, said: str) -> None:
    assert said in mistakes(
        RULE.replace("    fields:\n", "    fields: {title: {from: t}}\n") + "lookups:\n" + lookups
    )


def test_an_override_of_elements_does_not_touch_the_record_itself() -> None:
    each = "rules:\n  - {stream: issue, into: work_item, each: parts, id: n, fields: {title: {from: t}}}\n"
    assert len(parse(RULE + "      title: {from: a}\n", each).rules) == 2


def test_the_version_changes_with_any_word_of_any_file() -> None:
    one, two = RULE + "      title: {from: a}\n", RULE + "      title: {from: b}\n"
    assert parse(one).version == parse(one).version
    assert len({parse(one).version, parse(two).version, parse(one, two).version}) == 3


def test_values_written_in_yaml_become_plain_json() -> None:
    fields = "      points: {const: 1.5}\n      due_on: {const: 2026-03-29}\n      level: {const: 0x10}\n      labels: {const: [a, b]}\n"
    (rule,) = parse(RULE + fields).rules
    values = {name: field.const for name, field in rule.fields.items()}
    assert values == {"points": 1.5, "due_on": "2026-03-29", "level": 16, "labels": ["a", "b"]}
    assert {type(value) for value in values.values()} == {float, str, int, list}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"# \xe9")
    for path, reason in (
        (tmp_path / "gone.yaml", "No such file"),
        (latin, "not UTF-8"),
        (tmp_path, "directory"),
    ):
        with pytest.raises(MappingInvalid, match=reason) as caught:
            load_mapping("jira", entities(), override=path)
        assert caught.value.detail == str(path)
