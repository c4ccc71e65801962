"""Who is blocked is shut out within seconds, whatever their token says, by whatever name an administrator knows them."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import feed
from gateway.app import create_app
from gateway.signing_keys import SigningKeys
from gateway.tokens import Grant, Issuer
from portbook.cli import app
from portbook.sign_in import read_public
from register.accounts import AccountInvalid, Blocked, block_account, list_blocked, unblock_account
from register.audit import Actor, list_audit
from register.db import Pool, open_pool
from register.errors import RegisterError
from tests.fakes.issuer import CLIENT_ID, FakeIssuer
from tests.fix_gateway import Server, assert_problem, with_pool
from tests.fix_postgres import run_apart

BOSS = Actor("boss (command line)")


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as running:
        yield running


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database, size=1)
    yield opened
    await opened.close()


def serving(url: str, issuer: FakeIssuer) -> Any:
    trusted = Issuer(SigningKeys(issuer.issuer, read_public), (CLIENT_ID,), (Grant("groups", "staff"),))
    return create_app(
        database_url=url, pool_size=2, secret=b"tests", remember_keys_s=0.05, sign_in=(trusted,)
    )


def block(url: str, name: str) -> None:
    run_apart(with_pool(url, lambda pool: block_account(pool, name, reason="left", actor=BOSS)))


def get(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/api/v1/projects?fields=key", headers={"Authorization": f"Bearer {token}"})


def test_a_blocked_account_is_shut_out_by_every_name_that_an_administrator_knows_it_by(
    register_url: str, issuer: FakeIssuer
) -> None:
    ana = issuer.token(groups=["staff"], email="Ana.Old@acme.com")
    bob = issuer.token(groups=["staff"], sub="bob", oid="b", preferred_username="bob@acme.com")
    claims = issuer.claims()
    names = (
        " ANA@acme.com ",
        "ana.old@acme.com",
        claims["sub"],
        claims["oid"],
        f"{issuer.issuer} {claims['sub']}",
    )
    with Server(serving(register_url, issuer)) as url, httpx.Client(base_url=url) as client:
        for name in names:
            assert get(client, ana).status_code == 200, name
            block(register_url, name)
            time.sleep(0.1)
            body = assert_problem(get(client, ana), 403, "API007")
            assert "'ana@acme.com' is blocked" in body["detail"]
            assert "left" not in str(body)  # why is for administrators
            assert_problem(
                get(client, issuer.token(groups=["staff"], uti="another", email="Ana.Old@acme.com")),
                403,
                "API007",
            )
            assert get(client, bob).status_code == 200, name
            run_apart(
                with_pool(register_url, lambda p, n=name: unblock_account(p, n, reason="back", actor=BOSS))
            )
            time.sleep(0.1)
        assert get(client, ana).status_code == 200
    found = run_apart(with_pool(register_url, lambda p: list_audit(p, action="refused")))
    (line,) = found
    assert (line["actor"], line["subject"]) == ("ana@acme.com", "account blocked")
    assert (line["detail"]["account"], line["detail"]["times"]) == (f"{issuer.issuer} {claims['sub']}", 10)
    done = run_apart(with_pool(register_url, lambda p: list_audit(p, action="account blocked")))
    assert {(line["actor"], line["detail"]["reason"]) for line in done} == {(BOSS.name, "left")}
    assert [line["subject"] for line in done] == [name.strip() for name in reversed(names)]


def test_who_asked_under_the_name_stays_out_under_another(register_url: str, issuer: FakeIssuer) -> None:
    with Server(serving(register_url, issuer)) as url, httpx.Client(base_url=url) as client:
        assert get(client, issuer.token(groups=["staff"])).status_code == 200
    block(register_url, "ana@acme.com")
    with Server(serving(register_url, issuer)) as url, httpx.Client(base_url=url) as client:
        renamed = issuer.token(groups=["staff"], preferred_username="zoe@acme.com", name="Zoe")
        assert "'zoe@acme.com'" in assert_problem(get(client, renamed), 403, "API007")["detail"]


def test_a_stream_of_one_who_is_blocked_ends(
    register_url: str, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.2)
    headers = {"Authorization": f"Bearer {issuer.token(groups=['staff'])}", "Accept": "text/event-stream"}
    with (
        Server(serving(register_url, issuer)) as url,
        httpx.Client(base_url=url, timeout=5) as client,
        client.stream("GET", "/api/v1/changes", headers=headers) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 3000"
        block(register_url, "ana@acme.com")
        for number, _ in enumerate(lines):
            assert number < 20, "it goes on"


async def test_what_cannot_be_blocked_is_said(pool: Pool) -> None:
    for name, reason in (("", "x"), ("a" * 1_001, "x"), ("a\0", "x"), ("a", " "), ("a", "\0")):
        with pytest.raises(AccountInvalid):
            await block_account(pool, name, reason=reason, actor=BOSS)
    await block_account(pool, "a", reason="x", actor=BOSS)
    with pytest.raises(AccountInvalid, match="already"):
        await block_account(pool, "a", reason="y", actor=BOSS)
    for unknown in ("b", "b\0"):
        with pytest.raises(AccountInvalid, match="no account is blocked"):
            await unblock_account(pool, unknown, reason="x", actor=BOSS)
    await unblock_account(pool, "a", reason="x", actor=BOSS)
    await block_account(pool, "a", reason="z", actor=BOSS)
    assert [each.reason for each in await list_blocked(pool)] == ["z"]
    assert [each.reason for each in await list_blocked(pool, ended=True)] == ["x", "z"]


async def test_while_nobody_can_tell_who_is_blocked_nobody_is_let_in() -> None:
    class Away:
        async def fetchrow(self, sql: str, *parameters: Any) -> Any:
            raise RegisterError("the register's database does not answer")

    with pytest.raises(RegisterError, match="does not answer"):
        await Blocked(Away()).has({"ana"})


def test_commands_block_list_and_unblock(
    register_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    config = tmp_path / "portbook.yaml"
    config.write_text("register: {database: {env: DATABASE_URL}, redis: {env: REDIS_URL}}\n")
    monkeypatch.setenv("DATABASE_URL", register_url)
    monkeypatch.setenv("REDIS_URL", redis_url)

    def run(*arguments: str) -> str:
        app(["--config", str(config), "accounts", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    assert "ana@acme.com is blocked" in run("block", "ana@acme.com", "--reason", "left [today]")
    assert "left [today]" in run("list")
    (found,) = json.loads(run("list", "--json"))
    assert (found["name"], found["reason"], found["unblocked_at"]) == ("ana@acme.com", "left [today]", None)
    assert "no longer" in run("unblock", "ana@acme.com", "--reason", "back")
    assert json.loads(run("list", "--json")) == []
    assert len(json.loads(run("list", "--all", "--json"))) == 1
