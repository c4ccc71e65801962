"""Jira, Cloud and Data Center."""

from adapters.jira.adapter import JiraAdapter
from adapters.jira.options import JiraOptions

__all__ = ["JiraAdapter", "JiraOptions"]
