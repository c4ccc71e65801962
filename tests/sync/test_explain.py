"""Every value of a synced register says where it comes from, who says otherwise, and which rule chose."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from register.audit import Actor
from register.catalog import catalog, mapping_name
from register.db import open_read_pool
from register.decisions import deciding
from register.errors import RowNotFound
from register.explain import explain_row
from register.models import ENTITIES
from register.query import Lanes, NameUnknown, PastUnknown, parse_as_of
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill
from tests.sync.test_identity import PEOPLE, PROJECTS, write_book
from tests.totals import SOURCE
from tests.totals.worlds import WORLDS, opened


@pytest.fixture
async def lanes(database: str) -> AsyncIterator[Lanes]:
    pool = await open_read_pool(database, size=1)
    lanes = Lanes(pool)
    yield lanes
    await lanes.close()
    await pool.close()


async def explained(
    lanes: Lanes, entity: str, reference: str, as_of: datetime | None = None, field: str | None = None
) -> dict[str, Any]:
    instant = parse_as_of(as_of.isoformat()) if as_of else None
    found = await explain_row(lanes, catalog()[entity], reference, field=field, as_of=instant)
    fields: dict[str, Any] = found["data"]["fields"]
    return fields


def line_of(where: str) -> str:
    """The line of a built-in mapping that an explanation names."""
    name, _, number = where.rpartition(":")
    return (files("mapping") / name).read_text("utf-8").splitlines()[int(number) - 1]


def assert_explained(entity: str, name: str, told: dict[str, Any]) -> None:
    ways = [way for way in ("own", "computed_from", "winner", "pin") if told.get(way)]
    assert len(ways) == 1, (entity, name, told)
    assert told["since"], (entity, name)
    if ways == ["winner"]:
        winner = told["winner"]
        assert {"source", "stream", "source_id", "record_id", "run", "stored_at", "since", "url"} <= set(
            winner
        )
        assert told["rule"]
        mapping = winner["mapping"]
        assert mapping, (entity, name, told)
        for line in mapping if isinstance(mapping, list) else [mapping]:
            field = catalog()[entity].fields[name]
            written = line["field"].partition(".")[2] or mapping_name(name, field)
            assert line_of(line["at"]).strip().lstrip('"').startswith(written), line
            assert line["says"].startswith(("from ", "const "))


async def assert_all_explained(engine: Engine, lanes: Lanes) -> int:
    count = 0
    for entity in ENTITIES:
        rows = await engine.pool.fetch(f"SELECT id::text FROM {entity} WHERE presence <> 'moved'")
        for (row_id,) in rows:
            (row,) = (await engine.rows(entity, f"id = '{row_id}'")).values()
            fields = await explained(lanes, entity, row_id)
            assert {name: told["value"] for name, told in fields.items()} == {
                name: value for name, value in row.items() if value is not None
            }
            for name, told in fields.items():
                assert_explained(entity, name, told)
                count += 1
    return count


@pytest.mark.parametrize("kind", WORLDS)
async def test_every_value_of_every_kind_of_source_explains_itself(
    engine: Engine, lanes: Lanes, kind: str, tmp_path: Path
) -> None:
    rng = random.Random(3)
    with opened(kind, 80, tmp_path) as told:
        await told.join(engine)
        await engine.sync(SOURCE, "full")
        told.edit(rng, 3)
        await engine.sync(SOURCE, "incremental")
        told.delete(rng, 2)
        await engine.sync(SOURCE, "full")
    assert await assert_all_explained(engine, lanes) > 300
    # As it was, too: every version of rows that changed.
    for entity in ENTITIES:
        past = await engine.pool.fetch(
            f"SELECT id::text, version, valid_from FROM {entity}_history ORDER BY id, version LIMIT 15"
        )
        for row_id, version, valid_from in past:
            fields = await explained(lanes, entity, row_id, valid_from)
            assert fields["version"]["value"] == version
            for name, found in fields.items():
                assert_explained(entity, name, found)


async def two_tools(engine: Engine, jira: FakeJira, **sheets: list[list[Any]]) -> None:
    """A project that Jira and the PMO's workbook tell of; the workbook is believed for its title."""
    fill(jira, 2)
    write_book(engine.folder / "pmo.xlsx", **(sheets or {"Projects": PROJECTS, "People": PEOPLE}))
    await engine.add_jira(jira)
    await engine.add_files("pmo.xlsx")
    engine.policy = replace(engine.policy, precedence={"project": {"title": ["pmo", "delivery"]}})


async def test_winner_losers_rule_line_and_pin_of_a_row_that_two_tools_tell_of(
    engine: Engine, lanes: Lanes, jira: FakeJira
) -> None:
    await two_tools(engine, jira)
    await engine.sync("delivery")
    before = datetime.now(UTC)
    await engine.sync("pmo")
    merged = datetime.now(UTC)
    fields = await explained(lanes, "project", "PAY")
    for name, told in fields.items():
        assert_explained("project", name, told)
    title = fields["title"]
    assert (title["value"], title["rule"]) == ("Payments", "precedence.project.title")
    assert (title["winner"]["source"], title["winner"]["stream"]) == ("pmo", "project")
    assert [(loser["source"], loser["value"]) for loser in title["losers"]] == [("delivery", "Pay")]
    assert line_of(title["losers"][0]["mapping"]["at"]).strip().startswith("title: {from: name")
    assert title["losers"][0]["url"].endswith("/browse/PAY")
    code = fields["code"]
    assert (len(code["agree"]), code["losers"]) == (1, [])
    # Both tools name the same manager, by ids of their own: that is no disagreement.
    assert fields["manager_id"]["losers"] == []
    assert fields["budget"]["winner"]["source"] == "pmo"

    async with deciding(engine.pool, engine.policy, Actor("Petra")) as decisions:
        row = await decisions.own_id("project", "PAY")
        await decisions.pin("project", row, "title", "Pay & Go", "the board said so", None)
    pinned = (await explained(lanes, "project", "PAY", field="title"))["title"]
    assert pinned["value"] == "Pay & Go"
    assert (pinned["pin"]["actor"], pinned["pin"]["reason"], pinned["winner"]) == (
        "Petra", "the board said so", None,
    )  # fmt: skip
    assert {loser["value"] for loser in pinned["losers"]} == {"Pay", "Payments"}

    # As it was: before the workbook was read, and before the value was pinned.
    alone = await explained(lanes, "project", "PAY", before)
    assert (alone["title"]["value"], alone["title"]["winner"]["source"]) == ("Pay", "delivery")
    assert alone["title"]["losers"] == []
    assert (await explained(lanes, "project", "PAY", merged))["title"]["winner"]["source"] == "pmo"


