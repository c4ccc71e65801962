"""What headers say of the amounts below them, and what becomes of the cells: never an amount in a unit that was guessed."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.spreadsheet.amounts import Unclear, Unit, amounts, conversion, unit_of
from adapters.spreadsheet.header import Column
from adapters.spreadsheet.layout import AMOUNTS
from mapping.load import load_mapping
from mapping.locale import Locale
from mapping.numbers import currency_of, money
from portbook.wiring import entities


def column(title: str, **units: str) -> Any:
    found = amounts([Column(3, title.casefold().rstrip("*: "), title)], "cost_line", units)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("title", "currency", "factor"),
    [
        ("Budget (£k)", "£", 1_000), ("Budget (k€)", "€", 1_000), ("Cost in £k", "£", 1_000), ("Budget [T€]:", "€", 1_000),
        ("Budget TEUR", "EUR", 1_000), ("Amount kEUR", "EUR", 1_000), ("Amount (EUR k)", "EUR", 1_000), ("Cost £'000", "£", 1_000),
        ("Cost (€ 000s)", "€", 1_000), ("Cost ('000)", "", 1_000), ("Cost (in thousands)", "", 1_000), ("Cost (thousands of GBP)", "GBP", 1_000),
        ("Budget (k)", "", 1_000), ("Budget, £m", "£", 10**6), ("Budget (M€)", "€", 10**6), ("Budget MEUR", "EUR", 10**6),
        ("Amount in Mio. EUR", "EUR", 10**6), ("Cost ($MM)", "$", 10**6), ("Cost (US$m) *", "US$", 10**6), ("Cost (millions)", "", 10**6),
        ("Cost (£bn)", "£", 10**9), ("Cost in Mrd. €", "€", 10**9), ("Budget (₹ crore)", "₹", 10**7), ("Budget (EUR)", "EUR", 1),
        ("Budget £", "£", 1), ("Amount - CHF", "CHF", 1), ("Budget (in 1000 EUR)", "EUR", 1_000), ("Cost in 1.000 €", "€", 1_000),
        ("Cost (£1,000s)", "£", 1_000), ("Budget/£k", "£", 1_000), ("Budget / k€", "€", 1_000),
        ("Budget (excl. VAT, £k)", "£", 1_000), ("Cost incl. tax (EUR)", "EUR", 1), ("Budget T€ (ohne MwSt.)", "€", 1_000),
    ],
)  # fmt: skip
def test_a_header_says_in_what_its_amounts_are(title: str, currency: str, factor: int) -> None:
    found = column(title)
    assert found.unit == Unit(currency, factor)
    assert found.name == title.replace("/", " ").split()[0].casefold().rstrip(",")


@pytest.mark.parametrize(
    "title",
    ["Budget (M)", "Cost (m)", "Cost (mm)", "Amount (T)", "Amount ($T)", "Cost (£ billion)", "Cost (B)"],
)
def test_what_may_be_several_units_is_never_an_amount(title: str) -> None:
    found = column(title)
    assert isinstance(found.unit, Unclear)
    for value in (12, 1.5, "12", "£12"):
        error = conversion(found, "en-GB")(value)["error"]
        assert f'units: {{"{title}": £k}}' in error
    assert column(title, **{title: "£m"}).unit == Unit("£", 10**6)
    assert column(title, **{title: "£m"}).name == title.split()[0].casefold()


@pytest.mark.parametrize(
    "title",
    ["Budget", "Budget (approved)", "Cost (2026)", "Distance (km)", "Headcount (k)", "Duration (m)", "Impact (£k)", "Cost (£ per day)", "Cost (£/day)", "Cost (k/day)", "Budget (excl. VAT)", "£k", "Total", "Cost 1000"],
)  # fmt: skip
def test_other_headers_stay_what_they_are(title: str) -> None:
    assert column(title) is None


def test_a_plain_column_goes_before_one_with_a_unit() -> None:
    columns = [Column(0, "budget", "Budget"), Column(1, "budget (£k)", "Budget (£k)")]
    assert amounts(columns, "cost_line", {}) == []
    (found,) = amounts(columns, "cost_line", {"Budget": "k€"})  # a note above the table says so
    assert (found.column.offset, found.name, found.unit) == (0, "budget", Unit("€", 1_000))


@pytest.mark.parametrize(
    ("title", "value", "locale", "amount", "currency"),
    [
        ("Budget (£k)", 12, "", 12_000, "GBP"), ("Budget (£k)", 12.345, "", 12_345, "GBP"), ("Budget (£k)", 1.25, "de-DE", 1_250, "GBP"),
        ("Budget (£k)", -0.5, "", -500, "GBP"), ("Budget (£k)", 0, "", 0, "GBP"), ("Budget (£m)", 0.1, "", 100_000, "GBP"),
        ("Budget (EUR)", 1.25, "de-DE", 1.25, "EUR"), ("Budget (EUR)", 1.125, "", 1.125, "EUR"), ("Budget (k)", 2.5, "", 2_500, None),
        ("Budget (£k)", "12,5", "de-DE", 12_500, "GBP"), ("Budget (£k)", "12.5", "", 12_500, "GBP"), ("Budget (£k)", "£12.5", "", 12_500, "GBP"),
        ("Budget (£k)", "(12.5)", "", -12_500, "GBP"), ("Budget (£k)", "-12", "", -12_000, "GBP"), ("Budget (k€)", "1.250", "de-DE", 1_250_000, "EUR"),
        ("Budget (£k)", "-", "", None, None),
    ],
)  # fmt: skip
def test_the_mapping_reads_the_whole_amount(
    title: str, value: Any, locale: str, amount: float | None, currency: str | None
) -> None:
    cell = conversion(column(title), locale or None)(value)
    assert (money(cell, Locale(locale)), currency_of(cell)) == (amount, currency)


@pytest.mark.parametrize(
    ("value", "locale"),
    [("12k", "en-GB"), ("1.2m", "en-GB"), ("€12", "en-GB"), ("12 or 13", "en-GB"), ("TBC", "en-GB"), ("1.250", ""), ("1,250", ""), ({"error": "#REF!"}, "")],
)  # fmt: skip
def test_what_is_no_plain_amount_is_told(value: Any, locale: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reason is for a person
        money(conversion(column("Budget (£k)"), locale or None)(value), Locale(locale))


def test_the_columns_are_those_that_the_mapping_reads_as_money() -> None:
    read: dict[str, set[str]] = {}
    for rule in load_mapping("spreadsheet", entities()).rules:
        for field in rule.fields.values():
            if field.verb == "money" and field.path:
                names = {part.strip().removeprefix("cells.").strip('"') for part in field.path.split("||")}
                read.setdefault(rule.into, set()).update(names)
    assert {entity: set(names) for entity, names in AMOUNTS.items()} == read


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Cost (in 1,000s)", "cost"), ("Budget (tkr)", "budget"), ("Budget per year (£k)", "budget per year"), ("Amount gross EUR (net)", "amount"),
        ("Costing (x)", "costing (x)"), ("Headcount", "headcount"),
    ],
)  # fmt: skip
def test_a_column_whose_unit_the_configuration_says_is_called_what_it_is_without_its_own(
    title: str, name: str
) -> None:
    """Else the mapping would not find it."""
    assert column(title, **{title: "thousand SEK"})[1:] == (name, Unit("SEK", 1_000))


def test_a_unit_that_is_none_is_none() -> None:
    for text in ("", "pounds", "EUR USD", "per day", "5"):
        assert unit_of(text) is None
