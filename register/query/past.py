"""The register as it was: which instant is meant, and where the rows are that it showed then.

A row is shown from its `valid_from` until its next version's. The version shown now is in the entity's table, every
earlier one in the history twin, where `valid_to` says until when.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from register.catalog import Entity, catalog
from register.errors import QueryInvalid
from register.query.errors import PastUnknown

INSTANT = ":instant"
"""Stands in the SQL of a statement about the past until it is known which."""
LATELY = ":lately"
"""Stands there until it is known whether the instant is so near that most rows are still as they were."""
NEAR = timedelta(days=30)
CLOCKS_DIFFER = timedelta(seconds=5)
"""How far ahead of ours the clock may be by which an instant was told: the database's, in `meta.as_of`."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)([Zz]|[ +-]\d{2}:\d{2})?", re.ASCII
)
_SHAPE = "0000-00-00T00:00"
_HINT = (
    "Write a date (the end of that day, UTC) or an instant with its zone: 2026-09-30, 2026-09-30T12:00:00Z."
)


@dataclass(frozen=True, slots=True)
class AsOf:
    """An instant as a caller wrote it. `day` alone means the end of that day, and today as far as it has gone."""

    parameter: str
    text: str
    day: date | None
    at: datetime | None

    def instant(self, now: datetime, *, start: bool = False) -> datetime:
        """The instant meant, in UTC; with `start` a day means its beginning. Raises QueryInvalid for the future, of
        which nothing is known."""
        today = now.astimezone(UTC).date()
        if start and self.day is not None and self.day <= today:
            return datetime.combine(self.day, time(), UTC)
        if self.day is not None and self.day < today:
            return datetime.combine(self.day, time.max, UTC)
        if self.day == today:
            return now
        if self.at is not None and self.at <= now + CLOCKS_DIFFER:
            return self.at
        raise _wrong(
            self.parameter,
            self.text,
            0,
            f"`{self.parameter}` lies in the future",
            "The register knows what was, up to now.",
        )

    def means(self, instant: datetime) -> bool:
        """Whether an earlier answer for `instant` may have been to these words."""
        return instant == self.at if self.day is None else instant.astimezone(UTC).date() == self.day


def parse_as_of(text: str, parameter: str = "as_of") -> AsOf:
    """`2026-09-30` or an instant with a zone. Raises QueryInvalid at the character."""
    found = _INSTANT.fullmatch(text)
    try:
        if _DAY.fullmatch(text):
            return AsOf(parameter, text, date.fromisoformat(text), None)
        if found is not None and found[3]:
            # A plus that was not encoded arrives as a space.
            zone = found[3].replace(" ", "+").upper()
            at = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").astimezone(UTC)
            return AsOf(parameter, text, None, at)
    except (ValueError, OverflowError):
        raise _wrong(parameter, text, 0, f"`{parameter}` is no date that there is", _HINT) from None
    if found is not None:
        raise _wrong(
            parameter, text, len(text), f"`{parameter}` names no zone", "Write Z for UTC, or +02:00."
        )
    raise _wrong(parameter, text, _strays(text), f"`{parameter}` is neither a date nor an instant", _HINT)


def require_history(entity: Entity, parameter: str) -> None:
    """Raises PastUnknown for a collection that only knows its present."""
    if not entity.enveloped and not (entity.view is not None and entity.view.looks_back):
        ways = [name for name in entity.fields if name.endswith("_at")][:2]
        raise PastUnknown(
            f"{entity.collection} keep no history",
            parameter=parameter,
            hint=f"They carry times of their own to filter by, such as {' and '.join(ways)}."
            if ways
            else "Ask for them as they are now.",
        )


