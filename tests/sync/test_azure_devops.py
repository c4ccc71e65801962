"""Whole runs over Azure DevOps into the register, compared with what the tool itself counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import believable
from tests.fakes.azure_devops.world import DEPENDENCY, DUPLICATE, RELATED
from tests.fix_engine import Engine

CATEGORIES = {
    "todo": "Proposed",
    "in_progress": "InProgress",
    "in_review": "Resolved",
    "done": "Completed",
    "cancelled": "Removed",
}
KINDS = {"FS": DEPENDENCY, "relates": RELATED, "duplicates": DUPLICATE}


async def register_totals(engine: Engine) -> dict[str, Any]:
    """What the register counts, in the words of `FakeAzureDevOps.totals`."""
    items = (await engine.rows("work_item", "presence = 'present'")).values()
    links = (await engine.rows("dependency", "presence = 'present'")).values()
    hours: Counter[str] = Counter()
    for item in items:
        for ours, theirs in (
            ("estimate_hours", "OriginalEstimate"),
            ("remaining_hours", "RemainingWork"),
            ("spent_hours", "CompletedWork"),
        ):
            hours[theirs] += item[ours] or 0
    found = Counter(KINDS[link["kind"]] for link in links)
    found["System.LinkTypes.Hierarchy"] = sum(item["parent_id"] is not None for item in items)
    return {
        "items": len(items),
        "projects": await engine.count("project", "presence = 'present'"),
        "categories": dict(Counter(CATEGORIES[item["status"]] for item in items)),
        "types": dict(Counter(item["type_source"] for item in items)),
        "hours": dict(hours),
        "points": sum(item["points"] or 0 for item in items),
        "links": {rel: count for rel, count in found.items() if count},
    }


@pytest.fixture
def five() -> Any:
    """A project of each process, on Services."""
    with FakeAzureDevOps(believable()) as fake:
        yield fake


async def test_the_register_agrees_with_the_tools_own_totals(engine: Engine, five: FakeAzureDevOps) -> None:
    await engine.add_azure_devops(five)
    run = await engine.sync("boards")
    assert (run["state"], run["mode"], run["quarantined"]) == ("succeeded", "full", 0), run["error"]
    assert run["seen"] == run["stored"] + run["unchanged"] + run["quarantined"]
    assert await register_totals(engine) == five.totals()
    assert [finding["message"] for finding in await engine.findings()] == [
        "type 'Permit' is not in lookup 'type'"
    ]
    assert await engine.count("resource_demand") > 0
    assert await engine.count("risk") > 0
    assert await engine.count("issue") > 0
    assert await engine.count("change_request") > 0


async def test_a_second_run_without_change_writes_nothing(engine: Engine, five: FakeAzureDevOps) -> None:
    await engine.add_azure_devops(five)
    await engine.sync("boards")
    before = await engine.touched()
    for mode in ("incremental", "full"):
        run = await engine.sync("boards", mode)
        assert run["state"] == "succeeded", run["error"]
        assert (run["stored"], run["rows_changed"], run["vanished"]) == (0, 0, 0)
    assert await engine.touched() == before


async def test_changes_deletions_and_links_arrive_with_the_next_incremental_run(
    engine: Engine, five: FakeAzureDevOps
) -> None:
    world = five.world
    await engine.add_azure_devops(five)
    await engine.sync("boards")
    stories = [n for n, item in world.items.items() if item.fields["System.WorkItemType"] == "User Story"]
    one, two, three, four = stories[:4]
    five.edit(one, **{"System.State": "Closed", "Microsoft.VSTS.Common.ClosedDate": "2026-11-20T10:00:00Z"})
    five.delete(two)
    five.edit(three, **{"Microsoft.VSTS.Scheduling.StoryPoints": None})
    world.link(one, four, RELATED, quietly=True)
    gone = next(key for key in world.items[four].links | world.items[one].links if key[0] != RELATED)
    world.unlink(gone[1], gone[2], gone[0], quietly=gone[0] == DEPENDENCY)
    run = await engine.sync("boards")
    assert (run["state"], run["mode"]) == ("succeeded", "incremental"), run["error"]
    rows = await engine.rows("work_item")
    assert (rows[str(one)]["status"], rows[str(one)]["finish_actual_on"]) == ("done", "2026-11-20")
    assert rows[str(two)]["presence"] == "deleted"
    assert rows[str(three)]["points"] is None
    assert await register_totals(engine) == five.totals()
