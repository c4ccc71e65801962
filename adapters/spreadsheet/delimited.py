"""Text tables (csv, tsv, Excel's "Unicode Text"): which encoding, which delimiter, which rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from adapters.spreadsheet.grid import Facts, Limited, Refused, Row, Sheet, plain
from adapters.spreadsheet.xlsx import check_extent

DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 50
_SEP = re.compile(r"^sep=(.)\r?\n", re.IGNORECASE)
_END = "\x1fend of the table\x1f"
"""A line put behind the last: where it arrives inside another cell, a quotation mark was never closed."""


class Dialect(NamedTuple):
    encoding: str
    delimiter: str
    declared: bool
    """The first line is Excel's `sep=;`, which is not data."""


def open_text(path: Path, name: str, limits: Limited) -> Sheet:
    """The only sheet of a text table; it is called like the file without its ending."""
    text, encoding = decode(path.read_bytes(), name)
    dialect = sniff_dialect(text, encoding)
    return Sheet(Path(name).stem, True, Facts(), lambda: _rows(text, dialect, name, limits))


def decode(content: bytes, name: str) -> tuple[str, str]:
    """Text and the encoding it was in: a byte order mark decides, then valid UTF-8, then Windows-1252."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif content.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    elif _looks_utf16(content):
        encoding = "utf-16-le" if content[1::2].count(0) >= content[0::2].count(0) else "utf-16-be"
    else:
        for encoding in ("utf-8", "cp1252", "iso-8859-15"):
            try:
                return content.decode(encoding), encoding
            except UnicodeDecodeError:
                continue
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as error:
        raise Refused(
            f"{name} says it is {encoding} text, but is not",
            detail=str(error),
            hint="Save it again as CSV UTF-8.",
        ) from error


def _looks_utf16(content: bytes) -> bool:
    head = content[:4096]
    return len(head) > 3 and max(head[0::2].count(0), head[1::2].count(0)) > 0.7 * (len(head) // 2)


def sniff_dialect(text: str, encoding: str = "utf-8") -> Dialect:
    """The delimiter that cuts the most rows into the same number of columns.

    csv.Sniffer counts characters and is led astray by prose; a table is known by its columns.
    """
    if declared := _SEP.match(text):
        return Dialect(encoding, declared.group(1), True)
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in islice(_reader(text, delimiter), _SAMPLE_ROWS) if any(row)]
        except csv.Error:
            continue
        # Trailing delimiters are common and vary; a row's width is that of its last filled cell or the
        # header's.
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        score = (count / len(rows), width)
        if score > best_score:
            best, best_score = delimiter, score
    return Dialect(encoding, best, False)


def _reader(text: str, delimiter: str, *behind: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), 1 << 24))
    return csv.reader(chain(io.StringIO(text, newline=""), behind), delimiter=delimiter)


def _rows(text: str, dialect: Dialect, name: str, limits: Limited) -> Iterator[tuple[int, Row]]:
    reader = _reader(text, dialect.delimiter, _END)
    widest = cells = 0
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            if number == 1 and dialect.declared:
                continue
            if row and row[-1].endswith(_END):
                if row == [_END]:
                    return
                raise Refused(
                    f"{name} ends inside a quoted cell, which begins in row {number}",
                    hint="A quotation mark that stands alone makes one cell of everything behind it: double it, or "
                    "take it out. Else the file is cut off. Nothing was deleted.",
                )
            widest, cells = max(widest, len(row)), cells + len(row)
            if number > limits.rows or widest > limits.columns or cells > limits.cells:
                check_extent(name, number, widest, limits)
                raise Refused(f"{name} holds more than {limits.cells} cells")
            yield number, [plain(cell) for cell in row]
    except csv.Error as error:
        raise Refused(f"{name} cannot be read as a table", detail=f"after row {number}: {error}") from error
