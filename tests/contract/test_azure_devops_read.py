"""Reading an Azure DevOps: what arrives, in full and as changes, going on after a stop, edits made meanwhile."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.base import Hint, Presence
from adapters.errors import CursorExpired, SourceMisbehaved, SourceRefused
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import PEOPLE, believable, fill
from tests.fakes.azure_devops.hostile import STRANGE, add_hostile
from tests.fakes.azure_devops.world import DEPENDENCY, DUPLICATE, HIERARCHY, RELATED
from tests.fix_sources import azure_devops_adapter, read_pages, records_of


def items_of(pages: list[Any]) -> dict[str, Any]:
    return records_of(pages, "work_item")


def everything(fake: FakeAzureDevOps) -> set[str]:
    return {str(item.id) for item in fake.world.readable_items()}


@pytest.fixture(params=["feed", "query"])
def way(request: pytest.FixtureRequest, azure_devops: FakeAzureDevOps) -> str:
    """Both ways of reading, over both kinds of Azure DevOps."""
    if request.param == "query":
        azure_devops.faults.no_feed = 404
    return str(request.param)


async def test_check_says_who_we_are_and_which_product(azure_devops: FakeAzureDevOps) -> None:
    fill(azure_devops.world, {"Alpha": 1})
    async with azure_devops_adapter(azure_devops) as adapter:
        identity = await adapter.check()
    server = azure_devops.state.server
    assert identity.account == "PMO reader"
    assert (
        identity.product == f"Azure DevOps {'Server, interface 7.0' if server else 'Services, interface 7.1'}"
    )
    assert identity.warnings == ()


@pytest.mark.parametrize("newest", ["5.0", "5.1", "6.0", "7.0"])
async def test_an_older_server_is_spoken_to_in_its_own_version(newest: str) -> None:
    with FakeAzureDevOps(server=True, newest=newest) as fake:
        fill(fake.world, {"Alpha": 3})
        async with azure_devops_adapter(fake) as adapter:
            assert (await adapter.check()).product.endswith(newest)
            assert set(items_of(await read_pages(adapter, "work_items"))) == everything(fake)
        refused = [call for call in fake.log if call.status == 400]
        assert {call.path.rpartition("/")[2] for call in refused} == {"projects"}
        assert len(refused) <= 4


async def test_what_others_refer_to_comes_first(azure_devops: FakeAzureDevOps) -> None:
    fill(azure_devops.world, {"Alpha": 1, "Beta": 1})
    async with azure_devops_adapter(azure_devops) as adapter:
        whole = await adapter.partitions()
    assert [(p.name, p.first) for p in whole] == [
        ("users", True),
        ("projects", True),
        ("iterations", True),
        ("work_items", False),
        ("links", False),
        ("capacity", False),
    ]
    async with azure_devops_adapter(azure_devops, select={"projects": ["beta"]}, capacity=False) as adapter:
        names = [p.name for p in await adapter.partitions()]
        number = azure_devops.world.project("Beta").id
        assert names == ["users", "projects", "iterations", f"work_items:{number}", f"links:{number}"]
        found = items_of(await read_pages(adapter, f"work_items:{number}"))
    assert {record.data["fields"]["System.TeamProject"] for record in found.values()} == {"Beta"}


async def test_every_work_item_comes_once_with_its_latest_revision(
    azure_devops: FakeAzureDevOps, way: str
) -> None:
    fill(azure_devops.world, {"Alpha": 25, "Beta": 15})
    for _ in range(3):
        azure_devops.edit(7, **{"System.Title": "Renamed"})
    azure_devops.delete(9)
    azure_devops.add_item("Alpha", "A review of code", kind="Code Review Request")
    async with azure_devops_adapter(azure_devops, page_size=10) as adapter:
        pages = await read_pages(adapter, "work_items")
    found = items_of(pages)
    assert {name for name, record in found.items() if not record.deleted} == everything(azure_devops)
    assert found["7"].data["rev"] == 4
    assert found["7"].data["fields"]["System.Title"] == "Renamed"
    assert ("9" in found) == (way == "feed")
    assert pages[-1].cursor is not None
    assert all(page.cursor is not None for page in pages)


async def test_the_payload_is_what_was_sent_with_our_findings_behind_it(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    boards.state.wire.keep_answers = True
    async with azure_devops_adapter(boards) as adapter:
        (record,) = items_of(await read_pages(adapter, "work_items")).values()
    sent = next(
        call.answer
        for call in reversed(boards.log)
        if "workitemrevisions" in call.path and b"Item 0" in call.answer
    )
    head, _, tail = record.payload.partition(b',"portbook":')
    assert head in sent
    assert tail
    assert "Item 0 of Alpha" in record.data["fields"]["System.Title"]


async def test_a_second_read_brings_exactly_what_changed(azure_devops: FakeAzureDevOps, way: str) -> None:
    fill(azure_devops.world, {"Alpha": 30, "Beta": 5})
    async with azure_devops_adapter(azure_devops, page_size=10) as adapter:
        cursor = (await read_pages(adapter, "work_items"))[-1].cursor
    azure_devops.edit(7, **{"System.Title": "Changed"})
    azure_devops.edit(8, **{"Microsoft.VSTS.Common.Priority": None})
    azure_devops.move(9, "Beta")
    new = azure_devops.add_item("Alpha", "New")
    async with azure_devops_adapter(azure_devops, page_size=10) as adapter:
        pages = await read_pages(adapter, "work_items", cursor, full=False)
        beta = azure_devops.world.project("Beta").id
        again = await read_pages(adapter, "work_items", pages[-1].cursor, full=False)
    found = items_of(pages)
    assert {"7", "8", "9", str(new.id)} <= set(found)
    # By query the minutes before the last change come again.
    assert way == "query" or set(found) == {"7", "8", "9", str(new.id)}
    assert "Microsoft.VSTS.Common.Priority" not in found["8"].data["fields"]
    assert found["9"].data["portbook"]["project"] == beta
    assert way == "query" or items_of(again) == {}


async def test_deletions_and_restorations_are_told_by_the_feed(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 5})
    async with azure_devops_adapter(boards) as adapter:
        cursor = (await read_pages(adapter, "work_items"))[-1].cursor
        boards.delete(2)
        pages = await read_pages(adapter, "work_items", cursor, full=False)
        assert [(r.id, r.deleted) for r in items_of(pages).values()] == [("2", True)]
        boards.world.restore(2)
        pages = await read_pages(adapter, "work_items", pages[-1].cursor, full=False)
        assert [(r.id, r.deleted) for r in items_of(pages).values()] == [("2", False)]


async def test_a_change_dated_into_the_past_is_met_by_the_feed(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 5})
    async with azure_devops_adapter(boards) as adapter:
        cursor = (await read_pages(adapter, "work_items"))[-1].cursor
        boards.edit(2, changed=1_000_000_000_000, **{"System.Title": "Imported"})
        assert set(items_of(await read_pages(adapter, "work_items", cursor, full=False))) == {"2"}


async def test_a_read_goes_on_behind_any_page(azure_devops: FakeAzureDevOps, way: str) -> None:
    fill(azure_devops.world, {"Alpha": 23})
    async with azure_devops_adapter(azure_devops, page_size=5) as adapter:
        whole = await read_pages(adapter, "work_items")
    for stop in range(1, len(whole)):
        async with azure_devops_adapter(azure_devops, page_size=5) as adapter:
            first = await read_pages(adapter, "work_items", stop_after=stop)
        async with azure_devops_adapter(azure_devops, page_size=5) as adapter:
            rest = await read_pages(adapter, "work_items", first[-1].cursor)
        assert set(items_of(first)) | set(items_of(rest)) == everything(azure_devops)
        assert len(items_of(rest)) <= 23 - 5 * (stop - 1), "it began again"
        assert rest[-1].cursor.keys() == whole[-1].cursor.keys()  # type: ignore[union-attr]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 30), st.sampled_from("edm")), max_size=12))
async def test_edits_made_during_a_read_hide_nothing(edits: list[tuple[int, int, str]]) -> None:
    with FakeAzureDevOps() as fake:
        fill(fake.world, {"Alpha": 30, "Beta": 1})

        def disturb(number: int) -> None:
            for when, item, what in edits:
                if when + 1 == number:
                    if what == "e":
                        fake.edit(item, **{"System.Title": f"Edited at {number}"})
                    elif what == "d":
                        fake.delete(item)
                    else:
                        fake.move(item, "Beta")

        fake.faults.on_feed = disturb
        async with azure_devops_adapter(fake, page_size=6) as adapter:
            pages = await read_pages(adapter, "work_items")
            fake.faults.on_feed = None
            pages += await read_pages(adapter, "work_items", pages[-1].cursor, full=False)
        found = items_of(pages)
        assert {name for name, record in found.items() if not record.deleted} == everything(fake)
        for name, record in found.items():
            if not record.deleted:
                assert record.data["fields"]["System.Title"] == fake.world.item(name).fields["System.Title"]
                assert record.data["portbook"]["project"] == fake.world.item(name).project


async def test_one_request_tells_that_nothing_changed(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 30, "Beta": 30})
    async with azure_devops_adapter(boards) as adapter:
        cursor = (await read_pages(adapter, "work_items"))[-1].cursor
    async with azure_devops_adapter(boards) as adapter:
        (partition,) = [p for p in await adapter.partitions() if p.name == "work_items"]
        boards.log.clear()
        async for page in adapter.read(partition, cursor, full=False):
            assert page.records == []
        assert len([call for call in boards.log if "reporting" in call.path]) == 1


@pytest.mark.parametrize("shape", ["", "nested_links", "no_token_in_links_body", "latest_links_only"])
async def test_links_that_came_and_went_are_told_as_they_are_now(boards: FakeAzureDevOps, shape: str) -> None:
    if shape:
        setattr(boards.faults, shape, True)
    fill(boards.world, {"Alpha": 6, "Beta": 2})
    world = boards.world
    world.link(1, 2)
    world.link(3, 8, RELATED)
    world.link(4, 5, DUPLICATE)
    world.link(1, 6, HIERARCHY)
    world.unlink(3, 8, RELATED)
    for _ in range(2):
        world.unlink(1, 2)
        world.link(1, 2)
    boards.faults.batch_limit = 2
    async with azure_devops_adapter(boards) as adapter:
        pages = await read_pages(adapter, "links")
        found = records_of(pages, "link")
        assert {
            name: (r.data["portbook"]["from"], r.data["portbook"]["to"]) for name, r in found.items()
        } == {
            f"{DEPENDENCY}:1:2": ("1", "2"),
            # The one that doubles comes first, as the register has it.
            f"{DUPLICATE}:4:5": ("5", "4"),
        }
        assert all(not record.deleted for record in found.values())
        world.unlink(4, 5, DUPLICATE, quietly=True)
        world.link(2, 8, DEPENDENCY, quietly=True)
        pages = await read_pages(adapter, "links", pages[-1].cursor, full=False)
        changes = records_of(pages, "link")
        assert {name: record.deleted for name, record in changes.items()} == {
            f"{DUPLICATE}:4:5": True,
            f"{DEPENDENCY}:2:8": False,
        }
        assert records_of(await read_pages(adapter, "links", pages[-1].cursor, full=False), "link") == {}


async def test_links_are_the_same_whether_fed_or_read_with_the_items(boards: FakeAzureDevOps) -> None:
    with FakeAzureDevOps(believable()) as fake:
        async with azure_devops_adapter(fake) as adapter:
            fed = records_of(await read_pages(adapter, "links"), "link")
        fake.faults.no_links_feed = 404
        async with azure_devops_adapter(fake) as adapter:
            assert "links" not in [p.name for p in await adapter.partitions()]
            asked = records_of(await read_pages(adapter, "work_items"), "link")
    told = [{name: record.data["portbook"] for name, record in found.items()} for found in (fed, asked)]
    assert told[0] == told[1]
    assert len(fed) == sum(count for rel, count in fake.totals()["links"].items() if rel != HIERARCHY)


async def test_single_work_items_are_read_again_as_a_whole_read_would(azure_devops: FakeAzureDevOps) -> None:
    fill(azure_devops.world, {"Alpha": 5, "Beta": 3})
    azure_devops.link(1, 3, HIERARCHY)
    azure_devops.link(5, 3, RELATED)
    azure_devops.delete(4)
    hints = [Hint("work_item", name) for name in ("3", "4", "2", "999", "", "x")]
    async with azure_devops_adapter(azure_devops, select={"projects": ["Alpha"]}) as adapter:
        (page,) = [page async for page in adapter.reread([*hints, Hint("project", "1")])]
        number = azure_devops.world.project("Alpha").id
        whole = items_of(await read_pages(adapter, f"work_items:{number}"))
        links = records_of(await read_pages(adapter, f"links:{number}"), "link")
    assert page.cursor is None
    # 2 is of another project, 4 in the recycle bin.
    assert set(items_of([page])) == {"3"}
    assert items_of([page])["3"].data["portbook"] == whole["3"].data["portbook"]
    assert {n: r.data["portbook"] for n, r in records_of([page], "link").items()} == {
        n: r.data["portbook"] for n, r in links.items()
    }


@pytest.mark.parametrize("feed_tells", [True, False])
@pytest.mark.parametrize("newest", ["5.0", "7.1"])
async def test_parents_are_found_also_where_the_feed_does_not_tell_them(
    feed_tells: bool, newest: str
) -> None:
    with FakeAzureDevOps(server=newest == "5.0", newest=newest) as fake:
        fill(fake.world, {"Alpha": 6})
        fake.world.link(1, 2, HIERARCHY)
        fake.world.link(1, 3, HIERARCHY)
        fake.faults.no_parents_in_feed = not feed_tells
        if newest == "5.0":
            fake.world.fields = [f for f in fake.world.fields if f["referenceName"] != "System.Parent"]
        async with azure_devops_adapter(fake, page_size=2) as adapter:
            found = items_of(await read_pages(adapter, "work_items"))
        assert {n: r.data["portbook"].get("parent") for n, r in found.items()} == {
            "1": None, "2": "1", "3": "1", "4": None, "5": None, "6": None,
        }  # fmt: skip


@pytest.mark.parametrize("form", ["", "names_in_feed", "descriptive_names"])
async def test_a_person_is_one_however_the_records_write_them(boards: FakeAzureDevOps, form: str) -> None:
    if form:
        setattr(boards.faults, form, True)
    fill(boards.world, {"Alpha": 2})
    mia = boards.world.people[0]
    stranger = boards.world.add_person("Zoë Outside")
    boards.world.add_team("Alpha", "Alpha team", boards.world.people[:3])
    boards.edit(1, **{"System.AssignedTo": mia})
    boards.edit(2, **{"System.AssignedTo": stranger, "Custom.Sponsor": mia})
    async with azure_devops_adapter(boards) as adapter:
        people = records_of(await read_pages(adapter, "users"), "user")
        pages = await read_pages(adapter, "work_items")
    met, found = records_of(pages, "user"), items_of(pages)
    assert people[mia["id"]].data == {
        "id": mia["id"],
        "displayName": "Mia Krystof",
        "uniqueName": "mia.krystof@acme.example",
        "mail": "mia.krystof@acme.example",
    }
    assert found["1"].data["portbook"]["assignee"] == mia["id"]
    assert found["2"].data["portbook"]["people"] == {"Custom.Sponsor": mia["id"]}
    assert found["2"].data["portbook"]["assignee"] == stranger["id"]
    assert stranger["id"] in met
    assert all(name == person.data["id"] and "@" not in name for name, person in met.items())


@pytest.mark.parametrize(
    "odd", [{"id": {"a": 1}}, {"id": ["x"], "displayName": 5}, {"id": None}, ["x"], 5, True]
)
async def test_an_odd_description_of_somebody_spoils_no_neighbour(boards: FakeAzureDevOps, odd: Any) -> None:
    fill(boards.world, {"Alpha": 3})
    fields = {"System.TeamProject": "Alpha", "System.WorkItemType": "Task", "System.AssignedTo": odd}
    item = boards.add_item("Alpha", raw=orjson.dumps(fields))
    async with azure_devops_adapter(boards) as adapter:
        found = items_of(await read_pages(adapter, "work_items"))
    assert set(found) == {"1", "2", "3", str(item.id)}
    assert all(record.error is None for record in found.values())


async def test_iterations_are_known_by_their_guid_through_renames(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    world = boards.world
    release = world.add_iteration("Alpha", "Release 1")
    sprint = world.add_iteration("Alpha", "Sprint 9", "2025-06-01", "2025-06-14", release)
    item = boards.add_item("Alpha", "Planned", iteration=sprint)
    async with azure_devops_adapter(boards) as adapter:
        before = records_of(await read_pages(adapter, "iterations"), "iteration")
        planned = items_of(await read_pages(adapter, "work_items"))
    assert set(before) == {release.identifier, sprint.identifier}
    assert before[sprint.identifier].data["portbook"] == {
        "project": world.project("Alpha").id,
        "path": "Alpha\\Release 1\\Sprint 9",
        "start_on": "2025-06-01",
        "finish_on": "2025-06-14",
        "state": "past",
    }
    assert "state" not in before[release.identifier].data["portbook"]
    assert planned[str(item.id)].data["portbook"]["iteration"] == sprint.identifier
    assert "iteration" not in planned["1"].data["portbook"]
    release.name = "Release One"
    async with azure_devops_adapter(boards) as adapter:
        after = records_of(await read_pages(adapter, "iterations"), "iteration")
        again = items_of(await read_pages(adapter, "work_items"))
    assert after[sprint.identifier].data["portbook"]["path"] == "Alpha\\Release One\\Sprint 9"
    assert again[str(item.id)].data["portbook"]["iteration"] == sprint.identifier


@pytest.mark.parametrize("way", ["feed", "query", "told"])
@pytest.mark.parametrize("told", ["by number", "by path"])
async def test_an_iteration_is_known_however_its_work_items_are_read(
    boards: FakeAzureDevOps, way: str, told: str
) -> None:
    boards.faults.no_node_ids_in_feed = told == "by path"
    boards.faults.no_feed = 404 if way == "query" else 0
    boards.world.add_project("Alpha")
    sprint = boards.world.add_iteration("Alpha", "Sprint 9")
    planned, unplanned = (
        boards.add_item("Alpha", "Planned", iteration=sprint),
        boards.add_item("Alpha", "Later"),
    )
    async with azure_devops_adapter(boards) as adapter:
        if way == "told":
            hints = [Hint("work_item", str(item.id)) for item in (planned, unplanned)]
            found = items_of([page async for page in adapter.reread(hints)])
        else:
            found = items_of(await read_pages(adapter, "work_items"))
    assert found[str(planned.id)].data["portbook"]["iteration"] == sprint.identifier
    assert "iteration" not in found[str(unplanned.id)].data["portbook"]
    assert sum("classificationnodes" in call.path for call in boards.log) == 1


async def test_an_iteration_and_a_project_made_during_the_run_are_known(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 4})
    async with azure_devops_adapter(boards) as adapter:
        await read_pages(adapter, "iterations")
        sprint = boards.world.add_iteration("Alpha", "Sprint 1")
        boards.world.add_project("Late")
        one = boards.add_item("Alpha", "Planned", iteration=sprint)
        two = boards.add_item("Late", "First")
        found = items_of(await read_pages(adapter, "work_items"))
    assert found[str(one.id)].data["portbook"]["iteration"] == sprint.identifier
    assert found[str(two.id)].data["portbook"]["project"] == boards.world.project("Late").id


async def test_capacity_of_an_older_server_is_read_and_known_to_be_there() -> None:
    """There it is a plain list, without totals."""
    with FakeAzureDevOps(server=True, newest="6.0") as fake:
        world = fake.world
        fill(world, {"Alpha": 1})
        sprint = world.add_iteration("Alpha", "Sprint 1", "2026-11-16", "2026-11-20")
        team = world.add_team("Alpha", "Core", [world.people[0]], [sprint])
        world.set_capacity(team, sprint, world.people[0], {"Development": 6})
        async with azure_devops_adapter(fake) as adapter:
            known = records_of(await read_pages(adapter, "capacity"), "capacity")
            ((own, record),) = known.items()
            assert [row["hours"] for row in record.data["portbook"]["rows"]] == [30]
            assert await adapter.locate("capacity", [own], {own: record.data}) == {own: Presence.PRESENT}


async def test_capacity_counts_working_days_without_days_off(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    world = boards.world
    sprint = world.add_iteration("Alpha", "Sprint 1", "2026-11-16", "2026-11-29")
    empty = world.add_iteration("Alpha", "Sprint 2", "2026-11-30", "2026-12-13")
    undated = world.add_iteration("Alpha", "Later")
    mia, ana, _ = world.people
    team = world.add_team("Alpha", "Alpha team", [mia, ana], [sprint, empty, undated])
    team.days_off[sprint.identifier] = [("2026-11-27", "2026-11-28")]
    world.set_capacity(team, sprint, mia, {"Development": 6, "Testing": 1.5}, [("2026-11-18", "2026-11-19")])
    world.set_capacity(team, sprint, ana, {"": 8})
    world.set_capacity(team, undated, ana, {"Design": 8})
    async with azure_devops_adapter(boards) as adapter:
        pages = await read_pages(adapter, "capacity")
        (record,) = records_of(pages, "capacity").values()
        rows = {(row["person"], row.get("role", "")): row["hours"] for row in record.data["portbook"]["rows"]}
        # Ten working days, less one of the team, less two of Mia's.
        assert rows == {
            (mia["id"], "Development"): 42,
            (mia["id"], "Testing"): 10.5,
            (ana["id"], ""): 72,
        }
        assert len({row["id"] for row in record.data["portbook"]["rows"]}) == 3
        boards.log.clear()
        assert (
            records_of(await read_pages(adapter, "capacity", pages[-1].cursor, full=False), "capacity") == {}
        )
        assert not [call for call in boards.log if "teamsettings" in call.path], "asked again within the hour"


async def test_somebody_with_hours_in_no_team_is_a_person_too(boards: FakeAzureDevOps) -> None:
    world = boards.world
    fill(world, {"Alpha": 1})
    sprint = world.add_iteration("Alpha", "Sprint 1", "2026-11-16", "2026-11-29")
    left = world.add_person("Zoë Outside")
    team = world.add_team("Alpha", "Alpha team", [world.people[0]], [sprint])
    world.set_capacity(team, sprint, world.people[0], {"": 8})
    world.set_capacity(team, sprint, left, {"": 8})
    async with azure_devops_adapter(boards) as adapter:
        await read_pages(adapter, "users")
        people = records_of(await read_pages(adapter, "capacity"), "user")
    assert [person.data["displayName"] for person in people.values()] == ["Zoë Outside"]


async def test_capacity_knows_sprints_and_absences_of_more_than_a_year(boards: FakeAzureDevOps) -> None:
    world = boards.world
    fill(world, {"Alpha": 1})
    release = world.add_iteration("Alpha", "Release", "2026-01-01", "2027-06-30")
    sprint = world.add_iteration("Alpha", "Sprint 1", "2026-11-16", "2026-11-29")
    mia, ana, _ = world.people
    team = world.add_team("Alpha", "Alpha team", [mia, ana], [release, sprint])
    world.set_capacity(team, release, mia, {"": 8}, [("2026-01-01", "2026-12-31")])
    world.set_capacity(team, sprint, ana, {"": 8}, [("2025-10-01", "2027-12-31")])
    async with azure_devops_adapter(boards) as adapter:
        found = records_of(await read_pages(adapter, "capacity"), "capacity").values()
    hours = {
        record.data["portbook"]["iteration"]: [row["hours"] for row in record.data["portbook"]["rows"]]
        for record in found
    }
    # The first half of 2027 has 129 days from Monday to Friday.
    assert hours == {release.identifier: [129 * 8], sprint.identifier: [0]}


async def test_discover_shows_every_field_with_samples_and_the_words_of_the_processes() -> None:
    with FakeAzureDevOps(believable()) as fake:
        async with azure_devops_adapter(fake) as adapter:
            streams = {stream.name: stream for stream in await adapter.discover()}
            aliases = await adapter.aliases()
    found = {field.path: field for field in streams["work_item"].fields}
    assert found['fields."Custom.BusinessCase"'].title == "Business Case"
    assert set(found['fields."Custom.BusinessCase"'].samples) == {"A", "B"}
    assert found['fields."System.AssignedTo"'].kind == "identity"
    assert set(found['fields."System.CreatedBy"'].samples) < set(PEOPLE)
    assert "Abnahme (Resolved)" in streams["work_item"].values["state"]
    assert "Initiative" in streams["work_item"].values["type"]
    assert "Code Review Request" not in streams["work_item"].values["type"]
    assert aliases["Business Case"] == 'fields."Custom.BusinessCase"'
    assert aliases["Go live"] == 'portbook.on."Custom.GoLive"'
    assert set(aliases.values()) <= set(found)


async def test_a_name_that_two_custom_fields_share_is_no_alias(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    twin = {**boards.world.fields[-1], "referenceName": "Custom.Other", "name": "Sponsor"}
    boards.world.fields.append(twin)
    async with azure_devops_adapter(boards) as adapter:
        assert set(await adapter.aliases()) == {"Business Case", "Cost Centre", "Go live"}


async def test_hostile_records_arrive_or_are_set_aside_and_their_neighbours_go_on(
    azure_devops: FakeAzureDevOps, way: str
) -> None:
    fill(azure_devops.world, {"O'Brien & Söhne \\ 1": 10})
    made = add_hostile(azure_devops.world, "O'Brien & Söhne \\ 1")
    name = azure_devops.world.project("O'Brien & Söhne \\ 1").id
    async with azure_devops_adapter(azure_devops, select={"projects": ["O'Brien & Söhne \\ 1"]}) as adapter:
        found = items_of(await read_pages(adapter, f"work_items:{name}"))
    assert set(found) == everything(azure_devops)
    broken = {what for what, own in made.items() if found[own].error}
    assert broken == {"nested too deeply", "fields that are no object"}
    assert b"before\\u0000after" in found[made["NUL in text"]].payload
    assert found[made["odd names"]].data["fields"]["System.Title"] == STRANGE
    assert found[made["odd names"]].data["portbook"]["labels"][:2] == ["=cmd()", "a,b"]
    assert found[made["unknown state"]].data["portbook"]["status"] == "In der Schwebe"
    assert found[made["unknown type"]].data["portbook"]["type"] == "Kostenstelle"
    assert found[made["year 0001"]].data["portbook"]["due_on"] == "0001-01-01"
    assert found[made["year 9999"]].data["portbook"]["due_on"] == "9999-12-31"
    assert "due_on" not in found[made["not a date"]].data["portbook"]
    assert found[made["broken UTF-8"]].payload.count(b"\xff\xfe") == 1
    assert len(found[made["5 MB description"]].payload) > 5_000_000


async def test_an_organisation_without_work_items_is_read_as_empty(
    azure_devops: FakeAzureDevOps, way: str
) -> None:
    azure_devops.world.add_project("Alpha")
    async with azure_devops_adapter(azure_devops) as adapter:
        for partition in await adapter.partitions():
            pages = await read_pages(adapter, partition.name)
            assert pages[-1].cursor is not None
            assert partition.name == "projects" or not any(page.records for page in pages)


async def test_an_organisation_without_projects_is_refused_and_not_taken_for_empty(
    azure_devops: FakeAzureDevOps,
) -> None:
    async with azure_devops_adapter(azure_devops) as adapter:
        with pytest.raises(SourceRefused, match="no project at all"):
            await adapter.partitions()


async def test_a_cursor_of_the_other_way_of_reading_is_given_up(azure_devops: FakeAzureDevOps) -> None:
    fill(azure_devops.world, {"Alpha": 3})
    async with azure_devops_adapter(azure_devops) as adapter:
        cursor = (await read_pages(adapter, "work_items"))[-1].cursor
    azure_devops.faults.no_feed = 403
    async with azure_devops_adapter(azure_devops) as adapter:
        assert any("reporting feeds" in warning for warning in (await adapter.check()).warnings)
        with pytest.raises(CursorExpired):
            await read_pages(adapter, "work_items", cursor, full=False)
        assert set(items_of(await read_pages(adapter, "work_items", cursor))) == everything(azure_devops)


async def test_many_projects_are_listed_page_by_page(boards: FakeAzureDevOps) -> None:
    for number in range(230):
        boards.world.add_project(f"Project {number:03d}")
    async with azure_devops_adapter(boards) as adapter:
        assert len(records_of(await read_pages(adapter, "projects"), "project")) == 230


async def test_a_partition_that_is_not_there_misbehaves(boards: FakeAzureDevOps) -> None:
    from adapters.base import Partition

    fill(boards.world, {"Alpha": 1})
    async with azure_devops_adapter(boards) as adapter:
        for name in ("nonsense", "work_items:77"):
            with pytest.raises(SourceMisbehaved):
                async for _ in adapter.read(Partition(name, ("work_item",)), None, full=True):
                    pass
