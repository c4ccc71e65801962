"""What a read of Jira brings, on both flavours."""

from __future__ import annotations

import orjson
import pytest

from adapters.base import Presence
from adapters.errors import SourceMisbehaved, SourceRefused
from tests.fakes.jira import FakeJira
from tests.fakes.jira.world import EPIC_LINK, FLAGGED, OLD_POINTS, PARENT_LINK, POINTS, SPRINT, START
from tests.fix_sources import fill, issue_ids, jira_adapter, read_pages, records_of


async def test_a_full_read_brings_every_record_of_every_stream(jira: FakeJira) -> None:
    fill(jira, {"PAY": 57, "WEB": 13})
    board = jira.world.add_board("PAY", "PAY board")
    for name in ("Sprint 1", "Sprint 2"):
        jira.world.add_sprint(board, name)
    jira.world.add_board("WEB", "WEB kanban", kind="kanban")
    jira.world.add_version("PAY", "1.0", releaseDate="2025-09-30")
    author = next(iter(jira.world.users.values()))
    for key in ("PAY-1", "PAY-2", "WEB-1"):
        jira.world.add_worklog(jira.world.issue(key), author, 3600, jira.world.now())
    met: dict[str, set[str]] = {}
    async with jira_adapter(jira, page_size=10) as adapter:
        for partition in await adapter.partitions():
            async for page in adapter.read(partition, None, full=True):
                for record in page.records:
                    assert record.error is None
                    assert orjson.loads(record.payload) == record.data
                    met.setdefault(record.stream, set()).add(record.id)
    world = jira.world
    assert met == {
        "project": {str(number) for number in world.projects},
        "user": set(world.users),
        "version": {version["id"] for home in world.projects.values() for version in home.versions},
        "sprint": {str(number) for number in world.sprints},
        "issue": {str(number) for number in world.issues},
        "worklog": {str(number) for number in world.worklogs},
    }


async def test_the_partition_of_each_project_is_read_on_its_own(jira: FakeJira) -> None:
    fill(jira, {"PAY": 5, "WEB": 3})
    async with jira_adapter(jira) as adapter:
        names = [partition.name for partition in await adapter.partitions()]
        assert [name for name in names if name.startswith("issues:")] == ["issues:10001", "issues:10002"]
        web = records_of(await read_pages(adapter, "issues:10002"))
    assert {record.data["key"] for record in web.values()} == {"WEB-1", "WEB-2", "WEB-3"}


async def test_what_the_tool_sent_stays_byte_for_byte_in_front_of_our_findings(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    async with jira_adapter(jira) as adapter:
        (record,) = records_of(await read_pages(adapter, "issues:10001")).values()
    head, mark, tail = record.payload.partition(b',"portbook":')
    assert mark
    (sent,) = [call for call in jira.log if call.path.endswith(("/search/jql", "/api/2/search"))]
    asked = tuple(sent.body["fields"])
    assert head + b"}" == jira.world.body(jira.world.issue("PAY-1"), asked)
    assert orjson.loads(tail[:-1]) == record.data["portbook"]


async def test_noisy_and_volatile_fields_are_not_read(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    async with jira_adapter(jira) as adapter:
        (record,) = records_of(await read_pages(adapter, "issues:10001")).values()
    assert not {"comment", "lastViewed", "customfield_10019", "customfield_10070"} & set(
        record.data["fields"]
    )


async def test_only_selected_projects_are_read(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3, "WEB": 4})
    author = next(iter(jira.world.users.values()))
    for key in ("PAY-1", "WEB-1"):
        jira.world.add_worklog(jira.world.issue(key), author, 60, jira.world.now())
    async with jira_adapter(jira, select={"projects": ["web"]}) as adapter:
        names = {partition.name for partition in await adapter.partitions()}
        assert "issues:10002" in names
        assert "issues:10001" not in names
        assert len(records_of(await read_pages(adapter, "projects"), "project")) == 1
        (worklog,) = records_of(await read_pages(adapter, "worklogs"), "worklog").values()
    assert worklog.data["portbook"]["project"] == "10002"


async def test_a_project_that_the_account_administers_and_may_not_browse_is_not_read(cloud: FakeJira) -> None:
    """It is listed, and no search knows it: no run would ever end well."""
    fill(cloud, {"PAY": 2, "SEC": 2})
    cloud.hide_project("SEC")
    cloud.world.project("SEC").administered = True
    async with jira_adapter(cloud) as adapter:
        names = [partition.name for partition in await adapter.partitions()]
        assert [name for name in names if name.startswith("issues:")] == ["issues:10001"]
        assert await adapter.locate("project", ["10002"], {}) == {"10002": Presence.LOST_ACCESS}


async def test_data_center_lists_projects_that_are_merely_administered_and_the_others_are_read(
    data_center: FakeJira,
) -> None:
    """It cannot be asked for the others alone, and refuses a search in such a project."""
    fill(data_center, {"PAY": 2, "SEC": 2})
    async with jira_adapter(data_center) as adapter:
        pages = await read_pages(adapter, "issues:10002")
    known = {name: record.data for name, record in records_of(pages).items()}
    data_center.hide_project("SEC")
    data_center.world.project("SEC").administered = True
    async with jira_adapter(data_center) as adapter:
        assert len(issue_ids(await read_pages(adapter, "issues:10001"))) == 2
        for cursor, full in ((None, True), (pages[-1].cursor, False)):
            assert issue_ids(await read_pages(adapter, "issues:10002", cursor, full=full)) == set()
        assert set((await adapter.locate("issue", list(known), known)).values()) == {Presence.LOST_ACCESS}
        assert await adapter.locate("project", ["10002"], {}) == {"10002": Presence.LOST_ACCESS}
    # A project that is ours to read and refused all the same concludes nothing.
    data_center.world.project("SEC").administered = False
    async with jira_adapter(data_center) as adapter:
        await adapter.partitions()
        data_center.hide_project("PAY")
        data_center.world.project("PAY").administered = False
        with pytest.raises(SourceMisbehaved):
            await read_pages(adapter, "issues:10001")


async def test_a_selected_key_still_counts_after_the_project_was_renamed(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3})
    jira.world.rename_project("PAY", "MONEY")
    async with jira_adapter(jira, select={"projects": ["PAY"]}) as adapter:
        pages = await read_pages(adapter, "issues:10001")
    assert {record.data["key"] for record in records_of(pages).values()} == {"MONEY-1", "MONEY-2", "MONEY-3"}


