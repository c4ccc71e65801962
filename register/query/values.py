"""Values as written, read as what the field holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal as Word
from uuid import UUID

from register.catalog import FieldDef, Kind
from register.errors import QueryInvalid
from register.query.ast import Operator, Path, Value
from register.query.names import did_you_mean

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII)
_UNITS = {"h": "hours", "d": "days", "w": "weeks", "m": "months", "y": "years"}
# Far beyond any plan, and inside what PostgreSQL can add to a date.
_FARTHEST = {"h": 1_000_000, "d": 100_000, "w": 10_000, "m": 1_200, "y": 1_000}
# asyncpg sends the first and the last instant that there are as infinity, of which there is no year.
_FIRST = datetime.min.replace(microsecond=1, tzinfo=UTC)
_LAST = datetime.max.replace(microsecond=999_998, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time by the database's clock, as it is when the query runs."""

    whole_day: bool
    amount: int
    unit: str
    """An argument of PostgreSQL's make_interval."""


Known = str | int | Decimal | bool | date | datetime | UUID | Moment


def read_value(field: FieldDef, operator: Operator, value: Value, path: Path) -> Known:
    """The value for a comparison with this field. Raises QueryInvalid at the value."""
    if value.kind in ("today", "now"):
        return _moment(field, value, path)
    text = value.text
    match field.kind:
        case Kind.TEXT | Kind.TEXTS:
            if value.kind not in ("text", "raw"):
                raise _wrong(field, value, path, f"Put it in single quotes: '{text}'.")
            if field.choices and operator in ("=", "!=", "in") and text not in field.choices:
                hint = did_you_mean(text, field.choices) or f"There are {', '.join(field.choices)}."
                raise _wrong(field, value, path, hint)
            return text
        case Kind.BOOLEAN:
            if value.kind in ("boolean", "raw") and text.lower() in ("true", "false"):
                return text.lower() == "true"
            raise _wrong(field, value, path, "Write true or false.")
        case Kind.NUMBER | Kind.INTEGER:
            if value.kind in ("number", "raw") and _NUMBER.fullmatch(text):
                number = Decimal(text)
                fits = number == number.to_integral_value() and abs(number) < 2**63
                return int(number) if fits and field.kind is Kind.INTEGER else number
            raise _wrong(field, value, path, "Write a number without quotes.")
        case Kind.DATE:
            if value.kind in ("text", "raw", "date") and _DATE.fullmatch(text):
                return _parsed(field, value, path, date.fromisoformat)
            raise _wrong(field, value, path, "Write '2026-11-30' or today(-30d).")
        case Kind.INSTANT:
            if value.kind in ("text", "raw", "date", "instant") and _DATE.match(text):
                return _parsed(field, value, path, _instant)
            raise _wrong(field, value, path, "Write '2026-11-30T09:00:00Z', '2026-11-30' or now(-12h).")
        case _:
            if value.kind in ("text", "raw", "id"):
                return _parsed(field, value, path, UUID)
            raise _wrong(field, value, path, "Write the id in single quotes.")


def _moment(field: FieldDef, value: Value, path: Path) -> Moment:
    if field.kind not in (Kind.DATE, Kind.INSTANT):
        raise _wrong(field, value, path, "today() and now() go with dates.")
    whole_day = value.kind == "today" or field.kind is Kind.DATE
    if not value.text:
        return Moment(whole_day, 0, "days")
    amount, unit = int(value.text[:-1]), value.text[-1]
    if whole_day and unit == "h":
        raise _wrong(field, value, path, "A date has no hours: use d, w, m or y.")
    if abs(amount) > _FARTHEST[unit]:
        raise _wrong(field, value, path, f"At most {_FARTHEST[unit]:,}{unit}.")
    return Moment(whole_day, amount, _UNITS[unit])


def _instant(text: str) -> datetime:
    """In UTC. Raises ValueError, or OverflowError for one that lies outside of what Python knows there."""
    if _DATE.fullmatch(text):
        found = datetime.combine(date.fromisoformat(text), time(), UTC)
    else:
        written = datetime.fromisoformat(text)
        found = written.replace(tzinfo=UTC) if written.tzinfo is None else written.astimezone(UTC)
    return min(max(found, _FIRST), _LAST)


def _parsed(field: FieldDef, value: Value, path: Path, parse: object) -> Known:
    assert callable(parse)
    try:
        found: Known = parse(value.text)
    except (ValueError, OverflowError):
        raise _wrong(field, value, path, "") from None
    return found


def _wrong(field: FieldDef, value: Value, path: Path, hint: str) -> QueryInvalid:
    shown = value.text if value.kind not in ("today", "now") else f"{value.kind}({value.text})"
    holds: Word["one of its words", ""] | str = "one of its words" if field.choices else str(field.kind)
    return QueryInvalid(
        f"{shown[:60]!r} cannot be compared with `{field.name}`, which holds {holds}",
        position=value.at,
        parameter=path.origin.parameter,
        text=path.origin.text,
        hint=hint,
    )
