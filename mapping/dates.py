"""The verbs for days and moments. They raise ValueError, with a reason for a person, where a value will not do."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mapping.kinds import kind_of
from mapping.locale import Locale

_PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_DATE = re.compile(r"^(\d{4})-(\d\d)-(\d\d)(?:$|[T ])")
_NUMERIC_DATE = re.compile(r"^(\d{1,4})[./\- ](\d{1,2})[./\- ](\d{1,4})$")
_WEEKDAY = r"(?:(?P<weekday>[^\W\d]+)\.?,? )?"
_NAMED_DATE = re.compile(
    _WEEKDAY
    + r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º)?(?: of| de)?[ .\-/]+(?P<month>[^\W\d]{3,})\.?(?: de)?[ ,.\-/]+"
    r"(?P<year>\d{4}|\d\d)",
    re.I,
)
_NAMED_US_DATE = re.compile(
    _WEEKDAY + r"(?P<month>[^\W\d]{3,})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})", re.I
)
# In English, German, French, Spanish, Italian, Dutch, Portuguese, Danish, Norwegian and Swedish, in full and as
# dictionaries abbreviate them. In other languages three letters mislead: `marraskuuta` is November.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january januar jänner janvier enero gennaio januari janeiro jan jän janv ene gen",
            "february februar feber février fevrier febrero febbraio februari fevereiro feb févr fevr fév fev",
            "march märz maerz mars marzo maart março marco marts mar mär mrz mrt",
            "april avril abril aprile apr avr abr",
            "may mai mayo maggio mei maio maj mag",
            "june juni juin junio giugno junho jun giu",
            "july juli juillet julio luglio julho jul juil lug",
            "august août aout agosto augustus augusti aug ago",
            "september septembre septiembre setiembre settembre setembro sep sept set sett",
            "october oktober octobre octubre ottobre outubro oct okt ott out",
            "november novembre noviembre novembro nov",
            "december dezember décembre decembre diciembre dicembre dezembro desember dec dez déc dic des",
        ),
        1,
    )
    for name in names.split()
}
_WEEKDAYS = """
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
    montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so
    lundi mardi mercredi jeudi vendredi samedi dimanche lun mar mer jeu ven sam dim
    lunes martes miércoles miercoles jueves viernes sábado sabado domingo mié mie jue vie sáb sab dom
    lunedì martedì mercoledì giovedì venerdì sabato domenica gio
    maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo
    segunda terça terca quarta quinta sexta seg ter qua qui sex
    mandag tirsdag onsdag torsdag fredag lørdag søndag måndag tisdag lördag söndag
    man tir ons tor fre lør søn mån tis lör sön
"""
_WEEKDAY_NAMES = frozenset(_WEEKDAYS.split())


def iso_date(value: Any, locale: Locale) -> str | None:
    """A date as written: a time or zone behind it is left away, never used to shift the day."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # A date cell formatted as a number: Excel's day count. (The 1900 system is correct from 1 March 1900 on.)
        first = date(1904, 1, 1) if locale.date1904 else date(1899, 12, 30)
        # Beyond, people write but one day, which stands for "no end".
        if 20_000 <= value <= 80_000 or value == (date.max - first).days:
            return (first + timedelta(days=int(value))).isoformat()
    if type(value) is not str:
        raise ValueError(f"{kind_of(value)} is not a date")
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
    if found := _NAMED_DATE.fullmatch(written) or _NAMED_US_DATE.fullmatch(written):
        return _named_day(found)
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
        way = f"in {locale.name}; write" if locale.name else "; declare the source's locale, or write"
        raise ValueError(f"day and month cannot be told apart {way} {year}-…".replace(" ;", ";"))
    return _day(year, b, a) if locale.day_first else _day(year, a, b)


def _named_day(found: re.Match[str]) -> str:
    weekday, month = found["weekday"], found["month"]
    if weekday and weekday.casefold() not in _WEEKDAY_NAMES:
        raise ValueError(f"{weekday!r} is not a day of the week")  # `before 12 May 2026` is no date
    number = _MONTHS.get(month.casefold())
    if number is None:
        raise ValueError(f"{month!r} is not a month; write the date as 2026-11-22")
    return _day(_full_year(found["year"]), number, int(found["day"]))


def _full_year(written: str) -> int:
    if len(written) not in (2, 4):
        raise ValueError(f"{written!r} is not a year")
    # Two digits: Excel's own rule, 00–29 is 20xx.
    year = int(written)
    return year if len(written) > 2 else year + (2000 if year < 30 else 1900)


def _day(year: int, month: int, day: int) -> str:
    return date(year, month, day).isoformat()


def instant(value: Any, locale: Locale) -> str | None:
    """A moment; one without an offset is read in the source's time zone."""
    if type(value) is not str:
        raise ValueError(f"{kind_of(value)} is not a date and time")
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
