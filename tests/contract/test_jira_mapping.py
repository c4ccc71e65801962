"""The built-in mapping over whole sites: what the register shows of them."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from mapping.apply import Mapped, Mapper
from mapping.load import load_mapping
from mapping.rules import MappingSet
from register.catalog import catalog
from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import believable
from tests.fakes.jira.hostile import add_hostile
from tests.fix_sources import fill, jira_adapter


@pytest.fixture(scope="module")
def rules() -> MappingSet:
    return load_mapping("jira", {name: e.mappable for name, e in catalog().items() if e.enveloped})


async def mapped(fake: FakeJira, rules: MappingSet) -> dict[tuple[str, str], Mapped]:
    """What every record says, by stream and id."""
    found: dict[tuple[str, str], Mapped] = {}
    async with jira_adapter(fake) as adapter:
        mapper = Mapper(rules, lambda stream, name: f"{stream}:{name}", aliases=await adapter.aliases())
        for partition in await adapter.partitions():
            async for page in adapter.read(partition, None, full=True):
                for record in page.records:
                    if record.error is None:
                        found[record.stream, record.id] = mapper(record.stream, record.id, record.data)
    return found


@pytest.mark.parametrize("flavour", ["cloud", "dc"])
async def test_the_demo_projects_map_without_a_single_finding(rules: MappingSet, flavour: str) -> None:
    with FakeJira(believable(date(2026, 11, 22), flavour=flavour)) as fake:
        found = await mapped(fake, rules)
    assert [problem for result in found.values() for problem in result.problems] == []
    rows = [row for result in found.values() for row in result.rows]
    count = Counter(
        {entity: len({row.id for row in rows if row.entity == entity}) for entity in {r.entity for r in rows}}
    )
    assert count["project"] == 3
    assert count["person"] == 10
    assert count["milestone"] == 12
    assert count["iteration"] == 21
    assert 300 < count["work_item"] < 500
    assert 25 < count["dependency"] < 40
    assert count["time_entry"] > 100
    known = {row.id for row in rows}
    dangling = {ref for row in rows for ref in row.references if ref.id not in known}
    assert dangling == set()
    items = [row.values for row in rows if row.entity == "work_item"]
    assert {item["type"] for item in items} == {"epic", "story", "task", "bug", "subtask"}
    assert {item["status"] for item in items} == {"todo", "in_progress", "in_review", "done", "cancelled"}
    assert sum("points" in item for item in items) > 150
    assert sum("parent_id" in item for item in items) > 250
    assert sum(item.get("is_blocked") is True for item in items) >= 2


async def test_an_issue_becomes_a_work_item_with_every_field(jira: FakeJira, rules: MappingSet) -> None:
    fill(jira, {"PAY": 2})
    world = jira.world
    epic = jira.add_issue("PAY", "Epic", kind="Epic")
    board = world.add_board("PAY", "PAY board")
    sprint = world.add_sprint(board, "Sprint 1", startDate="2025-06-01T07:00:00.000Z")
    version = world.add_version("PAY", "1.0", releaseDate="2025-09-30", released=True)
    world.clock = 1_750_000_000_000
    parent: dict[str, Any] = (
        {"parent": {"id": str(epic.id)}} if world.cloud else {"customfield_10014": epic.key}
    )
    issue = jira.add_issue(
        "PAY",
        "Pay by\n card",
        kind="Bug",
        status="Done",
        resolution={"name": "Won't Do"},
        duedate="2025-07-31",
        resolutiondate="2025-07-01T23:30:00.000+0200",
        labels=["a", "b"],
        components=[{"id": "1", "name": "Civil"}],
        fixVersions=[version],
        timeoriginalestimate=28800,
        timespent=5400,
        timeestimate=0,
        customfield_10016=5.0,
        customfield_10020=world.sprint_value(sprint),
        customfield_10015="2025-06-02",
        **parent,
        progress={"progress": 5400, "total": 28800, "percent": 18},
    )
    found = await mapped(jira, rules)
    values = found["issue", str(issue.id)].rows[0].values
    people = {name: values.pop(name) for name in ("assignee_id", "reporter_id")}
    assert all(name.startswith("user:") for name in people.values())
    assert values == {
        "key": "PAY-4",
        "title": "Pay by card",
        "description": "As agreed.",
        "url": "https://acme.atlassian.net/browse/PAY-4",
        "project_id": "project:10001",
        "parent_id": f"issue:{epic.id}",
        "type": "bug",
        "type_source": "Bug",
        "status": "cancelled",
        "status_source": "Done",
        "priority": "Medium",
        "iteration_id": f"sprint:{sprint['id']}",
        "iteration_ids": [f"sprint:{sprint['id']}"],
        "milestone_ids": [f"version:{version['id']}"],
        "labels": ["a", "b"],
        "components": ["Civil"],
        "start_planned_on": "2025-06-02",
        "due_on": "2025-07-31",
        "percent_complete": 18,
        "estimate_hours": 8,
        "spent_hours": 1.5,
        "remaining_hours": 0,
        "points": 5,
        "resolution": "Won't Do",
        "resolved_at": values["resolved_at"],
        "created_at": values["created_at"],
        "updated_at": values["updated_at"],
    }
    assert values["resolved_at"].startswith("2025-07-01T21:30:00")
    milestone = found["version", version["id"]].rows[0].values
    assert milestone["kind"] == "release"
    assert milestone["status"] == "done"
    assert milestone["planned_on"] == milestone["actual_on"] == "2025-09-30"


@pytest.mark.parametrize(
    ("status", "resolution", "said"),
    [
        ("Done", "Done", ("done", "2025-07-02", "Done")),
        ("Done", "Won't Do", ("cancelled", None, "Won't Do")),
        ("Done", "Won’t Do", ("cancelled", None, "Won’t Do")),
        ("Done", "Known Error", ("cancelled", None, "Known Error")),
        ("Done", "Nicht umsetzen", ("cancelled", None, "Nicht umsetzen")),
        ("In Progress", "Done", ("in_progress", None, None)),
        ("To Do", "Won't Do", ("todo", None, None)),
    ],
)
async def test_a_resolution_counts_once_the_issue_has_ended_and_only_what_is_done_is_finished(
    jira: FakeJira, rules: MappingSet, status: str, resolution: str, said: tuple[str, str | None, str | None]
) -> None:
    fill(jira, {"PAY": 1})
    ended = {"resolution": {"name": resolution}, "resolutiondate": "2025-07-01T22:30:00.000+0000"}
    issue = jira.add_issue("PAY", "An issue", status=status, **ended)
    values = (await mapped(jira, rules))["issue", str(issue.id)].rows[0].values
    # In Berlin, where the account is, the day was another.
    assert (values["status"], values.get("finish_actual_on"), values.get("resolution")) == said
    assert ("resolved_at" in values) == (said[2] is not None)


@pytest.mark.parametrize("name", ["Cancelled", "Canceled", "Rejected", "Declined", "Abgebrochen"])
async def test_work_in_a_status_that_says_it_was_dropped_is_cancelled_whatever_the_resolution(
    jira: FakeJira, rules: MappingSet, name: str
) -> None:
    fill(jira, {"PAY": 1})
    for resolution in ({"name": "Done"}, None):
        issue = jira.add_issue(
            "PAY", status="Done", resolution=resolution, resolutiondate="2025-07-01T22:30:00.000+0000"
        )
        assert issue.fields is not None
        issue.fields["status"] = {**issue.fields["status"], "name": name}
        values = (await mapped(jira, rules))["issue", str(issue.id)].rows[0].values
        assert (values["status"], values.get("finish_actual_on")) == ("cancelled", None)


SHIPPED = (
    "Done", "Fixed", "Won't Do", "Won't Fix", "Duplicate", "Cannot Reproduce", "Incomplete", "Declined", "Known Error",
    "Hardware failure", "Software failure",
)  # fmt: skip


async def test_every_resolution_that_jira_ships_is_known_and_another_is_told(
    jira: FakeJira, rules: MappingSet
) -> None:
    fill(jira, {"PAY": 1})
    made = {
        str(jira.add_issue("PAY", status="Done", resolution={"name": name}).id): name
        for name in (*SHIPPED, "Parked")
    }
    found = await mapped(jira, rules)
    assert {
        made[key]: [unread.value for unread in one.problems]
        for (stream, key), one in found.items()
        if stream == "issue" and one.problems
    } == {"Parked": ["Parked"]}
    parked = next(one for (_, key), one in found.items() if made.get(key) == "Parked")
    assert parked.rows[0].values["status"] == "done"


async def test_unknown_statuses_and_types_are_findings_and_leave_the_field_empty(
    jira: FakeJira, rules: MappingSet
) -> None:
    fill(jira, {"PAY": 1})
    made = add_hostile(jira.world, "PAY")
    jira.edit("PAY-1", issuetype={"id": "77", "name": "Kostenstelle", "subtask": False})
    found = await mapped(jira, rules)
    unknown = found["issue", made["unknown status"]]
    assert "status" not in unknown.rows[0].values
    assert unknown.rows[0].values["status_source"] == "In der Schwebe"
    assert "In der Schwebe" in str(unknown.problems[0][0])
    (kind,) = found["issue", str(jira.world.issue("PAY-1").id)].problems
    assert "Kostenstelle" in str(kind[0])
