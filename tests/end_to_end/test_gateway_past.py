"""What a caller gets over HTTP of the register as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.fix_gateway import RunningGateway, assert_problem, execute, insert

PAY, WEB, ANA = UUID(int=1), UUID(int=2), UUID(int=3)
JAN, JUN = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC)


def change(url: str, table: str, row_id: UUID, when: datetime, settings: str) -> None:
    """A new version, as the writer makes it."""
    execute(
        url, f"UPDATE {table} SET {settings}, version = version + 1, valid_from = '{when}' WHERE id = '{row_id}'"
    )  # fmt: skip


@pytest.fixture
def api(gateway: RunningGateway) -> Any:
    """Two projects and four items since January; in June one project was renamed and lost its items to the other,
    which was deleted in July."""
    url = gateway.database_url
    at = {"valid_from": JAN}
    insert(
        url,
        "project",
        [
            {"id": PAY, "key": "PAY", "title": "Payments", "presence": "present", **at},
            {"id": WEB, "key": "WEB", "title": "Web", "presence": "present", **at},
        ],
    )
    items = [uuid4() for _ in range(4)]
    insert(
        url,
        "work_item",
        [{"id": i, "key": f"PAY-{n}", "project_id": PAY, **at} for n, i in enumerate(items, 1)],
    )
    change(url, "project", PAY, JUN, "title = 'Pay & Go', key = 'GO'")
    for item in items[:3]:
        change(url, "work_item", item, JUN, f"project_id = '{WEB}'")
    change(url, "project", WEB, JUN + timedelta(days=30), "presence = 'deleted'")
    with gateway.client() as client:
        yield client


def get(client: httpx.Client, path: str, **parameters: str) -> Any:
    response = client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_list_with_its_nested_rows_is_what_it_was(api: httpx.Client) -> None:
    fields = "key,title,work_items{key}"
    before = get(api, "projects", fields=fields, as_of="2026-03-31")
    assert [(row["key"], row["title"], len(row["work_items"])) for row in before["data"]] == [
        ("PAY", "Payments", 4),
        ("WEB", "Web", 0),
    ]
    assert before["meta"]["as_of"] == "2026-03-31T23:59:59.999999+00:00"
    after = get(api, "projects", fields=fields, as_of="2026-06-10T00:00:00Z")
    assert [(row["key"], len(row["work_items"])) for row in after["data"]] == [("GO", 1), ("WEB", 3)]
    assert get(api, "projects", fields="key", filter="presence = 'deleted'", as_of="2026-09-01")["data"] == [
        {"key": "WEB"}
    ]
    now = get(api, "projects", fields=fields)["data"]
    assert now == get(api, "projects", fields=fields, as_of=datetime.now(UTC).date().isoformat())["data"]
    assert get(api, "projects", as_of="2025-12-31")["data"] == []


def test_one_row_is_found_by_the_key_it_had_and_by_the_key_it_has(api: httpx.Client) -> None:
    for reference in ("PAY", "GO", str(PAY)):
        assert get(api, f"projects/{reference}", fields="title", as_of="2026-03-31")["data"] == {
            "title": "Payments"
        }
    assert get(api, "projects/WEB", fields="presence", as_of="2026-06-11")["data"] == {"presence": "present"}
    assert_problem(api.get("/api/v1/projects/PAY", params={"as_of": "2025-12-31"}), 404, "REG004")


def test_every_page_behind_a_cursor_is_of_the_instant_of_the_first(api: httpx.Client) -> None:
    first = api.get(
        "/api/v1/work_items", params={"fields": "key,project{key}", "limit": "3", "as_of": "2026-03-31"}
    )
    cursor = first.json()["next"]
    rest = get(api, "work_items", fields="key,project{key}", limit="3", cursor=cursor)
    assert rest["data"] == [{"key": "PAY-4", "project": {"key": "PAY"}}]
    assert rest["meta"]["as_of"] == first.json()["meta"]["as_of"]
    link = first.headers["link"]
    assert api.get(link[1 : link.index(">")]).json()["data"] == rest["data"]
    other = {"fields": "key,project{key}", "cursor": cursor, "as_of": "2026-04-01"}
    assert_problem(api.get("/api/v1/work_items", params=other), 400, "QRY004")
    now = get(api, "work_items", limit="1")["next"]
    assert_problem(
        api.get("/api/v1/work_items", params={"cursor": now, "as_of": "2026-03-31"}), 400, "QRY004"
    )


def test_freshness_is_that_of_the_last_run_by_then(api: httpx.Client, gateway: RunningGateway) -> None:
    execute(
        gateway.database_url,
        "INSERT INTO source (id, key, kind, configured, fresh_at) "
        "VALUES (gen_random_uuid(), 'boards', 'jira', true, now())",
    )
    execute(
        gateway.database_url,
        f"""
        INSERT INTO run (source, mode, state, started_at, finished_at) VALUES
          ('boards', 'full', 'succeeded', '{JAN}', '{JAN + timedelta(hours=1)}'),
          ('boards', 'incremental', 'failed', '{JAN + timedelta(hours=2)}', '{JAN + timedelta(hours=3)}'),
          ('boards', 'hints', 'succeeded', '{JAN + timedelta(hours=4)}', '{JAN + timedelta(hours=5)}'),
          ('boards', 'incremental', 'succeeded', '{JUN}', '{JUN}')
        """,
    )
    meta = get(api, "projects", as_of="2026-03-31")["meta"]
    assert meta["freshness"] == {"boards": "2026-01-10T00:00:00+00:00"}
    assert get(api, "projects", as_of="2025-03-31")["meta"]["freshness"] == {}


@pytest.mark.parametrize(
    ("path", "code", "parameter", "position"),
    [
        ("projects?as_of=tomorrow", "QRY001", "as_of", 0),
        ("projects?as_of=2999-01-01", "QRY001", "as_of", 0),
        ("projects?as_of=2026-01-01T00:00", "QRY001", "as_of", 16),
        ("projects/PAY?as_of=", "QRY001", "as_of", 0),
        ("projects?as_of=2026-01-01&as_of=2026-01-01", "QRY001", "as_of", None),
        ("projects/PAY?order=key", "QRY002", "order", None),
        *((f"{name}?as_of=2026-01-01", "QRY007", "as_of", None) for name in ("runs", "findings", "links")),
        ("sources/x?as_of=2026-01-01", "QRY007", "as_of", None),
    ],
)
def test_an_instant_that_cannot_be_looked_at_is_refused(
    api: httpx.Client, path: str, code: str, parameter: str, position: int | None
) -> None:
    body = assert_problem(api.get(f"/api/v1/{path}"), 400, code)
    assert body["parameter"] == parameter
    assert body.get("position") == position


def test_an_old_key_and_the_key_of_an_absorbed_row_lead_to_the_row(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    url = gateway.database_url
    assert_problem(api.get("/api/v1/projects/PAY"), 404, "REG004")
    insert(url, "former_key", [{"entity": "project", "key": "PAY", "entity_id": PAY, "until": JUN}])
    assert get(api, "projects/PAY", fields="key")["data"] == {"key": "GO"}
    assert_problem(api.get("/api/v1/milestones/PAY"), 404, "REG004")
    # Another project gets the key: it is that one's now, whoever had it before.
    other = uuid4()
    insert(url, "project", [{"id": other, "key": "PAY", "title": "Other"}])
    assert get(api, "projects/PAY", fields="id")["data"] == {"id": str(other)}
    execute(url, f"UPDATE project SET presence = 'deleted' WHERE id = '{other}'")
    assert get(api, "projects/PAY", fields="id")["data"] == {"id": str(other)}
    # It becomes part of the first: its key leads there, and so does its id.
    insert(url, "absorbed", [{"id": other, "entity": "project", "entity_id": PAY}])
    for reference in ("PAY", str(other)):
        assert get(api, f"projects/{reference}", fields="key")["data"] == {"key": "GO"}


def test_an_id_led_then_to_the_row_that_its_claims_counted_to(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    url = gateway.database_url
    own, record = uuid4(), uuid4()
    insert(
        url,
        "project",
        [{"id": own, "key": "BRD", "title": "Board", "valid_from": JAN, "presence": "present"}],
    )
    claim = {
        "record_id": record, "entity": "project", "own_id": own, "source": "boards", "values": "{}",
    }  # fmt: skip
    merged, undone = JUN + timedelta(days=1), JUN + timedelta(days=5)
    past = [
        {**claim, "entity_id": own, "since": JAN, "until": merged},
        {**claim, "entity_id": PAY, "since": merged, "until": undone},
    ]
    insert(url, "claim_history", past)
    change(url, "project", own, merged, "presence = 'deleted'")
    change(url, "project", own, undone, "presence = 'present'")
    insert(url, "claim", [{**claim, "entity_id": own, "since": undone}])
    first, second = sorted((own, PAY))
    insert(
        url,
        "link",
        [{"id": uuid4(), "entity": "project", "first_id": first, "second_id": second, "state": "withdrawn",
          "rule": "decision"}],
    )  # fmt: skip
    for reference in ("BRD", str(own)):
        led = [
            get(api, f"projects/{reference}", fields="id", as_of=day)["data"]["id"]
            for day in ("2026-06-10", "2026-06-12", "2026-06-16")
        ]
        assert led == [str(own), str(PAY), str(own)]
