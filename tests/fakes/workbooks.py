"""Builders of spreadsheets as people make them: titles above, notes below, merged, hidden, broken."""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

RISK_HEADER = ("Risk ID", "Title", "Owner", "Due date", "Probability", "Impact", "Status")


def risk_rows(count: int = 3) -> list[list[Any]]:
    """Plain risks R-001 …, for tables whose content does not matter."""
    return [
        [
            f"R-{n:03}",
            f"Supplier {n} may be late",
            "Mia Krystof",
            dt.date(2026, 7, n % 28 + 1),
            n % 5 + 1,
            3,
            "Open",
        ]
        for n in range(1, count + 1)
    ]


def write_xlsx(
    path: Path,
    sheets: dict[str, Sequence[Sequence[Any]]],
    *,
    at: tuple[int, int] = (0, 0),
    date1904: bool = False,
) -> Path:
    """A workbook with these sheets; each row is a list of values, dates formatted as dates, None left blank.
    `at` is the (row, column) from 0 where every table begins."""
    book = xlsxwriter.Workbook(str(path), {"date_1904": date1904, "strings_to_urls": False})
    formats = {"date": book.add_format({"num_format": "dd/mm/yyyy"})}
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for r, row in enumerate(rows, at[0]):
            for c, value in enumerate(row, at[1]):
                write_cell(sheet, r, c, value, formats["date"])
    book.close()
    return path


def write_cell(sheet: Any, row: int, column: int, value: Any, date_format: Any) -> None:
    if value is None:
        return
    if isinstance(value, dt.date | dt.datetime):
        sheet.write_datetime(row, column, value, date_format)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, str) and value.startswith("="):
        sheet.write_formula(row, column, value)
    elif isinstance(value, str):
        sheet.write_string(row, column, value)
    else:
        sheet.write(row, column, value)


def write_csv(
    path: Path,
    rows: Sequence[Sequence[Any]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    first: str = "",
) -> Path:
    """A text table; `first` is written before it as is (`sep=;`)."""
    with path.open("w", encoding=encoding, newline="") as file:
        file.write(first)
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def write_ods(path: Path, sheets: dict[str, Sequence[Sequence[Any]]], *, blank_tail: int = 0) -> Path:
    """An OpenDocument workbook. `blank_tail` repeats one empty row that often, as LibreOffice does."""
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableRow

    document = OpenDocumentSpreadsheet()
    for name, rows in sheets.items():
        table = Table(name=name)
        for row in rows:
            line = TableRow()
            for value in row:
                line.addElement(ods_cell(value))
            table.addElement(line)
        if blank_tail:
            tail = TableRow(numberrowsrepeated=str(blank_tail))
            tail.addElement(ods_cell(None))
            table.addElement(tail)
        document.spreadsheet.addElement(table)
    document.save(str(path))
    return path


def ods_cell(value: Any, **attributes: str) -> Any:
    """One cell: dates, numbers and text in ods' own types."""
    from odf.table import TableCell
    from odf.text import P

    if value is None:
        return TableCell(**attributes)
    if isinstance(value, dt.date):
        return TableCell(valuetype="date", datevalue=value.isoformat(), **attributes)
    if isinstance(value, int | float):
        return TableCell(valuetype="float", value=str(value), **attributes)
    cell = TableCell(valuetype="string", **attributes)
    cell.addElement(P(text=str(value)))
    return cell


def write_bomb(path: Path, *, unpacked_mb: int = 60) -> Path:
    """A small valid workbook with a sheet part that unpacks to very much more."""
    write_xlsx(path, {"Risks": [RISK_HEADER, *risk_rows()]})
    padding = b" " * (1 << 20)
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            if name == "xl/worksheets/sheet1.xml":
                with target.open(name, "w") as part:
                    part.write(content.replace(b"</worksheet>", b""))
                    for _ in range(unpacked_mb):
                        part.write(padding)
                    part.write(b"</worksheet>")
            else:
                target.writestr(name, content)
    return path


def replace_part(path: Path, name: str, change: Any) -> Path:
    """Rewrite one part of a zipped workbook by `change(bytes) -> bytes`."""
    with zipfile.ZipFile(path) as source:
        parts = {part: source.read(part) for part in source.namelist()}
    parts[name] = change(parts.get(name, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for part, content in parts.items():
            target.writestr(part, content)
    return path
