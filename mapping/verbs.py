"""The closed list of what `as:` can say. Each turns a tool's value into JSON the register understands.

Dates come out as `2026-11-22`, instants as UTC `2026-11-22T08:00:00+00:00`, numbers as int or float, lists as lists
of text. Every function raises ValueError, with a reason for a person, where the value will not do; none of them
guesses. `docs/mapping.md` shows an example of each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mapping.richtext import adf_text, html_text
from portbook.text import normal_key

NUL_REPLACEMENT = "�"


@dataclass(frozen=True, slots=True)
class Locale:
    """How a source writes dates and numbers in text, as declared in its configuration."""

    name: str = ""
    zone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009 - immutable

    @property
    def day_first(self) -> bool | None:
        """Whether 03/06 is the third of June; None where nothing was declared."""
        if not self.name:
            return None
        return not self.name.endswith("-US") and self.name != "en"

    @property
    def year_first(self) -> bool:
        return self.name[:2] in {"zh", "ja", "ko", "hu", "lt", "sv"}

    @property
    def decimal_comma(self) -> bool:
        return self.name[:2] in {
            *(
                "de",
                "fr",
                "es",
                "it",
                "nl",
                "pt",
                "pl",
                "cs",
                "sk",
                "da",
                "nb",
                "nn",
                "no",
                "sv",
                "fi",
                "ru",
                "uk",
            ),
            *("tr", "hu", "ro", "bg", "hr", "sl", "el", "lt", "lv", "et", "id", "vi"),
        } and self.name not in {"de-CH", "it-CH", "es-MX", "en"}


Verb = Callable[[Any, Locale], Any]

_PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_DATE = re.compile(r"^(\d{4})-(\d\d)-(\d\d)(?:$|[T ])")
_NUMERIC_DATE = re.compile(r"^(\d{1,4})[./\- ](\d{1,2})[./\- ](\d{1,4})$")
_NAMED_DATE = re.compile(
    r"^(?:\w+,? )?(\d{1,2})(?:st|nd|rd|th)?[ .\-/]+([^\W\d]{3,})\.?[ ,.\-/]+(\d{4}|\d\d)$", re.I
)
_NAMED_US_DATE = re.compile(r"^(?:\w+,? )?([^\W\d]{3,})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$", re.I)
_MONTHS: dict[str, int] = {}
for _number, _names in enumerate(
    (
        "january januar janvier enero gennaio januari",
        "february februar février fevrier febrero febbraio februari",
        "march märz maerz mars marzo maart",
        "april avril abril aprile",
        "may mai mayo maggio mei",
        "june juni juin junio giugno",
        "july juli juillet julio luglio",
        "august août aout agosto augustus",
        "september septembre septiembre settembre",
        "october oktober octobre octubre ottobre",
        "november novembre noviembre",
        "december dezember décembre decembre diciembre dicembre",
    ),
    1,
):
    for _name in _names.split():
        _MONTHS[_name] = _number
        _MONTHS.setdefault(_name[:3], _number)


def text(value: Any, locale: Locale) -> str | None:
    """Text as it is, trimmed; numbers and booleans as people write them. Empty text is nothing."""
    if type(value) is str:
        return value.strip() or None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, dict):
        for key in ("value", "name", "displayName"):
            if isinstance(value.get(key), str):
                return text(value[key], locale)
    raise ValueError(f"{_kind(value)} is not text")


def line(value: Any, locale: Locale) -> str | None:
    """Text with every run of white space made one space."""
    found = text(value, locale)
    return " ".join(found.split()) or None if found else None


def iso_date(value: Any, locale: Locale) -> str | None:
    """A date as written: a time or zone behind it is left away, never used to shift the day."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 20_000 <= value <= 80_000:
        # A date cell formatted as a number: Excel's day count (1900 system, correct from 1 March 1900 on).
        return (date(1899, 12, 30) + timedelta(days=int(value))).isoformat()
    if type(value) is not str:
        raise ValueError(f"{_kind(value)} is not a date")
    if _PLAIN_DATE.fullmatch(value):
        date.fromisoformat(value)  # as most tools write it: checked, and already what comes out
        return value
    written = value.strip()
    if not written:
        return None
    if found := _ISO_DATE.match(written):
        return _day(*(int(part) for part in found.groups()))
    if found := _NUMERIC_DATE.match(written):
        return _numeric_date(found, locale)
    if found := _NAMED_DATE.match(written):
        return _named_day(found[1], found[2], found[3])
    if found := _NAMED_US_DATE.match(written):
        return _named_day(found[2], found[1], found[3])
    raise ValueError("not a date; write it as 2026-11-22")


def _numeric_date(found: re.Match[str], locale: Locale) -> str:
    first, second, third = found.groups()
    if len(first) == 4:
        return _day(int(first), int(second), int(third))
    a, b, year = int(first), int(second), _full_year(third)
    if locale.year_first and len(third) < 4:
        return _day(_full_year(first), b, int(third))
    if a > 12:
        return _day(year, b, a)
    if b > 12:
        return _day(year, a, b)
    if locale.day_first is None and a != b:
        raise ValueError(
            f"day and month cannot be told apart; declare the source's locale, or write {year}-…"
        )
    return _day(year, b, a) if locale.day_first else _day(year, a, b)