@cache
def every_version(entity: str) -> str:
    """In place of the entity's table: all that was ever shown, with `valid_to`. Go through `shown_at`.

    The condition is not in here: PostgreSQL reads such a union in the order of both tables' indexes only while its
    parts have no WHERE of their own.
    """
    columns = ", ".join(f'"{column.name}"' for column in catalog()[entity].table.columns)
    return (
        f"(SELECT 'infinity'::timestamptz AS valid_to, {columns} FROM \"{entity}\" "
        f'UNION ALL SELECT valid_to, {columns} FROM "{entity}_history")'
    )


def shown_at(alias: str, instant: str) -> list[str]:
    """The conditions that leave of `every_version` what was shown at an instant: at most one version of a row."""
    return [f"{alias}.valid_from <= {instant}", f"{alias}.valid_to > {instant}"]


def end_of(day: str) -> str:
    """The last instant of a day in UTC, which `as_of` means by that day: what changes at midnight is the next day's."""
    return f"(({day} + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond')"


def placed(sql: str, instant: datetime) -> str:
    """A statement about the past, for this instant of it.

    In the text, not bound: how many rows of the present are that old decides how they are best found, and PostgreSQL
    would soon plan for an instant it does not know. Most callers ask for the ends of a few days.
    """
    lately = "true" if datetime.now(UTC) - instant < NEAR else "false"
    return sql.replace(INSTANT, f"'{instant.isoformat()}'::timestamptz").replace(LATELY, lately)


def by_key(
    tables: Sequence[tuple[str, Sequence[str]]],
    key: str,
    orders: Sequence[str],
    most: int,
    select: Callable[[str, Sequence[str], Sequence[str], str], str],
) -> str:
    """The rows below one row, in the order of their keys. `tables` are the present, the history and both of them, each
    with its conditions; `select` writes a list of one of them.

    Of a time near by, most are in the present. Where it fills the list, the history is looked at only before the last
    key, and not through all that was ever below the row in search of the few that have changed since. Of a time long
    ago the two are merged as they are walked.
    """
    (present, then), (history, old), (both, shown) = tables
    limit = str(most)
    # Rows without a key come last: only a list without any is bounded by its last one.
    before = select(history, [*old, f'{key} <= (SELECT k FROM "~last" WHERE n = {limit})'], orders, limit)
    every = select(history, [*old, f'(SELECT n < {limit} FROM "~last")'], orders, limit)
    near = (
        f'WITH "~now" AS ({select(present, then, orders, limit)}), '
        '"~last" AS (SELECT count(_o0) AS n, max(_o0) AS k FROM "~now") '
        f'SELECT * FROM "~now" UNION ALL SELECT * FROM ({before}) h UNION ALL SELECT * FROM ({every}) h'
    )
    far = select(both, shown, orders, limit)
    return (
        f"SELECT * FROM (SELECT * FROM ({near}) n WHERE {LATELY} "
        f"UNION ALL SELECT * FROM ({far}) f WHERE NOT {LATELY}) u "
        f"ORDER BY {', '.join(f'u._o{at}' for at in range(len(orders)))} LIMIT {limit}"
    )


def past_meta(instant: str) -> str:
    """`freshness` and `as_of` of an answer about the past: a source was as fresh as its last run by then."""
    return (
        "(SELECT json_object_agg(s.key, f.started_at) FROM source s CROSS JOIN LATERAL ("
        "SELECT r.started_at FROM run r WHERE r.source = s.key AND r.state = 'succeeded' AND r.mode <> 'hints' "
        f"AND r.finished_at <= {instant} ORDER BY r.finished_at DESC LIMIT 1) f) AS freshness, "
        f"to_json({instant}) AS as_of"
    )


def _strays(text: str) -> int:
    """Where a text leaves the shape of a date, then of an instant."""
    for at, (char, shape) in enumerate(zip(text, _SHAPE, strict=False)):
        if (not (char.isascii() and char.isdecimal())) if shape == "0" else char.upper() != shape:
            return at
    return min(len(text), len(_SHAPE))


def _wrong(parameter: str, text: str, position: int, message: str, hint: str) -> QueryInvalid:
    return QueryInvalid(message, position=position, parameter=parameter, text=text, hint=hint)
