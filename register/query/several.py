"""Several questions in one statement: they are answered from one moment, and for one way to the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from register.query.compile import FRESHNESS
from register.query.cost import ask
from register.query.cursor import write_cursor
from register.query.lanes import Lanes
from register.query.read import Prepared, PreparedGroups, bytes_of, moment_of, place_of
from register.query.scope import RowScope
from register.query.statement import Statement

MOST = 10
"""Questions in one request."""
_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """The answer to one question, as JSON. `data` is a list, or for `One` an object or null."""

    data: bytes
    next: str | None = None
    totals: bytes | None = None
    count: int | None = None
    meta: bytes | None = None
    """`as_of` and `freshness` of its own, where it is of the past."""


@dataclass(frozen=True, slots=True)
class One:
    """A question for one row, compiled by `compile_row`; None: there is no such row."""

    statement: Statement | None
    instant: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for a page, and the cursor it goes on from."""

    prepared: Prepared | PreparedGroups
    cursor: str | None = None


async def read_several(
    lanes: Lanes, secret: bytes, asked: Mapping[str, Asked | One], scope: RowScope | None = None
) -> tuple[dict[str, Part], bytes]:
    """The answers by name, in the order asked, then as JSON what all that is of now is of. Raises what `read_page`
    does."""
    now = datetime.now(UTC)
    selects = ["to_json(now()) AS _now", f"{FRESHNESS} AS _fresh"]
    froms: list[str] = []
    parameters: list[Any] = []
    kept: dict[str, tuple[int, Asked | One, datetime | None]] = {}
    for at, (name, one) in enumerate(asked.items()):
        if isinstance(one, One):
            instant, statement = one.instant, one.statement
        else:
            instant, after = place_of(secret, one.prepared, one.cursor, now)
            statement = one.prepared.first
            if after is not None:
                statement = one.prepared.behind(after, past=instant is not None)
        kept[name] = (at, one, instant)
        if statement is None:
            continue
        sql = _renumbered(statement.at(instant), len(parameters))
        parameters += statement.arguments(scope)
        selects.append(f"q{at}.data AS data{at}")
        if instant is not None:
            selects += [f"q{at}.as_of AS as_of{at}", f"q{at}.freshness AS fresh{at}"]
        if isinstance(one, Asked):
            selects.append(f"q{at}.more AS more{at}")
            columns = [i for i, name in enumerate(statement.places) if name is None]
            selects += [f"q{at}._o{i} AS o{at}_{i}" for i in columns]
            if isinstance(one.prepared, PreparedGroups):
                selects.append(f"q{at}.totals AS totals{at}")
            elif one.prepared.level.count:
                selects.append(f"q{at}.total AS total{at}")
        froms.append(f"({sql}) q{at}")
    source = f" FROM {' CROSS JOIN '.join(froms)}" if froms else ""
    row = await ask(lanes, Statement(f"SELECT {', '.join(selects)}{source}", tuple(parameters)), None, None)
    parts = {name: _part(row, secret, at, one, instant) for name, (at, one, instant) in kept.items()}
    return parts, moment_of(row["_now"], row["_fresh"])


def _renumbered(sql: str, offset: int) -> str:
    """The statement with its parameters behind `offset` others. Nothing else in our SQL has a dollar sign: values are
    bound, and names are letters, digits and underscores."""
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + offset}", sql)


def _part(row: Mapping[str, Any], secret: bytes, at: int, one: Asked | One, instant: datetime | None) -> Part:
    meta = None
    if f"as_of{at}" in row.keys():  # noqa: SIM118
        meta = moment_of(row[f"as_of{at}"], row[f"fresh{at}"])
    if isinstance(one, One):
        return Part(bytes_of(row.get(f"data{at}"), b"null"), meta=meta)
    cursor = None
    more = row[f"more{at}"]
    if more:
        values = one.prepared.first.place(row, f"data{at}", f"o{at}_")
        cursor = write_cursor(secret, one.prepared.shape, values, instant)
    totals = row.get(f"totals{at}")
    return Part(
        bytes_of(one.prepared.first.data(row[f"data{at}"], more), b"[]"),
        cursor,
        None if totals is None else bytes_of(totals, b"{}"),
        row.get(f"total{at}"),
        meta,
    )
