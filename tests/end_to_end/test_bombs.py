"""Questions that are bombs are refused before any work, over every door and within 50 ms of processor time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from register.db import open_read_pool
from register.query import AnswerTooLarge, Lanes
from tests.fix_gateway import RunningGateway, assert_problem, execute, insert

AT_MOST_S = 0.05
DEEP = 5_000
_TERMS = " OR ".join(["points = 1"] * 3_000)
_MANY = "key IN (" + ",".join(f"'{n}'" for n in range(2_000)) + ")"
_NESTED = "milestones{project{" * DEEP + "key" + "}}" * DEEP
_LISTS = "projects(limit:200){work_items(limit:200){key}}"

BOMBS: dict[str, tuple[str, dict[str, str], str]] = {
    "brackets": ("work_items", {"filter": "(" * DEEP + "points = 1" + ")" * DEEP}, "QRY003"),
    "negations": ("work_items", {"filter": "NOT " * DEEP + "points = 1"}, "QRY003"),
    "any in any": ("projects", {"filter": "any(work_items, any(project, " * 600}, "QRY003"),
    "terms": ("work_items", {"filter": _TERMS}, "QRY003"),
    "values": ("work_items", {"filter": _MANY}, "QRY003"),
    "values as shorthand": ("work_items", {"key": ",".join(map(str, range(3_000)))}, "QRY003"),
    "functions": ("work_items", {"filter": "lower(" * 2_000 + "key"}, "QRY003"),
    "a path": ("work_items", {"filter": "parent." * 2_000 + "key = 'x'"}, "QRY003"),
    "a long text": ("work_items", {"filter": "key = '" + "x" * 20_000 + "'"}, "QRY003"),
    "fields in fields": ("projects", {"fields": _NESTED[:15_000]}, "QRY003"),
    "fields": ("projects", {"fields": "key " * 4_000}, "QRY001"),
    "rows": ("projects", {"limit": "1000000000"}, "QRY001"),
    "rows below rows": ("projects", {"fields": "risks(limit:1000000000){key}"}, "QRY003"),
    "rows below rows below rows": ("programmes", {"fields": _LISTS, "limit": "1000"}, "QRY003"),
    "an order": ("work_items", {"order": "parent." * 2_000 + "key"}, "QRY003"),
    "groups": ("work_items/aggregate", {"group_by": ",".join(["status"] * 2_000)}, "QRY001"),
    "measures": ("work_items/aggregate", {"measures": ",".join(f"m{n}:count()" for n in range(1_000))}, "QRY003"),
    "having": ("work_items/aggregate", {"measures": "n:count()", "having": " OR ".join(["n = 1"] * 1_500)}, "QRY003"),
}  # fmt: skip
"""Collection, parameters, and the code of the refusal."""


def test_a_bomb_in_the_address_or_in_a_posted_question_is_refused_at_once(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        client.get("/api/v1/projects?limit=1")
        for name, (path, parameters, code) in BOMBS.items():
            refused, spent = _cpu(lambda: client.get(f"/api/v1/{path}", params=parameters))  # noqa: B023
            assert_problem(refused, 400, code)
            assert spent < AT_MOST_S, name
            if name == "values as shorthand":
                continue
            collection, _, groups = path.partition("/")
            posted: dict[str, Any] = {("aggregate" if groups else "collection"): collection, **parameters}
            if "limit" in posted:
                posted["limit"] = int(posted["limit"])
            refused, spent = _cpu(lambda: client.post("/api/v1/query", json=posted))  # noqa: B023
            assert_problem(refused, 400, "QRY003" if name == "rows" else code)
            assert spent < AT_MOST_S, name


def test_a_request_of_many_questions_or_many_bytes_is_refused_at_once(gateway: RunningGateway) -> None:
    many = {"queries": {f"q{n}": {"collection": "projects"} for n in range(3_000)}}
    deep = b'{"a":' * DEEP + b"1" + b"}" * DEEP
    with gateway.client() as client:
        for send, code in (
            (lambda: client.post("/api/v1/query", json=many), "QRY003"),
            (lambda: client.post("/api/v1/query", content=b"[" * 250_000), "QRY001"),
            (lambda: client.post("/api/v1/query", content=deep), "QRY001"),
            (lambda: client.post("/api/v1/query", content=b" " * (1 << 20)), "QRY003"),
        ):
            refused, spent = _cpu(send)
            assert_problem(refused, 400, code)
            assert spent < AT_MOST_S


async def test_an_answer_that_postgresql_cannot_hold_is_said_to_be_too_large(register_url: str) -> None:
    pool = await open_read_pool(register_url, size=1)
    lanes = Lanes(pool)
    with pytest.raises(AnswerTooLarge, match="more than the database"):
        await lanes.fetchrow("SELECT repeat('x', 1 << 30)")
    assert await lanes.fetchrow("SELECT 1") is not None
    await lanes.close()
    await pool.close()


def test_a_page_of_too_many_bytes_stays_in_the_database(gateway: RunningGateway) -> None:
    execute(
        gateway.database_url,
        "INSERT INTO project (id, key, description) "
        "SELECT gen_random_uuid(), 'P' || n, repeat('x', 1 << 20) FROM generate_series(1, 65) n",
    )
    with gateway.client() as client:
        assert client.get("/api/v1/projects?fields=key,description&limit=10").status_code == 200
        whole = assert_problem(client.get("/api/v1/projects?fields=key,description"), 400, "QRY009")
        assert "cursor" in whole["hint"]
        graphql = client.post("/api/v1/query", json={"query": "{projects {description}}"}).json()
        assert graphql["errors"][0]["extensions"]["code"] == "QRY009"


def test_pages_of_odata_are_shorter_where_much_may_hang_below_each_row(gateway: RunningGateway) -> None:
    insert(gateway.database_url, "programme", [{"id": uuid4(), "key": f"P{n:03}"} for n in range(600)])
    with gateway.client() as client:
        asked = (
            "/odata/v4/Programmes?$select=Key&$expand=Projects($select=Key;$expand=WorkItems($select=Key))"
        )
        first = client.get(asked).json()
        assert len(first["value"]) == 497
        assert len(client.get(first["@odata.nextLink"]).json()["value"]) == 103


def _cpu(send: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    """The answer, and the least processor time that asking and refusing took in three turns: gateway and client share
    the process, and other work of the machine must not count."""
    spent = []
    for _ in range(3):
        started = time.process_time()
        answer = send()
        spent.append(time.process_time() - started)
    return answer, min(spent)
