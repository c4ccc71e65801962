"""How Project writes durations, lags, slack, money, dates and ids; shared by its interfaces. Pure."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

_DURATION = re.compile(
    r"^(?P<sign>-?)P(?:(?P<d>\d+(?:\.\d+)?)D)?(?:T(?:(?P<h>\d+(?:\.\d+)?)H)?(?:(?P<m>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<s>\d+(?:\.\d+)?)S)?)?$"
)
_DATE = re.compile(r"^(\d{4})-(\d\d)-(\d\d)(?:$|T(\d\d:\d\d(?::\d\d)?))")
UNSET = ("0001-01-01", "1899-12-30", "1984-01-01", "2149-12-31")
"""Days that stand for "no date": the edges of what Project and its server can hold."""
NO_GUID = "00000000-0000-0000-0000-000000000000"

LINK_KINDS = {"0": "FF", "1": "FS", "2": "SF", "3": "SS"}
_ESTIMATED = 32
_SUFFIXES = {
    3: "m", 4: "em", 5: "h", 6: "eh", 7: "d", 8: "ed", 9: "w", 10: "ew", 11: "mo", 12: "emo", 19: "%", 20: "e%",
}  # fmt: skip
_WHOLE = 2**53
"""Beyond this a number is no longer exact, and one beyond 2**64 cannot be written as an integer."""
ELAPSED = frozenset({4, 6, 8, 10, 12})
PERCENTS = frozenset({19, 20})


def neat(number: float) -> int | float:
    """At most four places: what minutes and tenths of minutes make of hours and days."""
    rounded = round(number, 4)
    return int(rounded) if abs(rounded) < _WHOLE and rounded == int(rounded) else rounded


@lru_cache(maxsize=10_000)
def hours(text: str | None) -> int | float | str | None:
    """`PT80H0M0S` in hours. What is not a duration comes back as it is, for the mapping to complain about."""
    if not text:
        return None
    found = _DURATION.match(text.strip())
    if found is None or not any(found.group(part) for part in "dhms"):
        return text
    days, whole, minutes, seconds = (float(found.group(part) or 0) for part in "dhms")
    size = days * 24 + whole + minutes / 60 + seconds / 3600
    return neat(-size if found["sign"] else size)


@lru_cache(maxsize=10_000)
def decimal(text: str | None) -> int | float | str | None:
    """A number in XML or OData spelling, or the text as it is."""
    if text is None or not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    if number != number or number in (float("inf"), float("-inf")):
        return text
    return int(number) if number.is_integer() and abs(number) < _WHOLE else number


def scaled(text: str | None, divisor: float) -> int | float | str | None:
    """A number that is written as a multiple: money × 100, slack in tenths of a minute."""
    number = decimal(text)
    return neat(number / divisor) if isinstance(number, int | float) else number


def yes(text: Any) -> bool:
    return isinstance(text, str) and text.strip().lower() in ("1", "true", "-1", "yes")


def day(text: str | None) -> str | None:
    """The date part: plan dates are days in the place where the plan was made, and never shift."""
    if not text:
        return None
    found = _DATE.match(text.strip())
    if found is None:
        return text
    return None if text.strip()[:10] in UNSET else text.strip()[:10]


def last_day(start: str | None, finish: str | None) -> str | None:
    """The day a finish falls on that Project worked out. Midnight is the end of the day before, unless nothing lies
    before it. What has no time, and a day that somebody types (a deadline, say), is that `day`, also at midnight."""
    if not finish:
        return None
    found = _DATE.match(finish.strip())
    if found is None or (found[4] or "")[:5] != "00:00" or not start or start[:19] >= finish[:19]:
        return day(finish)
    if day(finish) is None:
        return None
    try:
        before = date(int(found[1]), int(found[2]), int(found[3])) - timedelta(days=1)
    except (ValueError, OverflowError):
        return day(finish)
    return max(before.isoformat(), start[:10])


def guid(text: Any) -> str | None:
    """In one spelling; None for none, for all zeros and for what is no text."""
    written = (text if isinstance(text, str) else "").strip().strip("{}").lower()
    return written if written and written != NO_GUID else None


def lag_days(
    lag: int | float, lag_format: int, minutes_per_day: float, duration_hours: float | None = None
) -> int | float | None:
    """Days between two linked tasks: working days, but for elapsed formats, whose days have 24 hours. A share of the
    predecessor's duration needs that duration."""
    form = _plain_format(lag_format)
    if form in PERCENTS:
        if duration_hours is None:
            return None
        minutes = duration_hours * 60 * lag / 100
        return neat(minutes / (1440 if form == 20 else minutes_per_day))
    return neat(lag / 10 / (1440 if form in ELAPSED else minutes_per_day))


def link_word(
    kind: str, lag: int | float, lag_format: int, minutes_per_day: float, days: tuple[float, float] = (5, 20)
) -> str:
    """A link as Project's own tables show it: `FS+2d`, `SS-50%`, `FF+3ed`. `days` are those of a week and a month."""
    if not lag:
        return kind
    form = _plain_format(lag_format)
    suffix = _SUFFIXES.get(form, "d")
    if form in PERCENTS:
        size: float = lag
    else:
        a_day, (week, month) = (1440.0, (7, 30)) if form in ELAPSED else (minutes_per_day, days)
        units = {"m": 1, "h": 60, "d": a_day, "w": a_day * week, "mo": a_day * month}
        size = lag / 10 / units[suffix.removeprefix("e")]
    return f"{kind}{size:+.10g}{suffix}"


def _plain_format(lag_format: int) -> int:
    plain = lag_format - _ESTIMATED if lag_format > _ESTIMATED else lag_format
    return plain if plain in _SUFFIXES else 7


def milestone_status(percent: Any, finished: Any, *, active: bool) -> str:
    if not active:
        return "cancelled"
    return "done" if finished or percent == 100 else "planned"


def task_status(percent: Any, started: Any, finished: Any, *, active: bool) -> str:
    """From how far it is, since a plan has no word for it."""
    if not active:
        return "cancelled"
    if finished or percent == 100:
        return "done"
    if started or (isinstance(percent, int | float) and percent > 0):
        return "in_progress"
    return "todo"
