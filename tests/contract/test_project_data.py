"""Project Server through its reporting feed: pages, changes, faults, sign-in, and what is missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Page, Presence, RawRecord
from adapters.errors import SourceError, SourceMisbehaved, SourceRefused, SourceUnavailable
from adapters.ms_project import MsProjectAdapter, odata, pwa, pwa_links, pwa_records
from tests.fakes.project_server import FakeProjectServer, World, generated
from tests.fix_project import server_adapter

NOW = datetime(2026, 5, 4, 12)


async def pages_of(
    adapter: MsProjectAdapter, name: str, cursor: Any = None, *, full: bool = True
) -> list[Page]:
    (partition,) = [found for found in await adapter.partitions() if found.name == name]
    return [page async for page in adapter.read(partition, cursor, full=full)]


async def everything(fake: FakeProjectServer, **options: Any) -> dict[str, dict[str, RawRecord]]:
    found: dict[str, dict[str, RawRecord]] = {}
    async with server_adapter(fake, **options) as adapter:
        await adapter.check()
        for partition in await adapter.partitions():
            async for page in adapter.read(partition, None, full=True):
                for record in page.records:
                    found.setdefault(record.stream, {})[record.id] = record
    return found


def plans(world: World) -> list[str]:
    return [f"plan:{key[0]}" for key in world.sets["Projects"]]


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("host", ["", "http://pwa-int-01"])
async def test_every_row_arrives_however_pages_are_wrapped_and_linked(
    verbose: bool, skip: bool, host: str
) -> None:
    world = generated(2, 60)
    with FakeProjectServer(world, verbose=verbose, page_size=7) as fake:
        fake.faults.skip_links, fake.faults.internal_host = skip, host
        found = await everything(fake)
    assert {record.data["TaskId"] for record in found["pwa_task"].values()} == {
        key[1] for key in world.sets["Tasks"]
    }
    assert len(found["pwa_assignment"]) == len(world.sets["Assignments"])
    assert len(found["pwa_resource"]) == len(world.sets["Resources"])
    assert len(found["pwa_link"]) == sum(map(len, world.links.values()))


async def test_both_wrappers_say_the_same_of_every_task() -> None:
    world = generated(1, 40)
    seen = []
    for verbose in (False, True):
        with FakeProjectServer(world, verbose=verbose) as fake:
            found = await everything(fake)
        seen.append({own: record.data["portbook"] for own, record in found["pwa_task"].items()})
    assert seen[0] == seen[1]


async def test_records_keep_what_was_sent_in_front_of_our_findings() -> None:
    with FakeProjectServer(generated(1, 5)) as fake:
        fake.wire.keep_answers = True
        found = await everything(fake)
        sent = b"".join(call.answer for call in fake.log if call.path.endswith("/Tasks"))
    for record in found["pwa_task"].values():
        head = record.payload[: record.payload.index(b',"portbook":')]
        assert head in sent
        assert orjson.loads(record.payload) == record.data


async def test_a_link_that_leads_in_a_circle_is_noticed() -> None:
    with FakeProjectServer(generated(1, 60), page_size=10) as fake:
        fake.faults.skip_links = fake.faults.repeat_link = True
        with pytest.raises(SourceMisbehaved, match="do not end"):
            await everything(fake)


async def test_a_plan_that_is_being_filled_anew_concludes_nothing() -> None:
    world = generated(1, 30)
    with FakeProjectServer(world) as fake:
        fake.faults.lost_rows = 3
        async with server_adapter(fake) as adapter:
            with pytest.raises(SourceMisbehaved, match=r"counts 31 tasks .* and lists 28"):
                await pages_of(adapter, plans(world)[0])


@pytest.mark.parametrize("skip", [False, True])
async def test_no_task_is_left_out_when_others_are_deleted_meanwhile(skip: bool) -> None:
    world = generated(1, 60)
    with FakeProjectServer(world, page_size=10) as fake:
        fake.faults.skip_links = skip
        first = sorted(world.sets["Tasks"])[:3]

        def delete(name: str, number: int) -> None:
            if name == "Tasks" and number > 12 and first:
                world.remove("Tasks", first.pop())

        fake.faults.on_page = delete
        async with server_adapter(fake) as adapter:
            pages = await pages_of(adapter, plans(world)[0])
    assert not first
    read = {r.id for page in pages for r in page.records if r.stream == "pwa_task"}
    assert read >= {":".join(key) for key in world.sets["Tasks"]}


@pytest.mark.parametrize("kind", ["Assignments", "TaskBaselines"])
async def test_no_assignment_and_no_baseline_is_left_out_when_others_are_deleted_meanwhile(kind: str) -> None:
    """A server that counts its pages in rows then leaves as many out as went away."""
    world = generated(1, 60)
    for task in list(world.sets["Tasks"].values()):
        if not task.get("TaskIsProjectSummary"):
            world.baseline(task, 0, task["TaskStartDate"], task["TaskFinishDate"], 8, 0)
    with FakeProjectServer(world, page_size=10) as fake:
        fake.faults.skip_links = True
        first, met = sorted(world.sets[kind])[:3], [0]

        def delete(name: str, number: int) -> None:
            met[0] += name == kind
            if name == kind and met[0] > 2 and first:
                world.remove(kind, first.pop())

        fake.faults.on_page = delete
        async with server_adapter(fake) as adapter:
            pages = await pages_of(adapter, plans(world)[0])
    assert not first
    read = {r.id: r for page in pages for r in page.records}
    if kind == "Assignments":
        assert read.keys() >= {f"{key[1]}:{key[0]}" for key in world.sets[kind]}
        given = {r.data["TaskId"] for r in read.values() if r.data["portbook"].get("assignee")}
        assert given >= {row["TaskId"] for row in world.sets[kind].values()}
    else:
        (baseline,) = (r.data["portbook"]["items"] for r in read.values() if r.stream == "pwa_baseline")
        assert baseline.keys() >= {f"{key[0]}:{key[1]}" for key in world.sets[kind]}


@pytest.mark.parametrize("name", ["Projects", "ProjectBaselines", "Resources", "Risks"])
async def test_nothing_of_a_site_is_left_out_when_others_are_deleted_meanwhile(name: str) -> None:
    world = generated(5, 10)
    for project in list(world.sets["Projects"].values()):
        world.project_baseline(project, NOW, NOW)
        for n in range(2):
            world.log("Risks", project, f"Risk {n}")
    with FakeProjectServer(world, page_size=2) as fake:
        fake.faults.skip_links = True
        first, asked = min(world.sets[name], key=lambda key: key[::-1]), [0]

        def delete(other: str, number: int) -> None:
            """Before the second page of the first list of them."""
            asked[0] += other == name
            # Of projects there is one before: does the site answer?
            if other == name and asked[0] == (3 if name == "Projects" else 2):
                world.remove(name, first)

        fake.faults.on_page = delete
        found = await everything(fake, links=False)
    assert asked[0] > 2
    projects = {own for (own,) in world.sets["Projects"]}
    assert projects <= set(found["pwa_project"])
    assert projects <= {own.partition(":")[0] for own in found["pwa_task"]}
    dated = {r.id for r in found["pwa_project"].values() if r.data["portbook"].get("start_baseline_on")}
    assert {key[0] for key in world.sets["ProjectBaselines"]} & projects <= dated
    assert {own for (own,) in world.sets["Resources"]} <= set(found["pwa_resource"])
    people = {
        r.data["ResourceId"] for r in found["pwa_assignment"].values() if r.data["portbook"].get("person")
    }
    assert people == {row["ResourceId"] for row in world.sets["Assignments"].values()}
    assert {":".join(key) for key in world.sets["Risks"] if key[0] in projects} <= set(found["pwa_risk"])


def test_a_relative_link_to_a_next_page_keeps_the_language_that_was_asked_for() -> None:
    """It is relative to the service, and the language is a part of its address: `Cost` is `Kosten` in another."""
    path = "_api/ProjectData/[en-US]/Resources?$orderby=ResourceId"
    assert odata.next_path("https://a.example/pwa", path, "Resources?$skiptoken=7") == (
        "_api/ProjectData/[en-US]/Resources?$skiptoken=7"
    )
    whole = "http://pwa-int-01/pwa/_api/ProjectData/[en-US]/Resources?$skiptoken=7"
    assert odata.next_path("https://a.example/pwa", path, whole) == (
        "_api/ProjectData/[en-US]/Resources?$skiptoken=7"
    )
    with pytest.raises(SourceMisbehaved, match="elsewhere"):
        odata.next_path("https://a.example/pwa", path, "/other/Resources?$skiptoken=7")


async def test_a_plan_that_never_comes_to_rest_concludes_nothing() -> None:
    world = generated(1, 60)
    project = next(iter(world.sets["Projects"].values()))
    with FakeProjectServer(world, page_size=10) as fake:
        fake.faults.on_page = lambda name, number: (
            name == "Tasks" and world.add_task(project, f"More {number}")
        )
        async with server_adapter(fake) as adapter:
            with pytest.raises(SourceMisbehaved, match="counts"):
                await pages_of(adapter, plans(world)[0])


async def test_only_changed_projects_are_read_again() -> None:
    world = generated(3, 20)
    with FakeProjectServer(world) as fake:
        async with server_adapter(fake) as adapter:
            cursors = {name: (await pages_of(adapter, name))[-1].cursor for name in plans(world)}
        world.clock = lambda: NOW + timedelta(days=1)
        edited = next(row for row in world.sets["Tasks"].values() if row["TaskName"] == "Task 1")
        world.edit(edited, TaskName="Renamed")
        async with server_adapter(fake) as adapter:
            read = {
                name: [
                    r
                    for page in await pages_of(adapter, name, cursors[name], full=False)
                    for r in page.records
                ]
                for name in plans(world)
            }
    changed = f"plan:{edited['ProjectId']}"
    assert [name for name, records in read.items() if records] == [changed]
    assert "Renamed" in {r.data.get("TaskName") for r in read[changed] if r.stream == "pwa_task"}


async def test_a_project_published_just_now_is_read_again_until_the_feed_has_settled() -> None:
    world = generated(1, 5)
    world.clock = lambda: datetime.now().replace(microsecond=0)
    world.publish(next(iter(world.sets["Projects"].values())))
    with FakeProjectServer(world) as fake:
        async with server_adapter(fake) as adapter:
            cursor = (await pages_of(adapter, plans(world)[0]))[-1].cursor
            again = await pages_of(adapter, plans(world)[0], cursor, full=False)
    assert sum(len(page.records) for page in again) > 5


async def test_logs_are_read_by_their_own_dates_with_an_overlap() -> None:
    world = generated(1, 5)
    project = next(iter(world.sets["Projects"].values()))
    old = world.log("Risks", project, "Old")
    old["ModifiedDate"] = NOW - timedelta(days=9)
    world.log("Risks", project, "Just before")["ModifiedDate"] = NOW - timedelta(hours=1)
    world.log("Risks", project, "Last")["ModifiedDate"] = NOW
    with FakeProjectServer(world) as fake:
        async with server_adapter(fake) as adapter:
            full = await pages_of(adapter, "risks")
            world.log("Risks", project, "New")["ModifiedDate"] = NOW - timedelta(
                minutes=5
            )  # late in the feed
            later = await pages_of(adapter, "risks", full[-1].cursor, full=False)
    assert {r.data["Title"] for page in full for r in page.records} == {"Old", "Just before", "Last"}
    assert {r.data["Title"] for page in later for r in page.records} == {"Just before", "Last", "New"}


async def test_a_date_that_stands_for_none_is_no_place_to_go_on_from() -> None:
    world = generated(1, 5)
    (project,) = world.sets["Projects"].values()
    project["ProjectModifiedDate"] = project["ProjectLastPublishedDate"] = datetime(1, 1, 1)
    world.log("Risks", project, "Old")["ModifiedDate"] = datetime(1, 1, 1)
    with FakeProjectServer(world) as fake:
        async with server_adapter(fake) as adapter:
            for name in ("risks", "projects"):
                full = await pages_of(adapter, name)
                later = await pages_of(adapter, name, full[-1].cursor, full=False)
                assert [len(page.records) for page in later] == [1, 0]


async def test_plan_dates_never_shift_and_instants_are_left_to_the_sites_zone() -> None:
    world = World()
    project = world.add_project("Harbour")
    night = datetime(2026, 3, 29, 1, 30)  # skipped by clocks in London
    world.add_task(project, "Night", start=night, finish=datetime(2026, 3, 30))
    world.add_task(project, "Unset", start=datetime(1984, 1, 1), finish=datetime(2149, 12, 31))
    for zone in ("Etc/GMT+12", "Pacific/Kiritimati", "Europe/London"):
        with FakeProjectServer(world) as fake:
            found = await everything(fake, timezone=zone)
        tasks = {r.data["TaskName"]: r.data["portbook"] for r in found["pwa_task"].values()}
        assert (tasks["Night"]["start_on"], tasks["Night"]["finish_on"]) == ("2026-03-29", "2026-03-29")
        assert "start_on" not in tasks["Unset"]
        assert "finish_on" not in tasks["Unset"]


async def test_days_that_people_type_are_these_days_at_midnight_too() -> None:
    world = World()
    project = world.add_project("Harbour")
    dig = world.add_task(project, "Dig", start=datetime(2026, 3, 2, 8), finish=datetime(2026, 4, 1))
    dig["TaskDeadline"] = datetime(2026, 4, 1)
    typed = {"StartDate": datetime(2026, 3, 2), "FinishDate": datetime(2026, 4, 1)}
    world.log("Deliverables", project, "Drawings", **typed)
    with FakeProjectServer(world) as fake:
        found = await everything(fake)
    (task,) = (r.data["portbook"] for r in found["pwa_task"].values() if r.data["TaskName"] == "Dig")
    assert (task["finish_on"], task["deadline_on"]) == ("2026-03-31", "2026-04-01")
    (drawings,) = found["pwa_deliverable"].values()
    assert drawings.data["portbook"]["finish_on"] == "2026-04-01"


async def test_baselines_give_each_task_its_first_and_the_project_all_of_them() -> None:
    world = generated(1, 12)
    project = next(iter(world.sets["Projects"].values()))
    task = next(row for row in world.sets["Tasks"].values() if row["TaskName"] == "Task 1")
    for number in range(11):
        world.baseline(task, number, NOW, NOW + timedelta(days=number), 8 + number, 100)
    world.project_baseline(project, NOW, NOW + timedelta(days=50))
    with FakeProjectServer(world) as fake:
        found = await everything(fake)
    own = f"{task['ProjectId']}:{task['TaskId']}"
    item = found["pwa_task"][own].data["portbook"]
    assert (item["finish_baseline_on"], item["baseline_hours"], item["baseline_cost"]) == (
        "2026-05-04",
        8,
        100,
    )
    taken = {r.data["BaselineNumber"]: r.data["portbook"]["items"] for r in found["pwa_baseline"].values()}
    assert taken[3] == {own: {"start_on": "2026-05-04", "finish_on": "2026-05-07", "hours": 11, "cost": 100}}
    assert set(taken) == set(range(11))
    whole = found["pwa_project"][project["ProjectId"]].data["portbook"]
    assert (whole["start_baseline_on"], whole["finish_baseline_on"]) == ("2026-05-04", "2026-06-23")


async def test_rows_that_stand_for_no_work_are_told_apart() -> None:
    world = World()
    project = world.add_project("Harbour")
    world.add_project("A template", kind=1)
    world.add_project("Timesheet Administrative Work Items")
    world.add_task(project, "Ghost", TaskIsExternal=True)
    world.add_task(project, "Off", TaskIsActive=False, percent=50)
    with FakeProjectServer(world) as fake:
        found = await everything(fake)
    assert [r.data["ProjectName"] for r in found["pwa_project"].values()] == ["Harbour"]
    items = {r.data["TaskName"]: r.data["portbook"] for r in found["pwa_task"].values()}
    assert [items[name]["work_item"] for name in ("Harbour", "Ghost", "Off")] == [False, False, True]
    assert items["Off"]["status"] == "cancelled"
    assert "parent" not in items["Off"]


async def test_an_inactive_task_keeps_its_row_and_counts_in_no_sum() -> None:
    world = World()
    project, mia = world.add_project("Harbour"), world.add_person("Mia")
    for name, active in (("On", True), ("Off", False)):
        task = world.add_task(project, name, hours=10, percent=100, TaskIsActive=active)
        world.assign(task, mia, 10)
        world.baseline(task, 0, task["TaskStartDate"], task["TaskFinishDate"], 11, 100)
    with FakeProjectServer(world) as fake:
        found = await everything(fake)
    items = {r.data["TaskName"]: r.data["portbook"] for r in found["pwa_task"].values()}
    sums = {"work_hours", "actual_hours", "remaining_hours", "cost", "actual_cost", "finish_actual_on"}
    assert {name: len(sums & items[name].keys()) for name in ("On", "Off")} == {"On": 6, "Off": 0}
    assert items["Off"]["work_item"]
    assert items["Off"]["baseline_hours"] == 11
    assert sorted(r.data["portbook"]["counts"] for r in found["pwa_assignment"].values()) == [False, True]
    assert (world.totals()["work_hours"], world.totals()["assigned_hours"]) == (10, 10)


async def test_what_is_assigned_to_a_summary_itself_is_in_no_task_below_it() -> None:
    world = World()
    project, mia = world.add_project("Harbour"), world.add_person("Mia")
    sand = world.add_person("Sand", material=True)
    phase = world.add_task(
        project, "Phase", summary=True, hours=60, TaskFixedCost=Decimal(250), TaskActualFixedCost=Decimal(50)
    )
    world.add_task(project, "Other phase", summary=True, hours=8)
    dig = world.add_task(project, "Dig", parent=phase, hours=40)
    world.assign(dig, mia, 40)
    world.assign(phase, mia, 12, 3)
    world.edit(world.assign(phase, mia, 8, 1), AssignmentCost=Decimal(150), AssignmentActualCost=Decimal(40))
    world.edit(world.assign(phase, sand, 99), AssignmentCost=Decimal(300))
    with FakeProjectServer(world) as fake:
        found = await everything(fake)
    items = {r.data["TaskName"]: r.data["portbook"] for r in found["pwa_task"].values()}
    sums = ("work_hours", "actual_hours", "remaining_hours", "cost", "actual_cost")
    assert [items["Phase"].get(name) for name in sums] == [20, 4, 16, 700, 90]
    assert items["Dig"]["work_hours"] == 40
    assert not [name for name in sums if name in items["Other phase"]]


async def test_nobody_is_no_person_and_who_is_not_listed_is_a_role() -> None:
    """Work without a resource belongs to one of the server's own making; a resource that only the plan has is in no
    list, and its assignments are there all the same."""
    world = World()
    project, mia = world.add_project("Harbour"), world.add_person("Mia", "mia@example.org")
    nobody, local = world.add_person("Unassigned Resource"), world.add_person("Local Resource")
    for row, own in ((nobody, pwa.UNASSIGNED), (local, "8847397E-B724-4EBA-949A-DBE03842CF2A")):
        world.remove("Resources", (row["ResourceId"],))
        world.put("Resources", (own,), row | {"ResourceId": own, "ResourceNTAccount": None})
        row["ResourceId"] = own
    left = world.add_person("Ola (left)")
    world.remove("Resources", (left["ResourceId"],))
    for who, hours in ((mia, 1), (nobody, 2), (local, 4), (left, 8)):
        world.assign(world.add_task(project, who["ResourceName"], hours=hours), who, hours)
    with FakeProjectServer(world) as fake:
        found = await everything(fake)
    people = {r.data["ResourceName"]: r.data["portbook"]["person"] for r in found["pwa_resource"].values()}
    assert people == {"Mia": True, "Unassigned Resource": False, "Local Resource": False}
    items = {r.data["TaskName"]: r.data["portbook"] for r in found["pwa_task"].values()}
    assert [name for name in items if "assignee" in items[name]] == ["Mia"]
    put = {r.data["ResourceName"]: r.data["portbook"] for r in found["pwa_assignment"].values()}
    assert {name: (a["counts"], a.get("role"), a["planned_hours"]) for name, a in put.items()} == {
        "Mia": (True, None, 1),
        "Unassigned Resource": (False, None, 2),
        "Local Resource": (True, "Local Resource", 4),
        "Ola (left)": (True, "Ola (left)", 8),
    }


async def test_hostile_names_arrive_as_they_are() -> None:
    names = (
        "'\"; DROP TABLE--",
        "nul \x00 inside",
        "😀 ‮gnp.exe",
        "ü" * 10_000,
        "<script>alert(1)</script>",
        "a\tb\nc",
    )
    world = World()
    project = world.add_project("O'Neil's \x00 plan")
    for name in names:
        world.add_task(project, name)
    with FakeProjectServer(world) as fake:
        found = await everything(fake, select={"projects": ["o'neil's \x00 plan"]})
    assert {r.data["TaskName"] for r in found["pwa_task"].values()} == {*names, "O'Neil's \x00 plan"}


async def test_an_empty_site_is_read_and_said_to_be_empty() -> None:
    with FakeProjectServer() as fake:
        assert await everything(fake) == {}
        async with server_adapter(fake) as adapter:
            assert (await adapter.check()).warnings == ("no project is published there: drafts are not read",)
            assert len(await adapter.discover()) == 8


async def test_a_selection_by_name_or_id_reads_only_that() -> None:
    world = generated(3, 5)
    with FakeProjectServer(world) as fake:
        found = await everything(fake, select={"projects": ["project 1"]})
        assert [r.data["ProjectName"] for r in found["pwa_project"].values()] == ["Project 1"]
        with pytest.raises(SourceRefused, match="none of the selected"):
            await everything(fake, select={"projects": ["nowhere"]})
        async with server_adapter(fake, select={"projects": ["project 1", "Projct 2"]}) as adapter:
            (missing,) = (await adapter.check()).unmet
        assert missing.message == "project Projct 2 of select.projects is not published"
        assert missing.hint == "Did you mean 'Project 2'?"


@pytest.mark.parametrize(
    "faults",
    [{"too_many_every": 4}, {"unavailable_every": 5}, {"truncate_every": 7}, {"cut_every": 6}],
    ids=lambda faults: next(iter(faults)),
)
async def test_a_limping_server_is_waited_for(faults: dict[str, int]) -> None:
    world = generated(2, 30)
    with FakeProjectServer(world, page_size=10) as fake:
        for name, value in faults.items():
            setattr(fake.faults, name, value)
        found = await everything(fake)
        assert len(found["pwa_task"]) == len(world.sets["Tasks"])


async def test_a_page_to_read_among_the_answers_concludes_nothing() -> None:
    with FakeProjectServer(generated(2, 30), page_size=10) as fake:
        fake.faults.html_every = 9
        with pytest.raises(SourceMisbehaved, match="instead of JSON"):
            await everything(fake)


async def test_a_server_that_stays_away_is_unavailable() -> None:
    with FakeProjectServer(generated(1, 3)) as fake:
        fake.faults.unavailable_every = 1
        with pytest.raises(SourceUnavailable):
            await everything(fake)


async def test_a_login_page_is_no_answer() -> None:
    with FakeProjectServer(generated(1, 3)) as fake:
        fake.faults.html_login = True
        with pytest.raises(SourceError, match="instead of JSON"):
            await everything(fake)


async def test_an_expired_secret_costs_one_refresh_and_a_revoked_one_is_refused_without_hammering() -> None:
    world = generated(2, 30)
    with FakeProjectServer(world, page_size=10) as fake:
        fake.faults.token_expires_after = 12
        asked: list[str] = []

        def secret() -> str:
            asked.append(fake.secret)
            return fake.secret

        found = await everything(fake, refresh=secret)
        assert len(found["pwa_task"]) == len(world.sets["Tasks"])
        assert len(asked) == 1
        fake.secret = "revoked"
        before = len(fake.log)
        with pytest.raises(SourceRefused, match="401") as caught:
            await everything(fake, auth={"kind": "bearer", "token": "stolen"}, refresh=lambda: "stolen")
        assert "NTLM" in caught.value.hint
        assert "stolen" not in str(caught.value)
        assert len(fake.log) - before == 1


async def test_a_missing_right_is_named() -> None:
    with FakeProjectServer(generated(1, 3)) as fake:
        fake.faults.no_reporting_right = True
        with pytest.raises(SourceRefused, match="Access denied") as caught:
            await everything(fake)
        assert "Access Project Server Reporting Service" in caught.value.hint


async def test_without_the_right_to_projects_links_stay_as_they_are() -> None:
    world = generated(1, 12)
    with FakeProjectServer(world) as fake:
        fake.faults.no_links = True
        async with server_adapter(fake) as adapter:
            assert "links between tasks cannot be read" in (await adapter.check()).warnings[0]
            await pages_of(adapter, plans(world)[0])
            home = plans(world)[0].removeprefix("plan:")
            assert await adapter.locate("pwa_link", [f"{home}:x"], {}) == {}
        # Where a run goes on in another process, the plan may have been read in the one before.
        async with server_adapter(fake) as adapter:
            assert await adapter.locate("pwa_link", [f"{home}:x"], {}) == {}
        fake.faults.no_links = False
        async with server_adapter(fake) as adapter:
            assert await adapter.locate("pwa_link", [f"{home}:x"], {}) == {f"{home}:x": Presence.DELETED}


@pytest.mark.parametrize(
    "links", [b'{"__deferred":{"uri":"https://a.example/TaskLinks"}}', b'{"results":null}', b"null", b'""']
)
def test_links_that_were_not_expanded_are_not_none(links: bytes) -> None:
    with pytest.raises(SourceMisbehaved, match="holds no links"):
        pwa_links._task_links(b'{"d":{"Id":"x","TaskLinks":' + links + b"}}")


@pytest.mark.parametrize("status", [404, 410, 302, 403])
async def test_elsewhere_a_wrong_address_is_not_a_retirement(status: int) -> None:
    with FakeProjectServer(generated(1, 3)) as fake:
        fake.faults.retired = status
        with pytest.raises(SourceRefused) as caught:
            await everything(fake)
        assert "retired" not in str(caught.value)


async def test_missing_records_are_located() -> None:
    world = generated(3, 5)
    keep, gone, other = list(world.sets["Projects"].values())
    kind = world.add_project("Template", kind=1)
    tasks = [key for key in world.sets["Tasks"] if key[0] == keep["ProjectId"]]
    deleted = world.sets["Tasks"][tasks[-1]]
    world.delete_task(deleted)
    world.delete_project(gone)
    with FakeProjectServer(world) as fake:
        async with server_adapter(fake, select={"projects": [keep["ProjectName"]]}) as adapter:
            ids = [
                f"{home}:{own}"
                for home, own in (tasks[1], tasks[-1], (gone["ProjectId"], "x"), (other["ProjectId"], "y"))
            ]
            assert await adapter.locate("pwa_task", ids, {}) == dict(
                zip(
                    ids,
                    (Presence.PRESENT, Presence.DELETED, Presence.DELETED, Presence.OUT_OF_SCOPE),
                    strict=True,
                )
            )
            projects = [row["ProjectId"] for row in (keep, gone, other, kind)]
            assert await adapter.locate("pwa_project", projects, {}) == dict(
                zip(
                    projects,
                    (Presence.PRESENT, Presence.DELETED, Presence.OUT_OF_SCOPE, Presence.OUT_OF_SCOPE),
                    strict=True,
                )
            )
            assert await adapter.locate("pwa_resource", ["x"], {}) == {"x": Presence.DELETED}


async def test_a_server_that_lacks_a_property_is_asked_for_everything() -> None:
    world = generated(1, 5)  # its resources have no TypeName
    with FakeProjectServer(world) as fake:
        found = await everything(fake)
    assert all(r.data["portbook"]["person"] for r in found["pwa_resource"].values())


@pytest.mark.parametrize(
    ("risk", "expected"),
    [
        ({"Probability": 0.6, "Impact": 4.0, "Exposure": 2.4}, (3, 60, 2)),
        ({"Probability": 60.0, "Impact": 4.0, "Exposure": 240.0}, (3, 60, 2)),
        ({"Probability": 1.0, "Impact": 10.0, "Exposure": 0.1}, (1, 1, 5)),
        ({"Probability": 1.0, "Impact": 10.0, "Exposure": 10.0}, (5, 100, 5)),
        ({"Probability": 0.0, "Impact": 0.0, "Exposure": 0.0}, (1, 0, 1)),
        ({"Probability": None, "Impact": None}, (None, None, None)),
        ({"Probability": 500.0, "Impact": 40.0}, (None, None, None)),
    ],
)  # fmt: skip
def test_risks_are_scaled_by_what_the_server_worked_out(
    risk: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    found = pwa_records.risk_scales(risk)
    assert tuple(found.get(name) for name in ("probability", "probability_percent", "impact")) == expected


@given(st.datetimes(datetime(1985, 1, 1), datetime(2148, 1, 1)))
def test_verbose_dates_are_the_light_ones(moment: datetime) -> None:
    local = moment.replace(microsecond=0)
    milliseconds = round((local - datetime(1970, 1, 1)) / timedelta(milliseconds=1))
    assert odata.moment(f"/Date({milliseconds})/") == local.isoformat()
    assert odata.moment(local.isoformat()) == local.isoformat()


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3), max_size=5), st.booleans()
)
def test_pages_keep_each_element_as_it_was_sent(rows: list[dict[str, str]], verbose: bool) -> None:
    body = orjson.dumps(
        {"d": {"results": rows, "__count": "5"}} if verbose else {"value": rows, "odata.count": "5"}
    )
    page = odata.decode_set(body)
    assert ([orjson.loads(raw) for raw in page.raws], page.total, page.next) == (rows, 5, None)


def test_an_entity_without_its_key_is_set_aside_with_its_payload() -> None:
    for payload in (b'{"TaskName":"x"}', b'{"TaskId":1,"ProjectId":2}', b'{"TaskId":', b"[]", b"null"):
        record, task_id, kind = pwa_records.task(payload, day_hours=8, baseline={}, assignees={}, sums={})
        assert record.error is not None
        assert (record.payload, task_id, kind.kind) == (payload, "", "")
    assert pwa_records.number(str(Decimal("8.000000"))) == 8


@pytest.mark.parametrize(
    "value", [5, True, 1e300, "1e300", [1], {"a": 1}, "abc", "NaN", "0001-01-01T00:00:00"]
)
def test_no_value_of_a_task_ends_the_run(value: Any) -> None:
    own = "8c2a1f0e-6b1d-ee11-8f6d-00155d0a1b2c"
    for name in ("ParentTaskId", "TaskDuration", "TaskTotalSlack", "TaskStartDate", "TaskWork"):
        payload = orjson.dumps({"ProjectId": own, "TaskId": own, name: value})
        record, _, _ = pwa_records.task(payload, day_hours=8, baseline={}, assignees={}, sums={})
        assert record.id == f"{own}:{own}"
        assert orjson.loads(record.payload)["portbook"]["project"] == own
