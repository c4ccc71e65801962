"""Webhooks over HTTP and by command: made, tried, looked at, told anew and removed; each caller with its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from standardwebhooks import Webhook

from gateway.app import create_app
from gateway.hooks_out import Desk
from register.deliveries import Deliveries
from register.keys import create_key
from tests.fakes.receiver import Received, Receiver
from tests.fix_gateway import Server, assert_problem, execute, with_pool
from tests.fix_postgres import run_apart
from tests.fix_warm import Warm
from tests.fix_webhooks import HERE, SEALER, write_row
from workers.deliver import Deliverer

URL = "https://hooks.example/x"


@pytest.fixture
def desk(register_url: str) -> Iterator[httpx.Client]:
    """A gateway where webhooks can be set up, and keys for it."""

    async def make(pool: Any) -> dict[str, str]:
        await write_row(pool, "programme", "ERP")
        return {
            "admin": await create_key(pool, "admin", scopes=["admin"]),
            "hooks": await create_key(
                pool, "partner", scopes=["read", "webhooks"], rows={"programmes": ["ERP"]}
            ),
            "read": await create_key(pool, "reader"),
        }

    keys = run_apart(with_pool(register_url, make))
    app = create_app(database_url=register_url, pool_size=2, secret=b"tests", webhooks=Desk(SEALER, HERE))
    with Server(app) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=20) as client:
        client.headers["authorization"] = f"Bearer {keys['admin']}"
        client.keys = keys  # type: ignore[attr-defined]
        yield client


def as_caller(desk: httpx.Client, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {desk.keys[name]}"}  # type: ignore[attr-defined]


def made(desk: httpx.Client, name: str = "bi", url: str = URL, **more: Any) -> dict[str, Any]:
    answer = desk.post("/webhooks", json={"name": name, "url": url, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def told_from(register_url: str, url_of: Any, *writes: tuple[str, str, dict[str, Any]]) -> list[Any]:
    """Let a receiver be told: its address is given to `url_of`, then the rows are written and delivered."""

    async def work(pool: Any) -> list[Any]:
        async with Receiver() as receiver:
            url_of(receiver.url)
            for entity, key, values in writes:
                await write_row(pool, entity, key, **values)
            async with Deliverer(Deliveries(pool), sealer=SEALER, allowed=HERE) as deliverer:
                await deliverer.deliver_due()
            return receiver.calls

    found: list[Any] = run_apart(with_pool(register_url, work))
    return found


def test_a_webhook_is_made_shown_changed_and_removed_and_its_secret_shows_once(
    desk: httpx.Client, register_url: str
) -> None:
    hook = made(desk, types=["project.*"], filter="budget > 5", fields="key,title")
    assert hook["secret"].startswith("whsec_")
    for answer in (
        desk.get("/webhooks"),
        desk.get(f"/webhooks/{hook['id']}"),
        desk.get("/webhooks/bi"),
        desk.patch("/webhooks/bi", json={"filter": None, "enabled": False}),
        desk.get("/webhooks/bi/deliveries"),
    ):
        assert answer.status_code == 200, answer.text
        assert "secret" not in answer.text
    shown = desk.get("/webhooks/bi").json()["data"]
    assert (shown["filter"], shown["fields"], shown["enabled"], shown["disabled_reason"]) == (
        None, "key,title", False, "by admin",
    )  # fmt: skip
    rotated = desk.post("/webhooks/bi/rotate", json={"overlap_s": 60}).json()["data"]
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != hook["secret"]
    assert desk.delete("/webhooks/bi").status_code == 200
    assert_problem(desk.get("/webhooks/bi"), 404, "WHK004")
    assert desk.get("/webhooks").json() == {"data": [], "next": None}
    actions = execute(
        register_url, "SELECT string_agg(action, ', ' ORDER BY seq) FROM audit WHERE subject LIKE 'webhook %'"
    )
    assert actions == "webhook created, webhook changed, webhook secret rotated, webhook deleted"
    written = execute(register_url, "SELECT string_agg(a::text, ' ') FROM audit a") + execute(
        register_url, "SELECT string_agg(w::text, ' ') FROM webhook w"
    )
    for secret in (hook["secret"], rotated["secret"]):
        assert secret.removeprefix("whsec_") not in written


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({"url": "https://127.0.0.2/"}, "WHK002", None),
        ({"url": "https://2130706433/"}, "WHK002", None),
        ({"url": "http://93.184.215.14/"}, "WHK002", None),
        ({"url": "https://user:pass@example.org/"}, "WHK002", None),
        ({"types": ["project.deleted"]}, "QRY001", "types"),
        ({"types": []}, "WHK001", None),
        ({"types": ["project.*"], "filter": "buget > 1"}, "QRY002", "filter"),
        ({"filter": "budget > 1"}, "QRY002", "filter"),
        ({"types": ["project.*"], "fields": "key,titel"}, "QRY002", "fields"),
        ({"name": ""}, "WHK001", None),
        ({"colour": "red"}, "API001", None),
        ({"url": None}, "API001", None),
    ],
)
def test_what_cannot_be_is_refused_with_the_place(
    desk: httpx.Client, body: dict[str, Any], code: str, where: str | None
) -> None:
    found = assert_problem(desk.post("/webhooks", json={"name": "bi", "url": URL, **body}), 400, code)
    assert found.get("parameter") == where
    assert desk.get("/webhooks").json()["data"] == []


@pytest.mark.parametrize("below", ["", "/deliveries", "/deliveries/1"])
def test_a_name_that_no_text_can_hold_is_refused(desk: httpx.Client, below: str) -> None:
    assert_problem(desk.get(f"/webhooks/%00{below}"), 400, "QRY001")


def test_a_name_is_used_once(desk: httpx.Client) -> None:
    made(desk)
    made(desk, "other")
    assert_problem(desk.post("/webhooks", json={"name": "bi", "url": URL}), 400, "WHK001")
    assert_problem(desk.patch("/webhooks/other", json={"name": "bi"}), 400, "WHK001")


def test_a_caller_needs_the_scope_and_sees_its_own(desk: httpx.Client) -> None:
    made(desk)
    assert_problem(desk.get("/webhooks", headers=as_caller(desk, "read")), 403, "API003")
    partner = as_caller(desk, "hooks")
    assert desk.get("/webhooks", headers=partner).json()["data"] == []
    for method, path in (
        ("GET", "/webhooks/bi"),
        ("DELETE", "/webhooks/bi"),
        ("POST", "/webhooks/bi/rotate"),
        ("POST", "/webhooks/bi/test"),
        ("GET", "/webhooks/bi/deliveries"),
    ):
        assert_problem(desk.request(method, path, headers=partner), 404, "WHK004")
    theirs = desk.post("/webhooks", json={"name": "theirs", "url": URL}, headers=partner).json()["data"]
    assert list(theirs["row_scope"]) == ["programmes"]
    assert [hook["name"] for hook in desk.get("/webhooks", headers=partner).json()["data"]] == ["theirs"]
    assert [hook["name"] for hook in desk.get("/webhooks").json()["data"]] == ["bi", "theirs"]


def test_what_became_of_events_is_shown_and_they_are_told_anew(desk: httpx.Client, register_url: str) -> None:
    hook: dict[str, Any] = {}

    def set_up(url: str) -> None:
        hook.update(made(desk, url=url, types=["project.*"]))
        assert desk.post("/webhooks/bi/test").status_code == 202

    calls = told_from(register_url, set_up, *(("project", f"P{number}", {}) for number in range(5)))
    assert len(calls) == 6
    bodies = [Webhook(hook["secret"]).verify(call.body, call.headers) for call in calls]
    assert sorted(body["type"] for body in bodies) == ["project.created"] * 5 + ["webhook.test"]
    first = desk.get("/webhooks/bi/deliveries", params={"limit": 4}).json()
    rest = desk.get("/webhooks/bi/deliveries", params={"limit": 4, "before": first["next"]}).json()
    ids = [one["id"] for one in first["data"] + rest["data"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 6
    assert rest["next"] is None
    one = desk.get(f"/webhooks/bi/deliveries/{ids[0]}").json()["data"]
    assert (one["state"], one["version"], one["attempts"][0]["status"]) == ("delivered", 1, 204)
    assert_problem(desk.get("/webhooks/bi/deliveries/999999"), 404, "WHK005")
    assert_problem(desk.get("/webhooks/bi/deliveries/x"), 400, "API001")
    assert_problem(desk.get("/webhooks/bi/deliveries?state=lost"), 400, "API001")
    for body in ({}, {"failed": True, "delivery": 1}):
        assert_problem(desk.post("/webhooks/bi/replay", json=body), 400, "API001")
    assert desk.post("/webhooks/bi/replay", json={"delivery": ids[0]}).json() == {"data": {"deliveries": 1}}
    assert desk.post("/webhooks/bi/replay", json={"failed": True}).json() == {"data": {"deliveries": 0}}
    for since in ("beginning", "2026-01-01", "2026-01-01T00:00:00Z"):
        assert desk.post("/webhooks/bi/replay", json={"since": since}).status_code == 202
    assert_problem(desk.post("/webhooks/bi/replay", json={"since": "yesterday"}), 400, "QRY001")
    again = told_from(register_url, lambda url: desk.patch("/webhooks/bi", json={"url": url}))
    assert len(again) == 5


def test_a_gateway_without_a_desk_only_reads(register_url: str) -> None:
    key = run_apart(with_pool(register_url, lambda pool: create_key(pool, "admin", scopes=["admin"])))
    with Server(create_app(database_url=register_url, pool_size=1, secret=b"tests")) as url:
        answer = httpx.get(f"{url}/api/v1/webhooks", headers={"authorization": f"Bearer {key}"})
        assert_problem(answer, 503, "API001")


CONFIG = """
register: {{database: {{env: DB}}, redis: {redis}, data_dir: data}}
outbound: {{allow: [127.0.0.1/32]}}
sources: []
webhooks:
  - name: written
    url: {url}
    secret: {{env: HOOK_SECRET}}
    types: [project.*]
