"""Checks on a zipped workbook before any parser sees it."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from adapters.spreadsheet.grid import Refused

_CHUNK = 1 << 18
_FOOTHOLD = 1 << 20
"""Parts that unpack to less than this may have any ratio: they cannot hurt."""
_UNIQUE = re.compile(rb'uniqueCount="(\d+)"')
_ENLARGED = "If the file is honest, raise `limits:` of this source."


def check_zip(path: Path, name: str, limits: dict[str, int]) -> None:
    """Unpack every part into nothing, counting; declared sizes can lie. Raises Refused naming the limit."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        parts = archive.infolist()
        if len(parts) > limits["parts"]:
            raise _over(name, f"it has {len(parts)} parts, the limit is {limits['parts']}")
        left = limits["unpacked_mb"] << 20
        for part in parts:
            if part.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", part.filename):
                raise Refused(
                    f"{name} holds a part with an unsafe name",
                    detail=part.filename[:200],
                    hint="Do not open it.",
                )
            left -= _count(file, part, name, limits, left)


def _count(file: IO[bytes], part: zipfile.ZipInfo, name: str, limits: dict[str, int], left: int) -> int:
    """Size of one part when unpacked. Stops at the first limit."""
    if part.flag_bits & 1:
        raise Refused(f"{name} is encrypted", detail=part.filename, hint="Save a copy without the password.")
    cap = min(limits["part_mb"] << 20, left)
    total = 0
    head = b""
    for chunk in _unpacked(file, part, name):
        total += len(chunk)
        if total > cap:
            raise _over(
                name,
                f"{part.filename} unpacks to more than {cap >> 20} MiB "
                f"(limits: {limits['part_mb']} MiB a part, {limits['unpacked_mb']} MiB in all)",
            )
        if total > _FOOTHOLD and total > limits["ratio"] * max(1, part.compress_size):
            raise _over(name, f"{part.filename} is packed more than {limits['ratio']} times")
        if len(head) < 65_536:
            head += chunk[:65_536]
    _check_xml(name, part.filename, head, limits)
    return total


def _check_xml(name: str, part: str, head: bytes, limits: dict[str, int]) -> None:
    if not part.casefold().endswith((".xml", ".rels", ".vml")):
        return
    if any("<!DOCTYPE".encode(code) in head or "<!ENTITY".encode(code) in head for code in _CODES):
        raise Refused(
            f"{name} holds XML with a document type, which no spreadsheet program writes", detail=part
        )
    if part.casefold().endswith("sharedstrings.xml"):
        declared = _UNIQUE.search(head)
        if declared and int(declared.group(1)) > limits["cells"]:
            raise _over(
                name, f"it declares {int(declared.group(1))} texts, the limit is {limits['cells']} cells"
            )


_CODES = ("utf-8", "utf-16-le", "utf-16-be")


def _unpacked(file: IO[bytes], part: zipfile.ZipInfo, name: str) -> _Inflated:
    file.seek(part.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise Refused(f"{name} is damaged: its table of contents points nowhere", detail=part.filename)
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    file.seek(name_length + extra_length, 1)
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(
            f"{name} is packed with a method no spreadsheet program uses",
            detail=part.filename,
            hint="Save it again.",
        )
    return _Inflated(file, part, name)


class _Inflated:
    """Chunks of a part, unpacked as far as its own data goes and not as its header says."""

    def __init__(self, file: IO[bytes], part: zipfile.ZipInfo, name: str) -> None:
        self._file, self._left, self._name, self._part = file, part.compress_size, name, part.filename
        self._stored = part.compress_type == zipfile.ZIP_STORED
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._pending = b""

    def __iter__(self) -> _Inflated:
        return self

    def __next__(self) -> bytes:
        while True:
            packed = self._pending or self._file.read(min(_CHUNK, self._left))
            if not self._pending:
                self._left -= len(packed)
            if not packed:
                raise StopIteration
            if self._stored:
                return packed
            try:
                chunk = self._inflate.decompress(packed, _CHUNK)
            except zlib.error as error:
                raise Refused(
                    f"{self._name} is damaged: a part cannot be unpacked",
                    detail=f"{self._part}: {error}",
                    hint="Open it in Excel, let it repair, and save it again.",
                ) from error
            self._pending = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._pending, self._left = b"", 0
            if chunk:
                return chunk


def _over(name: str, what: str) -> Refused:
    return Refused(f"{name} is too large to be read safely: {what}", hint=_ENLARGED)
