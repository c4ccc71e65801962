"""What a Jira itself counts, in its own words."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from tests.fakes.jira.world import EPIC_LINK, OLD_POINTS, POINTS, World


def totals(world: World) -> dict[str, Any]:
    """Issues that the account may see by type and by status with resolution, seconds, points, links and logged work."""
    types, statuses = Counter[str](), Counter[tuple[str, str | None]]()
    seconds = Counter[str]()
    points, parents = 0.0, 0
    links: dict[str, str] = {}
    shown = {issue.id for issue in world.issues.values() if world.visible(issue)}
    for number in shown:
        issue = world.issues[number]
        fields = issue.fields
        if fields is None:
            fields = orjson.loads(b"".join(issue.parts or ()))["fields"]
        types[fields["issuetype"]["name"]] += 1
        ended = fields["resolution"]
        statuses[fields["status"]["name"], ended["name"] if ended else None] += 1
        for name in ("timeoriginalestimate", "timespent", "timeestimate"):
            seconds[name] += fields[name] or 0
        points += fields.get(POINTS) or fields.get(OLD_POINTS) or 0
        parents += bool(fields.get("parent") or fields.get(EPIC_LINK))
        links.update((link["id"], link["type"]["name"]) for link in fields["issuelinks"])
    logged = [row["timeSpentSeconds"] for row in world.worklogs.values() if int(row["issueId"]) in shown]
    return {
        "issues": len(shown),
        "types": dict(types),
        "statuses": dict(statuses),
        "seconds": dict(seconds),
        "points": points,
        "parents": parents,
        "links": dict(Counter(links.values())),
        "worklogs": len(logged),
        "logged_seconds": sum(logged),
    }
