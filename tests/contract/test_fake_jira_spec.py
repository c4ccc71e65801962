"""The fake, and the adapter's own requests, against Atlassian's documents."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from tests.fakes.jira import Call, FakeJira
from tests.fakes.jira.generate import believable
from tests.fix_sources import jira_adapter

SPECS = Path(__file__).parents[3] / "shared" / "specs"
PLATFORM = SPECS / "jira-cloud-platform-openapi-v3.json"
AGILE = SPECS / "jira-software-agile-openapi.json"

pytestmark = pytest.mark.skipif(
    not (PLATFORM.is_file() and AGILE.is_file()),
    reason=f"Atlassian's API documents are not beside the repository ({SPECS})",
)


def documented(path: str, answer: Any) -> Any:
    """The answer without what the document describes in words only: `expand=projectKeys` adds a member that
    the schema of a project does not list."""
    if path.endswith("/project/search"):
        for project in answer["values"]:
            project.pop("projectKeys", None)
    return answer


class Documents:
    def __init__(self) -> None:
        self._documents = [orjson.loads(path.read_bytes()) for path in (PLATFORM, AGILE)]
        self._routes: list[tuple[re.Pattern[str], str, dict[str, Any], dict[str, Any]]] = []
        for document in self._documents:
            for path, operations in document["paths"].items():
                pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")
                for method, operation in operations.items():
                    if method in ("get", "post"):
                        self._routes.append((pattern, method.upper(), operation, document))
        # A path without variables is meant before one with: `project/search` is no project.
        self._routes.sort(key=lambda route: route[0].pattern.count("[^/]+"))

    def operation(self, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
        path = call.path.replace("/rest/api/2/", "/rest/api/3/")
        for pattern, method, operation, document in self._routes:
            if method == call.method and pattern.match(path):
                return operation, document
        raise AssertionError(f"the documents know no {call.method} {call.path}")

    def errors(self, schema: dict[str, Any], document: dict[str, Any], value: Any) -> list[str]:
        """What is wrong with `value`. OpenAPI 3.0's `nullable` means that null is fine as well."""
        whole = {**_with_nulls(schema), "components": {"schemas": _schemas(document)}}
        found = Draft202012Validator(whole).iter_errors(value)
        return [f"{error.json_path}: {error.message[:200]}" for error in found]


_cache: dict[int, dict[str, Any]] = {}


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    if id(document) not in _cache:
        _cache[id(document)] = _with_nulls(document.get("components", {}).get("schemas", {}))
    return _cache[id(document)]


def _with_nulls(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: _with_nulls(value)
        for key, value in schema.items()
        if key not in ("nullable", "example", "format")
    }
    if schema.get("nullable") is True and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
    return plain


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents()


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Everything the adapter asks a believable Cloud site, and what it is answered."""
    import asyncio

    world = believable(date(2026, 11, 22))
    world.delete_worklog(next(iter(world.worklogs)))

    async def run(fake: FakeJira) -> None:
        async with jira_adapter(fake, page_size=100) as adapter:
            await adapter.check()
            await adapter.discover()
            for partition in await adapter.partitions():
                cursor = None
                async for page in adapter.read(partition, None, full=True):
                    cursor = page.cursor
                async for _ in adapter.read(partition, cursor, full=False):
                    pass
            known = {"fields": {"project": {"id": "10001"}}}
            some = next(iter(world.issues))
            await adapter.locate("issue", [str(some), "999"], {"999": known, str(some): known})
            await adapter.locate("project", ["10001", "77"], {})
            await adapter.locate("version", ["10100", "5"], {"5": {"projectId": 10001}})
            await adapter.locate("sprint", ["37", "5"], {"5": {"portbook": {"project": "10001"}}})
            await adapter.locate("worklog", ["100002"], {"100002": {"issueId": str(some)}})
        async with jira_adapter(fake, select={"projects": ["PAY"]}) as adapter:
            async for _ in adapter.read((await adapter.partitions())[3], None, full=True):
                pass
            world.hide_issue(some)
            await adapter.locate("issue", [str(some)], {str(some): known})

    with FakeJira(world) as fake:
        fake.state.wire.keep_answers = True
        asyncio.run(run(fake))
        return list(fake.log)


def test_every_request_of_the_adapter_is_documented(documents: Documents, calls: list[Call]) -> None:
    for call in calls:
        operation, document = documents.operation(call)
        known = {
            parameter["name"]: parameter
            for parameter in operation.get("parameters", ())
            if "name" in parameter
        }
        queried = {name for name, parameter in known.items() if parameter["in"] == "query"}
        assert set(call.query) <= queried, f"{call.method} {call.path}: {set(call.query) - queried}"
        for name, values in call.query.items():
            allowed = known[name].get("schema", {}).get("items", known[name].get("schema", {})).get("enum")
            assert not allowed or {part for value in values for part in value.split(",")} <= set(allowed), (
                call,
                allowed,
            )
        if call.method == "POST":
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert documents.errors(schema, document, call.body) == [], f"{call.path} {call.body}"
    assert len({(call.method, re.sub(r"\d{2,}", "N", call.path)) for call in calls}) >= 20


def test_every_answer_of_the_fake_has_the_documented_shape(documents: Documents, calls: list[Call]) -> None:
    wrong: dict[str, list[str]] = {}
    for call in calls:
        operation, document = documents.operation(call)
        declared = (
            operation["responses"].get(str(call.status), {}).get("content", {}).get("application/json", {})
        )
        if call.status != 200 or "schema" not in declared:
            continue
        found = documents.errors(
            declared["schema"], document, documented(call.path, orjson.loads(call.answer))
        )
        if found:
            wrong.setdefault(f"{call.method} {call.path}", found[:5])
    assert wrong == {}


def test_the_search_forbids_what_the_document_forbids(documents: Documents) -> None:
    call = Call("POST", "/rest/api/3/search/jql", {}, {"jql": "project = 1", "startAt": 0}, 200, b"")
    operation, document = documents.operation(call)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert documents.errors(schema, document, call.body)
