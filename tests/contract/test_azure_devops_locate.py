"""Why a record is missing: each reason told apart from the others."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Presence
from adapters.errors import SourceMisbehaved
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import fill
from tests.fakes.azure_devops.world import DEPENDENCY, RELATED
from tests.fix_sources import azure_devops_adapter, read_pages, records_of


async def known_of(
    fake: FakeAzureDevOps, stream: str = "work_item", partition: str = "work_items"
) -> dict[str, Any]:
    """What a complete read stored, by id."""
    async with azure_devops_adapter(fake) as adapter:
        pages = await read_pages(adapter, partition)
    return {name: record.data for name, record in records_of(pages, stream).items() if not record.deleted}


async def test_every_reason_for_a_missing_work_item_is_told_apart(azure_devops: FakeAzureDevOps) -> None:
    world = azure_devops.world
    fill(world, {"Alpha": 6, "Beta": 2, "Gone": 2, "Hidden": 2})
    secret, empty = world.add_area("Alpha", "Secret"), world.add_area("Alpha", "Empty")
    inside = [str(azure_devops.add_item("Alpha", "Classified", area=secret).id) for _ in range(2)]
    alone = str(azure_devops.add_item("Alpha", "Alone", area=empty).id)
    known = await known_of(azure_devops)
    number = {item.fields["System.Title"]: str(item.id) for item in world.items.values()}
    azure_devops.delete(number["Item 0 of Alpha"])
    world.destroy(number["Item 1 of Alpha"])
    azure_devops.move(number["Item 2 of Alpha"], "Beta")
    azure_devops.edit(number["Item 3 of Alpha"], **{"System.WorkItemType": "Code Review Request"})
    world.hide_area(secret)
    world.destroy(alone)
    world.hide_project("Hidden")
    world.project("Gone").state = "deleted"
    async with azure_devops_adapter(azure_devops, select={"projects": ["Alpha"]}) as adapter:
        found = await adapter.locate("work_item", [*known, "424242"], known)
    assert {title: found.get(own) for title, own in number.items() if own not in (*inside, alone)} == {
        "Item 0 of Alpha": Presence.DELETED,
        "Item 1 of Alpha": Presence.DELETED,
        "Item 2 of Alpha": Presence.MOVED,
        "Item 3 of Alpha": Presence.OUT_OF_SCOPE,
        "Item 4 of Alpha": Presence.PRESENT,
        "Item 5 of Alpha": Presence.PRESENT,
        "Item 0 of Beta": Presence.OUT_OF_SCOPE,
        "Item 1 of Beta": Presence.OUT_OF_SCOPE,
        "Item 0 of Gone": Presence.DELETED,
        "Item 1 of Gone": Presence.DELETED,
        "Item 0 of Hidden": Presence.LOST_ACCESS,
        "Item 1 of Hidden": Presence.LOST_ACCESS,
    }
    assert {found[own] for own in inside} == {Presence.LOST_ACCESS}
    # Destroyed, yet nobody can tell that from hidden: the claim that is easier to take back.
    assert found[alone] is Presence.LOST_ACCESS
    assert "424242" not in found


async def test_without_the_recycle_bin_the_neighbours_of_an_item_tell(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 3})
    known = await known_of(boards)
    boards.delete(1)
    boards.faults.no_recycle_bin = True
    async with azure_devops_adapter(boards) as adapter:
        assert any("Delete and restore" in warning for warning in (await adapter.check()).warnings)
        assert await adapter.locate("work_item", ["1"], known) == {"1": Presence.DELETED}


async def test_a_thousand_missing_items_are_asked_for_in_chunks(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1000}, step_ms=10)
    known = await known_of(boards)
    gone = [name for name in known if int(name) % 3 == 0]
    for name in gone:
        boards.delete(name)
    boards.log.clear()
    async with azure_devops_adapter(boards) as adapter:
        found = await adapter.locate("work_item", list(known), known)
    assert {name for name, presence in found.items() if presence is Presence.DELETED} == set(gone)
    assert len(found) == len(known)
    assert len(boards.log) < 20


async def test_projects_and_iterations_are_located_too(boards: FakeAzureDevOps) -> None:
    world = boards.world
    fill(world, {"Alpha": 1, "Beta": 1, "Gone": 1, "Hidden": 1})
    nodes = [
        world.add_iteration("Alpha", "One"),
        world.add_iteration("Alpha", "Two"),
        world.add_iteration("Hidden", "X"),
    ]
    known = await known_of(boards, "iteration", "iterations")
    world.hide_project("Hidden")
    world.project("Gone").state = "deleted"
    world.project("Alpha").iteration.children.remove(nodes[0])
    numbers = {project.name: own for own, project in world.projects.items()}
    async with azure_devops_adapter(boards, select={"projects": ["Alpha"]}) as adapter:
        found = await adapter.locate("project", list(numbers.values()), {})
        assert {name: found[own] for name, own in numbers.items()} == {
            "Alpha": Presence.PRESENT,
            "Beta": Presence.OUT_OF_SCOPE,
            "Gone": Presence.DELETED,
            "Hidden": Presence.LOST_ACCESS,
        }
        found = await adapter.locate("iteration", [node.identifier for node in nodes], known)
        assert [found[node.identifier] for node in nodes] == [
            Presence.DELETED,
            Presence.PRESENT,
            Presence.LOST_ACCESS,
        ]


async def test_iterations_that_are_not_found_take_none_away(boards: FakeAzureDevOps) -> None:
    """Neither from the register nor from the work items that are planned in them."""
    fill(boards.world, {"Alpha": 1})
    sprint = boards.world.add_iteration("Alpha", "Sprint 1", "2026-11-16", "2026-11-29")
    boards.add_item("Alpha", "Planned", iteration=sprint)
    known = await known_of(boards, "iteration", "iterations")
    assert sprint.identifier in known
    boards.faults.no_trees = True
    for name in ("iterations", "work_items"):
        async with azure_devops_adapter(boards) as adapter:
            with pytest.raises(SourceMisbehaved, match=r"areas and iterations of project .* are not there"):
                await read_pages(adapter, name)
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(SourceMisbehaved, match="not there"):
            await adapter.locate("iteration", [sprint.identifier], known)


async def test_capacity_is_deleted_where_the_team_shows_that_it_is_gone(boards: FakeAzureDevOps) -> None:
    world = boards.world
    fill(world, {"Alpha": 1})
    sprint = world.add_iteration("Alpha", "Sprint 1", "2026-11-16", "2026-11-29")
    mia = world.people[0]
    names = ("Here", "Cleared", "Left the sprint", "Dissolved", "Forbidden", "Not found")
    teams = {name: world.add_team("Alpha", name, [mia], [sprint]) for name in names}
    for team in teams.values():
        world.set_capacity(team, sprint, mia, {"Development": 6})
    known = await known_of(boards, "capacity", "capacity")
    teams["Cleared"].capacity.clear()
    teams["Left the sprint"].iterations.clear()
    world.project("Alpha").teams.remove(teams["Dissolved"])
    teams["Forbidden"].refuses, teams["Not found"].refuses = 403, 404
    async with azure_devops_adapter(boards) as adapter:
        found = await adapter.locate("capacity", list(known), known)
    assert {name: found[f"{team.id}:{sprint.identifier}"] for name, team in teams.items()} == {
        "Here": Presence.PRESENT,
        "Cleared": Presence.DELETED,
        "Left the sprint": Presence.DELETED,
        "Dissolved": Presence.DELETED,
        "Forbidden": Presence.LOST_ACCESS,
        "Not found": Presence.LOST_ACCESS,
    }


async def test_links_are_looked_for_at_both_of_their_ends(boards: FakeAzureDevOps) -> None:
    world = boards.world
    fill(world, {"Alpha": 4})
    fill(world, {"Hidden": 2})
    world.link(1, 2)
    world.link(4, 3, RELATED)
    world.link(1, 3)
    world.unlink(1, 3)
    world.link(5, 6)
    world.link(1, 5)
    world.hide_project("Hidden")
    names = [f"{DEPENDENCY}:{ends}" for ends in ("1:2", "1:3", "5:6", "1:5")]
    async with azure_devops_adapter(boards) as adapter:
        found = await adapter.locate("link", [*names, f"{RELATED}:3:4"], {})
    assert [found[name] for name in names] == [
        Presence.PRESENT,
        Presence.DELETED,
        Presence.LOST_ACCESS,
        Presence.LOST_ACCESS,
    ]
    assert found[f"{RELATED}:3:4"] is Presence.PRESENT


async def test_people_are_never_reported_as_gone(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    async with azure_devops_adapter(boards) as adapter:
        assert await adapter.locate("user", ["nobody", boards.world.people[0]["id"]], {}) == {}
