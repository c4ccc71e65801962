"""From a sheet to records: the rows under the header that are records, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from adapters.spreadsheet.amounts import amounts, conversion
from adapters.spreadsheet.grid import (
    Facts,
    Refused,
    Row,
    Sheet,
    Value,
    cell_name,
    column_name,
    header_text,
    percent,
    transposed,
)
from adapters.spreadsheet.header import SEARCH_ROWS, Column, Header, find_header
from adapters.spreadsheet.identity import Identity, identify, missing_key, row_id, title_columns
from adapters.spreadsheet.xlsx import serial_date

_TOTAL = re.compile(
    r"(?:(?P<before>.+?):? )??"
    r"(?:(?:grand |overall |sub[- ]?)?(?:total|sum|average)s?|(?:zwischen|gesamt)?summe|gesamt)"
    r"(?::? (?:of |for |von |für )?(?P<after>.+))?"
)
_LABEL = 100
"""Characters that a label may have."""
_NAME_ENDS = "*: \t\n\r\v\f\x1c\x1d\x1e\x1f"
_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(T|$)")
_Convert = Callable[[Value], Value]
_PERCENT_NAME = re.compile(r"%|\bpercent|\bper cent|\bcomplete$|\bprogress\b")
_RAG_NAME = re.compile(r"\b(rag|bragg?|traffic light|health)\b")


class Found(NamedTuple):
    """One row that is a record, or was meant to be one."""

    id: str
    row: int
    data: dict[str, Any]
    problem: str | None = None


class Skipped(NamedTuple):
    """One row that is no record."""

    row: int
    reason: str


class Table(NamedTuple):
    """A sheet whose header and identity are known."""

    sheet: Sheet
    header: Header
    identity: Identity
    turned: bool


def find_table(sheet: Sheet, entry: dict[str, Any], name: str, limits: dict[str, int]) -> Table:
    """Where the table is and what identifies its rows. Raises Refused naming file, sheet and columns."""
    where = f"{name}, sheet {sheet.name}"
    turned = entry["orientation"] == "columns"
    if turned:
        sheet = transposed(sheet, limits["cells"])
    at = entry["header_row"]
    head = list(islice(sheet.rows(), max(SEARCH_ROWS, (at or 0) + 2)))
    header = find_header(head, sheet.facts.merges, key=entry["key"], at=at)
    if header is None or not header.columns:
        if entry["key"]:
            raise missing_key(entry["key"][0], (), where)
        raise Refused(
            f"No row of column names was found in {where}",
            hint="Give `header_row:`, or `orientation: columns` when the names stand in the first column.",
        )
    identity = identify(header, entry["into"], entry["key"], sheet.facts.row_formula_columns, where)
    return Table(sheet, header, identity, turned)


def read_table(
    table: Table, entry: dict[str, Any], name: str, locale: str | None, units: Mapping[str, str]
) -> Iterator[Found | Skipped]:
    """Every row under the header, in the sheet's order, as a record or with the reason it is none."""
    sheet, header, identity, turned = table
    facts = sheet.facts
    kept = header.columns
    if entry["hidden"] == "skip":
        keys = {column.offset for column in identity.columns}
        kept = tuple(c for c in kept if c.offset + 1 not in facts.hidden_columns or c.offset in keys)
    shape = _Shape(table, kept)
    bare = _bare_percent if facts.formats_known else _percent_of_unknown_format
    conversions = {c.offset: bare for c in kept if _is_percent(c.name, entry["into"])}
    conversions |= _dates_without_format(table, kept)
    titles = {column.name: column.title for column in kept}
    letters = {column.name: column_name(column.offset + 1) for column in kept}
    columns = [(column.offset, column.name, conversions.get(column.offset)) for column in kept]
    money = [
        (found.column.offset, found.name, conversion(found, locale))
        for found in amounts(kept, entry["into"], units)
    ]
    letters |= {found: column_name(offset + 1) for offset, found, _ in money}
    rag = [column for column in kept if _RAG_NAME.search(column.name)]
    for number, row in _data_rows(table, entry["fill_merged"]):
        if row.count(None) == len(row):
            continue
        hidden = number in facts.hidden_rows or not sheet.visible
        if hidden and entry["hidden"] == "skip":
            yield Skipped(number, "hidden")
            continue
        key, problem = row_id(identity, row, number)
        if reason := shape.no_record(number, row, problem):
            yield Skipped(number, reason)
            continue
        cells: dict[str, Value] = {}
        width = len(row)
        for offset, called, convert in columns:
            if offset < width and (value := row[offset]) is not None:
                if convert and (number, offset + 1) not in facts.percents:
                    value = convert(value)
                cells[called] = value
        for offset, called, whole in money:
            if offset < width and (value := row[offset]) is not None:
                cells[called] = value if (number, offset + 1) in facts.percents else whole(value)
        for column in rag:
            if column.name not in cells and (colour := facts.fills.get((number, column.offset + 1))):
                cells[column.name] = colour
        place = f"column {column_name(number)}" if turned else f"row {number}"
        extra: dict[str, Any] = {
            "where": f"{name}, sheet {sheet.name}, {place}",
            "at": {
                called: cell_name(offset + 1, number) if turned else f"{letters[called]}{number}"
                for offset, called, _ in (*columns, *money)
                if called in cells
            },
            "hidden": hidden,
            "headers": titles,
        }
        if locale:
            extra["locale"] = locale
        if facts.date1904:
            extra["date1904"] = True  # for a mapping that reads a number as a date
        yield Found(
            key, number, {"cells": cells, "sheet": sheet.name, "file": name, "portbook": extra}, problem
        )


