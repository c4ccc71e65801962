"""A sheet as the reading process sees it: rows of plain JSON values, and what the values do not say."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from portbook.text import normal_key

Value = Any
"""str, int, float, bool, None for empty, or {"error": …}."""
Row = list[Value]
Errors = dict[tuple[int, int], str]
"""Row and column, from 1 → what a cell with an error shows."""
Merge = tuple[int, int, int, int]
"""First row, first column, last row, last column; all counted from 1."""


class Refused(Exception):
    """The file or sheet cannot be read; `kind` becomes the class of the SourceError."""

    def __init__(self, message: str, *, detail: str = "", hint: str = "", kind: str = "refused") -> None:
        super().__init__(message)
        self.message, self.detail, self.hint, self.kind = message, detail, hint, kind


@dataclass
class Facts:
    """What a sheet's XML says beside its values. Rows and columns are counted from 1, as people see them."""

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    errors: Errors = field(default_factory=dict)
    formulas: set[tuple[int, int]] = field(default_factory=set)
    row_formula_columns: set[int] = field(default_factory=set)
    """Columns whose formulas use ROW(): their values change when the sheet is sorted."""
    percents: set[tuple[int, int]] = field(default_factory=set)
    formats_known: bool = True
    """Whether a cell that is not in `percents` is really not shown as per cent."""
    fills: dict[tuple[int, int], str] = field(default_factory=dict)
    """Colour words of cells that say something by their fill alone."""
    merges: list[Merge] = field(default_factory=list)
    date1904: bool = False


class Limited(NamedTuple):
    """The limits that reading needs, as sent to the reading process."""

    rows: int = 200_000
    columns: int = 500
    cells: int = 5_000_000
    sheets: int = 100


class SheetInfo(NamedTuple):
    name: str
    visible: bool


class Sheet(NamedTuple):
    """One sheet. `rows()` may be called again and starts anew; it yields (row number, values from column
    A)."""

    name: str
    visible: bool
    facts: Facts
    rows: Callable[[], Iterator[tuple[int, Row]]]


_ERROR = re.compile(
    r"^(#(REF!|N/A|DIV/0!|VALUE!|NAME\?|NULL!|NUM!|GETTING_DATA|SPILL!|CALC!)|(Err|Fehler):\d+)$"
)


_DURATION = re.compile(r"^PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$")


def is_error_text(text: str) -> bool:
    """Whether a cell's text is what a spreadsheet program shows for a failed formula."""
    return bool(_ERROR.match(text))


def plain(value: object) -> Value:
    """A cell's value as JSON: dates as ISO text, durations as hours, whole numbers as integers, blank as
    None."""
    if isinstance(value, str):
        if not value:
            return None
        if value[0] in "#EF" and is_error_text(value):
            return {"error": value}
        if value[:2] == "PT" and (duration := _DURATION.match(value)):  # how ods spells a time beyond a day
            hours, minutes, seconds = (float(part or 0) for part in duration.groups())
            return plain(round(hours + minutes / 60 + seconds / 3600, 6))
        return None if value.isspace() else value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dt.timedelta):
        return plain(round(value.total_seconds() / 3600, 6))
    return value if isinstance(value, int) else str(value)


def percent(value: float) -> Value:
    """Per cent from 0 to 100. Below one it is text with its sign, lest 0.5 % be taken for a half."""
    shown = plain(round(float(value), 8))
    return f"{shown}%" if 0 < abs(shown) < 1 else shown


@cache
def column_name(column: int) -> str:
    """1 → A, 27 → AA."""
    name = ""
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(65 + letter) + name
    return name


def cell_name(row: int, column: int) -> str:
    """(7, 3) → C7."""
    return f"{column_name(column)}{row}"


def header_text(value: Value) -> str:
    """A column name in the form names are compared in: `Due\\u00a0 Date:*` is `due date`."""
    if value is None or isinstance(value, dict):
        return ""
    return normal_key(value).rstrip("*: ").rstrip()


def filled(row: Row) -> int:
    """How many cells of a row hold something."""
    return sum(value is not None for value in row)


def transposed(sheet: Sheet, cap: int) -> Sheet:
    """The sheet with rows and columns exchanged. It is held in memory, hence the cap on cells."""
    source = [(number, row) for number, row in sheet.rows()]
    if not source:
        return sheet
    height, width = source[-1][0], max(len(row) for _, row in source)
    if height * width > cap:
        raise Refused(f"The sheet is too large to be turned: {height} rows × {width} columns")
    grid: list[Row] = [[None] * height for _ in range(width)]
    for number, row in source:
        for index, value in enumerate(row):
            grid[index][number - 1] = value

    def flip(cells: set[tuple[int, int]]) -> set[tuple[int, int]]:
        return {(column, row) for row, column in cells}

    facts = sheet.facts
    turned = Facts(
        hidden_rows=set(facts.hidden_columns),
        hidden_columns=set(facts.hidden_rows),
        errors={(column, row): text for (row, column), text in facts.errors.items()},
        formulas=flip(facts.formulas),
        percents=flip(facts.percents),
        formats_known=facts.formats_known,
        fills={(column, row): colour for (row, column), colour in facts.fills.items()},
        merges=[(c1, r1, c2, r2) for r1, c1, r2, c2 in facts.merges],
        date1904=facts.date1904,
    )
    return Sheet(sheet.name, sheet.visible, turned, lambda: enumerate(grid, start=1))
