# ruff: noqa: E501 - the lines of a plan read best as lines
"""The demo's plans: three files as project managers save them from Microsoft Project, told relative to a day.

They bear the dates, the baselines and the critical path of PAY, ERP and MOV. The code of a project stands in the
file's property *Subject*. `tests.fakes.mspdi` writes the Project XML, which is why a plan is made here and not there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import NamedTuple

from portbook.demo_workbook import PEOPLE, working_day
from tests.fakes.mspdi import Plan, Task, baseline

Days = tuple[int, int]


class _Row(NamedTuple):
    """A line of a plan. Days are counted from today; a milestone is one that begins and ends on the same."""

    name: str
    base: Days
    now: Days
    percent: int = 0
    cost: int = 0
    who: str = ""
    after: tuple[tuple[str, str, int], ...] = ()
    """Predecessors: name, kind of link, lag in working days."""
    critical: bool = False


Phases = tuple[tuple[str, tuple[_Row, ...]], ...]

PAY: Phases = (
    ("Set up", (
        _Row("Business case and contracts", (-230, -185), (-225, -180), 100, 90_000, "Mia Krystof"),
        _Row("Investment decision", (-180, -180), (-176, -176), 100, after=(("Business case and contracts", "FS", 2),)),
    )),
    ("Build", (
        _Row("Card acquiring", (-175, -62), (-172, -48), 100, 350_000, "Tomasz Zieliński", (("Investment decision", "FS", 0),)),
        _Row("Settlement", (-90, -20), (-84, 12), 45, 330_000, "Tomasz Zieliński", (("Card acquiring", "SS", 60),), critical=True),
        _Row("Card terminals", (-60, -6), (-52, 14), 35, 260_000, "Mia Krystof"),
    )),
    ("Prove", (
        _Row("Load test at 400 payments a second", (-18, -4), (13, 24), 0, 70_000, "Tomasz Zieliński",
             (("Settlement", "FS", 0),), critical=True),
        _Row("Scheme certification", (-20, -20), (17, 17), after=(("Card acquiring", "FS", 20), ("Settlement", "FS", 2)), critical=True),
    )),
    ("Go live", (
        _Row("Pilot with three merchants", (-2, 24), (25, 51), 0, 120_000, "Mia Krystof",
             (("Scheme certification", "FS", 3), ("Load test at 400 payments a second", "FS", 0)), critical=True),
        _Row("First merchants live", (25, 25), (52, 52), after=(("Pilot with three merchants", "FS", 0),), critical=True),
        _Row("Roll-out to all merchants", (26, 58), (53, 86), 0, 260_000, "Tomasz Zieliński",
             (("First merchants live", "FS", 0),), critical=True),
        _Row("Project closed", (60, 60), (88, 88), after=(("Roll-out to all merchants", "FS", 0),), critical=True),
    )),
)  # fmt: skip
ERP: Phases = (
    ("Design", (
        _Row("Processes and chart of accounts", (-150, -75), (-138, -56), 100, 380_000, "Ana Díaz"),
        _Row("Design signed off", (-70, -70), (-52, -52), 100, after=(("Processes and chart of accounts", "FS", 2),)),
    )),
    ("Build and cleanse", (
        _Row("Configure ledger and purchasing", (-68, 20), (-50, 44), 55, 540_000, "Samuel Adeyemi", (("Design signed off", "FS", 0),)),
        _Row("Cleanse suppliers and customers", (-40, 60), (-21, 110), 15, 310_000, "Ana Díaz", (("Design signed off", "FS", 15),),
             critical=True),
    )),
    ("Test", (
        _Row("First test cycle", (-30, -2), (-16, 12), 60, 150_000, "Aoife Byrne", (("Configure ledger and purchasing", "SS", 24),)),
        _Row("Second test cycle", (0, 28), (30, 60), 0, 190_000, "Aoife Byrne", (("First test cycle", "FS", 10),), critical=True),
        _Row("Second test cycle done", (30, 30), (61, 61), after=(("Second test cycle", "FS", 0),), critical=True),
    )),
    ("Move over", (
        _Row("Rehearsals with real figures", (95, 180), (130, 228), 0, 420_000, "Samuel Adeyemi",
             (("Second test cycle done", "FS", 40), ("Cleanse suppliers and customers", "FF", 60)), critical=True),
        _Row("Cut-over", (190, 190), (236, 236), after=(("Rehearsals with real figures", "FS", 4),), critical=True),
        _Row("Support after cut-over", (191, 250), (237, 284), 0, 395_000, "Ana Díaz", (("Cut-over", "FS", 0),), critical=True),
        _Row("First close on the new ledger", (254, 254), (286, 286), after=(("Support after cut-over", "FS", 0),), critical=True),
    )),
)  # fmt: skip
MOV: Phases = (
    ("Find and lease", (
        _Row("Search, offers, lease", (-120, -32), (-120, -33), 100, 24_000, "Jonas Weber"),
        _Row("Lease signed", (-30, -30), (-31, -31), 100, after=(("Search, offers, lease", "FS", 0),)),
    )),
    ("Fit out", (
        _Row("Floor plan and furniture", (-28, 30), (-28, 32), 20, 96_000, "Jonas Weber", (("Lease signed", "FS", 0),)),
        _Row("Walls, power, network", (2, 74), (2, 76), 0, 118_000, "Jonas Weber",
             (("Floor plan and furniture", "SS", 20),), critical=True),
        _Row("Hand-over by the landlord", (76, 76), (78, 78), after=(("Walls, power, network", "FS", 0),), critical=True),
    )),
    ("Move", (
        _Row("Pack, move, unpack", (80, 88), (80, 88), 0, 50_000, "Jonas Weber", (("Hand-over by the landlord", "FS", 2),), critical=True),
        _Row("Moving weekend", (88, 88), (88, 88), after=(("Pack, move, unpack", "FF", 0),), critical=True),
        _Row("Old offices handed back", (95, 95), (95, 95), after=(("Moving weekend", "FS", 4),)),
    )),
)  # fmt: skip
PLANS = (
    ("PAY", "Payments platform", "Mia Krystof", PAY),
    ("ERP", "Finance system replacement", "Samuel Adeyemi", ERP),
    ("MOV", "Office move", "Jonas Weber", MOV),
)
_SPACE = uuid.UUID("6f9d2f3e-0f5b-4a76-9a4d-3f0a1c6a2b11")
_HOURS_A_DAY = 6


def write_plans(folder: Path, today: date) -> None:
    """Write the plans that are not there yet. The same day gives the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    for code, title, manager, phases in PLANS:
        path = folder / f"{title}.xml"
        if not path.exists():
            plan = _plan(code, title, manager, phases, today)
            plan.save(path, saved=_at(working_day(today, -3), 16))


