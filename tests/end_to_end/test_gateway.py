"""What a caller gets over HTTP."""

from __future__ import annotations

import base64
import re
import time
from datetime import date
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest

from gateway.app import create_app
from register.keys import create_key, revoke_key
from tests.fix_gateway import (
    RunningGateway,
    Server,
    assert_problem,
    execute,
    insert,
    with_pool,
)
from tests.fix_postgres import run_apart

PAY, WEB, ANA = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.fixture
def api(gateway: RunningGateway) -> Any:
    """A client, and a register with two projects, a person, work, milestones and a source."""
    url = gateway.database_url
    insert(url, "person", [{"id": ANA, "key": "ana", "title": "Ana Díaz"}])
    insert(
        url,
        "project",
        [
            {"id": PAY, "key": "PAY", "title": "Payments", "stage": "delivery", "manager_id": ANA, "budget": 100,
             "tags": ["core", "bank"]},
            {"id": WEB, "key": "WEB", "title": "Web", "stage": "closing", "budget": None},
        ],
    )  # fmt: skip
    insert(
        url,
        "work_item",
        [
            {"id": uuid4(), "key": f"PAY-{n}", "title": f"Item {n}", "project_id": PAY, "assignee_id": ANA,
             "status": "done" if n % 2 else "todo", "due_on": date(2026, 1, n), "points": n}
            for n in range(1, 7)
        ],
    )  # fmt: skip
    insert(url, "milestone", [{"id": uuid4(), "key": "M1", "project_id": PAY, "slip_days": 12}])
    execute(
        url,
        "INSERT INTO source (id, key, kind, configured, fresh_at) "
        "VALUES (gen_random_uuid(), 'delivery', 'jira', true, '2026-11-22T03:10:00Z')",
    )
    with gateway.client() as client:
        yield client


def get(client: httpx.Client, path: str, **parameters: str) -> Any:
    response = client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_list_carries_nested_rows_in_the_order_asked_for_and_tells_how_fresh_it_is(
    api: httpx.Client,
) -> None:
    body = get(
        api,
        "projects",
        fields='key,manager{title},late:work_items(filter:"status = \'todo\'",order:"-due_on",limit:2){key,due_on}',
    )
    assert body["data"] == [
        {
            "key": "PAY",
            "manager": {"title": "Ana Díaz"},
            "late": [{"key": "PAY-6", "due_on": "2026-01-06"}, {"key": "PAY-4", "due_on": "2026-01-04"}],
        },
        {"key": "WEB", "manager": None, "late": []},
    ]
    assert body["next"] is None
    assert body["meta"]["freshness"] == {"delivery": "2026-11-22T03:10:00+00:00"}
    assert body["meta"]["as_of"].startswith("20")


_FILTERS = [
    ("stage = 'delivery'", ["PAY"]),
    ("stage eq 'delivery' or stage EQ 'closing'", ["PAY", "WEB"]),
    ("any(milestones, slip_days > 10)", ["PAY"]),
    ("none(milestones, slip_days > 10)", ["WEB"]),
    ("any(work_items.assignee, key = 'ana')", ["PAY"]),
    ("manager.title ~ 'DÍAZ'", ["PAY"]),
    ("manager.key = 'ana' AND budget >= 100", ["PAY"]),
    ("budget != 100", ["WEB"]),
    ("NOT budget = 100", ["WEB"]),
    ("budget IS NULL", ["WEB"]),
    ("tags = 'core'", ["PAY"]),
    ("tags != 'core'", ["WEB"]),
    ("tags IN ('bank', 'x')", ["PAY"]),
    ("tags ~ 'BAN'", ["PAY"]),
    ("key IN ('WEB', 'it''s')", ["WEB"]),
    ("key NOT IN ('WEB')", ["PAY"]),
    ("title ~ '%'", []),
    ("any(work_items, due_on < today() AND due_on > today(-200y))", ["PAY"]),
    ("updated_at > now(-1h)", []),
    ("key = key", ["PAY", "WEB"]),
    ("key != key OR budget < budget", []),
    ("code != code AND code IS NULL", []),
    ("any(work_items, points >= points AND project.key = 'PAY')", ["PAY"]),
    ("any(work_items, project.key != key AND project_id = project.id)", ["PAY"]),
]


def test_a_filter_finds_its_rows(api: httpx.Client) -> None:
    for text, keys in _FILTERS:
        found = [row["key"] for row in get(api, "projects", fields="key", filter=text)["data"]]
        assert found == keys, text


