"""What makes a row itself, what a second read brings, and when nothing may be concluded."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from adapters.base import Page, Presence
from adapters.errors import SourceError, SourceMisbehaved, SourceRefused, SourceUnavailable
from adapters.spreadsheet import SpreadsheetAdapter
from tests.contract.test_spreadsheet_reading import options, pages, rows
from tests.fakes.workbooks import RISK_HEADER, risk_rows, write_csv, write_xlsx
from tests.fix_sources import close_folder


async def collect(reading: AsyncIterator[Page], into: list[Page]) -> None:
    async for page in reading:
        into.append(page)


async def test_sorting_a_sheet_changes_addresses_and_nothing_else(tmp_path: Path) -> None:
    table = risk_rows(20)
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *table]})
    before = {record.id: record.data for record in await rows(tmp_path)}
    random.Random(7).shuffle(table)
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *table]})
    after = {record.id: record.data for record in await rows(tmp_path)}
    moved = [key for key in before if before[key]["portbook"]["at"] != after[key]["portbook"]["at"]]
    assert moved
    for data in (*before.values(), *after.values()):
        del data["portbook"]["where"], data["portbook"]["at"]
    assert before == after


async def test_an_unchanged_file_is_not_read_again_and_a_changed_one_is_read_whole(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(3)]})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        (first,) = await pages(adapter, "risk")
        (second,) = await pages(adapter, "risk", first.cursor)
        assert (list(second.records), second.cursor, second.complete) == ([], first.cursor, False)
        os.utime(path, (1, 1))
        (touched,) = await pages(adapter, "risk", first.cursor)
        assert list(touched.records) == []
        (full,) = await pages(adapter, "risk", first.cursor, full=True)
        assert len(full.records) == 3
        write_xlsx(path, {"Risks": [RISK_HEADER, *risk_rows(2)]})
        (third,) = await pages(adapter, "risk", first.cursor)
        assert len(third.records) == 2
        assert third.complete
        assert third.cursor != first.cursor


async def test_reading_it_otherwise_reads_an_unchanged_file_again(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(3)]})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        (first,) = await pages(adapter, "risk")
    entry = {"sheet": "Risks", "into": "risk", "key": "Title"}
    async with SpreadsheetAdapter(options(tmp_path, sheets=[entry])) as adapter:
        (again,) = await pages(adapter, "risk", first.cursor)
    assert [record.id for record in again.records] == [f"supplier {n} may be late" for n in (1, 2, 3)]


async def test_a_second_row_with_the_same_key_is_set_aside_naming_both(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2), risk_rows(1)[0]]})
    kept = await rows(tmp_path)
    assert [record.error is None for record in kept] == [True, True, False]
    error = kept[2].error
    assert error is not None
    assert error.message == "The key 'r-001' is already used in b.xlsx, sheet Risks, row 2"
    assert error.detail == "b.xlsx, sheet Risks, row 4, cell A4"
    assert len({record.id for record in kept}) == 3


async def test_a_key_that_two_sheets_or_files_share_is_noticed(tmp_path: Path) -> None:
    table = [RISK_HEADER, *risk_rows(1)]
    write_xlsx(tmp_path / "a.xlsx", {"Risks": table, "Closed risks": table})
    write_xlsx(tmp_path / "b.xlsx", {"Risk log": table})
    found = await rows(tmp_path)
    assert [record.error is None for record in found] == [True, False, False]
    assert "a.xlsx, sheet Risks, row 2" in found[2].error.message  # type: ignore[union-attr]


async def test_a_row_moved_to_the_closed_sheet_keeps_its_identity(tmp_path: Path) -> None:
    one, two = risk_rows(2)
    write_xlsx(tmp_path / "a.xlsx", {"Risks": [RISK_HEADER, one, two], "Closed risks": [RISK_HEADER]})
    before = {record.id for record in await rows(tmp_path)}
    write_xlsx(tmp_path / "a.xlsx", {"Risks": [RISK_HEADER, one], "Closed risks": [RISK_HEADER, two]})
    assert {record.id for record in await rows(tmp_path)} == before


async def test_keys_unique_within_a_file_only_carry_its_name(tmp_path: Path) -> None:
    for name in ("pay", "web"):
        write_xlsx(tmp_path / f"{name}.xlsx", {"Risks": [RISK_HEADER, *risk_rows(1), [name, "differs"]]})
    found = await rows(tmp_path, sheets=[{"sheet": "Risks", "into": "risk", "scope": "file"}])
    assert [record.id for record in found if record.id.endswith("001")] == [
        "pay.xlsx:r-001",
        "web.xlsx:r-001",
    ]
    assert not any(record.error for record in found)


async def test_a_key_of_several_columns_cannot_be_confused(tmp_path: Path) -> None:
    table = [["Project", "Month", "Amount"], ["a|b", "c", 1], ["a", "b|c", 2], ["PAY", None, 3]]
    write_xlsx(tmp_path / "b.xlsx", {"Budget": table})
    entry = {"sheet": "Budget", "into": "cost_line", "key": ["Project", "Month"]}
    one, two, three = await rows(tmp_path, "cost_line", sheets=[entry])
    assert one.id != two.id
    assert one.error is None
    assert two.error is None
    assert three.error is not None
    assert three.error.message == "The row has no key: Month in cell B4 is empty"
    assert three.error.detail == "b.xlsx, sheet Budget, row 4"


async def test_without_an_id_column_title_and_project_identify(tmp_path: Path) -> None:
    table = [
        ["Title", "Project", "Owner"],
        ["Late", "PAY", "Mia"],
        ["late ", "WEB", "Mia"],
        [None, "WEB", "Ola"],
    ]
    write_xlsx(tmp_path / "b.xlsx", {"Risks": table})
    one, two, three = await rows(tmp_path)
    assert (one.id, two.id) == ("late|pay", "late|web")
    assert three.error is not None
    assert "Title in cell A4 is empty" in three.error.message


async def test_an_id_computed_from_the_row_number_is_not_taken_for_identity(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    sheet.write_row(0, 0, ["ID", "Title", "Owner"])
    for r, title in enumerate(["Late", "Dear"], 1):
        sheet.write_formula(r, 0, '="R-"&TEXT(ROW()-1,"000")', None, f"R-{r:03}")
        sheet.write_row(r, 1, [title, "Mia"])
    book.close()
    assert [record.id for record in await rows(tmp_path)] == ["late", "dear"]


async def test_people_are_known_by_the_name_other_sheets_use(tmp_path: Path) -> None:
    table = [["ID", "Name", "E-mail"], ["17", "Mia Krystof", "mia@example.com"]]
    write_xlsx(tmp_path / "b.xlsx", {"People": table})
    assert [record.id for record in await rows(tmp_path, "person")] == ["mia krystof"]


async def test_a_key_column_that_is_not_there_names_the_columns_and_the_nearest(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [["RAID"], RISK_HEADER, *risk_rows(2)]})
    entry = {"sheet": "Risks", "into": "risk", "key": "Risk Id No"}
    with pytest.raises(SourceRefused) as caught:
        await rows(tmp_path, sheets=[entry])
    assert caught.value.message == "No column 'Risk Id No' in b.xlsx, sheet Risks"
    assert "Risk ID, Title, Owner" in caught.value.detail
    assert "Did you mean 'Risk ID'?" in caught.value.hint


async def test_a_missing_sheet_concludes_nothing_but_others_are_read(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2)], "Sheet1": []})
    sheets: list[dict[str, Any]] = [{"sheet": "Closed", "into": "risk"}, {"sheet": "Risks", "into": "risk"}]
    async with SpreadsheetAdapter(options(tmp_path, sheets=sheets)) as adapter:
        (partition,) = await adapter.partitions()
        met: list[Page] = []
        with pytest.raises(SourceMisbehaved, match="has no sheet 'Closed'") as caught:
            await collect(adapter.read(partition, None, full=True), met)
        assert [record.id for page in met for record in page.records] == ["r-001", "r-002"]
        assert not any(page.cursor or page.complete for page in met)
        assert "sheets: Risks, Sheet1" in caught.value.detail
    sheets[0]["optional"] = True
    assert len(await rows(tmp_path, sheets=sheets)) == 2


async def test_one_broken_file_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 cut off")
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2)]})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        (partition,) = await adapter.partitions()
        met: list[Page] = []
        with pytest.raises(SourceRefused, match=r"a\.xlsx is damaged"):
            await collect(adapter.read(partition, None, full=False), met)
        assert [len(page.records) for page in met] == [2]
        assert met[0].cursor is None
        assert await adapter.locate("risk", ["r-009"], {}) == {}


async def test_rows_missing_from_a_readable_file_were_deleted(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2)]})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        assert await adapter.locate("risk", ["r-009"], {}) == {"r-009": Presence.DELETED}
        (tmp_path / "b.xlsx").unlink()
        assert await adapter.locate("risk", ["r-009"], {}) == {}


async def test_why_rows_are_missing_is_unknown_while_their_sheet_is(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2)]})
    entry = {"sheet": "Risks", "into": "risk"}
    async with SpreadsheetAdapter(options(tmp_path, sheets=[entry])) as adapter:
        assert await adapter.locate("risk", ["r-009"], {}) == {"r-009": Presence.DELETED}
        write_xlsx(path, {"Risks 2026": [RISK_HEADER, *risk_rows(2)]})
        assert await adapter.locate("risk", ["r-009"], {}) == {}
        path.write_bytes(b"<html>sign in</html>")
        assert await adapter.locate("risk", ["r-009"], {}) == {}


async def test_a_standard_sheet_that_was_merely_renamed_deletes_nothing(tmp_path: Path) -> None:
    table = [RISK_HEADER, *risk_rows(3)]
    other = {"Cover": [["Harbour"]], "Issues": [["ID", "Title"], ["I-1", "Leak"]]}
    write_xlsx(tmp_path / "b.xlsx", {"Risks": table, **other})
    known = {record.id: record.data for record in await rows(tmp_path)}
    write_xlsx(tmp_path / "b.xlsx", {"Risks 2026": table, **other})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        with pytest.raises(
            SourceMisbehaved, match=r"no sheet Risks any more; its rows stand on 'Risks 2026'"
        ) as caught:
            await adapter.locate("risk", ["r-001", "r-002", "r-003"], known)
    assert "If these rows are to go, delete 'Risks 2026' as well, or the rows on it." in caught.value.hint
    # One that was removed is gone, and so are rows that an old copy of it still holds.
    for sheets in ({"Risks (old)": table, "Risks": table[:2], **other}, other):
        write_xlsx(tmp_path / "b.xlsx", sheets)
        async with SpreadsheetAdapter(options(tmp_path)) as adapter:
            assert await adapter.locate("risk", ["r-002"], known) == {"r-002": Presence.DELETED}


async def test_rows_of_a_file_that_is_empty_for_now_are_not_gone(tmp_path: Path) -> None:
    """As a file is that is being uploaded or saved over a slow line."""
    for name, first in (("a", "A"), ("b", "B")):
        table = [[row[0].replace("R", first, 1), *row[1:]] for row in risk_rows(2)]
        write_xlsx(tmp_path / f"{name}.xlsx", {"Risks": [RISK_HEADER, *table]})
    known = {record.id: record.data for record in await rows(tmp_path)}
    assert len(known) == 4
    (tmp_path / "a.xlsx").write_bytes(b"")
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        found = await adapter.locate("risk", ["a-001", "a-002", "b-009"], known)
    assert found == {"b-009": Presence.DELETED}


@pytest.mark.parametrize("files", ["*/*.xlsx", "**/*.xlsx"])
async def test_rows_of_a_folder_that_cannot_be_opened_for_now_are_not_gone(
    files: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after someone changed the rights of a share. A search for files passes such a folder over in silence."""
    for name, first in (("a", "A"), ("ab", "B")):
        (tmp_path / name).mkdir()
        table = [[row[0].replace("R", first, 1), *row[1:]] for row in risk_rows(2)]
        write_xlsx(tmp_path / name / "risks.xlsx", {"Risks": [RISK_HEADER, *table]})
    known = {record.id: record.data for record in await rows(tmp_path, files=files)}
    assert len(known) == 4
    close_folder(monkeypatch, tmp_path / "a")
    async with SpreadsheetAdapter(options(tmp_path, files)) as adapter:
        assert "skipped a: a folder that cannot be opened" in (await adapter.check()).warnings
        found = await adapter.locate("risk", ["a-001", "a-002", "b-001"], known)
    assert found == {"b-001": Presence.DELETED}


