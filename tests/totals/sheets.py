"""A PMO's workbook as a world, told in the register's words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fakes.workbooks import write_xlsx
from tests.fix_engine import Engine
from tests.totals import SOURCE, Told

_SHEET_TYPES = {
    "Epic": "epic",
    "Requirement": "story",
    "Work package": "task",
    "Defect": "bug",
    "Phase": "summary",
}
_SHEET_STATUSES = {
    "Not started": "todo", "WIP": "in_progress", "In test": "in_review", "Closed": "done", "Withdrawn": "cancelled",
}  # fmt: skip
_BASES = {
    "Budget": "budget",
    "EAC": "forecast",
    "Invoiced": "actual",
    "PO": "committed",
    "Original": "baseline",
}
_LINK_WORDS = {
    "Finish-start": "FS",
    "Start-start": "SS",
    "Finish-finish": "FF",
    "Start-finish": "SF",
    "Blocks": "blocks",
}


class _Workbook:
    """Projects with tasks, a budget and dependencies, as lists of rows."""

    def __init__(self, items: int, folder: Path) -> None:
        self.items, self.path = items, folder / "PMO.xlsx"
        rng = random.Random(3)
        self.projects = [[f"P-{n}", f"Project {n}"] for n in range(10)]
        self.tasks: list[list[Any]] = []
        for n in range(items * 7 // 10):
            phase = f"T-{n - n % 20}" if n % 20 else None
            self.tasks.append(
                [
                    f"T-{n}", f"Task {n}", f"P-{n % 10}", "Phase" if phase is None else rng.choice(list(_SHEET_TYPES)),
                    rng.choice(list(_SHEET_STATUSES)), rng.randrange(1, 40), rng.randrange(9), rng.random() * 10,
                    rng.choice((None, 3, 8)), phase,
                ]
            )  # fmt: skip
        self.costs = [
            [f"C-{n}", f"P-{n % 10}", rng.choice(list(_BASES)), rng.randrange(10**7) / 100, "EUR"]
            for n in range(items // 4)
        ]
        self.links = [
            [
                f"D-{n}",
                f"Needs {n}",
                f"P-{n % 9}",
                f"P-{n % 9 + 1}",
                rng.choice(list(_LINK_WORDS)),
                n % 7 - 2.5,
            ]
            for n in range(items // 20)
        ]
        self._save()

    def _save(self) -> None:
        heads = {
            "Projects": ["Project ID", "Title"],
            "Tasks": [
                "Task ID", "Title", "Project", "Type", "Status", "Estimate", "Spent", "Remaining", "Points", "Parent",
            ],
            "Budget": ["ID", "Project", "Basis", "Amount", "Currency"],
            "Dependencies": ["Dependency ID", "Title", "From project", "To project", "Link type", "Lag (days)"],
        }  # fmt: skip
        rows = (self.projects, self.tasks, self.costs, self.links)
        write_xlsx(self.path, {name: [heads[name], *held] for name, held in zip(heads, rows, strict=True)})

    async def join(self, engine: Engine) -> None:
        into = (("Projects", "project", "Project ID"), ("Tasks", "work_item", "Task ID"), ("Budget", "cost_line", "ID"),
                ("Dependencies", "dependency", "Dependency ID"))  # fmt: skip
        sheets = [{"sheet": sheet, "into": entity, "key": key} for sheet, entity, key in into]
        await engine.add_files(str(self.path), SOURCE, sheets=sheets)

    def edit(self, rng: random.Random, count: int) -> None:
        for task in rng.sample(self.tasks, count):
            task[4:8] = [rng.choice(list(_SHEET_STATUSES)), rng.randrange(90), rng.randrange(9), None]
        self.costs[0][3] = 99.99
        self.links[0][4:6] = ["Start-finish", -4]
        self.links[1][4:6] = ["Blocks", None]
        self._save()

    def delete(self, rng: random.Random, count: int) -> None:
        for task in rng.sample([task for task in self.tasks if task[9] is not None], count):
            self.tasks.remove(task)
        del self.costs[5], self.links[2]
        self._save()

    def wanted(self) -> dict[str, Any]:
        costs: Counter[str] = Counter()
        for _, _, basis, amount, _ in self.costs:
            costs[_BASES[basis]] += amount  # type: ignore[assignment]
        links: dict[str, list[float]] = {}
        for *_, word, lag in self.links:
            held = links.setdefault(_LINK_WORDS[word], [0, 0])
            held[0], held[1] = held[0] + 1, held[1] + (lag or 0)
        return {
            "projects": len(self.projects),
            "types": dict(Counter((task[3], _SHEET_TYPES[task[3]]) for task in self.tasks)),
            "statuses": dict(Counter(_SHEET_STATUSES[task[4]] for task in self.tasks)),
            "hours": [sum(task[place] or 0 for task in self.tasks) for place in (5, 6, 7)],
            "points": sum(task[8] or 0 for task in self.tasks),
            "parents": sum(task[9] is not None for task in self.tasks),
            "costs": dict(costs),
            "links": links,
        }


def spreadsheet(items: int, folder: Path) -> Iterator[Told]:
    yield _Workbook(items, folder)
