"""Suggestions: who may be whom, never joined by itself, gone when nothing speaks for it any more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.alike import may_be_one, name_words, shared_mailbox
from register.audit import Actor
from register.decisions import deciding
from register.suggest import suggest
from tests.fix_engine import Engine
from tests.sync.test_identity import write_book


async def book(engine: Engine, name: str, people: list[list[str]], projects: list[list[str]] = []) -> None:  # noqa: B006
    write_book(
        engine.folder / f"{name}.xlsx",
        People=[["Key", "Name", "E-mail"], *people],
        Projects=[["Code", "Title"], *projects],
    )
    if name not in engine.specs:
        sheets = [
            {"sheet": "People", "into": "person", "key": "Key"},
            {"sheet": "Projects", "into": "project", "key": "Code"},
        ]
        await engine.add_files(f"{name}.xlsx", name, sheets=sheets)
    assert (await engine.sync(name, "full"))["state"] == "succeeded"


async def suggested(engine: Engine) -> dict[tuple[str, str], tuple[float, str]]:
    rows = await engine.pool.fetch(
        "SELECT first, second, confidence::float8, evidence FROM link WHERE state = 'suggested'"
    )
    return {tuple(sorted((row[0], row[1]))): (row[2], row[3]) for row in rows}


async def test_people_of_one_name_are_suggested_and_joined_by_nobody_but_a_person(engine: Engine) -> None:
    await book(engine, "one", [["1", "Jane Müller", "jane.mueller@acme.example"], ["2", "Sam Hill", ""]])
    await book(engine, "two", [["7", "Muller, Jane", "jane.mueller@acme.co.example"], ["8", "Sam Hil", ""]])
    assert await engine.count("person", "presence = 'present'") == 4
    found = await suggested(engine)
    assert found == {
        ("one:jane.mueller@acme.example", "two:jane.mueller@acme.co.example"): (
            0.8,
            "same name and mailbox name, other domain",
        ),
        ("one:Sam Hill", "two:Sam Hil"): (0.5, "nearly the same name"),
    }
    assert await suggest(engine.pool, engine.policy) == 2
    link = await engine.pool.fetchval("SELECT id::text FROM link WHERE confidence > 0.5")
    async with deciding(engine.pool, engine.policy, Actor("ana")) as decisions:
        await decisions.verdict(link, "same", "it is her")
    assert await suggest(engine.pool, engine.policy) == 1
    assert await engine.count("person", "presence = 'present'") == 3


async def test_a_suggestion_is_no_better_than_its_evidence(engine: Engine) -> None:
    """A mailbox that one tool knows of several people tells nothing of who they are, a slip of the pen little."""
    await book(
        engine,
        "one",
        [
            ["1", "Jane Roe", "hall9@acme.example"],
            ["2", "Sam Hill", "hall9@acme.example"],
            ["3", "Umar Ullrich", "umar.ullrich@acme.example"],
            ["4", "Ana Diaz", "ana.diaz@acme.example"],
            ["5", "Elena Olsen", ""],
            ["6", "Ben Wolf", "ben.wolf@acme.example"],
        ],
    )
    await book(
        engine,
        "two",
        [
            ["1", "Carla Meyer", "hall9@acme.example"],
            ["2", "Roe, Jane", "hall9@acme.example"],
            ["3", "Ullrich, mUar", "umar.ullrich@acme.example"],
            ["4", "Ana Diaz", "ana.diaz2@acme.example"],
            ["5", "Elena Horvat-Olsen", "elena.horvat-olsen@acme.example"],
            ["6", "Greta Lang", "ben.wolf@acme.example"],
        ],
    )
    found = {
        row["first_title"]: (row["second_title"], row["confidence"])
        for row in await engine.pool.fetch(
            """
            SELECT least(a.title, b.title) AS first_title, greatest(a.title, b.title) AS second_title,
                   confidence::float8
            FROM link JOIN person a ON a.id = first_id JOIN person b ON b.id = second_id WHERE state = 'suggested'
            """
        )
    }
    assert found == {
        "Jane Roe": ("Roe, Jane", 0.6),
        "Ullrich, mUar": ("Umar Ullrich", 0.8),
        "Ben Wolf": ("Greta Lang", 0.3),
    }


async def test_a_refused_suggestion_does_not_come_back_and_an_outdated_one_goes(engine: Engine) -> None:
    await book(engine, "one", [["1", "Jane Roe", ""], ["2", "Sam Hill", ""]])
    await book(engine, "two", [["7", "Jane Roe", ""], ["8", "Sam Hill", ""]])
    link = await engine.pool.fetchval("SELECT id::text FROM link WHERE 'one:Jane Roe' IN (first, second)")
    async with deciding(engine.pool, engine.policy, Actor("ana")) as decisions:
        await decisions.verdict(link, "different", "namesakes")
    await book(engine, "two", [["7", "Jane Roe", ""], ["8", "Samantha Field", ""]])
    assert await suggest(engine.pool, engine.policy) == 0
    states = await engine.pool.fetch("SELECT state FROM link ORDER BY state")
    assert [row[0] for row in states] == ["refused", "withdrawn"]


async def test_projects_with_one_title_or_each_others_code_are_suggested(engine: Engine) -> None:
    await book(engine, "one", [], [["PAY", "Payments platform"], ["CRM", "New customer desk"]])
    await book(engine, "two", [], [["P-1", "Payments Platform"], ["P-2", "Garage"]])
    assert await suggested(engine) == {("one:PAY", "two:P-1"): (0.5, "same title")}


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("Jane Doe", "Doe, Jane", True),
        ("Jane Doe", "J. Doe", True),
        ("Jane Doe", "Jane Mary Doe", True),
        ("Jane Doe", "Jane Do", False),
        ("Jonathan Smith", "Jonathon Smith", True),
        ("Jane Doe (Contractor)", "Jane Doe", True),
        ("José Núñez", "Jose Nunez", True),
        ("Jane Doe", "Jane Roe", False),
        ("Jane Doe", "Robert Doe", False),
        ("Jane Doe", "jane@acme.example", True),
        ("Jane Doe", None, True),
    ],
)
def test_names_that_can_be_one_persons(one: str, other: str | None, may: bool) -> None:
    assert may_be_one(one, other) is may
    assert may_be_one(other, one) is may


@given(st.text(max_size=40), st.text(max_size=40))
def test_comparing_names_never_fails_and_has_no_order(one: str, other: str) -> None:
    assert may_be_one(one, other) == may_be_one(other, one)
    assert may_be_one(one, one)
    assert name_words(one) == name_words(one.upper().lower()) or not one.isascii()


@pytest.mark.parametrize("address", ["pmo@acme.example", "Delivery.Team@acme.example", "no-reply@x.example"])
def test_mailboxes_of_a_function(address: str) -> None:
    assert shared_mailbox(address)


@pytest.mark.parametrize("address", ["jane.doe@pmo.example", "teamer@acme.example", ""])
def test_mailboxes_of_a_person(address: str) -> None:
    assert not shared_mailbox(address)
