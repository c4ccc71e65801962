"""Azure DevOps Boards, Services and Server."""

from adapters.azure_devops.adapter import AzureDevOpsAdapter
from adapters.azure_devops.options import AzureDevOpsOptions

__all__ = ["AzureDevOpsAdapter", "AzureDevOpsOptions"]
