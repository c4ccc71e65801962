"""Leaving plain rows out of a sheet's XML changes nothing of what the parser finds in it."""

from __future__ import annotations

import io
from xml.parsers import expat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.spreadsheet.grid import Facts, Limited, Refused
from adapters.spreadsheet.plain_rows import without_plain_rows
from adapters.spreadsheet.xlsx import _SheetReader, _Styles

LIMITS = Limited(rows=2_000, columns=600, cells=200_000)
HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TAIL = b'</sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>'

CELLS = (
    '<c r="{at}"><v>3</v></c>', '<c r="{at}" t="s"><v>17</v></c>', '<c r="{at}" s="1"><v>46205.5</v></c>',
    '<c r="{at}" s="0"/>', '<c r="{at}"></c>', '<c r="{at}" t="inlineStr"><is><t>a b</t></is></c>',
    '<c r="{at}" t="str"><v>a &amp; b</v></c>', '<c r="{at}" t="inlineStr"><is><t>Übung</t></is></c>',
    '<c r="{at}" t="e"><v>#REF!</v></c>', '<c r="{at}" s="7"><v>0.5</v></c>', '<c r="{at}" s="8"/>',
    '<c r="{at}" s="77"><v>1</v></c>', '<c r="{at}"><f>A1*2</f><v>2</v></c>', '<c r="{at}"><f>ROW()</f></c>',
    '<c s="1" r="{at}"><v>1</v></c>', "<c r='{at}'><v>1</v></c>", "<c><v>1</v></c>", '<c r="{at}"><v></v></c>',
    '<c r="{at}" t="str"><v><![CDATA[<row r="1"></row>]]></v></c>', '<!-- <c r="ZZ9"><v>1</v></c> -->',
)  # fmt: skip
ROWS = (
    ' r="{n}"', ' r="{n}"', ' r="{n}"', ' r="{n}" spans="1:7" x14ac:dyDescent="0.25"', ' r="{n}" hidden="1"',
    ' r="{n}" customFormat="false" ht="12.8" hidden="false"', ' hidden="true" r="{n}"', "", ' r="{n}" hidden="true"',
)  # fmt: skip
COLUMNS = ("A", "B", "G", "Z", "AA", "RZ", "SA", "WB")


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    text, number = "", 0
    for attributes in draw(st.lists(st.sampled_from(ROWS), max_size=12)):
        number += draw(st.integers(1, 3) | st.just(400))
        cells = "".join(
            draw(st.sampled_from(CELLS)).format(at=f"{column}{number}")
            for column in draw(st.lists(st.sampled_from(COLUMNS), max_size=4))
        )
        text += f"<row{attributes.format(n=number)}>{cells}</row>" + draw(st.sampled_from(("", "\n")))
    return HEAD.replace(b"xmlns=", b'xmlns:x14ac="x" xmlns=') + text.encode() + TAIL


def facts(xml: bytes, *, cut: bool, chunk: int = 1 << 16) -> Facts | str:
    styles = _Styles()
    styles.percent, styles.colour = {"7"}, {"8": "red"}
    reader = _SheetReader(styles, "Sheet1", LIMITS)
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: reader.start(tag.rpartition("}")[2], attributes)
    parser.EndElementHandler = lambda tag: reader.end(tag.rpartition("}")[2])
    parser.CharacterDataHandler = reader.text
    stream = Slow(xml, chunk)
    try:
        for part in without_plain_rows(stream, {"7", "8"}, LIMITS) if cut else [xml]:
            parser.Parse(part, False)
        parser.Parse(b"", True)
    except Refused as refused:
        return refused.message
    return reader.facts


class Slow(io.BytesIO):
    """Gives less than it is asked for, so that rows are cut anywhere."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most)


@settings(max_examples=400, deadline=None)
@given(sheets(), st.sampled_from((7, 64, 1 << 16)))
def test_the_same_is_found_with_and_without_plain_rows(xml: bytes, chunk: int) -> None:
    assert facts(xml, cut=True, chunk=chunk) == facts(xml, cut=False)


def rest(xml: bytes, *telling: str, limits: Limited = LIMITS) -> bytes:
    return b"".join(without_plain_rows(io.BytesIO(xml), telling, limits))


def test_plain_rows_do_not_reach_the_parser() -> None:
    row = '<row r="{n}" spans="1:3"><c r="A{n}" t="s"><v>7</v></c><c r="B{n}" s="1"><v>46205</v></c></row>'
    many = "".join(row.format(n=n) for n in range(1, 1001)).encode()
    left = rest(HEAD + many + TAIL)
    assert left.endswith(b'<row r="1000"/>' + TAIL)
    assert left.count(b"<row") <= 3, "one for each chunk"
    assert b"<c" not in left
    assert rest(HEAD + many + TAIL, "1") == HEAD + many + TAIL, "the format matters"


@pytest.mark.parametrize(
    ("row", "limits"),
    [
        ('<row r="2001"><c r="A2001"><v>1</v></c></row>', LIMITS),
        ('<row r="1999"><c r="AA1999"><v>1</v></c></row>', LIMITS),
        ('<row r="1"><c r="SA1"><v>1</v></c></row>', LIMITS),
        ('<row r="1"><c r="B1"><v>1</v></c></row>', Limited(columns=1)),
    ],
)
def test_what_may_be_beyond_a_limit_is_for_the_parser_to_judge(row: str, limits: Limited) -> None:
    assert rest(row.encode(), limits=limits) == row.encode()


def test_a_row_without_an_end_is_not_held_for_ever() -> None:
    endless = HEAD + b"<row r='1'>" + b'<c r="A1"><v>1</v></c>' * 100_000
    chunks = list(without_plain_rows(io.BytesIO(endless), (), LIMITS))
    assert b"".join(chunks) == endless
    assert max(map(len, chunks)) <= (1 << 20) + (1 << 16)
