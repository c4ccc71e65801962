"""`prove` finds every record that one side has and the other has not, says why, and invents none."""

from __future__ import annotations

import itertools
import random
from typing import Any

import asyncpg
import pytest

from register.ids import derive_id
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import bulk_world as bulk_boards
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra
from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import bulk_world
from tests.fakes.project_server import FakeProjectServer, generated
from tests.fix_engine import Engine
from tests.fix_project import server_adapter
from tests.sync.test_accounts import fill
from tests.sync.test_dataverse import add as add_dataverse
from tests.sync.test_identity import PEOPLE, PROJECTS, RISKS, write_book
from tests.sync.test_retire import configured, retire, selecting
from workers.prove import CAME_BACK, ELSEWHERE, HIDDEN, MISSING, RETIRED, SINCE, NeverRead, Proof, prove


async def proof_of(engine: Engine, name: str) -> Proof:
    async with engine.specs[name].open_adapter() as adapter:
        return await prove(engine.pool, name, adapter)


async def lose(database: str, source: str, stream: str, ids: list[str]) -> None:
    """Take records out of the register, as no run of ours would."""
    owner = await asyncpg.connect(database)
    wanted = [derive_id(source, stream, own) for own in ids]
    await owner.execute("DELETE FROM claim WHERE record_id = ANY($1::uuid[])", wanted)
    await owner.execute("DELETE FROM source_record WHERE id = ANY($1::uuid[])", wanted)
    await owner.close()


async def hide(database: str, source: str, stream: str, ids: list[str], presence: str) -> None:
    owner = await asyncpg.connect(database)
    wanted = [derive_id(source, stream, own) for own in ids]
    await owner.execute("UPDATE source_record SET presence = $2 WHERE id = ANY($1::uuid[])", wanted, presence)
    await owner.close()


async def seeded(
    engine: Engine, database: str, source: str, stream: str, world: Any, ids: list[int]
) -> dict[str, str]:
    """1 % of each kind of difference, made at the tool and in the register; returns what a census must find."""
    rng = random.Random(20261122)
    share = len(ids) // 100
    drawn = iter(rng.sample(ids, 7 * share))

    def some() -> list[int]:
        return [next(drawn) for _ in range(share)]

    expected: dict[str, str] = {}
    skipped = some()
    await lose(database, source, stream, [str(own) for own in skipped])
    expected |= {str(own): MISSING for own in skipped}
    for presence, why in (("deleted", HIDDEN), ("lost_access", CAME_BACK), ("out_of_scope", HIDDEN)):
        wrong = some()
        await hide(database, source, stream, [str(own) for own in wrong], presence)
        expected |= {str(own): why for own in wrong}
    for own in some():
        world.delete(own)
        expected[str(own)] = "deleted"
    return expected


