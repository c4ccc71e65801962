"""Cells with errors (`#REF!`) in workbooks of the binary formats, xls and xlsb: calamine gives them as blank.

Of both formats only the records are looked at that hold such a cell, and those that lead to the sheet ([MS-XLS],
[MS-XLSB], [MS-CFB]). Whatever does not follow the format is left alone: the cells stay blank, as calamine has them.
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

from adapters.spreadsheet.grid import Errors
from adapters.spreadsheet.xlsx import Attributes, parse_part

_SHOWN = {
    0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}  # fmt: skip
_LARGEST_RECORD = 1 << 24


def sheet_errors(path: Path, sheet: str, form: str) -> Errors:
    """Of the sheet of this name in a workbook of this format."""
    try:
        return {"xls": xls_errors, "xlsb": xlsb_errors}[form](path, sheet)
    except (struct.error, IndexError, StopIteration, EOFError, zipfile.BadZipFile):
        return {}


def xlsb_errors(path: Path, sheet: str) -> Errors:
    """Of the sheet of this name in an xlsb workbook."""
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        if part is None:
            return {}
        found: Errors = {}
        row = 0
        with archive.open(part) as stream:
            for kind, data in _parts(stream):
                if kind == 0 and len(data) >= 4:  # BrtRowHdr
                    row = struct.unpack_from("<I", data)[0] + 1
                elif kind in (3, 11) and len(data) >= 9:  # BrtCellError, BrtFmlaError
                    column = struct.unpack_from("<I", data)[0] + 1
                    found[row, column] = _SHOWN.get(data[8], "#N/A")
        return found


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    names, targets = set(archive.namelist()), dict[str, str]()

    def relation(tag: str, attributes: Attributes) -> None:
        if tag == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    if not {"xl/workbook.bin", "xl/_rels/workbook.bin.rels"} <= names:
        return None
    parse_part(archive, "xl/_rels/workbook.bin.rels", relation)
    with archive.open("xl/workbook.bin") as stream:
        for kind, data in _parts(stream):
            if kind == 156:  # BrtBundleSh
                link, end = _wide_text(data, 8)
                name, _ = _wide_text(data, end)
                if name == sheet:
                    target = targets.get(link, "")
                    part = target.lstrip("/") if target[:1] == "/" else posixpath.normpath(f"xl/{target}")
                    return part if part in names else None
    return None


def _wide_text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", data, at)
    end = at + 4 + 2 * length
    return data[at + 4 : end].decode("utf-16-le", "replace"), end


def _parts(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The records of a part: a kind in one or two bytes of seven bits, a length in up to four."""
    while head := stream.read(1):
        kind = head[0]
        if kind & 0x80:
            kind = (kind & 0x7F) | (stream.read(1) or b"\0")[0] << 7
        length = 0
        for place in range(4):
            byte = (stream.read(1) or b"\0")[0]
            length |= (byte & 0x7F) << 7 * place
            if not byte & 0x80:
                break
        if length > _LARGEST_RECORD:
            return
        yield kind, stream.read(length)


def xls_errors(path: Path, sheet: str) -> Errors:
    """Of the sheet of this name in an xls workbook."""
    book = _Compound(path.read_bytes()).stream("Workbook", "Book")
    starts = [start for start, name in _sheets(book) if name == sheet]
    found: Errors = {}
    depth = 0
    for kind, data in _records(book, starts[0]) if starts else ():
        if kind in (0x0809, 0x0409, 0x0209, 0x0009):  # BOF; a chart on the sheet has one of its own
            depth += 1
        elif kind == 0x000A:  # EOF
            depth -= 1
            if depth <= 0:
                break
        elif depth == 1 and len(data) >= 8:
            row, column = struct.unpack_from("<HH", data)
            code = _error_of(kind, data)
            if code is not None:
                found[row + 1, column + 1] = _SHOWN.get(code, "#N/A")
    return found


def _error_of(kind: int, data: bytes) -> int | None:
    if kind == 0x0205 and data[7] == 1:  # BOOLERR that is no yes or no
        return data[6]
    if kind in (0x0006, 0x0206, 0x0406) and len(data) >= 14 and data[12:14] == b"\xff\xff" and data[6] == 2:
        return data[8]  # FORMULA whose value is an error
    return None


def _sheets(book: bytes) -> Iterator[tuple[int, str]]:
    """Where each sheet begins, and its name."""
    wide = False
    for kind, data in _records(book, 0):
        if kind == 0x0809 and len(data) >= 2:
            wide = data[:2] == b"\x00\x06"  # BIFF8
        elif kind == 0x000A:
            return
        elif kind == 0x0085 and len(data) >= 8:  # BOUNDSHEET
            (start,) = struct.unpack_from("<I", data)
            length, text = data[6], data[7:]
            if wide:
                coding, text = (
                    ("utf-16-le", text[1 : 1 + 2 * length]) if text[0] & 1 else ("latin-1", text[1:])
                )
                yield start, text.decode(coding, "replace")[:length]
            else:
                yield start, text[:length].decode("cp1252", "replace")


def _records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + length]
        at += 4 + length


class _Compound:
    """A compound file: sectors in chains, and a directory of streams."""

    _END = 0xFFFFFFFA
    """Numbers from here on are no sectors."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._size = 1 << _short(data, 30)
        self._mini_size = 1 << _short(data, 32)
        self._cutoff = _long(data, 56)
        more = [self._sector(number) for number in self._difat(_long(data, 68))]
        listed = [_long(data, 76 + 4 * at) for at in range(109)]
        listed += [_long(sector, at) for sector in more for at in range(0, self._size - 4, 4)]
        table = b"".join(self._sector(number) for number in listed if number < self._END)
        self._next = struct.unpack(f"<{len(table) // 4}I", table)
        self._directory = self._chain(_long(data, 48))

    def stream(self, *names: str) -> bytes:
        """The first of these that there is; empty where there is none."""
        entries: dict[str, tuple[int, int, int]] = {}
        for start, end in pairwise(range(0, len(self._directory) + 1, 128)):
            entry = self._directory[start:end]
            name = entry[: max(0, _short(entry, 64) - 2)].decode("utf-16-le", "replace")
            entries.setdefault(name, (entry[66], _long(entry, 116), _long(entry, 120)))
        for name in names:
            if name in entries:
                _, first, size = entries[name]
                if size >= self._cutoff:
                    return self._chain(first)[:size]
                _, root, _ = next(entry for entry in entries.values() if entry[0] == 5)
                return self._mini_chain(first, self._chain(root))[:size]
        return b""

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        return self._data[start : start + self._size].ljust(self._size, b"\xff")

    def _difat(self, number: int) -> Iterator[int]:
        for _ in range(len(self._data) // self._size):
            if number >= self._END:
                return
            yield number
            number = _long(self._sector(number), self._size - 4)

    def _chain(self, number: int) -> bytes:
        found: list[bytes] = []
        while number < len(self._next) and len(found) <= len(self._next):
            found.append(self._sector(number))
            number = self._next[number]
        return b"".join(found)

    def _mini_chain(self, number: int, whole: bytes) -> bytes:
        table = self._chain(_long(self._data, 60))
        found: list[bytes] = []
        while 4 * number + 4 <= len(table) and 4 * len(found) <= len(table):
            found.append(whole[number * self._mini_size :][: self._mini_size])
            number = _long(table, 4 * number)
        return b"".join(found)


def _short(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<H", data, at)[0])


def _long(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])
