"""What `plan` shows is what `remap` does, for every kind of change of configuration; and a second remap does nothing."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from mapping.apply import Mapper
from portbook.config import Source
from portbook.remap import plan, remap
from portbook.wiring import build_mapper
from register import lease
from register.audit import Actor
from register.db import Pool, open_pool
from register.decisions import deciding
from register.difference import Difference
from register.models import ENTITIES
from register.policy import Policy, Trusted
from register.settled import IDENTITY_LOCK
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.jira import FakeJira
from tests.fix_engine import Engine, register_state
from tests.fix_postgres import ask_postgres, on, run_apart
from tests.sync.test_identity import write_book
from workers.ground import RegisterBusy, taken_back
from workers.remap import Remapper, Step

STAMPS = {"version", "valid_from", "synced_at"}
ALL = 1_000_000


@dataclass
class Setting:
    """A configuration that a register is brought to."""

    policy: Policy
    mappings: dict[str, str] = field(default_factory=dict)
    """Source → text of its mapping file."""
    locale: str | None = None


@dataclass
class Ready:
    """A register that three tools told of, and the configuration it was filled with."""

    pool: Pool
    folder: Path
    sources: Mapping[str, Source]
    setting: Setting

    async def mappers(self, setting: Setting) -> dict[str, Mapper]:
        found = {}
        for key, aliases in await self.pool.fetch("SELECT key, aliases FROM source ORDER BY key"):
            source = self.sources[key]
            if key in setting.mappings:
                path = self.folder / f"{key}.yaml"
                path.write_text(setting.mappings[key])
                source = replace(source, mapping=path)
            if setting.locale and key == "pmo":
                options = source.options.model_copy(update={"locale": setting.locale})
                source = replace(source, options=options)
            found[key] = build_mapper(source, orjson.loads(aliases or "{}"))
        return found

    async def plan(self, setting: Setting) -> Difference:
        return await plan(self.pool, await self.mappers(setting), setting.policy, limit=ALL)

    async def remap(self, setting: Setting, *, everything: bool = False) -> Any:
        return await remap(self.pool, await self.mappers(setting), setting.policy, everything=everything)


def fill_tools(jira: FakeJira, boards: FakeAzureDevOps, folder: Path) -> None:
    world = jira.world
    users = [world.add_user(name) for name in ("Mia Krystof", "Ana Díaz", "Jonas Weber")]
    for key in ("PAY", "WEB"):
        world.add_project(key, f"Project {key}", lead=users[0])
        issues = [
            world.add_issue(key, f"Issue {number} of {key}", assignee=users[number % 3], status="In Progress")
            for number in range(8)
        ]
        world.link(issues[0], issues[1])
    boards.world.add_project("Payments")
    write_book(
        folder / "pmo.xlsx",
        Projects=[
            ["Code", "Title", "Project manager", "Budget", "Currency", "Phase", "Start"],
            ["PAY", "Payments", "jonas.weber@acme.example", "1.000,50", "EUR", "Delivery", "03/06/2026"],
            [
                "P-0815",
                "The website",
                "mia.krystof@acme.example",
                "2.000,00",
                "EUR",
                "Whatever",
                "04/07/2026",
            ],
        ],
        People=[["E-mail", "Name"], ["mia.krystof@acme.example", "Mia Krystof"], ["x@acme.example", "Xu"]],
        Risks=[
            ["Risk ID", "Project", "Title", "Owner", "Probability", "Impact", "Status"],
            ["R-1", "PAY", "Supplier late", "jonas.weber@acme.example", 3, 4, "Open"],
            ["R-2", "WEB", "Nobody comes", "nobody@acme.example", 2, 2, "Weird"],
        ],
    )


@pytest.fixture(scope="module")
def filled(postgres: str, migrated_template: str) -> Iterator[tuple[str, dict[str, Source], Setting]]:
    """A database to clone, filled once."""
    name = "remap_filled"
    ask_postgres(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")

    async def sync(folder: Path) -> tuple[dict[str, Source], Setting]:
        with FakeJira(flavour="cloud") as jira, FakeAzureDevOps() as boards:
            fill_tools(jira, boards, folder)
            pool = await open_pool(on(postgres, name))
            engine = Engine(pool, folder)
            await engine.add_jira(jira)
            await engine.add_files("pmo.xlsx")
            await engine.add_azure_devops(boards)
            for source in ("delivery", "pmo", "boards"):
                run = await engine.sync(source)
                assert run["state"] == "succeeded", run["error"]
            await pool.close()
            return engine.configured, Setting(engine.policy)

    with tempfile.TemporaryDirectory() as folder:
        sources, setting = run_apart(sync(Path(folder)))
        yield name, sources, setting
    ask_postgres(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def ready(
    postgres: str, filled: tuple[str, dict[str, Source], Setting], tmp_path: Path
) -> AsyncIterator[Ready]:
    template, sources, setting = filled
    ask_postgres(postgres, f"CREATE DATABASE remap_case TEMPLATE {template} STRATEGY FILE_COPY")
    pool = await open_pool(on(postgres, "remap_case"))
    found = Ready(pool, tmp_path, sources, setting)
    yield found
    await found.pool.close()
    ask_postgres(postgres, "DROP DATABASE remap_case WITH (FORCE)")


async def rows_of(pool: Pool) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for entity in ENTITIES:
        for row_id, document in await pool.fetch(f"SELECT id::text, to_jsonb(t) FROM {entity} t"):
            row = orjson.loads(document)
            found[entity, row_id] = {k: v for k, v in row.items() if k not in STAMPS}
    return found


async def trust_of(pool: Pool) -> dict[str, dict[str, str]]:
    return {
        "conflict": dict(
            await pool.fetch(
                "SELECT id::text, values::text || winner || rule FROM conflict WHERE closed_at IS NULL"
            )
        ),
        "link": dict(await pool.fetch("SELECT id::text, state FROM link")),
        "finding": dict(await pool.fetch("SELECT id::text, code FROM finding WHERE closed_at IS NULL")),
    }


def planned(difference: Difference) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for entity, part in difference.entities.items():
        for sample in part.added.samples:
            found[entity, sample.id] = "added"
        for name, some in part.fields.items():
            for sample in some.samples:
                found[entity, sample.id, name] = (sample.before, sample.after)
    return found


def real(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, row in after.items():
        if key not in before:
            found[key] = "added"
            continue
        for name, value in row.items():
            if value != before[key].get(name):
                found[*key, name] = (before[key].get(name), value)
    return found


def counted(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, int]:
    found = {
        "opened": len(after.keys() - before.keys()),
        "closed": len(before.keys() - after.keys()),
        "changed": sum(before[k] != after[k] for k in before.keys() & after.keys()),
    }
    return {word: count for word, count in found.items() if count}


async def test_nothing_is_planned_and_done_when_nothing_has_changed(ready: Ready) -> None:
    before = await register_state(ready.pool)
    assert (await ready.plan(ready.setting)).nothing
    done = await ready.remap(ready.setting)
    assert (done.restated, done.rows_changed) == (0, 0)
    assert await register_state(ready.pool) == before


Change = Callable[[Setting], Setting]


def mapped(source: str, text: str) -> Change:
    return lambda s: replace(s, mappings={**s.mappings, source: text})


def believed(**rules: Any) -> Change:
    return lambda s: replace(s, policy=replace(s.policy, precedence=rules))


def joined(**more: Any) -> Change:
    return lambda s: replace(s, policy=replace(s.policy, **more))


def jira_rule(stream: str, into: str, fields: str, lookups: str = "") -> str:
    return f"source: jira\nrules:\n  - {{stream: {stream}, into: {into}, fields: {{{fields}}}}}\n{lookups}"


def sheet_rule(stream: str, into: str, fields: str, lookups: str = "") -> str:
    return f"source: spreadsheet\nrules:\n  - {{stream: {stream}, into: {into}, fields: {{{fields}}}}}\n{lookups}"


WEBSITE = [["delivery:WEB", "pmo:P-0815"]]
EMAIL, CODE = {"person": ("email",)}, {"project": ("code",)}

CORPUS: dict[str, tuple[Change, set[str]]] = {
    "a comment in a mapping": (mapped("delivery", "# nothing\nsource: jira\n"), set()),
    "a field from another path": (
        mapped("delivery", jira_rule("issue", "work_item", "title: {from: fields.status.name}")),
        {"work_item.title"},
    ),
    "a field that was not mapped": (
        mapped("delivery", jira_rule("user", "person", "description: {from: accountType}")),
        {"person.description"},
    ),
    "a field that is mapped no more": (
        mapped("delivery", jira_rule("issue", "work_item", "priority: {from: portbook.nothing}")),
        {"work_item.priority"},
    ),
    "a constant": (
        mapped("pmo", sheet_rule("risk", "risk", "category: {const: supply}")),
        {"risk.category"},
    ),
    "a default": (
        mapped(
            "delivery",
            jira_rule("issue", "work_item", "description: {from: portbook.nothing, default: none}"),
        ),
        {"work_item.description"},
    ),
    "a lookup with another word for the register": (
        mapped("delivery", "source: jira\nlookups: {status: {in_progress: in_review}}\n"),
        {"work_item.status"},
    ),
    "a lookup that knows one word more": (
        mapped("pmo", "source: spreadsheet\nlookups: {risk_status: {Weird: open}}\n"),
        {"risk.status"},
    ),
    "a custom field": (
        mapped("delivery", jira_rule("issue", "work_item", "custom: {Kind: {from: fields.issuetype.name}}")),
        {"work_item.custom"},
    ),
    "a condition that leaves records out": (
        mapped(
            "delivery",
            "source: jira\nrules:\n  - {stream: issue, into: work_item, when: \"fields.project.key == 'PAY'\", fields: {}}\n",
        ),
        {"work_item.presence"},
    ),
    "a condition that takes one of a record's rows away": (
        mapped(
            "delivery",
            "source: jira\nrules:\n  - {stream: issue, into: dependency, each: portbook.links, id: id, "
            "when: portbook.nothing, fields: {}}\n",
        ),
        {"dependency.presence"},
    ),
    "a rule that makes rows of another kind too": (
        mapped("delivery", jira_rule("issue", "action", "title: {from: fields.summary}")),
        {"action"},
    ),
    "a reference by another word": (
        mapped("pmo", sheet_rule("risk", "risk", "owner: {const: x@acme.example, ref: person, as: key}")),
        {"risk.owner_id"},
    ),
    "a code that is matched with": (
        mapped("pmo", sheet_rule("project", "project", "code: {const: WEB}")),
        {"project.presence", "project.budget"},
    ),
    "a locale": (lambda s: replace(s, locale="en-US"), {"project.start_planned_on"}),
    "precedence by default": (
        believed(project={"default": ("pmo", "delivery")}),
        {"project.title", "project.manager_id"},
    ),
    "precedence of a field": (believed(project={"title": ("pmo",)}), {"project.title"}),
    "precedence unless silent": (
        believed(project={"default": (Trusted("pmo", 0), "delivery"), "title": ("pmo",)}),
        {"project.title", "project.chosen"},
    ),
    "the order of the sources": (
        lambda s: replace(s, policy=replace(s.policy, sources=("pmo", "boards", "delivery"))),
        {"project.title", "project.manager_id"},
    ),
    "a link": (joined(links={"project": WEBSITE}), {"project.presence", "project.budget"}),
    "a link that says nothing new": (joined(links={"project": [["delivery:PAY", "pmo:PAY"]]}), set()),
    "a match switched off": (
        joined(match=EMAIL),
        {"project", "project.budget", "risk.project_id"},
    ),
    "all matches switched off": (
        joined(match={}),
        {"project", "person", "project.manager_id", "risk.owner_id"},
    ),
    "a match on another field": (
        joined(match={**EMAIL, "project": ("key",)}),
        {"project"},
    ),
    "everything at once": (
        lambda s: Setting(
            Policy(
                ("pmo", "boards", "delivery"),
                {"project": {"title": ("delivery",)}},
                {"project": WEBSITE},
                EMAIL,
            ),
            {
                "delivery": jira_rule("issue", "work_item", "title: {from: key}"),
                "pmo": sheet_rule("risk", "risk", "status: {const: open}"),
            },
            "en-US",
        ),
        {"work_item.title", "risk.status", "project.presence"},
    ),
}
"""Change → what it must touch at least: fields that differ, or an entity that gets new rows."""


@pytest.mark.parametrize("name", CORPUS)
async def test_what_is_planned_is_done_once_and_can_be_taken_back(ready: Ready, name: str) -> None:
    change, touches = CORPUS[name]
    setting = change(ready.setting)
    rows, trust = await rows_of(ready.pool), await trust_of(ready.pool)
    state = await register_state(ready.pool)
    shown = await ready.plan(setting)
    assert await register_state(ready.pool) == state, "a plan left something behind"

    await ready.remap(setting)
    rows_now, trust_now = await rows_of(ready.pool), await trust_of(ready.pool)
    assert planned(shown) == real(rows, rows_now)
    assert shown.conflicts == counted(trust["conflict"], trust_now["conflict"])
    findings = counted(trust["finding"], trust_now["finding"])
    assert shown.findings == {word: findings[word] for word in ("opened", "closed") if word in findings}
    assert sum(shown.links.values()) == sum(
        trust["link"].get(k) != state for k, state in trust_now["link"].items()
    )
    touched = {f"{key[0]}.{key[2]}" if len(key) == 3 else key[0] for key in planned(shown)}
    assert touches <= touched
    if not touches:
        assert touched <= {"project.chosen"}

    state = await register_state(ready.pool)
    assert (await ready.plan(setting)).nothing
    assert (await ready.remap(setting)).rows_changed == 0
    # What was left out, since nothing could have changed there, has not changed.
    whole = await ready.remap(setting, everything=True)
    assert (whole.restated, whole.rows_changed) == (0, 0)
    assert await register_state(ready.pool) == state

    await ready.remap(ready.setting)
    taken_back = await rows_of(ready.pool)
    assert {key: row for key, row in taken_back.items() if key in rows} == rows
    assert all(row["presence"] in ("deleted", "moved") for key, row in taken_back.items() if key not in rows)
    found = await trust_of(ready.pool)
    assert (found["conflict"], found["finding"]) == (trust["conflict"], trust["finding"])


async def test_only_records_are_read_again_whose_mapping_means_something_else(ready: Ready) -> None:
    users = await ready.pool.fetchval("SELECT count(*) FROM source_record WHERE stream = 'user'")
    comment = CORPUS["a comment in a mapping"][0](ready.setting)
    assert (await ready.remap(comment)).records == 0
    field = CORPUS["a field that was not mapped"][0](ready.setting)
    assert (await ready.remap(field)).records == users > 0
    assert (await ready.remap(field)).records == 0
    assert (await ready.remap(field, everything=True)).records > users
    # Back, and there again: what came out the same need not be looked at.
    constant = CORPUS["a constant"][0](ready.setting)
    assert (
        await ready.remap(replace(constant, mappings={**constant.mappings, **field.mappings}))
    ).records == 2


CLEAN = (
    "key: {from: id}, title: {const: A title}, priority: {from: portbook.nothing}, labels: {const: [a, b]}, "
    "custom: {Kind: {from: fields.issuetype.name}}"
)


@pytest.mark.parametrize("fields", [CLEAN, f"{CLEAN}, due_on: {{from: fields.summary}}"])
async def test_a_remap_of_what_may_have_changed_does_what_one_of_everything_does(
    ready: Ready, postgres: str, fields: str
) -> None:
    """Also where a value is pinned, two records tell of one row, or a value cannot be read any more."""
    async with deciding(ready.pool, ready.setting.policy, Actor("ana")) as decisions:
        await decisions.pin(
            "work_item", await decisions.own_id("work_item", "WEB-2"), "title", "Ours", "so", None
        )
    text = jira_rule("issue", "work_item", fields, "lookups: {link: {Blocks: relates}}\n")
    setting = mapped("delivery", text)(ready.setting)
    await ready.pool.close()
    ask_postgres(postgres, "CREATE DATABASE remap_whole TEMPLATE remap_case")
    ready.pool = await open_pool(on(postgres, "remap_case"))
    other = replace(ready, pool=await open_pool(on(postgres, "remap_whole")))
    try:
        done, whole = await ready.remap(setting), await other.remap(setting, everything=True)
        assert done.records < whole.records
        assert (done.restated, done.rows_changed) == (whole.restated, whole.rows_changed)
        assert done.rows_changed > 16
        assert await register_state(ready.pool) == await register_state(other.pool)
        assert await trust_of(ready.pool) == await trust_of(other.pool)
        keys = "SELECT entity, key, entity_id FROM former_key ORDER BY 1, 2, 3"
        assert await ready.pool.fetch(keys) == await other.pool.fetch(keys)
    finally:
        await other.pool.close()
        ask_postgres(postgres, "DROP DATABASE remap_whole WITH (FORCE)")


async def test_a_remap_that_was_cut_short_is_not_taken_for_done_by_a_run(ready: Ready) -> None:
    setting = CORPUS["a constant"][0](ready.setting)

    class Cut(Exception):
        pass

    def cut(step: Step) -> None:
        if step.name == "pmo" and step.done:
            raise Cut

    with pytest.raises(Cut):
        await remap(ready.pool, await ready.mappers(setting), setting.policy, cut)
    assert await ready.pool.fetchval("SELECT mapped_with FROM source WHERE key = 'pmo'") is None
    await ready.remap(setting)
    assert await ready.pool.fetchval("SELECT count(*) FROM risk WHERE category = 'supply'") == 2
    assert await ready.pool.fetchval("SELECT mapped_with FROM source WHERE key = 'pmo'") is not None


async def test_a_register_of_which_only_the_records_are_left_is_rebuilt(ready: Ready, postgres: str) -> None:
    rows, trust = await rows_of(ready.pool), await trust_of(ready.pool)
    emptied = ", ".join([*ENTITIES, *(f"{name}_history" for name in ENTITIES), "claim", "absorbed", "link"])
    ask_postgres(on(postgres, "remap_case"), f"TRUNCATE {emptied}, conflict, finding, event, former_key")
    await ready.remap(ready.setting)
    assert await trust_of(ready.pool) == trust
    assert told_of(await rows_of(ready.pool)) == told_of(rows)
    assert (await ready.plan(ready.setting)).nothing


def told_of(rows: Mapping[Any, Any]) -> dict[Any, Any]:
    """Rows without those that are part of another one: which came first decides whether they were ever shown."""
    return {key: row for key, row in rows.items() if row["presence"] != "moved"}


async def test_readers_do_not_wait_for_a_plan(ready: Ready) -> None:
    setting = CORPUS["everything at once"][0](ready.setting)
    before = await rows_of(ready.pool)
    async with taken_back(ready.pool, setting.policy) as (ground, _):
        await Remapper(ground, await ready.mappers(setting), setting.policy).run()
        async with asyncio.timeout(10):
            assert await rows_of(ready.pool) == before


async def test_a_plan_gives_up_when_somebody_keeps_the_register_locked(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.ground.LOCK_TIMEOUT_S", 1)
    async with ready.pool.acquire() as other, other.transaction():
        await other.execute(f"SELECT pg_advisory_xact_lock_shared({IDENTITY_LOCK})")
        with pytest.raises(RegisterBusy, match="written by somebody else"):
            await ready.plan(ready.setting)


async def test_a_remap_waits_for_the_run_that_has_the_source(ready: Ready) -> None:
    setting = CORPUS["a constant"][0](ready.setting)
    held = await lease.acquire(ready.pool, "pmo", "a run")
    assert held is not None
    waited: list[str] = []
    mappers = await ready.mappers(setting)
    remapping = asyncio.create_task(remap(ready.pool, mappers, setting.policy, waiting=waited.append))
    while not waited:
        await asyncio.sleep(0.01)
    assert set(waited) == {"pmo"}
    assert await ready.pool.fetchval("SELECT count(*) FROM risk WHERE category = 'supply'") == 0
    await lease.release(ready.pool, held)
    await remapping
    assert await ready.pool.fetchval("SELECT count(*) FROM risk WHERE category = 'supply'") == 2
    causes = await ready.pool.fetch("SELECT DISTINCT cause FROM event WHERE changed ? 'category'")
    assert [row[0] for row in causes] == ["remap"]
