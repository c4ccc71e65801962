"""Who signs in elsewhere is let in by a token: what it takes, what it gives, and what happens when its issuer is away."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import signing_keys
from gateway.app import create_app
from gateway.errors import TokenRefused
from gateway.signing_keys import Key, SigningKeys
from gateway.tokens import LONGEST, Grant, Issuer, Tokens
from portbook.cli import app
from portbook.config.load import parse_config
from portbook.errors import Problem
from portbook.sign_in import authorization_uri, issuers_of, read_public
from register.accounts import Blocked
from register.db import open_pool
from register.errors import RegisterError
from register.keys import Caller, Keyring, create_key
from tests.fakes.issuer import CLIENT_ID, FakeIssuer, private_key
from tests.fix_gateway import RunningGateway, Server, assert_problem, execute, insert

PAY, WEB = UUID(int=1), UUID(int=2)
STAFF, PARTNERS, STRANGERS = (str(UUID(int=100 + n)) for n in range(3))
ENTRA = f"https://login.microsoftonline.com/{UUID(int=1)}/v2.0"
GRANTS = (
    Grant("groups", STAFF),
    Grant("groups", PARTNERS, rows=(("projects", "PAY"), ("projects", "LATER"))),
    Grant("roles", "Portbook.Admin", frozenset({"read", "admin"})),
    Grant("scp", "everything.read"),
    Grant("email", "Boss@Acme.com"),
    Grant("realm_access.roles", "pmo"),
)


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as running:
        yield running


@pytest.fixture
def asked(register_url: str, issuer: FakeIssuer) -> Iterator[httpx.Client]:
    """A gateway that takes this issuer's tokens, and two projects. Keys may be read again after a tenth of a second."""
    insert(
        register_url,
        "project",
        [{"id": PAY, "key": "PAY", "title": "Pay"}, {"id": WEB, "key": "WEB", "title": "Web"}],
    )
    app = create_app(
        database_url=register_url, pool_size=2, secret=b"tests", remember_keys_s=0.05, per_second=1_000,
        sign_in=(trusted(issuer.issuer), trusted(issuer.issuer_v1)),
    )  # fmt: skip
    with Server(app) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def trusted(issuer: str) -> Issuer:
    return Issuer(SigningKeys(issuer, read_public, pause_s=0.1), (CLIENT_ID, "api://portbook"), GRANTS)


def get(client: httpx.Client, token: str, path: str = "/api/v1/projects?fields=key") -> httpx.Response:
    return client.get(path, headers={"Authorization": f"Bearer {token}"})


def keys(client: httpx.Client, token: str) -> list[str]:
    answer = get(client, token)
    assert answer.status_code == 200, answer.text
    return [row["key"] for row in answer.json()["data"]]


def test_claims_give_scopes_and_rows_through_every_door(asked: httpx.Client, issuer: FakeIssuer) -> None:
    for claims, found in (
        ({"groups": [STRANGERS, STAFF]}, ["PAY", "WEB"]),
        ({"groups": [PARTNERS]}, ["PAY"]),
        ({"groups": [PARTNERS], "roles": ["Portbook.Admin"]}, ["PAY", "WEB"]),
        ({"scp": "openid everything.read"}, ["PAY", "WEB"]),
        ({"email": "boss@acme.com", "email_verified": True}, ["PAY", "WEB"]),
        ({"groups": [STAFF], "nonce": "n", "typ": "Bearer"}, ["PAY", "WEB"]),
        ({"realm_access": {"roles": ["pmo"]}}, ["PAY", "WEB"]),
        ({"groups": [STAFF], "iss": issuer.issuer_v1, "aud": "api://portbook", "ver": "1.0"}, ["PAY", "WEB"]),
    ):
        assert keys(asked, issuer.token(**claims)) == found, claims
    partner, admin = issuer.token(groups=[PARTNERS]), issuer.token(roles=["Portbook.Admin"])
    doors = ("/api/v1/projects/PAY", "/api/v1/projects/PAY/history", "/api/v1/projects/PAY/explain", "/api/v1/changes",
             "/api/v1/projects/aggregate?measures=n:count()", "/api/v1/schema", "/api/v1/projects?format=csv")  # fmt: skip
    for door in doors:
        assert get(asked, partner, door).status_code == 200, door
    assert get(asked, partner, "/api/v1/projects/WEB").status_code == 404
    assert [row["Key"] for row in get(asked, partner, "/odata/v4/Projects").json()["value"]] == ["PAY"]
    posted = asked.post(
        "/api/v1/query", json={"query": "{projects {key}}"}, headers={"Authorization": f"Bearer {partner}"}
    )
    assert posted.json()["data"] == {"projects": [{"key": "PAY"}]}
    for token, status in ((partner, 403), (admin, 200)):
        assert get(asked, token, "/metrics").status_code == status
    assert_problem(get(asked, partner, "/api/v1/webhooks"), 403, "API003")
    hook = {"name": "a", "url": "https://a.example"}
    made = asked.post("/api/v1/webhooks", json=hook, headers={"Authorization": f"Bearer {admin}"})
    assert "made with a key" in assert_problem(made, 403, "API003")["detail"]


