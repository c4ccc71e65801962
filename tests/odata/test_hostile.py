"""Bombs are refused before any work, and no text becomes SQL."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.odata.address import read_address
from gateway.odata.apply import read_apply
from gateway.odata.model import entity_sets
from gateway.odata.options import OF_LISTS, Links, read_options
from portbook.errors import Problem
from register.query import check
from register.query.ast import Query
from tests.odata.conftest import Service

ITEMS = entity_sets()["WorkItems"]
DEEP = 5_000


def read(given_: dict[str, str]) -> None:
    if "$apply" in given_:
        read_apply(ITEMS, given_, 10, 0)
    options = read_options(ITEMS, given_, OF_LISTS, Links("http://x/"))
    check(Query("work_items", fields=options.fields, filter=options.filter, order=options.order))


@pytest.mark.parametrize(
    "given_",
    [
        {"$filter": "(" * DEEP + "Points eq 1" + ")" * DEEP}, {"$filter": "not (" * DEEP + "true"}, {"$filter": "-(" * DEEP + "1 eq 1"}, {"$filter": "-" * 15_000 + "1"},
        {"$filter": " or ".join(["Level eq 1"] * 3_000)}, {"$filter": "Level add " * 1_500 + "1 eq 1"}, {"$filter": "Key in (" + ",".join(["'a'"] * 3_900) + ")"},
        {"$filter": "tolower(" * 2_000 + "Key"}, {"$filter": "Project/WorkItems/any(w:w/" * 500 + "Key"}, {"$filter": "Project/" * 1_900 + "Key eq 'x'"}, {"$filter": "x" * 20_000},
        {"$filter": "'" * 15_999}, {"$filter": " " * 15_990 + "x"}, {"$top": "1" + "0" * 9}, {"$top": "9" * 5_000}, {"$skip": "9" * 5_000},
        {"$expand": "Project($expand=WorkItems(" * 600}, {"$expand": "Project($expand=WorkItems($expand=Project($expand=WorkItems($expand=Project($expand=WorkItems))))))"},
        {"$expand": ",".join(["Project"] * 2_000)}, {"$select": "Key," * 3_900}, {"$orderby": "Project/" * 1_900 + "Key"}, {"$apply": "filter(" * 2_000}, {"$apply": "groupby((" * 1_700},
        {"$apply": "aggregate(" + " " * 15_000 + "x)"}, {"$apply": "aggregate(Points" + " with " * 2_500 + ")"}, {"$apply": "filter(true)/" * 1_200 + "x"}, {"$filter": "a'" * 7_000},
        {"$filter": "0" * 15_000 + "x eq 1"}, {"$filter": "Key eq '\ud800'"}, {"$filter": "Key eq 'a\0'"},
    ],
)  # fmt: skip
def test_a_bomb_is_refused_while_it_is_read(given_: dict[str, str]) -> None:
    with pytest.raises(Problem):
        read(given_)


@pytest.mark.parametrize(
    "path",
    [
        "Projects(" + "'" * 8_000,
        "Projects(" * 1_700,
        "a/" * 7_900,
        "Projects('" + "''" * 7_000 + "x",
        "x" * 20_000,
    ],
)
def test_a_hostile_address_is_refused_while_it_is_read(path: str) -> None:
    with pytest.raises(Problem):
        read_address(path)


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "'",
            "''",
            "'; DROP TABLE project; --",
            "\\",
            "%",
            "_",
            "$1",
            "{0}",
            "{",
            "}",
            '"',
            "' OR '1'='1",
            "\\'",
            "E'\\\\'",
            "/*",
            "--",
            "\u2019",
            ":instant",
            "$$",
        ]
    ),
)
TEMPLATES = (
    "Title eq '{}'", "Title ne '{}'", "Title gt '{}'", "Title le '{}'", "Title in ('{}','x')", "contains(Title,'{}')", "startswith(Title,'{}')", "endswith(Title,'{}')",
    "indexof(Title,'{}') ge 0", "concat(Title,'{}') eq 'x'", "tolower('{}') eq Title", "length('{}') eq Level", "substring('{}',1) eq Title", "trim('{}') eq Title",
    "Labels/any(l:l eq '{}')", "Labels/any(l:l in ('{}'))", "Project/Title eq '{}'", "Project/Risks/any(r:r/Title eq '{}')", "not (Title eq '{}')", "'{}' eq Title",
)  # fmt: skip


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(TEMPLATES), HOSTILE)
def test_text_in_any_operator_is_a_value_and_nothing_else(service: Service, template: str, text: str) -> None:
    condition = template.replace("{}", text.replace("'", "''"))
    response = service.raw(f"WorkItems?$select=Key&$filter={quote(condition, errors='surrogatepass')}")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
        assert response.status_code == 400
        return
    assert response.status_code == 200, (condition, response.text)
    if template == TEMPLATES[0]:
        assert response.json()["value"] == []
    if template == TEMPLATES[1]:
        assert len(response.json()["value"]) == 9


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(OF_LISTS),
    st.one_of(st.text(max_size=60), st.text("()'/,;=$@:- eqandortKyTil0123", max_size=60)),
)
def test_any_text_in_any_option_is_answered_or_refused_with_a_reason(
    service: Service, option: str, text: str
) -> None:
    response = service.raw(f"WorkItems?{quote(option)}={quote(text, errors='surrogatepass')}")
    assert response.status_code in (200, 400, 501), response.text
    if response.status_code != 200:
        assert response.json()["error"]["message"]


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.text("()'/,;=$@:- abPrjectsWokIm0123", max_size=40))
def test_any_address_is_answered_or_refused_with_a_reason(service: Service, path: str) -> None:
    response = service.client.get(f"/odata/v4/Projects{quote(path)}")
    assert response.status_code in (200, 400, 404, 501), response.text


def test_a_group_takes_hostile_names_for_no_columns(service: Service) -> None:
    for name in ('N"', "N;x", "N x", "N)", '"; DROP TABLE project; --'):
        assert service.raw(f"WorkItems?$apply=aggregate($count as {quote(name)})").status_code == 400
    kept: Any = service.raw("Projects/$count").text
    assert kept == "3"