async def test_an_invisible_selected_project_is_told_and_the_others_are_read(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3, "WEB": 2})
    async with jira_adapter(jira, select={"projects": ["PAY", "GONE", "WBE"]}) as adapter:
        told = [(one.message, one.hint) for one in (await adapter.check()).unmet]
        assert told == [
            ("project GONE of select.projects is not visible", "Visible are: PAY, WEB."),
            ("project WBE of select.projects is not visible", "Did you mean 'WEB'?"),
        ]
        assert len(issue_ids(await read_pages(adapter, "issues:10001"))) == 3


async def test_seeing_no_project_at_all_is_refused_rather_than_read_as_empty(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3})
    jira.hide_project("PAY")
    async with jira_adapter(jira) as adapter:
        with pytest.raises(SourceRefused, match="no project"):
            await adapter.partitions()
        with pytest.raises(SourceRefused, match="no project"):
            await adapter.check()


async def test_check_names_the_account_the_product_and_what_is_missing(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    jira.faults.no_user_browsing = True
    jira.faults.no_boards = True
    async with jira_adapter(jira) as adapter:
        identity = await adapter.check()
    assert identity.account == "PMO reader"
    assert identity.timezone == "Europe/Berlin"
    assert identity.product.startswith("Jira Cloud" if jira.world.cloud else "Jira Data Center")
    people, boards = identity.warnings
    assert "Browse users and groups (Settings, System, Global permissions)" in people
    assert "access to Jira Software" in boards
    assert ("read:board-scope:jira-software" in boards) is jira.world.cloud


async def test_without_browse_users_people_come_with_the_issues_that_name_them(jira: FakeJira) -> None:
    fill(jira, {"PAY": 6})
    jira.faults.no_user_browsing = True
    async with jira_adapter(jira) as adapter:
        assert records_of(await read_pages(adapter, "users"), "user") == {}
        met = records_of(await read_pages(adapter, "issues:10001"), "user")
    assert set(met) == set(jira.world.users)


async def test_a_person_is_the_same_record_wherever_they_are_met(jira: FakeJira) -> None:
    fill(jira, {"PAY": 6})
    async with jira_adapter(jira) as adapter:
        listed = records_of(await read_pages(adapter, "users"), "user")
        assert records_of(await read_pages(adapter, "issues:10001"), "user") == {}
    jira.faults.no_user_browsing = True
    async with jira_adapter(jira) as adapter:
        met = records_of(await read_pages(adapter, "issues:10001"), "user")
    assert {name: met[name].payload for name in met} == {name: listed[name].payload for name in met}
    assert met


async def test_an_app_is_no_person_unless_work_is_assigned_to_it(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 1})
    robot = cloud.world.add_user("Deploy bot", accountType="app")
    cloud.world.add_user("A customer", accountType="customer")
    cloud.edit("PAY-1", assignee=robot)
    async with jira_adapter(cloud) as adapter:
        listed = records_of(await read_pages(adapter, "users"), "user")
        met = records_of(await read_pages(adapter, "issues:10001"), "user")
    assert {record.data["displayName"] for record in listed.values()} == {
        "Mia Krystof",
        "Ana Díaz",
        "Jonas Weber",
    }
    assert [record.data["displayName"] for record in met.values()] == ["Deploy bot"]