def test_the_last_day_there_is_compares_like_any_other(gateway: RunningGateway) -> None:
    # Many tools write it where there is no end.
    rows = [{"id": PAY, "key": "PAY"}, {"id": WEB, "key": "WEB", "finish_planned_on": date(2026, 12, 31)}]
    insert(gateway.database_url, "project", rows)
    execute(gateway.database_url, "UPDATE project SET finish_planned_on = '9999-12-31' WHERE key = 'PAY'")
    with gateway.client() as client:

        def keys(address: str, **asked: str | int) -> list[str]:
            answer = client.get(address, params=asked)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            return [row.get("key") or row["Key"] for row in body.get("data", body.get("value"))]

        field = "finish_planned_on"
        for text, expected in {
            f"{field} = '9999-12-31'": ["PAY"],
            f"{field} >= '9999-12-31'": ["PAY"],
            f"{field} < '9999-12-31'": ["WEB"],
            f"{field} != '9999-12-31'": ["WEB"],
            f"{field} IN ('9999-12-31', '2026-12-31')": ["PAY", "WEB"],
        }.items():
            assert keys("/api/v1/projects", filter=text, order="key") == expected, text
        odata = {"$filter": "FinishPlannedOn eq 9999-12-31", "$select": "Key"}
        assert keys("/odata/v4/Projects", **odata) == ["PAY"]
        page = client.get("/api/v1/projects", params={"order": f"-{field}", "limit": 1, "fields": "key"})
        assert page.json()["data"] == [{"key": "PAY"}]
        assert client.get(page.links["next"]["url"]).json()["data"] == [{"key": "WEB"}]


def test_values_in_the_address_are_shorthand_for_equality(api: httpx.Client) -> None:
    assert len(get(api, "work_items", status="todo,done")["data"]) == 6
    assert len(get(api, "work_items", **{"status": "todo", "project.key": "PAY"})["data"]) == 3
    assert get(api, "work_items", **{"project.key": "WEB"})["data"] == []


def test_pages_follow_one_another_and_a_cursor_is_good_for_its_own_query_only(api: httpx.Client) -> None:
    first = api.get("/api/v1/work_items", params={"fields": "key", "limit": "4", "order": "-points"})
    assert [row["key"] for row in first.json()["data"]] == ["PAY-6", "PAY-5", "PAY-4", "PAY-3"]
    link = first.headers["link"]
    assert link.endswith('; rel="next"')
    rest = api.get(link[1 : link.index(">")]).json()
    assert [row["key"] for row in rest["data"]] == ["PAY-2", "PAY-1"]
    assert rest["next"] is None

    cursor = first.json()["next"]
    other = api.get("/api/v1/work_items", params={"fields": "key", "order": "points", "cursor": cursor})
    assert_problem(other, 400, "QRY004")
    assert_problem(api.get("/api/v1/work_items", params={"cursor": cursor[:-2] + "AA"}), 400, "QRY004")
    assert_problem(api.get("/api/v1/work_items?cursor=é&limit=1"), 400, "QRY004")


def test_pages_go_on_behind_long_texts_or_say_why_not(api: httpx.Client, gateway: RunningGateway) -> None:
    """Cursors hold what the last row is ordered by. A head as long as that would be refused by proxies."""
    for key, size in (("LONG", 1_000), ("LONGER", 20_000), ("LONGEST", 20_100)):
        insert(gateway.database_url, "risk", [{"id": uuid4(), "key": key, "title": "é" * size}])
    asked = {"fields": "key", "order": "title", "limit": "1"}
    found, following, links = [], None, []
    for _ in range(3):
        response = api.get("/api/v1/risks", params=asked | ({"cursor": following} if following else {}))
        links.append("link" in response.headers)
        found += [row["key"] for row in response.json()["data"]]
        following = response.json()["next"]
    assert (found, following) == (["LONG", "LONGER", "LONGEST"], None)
    assert links == [False, False, False]

    execute(gateway.database_url, "UPDATE risk SET title = repeat('é', 100000) WHERE key = 'LONG'")
    body = assert_problem(api.get("/api/v1/risks", params={"order": "-title", "limit": "1"}), 400, "QRY003")
    assert body["parameter"] == "order"


