"""Links stay whole when projects are joined in a chain; a table that is taken away is noticed."""

from __future__ import annotations

from dataclasses import replace

from register.settled import Memory, read_settled
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.fix_gateway import RunningGateway
from tests.sync.test_accounts import fill
from tests.sync.test_identity import RISKS, write_book


def projects(engine: Engine, name: str, code: str, title: str) -> None:
    """The book of one source: a single project, known to it by a number, whatever its code."""
    rows = [["No", "Code", "Title"], ["1", code, title]]
    write_book(engine.folder / f"{name}.xlsx", Projects=rows)


async def add_numbered(engine: Engine, name: str) -> None:
    sheets = [{"sheet": "Projects", "into": "project", "key": "No"}]
    await engine.add_files(f"{name}.xlsx", name, sheets=sheets)


async def test_a_project_joined_to_one_that_is_joined_later_follows_it(engine: Engine) -> None:
    for name, code in (("one", "PAY"), ("two", "PAY"), ("three", "CRM")):
        projects(engine, name, code, f"As {name} has it")
        await add_numbered(engine, name)
    for name in ("three", "two", "one"):
        await engine.sync(name)
    assert await engine.count("project", "presence = 'present'") == 2
    memory = Memory()
    async with engine.pool.acquire() as connection:
        before = (await read_settled(connection, memory)).shown
        projects(engine, "two", "CRM", "Now the CRM")
        engine.policy = replace(engine.policy, links={"project": [["two:CRM", "three:CRM"]]})
        await engine.sync("two")
        links = (await read_settled(connection, memory)).shown
    (first,) = before
    # The first link, made for `one`, leads to where `two` has gone; whoever held the old links learns of it.
    assert len(links) == 2
    assert links[first] != before[first]
    assert len(set(links.values())) == 1
    projects(engine, "one", "PAY", "Edited")
    await engine.sync("one")
    assert await engine.count("project", "presence = 'present'") == 1
    assert {row[0] for row in await engine.pool.fetch("SELECT entity_id::text FROM claim")} == {links[first]}


async def test_a_changed_code_does_not_tie_two_projects_together(engine: Engine) -> None:
    """What joined `one` and `two` is no longer said; that `two` now has `three`'s code is for a person to judge."""
    for name, code in (("one", "PAY"), ("two", "PAY"), ("three", "CRM")):
        projects(engine, name, code, f"As {name} has it")
        await add_numbered(engine, name)
        await engine.sync(name)
    projects(engine, "two", "CRM", "Now the CRM")
    await engine.sync("two")
    assert await engine.count("project", "presence = 'present'") == 2
    suggested = await engine.pool.fetch("SELECT evidence FROM link WHERE state = 'suggested'")
    assert [row[0] for row in suggested] == ["CRM; but it was joined to others on another code"]


async def test_editing_a_linked_project_does_not_link_it_to_itself(engine: Engine) -> None:
    for name, code in (("one", "PAY"), ("two", "P-0815")):
        projects(engine, name, code, "Payments")
        await add_numbered(engine, name)
    engine.policy = replace(engine.policy, links={"project": [["one:PAY", "two:P-0815"]]}, match={})
    await engine.sync("one")
    await engine.sync("two")
    projects(engine, "one", "PAY", "Payments, renamed")
    await engine.sync("one")
    assert await engine.count("link") == 1
    assert await engine.count("link", "first_id = second_id") == 0
    assert await engine.count("project", "presence = 'present'") == 1


ACTIONS = [["Action ID", "Title"], *([f"A-{n}", f"Action {n}"] for n in range(1, 13))]


async def test_the_rows_of_a_sheet_that_is_taken_away_are_deleted(engine: Engine) -> None:
    write_book(engine.folder / "pmo.xlsx", Actions=ACTIONS, Risks=RISKS)
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    write_book(engine.folder / "pmo.xlsx", Actions=ACTIONS)
    run = await engine.sync("pmo", "full")
    assert (run["state"], run["vanished"]) == ("succeeded", 1), run["error"]
    assert await engine.count("risk", "presence = 'deleted'") == 1