async def test_story_points_come_from_the_field_that_the_projects_board_uses(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1, "WEB": 1, "DWH": 1, "OPS": 1})
    for key in ("PAY", "WEB", "DWH", "OPS"):
        jira.edit(f"{key}-1", **{POINTS: 3.0, OLD_POINTS: 8.0})
    jira.world.add_board("WEB", "WEB board", points=OLD_POINTS)
    jira.world.add_board("DWH", "DWH board", points="timeoriginalestimate")
    jira.edit("OPS-1", **{POINTS: None})
    points = {}
    async with jira_adapter(jira) as adapter:
        for number in (10001, 10002, 10003, 10004):
            (record,) = records_of(await read_pages(adapter, f"issues:{number}")).values()
            points[record.data["key"]] = record.data["portbook"]["points"]
    # No board: the site's own kind of field. A board that estimates in hours: the same. Empty: the other.
    assert points == {"PAY-1": 3.0, "WEB-1": 8.0, "DWH-1": 3.0, "OPS-1": 8.0}


async def test_sprints_are_read_in_both_spellings_oldest_first(jira: FakeJira) -> None:
    fill(jira, {"PAY": 2})
    world = jira.world
    board = world.add_board("PAY", "PAY board")
    late = world.add_sprint(
        board, "Late, id=99,state=CLOSED, ]tricky[", "active", startDate="2025-06-15T07:00:00.000Z"
    )
    early = world.add_sprint(board, "Early", "closed", startDate="2025-06-01T07:00:00.000Z")
    jira.edit("PAY-1", **{SPRINT: world.sprint_value(late, early)})
    async with jira_adapter(jira) as adapter:
        found = {
            r.data["key"]: r.data["portbook"]
            for r in records_of(await read_pages(adapter, "issues:10001")).values()
        }
        sprints = records_of(await read_pages(adapter, "sprints"), "sprint")
    assert found["PAY-1"]["sprints"] == [str(early["id"]), str(late["id"])]
    assert found["PAY-1"]["sprint"] == str(late["id"])
    assert "sprint" not in found["PAY-2"]
    assert sprints[str(late["id"])].data["portbook"] == {
        "team": "PAY board",
        "project": "10001",
        "url": f"https://acme.atlassian.net/secure/RapidBoard.jspa?rapidView={board}",
        "start_on": "2025-06-15",
    }


async def test_a_sprint_shared_by_two_boards_comes_once_and_belongs_to_the_board_it_began_on(
    jira: FakeJira,
) -> None:
    fill(jira, {"PAY": 1})
    jira.world.add_board(None, "All teams")
    board = jira.world.add_board("PAY", "PAY board")
    jira.world.add_sprint(board, "Sprint 1")
    async with jira_adapter(jira) as adapter:
        pages = await read_pages(adapter, "sprints")
    (sprint,) = [record for page in pages for record in page.records]
    assert sprint.data["portbook"]["team"] == "PAY board"
    assert sprint.data["portbook"]["project"] == "10001"


async def test_a_cloud_parent_is_known_by_id(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 2})
    epic = cloud.add_issue("PAY", "Epic", kind="Epic")
    cloud.edit("PAY-1", parent={"id": str(epic.id), "key": epic.key})
    async with jira_adapter(cloud) as adapter:
        found = {
            r.data["key"]: r.data["portbook"]
            for r in records_of(await read_pages(adapter, "issues:10001")).values()
        }
    assert found["PAY-1"]["parent"] == str(epic.id)
    assert "parent" not in found["PAY-2"]
    assert found[epic.key]["type"] == "epic"


async def test_data_center_parents_named_by_key_become_ids_also_across_projects(
    data_center: FakeJira,
) -> None:
    jira = data_center
    fill(jira, {"PAY": 5, "WEB": 1})
    epic = jira.add_issue("WEB", "Epic", kind="Epic")
    initiative = jira.add_issue("PAY", "Initiative", kind="Epic")
    jira.edit("PAY-1", **{EPIC_LINK: epic.key})
    jira.edit("PAY-2", **{PARENT_LINK: {"data": {"id": initiative.id, "key": initiative.key}}})
    jira.edit("PAY-3", kind="Sub-task", parent={"id": "10001", "key": "PAY-1"}, **{EPIC_LINK: epic.key})
    jira.edit("PAY-4", **{EPIC_LINK: "GONE-1"})
    async with jira_adapter(jira) as adapter:
        found = {
            r.data["key"]: r.data["portbook"]
            for r in records_of(await read_pages(adapter, "issues:10001")).values()
        }
    assert found["PAY-1"]["parent"] == str(epic.id)
    assert found["PAY-2"]["parent"] == str(initiative.id)
    assert found["PAY-3"]["parent"] == "10001"
    assert "parent" not in found["PAY-4"]


