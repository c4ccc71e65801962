"""Every adapter and reader that Portbook ships keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from portbook.wiring import mapping_of
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


async def test_a_mapping_may_name_every_stream_that_is_read(tool: Tool, tmp_path: Path) -> None:
    tool.add(["one"])
    async with tool.adapter() as adapter:
        seen = {stream.name for stream in await adapter.discover()}
        for partition in await adapter.partitions():
            seen.update(partition.streams)
            async with aclosing(cast(Any, adapter.read(partition, None, full=True))) as pages:
                async for page in pages:
                    seen.update(record.stream for record in page.records)
    rules = "".join(f"  - {{stream: {name}, into: risk, fields: {{}}}}\n" for name in sorted(seen))
    (tmp_path / "every.mapping").write_text(f"rules:\n{rules}")
    assert seen <= {rule.stream for rule in mapping_of(adapter.kind, tmp_path / "every.mapping").rules}