async def test_since_is_when_the_value_was_first_shown_and_the_run_the_one_that_brought_it(
    engine: Engine, lanes: Lanes, jira: FakeJira
) -> None:
    fill(jira, 1)
    await engine.add_jira(jira)
    first = await engine.sync()
    (before,) = (await engine.rows("work_item")).values()
    then = datetime.now(UTC)
    jira.world.edit(before["key"], summary="Another word")
    second = await engine.sync()
    (after,) = (await engine.rows("work_item")).values()
    fields = await explained(lanes, "work_item", after["key"])
    assert fields["title"]["since"] == after["valid_from"]
    assert fields["status"]["since"] == before["valid_from"]
    assert fields["title"]["winner"]["run"] == second["id"]
    was = await explained(lanes, "work_item", after["key"], then)
    assert was["title"]["winner"]["run"] == first["id"]
    assert was["title"]["winner"]["stored_at"] <= before["valid_from"]


async def test_a_record_that_has_gone_since_is_explained_as_it_stood(
    engine: Engine, lanes: Lanes, jira: FakeJira
) -> None:
    fill(jira, 6)
    await engine.add_jira(jira)
    await engine.sync()
    (row, *_) = (await engine.rows("work_item")).values()
    there = datetime.now(UTC)
    jira.world.delete(row["key"])
    await engine.sync("delivery", "full")
    gone = datetime.now(UTC)
    for instant, presence in ((there, "present"), (gone, "deleted"), (None, "deleted")):
        fields = await explained(lanes, "work_item", row["id"], instant)
        said = (fields["presence"]["value"], fields["title"]["winner"]["presence"])
        assert said == (presence, presence), instant


async def test_what_only_a_deleted_record_says_is_no_longer_shown_of_what_is_there(
    engine: Engine, lanes: Lanes, jira: FakeJira
) -> None:
    """Nobody keeps the budget any more: the PMO took the project out of its workbook."""
    others = [[f"P{n}", f"Project {n}", "", n, "EUR"] for n in range(11)]
    await two_tools(engine, jira, Projects=[*PROJECTS, *others])
    await engine.sync("delivery")
    await engine.sync("pmo")
    budget = (await explained(lanes, "project", "PAY"))["budget"]
    assert (budget["value"], budget["winner"]["source"]) == (1000, "pmo")
    write_book(engine.folder / "pmo.xlsx", Projects=[PROJECTS[0], *others])
    await engine.sync("pmo")
    fields = await explained(lanes, "project", "PAY")
    assert (fields["presence"]["value"], fields["title"]["winner"]["source"]) == ("present", "delivery")
    budget = (await explained(lanes, "project", "PAY", field="budget"))["budget"]
    assert (budget["value"], budget["winner"]) == (None, None)
    assert budget["rule"] == "only records that are gone told it"
    assert [(one["value"], one["presence"]) for one in budget["losers"]] == [(1000, "deleted")]
    write_book(engine.folder / "pmo.xlsx", Projects=[*PROJECTS, *others])
    await engine.sync("pmo")
    assert (await explained(lanes, "project", "PAY"))["budget"]["value"] == 1000


async def test_presence_that_was_not_kept_is_not_guessed(
    engine: Engine, lanes: Lanes, jira: FakeJira
) -> None:
    await two_tools(engine, jira)
    await engine.sync("delivery")
    await engine.sync("pmo")
    both = datetime.now(UTC)
    title = (await explained(lanes, "project", "PAY", both))["title"]
    assert [one["presence"] for one in (title["winner"], *title["losers"])] == ["present", "present"]
    # The row keeps how the record stands that is believed first, which is the workbook's or Jira's.
    first = (await explained(lanes, "project", "PAY", both))["source"]["value"]
    await engine.pool.execute("UPDATE source_record SET presence = 'deleted' WHERE stream = 'project'")
    title = (await explained(lanes, "project", "PAY", both))["title"]
    kept = {one["source"]: one["presence"] for one in (title["winner"], *title["losers"])}
    assert kept == {"delivery": None, "pmo": None} | {first: "present"}


async def test_what_cannot_be_explained_is_refused(engine: Engine, lanes: Lanes, jira: FakeJira) -> None:
    fill(jira, 1)
    await engine.add_jira(jira)
    await engine.sync()
    with pytest.raises(NameUnknown, match="titel"):
        await explained(lanes, "project", "PAY", field="titel")
    with pytest.raises(RowNotFound):
        await explained(lanes, "project", "NONE")
    with pytest.raises(PastUnknown):
        await explain_row(lanes, catalog()["run"], "1")
    empty = (await explained(lanes, "project", "PAY", field="budget"))["budget"]
    assert (empty["value"], empty["winner"], empty["rule"]) == (None, None, "no record tells it")