@pytest.mark.parametrize("issues", [2_000, pytest.param(100_000, marks=pytest.mark.soak)])
async def test_every_seeded_difference_in_jira_is_found_and_none_that_is_not_there(
    engine: Engine, database: str, issues: int
) -> None:
    with FakeJira(bulk_world(issues, projects=8)) as jira:
        await engine.add_jira(jira)
        run = await engine.sync()
        assert run["state"] == "succeeded", run["error"]
        calm = await proof_of(engine, "delivery")
        assert (calm.odd, calm.unexplained) == ([], 0)
        assert sum(line.tool for (s, _), line in calm.lines.items() if s == "issue") == issues
        assert all(line.tool == line.register for line in calm.lines.values())

        world = jira.world
        keys = [project.key for project in world.projects.values()]
        secret = keys[-1]
        ids = [issue.id for issue in world.issues.values() if not issue.key.startswith(f"{secret}-")]
        expected = await seeded(engine, database, "delivery", "issue", world, ids)
        untouched = [own for own in ids if str(own) not in expected]
        for own in untouched[:: len(untouched) // (issues // 100)]:
            home = world.issue(own).key.partition("-")[0]
            world.move(own, next(key for key in keys if key not in (home, secret)))
            expected[str(own)] = SINCE
        for number in range(issues // 100):
            expected[str(world.add_issue(keys[0], f"New {number}").id)] = SINCE
        hidden = [issue.id for issue in world.issues.values() if issue.key.startswith(f"{secret}-")]
        expected |= {str(own): "lost_access" for own in hidden}
        jira.hide_project(secret)

        found = await proof_of(engine, "delivery")
        assert {odd.id: odd.why for odd in found.odd if odd.stream == "issue"} == expected
        assert [odd.why for odd in found.odd if odd.stream == "project"] == ["lost_access"]
        wrong = sum(why in (MISSING, HIDDEN) for why in expected.values())
        assert found.unexplained == wrong == 3 * (len(ids) // 100)


async def test_every_seeded_difference_in_azure_devops_is_found(engine: Engine, database: str) -> None:
    with FakeAzureDevOps(bulk_boards(1_000, projects=4)) as boards:
        await engine.add_azure_devops(boards)
        run = await engine.sync("boards")
        assert run["state"] == "succeeded", run["error"]
        calm = await proof_of(engine, "boards")
        assert (calm.odd, calm.unexplained) == ([], 0)
        known = await engine.pool.fetch("SELECT source_id FROM source_record WHERE stream = 'work_item'")
        ids = sorted(int(row[0]) for row in known)
        expected = await seeded(engine, database, "boards", "work_item", boards.world, ids)
        found = await proof_of(engine, "boards")
        assert {odd.id: odd.why for odd in found.odd} == expected


async def test_what_was_retired_and_is_selected_again_waits_for_the_next_complete_run(engine: Engine) -> None:
    """And no longer: after it, a record that is out of scope and in the tool is one that was lost."""
    with FakeJira(bulk_world(30, projects=2)) as jira:
        first, second = (project.key for project in jira.world.projects.values())
        await engine.add_jira(jira)
        await engine.sync()
        await engine.add_jira(jira, select={"projects": [first]})
        await engine.sync(mode="full")
        selecting(engine, first)
        config = configured(engine, "delivery")
        retired = await retire(engine, "delivery", second, config=config)
        await engine.add_jira(jira)
        found = await proof_of(engine, "delivery")
        assert ({odd.why for odd in found.odd}, found.unexplained) == ({RETIRED}, 0)
        assert 0 < len(found.odd) <= retired
        await engine.pool.execute("UPDATE source SET complete_at = now()")
        assert {odd.why for odd in (await proof_of(engine, "delivery")).odd} == {HIDDEN}


async def test_a_record_that_says_several_things_is_looked_for_in_its_project(
    engine: Engine, cloud: FakeJira
) -> None:
    """Also where a link, which names no project, comes first of what an issue says."""
    issues = [*fill(cloud, 20), *fill(cloud, 20, "WEB")]
    for source, target in itertools.pairwise(issues):
        cloud.world.link(source, target)
    await engine.add_jira(cloud)
    await engine.sync()
    assert (await proof_of(engine, "delivery")).odd == []
    home, other = [row[0] for row in await engine.pool.fetch("SELECT id::text FROM project")]
    await engine.pool.execute(
        "UPDATE claim SET values = values || jsonb_build_object('project_id', $2::text) "
        "WHERE entity = 'work_item' AND values->>'project_id' = $1",
        home,
        other,
    )
    found = await proof_of(engine, "delivery")
    assert len(found.odd) == await engine.count("work_item", f"project_id = '{home}'") == 20
    assert {odd.why for odd in found.odd} <= {ELSEWHERE, SINCE}


async def test_a_workbook_is_read_again_and_its_lost_row_is_found(engine: Engine, database: str) -> None:
    write_book(engine.folder / "pmo.xlsx", Projects=PROJECTS, People=PEOPLE, Risks=RISKS)
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    calm = await proof_of(engine, "pmo")
    assert (calm.read_whole, calm.odd, calm.unexplained) == (True, [], 0)
    ((stream, own),) = await engine.pool.fetch(
        "SELECT stream, source_id FROM source_record WHERE stream ~* 'risk'"
    )
    await lose(database, "pmo", stream, [own])
    assert [(odd.stream, odd.id, odd.why) for odd in (await proof_of(engine, "pmo")).odd] == [
        (stream, own, MISSING)
    ]


async def test_a_project_server_is_counted_by_its_keys(engine: Engine, database: str) -> None:
    with FakeProjectServer(generated(3, 40)) as fake:
        await engine.add("plans", "ms_project", lambda: server_adapter(fake), {})
        run = await engine.sync("plans")
        assert run["state"] == "succeeded", run["error"]
        calm = await proof_of(engine, "plans")
        assert (calm.read_whole, calm.odd, calm.unexplained) == (False, [], 0)
        assert sum(line.tool for line in calm.lines.values()) > 100
        lost = await engine.pool.fetchval(
            "SELECT source_id FROM source_record WHERE stream = 'pwa_task' LIMIT 1"
        )
        await lose(database, "plans", "pwa_task", [lost])
        assert [odd.id for odd in (await proof_of(engine, "plans")).odd] == [lost]


async def test_dataverse_is_counted_by_its_keys(engine: Engine, database: str) -> None:
    with FakeEntra() as entra, FakeDataverse(entra) as fake:
        plan = fake.world.add_project("Payments")
        tasks = [fake.world.add_task(plan, f"Task {number}") for number in range(5)]
        await add_dataverse(engine, fake, page_size=2)
        run = await engine.sync("plans")
        assert run["state"] == "succeeded", run["error"]
        calm = await proof_of(engine, "plans")
        assert (calm.read_whole, calm.odd, calm.unexplained) == (False, [], 0)
        lost = await engine.pool.fetch(
            "SELECT source_id FROM source_record WHERE stream = 'msdyn_projecttask'"
        )
        assert len(lost) == len(tasks)
        await lose(database, "plans", "msdyn_projecttask", [lost[0][0]])
        found = await proof_of(engine, "plans")
        assert [odd.id for odd in found.odd] == [lost[0][0]]


async def test_a_source_that_was_never_read_proves_nothing(engine: Engine) -> None:
    await engine.add_files("pmo.xlsx")
    write_book(engine.folder / "pmo.xlsx", Projects=PROJECTS)
    with pytest.raises(NeverRead, match="never read completely"):
        await proof_of(engine, "pmo")
