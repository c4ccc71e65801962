"""Azure DevOps Boards, Services and Server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.azure_devops.options import AzureDevOpsOptions

if TYPE_CHECKING:
    from adapters.azure_devops.adapter import AzureDevOpsAdapter

__all__ = ["AzureDevOpsAdapter", "AzureDevOpsOptions"]


def __getattr__(name: str) -> Any:
    # Late: most commands read the configuration and ask no tool.
    if name == "AzureDevOpsAdapter":
        from adapters.azure_devops.adapter import AzureDevOpsAdapter

        return AzureDevOpsAdapter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