def test_a_grants_row_that_comes_later_is_shown_then(
    asked: httpx.Client, issuer: FakeIssuer, register_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    partner = issuer.token(groups=[PARTNERS])
    assert keys(asked, partner) == ["PAY"]
    assert f"(groups: {PARTNERS}" in caplog.text
    assert "'LATER'" in caplog.text
    execute(register_url, f"UPDATE project SET key = 'LATER' WHERE id = '{WEB}'")
    time.sleep(0.1)
    assert keys(asked, partner) == ["LATER", "PAY"]


async def test_while_the_register_cannot_tell_nobody_is_shown_an_empty_one(issuer: FakeIssuer) -> None:
    class Away:
        async def fetchrow(self, sql: str, *parameters: Any) -> Any:
            raise RegisterError("the register's database does not answer")

    tokens = Tokens((trusted(issuer.issuer),), Away(), nobody_blocked())
    with pytest.raises(RegisterError, match="does not answer"):
        await tokens.caller(issuer.token(groups=[PARTNERS]))


async def test_thirty_requests_at_once_resolve_a_grants_rows_once(
    issuer: FakeIssuer, register_url: str
) -> None:
    insert(register_url, "project", [{"id": PAY, "key": "PAY", "title": "Pay"}])
    asked, away = 0, True

    class Slow:
        async def fetchrow(self, sql: str, *parameters: Any) -> Any:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.5)  # until all thirty tokens are proved, on a busy machine too
            if away:
                raise RegisterError("the register's database does not answer")
            return await pool.fetchrow(sql, *parameters)

    pool = await open_pool(register_url, size=1)
    tokens, partner = (
        Tokens((trusted(issuer.issuer),), Slow(), nobody_blocked()),
        issuer.token(groups=[PARTNERS]),
    )
    others = [issuer.token(groups=[PARTNERS], sub=str(n)) for n in range(30)]
    failed = await asyncio.gather(*map(tokens.caller, [partner, *others]), return_exceptions=True)
    assert {type(each) for each in failed} == {RegisterError}
    assert asked == 1
    asked, away = 0, False
    for found in await asyncio.gather(*map(tokens.caller, [partner, *others])):
        assert found.rows is not None
        assert found.rows.projects == (PAY,)
    assert asked == 2  # which rows they are, and what lies in them
    await tokens.close()
    await pool.close()


async def test_thirty_requests_at_once_look_a_key_up_once(register_url: str) -> None:
    asked = 0

    class Slow:
        async def fetchrow(self, sql: str, *parameters: Any) -> Any:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.02)
            return await pool.fetchrow(sql, *parameters)

    pool = await open_pool(register_url, size=1)
    key, keyring = await create_key(pool, "bi"), Keyring(Slow())
    found = await asyncio.gather(*(keyring.caller(key) for _ in range(30)))
    assert {isinstance(each, Caller) and each.name for each in found} == {"bi"}
    assert asked == 1
    await keyring.close()
    await pool.close()


def test_who_is_granted_nothing_hears_which_claims_were_looked_at(
    asked: httpx.Client, issuer: FakeIssuer
) -> None:
    body = assert_problem(get(asked, issuer.token(groups=[STRANGERS])), 403, "API003")
    assert "`groups`, `roles` (not there), `scp`" in body["detail"]
    assert STRANGERS not in body["detail"]
    too_many = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x"}}}
    assert "too many" in assert_problem(get(asked, issuer.token(**too_many)), 403, "API003")["detail"]
    for unproved in ({}, {"email_verified": False}, {"email_verified": 1}):
        body = assert_problem(get(asked, issuer.token(email="boss@acme.com", **unproved)), 403, "API003")
        assert "`email_verified` is not true" in body["detail"]