def _data_rows(table: Table, fill_merged: bool) -> Iterator[tuple[int, Row]]:
    """Rows under the header; a tall merged cell gives its value to the rows it covers, when asked to."""
    tall = {
        (r1, c1): r2 for r1, c1, r2, _ in table.sheet.facts.merges if r2 > r1 and r1 > table.header.last_row
    }
    starts: dict[int, list[int]] = {}
    for first, column in tall:
        starts.setdefault(first, []).append(column)
    open_cells: dict[int, tuple[int, Value]] = {}
    for number, row in table.sheet.rows():
        if number <= table.header.last_row:
            continue
        if fill_merged and tall:
            for column, (last, value) in list(open_cells.items()):
                if number > last:
                    del open_cells[column]
                    continue
                row.extend([None] * (column - len(row)))
                if row[column - 1] is None:
                    row[column - 1] = value
            for column in starts.get(number, ()):
                if column <= len(row) and row[column - 1] is not None:
                    open_cells[column] = (tall[number, column], row[column - 1])
        yield number, row


class _Shape:
    """Tells records from the furniture of a sheet: sections, totals, repeated headers, notes, templates."""

    def __init__(self, table: Table, kept: tuple[Column, ...]) -> None:
        self._columns = kept
        self._facts: Facts = table.sheet.facts
        self._keys = {column.offset for column in table.identity.columns}
        self._natural = table.identity.chosen_by == "natural key"
        self._titles = {column.offset for column in title_columns(table.header)}
        self._wide = {r1: (c1, c2) for r1, c1, r2, c2 in self._facts.merges if r1 == r2 and c2 > c1}
        self._totalled = {header_text(table.sheet.name), *(column.name for column in self._columns)}
        """What may stand beside the word in the label of a totals row: the sheet, its columns, its sections."""

    def no_record(self, number: int, row: Row, problem: str | None) -> str | None:
        """Why this row is no record; None when it is one, or ought to be."""
        cells = [
            (c, row[c.offset]) for c in self._columns if c.offset < len(row) and row[c.offset] is not None
        ]
        if not cells:
            return "outside the table"
        if len(self._columns) > 2 and len(cells) <= 2 and self._is_heading(number, problem):
            self._totalled.update(header_text(value) for _, value in cells)
            return "section: one merged cell"
        # The first cells decide quickly for the many rows that repeat nothing.
        repeats = any(map(_repeats_name, cells[:3])) and sum(map(_repeats_name, cells))
        if repeats >= max(2, 0.6 * len(cells)):
            return "header repeated"
        texts = [
            (c, value)
            for c, value in cells
            if isinstance(value, str) and not (value[4:5] == "-" and _ISO_DATE.match(value))
        ]
        if len(texts) == 1 and (problem or len(cells) > 1):
            column, label = texts[0]
            # A row with a key of its own is a record, whatever it is called.
            if (problem or column.offset in self._keys) and self._is_total(label):
                return "total"
        if len(self._columns) > 2 and len(cells) == 1:
            column = cells[0][0]
            lone_title = self._natural and column.offset in self._keys and not problem
            if not lone_title or (column.offset == 0 and _looks_like_note(cells[0][1])):
                self._totalled.add(header_text(cells[0][1]))
                return "one filled cell: a section, a note or an unused row"
        if self._is_template(number, cells, problem):
            return "template row without content"
        return None

    def _is_heading(self, number: int, problem: str | None) -> bool:
        """Whether a wide merged cell is all that the row says. Beside a key it is a long text of that record."""
        if number not in self._wide:
            return False
        first, last = self._wide[number]
        return bool(problem) or any(first <= offset + 1 <= last for offset in self._keys)

    def _is_total(self, label: str) -> bool:
        """Whether a label says nothing but that the row adds up others: `Total`, `Risks total:`, `Sum of cost`."""
        found = _TOTAL.fullmatch(header_text(label)) if len(label) <= _LABEL else None
        return found is not None and all(part is None or part in self._totalled for part in found.groups())

    def _is_template(self, number: int, cells: list[tuple[Column, Value]], problem: str | None) -> bool:
        """Rows prepared for later: formulas and drop-down defaults, but nobody has written what they are."""
        formulas = self._facts.formulas
        typed = [c for c, _ in cells if not formulas or (number, c.offset + 1) not in formulas]
        if not typed:
            return bool(formulas)
        if any(column.offset in self._titles for column in typed):
            return False
        key_typed = any(column.offset in self._keys for column in typed)
        return bool(self._titles) and not key_typed and len(typed) <= 3 and (bool(problem) or bool(formulas))


