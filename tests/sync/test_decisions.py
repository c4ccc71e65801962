"""People decide: rows joined, parted and pinned by hand, taken back without a trace, ended by the clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import orjson
import pytest

from mapping.apply import Mapped
from mapping.meaning import Meaning
from portbook.remap import remap
from register import migrations, pinned, runs
from register.audit import Actor
from register.decisions import DecisionInvalid, Decisions, deciding
from register.errors import RegisterError, RowNotFound
from register.ids import derive_id
from register.pinned import PinInvalid, end_what_is_over
from register.policy import Trusted
from register.quality import Expected, Quality
from register.rules import Rule
from register.settled import IDENTITY_LOCK
from register.waivers import waive, waive_finding
from tests.fix_engine import Engine
from tests.fix_gateway import execute
from tests.sync.test_identity import write_book
from workers.sync import Syncer

PLACES = {"version", "valid_from", "synced_at"}
"""What tells when a row was written, and how often."""


async def two_books(engine: Engine, first: str = "PAY", second: str = "P-0815") -> tuple[str, str]:
    """The same project in two books that do not know it of each other; returns its own ids. A risk refers to each."""
    for name, code, budget in (("one", first, 100), ("two", second, 200)):
        write_book(
            engine.folder / f"{name}.xlsx",
            Projects=[["No", "Code", "Title", "Budget"], [f"{name}-1", code, f"Payments in {name}", budget]],
            Risks=[["Risk ID", "Project", "Title"], [f"R-{name}", f"{name}-1", "Late"]],
        )
        sheets = [
            {"sheet": "Projects", "into": "project", "key": "No"},
            {"sheet": "Risks", "into": "risk", "key": "Risk ID"},
        ]
        await engine.add_files(f"{name}.xlsx", name, sheets=sheets)
        assert (await engine.sync(name))["state"] == "succeeded"
    return derive_id("one", "project", "one-1"), derive_id("two", "project", "two-1")


async def everything(engine: Engine) -> dict[str, Any]:
    """The register's rows, links aside, without when and how often they were written."""
    found: dict[str, Any] = {}
    for table in ("project", "person", "risk"):
        rows = await engine.pool.fetch(f"SELECT to_jsonb(t) FROM {table} t ORDER BY id")
        found[table] = [{k: v for k, v in orjson.loads(row[0]).items() if k not in PLACES} for row in rows]
    claims = await engine.pool.fetch(
        "SELECT record_id::text, own_id::text, entity_id::text, values FROM claim ORDER BY 1, 2"
    )
    found["claims"] = [tuple(row) for row in claims]
    absorbed = await engine.pool.fetch("SELECT id::text, entity_id::text FROM absorbed ORDER BY 1")
    found["absorbed"] = [tuple(row) for row in absorbed]
    found["conflicts"] = [
        tuple(row)
        for row in await engine.pool.fetch("SELECT entity_id, field FROM conflict WHERE closed_at IS NULL")
    ]
    return found


def decide(engine: Engine) -> Any:
    return deciding(engine.pool, engine.policy, Actor("ana@acme.example"))


async def present(engine: Engine, entity: str = "project") -> list[dict[str, Any]]:
    rows = await engine.pool.fetch(
        f"SELECT to_jsonb(t) FROM {entity} t WHERE presence = 'present' ORDER BY id"
    )
    return [orjson.loads(row[0]) for row in rows]


async def test_joined_by_hand_and_parted_again_leaves_what_was_before(engine: Engine) -> None:
    one, two = await two_books(engine)
    before = await everything(engine)
    async with decide(engine) as decisions:
        link = await decisions.same("project", one, two, "the steering group says so")
    (row,) = await present(engine)
    assert (row["id"], row["title"], row["budget"]) == (one, "Payments in one", 100)
    assert {r["project_id"] for r in await present(engine, "risk")} == {one}
    gone = await engine.pool.fetchrow("SELECT presence, title FROM project WHERE id = $1", two)
    assert tuple(gone) == ("moved", "Payments in two")
    assert await engine.count("conflict", "closed_at IS NULL AND field IN ('budget', 'code')") == 2
    async with decide(engine) as decisions:
        await decisions.undecided(link, "it was another one")
    assert await everything(engine) == before
    assert await engine.pool.fetchval("SELECT state FROM link") == "withdrawn"
    audited = await engine.pool.fetch("SELECT actor, action FROM audit ORDER BY seq")
    assert [tuple(row) for row in audited] == [
        ("ana@acme.example", "link joined"),
        ("ana@acme.example", "decision withdrawn"),
    ]