def test_a_token_that_is_not_right_in_every_part_is_refused_with_the_reason(
    asked: httpx.Client, issuer: FakeIssuer
) -> None:
    now = int(time.time())
    public = private_key(1).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    good, staff = issuer.token(groups=[STAFF]), {"groups": [STAFF]}
    head, body, signature = good.split(".")
    more = _part({**issuer.claims(), "roles": ["Portbook.Admin"]})
    by_secret = f"{_part({'alg': 'HS256', 'kid': 'key-1', 'typ': 'JWT'})}.{body}"
    by_secret += "." + base64.urlsafe_b64encode(
        jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(by_secret.encode(), public)
    ).decode().rstrip("=")  # fmt: skip
    cases = {
        "signature": f"{head}.{more}.{signature}",
        "RS256": f"{_part({'alg': 'none', 'kid': 'key-1'})}.{body}.x",
        "not 'HS256'": by_secret,
        "signature is wrong": issuer.token(signed_by=private_key(99), **staff),
        "has ended": issuer.token(exp=now - 120, **staff),
        "not valid yet": issuer.token(nbf=now + 300, **staff),
        "another application": issuer.token(aud="00000003-0000-0000-c000-000000000000", **staff),
        "issuer is none": issuer.token(iss=issuer.issuer + "/", **staff),
        "is none that is configured": issuer.token(
            iss="https://login.microsoftonline.com/common/v2.0", **staff
        ),
        "lacks the claim `exp`": issuer.token(exp=None, **staff),
        "lacks the claim `sub`": issuer.token(sub=None, **staff),
        "Microsoft Graph": issuer.token(header={"nonce": "abc"}, **staff),
        "no access token": issuer.token(header={"typ": "logout+jwt"}, **staff),
        "no access token, but": issuer.token(header={"crit": ["exp"]}, **staff),
        "an ID token": issuer.token(nonce="n", **staff),
        "an ID token,": issuer.token(at_hash="h", **staff),
        "does not publish": issuer.token(header={"kid": "../../keys"}, **staff),
        "not one for ES256": issuer.token(header={"alg": "ES256"}, signed_by=private_key(7, "EC"), **staff),
        "characters": issuer.token(groups=[STAFF] * (LONGEST // 40)),
        "neither a key nor": "a.b.c.d.e",
        "cannot be read": "e30." + base64.urlsafe_b64encode(b'{"a":' * 2_000).decode().rstrip("=") + ".x",
    }
    for reason, token in cases.items():
        answer = get(asked, token)
        assert reason in assert_problem(answer, 401, "API005")["detail"], reason
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert signature not in answer.text
    assert get(asked, issuer.token(exp=now - 30, **staff)).status_code == 200  # clocks may differ
    assert asked.get(f"/odata/v4/Projects?key={good}").status_code == 401
    basic = httpx.BasicAuth("x", good)
    answer = asked.get("/api/v1/projects", auth=basic)
    assert "Send tokens as `Authorization: Bearer" in assert_problem(answer, 401, "API002")["hint"]


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_CLAIMS = ("aud", "iss", "exp", "nbf", "iat", "sub", "groups", "roles", "scp", "email", "email_verified", "name",
           "preferred_username", "realm_access", "_claim_names", "hasgroups", "jti")  # fmt: skip
_HEADERS = ("kid", "typ", "crit", "jku", "jwk", "b64", "zip", "x5u")


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.sampled_from(_CLAIMS), _ODD, max_size=4),
    st.dictionaries(st.sampled_from(_HEADERS), _ODD, max_size=2),
    st.text(max_size=4),
)
def test_whatever_an_issuer_signs_is_taken_or_refused_with_a_reason(
    claims: dict[str, Any], header: dict[str, Any], more: str
) -> None:
    kind = GRANTS[0]
    keys = SigningKeys("https://issuer.example", read_public)
    keys._keys = [Key("k", "RSA", None, private_key(1).public_key())]
    keys._read_at, keys._not_before = time.monotonic(), math.inf
    tokens = Tokens((Issuer(keys, ("us",), GRANTS),), None, nobody_blocked())  # type: ignore[arg-type]
    told = {
        "aud": "us",
        "iss": keys.issuer,
        "exp": int(time.time()) + 99,
        "sub": "s",
        kind.claim: [kind.value],
    }
    body = f"{_part({'alg': 'RS256', 'kid': 'k', **header})}.{_part({**told, **claims})}"
    signature = private_key(1).sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
    token = f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}{more}"
    with suppress(Problem):
        assert _at_once(tokens.caller(token)).scopes