def _repeats_name(cell: tuple[Column, Value]) -> bool:
    column, value = cell
    if not isinstance(value, str):
        return False
    end = value.rstrip(_NAME_ENDS)[-1:]
    if end != "0" and value.isascii() and end.lower() != column.name[-1:]:
        return False  # as most values: it ends in another letter. (12.0 stands for 12.)
    text = header_text(value)
    return bool(text) and (column.name == text or column.name.endswith(f" {text}"))


def _looks_like_note(value: Value) -> bool:
    return isinstance(value, str) and value.lstrip().startswith(("*", "†", "Note", "NB", "Source:", "("))


def _is_percent(column: str, entity: str) -> bool:
    return bool(_PERCENT_NAME.search(column)) or (
        entity == "assignment" and column in ("allocation", "units")
    )


def _dates_without_format(table: Table, kept: tuple[Column, ...]) -> dict[int, _Convert]:
    """How to read columns of dates among which some cells have lost their format. Where all have lost it, the name
    says too little (`Balance due`): a mapping that takes the column as a date reads the numbers as days.
    """
    watched = {c.offset: _Numbers() for c in kept}
    for _, row in _data_rows(table, fill_merged=False):
        width = len(row)
        for index, numbers in watched.items():
            value = row[index] if index < width else None
            if isinstance(value, str):
                numbers.dates += value[4:5] == "-" and bool(_ISO_DATE.match(value))
            elif isinstance(value, int | float) and not isinstance(value, bool):
                numbers.see(value)
    date1904 = table.sheet.facts.date1904
    result: dict[int, _Convert] = {}
    for column in kept:
        seen = watched[column.offset]
        if not seen.count:
            continue
        if seen.low >= 20_000 and seen.high <= 80_000 and seen.dates >= seen.count:
            result[column.offset] = lambda value: _as_date(value, date1904=date1904)
    return result


class _Numbers:
    """What numbers a column holds."""

    def __init__(self) -> None:
        self.count = self.dates = 0
        self.low, self.high = float("inf"), float("-inf")

    def see(self, value: float) -> None:
        self.count += 1
        if value < self.low:
            self.low = value
        if value > self.high:
            self.high = value


def _as_date(value: Value, *, date1904: bool) -> Value:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return serial_date(value, date1904=date1904) or value
    return value


def _bare_percent(value: Value) -> Value:
    """A number in a per-cent column whose cell does not say per cent. Judged for itself: what stands in other rows
    may change, and what this one means may not."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if 0 < abs(value) < 1:
        return percent(value * 100)
    # 1 % or 100 %? As text without a sign no mapping takes it for per cent, and a finding asks.
    return str(value) if abs(value) == 1 else value


def _percent_of_unknown_format(value: Value) -> Value:
    """The same where no file says which cells are shown as per cent: 1.5 is as likely to be 150 %."""
    if isinstance(value, float) and 1 < abs(value) < 10 and not value.is_integer():
        return {"error": f"{value:g} % or {value * 100:g} %?"}
    return _bare_percent(value)
