"""The standard PMO workbook through adapter and built-in mapping, as the demo and most newcomers use it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from adapters.spreadsheet import SpreadsheetAdapter
from adapters.spreadsheet.layout import STANDARD_SHEETS
from mapping.apply import Mapped, Mapper
from mapping.load import load_mapping
from mapping.locale import Locale
from mapping.rules import MappingSet
from portbook.demo_workbook import write_pmo_workbook
from register.catalog import catalog
from tests.contract.test_spreadsheet_reading import options
from tests.fakes.workbooks import write_xlsx

TODAY = dt.date(2026, 11, 22)


@pytest.fixture(scope="module")
def mapping() -> MappingSet:
    return load_mapping("spreadsheet", {name: e.mappable for name, e in catalog().items() if e.enveloped})


async def mapped(folder: Path, mapping: MappingSet) -> dict[str, list[tuple[str, Mapped]]]:
    """Stream → (where, what the mapping makes of it); no record may be rejected."""
    mapper = Mapper(mapping, lambda stream, source_id: f"{stream}:{source_id}", locale=Locale("en-GB"))
    result: dict[str, list[tuple[str, Mapped]]] = defaultdict(list)
    async with SpreadsheetAdapter(options(folder, "*.xlsx")) as adapter:
        for partition in await adapter.partitions():
            async for page in adapter.read(partition, None, full=True):
                for record in page.records:
                    assert record.error is None
                    found = mapper(record.stream, record.id, record.data)
                    result[record.stream].append((record.data["portbook"]["where"], found))
    return result


@pytest.fixture(scope="module")
def demo(
    mapping: MappingSet, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[tuple[str, Mapped]]]:
    folder = tmp_path_factory.mktemp("demo")
    write_pmo_workbook(folder / "portfolio.xlsx", TODAY)
    return asyncio.run(mapped(folder, mapping))


def test_every_row_of_the_demo_workbook_becomes_a_row_without_a_finding(
    demo: dict[str, list[tuple[str, Mapped]]],
) -> None:
    streams = demo
    counts = {stream: len(found) for stream, found in streams.items()}
    assert counts == {
        "portfolio": 1, "programme": 2, "project": 5, "person": 10, "risk": 10, "issue": 5, "assumption": 3,
        "dependency": 3, "decision": 3, "action": 5, "change_request": 3, "lesson": 2, "milestone": 5,
        "deliverable": 5, "cost_line": 240, "benefit": 4, "status_report": 7, "gate_review": 3,
    }  # fmt: skip
    problems = [
        (where, rule.name, str(problem))
        for found in streams.values()
        for where, made in found
        for problem, rule, *_ in made.problems
    ]
    assert problems == []


def test_every_reference_of_the_demo_workbook_leads_somewhere(
    demo: dict[str, list[tuple[str, Mapped]]],
) -> None:
    rows = [row for found in demo.values() for _, made in found for row in made.rows]
    ids = {row.id for row in rows}
    references = [reference for row in rows for reference in row.references]
    assert len(references) > 290
    assert [reference for reference in references if reference.id not in ids] == []


def test_the_demo_workbook_tells_its_story_in_register_words(
    demo: dict[str, list[tuple[str, Mapped]]],
) -> None:
    streams = demo

    def values(stream: str, key: str) -> dict[str, Any]:
        (found,) = [r.values for _, m in streams[stream] for r in m.rows if r.values.get("key") == key]
        return found

    erp = values("project", "ERP")
    assert (erp["stage"], erp["rag_reported"], erp["percent_complete"]) == ("delivery", "red", 33)
    assert erp["finish_baseline_on"] < erp["finish_forecast_on"]
    assert erp["programme_id"] == "programme:core"
    risk = values("risk", "R-008")
    assert (risk["probability"], risk["impact"], risk["status"]) == (5, 4, "open")
    assert risk["status_source"] == "Escalated"
    assert values("milestone", "M-05")["status"] == "at_risk"
    assert values("gate_review", "G-001")["rating"] == "amber_green"
    bases = Counter(row.values["basis"] for _, m in streams["cost_line"] for row in m.rows)
    assert bases == {"budget": 120, "actual": 70, "forecast": 50}


def test_the_same_day_gives_the_same_workbook_cells(tmp_path: Path) -> None:
    import python_calamine

    books = []
    for name in ("a", "b"):
        write_pmo_workbook(tmp_path / name, TODAY)
        book = python_calamine.CalamineWorkbook.from_path(tmp_path / name)
        books.append([book.get_sheet_by_name(sheet).to_python() for sheet in book.sheet_names])
    assert books[0] == books[1]


async def test_an_unknown_status_word_leaves_the_field_empty_and_is_a_finding(
    tmp_path: Path, mapping: MappingSet
) -> None:
    table = [["ID", "Title", "Status", "Probability"], ["1", "Late", "simmering", "often"]]
    write_xlsx(tmp_path / "a.xlsx", {"Risks": table})
    ((_, made),) = (await mapped(tmp_path, mapping))["risk"]
    assert "status" not in made.rows[0].values
    assert made.rows[0].values["status_source"] == "simmering"
    assert {unread.rule.name for unread in made.problems} == {"status", "probability"}


def test_every_standard_sheet_has_a_rule_and_every_rule_a_sheet(mapping: MappingSet) -> None:
    assert {rule.stream for rule in mapping.rules} == set(STANDARD_SHEETS.values())
    assert all(rule.stream == rule.into for rule in mapping.rules)


@pytest.mark.parametrize(
    ("format_", "held", "hours"),
    [
        ("h:mm", 7.75 / 24, 7.75), ("hh:mm:ss", 7.5125 / 24, 7.5125), ("h:mm", 0, 0), ("[h]:mm", 30 / 24, 30),
        ("@", "7:45", 7.75), ("@", "120:30", 120.5), ("@", "7:75", None),
    ],
)  # fmt: skip
async def test_hours_of_a_timesheet_are_read_as_clocks_show_them(
    tmp_path: Path, mapping: MappingSet, format_: str, held: float | str, hours: float | None
) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "b.xlsx")) as book:
        sheet = book.add_worksheet("Timesheet")
        sheet.write_row(0, 0, ["Person", "Date", "Hours", "Task"])
        sheet.write_row(1, 0, ["Ana", "2026-01-05", None, "t1"])
        sheet.write(1, 2, held, book.add_format({"num_format": format_}))
    ((_, made),) = (await mapped(tmp_path, mapping))["time_entry"]
    assert made.rows[0].values.get("hours") == hours
    assert [unread.rule.name for unread in made.problems] == ([] if hours is not None else ["hours"])


@pytest.mark.parametrize("date1904", [False, True])
async def test_the_last_day_there_is_stands_for_no_end_with_and_without_a_format(
    tmp_path: Path, mapping: MappingSet, date1904: bool
) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "b.xlsx"), {"date_1904": date1904}) as book:
        sheet = book.add_worksheet("Actions")
        sheet.write_row(0, 0, ["ID", "Title", "Due date"])
        for row, format_ in enumerate(("yyyy-mm-dd", "General"), 1):
            sheet.write_row(row, 0, [str(row), "Run"])
            sheet.write_datetime(row, 2, dt.datetime(9999, 12, 31), book.add_format({"num_format": format_}))
    found = (await mapped(tmp_path, mapping))["action"]
    assert [made.rows[0].values["due_on"] for _, made in found] == ["9999-12-31", "9999-12-31"]


@pytest.mark.parametrize(("date1904", "serial"), [(False, 45869), (True, 45869 - 1462)])
async def test_a_column_of_days_without_a_format_is_read_by_the_workbooks_calendar(
    tmp_path: Path, mapping: MappingSet, date1904: bool, serial: int
) -> None:
    table = [["ID", "Title", "Due date"], ["1", "Late", serial], ["2", "Later", serial + 1]]
    write_xlsx(tmp_path / "b.xlsx", {"Actions": table}, date1904=date1904)
    found = (await mapped(tmp_path, mapping))["action"]
    assert [made.rows[0].values["due_on"] for _, made in found] == ["2025-07-31", "2025-08-01"]


async def test_an_allocation_of_one_asks_whether_it_is_all_or_a_hundredth(
    tmp_path: Path, mapping: MappingSet
) -> None:
    table = [["Person", "Project", "Allocation"], ["Mia", "PAY", 0.5], ["Ola", "PAY", 1], ["Kim", "PAY", 80]]
    write_xlsx(tmp_path / "b.xlsx", {"Assignments": table})
    half, one, most = [made for _, made in (await mapped(tmp_path, mapping))["assignment"]]
    assert [made.rows[0].values.get("units_percent") for made in (half, one, most)] == [50, None, 80]
    ((problem, *_),) = one.problems
    assert "1 could be 1 % or 100 %" in f"{problem} {problem.detail}"
