"""Which of a site's fields means what. Field ids differ per site: the schema decides, rarely the name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_GREENHOPPER = "com.pyxis.greenhopper.jira:"
_STANDARD = "com.atlassian.jira.plugin.system.customfieldtypes:"
_ROADMAPS = "com.atlassian.jpo:jpo-custom-field-"

UNWANTED = ("comment", "attachment", "lastViewed", "worklog", "watches", "votes", "thumbnail", "workratio")
"""Left out of reads: bulky, truncated in searches anyway, or different for every reader and every day."""

_VOLATILE = (
    _GREENHOPPER + "gh-lexo-rank",  # a rebalancing rewrites the rank of every issue
    "com.atlassian.servicedesk:sd-sla-field",  # holds a running clock
    "com.atlassian.jira.ext.charting:timeinstatus",
    "com.atlassian.jira.plugins.jira-development-integration-plugin:devsummary",
    "com.atlassian.jira.plugins.jira-development-integration-plugin:devsummarycf",
)


class Fields(NamedTuple):
    all: Sequence[Mapping[str, Any]]
    sprint: tuple[str, ...]
    epic_link: tuple[str, ...]
    parent_link: tuple[str, ...]
    points: tuple[str, ...]
    """Candidates for story points when the board does not say, best first."""
    start: tuple[str, ...]
    flagged: tuple[str, ...]
    people: tuple[str, ...]
    """Custom fields that hold a user or a list of users."""
    asked: tuple[str, ...]
    """The `fields` of a search."""
    names: Mapping[str, str]
    """Custom field name → path, without the names that two fields share."""


def sort_fields(found: Sequence[Mapping[str, Any]]) -> Fields:
    def having(*kinds: str, name: str | None = None) -> tuple[str, ...]:
        return tuple(
            str(field["id"])
            for field in found
            if _kind(field) in kinds and (name is None or _name(field) == name)
        )

    volatile = tuple(str(field["id"]) for field in found if _kind(field) in _VOLATILE)
    custom = [field for field in found if field.get("custom") or str(field["id"]).startswith("customfield_")]
    used = Counter(_name(field) for field in custom)
    return Fields(
        all=found,
        sprint=having(_GREENHOPPER + "gh-sprint"),
        epic_link=having(_GREENHOPPER + "gh-epic-link"),
        parent_link=having(_ROADMAPS + "parent"),
        points=(
            *having(_GREENHOPPER + "jsw-story-points"),
            *having(_STANDARD + "float", name="story points"),
            *having(_STANDARD + "float", name="story point estimate"),
        ),
        start=(
            *having(_STANDARD + "datepicker", name="start date"),
            *having(_ROADMAPS + "baseline-start"),
        ),
        flagged=having(_STANDARD + "multicheckboxes", name="flagged"),
        people=having(_STANDARD + "userpicker", _STANDARD + "multiuserpicker", _STANDARD + "people"),
        asked=("*all", *(f"-{name}" for name in (*UNWANTED, *volatile))),
        names={
            str(field.get("name")): f"fields.{field['id']}" for field in custom if used[_name(field)] == 1
        },
    )


def _kind(field: Mapping[str, Any]) -> str:
    schema = field.get("schema")
    return str(schema.get("custom") or "") if isinstance(schema, Mapping) else ""


def _name(field: Mapping[str, Any]) -> str:
    return str(field.get("name") or "").strip().casefold()