def _named_day(day: str, month: str, year: str) -> str:
    number = _MONTHS.get(month.casefold()) or _MONTHS.get(month.casefold()[:3])
    if number is None:
        raise ValueError(f"{month!r} is not a month")
    return _day(_full_year(year), number, int(day))


def _full_year(written: str) -> int:
    # Two digits: Excel's own rule, 00–29 is 20xx.
    year = int(written)
    return year if len(written) > 2 else year + (2000 if year < 30 else 1900)


def _day(year: int, month: int, day: int) -> str:
    return date(year, month, day).isoformat()


def instant(value: Any, locale: Locale) -> str | None:
    """A moment; one without an offset is read in the source's time zone."""
    if type(value) is not str:
        raise ValueError(f"{_kind(value)} is not a date and time")
    if not value.strip():
        return None
    moment = datetime.fromisoformat(value.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=locale.zone)
    try:
        return utc_text(moment)
    except OverflowError:
        raise ValueError("before the year 1 or after 9999") from None


def utc_text(moment: datetime) -> str:
    """As PostgreSQL writes a timestamptz in JSON with TimeZone UTC, so that equal instants are equal text."""
    written = moment.astimezone(UTC).isoformat()
    if moment.microsecond:
        head, offset = written[:-6], written[-6:]
        return head.rstrip("0") + offset
    return written


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
        raise ValueError(f"{_kind(value)} is not a number")
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


_YES = {"yes", "y", "true", "1", "x", "ja", "oui", "si", "✓", "✔"}
_NO = {"no", "n", "false", "0", "nein", "non", ""}


def boolean(value: Any, locale: Locale) -> bool:
    if isinstance(value, bool):
        return value
    written = normal_key(_single(value))
    if written in _YES:
        return True
    if written in _NO:
        return False
    raise ValueError("neither yes nor no")


def seconds(value: Any, locale: Locale) -> int | float | None:
    """Seconds in, hours out."""
    found = number(value, locale)
    if found is None:
        return None
    hours = found / 3600
    return int(hours) if hours.is_integer() else round(hours, 4)


def texts(value: Any, locale: Locale) -> list[str] | None:
    """A list of text; one text is split at commas, semicolons and line breaks."""
    if isinstance(value, str):
        value = re.split(r"[,;\n]", value)
    if not isinstance(value, list):
        raise ValueError(f"{_kind(value)} is not a list")
    if not value:
        return None
    return [found for found in (text(part, locale) for part in value if part is not None) if found] or None


_RAG = {
    "red": "red r rot rouge 🔴 high 1",
    "amber": "amber a yellow y orange gelb 🟡 🟠 medium 2",
    "green": "green g grün gruen vert 🟢 low 3 on-track",
    "blue": "blue b complete completed done closed 🔵",
    "grey": "grey gray n/a na none not-started ⚪",
}
_RAG_WORDS = {word: colour for colour, words in _RAG.items() for word in words.split()}


def rag(value: Any, locale: Locale) -> str | None:
    """Red, amber, green, blue (complete) or grey (not started), from a word, letter or coloured sign."""
    written = normal_key(_single(value)).replace(" ", "-")
    if not written:
        return None
    if written not in _RAG_WORDS:
        raise ValueError("not a RAG colour")
    return _RAG_WORDS[written]


_SCALE5 = {
    "vl": 1,
    "very low": 1,
    "l": 2,
    "low": 2,
    "m": 3,
    "medium": 3,
    "h": 4,
    "high": 4,
    "vh": 5,
    "very high": 5,
}


def scale5(value: Any, locale: Locale) -> int | None:
    """1 to 5, from a number or from very low … very high."""
    if isinstance(value, str) and (found := _SCALE5.get(normal_key(value))):
        return found
    level = integer(re.split(r"[\s\-–(:]", value.strip())[0] if isinstance(value, str) else value, locale)
    if level is not None and not 1 <= level <= 5:
        raise ValueError("not between 1 and 5")
    return level


def key(value: Any, locale: Locale) -> str | None:
    """The form in which typed keys are compared."""
    return normal_key(_single(value)) or None


_DEEPEST = 100


def json_value(value: Any, locale: Locale) -> Any:
    """The value as it is, down to a depth that every JSON library can write."""
    level = [value] if isinstance(value, (list, dict)) else []
    for _ in range(_DEEPEST):
        if not level:
            return value
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, (list, dict))
        ]
    raise ValueError(f"nested more than {_DEEPEST} levels deep")


VERBS: Mapping[str, Verb] = {
    "text": text,
    "line": line,
    "date": iso_date,
    "instant": instant,
    "number": number,
    "integer": integer,
    "percent": percent,
    "money": money,
    "boolean": boolean,
    "hours": number,
    "seconds": seconds,
    "list": texts,
    "rag": rag,
    "scale5": scale5,
    "adf": lambda value, locale: adf_text(value),
    "html": lambda value, locale: html_text(value),
    "key": key,
    "json": json_value,
}


def _single(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        raise ValueError(f"{_kind(value)} is not a single value")
    return value


def _kind(value: Any) -> str:
    if isinstance(value, dict) and "error" in value:
        return f"an error cell ({value['error']})"
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        bool: "a yes/no value",
        int: "a number",
        float: "a number",
        str: "text",
    }
    return names.get(type(value), type(value).__name__)
