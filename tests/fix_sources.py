"""Fake tools on real ports, and adapters that read them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.azure_devops import AzureDevOpsAdapter, AzureDevOpsOptions
from adapters.base import Adapter, Page, RawRecord
from adapters.http import Patience
from adapters.jira import JiraAdapter, JiraOptions
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.jira import FakeJira

AT_ONCE = Patience(attempts=4, base=0, cap=0, longest=5)
"""Retries without waiting."""


@pytest.fixture(params=["cloud", "dc"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def jira(flavour: str) -> Iterator[FakeJira]:
    """An empty Jira of either flavour, on a port of its own."""
    with FakeJira(flavour=flavour) as fake:
        yield fake


@pytest.fixture
def cloud() -> Iterator[FakeJira]:
    with FakeJira(flavour="cloud") as fake:
        yield fake


@pytest.fixture
def data_center() -> Iterator[FakeJira]:
    with FakeJira(flavour="dc") as fake:
        yield fake


@pytest.fixture(params=["services", "server"])
def azure_devops(request: pytest.FixtureRequest) -> Iterator[FakeAzureDevOps]:
    """An empty Azure DevOps of either kind, on a port of its own."""
    server = request.param == "server"
    with FakeAzureDevOps(server=server, newest="7.0" if server else "7.1") as fake:
        yield fake


@pytest.fixture
def boards() -> Iterator[FakeAzureDevOps]:
    """An empty Azure DevOps Services."""
    with FakeAzureDevOps() as fake:
        yield fake


def azure_devops_adapter(fake: FakeAzureDevOps, **options: Any) -> AzureDevOpsAdapter:
    """An adapter that signs in to this fake and never waits."""
    more: dict[str, Any] = {name: options.pop(name) for name in ("refresh", "patience") if name in options}
    given = {"url": fake.url, "auth": fake.auth(), "per_second": 500, **options}
    return AzureDevOpsAdapter(AzureDevOpsOptions.model_validate(given), **{"patience": AT_ONCE, **more})


def jira_adapter(fake: FakeJira, **options: Any) -> JiraAdapter:
    """An adapter that signs in to this fake and never waits."""
    more: dict[str, Any] = {name: options.pop(name) for name in ("refresh", "patience") if name in options}
    given = JiraOptions.model_validate({"url": fake.url, "auth": fake.auth(), **options})
    return JiraAdapter(given, **{"patience": AT_ONCE, **more})


@pytest.fixture
def adapter_of() -> Callable[..., JiraAdapter]:
    return jira_adapter


async def read_pages(
    adapter: Adapter, name: str, cursor: Any = None, *, full: bool = True, stop_after: int | None = None
) -> list[Page]:
    """The pages of one partition; with `stop_after`, the reader goes away after so many, as a killed run."""
    (partition,) = [found for found in await adapter.partitions() if found.name == name]
    pages = []
    reading = adapter.read(partition, cursor, full=full)
    async for page in reading:
        pages.append(page)
        if len(pages) == stop_after:
            break
    await reading.aclose()  # type: ignore[attr-defined]
    return pages


def records_of(pages: list[Page], stream: str = "issue") -> dict[str, RawRecord]:
    """The last state of each record."""
    return {record.id: record for page in pages for record in page.records if record.stream == stream}


def issue_ids(pages: list[Page]) -> set[str]:
    return set(records_of(pages))


def fill(fake: FakeJira, projects: dict[str, int], *, step_ms: int = 20_000) -> None:
    """Projects with so many issues each, created in turns, `step_ms` apart, starting a month ago."""
    world = fake.world
    for name in ("Mia Krystof", "Ana Díaz", "Jonas Weber"):
        world.add_user(name)
    start = world.now() - 30 * 86_400_000
    world.clock = start
    for key in projects:
        world.add_project(key, f"Project {key}", lead=next(iter(world.users.values())))
    for number in range(max(projects.values())):
        for key, count in projects.items():
            if number < count:
                world.clock += step_ms
                world.add_issue(key, f"Issue {number} of {key}")
    world.clock = None


def close_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Takes the right to look into a folder away, also from root."""
    listed = os.scandir

    def refusing(path: Any = ".") -> Any:
        if not isinstance(path, int) and Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
