"""The built-in mapping over whole organisations: what the register shows of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mapping.load
from mapping.apply import Mapped, Mapper
from mapping.load import load_mapping, parse_mapping
from mapping.rules import MappingSet
from register.catalog import catalog
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import believable, fill
from tests.fakes.azure_devops.world import DEPENDENCY, HIERARCHY, RELATED
from tests.fix_sources import azure_devops_adapter

ENTITIES = {name: entity.mappable for name, entity in catalog().items() if entity.enveloped}


@pytest.fixture(scope="module")
def rules() -> MappingSet:
    return load_mapping("azure_devops", ENTITIES)


async def mapped(fake: FakeAzureDevOps, rules: MappingSet, **options: Any) -> dict[tuple[str, str], Mapped]:
    """What every record says, by stream and id."""
    found: dict[tuple[str, str], Mapped] = {}
    async with azure_devops_adapter(fake, **options) as adapter:
        mapper = Mapper(rules, lambda stream, name: f"{stream}:{name}", aliases=await adapter.aliases())
        for partition in await adapter.partitions():
            async for page in adapter.read(partition, None, full=True):
                for record in page.records:
                    if record.error is None and not record.deleted:
                        found[record.stream, record.id] = mapper(record.stream, record.id, record.data)
    return found


async def test_every_process_maps_with_no_finding_but_the_unknown_type(rules: MappingSet) -> None:
    with FakeAzureDevOps(believable()) as fake:
        found = await mapped(fake, rules)
    problems = {str(problem[0].message) for result in found.values() for problem in result.problems}
    assert problems == {"type 'Permit' is not in lookup 'type'"}
    rows = [row for result in found.values() for row in result.rows]
    known = {row.id for row in rows}
    assert {ref for row in rows for ref in row.references if ref.id not in known} == set()
    items = [row.values for row in rows if row.entity == "work_item"]
    assert {item.get("type") for item in items} == {
        "initiative", "epic", "feature", "story", "task", "bug", "other", None,
    }  # fmt: skip
    assert {item["status"] for item in items} == {"todo", "in_progress", "in_review", "done", "cancelled"}
    assert {row.values["kind"] for row in rows if row.entity == "dependency"} == {
        "FS",
        "relates",
        "duplicates",
    }


async def test_a_work_item_arrives_with_every_field(azure_devops: FakeAzureDevOps, rules: MappingSet) -> None:
    world = azure_devops.world
    fill(world, {"Alpha": 1, "Beta": 1})
    mia, ana, _ = world.people
    area = world.add_area("Alpha", "Medium", world.add_area("Alpha", "Power, heat"))
    sprint = world.add_iteration("Alpha", "Sprint 9", "2025-06-01", "2025-06-14")
    scheduling, common = "Microsoft.VSTS.Scheduling.", "Microsoft.VSTS.Common."
    world.clock = 1_750_000_000_000
    values = {
        "System.Tags": "site-a; long lead",
        "System.Description": "<div>As <b>agreed</b>.</div><script>x()</script>",
        "System.Reason": "Acceptance tests pass",
        scheduling + "StoryPoints": 5.0,
        scheduling + "OriginalEstimate": 8.0,
        scheduling + "RemainingWork": 0.0,
        scheduling + "CompletedWork": 7.5,
        scheduling + "StartDate": "2025-06-01T22:00:00Z",
        scheduling + "FinishDate": "2025-06-29T22:00:00Z",
        scheduling + "TargetDate": "2025-07-30T22:00:00Z",
        common + "ActivatedDate": "2025-06-02T23:30:00Z",
        common + "ClosedDate": "2025-07-01T21:30:00.5Z",
        "Microsoft.VSTS.CMMI.Blocked": "Yes",
    }
    item = azure_devops.add_item(
        "Alpha", "Replace\n  switchgear", kind="User Story", state="Closed", area=area, iteration=sprint,
        assignee=mia, reporter=ana, parent=2, **values,
    )  # fmt: skip
    found = await mapped(azure_devops, rules, timezone="Europe/Berlin")
    (row,) = found["work_item", str(item.id)].rows
    assert found["work_item", str(item.id)].problems == []
    assert row.values == {
        "key": str(item.id),
        "title": "Replace switchgear",
        "description": "As agreed.",
        "url": f"{azure_devops.url}/_workitems/edit/{item.id}",
        "project_id": f"project:{world.project('Alpha').id}",
        "parent_id": "work_item:2",
        "type": "story",
        "type_source": "User Story",
        "status": "done",
        "status_source": "Closed",
        "is_blocked": True,
        "priority": "2",
        "assignee_id": f"user:{mia['id']}",
        "reporter_id": f"user:{ana['id']}",
        "iteration_id": f"iteration:{sprint.identifier}",
        "labels": ["site-a", "long lead"],
        "components": ["Power, heat\\Medium"],
        "start_planned_on": "2025-06-02",
        "start_actual_on": "2025-06-03",
        "due_on": "2025-07-31",
        "finish_planned_on": "2025-06-30",
        "finish_actual_on": "2025-07-01",
        "estimate_hours": 8,
        "spent_hours": 7.5,
        "remaining_hours": 0,
        "points": 5,
        "resolution": "Acceptance tests pass",
        "resolved_at": "2025-07-01T21:30:00.5+00:00",
        "created_at": row.values["created_at"],
        "updated_at": row.values["updated_at"],
    }


@pytest.mark.parametrize("reason", ["Cut", "Obsolete", "Duplicate", "Deferred", "Rejected"])
async def test_an_item_closed_for_a_reason_that_drops_it_is_cancelled_and_not_finished(
    azure_devops: FakeAzureDevOps, rules: MappingSet, reason: str
) -> None:
    fill(azure_devops.world, {"Alpha": 1})
    ended = {"Microsoft.VSTS.Common.ClosedDate": "2025-07-01T21:30:00Z"}
    item = azure_devops.add_item("Alpha", kind="Task", state="Closed", **ended, **{"System.Reason": reason})
    other = azure_devops.add_item(
        "Alpha", kind="Task", state="Closed", **ended, **{"System.Reason": "Our own words"}
    )
    found = await mapped(azure_devops, rules)
    said = found["work_item", str(item.id)].rows[0].values
    assert (said["status"], said.get("finish_actual_on"), said["resolution"]) == ("cancelled", None, reason)
    assert found["work_item", str(item.id)].problems == found["work_item", str(other.id)].problems == []
    said = found["work_item", str(other.id)].rows[0].values
    assert (said["status"], "finish_actual_on" in said) == ("done", True)


@pytest.mark.parametrize(
    ("process", "kind", "field"),
    [
        ("Agile", "User Story", "StoryPoints"),
        ("Scrum", "Product Backlog Item", "Effort"),
        ("CMMI", "Requirement", "Size"),
        ("Basic", "Issue", "Effort"),
        ("Acme Agile", "User Story", "StoryPoints"),
    ],
)
async def test_points_come_from_the_field_of_the_process(
    boards: FakeAzureDevOps, rules: MappingSet, process: str, kind: str, field: str
) -> None:
    boards.world.add_project("Alpha", process)
    values = {"Microsoft.VSTS.Scheduling." + field: 8.0}
    boards.add_item("Alpha", kind=kind, **values)
    found = await mapped(boards, rules)
    assert found["work_item", "1"].rows[0].values["points"] == 8
    assert found["work_item", "1"].rows[0].values["type"] == "story"


async def test_dependencies_and_the_hierarchy_cross_projects(
    boards: FakeAzureDevOps, rules: MappingSet
) -> None:
    fill(boards.world, {"Alpha": 2, "Beta": 2})
    boards.link(1, 2, HIERARCHY)
    boards.link(1, 4)
    boards.link(3, 2, RELATED)
    found = await mapped(boards, rules)
    assert found["work_item", "2"].rows[0].values["parent_id"] == "work_item:1"
    assert found["link", f"{DEPENDENCY}:1:4"].rows[0].values == {
        "kind": "FS",
        "kind_source": DEPENDENCY,
        "from_work_item_id": "work_item:1",
        "to_work_item_id": "work_item:4",
    }
    assert found["link", f"{RELATED}:2:3"].rows[0].values["kind"] == "relates"


async def test_types_beside_the_backlogs_stand_in_the_control_logs(
    boards: FakeAzureDevOps, rules: MappingSet
) -> None:
    world = boards.world
    for name, process in (("A", "Agile"), ("S", "Scrum"), ("C", "CMMI"), ("B", "Basic")):
        world.add_project(name, process)
    for project, kind in (
        ("A", "Issue"),
        ("S", "Impediment"),
        ("C", "Risk"),
        ("C", "Change Request"),
        ("B", "Issue"),
    ):
        boards.add_item(project, kind=kind)
    found = await mapped(boards, rules)
    entities = [[row.entity for row in found["work_item", str(number)].rows] for number in range(1, 6)]
    assert entities == [
        ["work_item", "issue"],
        ["work_item", "issue"],
        ["work_item", "risk"],
        ["work_item", "change_request"],
        ["work_item"],
    ]
    assert found["work_item", "3"].rows[1].values["status"] == "draft"


async def test_custom_fields_are_mapped_by_the_names_people_know(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    boards.edit(
        1, **{"Custom.BusinessCase": "B", "Custom.GoLive": "2026-07-30T22:00:00Z", "Custom.CostCentre": 4711}
    )
    own = """
