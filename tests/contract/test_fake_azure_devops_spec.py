"""The fake, and the adapter's own requests, against Microsoft's documents."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from tests.fakes.azure_devops import Call, FakeAzureDevOps
from tests.fakes.azure_devops.generate import believable
from tests.fix_sources import azure_devops_adapter

SPECS = Path(__file__).parents[3] / "shared" / "specs"
FILES = [SPECS / f"ado-{name}-7.1.json" for name in ("wit", "work", "core")]

pytestmark = pytest.mark.skipif(
    not all(path.is_file() for path in FILES),
    reason=f"Microsoft's API documents are not beside the repository ({SPECS})",
)

# Preview resources, in no stable document.
UNDOCUMENTED = {"/acme/_apis/connectionData"}
# Known to the wire and to Microsoft's clients, missing in the Swagger: see SOURCES.md beside the documents.
EXTRA_QUERY = {"recyclebin": {"ids"}}


class Documents:
    def __init__(self) -> None:
        self._documents = [orjson.loads(path.read_bytes()) for path in FILES]
        self._routes: list[tuple[re.Pattern[str], str, dict[str, Any], dict[str, Any]]] = []
        for document in self._documents:
            for path, operations in {**document["paths"], **document.get("x-ms-paths", {})}.items():
                plain = path.partition("?")[0].rstrip("/")
                # wit calls work without the project and the team, whatever the template says.
                for form in {plain, plain.replace("/{project}", ""), plain.replace("/{team}", "")} | {
                    plain.replace("/{project}/{team}", "")
                }:
                    if form != plain and "/_apis/wit/" not in plain:
                        continue
                    pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", form) + "$", re.I)
                    for method, operation in operations.items():
                        if method in ("get", "post"):
                            self._routes.append((pattern, method.upper(), operation, document))
        self._routes.sort(key=lambda route: route[0].pattern.count("[^/]+"))

    def operation(self, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
        for pattern, method, operation, document in self._routes:
            if method == call.method and pattern.match(call.path):
                return operation, document
        raise AssertionError(f"the documents know no {call.method} {call.path}")

    def errors(self, schema: dict[str, Any], document: dict[str, Any], value: Any) -> list[str]:
        whole = {**_plain(schema), "definitions": _definitions(document)}
        return [
            f"{error.json_path}: {error.message[:200]}"
            for error in Draft202012Validator(whole).iter_errors(value)
        ]


_cache: dict[int, Any] = {}


def _definitions(document: dict[str, Any]) -> Any:
    if id(document) not in _cache:
        _cache[id(document)] = _plain(document["definitions"])
    return _cache[id(document)]


def _plain(schema: Any) -> Any:
    """Swagger 2.0 as JSON Schema. Whatever is not required may be null on the wire; enumerations there are written
    in any case; an object of the definitions may not have members that it does not list."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        key: _plain(value) for key, value in schema.items() if key not in ("format", "example", "x-ms-enum")
    }
    if schema.get("additionalProperties") == {"type": "object"}:
        # .NET's `object`, which is anything.
        plain["additionalProperties"] = True
    if isinstance(plain.get("type"), str) and "properties" not in plain and "enum" not in plain:
        plain["type"] = [plain["type"], "null"]
    if isinstance(plain.get("enum"), list):
        plain["enum"] = [*plain["enum"], *(str(word).capitalize() for word in plain["enum"]), None]
        plain.pop("type", None)
    return plain


