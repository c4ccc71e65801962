"""Why an issue is missing: each reason told apart from the others."""

from __future__ import annotations

from typing import Any

from adapters.base import Presence
from tests.fakes.jira import FakeJira
from tests.fix_sources import fill, jira_adapter, read_pages, records_of


async def known_issues(fake: FakeJira) -> dict[str, Any]:
    """What a complete read stored, by id."""
    known: dict[str, Any] = {}
    async with jira_adapter(fake) as adapter:
        for partition in await adapter.partitions():
            if partition.name.startswith("issues:"):
                pages = await read_pages(adapter, partition.name)
                known |= {name: record.data for name, record in records_of(pages).items()}
    return known


async def test_every_reason_for_a_missing_issue_is_told_apart(jira: FakeJira) -> None:
    fill(jira, {"PAY": 4, "WEB": 2, "OLD": 2, "SEC": 2, "BIN": 1})
    known = await known_issues(jira)
    number = {issue.key: str(issue.id) for issue in jira.world.issues.values()}
    jira.delete("PAY-1")
    jira.move("PAY-2", "WEB")
    jira.archive_project("OLD")
    jira.hide_project("SEC")
    jira.edit("PAY-4", archiveddate="2025-01-01T00:00:00.000+0000")
    async with jira_adapter(jira, select={"projects": ["PAY"]}) as adapter:
        found = await adapter.locate("issue", list(number.values()), known)
    assert {key: found.get(name) for key, name in number.items()} == {
        "PAY-1": Presence.DELETED,
        "PAY-2": Presence.MOVED,
        "PAY-3": Presence.PRESENT,
        "PAY-4": Presence.ARCHIVED,
        "WEB-1": Presence.OUT_OF_SCOPE,
        "WEB-2": Presence.OUT_OF_SCOPE,
        "OLD-1": Presence.ARCHIVED,
        "OLD-2": Presence.ARCHIVED,
        "SEC-1": Presence.LOST_ACCESS,
        "SEC-2": Presence.LOST_ACCESS,
        "BIN-1": Presence.OUT_OF_SCOPE,
    }


async def test_a_project_that_was_hidden_during_the_run_takes_nothing_with_it(jira: FakeJira) -> None:
    fill(jira, {"PAY": 2, "WEB": 1})
    version = jira.world.add_version("PAY", "1.0")
    known = await known_issues(jira)
    async with jira_adapter(jira) as adapter:
        released = records_of(await read_pages(adapter, "versions"), "version")
        jira.hide_project("PAY")
        found = await adapter.locate("issue", list(known), known)
        found |= await adapter.locate("version", [version["id"]], {n: r.data for n, r in released.items()})
    assert {p for name, p in found.items() if name != str(jira.world.issue("WEB-1").id)} == {
        Presence.LOST_ACCESS
    }


async def test_issues_of_a_project_in_the_trash_are_deleted_where_jira_says_so(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 1, "BIN": 1})
    known = await known_issues(cloud)
    name = str(cloud.world.issue("BIN-1").id)
    cloud.world.delete_project("BIN")
    async with jira_adapter(cloud) as adapter:
        assert await adapter.locate("issue", [name], known) == {name: Presence.DELETED}
        assert await adapter.locate("project", ["10001", "10002"], {}) == {
            "10001": Presence.PRESENT,
            "10002": Presence.DELETED,
        }


