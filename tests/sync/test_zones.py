"""Days do not shift on their way into the register, wherever the tool or its account stands: whole runs of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra
from tests.fakes.jira import FakeJira
from tests.fakes.jira.world import World as JiraWorld
from tests.fakes.jira.world import ms_of, text_of
from tests.fakes.mspdi import Plan
from tests.fakes.project_server import FakeProjectServer
from tests.fakes.workbooks import write_xlsx
from tests.fix_engine import Engine
from tests.fix_project import server_adapter

ZONES = ("Etc/GMT+12", "Pacific/Kiritimati", "Europe/London")
FIRST, LAST = date(2026, 3, 28), date(2026, 3, 29)
"""The second is the day on which London's clocks are put forward, at one in the morning."""


def in_utc(day: date, at: time, zone: str) -> str:
    """An instant of that local day as services write it."""
    moment = datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def days(engine: Engine, entity: str, *columns: str) -> list[str | None]:
    (row,) = (await engine.rows(entity)).values()
    return [row[column] for column in columns]


async def run(engine: Engine) -> None:
    ended = await engine.sync("tool", "full")
    assert (ended["state"], ended["error"]) == ("succeeded", None)
    assert await engine.findings() == []


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("flavour", ["cloud", "dc"])
async def test_jira(engine: Engine, flavour: str, zone: str) -> None:
    place, world = ZoneInfo(zone), JiraWorld(flavour, zone)
    mia = world.add_user("Mia Krystof")
    world.add_project("PAY", lead=mia)
    board = world.add_board("PAY", "Team")
    # Sprints are given as instants in UTC, whoever reads them.
    world.add_sprint(
        board, "Sprint 1", startDate=in_utc(FIRST, time(0), zone), endDate=in_utc(LAST, time(23, 30), zone)
    )
    world.add_version("PAY", "1.0", releaseDate=LAST.isoformat())
    night = ms_of(datetime.combine(LAST, time(23, 30), place))
    ended = {"resolution": world.resolutions[0], "resolutiondate": text_of(night, place)}
    issue = world.add_issue("PAY", status="Done", duedate=LAST.isoformat(), **ended)
    world.add_worklog(issue, mia, 3600, ms_of(datetime.combine(LAST, time(0, 15), place)))
    with FakeJira(world) as fake:
        await engine.add_jira(fake, "tool")
        await run(engine)
    assert await days(engine, "work_item", "due_on", "finish_actual_on") == [str(LAST), str(LAST)]
    assert await days(engine, "time_entry", "worked_on") == [str(LAST)]
    assert await days(engine, "milestone", "planned_on") == [str(LAST)]
    assert await days(engine, "iteration", "start_on", "finish_on") == [str(FIRST), str(LAST)]


@pytest.mark.parametrize("home", ["Australia/Sydney", "America/Los_Angeles", "No/Such_Place", None])
async def test_work_is_logged_on_the_day_of_the_person_not_of_the_account(
    engine: Engine, home: str | None
) -> None:
    world = JiraWorld("cloud", "Europe/London")
    mia = world.add_user("Mia Krystof", timeZone=home)
    world.add_project("PAY", lead=mia)
    # Half an hour before midnight in London, the next morning in Sydney, the afternoon in Los Angeles.
    late, early = (
        ms_of(datetime.combine(LAST, at, ZoneInfo("Europe/London"))) for at in (time(23, 30), time(3))
    )
    for moment in (late, early):
        world.add_worklog(world.add_issue("PAY"), mia, 3600, moment)
    with FakeJira(world) as fake:
        await engine.add_jira(fake, "tool")
        await run(engine)
    found = {row["worked_on"] for row in (await engine.rows("time_entry")).values()}
    after = str(LAST + timedelta(days=1))
    there = {"Australia/Sydney": {after, str(LAST)}, "America/Los_Angeles": {str(LAST), str(FIRST)}}
    assert found == there.get(home or "", {str(LAST)})


