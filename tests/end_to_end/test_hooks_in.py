"""Notifications come in, are proved, are kept, and are answered at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest

from adapters.base import Notice
from adapters.jira.hooks import EVENTS, JiraDoor, hints
from adapters.proof import ADDRESS_KEY, address_key, signed
from gateway.app import create_app
from portbook.stores.external import ask_postgres
from tests.fakes.jira import FakeJira
from tests.fakes.jira.hooks import event, notify, signature
from tests.fix_gateway import Server

SECRET = "a long random text"
ISSUE = SimpleNamespace(id=10412, key="PAY-17")


class Echo:
    """A door as Graph's: a validation token comes back."""

    def receive(self, query: Any, headers: Any, body: bytes) -> Notice:
        return Notice(reply=query["validationToken"].encode())


@pytest.fixture
def site(database: str) -> Iterator[str]:
    app = create_app(
        database_url=database, secret=b"tests", doors={"delivery": JiraDoor(SECRET), "drive": Echo()}
    )
    with Server(app) as url:
        yield url


def kept(database: str) -> list[tuple[Any, ...]]:
    found = ask_postgres(
        database, "SELECT json_agg(json_build_array(source, stream, item, notices)) FROM hint"
    )
    return [] if found is None else [tuple(row) for row in json.loads(found)]


def test_a_signed_notification_is_kept_and_accepted(site: str, database: str) -> None:
    for _ in range(3):
        assert notify(f"{site}/hooks/delivery", event(ISSUE), SECRET).status_code == 202
    assert kept(database) == [("delivery", "issue", "10412", 3)]


@pytest.mark.parametrize("secret", [None, "another text", ""])
def test_one_that_proves_nothing_is_refused_without_a_reason(
    site: str, database: str, secret: str | None
) -> None:
    answer = notify(f"{site}/hooks/delivery", event(ISSUE), secret)
    assert answer.status_code == 401
    assert "secret" not in answer.text
    assert "sign" not in answer.text
    assert kept(database) == []


def test_a_tool_that_cannot_sign_knows_the_address(site: str, database: str) -> None:
    address = f"{site}/hooks/delivery?{ADDRESS_KEY}="
    assert notify(address + address_key(SECRET), event(ISSUE), None).status_code == 202
    assert notify(address + address_key("another"), event(ISSUE), None).status_code == 401
    # A wrong signature is not mended by a right address.
    assert notify(address + address_key(SECRET), event(ISSUE), "another").status_code == 401
    assert kept(database) == [("delivery", "issue", "10412", 1)]


def test_a_changed_body_breaks_the_signature(site: str) -> None:
    headers = signature(SECRET, b'{"webhookEvent": "jira:issue_updated"}')
    answer = httpx.post(
        f"{site}/hooks/delivery", content=b'{"webhookEvent": "jira:issue_deleted"}', headers=headers
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        # Jira may leave the body out (`excludeBody`); this one names no issue in its address either.
        (b"", 202),
        # Signed, and yet nothing that Jira sends.
        (b"[]", 401),
        (b"null", 401),
        (b"{", 401),
        # Jira has more events than we know.
        (b'{"webhookEvent": 7}', 202),
        (b'{"webhookEvent":"user_created"}', 202),
    ],
)
def test_genuine_nonsense_is_answered_and_keeps_nothing(
    site: str, database: str, body: bytes, status: int
) -> None:
    answer = httpx.post(f"{site}/hooks/delivery", content=body, headers=signature(SECRET, body))
    assert answer.status_code == status
    assert kept(database) == []


def test_an_endless_body_is_cut_off(site: str) -> None:
    body = b" " * (6 << 20)
    answer = httpx.post(f"{site}/hooks/delivery", content=body, headers=signature(SECRET, body))
    assert answer.status_code == 413


def test_a_source_without_a_door_is_not_there(site: str) -> None:
    assert notify(f"{site}/hooks/other", event(ISSUE), SECRET).status_code == 404
    assert httpx.get(f"{site}/hooks/delivery").status_code == 405


