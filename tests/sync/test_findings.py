"""What findings of records say stays true: they follow the value, the row and the record they tell of."""

from __future__ import annotations

from typing import Any

from tests.fix_engine import Engine
from tests.sync.test_identity import write_book

PROJECTS = {"sheet": "Projects", "into": "project", "key": "No"}
RISKS = {"sheet": "Risks", "into": "risk", "key": "Risk ID"}


async def book(engine: Engine, name: str = "one", **sheets: list[list[Any]]) -> None:
    """Read this workbook as it is now; the source is added when it is new."""
    write_book(engine.folder / f"{name}.xlsx", **sheets)
    if name not in engine.specs:
        declared = [each for each in (PROJECTS, RISKS) if each["sheet"] in sheets]
        await engine.add_files(f"{name}.xlsx", name, sheets=declared)
    run = await engine.sync(name, mode="full", approved=True)
    assert run["state"] == "succeeded", run["error"]


async def found(engine: Engine, code: str) -> list[dict[str, Any]]:
    return [finding for finding in await engine.findings() if finding["code"] == code]


def projects(*budgets: Any, code: str = "PAY") -> list[list[Any]]:
    return [
        ["No", "Code", "Title", "Budget"],
        *([f"p{n}", f"{code}{n}", f"Project {n}", budget] for n, budget in enumerate(budgets, 1)),
    ]


async def test_a_finding_tells_of_the_value_that_is_there_now(engine: Engine) -> None:
    await book(engine, Projects=projects("lots"))
    first = (await found(engine, "MAP101"))[0]
    await book(engine, Projects=projects("many"))
    (second,) = await found(engine, "MAP101")
    assert (second["id"], second["opened_at"]) == (first["id"], first["opened_at"])
    assert (second["value"], "many" in second["message"]) == ("many", True)
    await book(engine, Projects=projects(5))
    assert await found(engine, "MAP101") == []
    await book(engine, Projects=projects("plenty"))
    (third,) = await found(engine, "MAP101")
    assert (third["value"], "plenty" in third["message"]) == ("plenty", True)
    assert third["opened_at"] > first["opened_at"]
