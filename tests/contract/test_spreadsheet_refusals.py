"""Files that are not what their name says, or mean harm, are refused by name with what to do."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from adapters.errors import FileRefused, SourceError, SourceRefused, SourceUnavailable
from adapters.spreadsheet import SpreadsheetAdapter
from adapters.spreadsheet.files import FoundFile, snapshot
from adapters.spreadsheet.options import SpreadsheetOptions
from adapters.spreadsheet.process import ReadingProcesses
from tests.contract.test_spreadsheet_reading import options, pages, rows
from tests.fakes.workbooks import (
    RISK_HEADER,
    replace_part,
    risk_rows,
    write_bomb,
    write_csv,
    write_ods,
    write_xlsx,
)

OLE = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(504)
RISKS = [{"sheet": "*", "into": "risk"}]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html><body>Please sign in</body></html>", r"is a web page \(HTML\)"),
        (b"\xef\xbb\xbf\r\n<html><table><tr><td>ID</td></tr></table></html>", r"is a web page \(HTML\)"),
        (
            b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
            "XML export",
        ),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password or a sensitivity label"),
        (OLE + "WordDocument".encode("utf-16-le"), "old Office document"),
        (b"%PDF-1.7 ...", "not a spreadsheet but a PDF"),
        (b'{"error": "not found"}', "is JSON"),
        (b"PK\x03\x04 and then it was cut off", "is damaged"),
        (bytes(range(256)) * 20, "binary data of an unknown kind"),
    ],
)
async def test_a_file_that_is_something_else_is_refused_by_what_it_is(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "RAID.xlsx").write_bytes(content)
    with pytest.raises(SourceRefused, match=says) as caught:
        await rows(tmp_path, sheets=RISKS)
    assert caught.value.message.startswith("RAID.xlsx ")
    assert caught.value.hint


async def test_discover_shows_the_other_files_where_one_cannot_be_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "Risks.csv", [["ID", "Title"], ["1", "Quay settles"]])
    (tmp_path / "Actions.xlsx").write_bytes(b"PK\x03\x04 and then it was cut off")
    async with SpreadsheetAdapter(options(tmp_path, ["*.csv", "*.xlsx"])) as adapter:
        risks, broken = await adapter.discover()
    assert risks.name
    assert risks.problem is None
    assert (broken.name, type(broken.problem)) == ("", FileRefused)
    assert broken.title.startswith("Actions.xlsx is damaged")


async def test_a_table_of_text_named_xlsx_is_read_for_what_it_is(tmp_path: Path) -> None:
    write_csv(tmp_path / "Risks.xlsx", [["ID", "Title"], ["1", "Late"], ["2", "Dear"]], delimiter=";")
    assert [record.id for record in await rows(tmp_path)] == ["1", "2"]


async def test_zip_archives_and_word_documents_are_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(SourceRefused, match="is a zip archive, not a spreadsheet"):
        await rows(tmp_path, sheets=RISKS)
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w/>")
    with pytest.raises(SourceRefused, match="is a Word document"):
        await rows(tmp_path, sheets=RISKS)


async def test_a_bomb_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = write_bomb(tmp_path / "RAID.xlsx")
    assert path.stat().st_size < 200_000
    started = time.monotonic()
    with pytest.raises(SourceRefused, match=r"too large to be read safely: .*packed more than 200 times"):
        await rows(tmp_path)
    assert time.monotonic() - started < 10


async def test_declared_sizes_that_lie_do_not_help_a_bomb(tmp_path: Path) -> None:
    path = write_bomb(tmp_path / "RAID.xlsx")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        real = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    lied = content.replace(real.to_bytes(4, "little"), (4_000).to_bytes(4, "little"))
    assert lied != content
    path.write_bytes(lied)
    with pytest.raises(SourceRefused, match="packed more than 200 times"):
        await rows(tmp_path)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"parts": 5}, "parts, the limit is 5"),
        ({"sheets": 1}, "has 2 sheets, the limit is 1"),
        ({"rows": 2}, "reaches to cell"),
        ({"columns": 3}, "reaches to cell"),
        ({"cells": 10}, "reaches to cell|texts, the limit"),
    ],
)
async def test_every_limit_names_the_file_and_itself(
    tmp_path: Path, limits: dict[str, int], says: str
) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(5)], "Other": [["x"]]})
    with pytest.raises(SourceRefused, match=says):
        await rows(tmp_path, sheets=[{"sheet": "Risks", "into": "risk"}], limits=limits)


async def test_one_stray_value_in_the_last_cell_is_named_and_not_unfolded(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(1)]})
    stray = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    replace_part(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"</sheetData>", stray))
    with pytest.raises(SourceRefused, match="Sheet Risks reaches to cell XFD1048576") as caught:
        await rows(tmp_path)
    assert "Ctrl+End" in caught.value.hint


async def test_an_ods_that_unfolds_beyond_the_limits_is_refused(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "a.ods", {"Risks": [RISK_HEADER, *risk_rows(2)]}, blank_tail=3)
    old, new = (
        b'number-rows-repeated="3"><table:table-cell/>',
        (
            b'number-rows-repeated="1048000"><table:table-cell office:value-type="string"><text:p>x</text:p>'
            b"</table:table-cell>"
        ),
    )
    replace_part(path, "content.xml", lambda xml: xml.replace(old, new))
    with pytest.raises(SourceRefused, match="Sheet Risks reaches to cell A1048003"):
        await rows(tmp_path)


async def test_xml_with_a_document_type_is_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(1)]})
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><worksheet'
    replace_part(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"<worksheet", entity))
    with pytest.raises(SourceRefused, match="document type"):
        await rows(tmp_path)


def reading_processes() -> list[psutil.Process]:
    ours = psutil.Process().children(recursive=True)
    return [child for child in ours if "spreadsheet" in " ".join(child.cmdline())]


async def test_a_parser_that_wants_too_much_memory_dies_alone(tmp_path: Path) -> None:
    # One long text that 20,000 cells share: a small file, and a copy per cell once it is read.
    table = [[f"{n}", "x" * 32_000] for n in range(20_000)]
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *table]})
    limits = {"memory_mb": 128}
    before = psutil.Process().memory_info().rss
    with pytest.raises(SourceRefused, match=r"b\.xlsx .*128 MiB"):
        await rows(tmp_path, limits=limits)
    assert psutil.Process().memory_info().rss - before < 60 << 20
    assert not reading_processes()


async def test_no_reading_process_outlives_a_reader_who_stops(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(3_000)]})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        (partition,) = await adapter.partitions()
        reading = adapter.read(partition, None, full=True)
        assert (await anext(reading)).records  # type: ignore[call-overload]
        await reading.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    assert not reading_processes()


async def test_killed_reading_processes_cost_one_file(tmp_path: Path) -> None:
    """Also the one that the others are forks of: files that are asked for later are read."""
    for name in "ab":
        write_xlsx(tmp_path / f"{name}.xlsx", {"Risks": [RISK_HEADER, *risk_rows(9_000)]})
    async with SpreadsheetAdapter(options(tmp_path, ["a.xlsx"])) as adapter:
        (partition,) = await adapter.partitions()
        reading = adapter.read(partition, None, full=True)
        await anext(reading)  # type: ignore[call-overload]
        killed = reading_processes()
        assert len(killed) == 2
        for process in killed:
            process.kill()
        with pytest.raises(SourceRefused, match=r"a\.xlsx cannot be read"):
            async for _ in reading:
                pass
        again = [row async for page in adapter.read(partition, None, full=True) for row in page.records]
    assert len(again) == 9_000
    assert not reading_processes()


async def test_a_process_that_starts_while_its_reader_is_cancelled_is_ended(tmp_path: Path) -> None:
    write_csv(tmp_path / "Risks.csv", [["ID", "Title"], ["1", "Quay settles"]])
    processes = ReadingProcesses("adapters.spreadsheet.child", "")
    limits = SpreadsheetOptions.model_fields["limits"].get_default(call_default_factory=True).model_dump()
    request = {"op": "list", "path": str(tmp_path / "Risks.csv"), "name": "Risks.csv", "limits": limits}

    async def read() -> list[dict[str, Any]]:
        async with contextlib.aclosing(processes.frames(request)) as frames:
            return [frame async for frame in frames]

    try:
        assert [frame["kind"] for frame in await read()] == ["sheets"]
        (origin,) = reading_processes()
        for turns in range(12):
            reading = asyncio.create_task(read())
            for _ in range(turns):
                await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert not origin.children()
    finally:
        await processes.close()


async def test_lock_files_and_empty_files_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "RAID.xlsx", {"Risks": [RISK_HEADER, *risk_rows(1)], "Cover": [["x"]]})
    for name in ("~$RAID.xlsx", ".~lock.RAID.ods#", "draft.tmp", "notes.docx"):
        (tmp_path / name).write_bytes(b"lock")
    (tmp_path / "empty.xlsx").touch()
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        identity = await adapter.check()
    assert (identity.account, identity.product) == ("files on disk", "1 file (1 xlsx)")
    assert identity.warnings == (
        "skipped .~lock.RAID.ods#: the lock of a file someone has open",
        "skipped draft.tmp: not a spreadsheet by its name",
        "skipped empty.xlsx: empty (0 bytes), perhaps still uploading",
        "skipped notes.docx: not a spreadsheet by its name",
        "skipped ~$RAID.xlsx: the lock of a file someone has open",
        "RAID.xlsx: no standard sheet name, not read: Cover",
    )


async def test_a_pattern_that_finds_nothing_names_the_folder_and_what_is_there(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "RAID.xlsx", {"Risks": [RISK_HEADER]})
    async with SpreadsheetAdapter(options(tmp_path, ["RIAD.xlsx"])) as adapter:
        with pytest.raises(SourceRefused) as caught:
            await adapter.check()
        assert caught.value.message == "No file matches 'RIAD.xlsx'"
        assert str(tmp_path) in caught.value.detail
        assert "RAID.xlsx" in caught.value.hint
    async with SpreadsheetAdapter(options(tmp_path, ["nowhere/*.xlsx"])) as adapter:
        with pytest.raises(SourceRefused, match="does not exist"):
            await adapter.partitions()


async def test_a_workbook_without_a_known_sheet_says_how_to_name_them(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Tabelle1": [["ID", "Titel"], ["1", "x"]]})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        with pytest.raises(SourceRefused, match="standard PMO sheet") as caught:
            await adapter.check()
    assert "Tabelle1" in caught.value.detail
    assert "sheets:" in caught.value.hint


def test_a_file_that_keeps_changing_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "Risks.csv", [["ID", "Title"]])
    copy = shutil.copyfileobj

    def copy_while_someone_types(source: Any, sink: Any, size: int) -> None:
        copy(source, sink, size)
        with path.open("a") as file:
            file.write("1,Late\n")

    monkeypatch.setattr(shutil, "copyfileobj", copy_while_someone_types)
    (tmp_path / "copies").mkdir()
    with pytest.raises(SourceUnavailable, match=r"Risks\.csv keeps changing"):
        snapshot(FoundFile(path, "Risks.csv", "Risks.csv"), tmp_path / "copies", settle_s=0, largest_mb=1)


async def test_all_streams_of_a_run_see_the_same_state_of_a_file(tmp_path: Path) -> None:
    sheets = {"Risks": [RISK_HEADER, *risk_rows(1)], "Issues": [["ID", "Title"], ["1", "Down"]]}
    write_xlsx(tmp_path / "b.xlsx", sheets)
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        assert [p.name for p in await adapter.partitions()] == ["risk", "issue"]
        (risks,) = await pages(adapter, "risk")
        (issues,) = await pages(adapter, "issue")
    assert risks.cursor is not None
    assert issues.cursor is not None
    assert risks.cursor["files"] == issues.cursor["files"]


async def test_nothing_but_source_errors_leaves_the_adapter(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(3)]})
    whole = (tmp_path / "b.xlsx").read_bytes()
    for cut in range(0, len(whole), len(whole) // 12):
        (tmp_path / "b.xlsx").write_bytes(whole[:cut] + whole[cut + 40 :] + b" ")
        refused = ""
        try:
            found = await rows(tmp_path, sheets=[{"sheet": "Risks", "into": "risk", "key": "Risk ID"}])
        except SourceError as error:
            refused = str(error)
        if refused:
            assert "b.xlsx" in refused
        else:
            assert {record.id for record in found} <= {"r-001", "r-002", "r-003"}