source: azure_devops
rules:
  - stream: work_item
    into: work_item
    fields:
      due_on: {from: 'custom."Go live"', as: date}
      custom:
        Business case: {from: 'custom."Business Case"', as: text}
        Cost centre: {from: 'custom."Cost Centre"', as: integer}
"""
    async with azure_devops_adapter(boards) as adapter:
        aliases = await adapter.aliases()
    shipped = (Path(mapping.load.__file__).parent / "builtin" / "azure_devops.yaml").read_text("utf-8")
    texts = [("azure_devops.yaml", shipped), ("own.yaml", own)]
    found = await mapped(boards, parse_mapping("azure_devops", texts, ENTITIES, aliases))
    values = found["work_item", "1"].rows[0].values
    assert values["due_on"] == "2026-07-31"
    assert values["custom"] == {"Business case": "B", "Cost centre": 4711}


async def test_an_unknown_state_or_type_is_a_finding_and_leaves_the_field_empty(
    boards: FakeAzureDevOps, rules: MappingSet
) -> None:
    fill(boards.world, {"Alpha": 2})
    boards.edit(1, **{"System.State": "In der Schwebe"})
    boards.edit(2, **{"System.WorkItemType": "Kostenstelle"})
    found = await mapped(boards, rules)
    one, two = found["work_item", "1"], found["work_item", "2"]
    assert "status" not in one.rows[0].values
    assert one.rows[0].values["status_source"] == "In der Schwebe"
    assert "In der Schwebe" in str(one.problems[0][0])
    assert "type" not in two.rows[0].values
    assert "Kostenstelle" in str(two.problems[0][0])


async def test_days_of_the_control_logs_are_those_of_where_people_work(
    azure_devops: FakeAzureDevOps, rules: MappingSet
) -> None:
    world = azure_devops.world
    world.add_project("Alpha")
    world.add_project("Cmmi", "CMMI")
    night = {
        "System.CreatedDate": "2025-06-03T22:30:00Z",
        "Microsoft.VSTS.Common.ClosedDate": "2025-06-03T22:45:00Z",
    }
    made = [
        (home, kind, azure_devops.add_item(home, kind, kind=kind, state="Closed", **night))
        for home, kind in (
            ("Alpha", "Issue"),
            ("Cmmi", "Issue"),
            ("Cmmi", "Risk"),
            ("Cmmi", "Change Request"),
        )
    ]
    found = await mapped(azure_devops, rules, timezone="Europe/Berlin")
    for home, kind, item in made:
        log = found["work_item", str(item.id)].rows[1]
        ended = "decided_on" if log.entity == "change_request" else "closed_on"
        assert (log.values["raised_on"], log.values[ended]) == ("2025-06-04", "2025-06-04"), (home, kind)
