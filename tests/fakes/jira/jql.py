"""A small honest JQL: what the adapter uses is evaluated, anything else is a 400."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)
_TERM = re.compile(r"^(\w+)\s*(>=|<=|=|>|<|\bnot\s+in\b|\bin\b|\bis\s+not\b)\s*(.+)$", re.IGNORECASE)
_SORT = re.compile(r"^(created|updated|id|key)(?:\s+(asc|desc))?$", re.IGNORECASE)
_DATE = re.compile(r'^"(\d{4}-\d{2}-\d{2} \d{2}:\d{2})"$')


class BadJql(Exception):
    pass


@dataclass(frozen=True)
class Query:
    projects: tuple[str, ...] | None
    """Keys or ids as written."""
    ids: tuple[str, ...] | None
    keys: tuple[str, ...] | None
    after_id: int | None
    since: tuple[tuple[str, int], ...]
    """(`created` or `updated`, milliseconds): from this instant on."""
    before: tuple[tuple[str, int], ...]
    order: tuple[tuple[str, bool], ...]
    """(field, descending)"""


def parse(jql: str, zone: ZoneInfo, bounded: bool) -> Query:
    head, *tail = _ORDER.split(jql)
    if len(tail) > 1:
        raise BadJql("Error in the JQL Query: more than one ORDER BY.")
    order = []
    for part in tail[0].split(",") if tail else ():
        found = _SORT.match(part.strip())
        if not found:
            raise BadJql(f"Field '{part.strip()}' does not exist or this fake does not sort by it.")
        order.append((found[1].lower(), (found[2] or "asc").lower() == "desc"))
    projects: tuple[str, ...] | None = None
    ids = keys = after = None
    since: list[tuple[str, int]] = []
    before: list[tuple[str, int]] = []
    terms = [term.strip() for term in re.split(r"\band\b", head, flags=re.IGNORECASE) if term.strip()]
    if bounded and not terms:
        raise BadJql(
            "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
        )
    for term in terms:
        found = _TERM.match(term)
        if not found:
            raise BadJql(f"Error in the JQL Query: '{term}' is not understood.")
        field, verb, value = found[1].lower(), " ".join(found[2].lower().split()), found[3].strip()
        if field == "project" and verb == "=":
            projects = (_bare(value),)
        elif field == "project" and verb == "in":
            projects = _listed(value)
        elif field == "project" and verb == "is not" and value.upper() == "EMPTY":
            pass
        elif field == "id" and verb == "in":
            ids = _listed(value)
        elif field in ("key", "issuekey") and verb == "in":
            keys = _listed(value)
        elif field == "id" and verb == ">":
            after = int(value)
        elif field in ("created", "updated") and verb in (">=", "<"):
            date = _DATE.match(value)
            if not date:
                raise BadJql(
                    f"Date value {value} for field '{field}' is invalid. "
                    "Valid formats include 'yyyy-MM-dd HH:mm'."
                )
            moment = datetime.strptime(date[1], "%Y-%m-%d %H:%M").replace(tzinfo=zone)
            (since if verb == ">=" else before).append((field, int(moment.timestamp() * 1000)))
        else:
            raise BadJql(f"Error in the JQL Query: '{term}' is not understood.")
    return Query(projects, ids, keys, after, tuple(since), tuple(before), tuple(order))


def _bare(value: str) -> str:
    return value.strip().strip("\"'")


def _listed(value: str) -> tuple[str, ...]:
    if not (value.startswith("(") and value.endswith(")")):
        raise BadJql(f"Error in the JQL Query: expecting a list in brackets, got {value}.")
    return tuple(_bare(item) for item in value[1:-1].split(","))
