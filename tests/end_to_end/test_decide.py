"""People decide over HTTP: with the right key, a reason, and an answer for everything that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway.app import create_app
from register.keys import create_key
from register.policy import Policy
from tests.fix_gateway import Server, assert_problem, execute, with_pool
from tests.fix_postgres import run_apart

ONE, TWO, RECORD, OTHER, NOBODY = (str(UUID(int=number)) for number in range(1, 6))


@pytest.fixture
def desk(register_url: str) -> Iterator[httpx.Client]:
    """A gateway that lets people decide, over two projects that two sources tell of."""
    for row_id, record, source, title in (
        (ONE, RECORD, "one", "Payments"),
        (TWO, OTHER, "two", "Pay programme"),
    ):
        values = f'{{"key": "{source}-PAY", "title": "{title}", "budget": 5}}'
        for statement in (
            f"INSERT INTO source_record (id, source, stream, source_id, content_hash, payload) "
            f"VALUES ('{record}', '{source}', 'project', '1', '', '')",
            f"INSERT INTO claim (record_id, entity, own_id, entity_id, source, values) "
            f"VALUES ('{record}', 'project', '{row_id}', '{row_id}', '{source}', '{values}')",
            f"INSERT INTO project (id, key, title, budget, source, source_id) "
            f"VALUES ('{row_id}', '{source}-PAY', '{title}', 5, '{source}', '1')",
        ):
            execute(register_url, statement)
    keys = {
        scope: run_apart(
            with_pool(register_url, lambda pool, s=scope: create_key(pool, f"{s} key", scopes=[s]))
        )
        for scope in ("read", "admin")
    }
    app = create_app(database_url=register_url, pool_size=2, secret=b"tests", policy=Policy(("one", "two")))
    with Server(app) as url, httpx.Client(base_url=url, timeout=20) as client:
        client.headers["authorization"] = f"Bearer {keys['admin']}"
        client.keys = keys  # type: ignore[attr-defined]
        yield client


def projects(desk: httpx.Client) -> list[dict[str, Any]]:
    answer = desk.get("/api/v1/projects", params={"fields": "id,title,budget", "order": "title"})
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_two_projects_are_joined_and_the_decision_is_taken_back(desk: httpx.Client) -> None:
    before = projects(desk)
    body = {
        "entity": "project",
        "one": "one:one-PAY",
        "other": TWO,
        "verdict": "same",
        "reason": "the board says so",
    }
    answer = desk.post("/api/v1/links", json=body)
    assert answer.status_code == 201, answer.text
    link = answer.json()["data"]["id"]
    assert answer.json()["meta"]["rows_changed"] == 2
    (row,) = projects(desk)
    assert row == {"id": ONE, "title": "Payments", "budget": 5} or row["id"] == TWO
    shown = desk.get(f"/api/v1/links/{link}", params={"fields": "state,rule,actor,reason"}).json()["data"]
    assert shown == {
        "state": "applied",
        "rule": "decision",
        "actor": "admin key",
        "reason": "the board says so",
    }
    undone = desk.post(f"/api/v1/links/{link}", json={"verdict": "undecided", "reason": "it was another"})
    assert undone.status_code == 200
    assert projects(desk) == before


def test_a_value_is_pinned_and_released(desk: httpx.Client) -> None:
    body = {"entity": "project", "row": ONE, "field": "budget", "value": 9.5, "reason": "approved"}
    answer = desk.post("/api/v1/pins", json=body)
    assert answer.status_code == 201, answer.text
    pin = answer.json()["data"]["id"]
    assert [row["budget"] for row in projects(desk)] == [5, 9.5]
    assert desk.get("/api/v1/pins", params={"fields": "field,value,actor"}).json()["data"] == [
        {"field": "budget", "value": 9.5, "actor": "admin key"}
    ]
    assert_problem(desk.delete(f"/api/v1/pins/{pin}"), 400, "API001")
    assert desk.delete(f"/api/v1/pins/{pin}", params={"reason": "over"}).status_code == 200
    assert [row["budget"] for row in projects(desk)] == [5, 5]
    assert_problem(desk.delete(f"/api/v1/pins/{pin}", params={"reason": "over"}), 404, "REG004")


def test_ids_are_understood_as_tables_show_them(desk: httpx.Client, register_url: str) -> None:
    """Cut short, as by the command line, and in capitals; of two that begin so, neither."""
    body = {"entity": "project", "one": ONE, "other": TWO, "verdict": "different", "reason": "x"}
    link = desk.post("/api/v1/links", json=body).json()["data"]["id"]
    said = {"verdict": "undecided", "reason": "x"}
    assert desk.get(f"/api/v1/links/{link[:8]}").json()["data"]["id"] == link
    assert desk.post(f"/api/v1/links/{link[:8].upper()}", json=said).json()["data"] == {"id": link}
    for pin, field in (("abcdef01-0000-4000-8000-000000000001", "budget"), ("abcdef02" + TWO[8:], "title")):
        execute(
            register_url,
            "INSERT INTO pin (id, entity, entity_id, field, value, reason, actor) "
            f"VALUES ('{pin}', 'project', '{ONE}', '{field}', '1', 'x', 'x')",
        )
    assert_problem(desk.delete("/api/v1/pins/abcdef", params={"reason": "x"}), 404, "REG004")
    assert_problem(desk.get("/api/v1/pins/abcdef"), 409, "REG005")
    pin = desk.delete("/api/v1/pins/abcdef01-00", params={"reason": "x"}).json()["data"]["id"]
    assert pin == "abcdef01-0000-4000-8000-000000000001"
    assert_problem(desk.delete("/api/v1/pins/abcdef010-0", params={"reason": "x"}), 404, "REG004")
    execute(
        register_url,
        "INSERT INTO finding (id, code, severity, message) VALUES "
        "('fedcba01-0000-4000-8000-000000000001', 'MAP102', 'warning', 'x')",
    )
    waiver = {"until": "2999-01-01T00:00:00Z", "reason": "x"}
    assert desk.post("/api/v1/findings/fedcba01/waive", json=waiver).status_code == 201
    ended = desk.delete("/api/v1/findings/fedcba01/waive", params={"reason": "x"})
    assert ended.json()["data"] == {"id": "fedcba01-0000-4000-8000-000000000001"}


@pytest.mark.parametrize(
    ("address", "body", "status", "code"),
    [
        (
            "links",
            {"entity": "project", "one": ONE, "other": ONE, "verdict": "same", "reason": "x"},
            400,
            "REG007",
        ),
        (
            "links",
            {"entity": "prjct", "one": ONE, "other": TWO, "verdict": "same", "reason": "x"},
            400,
            "REG007",
        ),
        (
            "links",
            {"entity": "project", "one": "nobody", "other": TWO, "verdict": "same", "reason": "x"},
            404,
            "REG004",
        ),
        (
            "links",
            {"entity": "project", "one": ONE, "other": TWO, "verdict": "maybe", "reason": "x"},
            400,
            "API001",
        ),
        (
            "links",
            {"entity": "project", "one": ONE, "other": TWO, "verdict": "same", "reason": ""},
            400,
            "API001",
        ),
        ("links", {"entity": "project", "one": ONE, "other": TWO, "verdict": "same"}, 400, "API001"),
        (f"links/{ONE}", {"verdict": "same", "reason": "x"}, 404, "REG004"),
        ("links/nonsense", {"verdict": "same", "reason": "x"}, 404, "REG004"),
        (
            "pins",
            {"entity": "project", "row": ONE, "field": "version", "value": 1, "reason": "x"},
            400,
            "REG008",
        ),
        (
            "pins",
            {"entity": "project", "row": ONE, "field": "budget", "value": [1], "reason": "x"},
            400,
            "REG008",
        ),
        (
            "pins",
            {
                "entity": "project",
                "row": ONE,
                "field": "budget",
                "value": 1,
                "reason": "x",
                "expires_at": "2020-01-01",
            },
            400,
            "API001",
        ),
        (
            "pins",
            {"entity": "project", "row": NOBODY, "field": "budget", "value": 1, "reason": "x"},
            404,
            "REG004",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    desk: httpx.Client, address: str, body: dict[str, Any], status: int, code: str
) -> None:
    before = projects(desk)
    assert_problem(desk.post(f"/api/v1/{address}", json=body), status, code)
    assert projects(desk) == before


def test_a_body_that_is_no_json_or_too_long_is_refused(desk: httpx.Client) -> None:
    assert_problem(desk.post("/api/v1/pins", content=b"{"), 400, "API001")
    assert_problem(desk.post("/api/v1/pins", content=b" " * 70_000), 413, "API001")


def test_deciding_needs_the_scope_and_a_gateway_that_may(desk: httpx.Client, gateway: Any) -> None:
    keys: dict[str, str] = desk.keys  # type: ignore[attr-defined]
    body = {"entity": "project", "row": ONE, "field": "budget", "value": 1, "reason": "x"}
    reader = {"authorization": f"Bearer {keys['read']}"}
    assert_problem(desk.post("/api/v1/pins", json=body, headers=reader), 403, "API003")
    assert_problem(desk.post("/api/v1/pins", json=body, headers={"authorization": ""}), 401, "API002")
    with gateway.client(keys["admin"]) as other:
        assert_problem(other.post("/api/v1/pins", json=body), 503, "API001")


def test_a_saved_question_by_the_id_of_either_finds_what_hangs_on_the_row_that_they_are(
    desk: httpx.Client, register_url: str
) -> None:
    body = {"entity": "project", "one": ONE, "other": TWO, "verdict": "same", "reason": "one and the same"}
    assert desk.post("/api/v1/links", json=body).status_code == 201
    (row,) = projects(desk)
    for number in (7, 8):
        values = f"'{UUID(int=number)}', 'R-{number}', '{row['id']}'"
        execute(register_url, f"INSERT INTO risk (id, key, project_id) VALUES ({values})")

    def found(collection: str, condition: str) -> list[str]:
        answer = desk.get(f"/api/v1/{collection}", params={"fields": "key", "filter": condition})
        return sorted(each["key"] for each in answer.json()["data"])

    for given in (ONE, TWO):
        for condition in ("project_id = '{}'", "project_id IN ('{}')", "project.id = '{}'"):
            assert found("risks", condition.format(given)) == ["R-7", "R-8"]
        assert found("risks", f"project_id != '{given}'") == []
        assert found("projects", f"id = '{given}'") == ["one-PAY"]
        for condition in ("ProjectId eq {}", "{} eq ProjectId", "Project/Id eq {}", "ProjectId in ({})"):
            answer = desk.get(
                "/odata/v4/Risks", params={"$select": "Key", "$filter": condition.format(given)}
            )
            assert [each["Key"] for each in answer.json()["value"]] == ["R-7", "R-8"]
