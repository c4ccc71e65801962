"""Fake tools on real ports, and adapters that read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.http import Patience
from adapters.jira import JiraAdapter, JiraOptions
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


def jira_adapter(fake: FakeJira, **options: Any) -> JiraAdapter:
    """An adapter that signs in to this fake and never waits."""
    more: dict[str, Any] = {name: options.pop(name) for name in ("refresh", "patience") if name in options}
    given = JiraOptions.model_validate({"url": fake.url, "auth": fake.auth(), **options})
    return JiraAdapter(given, **{"patience": AT_ONCE, **more})


@pytest.fixture
def adapter_of() -> Callable[..., JiraAdapter]:
    return jira_adapter
