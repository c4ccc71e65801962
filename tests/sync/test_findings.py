"""What findings of records say stays true: they follow the value, the row and the record they tell of."""

from __future__ import annotations

from typing import Any

from portbook.remap import remap
from portbook.retire import carry_out, chosen
from portbook.wiring import build_mapper
from tests.fix_engine import Engine
from tests.sync.test_identity import write_book
from tests.sync.test_retire import configured
from workers.ground import Apart

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


async def test_findings_of_a_record_close_when_it_is_gone_and_come_back_with_it(engine: Engine) -> None:
    sheets = {"Projects": projects(1, "lots"), "Risks": [["Risk ID", "Title", "Status"]]}
    odd = [*sheets["Risks"], ["R-1", "Odd", "In der Schwebe"]]
    await book(engine, Projects=sheets["Projects"], Risks=odd)
    assert {f["code"] for f in await engine.findings()} == {"MAP101", "MAP102"}
    await book(engine, Projects=projects(1), Risks=[*sheets["Risks"], ["R-2", "Fine", "Open"]])
    assert await engine.findings() == []
    await book(engine, Projects=sheets["Projects"], Risks=odd)
    assert {f["code"] for f in await engine.findings()} == {"MAP101", "MAP102"}


async def test_findings_of_a_source_close_when_it_is_retired(engine: Engine) -> None:
    odd = [["Risk ID", "Project", "Title", "Status"], ["R-1", "p1", "Odd", "In der Schwebe"]]
    await book(engine, Projects=projects("lots"), Risks=odd)
    assert {f["code"] for f in await engine.findings()} == {"MAP101", "MAP102"}
    await retired(engine, "one")
    assert await engine.findings() == []
    # What they say is said anew, and still nobody need mend it.
    mapper = build_mapper(engine.configured["one"], {})
    await remap(engine.pool, {"one": mapper}, engine.policy, everything=True)
    assert await engine.findings() == []


async def retired(engine: Engine, source: str) -> None:
    async with engine.pool.acquire() as connection:
        ids = await chosen(connection, configured(engine), source, None, out_of_selection=False, act=True)
    await carry_out(Apart(engine.pool, engine.policy), source, ids, whole=True, detail={})
