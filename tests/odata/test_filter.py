"""$filter shows the rows that OData says it shows, null included, and the same as the API where both can say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.odata.parse_filter import _plain
from tests.odata.conftest import PAY, Service

ALL = "123456789"


@pytest.mark.parametrize(
    ("condition", "items"),
    [
        # Points of 5 and IsBlocked of 2, 5, 8 are null; Project of 9 is none.
        ("Points eq 3", "3"), ("Points ne 3", "12456789"), ("Points gt 7", "89"), ("Points ge 8", "89"), ("Points lt 2", "1"), ("Points le 2", "12"),
        ("3 eq Points", "3"), ("3 lt Points", "46789"), ("Points eq null", "5"), ("Points ne null", "12346789"), ("null eq Points", "5"),
        ("Points gt null", ""), ("not (Points gt null)", ALL), ("not (Points gt 3)", "1235"), ("Points eq Level", "12346789"), ("Points ne Level", "5"),
        ("ProgrammeKey eq ProgrammeTitle", "9"), ("Status eq 'done' and Points gt 3", "79"), ("Status eq 'done' or Points gt 7", "135789"),
        ("not (Status eq 'done' and Points gt 3)", "1234568"), ("Status in ('done','todo')", ALL), ("Points in (1,2,99)", "12"), ("Points in (1,null)", "15"),
        ("not (Points in (1,2))", "3456789"), ("Key in ('W-01')", "1"),
        ("IsBlocked", "369"), ("not IsBlocked", "147"), ("IsBlocked eq true", "369"), ("IsBlocked ne true", "124578"), ("IsBlocked eq null", "258"),
        ("not IsBlocked eq true", "147"), ("not IsBlocked eq false", "369"), ("not IsBlocked ne true", "235689"), ("not IsBlocked ne false", "124578"),
        ("not (IsBlocked eq true)", "124578"), ("not IsBlocked eq null", "258"), ("true eq not IsBlocked", "147"), ("not not IsBlocked eq true", "369"),
        ("not (IsBlocked and Points gt 4) eq true", "123457"), ("not ((IsBlocked or Points gt 8) eq false)", "235689"), ("not Points in (1,2)", "3456789"),
        ("not contains(Title,'3') eq false", "3"), ("not IsBlocked and Points gt 3", "47"), ("not IsBlocked eq true or Points eq 3", "1347"),
        ("not (IsBlocked and Points gt 4)", "123457"), ("not (IsBlocked or Points gt 8)", "147"), ("(Points gt 3) eq false", "1235"),
        ("true", ALL), ("false", ""), ("not false", ALL), ("1 eq 1", ALL), ("1 eq 2", ""), ("null eq null", ALL), ("1 eq 1 and Points eq 3", "3"),
        ("Points add 1 eq 4", "3"), ("Points sub 1 eq 2", "3"), ("Points mul 2 gt 16", "9"), ("Points div 2 eq 2", "4"), ("Level div 2 eq 2", "45"),
        ("Level divby 2 eq 2.5", "5"), ("Level mod 2 eq 0", "2468"), ("-Level lt -8", "9"), ("-(Level) le -9", "9"), ("Level div 0 eq null", ALL),
        ("Points add 1 mul 2 eq 5", "3"), ("(Points add 1) mul 2 eq 8", "3"), ("1e0 eq Points", "1"), ("Points eq 3.0", "3"), ("Points gt 7.5", "89"),
        ("contains(Title,'o''3')", "3"), ("startswith(Title,'Item 3')", "3"), ("endswith(Title,'9')", "9"), ("not endswith(Title,'9')", "12345678"),
        ("length(Title) eq 10", ALL), ("indexof(Title,'3') eq 5", "3"), ("substring(Title,5) eq '3 o''3'", "3"), ("substring(Title,5,1) eq '3'", "3"),
        ("tolower(Title) eq 'item 3 o''3'", "3"), ("toupper(Title) eq 'ITEM 3 O''3'", "3"), ("trim(concat(' ',Key)) eq 'W-03'", "3"),
        ("contains(Title,'3') eq true", "3"), ("contains(Title,'3') eq false", "12456789"), ("concat(concat(Key,'-'),Status) eq 'W-03-done'", "3"),
        ("year(DueOn) eq 2026 and month(DueOn) eq 1", "369"), ("day(DueOn) ge 8", "89"), ("hour(ResolvedAt) eq 23", "13579"), ("minute(ResolvedAt) eq 30", "13579"),
        ("second(ResolvedAt) eq 0", "13579"), ("date(ResolvedAt) eq 2026-01-31", "13579"), ("DueOn lt now()", ALL), ("ResolvedAt lt now()", "13579"),
        ("date(ResolvedAt) lt date(now())", "13579"), ("round(Points div 2) eq 2", "34"), ("floor(Points div 2) eq 1", "23"), ("ceiling(Points div 2) eq 2", "34"),
        ("DueOn eq 2026-01-03", "3"), ("DueOn ge 2026-03-01 and DueOn le 2026-03-05", "25"), ("ResolvedAt eq 2026-01-31T23:30:00Z", "13579"),
        ("ResolvedAt eq 2026-02-01T00:30:00.000000+01:00", "13579"), ("ResolvedAt gt 2026-01-31", "13579"),
        (f"ProjectId eq {PAY}", "123456"), (f"Project/Id eq {PAY}", "123456"), ("Project/Key eq 'WEB'", "78"), ("ProjectKey eq 'WEB'", "78"),
        ("Project/Programme/Key eq 'ERP'", "123456"), ("ProgrammeKey eq 'ERP'", "123456"), ("Project/Key eq null", "9"), ("Assignee/Title eq 'Ana'", "369"),
        ("AssigneeName in ('Ana','Bo')", "134679"), ("$it/Points eq 3", "3"), ("DueOn gt Project/FinishPlannedOn", ""), ("Project/WorkItems/$count gt 5", "123456"),
        ("Labels/any(l:l eq 'l3')", "3"), ("Labels/any(l:l in ('l3','l5'))", "35"), ("Labels/any()", "13579"), ("not Labels/any()", "2468"), ("'l3' eq 'l3' and Labels/any(x:'l3' eq x)", "3"),
        ("Project/Risks/any(r:r/Score gt 10)", "123456"), ("Project/Risks/any(r:r/Score gt 10 and r/Project/Key eq 'PAY')", "123456"),
    ],
)  # fmt: skip
def test_a_condition_shows_its_rows(service: Service, condition: str, items: str) -> None:
    found = service.keys(f"WorkItems?$select=Key&$filter={quote(condition)}")
    assert "".join(key[-1] for key in found) == items


@pytest.mark.parametrize(
    ("condition", "projects"),
    [
        ("WorkItems/any()", "PAY WEB"), ("not WorkItems/any()", "LAB"), ("WorkItems/any(w:w/Points gt 7)", "WEB"),
        ("WorkItems/all(w:w/Points gt 0)", "LAB WEB"), ("WorkItems/all(w:w/Status in ('done','todo'))", "LAB PAY WEB"),
        ("WorkItems/any(w:w/Status eq 'done' and w/Assignee/Title eq 'Ana')", "PAY"), ("WorkItems/$count eq 2", "WEB"), ("WorkItems/$count eq Risks/$count", "LAB"),
        ("Programme/Projects/any(p:p/Risks/any(r:r/Score ge 15))", "PAY"), ("Tags/any(t:t eq 'core')", "PAY"), ("not contains(Title,'x')", "PAY WEB"),
        ("contains(Title,'a') ne true", "LAB WEB"), ("length(Title) ne 8", "LAB"), ("length(Title) eq null", "LAB"), ("Budget eq 50.5", "WEB"),
        ("Budget add null eq null", None), ("Risks/any(r:r/Probability mul r/Impact eq 15)", "PAY"), ("(WorkItems/any(w:w/Points gt 7)) eq false", "LAB PAY"),
    ],
)  # fmt: skip
def test_lists_below_a_row_are_asked_by_lambdas_and_counts(
    service: Service, condition: str, projects: str | None
) -> None:
    if projects is None:
        service.error(f"Projects?$filter={condition}", 501, "ODA001")
    else:
        assert " ".join(service.keys(f"Projects?$select=Key&$filter={quote(condition)}")) == projects


@pytest.mark.parametrize(
    ("condition", "code", "position"),
    [
        ("Nothing eq 1", "QRY002", 0), ("Project/Nothing eq 1", "QRY002", 8), ("Points eq", "QRY001", 9), ("Points eq 'x'", "QRY001", 10), ("Title eq 5", "QRY001", 9),
        ("not Points eq 3", "QRY001", 0), ("Level eq 1 and not Points gt 3", "QRY001", 15), ("DueOn eq '2026-01-01'", "QRY001", 9), ("DueOn eq 2026-01-01T00:00:00Z", "QRY001", 9), ("DueOn eq 2026-13-01", "QRY001", 9), ("Status eq 'dnoe'", "QRY001", 10),
        ("Points", "QRY001", 0), ("Project eq null", "QRY001", 0), ("Project/WorkItems/Key eq 'x'", "QRY001", 8), ("(Points eq 1", "QRY001", 12),
        ("Points eq 1)", "QRY001", 11), ("Points = 1", "QRY001", 7), ("nothing(Title) eq 1", "QRY002", 0), ("length(Points) eq 1", "QRY001", 7),
        ("length() eq 1", "QRY001", 0), ("Project/any(p:p/Key eq 'x')", "QRY001", 8), ("Labels/any(l:m eq 'x')", "ODA001", None),
        ("Title eq 'x", "QRY001", 9), ("Points eq 1 and and Points eq 2", "QRY001", 20), ("Project/Risks/any(r:s/Score gt 1)", "QRY002", 20), ("year(Title) eq 1", "QRY001", 5),
        ("Title gt Points", "QRY001", None), ("Key/Title eq 'x'", "QRY001", 0), ("Points eq 1 Points eq 2", "QRY001", 12),
    ],
)  # fmt: skip
def test_what_is_wrong_is_pointed_at(
    service: Service, condition: str, code: str, position: int | None
) -> None:
    error = service.error(f"WorkItems?$filter={quote(condition)}", 501 if code == "ODA001" else 400, code)
    assert error["target"] == "$filter"
    assert position is None or error["position"] == str(position)


@pytest.mark.parametrize(
    "condition",
    [
        "Status has Portbook.Status'done'", "isof(Portbook.WorkItem)", "cast(Points,Edm.String) eq '1'", "Title eq @p", "$root/Projects(1)/Key eq 'x'",
        "DueOn sub duration'P1D' eq 2026-01-01", "time(ResolvedAt) eq 12:00:00", "ResolvedAt gt mindatetime()", "Points eq INF", "geo.distance(Title,Title) eq 1",
        "Labels/any(l:contains(l,'x'))", "Labels/all(l:l eq 'x')", "Labels/$count gt 1", "Project/Risks/any(r:r/Score gt Points)", "Project/Risks/$count($filter=Score gt 1) gt 1",
        "matchesPattern(Title,'x')", "Title in Labels", "DueOn add 1 gt 2026-01-01", "Title eq binary'T0RhdGE'", "Project/Risks/any(r:$it/Points gt 1)", "Points eq {\"a\":1}",
    ],
)  # fmt: skip
def test_what_is_not_supported_is_told_apart(service: Service, condition: str) -> None:
    service.error(f"WorkItems?$filter={quote(condition)}", 501, "ODA001")


FIELDS = {
    "Points": ("points", st.integers(0, 10).map(str)),
    "Level": ("level", st.integers(0, 10).map(str)),
    "Project/Key": ("project.key", st.sampled_from(["'PAY'", "'WEB'", "'no''ne'"])),
    "Title": ("title", st.sampled_from(["'Item 3 o''3'", "'x'", "''"])),
    "Status": ("status", st.sampled_from(["'done'", "'todo'"])),
}
SIGNS = {"eq": "=", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


@st.composite
def comparisons(draw: Any) -> tuple[str, str]:
    name = draw(st.sampled_from(sorted(FIELDS)))
    ours, values = FIELDS[name]
    what = draw(st.sampled_from(["compare", "compare", "null", "in", "lower"]))
    if what == "null":
        word = draw(st.sampled_from(["eq", "ne"]))
        return f"{name} {word} null", f"{ours} IS {'NOT ' if word == 'ne' else ''}NULL"
    if what == "in":
        listed = ",".join(draw(st.lists(values, min_size=1, max_size=3)))
        return f"{name} in ({listed})", f"{ours} IN ({listed})"
    word, value = draw(st.sampled_from(sorted(SIGNS))), draw(values)
    if what == "lower" and name == "Title":
        return f"tolower({name}) {word} {value}", f"lower({ours}) {SIGNS[word]} {value}"
    return f"{name} {word} {value}", f"{ours} {SIGNS[word]} {value}"


def grown(inner: Any) -> list[Any]:
    pair = st.tuples(inner, inner)
    return [
        pair.map(lambda two: (f"({two[0][0]}) and ({two[1][0]})", f"({two[0][1]}) AND ({two[1][1]})")),
        pair.map(lambda two: (f"({two[0][0]}) or ({two[1][0]})", f"({two[0][1]}) OR ({two[1][1]})")),
        inner.map(lambda one: (f"not ({one[0]})", f"NOT ({one[1]})")),
    ]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.recursive(comparisons(), lambda inner: st.one_of(*grown(inner)), max_leaves=6))
def test_odata_and_the_api_show_the_same_rows(
    service: Service, partner: Service, both: tuple[str, str]
) -> None:
    theirs, ours = both
    for asked in (service, partner):
        response = asked.client.get(
            "/api/v1/work_items", params={"filter": ours, "fields": "key", "limit": "1000"}
        )
        assert response.status_code == 200, response.text
        assert asked.keys(f"WorkItems?$select=Key&$filter={quote(theirs)}") == [
            row["key"] for row in response.json()["data"]
        ]


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**6), max_value=10**6),
    st.integers(-20, 20),
)
def test_a_number_with_an_exponent_is_the_same_without(number: Decimal, exponent: int) -> None:
    assert Decimal(_plain(f"{number}e{exponent}")) == Decimal(f"{number}e{exponent}")
