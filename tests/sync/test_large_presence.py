"""Ten thousand issues read through failing pages: every absence gets its own reason, and nothing else vanishes."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import bulk_world
from tests.fix_engine import Engine


@pytest.mark.soak
async def test_ten_thousand_issues_through_failing_pages_lose_none_falsely(engine: Engine) -> None:
    with FakeJira(bulk_world(10_000, projects=20, seed=3, size_bytes=1500)) as fake:
        world = fake.world
        keys = [home.key for home in world.projects.values()]
        world.add_project("OUTSIDE")
        await engine.add_jira(fake, select={"projects": keys}, page_size=100)
        assert (await engine.sync())["state"] == "succeeded"
        by_project: dict[str, list[int]] = {}
        for number, issue in sorted(world.issues.items()):
            by_project.setdefault(world.projects[issue.project].key, []).append(number)
        pool = [n for key in keys[3:] for n in by_project[key]][::40][:150]
        expected: dict[str, str] = {}
        for at, number in enumerate(pool):
            if at < 50:
                fake.delete(number)
            else:
                fake.move(number, keys[2] if at < 100 else "OUTSIDE")
            expected[str(number)] = "deleted" if at < 50 else "present" if at < 100 else "moved"
        fake.hide_project(keys[0])
        fake.archive_project(keys[1])
        expected |= {str(n): "lost_access" for n in by_project[keys[0]]} | {
            str(n): "archived" for n in by_project[keys[1]]
        }
        tries = 0
        fake.faults.truncate_every, fake.faults.unavailable_every = 37, 23
        run = {}
        for tries in range(1, 9):  # noqa: B007
            run = await engine.sync(mode="full")
            rows = await engine.rows("work_item")
            false = [
                n
                for n, row in rows.items()
                if row["presence"] != expected.get(n, "present") and row["presence"] != "present"
            ]
            assert false == []
            if run["state"] == "succeeded":
                break
            await engine.pool.execute("UPDATE source SET paused = NULL")
            await engine.pool.execute("UPDATE run SET not_before = now()")
        assert run["state"] == "succeeded", run["error"]
        print(tries, run["vanished"], Counter(row["presence"] for row in rows.values()))
        assert {n: row["presence"] for n, row in rows.items()} == {
            n: expected.get(n, "present") for n in rows
        }
        assert len(rows) == 10_000
