"""The verbs for numbers of every kind. They raise ValueError, with a reason for a person, where a value will not do."""

from __future__ import annotations

import re
from typing import Any

from mapping.kinds import kind_of
from mapping.locale import Locale

_SPACE = " \u00a0\u2007\u2009\u202f'’"
"""What groups digits besides points and commas."""
_DIGITS = rf"[\d.,{_SPACE}]+"
_SIGNED = re.compile(r"\((?P<bracketed>[^()]+)\)|(?P<before>[-−+]?)(?P<bare>[^()−+-]+)(?P<after>[-−]?)")
_NO_CENTS = re.compile(r"(?<=\d)[.,]\s?[-–—]$")
"""500,– is 500."""
_MAGNITUDE = {"k": 1_000, "m": 1_000_000, "mio": 1_000_000, "bn": 1_000_000_000}
_SCALED = re.compile(rf"(?P<digits>{_DIGITS})(?P<scale>k|m|mio|bn)", re.I)

_GROUP_OR_PART = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
"""Numbers of tools may have three decimals, amounts that people write rarely do: 1.250."""


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
    return _written(value, locale, scaled=False)


def _written(text: str, locale: Locale, *, scaled: bool) -> int | float | None:
    """The number that a text is, with its sign; `scaled` is for amounts, which may have a k, m or bn behind them."""
    text = text.strip()
    if text in ("", "-", "–", "—"):
        return None
    found = _SIGNED.fullmatch(_NO_CENTS.sub("", text))
    if not found or (found["before"] and found["after"]):
        raise ValueError("not a number")
    digits = (found["bracketed"] or found["bare"]).strip()
    factor = 1
    if scaled and (large := _SCALED.fullmatch(digits)):
        digits, factor = large["digits"].strip(), _MAGNITUDE[large["scale"].casefold()]
    # Of millions three decimals are usual: 1.250m.
    if scaled and factor <= 1_000 and not locale.name and _GROUP_OR_PART.fullmatch(digits):
        raise ValueError("could be thousands or a decimal; declare the source's locale")
    size = float(_plain_number(digits, locale)) * factor
    if size == float("inf"):
        raise ValueError("too large to be a number")
    if found["bracketed"] or found["before"] in ("-", "−") or found["after"]:
        size = -size
    return int(size) if size.is_integer() and abs(size) < 2**53 else size


_GROUPED = re.compile(r"\d*|\d{1,3}([.,])(?:\d{2,3}\1)*\d{3}")
"""Digits, or groups of three (of two, in India) with one and the same sign between them."""
_SPACED = re.compile(rf"\d{{1,3}}([{_SPACE}])\d{{3}}(?:\1\d{{3}})*(?:[.,]\d*)?")
"""Spaces and apostrophes group in threes only: `12 34` is two numbers."""


def _plain_number(digits: str, locale: Locale) -> str:
    if not re.fullmatch(_DIGITS, digits):
        raise ValueError("not a number")
    if any(space in digits for space in _SPACE):
        if not _SPACED.fullmatch(digits):
            raise ValueError("not one number: spaces and apostrophes group digits in threes")
        return re.sub(f"[{_SPACE}]", "", digits).replace(",", ".")
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
    if not _GROUPED.fullmatch(whole) or not digits.strip(".,"):
        raise ValueError("not a number")  # 1.2.3 is a version, 2026.11.22 a date
    for sign in ".,":
        if sign != decimal:
            digits = digits.replace(sign, "")
    return digits.replace(",", ".")


def integer(value: Any, locale: Locale) -> int | None:
    """A whole number that the register's whole numbers can hold (32 bits)."""
    found = number(value, locale)
    if isinstance(found, float):
        raise ValueError("not a whole number")
    if found is not None and not -(2**31) <= found < 2**31:
        raise ValueError("too large for a whole number")
    return found


def percent(value: Any, locale: Locale) -> int | float | None:
    """0 to 100. A number is what it is; text of 1 or less needs its sign, lest a half be taken for half a per cent."""
    if not isinstance(value, str):
        return number(value, locale)
    written = value.strip()
    found = number(written.strip("%"), locale)
    if found is not None and 0 < abs(found) <= 1 and "%" not in written:
        raise ValueError(
            f"{written} could be {written} % or {found * 100:g} %; write the sign, or format the cell as per cent"
        )
    return found


def fraction(value: Any, locale: Locale) -> int | float | None:
    """0 to 1 in, 0 to 100 out."""
    found = number(value, locale)
    if found is None:
        return None
    shown = round(found * 100, 6)
    return int(shown) if float(shown).is_integer() else shown


_CURRENCIES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
    CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
    GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
    LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK
    PHP PKR PLN PYG QAR RMB RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
    TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG SFR
