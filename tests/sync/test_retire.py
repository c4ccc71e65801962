"""Nothing leaves the scope by itself; what a person retires stays readable, and comes back when it is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portbook.config import Source
from portbook.errors import SettingsInvalid
from portbook.retire import carry_out, chosen, preview
from portbook.selection import changed_sources, left_out
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine
from tests.sync.test_accounts import fill
from tests.sync.test_identity import PEOPLE, PROJECTS, RISKS, write_book
from workers.ground import Apart


def configured(engine: Engine, *names: str) -> Any:
    """A configuration of these sources of the engine."""

    class Some:
        path = Path("portbook.yaml")
        sources = tuple(engine.configured[name] for name in names)

    return Some()


def selecting(engine: Engine, *projects: str) -> None:
    """From now on the configuration selects these projects of the Jira."""
    source: Source = engine.configured["delivery"]
    select = type("Select", (), {"projects": list(projects)})()
    engine.configured["delivery"] = replace(
        source, options=source.options.model_copy(update={"select": select})
    )


async def retire(engine: Engine, source: str, project: str | None = None, **options: Any) -> int:
    config = options.pop("config")
    async with engine.pool.acquire() as connection:
        ids = await chosen(
            connection, config, source, project, out_of_selection=not project and bool(options), act=True
        )
    shown = await preview(engine.pool, engine.policy, source, ids)
    before = await engine.count("event")
    whole = project is None and not options
    await carry_out(Apart(engine.pool, engine.policy), source, ids, whole=whole, detail={"project": project})
    assert sum(part.rows for part in shown.entities.values()) == await engine.count("event") - before
    return len(ids)


async def test_a_project_that_leaves_the_selection_stays_until_it_is_retired(
    engine: Engine, jira: FakeJira
) -> None:
    fill(jira, 30)
    fill(jira, 20, "WEB")
    await engine.add_jira(jira)
    assert (await engine.sync())["state"] == "succeeded"
    everything = await engine.count("work_item")

    await engine.add_jira(jira, select={"projects": ["PAY"]})
    run = await engine.sync(mode="full")
    assert (run["state"], run["vanished"]) == ("succeeded", 0), run["error"]
    assert await engine.count("work_item", "presence = 'present'") == everything
    assert [finding["code"] for finding in await engine.findings()] == ["SEL001"]
    assert await engine.count("outside") >= 21

    selecting(engine, "PAY")
    config = configured(engine, "delivery")
    ((left),) = await left_out(engine.pool, config)
    assert (left["project"], left["what"]) == ("WEB", "not selected")
    retired = await retire(engine, "delivery", config=config, out_of_selection=True)
    assert retired >= 21
    rows = await engine.rows("work_item")
    assert {row["presence"] for row in rows.values() if row["key"].startswith("WEB-")} == {"out_of_scope"}
    assert {row["presence"] for row in rows.values() if row["key"].startswith("PAY-")} == {"present"}
    assert (await engine.findings(), await engine.count("outside")) == ([], 0)
    assert await left_out(engine.pool, config) == []
    causes = await engine.pool.fetch("SELECT DISTINCT cause FROM event WHERE changed ? 'presence'")
    assert [row[0] for row in causes] == ["retire"]
    assert await engine.pool.fetchval("SELECT subject FROM audit WHERE action = 'retire'") == "delivery"
    quiet = await engine.sync(mode="full")
    assert (quiet["state"], quiet["rows_changed"]) == ("succeeded", 0)

    await engine.add_jira(jira)
    back = await engine.sync(mode="full")
    assert back["state"] == "succeeded"
    assert await engine.count("work_item", "presence = 'present'") == everything


async def test_a_source_that_left_the_configuration_hands_its_fields_over_when_it_is_retired(
    engine: Engine, jira: FakeJira
) -> None:
    fill(jira, 3)
    write_book(engine.folder / "pmo.xlsx", Projects=PROJECTS, People=PEOPLE, Risks=RISKS)
    await engine.add_jira(jira)
    await engine.add_files("pmo.xlsx")
    await engine.sync("delivery")
    await engine.sync("pmo")
    engine.policy = replace(engine.policy, precedence={"project": {"title": ["pmo"]}})
    config = configured(engine, "delivery")
    gone = await changed_sources(engine.pool, ["delivery"])
    assert [(source["source"], source["what"]) for source in gone] == [("pmo", "not configured")]
    assert await engine.count("risk", "presence = 'present'") == 1

    await retire(engine, "pmo", config=config)
    assert await engine.count("risk", "presence = 'out_of_scope'") == 1
    project = await engine.pool.fetchrow("SELECT title, presence, source, budget FROM project")
    assert tuple(project) == ("Pay", "present", "delivery", None)
    assert await changed_sources(engine.pool, ["delivery"]) == []

    back = await engine.sync("pmo")
    assert (back["mode"], back["state"]) == ("full", "succeeded")
    assert await engine.count("risk", "presence = 'present'") == 1
    assert await engine.pool.fetchval("SELECT budget FROM project") == 1000


async def test_what_is_still_read_is_not_retired(engine: Engine, cloud: FakeJira) -> None:
    fill(cloud, 3)
    await engine.add_jira(cloud)
    await engine.sync()
    config = configured(engine, "delivery")
    with pytest.raises(SettingsInvalid, match="still configured"):
        await retire(engine, "delivery", config=config)
    with pytest.raises(SettingsInvalid, match="still reads pay"):
        await retire(engine, "delivery", "pay", config=config)
    with pytest.raises(SettingsInvalid, match="never told of a project"):
        await retire(engine, "delivery", "OPS", config=config)
    with pytest.raises(SettingsInvalid, match="knows no source"):
        await retire(engine, "nobody", config=config)