def test_keys_are_read_once_and_a_token_that_has_ended_is_not_remembered(
    asked: httpx.Client, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = issuer.token(groups=[STAFF], exp=int(time.time()) - 20)
    assert keys(asked, short) == ["PAY", "WEB"]
    issuer.away = True
    assert get(asked, issuer.token(groups=[PARTNERS])).status_code == 200
    assert issuer.wire.counts == {
        f"GET /{issuer.tenant}/v2.0/.well-known/openid-configuration": 1,
        f"GET /{issuer.tenant}/discovery/v2.0/keys": 1,
    }
    monkeypatch.setattr("gateway.tokens.LEEWAY_S", 0)
    assert "has ended" in assert_problem(get(asked, short), 401, "API005")["detail"]


def test_new_keys_are_found_and_withdrawn_ones_end(
    asked: httpx.Client, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.token(groups=[STAFF])
    assert keys(asked, old)
    issuer.rotate(kind="EC")
    time.sleep(0.15)
    assert keys(asked, issuer.token(groups=[STAFF]))
    assert keys(asked, old)
    issuer.rotate(withdraw=True)
    time.sleep(0.15)
    assert keys(asked, issuer.token(groups=[STAFF]))
    assert_problem(get(asked, old), 401, "API005")
    other = issuer.token(groups=[STAFF])
    assert keys(asked, other)
    issuer.publish("key-3", private_key(70))  # another key by the same name
    time.sleep(0.15)
    monkeypatch.setattr(signing_keys, "REFRESH_S", 0.05)
    assert keys(asked, other)  # as was verified; keys are read anew in the background
    time.sleep(0.3)
    assert_problem(get(asked, other), 401, "API005")
    weak = private_key(50, bits=1024)
    issuer.publish("weak", weak)
    time.sleep(0.15)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        weakly = issuer.token(header={"kid": "weak"}, signed_by=weak, groups=[STAFF])
    assert_problem(get(asked, weakly), 401, "API005")


def test_a_flood_of_unknown_keys_is_no_flood_of_requests_to_the_issuer(
    register_url: str, issuer: FakeIssuer
) -> None:
    slow = Issuer(SigningKeys(issuer.issuer, read_public, pause_s=30), (CLIENT_ID,), GRANTS)
    issuer.wire.faults.slow_s = 0.1
    app = create_app(database_url=register_url, pool_size=2, sign_in=(slow,))
    with Server(app) as url, httpx.Client(base_url=url) as client:
        for n in range(40):
            assert_problem(get(client, issuer.token(header={"kid": f"made-up-{n}"})), 401, "API005")
        assert get(client, issuer.token(groups=[STAFF])).status_code == 200
    assert issuer.wire.requests == 2


def test_while_the_issuer_is_away_known_keys_and_api_keys_go_on(
    asked: httpx.Client, issuer: FakeIssuer, gateway: RunningGateway
) -> None:
    issuer.away = True
    unknown = get(asked, issuer.token(groups=[STAFF]))
    assert_problem(unknown, 503, "API006")
    assert unknown.headers["retry-after"]
    assert get(asked, gateway.key).status_code == 200
    issuer.away = False
    time.sleep(0.15)
    assert get(asked, issuer.token(groups=[STAFF])).status_code == 200
    issuer.away = True
    time.sleep(0.15)
    assert get(asked, issuer.token(groups=[STAFF], oid="other")).status_code == 200
    issuer.rotate()
    assert_problem(get(asked, issuer.token(groups=[STAFF])), 503, "API006")


async def test_keys_are_read_again_by_the_hour_and_outlive_their_issuer_by_a_day(
    issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "REFRESH_S", 0.05)
    monkeypatch.setattr(signing_keys, "KEPT_S", 0.4)
    keys = SigningKeys(issuer.issuer, read_public, pause_s=0.05)
    assert await keys.find("key-1", "RS256")
    await asyncio.sleep(0.1)
    assert await keys.find("key-1", "RS256")
    await asyncio.sleep(0.1)
    assert issuer.wire.requests == 4
    issuer.away = True
    assert await keys.find("key-1", "RS256")
    await asyncio.sleep(0.4)
    with pytest.raises(signing_keys.SignInUnavailable):
        await keys.find("key-1", "RS256")
    await keys.close()


@pytest.mark.parametrize("withdrawn", [True, False])
async def test_a_key_that_was_withdrawn_while_its_issuer_was_away_for_long_ends_what_it_signed(
    issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch, withdrawn: bool
) -> None:
    monkeypatch.setattr(signing_keys, "REFRESH_S", 0.05)
    monkeypatch.setattr(signing_keys, "KEPT_S", 0.2)
    keys = SigningKeys(issuer.issuer, read_public, pause_s=0.05)
    tokens = Tokens((Issuer(keys, (CLIENT_ID,), GRANTS),), None, nobody_blocked())  # type: ignore[arg-type]
    token = issuer.token(groups=[STAFF])
    assert await tokens.caller(token)
    issuer.away = True
    await asyncio.sleep(0.3)
    with pytest.raises(signing_keys.SignInUnavailable):
        await keys.find("key-1", "RS256")
    issuer.rotate(withdraw=withdrawn)
    issuer.away = False
    await asyncio.sleep(0.1)
    assert await tokens.caller(token)  # was verified; looks for keys in the background
    await asyncio.sleep(0.2)
    if withdrawn:
        with pytest.raises(TokenRefused, match="does not publish"):
            await tokens.caller(token)
    else:
        assert await tokens.caller(token)
    assert keys.withdrawn == withdrawn
    await tokens.close()


async def test_an_odd_key_takes_no_other_away_and_an_odd_failure_has_its_pause(issuer: FakeIssuer) -> None:
    issuer.publish("odd", private_key(60), alg="none")
    leaked = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private_key(61)))
    issuer.published["leaked"] = {**leaked, "use": "sig", "kid": "leaked"}
    assert await SigningKeys(issuer.issuer, read_public).look() == 1
    tries = 0

    async def broken(url: str) -> bytes:
        nonlocal tries
        tries += 1
        raise FileNotFoundError("ca.pem")

    keys = SigningKeys(issuer.issuer, broken)
    for _ in range(3):
        with pytest.raises(signing_keys.SignInUnavailable, match=r"ca\.pem"):
            await keys.find("key-1", "RS256")
    assert tries == 1


