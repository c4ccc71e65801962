"""The change feed over HTTP: all collections at once, and as a stream that stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest

from gateway import feed
from gateway.app import create_app
from register.keys import create_key
from tests.end_to_end.test_gateway_changes import JAN, JUN, write
from tests.fix_gateway import RunningGateway, Server, assert_problem, execute, with_pool
from tests.fix_postgres import run_apart

PAY, ERP, RISK = (UUID(int=n) for n in range(1, 4))
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def api(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setattr(feed, "LOOK_EVERY_S", 0.01)
    url = gateway.database_url
    write(url, "programme", ERP, JAN, key="ERP", title="Line one\nline two")
    write(url, "project", PAY, JAN, key="PAY", budget=100, programme_id=ERP)
    write(url, "project", PAY, JUN, presence="deleted")
    with gateway.client() as client:
        yield client


def get(client: httpx.Client, path: str, **parameters: str) -> Any:
    response = client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


class Stream:
    """Reads server-sent events as they arrive."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()

    def block(self) -> dict[str, str]:
        """The next block of lines: an event, or a comment under the name ''."""
        found: dict[str, str] = {}
        for line in self._lines:
            if not line:
                return found
            name, _, value = line.partition(":")
            found[name] = value.strip()
        raise EOFError

    def to_its_end(self) -> None:
        while self.block():
            pass

    def event(self) -> tuple[str, dict[str, Any], str]:
        """Type, body and place of the next event."""
        while "data" not in (block := self.block()):
            pass
        return block["event"], orjson.loads(block["data"]), block["id"]


def test_the_feed_of_everything_has_each_collection_s_events_in_one_order(api: httpx.Client) -> None:
    body = get(api, "changes")
    assert [
        (event["collection"], event["type"], event["id"], event["version"]) for event in body["data"]
    ] == [
        ("programmes", "created", str(ERP), 1),
        ("projects", "created", str(PAY), 1),
        ("projects", "changed", str(PAY), 2),
    ]
    assert get(api, "changes", since=body["next"])["data"] == []
    assert get(api, "changes", since="now")["data"] == []


def test_a_new_row_comes_with_its_values_as_they_were_then(api: httpx.Client) -> None:
    created = get(api, "projects/changes")["data"][0]
    assert created["changed"] == {
        "id": [None, str(PAY)], "key": [None, "PAY"], "budget": [None, 100], "programme_id": [None, str(ERP)],
        "presence": [None, "present"],
    }  # fmt: skip


