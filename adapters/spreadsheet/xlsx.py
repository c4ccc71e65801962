"""Sheets of an Excel workbook: values through calamine, and from the XML what calamine does not tell.

openpyxl knows hidden rows and styles only when it holds the whole sheet in memory, at about fifty times
the file's size. The part of the format needed here is small and fixed (ECMA-376), so it is read as a
stream.
"""

from __future__ import annotations

import datetime as dt
import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

import python_calamine as calamine

from adapters.spreadsheet.colours import Palette, colour_word
from adapters.spreadsheet.grid import (
    Errors,
    Facts,
    Limited,
    Refused,
    Row,
    Sheet,
    SheetInfo,
    cell_name,
    percent,
    plain,
)
from adapters.spreadsheet.plain_rows import without_plain_rows

_REF = re.compile(r"^\$?([A-Z]{1,3})\$?(\d+)$")
_ROW_FORMULA = re.compile(r"\bROWS?\s*\(", re.IGNORECASE)
NOT_CALCULATED = "not calculated"
Attributes = dict[str, str]


def sheet_list(path: Path) -> list[SheetInfo]:
    """The worksheets of a workbook in its own order; chart and macro sheets are left out."""
    with calamine.CalamineWorkbook.from_path(path) as book:
        return [
            SheetInfo(sheet.name, sheet.visible == calamine.SheetVisibleEnum.Visible)
            for sheet in book.sheets_metadata
            if sheet.typ == calamine.SheetTypeEnum.WorkSheet
        ]


def open_sheet(
    path: Path, info: SheetInfo, facts: Facts | None, limits: Limited, errors: Errors | None = None
) -> Sheet:
    """One sheet ready to be iterated. `facts` is None for formats (xls, xlsb) of which little but the `errors` is known
    here."""
    with calamine.CalamineWorkbook.from_path(path) as book:
        sheet = book.get_sheet_by_name(info.name)
    if facts is None:
        ranges = sheet.merged_cell_ranges or []
        facts = Facts(
            merges=[(r1 + 1, c1 + 1, r2 + 1, c2 + 1) for (r1, c1), (r2, c2) in ranges],
            formats_known=False,
            errors=errors or {},
        )
    known = facts
    return Sheet(info.name, info.visible, known, lambda: calamine_rows(sheet, known, limits))


def calamine_rows(sheet: calamine.CalamineSheet, facts: Facts, limits: Limited) -> Iterator[tuple[int, Row]]:
    """Rows as (number from 1, values from column A), with errors put in where calamine says blank."""
    if sheet.start is None or sheet.end is None:
        return
    check_extent(sheet.name, sheet.end[0] + 1, sheet.end[1] + 1, limits)
    indent: Row = [None] * sheet.start[1]  # iter_rows keeps leading empty rows but drops leading columns
    by_row: dict[int, list[tuple[int, Any]]] = {}
    for (row, column), text in facts.errors.items():
        by_row.setdefault(row, []).append((column, {"error": text}))
    percents = {row for row, _ in facts.percents}
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        # Most cells are text that needs no look: no blank, no error (#, Err, Fehler), no duration (PT).
        values = indent + [
            cell if type(cell) is str and cell[:1].isalnum() and cell[0] not in "EFP" else plain(cell)
            for cell in cells
        ]
        for column, value in by_row.get(number, ()):
            values.extend([None] * (column - len(values)))
            values[column - 1] = value
        if number in percents:
            _scale_percents(number, values, facts)
        yield number, values


def _scale_percents(number: int, values: Row, facts: Facts) -> None:
    """A cell shown as 45 % holds 0.45: give what people see."""
    for index, value in enumerate(values):
        if (number, index + 1) in facts.percents and isinstance(value, int | float) and value is not True:
            values[index] = percent(value * 100)


def check_extent(name: str, rows: int, columns: int, limits: Limited) -> None:
    """Refuse a sheet whose last filled cell is beyond the limits, before anything is made that large."""
    if rows > limits.rows or columns > limits.columns or rows * columns > limits.cells:
        raise Refused(
            f"Sheet {name} reaches to cell {cell_name(rows, columns)}: {rows} rows × {columns} columns",
            detail=f"limits: {limits.rows} rows, {limits.columns} columns, {limits.cells} cells",
            hint="Often it is one stray value far from the table: press Ctrl+End in Excel and clear it. "
            "Else raise `limits:` of this source.",
        )


