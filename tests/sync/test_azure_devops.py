"""Whole runs over Azure DevOps into the register, compared with what the tool itself counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from register import hints
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import believable, fill
from tests.fakes.azure_devops.hostile import add_hostile
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


async def test_each_absence_gets_its_own_reason(engine: Engine, boards: FakeAzureDevOps) -> None:
    world = boards.world
    fill(world, {"Alpha": 60, "Hidden": 5, "Outside": 1})
    secret = world.add_area("Alpha", "Secret")
    classified = boards.add_item("Alpha", "Classified", area=secret)
    await engine.add_azure_devops(boards, select={"projects": ["Alpha", "Hidden"]})
    await engine.sync("boards")
    alpha = [item for item in world.items.values() if item.project == world.project("Alpha").id]
    world.destroy(alpha[0])
    boards.delete(alpha[1])
    boards.move(alpha[2], "Outside")
    world.hide_area(secret)
    world.hide_project("Hidden")
    run = await engine.sync("boards", "full")
    assert run["state"] == "succeeded", run["error"]
    rows = await engine.rows("work_item")
    assert [rows[str(item.id)]["presence"] for item in (*alpha[:3], classified)] == [
        "deleted",
        "deleted",
        "moved",
        "lost_access",
    ]
    hidden = [row for row in rows.values() if row["title"].endswith("of Hidden")]
    assert {row["presence"] for row in hidden} == {"lost_access"}
    projects = {row["key"]: row["presence"] for row in (await engine.rows("project")).values()}
    assert projects == {"Alpha": "present", "Hidden": "lost_access"}
    world.hide_area(secret, False)
    boards.world.restore(alpha[1])
    run = await engine.sync("boards", "full")
    rows = await engine.rows("work_item")
    assert {rows[str(item.id)]["presence"] for item in (alpha[1], classified)} == {"present"}


async def test_more_than_a_fifth_vanishing_holds_and_asks(engine: Engine, boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 40})
    await engine.add_azure_devops(boards)
    await engine.sync("boards")
    for item in list(boards.world.items.values())[:15]:
        item.hidden = True
    run = await engine.sync("boards", "full")
    assert run["state"] == "held"
    assert await engine.count("work_item", "presence <> 'present'") == 0


@pytest.mark.parametrize("status", [203, 302, 401])
async def test_a_revoked_token_pauses_the_source_with_one_clear_message(
    engine: Engine, boards: FakeAzureDevOps, status: int
) -> None:
    fill(boards.world, {"Alpha": 30})
    await engine.add_azure_devops(boards, auth=boards.auth())
    await engine.sync("boards")
    boards.faults.sign_in_page, boards.state.secret = status, "another"
    boards.log.clear()
    run = await engine.sync("boards", "full")
    assert (run["state"], run["error_code"]) == ("failed", "SRC003")
    assert str(status) in run["error"]
    assert len(boards.log) == 1
    assert "token" in await engine.pool.fetchval("SELECT pause_reason FROM source WHERE paused")
    assert await engine.count("work_item", "presence = 'present'") == 30


@pytest.mark.parametrize(
    "fault", ["truncate_every", "cut_every", "unavailable_every", "html_every", "too_many_every"]
)
async def test_failing_answers_delete_nothing(engine: Engine, boards: FakeAzureDevOps, fault: str) -> None:
    fill(boards.world, {"Alpha": 80})
    await engine.add_azure_devops(boards, page_size=20)
    await engine.sync("boards")
    boards.world.destroy(7)
    setattr(boards.faults, fault, 3)
    for _ in range(2):
        await engine.sync("boards", "full")
        await engine.pool.execute("UPDATE source SET paused = NULL")
        await engine.pool.execute("UPDATE run SET not_before = now()")
    gone = [row for row in (await engine.rows("work_item")).values() if row["presence"] != "present"]
    assert {row["source_id"] for row in gone} <= {"7"}
    boards.heal()
    run = await engine.sync("boards", "full")
    assert run["state"] == "succeeded", run["error"]
    assert await engine.count("work_item", "presence = 'present'") == 79


async def test_hostile_records_are_stored_or_set_aside(engine: Engine, boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 100})
    made = add_hostile(boards.world, "Alpha")
    await engine.add_azure_devops(boards)
    run = await engine.sync("boards")
    assert (run["state"], run["quarantined"]) == ("succeeded", 2), run["error"]
    rows = await engine.rows("work_item")
    assert len(rows) == 100 + len(made) - 2
    assert rows[made["NUL in text"]]["title"] == "before�after"
    assert rows[made["unknown state"]]["status"] is None
    assert rows[made["unknown state"]]["status_source"] == "In der Schwebe"
    assert rows[made["year 0001"]]["due_on"] == "0001-01-01"
    again = await engine.sync("boards", "full")
    assert (again["state"], again["stored"]) == ("succeeded", 0), again["error"]


async def test_by_query_the_register_is_the_same_as_by_feed(engine: Engine, five: FakeAzureDevOps) -> None:
    await engine.add_azure_devops(five)
    await engine.sync("boards")
    fed = [await engine.rows("work_item"), await engine.rows("dependency"), await engine.rows("person")]
    five.faults.no_feed = 404
    run = await engine.sync("boards")
    assert (run["state"], run["error_code"]) == ("incomplete", "SRC005"), "the place in the feed is given up"
    run = await engine.sync("boards", "full")
    assert (run["state"], run["rows_changed"], run["vanished"]) == ("succeeded", 0, 0), run["error"]
    assert [
        await engine.rows("work_item"),
        await engine.rows("dependency"),
        await engine.rows("person"),
    ] == fed
    assert await register_totals(engine) == five.totals()


async def test_people_are_the_same_in_every_kind_of_run_where_the_feed_names_them_without_ids(
    engine: Engine, boards: FakeAzureDevOps
) -> None:
    fill(boards.world, {"Alpha": 3})
    boards.faults.names_in_feed = True
    mia = boards.world.people[0]
    boards.world.add_team("Alpha", "Alpha team", [mia])
    boards.edit(1, **{"System.AssignedTo": mia})
    await engine.add_azure_devops(boards)
    await engine.sync("boards", "full")
    people = await engine.rows("person")
    for mode in ("incremental", "hints", "full"):
        boards.edit(1, **{"System.Title": mode})
        await hints.leave(engine.pool, {("boards", "work_item", "1"): 1})
        assert (await engine.sync("boards", mode))["state"] == "succeeded"
        item = (await engine.rows("work_item"))["1"]
        assert (item["title"], item["assignee_id"]) == (mode, people[mia["id"]]["id"])
    assert set(await engine.rows("person")) == set(people)
