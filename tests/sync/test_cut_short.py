"""A source that fails in the middle: what it had sent is kept, and the next run goes on from there."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Self

import pytest

from adapters.base import Cursor, Identity, Page, Partition, Presence
from adapters.errors import SourceMisbehaved
from adapters.jira import JiraAdapter, JiraOptions
from register import hints, runs
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


class Cramped(JiraAdapter):
    """Runs out of room on this machine at one point."""

    def __init__(self, options: JiraOptions, at: str) -> None:
        super().__init__(options, patience=AT_ONCE)
        self._at = at

    def _reach(self, point: str) -> None:
        if point == self._at:
            raise OSError(errno.ENOSPC, "No space left on device", "/tmp/copy-of-a-file")

    async def __aenter__(self) -> Self:
        self._reach("open")
        return await super().__aenter__()

    async def check(self) -> Identity:
        self._reach("check")
        return await super().check()

    async def partitions(self) -> list[Partition]:
        self._reach("partitions")
        return await super().partitions()

    async def read(
        self, partition: Partition, cursor: Cursor | None, *, full: bool
    ) -> AsyncGenerator[Page, None]:
        async for page in super().read(partition, cursor, full=full):
            yield page
            self._reach("read")

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        self._reach("locate")
        return await super().locate(stream, ids, last_known)


@pytest.mark.parametrize("at", ["open", "check", "partitions", "read", "locate"])
async def test_an_adapter_that_runs_out_of_room_is_asked_again_later(
    engine: Engine, cloud: FakeJira, at: str
) -> None:
    issues = fill(cloud, 30)
    given = JiraOptions.model_validate({"url": cloud.url, "auth": cloud.auth(), "page_size": 10})
    room = ""
    await engine.add("delivery", "jira", lambda: Cramped(given, room), {"url": cloud.url})
    assert (await engine.sync(mode="full"))["state"] == "succeeded"
    cloud.world.delete(issues[0])
    room = at
    run = await engine.sync(mode="full")
    assert (run["state"], run["error_code"], run["attempts"]) == ("queued", "SRC002", 1)
    assert "No space left on device" in run["error"]
    assert "/tmp/copy-of-a-file" in run["error"]
    assert await runs.waiting_runs(engine.pool) == [], "it is put off"
    assert not await engine.pool.fetchval("SELECT paused FROM source")
    room = ""
    await engine.pool.execute("UPDATE run SET not_before = now()")
    assert (await engine.sync(mode="full"))["state"] == "succeeded"
    assert await engine.count("work_item", "presence = 'present'") == 29


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