def test_the_feed_of_some_collections_goes_on_page_by_page(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    write(gateway.database_url, "risk", RISK, JUN, key="R-1")
    found, since = [], ""
    for _ in range(4):
        more = {"since": since} if since else {}
        body = get(api, "changes", collections="risks, projects", limit="1", **more)
        found += [(event["collection"], event["version"]) for event in body["data"]]
        since = body["next"]
    assert found == [("projects", 1), ("projects", 2), ("risks", 1)]
    assert_problem(api.get("/api/v1/changes", params={"since": since}), 400, "QRY004")
    same = get(api, "changes", collections="projects,risks", since=since)
    assert same["data"] == []


def test_a_stream_gives_what_was_and_then_what_comes(api: httpx.Client, gateway: RunningGateway) -> None:
    with api.stream("GET", "/api/v1/changes", headers=STREAM) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        was = [stream.event() for _ in range(3)]
        assert [name for name, _, _ in was] == ["programme.created", "project.created", "project.changed"]
        assert [body for _, body, _ in was] == get(api, "changes")["data"]
        write(gateway.database_url, "risk", RISK, JUN, key="R-1")
        name, body, place = stream.event()
        assert (name, body["changed"]["key"]) == ("risk.created", [None, "R-1"])
    # A stream's place and a page's are the same thing.
    assert get(api, "changes", since=was[0][2])["data"][0]["collection"] == "projects"
    assert get(api, "changes", since=place)["data"] == []


def test_a_stream_that_broke_goes_on_behind_the_last_event_seen(api: httpx.Client) -> None:
    with api.stream("GET", "/api/v1/changes", headers=STREAM) as response:
        _, _, place = Stream(response).event()
    again = {**STREAM, "Last-Event-ID": place}
    with api.stream("GET", "/api/v1/changes", headers=again, params={"since": "now"}) as response:
        assert Stream(response).event()[0] == "project.created"


async def test_a_stream_waits_for_a_slow_writer(api: httpx.Client, gateway: RunningGateway) -> None:
    statement = "INSERT INTO event (type, entity, entity_id, version) VALUES ('created', 'project', gen_random_uuid(), {})"
    slow, quick = [await asyncpg.connect(gateway.database_url) for _ in range(2)]
    try:
        with api.stream(
            "GET", "/api/v1/projects/changes", headers=STREAM, params={"since": "now"}
        ) as response:
            stream = Stream(response)
            await asyncio.to_thread(stream.block)
            waiting = slow.transaction()
            await waiting.start()
            await slow.execute(statement.format(1))
            await quick.execute(statement.format(2))
            await asyncio.sleep(0.05)
            await waiting.commit()
            found = [await asyncio.to_thread(stream.event) for _ in range(2)]
        assert [body["version"] for _, body, _ in found] == [1, 2]
    finally:
        for connection in (slow, quick):
            await connection.close()


def test_a_restricted_key_follows_what_it_may_see_and_what_it_may_see_no_longer(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    url = gateway.database_url
    web, other = UUID(int=11), UUID(int=12)
    write(url, "programme", other, JAN, key="OTHER")
    write(url, "project", web, JAN, key="WEB", programme_id=other)
    rows = {"programmes": ["ERP"]}
    key = run_apart(with_pool(url, lambda pool: create_key(pool, "restricted", rows=rows)))
    with gateway.client(key) as restricted:
        seen = [(event["collection"], event["type"]) for event in get(restricted, "changes")["data"]]
        assert seen == [("programmes", "created"), ("projects", "created"), ("projects", "changed")]
        with restricted.stream("GET", "/api/v1/changes?since=now", headers=STREAM) as response:
            stream = Stream(response)
            stream.block()
            write(url, "project", web, JUN, title="Not yours")
            write(url, "project", web, JUN, programme_id=ERP)
            name, body, _ = stream.event()
            assert (name, body["version"], body["changed"]["title"]) == (
                "project.created",
                3,
                [None, "Not yours"],
            )
            write(url, "project", PAY, JUN, programme_id=other, budget=1)
            name, body, place = stream.event()
            assert (name, body["id"], body["changed"]) == ("project.out_of_scope", str(PAY), {})
        assert get(restricted, "changes", since=place)["data"] == []


def test_a_quiet_stream_says_that_it_is_there_and_ends_with_its_key(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.02)
    forgetful = create_app(database_url=gateway.database_url, pool_size=1, remember_keys_s=0.05)
    with (
        Server(forgetful) as url,
        gateway._replace(url=url).client() as client,
        client.stream("GET", "/api/v1/risks/changes", headers=STREAM) as response,
    ):
        stream = Stream(response)
        assert "retry" in stream.block()
        assert stream.block() == {"": "still here"}
        execute(gateway.database_url, "UPDATE api_key SET revoked_at = now()")
        with pytest.raises(EOFError):
            stream.to_its_end()


def test_a_key_has_so_many_streams_and_gets_them_back(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "STREAMS_EACH", 2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(api.stream("GET", "/api/v1/changes", headers=STREAM))
        assert_problem(api.get("/api/v1/changes", headers=STREAM), 429, "API001")
        assert get(api, "changes")["data"]
    for _ in range(500):
        with api.stream("GET", "/api/v1/changes", headers=STREAM) as response:
            if response.status_code == 200:
                return
    raise AssertionError("streams that were closed still count")


@pytest.mark.parametrize(
    ("path", "status", "code", "parameter"),
    [
        ("changes?collections=project", 404, "QRY006", None),
        ("changes?collections=", 404, "QRY006", None),
        ("changes?collections=runs", 400, "QRY007", "changes"),
        ("changes?collection=projects", 400, "QRY002", "collection"),
        ("changes?since=soon", 400, "QRY001", "since"),
        ("changes?limit=0", 400, "QRY003", "limit"),
    ],
)
def test_mistakes_are_problems_that_point_at_them(
    api: httpx.Client, path: str, status: int, code: str, parameter: str | None
) -> None:
    for headers in ({}, STREAM):
        if "limit" not in path:
            body = assert_problem(api.get(f"/api/v1/{path}", headers=headers), status, code)
            assert body.get("parameter") == parameter
    assert_problem(api.get("/api/v1/changes?limit=5", headers=STREAM), 400, "QRY001")


def test_nobody_follows_without_a_key(gateway: RunningGateway) -> None:
    with httpx.Client(base_url=gateway.url) as nobody:
        assert_problem(nobody.get("/api/v1/changes", headers=STREAM), 401, "API002")