def test_a_row_that_is_gone_is_left_out_of_lists_and_still_answers_by_id_and_key(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    execute(gateway.database_url, "UPDATE project SET presence = 'deleted' WHERE key = 'WEB'")
    assert [row["key"] for row in get(api, "projects")["data"]] == ["PAY"]
    assert [row["key"] for row in get(api, "projects", filter="presence = 'deleted'")["data"]] == ["WEB"]
    assert len(get(api, "projects", filter="presence IS NOT NULL")["data"]) == 2
    assert get(api, "projects/WEB", fields="presence")["data"] == {"presence": "deleted"}
    assert get(api, f"projects/{WEB}", fields="key")["data"] == {"key": "WEB"}


def test_a_key_of_two_rows_is_ambiguous_unless_only_one_is_present(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    twin = uuid4()
    insert(gateway.database_url, "project", [{"id": twin, "key": "PAY", "title": "Other"}])
    body = assert_problem(api.get("/api/v1/projects/PAY"), 409, "REG005")
    assert str(twin) in body["detail"]
    assert str(PAY) in body["detail"]
    execute(gateway.database_url, f"UPDATE project SET presence = 'moved' WHERE id = '{twin}'")
    assert get(api, "projects/PAY", fields="id")["data"] == {"id": str(PAY)}


def test_an_absorbed_id_leads_to_the_row_it_became_part_of(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    absorbed = uuid4()
    insert(gateway.database_url, "absorbed", [{"id": absorbed, "entity": "project", "entity_id": PAY}])
    assert get(api, f"projects/{absorbed}", fields="key")["data"] == {"key": "PAY"}
    assert_problem(api.get(f"/api/v1/people/{absorbed}"), 404, "REG004")


def test_every_collection_answers(api: httpx.Client) -> None:
    schema = get(api, "schema")["collections"]
    assert {"projects", "people", "sources", "runs", "findings", "conflicts", "links", "rejections"} <= set(
        schema
    )
    for name, described in schema.items():
        body = get(api, name, fields=",".join(described["fields"]))
        assert isinstance(body["data"], list), name
        for relation in described["relations"]:
            get(api, name, fields=f"id,{relation}")


_MISTAKES = [
    ("projects?fields=key,titel", 400, "QRY002", "fields", 4, "`title`"),
    ("projects?fields=key,manager{nam}", 400, "QRY002", "fields", 12, ""),
    ("projects?fields=key}{id", 400, "QRY001", "fields", 3, ""),
    ("projects?fields=key{id}", 400, "QRY001", "fields", 0, ""),
    ("projects?fields=manager(limit:3){id}", 400, "QRY001", "fields", 0, ""),
    ('projects?fields=risks(filter:"scor > 3"){id}', 400, "QRY002", "fields", 14, "`score`"),
    ("projects?fields=risks(limit:201){id}", 400, "QRY003", "fields", 0, ""),
    ("projects?filter=stage = delivery", 400, "QRY001", "filter", 8, "'delivery'"),
    ("projects?filter=stage = 'delivry'", 400, "QRY001", "filter", 8, "`delivery`"),
    ("projects?filter=finish_planned_on < start_planed_on", 400, "QRY001", "filter", 20, "`start_planned_on`"),
    ("projects?filter=budget = code", 400, "QRY001", "filter", 9, ""),
    ("projects?filter=budget IN (code)", 400, "QRY001", "filter", 11, "single quotes"),
    ("projects?filter=budget < risks.score", 400, "QRY001", "filter", 9, "any(risks"),
    ("projects?filter=budget = 'x'", 400, "QRY001", "filter", 9, "without quotes"),
    ("projects?filter=risks.score > 3", 400, "QRY001", "filter", 0, "any(risks"),
    ("projects?filter=programme = 'x'", 400, "QRY001", "filter", 0, "programme.key"),
    ("projects?filter=(stage = 'delivery'", 400, "QRY001", "filter", 19, ""),
    ("projects?order=-budgt", 400, "QRY002", "order", 1, "`budget`"),
    ("projects?order=tags", 400, "QRY001", "order", 0, ""),
    ("projects?limit=0", 400, "QRY003", "limit", None, ""),
    ("projects?limit=1001", 400, "QRY003", "limit", None, ""),
    ("projects?limit=x", 400, "QRY001", "limit", 0, ""),
    ("projects?limit=1&limit=2", 400, "QRY001", "limit", None, ""),
    ("projects?fiter=x", 400, "QRY002", "fiter", None, "`filter`"),
    ("projects?stage=", 400, "QRY001", "stage", 0, "IS NULL"),
    ("projects?filter=%00", 400, "QRY001", "filter", 0, ""),
    ("projects?filter=%ff", 400, "QRY001", None, None, "UTF-8"),
    ("project", 404, "QRY006", None, None, "`projects`"),
    ("projects/NONE", 404, "REG004", None, None, ""),
    ("projects/PAY?filter=x", 400, "QRY002", "filter", None, ""),
    ("projects/PAY/history/more", 404, "API001", None, None, ""),
]  # fmt: skip


def test_every_mistake_is_a_problem_that_points_at_it(api: httpx.Client) -> None:
    for path, status, code, parameter, position, hint in _MISTAKES:
        body = assert_problem(api.get(f"/api/v1/{path}"), status, code)
        assert (body.get("parameter"), body.get("position")) == (parameter, position), path
        assert hint in body.get("hint", ""), path


def test_methods_that_are_not_there_are_problems_too(api: httpx.Client) -> None:
    response = api.post("/api/v1/projects")
    assert_problem(response, 405, "API001")
    assert response.headers["allow"]


def test_without_a_key_that_is_in_force_nothing_is_shown(gateway: RunningGateway) -> None:
    with httpx.Client(base_url=gateway.url) as nobody:
        for path in (
            "/api/v1/projects",
            "/api/v1/projects/PAY",
            "/api/v1/schema",
            "/metrics",
            "/api/v1/nothing",
        ):
            for headers in (
                {},
                {"Authorization": "Bearer pb_wrong"},
                {"Authorization": "Basic !!"},
                {"Authorization": "x"},
            ):
                response = nobody.get(path, headers=headers)
                assert_problem(response, 401, "API002")
                assert "Basic" in response.headers["www-authenticate"]
        assert nobody.get("/healthz").json() == {"alive": True}
        assert nobody.get("/readyz").json() == {"ready": True}


def test_the_key_may_come_as_a_password(gateway: RunningGateway) -> None:
    credentials = base64.b64encode(f"excel:{gateway.key}".encode()).decode()
    response = httpx.get(f"{gateway.url}/api/v1/projects", headers={"Authorization": f"Basic {credentials}"})
    assert response.status_code == 200


def test_a_withdrawn_key_ends_within_seconds_and_scopes_are_kept(register_url: str) -> None:
    made = run_apart(with_pool(register_url, lambda pool: create_key(pool, "short")))
    with Server(create_app(database_url=register_url, pool_size=1, remember_keys_s=0.05)) as url:
        ask = {"Authorization": f"Bearer {made}"}
        assert httpx.get(f"{url}/api/v1/projects", headers=ask).status_code == 200
        run_apart(with_pool(register_url, lambda pool: revoke_key(pool, "short")))
        time.sleep(0.1)
        assert_problem(httpx.get(f"{url}/api/v1/projects", headers=ask), 401, "API002")
    assert execute(register_url, "SELECT count(*) FROM audit WHERE subject LIKE 'api_key %'") == 2
    assert (
        execute(register_url, "SELECT count(*) FROM api_key WHERE encode(hash, 'escape') LIKE '%pb_%'") == 0
    )


def test_a_slow_statement_is_cut_and_said_to_be_slow(gateway: RunningGateway) -> None:
    execute(
        gateway.database_url,
        "CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(30) IS NOT NULL'",
    )
    execute(gateway.database_url, "ALTER TABLE project RENAME TO project_kept")
    execute(gateway.database_url, "CREATE VIEW project AS SELECT * FROM project_kept WHERE slow()")
    execute(gateway.database_url, "GRANT SELECT ON project TO portbook_app")
    insert(gateway.database_url, "project_kept", [{"id": PAY, "key": "PAY"}])
    app = create_app(database_url=gateway.database_url, pool_size=1, statement_timeout_ms=100)
    with Server(app) as url, gateway.client() as client:
        response = client.get(f"{url}/api/v1/projects")
        assert_problem(response, 503, "QRY005")
        assert response.headers["retry-after"]
        assert client.get(f"{url}/api/v1/people").status_code == 200


def test_an_error_nobody_foresaw_is_a_problem_without_a_traceback(gateway: RunningGateway) -> None:
    execute(gateway.database_url, "ALTER TABLE risk DROP COLUMN cause CASCADE")
    with gateway.client() as client:
        assert_problem(client.get("/api/v1/risks?fields=cause"), 500, "API001")
        assert client.get("/api/v1/projects").status_code == 200


def test_the_gateway_goes_on_after_the_database_dropped_its_connections(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        assert client.get("/api/v1/projects").status_code == 200
        execute(
            gateway.database_url,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert client.get("/api/v1/projects").status_code == 200


def test_the_reader_can_write_nothing_and_metrics_count_by_route(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        client.get("/api/v1/projects/NONE")
        client.get("/api/v1/projects")
        text = client.get("/metrics").text
    assert 'portbook_requests_total{route="/api/v1/{collection}/{reference}",status="404"} 1.0' in text
    assert 'portbook_requests_total{route="/api/v1/{collection}",status="200"} 1.0' in text
    assert 'portbook_runs_open{state="queued"} 0.0' in text


def test_the_openapi_document_and_the_reference_page_cover_every_collection(api: httpx.Client) -> None:
    schema = get(api, "schema")["collections"]
    document = api.get("/openapi.json").json()
    page = api.get("/docs")
    assert document["openapi"].startswith("3.1")
    for name, described in schema.items():
        assert f"/api/v1/{name}" in document["paths"]
        assert f"/api/v1/{name}/{{reference}}" in document["paths"]
        keeps_history = "valid_from" in described["fields"]
        for below in ("{reference}/history", "{reference}/explain", "changes", "diff"):
            assert (f"/api/v1/{name}/{below}" in document["paths"]) is keeps_history
        assert set(document["components"]["schemas"][described["entity"]]["properties"]) == set(
            described["fields"]
        )
        assert f"id='{name}'" in page.text
    assert "http" not in page.text.replace("https://", "http://").split("<h2")[0]
    assert "script" not in page.headers["content-security-policy"]


def test_the_openapi_document_names_every_address_of_the_api(api: httpx.Client) -> None:
    from gateway import decide, feed, hooks_out, query

    paths = {
        re.sub(r"{\w+}", "{}", path): methods
        for path, methods in api.get("/openapi.json").json()["paths"].items()
    }
    for route in (*decide.routes, *feed.routes, *hooks_out.routes, *query.routes):
        if "{collection}" in route.path:
            continue
        described = paths[re.sub(r"{\w+}", "{}", route.path)]
        assert {method.lower() for method in route.methods or ()} - {"head"} <= set(described), route.path
    for name in get(api, "schema")["collections"]:
        assert "get" in paths[f"/api/v1/{name}/aggregate"]


def test_a_key_that_asks_too_much_is_told_when_to_come_again_and_others_are_served(register_url: str) -> None:
    keys = [
        run_apart(with_pool(register_url, lambda pool, name=name: create_key(pool, name)))
        for name in ("a", "b")
    ]
    with (
        Server(create_app(database_url=register_url, pool_size=1, per_second=1)) as url,
        httpx.Client() as client,
    ):
        answers = [
            client.get(f"{url}/api/v1/projects", headers={"Authorization": f"Bearer {keys[0]}"})
            for _ in range(8)
        ]
        assert {answer.status_code for answer in answers[:5]} == {200}
        assert_problem(answers[-1], 429, "API004")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (
            client.get(f"{url}/api/v1/projects", headers={"Authorization": f"Bearer {keys[1]}"}).status_code
            == 200
        )


def test_requests_under_way_are_counted_until_they_are_answered(register_url: str) -> None:
    key = run_apart(with_pool(register_url, lambda pool: create_key(pool, "a")))
    with (
        Server(create_app(database_url=register_url, pool_size=2, at_once=1)) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        stream = {"Accept": "text/event-stream"}
        with client.stream("GET", "/api/v1/changes", headers=stream) as held:
            assert held.status_code == 200
            assert_problem(client.get("/api/v1/projects"), 429, "API004")
        deadline = time.monotonic() + 10
        while client.get("/api/v1/projects").status_code == 429:
            assert time.monotonic() < deadline, "a stream that ended is still counted"
            time.sleep(0.05)
        assert {client.get("/api/v1/projects").status_code for _ in range(5)} == {200}


_HOSTILE = [
    *("'", '"', "\\", "%", "\0", "\ud800", "é", "'; DROP TABLE project; --", "{}", "(" * 9_000, "1e99", "$1"),
    *(f"{field} {operator} {value}"
      for field in ("title", "budget", "start_planned_on", "updated_at", "version", "manager_id", "tags", "custom")
      for operator in ("=", "<", "~", "IN")
      for value in ("'x'", "'\\'", "99999999999999999999", "'0001-01-01'",
                    "'9999-12-31T23:59:59-14:00'", "today(+1000y)",
                    "now(-1000000h)", "(1, 2.5)", "('a', today())", "true", "'00000000-0000-0000-0000-000000000000'")),
]  # fmt: skip


def test_hostile_text_gives_rows_or_a_mistake_and_never_an_error_of_ours(api: httpx.Client) -> None:
    for text in _HOSTILE:
        for parameter in ("filter", "fields", "order", "limit", "cursor", "title", "budget"):
            encoded = quote(text.encode("utf-8", "surrogatepass"))
            response = api.get(f"/api/v1/projects?{parameter}={encoded}")
            if response.status_code != 200:
                assert response.status_code == 400, (parameter, text, response.text)
                assert response.headers["content-type"] == "application/problem+json"
