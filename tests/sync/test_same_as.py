"""A hyperlink from one tool to another makes two work items one, whichever was read first, where it is so configured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import fill as fill_boards
from tests.fakes.jira import FakeJira
from tests.fakes.jira.world import SITE
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill


def address_of(key: str) -> str:
    """Where people open an issue: the site's own address, which is not the one it is read at."""
    return f"{SITE}/browse/{key}"


@pytest.mark.parametrize("first", ["delivery", "boards"])
async def test_a_hyperlink_to_an_issue_makes_it_and_the_work_item_one(
    engine: Engine, jira: FakeJira, boards: FakeAzureDevOps, first: str
) -> None:
    fill(jira, 3)
    await engine.add_jira(jira)
    await engine.add_azure_devops(boards)
    engine.policy = replace(engine.policy, match={**engine.policy.match, "work_item": ("same_as",)})
    fill_boards(boards.world, {"Alpha": 4})
    item = next(iter(boards.world.items.values()))
    issue = jira.world.issue("PAY-2")
    boards.world.hyperlink(item, address_of(issue.key))
    boards.world.hyperlink(item, "https://wiki.example.org/a-page")
    for name in (first, "boards" if first == "delivery" else "delivery"):
        assert (await engine.sync(name))["state"] == "succeeded"
    assert await engine.count("work_item", "presence = 'present'") == 3 + 4 - 1
    told = await engine.pool.fetch(
        "SELECT source FROM claim WHERE entity = 'work_item' AND entity_id IN "
        "(SELECT entity_id FROM claim WHERE entity = 'work_item' GROUP BY 1 HAVING count(*) > 1) ORDER BY 1"
    )
    assert [row[0] for row in told] == ["boards", "delivery"]
    assert (
        await engine.pool.fetchval("SELECT rule FROM link WHERE entity = 'work_item'") == "match on same_as"
    )
    for name in ("delivery", "boards"):
        again = await engine.sync(name, "full")
        assert (again["stored"], again["rows_changed"]) == (0, 0)
    assert await engine.count("work_item", "presence = 'present'") == 6


async def test_without_the_rule_a_hyperlink_is_kept_and_joins_nothing(
    engine: Engine, jira: FakeJira, boards: FakeAzureDevOps
) -> None:
    fill(jira, 1)
    await engine.add_jira(jira)
    await engine.add_azure_devops(boards)
    fill_boards(boards.world, {"Alpha": 2})
    item = next(iter(boards.world.items.values()))
    boards.world.hyperlink(item, address_of("PAY-1"))
    for name in ("delivery", "boards"):
        await engine.sync(name)
    row = (await engine.rows("work_item", "same_as IS NOT NULL"))[str(item.id)]
    assert row["same_as"] == [address_of("PAY-1")]
    assert await engine.count("work_item", "presence = 'present'") == 3