async def test_an_issue_never_stored_and_not_answering_is_left_unknown(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    async with jira_adapter(jira) as adapter:
        assert await adapter.locate("issue", ["999999"], {}) == {}


async def test_a_thousand_missing_issues_are_asked_for_in_chunks(jira: FakeJira) -> None:
    fill(jira, {"PAY": 450}, step_ms=10)
    known = await known_issues(jira)
    gone = [name for name in known if int(name) % 3 == 0]
    for name in gone:
        jira.delete(name)
    jira.log.clear()
    async with jira_adapter(jira) as adapter:
        found = await adapter.locate("issue", list(known), known)
    assert {name for name, presence in found.items() if presence is Presence.DELETED} == set(gone)
    assert len(found) == len(known)
    singly = [call for call in jira.log if call.method == "GET" and "/issue/" in call.path]
    assert len(jira.log) - len(singly) < 15
    assert len(singly) == (0 if jira.world.cloud else len(gone)), "what a search does not find may be there"


async def test_an_issue_that_data_centers_index_lacks_is_not_called_deleted(data_center: FakeJira) -> None:
    """Its search answers from an index that may be behind or broken on a node, an issue by itself from the database."""
    fill(data_center, {"PAY": 4})
    known = await known_issues(data_center)
    number = {issue.key: str(issue.id) for issue in data_center.world.issues.values()}
    data_center.world.unindexed.add(int(number["PAY-1"]))
    data_center.edit("PAY-2", archiveddate="2025-01-01T00:00:00.000+0000")
    data_center.delete("PAY-3")
    async with jira_adapter(data_center) as adapter:
        found = await adapter.locate("issue", list(known), known)
    assert {key: found.get(name) for key, name in number.items()} == {
        "PAY-1": Presence.PRESENT,
        "PAY-2": Presence.ARCHIVED,
        "PAY-3": Presence.DELETED,
        "PAY-4": Presence.PRESENT,
    }


async def test_versions_sprints_and_worklogs_are_located_too(jira: FakeJira) -> None:
    fill(jira, {"PAY": 2, "SEC": 1})
    world = jira.world
    board = world.add_board("PAY", "PAY board")
    author = next(iter(world.users.values()))
    versions = [
        world.add_version("PAY", "1.0"),
        world.add_version("PAY", "2.0"),
        world.add_version("SEC", "1.0"),
    ]
    sprints = [world.add_sprint(board, "One"), world.add_sprint(board, "Two")]
    logs = [
        world.add_worklog(world.issue(key), author, 60, world.now())
        for key in ("PAY-1", "PAY-1", "PAY-2", "SEC-1")
    ]
    known: dict[str, dict[str, Any]] = {}
    async with jira_adapter(jira) as adapter:
        for partition in ("versions", "sprints", "worklogs"):
            for page in await read_pages(adapter, partition):
                for record in page.records:
                    known.setdefault(record.stream, {})[record.id] = record.data
    world.projects[10001].versions.pop(0)
    del world.sprints[sprints[0]["id"]]
    world.delete_worklog(logs[0])
    jira.delete("PAY-2")
    jira.hide_project("SEC")
    async with jira_adapter(jira) as adapter:
        assert await adapter.locate("version", [v["id"] for v in versions], known["version"]) == {
            versions[0]["id"]: Presence.DELETED,
            versions[1]["id"]: Presence.PRESENT,
            versions[2]["id"]: Presence.LOST_ACCESS,
        }
        assert await adapter.locate("sprint", [str(s["id"]) for s in sprints], known["sprint"]) == {
            str(sprints[0]["id"]): Presence.DELETED,
            str(sprints[1]["id"]): Presence.PRESENT,
        }
        assert await adapter.locate("worklog", [str(n) for n in logs], known["worklog"]) == {
            str(logs[0]): Presence.DELETED,
            str(logs[1]): Presence.PRESENT,
            str(logs[2]): Presence.DELETED,
            str(logs[3]): Presence.LOST_ACCESS,
        }


async def test_an_issue_that_jira_could_not_give_in_bulk_is_asked_for_by_itself(cloud: FakeJira) -> None:
    """Its list of errors holds what failed for now; what is gone or hidden is in no list."""
    fill(cloud, {"PAY": 3})
    known = await known_issues(cloud)
    number = {issue.key: str(issue.id) for issue in cloud.world.issues.values()}
    author = next(iter(cloud.world.users.values()))
    log = cloud.world.add_worklog(cloud.world.issue("PAY-1"), author, 60, cloud.world.now())
    cloud.faults.fail_in_bulk = frozenset({"PAY-1"})
    cloud.delete("PAY-2")
    async with jira_adapter(cloud) as adapter:
        found = await adapter.locate("issue", list(number.values()), known)
        logged = records_of(await read_pages(adapter, "worklogs"), "worklog")
    assert {key: found.get(name) for key, name in number.items()} == {
        "PAY-1": Presence.PRESENT,
        "PAY-2": Presence.DELETED,
        "PAY-3": Presence.PRESENT,
    }
    assert list(logged) == [str(log)]


async def test_a_sprint_whose_board_was_deleted_is_neither_gone_nor_left_out_of_the_read(
    jira: FakeJira,
) -> None:
    """It answers for as long as issues name it, and no board lists it: were it called there, no complete run would
    ever succeed again."""
    fill(jira, {"PAY": 1})
    world = jira.world
    boards = [world.add_board("PAY", name) for name in ("Old", "Kanban now", "PAY board")]
    sprints = [str(world.add_sprint(board, f"Sprint of {board}")["id"]) for board in boards]
    async with jira_adapter(jira) as adapter:
        known = records_of(await read_pages(adapter, "sprints"), "sprint")
    assert sorted(known) == sorted(sprints)
    del world.boards[boards[0]]
    world.boards[boards[1]]["type"] = "kanban"
    async with jira_adapter(jira) as adapter:
        found = await adapter.locate("sprint", sprints, {name: r.data for name, r in known.items()})
    assert found == {sprints[2]: Presence.PRESENT}


async def test_a_sprint_of_a_board_that_is_hidden_from_us_is_not_called_deleted(jira: FakeJira) -> None:
    """Jira shows a sprint to whoever sees its board or one of its issues, and answers all others as if it were gone."""
    fill(jira, {"PAY": 1})
    world = jira.world
    hidden, shown = world.add_board("PAY", "Hidden"), world.add_board("PAY", "Shown")
    sprints = [str(world.add_sprint(board, "Sprint")["id"]) for board in (hidden, shown)]
    async with jira_adapter(jira) as adapter:
        known = {
            name: r.data for name, r in records_of(await read_pages(adapter, "sprints"), "sprint").items()
        }
    del world.boards[hidden]
    world.sprints.clear()
    async with jira_adapter(jira) as adapter:
        found = await adapter.locate("sprint", sprints, known)
    assert found == {sprints[0]: Presence.LOST_ACCESS, sprints[1]: Presence.DELETED}
    jira.faults.no_boards = True
    async with jira_adapter(jira) as adapter:
        assert set((await adapter.locate("sprint", sprints, known)).values()) == {Presence.LOST_ACCESS}


async def test_an_issue_that_a_security_level_hides_is_not_called_deleted(jira: FakeJira) -> None:
    """Jira says the same of both: what may be hidden is lost, the claim that is easier to take back."""
    fill(jira, {"PAY": 3, "WEB": 2})
    known = await known_issues(jira)
    number = {issue.key: str(issue.id) for issue in jira.world.issues.values()}
    jira.world.hide_issue("PAY-1")
    jira.delete("PAY-2")
    jira.delete("WEB-1")
    jira.log.clear()
    async with jira_adapter(jira) as adapter:
        found = await adapter.locate("issue", list(number.values()), known)
    assert {key: found.get(name) for key, name in number.items()} == {
        "PAY-1": Presence.LOST_ACCESS,
        "PAY-2": Presence.LOST_ACCESS,
        "PAY-3": Presence.PRESENT,
        "WEB-1": Presence.DELETED,
        "WEB-2": Presence.PRESENT,
    }
    asked = [call for call in jira.log if call.path.endswith("/issuesecuritylevelscheme")]
    assert len(asked) == 2, "once for a project"


async def test_an_account_that_may_not_ask_for_security_never_says_deleted(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    known = await known_issues(jira)
    jira.delete("PAY-1")
    jira.faults.no_project_administration = True
    async with jira_adapter(jira) as adapter:
        assert set((await adapter.locate("issue", list(known), known)).values()) == {Presence.LOST_ACCESS}


async def test_a_team_managed_project_can_restrict_each_issue(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 1})
    cloud.world.project("PAY").data |= {"style": "next-gen", "simplified": True}
    known = await known_issues(cloud)
    cloud.delete("PAY-1")
    async with jira_adapter(cloud) as adapter:
        assert set((await adapter.locate("issue", list(known), known)).values()) == {Presence.LOST_ACCESS}


async def test_a_worklog_restricted_to_a_role_is_not_called_deleted(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    world = jira.world
    author = next(iter(world.users.values()))
    logs = [world.add_worklog(world.issue("PAY-1"), author, 60, world.now()) for _ in range(3)]
    async with jira_adapter(jira) as adapter:
        known = records_of(await read_pages(adapter, "worklogs"), "worklog")
        world.hide_worklog(logs[0])
        world.delete_worklog(logs[1])
        found = await adapter.locate("worklog", list(known), {n: r.data for n, r in known.items()})
    assert [found[str(n)] for n in logs] == [Presence.LOST_ACCESS, Presence.DELETED, Presence.PRESENT]


async def test_people_are_never_reported_as_gone(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    async with jira_adapter(jira) as adapter:
        assert await adapter.locate("user", [*jira.world.users, "nobody"], {}) == {}