def listed(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """Every member a definition and those it builds on list."""
    names = set(schema.get("properties", {}))
    if "$ref" in schema:
        names |= listed(document, document["definitions"][schema["$ref"].rpartition("/")[2]])
    for part in schema.get("allOf", ()):
        names |= listed(document, part)
    return names


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents()


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Everything the adapter asks a believable organisation, and what it is answered; by feed and by query."""
    world = believable()
    some = next(iter(world.items))

    async def run(fake: FakeAzureDevOps, **options: Any) -> None:
        async with azure_devops_adapter(fake, page_size=100, **options) as adapter:
            await adapter.check()
            await adapter.discover()
            known = {}
            for partition in await adapter.partitions():
                cursor = None
                async for page in adapter.read(partition, None, full=True):
                    cursor = page.cursor
                    known |= {record.id: record.data for record in page.records}
                async for _ in adapter.read(partition, cursor, full=False):
                    pass
            project = next(iter(world.projects))
            node = next(n for n in world.nodes.values() if n.kind == "iteration" and n.parent)
            lost = {"fields": {"System.AreaId": 11}, "portbook": {"project": project}}
            await adapter.locate("work_item", [str(some), "99999"], {"99999": lost, **known})
            await adapter.locate("project", [project, "77"], {})
            await adapter.locate("iteration", [node.identifier], known)
            await adapter.locate("link", [f"System.LinkTypes.Related:{some}:2"], {})
            team = world.projects[project].teams[0]
            hours = {f"{team.id}:{sprint.identifier}": lost for sprint in team.iterations}
            await adapter.locate("capacity", [*hours, "gone:1"], {**hours, "gone:1": lost})

    with FakeAzureDevOps(world) as fake:
        fake.state.wire.keep_answers = True
        asyncio.run(run(fake))
        asyncio.run(run(fake, select={"projects": ["Tunnel"]}))
        fake.faults.no_feed = 404
        asyncio.run(run(fake))
        return list(fake.log)


def test_every_request_of_the_adapter_is_documented(documents: Documents, calls: list[Call]) -> None:
    routes = set()
    for call in calls:
        if call.path in UNDOCUMENTED:
            continue
        operation, document = documents.operation(call)
        routes.add(operation["operationId"])
        known = {
            parameter["name"]: parameter
            for parameter in operation.get("parameters", ())
            if "name" in parameter
        }
        queried = {name for name, parameter in known.items() if parameter["in"] == "query"} | {"api-version"}
        queried |= EXTRA_QUERY.get(call.path.rpartition("/")[2], set())
        assert set(call.query) <= queried, f"{call.method} {call.path}: {set(call.query) - queried}"
        for name, values in call.query.items():
            allowed = known.get(name, {}).get("enum")
            assert not allowed or set(values) <= set(allowed), (call.path, name, values)
        if call.method == "POST":
            (body,) = [parameter for parameter in known.values() if parameter["in"] == "body"]
            assert documents.errors(body["schema"], document, call.body) == [], f"{call.path} {call.body}"
            assert set(call.body) <= listed(document, body["schema"])
    assert len(routes) >= 17


def test_every_answer_of_the_fake_has_the_documented_shape(documents: Documents, calls: list[Call]) -> None:
    wrong: dict[str, list[str]] = {}
    for call in calls:
        if call.status != 200 or call.path in UNDOCUMENTED:
            continue
        operation, document = documents.operation(call)
        schema = operation["responses"]["200"]["schema"]
        answer = orjson.loads(call.answer)
        if "reporting/" in call.path:
            # Its rows are objects on the wire, text in the document: their shape is looked at below.
            for row in answer["values"]:
                assert isinstance(row, dict)
            answer = {**answer, "values": []}
        if schema.get("type") == "array":
            # Lists are declared bare and travel in an envelope.
            assert set(answer) == {"count", "value"}
            assert answer["count"] == len(answer["value"])
            items = schema["items"]
            if items["$ref"].endswith("WorkItemDeleteShallowReference") and "ids" in call.query:
                items = {"$ref": "#/definitions/WorkItemDeleteReference"}
            names = listed(document, items)
            strange = {name for row in answer["value"] if row for name in set(row) - names}
            found = documents.errors(
                {"type": "array", "items": items}, document, [v for v in answer["value"] if v]
            )
        else:
            strange = set(answer) - listed(document, schema)
            found = documents.errors(schema, document, answer)
        if found or strange:
            wrong.setdefault(f"{call.method} {call.path}", [*found[:5], *sorted(strange)])
    assert wrong == {}


def test_rows_of_the_feeds_are_work_items_and_links(documents: Documents, calls: list[Call]) -> None:
    """Microsoft's samples: a revision has id, rev and fields; a link its type without direction, its ends, when it
    changed and whether it is there."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for call in calls:
        if "reporting/" in call.path and call.status == 200:
            rows.setdefault(call.path.rpartition("/")[2], []).extend(orjson.loads(call.answer)["values"])
    assert {frozenset(row) for row in rows["workitemrevisions"]} == {frozenset({"id", "rev", "fields"})}
    for row in rows["workitemrevisions"]:
        assert row["fields"]["System.Id"] == row["id"]
        assert None not in row["fields"].values()
    for row in rows["workitemlinks"]:
        assert {"rel", "sourceId", "targetId", "changedDate", "isActive"} <= set(row)
        assert not row["rel"].endswith(("-Forward", "-Reverse"))


def test_the_checker_tells_what_the_document_forbids(documents: Documents) -> None:
    call = Call(
        "POST", "/acme/_apis/wit/workitemsbatch", {}, {"ids": ["one"], "errorPolicy": "ignore"}, 200, b""
    )
    operation, document = documents.operation(call)
    (body,) = [parameter for parameter in operation["parameters"] if parameter.get("in") == "body"]
    assert len(documents.errors(body["schema"], document, call.body)) == 2