async def test_what_a_person_refused_no_rule_joins_again(engine: Engine) -> None:
    one, two = await two_books(engine, "PAY", "PAY")
    assert len(await present(engine)) == 1
    async with decide(engine) as decisions:
        await decisions.different("project", one, two, "two phases with one code")
    assert [row["title"] for row in sorted(await present(engine), key=lambda r: r["title"])] == [
        "Payments in one",
        "Payments in two",
    ]
    assert {r["key"]: r["project_id"] for r in await present(engine, "risk")} == {"R-one": one, "R-two": two}
    for name in ("one", "two"):
        await engine.sync(name, "full")
    write_book(engine.folder / "two.xlsx", Projects=[["No", "Code", "Title"], ["two-1", "PAY", "Edited"]])
    await engine.sync("two")
    assert len(await present(engine)) == 2
    async with decide(engine) as decisions:
        await decisions.same("project", one, two, "one after all")
    assert len(await present(engine)) == 1
    assert await engine.count("link", "state = 'refused'") == 0


async def test_parting_cuts_the_weakest_links_between_the_two_and_keeps_the_rest(engine: Engine) -> None:
    sheets = [{"sheet": "Projects", "into": "project", "key": "No"}]
    ids = {}
    for name, code in (("a", "X"), ("b", "X"), ("c", "Y"), ("d", "Y")):
        write_book(engine.folder / f"{name}.xlsx", Projects=[["No", "Code", "Title"], ["1", code, name]])
        await engine.add_files(f"{name}.xlsx", name, sheets=sheets)
        ids[name] = derive_id(name, "project", "1")
    engine.policy = replace(engine.policy, links={"project": [["b:1", "c:1"]]})
    for name in ids:
        await engine.sync(name)
    assert len(await present(engine)) == 1
    async with decide(engine) as decisions:
        await decisions.different("project", ids["a"], ids["d"], "no")
    groups = await engine.pool.fetch(
        "SELECT array_agg(DISTINCT source ORDER BY source) FROM claim WHERE entity = 'project' GROUP BY entity_id"
    )
    # The way from a to d goes over two matches and a line of the configuration: a match gives way.
    assert sorted(row[0] for row in groups) in ([["a"], ["b", "c", "d"]], [["a", "b", "c"], ["d"]])


async def test_a_suggestion_waits_until_a_person_accepts_it(engine: Engine) -> None:
    for name, person in (("one", "Jane Doe"), ("two", "Robert Roe")):
        write_book(
            engine.folder / f"{name}.xlsx",
            People=[["Key", "Name", "E-mail"], ["1", person, "jd@acme.example"]],
        )
        await engine.add_files(f"{name}.xlsx", name)
        await engine.sync(name)
    assert len(await present(engine, "person")) == 2
    link = await engine.pool.fetchrow("SELECT * FROM link WHERE state = 'suggested'")
    assert link["evidence"] == "jd@acme.example; but the names differ: Robert Roe, Jane Doe"
    assert {link["first"], link["second"]} == {"one:jd@acme.example", "two:jd@acme.example"}
    await engine.sync("two", "full")
    assert await engine.count("link") == 1
    async with decide(engine) as decisions:
        found = await decisions.link(str(link["id"]))
        await decisions.same("person", str(found["first_id"]), str(found["second_id"]), "renamed")
    assert len(await present(engine, "person")) == 1
    assert (
        await engine.pool.fetchval("SELECT state || ' by ' || actor FROM link")
        == "applied by ana@acme.example"
    )


