"""What the header of a column says of its amounts: `Budget (£k)`, `Cost in Mio. EUR`, `Forecast €'000`.

An amount that is read in the wrong unit is wrong by a factor of a thousand and looks like any other. So only what can
mean one thing is understood; what can mean several is told, and said in the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.spreadsheet.grid import Value, header_text, plain
from adapters.spreadsheet.header import Column
from adapters.spreadsheet.layout import AMOUNTS

THOUSAND, MILLION, BILLION = 1_000, 1_000_000, 1_000_000_000
_CODES = (
    "EUR|USD|GBP|CHF|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|TRY|AUD|NZD|CAD|JPY|CNY|INR|SGD|HKD|KRW|THB|ZAR|BRL|MXN|AED|"
    "SAR|ILS"
)
_CURRENCY = re.compile(
    rf"(?:US|AU|CA|NZ|HK|[ACS])?\$|[€£¥₹₩₺₪]|(?<![A-Z])(?:{_CODES})(?![A-Z])|(?<=[TMK])(?:{_CODES})\b"
)
_FILLERS = re.compile(
    r"\b(?:excl?|incl?|ohne|inkl|zzgl)\b\W*\b(?:vat|tax|gst|mwst|ust)\b|\b(?:in|of)\b|[()\[\].,:/'’–-]"
)
_SCALES: Mapping[str, int] = {
    "": 1,
    **dict.fromkeys(("k", "000", "000s", "thousand", "thousands", "tsd"), THOUSAND),
    **dict.fromkeys(("mn", "mio", "mln", "million", "millions"), MILLION),
    **dict.fromkeys(("bn", "mrd"), BILLION),
    **dict.fromkeys(("lakh", "lakhs"), 100_000),
    **dict.fromkeys(("crore", "crores"), 10_000_000),
}
_WITH_CURRENCY: Mapping[str, int] = {"m": MILLION, "mm": MILLION, "1000": THOUSAND, "1000s": THOUSAND}
"""Alone they may be a thousand (mille), metres or months, or the number of an account."""
_GERMAN = ("€", "EUR", "CHF")
"""`T€` are thousands of them; `$T` may be trillions."""
_SEVERAL = ("m", "mm", "t", "b", "billion", "billions")
"""What has meant a thousand, a million, a billion or a trillion, by place and time."""
_SHORT = {THOUSAND: "k", MILLION: "m", BILLION: "bn"}
_MOST_WORDS = 4


class Unit(NamedTuple):
    """In what the amounts of a column are."""

    currency: str
    """As it is written; empty where nothing says it."""
    factor: int


class Unclear(NamedTuple):
    """What may be one of several."""

    written: str


def unit_of(text: str) -> Unit | Unclear | None:
    """What a text says of amounts; None where it says nothing of the kind."""
    found = _CURRENCY.search(text)
    currency = found[0] if found else ""
    rest = f"{text[: found.start()]} {text[found.end() :]}" if found else text
    scale = "".join(_FILLERS.sub(" ", rest.casefold()).split())
    if scale == "t" and currency in _GERMAN:
        return Unit(currency, THOUSAND)
    if currency and scale in _WITH_CURRENCY:
        return Unit(currency, _WITH_CURRENCY[scale])
    if scale in _SEVERAL:
        return Unclear(text)
    if scale in _SCALES and (currency or scale):
        return Unit(currency, _SCALES[scale])
    return None


class Amounts(NamedTuple):
    """A column of amounts, by the name that it would have without its unit."""

    column: Column
    name: str
    unit: Unit | Unclear


def amounts(columns: Sequence[Column], entity: str, units: Mapping[str, str]) -> list[Amounts]:
    """The columns whose headers say in what their amounts are, or of which the configuration says it (`units`, by
    header), where no other column has the plain name."""
    said = {header_text(title): text for title, text in units.items()}
    taken = {column.name for column in columns}
    found = []
    for column in columns:
        known = AMOUNTS.get(entity, ())
        split = _split(column.title, known, anything=column.name in said)
        name, unit = split or (column.name, None)
        if column.name in said:
            name = name if split else _begun(column.title, known) or name
            unit = unit_of(said[column.name])
            taken.discard(column.name)
        if unit is not None and name not in taken:
            taken.add(name)
            found.append(Amounts(column, name, unit))
    return found


def _split(title: str, known: Sequence[str], *, anything: bool) -> tuple[str, Unit | Unclear] | None:
    """The plain name and the unit behind it, of a header that has both: `Budget [k€]` is `budget`."""
    words = re.sub(r"[()\[\]/]", " ", title.rstrip("*: ")).split()
    for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        name = header_text(" ".join(words[:-count]).rstrip(",:/–- "))
        unit = unit_of(" ".join(words[-count:])) if anything or name in known else None
        if unit is not None:
            return name, unit
    return None


def _begun(title: str, known: Sequence[str]) -> str | None:
    """The known name that a header begins with, whatever stands behind it: `Budget (tkr)` is `budget`."""
    words = re.sub(r"[()\[\]/]", " ", title).split()
    names = (header_text(" ".join(words[:count]).rstrip(",:/–- ")) for count in range(len(words), 0, -1))
    return next((name for name in names if name in known), None)


_AMOUNT = re.compile(r"[-−+(]*\s*\d[\d.,\s'’]*[)−-]?")
_TWO_WAYS = re.compile(r"[-−+(]*[1-9]\d{0,2}[.,]\d{3}[)−-]?")
_LAST_DIGIT = re.compile(r"(?<=\d)(?=\D*$)")


def conversion(found: Amounts, locale: str | None) -> Callable[[Value], Value]:
    """A cell of the column → the whole amount, with the currency beside it as people write it: `£ 12500`."""
    if isinstance(found.unit, Unclear):
        said = f"{found.column.title}: of which unit? {advice(found)}"
        return lambda value: value if value is None or isinstance(value, dict) else {"error": said}
    currency, factor = found.unit

    def convert(value: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return value
        if isinstance(value, str):
            return _text(value.strip(), found, locale)
        size = Decimal(str(value)) * factor
        if not currency:
            return plain(float(size))
        # Never three decimals: those may be read as thousands.
        return f"{currency} {size:.0f}" if size == size.to_integral_value() else f"{currency} {size:.4f}"

    return convert


def _text(value: str, found: Amounts, locale: str | None) -> Value:
    """An amount that somebody typed as text; the mapping reads it, and all that is not one."""
    assert isinstance(found.unit, Unit)
    currency, factor = found.unit
    if not any(map(str.isdigit, value)):
        return value
    bare = value.replace(currency, "", 1).strip() if currency else value
    if not _AMOUNT.fullmatch(bare) or (factor > 1 and factor not in _SHORT):
        return {"error": f"{value[:40]} in a column of {found.column.title[:60]}"}
    if factor > 1 and not locale and _TWO_WAYS.fullmatch(bare):
        return {"error": f"{value[:40]} could be thousands or a decimal; declare the source's locale"}
    whole = _LAST_DIGIT.sub(_SHORT.get(factor, ""), bare, count=1)
    return f"{currency} {whole}" if currency else whole


def advice(found: Amounts) -> str:
    """What to write, for people."""
    plain_name = found.name.capitalize()
    return (
        f'Call it "{plain_name} (£k)" or "{plain_name} (£m)", or write `units: {{"{found.column.title}": £k}}` at the '
        "source in portbook.yaml"
    )


def checked_units(units: dict[str, Any]) -> dict[str, Any]:
    """Units as the configuration gives them. Raises ValueError for what says none, or may be several."""
    for title, text in units.items():
        if not isinstance(unit_of(str(text)), Unit):
            raise ValueError(
                f"{str(text)!r} of {title!r} is no unit: write `£k`, `EUR`, `million USD`, `thousand` or `million`"
            )
    return units
