# ruff: noqa: E501 - the rows of a table read best as rows
"""The demo's PMO workbook: a portfolio as a small PMO keeps it in Excel, told relative to a day.

It has what no tool of the teams knows: sponsors, budgets, risks, decisions. PAY, WEB and DWH are also in the demo's
Jira, ERP and a part of PAY in its Azure DevOps; PAY, ERP and MOV have plans, and there their milestones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter

Cell = str | int | float | date | None
Rows = list[list[Cell]]

PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("Mia Krystof", "Project manager", "Core banking"),
    ("Ana Díaz", "Business analyst", "Core banking"),
    ("Tomasz Zieliński", "Lead developer", "Core banking"),
    ("Priya Raman", "Project manager", "Digital sales"),
    ("Jonas Weber", "Architect", "Digital sales"),
    ("Aoife Byrne", "Test manager", "Digital sales"),
    ("Kenji Mori", "Project manager", "Data office"),
    ("Lena Öztürk", "Data engineer", "Data office"),
    ("Samuel Adeyemi", "Programme manager", "Change office"),
    ("Chloé Martin", "Chief operating officer", "Board"),
)
PROJECTS = ("PAY", "WEB", "DWH", "ERP", "MOV")
_MONTHLY = {"PAY": 92_000, "WEB": 61_000, "DWH": 48_000, "ERP": 120_000, "MOV": 26_000}
_OVERRUN = {"PAY": 1.12, "WEB": 0.97, "DWH": 1.03, "ERP": 1.28, "MOV": 0.9}
# Words in a column name that say its numbers are money.
_MONEY = ("budget", "cost", "amount", "target value", "actual value", "baseline value")
_COLOURS = {"Red": "#F8696B", "Amber": "#FFD166", "Green": "#8BD17C", "Blue": "#9DC3E6"}


def write_pmo_workbook(path: Path, today: date) -> None:
    """Write the workbook, replacing what is there. The same day gives the same cells."""
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "dd/mm/yyyy"})
    book.set_properties({"title": "Portfolio register", "author": "Portfolio office"})
    writer = _Writer(book, today)
    writer.about()
    for name, header, rows in _sheets(today):
        writer.table(name, header, rows)
    book.close()


class _Writer:
    """Lays tables out as people do: a title, a line about the state, a blank row, then the names."""

    def __init__(self, book: Any, today: date) -> None:
        self._book, self._today = book, today
        self._title = book.add_format({"bold": True, "font_size": 16, "font_color": "#1F3864"})
        self._small = book.add_format({"italic": True, "font_color": "#7F7F7F"})
        look = {
            "bold": True,
            "font_color": "white",
            "bg_color": "#1F3864",
            "text_wrap": True,
            "valign": "top",
        }
        self._header = book.add_format({**look, "border": 1})
        self._group = book.add_format({**look, "align": "center", "border": 1})
        self._text = book.add_format({"text_wrap": True, "valign": "top"})
        self._date = book.add_format({"num_format": "dd/mm/yyyy", "valign": "top", "align": "left"})
        self._money = book.add_format({"num_format": "#,##0", "valign": "top"})
        self._percent = book.add_format({"num_format": "0%", "valign": "top"})
        self._colours = {word: book.add_format({"bg_color": colour}) for word, colour in _COLOURS.items()}

    def about(self) -> None:
        sheet = self._book.add_worksheet("About")
        sheet.write(0, 0, "Portfolio register", self._title)
        sheet.set_column(0, 0, 90)
        lines = (
            "Kept by the portfolio office; project managers update their rows by Thursday noon.",
            "One sheet for each kind of record. Do not rename sheets or the first column of a table.",
            "Codes are those used in Jira where the team works there, and in the property Subject of plans.",
            "Milestones of projects with a plan stand in the plan.",
        )
        for row, line in enumerate(lines, 2):
            sheet.write(row, 0, line)

    def table(self, name: str, header: Sequence[str], rows: Rows) -> None:
        sheet = self._book.add_worksheet(name)
        sheet.write(0, 0, f"{name} register" if not name.endswith("reports") else name, self._title)
        sheet.write(1, 0, f"Last updated {self._today:%d %B %Y} by the portfolio office", self._small)
        groups = [title.split("|") for title in header]
        top = 3
        if any(len(parts) == 2 for parts in groups):
            self._grouped(sheet, groups, top)
            top += 1
        else:
            for column, title in enumerate(header):
                sheet.write(top, column, title, self._header)
        for row, values in enumerate(rows, top + 1):
            for column, value in enumerate(values):
                self._cell(sheet, row, column, header[column].casefold(), value)
        for column, title in enumerate(header):
            longest = max([len(title), *(len(str(row[column] or "")) for row in rows)])
            sheet.set_column(column, column, min(44, max(11, longest + 2)))
            if "rag" in title.casefold() or name == "Status reports":
                for word, look in self._colours.items():
                    rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": look}
                    sheet.conditional_format(top + 1, column, top + len(rows) + 20, column, rule)
        sheet.freeze_panes(top + 1, 2)
        sheet.autofilter(top, 0, top + len(rows), len(header) - 1)
        if name == "Risks":
            sheet.write(
                top + len(rows) + 2, 0, "* Score is probability times impact; 15 and above goes to the board."
            )

    def _grouped(self, sheet: Any, groups: list[list[str]], top: int) -> None:
        column = 0
        while column < len(groups):
            parts = groups[column]
            if len(parts) == 1:
                sheet.merge_range(top, column, top + 1, column, parts[0], self._header)
                column += 1
                continue
            last = column
            while last + 1 < len(groups) and groups[last + 1][0] == parts[0]:
                last += 1
            sheet.merge_range(top, column, top, last, parts[0], self._group)
            for at in range(column, last + 1):
                sheet.write(top + 1, at, groups[at][1], self._header)
            column = last + 1

    def _cell(self, sheet: Any, row: int, column: int, title: str, value: Cell) -> None:
        if value is None:
            return
        if isinstance(value, date):
            sheet.write_datetime(row, column, value, self._date)
        elif title.startswith("%"):
            sheet.write_number(row, column, float(value) / 100, self._percent)
        elif title == "score":  # as in real logs: computed, with the cached result beside the formula
            p, i = (f"{chr(65 + column - back)}{row + 1}" for back in (2, 1))
            sheet.write_formula(row, column, f"={p}*{i}", self._text, value)
        elif isinstance(value, int | float):
            money = any(word in title for word in _MONEY)
            sheet.write_number(row, column, value, self._money if money else self._text)
        else:
            sheet.write_string(row, column, value, self._text)


def working_day(today: date, offset: int) -> date:
    """`offset` days from today, or the Friday before where that is a weekend."""
    found = today + timedelta(days=offset)
    return found - timedelta(days=max(0, found.weekday() - 4))


def _sheets(today: date) -> list[tuple[str, tuple[str, ...], Rows]]:
    def day(offset: int) -> date:
        return working_day(today, offset)

    mail = [
        [name, f"{name.lower().replace(' ', '.')}@acme.example", role, team] for name, role, team in PEOPLE
    ]
    mia, ana, tomasz, priya, jonas, aoife, kenji, lena, samuel, chloe = (name for name, _, _ in PEOPLE)
    return [
        ("Portfolios", ("Code", "Name", "Owner", "Manager", "Objectives", "RAG", "Status"), [
            ["CHG", "Change portfolio", chloe, samuel, "Grow digital revenue by a fifth; halve manual work; one set of figures.",
             "Amber", "Active"],
        ]),
        ("Programmes", ("Code", "Name", "Portfolio", "SRO", "Manager", "Objectives", "RAG", "Status", "Start", "Finish", "Budget",
                        "Currency"), [
            ["DIG", "Digital customer", "CHG", chloe, samuel, "Customers pay and serve themselves online.", "Amber", "Active",
             day(-240), day(210), 2_400_000, "EUR"],
            ["CORE", "Core operations", "CHG", chloe, samuel, "Finance and offices that scale without more people.", "Red",
             "Active", day(-150), day(330), 2_900_000, "EUR"],
        ]),
        ("Projects", ("Code", "Name", "Programme", "Stage", "Delivery method", "Sponsor", "Project manager", "Priority",
                      "Baseline|Start", "Baseline|Finish", "Forecast|Start", "Forecast|Finish", "% complete", "Budget",
                      "Forecast cost", "Currency", "RAG", "Description"), _projects(day)),
        ("People", ("Name", "E-mail", "Role", "Team"), [list(row) for row in mail]),
        ("Risks", ("Risk ID", "Project", "Title", "Cause", "Effect", "Category", "Probability", "Impact", "Score",
                   "Response", "Owner", "Raised on", "Review date", "Status"), [
            ["R-001", "PAY", "Card scheme certification is late", "Only one test slot a month", "Go-live moves by a quarter",
             "Supplier", 4, 5, 20, "Booked two slots; pre-certification with the processor", tomasz, day(-80), day(12), "Open"],
            ["R-002", "PAY", "Peak load on sale days", "Traffic trebles within minutes", "Payments time out", "Technical", 3, 4, 12,
             "Load test at 400 payments a second before the freeze", tomasz, day(-61), day(20), "In progress"],
            ["R-003", "WEB", "Accessibility audit finds blockers", "New palette not yet tested", "Launch without public sector",
             "Legal", 2, 4, 8, "Audit a sprint early", aoife, day(-45), day(9), "Open"],
            ["R-004", "WEB", "Support team not trained in time", "Hiring freeze until quarter end", "More calls after launch",
             "People", 3, 3, 9, "Train two shifts a week", priya, day(-30), day(15), "Open"],
            ["R-005", "DWH", "Ledger extract changes without notice", "No contract with the finance system owner",
             "Wrong figures at month end", "Data", 4, 4, 16, "Schema alarm; change board seat", lena, day(-70), day(6), "Open"],
            ["R-006", "DWH", "Analysts keep using the old cube", "Reports not certified yet", "Two sets of figures", "People", 3, 2, 6,
             "Freeze the cube after the comparison", kenji, day(-28), day(33), "Draft"],
            ["R-007", "ERP", "Integrator loses its lead consultant", "Contract ends at year end", "Three months' delay", "Supplier",
             3, 5, 15, "Named successor in the contract", samuel, day(-55), day(4), "Open"],
            ["R-008", "ERP", "Master data is poorer than assumed", "Twelve sources never reconciled", "Cut-over slips", "Data", 5, 4, 20,
             "Cleansing sprint; data owners named", ana, day(-90), day(7), "Escalated"],
            ["R-009", "MOV", "Landlord delays the hand-over", "Fit-out permits outstanding", "Two rents for two months", "External",
             2, 3, 6, "Option on the old lease", jonas, day(-20), day(25), "Open"],
            ["R-010", "MOV", "Network lines arrive late", "Carrier lead time", "No move of the call centre", "Supplier", 1, 4, 4,
             "Ordered; second carrier", jonas, day(-100), day(-10), "Closed"],
        ]),
        ("Issues", ("Issue ID", "Project", "Title", "Type", "Severity", "Impact", "Resolution", "Raised by", "Owner",
                    "Date raised", "Due date", "Date closed", "Status"), [
            ["I-001", "PAY", "Refunds are booked twice after a retry", "Problem", "High", "Manual corrections daily",
             "Idempotent booking in the next release", ana, tomasz, day(-16), day(5), None, "In progress"],
            ["I-002", "WEB", "Company sign-in was not in the offer", "Request for change", "Medium", "Forty days of work", None, priya,
             jonas, day(-25), day(10), None, "Open"],
            ["I-003", "DWH", "Margin differs from the finance report", "Off-specification", "High", "Board report held back",
             "Allocation keys corrected", kenji, lena, day(-34), day(-6), day(-4), "Closed"],
            ["I-004", "ERP", "Test system down for a week", "Problem", "High", "Second test cycle shortened", "Provider moved us to new hardware",
             aoife, samuel, day(-12), day(3), None, "In progress"],
            ["I-005", "MOV", "Furniture order lacks forty desks", "Problem", "Low", "Shared desks at first", None, jonas, jonas, day(-7),
             day(21), None, "Open"],
        ]),
        ("Assumptions", ("ID", "Project", "Title", "Impact if wrong", "Confidence", "Owner", "Raised on", "Validate by", "Status"), [
            ["A-001", "PAY", "The processor keeps its prices for two years", "Business case turns negative", "Medium", mia, day(-200),
             day(40), "Open"],
            ["A-002", "ERP", "No acquisition before cut-over", "A second company code", "High", samuel, day(-140), day(60), "Open"],
            ["A-003", "MOV", "Half the staff work from home three days", "One floor too few", "High", jonas, day(-120), day(-30),
             "Confirmed"],
        ]),
        ("Dependencies", ("ID", "Title", "From project", "To project", "Type", "Need by", "Promised", "Owner", "Status"), [
            ["D-001", "Payment events for revenue figures", "PAY", "DWH", "FS", day(30), day(44), tomasz, "At risk"],
            ["D-002", "Open invoices from the new ledger", "ERP", "WEB", "FS", day(90), day(85), samuel, "Agreed"],
            ["D-003", "Chart of accounts for the finance marts", "ERP", "DWH", "FS", day(-10), day(-12), ana, "Met"],
        ]),
        ("Decisions", ("ID", "Project", "Title", "Rationale", "Options considered", "Decided by", "Needed by", "Decided on", "Status"), [
            ["DE-001", "PAY", "Build the token vault in-house", "Two processors by next year", "Buy from the processor", chloe, day(-95),
             day(-98), "Decided"],
            ["DE-002", "ERP", "One cut-over at quarter end", "No parallel books", "Country by country", chloe, day(-40), day(-38), "Decided"],
            ["DE-003", "WEB", "Native app or web only", None, "App later; app now", chloe, day(14), None, "Pending"],
        ]),
        ("Actions", ("ID", "Project", "Title", "Owner", "Raised on", "Due date", "Completed", "Priority", "Status"), [
            ["AC-001", "ERP", "Name a data owner for suppliers", ana, day(-21), day(-5), None, "High", "Open"],
            ["AC-002", "PAY", "Agree the certification slots in writing", tomasz, day(-18), day(2), None, "High", "In progress"],
            ["AC-003", "WEB", "Invite three companies to the pilot", priya, day(-30), day(-9), day(-10), "Medium", "Done"],
            ["AC-004", "DWH", "Publish the list of certified reports", lena, day(-11), day(8), None, "Medium", "Open"],
            ["AC-005", "MOV", "Walk the floor plan with team leads", jonas, day(-5), day(16), None, "Low", "Open"],
        ]),
        ("Change requests", ("Change ID", "Project", "Title", "Reason", "Impact", "Cost impact", "Currency", "Days impact",
                             "Requested by", "Raised on", "Decision date", "Status"), [
            ["C-001", "WEB", "Sign-in for companies", "Largest customers ask for it", "Forty days, two releases", 64_000, "EUR", 15,
             priya, day(-24), None, "Assessing"],
            ["C-002", "ERP", "Second test cycle", "Too many defects in the first", "Cut-over moves by a month", 180_000, "EUR", 22,
             samuel, day(-33), day(-19), "Approved"],
            ["C-003", "MOV", "Height-adjustable desks everywhere", "Works council", "None on dates", 39_000, "EUR", 0, jonas, day(-60),
             day(-46), "Rejected"],
        ]),
        ("Lessons", ("ID", "Project", "Title", "What happened", "Effect", "Recommendation", "Category", "Owner", "Date", "Status"), [
            ["L-001", "PAY", "Book test slots at contract time", "Slots were gone by spring", "A quarter lost", "Write slots into the contract",
             "Procurement", mia, day(-50), "Shared"],
            ["L-002", "DWH", "Reconcile before building", "Marts built on wrong keys", "Six weeks of rework",
             "Two weeks of reconciliation first", "Quality", kenji, day(-15), "Draft"],
        ]),
        ("Milestones", ("ID", "Project", "Title", "Type", "Baseline", "Planned", "Forecast", "Actual", "Owner", "Status"),
         _milestones(day)),
        ("Deliverables", ("ID", "Project", "Title", "Version", "Status", "Owner", "Due date", "Accepted on"), [
            ["P-001", "PAY", "Settlement service", "1.3", "In review", tomasz, day(12), None],
            ["P-002", "WEB", "Accessibility statement", "0.9", "In progress", aoife, day(25), None],
            ["P-003", "DWH", "Revenue mart", "2.0", "Accepted", lena, day(-20), day(-18)],
            ["P-004", "ERP", "Chart of accounts", "4.1", "Handed over", ana, day(-60), day(-55)],
            ["P-005", "MOV", "Floor plan", "3.0", "Ready", jonas, day(-2), None],
        ]),
        ("Budget", ("Project", "Month", "Category", "Basis", "Amount", "Currency"), _budget(today)),
        ("Benefits", ("ID", "Project", "Title", "Type", "Measure", "Unit", "Baseline value", "Target value", "Actual value",
                      "Target date", "Owner", "Status"), [
            ["B-001", "PAY", "Lower cost per payment", "Financial", "Cost per payment", "cent", 19, 11, 16, day(240), mia, "Realising"],
            ["B-002", "WEB", "Fewer calls to support", "Financial", "Calls a month", "calls", 42_000, 25_000, 39_500, day(300), priya,
             "Planned"],
            ["B-003", "DWH", "Faster month-end close", "Non-financial", "Working days", "days", 9, 5, 7, day(150), kenji, "Realising"],
            ["B-004", "ERP", "One supplier base", "Financial", "Saving a year", "EUR", 0, 450_000, 0, day(500), samuel, "Identified"],
        ]),
        ("Status reports", ("Project", "Report date", "Overall", "Schedule", "Cost", "Scope", "Resources", "Risks", "Summary",
                            "Achievements", "Next steps", "Author"), _reports(day)),
        ("Gate reviews", ("ID", "Project", "Gate", "Planned", "Held", "Rating", "Outcome", "Chair"), [
            ["G-001", "PAY", "Gate 3 Investment decision", day(-180), day(-176), "Amber/Green", "Proceed", chloe],
            ["G-002", "ERP", "Gate 3 Investment decision", day(-120), day(-101), "Amber", "Proceed with conditions", chloe],
            ["G-003", "WEB", "Gate 4 Readiness for service", day(50), None, None, None, chloe],
        ]),
    ]  # fmt: skip


def _projects(day: Any) -> Rows:
    mia, _, _, priya, jonas, _, kenji, _, samuel, chloe = (name for name, _, _ in PEOPLE)
    return [
        ["PAY", "Payments platform", "DIG", "Delivery", "Hybrid", chloe, mia, "1", day(-230), day(60), day(-225), day(88), 62, 1_350_000,
         1_480_000, "EUR", "Amber", "Card, wallet and bank payments on one platform."],
        ["WEB", "Customer portal", "DIG", "Delivery", "Agile", chloe, priya, "2", day(-180), day(120), day(-180), day(118), 55, 820_000,
         801_000, "EUR", "Green", "One place for customers to see orders, invoices and support."],
        ["DWH", "Data warehouse", "CORE", "Delivery", "Agile", samuel, kenji, "3", day(-150), day(150), day(-140), day(158), 41, 640_000,
         655_000, "EUR", "Green", "Finance and sales figures from one governed source."],
        ["ERP", "Finance system replacement", "CORE", "Delivery", "Hybrid", chloe, samuel, "1", day(-150), day(240), day(-138), day(286),
         33, 1_900_000, 2_310_000, "EUR", "Red", "One ledger for all companies in place of four."],
        ["MOV", "Office move", "CORE", "Definition", "Predictive", chloe, jonas, "4", day(-120), day(95), day(-120), day(95), 43, 310_000,
         288_000, "EUR", "Green", "All head-office teams under one roof."],
    ]  # fmt: skip


def _milestones(day: Any) -> Rows:
    _, _, _, priya, _, aoife, kenji, lena, _, _ = (name for name, _, _ in PEOPLE)
    return [
        ["M-01", "WEB", "Pilot with three companies", "Release", day(-8), day(-8), day(-8), day(-9), priya, "Done"],
        ["M-02", "WEB", "Accessibility audit passed", "External", day(40), day(33), day(33), None, aoife, "On track"],
        ["M-03", "WEB", "Portal open to all", "Release", day(120), day(118), day(118), None, priya, "On track"],
        ["M-04", "DWH", "Revenue mart accepted", "Delivery", day(-26), day(-20), day(-20), day(-18), lena, "Achieved"],
        ["M-05", "DWH", "Old cube frozen", "Delivery", day(100), day(104), day(117), None, kenji, "Delayed"],
    ]  # fmt: skip


def _budget(today: date) -> Rows:
    """A year of months around today: budget for each, actual for those behind us, forecast for the others."""
    rows: Rows = []
    for project in PROJECTS:
        for step in range(-7, 5):
            months = today.year * 12 + today.month - 1 + step
            month = date(months // 12, months % 12 + 1, 1)
            for category, share in (("Staff", 0.7), ("Suppliers", 0.3)):
                budget = round(_MONTHLY[project] * share, -2)
                swing = 1 + ((months * 7 + len(project) + int(share * 10)) % 9 - 4) / 50
                real = round(budget * _OVERRUN[project] * swing, -1)
                rows.append([project, month, category, "Budget", budget, "EUR"])
                rows.append([project, month, category, "Actual" if step < 0 else "Forecast", real, "EUR"])
    return rows


def _reports(day: Any) -> Rows:
    mia, _, _, priya, jonas, _, kenji, _, samuel, _ = (name for name, _, _ in PEOPLE)
    last, before = day(-4), day(-34)
    return [
        ["PAY", before, "Green", "Amber", "Green", "Green", "Green", "Amber", "Certification slot lost; plan still holds.",
         "Capture and refunds done", "Book two slots", mia],
        ["PAY", last, "Amber", "Red", "Amber", "Green", "Green", "Red", "First merchants move by four weeks: certification decides.",
         "Settlement in review", "Load test; certification", mia],
        ["WEB", last, "Green", "Green", "Green", "Amber", "Green", "Green", "Pilot runs; company sign-in is asked for and not in scope.",
         "Pilot with three companies", "Audit; decide on sign-in", priya],
        ["DWH", last, "Green", "Green", "Green", "Green", "Amber", "Amber", "Revenue mart accepted; ledger extract needs a contract.",
         "Revenue mart", "Margin by region", kenji],
        ["ERP", before, "Amber", "Amber", "Amber", "Green", "Amber", "Red", "Master data poorer than assumed.", "Design signed off",
         "Second test cycle", samuel],
        ["ERP", last, "Red", "Red", "Red", "Amber", "Amber", "Red", "Cut-over moves by seven weeks; budget exceeded without a decision.",
         "Cleansing started", "Board paper on budget and date", samuel],
        ["MOV", last, "Green", "Green", "Green", "Green", "Green", "Green", "Lease signed; floor plan ready.", "Floor plan", "Order lines",
         jonas],
    ]  # fmt: skip
