"""Every adapter and reader that Portbook ships keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract import tools
from tests.contract.suite import AdapterContract, Tool

MAKERS: dict[str, Callable[[Path], Tool]] = {
    "jira-cloud": lambda folder: tools.Jira("cloud"),
    "jira-dc": lambda folder: tools.Jira("dc"),
    "azure-devops-services": lambda folder: tools.AzureDevOps(),
    "azure-devops-server": lambda folder: tools.AzureDevOps(server=True),
    "azure-devops-by-query": lambda folder: tools.AzureDevOps(feed=False),
    "project-server": lambda folder: tools.ProjectData(),
    "dataverse": lambda folder: tools.Dataverse(),
    "plan-files": tools.PlanFiles,
    "spreadsheet": tools.Workbooks,
    "spreadsheet-in-drive": tools.WorkbooksInDrive,
}


@pytest.fixture(params=MAKERS)
def tool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tool]:
    with MAKERS[request.param](tmp_path) as made:
        yield made


class TestEveryAdapter(AdapterContract):
    pass
