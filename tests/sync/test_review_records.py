"""What happens to single records: found again, mended, out of bounds; and that a run counts what was written."""

from __future__ import annotations

import asyncpg
import pytest

from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill
from tests.sync.test_identity import write_book

RISKS = ["Risk ID", "Project", "Title", "Status"]
MANY = [[f"R-{n}", "PAY", f"Risk {n}", "Open"] for n in range(1, 12)]


async def test_a_row_that_only_moves_keeps_the_finding_about_its_unknown_value(engine: Engine) -> None:
    odd = [*MANY[:10], ["R-11", "PAY", "Risk 11", "In der Schwebe"]]
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, *odd])
    await engine.add_files("pmo.xlsx")
    await engine.sync("pmo")
    assert [f["value"] for f in await engine.findings() if f["code"] == "MAP102"] == ["In der Schwebe"]
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, *reversed(odd)])
    run = await engine.sync("pmo", mode="full")
    assert (run["state"], run["unchanged"], run["stored"]) == ("succeeded", 11, 0)
    assert [f["value"] for f in await engine.findings() if f["code"] == "MAP102"] == ["In der Schwebe"]


@pytest.mark.parametrize("event", ["INSERT", "UPDATE"])
async def test_a_record_that_the_database_did_not_take_unbalances_the_run(
    engine: Engine, database: str, event: str
) -> None:
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, *MANY])
    await engine.add_files("pmo.xlsx")
    if event == "UPDATE":
        await engine.sync("pmo")
        changed = [[*row[:2], f"{row[2]}, again", row[3]] for row in MANY]
        write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, *changed])
    owner = await asyncpg.connect(database)  # the pool's role may not change tables
    await owner.execute(
        f"""
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER lose BEFORE {event} ON source_record FOR EACH ROW
            WHEN (new.source_id ILIKE '%R-7%') EXECUTE FUNCTION lose();
        """
    )
    await owner.close()
    run = await engine.sync("pmo")
    assert run["state"] == "incomplete"
    assert "accounts do not balance: seen 11, stored 10" in run["error"]


async def test_a_record_that_comes_back_as_it_was_leaves_the_quarantine(
    engine: Engine, cloud: FakeJira
) -> None:
    issues = fill(cloud, 40)
    bad = issues[3]
    cloud.edit(bad, duedate="soon")
    await engine.add_jira(cloud)
    await engine.sync()
    assert {f["code"] for f in await engine.findings()} == {"MAP101"}
    cloud.world.issue(bad).raw = b'{"id":"%d","fields":' % bad.id + b"[" * 100_000 + b"]" * 100_000 + b"}"
    run = await engine.sync(mode="full")
    assert (run["state"], run["quarantined"]) == ("succeeded", 1)
    assert {f["code"] for f in await engine.findings()} == {"MAP101", "SRC006"}
    cloud.world.issue(bad).raw = None
    run = await engine.sync(mode="full")
    assert (run["state"], run["stored"]) == ("succeeded", 0)
    assert await engine.count("rejection", "resolved_at IS NULL") == 0
    # What the mapping could not read is as unreadable as before.
    assert {f["code"] for f in await engine.findings()} == {"MAP101"}


async def test_a_row_set_aside_for_its_key_is_settled_when_it_has_a_key_of_its_own(engine: Engine) -> None:
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, *MANY, ["R-3", "PAY", "Another", "Open"]])
    await engine.add_files("pmo.xlsx")
    run = await engine.sync("pmo")
    assert (run["state"], run["quarantined"]) == ("succeeded", 1)
    await engine.sync("pmo", mode="full")
    assert await engine.count("rejection", "resolved_at IS NULL") == 1
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, *MANY, ["R-12", "PAY", "Another", "Open"]])
    await engine.sync("pmo", mode="full")
    assert await engine.count("rejection", "resolved_at IS NULL") == 0
    assert [f for f in await engine.findings() if f["code"] == "SRC006"] == []
    assert await engine.count("risk", "presence = 'present'") == 12
