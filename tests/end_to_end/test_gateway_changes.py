"""What a caller learns over HTTP of what happened: the versions of a row, the feed of a collection, what changed between
two days."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from tests.fix_gateway import RunningGateway, assert_problem
from tests.fix_postgres import run_apart

PAY, WEB, OPS, ERP = (UUID(int=n) for n in range(1, 5))
JAN, JUN = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC)


def write(
    url: str, table: str, row_id: UUID, at: datetime, cause: str = "sync", run: int | None = 7, **values: Any
) -> None:
    """A new row, or a new version of it, with its event, as the writer makes them."""

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            version = await connection.fetchval(f"SELECT version FROM {table} WHERE id = $1", row_id)
            if version is None:
                names = ["id", "valid_from", *values]
                marks = ", ".join(f"${n}" for n in range(1, len(names) + 1))
                await connection.execute(
                    f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", row_id, at, *values.values()
                )
            else:
                settings = ", ".join(f"{name} = ${n}" for n, name in enumerate(values, 3))
                await connection.execute(
                    f"UPDATE {table} SET version = version + 1, valid_from = $2, {settings} WHERE id = $1",
                    row_id, at, *values.values(),
                )  # fmt: skip
            await connection.execute(
                "INSERT INTO event (type, entity, entity_id, version, cause, run_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                "changed" if version else "created", table, row_id, (version or 0) + 1, cause, run, at,
            )  # fmt: skip
        finally:
            await connection.close()

    run_apart(work())


@pytest.fixture
def api(gateway: RunningGateway) -> Any:
    url = gateway.database_url
    write(url, "programme", ERP, JAN, key="ERP")
    write(url, "project", PAY, JAN, key="PAY", title="Payments", budget=100, programme_id=ERP)
    write(url, "project", WEB, JAN, key="WEB", title="Web", stage="delivery")
    write(url, "project", PAY, JAN + timedelta(days=9), budget=150)
    write(url, "project", PAY, JUN, cause="link", run=None, title="Pay & Go", budget=None)
    write(url, "project", WEB, JUN, presence="deleted")
    write(url, "project", OPS, JUN, key="OPS", title="Operations")
    with gateway.client() as client:
        yield client


def get(client: httpx.Client, path: str, **parameters: str) -> Any:
    response = client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_history_of_a_row_says_what_each_version_changed_why_and_in_which_run(api: httpx.Client) -> None:
    body = get(api, "projects/PAY/history")
    assert body["next"] is None
    newest, middle, oldest = body["data"]
    assert newest == {
        "version": 3, "valid_from": "2026-06-10T00:00:00+00:00", "valid_to": None,
        "changed": {"budget": [150, None], "title": ["Payments", "Pay & Go"]}, "cause": "link", "run": None,
    }  # fmt: skip
    assert middle["changed"] == {"budget": [100, 150]}
    assert (middle["version"], middle["valid_to"], middle["run"]) == (2, newest["valid_from"], 7)
    assert oldest["changed"]["budget"] == [None, 100]
    assert oldest["changed"]["presence"] == [None, "present"]
    assert not {"version", "valid_from", "synced_at", "stage"} & set(oldest["changed"])
    assert oldest["cause"] == "sync"


def test_history_has_pages_and_can_be_read_as_of_an_instant(api: httpx.Client) -> None:
    found, cursor = [], ""
    while True:
        body = get(api, f"projects/{PAY}/history", limit="1", **({"cursor": cursor} if cursor else {}))
        found += body["data"]
        cursor = body["next"]
        if cursor is None:
            break
    assert found == get(api, "projects/PAY/history")["data"]
    then = get(api, "projects/PAY/history", as_of="2026-03-31")["data"]
    assert [(version["version"], version["valid_to"]) for version in then] == [
        (2, None),
        (1, "2026-01-19T00:00:00+00:00"),
    ]
    page = get(api, "projects/PAY/history", as_of="2026-03-31", limit="1")
    assert get(api, "projects/PAY/history", limit="1", cursor=page["next"])["data"] == then[1:], (
        "the cursor knows the instant"
    )
    assert_problem(api.get("/api/v1/projects/WEB/history", params={"cursor": page["next"]}), 400, "QRY004")


def test_diff_says_what_came_went_and_changed(api: httpx.Client) -> None:
    body = get(api, "projects/diff", **{"from": "2026-03-31", "to": "2026-07-01"})
    assert [(row["change"], row["key"]) for row in body["data"]] == [
        ("added", "OPS"),
        ("changed", "PAY"),
        ("gone", "WEB"),
    ]
    added, changed, gone = body["data"]
    assert added["changed"]["title"] == [None, "Operations"]
    assert changed["changed"] == {"budget": [150, None], "title": ["Payments", "Pay & Go"]}
    assert (gone["presence"], gone["title"], gone["changed"]) == (
        "deleted", "Web", {"presence": ["present", "deleted"]},
    )  # fmt: skip
    assert body["meta"]["from"].startswith("2026-03-31T23:59:59")
    assert body["meta"]["as_of"].startswith("2026-07-01T23:59:59")
    # What changed and changed back has not changed between the two.
    assert get(api, "projects/diff", **{"from": "2026-07-01", "to": "2026-07-02"})["data"] == []
    assert [row["key"] for row in get(api, "projects/diff", **{"from": "2026-06-11"})["data"]] == []


def test_a_row_that_changed_back_has_not_changed(api: httpx.Client, gateway: RunningGateway) -> None:
    write(gateway.database_url, "project", OPS, JUN + timedelta(days=40), title="Ops")
    write(gateway.database_url, "project", OPS, JUN + timedelta(days=41), title="Operations")
    assert get(api, "projects/diff", **{"from": "2026-07-01", "to": "2026-09-01"})["data"] == []
    between = get(api, "projects/diff", **{"from": "2026-07-01", "to": "2026-07-20"})["data"]
    assert [row["changed"] for row in between] == [{"title": ["Operations", "Ops"]}]


def test_diff_compares_two_lists_with_one_filter_also_where_only_another_row_changed(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    write(gateway.database_url, "programme", ERP, JUN, key="ERP2")
    span = {"from": "2026-03-31", "to": "2026-07-01"}
    left = get(api, "projects/diff", filter="programme.key = 'ERP'", **span)["data"]
    assert [(row["change"], row["key"], row["presence"]) for row in left] == [("gone", "PAY", "present")]
    rich = get(api, "projects/diff", filter="budget > 120", **span)["data"]
    assert [(row["change"], row["key"]) for row in rich] == [("gone", "PAY")]
    hidden = get(api, "projects/diff", filter="presence = 'deleted'", **span)["data"]
    assert [(row["change"], row["key"]) for row in hidden] == [("added", "WEB")]


def test_diff_has_pages_in_the_order_of_keys(api: httpx.Client) -> None:
    span = {"from": "2026-03-31", "to": "2026-07-01"}
    found, cursor = [], None
    for _ in range(3):
        body = get(api, "projects/diff", limit="1", **span, **({"cursor": cursor} if cursor else {}))
        found += [row["key"] for row in body["data"]]
        cursor = body["next"]
    assert (found, cursor) == (["OPS", "PAY", "WEB"], None)
    first = get(api, "projects/diff", limit="1", **span)["next"]
    other = {"from": "2026-03-30", "to": "2026-07-01", "cursor": first}
    assert_problem(api.get("/api/v1/projects/diff", params=other), 400, "QRY004")


def test_the_feed_gives_every_event_once_and_says_where_to_go_on(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    found, since = [], None
    while True:
        body = get(api, "projects/changes", limit="2", **({"since": since} if since else {}))
        found += body["data"]
        since = body["next"]
        if not body["meta"]["more"]:
            break
    assert [(event["id"], event["version"]) for event in found] == [
        (str(PAY), 1), (str(WEB), 1), (str(PAY), 2), (str(PAY), 3), (str(WEB), 2), (str(OPS), 1),
    ]  # fmt: skip
    assert found[0]["type"] == "created"
    assert (found[3]["cause"], found[3]["run"]) == ("link", None)
    assert get(api, "projects/changes", since=since)["data"] == []
    write(gateway.database_url, "programme", ERP, JUN, title="ERP")
    write(gateway.database_url, "project", OPS, JUN, title="Ops")
    assert [event["version"] for event in get(api, "projects/changes", since=since)["data"]] == [2]
    june = get(api, "projects/changes", since="2026-06-10")["data"]
    assert [(event["id"], event["version"]) for event in june][:2] == [(str(PAY), 3), (str(WEB), 2)]
    assert get(api, "projects/changes", since=datetime.now(UTC).isoformat())["data"] == []
    assert_problem(api.get("/api/v1/people/changes", params={"since": since}), 400, "QRY004")


async def test_no_event_is_skipped_while_writers_commit_in_another_order_than_they_began(
    gateway: RunningGateway,
) -> None:
    url = gateway.database_url
    statement = "INSERT INTO event (type, entity, entity_id, version) VALUES ('created', 'project', gen_random_uuid(), {})"

    async def seen(since: str | None) -> tuple[list[int], str]:
        def ask() -> Any:
            with gateway.client() as client:
                return get(client, "projects/changes", **({"since": since} if since else {}))

        body = await asyncio.to_thread(ask)
        return [event["version"] for event in body["data"]], body["next"]

    slow, quick, third = [await asyncpg.connect(url) for _ in range(3)]
    try:
        await third.execute(statement.format(1))
        waiting = slow.transaction()
        await waiting.start()
        await slow.execute(statement.format(2))
        await quick.execute(statement.format(3))  # a higher number, there at once
        first, since = await seen(None)
        assert first == [1], "what lies behind an unfinished writer waits"
        await quick.execute(statement.format(4))
        again, since = await seen(since)
        assert again == []
        await waiting.commit()
        rest, since = await seen(since)
        assert rest == [2, 3, 4]
        # A writer that gives up leaves a gap, and holds nobody back.
        gone = slow.transaction()
        await gone.start()
        await slow.execute(statement.format(5))
        await quick.execute(statement.format(6))
        await gone.rollback()
        assert (await seen(since))[0] == [6]
    finally:
        for connection in (slow, quick, third):
            await connection.close()


async def test_readers_beside_many_writers_get_every_event_exactly_once_in_order(
    gateway: RunningGateway,
) -> None:
    url = gateway.database_url
    done = asyncio.Event()

    async def write_some(number: int) -> None:
        connection = await asyncpg.connect(url)
        try:
            for turn in range(40):
                async with connection.transaction():
                    for part in range(3):
                        await connection.execute(
                            "INSERT INTO event (type, entity, entity_id, version) VALUES ('created', 'risk', $1, $2)",
                            UUID(int=number), turn * 3 + part,
                        )  # fmt: skip
                        await asyncio.sleep(0.001 * ((number + turn + part) % 3))
        finally:
            await connection.close()

    async def follow() -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        since = None
        async with httpx.AsyncClient(
            base_url=gateway.url, headers={"Authorization": f"Bearer {gateway.key}"}
        ) as client:
            while True:
                last = done.is_set()
                parameters = {"limit": "7", **({"since": since} if since else {})}
                body = (await client.get("/api/v1/risks/changes", params=parameters)).json()
                found += [(event["id"], event["version"]) for event in body["data"]]
                since = body["next"]
                if last and not body["data"]:
                    return found

    reader = asyncio.create_task(follow())
    await asyncio.gather(*(write_some(number) for number in range(1, 5)))
    done.set()
    found = await reader
    assert len(found) == len(set(found)) == 4 * 120
    for number in range(1, 5):
        assert [version for row_id, version in found if row_id == str(UUID(int=number))] == list(range(120))


@pytest.mark.parametrize(
    ("path", "status", "code", "parameter"),
    [
        ("projects/NONE/history", 404, "REG004", None),
        ("projects/PAY/history?order=key", 400, "QRY002", "order"),
        ("projects/PAY/history?limit=0", 400, "QRY003", "limit"),
        ("projects/PAY/history?cursor=x", 400, "QRY004", "cursor"),
        ("project/PAY/history", 404, "QRY006", None),
        ("runs/1/history", 400, "QRY007", "history"),
        ("runs/changes", 400, "QRY007", "changes"),
        ("runs/diff?from=2026-01-01", 400, "QRY007", "diff"),
        ("projects/changes?since=yesterday", 400, "QRY001", "since"),
        ("projects/changes?since=2999-01-01", 400, "QRY001", "since"),
        (f"projects/changes?since={'x' * 60}", 400, "QRY004", "cursor"),
        ("projects/changes?since=2026-01-01&since=2026-01-01", 400, "QRY001", "since"),
        ("projects/diff", 400, "QRY001", "from"),
        ("projects/diff?from=2026-05-01&to=2026-04-01", 400, "QRY001", "from"),
        ("projects/diff?from=2026-05-01&filter=nothing = 1", 400, "QRY002", "filter"),
        ("projects/diff?from=2026-05-01&to=2999-04-01", 400, "QRY001", "to"),
        ("projects/diff?from=2026-05-01&too=2999-04-01", 400, "QRY002", "too"),
    ],
)
def test_mistakes_are_problems_that_point_at_them(
    api: httpx.Client, path: str, status: int, code: str, parameter: str | None
) -> None:
    body = assert_problem(api.get(f"/api/v1/{path}"), status, code)
    assert body.get("parameter") == parameter


def test_without_a_key_nothing_of_the_past_is_shown_either(gateway: RunningGateway) -> None:
    with httpx.Client(base_url=gateway.url) as nobody:
        for path in ("projects/PAY/history", "projects/changes", "projects/diff?from=2026-01-01"):
            assert_problem(nobody.get(f"/api/v1/{path}"), 401, "API002")