@pytest.mark.parametrize(
    ("head", "each", "told"),
    [
        ("", b" ", "did not answer within 1 s"),
        ("", b" " * (1 << 21), "more than 1,048,576 bytes"),
        ("Content-Encoding: gzip\r\n", b" ", "is packed"),
    ],
)
async def test_an_issuer_that_drips_or_floods_is_left_in_time(
    head: str, each: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(f"HTTP/1.1 200 OK\r\n{head}Content-Length: 99999999\r\n\r\n".encode())
            while not reader.at_eof():
                writer.write(each)
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        left.set()

    left = asyncio.Event()
    monkeypatch.setattr("portbook.sign_in.WITHIN_S", 1.0)
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(signing_keys.SignInUnavailable, match=told):
            await asyncio.wait_for(read_public(f"http://127.0.0.1:{port}/keys"), 5)
        await asyncio.wait_for(left.wait(), 5)


def test_keys_without_a_name_are_tried_one_after_the_other(asked: httpx.Client, issuer: FakeIssuer) -> None:
    for number in (80, 81):
        issuer.publish(f"nameless-{number}", private_key(number))
        del issuer.published[f"nameless-{number}"]["kid"]
    for key in (private_key(80), private_key(81), private_key(1, "RSA")):
        assert keys(asked, _nameless(issuer.token(groups=[STAFF]), key))
    theirs = issuer.token(groups=[STAFF], signed_by=private_key(81), header={"kid": "theirs"})
    assert keys(asked, theirs)
    stranger = _nameless(issuer.token(groups=[STAFF]), private_key(99))
    assert "signature is wrong" in assert_problem(get(asked, stranger), 401, "API005")["detail"]


async def test_metadata_must_be_the_issuers_own_and_no_redirect_is_followed(issuer: FakeIssuer) -> None:
    looked = SigningKeys(issuer.issuer, read_public)
    assert await looked.look() == 1
    issuer.names_issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
    with pytest.raises(signing_keys.SignInUnavailable, match="tenantid"):
        await looked.look()
    issuer.names_issuer = ""
    issuer.published["key-1"]["issuer"] = f"https://login.microsoftonline.com/{UUID(int=5)}/v2.0"
    with pytest.raises(signing_keys.SignInUnavailable, match="no key"):
        await looked.look()
    issuer.wire.faults.redirect_to = f"{issuer.url}/elsewhere"
    with pytest.raises(signing_keys.SignInUnavailable, match="redirects"):
        await looked.look()
    assert "/elsewhere" not in str(issuer.wire.counts)


def test_limits_hold_for_an_account_whatever_its_tokens(register_url: str, issuer: FakeIssuer) -> None:
    app = create_app(database_url=register_url, pool_size=1, per_second=1, sign_in=(trusted(issuer.issuer),))
    with Server(app) as url, httpx.Client(base_url=url) as client:
        tokens = [issuer.token(groups=[STAFF], uti=str(n)) for n in range(8)]
        found = [get(client, token).status_code for token in tokens]
        assert found == [200] * 5 + [429] * 3
        assert get(client, issuer.token(groups=[STAFF], sub="somebody else")).status_code == 200


def test_exports_note_the_account_and_a_gateway_without_sign_in_says_so(
    asked: httpx.Client, issuer: FakeIssuer, register_url: str, gateway: RunningGateway
) -> None:
    token = issuer.token(groups=[STAFF], sub="subject-1")
    assert get(asked, token, "/api/v1/projects?format=csv").status_code == 200
    assert execute(register_url, "SELECT actor FROM audit WHERE action = 'exported'") == "ana@acme.com"
    noted = json.loads(execute(register_url, "SELECT detail FROM audit WHERE action = 'exported'"))
    assert noted["account"] == f"{issuer.issuer} subject-1"
    with gateway.client() as client:
        assert "API keys alone" in assert_problem(get(client, token), 401, "API005")["detail"]


def test_check_looks_at_the_sign_in(
    issuer: FakeIssuer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "portbook.yaml"
    written = f"sign_in: [{{issuer: {issuer.issuer}, audience: [{CLIENT_ID}], grants: [{{claim: roles, value: x}}]}}]"
    config.write_text(written)
    assert app(["--config", str(config), "check"], standalone_mode=False) == 0
    shown = capfd.readouterr().out
    assert "fine" in shown
    assert "1 keys" in shown
    config.write_text(written.replace("/v2.0,", "/v2.0/,"))
    assert app(["--config", str(config), "check"], standalone_mode=False) == 1
    told = " ".join(capfd.readouterr().err.split())
    assert "API006" in told
    assert "to the letter" in told


def test_excel_is_sent_to_the_directory_that_issues_the_tokens(tmp_path: Path) -> None:
    def sent_to(issuer: str, more: str = "") -> str | None:
        text = f"sign_in: [{{issuer: {issuer}, audience: [a], grants: [{{claim: roles, value: x}}]{more}}}]"
        return authorization_uri(parse_config(text, tmp_path / "portbook.yaml", {}))

    text = f"sign_in: [{{issuer: {ENTRA}, audience: [a, b], grants: [{{claim: groups, value: x, programmes: [ERP], projects: [PAY, WEB]}}]}}]"
    (made,) = issuers_of(parse_config(text, tmp_path / "portbook.yaml", {}))
    assert made.keys.discovery == f"{ENTRA}/.well-known/openid-configuration"
    assert made.audiences == ("a", "b")
    rows = (("programmes", "ERP"), ("projects", "PAY"), ("projects", "WEB"))
    assert made.grants == (Grant("groups", "x", frozenset({"read"}), rows),)
    entra = f"https://login.microsoftonline.com/{UUID(int=1)}/oauth2/authorize"
    assert sent_to(ENTRA) == entra
    assert sent_to(f"https://sts.windows.net/{UUID(int=1)}/") == entra
    assert sent_to("https://login.example.org/realms/pmo") is None
    assert (
        sent_to("https://login.example.org", ", authorization_uri: https://login.example.org/go")
        == "https://login.example.org/go"
    )


def nobody_blocked() -> Blocked:
    """Without looking, for those who have no register."""
    blocked = Blocked(None)  # type: ignore[arg-type]
    blocked._until = math.inf
    return blocked


def _at_once(work: Coroutine[Any, Any, Caller]) -> Caller:
    """What waits for nothing needs no loop, and a hundred loops take seconds."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("it waits for something")


def _nameless(token: str, key: Any) -> str:
    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), key, algorithm="RS256")


def _part(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
