"""What happens to single records: found again, mended, out of bounds; and that a run counts what was written."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys

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


async def test_bad_records_that_lie_together_are_measured_against_the_whole_source(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.writer.BATCH_RECORDS", 50)
    rows = [[f"R-{n}", "PAY", f"Risk {n}", "Open"] for n in range(1, 1_201)]
    early = [["R-1", "PAY", f"Twin {n}", "Open"] for n in range(40)]
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, rows[0], *early, *rows[1:]])
    await engine.add_files("pmo.xlsx")
    run = await engine.sync("pmo")
    assert (run["state"], run["quarantined"], run["stored"]) == ("succeeded", 40, 1_200), run["error"]


@pytest.mark.parametrize("letter", ["K", "😀"])
async def test_a_key_too_long_for_an_index_is_left_out_and_its_neighbours_arrive(
    engine: Engine, letter: str
) -> None:
    # Random, since PostgreSQL compresses what repeats before it measures it.
    long = letter + "".join(random.Random(7).choices(string.ascii_letters, k=6_000))
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, *MANY, [long, "PAY", "Long", "Open"]])
    await engine.add_files("pmo.xlsx")
    run = await engine.sync("pmo")
    assert (run["state"], run["stored"]) == ("succeeded", 12), run["error"]
    assert await engine.pool.fetchval("SELECT key FROM risk WHERE title = 'Long'") is None
    found = [f for f in await engine.findings() if f["code"] == "MAP101"]
    assert [f["field"] for f in found] == ["key"]
    assert "6,001 characters" in found[0]["message"]
    assert "row 13" in found[0]["detail"]


async def test_the_longest_key_that_is_kept_fits_into_every_index(engine: Engine) -> None:
    key = "".join(chr(0x1F300 + random.Random(n).randrange(700)) for n in range(500))
    write_book(engine.folder / "pmo.xlsx", Risks=[RISKS, [key, "PAY", "Long", "Open"]])
    await engine.add_files("pmo.xlsx")
    assert (await engine.sync("pmo"))["state"] == "succeeded"
    assert await engine.pool.fetchval("SELECT length(key) FROM risk") == 500


LOGGED = """
import asyncio, sys
import asyncpg, structlog
from portbook.logs import plain_error, set_up_logs

async def main(url):
    token = "s3cr3t-token"
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TEMP TABLE t (k text PRIMARY KEY)")
    try:
        try:
            await connection.execute("INSERT INTO t VALUES ('salary 90000'), ('salary 90000')")
        except Exception as error:
            raise RuntimeError("run broken") from ExceptionGroup("several", [error])
    except RuntimeError as error:
        structlog.get_logger().exception("broken")
        print(plain_error(error.__cause__.exceptions[0]))
    await connection.close()

sys.stderr.isatty = lambda: sys.argv[2] == "terminal"
set_up_logs("info")
asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("where", ["terminal", "file"])
def test_logged_errors_show_the_traceback_and_neither_variables_nor_rows(database: str, where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOGGED, database, where], capture_output=True, text=True, check=True
    )
    text = done.stderr if where == "terminal" else json.loads(done.stderr)["exception"]
    assert "Traceback" in text
    assert "duplicate key value violates unique constraint" in text
    assert "s3cr3t" not in text.replace('token = "s3cr3t-token"', "")
    assert "DETAIL" not in text
    assert "(k)=(salary 90000)" not in text
    assert done.stdout == (
        'UniqueViolationError (23505): duplicate key value violates unique constraint "t_pkey"\n'
    )