class _Told(Plan):
    """A plan whose project summary task says how far it is and what its baseline was, as Project keeps it."""

    percent = 0
    base: tuple[datetime, datetime, int] | None = None

    def _summary(self) -> Iterator[str]:
        text = "".join(super()._summary())
        text = text.replace("<PercentComplete>0<", f"<PercentComplete>{self.percent}<", 1)
        begun = min(task.start for task in self.tasks.values())
        more = f"<ActualStart>{begun:%Y-%m-%dT%H:%M:%S}</ActualStart>"
        if self.base is not None:
            start, finish, cost = self.base
            more += (
                f"<Baseline><Number>0</Number><Start>{start:%Y-%m-%dT%H:%M:%S}</Start>"
                f"<Finish>{finish:%Y-%m-%dT%H:%M:%S}</Finish><Cost>{cost * 100}</Cost></Baseline>"
            )
        yield text.replace("</Task>", more + "</Task>")


def _plan(code: str, title: str, manager: str, phases: Phases, today: date) -> Plan:
    plan = _Told(title, guid=str(uuid.uuid5(_SPACE, code)).upper(), Subject=code, Manager=manager)
    people = {}
    for name, _, _ in PEOPLE:
        if any(row.who == name for _, rows in phases for row in rows):
            people[name] = plan.add_person(name, f"{name.lower().replace(' ', '.')}@acme.example")
    made: dict[str, Task] = {}
    leaves = [row for _, rows in phases for row in rows]
    plan.percent = _percent(leaves)
    plan.base = (*_span(_whole([row.base for row in leaves]), today), sum(_agreed(row) for row in leaves))
    for phase, rows in phases:
        start, finish = _span(_whole([row.now for row in rows]), today)
        plan.add_task(phase, summary=True, start=start, finish=finish, percent=_percent(rows))
        for row in rows:
            made[row.name] = task = _task(plan, row, today)
            if row.who:
                plan.assign(task, people[row.who], task.hours, task.hours * row.percent / 100)
            for before, kind, lag in row.after:
                plan.link(made[before], task, kind, lag_days=lag)
    return plan


def _task(plan: Plan, row: _Row, today: date) -> Task:
    start, finish = _span(row.now, today)
    milestone = row.base[0] == row.base[1]
    days = 0 if milestone else _length(row.now)
    task = plan.add_task(
        row.name,
        level=2,
        milestone=milestone,
        start=start,
        finish=finish,
        days=days,
        hours=days * _HOURS_A_DAY,
        percent=row.percent,
        cost=row.cost,
        actual_cost=row.cost * row.percent / 100,
        more={"Critical": row.critical},
    )
    hours = 0 if milestone else _length(row.base) * _HOURS_A_DAY
    task.baselines[0] = baseline(*_span(row.base, today), hours, _agreed(row))
    return task


def _agreed(row: _Row) -> int:
    """What it was to cost: as much less as it was to be shorter."""
    return round(row.cost * min(1, _length(row.base) / _length(row.now)) / 1000) * 1000


def _percent(rows: tuple[_Row, ...] | list[_Row]) -> int:
    """By duration, as Project counts it."""
    work = [(row, _length(row.now)) for row in rows if row.base[0] != row.base[1]]
    return round(sum(row.percent * days for row, days in work) / sum(days for _, days in work))


def _length(days: Days) -> int:
    """Working days, whatever weekday today is."""
    return max(1, round((days[1] - days[0]) * 5 / 7))


def _whole(spans: list[Days]) -> Days:
    return min(start for start, _ in spans), max(finish for _, finish in spans)


def _span(days: Days, today: date) -> tuple[datetime, datetime]:
    finish = _at(working_day(today, days[1]), 17)
    return (finish if days[0] == days[1] else _at(working_day(today, days[0]), 8)), finish


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour))