"""
SECRET = "whsec_" + "QUJD" * 10


def test_webhooks_by_command(database: str, valkey: str, tmp_path: Path, warm: Warm) -> None:
    environment = {**os.environ, "DB": database, "HOOK_SECRET": SECRET}

    def run(*words: str, code: int = 0) -> str:
        done = warm.run(["webhooks", *words], cwd=tmp_path, env=environment, timeout=60)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stdout + done.stderr

    async def commands() -> list[Received]:
        async with Receiver() as receiver:
            (tmp_path / "portbook.yaml").write_text(CONFIG.format(redis=valkey, url=receiver.url))
            await asyncio.to_thread(one_after_the_other, receiver.url)
            return receiver.calls

    keys: list[str] = []

    def one_after_the_other(url: str) -> None:
        keys.append(run("add", "mine", url, "--type", "risk.*").strip())
        found = orjson.loads(run("list", "--json"))
        assert [(hook["name"], hook["origin"]) for hook in found] == [
            ("mine", None),
            ("written", "portbook.yaml:6"),
        ]
        assert "arrived" in run("test", "mine")
        assert "arrived" in run("test", "written")
        (first,) = orjson.loads(run("deliveries", "mine", "--json"))
        assert (first["state"], first["status"]) == ("delivered", 204)
        assert "204" in run("attempts", "mine", str(first["id"]))
        assert "sent again" in run("replay", "mine", "--delivery", str(first["id"]))
        run("disable", "mine")
        assert "disabled" in run("list", code=1)
        run("remove", "mine")
        assert "WHK001" in run("rotate", "written", code=1)

    calls = run_apart(commands())
    for call, secret in zip(calls, (*keys, SECRET), strict=True):
        assert call.verified(secret)["type"] == "webhook.test"
    assert (tmp_path / "data" / "seal-key").stat().st_mode & 0o777 == 0o600