async def test_the_file_before_the_newest_is_not_read_while_the_newest_is_empty(tmp_path: Path) -> None:
    for month in ("2026-04", "2026-05"):
        write_xlsx(tmp_path / f"RAID {month}.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2)]})
    (tmp_path / "RAID 2026-03.xlsx").touch()
    assert len(await rows(tmp_path, files="RAID*.xlsx", newest_only=True)) == 2
    (tmp_path / "RAID 2026-06.xlsx").touch()
    with pytest.raises(SourceUnavailable, match=r"RAID 2026-06\.xlsx, the newest file, is empty"):
        await rows(tmp_path, files="RAID*.xlsx", newest_only=True)


async def test_of_monthly_copies_only_the_newest_is_read_under_one_identity(tmp_path: Path) -> None:
    for month, count in (("2026-05", 5), ("2026-06", 2), ("2025-12", 9)):
        write_xlsx(tmp_path / f"RAID {month}.xlsx", {"Risks": [RISK_HEADER, *risk_rows(count)]})
    entry = {"sheet": "Risks", "into": "risk", "scope": "file"}
    found = await rows(tmp_path, files="RAID*.xlsx", newest_only=True, sheets=[entry])
    assert [record.id for record in found] == ["raid*.xlsx:r-001", "raid*.xlsx:r-002"]
    async with SpreadsheetAdapter(options(tmp_path, "RAID*.xlsx", newest_only=True)) as adapter:
        warnings = (await adapter.check()).warnings
    assert "skipped RAID 2026-05.xlsx: older than RAID 2026-06.xlsx" in warnings


async def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "Risks.csv", [["ID", "Title"], ["1", "Late"]])
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Risks.csv").write_bytes((tmp_path / "Risks.csv").read_bytes())
    with pytest.raises(SourceError, match=r"sub/Risks\.csv is an exact copy of Risks\.csv"):
        await rows(tmp_path, files="**/*.csv")