async def test_flags_start_dates_releases_and_links_become_findings(jira: FakeJira) -> None:
    fill(jira, {"PAY": 2})
    version = jira.world.add_version("PAY", "1.0")
    jira.edit(
        "PAY-1", fixVersions=[version], **{START: "2025-03-01", FLAGGED: [{"id": "1", "value": "Impediment"}]}
    )
    link = jira.world.link(jira.world.issue("PAY-1"), jira.world.issue("PAY-2"))
    async with jira_adapter(jira) as adapter:
        found = {
            r.data["key"]: r.data["portbook"]
            for r in records_of(await read_pages(adapter, "issues:10001")).values()
        }
    one, two = str(jira.world.issue("PAY-1").id), str(jira.world.issue("PAY-2").id)
    assert found["PAY-1"]["start"] == "2025-03-01"
    assert found["PAY-1"]["blocked"] is True
    assert found["PAY-1"]["versions"] == [version["id"]]
    assert found["PAY-1"]["links"] == [
        {"id": link, "kind": "Blocks", "word": "blocks", "from": one, "to": two}
    ]
    assert found["PAY-1"]["links"] == found["PAY-2"]["links"]
    assert "blocked" not in found["PAY-2"]
    assert found["PAY-2"]["url"] == "https://acme.atlassian.net/browse/PAY-2"


async def test_aliases_leave_out_a_name_that_two_fields_share(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    async with jira_adapter(jira) as adapter:
        aliases = await adapter.aliases()
    assert aliases["Business value"] == "fields.customfield_10050"
    assert "Region" not in aliases
    assert "Summary" not in aliases


async def test_discover_shows_fields_with_samples_and_the_sites_own_lists(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3})
    jira.edit("PAY-1", customfield_10050=40.0)
    jira.edit("PAY-2", timespent=3600)
    async with jira_adapter(jira) as adapter:
        streams = {stream.name: stream for stream in await adapter.discover()}
    issue = streams["issue"]
    fields = {field.path: field for field in issue.fields}
    assert fields["fields.customfield_10050"].title == "Business value"
    assert fields["fields.customfield_10050"].samples == (40.0,)
    assert len(fields["fields.summary"].samples) == 3
    assert fields["fields.timespent"].samples == (3600,), "sent, and in no list of fields"
    assert {field.path for field in streams["project"].fields} >= {"projectTypeKey", "key"}
    assert "fields.comment" not in fields
    assert "Rückfrage" in issue.values["status"]
    assert issue.values["linktype"] == ["Blocks", "Relates", "Duplicate"]
    assert issue.values["priority"][0] == "Highest"
    assert set(streams) == {"issue", "project", "user", "version", "sprint", "worklog"}


async def test_sprints_of_a_team_managed_projects_board_are_read(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1, "WEB": 1})
    world = jira.world
    board = world.add_board("PAY", "PAY board", points=OLD_POINTS, kind="simple")
    world.add_board("WEB", "No sprints there", kind="simple")
    kanban = world.add_board("WEB", "Flow", kind="kanban")
    sprint = world.add_sprint(board, "PAY Sprint 1")
    jira.edit("PAY-1", **{OLD_POINTS: 3.0})
    for options in ({}, {"select": {"projects": ["PAY", "WEB"]}}):
        async with jira_adapter(jira, **options) as adapter:
            sprints = records_of(await read_pages(adapter, "sprints"), "sprint")
            issues = records_of(await read_pages(adapter, "issues:10001"), "issue")
        assert {name: found.data["portbook"]["team"] for name, found in sprints.items()} == {
            str(sprint["id"]): "PAY board"
        }
        assert [found.data["portbook"]["points"] for found in issues.values()] == [3.0]
    assert not [call for call in jira.log if f"/board/{kanban}/" in call.path], (
        "a kanban board has no sprints"
    )


async def test_a_site_without_boards_has_no_partition_of_sprints(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    jira.faults.no_boards = True
    async with jira_adapter(jira) as adapter:
        # An empty partition would say that every sprint is gone.
        assert "sprints" not in {partition.name for partition in await adapter.partitions()}


async def test_dates_do_not_shift_and_times_keep_their_instant(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    jira.edit("PAY-1", duedate="2025-07-31")
    issue = jira.world.issue("PAY-1")
    async with jira_adapter(jira) as adapter:
        (record,) = records_of(await read_pages(adapter, "issues:10001")).values()
    assert record.data["fields"]["duedate"] == "2025-07-31"
    assert record.updated_at is not None
    assert int(record.updated_at.timestamp() * 1000) == issue.updated
    assert record.updated_at.tzname() == "UTC"
