"""A source that fails in the middle: what it had sent is kept, and the next run goes on from there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from adapters.base import Cursor, Page, Partition
from adapters.errors import SourceMisbehaved
from adapters.jira import JiraAdapter, JiraOptions
from register import hints
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.fix_sources import AT_ONCE
from tests.sync.test_accounts import fill
from workers import following


class Breaking(JiraAdapter):
    """Sends three pages of issues, at once, and then trouble."""

    async def read(
        self, partition: Partition, cursor: Cursor | None, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        pages: list[Page] = []
        async for page in super().read(partition, cursor, full=full):
            pages.append(page)
            if partition.name.startswith("issues") and len(pages) == 3:
                break
        for page in pages:
            yield page
        if partition.name.startswith("issues"):
            raise SourceMisbehaved("the tool has lost its mind", hint="Wait.")


async def test_pages_that_arrived_before_the_trouble_are_kept(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 100)
    options: dict[str, Any] = {"url": cloud.url, "auth": cloud.auth(), "page_size": 20}
    given = JiraOptions.model_validate(options)
    await engine.add("delivery", "jira", lambda: Breaking(given, patience=AT_ONCE), {"url": cloud.url})
    run = await engine.sync()
    assert (run["state"], run["error_code"]) == ("incomplete", "SRC004")
    assert await engine.count("work_item") == 60
    assert run["seen"] == run["stored"] + run["unchanged"]
    assert await engine.pool.fetchval("SELECT fresh_at FROM source") is None


async def test_a_tool_that_will_not_follow_a_hint_does_not_spoil_the_run(
    engine: Engine, cloud: FakeJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.01)

    class Deaf(JiraAdapter):
        async def reread(self, hints: Any) -> AsyncGenerator[Page, None]:
            raise SourceMisbehaved("not now")
            yield

    issues = fill(cloud, 30)
    given = JiraOptions.model_validate({"url": cloud.url, "auth": cloud.auth(), "page_size": 10})
    await engine.add("delivery", "jira", lambda: Deaf(given, patience=AT_ONCE), {"url": cloud.url})
    await hints.leave(engine.pool, {("delivery", "issue", str(issues[0].id)): 1})
    assert (await engine.sync())["state"] == "succeeded"
    assert await engine.count("hint") == 1