@pytest.mark.parametrize("zone", ZONES)
async def test_azure_devops(engine: Engine, boards: FakeAzureDevOps, zone: str) -> None:
    world = boards.world
    home = world.add_project("Alpha")
    world.add_iteration(home, "Sprint 1", str(FIRST), str(LAST))
    scheduling, common = "Microsoft.VSTS.Scheduling.", "Microsoft.VSTS.Common."
    boards.add_item(
        home,
        state="Closed",
        **{
            scheduling + "StartDate": in_utc(FIRST, time(0), zone),
            scheduling + "FinishDate": in_utc(LAST, time(0), zone),
            common + "ActivatedDate": in_utc(FIRST, time(0, 30), zone),
            common + "ClosedDate": in_utc(LAST, time(23, 30), zone),
        },
    )
    await engine.add_azure_devops(boards, "tool", timezone=zone)
    await run(engine)
    planned = await days(engine, "work_item", "start_planned_on", "finish_planned_on")
    actual = await days(engine, "work_item", "start_actual_on", "finish_actual_on")
    assert planned == actual == [str(FIRST), str(LAST)]
    sprint = next(iter((await engine.rows("iteration", "title = 'Sprint 1'")).values()))
    assert (sprint["start_on"], sprint["finish_on"]) == (str(FIRST), str(LAST))


PLANNED = ("start_planned_on", "finish_planned_on", "start_actual_on", "finish_actual_on")


@contextmanager
def _project_server(zone: str) -> Iterator[tuple[FakeProjectServer, dict[str, str]]]:
    with FakeProjectServer() as fake:
        start, finish = datetime.combine(FIRST, time(0)), datetime.combine(LAST, time(23, 30))
        task = fake.world.add_task(
            fake.world.add_project("Harbour"), "Dig", start=start, finish=finish, percent=100
        )
        fake.world.baseline(task, 0, start, finish, 8, 0)
        yield fake, {"timezone": zone, "url": fake.site}


@pytest.mark.parametrize("zone", ZONES)
async def test_project_server(engine: Engine, zone: str) -> None:
    with _project_server(zone) as (fake, where):
        await engine.add("tool", "ms_project", lambda: server_adapter(fake, timezone=zone), where)
        await run(engine)
    assert await days(engine, "work_item", *PLANNED) == [str(FIRST), str(LAST)] * 2
    assert await days(engine, "work_item", "start_baseline_on", "finish_baseline_on") == [
        str(FIRST),
        str(LAST),
    ]


@pytest.mark.parametrize("zone", ZONES)
async def test_planner_premium(engine: Engine, zone: str) -> None:
    with FakeEntra() as entra, FakeDataverse(entra) as fake:
        start, finish = in_utc(FIRST, time(0), zone), in_utc(LAST, time(23, 30), zone)
        project = fake.world.add_project("Alpha", msdyn_scheduledstart=start, msdyn_finish=finish)
        fake.world.add_task(project, "Dig", msdyn_start=start, msdyn_finish=finish)
        given = MsProjectOptions.model_validate(
            {"api": "dataverse", "url": fake.url, "auth": fake.auth(), "timezone": zone}
        )
        where = {"timezone": zone, "url": fake.url}
        await engine.add("tool", "ms_project", lambda: MsProjectAdapter(given), where)
        await run(engine)
    for entity in ("project", "work_item"):
        assert await days(engine, entity, *PLANNED[:2]) == [str(FIRST), str(LAST)], entity


@pytest.mark.parametrize("zone", ZONES)
async def test_plan_files(engine: Engine, zone: str) -> None:
    plan = Plan("Harbour")
    start, finish = datetime.combine(FIRST, time(0)), datetime.combine(LAST, time(23, 30))
    plan.add_task("Dig", start=start, finish=finish, percent=100)
    plan.save(engine.folder / "harbour.xml")
    given = MsProjectOptions.model_validate(
        {"api": "files", "files": "*.xml", "base_dir": engine.folder, "settle_s": 0, "timezone": zone}
    )
    await engine.add("tool", "ms_project", lambda: MsProjectAdapter(given), {"timezone": zone})
    await run(engine)
    assert await days(engine, "work_item", *PLANNED) == [str(FIRST), str(LAST)] * 2


@pytest.mark.parametrize("zone", ZONES)
async def test_workbooks(engine: Engine, tmp_path: Path, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A cell has no zone; the machine's own must not be taken for one.
    monkeypatch.setenv("TZ", zone)
    head = ["Task ID", "Title", "Start", "Finish", "Actual start", "Actual finish"]
    row = ["T-1", "Dig", FIRST, datetime.combine(LAST, time(23, 30)), str(FIRST), f"{LAST} 00:15"]
    write_xlsx(tmp_path / "PMO.xlsx", {"Tasks": [head, row]})
    sheets = [{"sheet": "Tasks", "into": "work_item", "key": "Task ID"}]
    await engine.add_files(str(tmp_path / "PMO.xlsx"), "tool", sheets=sheets)
    await run(engine)
    assert await days(engine, "work_item", *PLANNED) == [str(FIRST), str(LAST)] * 2
