"""Who asked what is in the audit, with what it took to refuse others, and costs a request nothing to speak of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from gateway import hooks_out, networks, uses
from gateway.app import create_app
from portbook.cli import app
from register.audit import list_audit
from register.db import open_pool, open_read_pool
from register.decisions import deciding
from register.errors import QueryInvalid
from register.keys import Caller, create_key, list_keys, revoke_key
from register.policy import Policy
from register.query import QueryTooSlow
from register.sealing import Sealer
from register.waivers import end_waivers_of, waive_finding
from tests.fix_gateway import Server, assert_problem, execute, with_pool
from tests.fix_postgres import run_apart


@pytest.fixture
def keys(register_url: str) -> dict[str, str]:
    async def make(pool: Any) -> dict[str, str]:
        made = {
            "bi": await create_key(pool, "bi"),
            "boss": await create_key(pool, "boss", scopes=["admin"]),
            "gone": await create_key(pool, "gone"),
            "late": await create_key(pool, "late", expires_at=datetime.now(UTC) + timedelta(days=1)),
        }
        await revoke_key(pool, "gone")
        return made

    made: dict[str, str] = run_apart(with_pool(register_url, make))
    execute(register_url, "UPDATE api_key SET expires_at = now() WHERE name = 'late'")
    return made


@pytest.fixture
def asked(register_url: str) -> Iterator[httpx.Client]:
    app = create_app(database_url=register_url, pool_size=1, secret=b"tests")
    with Server(app) as url, httpx.Client(base_url=url) as client:
        yield client


def get(client: httpx.Client, key: str, path: str) -> httpx.Response:
    return client.get(path, headers={"Authorization": f"Bearer {key}"})


def lines(url: str, action: str) -> list[dict[str, Any]]:
    return run_apart(with_pool(url, lambda pool: list_audit(pool, action=action)))  # type: ignore[no-any-return]


def test_who_asked_what_is_written_when_the_gateway_stops(register_url: str, keys: dict[str, str]) -> None:
    before = datetime.now(UTC)
    with (
        Server(create_app(database_url=register_url, pool_size=1)) as url,
        httpx.Client(base_url=url) as client,
    ):
        for _ in range(3):
            assert get(client, keys["bi"], "/api/v1/projects?filter=title = 'hush'").status_code == 200
        get(client, keys["bi"], "/api/v1/projects/SECRET-7/history")
        get(client, keys["bi"], "/api/v1/made-up-by-a-caller")
        client.get(f"/odata/v4/Projects?key={keys['bi']}")
        get(client, keys["bi"], "/api/v1/audit")
        execute(register_url, "ALTER TABLE risk DROP COLUMN cause CASCADE")
        assert get(client, keys["bi"], "/api/v1/risks/aggregate?group_by=cause").status_code == 500
        assert lines(register_url, "asked") == []
    found = lines(register_url, "asked")
    assert {(line["subject"], line["detail"]["status"], line["detail"]["times"]) for line in found} == {
        ("GET /api/v1/projects", 200, 3), ("GET /api/v1/projects/{row}/history", 404, 1), ("GET /api/v1/…", 404, 1),
        ("GET /odata/v4/Projects", 200, 1), ("GET /api/v1/audit", 403, 1),
        ("GET /api/v1/risks/aggregate", 500, 1),
    }  # fmt: skip
    bi, boss, *_ = run_apart(with_pool(register_url, list_keys))
    for line in found:
        assert (line["actor"], line["detail"]["key"], line["detail"]["address"]) == (
            "bi",
            str(bi.id),
            "127.0.0.1",
        )
        assert before <= datetime.fromisoformat(line["detail"]["first_at"]) <= line["at"]
    assert before < bi.first_used_at < bi.last_used_at
    assert boss.first_used_at is None
    text = json.dumps(found, default=str)
    assert not [word for word in (keys["bi"], "hush", "SECRET-7", "made-up") if word in text]


def test_who_is_refused_is_counted_by_reason(register_url: str, keys: dict[str, str]) -> None:
    with (
        Server(create_app(database_url=register_url, pool_size=1)) as url,
        httpx.Client(base_url=url) as client,
    ):
        for key in (keys["gone"], keys["late"], keys["late"], "pb_wrong", "pb_wronger", "ey.a.b"):
            assert_problem(get(client, key, "/api/v1/projects"), 401, "API005" if "." in key else "API002")
        for nothing in ({}, {"Authorization": "Bearer"}):
            assert_problem(client.get("/api/v1/projects", headers=nothing), 401, "API002")
    found = {
        (line["actor"], line["subject"]): line["detail"]["times"] for line in lines(register_url, "refused")
    }
    assert found == {
        ("gone", "key withdrawn"): 1, ("late", "key ended"): 2, ("nobody", "key unknown"): 2, ("nobody", "token refused"): 1,
    }  # fmt: skip


def test_an_admin_lists_keys_and_audit_and_nobody_else(asked: httpx.Client, keys: dict[str, str]) -> None:
    assert_problem(get(asked, keys["bi"], "/api/v1/audit"), 403, "API003")
    assert_problem(get(asked, keys["bi"], "/api/v1/keys"), 403, "API003")
    first = get(asked, keys["boss"], "/api/v1/audit?limit=2").json()
    assert [line["action"] for line in first["data"]] == ["key revoked", "key created"]
    rest = get(
        asked, keys["boss"], f"/api/v1/audit?action=key created&before={first['next']}&since=2026-01-01"
    ).json()
    assert [line["detail"]["name"] for line in rest["data"]] == ["gone", "boss", "bi"]
    assert rest["next"] is None
    listed = get(asked, keys["boss"], "/api/v1/keys").json()["data"]
    assert [key["name"] for key in listed] == ["bi", "boss", "gone", "late"]
    assert "hash" not in listed[0]
    assert_problem(get(asked, keys["boss"], "/api/v1/audit?befor=1"), 400, "QRY002")


async def test_what_is_kept_is_bounded_and_waits_for_a_database_that_is_away(database: str) -> None:
    pool = await open_pool(database, size=1)
    counted = uses.Uses(pool)
    for n in range(500):
        request: dict[str, Any] = {
            "client": (f"2001:db8::{n:x}", 1),
            "method": "GET",
            "path": "/api/v1/projects",
        }
        uses.refused(request, "key unknown")
        counted.note(request, 401)
    known = {**request, "path": "/api/v1/projects"}
    uses.came(known, Caller(UUID(int=1), "bi", frozenset({"read"})))
    counted.note(known, 200)
    closed = await open_pool(database, size=1)
    await closed.close()
    counted._pool = closed
    await counted.flush()
    counted._pool = pool
    counted.note(known, 200)
    await counted.flush()
    await counted.flush()
    found = await pool.fetchrow(
        "SELECT count(*) AS all, max((detail ->> 'times')::int) FILTER (WHERE action = 'refused') AS most, "
        "sum((detail ->> 'times')::int) FILTER (WHERE action = 'refused') AS refused, "
        "sum((detail ->> 'times')::int) FILTER (WHERE action = 'asked') AS asked FROM audit"
    )
    assert tuple(found) == (networks.MOST_INSIDE + 2, 500 - networks.MOST_INSIDE, 500, 2)
    await pool.close()


def asks(counted: uses.Uses, caller: Caller, path: str, address: str = "::1") -> None:
    request: dict[str, Any] = {"client": (address, 1), "method": "GET", "path": path}
    uses.came(request, caller)
    counted.note(request, 200)


async def test_what_the_database_refuses_is_kept_and_no_name_keeps_the_others_out(database: str) -> None:
    pool = await open_pool(database, size=1)
    counted = uses.Uses(pool)
    people = {
        name: Caller(UUID(int=n), name, frozenset({"read"}), None, f"https://issuer#{name}")
        for n, name in enumerate(("ann", "b\0b", "half \ud800"))
    }
    counted._pool = refusing = await open_read_pool(database, size=1)
    for caller in people.values():
        asks(counted, caller, "/api/v1/projects")
    for n in range(uses.MOST_EACH):
        asks(counted, people["ann"], "/api/v1/risks", f"::{n:x}")
    await counted.flush()
    assert len(counted._counts) == uses.MOST_EACH + 3
    for n in range(uses.MOST_EACH):
        asks(counted, people["ann"], "/api/v1/risks", f"1::{n:x}")
    assert len(counted._counts) == uses.MOST_EACH + 3
    counted._pool = pool
    await counted.flush()
    found = await pool.fetch("SELECT actor, sum((detail ->> 'times')::int) AS times FROM audit GROUP BY 1")
    assert {row["actor"]: row["times"] for row in found} == {
        "ann": 2 * uses.MOST_EACH + 1, "b\ufffdb": 1, "half \ufffd": 1,
    }  # fmt: skip
    await refusing.close()
    await pool.close()


async def test_made_up_words_come_into_no_line_and_one_caller_takes_nobody_elses_place(database: str) -> None:
    pool = await open_pool(database, size=1)
    counted = uses.Uses(pool)
    reader, boss = (Caller(UUID(int=n), str(n), frozenset({"read"})) for n in range(2))
    for word in ("zzzz", "$zzzz", "Projects", "$metadata", ""):
        asks(counted, reader, f"/odata/v4/{word}")
    assert {place[2] for place in counted._counts} == {
        "/odata/v4/…", "/odata/v4/Projects", "/odata/v4/$metadata", "/odata/v4/",
    }  # fmt: skip
    for n in range(uses.MOST):
        asks(counted, reader, "/api/v1/projects", f"::{n:x}")
    asks(counted, boss, "/api/v1/keys")
    assert len(counted._counts) == uses.MOST_EACH + 2
    assert (boss.key_id, "GET", "/api/v1/keys", "::1", 200) in counted._counts
    await pool.close()


async def test_an_address_that_is_refused_all_day_is_one_of_the_days_addresses(database: str) -> None:
    pool = await open_pool(database, size=1)
    counted = uses.Uses(pool)
    for address in ["::1"] * (networks.MOST_INSIDE + 1) + ["::2"]:
        counted._counts.clear()  # as each minute does
        request: dict[str, Any] = {"client": (address, 1), "method": "GET", "path": "/"}
        uses.refused(request, "key unknown")
        counted.note(request, 401)
    assert list(counted._counts) == [(None, "", "key unknown", "::2", ("nobody",))]
    await pool.close()


async def test_lines_since_an_instant_are_found_by_it_and_a_question_that_takes_long_is_told_so(
    database: str,
) -> None:
    pool = await open_pool(database, size=1, statement_timeout_ms=200)
    for since in (datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)):
        await pool.execute("INSERT INTO audit (actor, action, at) VALUES ('a', 'b', $1)", since)
        await pool.execute("INSERT INTO audit (actor, action, at) VALUES ('a', 'c', '2020-01-01')")
        assert len(await list_audit(pool, since=since, actor="a")) == 1
    with pytest.raises(QueryInvalid):
        await list_audit(pool, actor="a\0")
    owner = await asyncpg.connect(database)
    async with owner.transaction():
        await owner.execute("LOCK TABLE audit")
        with pytest.raises(QueryTooSlow):
            await list_audit(pool)
    await owner.close()
    await pool.close()


async def test_a_decision_says_which_account_it_was_whatever_it_is_called(database: str) -> None:
    pool = await open_pool(database, size=1)
    account = Caller(UUID(int=1), "The Board", frozenset({"admin"}), None, "https://issuer#4711")
    async with deciding(pool, Policy(()), account.actor) as decisions:
        await decisions._note("link joined", "project", {"reason": "x"})
    finding, by = str(UUID(int=7)), account.actor
    await pool.execute(
        "INSERT INTO finding (id, code, severity, message) VALUES ($1, 'c', 'warning', 'm')", finding
    )
    async with pool.acquire() as connection, connection.transaction():
        await waive_finding(connection, finding, until=datetime(2999, 1, 1, tzinfo=UTC), reason="x", actor=by)
        await end_waivers_of(connection, finding, reason="x", actor=by)
    found = await list_audit(pool)
    assert [line["action"] for line in found] == ["waiver ended", "finding waived", "link joined"]
    assert {line["detail"]["account"] for line in found} == {"https://issuer#4711"}
    await pool.close()


def test_changes_of_webhooks_and_files_taken_say_which_key_it_was_and_nothing_hides_it(
    register_url: str, keys: dict[str, str]
) -> None:
    sealer = Sealer(b"tests")
    app = create_app(database_url=register_url, pool_size=1, webhooks=hooks_out.Desk(sealer, ()))
    with Server(app) as url, httpx.Client(base_url=url) as client:
        boss = {"Authorization": f"Bearer {keys['boss']}"}
        hook = {"name": "a", "url": "https://a.example"}
        assert client.post("/api/v1/webhooks", json=hook, headers=boss).status_code == 201
        for body in ({"enabled": False}, {"enabled": True}):
            assert client.patch("/api/v1/webhooks/a", json=body, headers=boss).status_code == 200
        assert client.post("/api/v1/webhooks/a/rotate", headers=boss).status_code == 200
        assert (
            client.post("/api/v1/webhooks/a/replay", json={"failed": True}, headers=boss).status_code == 202
        )
        assert client.delete("/api/v1/webhooks/a", headers=boss).status_code == 200
        assert get(client, keys["boss"], "/api/v1/projects?format=csv&key=X&fields=key").status_code == 200
    found = run_apart(with_pool(register_url, list_audit))
    by_key = {line["action"] for line in found if line["detail"].get("key") == key_id(register_url, "boss")}
    assert by_key >= {
        "webhook created", "webhook changed", "webhook secret rotated", "webhook replayed", "webhook deleted",
        "exported",
    }  # fmt: skip
    (taken,) = lines(register_url, "exported")
    assert taken["detail"]["asked"] == {"format": "csv", "key": "X", "fields": "key"}


def key_id(url: str, name: str) -> str:
    return str(execute(url, f"SELECT id FROM api_key WHERE name = '{name}'"))


def test_commands_show_it(
    register_url: str, redis_url: str, keys: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    config = tmp_path / "portbook.yaml"
    config.write_text("register: {database: {env: DATABASE_URL}, redis: {env: REDIS_URL}}\nsources: []\n")
    monkeypatch.setenv("DATABASE_URL", register_url)
    monkeypatch.setenv("REDIS_URL", redis_url)

    def run(*arguments: str) -> list[dict[str, Any]]:
        app(["--config", str(config), *arguments, "--json"], standalone_mode=False)
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        return found

    made = run("audit", "--action", "key created", "--since", "2026-01-01", "--limit", "3")
    assert [line["detail"]["name"] for line in made] == ["late", "gone", "boss"]
    assert {key["last_used_at"] for key in run("keys", "list")} == {None}
