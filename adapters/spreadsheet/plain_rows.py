"""Rows that tell nothing but values, taken out of a sheet's XML before it is parsed.

calamine gives the values; the XML is read for what calamine does not tell (`xlsx.sheet_facts`), and in most rows that
is nothing: no formula, no error, not hidden, no format that matters. One regular expression knows such rows as Excel
and the common libraries write them. Whatever is written in another way is left to the parser, which is slow.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import IO

from adapters.spreadsheet.grid import Limited

_CHUNK = 1 << 16
_LONGEST = 1 << 20
"""Bytes that are held back for the end of a row."""
_NARROW, _WIDE = 26, 494
"""The last column that has one letter, and the last with two of which the first is at most R."""

_EMPTIED = re.compile(rb'(?:<row r="\d+"/>)+(<row r="\d+"/>)')


def without_plain_rows(stream: IO[bytes], telling: Collection[str], limits: Limited) -> Iterator[bytes]:
    """The XML in chunks. Of plain rows one after the other the last stays, emptied: a row without a number counts on
    from it. `telling` are the numbers of the cell formats that matter."""
    if limits.columns < _WIDE:
        yield from iter(lambda: stream.read(_CHUNK), b"")
        return
    pattern = _plain_row(telling)

    def emptied(row: re.Match[bytes]) -> bytes:
        number, columns = int(row[1]), _WIDE if row[2] else _NARROW
        # Beyond a limit it is for the parser to say so.
        fits = number <= limits.rows and number * columns <= limits.cells
        return b'<row r="%d"/>' % number if fits else row[0]

    held = b""
    while chunk := stream.read(_CHUNK):
        held += chunk
        end = held.rfind(b"</row>") + len(b"</row>")
        if end < len(b"</row>"):
            if len(held) < _LONGEST:
                continue
            end = len(held)
        yield _EMPTIED.sub(rb"\1", pattern.sub(emptied, held[:end]))
        held = held[end:]
    yield held


def _plain_row(telling: Collection[str]) -> re.Pattern[bytes]:
    unimportant = f'(?!(?:{"|".join(map(re.escape, sorted(telling)))})")' if telling else ""
    text = r"[\t\n\r\x20-\x25\x27-\x3b\x3d-\x7e]*"  # ASCII without & and <: no entity, no damaged UTF-8
    return re.compile(
        rf"""
        <row\x20 r="(\d{{1,7}})" (?:\x20 (?!hidden="(?:1|true)") [\w:]+="[\w\x20.:-]*")* >
        (?:
            <c\x20 r="(?: [A-Z] | ([A-R][A-Z]) ) \d{{1,7}}"
                (?:\x20 s="{unimportant}\d+")? (?:\x20 t="(?:s|n|b|d|str|inlineStr)")?
            (?: /> | > (?: <v>{text}</v> | <is><t>{text}</t></is> )? </c> )
        )*
        </row>
        """.encode(),
        re.VERBOSE,
    )
