"""Jira, Cloud and Data Center."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.jira.options import JiraOptions

if TYPE_CHECKING:
    from adapters.jira.adapter import JiraAdapter

__all__ = ["JiraAdapter", "JiraOptions"]


def __getattr__(name: str) -> Any:
    # Late: most commands read the configuration and ask no tool.
    if name == "JiraAdapter":
        from adapters.jira.adapter import JiraAdapter

        return JiraAdapter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