"""
_CODES = frozenset(_CURRENCIES.split())
"""ISO 4217, with RMB, SFR and some that have ended since plans may still hold them."""
_CURRENCY = re.compile(
    r"(?<![^\W\d_])(?:[A-Z]{3}|(?i:eur|usd|gbp|chf|kr|s?fr|kč)\b\.?)(?![^\W\d_])"
    r"|zł|(?<![^\W\d_])[A-Z]{0,2}\$|[€£¥₹₽₩₺₴₪₦₫฿]"
)
_SAME = {
    "$": ("D", "MXN", "CLP", "COP", "ARS", "UYU", "DOP"), "€": ("EUR",), "£": ("GBP", "EGP"), "¥": ("JPY", "CNY")
}  # fmt: skip
"""Sign → how the code ends that may stand beside it."""
_MEANT = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "₴": "UAH", "₪": "ILS", "₦": "NGN",
    "₫": "VND", "฿": "THB", "ZŁ": "PLN", "KČ": "CZK", "RMB": "CNY", "SFR": "CHF",
    "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "R$": "BRL", "MX$": "MXN", "NT$": "TWD",
}  # fmt: skip
"""Sign or word → the code it stands for. `$`, `¥`, `kr` and `Fr.` alone are those of several."""
_NAMED = {"EURO": "EUR", "EUROS": "EUR"}
"""What is a currency's name in more than one language, and no other's."""
_MAY_END = {"$": _SAME["$"], "¥": _SAME["¥"], "KR": ("SEK", "NOK", "DKK", "ISK"), "FR": ("F",)}


def money(value: Any, locale: Locale) -> int | float | None:
    """A number with or without one currency; brackets mean negative; k, m and bn multiply."""
    if type(value) is not str:
        return number(value, locale)
    currencies, parts = _apart(value)
    if len(currencies) > 1 and not _are_one(currencies):
        raise ValueError("more than one currency")
    if sum(any(map(str.isdigit, part)) for part in parts) > 1:
        raise ValueError("more than one amount")
    return _written("".join(parts), locale, scaled=True)


def currency_of(value: Any) -> str | None:
    """The currency that stands in an amount or alone: its code, or the sign or word where that is one of several."""
    found = _apart(value)[0] if type(value) is str else []
    if not found:
        return None
    # Beside a sign stands its own code.
    written = max(found, key=len).upper().rstrip(".")
    if written in _CODES and written not in _MEANT:
        return written
    return _MEANT.get(written) or ("$" if written.endswith("$") else written)


def code_of(currency: str) -> str | None:
    """The code of the currency that a text is, and nothing else: `eur`, `€`, `Euro`. None of what may be several, or is
    unknown."""
    currencies, parts = _apart(currency)
    if len(currencies) > 1 and not _are_one(currencies):
        return None
    found = currency_of(currency)
    if found is None:
        word = currency.strip().upper()
        found = _NAMED.get(word, word)
    elif "".join(parts).strip(" ()."):
        return None  # `k€` also says of how many
    return found if is_code(found) else None


def is_code(currency: str) -> bool:
    """Whether it says which currency is meant, unlike `$`."""
    return currency in _CODES


def may_be_one(first: str, second: str) -> bool:
    """Whether two currencies, as `currency_of` gives them, can be the same."""
    return (
        first == second
        or second.endswith(_MAY_END.get(first, ()))
        or first.endswith(_MAY_END.get(second, ()))
    )


def _apart(value: str) -> tuple[list[str], list[str]]:
    """The currencies in a text, and what stands between them."""
    currencies: list[str] = []
    parts: list[str] = []
    end = 0
    for found in _CURRENCY.finditer(value):
        if len(found[0]) == 3 and found[0].isalpha() and found[0].isupper() and found[0] not in _CODES:
            continue  # any three letters: `TBC 500`
        currencies.append(found[0])
        parts.append(value[end : found.start()])
        end = found.end()
    parts.append(value[end:])
    return currencies, parts


def _are_one(currencies: list[str]) -> bool:
    """Whether a sign stands beside its own code: `$500 USD`."""
    sign, code = sorted(currencies, key=len)[:2]
    own = _SAME.get(sign[-1:])
    return len(currencies) == 2 and own is not None and code.upper().endswith(own)


_HOURS_AND_MINUTES = re.compile(
    r"(?P<hours>[\d.,]+)\s*(?:h|hrs?|hours?)(?:\s*(?P<minutes>\d{1,2})\s*(?:m|mins?|minutes?)?)?"
    r"|(?P<only_minutes>[\d.,]+)\s*(?:m|mins?|minutes?)",
    re.I,
)
_CLOCK = re.compile(r"(?P<hours>\d+):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d))?", re.ASCII)


def hours(value: Any, locale: Locale) -> int | float | None:
    """Hours: a number, or text with units as `2h 30m`, or as a clock shows them, `2:30`. Days are refused, since how
    long they are is not said."""
    if type(value) is not str:
        return number(value, locale)
    if clock := _CLOCK.fullmatch(value.strip()):
        seconds = int(clock["seconds"] or 0)
        return _neat(int(clock["hours"]) + int(clock["minutes"]) / 60 + seconds / 3600)
    found = _HOURS_AND_MINUTES.fullmatch(value.strip())
    if not found:
        return number(value, locale)
    whole = number(found["hours"] or "0", locale) or 0
    minutes = number(found["minutes"] or found["only_minutes"] or "0", locale) or 0
    return _neat(whole + minutes / 60)


def seconds(value: Any, locale: Locale) -> int | float | None:
    """Seconds in, hours out."""
    found = number(value, locale)
    if found is None:
        return None
    return _neat(found / 3600)


def _neat(hours: float) -> int | float:
    return int(hours) if float(hours).is_integer() else round(hours, 4)
