"""The verbs for numbers of every kind. They raise ValueError, with a reason for a person, where a value will not do."""

from __future__ import annotations

import re
from typing import Any

from mapping.kinds import kind_of
from mapping.locale import Locale

_MAGNITUDE = {"k": 1_000, "m": 1_000_000, "mio": 1_000_000, "bn": 1_000_000_000}
_MONEY = re.compile(r"^(?P<number>[\d.,'’\s ]+)(?P<scale>k|m|mio|bn)?$", re.I)


def number(value: Any, locale: Locale) -> int | float | None:
    """A number; in text, with the locale's decimal sign and group separators."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        raise ValueError("a yes/no value is not a number")
    if isinstance(value, (int, float)):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("not a finite number")
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
    if type(value) is not str:
        raise ValueError(f"{kind_of(value)} is not a number")
    written = value.strip()
    if written in ("", "-", "–", "—"):
        return None
    negative = written.startswith(("-", "−", "(")) or written.endswith("-")
    found = _MONEY.match(written.strip("()-−+ "))
    if not found:
        raise ValueError("not a number")
    plain = _plain_number(found["number"], locale)
    size = float(plain) * _MAGNITUDE[found["scale"].casefold()] if found["scale"] else float(plain)
    if size == float("inf"):
        raise ValueError("too large to be a number")
    size = -size if negative else size
    return int(size) if size.is_integer() and abs(size) < 2**53 else size


_GROUPED = re.compile(r"^\d*$|^\d{1,3}([.,])(?:\d{2,3}\1)*\d{3}$")
"""Digits, or groups of three (of two, in India) with one and the same sign between them."""


def _plain_number(written: str, locale: Locale) -> str:
    digits = re.sub(r"[\s '’]", "", written)
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        decimal = "." if digits.rfind(".") > digits.rfind(",") else ","
    elif dots + commas > 1:
        decimal = ""  # the same sign twice can only group
    elif dots + commas == 1:
        sign = "." if dots else ","
        groups_like = len(digits.rsplit(sign, 1)[1]) == 3 and not digits.startswith("0")
        if groups_like and not locale.name:
            if sign == ",":
                raise ValueError("could be thousands or a decimal; declare the source's locale")
            decimal = sign
        else:
            expected = "," if locale.decimal_comma else "."
            decimal = sign if sign == expected or not groups_like else ""
    else:
        decimal = "."
    whole = digits.rpartition(decimal)[0] if decimal and decimal in digits else digits
    if not _GROUPED.match(whole):
        raise ValueError("not a number")  # 1.2.3 is a version, 2026.11.22 a date
    for sign in ".,":
        if sign != decimal:
            digits = digits.replace(sign, "")
    return digits.replace(",", ".") or "x"


def integer(value: Any, locale: Locale) -> int | None:
    """A whole number that the register's whole numbers can hold (32 bits)."""
    found = number(value, locale)
    if isinstance(found, float):
        raise ValueError("not a whole number")
    if found is not None and not -(2**31) <= found < 2**31:
        raise ValueError("too large for a whole number")
    return found


def percent(value: Any, locale: Locale) -> int | float | None:
    """0 to 100. `45%`, `45` and a percent cell's 0.45 are the same; a bare 1 is 1 %."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return number(value.strip()[:-1], locale)
    found = number(value, locale)
    if found is None:
        return None
    return round(found * 100, 6) if isinstance(found, float) and 0 < found < 1 else found


# Not any three letters: `mio` is a magnitude.
_CURRENCY = re.compile(
    r"(?<![A-Za-z])(?!MIO)[A-Z]{3}(?![A-Za-z])|(?<![a-z])(?i:eur|usd|gbp|chf|kr|fr)\b\.?|zł|[$€£¥₹₽₩]"
)


def money(value: Any, locale: Locale) -> int | float | None:
    """A number with or without a currency sign; brackets mean negative; k, m and bn multiply."""
    if type(value) is not str:
        return number(value, locale)
    return number(_CURRENCY.sub("", value).strip(), locale)


def seconds(value: Any, locale: Locale) -> int | float | None:
    """Seconds in, hours out."""
    found = number(value, locale)
    if found is None:
        return None
    hours = found / 3600
    return int(hours) if hours.is_integer() else round(hours, 4)