async def test_a_pin_holds_whatever_sources_say_until_it_is_taken_back(engine: Engine) -> None:
    _, two = await two_books(engine, "PAY", "PAY")
    async with decide(engine) as decisions:
        pin = await decisions.pin("project", two, "budget", "950.5", "approved on 3 March", None)
    (row,) = await present(engine)
    assert (row["budget"], row["chosen"]["budget"]) == (950.5, [None, f"pin {pin}"])
    conflict = await engine.pool.fetchrow(
        "SELECT winner, rule FROM conflict WHERE field = 'budget' AND closed_at IS NULL"
    )
    assert tuple(conflict) == (None, f"pin {pin}")
    for name in ("one", "two"):
        write_book(
            engine.folder / f"{name}.xlsx",
            Projects=[["No", "Code", "Title", "Budget"], [f"{name}-1", "PAY", "P", 7]],
        )
        await engine.sync(name)
    assert (await present(engine))[0]["budget"] == 950.5
    async with decide(engine) as decisions:
        await decisions.release(pin[:8], "the finance system has it now")
    assert (await present(engine))[0]["budget"] == 7
    assert await engine.count("pin", "released_at IS NULL") == 0
    assert await engine.count("event", "cause = 'pin'") == 2


async def test_a_pin_on_a_part_stays_with_the_part(engine: Engine) -> None:
    one, two = await two_books(engine)
    async with decide(engine) as decisions:
        await decisions.pin("project", two, "priority", "High", "board", None)
        link = await decisions.same("project", one, two, "one")
    assert (await present(engine))[0]["priority"] == "High"
    async with decide(engine) as decisions:
        await decisions.undecided(link, "two")
    assert {row["id"]: row["priority"] for row in await present(engine)} == {one: None, two: "High"}


@pytest.mark.parametrize("later", ["one", "two"])
async def test_the_newest_pin_of_what_has_become_one_holds_until_it_is_taken_back(
    engine: Engine, later: str
) -> None:
    """Whichever part it was set on: the other does not come back with it."""
    one, two = await two_books(engine)
    by_name = {"one": one, "two": two}
    for value, name in ((7, "two" if later == "one" else "one"), (9, later)):
        async with decide(engine) as decisions:
            newest = await decisions.pin("project", by_name[name], "budget", value, "board", None)
    async with decide(engine) as decisions:
        link = await decisions.same("project", one, two, "one")
    assert [row["budget"] for row in await present(engine)] == [9]
    async with decide(engine) as decisions:
        await decisions.undecided(link, "two")
        await decisions.same("project", one, two, "one after all")
    assert [row["budget"] for row in await present(engine)] == [9]
    async with decide(engine) as decisions:
        await decisions.release(newest, "over")
    assert [row["budget"] for row in await present(engine)] == [100]
    assert await engine.count("pin", "released_at IS NULL") == 0


async def test_a_pin_on_the_whole_replaces_those_on_its_parts(engine: Engine) -> None:
    one, two = await two_books(engine)
    async with decide(engine) as decisions:
        await decisions.pin("project", two, "budget", 7, "board", None)
        link = await decisions.same("project", one, two, "one")
    async with decide(engine) as decisions:
        await decisions.pin("project", one, "budget", 9, "the board again", None)
    assert [row["budget"] for row in await present(engine)] == [9]
    async with decide(engine) as decisions:
        await decisions.undecided(link, "two")
    assert {row["id"]: row["budget"] for row in await present(engine)} == {one: 9, two: 200}
    assert await engine.count("pin", "released_at IS NULL") == 1


async def test_a_project_that_is_part_of_another_has_no_score(engine: Engine) -> None:
    one, two = await two_books(engine)

    async def scores() -> dict[str, int]:
        await Quality(engine.pool, Expected()).look(now=True)
        return dict(await engine.pool.fetch("SELECT id::text, rows FROM quality WHERE kind = 'project'"))

    assert await scores() == {one: 2, two: 2}
    async with decide(engine) as decisions:
        link = await decisions.same("project", one, two, "one")
    assert await scores() == {one: 3}
    async with decide(engine) as decisions:
        await decisions.undecided(link, "two")
    assert await scores() == {one: 2, two: 2}


