"""One bad record is set aside; its neighbours all arrive."""

from __future__ import annotations

from tests.fakes.jira import FakeJira
from tests.fakes.jira.hostile import add_hostile
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill


async def test_hostile_records_are_stored_or_set_aside_and_their_neighbours_arrive(
    engine: Engine, jira: FakeJira
) -> None:
    neighbours = fill(jira, 150)
    made = add_hostile(jira.world, "PAY")
    await engine.add_jira(jira)
    run = await engine.sync()
    assert run["state"] == "succeeded", run["error"]
    rows = await engine.rows("work_item")
    assert {str(issue.id) for issue in neighbours} <= set(rows)
    aside = {
        row[0] for row in await engine.pool.fetch("SELECT source_id FROM rejection WHERE resolved_at IS NULL")
    }
    assert run["quarantined"] == len(aside)
    for what, source_id in made.items():
        assert source_id in rows or aside, what
    assert len(rows) + len(aside) == len(neighbours) + len(made)
    assert rows[made["NUL in text"]]["title"] == "before�after"
    assert rows[made["an escaped backslash that looks like NUL"]]["title"] == "C:\\u0000 is a path"
    assert rows[made["year 0001"]]["due_on"] == "0001-01-01"
    assert len(rows[made["5 MB description"]]["description"]) == 5_000_000
    assert rows[made["unknown status"]]["status"] is None
    assert rows[made["unknown status"]]["status_source"] == "In der Schwebe"
    codes = {finding["code"] for finding in await engine.findings()}
    assert {"MAP102", "MAP103"} <= codes
    assert {row["due_on"] for key, row in rows.items() if key in {str(i.id) for i in neighbours}} == {
        "2026-03-29"
    }


async def test_payloads_are_kept_byte_for_byte(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 1)
    made = add_hostile(cloud.world, "PAY")
    await engine.add_jira(cloud)
    await engine.sync()
    payload = await engine.pool.fetchval(
        "SELECT payload FROM source_record WHERE source_id = $1 AND stream = 'issue'", made["NUL in text"]
    )
    assert b"before\\u0000after" in payload


async def test_an_unknown_status_is_one_finding_however_many_items_have_it(
    engine: Engine, jira: FakeJira
) -> None:
    issues = fill(jira, 40)
    odd = {
        **jira.world.status("To Do"),
        "id": "77",
        "name": "Rückfrage",
        "statusCategory": {"id": 1, "key": "undefined"},
    }
    for issue in issues[:30]:
        jira.edit(issue, status=odd)
    await engine.add_jira(jira)
    await engine.sync()
    found = [finding for finding in await engine.findings() if finding["field"] == "status"]
    assert [finding["value"] for finding in found] == ["Rückfrage"]
    assert "builtin/jira.yaml" in found[0]["detail"]
    assert await engine.count("work_item", "status IS NULL AND status_source = 'Rückfrage'") == 30
    for issue in issues[:30]:
        jira.edit(issue, status=jira.world.status("To Do"))
    await engine.sync()
    await engine.sync(mode="full")
    assert [finding for finding in await engine.findings() if finding["field"] == "status"] == []


async def test_when_too_much_is_unreadable_the_run_stops(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 100)
    for number in range(60):
        cloud.add_issue("PAY", "broken", raw=b'["not", "issue", %d]' % number)
    await engine.add_jira(cloud)
    run = await engine.sync()
    assert (run["state"], run["error_code"]) == ("incomplete", "SRC007")
    assert await engine.count("partition_cursor") == 0


async def test_a_record_that_becomes_readable_leaves_the_quarantine(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 100)
    bad = cloud.add_issue("PAY", "broken")
    cloud.world.issue(bad).raw = (
        b'{"id":"%d","key":"PAY-101","fields":{"deep":' % bad.id + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    )
    await engine.add_jira(cloud)
    run = await engine.sync()
    assert (run["state"], run["quarantined"]) == ("succeeded", 1)
    cloud.world.issue(bad).raw = None
    cloud.edit(bad, summary="mended")
    await engine.sync(mode="full")
    assert await engine.count("rejection", "resolved_at IS NULL") == 0
    assert await engine.count("work_item", "title = 'mended'") == 1
    assert [finding for finding in await engine.findings() if finding["code"] == "SRC006"] == []