async def test_rows_that_a_new_key_doubles_are_a_finding_while_the_run_holds(
    engine: Engine, gateway: RunningGateway
) -> None:
    old, new = ({"sheets": [{"sheet": "Risks", "into": "risk", "key": key}]} for key in ("Risk ID", "Ref"))
    rows = [["Risk ID", "Ref", "Title"], *([f"R-{n}", f"Z-{n}", f"Risk {n}"] for n in range(4))]
    write_book(engine.folder / "pmo.xlsx", Risks=rows)
    await engine.add_files("pmo.xlsx", **old)
    await engine.sync("pmo")
    await engine.add_files("pmo.xlsx", **new)
    assert (await engine.sync("pmo"))["state"] == "succeeded"
    assert await engine.count("risk", "presence = 'present'") == 8

    (found,) = await engine.findings()
    assert (found["code"], found["severity"], found["source"]) == ("RUN001", "error", "pmo")
    assert found["message"] == (
        "4 of 8 records of pmo (risk) are no longer there; nothing was removed: their rows go on counting beside those "
        "of the 4 that are there"
    )
    assert found["hint"].startswith(
        "By the tool: 4 deleted. If that is right, run `portbook sync pmo --full --approve`"
    )
    with gateway.client() as client:
        (health,) = client.get("/odata/v4/SyncHealth?$select=OpenFindings").json()["value"]
    assert health["OpenFindings"] == 1

    await engine.sync("pmo", "full")
    assert [row["opened_at"] for row in await engine.findings()] == [found["opened_at"]]
    run = await engine.sync("pmo", "full", approved=True)
    assert (run["state"], run["vanished"]) == ("succeeded", 4)
    assert await engine.findings() == []


async def test_a_hold_names_the_projects_that_would_vanish(engine: Engine) -> None:
    head = ["Code", "Title"]
    projects = [[f"P-{n}", f"Project {n}"] for n in range(9)]
    write_book(engine.folder / "pmo.xlsx", Projects=[head, *projects])
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    write_book(engine.folder / "pmo.xlsx", Projects=[head, *projects[:2]])
    await engine.sync("pmo", "full")
    (found,) = await engine.findings()
    assert "By the tool: 7 deleted. Among them: project P-2, P-3, P-4, P-5, P-6 and more." in found["hint"]


async def test_the_finding_of_a_hold_closes_when_all_is_there_again(engine: Engine) -> None:
    write_book(engine.folder / "pmo.xlsx", Actions=ACTIONS, Risks=RISKS)
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    write_book(engine.folder / "pmo.xlsx", Risks=RISKS)
    assert (await engine.sync("pmo", "full"))["state"] == "held"
    assert "RUN001" in [row["code"] for row in await engine.findings()]
    write_book(engine.folder / "pmo.xlsx", Actions=ACTIONS, Risks=RISKS)
    assert (await engine.sync("pmo", "full"))["state"] == "succeeded"
    assert "RUN001" not in [row["code"] for row in await engine.findings()]


async def test_a_large_sheet_that_is_taken_away_holds_and_asks(engine: Engine) -> None:
    write_book(engine.folder / "pmo.xlsx", Actions=ACTIONS, Risks=RISKS)
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    write_book(engine.folder / "pmo.xlsx", Risks=RISKS)
    run = await engine.sync("pmo", "full")
    assert run["state"] == "held"
    assert "12 of 13 records of pmo (action)" in run["error"]
    assert await engine.count("action", "presence = 'present'") == 12


async def test_what_is_merely_not_read_any_more_does_not_vanish(engine: Engine, jira: FakeJira) -> None:
    issues = fill(jira, 15)
    author = jira.world.add_user("Mia Booker")
    for issue in issues:
        jira.world.add_worklog(issue, author, 3600, started=issue.created)
    await engine.add_jira(jira, worklogs=True)
    await engine.sync()
    stored = await engine.count("source_record", "stream = 'worklog'")
    assert stored >= 15
    await engine.add_jira(jira, worklogs=False)
    run = await engine.sync(mode="full")
    assert (run["state"], run["vanished"]) == ("succeeded", 0), run["error"]
    assert await engine.count("source_record", "stream = 'worklog' AND presence = 'present'") == stored
