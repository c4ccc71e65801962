"""The part of WIQL that a reader needs: flat queries with conditions joined by AND."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

_QUERY = re.compile(
    r"^\s*SELECT\s+\[System\.Id\]\s+FROM\s+WorkItems(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+ORDER\s+BY\s+\[(?P<by>[\w.]+)\](?P<down>\s+DESC)?(?:\s+ASC)?)?\s*$",
    re.I | re.S,
)
_CONDITION = re.compile(
    r"\s*\[(?P<field>[\w.]+)\]\s*(?P<op><=|>=|<>|=|<|>)\s*(?P<value>-?\d+|'(?:[^']|'')*')\s*(?:AND\b|$)", re.I
)


class BadWiql(Exception):
    """With the code at the start of its message, as the tool words it."""


class Query(NamedTuple):
    conditions: list[tuple[str, Callable[[Any, Any], bool], Any]]
    by: str
    down: bool


_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def parse(text: str, *, time_precision: bool) -> Query:
    if len(text) > 32_000:
        raise BadWiql("VS403437: The query exceeds 32000 characters.")
    found = _QUERY.match(text)
    if not found:
        raise BadWiql("TF51006: The query statement is missing a clause or malformed.")
    conditions = []
    where, at = found["where"] or "", 0
    while at < len(where):
        part = _CONDITION.match(where, at)
        if not part:
            raise BadWiql(f"TF51006: The query is malformed near <<{where[at : at + 20]}>>.")
        value: Any = part["value"]
        if value.startswith("'"):
            value = value[1:-1].replace("''", "'")
            if part["field"].endswith("Date"):
                if "T" in value and not time_precision:
                    raise BadWiql(
                        "VS403415: You cannot supply a time with the date when running a query using date precision."
                    )
                value = _moment(value)
        else:
            value = int(value)
        conditions.append((part["field"], _OPS[part["op"]], value))
        at = part.end()
    return Query(conditions, found["by"] or "System.Id", bool(found["down"]))


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
