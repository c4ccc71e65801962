"""Signing in at Entra, against a directory on a port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.entra import EntraSignIn
from adapters.entra_options import EntraAuth
from adapters.errors import SignInRefused, SourceMisbehaved, SourceRefused, SourceUnavailable
from adapters.http import Http, Patience
from tests.fakes.entra import DOMAIN, FakeEntra, make_certificate
from tests.fakes.server import FakeTool, Refusal, Wire, WireFaults

GRAPH = "https://graph.microsoft.com"
SECRET = "hush-very-much~9"


class Tool(FakeTool):
    """A tool behind the directory that answers one thing."""

    def __init__(self, entra: FakeEntra) -> None:
        self.wire = Wire(WireFaults())
        self.refuse_all = False

        def signed_in(request: Request) -> Refusal | None:
            why = "no" if self.refuse_all else entra.refused(request, GRAPH)
            return (
                Refusal(401, {"error": {"code": "InvalidAuthenticationToken", "message": why}})
                if why
                else None
            )

        async def thing(request: Request) -> Response:
            return await self.wire.answer(request, lambda body: {"ok": True}, signed_in=signed_in)

        super().__init__(Starlette(routes=[Route("/thing", thing)]))


@pytest.fixture
def entra() -> Iterator[FakeEntra]:
    with FakeEntra() as fake:
        yield fake


@pytest.fixture
def tool(entra: FakeEntra) -> Iterator[Tool]:
    with Tool(entra) as fake:
        yield fake


def sign_in(auth: dict[str, Any], scope: str = f"{GRAPH}/.default") -> EntraSignIn:
    return EntraSignIn(TypeAdapter(EntraAuth).validate_python(auth), scope, timeout_s=5)


def http(tool: Tool, credentials: EntraSignIn) -> Http:
    return Http(
        tool.url, credentials, concurrency=20, per_second=10_000, patience=Patience(attempts=2, base=0, cap=0)
    )


async def ask(connection: Http) -> None:
    assert await connection.json("GET", "thing", decode=msgspec.json.decode) == {"ok": True}


async def test_a_secret_gives_one_token_however_many_requests_wait_for_it(
    entra: FakeEntra, tool: Tool
) -> None:
    async with http(tool, sign_in(entra.auth(entra.add_app(secret=SECRET)))) as connection:
        await asyncio.gather(*(ask(connection) for _ in range(60)))
    assert entra.issued == 1
    assert {call.status for call in tool.wire.log} == {200}


async def test_the_directory_may_be_named_by_its_domain(entra: FakeEntra, tool: Tool) -> None:
    auth = entra.auth(entra.add_app(secret=SECRET)) | {"tenant": DOMAIN}
    async with http(tool, sign_in(auth)) as connection:
        await ask(connection)


@pytest.mark.parametrize("by_thumbprint", [False, True])
async def test_a_certificate_signs_in_by_an_assertion_that_verifies(
    entra: FakeEntra, tool: Tool, by_thumbprint: bool
) -> None:
    certificate, key = make_certificate()
    client_id = entra.add_app(certificate=certificate)
    auth = entra.auth(client_id) | {"kind": "entra_certificate", "certificate": key + certificate}
    del auth["client_secret"]
    if by_thumbprint:
        public = entra.apps[client_id].certificate
        assert public is not None
        from cryptography.hazmat.primitives import hashes

        auth |= {"certificate": key, "thumbprint": public.fingerprint(hashes.SHA1()).hex(":")}
    async with http(tool, sign_in(auth)) as connection:
        await ask(connection)
    assert entra.issued == 1
    assert not [call for call in entra.wire.log if call.body and key.encode()[40:80] in call.body]


async def test_a_machine_signs_in_by_its_own_identity(
    entra: FakeEntra, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", entra.url)
    entra.identity = "machine"
    async with http(tool, sign_in({"kind": "managed_identity"})) as connection:
        await ask(connection)
    user_assigned = entra.add_app()
    async with http(tool, sign_in({"kind": "managed_identity", "client_id": user_assigned})) as connection:
        await ask(connection)
    assert entra.issued == 2


async def test_a_machine_without_an_identity_is_told_what_to_assign(
    entra: FakeEntra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", entra.url)
    with pytest.raises(SourceRefused, match="Identity not found") as refused:
        await sign_in({"kind": "managed_identity"}).ready()
    assert "Assign the identity" in refused.value.hint


async def test_a_token_is_renewed_before_it_ends_and_not_earlier(
    entra: FakeEntra, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    entra.lifetime_s = 60
    credentials = sign_in(entra.auth(entra.add_app(secret=SECRET)))
    async with http(tool, credentials) as connection:
        await ask(connection)
        now = __import__("time").monotonic()
        monkeypatch.setattr("adapters.entra.time.monotonic", lambda: now + 40)
        await ask(connection)
        assert entra.issued == 1
        monkeypatch.setattr("adapters.entra.time.monotonic", lambda: now + 50)
        await asyncio.gather(*(ask(connection) for _ in range(10)))
    assert entra.issued == 2
    assert {call.status for call in tool.wire.log} == {200}


async def test_a_token_revoked_in_the_middle_costs_one_refresh(entra: FakeEntra, tool: Tool) -> None:
    async with http(tool, sign_in(entra.auth(entra.add_app(secret=SECRET)))) as connection:
        await ask(connection)
        entra.revoke_tokens()
        await asyncio.gather(*(ask(connection) for _ in range(30)))
    assert entra.issued == 2


async def test_a_secret_that_was_rotated_is_found_when_the_token_is_refused(
    entra: FakeEntra, tool: Tool
) -> None:
    from pydantic import SecretStr

    class Moving(SecretStr):
        now = SECRET

        def get_secret_value(self) -> str:
            return Moving.now

    client_id = entra.add_app(secret=SECRET)
    async with http(tool, sign_in(entra.auth(client_id) | {"client_secret": Moving("")})) as connection:
        await ask(connection)
        Moving.now = entra.apps[client_id].secret = "another one"
        entra.revoke_tokens()
        await ask(connection)


async def test_a_revoked_application_is_refused_once_and_not_asked_again(
    entra: FakeEntra, tool: Tool
) -> None:
    client_id = entra.add_app(secret=SECRET)
    async with http(tool, sign_in(entra.auth(client_id))) as connection:
        await ask(connection)
        entra.apps[client_id].disabled = True
        before = entra.wire.requests
        answers = await asyncio.gather(*(ask(connection) for _ in range(30)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {SignInRefused}
    assert "disabled" in str(answers[0])
    assert entra.wire.requests - before == 2  # discovery and one token request


async def test_a_tool_that_refuses_every_token_is_not_hammered(entra: FakeEntra, tool: Tool) -> None:
    tool.refuse_all = True
    async with http(tool, sign_in(entra.auth(entra.add_app(secret=SECRET)))) as connection:
        with pytest.raises(SourceRefused):
            await ask(connection)
    assert (entra.issued, len(tool.wire.log)) == (2, 2)


async def test_a_right_that_is_missing_is_believed_once_a_new_token_did_not_help(
    entra: FakeEntra, tool: Tool
) -> None:
    tool.refuse_all = True
    async with http(tool, sign_in(entra.auth(entra.add_app(secret=SECRET)))) as connection:
        for _ in range(20):
            answer, _ = await connection.send("GET", "thing", decode=msgspec.json.decode, also=(401,))
            assert answer.status == 401
    assert (entra.issued, len(tool.wire.log)) == (2, 21)


def _wrong(what: str, entra: FakeEntra) -> dict[str, Any]:
    client_id = entra.add_app(secret=SECRET)
    auth = entra.auth(client_id)
    app = entra.apps[client_id]
    match what:
        case "secret":
            auth["client_secret"] = "not-the-secret-value"
        case "expired":
            app.secret_expired = True
        case "tenant":
            auth["tenant"] = "elsewhere.example"
        case "application":
            auth["client_id"] = "6f1e1b1e-0000-0000-0000-000000000000"
        case "disabled":
            app.disabled = True
    return auth


@pytest.mark.parametrize(
    ("what", "says", "hint"),
    [
        ("secret", "the client secret is wrong", "value, not its id"),
        ("expired", "the client secret has expired", "Certificates & secrets"),
        ("tenant", "the directory is not known", "Check `tenant`"),
        ("application", "not known in this directory", "Check `client_id`"),
        ("disabled", "the application is disabled", "Enable sign-in"),
    ],
)
async def test_every_refusal_says_what_to_do_and_holds_no_secret(
    entra: FakeEntra, what: str, says: str, hint: str
) -> None:
    with pytest.raises(SourceRefused) as refused:
        await sign_in(_wrong(what, entra)).ready()
    problem = refused.value
    assert says in problem.message
    assert hint in problem.hint
    text = f"{problem.message} {problem.detail} {problem.hint} {problem!r}"
    assert SECRET not in text
    assert "not-the-secret-value" not in text
    assert "Trace ID" not in problem.message


async def test_a_tool_the_directory_does_not_know_is_named(entra: FakeEntra) -> None:
    auth = entra.auth(entra.add_app(secret=SECRET))
    with pytest.raises(SourceRefused, match="the tool is not known") as refused:
        await sign_in(auth, "https://typo.crm4.dynamics.com/.default").ready()
    assert "typo.crm4" in refused.value.detail


@pytest.mark.parametrize("broken", ["nonsense", "encrypted", "no certificate", "another"])
async def test_a_certificate_that_cannot_be_used_is_refused_without_showing_it(
    entra: FakeEntra, broken: str
) -> None:
    certificate, key = make_certificate()
    _, other_key = make_certificate()
    pem = {
        "nonsense": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + certificate,
        "encrypted": key.replace("PRIVATE", "ENCRYPTED PRIVATE") + certificate,
        "no certificate": key,
        "another": other_key + certificate,
    }[broken]
    auth = entra.auth(entra.add_app(certificate=certificate)) | {
        "kind": "entra_certificate",
        "certificate": pem,
    }
    del auth["client_secret"]
    with pytest.raises(SourceRefused, match="certificate") as refused:
        await sign_in(auth).ready()
    text = f"{refused.value.message} {refused.value.detail} {refused.value.hint}"
    assert key.splitlines()[1] not in text
    assert other_key.splitlines()[1] not in text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"unavailable_every": 1}, SourceUnavailable),
        ({"too_many_every": 1}, SourceUnavailable),
        ({"cut_every": 1}, SourceUnavailable),
        ({"html_login": True}, SourceMisbehaved),
        ({"truncate_every": 1}, SourceMisbehaved),
        ({"redirect_to": "https://evil.example/"}, SourceMisbehaved),
        ({"wrong_origin": "https://evil.example"}, SourceMisbehaved),
    ],
)
async def test_a_limping_directory_is_told_from_one_that_refuses(
    entra: FakeEntra, fault: dict[str, Any], kind: type[Exception]
) -> None:
    credentials = sign_in(entra.auth(entra.add_app(secret=SECRET)))
    for name, value in fault.items():
        setattr(entra.wire.faults, name, value)
    with pytest.raises(kind):
        await credentials.ready()
    for name in fault:
        setattr(entra.wire.faults, name, type(fault[name])())
    await credentials.ready()
    assert credentials.headers()


async def test_a_directory_that_is_down_for_a_moment_is_waited_for(entra: FakeEntra, tool: Tool) -> None:
    async with http(tool, sign_in(entra.auth(entra.add_app(secret=SECRET)))) as connection:
        entra.wire.requests, entra.wire.faults.unavailable_every = 99, 100  # the very next one, and no other
        await ask(connection)
    assert [call.status for call in entra.wire.log].count(503) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"authority": "http://login.example.org"}, "must be https"),
        ({"authority": "https://login.example.org/path"}, "without a path"),
        ({"authority": "https://me:pw@login.example.org"}, "without a path"),
        ({"tenant": "common"}, "must be one directory"),
        ({"tenant": "../x"}, "must be the directory"),
        ({"kind": "entra_certificate", "certificate": "x", "thumbprint": "12"}, "40 hexadecimal"),
        ({"kind": "guess"}, "kind"),
    ],
)
def test_options_that_cannot_work_are_refused(change: dict[str, str], says: str) -> None:
    auth = {"kind": "entra_secret", "tenant": "t", "client_id": "c", "client_secret": "s"} | change
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(EntraAuth).validate_python(auth)
