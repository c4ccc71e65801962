"""Rules of data quality over rows of a register: every built-in rule, what changes concern, waivers and scores."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portbook.rules import built_in_rules
from register.audit import Actor
from register.db import Pool, open_pool
from register.errors import QueryInvalid
from register.quality import Expected, Quality
from register.query import Query, check, parse_filter
from register.query.compile_page import compile_page
from register.rules import Rule, check_rule
from register.waivers import WaiverInvalid, end_expired, end_waivers_of, waive, waive_finding
from tests.fix_quality import findings, put

NOW = datetime.now(UTC)
TODAY = NOW.date()
LONG_AGO = NOW - timedelta(days=90)
D1, D2, D3 = date(2031, 1, 1), date(2031, 2, 1), date(2031, 3, 1)
P, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    found = await open_pool(database)
    yield found
    await found.close()


def rule(when: str, entity: str = "project", code: str = "DQ-T", **more: Any) -> Rule:
    return Rule(code, entity, when, "warning", more.pop("message", "wrong"), **more)


async def looked(pool: Pool, *rules: Rule, **more: Any) -> Quality:
    quality = Quality(pool, Expected(rules, **more))
    await quality.look(now=True)
    return quality


PROJECT = {"stage": "delivery", "manager_id": uuid4(), "sponsor_id": uuid4(), "updated_at": NOW}
# Code → (entity, fields of a row at fault, fields of one that is not). `P` is a project that finishes on D2, `OTHER`
# a work item due on D2.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "DQ-PROJECT-MANAGER": ("project", {"stage": "delivery"}, {"stage": "on_hold"}),
    "DQ-PROJECT-SPONSOR": ("project", {**PROJECT, "sponsor_id": None}, PROJECT),
    "DQ-PROJECT-DATES": (
        "project",
        {"start_forecast_on": D2, "finish_forecast_on": D1},
        {"start_planned_on": D1, "finish_planned_on": D1},
    ),
    "DQ-PROJECT-STALE": ("project", {**PROJECT, "updated_at": LONG_AGO}, PROJECT),
    "DQ-PROJECT-CURRENCY": ("project", {"budget": 10}, {"budget": 10, "currency": "EUR"}),
    "DQ-COST-CURRENCY": ("cost_line", {"amount": 10}, {"amount": 10, "currency": "EUR"}),
    "DQ-WORK-DATES": (
        "work_item",
        {"start_planned_on": D2, "due_on": D1},
        {"start_planned_on": D1, "due_on": D1},
    ),
    "DQ-ITERATION-DATES": ("iteration", {"start_on": D2, "finish_on": D1}, {"start_on": D1, "finish_on": D2}),
    "DQ-WORK-AFTER-PARENT": (
        "work_item",
        {"parent_id": OTHER, "due_on": D3},
        {"parent_id": OTHER, "due_on": D2},
    ),
    "DQ-WORK-AFTER-PROJECT": ("work_item", {"project_id": P, "due_on": D3}, {"project_id": P, "due_on": D2}),
    "DQ-MILESTONE-AFTER-PROJECT": (
        "milestone",
        {"project_id": P, "planned_on": D3},
        {"project_id": P, "planned_on": D3, "status": "done"},
    ),
    "DQ-MILESTONE-BASELINE": ("milestone", {"kind": "gate"}, {"kind": "release"}),
    "DQ-MILESTONE-OVERDUE": (
        "milestone",
        {"forecast_on": TODAY - timedelta(days=1)},
        {"planned_on": TODAY - timedelta(days=1), "forecast_on": TODAY},
    ),
    "DQ-WORK-OVERDUE": (
        "work_item",
        {"due_on": TODAY - timedelta(days=1), "status": "todo"},
        {"due_on": TODAY, "status": "todo"},
    ),
    "DQ-WORK-STALE": (
        "work_item",
        {"status": "in_progress", "updated_at": LONG_AGO},
        {"status": "in_progress", "type": "epic", "updated_at": LONG_AGO},
    ),
    "DQ-WORK-PERCENT": (
        "work_item",
        {"percent_complete": 100, "status": "in_progress"},
        {"percent_complete": 100, "status": "done"},
    ),
    "DQ-RISK-UNMANAGED": (
        "risk",
        {"score": 12, "status": "open", "owner_id": uuid4()},
        {"score": 12, "status": "open", "owner_id": uuid4(), "response": "insure"},
    ),
    "DQ-WORK-ORPHAN": ("work_item", {"project_id": uuid4()}, {"project_id": P}),
    "DQ-MILESTONE-ORPHAN": ("milestone", {"project_id": uuid4()}, {"project_id": P}),
    "DQ-RISK-ORPHAN": ("risk", {"project_id": uuid4()}, {"project_id": P}),
}


def test_every_built_in_rule_has_a_case_and_says_how_to_mend_it() -> None:
    assert set(CASES) == set(built_in_rules())
    for found in built_in_rules().values():
        assert found.hint.endswith(".")
        assert found.field is not None
        # A task of a plan has none: the message would say that it finishes "after –".
        assert ".key}" not in found.message


@pytest.mark.parametrize("code", CASES)
async def test_a_built_in_rule_finds_the_row_that_breaks_it_and_no_other(pool: Pool, code: str) -> None:
    entity, wrong, right = CASES[code]
    await put(pool, "project", P, key="P", finish_planned_on=D2)
    await put(pool, "work_item", OTHER, key="W", due_on=D2)
    bad, good = uuid4(), uuid4()
    await put(pool, entity, bad, key="BAD", source="s", **wrong)
    await put(pool, entity, good, key="GOOD", source="s", **right)
    await looked(pool, built_in_rules()[code])
    found = await pool.fetch("SELECT * FROM finding WHERE entity_id = ANY($1::uuid[])", [bad, good])
    assert [(row["code"], row["entity_id"], row["source"], row["state"]) for row in found] == [
        (code, bad, "s", "open")
    ]
    assert "{" not in found[0]["message"]
    # Mended, it closes; broken again, it is the same finding.
    await put(pool, entity, bad, presence="deleted")
    quality = await looked(pool, built_in_rules()[code])
    assert await pool.fetchval("SELECT state FROM finding WHERE id = $1", found[0]["id"]) == "closed"
    await put(pool, entity, bad, presence="present")
    assert await quality.look(now=True)
    assert await pool.fetchval("SELECT state FROM finding WHERE id = $1", found[0]["id"]) == "open"


async def test_a_finding_names_the_project_and_who_can_mend_it(pool: Pool) -> None:
    manager, assignee, item = uuid4(), uuid4(), uuid4()
    await put(pool, "project", P, key="P", title="Pay", manager_id=manager, budget=12.50)
    await put(pool, "work_item", item, key="P-1", title="Card", project_id=P, assignee_id=assignee, due_on=D1)
    await looked(
        pool,
        rule(
            "due_on IS NOT NULL",
            "work_item",
            field="due_on",
            message="{key} of {project.key} is due {due_on}; {wbs}",
        ),
        rule("key = 'P'", code="DQ-P", message="{budget} for {title}", field="budget"),
    )
    assert await findings(pool) == [
        ("DQ-P", str(P), "open", "12.5 for Pay", "warning", "12.5", str(P), str(manager)),
        ("DQ-T", str(item), "open", "P-1 of P is due 2031-01-01; –", "warning", "2031-01-01", str(P), str(assignee)),
    ]  # fmt: skip


async def test_a_finding_says_nothing_of_a_row_of_another_project(pool: Pool) -> None:
    """Whoever may see the project alone reads its findings; what lies outside is not there."""
    own, far, item = uuid4(), uuid4(), uuid4()
    elsewhere = uuid4()
    await put(pool, "project", elsewhere, key="SECRET")
    await put(pool, "project", P, key="P")
    await put(pool, "work_item", far, key="SECRET-1", project_id=elsewhere, due_on=D1)
    await put(pool, "work_item", own, key="P-1", project_id=P, due_on=D1)
    await put(pool, "work_item", item, key="P-2", project_id=P, parent_id=far, due_on=D2)
    after = rule(
        "due_on > parent.due_on",
        "work_item",
        message="after {parent.key} of {parent.project.key}, in {project.key}",
    )
    quality = await looked(pool, after)

    async def message() -> str:
        return str(await pool.fetchval("SELECT message FROM finding WHERE closed_at IS NULL"))

    assert await message() == "after (outside of this project) of (outside of this project), in P"
    await put(pool, "work_item", far, project_id=P)
    await quality.look(now=True)
    assert await message() == "after SECRET-1 of P, in P"
    await pool.execute("UPDATE work_item SET project_id = NULL, version = version + 1 WHERE id = $1", far)
    await put(pool, "work_item", item, points=1)
    await quality.look(now=True)
    assert await message() == "after (outside of this project) of –, in P"
    await put(pool, "work_item", item, parent_id=own)
    await quality.look(now=True)
    assert await message() == "after P-1 of P, in P"


async def test_a_finding_of_a_project_does_not_name_its_programme(pool: Pool) -> None:
    programme, sponsor = uuid4(), uuid4()
    await put(pool, "programme", programme, key="SECRET")
    await put(pool, "person", sponsor, title="Ada")
    await put(pool, "project", P, key="P", programme_id=programme, sponsor_id=sponsor)
    await looked(pool, rule("key = 'P'", "project", message="{key} of {programme.key}, for {sponsor.title}"))
    told = await pool.fetchval("SELECT message FROM finding WHERE closed_at IS NULL")
    assert told == "P of (outside of this project), for Ada"


async def test_the_same_state_writes_nothing_and_a_changed_value_is_told_anew(pool: Pool) -> None:
    await put(pool, "project", P, key="P", budget=1)
    told = rule("budget > 0", message="has {budget}")
    quality = await looked(pool, told)
    stamp = "SELECT (SELECT array_agg(xmin::text) FROM finding), (SELECT array_agg(xmin::text) FROM quality)"
    before = await pool.fetchrow(stamp)
    opened = await pool.fetchval("SELECT opened_at FROM finding")
    assert not await quality.look(now=True)
    await pool.execute("UPDATE rule SET seq = NULL")
    await looked(pool, told)
    assert await pool.fetchrow(stamp) == before
    await put(pool, "project", P, budget=2)
    await quality.look(now=True)
    assert await pool.fetchrow("SELECT message, opened_at FROM finding") == ("has 2", opened)


async def test_a_rule_that_says_something_else_is_looked_at_from_scratch_and_one_that_is_off_closes(
    pool: Pool,
) -> None:
    await put(pool, "project", P, key="P", budget=5)
    await looked(pool, rule("budget > 9"))
    assert await findings(pool) == []
    await looked(pool, rule("budget > 4"))
    assert len(await findings(pool)) == 1
    assert await pool.fetchval("SELECT active FROM rule")
    await looked(pool)
    assert await findings(pool) == []
    assert await pool.fetchval("SELECT NOT active FROM rule")
    await looked(pool, rule("budget > 4"))
    assert len(await findings(pool)) == 1


async def test_a_condition_that_looks_at_the_day_is_asked_again_when_the_day_has_turned(pool: Pool) -> None:
    await put(pool, "work_item", OTHER, due_on=TODAY)
    late = rule("due_on < today()", "work_item")
    quality = await looked(pool, late)
    # Past the writer, without an event: as if the clock had moved.
    await pool.execute("UPDATE work_item SET due_on = due_on - 1")
    await put(pool, "project", P, key="P")
    await quality.look(now=True)
    assert await findings(pool) == []
    await pool.execute("UPDATE rule SET evaluated_at = evaluated_at - interval '1 day'")
    await looked(pool, late)
    assert len(await findings(pool)) == 1


async def test_nothing_is_looked_at_while_a_run_is_under_way(pool: Pool) -> None:
    quality = await looked(pool, rule("budget > 0"))
    await pool.execute("INSERT INTO run (source, mode, state) VALUES ('s', 'full', 'running')")
    await put(pool, "project", P, budget=1)
    assert not await quality.look()
    await pool.execute("UPDATE run SET state = 'succeeded', finished_at = now()")
    assert await quality.look()
    assert len(await findings(pool)) == 1


@pytest.mark.parametrize(
    ("entity", "when", "message", "key", "name"),
    [
        ("project", "any(findings, severity = 'error')", "wrong", "when", "findings"),
        ("project", "any(quality, score < 50)", "wrong", "when", "quality"),
        ("project", "any(memberships, to_at IS NULL)", "wrong", "when", "memberships"),
        ("risk", "none(project.findings, severity = 'error')", "wrong", "when", "findings"),
    ],
)
def test_a_rule_does_not_look_through_what_leaves_no_event(
    entity: str, when: str, message: str, key: str, name: str
) -> None:
    with pytest.raises(QueryInvalid, match=f"look through `{name}`") as refused:
        check_rule(rule(when, entity, message=message))
    assert refused.value.parameter == key


RULES = (
    rule("budget > 5", code="DQ-A", field="budget", message="{budget} in {programme.key}"),
    rule("programme.key = 'x' AND finish_planned_on < start_planned_on", code="DQ-B"),
    rule("any(milestones, planned_on > '2031-01-15')", code="DQ-C"),
    rule("none(milestones, any(project, budget > 5))", code="DQ-D"),
    rule(
        "planned_on > project.finish_planned_on", "milestone", code="DQ-E", message="{project.programme.key}"
    ),
    rule("project_id IS NOT NULL AND project.id IS NULL", "milestone", code="DQ-F"),
    rule("any(milestones, status = 'missed')", "work_item", code="DQ-G"),
    rule("any(work_items, due_on < '2031-02-01')", "milestone", code="DQ-H"),
    rule("project.programme.key != 'x' OR project.manager.title = 'y'", "milestone", code="DQ-I"),
    rule("presence = 'deleted'", "milestone", code="DQ-J"),
    rule("any(projects, any(milestones, status = 'missed'))", "programme", code="DQ-K"),
)
_days = st.sampled_from([D1, D2, D3, None])
_ids = st.integers(0, 2)
_maybe = st.one_of(st.none(), _ids)
_presence = st.sampled_from(["present", "present", "deleted"])
_edits = st.one_of(
    st.tuples(
        st.just("project"), _ids,
        st.fixed_dictionaries({"presence": _presence}, optional={
            "budget": st.sampled_from([None, 3, 7]), "programme_id": _maybe, "manager_id": _maybe,
            "start_planned_on": _days, "finish_planned_on": _days}),
    ),
    st.tuples(st.just("programme"), _ids, st.fixed_dictionaries({"key": st.sampled_from(["x", "z"])})),
    st.tuples(st.just("person"), _ids, st.fixed_dictionaries({"title": st.sampled_from(["y", "n"])})),
    st.tuples(
        st.just("milestone"), _ids,
        st.fixed_dictionaries({"presence": _presence}, optional={
            "project_id": _maybe, "planned_on": _days, "status": st.sampled_from(["missed", "planned", None])}),
    ),
    st.tuples(
        st.just("work_item"), _ids,
        st.fixed_dictionaries({}, optional={"due_on": _days, "milestone_ids": st.lists(_ids, max_size=2, unique=True)}),
    ),
)  # fmt: skip
_POINTS = {"programme_id": 1, "manager_id": 2, "project_id": 0, "milestone_ids": 3}
_KINDS = ("project", "programme", "person", "milestone", "work_item")


async def test_a_row_that_changed_twice_since_the_last_look_is_one_finding(pool: Pool) -> None:
    row_id, mine = uuid4(), rule("presence = 'deleted'", "milestone")
    quality = await looked(pool, mine)
    await put(pool, "milestone", row_id, presence="present")
    await put(pool, "milestone", row_id, presence="deleted")
    await quality.look(now=True)
    assert len(await findings(pool)) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.lists(_edits, min_size=1, max_size=4), min_size=1, max_size=5))
async def test_looking_at_changes_alone_comes_to_the_same_as_looking_at_everything(
    pool: Pool, steps: Any
) -> None:
    world = [[uuid4() for _ in range(3)] for _ in _KINDS]

    def meant(name: str, value: Any) -> Any:
        if name not in _POINTS or value is None:
            return value
        ids = world[_POINTS[name]]
        return [ids[item] for item in value] if isinstance(value, list) else ids[value]

    quality = await looked(pool, *RULES)
    for edits in steps:
        for entity, which, values in edits:
            row_id = world[_KINDS.index(entity)][which]
            await put(pool, entity, row_id, **{name: meant(name, value) for name, value in values.items()})
        await quality.look(now=True)
        step_by_step, scores = await findings(pool), await _scores(pool)
        await pool.execute("UPDATE rule SET seq = NULL")
        fresh = await looked(pool, *RULES)
        assert await findings(pool) == step_by_step
        assert await _scores(pool) == scores
        quality = fresh if len(edits) % 2 else quality
    for checked in map(check_rule, RULES):
        level = check(Query(checked.entity.collection, filter=parse_filter(checked.rule.when), limit=1000))
        statement = compile_page(level)
        shown = await pool.fetchval(f"SELECT data FROM ({statement.sql}) t", *statement.parameters)
        found = await pool.fetch(
            "SELECT entity_id::text FROM finding WHERE rule_id = $1 AND closed_at IS NULL", checked.rule.id
        )
        ids = {row["id"] for row in json.loads(shown or "[]")}
        assert {row[0] for row in found} == ids, checked.rule.code


async def _scores(pool: Pool) -> list[Any]:
    rows = await pool.fetch(
        "SELECT id::text, rows, errors, warnings, infos, waived, score FROM quality ORDER BY 1"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("broken", "key", "says"),
    [
        (rule("budgt > 1"), "when", "budgt"),
        (rule("budget > "), "when", "value is expected"),
        (rule("budget > 1; DROP TABLE project"), "when", ""),
        (rule("budget > 1 OR '" + "x" * 20_000 + "' = ''"), "when", "allowed"),
        (rule("((" * 3_000 + "budget > 1"), "when", "nested"),
        (rule("title = 'a\0'"), "when", "character"),
        (rule("any(milestones, any(project, any(milestones, any(project, any(risks, score > 1)))))"), "when", "deeper"),
        (rule("updated_at < today(-{for_days}d)"), "when", "for_days"),
        (rule("key = 'P'", message="{titel}"), "message", "titel"),
        (rule("key = 'P'", message="{milestones.key}"), "message", "list"),
        (rule("key = 'P'", message="{title"), "message", "brace"),
        (rule("key = 'P'", message="{title!r}"), "message", "does not belong"),
        (rule("key = 'P'", message="{title.__class__}"), "message", ""),
        (rule("key = 'P'", field="titel"), "field", "titel"),
        (rule("key = 'P'", "projects"), "entity", "projects"),
        (rule("key = 'P'", "finding"), "entity", "finding"),
        (rule("key = 'P'", code="DQ-'; DROP TABLE finding; --"), "code", ""),
    ],
    ids=lambda value: None if isinstance(value, Rule) else value[:20],
)  # fmt: skip
def test_a_rule_that_cannot_be_understood_is_refused_at_the_key_at_fault(
    broken: Rule, key: str, says: str
) -> None:
    with pytest.raises(QueryInvalid) as refused:
        check_rule(broken)
    assert refused.value.parameter in (key, "filter")
    assert says in f"{refused.value.message} {refused.value.hint}".replace("`{`", "brace")


async def test_hostile_texts_in_rows_and_messages_stay_text(pool: Pool) -> None:
    nasty = "'; DROP TABLE finding; -- %s $1 {title} \u202e🙈"
    await put(pool, "project", P, key="P", title=nasty)
    await looked(
        pool, rule("title ~ '''; DROP'", message="' || now() || ' $1 %s {title}", hint=nasty, field="title")
    )
    ((_, _, _, message, _, value, _, _),) = await findings(pool)
    assert (message, value) == (f"' || now() || ' $1 %s {nasty}", nasty)


async def _waived(pool: Pool, code: str = "DQ-T", *, days: float = 1, **what: Any) -> tuple[str, int]:
    async with pool.acquire() as connection, connection.transaction():
        until = datetime.now(UTC) + timedelta(days=days)
        return await waive(connection, code, reason="agreed", actor=Actor("pmo"), until=until, **what)


async def test_a_waived_finding_stays_visible_counts_not_and_comes_back_when_the_waiver_ends(
    pool: Pool,
) -> None:
    await put(pool, "project", P, key="P", budget=1)
    await put(pool, "project", OTHER, key="Q", budget=1)
    quality = await looked(pool, rule("budget > 0"))
    assert await _scores(pool) == [(str(P), 1, 0, 1, 0, 0, 50), (str(OTHER), 1, 0, 1, 0, 0, 50)]
    waiver, count = await _waived(pool, entity="project", row=str(P))
    assert count == 1
    assert [row[2] for row in await findings(pool)] == ["waived", "open"]
    assert await _scores(pool) == [(str(P), 1, 0, 0, 0, 1, 100), (str(OTHER), 1, 0, 1, 0, 0, 50)]
    # Mended and broken again while the waiver stands: waived still.
    await put(pool, "project", P, budget=0)
    await quality.look(now=True)
    assert [row[1] for row in await findings(pool)] == [str(OTHER)]
    await put(pool, "project", P, budget=3)
    await quality.look(now=True)
    assert [row[2] for row in await findings(pool)] == ["waived", "open"]
    await pool.execute("UPDATE waiver SET expires_at = now() - interval '1 second'")
    assert await end_expired(pool) == 1
    assert await end_expired(pool) == 0
    assert [row[2] for row in await findings(pool)] == ["open", "open"]
    assert (await _scores(pool))[0][-1] == 50
    assert await pool.fetchval("SELECT ended_by FROM waiver WHERE id = $1", waiver) == "expiry"
    assert (
        await pool.fetchval("SELECT count(*) FROM audit WHERE action = 'finding waived' AND actor = 'pmo'")
        == 1
    )


async def test_a_whole_code_is_waived_also_for_what_is_found_later(pool: Pool) -> None:
    quality = await looked(pool, rule("budget > 0"))
    assert (await _waived(pool))[1] == 0
    await put(pool, "project", P, budget=1)
    await quality.look(now=True)
    assert [row[2] for row in await findings(pool)] == ["waived"]


async def test_one_finding_is_waived_and_taken_back(pool: Pool) -> None:
    await put(pool, "project", P, budget=1)
    await looked(pool, rule("budget > 0"))
    finding = await pool.fetchval("SELECT id::text FROM finding")
    until = datetime.now(UTC) + timedelta(days=1)
    async with pool.acquire() as connection, connection.transaction():
        await waive_finding(connection, finding, reason="agreed", actor=Actor("pmo"), until=until)
        assert await connection.fetchval("SELECT state FROM finding") == "waived"
        assert await end_waivers_of(connection, finding, reason="over", actor=Actor("pmo")) == finding
        assert await connection.fetchval("SELECT state FROM finding") == "open"
        with pytest.raises(WaiverInvalid):
            await end_waivers_of(connection, finding, reason="over", actor=Actor("pmo"))


async def test_a_waiver_needs_a_known_code_a_reason_and_time_ahead(pool: Pool) -> None:
    await looked(pool, rule("budget > 0"))
    with pytest.raises(WaiverInvalid, match="no finding has the code"):
        await _waived(pool, "DQ-NONE")
    with pytest.raises(WaiverInvalid, match="ended already"):
        await _waived(pool, days=-1)


async def test_a_source_without_news_is_a_finding_until_it_has_some(pool: Pool) -> None:
    ids = [uuid4(), uuid4()]
    for source, key, hours in zip(ids, ("late", "fresh"), (3, 1), strict=True):
        await pool.execute(
            "INSERT INTO source (id, key, kind, configured, fresh_at) VALUES ($1, $2, 'jira', true, $3)",
            source, key, NOW - timedelta(hours=hours),
        )  # fmt: skip
    quality = await looked(pool, fresh_within_s={"late": 7_200, "fresh": 7_200})
    assert [row[:3] for row in await findings(pool)] == [("DQ-SOURCE-LATE", str(ids[0]), "open")]
    assert await pool.fetchval("SELECT warnings FROM quality WHERE key = 'late'") == 1
    await looked(pool, fresh_within_s={"late": 3_600, "fresh": 7_200}, late="error")
    ((_, _, _, message, severity, *_),) = await findings(pool)
    assert (message, severity) == ("late has not been read to its end for more than 1 h", "error")
    assert await pool.fetchval("SELECT (errors, warnings) FROM quality WHERE key = 'late'") == (1, 0)
    await pool.execute("UPDATE source SET fresh_at = now()")
    await quality.look(now=True)
    assert await findings(pool) == []
    assert await pool.fetchval("SELECT warnings FROM quality WHERE key = 'late'") == 0
