"""The Microsoft Project family: Project Server, Planner Premium on Dataverse, and plan files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.ms_project.adapter import MsProjectAdapter
    from adapters.ms_project.options import MsProjectOptions

__all__ = ["MsProjectAdapter", "MsProjectOptions"]


def __getattr__(name: str) -> Any:
    # Late, because the process that reads plan files passes through here too and must start fast and small.
    if name == "MsProjectAdapter":
        from adapters.ms_project.adapter import MsProjectAdapter

        return MsProjectAdapter
    if name == "MsProjectOptions":
        from adapters.ms_project.options import MsProjectOptions

        return MsProjectOptions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
