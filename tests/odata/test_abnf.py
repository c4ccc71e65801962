"""The examples of OASIS's grammar: what our level covers is listed beside this file and parses, the rest is told apart."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from ruamel.yaml import YAML

from gateway.odata.errors import NotSupported
from gateway.odata.parse_filter import parse_expression
from register.errors import QueryInvalid
from register.query.ast import Origin

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "odata-abnf-testcases.yaml"
LISTED = Path(__file__).with_name("abnf_supported.txt")
RULES = (
    "filter",
    "commonExpr",
    "boolCommonExpr",
    "notExpr",
    "propertyPathExpr",
    "firstMemberExpr",
    "isofExpr",
)
if_there = pytest.mark.skipif(not SPEC.exists(), reason="the examples of OASIS are not beside this checkout")


@cache
def examples() -> list[tuple[str, bool]]:
    """Expressions, and whether they are right."""
    # All as text, and not by YAML's own ideas of dates; a tab in one of them no reader of YAML takes.
    cases = YAML(typ="base").load(SPEC.read_text("utf-8").replace("\t", " "))["TestCases"]
    return [
        (
            unquote(case["Input"].partition("=")[2] if case["Rule"] == "filter" else case["Input"]),
            "FailAt" not in case,
        )
        for case in cases
        if case["Rule"] in RULES
    ]


def outcome(text: str) -> str:
    try:
        parse_expression(text, Origin("$filter", text))
    except NotSupported:
        return "not supported"
    except QueryInvalid as error:
        pointed = error.position is not None and 0 <= error.position <= len(text)
        return "wrong" if pointed else "wrong nowhere"
    return "parsed"


@if_there
def test_every_right_example_parses_or_is_known_not_to_be_supported() -> None:
    outcomes = {text: outcome(text) for text, right in examples() if right}
    assert len(outcomes) > 180
    assert [text for text, found in outcomes.items() if found.startswith("wrong")] == []
    parsed = sorted(text for text, found in outcomes.items() if found == "parsed")
    assert parsed == LISTED.read_text("utf-8").splitlines()


def test_what_is_listed_as_supported_parses() -> None:
    listed = LISTED.read_text("utf-8").splitlines()
    assert len(listed) > 90
    assert [text for text in listed if outcome(text) != "parsed"] == []


@if_there
def test_no_wrong_example_crashes_the_parser() -> None:
    for text, right in examples():
        assert right or outcome(text) != "wrong nowhere"