@pytest.mark.parametrize("alone", [True, False])
async def test_what_is_waived_of_a_part_is_waived_of_the_whole(engine: Engine, alone: bool) -> None:
    """Whether the finding was waived alone, or the rule for the row; and only for as long as it is a part."""
    one, two = await two_books(engine)
    rule = Rule("DQ-T", "project", "sponsor_id IS NULL", "warning", "no sponsor")

    async def waived() -> dict[str, str]:
        await Quality(engine.pool, Expected((rule,))).look(now=True)
        return {str(f["entity_id"]): f["state"] for f in await engine.findings()}

    assert await waived() == {one: "open", two: "open"}
    about = {str(f["entity_id"]): str(f["id"]) for f in await engine.findings()}
    how: Any = {
        "reason": "is being named",
        "actor": Actor("ana"),
        "until": datetime.now(UTC) + timedelta(days=9),
    }
    async with engine.pool.acquire() as connection, connection.transaction():
        if alone:
            await waive_finding(connection, about[two], **how)
        else:
            await waive(connection, "DQ-T", entity="project", row=two, **how)
    assert await waived() == {one: "open", two: "waived"}
    async with decide(engine) as decisions:
        link = await decisions.same("project", one, two, "one")
    assert await waived() == {one: "waived"}
    async with decide(engine) as decisions:
        await decisions.undecided(link, "two")
    assert await waived() == {one: "open", two: "waived"}


async def test_a_pin_ends_by_itself(engine: Engine) -> None:
    one, _ = await two_books(engine)
    soon = datetime.now(UTC) + timedelta(hours=1)
    async with decide(engine) as decisions:
        await decisions.pin("project", one, "priority", "High", "board", soon)
    assert await end_what_is_over(engine.pool, engine.policy) == 0
    await engine.pool.execute("UPDATE pin SET expires_at = now() - interval '1 second'")
    assert await end_what_is_over(engine.pool, engine.policy) == 1
    assert await end_what_is_over(engine.pool, engine.policy) == 0
    assert await engine.pool.fetchval("SELECT released_by FROM pin") == "expiry"
    assert await engine.pool.fetchval("SELECT priority FROM project WHERE id = $1", one) is None


async def test_a_source_that_falls_silent_loses_its_rank_until_it_speaks_again(engine: Engine) -> None:
    await two_books(engine, "PAY", "PAY")
    order = (Trusted("two", 14 * 86_400), "one")
    engine.policy = replace(engine.policy, precedence={"project": {"budget": order}})
    await engine.sync("one", "full")
    await end_what_is_over(engine.pool, engine.policy)
    write_book(
        engine.folder / "two.xlsx", Projects=[["No", "Code", "Title", "Budget"], ["two-1", "PAY", "P", 300]]
    )
    await engine.sync("two")
    (row,) = await present(engine)
    assert (row["budget"], row["chosen"]["budget"][1]) == (300, "precedence.project.budget")
    await engine.pool.execute(
        "UPDATE run SET finished_at = finished_at - interval '15 days' WHERE source = 'two'"
    )
    assert await end_what_is_over(engine.pool, engine.policy) == 1
    (row,) = await present(engine)
    assert row["budget"] == 100
    assert row["chosen"]["budget"][1] == "precedence.project.budget (two silent for over 14 days)"
    await engine.sync("two", "full")
    assert await end_what_is_over(engine.pool, engine.policy) == 0
    write_book(
        engine.folder / "two.xlsx", Projects=[["No", "Code", "Title", "Budget"], ["two-1", "PAY", "P", 400]]
    )
    await engine.sync("two")
    await end_what_is_over(engine.pool, engine.policy)
    assert (await present(engine))[0]["budget"] == 400


async def many_projects(engine: Engine) -> list[str]:
    """Five projects in two books, joined by their codes; returns their rows in the order of their ids."""
    for name, budget in (("one", 100), ("two", 200)):
        projects = [[f"{name}-{n}", f"P{n}", f"Project {n}", budget] for n in range(5)]
        write_book(engine.folder / f"{name}.xlsx", Projects=[["No", "Code", "Title", "Budget"], *projects])
        sheets = [{"sheet": "Projects", "into": "project", "key": "No"}]
        await engine.add_files(f"{name}.xlsx", name, sheets=sheets)
        assert (await engine.sync(name))["state"] == "succeeded"
    return [row["id"] for row in await present(engine)]


