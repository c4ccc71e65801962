"""Planner Premium through its tables: in full, by changes, from any page, and whose rows are whose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.base import Page, Presence, RawRecord
from adapters.errors import CursorExpired, SourceError, SourceMisbehaved, SourceRefused, SourceUnavailable
from adapters.http import Patience
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from adapters.ms_project.dataverse_records import first_day, last_day
from adapters.ms_project.dataverse_tables import TABLES
from mapping.apply import Mapper
from mapping.load import load_mapping
from portbook.wiring import entities
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra

AT_ONCE = Patience(attempts=3, base=0, cap=0, longest=5)
TASK, LINK, PROJECT = "msdyn_projecttask", "msdyn_projecttaskdependency", "msdyn_project"


@pytest.fixture
def fake() -> Iterator[FakeDataverse]:
    with FakeEntra() as entra, FakeDataverse(entra) as dataverse:
        yield dataverse


def adapter_of(fake: FakeDataverse, **options: Any) -> MsProjectAdapter:
    given = {
        "api": "dataverse",
        "url": fake.url,
        "auth": fake.auth(),
        "page_size": 10,
        "per_second": 500,
        **options,
    }
    return MsProjectAdapter(MsProjectOptions.model_validate(given), patience=AT_ONCE)


async def pages(
    fake: FakeDataverse,
    stream: str = TASK,
    cursor: Any = None,
    *,
    full: bool | None = None,
    stop_after: int = 0,
    **options: Any,
) -> list[Page]:
    read: list[Page] = []
    async with adapter_of(fake, **options) as adapter:
        (partition,) = [found for found in await adapter.partitions() if found.name == stream]
        reading = adapter.read(partition, cursor, full=cursor is None if full is None else full)
        async for page in reading:
            read.append(page)
            if len(read) == stop_after:
                break
        await reading.aclose()  # type: ignore[attr-defined]
    return read


def records(read: list[Page]) -> dict[str, RawRecord]:
    return {record.id: record for page in read for record in page.records}


def plan(fake: FakeDataverse, tasks: int = 35) -> tuple[str, list[str]]:
    project = fake.world.add_project("Alpha")
    return project, [fake.world.add_task(project, f"Task {number}") for number in range(tasks)]


async def test_every_table_is_read_in_full_and_as_sent(fake: FakeDataverse) -> None:
    fake.world.generate(120, per_project=60)
    for table in TABLES:
        read = await pages(fake, table.name)
        assert set(records(read)) == set(fake.world.tables[table.set].rows)
        assert "delta" in (read[-1].cursor or {})
    row = next(iter(records(await pages(fake)).values()))
    assert row.payload.startswith(b'{"@odata.etag":"W/\\"')
    assert row.updated_at is not None
    assert row.updated_at.tzinfo is not None


async def test_changes_come_once_with_deletions_and_no_more(fake: FakeDataverse) -> None:
    project, tasks = plan(fake)
    first = await pages(fake)
    fake.world.edit(tasks[3], msdyn_subject="Renamed")
    fake.world.delete(tasks[4])
    new = fake.world.add_task(project, "New")
    again = await pages(fake, cursor=first[-1].cursor)
    changed = records(again)
    assert set(changed) == {tasks[3], tasks[4], new}
    assert (changed[tasks[4]].deleted, changed[tasks[4]].payload) == (True, b"null")
    assert changed[tasks[3]].data["msdyn_subject"] == "Renamed"
    (quiet,) = await pages(fake, cursor=again[-1].cursor)
    assert list(quiet.records) == []
    assert quiet.cursor is not None


async def test_a_project_that_was_deleted_takes_its_rows_along(fake: FakeDataverse) -> None:
    project, tasks = plan(fake, 25)
    plan(fake, 3)
    first = await pages(fake)
    fake.world.delete(project)
    gone = records(await pages(fake, cursor=first[-1].cursor))
    assert set(gone) == set(tasks)
    assert all(record.deleted for record in gone.values())
    async with adapter_of(fake) as adapter:
        known = {tasks[0]: {"_msdyn_project_value": project}}
        assert await adapter.locate(TASK, [tasks[0]], known) == {tasks[0]: Presence.DELETED}
        assert await adapter.locate(PROJECT, [project], {project: {"msdyn_projectid": project}}) == {
            project: Presence.DELETED
        }


@pytest.mark.parametrize("stop", [1, 2, 3])
async def test_a_full_read_goes_on_after_any_page(fake: FakeDataverse, stop: int) -> None:
    _, tasks = plan(fake)
    before = await pages(fake, stop_after=stop)
    after = await pages(fake, cursor=before[-1].cursor, full=True)
    assert set(records(before)) | set(records(after)) == set(tasks)
    assert set(records(before)).isdisjoint(records(after))
    fake.world.edit(tasks[0], msdyn_subject="Later")
    assert set(records(await pages(fake, cursor=after[-1].cursor))) == {tasks[0]}


async def test_changes_go_on_after_any_page(fake: FakeDataverse) -> None:
    _, tasks = plan(fake)
    first = await pages(fake)
    for task in tasks:
        fake.world.edit(task, msdyn_progress=0.5)
    before = await pages(fake, cursor=first[-1].cursor, stop_after=2)
    after = await pages(fake, cursor=before[-1].cursor, full=False)
    assert set(records(before)) | set(records(after)) == set(tasks)


async def test_an_edit_while_a_table_is_read_is_among_the_next_changes(fake: FakeDataverse) -> None:
    project, tasks = plan(fake)
    made: list[str] = []

    def act(page: int) -> None:
        if page == fake.state.pages and not made and page > 3:
            fake.world.edit(tasks[0], msdyn_subject="Edited meanwhile")
            fake.world.delete(tasks[1])
            made.append(fake.world.add_task(project, "Added meanwhile"))

    fake.faults.on_page = act
    first = await pages(fake)
    assert made
    again = records(await pages(fake, cursor=first[-1].cursor))
    assert {tasks[0], tasks[1], made[0]} <= set(again)
    assert again[tasks[1]].deleted


async def test_a_feed_older_than_seven_days_is_read_in_full_again(fake: FakeDataverse) -> None:
    plan(fake)
    first = await pages(fake)
    fake.world.expire_feeds()
    with pytest.raises(CursorExpired, match="expired"):
        await pages(fake, cursor=first[-1].cursor)
    assert len(records(await pages(fake))) == 35


async def test_a_column_added_since_calls_for_a_full_read(fake: FakeDataverse) -> None:
    plan(fake)
    first = await pages(fake)
    fake.world.add_column(TASK, "cr1_costcentre", "String", "Cost centre")
    with pytest.raises(CursorExpired, match="columns"):
        await pages(fake, cursor=first[-1].cursor)


async def test_a_table_without_change_tracking_is_read_by_date(fake: FakeDataverse) -> None:
    fake.world.table(TASK).tracked = False
    _, tasks = plan(fake)
    first = await pages(fake)
    assert set(records(first)) == set(tasks)
    assert "since" in (first[-1].cursor or {})
    # Dates of change are the tool's; here its clock is the machine's.
    from datetime import UTC, datetime

    fake.world.now = datetime.now(UTC)
    fake.world.edit(tasks[7], msdyn_subject="Renamed")
    assert set(records(await pages(fake, cursor=first[-1].cursor))) == {tasks[7]}


async def test_only_the_selected_projects_are_read(fake: FakeDataverse) -> None:
    alpha, tasks = plan(fake, 12)
    beta = fake.world.add_project("Beta")
    others = [fake.world.add_task(beta, f"Other {number}") for number in range(40)]
    for wanted in ("Alpha", alpha, " alpha "):
        assert set(records(await pages(fake, select={"projects": [wanted]}))) == set(tasks)
    assert set(records(await pages(fake, PROJECT, select={"projects": ["Alpha"]}))) == {alpha}
    with pytest.raises(SourceRefused, match="none of the selected") as refused:
        await pages(fake, select={"projects": ["Gamma"]})
    assert "Alpha, Beta" in refused.value.hint
    async with adapter_of(fake, select={"projects": ["Alpha", "Betta"]}) as adapter:
        (missing,) = (await adapter.check()).unmet
        assert (missing.message, missing.hint) == (
            "project Betta of select.projects is not visible", "Did you mean 'Beta'?"
        )  # fmt: skip
        known = {others[0]: {"_msdyn_project_value": beta}}
        assert await adapter.locate(TASK, [others[0]], known) == {others[0]: Presence.OUT_OF_SCOPE}


@pytest.mark.parametrize("selected", [None, ["Alpha", "Pattern"]])
async def test_a_template_is_no_project(fake: FakeDataverse, selected: list[str] | None) -> None:
    fake.world.table(PROJECT).attributes["msdyn_istemplate"] = "Boolean"
    project, tasks = plan(fake, 2)
    fake.world.edit(project, msdyn_subject="Alpha", msdyn_istemplate=False)
    pattern = fake.world.add_project("Pattern", msdyn_istemplate=True)
    more = [fake.world.add_task(pattern, name) for name in ("One", "Two")]
    fake.world.link(*more)
    options = {"select": {"projects": selected}} if selected else {}
    assert set(records(await pages(fake, PROJECT, **options))) == {project}
    assert set(records(await pages(fake, **options))) == set(tasks)
    assert records(await pages(fake, LINK, **options)) == {}
    async with adapter_of(fake, **options) as adapter:
        assert {one.project async for some in adapter.census() for one in some if one.project} == {project}
        known = {more[0]: {"_msdyn_project_value": pattern}}
        assert await adapter.locate(TASK, [more[0]], known) == {more[0]: Presence.OUT_OF_SCOPE}
        unmet = (await adapter.check()).unmet
    assert ["Pattern" in str(error) for error in unmet] == ([True] if selected else [])


async def test_links_keep_kind_lag_and_what_they_lead_to(fake: FakeDataverse) -> None:
    project = fake.world.add_project("Alpha", hours_per_day=7.5)
    a, b = (fake.world.add_task(project, name) for name in "ab")
    gate = fake.world.add_task(project, "Gate", effort=0, msdyn_ismilestone=True)
    ids = [
        fake.world.link(a, b, kind="FS", lag_days=2),
        fake.world.link(a, gate, kind="SS", lag_days=-1.5),
        fake.world.link(gate, b, kind="FF"),
        fake.world.link(b, a, kind="SF"),
    ]
    found = records(await pages(fake, LINK))
    extras = [found[key].data["portbook"] for key in ids]
    assert [(extra["kind"], extra["lag_days"], extra["word"]) for extra in extras] == [
        ("FS", 2, "FS+2d"),
        ("SS", -1.5, "SS-1.5d"),
        ("FF", 0, "FF"),
        ("SF", 0, "SF"),
    ]
    assert (extras[1]["from_work_item"], extras[1]["to_milestone"]) == (a, gate)
    assert (extras[2]["from_milestone"], extras[2]["to_work_item"]) == (gate, b)


async def test_the_task_that_stands_for_the_project_is_no_work(fake: FakeDataverse) -> None:
    project = fake.world.add_project("Alpha")
    top = fake.world.add_task(project, "Alpha", msdyn_outlinelevel=0, msdyn_summary=True)
    under = fake.world.add_task(project, "Work", _msdyn_parenttask_value=top)
    below = fake.world.add_task(project, "Deeper", _msdyn_parenttask_value=under, msdyn_outlinelevel=2)
    found = {key: record.data["portbook"] for key, record in records(await pages(fake)).items()}
    assert (found[top]["work_item"], found[top]["milestone"]) == (False, False)
    assert (found[under]["parent"], found[below]["parent"]) == (None, under)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
async def test_a_sprint_ends_on_the_day_that_was_typed(fake: FakeDataverse, zone: str) -> None:
    sprint = fake.world.add_sprint(fake.world.add_project("Alpha"), "Sprint 1")
    found = records(await pages(fake, "msdyn_projectsprint", timezone=zone))[sprint].data["portbook"]
    assert found == {"start_on": "2026-06-01", "finish_on": "2026-06-14"}


async def test_a_generic_resource_is_a_role_and_no_person_that_nobody_knows(fake: FakeDataverse) -> None:
    world = fake.world
    project, (task,) = plan(fake, 1)
    mia, contact = world.add_person("Mia"), world.add_person("Ola", kind=2)
    for who in (mia, contact, world.add_person("Diver", kind=1), world.add_person("Crane 7", kind=4)):
        world.assign(task, who)
        world.add_member(project, who, "Position")
    for stream in ("msdyn_resourceassignment", "msdyn_projectteam"):
        found = [r.data["portbook"] for r in records(await pages(fake, stream)).values()]
        assert {row["person"] for row in found if "person" in row} == {mia, contact}
        assert sorted(row["role"] for row in found if "role" in row) == ["Crane 7", "Diver"]
        assert len(found) == 4


@pytest.mark.parametrize("stream", ["msdyn_resourceassignment", "msdyn_projectteam"])
@pytest.mark.parametrize(
    ("portbook", "person"),
    [
        ({"person": "p-1"}, "p-1"),
        ({"role": "Diver"}, None),
        ({"role": ""}, None),
        ({"person": None}, None),
        # Records that were stored before either was said, with a mapping that reads them anew.
        ({"start_on": "2026-06-01"}, "r-1"),
    ],
)
def test_an_assignment_stored_before_roles_were_told_apart_keeps_its_person(
    stream: str, portbook: dict[str, Any], person: str | None
) -> None:
    resource = "r-1" if portbook.get("person", "") is not None else None
    mapper = Mapper(load_mapping("ms_project", entities()), lambda stream, name: f"{stream}:{name}")
    mapped = mapper(stream, "a-1", {"_msdyn_bookableresourceid_value": resource, "portbook": portbook})
    assert mapped.problems == []
    people = [reference.id for reference in mapped.rows[0].references if reference.entity == "person"]
    assert people == ([] if person is None else [f"bookableresource:{person}"])


async def test_a_manager_is_the_person_behind_the_user(fake: FakeDataverse) -> None:
    user = "0a0a0a0a-1111-4111-8111-111111111111"
    mia = fake.world.add_person("Mia Krystof", user=user)
    project = fake.world.add_project("Alpha", _msdyn_projectmanager_value=user)
    assert records(await pages(fake, PROJECT))[project].data["portbook"]["manager"] == mia


@pytest.mark.parametrize(
    ("zone", "start", "finish", "expected"),
    [
        ("UTC", "2026-06-01T07:00:00Z", "2026-06-12T15:00:00Z", ("2026-06-01", "2026-06-12")),
        ("Pacific/Kiritimati", "2026-05-31T18:00:00Z", "2026-06-12T03:00:00Z", ("2026-06-01", "2026-06-12")),
        ("Etc/GMT+12", "2026-06-01T20:00:00Z", "2026-06-13T05:00:00Z", ("2026-06-01", "2026-06-12")),
        ("Europe/Berlin", "2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z", ("2026-03-28", "2026-03-29")),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", ("2026-10-25", "2026-10-25")),
        ("UTC", "2000-01-01T00:00:00Z", None, (None, None)),
        ("UTC", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", ("2026-06-01", "2026-06-01")),
        # A column of days (Edm.Date) names them as they are.
        ("America/New_York", "2026-06-01", "2026-06-12", ("2026-06-01", "2026-06-12")),
        ("Asia/Tokyo", "2026-06-01", "2026-06-12", ("2026-06-01", "2026-06-12")),
        ("UTC", "2000-01-01", "2026-06-12", (None, "2026-06-12")),
    ],
)
def test_plan_dates_are_days_where_the_plan_is_made(
    zone: str, start: str, finish: str | None, expected: tuple[str | None, str | None]
) -> None:
    from zoneinfo import ZoneInfo

    place = ZoneInfo(zone)
    assert (first_day(start, place), last_day(start, finish, place)) == expected


async def test_check_says_who_we_are_and_which_right_is_missing(fake: FakeDataverse) -> None:
    plan(fake, 2)
    fake.world.remove_table("msdyn_program")
    async with adapter_of(fake) as adapter:
        identity = await adapter.check()
    assert (identity.account, identity.product, identity.warnings) == (
        "# Portbook",
        "Dataverse 9.2.26103.00154",
        (),
    )
    fake.world.depths[TASK] = "Basic"
    fake.world.depths["msdyn_projectteam"] = "None"
    async with adapter_of(fake) as adapter:
        some, none = (await adapter.check()).warnings
    assert "only some tasks can be seen: the security role reads msdyn_projecttask at Basic level" in some
    assert "team members cannot be read: the security role lacks Read on msdyn_projectteam" in none


async def test_discover_shows_added_columns_by_the_name_people_know(fake: FakeDataverse) -> None:
    fake.world.add_column(TASK, "cr1_costcentre", "String", "Cost centre")
    fake.world.add_column(TASK, "cr1_risk", "Picklist", "Risk level")
    fake.world.add_column(PROJECT, "cr1_unit", "Lookup", "Unit")
    fake.world.remove_table("msdyn_program")
    project = fake.world.add_project("Alpha")
    fake.world.add_task(
        project,
        "One",
        cr1_costcentre="CC-1",
        cr1_risk=3,
        **{"cr1_risk@OData.Community.Display.V1.FormattedValue": "High"},
    )
    async with adapter_of(fake) as adapter:
        streams = {stream.name: stream for stream in await adapter.discover()}
        aliases = await adapter.aliases()
    tasks = {field.title: field for field in streams[TASK].fields}
    assert tasks["Cost centre"].samples == ("CC-1",)
    assert tasks["Risk level"].samples == ("High",)
    assert "no table msdyn_program" in streams[""].title
    assert aliases == {
        "Cost centre": "cr1_costcentre",
        "Risk level": '"cr1_risk@OData.Community.Display.V1.FormattedValue"',
        "Unit": '"_cr1_unit_value@OData.Community.Display.V1.FormattedValue"',
    }
    row = next(iter(records(await pages(fake)).values())).data
    assert row["cr1_risk@OData.Community.Display.V1.FormattedValue"] == "High"


async def test_a_choice_of_several_is_told_by_its_labels(fake: FakeDataverse) -> None:
    project, _ = plan(fake, 2)
    fake.world.add_column(TASK, "cr1_sites", "MultiSelectPicklist", "Sites")
    label = {"cr1_sites@OData.Community.Display.V1.FormattedValue": "North; South"}
    own = fake.world.add_task(project, "Dig", cr1_sites="1,3", **label)
    found = records(await pages(fake))[own]
    async with adapter_of(fake) as adapter:
        path = (await adapter.aliases())["Sites"]
    assert found.data[path.strip('"')] == "North; South"


@pytest.mark.parametrize("older", [False, True])
async def test_without_the_right_to_metadata_known_columns_are_read(fake: FakeDataverse, older: bool) -> None:
    """Of those that are known, older environments have one for links, and newer ones refuse whoever asks for it."""
    _, tasks = plan(fake, 3)
    if older:
        fake.world.table(LINK).attributes["msdyn_linktype"] = "Picklist"
    fake.faults.no_metadata = True
    assert len(records(await pages(fake))) == 3
    assert records(await pages(fake, LINK)) == {}
    link = fake.world.link(tasks[0], tasks[1], kind="SS")
    row = records(await pages(fake, LINK))[link].data
    assert row["msdyn_projecttaskdependencylinktype"] == 3
    assert ("msdyn_linktype" in row) is older
    async with adapter_of(fake) as adapter:
        (warning,) = (await adapter.check()).warnings
        assert "prvReadEntity" in warning


async def test_without_the_right_to_metadata_an_absent_table_is_left_out(fake: FakeDataverse) -> None:
    plan(fake, 3)
    fake.world.remove_table("msdyn_program")
    fake.faults.no_metadata = True
    async with adapter_of(fake) as adapter:
        for partition in await adapter.partitions():
            assert [page async for page in adapter.read(partition, None, full=True)]


async def test_an_application_that_sees_no_project_is_refused_rather_than_believed(
    fake: FakeDataverse,
) -> None:
    for stream in (PROJECT, LINK):
        with pytest.raises(SourceRefused, match="sees no project at all") as refused:
            await pages(fake, stream)
    assert "user level" in refused.value.hint


async def test_access_that_was_taken_away_is_told_from_deletion(fake: FakeDataverse) -> None:
    project, tasks = plan(fake, 3)
    plan(fake, 2)
    fake.world.hidden_projects.add(project)
    known = {task: {"_msdyn_project_value": project} for task in tasks}
    async with adapter_of(fake) as adapter:
        assert await adapter.locate(TASK, tasks, known) == dict.fromkeys(tasks, Presence.LOST_ACCESS)


async def test_a_row_that_is_there_after_all_is_left_as_it_is(fake: FakeDataverse) -> None:
    project, tasks = plan(fake, 30)
    fake.world.delete(tasks[0])
    known = {task: {"_msdyn_project_value": project} for task in tasks}
    async with adapter_of(fake) as adapter:
        assert await adapter.locate(TASK, tasks, known) == {tasks[0]: Presence.DELETED}


async def test_a_token_refused_in_the_middle_costs_one_refresh(fake: FakeDataverse) -> None:
    plan(fake)
    fake.faults.on_page = lambda page: fake.entra.revoke_tokens() if page == 2 else None
    assert len(records(await pages(fake))) == 35
    assert fake.entra.issued == 2


async def test_a_revoked_application_stops_with_one_clear_message(fake: FakeDataverse) -> None:
    plan(fake)

    def revoke(page: int) -> None:
        if page == 2:
            fake.entra.apps[fake.app_id].disabled = True
            fake.entra.revoke_tokens()

    fake.faults.on_page = revoke
    with pytest.raises(SourceRefused, match="the application is disabled"):
        await pages(fake)
    assert [call.status for call in fake.log].count(401) == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"too_many_every": 4}, None),
        ({"unavailable_every": 4}, None),
        ({"truncate_every": 5}, None),
        ({"cut_every": 5}, None),
        ({"html_every": 5}, SourceMisbehaved),
        ({"unavailable_every": 1}, SourceUnavailable),
        ({"redirect_to": "https://login.microsoftonline.com/x"}, SourceRefused),
        ({"repeat_page": True}, SourceMisbehaved),
        ({"empty_pages": True}, SourceError),
        ({"foreign_links": True}, SourceMisbehaved),
        ({"forget_delta": True}, SourceMisbehaved),
    ],
)
async def test_a_limping_environment_is_read_to_the_end_or_not_believed(
    fake: FakeDataverse, fault: dict[str, Any], expected: type[Exception] | None
) -> None:
    _, tasks = plan(fake)
    for name, value in fault.items():
        setattr(fake.faults, name, value)
    if expected is None:
        assert set(records(await pages(fake))) == set(tasks)
        return
    with pytest.raises(expected):
        await pages(fake)


async def test_a_wait_that_is_asked_for_is_kept(fake: FakeDataverse) -> None:
    plan(fake)
    fake.faults.too_many_every, fake.faults.retry_after = 1, "900"
    with pytest.raises(SourceUnavailable) as problem:
        await pages(fake)
    assert problem.value.retry_after == 900


HOSTILE = [
    "'; DROP TABLE x; --",
    "a\u0000b",
    "😀🏴‍☠️",
    "\u202eRTL\u202c",
    "x" * 10_000,
    "<script>alert(1)</script>",
    '"reason":"deleted"',
    "",
]


async def test_hostile_names_arrive_as_they_are(fake: FakeDataverse) -> None:
    project = fake.world.add_project("Alpha")
    names = {fake.world.add_task(project, name): name for name in HOSTILE}
    found = records(await pages(fake))
    assert {key: record.data["msdyn_subject"] for key, record in found.items()} == names
    assert not any(record.error or record.deleted for record in found.values())


async def test_a_row_of_another_shape_is_set_aside_and_its_neighbours_go_on(fake: FakeDataverse) -> None:
    _, tasks = plan(fake, 5)
    fake.world.edit(
        tasks[1], msdyn_progress="half", msdyn_start=17, msdyn_priority="high", _msdyn_parenttask_value=[1]
    )
    fake.world.edit(tasks[2], msdyn_outlinelevel={"a": 1}, msdyn_finish="someday", msdyn_progress=1e300)
    found = records(await pages(fake))
    assert set(found) == set(tasks)
    assert [key for key, record in found.items() if record.error] in ([], [tasks[2]])
