"""xlsx and parquet: files, written row by row from a cursor, so that memory stays flat."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from register.catalog import Kind
from register.db import DATABASE_AWAY, Connection
from register.errors import QueryInvalid
from register.export.columns import Column, Export
from register.export.formats import ExportFailed, FormatMissing

BATCH = 2_000
SHEET_ROWS = 1_048_576
"""What a sheet of Excel holds, its heading included (Microsoft: Excel specifications and limits)."""
CELL = 32_767
"""Characters that a cell holds (the same page), one beyond U+FFFF counting twice, as in UTF-16."""
_ROUNDED_FROM = 10**15
"""Numbers have 15 digits (the same page): with more of them before the point, one is kept whole as text."""
_FIRST = date(1900, 1, 1)
"""Of an instant of this day XlsxWriter keeps the time alone."""
_MARK = " … [cut: {:,} of {:,} characters are not here]"
_MARK_ROOM = 64
_WIDTHS = {Kind.DATE: 12, Kind.INSTANT: 18, Kind.NUMBER: 12, Kind.INTEGER: 10, Kind.BOOLEAN: 8, Kind.ID: 38}


class Writer(Protocol):
    """A file that takes rows."""

    def add(self, rows: Sequence[Sequence[Any]]) -> None: ...

    def close(self) -> None: ...


async def write_file(connection: Connection, export: Export, format_name: str, path: Path, title: str) -> int:
    """Write the list to `path`; returns how many rows it has. Runs inside a transaction of its own.

    Raises QueryInvalid, FormatMissing or ExportFailed; OSError where the file cannot be written.
    """
    writer = _open(format_name, path, export.columns, title)
    try:
        return await _add_rows(connection, export, writer)
    finally:
        # A workbook is put together and compressed here.
        await asyncio.to_thread(writer.close)


async def _add_rows(connection: Connection, export: Export, writer: Writer) -> int:
    written = 0
    try:
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(export.sql, *export.parameters)
            while rows := await cursor.fetch(BATCH):
                written += len(rows)
                # A batch takes as long to write as to read: others are served meanwhile.
                await _to_the_end(asyncio.to_thread(writer.add, rows))
    except asyncpg.DataError as error:
        raise QueryInvalid(f"the database refuses a value: {error}") from None
    except (asyncpg.QueryCanceledError, *DATABASE_AWAY) as error:
        raise ExportFailed(
            f"the database broke the export off: {error}", hint="Ask for less, or again."
        ) from None
    return written


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """A thread cannot be stopped: who does not wait for it would close the file below it."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.shield(working)
    finally:
        await asyncio.wait((working,))


def _open(format_name: str, path: Path, columns: Sequence[Column], title: str) -> Writer:
    return Workbook(path, columns, title) if format_name == "xlsx" else ParquetFile(path, columns)


