"""Explanations as people and programs get them: every value of the demo, by command and over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx

from gateway.app import create_app
from register.catalog import collections
from register.keys import create_key
from tests.end_to_end.test_cli import Shell
from tests.end_to_end.test_cli import shell as shell
from tests.fix_gateway import Server, assert_problem, with_pool
from tests.fix_postgres import run_apart

SECRET = b"tests"


def test_every_value_of_the_demo_explains_itself(shell: Shell) -> None:
    assert shell.run("sync").returncode == 0

    key = run_apart(with_pool(shell.database, lambda pool: create_key(pool, "tests")))
    app = create_app(database_url=shell.database, pool_size=2, secret=SECRET, version="0.test")
    count = 0
    with Server(app) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        for collection, entity in collections().items():
            if not entity.enveloped:
                continue
            rows = client.get(f"/api/v1/{collection}", params={"fields": "id", "limit": "25"}).json()["data"]
            for row in rows:
                answer = client.get(f"/api/v1/{collection}/{row['id']}/explain")
                assert answer.status_code == 200, answer.text
                for name, told in answer.json()["data"]["fields"].items():
                    assert _explained(told), (collection, name, told)
                    count += 1
        assert count > 2_500
        told_by_several(client)
        body = assert_problem(client.get("/api/v1/projects/PAY/explain?field=budgt"), 400, "QRY002")
        assert (body["parameter"], body["hint"]) == ("field", "Did you mean `budget`?")
        assert_problem(client.get("/api/v1/projects/NONE/explain"), 404, "REG004")
        assert_problem(client.get("/api/v1/projects/PAY/explain?as_of=2001-01-01"), 404, "REG004")
        assert_problem(client.get("/api/v1/runs/1/explain"), 400, "QRY007")
        assert_problem(
            client.get("/api/v1/projects/PAY/explain", headers={"Authorization": ""}), 401, "API002"
        )

    shown = shell.run("explain", "projects", "PAY", "--field", "budget")
    assert shown.returncode == 0, shown.stderr
    assert "pmo project" in shown.stdout
    assert "builtin/spreadsheet.yaml:" in shown.stdout
    everything = shell.run("explain", "projects", "PAY")
    assert "not chosen" in everything.stdout
    as_json = json.loads(
        shell.run("explain", "projects", "PAY", "--json", "--as-of", "2999-01-01").stdout or "{}"
    )
    assert as_json == {}
    told = json.loads(shell.run("explain", "projects", "PAY", "--json").stdout)["data"]
    assert told["fields"]["budget"]["winner"]["source"] == "pmo"
    wrong = shell.run("explain", "projects", "PAY", "--field", "budgt")
    assert wrong.returncode == 2
    assert "`budget`" in wrong.stderr
    assert shell.run("explain", "project", "PAY").returncode == 2


def told_by_several(client: httpx.Client) -> None:
    """A project of the demo is told by more than one tool, and says which of them lost."""
    fields = client.get("/api/v1/projects/PAY/explain").json()["data"]["fields"]
    sources = {told["winner"]["source"] for told in fields.values() if told.get("winner")}
    assert len(sources) > 1, sources
    assert any(told.get("losers") for told in fields.values())


def _explained(told: dict[str, Any]) -> bool:
    winner = told.get("winner")
    if winner:
        return bool(
            told["rule"] and winner["mapping"] and winner["record_id"] and winner["run"] and told["since"]
        )
    return bool(told.get("own") or told.get("computed_from") or told.get("pin"))
