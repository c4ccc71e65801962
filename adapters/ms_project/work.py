"""Which rows a task becomes, and in which of them its hours and its money are counted. Pure.

A task becomes a work item, a milestone, or both: Project lets people mark any task as a milestone, also one of five
days and forty hours. Such a milestone keeps the task's id, and a work item beside it carries what is to be done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_COUNTED = ("hours", "cost")


def has_work(*hours: Any) -> bool:
    """Whether any of these is more than none: planned, done or left."""
    return any(isinstance(size, int | float) and size != 0 for size in hours)


def work_item_id(own: str, kind: str, *, works: bool) -> str | None:
    """What the work item of a task is known by; None where it has none. `works` tells of a milestone whether there is
    work in it."""
    if kind == "milestone":
        return f"{own}:work" if works else None
    return own if kind else None


def beside(own: str, *, works: bool, milestone_status: str) -> dict[str, Any]:
    """What else the record of a milestone says when a work item carries its work."""
    if not works:
        return {}
    found = work_item_id(own, "milestone", works=True)
    return {"work_item_id": found, "milestone_id": own, "milestone_status": milestone_status}


def baseline_items(
    own: str, kind: str, values: Mapping[str, Any], *, works: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and values of each row of a task in a baseline. What a summary has is that of the tasks below it: added up it
    would count twice."""
    dates = {name: value for name, value in values.items() if name not in _COUNTED}
    if not kind:
        return
    yield own, dates if kind == "summary" or works else dict(values)
    if works:
        yield f"{own}:work", dict(values)
