"""Finding the header row, and what makes columns and identities, on rows made up at random."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.spreadsheet.grid import Refused, header_text
from adapters.spreadsheet.header import find_header
from adapters.spreadsheet.identity import identify
from adapters.spreadsheet.layout import STANDARD_SHEETS, entity_of, id_columns, natural_key_groups

COLUMNS = (
    "Owner",
    "Due date",
    "Status",
    "Priority",
    "Project",
    "Raised by",
    "RAG",
    "Comments",
    "Impact",
    "Category",
)
TEXT = st.text(alphabet="abcdefg xyz0123", min_size=1, max_size=40).filter(str.strip)
VALUE = st.one_of(st.none(), TEXT, st.integers(0, 99_999), st.dates().map(str))
TITLE_ROW = st.one_of(
    st.just([]),
    TEXT.map(lambda text: [text]),
    TEXT.map(lambda text: [None, None, f"Last updated {text}"]),
    st.tuples(st.just("Legend:"), TEXT, TEXT).map(list),
    st.dates().map(lambda day: ["As of", str(day)]),
)


@st.composite
def sheets(draw: st.DrawFn) -> tuple[list[list[Any]], int, list[str], int]:
    """Rows, the header's place in them, its names, and the column where the table begins."""
    names = [
        "Risk ID",
        "Title",
        *draw(st.lists(st.sampled_from(COLUMNS), min_size=2, max_size=8, unique=True)),
    ]
    left = draw(st.integers(0, 2))
    titles = draw(st.lists(TITLE_ROW, max_size=12))
    count = draw(st.integers(2, 15))
    body = [
        [None] * left + [f"R-{n}", draw(TEXT), *[draw(VALUE) for _ in names[2:]]] for n in range(1, count + 1)
    ]
    return [*titles, [None] * left + names, *body], len(titles), names, left


@settings(max_examples=150, deadline=None)
@given(sheets())
def test_the_header_is_found_under_any_titles(sheet: tuple[list[list[Any]], int, list[str], int]) -> None:
    rows, at, names, left = sheet
    header = find_header(list(enumerate(rows, 1)), ())
    assert header is not None
    assert header.last_row == at + 1
    assert [column.title for column in header.columns] == names
    assert [column.offset for column in header.columns] == list(range(left, left + len(names)))


@settings(max_examples=100, deadline=None)
@given(sheets())
def test_with_a_key_only_a_row_that_has_it_is_a_header(
    sheet: tuple[list[list[Any]], int, list[str], int],
) -> None:
    rows, at, _, _ = sheet
    header = find_header(list(enumerate(rows, 1)), (), key=["risk id"])
    assert header is not None
    assert header.last_row == at + 1


@given(st.lists(TEXT, min_size=1, max_size=10))
def test_column_names_are_unique_whatever_is_written(names: list[str]) -> None:
    header = find_header([(1, [*names, *names])], (), at=1)
    assert header is not None
    found = [column.name for column in header.columns]
    assert len(found) == len(set(found)) == 2 * len(names)


@given(TEXT, st.sampled_from(["", "*", ":", " *", " :*"]), st.sampled_from([" ", "\n", "\u00a0", "  "]))
def test_stars_colons_and_spaces_do_not_make_another_column(name: str, tail: str, space: str) -> None:
    assert header_text(name.replace(" ", space).upper() + tail) == header_text(name)


def test_a_header_of_months_keeps_its_dates_as_names() -> None:
    header = find_header([(1, ["Project", "Category", "2026-01-01", "2026-02-01"])], (), at=1)
    assert header is not None
    assert [column.name for column in header.columns] == ["project", "category", "2026-01-01", "2026-02-01"]


def test_a_plain_counter_is_no_identity_unless_someone_says_so() -> None:
    header = find_header([(1, ["No.", "Title", "Owner"])], (), at=1)
    assert header is not None
    chosen = identify(header, "risk", (), set(), "b.xlsx, sheet Risks")
    assert ([column.title for column in chosen.columns], chosen.chosen_by) == (["Title"], "natural key")
    asked = identify(header, "risk", ("no.",), set(), "b.xlsx, sheet Risks")
    assert [column.title for column in asked.columns] == ["No."]


def test_without_anything_to_tell_rows_apart_a_sheet_is_refused() -> None:
    header = find_header([(1, ["Owner", "Status"])], (), at=1)
    assert header is not None
    with pytest.raises(Refused, match="tells its rows apart") as caught:
        identify(header, "risk", (), set(), "b.xlsx, sheet Risks")
    assert "key:" in caught.value.hint


def test_sheet_names_are_known_however_they_are_written() -> None:
    assert [entity_of(name) for name in ("RISKS ", "Change_Requests", "Lessons  Learned", "Budget")] == [
        "risk", "change_request", "lesson", "cost_line",
    ]  # fmt: skip
    assert entity_of("Lists") is None
    assert entity_of("RAID (old)") is None


def test_every_standard_entity_can_be_identified_somehow() -> None:
    for entity in set(STANDARD_SHEETS.values()):
        assert natural_key_groups(entity)[0]
        assert entity == "person" or "id" in id_columns(entity)