class Workbook:
    """An xlsx file: a heading that stays, filters, dates as dates. What does not fit one sheet goes on in the next.

    Text is written as text: nothing in it becomes a formula or a link. Excel knows no zones: instants are UTC; and no
    time before 1900: that is text. A text that no cell holds ends in a mark, and a last sheet counts such texts.
    """

    def __init__(self, path: Path, columns: Sequence[Column], title: str) -> None:
        import xlsxwriter  # as pyarrow below: for those who ask for such a file

        self._columns = columns
        self._title = title
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "remove_timezone": True,
            },
        )
        self._heading = self._book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF2F6"})
        forms = {Kind.DATE: "yyyy-mm-dd", Kind.INSTANT: "yyyy-mm-dd hh:mm:ss"}
        known = {kind: self._book.add_format({"num_format": form}) for kind, form in forms.items()}
        self._forms = [known.get(column.kind) for column in columns]
        self._cut: Counter[int] = Counter()
        self._sheets = 0
        self._sheet: Any = None
        self._row = 0
        self._begin()

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        for row in rows:
            if self._row == SHEET_ROWS:
                self._end()
                self._begin()
            for at, value in enumerate(row):
                if value is not None:
                    self._write(at, value)
            self._row += 1

    def close(self) -> None:
        self._end()
        if self._cut.total():
            self._tell_cut()
        from xlsxwriter.exceptions import FileCreateError

        try:
            self._book.close()
        except FileCreateError as error:
            raise error.args[0] from None

    def _begin(self) -> None:
        self._sheets += 1
        name = self._title[:25] if self._sheets == 1 else f"{self._title[:25]} {self._sheets}"
        self._sheet = self._book.add_worksheet(name, worksheet_class=_sheet())
        self._sheet.freeze_panes(1, 0)
        for at, column in enumerate(self._columns):
            self._sheet.set_column(at, at, _WIDTHS.get(column.kind, 24))
            self._sheet.write_string(0, at, column.name, self._heading)
        self._row = 1

    def _end(self) -> None:
        if self._columns:
            self._sheet.autofilter(0, 0, self._row - 1, len(self._columns) - 1)

    def _write(self, at: int, value: Any) -> None:
        row, form = self._row, self._forms[at]
        match value:
            case bool():
                self._sheet.write_boolean(row, at, value)
            case int() | float() | Decimal():
                if isfinite(number := float(value)) and abs(number) < _ROUNDED_FROM:
                    self._sheet.write_number(row, at, number)
                else:
                    self._sheet.write_string(row, at, str(value))
            case date() if value.year >= 1900 and not (
                isinstance(value, datetime) and value.date() == _FIRST
            ):
                self._sheet.write_datetime(row, at, value, form)
            case _:
                text = _text(value)
                held = _held(text)
                self._cut[at] += held is not text
                self._sheet.write_string(row, at, held)

    def _tell_cut(self) -> None:
        sheet = self._book.add_worksheet("Cut")
        sheet.set_column(0, 0, 24)
        sheet.write_string(0, 0, "Column", self._heading)
        sheet.write_string(
            0, 1,
            f"Texts that are cut: a cell of Excel holds {CELL:,} characters. csv, ndjson and parquet have them whole.",
            self._heading,
        )  # fmt: skip
        for row, (at, cells) in enumerate(sorted((+self._cut).items()), 1):
            sheet.write_string(row, 0, self._columns[at].name)
            sheet.write_number(row, 1, cells)


@cache
def _sheet() -> Any:
    from xlsxwriter.worksheet import Worksheet

    class Sheet(Worksheet):  # type: ignore[misc]  # it ships no types
        """Where memory is constant, XlsxWriter takes text that begins with `<r>` and ends with `</r>` for markup of its
        own, and writes it into the file as it is."""

        def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
            self._xml_inline_string(string, False, attributes)

    return Sheet


class ParquetFile:
    """A Parquet file with the register's own kinds: dates, UTC instants, decimals as doubles, lists of text."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise FormatMissing(
                "parquet needs pyarrow, which is not installed here",
                parameter="format",
                hint="pip install 'portbook[parquet]', or ask for csv, ndjson or xlsx.",
            ) from None
        self._arrow = pyarrow
        kinds = {
            Kind.DATE: pyarrow.date32(),
            Kind.INSTANT: pyarrow.timestamp("us", tz="UTC"),
            Kind.NUMBER: pyarrow.float64(),
            Kind.INTEGER: pyarrow.int64(),
            Kind.BOOLEAN: pyarrow.bool_(),
            Kind.TEXTS: pyarrow.list_(pyarrow.string()),
            Kind.IDS: pyarrow.list_(pyarrow.string()),
        }
        self._schema = pyarrow.schema(
            [(column.name, kinds.get(column.kind, pyarrow.string())) for column in columns]
        )
        self._kinds = [column.kind for column in columns]
        self._writer = pyarrow.parquet.ParquetWriter(str(path), self._schema, compression="zstd")

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        arrays = [
            self._arrow.array([_plain(kind, row[at]) for row in rows], type=self._schema.field(at).type)
            for at, kind in enumerate(self._kinds)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _plain(kind: Kind, value: Any) -> Any:
    if value is None or kind in (Kind.DATE, Kind.INSTANT, Kind.INTEGER, Kind.BOOLEAN):
        return value
    if kind is Kind.NUMBER:
        return float(value)
    return [_text(item) for item in value] if kind in (Kind.TEXTS, Kind.IDS) else _text(value)


def _held(text: str) -> str:
    """The text itself where a cell holds it, else its beginning and a mark."""
    if 2 * len(text) <= CELL or len(units := text.encode("utf-16-le")) <= 2 * CELL:
        return text
    begun = units[: 2 * (CELL - _MARK_ROOM)].decode("utf-16-le", "ignore")  # without half a pair
    return begun + _MARK.format(len(text) - len(begun), len(text))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, UUID):
        return str(value)
    return ", ".join(map(str, value)) if isinstance(value, Iterable) else str(value)
