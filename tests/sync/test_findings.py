"""What findings of records say stays true: they follow the value, the row and the record they tell of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from portbook.remap import remap
from portbook.retire import carry_out, chosen
from portbook.wiring import build_mapper
from register.audit import Actor
from register.ids import derive_id
from register.links import Links
from register.pinned import end_what_is_over
from register.quality import Expected, Quality
from register.waivers import waive, waive_finding
from tests.fix_engine import Engine
from tests.sync.test_decisions import decide, two_books
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


async def looked(engine: Engine) -> None:
    await Quality(engine.pool, Expected()).look(now=True)


async def found(engine: Engine, code: str) -> list[dict[str, Any]]:
    return [finding for finding in await engine.findings() if finding["code"] == code]


def risks(*projects: str) -> list[list[Any]]:
    return [
        ["Risk ID", "Project", "Title"],
        *([f"R-{n}", project, f"Risk {n}"] for n, project in enumerate(projects, 1)),
    ]


def projects(*budgets: Any, code: str = "PAY") -> list[list[Any]]:
    return [
        ["No", "Code", "Title", "Budget"],
        *([f"p{n}", f"{code}{n}", f"Project {n}", budget] for n, budget in enumerate(budgets, 1)),
    ]


async def test_an_unknown_reference_is_no_finding_any_more_when_the_tool_names_another(
    engine: Engine,
) -> None:
    await book(engine, Projects=projects(1), Risks=risks("nope", "nope"))
    assert [f["value"] for f in await found(engine, "REF001")] == ["nope"]
    await book(engine, Projects=projects(1), Risks=risks("p1", "nope"))
    await looked(engine)
    assert [f["value"] for f in await found(engine, "REF001")] == ["nope"]  # another risk still names it
    await book(engine, Projects=projects(1), Risks=risks("p1", "p1"))
    await looked(engine)
    assert await found(engine, "REF001") == []
    await book(engine, Projects=projects(1), Risks=risks("nope", "p1"))
    await looked(engine)
    assert [f["value"] for f in await found(engine, "REF001")] == ["nope"]


async def test_an_unknown_reference_goes_with_the_last_row_that_names_it(engine: Engine) -> None:
    await book(engine, Projects=projects(1), Risks=risks("p1", "nope"))
    assert len(await found(engine, "REF001")) == 1
    await book(engine, Projects=projects(1), Risks=risks("p1"))
    await looked(engine)
    assert await found(engine, "REF001") == []


async def test_an_unknown_reference_stays_a_finding_where_another_source_is_believed(engine: Engine) -> None:
    for name, manager in (("one", "ana@acme.example"), ("two", "nobody@acme.example")):
        write_book(
            engine.folder / f"{name}.xlsx",
            Projects=[["No", "Code", "Title", "Project manager"], [f"{name}-1", "PAY", "Payments", manager]],
            People=[["E-mail", "Name"], ["ana@acme.example", "Ana"]],
        )
        people = {"sheet": "People", "into": "person", "key": "E-mail"}
        await engine.add_files(f"{name}.xlsx", name, sheets=[PROJECTS, people])
        await engine.sync(name)
    assert await engine.count("conflict", "field = 'manager_id' AND closed_at IS NULL") == 1
    await looked(engine)
    assert [f["value"] for f in await found(engine, "REF001")] == ["nobody@acme.example"]


async def test_an_unknown_reference_is_a_finding_of_each_field_that_says_it(engine: Engine) -> None:
    header = ["No", "Code", "Title", "Manager", "Sponsor"]
    second = ["p2", "B", "Salaries", "", "x@acme.example"]
    await book(engine, Projects=[header, ["p1", "A", "Payments", "x@acme.example", ""], second])
    assert {f["field"] for f in await found(engine, "REF001")} == {"manager", "sponsor"}
    await book(engine, Projects=[header, ["p1", "A", "Payments", "", ""], second])
    await looked(engine)
    assert {f["field"] for f in await found(engine, "REF001")} == {"sponsor"}


async def test_an_unknown_reference_stays_a_finding_while_a_pin_hides_it(engine: Engine) -> None:
    write_book(
        engine.folder / "one.xlsx",
        Projects=[["No", "Code", "Title", "Manager"], ["p1", "A", "Payments", "x@acme.example"]],
        People=[["E-mail", "Name"], ["ana@acme.example", "Ana"]],
    )
    people = {"sheet": "People", "into": "person", "key": "E-mail"}
    await engine.add_files("one.xlsx", "one", sheets=[PROJECTS, people])
    await engine.sync("one")
    ana = await engine.pool.fetchval("SELECT id::text FROM person")
    async with decide(engine) as decisions:
        pin = await decisions.pin("project", derive_id("one", "project", "p1"), "manager", ana, "why", None)
    await looked(engine)
    assert [f["value"] for f in await found(engine, "REF001")] == ["x@acme.example"]
    before = await engine.touched()
    await looked(engine)
    assert await engine.touched() == before
    async with decide(engine) as decisions:
        await decisions.release(pin, "over")
    await looked(engine)
    assert [f["value"] for f in await found(engine, "REF001")] == ["x@acme.example"]


async def test_a_source_is_scored_by_the_records_it_has_now(engine: Engine) -> None:
    """No row changes where another source tells the same project, and nothing but a run says that records did."""

    async def rows() -> int:
        return int(await engine.pool.fetchval("SELECT rows FROM quality WHERE key = 'two'"))

    quality = Quality(engine.pool, Expected())
    same = [["No", "Code", "Title"], *([f"x{n}", f"PAY{n}", f"Project {n}"] for n in (1, 2))]
    await book(engine, Projects=projects(1, 2))
    await book(engine, "two", Projects=same)
    await quality.look(now=True)
    assert await rows() == 2
    before = await engine.count("event")
    await book(engine, "two", Projects=same[:2])
    assert await engine.count("event") == before
    await quality.look(now=True)
    assert await rows() == 1


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


async def test_the_score_of_a_retired_source_counts_no_rows(engine: Engine) -> None:
    await book(engine, Projects=projects(1, 2))
    quality = Quality(engine.pool, Expected())
    await quality.look(now=True)
    assert await engine.pool.fetchval("SELECT rows FROM quality WHERE key = 'one'") == 2
    await retired(engine, "one")
    await quality.look(now=True)
    measured = await engine.pool.fetchrow("SELECT rows, score FROM quality WHERE key = 'one'")
    assert tuple(measured) == (0, None)


async def test_what_a_record_cannot_say_counts_for_its_project_and_for_who_can_mend_it(
    engine: Engine,
) -> None:
    write_book(
        engine.folder / "one.xlsx",
        Projects=projects("lots", 1),
        Risks=[
            ["Risk ID", "Project", "Title", "Owner", "Cost impact"],
            ["R-1", "p2", "x", "ana@acme.example", "soon"],
        ],
        People=[["E-mail", "Name"], ["ana@acme.example", "Ana"]],
    )
    people = {"sheet": "People", "into": "person", "key": "E-mail"}
    await engine.add_files("one.xlsx", "one", sheets=[PROJECTS, RISKS, people])
    await engine.sync("one")
    await looked(engine)
    one, two = (derive_id("one", "project", name) for name in ("p1", "p2"))
    ana = await engine.pool.fetchval("SELECT id FROM person")
    said = {(f["entity"], str(f["project_id"]), f["owner_id"]) for f in await found(engine, "MAP101")}
    assert said == {("project", one, None), ("risk", two, ana)}
    scores = {str(row[0]): row[1] for row in await engine.pool.fetch("SELECT id, score FROM quality")}
    assert (scores[one], scores[two]) == (50, 75)
    before = await engine.touched()
    await looked(engine)
    assert await engine.touched() == before
    # The risk goes to the other project, and its finding with it.
    write_book(
        engine.folder / "one.xlsx",
        Projects=projects("lots", 1),
        Risks=[["Risk ID", "Project", "Title", "Owner", "Cost impact"], ["R-1", "p1", "x", "", "soon"]],
        People=[["E-mail", "Name"], ["ana@acme.example", "Ana"]],
    )
    await engine.sync("one", mode="full")
    await looked(engine)
    said = {(f["entity"], str(f["project_id"]), f["owner_id"]) for f in await found(engine, "MAP101")}
    assert said == {("project", one, None), ("risk", one, None)}


async def test_a_finding_follows_its_row_when_rows_are_joined_and_parted(engine: Engine) -> None:
    one, two = await two_books(engine)
    write_book(
        engine.folder / "two.xlsx",
        Projects=[["No", "Code", "Title", "Budget"], ["two-1", "P-0815", "Payments in two", "lots"]],
        Risks=[["Risk ID", "Project", "Title"], ["R-two", "two-1", "Late"]],
    )
    await engine.sync("two", mode="full")
    await looked(engine)

    async def place() -> tuple[str, str]:
        (finding,) = await found(engine, "MAP101")
        return str(finding["entity_id"]), str(finding["project_id"])

    assert await place() == (two, two)
    async with decide(engine) as decisions:
        link = await decisions.same("project", one, two, "the steering group says so")
    await looked(engine)
    assert await place() == (one, one)
    before = await engine.touched()
    await engine.sync("two", mode="full")
    await looked(engine)
    assert (await engine.touched())["finding"] == before["finding"]
    async with decide(engine) as decisions:
        await decisions.undecided(link, "it was another one")
    await looked(engine)
    assert await place() == (two, two)


@pytest.mark.parametrize(("first", "second"), [(200, 150), (150, 200)])
async def test_a_conflict_holds_every_value_also_two_of_one_source(
    engine: Engine, first: int, second: int
) -> None:
    rows = [["a", "PAY", "Payments", first], ["b", "PAY", "Payments", second]]
    for name, told in (("one", rows), ("two", [["c", "PAY", "Payments", 200]])):
        write_book(engine.folder / f"{name}.xlsx", Projects=[["No", "Code", "Title", "Budget"], *told])
        await engine.add_files(f"{name}.xlsx", name, sheets=[PROJECTS])
        await engine.sync(name)
    a, b, c = (derive_id(name, "project", own) for name, own in (("one", "a"), ("one", "b"), ("two", "c")))
    async with decide(engine) as decisions:
        for one, other in ((a, b), (b, c)):
            await decisions.same("project", one, other, "one project")
    values, winner = await engine.pool.fetchrow(
        "SELECT values, winner FROM conflict WHERE field = 'budget' AND closed_at IS NULL"
    )
    told = orjson.loads(values)
    assert sorted(told.values()) == [150, 200, 200]
    budget = await engine.pool.fetchval("SELECT budget FROM project WHERE presence = 'present'")
    assert told[winner] == budget


async def test_a_waiver_of_a_joined_row_holds_for_what_comes_back(engine: Engine) -> None:
    one, two = await two_books(engine)
    until = datetime.now(UTC) + timedelta(days=9)

    async def with_budget(budget: Any) -> list[tuple[str, bool]]:
        headings = ["No", "Code", "Title", "Budget"]
        row = ["two-1", "P-0815", "Payments in two", budget]
        await book(engine, "two", Projects=[headings, row], Risks=risks("two-1"))
        await looked(engine)
        return [(f["state"], str(f["entity_id"]) == one) for f in await found(engine, "MAP101")]

    async with decide(engine) as decisions:
        await decisions.same("project", one, two, "one project")
    assert await with_budget("lots") == [("open", True)]
    async with engine.pool.acquire() as connection, connection.transaction():
        await waive(
            connection, "MAP101", reason="agreed", actor=Actor("ana"), until=until, entity="project", row=one
        )
    assert await with_budget("lots") == [("waived", True)]
    assert await with_budget(5) == []
    assert await with_budget("lots again") == [("waived", True)]


@pytest.mark.parametrize("which", [0, 1])
async def test_a_page_that_joins_what_is_waived_waits_for_nobody_who_waives(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    """The page holds a finding that the waiver waits for; it must not wait for the waiver in its turn."""
    await book(engine, Projects=projects(1), Risks=risks("ZZZ", "YYY"))
    until = datetime.now(UTC) + timedelta(days=2)
    finding = (await found(engine, "REF001"))[which]
    async with engine.pool.acquire() as connection, connection.transaction():
        await waive_finding(connection, str(finding["id"]), reason="x", actor=Actor("ana"), until=until)
    joined, join = asyncio.Event(), Links.join

    async def pausing(self: Links, *args: Any) -> bool:
        if joined.is_set():
            await asyncio.sleep(1)
        done = await join(self, *args)
        joined.set()
        return done

    monkeypatch.setattr(Links, "join", pausing)

    async def waiving() -> None:
        await joined.wait()
        await asyncio.sleep(0.2)
        async with engine.pool.acquire() as connection, connection.transaction():
            await waive(connection, "REF001", reason="x", actor=Actor("ana"), until=until)

    headings = ["No", "Code", "Title"]
    answers = [headings, ["a", "ZZZ", "Z"], ["b", "YYY", "Y"]]
    await asyncio.gather(book(engine, "two", Projects=answers), waiving())
    assert await engine.pool.fetchval("SELECT count(*) FROM risk WHERE project_id IS NOT NULL") == 2


async def test_what_an_earlier_version_showed_of_a_deleted_record_goes(engine: Engine) -> None:
    await book(
        engine, Projects=[["No", "Code", "Title", "Budget"], ["a", "A", "Aaa", None], ["b", "B", "Bbb", 150]]
    )
    a, b = (derive_id("one", "project", key) for key in "ab")
    async with decide(engine) as decisions:
        await decisions.same("project", a, b, "one project")
    await engine.pool.execute("UPDATE source_record SET presence = 'deleted' WHERE source_id LIKE '%b'")
    assert await engine.pool.fetchval("SELECT budget FROM project WHERE presence = 'present'") == 150
    await engine.pool.execute("INSERT INTO merge_due (entity, cause) VALUES ('project', 'remap')")
    while await end_what_is_over(engine.pool, engine.policy):
        pass
    assert await engine.pool.fetchval("SELECT budget FROM project WHERE presence = 'present'") is None
