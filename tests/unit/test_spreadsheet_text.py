"""Text tables in any dialect, plain values, serial dates and colours."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.spreadsheet.colours import Palette, colour_word
from adapters.spreadsheet.delimited import DELIMITERS, decode, open_text, sniff_dialect
from adapters.spreadsheet.grid import Limited, Refused, cell_name, plain
from adapters.spreadsheet.options import SpreadsheetOptions
from adapters.spreadsheet.xlsx import serial_date

# Prose with every delimiter in it: what leads counting sniffers astray.
CELL = st.text(alphabet="abc äöüé ,;|.\n\"'-", max_size=20)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(3, 7))
    names = ["ID", "Title", *[f"Column {n}" for n in range(width - 2)]]
    body = draw(st.lists(st.lists(CELL, min_size=width - 1, max_size=width - 1), min_size=3, max_size=20))
    return [names, *[[f"R{n}", *row] for n, row in enumerate(body)]]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tables(),
    st.sampled_from(DELIMITERS),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from(["\r\n", "\n"]),
)
def test_a_text_table_is_read_back_whatever_its_dialect(
    tmp_path: Path, table: list[list[str]], delimiter: str, encoding: str, ending: str
) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator=ending).writerows(table)
    path = tmp_path / "Risks.csv"
    path.write_bytes(buffer.getvalue().encode(encoding))
    found = [row for _, row in open_text(path, path.name, Limited()).rows()]
    assert found == [[plain(cell) for cell in row] for row in table]


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded_or_refused(content: bytes) -> None:
    try:
        text, _ = decode(content, "a.csv")
    except Refused as refusal:
        text = refusal.message
    sniff_dialect(text)


def test_the_declared_separator_wins() -> None:
    assert sniff_dialect("sep=|\r\na,b|c,d\r\n").delimiter == "|"


def test_decimal_commas_do_not_make_columns() -> None:
    assert sniff_dialect("Name;Cost;Share\nA;1,5;0,5\nB;2,5;0,7\n").delimiter == ";"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12.0, 12), (0.5, 0.5), (True, True), ("  ", None), ("#N/A", {"error": "#N/A"}),
        ("#hashtag", "#hashtag"), ("Err:502", {"error": "Err:502"}),
        (dt.datetime(2025, 7, 31), "2025-07-31"), (dt.date(2025, 7, 31), "2025-07-31"),
        (dt.datetime(2025, 7, 31, 9, 5), "2025-07-31T09:05:00"), (dt.time(9, 5), "09:05:00"),
        (dt.timedelta(hours=255, minutes=15), 255.25), ("PT255H15M0S", 255.25), ("PT", "PT"),
    ],
)  # fmt: skip
def test_values_become_plain_json(value: object, expected: object) -> None:
    assert plain(value) == expected


@given(st.dates(dt.date(1900, 3, 1), dt.date(2150, 1, 1)))
def test_serial_dates_are_right_in_both_calendars(day: dt.date) -> None:
    serial = (day - dt.date(1899, 12, 30)).days
    assert serial_date(serial) == day.isoformat()
    assert serial_date(serial - 1462, date1904=True) == day.isoformat()


def test_cells_are_called_as_people_see_them() -> None:
    assert [cell_name(7, column) for column in (1, 26, 27, 702, 703)] == ["A7", "Z7", "AA7", "ZZ7", "AAA7"]


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ("FFFF0000", "red"), ("00C00000", "red"), ("FFFFC000", "amber"), ("FFFFFF00", "amber"),
        ("FF92D050", "green"), ("FF00B050", "green"), ("FFFFFFFF", None), ("FFD9D9D9", None),
        ("FF0070C0", None), ("nonsense", None),
    ],
)  # fmt: skip
def test_fill_colours_are_judged_by_hue(rgb: str, word: str | None) -> None:
    assert colour_word(Palette(rgb, None, None, None)) == word


def test_options_refuse_what_they_do_not_know_and_describe_all_they_do() -> None:
    with pytest.raises(ValidationError, match="shets"):
        SpreadsheetOptions.model_validate({"files": "a.xlsx", "shets": []})
    with pytest.raises(ValidationError, match="not a locale such as"):
        SpreadsheetOptions.model_validate({"files": "a.xlsx", "locale": "German"})
    with pytest.raises(ValidationError, match="at least 1 item"):
        SpreadsheetOptions.model_validate({"files": []})
    schema = SpreadsheetOptions.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        assert all(field.get("description") for field in model["properties"].values())