async def test_a_silence_that_concerns_many_rows_is_followed_in_batches(
    engine: Engine, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is kept for itself, pages are written between them, and the next worker goes on where one stopped."""
    monkeypatch.setattr(pinned, "_MERGE_ROWS", 2)
    engine.policy = replace(
        engine.policy, precedence={"project": {"budget": (Trusted("two", 86_400), "one")}}
    )
    rows = await many_projects(engine)
    assert {row["budget"] for row in await present(engine)} == {200}
    await engine.pool.execute(
        "UPDATE run SET finished_at = finished_at - interval '2 days' WHERE source = 'two'"
    )
    execute(
        database,
        f"ALTER TABLE project ADD CONSTRAINT never CHECK (id <> '{rows[3]}' OR budget <> 100) NOT VALID",
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await end_what_is_over(engine.pool, engine.policy)
    budgets = [row["budget"] for row in await present(engine)]
    assert budgets == [100, 100, 200, 200, 200]
    execute(database, "ALTER TABLE project DROP CONSTRAINT never")
    assert await end_what_is_over(engine.pool, engine.policy) == 3
    assert {row["budget"] for row in await present(engine)} == {100}
    assert await engine.count("merge_due") == 0
    assert await end_what_is_over(engine.pool, engine.policy) == 0
    assert await engine.count("event", "cause = 'silence'") == 5


async def test_looking_for_what_is_over_waits_for_nobody(engine: Engine) -> None:
    """A plan keeps the register locked for minutes, and a worker that looks every two seconds has other things to do."""
    await two_books(engine)
    async with engine.pool.acquire() as plan, plan.transaction():
        await plan.execute(f"SELECT pg_advisory_xact_lock({IDENTITY_LOCK})")
        async with asyncio.timeout(10):
            assert await end_what_is_over(engine.pool, engine.policy) == 0


async def test_rows_joined_by_an_earlier_version_come_to_say_what_was_chosen(
    engine: Engine, database: str
) -> None:
    await many_projects(engine)
    before = await present(engine)
    assert all(row["chosen"] for row in before)
    await engine.pool.execute(
        "UPDATE project SET chosen = NULL, version = version + 1, valid_from = clock_timestamp()"
    )
    script = (Path(migrations.__path__[0]) / "versions" / "0007_merge_due.sql").read_text("utf-8")
    execute(database, script[script.index("INSERT INTO") :])
    assert await end_what_is_over(engine.pool, engine.policy) == 5
    assert [row["chosen"] for row in await present(engine)] == [row["chosen"] for row in before]


REFUSED: tuple[tuple[str, Any, str], ...] = (
    ("budgte", "1", "project has no field 'budgte' that can be pinned"),
    ("version", "1", "project has no field 'version' that can be pinned"),
    ("budget", "much", "budget cannot be 'much': it holds number"),
    ("budget", "nan", "budget cannot be 'nan': it holds number"),
    ("finish_planned_on", "31.03.2026", "finish_planned_on cannot be '31.03.2026': it holds date"),
    ("stage", "cooking", "stage cannot be 'cooking'"),
    ("budget", "1e30", "budget cannot be '1e30': it holds number"),
    ("budget", 10**20, "budget cannot be '100000000000000000000': it holds number"),
    ("custom", {"a": 2**70}, "custom cannot be"),
    ("title", None, "title cannot be empty"),
    ("key", "X", "a key cannot be pinned"),
    ("chosen", {"a": 1}, "project has no field 'chosen' that can be pinned"),
    ("percent_complete", 5000, "percent_complete cannot be 5000"),
    ("manager", "Nobody", "no person has the id or key 'Nobody'"),
)


async def test_a_value_that_cannot_be_is_refused(engine: Engine) -> None:
    one, _ = await two_books(engine)
    for field, value, message in REFUSED:
        with pytest.raises(PinInvalid, match="^" + message):
            async with decide(engine) as decisions:
                await decisions.pin("project", one, field, value, "why", None)
    assert await engine.count("pin") == 0


async def test_what_a_person_calls_a_row_is_found(engine: Engine) -> None:
    one, two = await two_books(engine)
    async with decide(engine) as decisions:
        assert isinstance(decisions, Decisions)
        assert await decisions.own_id("project", "two:P-0815") == two
        assert await decisions.own_id("project", "two:two-1") == two
        assert await decisions.own_id("project", one) == one
        with pytest.raises(RowNotFound):
            await decisions.own_id("project", "two:PAY")
        with pytest.raises(DecisionInvalid):
            await decisions.own_id("prjoect", "two:PAY")
        with pytest.raises(DecisionInvalid):
            await decisions.same("project", one, one, "why")
        with pytest.raises(RegisterError):
            await decisions.undecided(derive_id("link", "x"), "why")


async def test_a_key_that_a_row_had_before_is_remembered(engine: Engine) -> None:
    sheets = [{"sheet": "Projects", "into": "project", "key": "No"}]
    for key in ("PAY", "WEB", "PAY"):
        write_book(engine.folder / "one.xlsx", Projects=[["No", "Key", "Title"], ["1", key, "P"]])
        if not engine.specs:
            await engine.add_files("one.xlsx", "one", sheets=sheets)
        await engine.sync("one")
    key = await engine.pool.fetchval("SELECT key FROM project")
    old = [
        row[0]
        for row in await engine.pool.fetch("SELECT key FROM former_key WHERE entity = 'project' ORDER BY key")
    ]
    assert key == "PAY"
    assert old == ["PAY", "WEB"]


async def test_an_id_of_something_else_is_refused(engine: Engine) -> None:
    """In a link it would be taken for the row it is joined with, wherever it is referred to."""
    one, _ = await two_books(engine)
    risk = derive_id("one", "risk", "R-one")
    for other in (risk, derive_id("nobody")):
        for decide_so in ("same", "different"):
            with pytest.raises(RowNotFound):
                async with decide(engine) as decisions:
                    await getattr(decisions, decide_so)("project", one, other, "why")
        with pytest.raises(RowNotFound):
            async with decide(engine) as decisions:
                await decisions.own_id("project", other)
    assert await engine.count("link") == 0


async def test_a_decision_needs_a_reason(engine: Engine) -> None:
    one, two = await two_books(engine)
    for reason in ("", "  ", "\x00"):
        with pytest.raises(DecisionInvalid, match="needs a reason"):
            async with decide(engine) as decisions:
                await decisions.same("project", one, two, reason)


async def test_rules_decide_again_once_a_decision_is_taken_back(engine: Engine) -> None:
    one, two = await two_books(engine, "PAY", "PAY")
    async with decide(engine) as decisions:
        link = await decisions.different("project", one, two, "two phases")
    assert len(await present(engine)) == 2
    async with deciding(engine.pool, engine.policy, Actor("bob")) as decisions:
        await decisions.undecided(link, "one after all")
    assert len(await present(engine)) == 1
    row = await engine.pool.fetchrow("SELECT state, rule, actor FROM link")
    assert tuple(row) == ("applied", "match on code", None)


async def test_what_records_said_of_which_row_is_kept_when_rows_are_joined_and_parted(engine: Engine) -> None:
    one, two = await two_books(engine)
    moments = [await engine.pool.fetchval("SELECT clock_timestamp()")]
    async with decide(engine) as decisions:
        link = await decisions.same("project", one, two, "one")
    moments.append(await engine.pool.fetchval("SELECT clock_timestamp()"))
    async with decide(engine) as decisions:
        await decisions.undecided(link, "two")
    moments.append(await engine.pool.fetchval("SELECT clock_timestamp()"))
    shown = []
    for moment in moments:
        rows = await engine.pool.fetch(
            """
            SELECT entity_id::text FROM claim WHERE own_id = $1 AND since <= $2
            UNION ALL SELECT entity_id::text FROM claim_history WHERE own_id = $1 AND since <= $2 AND until > $2
            """,
            two,
            moment,
        )
        shown.append([row[0] for row in rows])
    assert shown == [[two], [one], [two]]


async def test_a_pinned_instant_is_kept_as_the_register_writes_it(engine: Engine) -> None:
    one, _ = await two_books(engine)
    async with decide(engine) as decisions:
        await decisions.pin("project", one, "created_at", "2026-03-31T17:00:00.500+02:00", "why", None)
    version = await engine.pool.fetchval("SELECT version FROM project WHERE id = $1", one)
    async with decide(engine) as decisions:
        await decisions.pin("project", one, "priority", "High", "why", None)
    assert await engine.pool.fetchval("SELECT version FROM project WHERE id = $1", one) == version + 1
    changed = await engine.pool.fetchval("SELECT changed FROM event ORDER BY seq DESC LIMIT 1")
    assert set(orjson.loads(changed)) == {"priority", "chosen"}


async def test_a_process_with_another_configuration_leaves_silences_it_does_not_watch(engine: Engine) -> None:
    await two_books(engine, "PAY", "PAY")
    await engine.pool.execute("UPDATE run SET finished_at = finished_at - interval '15 days'")
    policies = [
        replace(engine.policy, precedence={"project": {"budget": (Trusted("two", days * 86_400), "one")}})
        for days in (7, 14)
    ]
    written = [await end_what_is_over(engine.pool, policies[at % 2]) for at in range(6)]
    assert written[2:] == [0, 0, 0, 0]


async def test_what_was_learned_in_a_page_that_was_lost_is_forgotten(engine: Engine, database: str) -> None:
    """A worker whose connection breaks in the middle of a page takes the run up again with nothing but the truth."""
    write_book(engine.folder / "risks.xlsx", Risks=[["Risk ID", "Project", "Title"], ["R-1", "PAY", "Late"]])
    await engine.add_files("risks.xlsx", "risks")
    await engine.sync("risks")
    write_book(engine.folder / "one.xlsx", Projects=[["Code", "Title"], ["PAY", "Payments"]])
    await engine.add_files("one.xlsx", "one")
    syncer = Syncer(engine.pool, engine.specs, engine.policy, holder="test")
    execute(database, "ALTER TABLE project ADD CONSTRAINT never CHECK (title <> 'Payments')")
    await _work(engine, syncer, "one")
    assert await engine.count("project") == 0
    execute(database, "ALTER TABLE project DROP CONSTRAINT never")
    await _work(engine, syncer, "one")
    project = await engine.pool.fetchval("SELECT id FROM project")
    assert await engine.pool.fetchval("SELECT project_id FROM risk") == project


async def _work(engine: Engine, syncer: Syncer, source: str) -> None:
    await runs.request_run(engine.pool, source, "full", requested_by="test")
    for job in await runs.waiting_runs(engine.pool):
        if job.source == source:
            await syncer.work(job)


async def test_a_pin_that_is_taken_back_leaves_no_trace_where_nothing_is_said_any_more(
    engine: Engine,
) -> None:
    """The sheet is read no more: no record is left to say what the budget was, but the past is."""
    one, two = await two_books(engine)
    async with decide(engine) as decisions:
        first = await decisions.pin("project", one, "budget", 7, "for now", None)
        second = await decisions.pin("project", two, "budget", 8, "for now", None)
        await decisions.pin("project", one, "title", "Pinned", "it stays", None)
    for name in ("one", "two"):
        await engine.sync(name)
    await engine.pool.execute("UPDATE pin SET expires_at = now() + interval '1 hour' WHERE id = $1", second)
    await remap(engine.pool, dict.fromkeys(("one", "two"), Silent()), engine.policy)  # type: ignore[arg-type]
    shown = {r["id"]: (r["budget"], r["title"]) for r in await gone_projects(engine)}
    assert shown == {one: (7, "Pinned"), two: (8, "Payments in two")}
    async with decide(engine) as decisions:
        await decisions.release(first, "over")
    await engine.pool.execute("UPDATE pin SET expires_at = now() - interval '1 second' WHERE id = $1", second)
    assert await end_what_is_over(engine.pool, engine.policy) == 1
    rows = {r["id"]: r for r in await gone_projects(engine)}
    assert {i: (r["budget"], r["title"]) for i, r in rows.items()} == {
        one: (100, "Pinned"),
        two: (200, "Payments in two"),
    }
    assert list(rows[one]["chosen"]) == ["title"]
    assert rows[two]["chosen"] is None


async def gone_projects(engine: Engine) -> list[dict[str, Any]]:
    rows = await engine.pool.fetch("SELECT to_jsonb(t) FROM project t WHERE presence = 'deleted'")
    return [orjson.loads(row[0]) for row in rows]


class Silent:
    """A mapping that reads nothing."""

    version, described, streams = "nothing", ["nothing"], ("projects",)
    meaning: ClassVar[Meaning] = {}

    def __call__(self, *record: Any) -> Mapped:
        return Mapped()
