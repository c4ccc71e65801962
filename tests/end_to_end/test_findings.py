"""Findings as people meet them: over HTTP and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.app import create_app
from portbook.cli import app
from portbook.config import load_config
from portbook.errors import SettingsInvalid
from portbook.rules import expected_quality
from portbook.wiring import KINDS
from register.keys import create_key
from register.policy import Policy
from register.quality import Quality
from register.rules import check_rule
from register.waivers import WaiverInvalid
from tests.fix_gateway import Server, assert_problem, insert, with_pool
from tests.fix_postgres import run_apart

PAY, WEB, ANNA = (str(uuid4()) for _ in range(3))
UNTIL = (datetime.now(UTC) + timedelta(days=30)).isoformat()
PAGE = Path(__file__).parents[2] / "docs" / "findings.md"


@pytest.fixture
def api(register_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """A gateway over two projects without a currency, one of them closed since."""
    insert(register_url, "person", [{"id": ANNA, "title": "Anna"}])
    money = {"budget": 5, "source": "s", "manager_id": ANNA}
    insert(register_url, "project", [{"id": PAY, "key": "PAY", **money}, {"id": WEB, "key": "WEB", **money}])
    config = tmp_path / "portbook.yaml"
    config.write_text("sources: []")
    expected = expected_quality(load_config(config, KINDS))
    keys = {}

    async def fill(pool: Any) -> None:
        quality = Quality(pool, expected)
        await quality.look(now=True)
        await pool.execute("UPDATE project SET currency = 'EUR' WHERE key = 'WEB'")
        await pool.execute("UPDATE rule SET seq = NULL")
        await Quality(pool, expected).look(now=True)
        for scope in ("read", "admin"):
            keys[scope] = await create_key(pool, scope, scopes=[scope])

    run_apart(with_pool(register_url, fill))
    gateway = create_app(database_url=register_url, pool_size=2, secret=b"tests", policy=Policy(()))
    with Server(gateway) as url, httpx.Client(base_url=url, timeout=20) as client:
        client.headers["authorization"] = f"Bearer {keys['admin']}"
        client.keys = keys  # type: ignore[attr-defined]
        yield client


def listed(api: httpx.Client, collection: str = "findings", **parameters: str) -> list[dict[str, Any]]:
    answer = api.get(f"/api/v1/{collection}", params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_lists_leave_closed_findings_out_unless_asked_for_them(api: httpx.Client) -> None:
    (row,) = listed(
        api, fields="id,code,state,project{key},owner{name},rule{condition}", code="DQ-PROJECT-CURRENCY"
    )
    assert (row["project"], row["owner"], row["state"]) == ({"key": "PAY"}, {"name": "Anna"}, "open")
    assert "currency IS NULL" in row["rule"]["condition"]
    (closed,) = listed(api, fields="id,project{key}", state="closed")
    assert closed["project"] == {"key": "WEB"}
    assert len(listed(api, filter="closed_at IS NOT NULL")) == 1
    assert len(listed(api, filter="state IN ('open', 'closed')", code="DQ-PROJECT-CURRENCY")) == 2
    assert api.get(f"/api/v1/findings/{closed['id']}").status_code == 200
    nested = 'key,findings{code},all:findings(filter:"state IS NOT NULL"){code}'
    rows = {row["key"]: row for row in listed(api, "projects", fields=nested)}
    assert len(rows["WEB"]["findings"]) == 0
    assert len(rows["WEB"]["all"]) == 1
    assert [row["key"] for row in listed(api, "projects", filter="any(findings, code ~ 'CURRENCY')")] == [
        "PAY"
    ]


def test_a_finding_is_waived_and_taken_back_over_http(api: httpx.Client) -> None:
    (row,) = listed(api, code="DQ-PROJECT-CURRENCY")
    place = f"/api/v1/findings/{row['id']}/waive"
    before = listed(api, "quality", fields="key,score", key="PAY")
    answer = api.post(place, json={"reason": "comes with the ERP", "until": UNTIL})
    assert answer.status_code == 201, answer.text
    (waived,) = listed(api, state="waived", fields="id,waiver{reason,actor,expires_at}")
    assert waived["id"] == row["id"]
    assert (waived["waiver"]["reason"], waived["waiver"]["actor"]) == ("comes with the ERP", "admin")
    assert listed(api, "quality", fields="key,score", key="PAY") != before
    assert_problem(api.delete(place), 400, "API001")
    assert api.delete(place, params={"reason": "it came"}).status_code == 200
    assert listed(api, "quality", fields="key,score", key="PAY") == before
    assert_problem(api.delete(place, params={"reason": "it came"}), 400, "REG009")


def test_a_waiver_needs_the_scope_a_reason_an_end_and_a_finding(api: httpx.Client) -> None:
    (row,) = listed(api, code="DQ-PROJECT-CURRENCY")
    place = f"/api/v1/findings/{row['id']}/waive"
    good = {"reason": "why", "until": UNTIL}
    for body in (
        {"reason": "why"},
        {"until": UNTIL},
        {**good, "until": "2031-01-01"},
        {**good, "more": 1},
        {**good, "reason": ""},
    ):
        assert_problem(api.post(place, json=body), 400, "API001")
    for body in ({**good, "until": "2020-01-01T00:00:00Z"}, {**good, "reason": " \0 "}):
        assert api.post(place, json=body).status_code in (201, 400)
    assert_problem(api.post(place, json={**good, "until": "2020-01-01T00:00:00Z"}), 400, "REG009")
    assert_problem(api.post(f"/api/v1/findings/{uuid4()}/waive", json=good), 404, "REG004")
    assert_problem(api.post("/api/v1/findings/x'%20OR%201/waive", json=good), 404, "REG004")
    reading = {"authorization": f"Bearer {api.keys['read']}"}  # type: ignore[attr-defined]
    assert_problem(api.post(place, json=good, headers=reading), 403, "API003")


def test_the_command_line_lists_by_who_can_mend_and_waives(
    register_url: str,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    insert(register_url, "person", [{"id": ANNA, "title": "Anna", "team": "Payments"}])
    insert(
        register_url,
        "project",
        [{"id": PAY, "key": "PAY", "source": "plans", "manager_id": ANNA, "budget": 5}],
    )
    late = {
        "project_id": PAY,
        "source": "jira",
        "start_planned_on": date(2031, 2, 1),
        "due_on": date(2031, 1, 1),
    }
    insert(register_url, "work_item", [{"id": uuid4(), "key": key, **late} for key in ("PAY-1", "PAY-2")])
    config = tmp_path / "portbook.yaml"
    config.write_text("register: {database: {env: DATABASE_URL}, redis: {env: REDIS_URL}}\nsources: []\n")
    monkeypatch.setenv("DATABASE_URL", register_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    expected = expected_quality(load_config(config, KINDS))
    run_apart(with_pool(register_url, lambda pool: Quality(pool, expected).look(now=True)))

    def run(*words: str) -> tuple[int, str, str]:
        code = app(["--config", str(config), "findings", *words], standalone_mode=False)
        said = capsys.readouterr()
        return code or 0, said.out, said.err

    code, shown, _ = run("--project", "pay")
    assert code == 1
    assert [line for line in shown.splitlines() if line.startswith(("PAY", "of no"))] == [
        "PAY in jira  quality 16.7", "PAY in plans  quality 16.7",
    ]  # fmt: skip
    assert shown.count("Anna") == 3
    assert shown.count("Correct the dates of the item.") == 1
    code, shown, _ = run("--team", "payments", "--source", "jira", "--json")
    found = json.loads(shown)
    assert (found["total"], {row["code"] for row in found["findings"]}) == (2, {"DQ-WORK-DATES"})
    assert run("--team", "Nobody")[:2] == (0, "")
    seen = [("drive", "warning", "Slow"), ("wiki", "error", "No answer")]
    insert(
        register_url,
        "finding",
        [
            {"id": uuid4(), "code": "SYN001", "source": source, "severity": severity, "message": message}
            for source, severity, message in seen
        ],
    )
    assert run("--code", "SYN001", "--source", "drive")[0] == 0
    code, shown, _ = run("--code", "SYN001", "--limit", "1")
    assert "No answer" not in shown
    assert code == 1, "an error that is not shown is an error"
    _, waiver, told = run(
        *("waive", "dq-work-dates", "--until", "2099-12-31", "--reason", "re-planning"),
        *("--entity", "work_item", "--key", "PAY-2"),
    )
    assert "1 finding waived until 2099-12-31" in told
    assert "waived until 2099-12-31: re-planning" in run("--state", "waived")[1]
    assert run("--code", "DQ-WORK-DATES", "--json")[1].count("PAY-") == 1
    assert "re-planning" in run("waivers")[1]
    run("unwaive", waiver.strip(), "--reason", "planned")
    assert run("--code", "DQ-WORK-DATES", "--json")[1].count("PAY-") == 2
    assert run("waivers")[1].count("re-planning") == 0
    assert "planning" in run("waivers", "--all")[1]
    with pytest.raises(WaiverInvalid):
        run("waive", "DQ-NONE", "--until", "2099-12-31", "--reason", "x")
    with pytest.raises(SettingsInvalid):
        run("waive", "DQ-WORK-DATES", "--until", "tomorrow", "--reason", "x")
    with pytest.raises(SettingsInvalid):
        run("--state", "gone")


def test_every_example_of_a_rule_in_the_manual_is_a_rule(tmp_path: Path) -> None:
    _, _, rest = PAGE.read_text("utf-8").partition("```yaml\n")
    example = rest.partition("```")[0]
    config = tmp_path / "portbook.yaml"
    config.write_text("sources: []\n" + example)
    rules = {rule.code: rule for rule in expected_quality(load_config(config, KINDS)).rules}
    assert {"DQ-NO-BUDGET", "DQ-RISK-REVIEW", "DQ-DATE-BEHIND-GATE", "DQ-RED-WITHOUT-ISSUE"} <= set(rules)
    assert rules["DQ-PROJECT-STALE"].for_days == 14
    assert "DQ-WORK-OVERDUE" not in rules
    for rule in rules.values():
        check_rule(rule)
    named = PAGE.read_text("utf-8")
    assert [code for code in rules if f"`{code}`" not in named and f"code: {code}" not in named] == []
