"""POST /api/v1/query: several questions of one moment, and GraphQL documents as GraphQL clients send them."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import httpx
import pytest
from graphql import build_client_schema, get_introspection_query, parse, validate

from register.keys import create_key
from tests.fix_gateway import RunningGateway, assert_problem, execute, insert, with_pool
from tests.fix_postgres import run_apart

PAY, WEB, ANA = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.fixture
def api(gateway: RunningGateway) -> Any:
    """Two projects, a person, six items of one project."""
    url = gateway.database_url
    insert(url, "person", [{"id": ANA, "key": "ana", "title": "Ana Díaz"}])
    insert(
        url,
        "project",
        [
            {"id": PAY, "key": "PAY", "title": "Payments", "stage": "delivery", "manager_id": ANA},
            {"id": WEB, "key": "WEB", "title": "Web", "stage": "closing"},
        ],
    )
    insert(
        url,
        "work_item",
        [
            {"id": UUID(int=100 + n), "key": f"W-{n}", "project_id": PAY, "points": n, "status": "done" if n % 2 else "todo"}
            for n in range(6)
        ],
    )  # fmt: skip
    with gateway.client() as client:
        yield client


def asked(client: httpx.Client, body: Any, **headers: str) -> Any:
    response = client.post("/api/v1/query", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


def graphql(client: httpx.Client, query: str, **variables: Any) -> Any:
    body = asked(client, {"query": query, "variables": variables})
    assert "errors" not in body, body
    return body["data"]


def test_one_question_is_answered_as_by_its_address(api: httpx.Client) -> None:
    body = asked(
        api, {"collection": "projects", "fields": "key,manager{title}", "order": "-key", "count": True}
    )
    assert body["data"] == [{"key": "WEB", "manager": None}, {"key": "PAY", "manager": {"title": "Ana Díaz"}}]
    assert body["count"] == 2
    assert body["next"] is None
    assert set(body["meta"]) == {"as_of", "freshness"}


def test_several_questions_are_answered_at_once_and_each_goes_on_by_its_cursor(api: httpx.Client) -> None:
    questions: dict[str, Any] = {
        "late": {
            "collection": "work_items",
            "filter": "points > 0 AND contains(key, 'W')",
            "fields": "key",
            "limit": 2,
        },
        "groups": {
            "aggregate": "work_items",
            "group_by": "status",
            "measures": "n:count()",
            "limit": 1,
            "totals": True,
        },
        "none": {"collection": "risks"},
    }
    body = asked(api, {"queries": questions})
    assert list(body["data"]) == ["late", "groups", "none"]
    assert body["data"]["late"]["data"] == [{"key": "W-1"}, {"key": "W-2"}]
    assert body["data"]["groups"]["data"] == [{"status": "done", "n": 3}]
    assert body["data"]["groups"]["totals"] == {"n": 6}
    assert body["data"]["none"] == {"data": [], "next": None}
    for name in ("late", "groups"):
        questions[name]["cursor"] = body["data"][name]["next"]
    body = asked(api, {"queries": questions})
    assert body["data"]["late"]["data"] == [{"key": "W-3"}, {"key": "W-4"}]
    assert body["data"]["groups"]["data"] == [{"status": "todo", "n": 3}]


def test_a_document_with_variables_fragments_and_directives(api: httpx.Client) -> None:
    found = graphql(
        api,
        """
        query Board($stage: String!, $few: Int = 2, $with: Boolean!, $unset: String) {
          __typename
          open: projects(filter: $stage, order: $unset) {
            ...Head
            ... on Project { work_items_count items: work_items(limit: $few, order: "-points") { key __typename } }
            manager @include(if: $with) { name }
            title @skip(if: true)
          }
          project(id: "WEB") { ...Head }
          gone: project(id: "NOPE") { key }
          work_items_aggregate(group_by: "status", measures: "n:count()")
        }
        fragment Head on Project { id key ...Deep }
        fragment Deep on Project { key stage }
        """,
        stage="stage = 'delivery'",
        **{"with": True},
    )
    assert found == {
        "__typename": "Query",
        "open": [
            {
                "id": str(PAY),
                "key": "PAY",
                "stage": "delivery",
                "work_items_count": 6,
                "items": [{"key": "W-5", "__typename": "WorkItem"}, {"key": "W-4", "__typename": "WorkItem"}],
                "manager": {"name": "Ana Díaz"},
            }
        ],
        "project": {"id": str(WEB), "key": "WEB", "stage": "closing"},
        "gone": None,
        "work_items_aggregate": [{"status": "done", "n": 3}, {"status": "todo", "n": 3}],
    }


def test_a_document_goes_on_by_the_cursors_in_its_extensions(api: httpx.Client) -> None:
    query = 'query($after: String) {work_items(limit: 4, after: $after, order: "key") {key}}'
    first = asked(api, {"query": query})
    rest = asked(api, {"query": query, "variables": {"after": first["extensions"]["next"]["work_items"]}})
    keys = [row["key"] for body in (first, rest) for row in body["data"]["work_items"]]
    assert keys == [f"W-{n}" for n in range(6)]
    assert rest["extensions"]["next"] == {}
    assert "as_of" in rest["extensions"]["meta"]


def test_what_is_of_the_past_says_of_when_and_how_fresh_it_was(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    url = gateway.database_url
    execute(url, "UPDATE project SET valid_from = '2026-01-01Z', version = 2")
    execute(
        url,
        "INSERT INTO source (id, key, kind, configured, fresh_at) "
        "VALUES (gen_random_uuid(), 'delivery', 'jira', true, '2026-10-01Z')",
    )
    execute(
        url,
        "INSERT INTO run (source, mode, state, started_at, finished_at, requested_by) "
        "SELECT 'delivery', 'full', 'succeeded', at, at, 'test' FROM unnest('{2026-02-01Z,2026-10-01Z}'::timestamptz[]) at",
    )
    then = {"collection": "projects", "fields": "key", "limit": 1, "as_of": "2026-03-01"}
    told = api.get("/api/v1/projects", params={"fields": "key", "as_of": "2026-03-01"}).json()["meta"]
    assert told["freshness"] == {"delivery": "2026-02-01T00:00:00+00:00"}
    first = asked(api, then)
    assert first["meta"] == told
    assert asked(api, {**then, "cursor": first["next"]})["meta"] == told
    groups = {"aggregate": "projects", "as_of": "2026-03-01"}
    body = asked(api, {"queries": {"then": then, "groups": groups, "now": {"collection": "projects"}}})
    assert [body["data"][name].get("meta") for name in ("then", "groups", "now")] == [told, told, None]
    assert body["meta"]["freshness"] == {"delivery": "2026-10-01T00:00:00+00:00"}
    document = (
        '{ projects(as_of: "2026-03-01") { key } one: project(id: "PAY", as_of: "2026-03-01") { key } }'
    )
    body = asked(api, {"query": document})
    assert body["data"]["one"] == {"key": "PAY"}
    assert body["extensions"]["past"] == {"projects": told, "one": told}


def test_tools_that_ask_for_the_schema_get_one_their_documents_are_valid_against(api: httpx.Client) -> None:
    schema = build_client_schema(
        asked(api, {"query": get_introspection_query(), "operationName": "IntrospectionQuery"})["data"]
    )
    document = 'query($p: String) {projects(filter: $p, as_of: "2026-01-01") {key manager {name} risks_count(filter: "score > 3")}}'
    assert validate(schema, parse(document)) == []
    assert asked(api, {"query": document})["data"] == {"projects": []}
    assert validate(schema, parse("{projects {nothing}}")) != []
    assert schema.type_map["WorkItem"].fields["status"].description


@pytest.mark.parametrize(
    ("query", "line", "column", "code"),
    [
        ("{projects {titel}}", 1, 12, "QRY002"),
        ("{\n  projects(filter: \"stage = 'delivry'\") {key}}", 2, 29, "QRY001"),
        ("{project {key}}", 1, 2, "QRY001"),
        ("{projects}", 1, 2, "QRY001"),
        ("{nothing {key}}", 1, 2, "QRY002"),
        ("{projects(first: 3) {key}}", 1, 11, "QRY001"),
        ("{projects(limit: 0) {key}}", None, None, "QRY003"),
        ("{projects(limit: 9999) {key}}", None, None, "QRY003"),
        ("mutation {projects {key}}", 1, 1, "QRY001"),
        ("{projects {...Missing}}", 1, 12, "QRY001"),
        ("{projects {...A}} fragment A on Project {...A}", 1, 42, "QRY001"),
        ("{projects {key} ", 1, 17, "QRY001"),
        ("{a: projects {key} a: risks {key}}", 1, 20, "QRY001"),
        ("{projects(filter: $x) {key}}", 1, 19, "QRY001"),
        ("{__schema {queryType {name}} projects {key}}", 1, 2, "QRY001"),
        ("query A {projects {key}} query B {risks {key}}", None, None, "QRY001"),
        ("{projects @live {key}}", 1, 11, "QRY001"),
        ("subscription {projects {key}}", 1, 1, "QRY001"),
        ('{project(id: "\\u0000") {key}}', None, None, "QRY001"),
    ],
)
def test_a_document_that_is_wrong_says_where(
    api: httpx.Client, query: str, line: int | None, column: int | None, code: str
) -> None:
    (error,) = asked(api, {"query": query})["errors"]
    assert error["extensions"]["code"] == code, error
    assert error.get("locations") == (None if line is None else [{"line": line, "column": column}])
    response = api.post(
        "/api/v1/query", json={"query": query}, headers={"Accept": "application/graphql-response+json"}
    )
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/graphql-response+json"


@pytest.mark.parametrize(
    ("body", "parameter", "position", "code"),
    [
        ({"collection": "projects", "filter": "titel = 1"}, "filter", 0, "QRY002"),
        ({"queries": {"a": {"collection": "projects", "order": "-x"}}}, "queries.a.order", 1, "QRY002"),
        ({"queries": {"a": {"collection": "projects", "fields": "key,x"}}}, "queries.a.fields", 4, "QRY002"),
        (
            {"queries": {"a": {"collection": "projects", "group_by": "key"}}},
            "queries.a.group_by",
            None,
            "QRY002",
        ),
        ({"queries": {"a": {}}}, "queries.a.collection", None, "QRY001"),
        ({"queries": {"a": {"collection": 3}}}, "queries.a.collection", None, "QRY001"),
        ({"queries": [1]}, "queries", None, "QRY001"),
        ({"queries": {}}, None, None, "QRY003"),
        ({"queries": {str(n): {"collection": "risks"} for n in range(11)}}, None, None, "QRY003"),
        ({"queries": {}, "limit": 3}, "limit", None, "QRY002"),
        ({"query": "{projects{key}}", "limit": 3}, None, None, None),
        ([], None, None, "QRY001"),
    ],
)
def test_a_body_that_is_wrong_says_what(
    api: httpx.Client, body: Any, parameter: str | None, position: int | None, code: str | None
) -> None:
    response = api.post("/api/v1/query", json=body)
    if code is None:
        assert response.json()["errors"][0]["extensions"]["code"] == "QRY002"
        return
    problem = assert_problem(response, 400, code)
    assert problem.get("parameter") == parameter
    assert problem.get("position") == position


_BOMBS = {
    "nesting": "{projects" + "{project" * 5_000 + "}" * 5_001,
    "aliases": "{" + " ".join(f"a{n}: projects {{key}}" for n in range(3_000)) + "}",
    "fragments": "{projects {...F0}}"
    + "".join(f" fragment F{n} on Project {{...F{n + 1} ...F{n + 1}}}" for n in range(60))
    + " fragment F60 on Project {key}",
    "a fragment that reaches itself": "{projects{...A}} fragment A on Project{milestones{project{...A}}}",
    "the schema in itself": "{__schema{types{fields{type{fields{type{fields{name}}}}}}}}",
    "the schema by fragments": "fragment A on __Type{fields{type{...A}}} {__schema{queryType{...A}}}",
    "the schema many times": "{"
    + " ".join(f"a{n}:__schema{{types{{fields{{name}}}}}}" for n in range(200))
    + "}",
    "brackets": "{projects(filter: " + "[" * 50_000,
    "text": '{projects(filter: "' + "(" * 15_000 + '") {key}}',
}


@pytest.mark.parametrize("name", _BOMBS)
def test_bombs_are_refused_before_any_work(api: httpx.Client, name: str) -> None:
    started = time.process_time()
    body = asked(api, {"query": _BOMBS[name]})
    assert body["errors"][0]["extensions"]["code"] in ("QRY001", "QRY003")
    assert time.process_time() - started < 2
    response = api.post("/api/v1/query", content=b'{"query": "' + b"x" * 300_000)
    assert_problem(response, 400, "QRY003")


def test_a_restricted_key_asks_in_its_scope(api: httpx.Client, gateway: RunningGateway) -> None:
    key = run_apart(
        with_pool(gateway.database_url, lambda pool: create_key(pool, "web", rows={"projects": ["WEB"]}))
    )
    with gateway.client(key) as client:
        found = graphql(
            client, '{projects {key} project(id: "PAY") {key} work_items_aggregate(measures: "n:count()")}'
        )
    assert found == {"projects": [{"key": "WEB"}], "project": None, "work_items_aggregate": [{"n": 0}]}


def test_a_row_without_history_is_found_by_all_that_people_call_it(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    """A source by its name; a finding by the beginning of its id, as a terminal shows it."""
    url = gateway.database_url
    execute(url, "INSERT INTO source (id, key, kind) VALUES (gen_random_uuid(), 'jira', 'jira')")
    ids = [UUID("0e2b1111-0000-4000-8000-000000000001"), UUID("7f3c2222-0000-4000-8000-000000000002")]
    for finding in ids:
        execute(
            url,
            f"INSERT INTO finding (id, code, severity, message) VALUES ('{finding}', 'x', 'warning', 'm')",
        )
    found = graphql(
        api, '{source(id: "jira") {key} finding(id: "7f3c2222") {id} gone: source(id: "no") {key}}'
    )
    assert found == {"source": {"key": "jira"}, "finding": {"id": str(ids[1])}, "gone": None}


def test_the_past_is_asked_question_by_question(api: httpx.Client, gateway: RunningGateway) -> None:
    execute(
        gateway.database_url,
        f"INSERT INTO project_history (id, key, title, presence, version, valid_from, valid_to) "
        f"VALUES ('{PAY}', 'PAY', 'Old', 'present', 1, '2026-01-01Z', '2026-02-01Z')",
    )
    found = graphql(
        api,
        '{then: projects(as_of: "2026-01-15") {title} one: project(id: "PAY", as_of: "2026-01-15") {title} '
        'now: projects(order: "key") {title}}',
    )
    assert found == {
        "then": [{"title": "Old"}],
        "one": {"title": "Old"},
        "now": [{"title": "Payments"}, {"title": "Web"}],
    }
