"""References to a project that another tool tells of, in whatever order they come, and whatever people decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from register import runs
from register.ids import derive_id
from tests.fix_engine import Engine
from tests.sync.test_decisions import decide, present
from tests.sync.test_identity import write_book
from workers.sync import Syncer

PROJECT = derive_id("two", "project", "p1")
NAMED = derive_id("one", "project", "pay")
"""What the project would be if `one` told of it: nothing but the risk refers to it."""

ORDERS = [("one", "two"), ("two", "one")]


async def both(engine: Engine, code: str = "PAY") -> None:
    """Two sources: the risk R-1 of `one` names the project PAY, and `two` has a project of this code."""
    write_risk(engine, "Late")
    await engine.add_files("one.xlsx", "one", sheets=[{"sheet": "Risks", "into": "risk", "key": "Risk ID"}])
    write_project(engine, code)
    await engine.add_files("two.xlsx", "two", sheets=[{"sheet": "Projects", "into": "project", "key": "No"}])


def write_risk(engine: Engine, title: str) -> None:
    write_book(engine.folder / "one.xlsx", Risks=[["Risk ID", "Project", "Title"], ["R-1", "PAY", title]])


def write_project(engine: Engine, code: str, title: str = "Payments") -> None:
    write_book(engine.folder / "two.xlsx", Projects=[["No", "Code", "Title"], ["p1", code, title]])


async def read(engine: Engine, *names: str, by: Syncer | None = None) -> None:
    """Read these sources whole, one after the other, in one worker."""
    syncer = by or Syncer(engine.pool, engine.specs, engine.policy, holder="test")
    for name in names:
        await runs.request_run(engine.pool, name, "full", requested_by="test")
        for job in await runs.waiting_runs(engine.pool):
            assert await syncer.work(job)


async def led_to(engine: Engine) -> Any:
    """The project that the risk leads to; None where it leads to none."""
    return await engine.pool.fetchval(
        "SELECT p.id::text FROM risk r JOIN project p ON p.id = r.project_id WHERE p.presence = 'present'"
    )


async def unknown(engine: Engine) -> list[Any]:
    return [f["value"] for f in await engine.findings() if f["code"] == "REF001"]


async def test_a_project_that_gets_the_code_later_answers_who_waits_for_it(engine: Engine) -> None:
    """Also in a worker that has known the project for as long as it runs."""
    await both(engine, "OLD")
    worker = Syncer(engine.pool, engine.specs, engine.policy, holder="test")
    await read(engine, "one", "two", by=worker)
    assert (await led_to(engine), await unknown(engine)) == (None, ["pay"])
    write_project(engine, "PAY")
    await read(engine, "two", by=worker)
    assert (await led_to(engine), await unknown(engine)) == (PROJECT, [])


async def test_two_projects_of_one_code_answer_nobody(engine: Engine) -> None:
    """Which of them was meant is for a person to say, also when one of them is written again."""
    await both(engine)
    rows = [["No", "Code", "Title"], ["p1", "PAY", "Payments"], ["p2", "PAY", "Salaries"]]
    write_book(engine.folder / "two.xlsx", Projects=rows)
    await read(engine, "one", "two")
    assert (await led_to(engine), await unknown(engine)) == (None, ["pay"])
    write_book(engine.folder / "two.xlsx", Projects=[*rows[:2], ["p2", "PAY", "Wages"]])
    await read(engine, "two")
    assert (await led_to(engine), await unknown(engine)) == (None, ["pay"])
    write_book(
        engine.folder / "two.xlsx",
        Projects=[rows[0], ["p1", "PAY", "Payment services"], ["p2", "HR", "Wages"]],
    )
    await read(engine, "two")
    assert (await led_to(engine), await unknown(engine)) == (PROJECT, [])


@pytest.mark.parametrize("order", ORDERS)
async def test_a_project_has_its_own_id_whichever_source_is_read_first(
    engine: Engine, order: tuple[str, str]
) -> None:
    await both(engine)
    await read(engine, *order)
    assert await led_to(engine) == PROJECT
    assert await engine.pool.fetch("SELECT id::text, entity_id::text FROM absorbed") == [(NAMED, PROJECT)]
    assert await engine.count("project") == 1


@pytest.mark.parametrize("order", ORDERS)
async def test_a_refused_reference_is_unknown_until_the_refusal_is_taken_back(
    engine: Engine, order: tuple[str, str]
) -> None:
    """The project stays what it is; the risk leads nowhere, and a finding says so, whatever is written next."""
    await both(engine)
    await read(engine, *order)
    async with decide(engine) as decisions:
        link = await decisions.different("project", PROJECT, NAMED, "another PAY is meant")
    assert (await led_to(engine), await unknown(engine)) == (None, ["pay"])
    assert [row["id"] for row in await present(engine)] == [PROJECT]
    write_risk(engine, "Later")
    write_project(engine, "PAY", "Payment services")
    await read(engine, *order)
    assert (await led_to(engine), await unknown(engine)) == (None, ["pay"])
    async with decide(engine) as decisions:
        await decisions.undecided(link, "it was meant after all")
    assert (await led_to(engine), await unknown(engine)) == (PROJECT, [])


async def test_a_person_says_what_a_refused_reference_means(engine: Engine) -> None:
    await both(engine)
    await read(engine, "two", "one")
    async with decide(engine) as decisions:
        await decisions.different("project", PROJECT, NAMED, "another PAY is meant")
    assert await unknown(engine) == ["pay"]
    async with decide(engine) as decisions:
        await decisions.same("project", PROJECT, NAMED, "it was meant after all")
    assert (await led_to(engine), await unknown(engine)) == (PROJECT, [])


async def test_a_person_says_what_an_unknown_reference_means(engine: Engine) -> None:
    await both(engine, "SAL")
    await read(engine, "two", "one")
    ((finding,),) = await engine.pool.fetch("SELECT entity_id::text FROM finding WHERE code = 'REF001'")
    async with decide(engine) as decisions:
        await decisions.same("project", PROJECT, finding, "they call it so")
    assert (await led_to(engine), await unknown(engine)) == (PROJECT, [])


class Forgetful(set[str]):
    """What a worker knows, while pages of other sources are rolled back again and again."""

    def update(self, *others: Iterable[str]) -> None:
        super().update(*others)
        self.clear()


async def test_a_page_of_another_source_that_is_rolled_back_makes_nobody_unknown(engine: Engine) -> None:
    """The sources of a worker share what it knows, and whichever must repeat a page has all of it forgotten."""
    worker = None
    for title in ("Late", "Later"):
        write_book(
            engine.folder / "one.xlsx",
            People=[["Name", "E-mail"], ["Mia", "mia@acme.example"]],
            Projects=[["No", "Code", "Title", "Manager"], ["p1", "PAY", "Payments", "mia@acme.example"]],
            Risks=[["Risk ID", "Project", "Title", "Owner"], ["R-1", "PAY", title, "mia@acme.example"]],
        )
        if worker is None:
            await engine.add_files("one.xlsx", "one")
            worker = Syncer(engine.pool, engine.specs, engine.policy, holder="test")
            worker._memory.known = Forgetful()
        await read(engine, "one", by=worker)
    assert await unknown(engine) == []
