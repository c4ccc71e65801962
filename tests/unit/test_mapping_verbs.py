"""Every verb with good, bad and odd values: what a tool writes becomes JSON or a reason, never something else."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapping.locale import Locale
from mapping.richtext import adf_text, html_text
from mapping.verbs import VERBS

NOWHERE = Locale()
GB, US, DE, SE = (Locale(name) for name in ("en-GB", "en-US", "de-DE", "sv-SE"))
LONDON = Locale("en-GB", ZoneInfo("Europe/London"))

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
WRITTEN = st.from_regex(r"\A[-+($€]?[0-9.,' ]{1,12}(%|k|m|mio|bn| EUR|\))?\Z") | st.from_regex(
    r"\A[0-9]{1,4}[./ -][0-9]{1,2}[./ -][0-9]{1,4}\Z"
)


def refused(verb: str, value: Any, locale: Locale = NOWHERE) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the reason is what the tests ask for
        VERBS[verb](value, locale)
    assert str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("verb", VERBS)
@settings(max_examples=40)
@given(value=JSON | WRITTEN, locale=st.sampled_from([NOWHERE, GB, US, DE, SE, LONDON]))
@example(value="9" * 400, locale=NOWHERE)
@example(value=1e300, locale=NOWHERE)
@example(value=float("inf"), locale=NOWHERE)
@example(value="0001-01-01T00:00:00+14:00", locale=NOWHERE)
@example(value="<div>" * 3000, locale=NOWHERE)
@example(value="<!-- -->", locale=NOWHERE)
def test_any_value_becomes_json_or_a_reason(verb: str, value: Any, locale: Locale) -> None:
    try:
        result = VERBS[verb](value, locale)
    except (ValueError, TypeError, OverflowError):  # what `apply` takes for "cannot be read"
        return
    if verb == "json":
        assert result is value
    else:
        json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("levels", [101, 900, 1023])
def test_a_value_nested_beyond_reason_is_refused(verb: str, levels: int) -> None:
    deep: Any = "x"
    for _ in range(levels):
        deep = [deep]
    refused(verb, deep)


@given(st.dates())
def test_iso_dates_come_out_as_they_went_in(day: date) -> None:
    assert VERBS["date"](day.isoformat(), NOWHERE) == day.isoformat()


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)))
def test_instants_come_out_as_the_same_moment(moment: datetime) -> None:
    written = VERBS["instant"](moment.isoformat(), NOWHERE)
    assert datetime.fromisoformat(written) == moment
    assert VERBS["instant"](written, DE) == written


@pytest.mark.parametrize(
    "time", ["", "T00:00:00", "T00:30:00Z", "T23:59:59+14:00", " 01:30:00", "T02:30:00-12:00"]
)
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "0001-01-01", "9999-12-31", "2024-02-29"])
@pytest.mark.parametrize("locale", [NOWHERE, LONDON, Locale("de-DE", ZoneInfo("Pacific/Kiritimati"))])
def test_a_date_is_the_day_as_written_whatever_stands_behind_it(day: str, time: str, locale: Locale) -> None:
    assert VERBS["date"](day + time, locale) == day


@pytest.mark.parametrize(
    ("written", "locale", "day"),
    [
        ("03/06/2026", GB, "2026-06-03"),
        ("03/06/2026", US, "2026-03-06"),
        ("3.6.26", DE, "2026-06-03"),
        ("26-06-03", SE, "2026-06-03"),
        ("25/12/2026", US, "2026-12-25"),
        ("12/25/2026", GB, "2026-12-25"),
        ("5/5/2026", NOWHERE, "2026-05-05"),
        ("3 März 2026", DE, "2026-03-03"),
        ("Mon, 3rd June 2026", NOWHERE, "2026-06-03"),
        ("June 3rd, 2026", NOWHERE, "2026-06-03"),
        ("14 juil. 2026", NOWHERE, "2026-07-14"),
        ("14 Juin 2026", NOWHERE, "2026-06-14"),
        ("1er août 2026", NOWHERE, "2026-08-01"),
        ("3 de septiembre de 2026", NOWHERE, "2026-09-03"),
        ("22-sept-26", NOWHERE, "2026-09-22"),
        ("5. mai 2026", NOWHERE, "2026-05-05"),
        ("Mo. 4. Okt. 2026", NOWHERE, "2026-10-04"),
        ("mar. 7 mars 2026", NOWHERE, "2026-03-07"),
        ("12 dez. 2026", NOWHERE, "2026-12-12"),
        ("Sept. 3, 2026", NOWHERE, "2026-09-03"),
        ("1 Jan 29", NOWHERE, "2029-01-01"),
        ("1 Jan 30", NOWHERE, "1930-01-01"),
        (46110, NOWHERE, "2026-03-29"),
        (46110.999, NOWHERE, "2026-03-29"),
        ("  ", NOWHERE, None),
    ],
)  # fmt: skip
def test_dates_are_read_as_the_locale_writes_them(written: Any, locale: Locale, day: str | None) -> None:
    assert VERBS["date"](written, locale) == day


@pytest.mark.parametrize(
    "written",
    ["2026-02-29", "30/02/2026", "soon", "2026-13-01", "30 Juneau 2026", "5. marraskuuta 2026", "12 decision 2026",
     "1 mart 2026", "1 maraton 2026", "before 12 May 2026", "Q3 12 May 2026", "3/6/202", "3/6/6", "0000-01-01", 12, 19_999, 80_001, True, [], "26Q3"],
)  # fmt: skip
def test_what_is_no_date_is_refused(written: Any) -> None:
    refused("date", written, GB)


@pytest.mark.parametrize(
    ("locales", "number"),
    [
        ("de-DE de-AT fr-FR fr-CH fr-CA es-ES es-AR es-CL es-CO es-EC es-VE pt-BR nl-BE it-IT sr-RS ca-ES en-DE en-ZA", 1.234),
        ("de-CH de-LI it-CH es-MX es-US es-PE es-GT en-GB en-US en-IE en-CH en-AU ja-JP zh-CN th-TH en es-SV", 1234),
    ],
)  # fmt: skip
def test_a_comma_is_what_it_is_in_the_region_not_only_in_the_language(locales: str, number: float) -> None:
    assert {name: VERBS["number"]("1,234", Locale(name)) for name in locales.split()} == dict.fromkeys(
        locales.split(), number
    )


def test_the_month_comes_first_where_people_write_it_first() -> None:
    found = {
        name: VERBS["date"]("03/06/2026", Locale(name))
        for name in ("en-PH", "es-PR", "fr-CA", "es-MX", "en-AU")
    }
    june, march = "2026-06-03", "2026-03-06"
    assert found == {"en-PH": march, "es-PR": march, "fr-CA": june, "es-MX": june, "en-AU": june}


def test_where_both_orders_are_usual_a_locale_is_not_enough() -> None:
    for name in ("en-CA", "es-US"):
        assert refused("date", "03/06/2026", Locale(name)) == (
            f"day and month cannot be told apart in {name}; write 2026-…"
        )
        assert VERBS["date"]("13/06/2026", Locale(name)) == "2026-06-13"


def test_day_and_month_that_cannot_be_told_apart_need_a_locale() -> None:
    assert "declare the source's locale" in refused("date", "03/06/2026")


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-03-29T00:30:00", "2026-03-29T00:30:00+00:00"),
        ("2026-06-01T12:00:00", "2026-06-01T11:00:00+00:00"),
        ("2026-06-01T12:00:00.120+0200", "2026-06-01T10:00:00.12+00:00"),
        ("", None),
    ],
)
def test_a_moment_without_an_offset_is_in_the_sources_zone(written: str, instant: str | None) -> None:
    assert VERBS["instant"](written, LONDON) == instant


def test_a_moment_outside_the_calendar_is_refused() -> None:
    assert "before the year 1" in refused("instant", "0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize(
    ("verb", "written", "locale", "number"),
    [
        ("number", "1,234.50", NOWHERE, 1234.5),
        ("number", "1.234,50", NOWHERE, 1234.5),
        ("number", "1.234", DE, 1234),
        ("number", "1.234", GB, 1.234),
        ("number", "1,234", GB, 1234),
        ("number", "1’234’567", NOWHERE, 1234567),
        ("number", "12,34,567.5", GB, 1234567.5),
        ("number", "1 234,5", DE, 1234.5),
        ("number", "−5", NOWHERE, -5),
        ("number", "0,125", NOWHERE, 0.125),
        ("number", "–", NOWHERE, None),
        ("number", "1\u00a0234\u00a0567", NOWHERE, 1234567),
        ("number", "1\u202f234,567", NOWHERE, 1234.567),
        ("number", "1'234.5", NOWHERE, 1234.5),
        ("number", " - 5 ", NOWHERE, -5),
        ("number", "( 5 )", NOWHERE, -5),
        ("number", "5-", NOWHERE, -5),
        ("number", ".5", NOWHERE, 0.5),
        ("number", 2**60 + 1, NOWHERE, 2**60 + 1),
        ("money", "€ 1.234,50", NOWHERE, 1234.5),
        ("money", "($1,200.00)", NOWHERE, -1200),
        ("money", "1200.00-", NOWHERE, -1200),
        ("money", "-£5", NOWHERE, -5),
        ("money", "EUR 5k", NOWHERE, 5000),
        ("money", "1.2m USD", NOWHERE, 1_200_000),
        ("money", "5 mio", NOWHERE, 5_000_000),
        ("money", "5 MIO EUR", NOWHERE, 5_000_000),
        ("money", "2bn chf", NOWHERE, 2_000_000_000),
        ("money", "500 kr.", NOWHERE, 500),
        ("money", "€ 1.250", DE, 1250),
        ("money", "€ 1.250", GB, 1.25),
        ("money", "€ 0.125", NOWHERE, 0.125),
        ("money", "1.250m EUR", NOWHERE, 1_250_000),
        ("number", "1.250", NOWHERE, 1.25),
        ("money", "500,- €", NOWHERE, 500),
        ("money", "CHF 1'250.–", NOWHERE, 1250),
        ("money", "€ -5", NOWHERE, -5),
        ("money", "- € 5", NOWHERE, -5),
        ("money", "€ (5)", NOWHERE, -5),
        ("money", "5- EUR", NOWHERE, -5),
        ("money", "$500 USD", NOWHERE, 500),
        ("money", "$ 500 MXN", NOWHERE, 500),
        ("money", "500 KR", NOWHERE, 500),
        ("money", "Fr. 500", NOWHERE, 500),
        ("money", "US$ 1.5bn", NOWHERE, 1_500_000_000),
        ("money", "5 m €", NOWHERE, 5_000_000),
        ("money", "1 250 000 SEK", SE, 1_250_000),
        ("hours", "30m", NOWHERE, 0.5),
        ("hours", "30 min", NOWHERE, 0.5),
        ("hours", "2h 30m", NOWHERE, 2.5),
        ("hours", "2h30", NOWHERE, 2.5),
        ("hours", "1,5 h", DE, 1.5),
        ("hours", "3 hours", NOWHERE, 3),
        ("hours", "20m", NOWHERE, 0.3333),
        ("hours", "7.5", NOWHERE, 7.5),
        ("hours", 8, NOWHERE, 8),
        ("percent", "45 %", NOWHERE, 45),
        ("percent", 0.45, NOWHERE, 0.45),
        ("percent", "0.45 %", NOWHERE, 0.45),
        ("percent", "1%", NOWHERE, 1),
        ("percent", "%45", NOWHERE, 45),
        ("percent", "0", NOWHERE, 0),
        ("percent", "1.5", NOWHERE, 1.5),
        ("fraction", 0.45, NOWHERE, 45),
        ("fraction", 0.005, NOWHERE, 0.5),
        ("fraction", 1.5, NOWHERE, 150),
        ("fraction", "0,29", DE, 29),
        ("percent", "45,5%", DE, 45.5),
        ("percent", 0, NOWHERE, 0),
        ("percent", 1, NOWHERE, 1),
        ("seconds", 5400, NOWHERE, 1.5),
        ("integer", 3.0, NOWHERE, 3),
        ("scale5", "VH", NOWHERE, 5),
        ("scale5", "4 - high", NOWHERE, 4),
        ("scale5", "3 (was 4)", NOWHERE, 3),
        ("scale5", "3: possible", NOWHERE, 3),
        ("scale5", " Very  low ", NOWHERE, 1),
        ("scale5", "", NOWHERE, None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(verb: str, written: Any, locale: Locale, number: Any) -> None:
    found = VERBS[verb](written, locale)
    assert (type(found), found) == (type(number), number)


@pytest.mark.parametrize(
    ("verb", "written"),
    [
        ("number", "1,234"), ("number", "1.2.3"), ("number", "2026.11.22"), ("number", "1,2,3"), ("number", "9" * 400),
        ("number", "12 apples"), ("number", True), ("number", float("nan")), ("number", "1e5"), ("number", "..."),
        ("number", "12 34"), ("number", "1 2"), ("number", "12\n345"), ("number", "12'34"), ("number", "1 234'567"),
        ("number", "2.5m"), ("number", "5k"), ("number", "1)"), ("number", "(5"), ("number", "--5"), ("number", "-5-"),
        ("number", "1 234 567 8"), ("number", "."), ("integer", "5k"),
        ("money", "12 EUR 13 EUR"), ("money", "EUR 500 USD 600"), ("money", "12 EUR 13"), ("money", "$5 EUR"),
        ("money", "EUR 5 EUR"), ("money", "12€50"), ("money", "TBC 500"), ("money", "500 - 600 EUR"),
        ("hours", "1d"), ("hours", "2w 3d"), ("hours", "30k"), ("hours", "1:75"), ("hours", "1:30 pm"), ("hours", "2h 3h"), ("hours", "h"),
        ("money", "€ 1.250"), ("money", "1,250"), ("scale5", "2-3"), ("scale5", "3 4"), ("scale5", "-3"),
        ("money", "about 500"), ("integer", 1.5), ("integer", 2**31), ("integer", "-2147483649"), ("scale5", 6),
        ("scale5", "0"), ("scale5", "extreme"), ("percent", "half"), ("percent", "0.5"), ("percent", "1"), ("percent", "-1"), ("boolean", "maybe"), ("boolean", None),
        ("rag", "purple"), ("rag", {"value": "red"}), ("key", ["R-1"]), ("list", {"a": 1}), ("list", [["a"]]),
        ("text", {"error": "#REF!"}), ("adf", 5), ("html", 5), ("hours", {"error": "#N/A"}),
    ],
)  # fmt: skip
def test_what_would_have_to_be_guessed_is_refused(verb: str, written: Any) -> None:
    refused(verb, written)


@pytest.mark.parametrize(
    ("verb", "written", "result"),
    [
        ("rag", "R", "red"), ("rag", "🟠", "amber"), ("rag", "On Track", "green"), ("rag", "Completed", "blue"),
        ("rag", "n/a", "grey"), ("rag", "", None), ("rag", 1.0, "red"),
        ("boolean", "✓", True), ("boolean", "Nein", False), ("boolean", 0, False),
        ("key", " R‑012 ", "r-012"), ("key", 12.0, "12"), ("key", "", None),
        ("text", 12.0, "12"), ("text", True, "yes"), ("text", {"value": " Gold "}, "Gold"), ("text", "  ", None),
        ("line", "a\n b\t\tc", "a b c"),
        ("list", "Smith, John; Doe, Jane", ["Smith, John", "Doe, Jane"]), ("list", "a, b,,c,", ["a", "b", "c"]),
        ("list", "Smith, John\nDoe, Jane\n", ["Smith, John", "Doe, Jane"]), ("list", "a,\nb,\n", ["a", "b"]),
        ("list", "a, b\n", ["a", "b"]), ("list", "a;b\nc", ["a", "b", "c"]), ("list", ";", None), ("list", [{"name": "x"}, None, 5], ["x", "5"]), ("list", [], None),
    ],
)  # fmt: skip
def test_words_are_read_as_people_write_them(verb: str, written: Any, result: Any) -> None:
    assert VERBS[verb](written, NOWHERE) == result


def test_a_document_with_nodes_never_seen_gives_the_text_inside() -> None:
    node = {
        "type": "hologram",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": "inside"}]}],
    }
    odd: list[Any] = [
        node,
        None,
        5,
        "x",
        {"type": "text", "text": 7},
        {"type": ["list"]},
        {"type": "mention", "attrs": []},
    ]
    assert adf_text({"type": "doc", "content": odd}) == "inside"


def test_a_document_keeps_what_its_signs_say() -> None:
    content = [
        {"type": "mention", "attrs": {"text": "@mia"}},
        {"type": "text", "text": " by "},
        {"type": "date", "attrs": {"timestamp": "1774742400000"}},
        {"type": "hardBreak"},
        {"type": "date", "attrs": {"timestamp": "9" * 30}},
        {"type": "inlineCard", "attrs": {"url": "https://x.example"}},
        {"type": "mention", "attrs": {"text": {"a": 1}}},
    ]
    assert adf_text({"type": "doc", "content": content}) == "@mia by 2026-03-29\nhttps://x.example"


def test_a_document_nested_a_thousand_levels_deep_gives_what_is_above() -> None:
    node: dict[str, Any] = {"type": "text", "text": "bottom"}
    for _ in range(1000):
        node = {"type": "blockquote", "content": [node]}
    top = {"type": "paragraph", "content": [{"type": "text", "text": "top"}]}
    assert adf_text({"type": "doc", "content": [top, node]}) == "top"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("<p>a</p><p>b &amp; c</p>", "a\nb & c"),
        ("<script>alert(1)</script><style>p{}</style>x", "x"),
        ("plain < text", "plain < text"),
        ("", None),
        ('<?xml version="1.0" encoding="utf-8"?><p>x</p>', "x"),
    ],
)
def test_html_becomes_its_text(written: str, text: str | None) -> None:
    assert html_text(written) == text
