"""The least that a workbook of the binary formats consists of: text, numbers and errors, no styles."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CODES = {
    "#NULL!": 0x00, "#DIV/0!": 0x07, "#VALUE!": 0x0F, "#REF!": 0x17, "#NAME?": 0x1D, "#NUM!": 0x24, "#N/A": 0x2A
}  # fmt: skip


class Failed(NamedTuple):
    """A cell with an error; `formula`: one that a formula gives."""

    shows: str
    formula: bool = False


Cell = str | int | float | Failed | None


def write_xls(path: Path, sheets: dict[str, Sequence[Sequence[Cell]]]) -> Path:
    """A BIFF8 workbook in a compound file."""
    bodies = [_xls_sheet(rows) for rows in sheets.values()]
    begin = _biff(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    names = [name.encode("utf-16-le") for name in sheets]
    at = len(begin) + sum(4 + 8 + len(name) for name in names) + 4
    index = b""
    for name, body in zip(names, bodies, strict=True):
        index += _biff(0x0085, struct.pack("<IHBB", at, 0, len(name) // 2, 1) + name)
        at += len(body)
    path.write_bytes(_compound(begin + index + _biff(0x000A, b"") + b"".join(bodies)))
    return path


def _xls_sheet(rows: Sequence[Sequence[Cell]]) -> bytes:
    out = _biff(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    out += _biff(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0))
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            place = struct.pack("<HHH", r, c, 0)
            match value:
                case None:
                    continue
                case str():
                    text = value.encode("utf-16-le")
                    out += _biff(0x0204, place + struct.pack("<HB", len(value), 1) + text)
                case Failed(shows, False):
                    out += _biff(0x0205, place + bytes([CODES[shows], 1]))
                case Failed(shows, True):
                    result = bytes([2, 0, CODES[shows], 0, 0, 0, 0xFF, 0xFF])
                    out += _biff(
                        0x0006, place + result + struct.pack("<HIH", 0, 0, 2) + bytes([0x1C, CODES[shows]])
                    )
                case _:
                    out += _biff(0x0203, place + struct.pack("<d", value))
    return out + _biff(0x000A, b"")


def _biff(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _compound(book: bytes) -> bytes:
    """Sector 0 is the table of sectors, 1 the directory, then the book, long enough not to be a small stream."""
    book = book.ljust(max(4096, -(-len(book) // 512) * 512), b"\0")
    count = len(book) // 512
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + count), 0xFFFFFFFE]
    assert len(table) <= 128
    table += [0xFFFFFFFF] * (128 - len(table))
    head = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16)
    head += struct.pack("<HHHHH6x", 0x003E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    directory = _entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + _entry("Workbook", 2, 0xFFFFFFFF, 2, len(book))
    directory = directory.ljust(512, b"\0")
    return head + struct.pack("<128I", *table) + directory + book


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = f"{name}\0".encode("utf-16-le")
    return text.ljust(64, b"\0") + struct.pack(
        "<HBBIII36xIQ", len(text), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child, start, size
    )


def write_xlsb(path: Path, sheets: dict[str, Sequence[Sequence[Cell]]]) -> Path:
    """A BIFF12 workbook, with its text in the cells."""
    types = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.bin" ContentType="application/vnd.ms-excel.worksheet"/>'
        for n in range(1, len(sheets) + 1)
    )
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.bin"/>'
        for n in range(1, len(sheets) + 1)
    )
    bundle = b"".join(
        _record(156, struct.pack("<II", 0, n) + _wide(f"rId{n}") + _wide(name))
        for n, name in enumerate(sheets, 1)
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="bin" '
            f'ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>{types}</Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{office}/officeDocument" '
            'Target="xl/workbook.bin"/></Relationships>',
        )
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="{package}/relationships">{links}</Relationships>',
        )
        book = _record(131) + _record(143) + bundle + _record(144) + _record(132)
        archive.writestr("xl/workbook.bin", book)
        for n, rows in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{n}.bin", _xlsb_sheet(rows))
    return path


def _xlsb_sheet(rows: Sequence[Sequence[Cell]]) -> bytes:
    size = struct.pack("<IIII", 0, len(rows) - 1, 0, max(map(len, rows)) - 1)
    out = _record(129) + _record(148, size) + _record(145)
    for r, row in enumerate(rows):
        out += _record(0, struct.pack("<IIHBBI", r, 0, 300, 0, 0, 0))
        for c, value in enumerate(row):
            place = struct.pack("<II", c, 0)
            match value:
                case None:
                    continue
                case str():
                    out += _record(6, place + _wide(value))
                case Failed(shows, False):
                    out += _record(3, place + bytes([CODES[shows]]))
                case Failed(shows, True):
                    code = CODES[shows]
                    out += _record(
                        11, place + bytes([code]) + struct.pack("<HI", 0, 2) + bytes([0x1C, code]) + bytes(4)
                    )
                case _:
                    out += _record(5, place + struct.pack("<d", value))
    return out + _record(146) + _record(130)


def _record(kind: int, data: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(data)
    while length >= 128:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + data


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")
