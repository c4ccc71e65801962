"""Amounts keep the currency they were said in, whichever sources tell of a row."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from register.audit import Actor
from register.decisions import deciding
from register.query import (
    Aggregate,
    Lanes,
    PreparedGroups,
    check_groups,
    parse_keys,
    parse_measures,
    read_page,
)
from tests.fix_engine import Engine
from tests.sync.test_explain import explained, lanes
from tests.sync.test_identity import write_book

__all__ = ["lanes"]


async def sync_books(engine: Engine, **books: dict[str, Any]) -> None:
    """A workbook of one project for each source, its cells by their headings."""
    for name, cells in books.items():
        given = {"No": name, "Code": "PAY", "Title": "Payments", **cells}
        write_book(engine.folder / f"{name}.xlsx", Projects=[list(given), list(given.values())])
        sheet = {"sheet": "Projects", "into": "project", "key": "No"}
        await engine.add_files(f"{name}.xlsx", name, sheets=[sheet])
        assert (await engine.sync(name))["state"] == "succeeded"


async def the_project(engine: Engine) -> dict[str, Any]:
    (row,) = [row for row in (await engine.rows("project")).values() if row["presence"] == "present"]
    return row


async def conflicts(engine: Engine) -> dict[str, tuple[Any, ...]]:
    found = await engine.pool.fetch(
        "SELECT field, values, winner, rule FROM conflict WHERE closed_at IS NULL"
    )
    return {field: (orjson.loads(values), winner, rule) for field, values, winner, rule in found}


async def test_no_amount_is_shown_under_the_currency_of_another(engine: Engine, lanes: Lanes) -> None:
    await sync_books(
        engine,
        one={"Currency": "EUR", "Forecast cost": 100},
        two={"Currency": "JPY", "Budget": 15_000, "Forecast cost": 100},
    )
    row = await the_project(engine)
    assert (row["currency"], row["forecast_cost"], row["budget"]) == ("EUR", 100, None)
    rule = "order of sources, in the currency of the row"
    assert await conflicts(engine) == {
        "currency": ({"one": "EUR", "two": "JPY"}, "one", "order of sources"),
        "budget": ({"two": 15_000}, None, rule),
        "forecast_cost": ({"one": 100, "two": 100}, "one", rule),
    }
    fields = await explained(lanes, "project", row["id"])
    budget = fields["budget"]
    assert (budget["value"], budget["winner"]) == (None, None)
    assert budget["rule"] == "no record tells it in EUR"
    assert [(one["value"], one["currency"]) for one in budget["losers"]] == [(15_000, "JPY")]
    forecast = fields["forecast_cost"]
    assert (forecast["winner"]["source"], forecast["rule"], forecast["agree"]) == ("one", rule, [])
    assert [(one["source"], one["currency"]) for one in forecast["losers"]] == [("two", "JPY")]


async def test_a_currency_is_the_same_however_it_is_written(engine: Engine) -> None:
    await sync_books(engine, one={"Currency": "eur "}, two={"Currency": "EUR", "Budget": 15_000})
    row = await the_project(engine)
    assert (row["currency"], row["budget"]) == ("EUR", 15_000)


async def test_amounts_of_one_currency_add_up_however_it_is_written(engine: Engine, lanes: Lanes) -> None:
    """The same euros were three rows of the portfolio's summary, and no sum of an aggregate."""
    cells = [
        ["No", "Title", "Currency", "Budget"],
        *([n, n, word, 10] for n, word in enumerate(("EUR", "eur", "€"))),
    ]
    write_book(engine.folder / "one.xlsx", Projects=cells)
    await engine.add_files("one.xlsx", "one", sheets=[{"sheet": "Projects", "into": "project", "key": "No"}])
    assert (await engine.sync("one"))["state"] == "succeeded"
    groups = check_groups(
        Aggregate("projects", keys=parse_keys("currency"), measures=parse_measures("sum(budget)"))
    )
    answer = await read_page(lanes, b"tests", PreparedGroups.of(groups, b""))
    assert orjson.loads(answer.body)["data"] == [{"currency": "EUR", "sum": 30}]


async def test_a_pinned_currency_brings_the_amounts_that_are_in_it(engine: Engine) -> None:
    await sync_books(
        engine,
        one={"Currency": "EUR", "Forecast cost": 100},
        two={"Currency": "JPY", "Budget": 15_000},
    )
    row = await the_project(engine)
    async with deciding(engine.pool, engine.policy, Actor("ana")) as decisions:
        await decisions.pin("project", row["id"], "currency", "jpy ", "the yen plan is the one", None)
    row = await the_project(engine)
    assert (row["currency"], row["forecast_cost"], row["budget"]) == ("JPY", None, 15_000)


@pytest.mark.parametrize("currency", [None, "EUR"])
async def test_an_amount_that_names_no_currency_or_the_same_stays(
    engine: Engine, currency: str | None
) -> None:
    await sync_books(
        engine,
        one={"Currency": "EUR", "Forecast cost": 100},
        two={"Currency": currency, "Budget": 15_000},
    )
    row = await the_project(engine)
    assert (row["currency"], row["forecast_cost"], row["budget"]) == ("EUR", 100, 15_000)
    assert await conflicts(engine) == {}


async def test_a_currency_beside_the_amount_is_the_row_s(engine: Engine) -> None:
    await sync_books(engine, one={"Budget": "EUR 100", "Forecast cost": "JPY 9000", "Actual cost": 7})
    row = await the_project(engine)
    amounts = (row["currency"], row["budget"], row["forecast_cost"], row["actual_cost"])
    assert amounts == ("EUR", 100, None, 7)
    (finding,) = [one for one in await engine.findings() if one["field"] == "forecast_cost"]
    assert "'JPY 9000' is not in the currency of the row, EUR" in finding["message"]


async def test_an_amount_is_in_the_unit_that_its_column_says(engine: Engine) -> None:
    await sync_books(engine, one={"Budget (£k)": 12.5, "Forecast cost in £m": 0.02, "Actual (k)": "3"})
    row = await the_project(engine)
    assert (row["budget"], row["forecast_cost"], row["actual_cost"]) == (12_500, 20_000, 3_000)
    assert row["currency"] == "GBP"
    assert await engine.findings() == []


async def test_an_amount_of_which_unit_nobody_knows_is_a_finding_until_it_is_said(engine: Engine) -> None:
    await sync_books(engine, one={"Budget (M)": 12})
    assert (await the_project(engine))["budget"] is None
    (finding,) = await engine.findings()
    told = 'Budget (M): of which unit? Call it "Budget (£k)" or "Budget (£m)", or write `units: {"Budget (M)": £k}` at the '
    assert finding["message"] == f"project one: budget cannot be read: {told}source in portbook.yaml"
    assert finding["detail"].startswith("one.xlsx, sheet Projects, row 2, cell D2; ")

    sheet = {"sheet": "Projects", "into": "project", "key": "No"}
    await engine.add_files("one.xlsx", "one", sheets=[sheet], units={"Budget (M)": "million EUR"})
    await engine.sync("one")  # the file is the same
    row = await the_project(engine)
    assert (row["budget"], row["currency"]) == (12_000_000, "EUR")
    assert await engine.findings() == []
