"""One project, one person, however many tools tell of them; never on a name alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import xlsxwriter

from register.matches import Candidate, Matches
from register.policy import Policy
from register.settled import Settled
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill


def write_book(path: Path, **sheets: list[list[Any]]) -> None:
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name.replace("_", " "))
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)


PROJECTS = [
    ["Code", "Title", "Project manager", "Budget", "Currency"],
    ["PAY", "Payments", "mia.krystof@acme.example", 1000, "EUR"],
]
PEOPLE = [["E-mail", "Name"], ["mia.krystof@acme.example", "Mia Krystof"]]
RISKS = [
    ["Risk ID", "Project", "Title", "Owner"],
    ["R-1", "PAY", "Supplier late", "mia.krystof@acme.example"],
]


async def test_a_project_known_to_two_tools_is_one_row(engine: Engine, jira: FakeJira) -> None:
    fill(jira, 3)
    write_book(engine.folder / "pmo.xlsx", Projects=PROJECTS, People=PEOPLE, Risks=RISKS)
    await engine.add_jira(jira)
    await engine.add_files("pmo.xlsx")
    await engine.sync("delivery")
    await engine.sync("pmo")
    project = await engine.pool.fetchrow("SELECT * FROM project")
    assert await engine.count("project") == 1
    assert (project["title"], project["budget"]) == ("Pay", 1000)
    person = await engine.pool.fetchrow("SELECT * FROM person WHERE presence = 'present'")
    assert await engine.count("person", "presence = 'present'") == 1
    risk = await engine.pool.fetchrow("SELECT * FROM risk")
    assert (risk["project_id"], risk["owner_id"]) == (project["id"], person["id"])
    assert project["manager_id"] == person["id"]
    rules = {row["rule"] for row in await engine.pool.fetch("SELECT rule FROM link")}
    assert rules == {"match on code", "match on email"}
    assert [finding for finding in await engine.findings() if finding["code"] == "REF001"] == []


async def test_precedence_decides_and_the_disagreement_is_kept(engine: Engine, jira: FakeJira) -> None:
    fill(jira, 1)
    write_book(
        engine.folder / "pmo.xlsx", Projects=[[*PROJECTS[0], "Start"], [*PROJECTS[1], "x"]], People=PEOPLE
    )
    await engine.add_jira(jira)
    await engine.add_files("pmo.xlsx")
    engine.policy = replace(engine.policy, precedence={"project": {"title": ["pmo", "delivery"]}})
    await engine.sync("delivery")
    await engine.sync("pmo")
    project = await engine.pool.fetchrow("SELECT title, code FROM project")
    assert tuple(project) == ("Payments", "PAY")


async def test_a_reference_that_comes_before_its_row_is_answered_later(
    engine: Engine, jira: FakeJira
) -> None:
    fill(jira, 1)
    write_book(engine.folder / "pmo.xlsx", Risks=RISKS)
    await engine.add_jira(jira)
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    waiting = [finding for finding in await engine.findings() if finding["code"] == "REF001"]
    assert sorted(finding["value"] for finding in waiting) == ["mia.krystof@acme.example", "pay"]
    assert "risk R-1: project 'pay' is no project in the register" in {f["message"] for f in waiting}
    await engine.sync("delivery")
    risk = await engine.pool.fetchrow(
        "SELECT p.code, o.title FROM risk r JOIN project p ON p.id = r.project_id JOIN person o ON o.id = r.owner_id"
    )
    assert tuple(risk) == ("PAY", "Mia Krystof")
    assert [finding for finding in await engine.findings() if finding["code"] == "REF001"] == []


async def test_a_configured_link_joins_what_no_rule_would(engine: Engine, jira: FakeJira) -> None:
    fill(jira, 1)
    other = [["Code", "Title", "Budget"], ["P-0815", "The payments thing", 5]]
    write_book(engine.folder / "pmo.xlsx", Projects=other)
    await engine.add_jira(jira)
    await engine.add_files("pmo.xlsx")
    engine.policy = replace(engine.policy, links={"project": [["delivery:PAY", "pmo:P-0815"]]}, match={})
    await engine.sync("delivery")
    await engine.sync("pmo")
    assert await engine.count("project", "presence = 'present'") == 1
    assert await engine.pool.fetchval("SELECT budget FROM project") == 5
    assert await engine.pool.fetchval("SELECT rule FROM link") == "configured"


async def test_people_are_never_joined_by_name_or_within_one_tool(engine: Engine, jira: FakeJira) -> None:
    fill(jira, 1)
    for _ in range(2):
        jira.world.add_user("Sam Twin", emailAddress="team@acme.example")
    write_book(
        engine.folder / "pmo.xlsx",
        People=[["Name", "E-mail"], ["Mia Krystof", ""], ["Team", "team@acme.example"]],
    )
    await engine.add_jira(jira)
    await engine.add_files("pmo.xlsx")
    await engine.sync("delivery")
    await engine.sync("pmo")
    names = [
        row[0]
        for row in await engine.pool.fetch("SELECT title FROM person WHERE presence = 'present' ORDER BY 1")
    ]
    # Two twins share a mailbox: neither is more likely to be the workbook's Team than the other.
    assert names == ["Mia Krystof", "Mia Krystof", "Sam Twin", "Sam Twin", "Team"]
    assert await engine.count("link", "state = 'applied'") == 0
    # Nor is that worth a person's look, since they share no name; those of one name are.
    assert await engine.pool.fetch("SELECT DISTINCT state, evidence FROM link") == [
        ("suggested", "same name")
    ]


async def test_a_row_taken_out_of_a_sheet_is_deleted_with_the_next_run(engine: Engine) -> None:
    many = [[f"R-{n}", "PAY", f"Risk {n}", ""] for n in range(1, 12)]
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS[0], *many])
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS[0], *many[:10]])
    await engine.sync("pmo")
    presence = {row["key"]: row["presence"] for row in (await engine.rows("risk")).values()}
    assert presence.pop("R-11") == "deleted"
    assert set(presence.values()) == {"present"}


async def test_sorting_a_sheet_changes_no_row(engine: Engine) -> None:
    many = [[f"R-{n}", "PAY", f"Risk {n}", ""] for n in range(1, 12)]
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS[0], *many])
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    events = await engine.count("event")
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS[0], *reversed(many)])
    run = await engine.sync("pmo")
    assert (run["state"], run["rows_changed"], run["unchanged"]) == ("succeeded", 0, 11)
    assert await engine.count("event") == events


def write_projects(path: Path, code: str, title: str, *more: Any) -> None:
    write_book(path, Projects=[["Code", "Title", *("Budget" for _ in more)], [code, title, *more]])


async def test_what_two_tools_say_of_a_third_makes_all_three_one(engine: Engine) -> None:
    """In whatever order they come: here the one that ties the two others together comes last."""
    write_projects(engine.folder / "one.xlsx", "PAY", "Payments")
    write_projects(engine.folder / "two.xlsx", "P2", "Pay programme")
    write_projects(engine.folder / "three.xlsx", "PAY", "Payments plan", 500)
    for name in ("one", "two", "three"):
        await engine.add_files(f"{name}.xlsx", name)
    engine.policy = replace(engine.policy, links={"project": [["two:P2", "three:PAY"]]})
    await engine.sync("one")
    await engine.sync("two")
    assert await engine.count("claim c", "entity = 'project'") == 2
    assert await engine.count("link", "entity = 'project'") == 0
    await engine.sync("three")
    shown = await engine.pool.fetch("SELECT DISTINCT entity_id FROM claim WHERE entity = 'project'")
    assert len(shown) == 1
    assert await engine.count("project", "presence = 'present'") == 1
    assert await engine.pool.fetchval("SELECT budget FROM project WHERE presence = 'present'") == 500
    links = await engine.pool.fetch("SELECT first_id, second_id FROM link WHERE entity = 'project'")
    assert len(links) == 2
    assert len({row_id for link in links for row_id in link}) == 3


async def test_first_reads_side_by_side_make_one_row_of_one_project(engine: Engine) -> None:
    names = [f"tool{n}" for n in range(4)]
    for name in names:
        projects = [["Code", "Title"], *([f"P{n}", f"Project {n} in {name}"] for n in range(30))]
        people = [["E-mail", "Name"], *([f"p{n}@acme.example", f"Person {n}"] for n in range(30))]
        write_book(engine.folder / f"{name}.xlsx", Projects=projects, People=people)
        await engine.add_files(f"{name}.xlsx", name)
    outcomes = await asyncio.gather(*(engine.sync(name) for name in names))
    assert {run["state"] for run in outcomes} == {"succeeded"}
    assert await engine.count("project", "presence = 'present'") == 30
    assert await engine.count("person", "presence = 'present'") == 30
    told = await engine.pool.fetch("SELECT count(*) FROM claim WHERE entity = 'project' GROUP BY entity_id")
    assert [row[0] for row in told] == [4] * 30


async def test_a_third_tool_does_not_join_two_people_of_one_tool(engine: Engine) -> None:
    write_book(
        engine.folder / "one.xlsx",
        People=[
            ["Key", "Name", "E-mail"],
            ["a", "Ann", "team@acme.example"],
            ["b", "Bob", "team@acme.example"],
        ],
    )
    write_book(engine.folder / "two.xlsx", People=[["Name", "E-mail"], ["The team", "team@acme.example"]])
    for name in ("one", "two"):
        await engine.add_files(f"{name}.xlsx", name)
        await engine.sync(name)
    assert await engine.count("link", "entity = 'person' AND state = 'applied'") == 0


async def test_the_people_of_a_page_are_looked_up_together(engine: Engine) -> None:
    """Each question goes through everybody in the register."""
    policy = Policy(match={"person": ["email"]})
    told = [
        Candidate("person", str(UUID(int=n)), f"{n}", frozenset(), {"title": f"P {n}", "email": f"p{n}@acme.example"})
        for n in range(300)
    ]  # fmt: skip
    asked: list[Any] = []
    async with engine.pool.acquire() as connection:
        matches = Matches(connection, "delivery", policy, Settled())
        with connection.query_logger(asked.append):
            await matches.expect(told)
            assert [await matches.find(candidate) for candidate in told] == [[]] * 300
    assert len(asked) == 1
