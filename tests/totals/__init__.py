"""What a register holds, counted by SQL, and what a world must tell to be compared with it."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any, Protocol

import orjson

from tests.fix_engine import Engine

SOURCE = "tool"
NOTHING: dict[str, Any] = {
    "projects": 0, "types": {}, "statuses": {}, "milestones": {}, "hours": [0, 0, 0], "points": 0, "parents": 0,
    "costs": {}, "links": {}, "assignments": [0, 0], "time_entries": [0, 0], "baselines": {},
}  # fmt: skip

_ITEMS = "FROM work_item WHERE presence = 'present'"
_SQL = {
    "projects": "SELECT count(*) FROM project WHERE presence = 'present'",
    "types": f"SELECT json_agg(t) FROM (SELECT type_source, type, count(*) {_ITEMS} GROUP BY 1, 2) t",
    "statuses": f"SELECT json_object_agg(coalesce(s, ''), n) FROM (SELECT status s, count(*) n {_ITEMS} GROUP BY 1) t",
    "milestones": "SELECT json_object_agg(coalesce(s, ''), n) FROM"
    " (SELECT status s, count(*) n FROM milestone WHERE presence = 'present' GROUP BY 1) t",
    "hours": "SELECT json_build_array(coalesce(sum(estimate_hours), 0), coalesce(sum(spent_hours), 0),"
    f" coalesce(sum(remaining_hours), 0)) {_ITEMS}",
    "points": f"SELECT coalesce(sum(points), 0) {_ITEMS}",
    # A parent must be a row that is there too.
    "parents": "SELECT count(*) FROM work_item c JOIN work_item p ON p.id = c.parent_id"
    " WHERE c.presence = 'present' AND p.presence = 'present'",
    "costs": "SELECT json_object_agg(b, a) FROM"
    " (SELECT basis b, sum(amount) a FROM cost_line WHERE presence = 'present' GROUP BY 1) t",
    "links": "SELECT json_object_agg(k, json_build_array(n, days)) FROM (SELECT kind k, count(*) n,"
    " coalesce(sum(lag_days), 0) days FROM dependency WHERE presence = 'present' GROUP BY 1) t",
    "assignments": "SELECT json_build_array(count(*), coalesce(sum(planned_hours), 0)) FROM assignment"
    " WHERE presence = 'present'",
    "time_entries": "SELECT json_build_array(count(*), coalesce(sum(hours), 0)) FROM time_entry"
    " WHERE presence = 'present'",
    "baselines": "SELECT json_object_agg(title, json_build_array(n, hours, cost)) FROM (SELECT title, count(*) n,"
    " coalesce(sum((value->>'hours')::numeric), 0) hours, coalesce(sum((value->>'cost')::numeric), 0) cost"
    " FROM baseline, jsonb_each(items) WHERE presence = 'present' GROUP BY 1) t",
}


async def register_totals(engine: Engine) -> dict[str, Any]:
    """What the register holds, counted by SQL: rows of one record share its id, and a dict would lose some."""
    found = dict(NOTHING)
    for name, sql in _SQL.items():
        value = await engine.pool.fetchval(sql)
        if isinstance(value, str):
            value = orjson.loads(value)
        if name == "types":
            value = {(row["type_source"], row["type"]): row["count"] for row in value or ()}
        found[name] = plain(NOTHING[name] if value is None else value)
    return found


def plain(value: Any) -> Any:
    """Numbers that compare, whatever they came as."""
    match value:
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case float() | Decimal():
            return round(float(value), 3)
        case _:
            return value


class Told(Protocol):
    """A world of about so many items behind the tool that serves it."""

    items: int

    async def join(self, engine: Engine) -> None:
        """Have the engine read it as the source `tool`."""

    def edit(self, rng: random.Random, count: int) -> None:
        """States, hours, links and whatever else this tool has, of so many items."""

    def delete(self, rng: random.Random, count: int) -> None: ...

    def wanted(self) -> dict[str, Any]:
        """The fake's own totals, in the words of `register_totals`."""
