"""What a project's process says of its work items: never by names, which every organisation chooses itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

HIDDEN = frozenset(
    {
        "Microsoft.HiddenCategory",
        "Microsoft.TestCaseCategory",
        "Microsoft.TestPlanCategory",
        "Microsoft.TestSuiteCategory",
        "Microsoft.SharedStepCategory",
        "Microsoft.SharedParameterCategory",
        "Microsoft.CodeReviewRequestCategory",
        "Microsoft.CodeReviewResponseCategory",
        "Microsoft.FeedbackRequestCategory",
        "Microsoft.FeedbackResponseCategory",
    }
)
"""Tests and reviews of code: nobody plans with them."""

_MEANING = (
    ("Microsoft.BugCategory", "bug"),
    ("Microsoft.EpicCategory", "epic"),
    ("Microsoft.FeatureCategory", "feature"),
    ("Microsoft.RequirementCategory", "story"),
    ("Microsoft.TaskCategory", "task"),
)
"""Categories and what their types are, the strongest first: Scrum's Bug is a requirement too."""

_LOGS = {
    "Microsoft.VSTS.WorkItemTypes.Issue": "issue",
    "Microsoft.VSTS.WorkItemTypes.Impediment": "issue",
    "Microsoft.VSTS.WorkItemTypes.Risk": "risk",
    "Microsoft.VSTS.WorkItemTypes.ChangeRequest": "change_request",
}
"""Types that belong into a control log, unless the process plans with them (Basic's Issue is its story)."""

POINTS = tuple(f"Microsoft.VSTS.Scheduling.{name}" for name in ("StoryPoints", "Effort", "Size"))
"""Fields of size in the processes that Microsoft ships: Agile, Scrum and Basic, CMMI."""


class Kind(NamedTuple):
    """A work item type."""

    name: str
    type: str
    """In common words; for a type in no backlog, its own name: a mapping's lookup then says what it is."""
    log: str
    """`issue`, `risk` or `change_request` where its items belong into that log."""
    hidden: bool
    states: Mapping[str, str]
    """State → category, by the state's name in small letters."""
    words: tuple[str, ...]
    """For people: `Active (InProgress)`."""


class Process(NamedTuple):
    kinds: Mapping[str, Kind]
    """By the type's name in small letters."""
    points: tuple[str, ...]
    """Fields that may hold points, best first."""

    def kind(self, name: str) -> Kind | None:
        return self.kinds.get(name.casefold())


def read_process(types: Iterable[Any], categories: Iterable[Any], backlogs: Mapping[str, Any]) -> Process:
    held: dict[str, set[str]] = {}
    for category in categories:
        if isinstance(category, Mapping):
            for name in _names(category):
                held.setdefault(name, set()).add(str(category.get("referenceName")))
    portfolio: set[str] = set()
    for level in backlogs.get("portfolioBacklogs") or ():
        if isinstance(level, Mapping):
            portfolio.update(_names(level))
    kinds = {}
    for found in types:
        if not isinstance(found, Mapping) or not found.get("name"):
            continue
        name = str(found["name"])
        mine = held.get(name.casefold(), set())
        meant = next((word for category, word in _MEANING if category in mine), "")
        if not meant and name.casefold() in portfolio:
            # A backlog that the organisation added above the two that everybody has.
            meant = "initiative"
        states = {
            str(state["name"]): str(state.get("category") or "")
            for state in found.get("states") or ()
            if isinstance(state, Mapping) and state.get("name")
        }
        kinds[name.casefold()] = Kind(
            name,
            meant or name,
            "" if meant else _LOGS.get(str(found.get("referenceName")), ""),
            bool(mine & HIDDEN),
            {state.casefold(): category for state, category in states.items()},
            tuple(f"{state} ({category or 'no category'})" for state, category in states.items()),
        )
    effort = (backlogs.get("typeFields") or {}).get("Effort")
    chosen = str(effort.get("referenceName") or "") if isinstance(effort, Mapping) else ""
    return Process(kinds, tuple(dict.fromkeys(name for name in (chosen, *POINTS) if name)))


def _names(group: Mapping[str, Any]) -> list[str]:
    return [
        str(found["name"]).casefold()
        for found in group.get("workItemTypes") or ()
        if isinstance(found, Mapping) and found.get("name")
    ]