def sheet_facts(path: Path, name: str, limits: Limited) -> Facts:
    """Hidden rows and columns, errors, formulas, merged ranges, per-cent formats and fills of one sheet."""
    with zipfile.ZipFile(path) as archive:
        part, date1904 = _sheet_part(archive, name)
        if part is None:
            return Facts()
        styles = _Styles()
        if "xl/styles.xml" in archive.namelist():
            parse_part(archive, "xl/styles.xml", styles.start, styles.end)
            styles.finish()
        reader = _SheetReader(styles, name, limits)
        telling = styles.percent | styles.colour.keys()
        parse_part(
            archive, part, reader.start, reader.end, reader.text,
            cut=lambda stream: without_plain_rows(stream, telling, limits),
        )  # fmt: skip
    reader.facts.date1904 = date1904
    return reader.facts


def parse_part(
    archive: zipfile.ZipFile,
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
    *,
    cut: Callable[[IO[bytes]], Iterator[bytes]] | None = None,
) -> None:
    """Parse one part of the workbook as a stream. `cut` may leave out what nobody needs."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition("}")[2], attributes)
    if end:
        parser.EndElementHandler = lambda tag: end(tag.rpartition("}")[2])
    if text:
        parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        with archive.open(part) as stream:
            for chunk in cut(stream) if cut else iter(lambda: stream.read(1 << 16), b""):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, zipfile.BadZipFile, EOFError) as error:
        raise Refused(
            "The workbook is damaged: a part is not valid XML",
            detail=f"{part}: {error}",
            hint="Open it in Excel, let it repair, and save it again.",
        ) from error


def _no_doctype(*_: object) -> None:
    raise Refused("The workbook holds XML with a document type, which no spreadsheet program writes")


def _sheet_part(archive: zipfile.ZipFile, name: str) -> tuple[str | None, bool]:
    """The zip entry that holds the sheet, by way of the workbook's relationships; and whether days count from
    1904."""
    names = set(archive.namelist())
    root: dict[str, str] = {}
    targets: dict[str, str] = {}
    sheets: dict[str, str] = {}

    def relation(into: dict[str, str], by: str) -> Callable[[str, Attributes], None]:
        def start(tag: str, attributes: Attributes) -> None:
            if tag == "Relationship":
                into[attributes.get(by, "")] = attributes.get("Target", "")

        return start

    if "_rels/.rels" in names:
        parse_part(archive, "_rels/.rels", relation(root, "Type"))
    book = next(
        (t.lstrip("/") for kind, t in root.items() if kind.endswith("/officeDocument")), "xl/workbook.xml"
    )
    folder, file = posixpath.split(book)
    links = f"{folder}/_rels/{file}.rels"
    if book not in names or links not in names:
        return None, False
    parse_part(archive, links, relation(targets, "Id"))

    def sheet(tag: str, attributes: Attributes) -> None:
        if tag == "sheet":
            link = next((value for key, value in attributes.items() if key.endswith("}id")), "")
            sheets[attributes.get("name", "")] = link
        elif tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            epochs.append(True)

    epochs: list[bool] = []
    parse_part(archive, book, sheet)
    target = targets.get(sheets.get(name, ""), "")
    part = (
        target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
    )
    return (part if part in names else None), bool(epochs)


class _Styles:
    """Which cell formats show per cent, and which fill a cell with a colour that means something."""

    def __init__(self) -> None:
        self.percent: set[str] = set()
        self.colour: dict[str, str] = {}
        self._formats = {9: True, 10: True}
        self._fills: list[Palette | None] = []
        self._xfs: list[tuple[int, int]] = []
        self._path: list[str] = []

    def start(self, tag: str, attributes: Attributes) -> None:
        self._path.append(tag)
        if tag == "numFmt":
            code = re.sub(r'"[^"]*"|\\.', "", attributes.get("formatCode", ""))
            self._formats[int(attributes.get("numFmtId", "0"))] = "%" in code
        elif tag == "fill":
            self._fills.append(None)
        elif tag == "fgColor" and "patternFill" in self._path and "fills" in self._path and self._fills:
            self._fills[-1] = Palette(
                attributes.get("rgb"),
                attributes.get("theme"),
                attributes.get("indexed"),
                attributes.get("tint"),
            )
        elif tag == "xf" and "cellXfs" in self._path:
            self._xfs.append((int(attributes.get("numFmtId", "0")), int(attributes.get("fillId", "0"))))

    def end(self, tag: str) -> None:
        self._path.pop()

    def finish(self) -> None:
        words = [colour_word(fill) if fill else None for fill in self._fills]
        for index, (number_format, fill) in enumerate(self._xfs):
            if self._formats.get(number_format):
                self.percent.add(str(index))
            # Fills 0 and 1 are the format's own "none" and "grey"; both mean nothing.
            if 1 < fill < len(words) and (word := words[fill]):
                self.colour[str(index)] = word


class _SheetReader:
    """Collects the facts of one sheet while its XML streams by."""

    def __init__(self, styles: _Styles, name: str, limits: Limited) -> None:
        self.facts = Facts()
        self._styles, self._name, self._limits = styles, name, limits
        self._row = self._column = 0
        self._kind = ""
        self._style = "0"
        self._formula = self._value = False
        self._text: list[str] | None = None

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "c":
            self._column += 1
            if match := _REF.match(attributes.get("r", "")):
                self._column, self._row = _column_number(match.group(1)), int(match.group(2))
            self._kind, self._style = attributes.get("t", ""), attributes.get("s", "0")
            self._formula = self._value = False
        elif tag == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
            if attributes.get("hidden") in ("1", "true"):
                self.facts.hidden_rows.add(self._row)
        elif tag == "f":
            self._formula, self._text = True, []
        elif tag == "v":
            self._text = []
        elif tag == "is":
            self._value = True
        elif tag == "col" and attributes.get("hidden") in ("1", "true"):
            last = min(int(attributes["max"]), self._limits.columns)
            self.facts.hidden_columns.update(range(int(attributes["min"]), last + 1))
        elif tag == "mergeCell":
            first, _, last_ref = attributes.get("ref", "").partition(":")
            a, b = _REF.match(first), _REF.match(last_ref)
            if a and b and len(self.facts.merges) < self._limits.rows:
                self.facts.merges.append(
                    (int(a.group(2)), _column_number(a.group(1)), int(b.group(2)), _column_number(b.group(1)))
                )

    def text(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        if tag == "v" and self._text is not None:
            text, self._text = "".join(self._text), None
            if text:
                self._value = True
                check_extent(self._name, self._row, self._column, self._limits)
                if self._kind == "e":
                    self.facts.errors[self._row, self._column] = text
        elif tag == "f" and self._text is not None:
            if _ROW_FORMULA.search("".join(self._text)):
                self.facts.row_formula_columns.add(self._column)
            self._text = None
        elif tag == "c":
            self._cell()

    def _cell(self) -> None:
        here = (self._row, self._column)
        if self._formula:
            self.facts.formulas.add(here)
            # A text formula that gives "" has an empty value of kind str: that one was calculated.
            if not self._value and self._kind != "str":
                self.facts.errors[here] = NOT_CALCULATED
        if self._value and self._style in self._styles.percent:
            self.facts.percents.add(here)
        elif not self._value and not self._formula and (colour := self._styles.colour.get(self._style)):
            self._fill(here, colour)

    def _fill(self, here: tuple[int, int], colour: str) -> None:
        if here[0] <= self._limits.rows and here[1] <= self._limits.columns:
            self.facts.fills[here] = colour


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def serial_date(value: float, *, date1904: bool = False) -> str | None:
    """A date's serial number as ISO text. Excel's 1900 system counts a 29 February that never was."""
    epoch = dt.date(1904, 1, 1) if date1904 else dt.date(1899, 12, 30)
    midnight = dt.datetime.combine(epoch, dt.time())  # naive: a sheet knows no zone
    try:
        return str(plain(midnight + dt.timedelta(days=value)))
    except OverflowError:
        return None
