"""A file that cannot be read costs what is in it, and nothing else."""

from __future__ import annotations

import pytest

from tests.fix_engine import Engine
from tests.sync.test_identity import write_book

RISKS = ["Risk ID", "Title", "Owner"]
ISSUES = ["Issue ID", "Title", "Owner"]


def save(engine: Engine, name: str, title: str) -> None:
    write_book(
        engine.folder / f"{name}.xlsx",
        Risks=[RISKS, [f"R-{name}", title, "Mia"]],
        Issues=[ISSUES, [f"I-{name}", title, "Mia"]],
    )


@pytest.mark.parametrize("mode", ["incremental", "full"])
async def test_a_broken_workbook_does_not_keep_the_others_from_being_read(engine: Engine, mode: str) -> None:
    for name in "abc":
        save(engine, name, "Before")
    await engine.add_files("*.xlsx")
    await engine.sync("pmo", "full")
    whole = (engine.folder / "b.xlsx").read_bytes()
    (engine.folder / "b.xlsx").write_bytes(whole[: len(whole) // 2])
    for name in "ac":
        save(engine, name, "After")
    run = await engine.sync("pmo", mode)
    assert (run["state"], run["error_code"]) == ("failed", "SRC008")
    assert "b.xlsx" in run["error"]
    assert not await engine.pool.fetchval("SELECT paused FROM source WHERE key = 'pmo'")
    for entity in ("risk", "issue"):
        rows = await engine.pool.fetch(f"SELECT key, title, presence FROM {entity} ORDER BY key")
        sign = entity[0].upper()
        assert [tuple(row) for row in rows] == [
            (f"{sign}-a", "After", "present"), (f"{sign}-b", "Before", "present"), (f"{sign}-c", "After", "present"),
        ]  # fmt: skip

    (engine.folder / "b.xlsx").write_bytes(whole)
    assert (await engine.sync("pmo", mode))["state"] == "succeeded"
    assert await engine.count("risk", "presence = 'present'") == 3


async def test_rows_of_a_file_that_breaks_before_a_run_goes_on_are_not_gone(engine: Engine) -> None:
    """One of its sheets was read to its end when the worker was killed; the other's is in no other file."""
    save(engine, "a", "Before")
    write_book(engine.folder / "b.xlsx", Risks=[RISKS, ["R-b", "Before", "Mia"]])
    await engine.add_files("*.xlsx")
    await engine.sync("pmo", "full")
    run_id = await engine.pool.fetchval(
        "INSERT INTO run (source, mode, state, requested_by) VALUES ('pmo', 'full', 'running', 'test') RETURNING id"
    )
    await engine.pool.execute(
        "INSERT INTO run_partition (run_id, name, done, seen) VALUES ($1, 'risk', true, 2)", run_id
    )
    await engine.pool.execute(
        "INSERT INTO sweep_seen SELECT $1, id FROM source_record WHERE stream = 'risk'", run_id
    )
    whole = (engine.folder / "a.xlsx").read_bytes()
    (engine.folder / "a.xlsx").write_bytes(whole[: len(whole) // 2])
    await engine.sync("pmo", "full")
    assert await engine.count("issue", "presence = 'present'") == 1
    assert await engine.count("risk", "presence = 'present'") == 2
