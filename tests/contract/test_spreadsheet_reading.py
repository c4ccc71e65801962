"""Real files, written by other libraries, read back through the adapter."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import jmespath
import openpyxl
import orjson
import pytest
import xlsxwriter

from adapters.base import Page, RawRecord
from adapters.errors import SourceMisbehaved, SourceRefused
from adapters.spreadsheet import SpreadsheetAdapter, SpreadsheetOptions
from adapters.spreadsheet.grid import Limited
from adapters.spreadsheet.options import SheetOptions
from adapters.spreadsheet.rows import Found, find_table, read_table
from adapters.spreadsheet.xlsx import open_sheet, sheet_list
from tests.fakes.binary_books import Failed, write_xls, write_xlsb
from tests.fakes.workbooks import (
    RISK_HEADER,
    ods_cell,
    replace_part,
    risk_rows,
    write_csv,
    write_ods,
    write_xlsx,
)


def options(folder: Path, files: Any = "*", **more: Any) -> SpreadsheetOptions:
    return SpreadsheetOptions(base_dir=folder, files=files, settle_s=0, **more)


async def pages(
    adapter: SpreadsheetAdapter, stream: str, cursor: Any = None, *, full: bool = False
) -> list[Page]:
    (partition,) = [p for p in await adapter.partitions() if p.name == stream]
    return [page async for page in adapter.read(partition, cursor, full=full)]


async def rows(folder: Path, stream: str = "risk", files: Any = "*", **more: Any) -> list[RawRecord]:
    async with SpreadsheetAdapter(options(folder, files, **more)) as adapter:
        return [record for page in await pages(adapter, stream, full=True) for record in page.records]


def cells(records: list[RawRecord]) -> list[dict[str, Any]]:
    return [record.data["cells"] for record in records]


async def test_a_table_under_a_title_a_note_and_blank_rows_is_found(tmp_path: Path) -> None:
    title = [
        ["Payments RAID log"],
        [],
        [None, "Last updated: 3 June 25 by MK"],
        [],
        ["Legend:", "R", "A", "G"],
        [],
    ]
    write_xlsx(tmp_path / "RAID.xlsx", {"Risks": [*title, RISK_HEADER, *risk_rows(2)]})
    first, second = await rows(tmp_path)
    assert (first.stream, first.id, second.id) == ("risk", "r-001", "r-002")
    assert first.data["cells"] == {
        "risk id": "R-001",
        "title": "Supplier 1 may be late",
        "owner": "Mia Krystof",
        "due date": "2026-07-02",
        "probability": 2,
        "impact": 3,
        "status": "Open",
    }
    assert first.data["portbook"]["where"] == "RAID.xlsx, sheet Risks, row 8"
    assert first.data["portbook"]["at"]["due date"] == "D8"
    assert orjson.loads(first.payload) == first.data


async def test_a_table_that_does_not_begin_in_column_a_keeps_its_addresses(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "RAID.xlsx", {"Risks": [RISK_HEADER, *risk_rows(1)]}, at=(4, 3))
    (record,) = await rows(tmp_path)
    assert record.data["portbook"]["at"]["risk id"] == "D6"
    assert record.data["portbook"]["where"].endswith("row 6")


async def test_column_names_are_known_however_they_are_written(tmp_path: Path) -> None:
    header = ["ID *", "Risk\u00a0\nTitle:", "OWNER", "Owner", "Due  Date"]
    write_xlsx(tmp_path / "a.xlsx", {"Risks": [header, ["1", "Late", "Mia", "Ola", "tbc"]]})
    (record,) = await rows(tmp_path)
    assert record.data["cells"] == {
        "id": "1", "risk title": "Late", "owner": "Mia", "owner (2)": "Ola", "due date": "tbc",
    }  # fmt: skip
    assert record.data["portbook"]["headers"]["owner (2)"] == "Owner"


async def test_a_two_row_header_is_joined(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "plan.xlsx"))
    sheet = book.add_worksheet("Milestones")
    sheet.merge_range(0, 0, 0, 5, "Milestone plan of the ERP programme")
    sheet.merge_range(2, 0, 3, 0, "ID")
    sheet.merge_range(2, 1, 3, 1, "Milestone")
    sheet.merge_range(2, 2, 2, 3, "Baseline")
    sheet.merge_range(2, 4, 2, 5, "Forecast")
    for column, name in enumerate(["Start", "Finish", "Start", "Finish"], 2):
        sheet.write(3, column, name)
    for row in (4, 5):
        for column, value in enumerate(
            [f"M{row}", "Gate", "2026-01-01", "2026-02-01", "2026-01-08", "2026-02-09"]
        ):
            sheet.write(row, column, value)
    book.close()
    first, _ = await rows(tmp_path, "milestone")
    assert first.id == "m4"
    assert first.data["cells"] == {
        "id": "M4", "milestone": "Gate", "baseline start": "2026-01-01", "baseline finish": "2026-02-01",
        "forecast start": "2026-01-08", "forecast finish": "2026-02-09",
    }  # fmt: skip


async def test_sections_totals_repeated_headers_and_notes_are_no_records(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    table: list[list[Any]] = [
        ["Risk ID", "Title", "Owner", "Cost"],
        ["Workstream 1"],
        ["R-1", "Late", "Mia", 10],
        [None, "Subtotal", None, 10],
        [],
        ["Risk ID", "Title", "Owner", "Cost"],
        ["R-2", "Total loss of the data centre", "Ola", 5],
        ["Total", None, None, 15],
        ["* subject to funding"],
    ]
    for r, row in enumerate(table):
        for c, value in enumerate(row):
            if value is not None:
                sheet.write(r, c, value)
    sheet.merge_range(1, 0, 1, 3, "Workstream 1")
    book.close()
    assert [record.id for record in await rows(tmp_path)] == ["r-1", "r-2"]
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        (stream,) = await adapter.discover()
    assert "2 passed over as total (row 4, 8)" in stream.title
    assert "header repeated (row 6)" in stream.title
    assert "section: one merged cell (row 2)" in stream.title


async def test_a_row_with_a_key_is_a_record_whatever_it_is_called(tmp_path: Path) -> None:
    table = [
        ["Risk ID", "Title", "Probability", "Cost"],
        [1, "Total loss of the data centre", 2, 5],
        [2, "Average response time misses the target", 3, 3],
        [3, "Sum insured is too low", 2, 2],
        [4, "Total", 2, 2],
        [None, "Total", None, 12],
    ]
    write_xlsx(tmp_path / "a.xlsx", {"Risks": table})
    assert [record.id for record in await rows(tmp_path)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "label",
    [
        "Total", "TOTALS:", "Grand total", "Sub-total", "Subtotal:", "Sum", "Average ", "Summe", "Gesamt",
        "Zwischensumme:", "Total Risks", "Risks total", "Total: Cost", "Sum of cost", "Subtotal Stream 1",
    ],
)  # fmt: skip
async def test_a_totals_row_holds_the_word_and_what_is_added_up(tmp_path: Path, label: str) -> None:
    table = [
        ["Title", "Probability", "Cost"],
        ["Stream 1"],
        ["Late", 2, 5],
        [label, None, 5],
        ["Total loss", 2, 5],
        ["Average age is 60", 2, 5],
    ]
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet("Risks")
    for number, row in enumerate(table):
        sheet.write_row(number, 0, row)
    sheet.merge_range(1, 0, 1, 2, "Stream 1")
    book.close()
    assert [record.id for record in await rows(tmp_path)] == ["late", "total loss", "average age is 60"]


async def test_a_merged_text_beside_a_key_is_no_heading(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet("Risks")
    for number, row in enumerate(
        [["Risk ID", "Title", "Owner", "Cost"], ["R-1", "Late", "Mia", 5], ["R-2"], []]
    ):
        sheet.write_row(number, 0, row)
    sheet.merge_range(2, 1, 2, 3, "A long text across the columns")
    sheet.merge_range(3, 0, 3, 3, "Closed risks")
    book.close()
    assert [record.id for record in await rows(tmp_path)] == ["r-1", "r-2"]


async def test_a_row_without_a_key_that_says_more_than_total_is_told(tmp_path: Path) -> None:
    table = [["Risk ID", "Title", "Cost"], ["R-1", "Late", 5], [None, "Total loss of the site", 9]]
    write_xlsx(tmp_path / "a.xlsx", {"Risks": table})
    late, lost = await rows(tmp_path)
    assert late.error is None
    assert lost.error is not None
    assert lost.error.message == "The row has no key: Risk ID in cell A3 is empty"


async def test_rows_prepared_for_later_are_no_records(tmp_path: Path) -> None:
    header = ["Risk ID", "Title", "Owner", "Status"]
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    for c, name in enumerate(header):
        sheet.write(0, c, name)
    for r in range(1, 6):
        sheet.write_formula(r, 0, f'="R-"&TEXT({r},"000")', None, f"R-{r:03}")
        sheet.write(r, 3, "Open")
    sheet.write(1, 1, "Late")
    sheet.write(1, 2, "Mia")
    book.close()
    assert [record.id for record in await rows(tmp_path)] == ["r-001"]


async def test_hidden_rows_are_read_with_a_flag_or_skipped(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    for r, row in enumerate([["ID", "Title", "Owner"], ["1", "shown", "Mia"], ["2", "filtered out", "Ola"]]):
        sheet.write_row(r, 0, row)
    sheet.set_row(2, None, None, {"hidden": True})
    book.close()
    found = await rows(tmp_path)
    assert {record.id: record.data["portbook"]["hidden"] for record in found} == {"1": False, "2": True}
    entry = {"sheet": "Risks", "into": "risk", "hidden": "skip"}
    assert [record.id for record in await rows(tmp_path, sheets=[entry])] == ["1"]


async def test_a_hidden_sheet_is_read_unless_it_is_to_be_skipped(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    book.add_worksheet("Cover").write(0, 0, "RAID")
    sheet = book.add_worksheet("Risks")
    sheet.write_row(0, 0, ["ID", "Title", "Owner"])
    sheet.write_row(1, 0, ["1", "Late", "Mia"])
    sheet.very_hidden()
    book.close()
    (record,) = await rows(tmp_path)
    assert record.data["portbook"]["hidden"] is True
    assert await rows(tmp_path, sheets=[{"sheet": "Risks", "into": "risk", "hidden": "skip"}]) == []


async def test_a_tall_merged_cell_fills_the_rows_it_covers(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    sheet.write_row(0, 0, ["Project", "ID", "Title"])
    for r in (1, 2, 3):
        sheet.write_row(r, 1, [str(r), f"risk {r}"])
    sheet.merge_range(1, 0, 3, 0, "PAY")
    book.close()
    assert [row.get("project") for row in cells(await rows(tmp_path))] == ["PAY"] * 3
    entry = {"sheet": "Risks", "into": "risk", "fill_merged": False}
    assert [row.get("project") for row in cells(await rows(tmp_path, sheets=[entry]))] == ["PAY", None, None]


async def test_errors_are_told_from_blanks(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    sheet.write_row(0, 0, ["ID", "Title", "Cost", "Owner"])
    sheet.write_row(1, 0, ["1", "Late"])
    sheet.write_formula(1, 2, "=Lists!A9", None, "#REF!")
    book.close()
    (record,) = await rows(tmp_path)
    assert record.data["cells"] == {"id": "1", "title": "Late", "cost": {"error": "#REF!"}}


@pytest.mark.parametrize("write", [write_xls, write_xlsb])
async def test_errors_of_binary_workbooks_are_told_as_those_of_others(tmp_path: Path, write: Any) -> None:
    table = [
        ["Risk ID", "Title", "Score", "Cost"],
        ["R-1", "Late", Failed("#REF!"), 5],
        ["R-2", "Lost", 3, Failed("#DIV/0!", formula=True)],
        ["R-3", "Gone", None, 2.5],
    ]
    name = f"a.{write.__name__.removeprefix('write_')}"
    write(tmp_path / name, {"Notes": [["x", Failed("#N/A")]], "Risks": table})
    assert cells(await rows(tmp_path)) == [
        {"risk id": "R-1", "title": "Late", "score": {"error": "#REF!"}, "cost": 5},
        {"risk id": "R-2", "title": "Lost", "score": 3, "cost": {"error": "#DIV/0!"}},
        {"risk id": "R-3", "title": "Gone", "cost": 2.5},
    ]


async def test_a_key_that_is_an_error_in_a_binary_workbook_sets_its_row_aside(tmp_path: Path) -> None:
    table = [["Risk ID", "Title", "Score"], ["R-1", "Late", 1], [Failed("#NAME?", formula=True), "Lost", 2]]
    write_xls(tmp_path / "a.xls", {"Risks": table})
    first, second = await rows(tmp_path)
    assert (first.error, first.id) == (None, "r-1")
    assert second.error is not None


async def test_formulas_that_were_never_calculated_are_named_and_no_guess(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Risks"
    sheet.append(["ID", "Title", "Score"])
    sheet.append(["1", "Late", "=2*3"])
    book.save(tmp_path / "b.xlsx")
    (record,) = await rows(tmp_path)
    assert record.data["cells"]["score"] == {"error": "not calculated"}
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        (stream,) = await adapter.discover()
    assert "1 formulas were never calculated: open and save it in Excel" in stream.title


async def test_dates_durations_booleans_and_numbers_keep_their_kind(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    day = book.add_format({"num_format": "dd-mmm-yy"})
    hours = book.add_format({"num_format": "[h]:mm"})
    sheet.write_row(0, 0, ["ID", "Title", "Due date", "Seen at", "Effort", "Open", "Cost", "Part"])
    sheet.write_row(1, 0, [12, "Late"])
    sheet.write_datetime(1, 2, dt.datetime(2025, 7, 31), day)
    sheet.write_datetime(1, 3, dt.datetime(2025, 7, 31, 14, 30), day)
    sheet.write(1, 4, 1.5, hours)
    sheet.write_boolean(1, 5, True)
    sheet.write(1, 6, 1250.0)
    sheet.write(1, 7, 0.5)
    book.close()
    (record,) = await rows(tmp_path)
    assert record.id == "12"
    assert record.data["cells"] == {
        "id": 12, "title": "Late", "due date": "2025-07-31", "seen at": "2025-07-31T14:30:00", "effort": 36,
        "open": True, "cost": 1250, "part": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("date1904", [False, True])
async def test_dates_mean_the_same_in_both_of_excels_calendars(tmp_path: Path, date1904: bool) -> None:
    table = [["ID", "Title", "Due date"], ["1", "Late", dt.date(2025, 7, 31)]]
    write_xlsx(tmp_path / "b.xlsx", {"Risks": table}, date1904=date1904)
    assert cells(await rows(tmp_path))[0]["due date"] == "2025-07-31"


@pytest.mark.parametrize(("date1904", "serial"), [(False, 45869), (True, 45869 - 1462)])
async def test_a_date_that_lost_its_format_is_a_date_among_dates(
    tmp_path: Path, date1904: bool, serial: int
) -> None:
    table = [["ID", "Title", "Due"], ["1", "Late", serial], ["2", "Later", dt.date(2025, 8, 1)]]
    write_xlsx(tmp_path / "b.xlsx", {"Risks": table}, date1904=date1904)
    assert [row["due"] for row in cells(await rows(tmp_path))] == ["2025-07-31", "2025-08-01"]


async def test_a_number_is_no_date_for_the_name_of_its_column(tmp_path: Path) -> None:
    table = [["ID", "Title", "Balance due", "Date"], ["1", "a", 25000, 45869], ["2", "b", 45000.5, 45870]]
    write_xlsx(tmp_path / "b.xlsx", {"Risks": table})
    found = cells(await rows(tmp_path))
    assert [(row["balance due"], row["date"]) for row in found] == [(25000, 45869), (45000.5, 45870)]


async def test_per_cent_is_what_people_see(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    percent = book.add_format({"num_format": "0.0%"})
    sheet = book.add_worksheet("Projects")
    sheet.write_row(0, 0, ["Code", "Title", "% complete"])
    for r, shown in enumerate([0.45, 1, 0.005], 1):
        sheet.write_row(r, 0, [f"P{r}", "x"])
        sheet.write(r, 2, shown, percent)
    book.close()
    assert [row["% complete"] for row in cells(await rows(tmp_path, "project"))] == [45, 100, "0.5%"]


@pytest.mark.parametrize("neighbour", [None, 0, 0.5, 1, 50, 0.25])
@pytest.mark.parametrize("formatted", [False, True])
async def test_per_cent_without_a_format_means_the_same_beside_any_neighbour(
    tmp_path: Path, neighbour: float | None, formatted: bool
) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    percent = book.add_format({"num_format": "0%"}) if formatted else None
    sheet = book.add_worksheet("Projects")
    sheet.write_row(0, 0, ["Code", "Title", "Progress"])
    for r, bare in enumerate([0, 0.5, 1, 1.5, 45], 1):
        sheet.write_row(r, 0, [f"P{r}", "x", bare])
    sheet.write_row(6, 0, ["P6", "x"])
    if neighbour is not None:
        sheet.write(6, 2, neighbour, percent)
    book.close()
    found = cells(await rows(tmp_path, "project"))
    # No mapping takes a bare "1" for per cent: it could be 1 % or 100 %.
    assert [row["progress"] for row in found[:5]] == [0, 50, "1", 1.5, 45]


@pytest.mark.parametrize(
    ("held", "given"),
    [(0, 0), (0.5, 50), (0.005, "0.5%"), (1, "1"), (1.5, {"error": "1.5 % or 150 %?"}), (2, 2), (45.5, 45.5)],
)
def test_per_cent_of_a_file_that_tells_no_formats_is_asked_for_where_it_could_be_either(
    tmp_path: Path, held: float, given: object
) -> None:
    """As of xls and xlsb, which no library at hand can write: the same reading, of an xlsx without its formats."""
    table = [["ID", "Title", "% complete"], ["1", "a", held], ["2", "b", 0.25]]
    write_xlsx(tmp_path / "a.xlsx", {"Tasks": table})
    (info,) = sheet_list(tmp_path / "a.xlsx")
    sheet = open_sheet(tmp_path / "a.xlsx", info, None, Limited())
    entry = SheetOptions(sheet="Tasks", into="work_item").model_dump(mode="json")
    first, _ = read_table(find_table(sheet, entry, "a", {"cells": 1_000}), entry, "a", None, {})
    assert isinstance(first, Found)
    assert first.data["cells"]["% complete"] == given


async def test_a_rag_column_filled_with_colour_alone_gives_the_colour(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Projects")
    sheet.write_row(0, 0, ["Code", "Title", "RAG", "Comments"])
    for r, colour in enumerate(["#FF0000", "#FFC000", "#92D050", "#FFFFFF"], 1):
        sheet.write_row(r, 0, [f"P{r}", "x"])
        sheet.write_blank(r, 2, None, book.add_format({"bg_color": colour}))
    sheet.write_blank(1, 3, None, book.add_format({"bg_color": "#FF0000"}))
    book.close()
    found = cells(await rows(tmp_path, "project"))
    assert [row.get("rag") for row in found] == ["red", "amber", "green", None]
    assert "comments" not in found[0]


async def test_a_transposed_table_is_read_by_columns(tmp_path: Path) -> None:
    table = [
        ["Project fact sheet"],
        ["Code", "PAY", "WEB"],
        ["Title", "Payments", "Web shop"],
        ["Start", dt.date(2026, 1, 5), dt.date(2026, 2, 2)],
        ["Budget", 100000, 250000],
    ]
    write_xlsx(tmp_path / "b.xlsx", {"Facts": table})
    entry = {"sheet": "Facts", "into": "project", "key": "Code", "orientation": "columns"}
    first, second = await rows(tmp_path, "project", sheets=[entry])
    assert (first.id, second.id) == ("pay", "web")
    assert second.data["cells"] == {
        "code": "WEB",
        "title": "Web shop",
        "start": "2026-02-02",
        "budget": 250000,
    }
    assert second.data["portbook"]["where"] == "b.xlsx, sheet Facts, column C"
    assert second.data["portbook"]["at"]["budget"] == "C5"


async def test_ods_is_read_like_xlsx(tmp_path: Path) -> None:
    write_ods(tmp_path / "a.ods", {"Risks": [["RAID"], RISK_HEADER, *risk_rows(2)]}, blank_tail=1_048_000)
    first, second = await rows(tmp_path)
    assert (first.id, second.id) == ("r-001", "r-002")
    assert first.data["cells"]["due date"] == "2026-07-02"
    assert first.data["portbook"]["at"]["title"] == "B3"


async def test_ods_tells_hidden_rows_errors_per_cent_and_merged_cells(tmp_path: Path) -> None:
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import CoveredTableCell, Table, TableCell, TableRow

    document = OpenDocumentSpreadsheet()
    table = Table(name="Risks")
    for r, values in enumerate(
        [["Project", "ID", "Title", "% done"], ["PAY", "1", "Late"], [None, "2", "#REF!"]]
    ):
        row = TableRow(**({"visibility": "filter"} if r == 2 else {}))
        for c, value in enumerate(values):
            if r == 2 and c == 0:
                row.addElement(CoveredTableCell())
            else:
                row.addElement(ods_cell(value, **({"numberrowsspanned": "2"} if (r, c) == (1, 0) else {})))
        if r:
            row.addElement(TableCell(valuetype="percentage", value="0.45"))
        table.addElement(row)
    document.spreadsheet.addElement(table)
    document.save(str(tmp_path / "a.ods"))
    first, second = await rows(tmp_path)
    assert first.data["cells"] == {"project": "PAY", "id": "1", "title": "Late", "% done": 45}
    assert second.data["cells"]["title"] == {"error": "#REF!"}
    assert second.data["cells"]["project"] == "PAY"
    assert second.data["portbook"]["hidden"] is True


@pytest.mark.parametrize(
    ("encoding", "delimiter", "first"),
    [
        ("utf-8", ",", ""),
        ("utf-8-sig", ";", ""),
        ("utf-16", "\t", ""),
        ("utf-16-le", "\t", ""),
        ("cp1252", ";", "sep=;\r\n"),
        ("cp1252", "|", ""),
    ],
)
async def test_text_tables_of_every_dialect_are_read(
    tmp_path: Path, encoding: str, delimiter: str, first: str
) -> None:
    table = [
        ["RAID log, status: draft; do not print"],
        ["ID", "Title", "Owner", "Cost"],
        ["007", "Prüfung, once more\nin two lines", "Zoë", "1.250,00"],
        ["R-2", "Late", "Ola", "3"],
    ]
    write_csv(tmp_path / "Risks.csv", table, delimiter=delimiter, encoding=encoding, first=first)
    one, two = await rows(tmp_path)
    assert (one.id, two.id) == ("007", "r-2")
    assert one.data["cells"] == {
        "id": "007", "title": "Prüfung, once more\nin two lines", "owner": "Zoë", "cost": "1.250,00",
    }  # fmt: skip


async def test_a_quotation_mark_that_is_never_closed_does_not_swallow_the_rows_behind_it(
    tmp_path: Path,
) -> None:
    """Whatever follows it is one cell: the rows in there would count as deleted."""
    text = 'ID,Title,Owner\nR-1,"Late, again",Ola\nR-2,"5 inch pipe,Mia\nR-3,Leak,Mia\nR-4,Fire,Ola\n'
    (tmp_path / "Risks.csv").write_text(text)
    with pytest.raises(SourceRefused, match=r"Risks\.csv ends inside a quoted cell, which begins in row 3"):
        await rows(tmp_path)
    (tmp_path / "Risks.csv").write_text(text.replace('"5 inch', '5" inch').rstrip("\n"))
    assert [record.id for record in await rows(tmp_path)] == ["r-1", "r-2", "r-3", "r-4"]


async def test_xlsm_is_read_and_its_macros_are_not_run(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsm", {"Risks": [RISK_HEADER, *risk_rows(1)]})
    replace_part(tmp_path / "a.xlsm", "xl/vbaProject.bin", lambda _: b"\xd0\xcf macros")
    assert [record.id for record in await rows(tmp_path)] == ["r-001"]


async def test_text_like_a_formula_and_long_text_arrive_as_they_are(tmp_path: Path) -> None:
    long = "x" * 32_767
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("Risks")
    sheet.write_row(0, 0, ["ID", "Title", "Description"])
    sheet.write_string(1, 0, "1")
    sheet.write_string(1, 1, "=cmd|' /C calc'!A0")
    sheet.write_string(1, 2, long)
    book.close()
    (row,) = cells(await rows(tmp_path))
    assert row["title"] == "=cmd|' /C calc'!A0"
    assert row["description"] == long


async def test_a_declared_locale_travels_with_each_row_and_a_sheet_may_differ(tmp_path: Path) -> None:
    table = [RISK_HEADER, *risk_rows(1)]
    write_xlsx(tmp_path / "b.xlsx", {"Risks": table, "Risiken": [["ID", "Title"], ["9", "Spät"]]})
    sheets = [{"sheet": "Risks", "into": "risk"}, {"sheet": "Risiken", "into": "risk", "locale": "de-DE"}]
    found = await rows(tmp_path, sheets=sheets, locale="en-GB")
    assert [record.data["portbook"]["locale"] for record in found] == ["en-GB", "de-DE"]


async def test_a_configured_pattern_reads_every_matching_sheet(tmp_path: Path) -> None:
    table = {f"Project {n}": [["Risk ID", "Title"], [f"{n}", "Late"]] for n in "AB"}
    write_xlsx(tmp_path / "b.xlsx", {**table, "Notes": [["hello"]]})
    found = await rows(tmp_path, sheets=[{"sheet": "project *", "into": "risk", "key": "risk id"}])
    assert [record.id for record in found] == ["a", "b"]


async def test_a_large_sheet_comes_in_pages(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(1_700)]})
    async with SpreadsheetAdapter(options(tmp_path)) as adapter:
        found = await pages(adapter, "risk")
    assert [len(page.records) for page in found] == [600, 600, 500]
    assert [page.cursor is None for page in found] == [True, True, False]
    assert [page.complete for page in found] == [False, False, True]
    assert len({record.id for page in found for record in page.records}) == 1_700


async def test_fewer_rows_than_the_minimum_conclude_nothing(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2)]})
    with pytest.raises(SourceMisbehaved, match=r"2 rows, fewer than `min_rows: 3`"):
        await rows(tmp_path, sheets=[{"sheet": "Risks", "into": "risk", "min_rows": 3}])


async def test_a_sheet_without_column_names_is_refused(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "b.xlsx", {"Risks": []})
    with pytest.raises(SourceRefused, match=r"No row of column names was found in b\.xlsx, sheet Risks"):
        await rows(tmp_path)


async def test_a_column_of_which_unit_nobody_knows_is_told_before_it_is_read(tmp_path: Path) -> None:
    rows = [["Month", "Project", "Amount (M)", "Cost (£k)"], ["2026-01", "PAY", 1, 2]]
    write_xlsx(tmp_path / "a.xlsx", {"Budget": [["Budget 2026"], [], *rows]})
    async with SpreadsheetAdapter(options(tmp_path)) as opened:
        unclear = [stream for stream in await opened.discover() if not stream.name]
    (problem,) = [stream.problem for stream in unclear]
    assert problem is not None
    assert (
        problem.message == "'Amount (M)' may be thousands, millions or another unit: its amounts are not read"
    )
    assert problem.detail == "a.xlsx, sheet Budget, cell C3"
    assert 'units: {"Amount (M)": £k}' in problem.hint


async def test_a_column_whose_unit_the_configuration_says_is_described_once(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"Budget": [["Month", "Project", "Amount"], ["2026-01", "PAY", 1]]})
    async with SpreadsheetAdapter(options(tmp_path, units={"Amount": "k€"})) as opened:
        (table,) = await opened.discover()
    assert [field.path for field in table.fields].count('cells."amount"') == 1


async def test_a_unit_of_a_column_that_no_table_has_is_told(tmp_path: Path) -> None:
    """Its amounts would be read as they stand, wrong by a thousand."""
    rows = [["Month", "Project", "Amount"], ["2026-01", "PAY", 1]]
    write_xlsx(tmp_path / "a.xlsx", {"Budget": rows})

    async def found(**units: str) -> list[Any]:
        async with SpreadsheetAdapter(options(tmp_path, units=units)) as opened:
            return await opened.discover()

    assert len(await found(AMOUNT="k€")) == 1
    _, wrong = await found(Amuont="k€", Amount="k€")
    assert (wrong.name, wrong.problem.hint) == ("", "Did you mean 'Amount'?")
    assert wrong.problem.message == "`units` names a column 'Amuont' that no table has"
    write_xlsx(tmp_path / "a.xlsx", {"Budget": rows, "Risks": [["nothing"]]})
    (unread,) = (stream for stream in await found(Amuont="k€") if not stream.name)
    assert "Amuont" not in unread.problem.message  # that sheet may have it


async def test_a_column_is_shown_by_the_path_that_reads_it_whatever_it_is_called(tmp_path: Path) -> None:
    names = ["Risk ID", 'Size 5" pipe', "Back\\slash", "a.b", "{x}", "Über maß"]
    write_xlsx(tmp_path / "a.xlsx", {"Risks": [names, ["R-1", "p", "q", "r", "s", "t"]]})
    async with SpreadsheetAdapter(options(tmp_path)) as opened:
        (stream,) = await opened.discover()
    (row,) = await rows(tmp_path)
    found = [jmespath.search(field.path, row.data) for field in stream.fields]
    assert found == ["R-1", "p", "q", "r", "s", "t"]
