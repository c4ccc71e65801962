"""docs/mapping.md, held to the loader and the verbs: nothing is missing, every example does what it says."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from textwrap import indent

import pytest

from mapping.errors import MappingInvalid
from mapping.load import parse_mapping
from mapping.locale import Locale
from mapping.read_rules import DEFAULT_VERB, FIELD_KEYS, RULE_KEYS
from mapping.verbs import VERBS
from portbook.wiring import entities

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")
_EXAMPLE = re.compile(r"^(?:(?P<locale>[a-z]{2}-[A-Z]{2}) )?(?P<value>.+) → (?P<result>.+)$")


def section(heading: str, text: str = PAGE) -> str:
    """What stands under a heading, up to the next one of its rank or above."""
    marks = heading.split(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/mapping.md has no heading {heading!r}"
    return found[1]


def blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


EXAMPLES = [
    (verb, line)
    for verb in VERBS
    for block in blocks("example", section(f"### {verb}", section("## Verbs")))
    for line in block.splitlines()
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_heading_and_an_example(verb: str) -> None:
    assert any(name == verb for name, _ in EXAMPLES)


def test_no_heading_names_a_verb_that_is_gone() -> None:
    assert re.findall(r"^### (\w+)$", section("## Verbs"), re.MULTILINE) == list(VERBS)


@pytest.mark.parametrize(("verb", "line"), EXAMPLES, ids=lambda part: part)
def test_every_example_does_what_it_says(verb: str, line: str) -> None:
    found = _EXAMPLE.match(line)
    assert found, "write `[locale] JSON → JSON`"
    value = json.loads(found["value"])
    locale = Locale(found["locale"] or "")
    if found["result"] == "refused":
        with pytest.raises(ValueError, match=r"."):
            VERBS[verb](value, locale)
        return
    result = VERBS[verb](value, locale)
    wanted = json.loads(found["result"])
    assert (type(result), result) == (type(wanted), wanted)


def test_every_key_of_a_rule_is_explained() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", section("## Keys of a rule"), re.MULTILINE)) == set(RULE_KEYS)


def test_every_key_of_a_field_is_explained_with_an_example() -> None:
    keys = re.findall(r"^### (\w+)$", section("## Keys of a field"), re.MULTILINE)
    assert set(keys) - {"custom"} == set(FIELD_KEYS) - {"many"}
    assert all(blocks("yaml", section(f"### {key}")) for key in keys)


def test_the_table_of_defaults_is_the_loaders() -> None:
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \|$", section("### as"), re.MULTILINE)
    assert dict(rows) == DEFAULT_VERB


@pytest.mark.parametrize("number", range(2))
def test_every_whole_mapping_file_in_the_page_loads(number: int) -> None:
    text = [block for block in blocks("yaml") if block.startswith("source:")][number]
    builtin = (Path(__file__).parents[2] / "mapping/builtin/jira.yaml").read_text("utf-8")
    aliases = {"Target date": "fields.customfield_1", "Business value": "fields.customfield_2"}
    found = parse_mapping("jira", [("builtin", builtin), ("mine", text)], entities(), aliases)
    assert [rule for rule in found.rules if any(f.where.startswith("mine:") for f in rule.fields.values())]


@pytest.mark.parametrize("key", [key for key in FIELD_KEYS if key != "many"])
def test_the_example_of_every_key_loads_in_some_entity(key: str) -> None:
    (example,) = blocks("yaml", section(f"### {key}"))
    loaded = []
    for entity in entities():
        fields = indent(example, " " * 6)
        rule = f"rules:\n  - stream: x\n    into: {entity}\n    fields:\n{fields}"
        lookups = "lookups: {status: {}}\n" if "lookup: status" in example else ""
        text = f"source: jira\n{rule}{lookups}"
        with contextlib.suppress(MappingInvalid):  # most entities lack the field
            parse_mapping("jira", [("page", text)], entities(), {})
            loaded.append(entity)
    assert loaded