def test_a_validation_token_comes_back_as_plain_text(site: str) -> None:
    answer = httpx.post(f"{site}/hooks/drive", params={"validationToken": "<b>Validation: Testing & more"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text == "<b>Validation: Testing & more"


def test_a_storm_is_one_hint_for_each_item(site: str, database: str) -> None:
    with httpx.Client() as client, ThreadPoolExecutor(8) as pool:

        def send(number: int) -> int:
            body = orjson.dumps(event(SimpleNamespace(id=number % 7 + 1, key="PAY-1")))
            return client.post(
                f"{site}/hooks/delivery", content=body, headers=signature(SECRET, body)
            ).status_code

        assert set(pool.map(send, range(400))) == {202}
    rows = kept(database)
    assert len(rows) == 7
    assert sum(row[3] for row in rows) == 400


def test_what_was_accepted_survives_the_killed_gateway(database: str) -> None:
    code = (
        "import sys, uvicorn\n"
        "from adapters.jira.hooks import JiraDoor\n"
        "from gateway.app import create_app\n"
        "app = create_app(database_url=sys.argv[1], secret=b'x', doors={'delivery': JiraDoor(sys.argv[2])})\n"
        "server = uvicorn.Server(uvicorn.Config(app, port=0, log_level='critical'))\n"
        "import threading, time\n"
        "def tell():\n"
        "    while not server.started: time.sleep(0.01)\n"
        "    print(server.servers[0].sockets[0].getsockname()[1], flush=True)\n"
        "threading.Thread(target=tell).start()\n"
        "server.run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, database, SECRET],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    accepted: set[int] = set()
    try:
        address = f"http://127.0.0.1:{process.stdout.readline().strip()}/hooks/delivery"

        def send(number: int) -> None:
            with suppress(httpx.HTTPError):
                told = event(SimpleNamespace(id=number, key="PAY-1"))
                if notify(address, told, SECRET, client).status_code == 202:
                    accepted.add(number)

        with httpx.Client() as client, ThreadPoolExecutor(8) as pool:
            for number in range(600):
                pool.submit(send, number + 1)
            deadline = time.monotonic() + 20
            while len(accepted) < 60 and time.monotonic() < deadline:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert 60 <= len(accepted) < 600, "it was killed in the middle"
    assert accepted <= {int(row[2]) for row in kept(database)}


def test_atlassians_own_example_of_a_signature() -> None:
    header = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert signed("It's a Secret to Everybody", header, b"Hello World!")
    assert not signed("It's a Secret to Everybody", header.replace("sha256", "sha1"), b"Hello World!")


def test_events_name_what_may_have_changed() -> None:
    def named(**event: Any) -> list[tuple[str, str]]:
        return [(hint.stream, hint.id) for hint in hints(event)]

    assert named(webhookEvent="jira:issue_deleted", issue={"id": "7"}) == [("issue", "7")]
    link = {"id": 1, "sourceIssueId": 8, "destinationIssueId": 9}
    assert named(webhookEvent="issuelink_created", issueLink=link) == [("issue", "8"), ("issue", "9")]
    assert named(webhookEvent="worklog_updated", worklog={"id": "3", "issueId": "8"}) == [
        ("worklog", "3"),
        ("issue", "8"),
    ]
    assert named(webhookEvent="sprint_closed", sprint={"id": 4}) == [("", "")]
    assert named(webhookEvent="jira:issue_updated", issue={"id": "1; DROP"}) == []
    assert named(webhookEvent="jira:issue_updated", issue=None) == []


async def test_an_administrators_account_sets_the_webhook_up_once(cloud: FakeJira) -> None:
    from adapters.errors import SourceRefused
    from tests.fix_sources import jira_adapter

    async with jira_adapter(cloud) as adapter:
        with pytest.raises(SourceRefused, match="Jira does not let this account set up notifications"):
            await adapter.subscribe("https://pmo.example/hooks/delivery", SECRET)
        cloud.state.administrator = True
        await adapter.subscribe("https://pmo.example/hooks/delivery", "the old one")
        await adapter.subscribe("https://pmo.example/hooks/delivery", SECRET)
    (hook,) = cloud.state.webhooks
    assert hook["secret"] == SECRET
    assert set(hook["events"]) == set(EVENTS)
