"""The fake Project Server, and the adapter's own requests, against the published reference of the feed."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.fakes.project_server import Call, FakeProjectServer, generated
from tests.fakes.project_server.app import KEYS
from tests.fix_project import server_adapter

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "projectdata-entities.json"
MSPDI = SPEC.with_name("mspdi-elements.json")

pytestmark = pytest.mark.skipif(
    not (SPEC.is_file() and MSPDI.is_file()),
    reason=f"the reference of the feed is not beside the repository ({SPEC})",
)

WIRE: dict[str, tuple[type, ...]] = {
    "Edm.String": (str,), "Edm.Guid": (str,), "Edm.Decimal": (str,), "Edm.DateTime": (str,), "Edm.Double": (float, int),
    "Edm.Int16": (int,), "Edm.Int32": (int,), "Edm.Byte": (int,), "Edm.Boolean": (bool,),
}  # fmt: skip


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(SPEC.read_bytes())
    return loaded


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Everything the adapter asks a server with something of everything, and what it is answered."""
    world = generated(2, 30)
    project = next(iter(world.sets["Projects"].values()))
    start = datetime(2026, 3, 2, 8)
    world.project_baseline(project, start, start + timedelta(days=90))
    task = next(row for row in world.sets["Tasks"].values() if row["TaskName"] == "Task 1")
    world.baseline(task, 0, start, start + timedelta(days=1), 8, 100)
    world.log(
        "Risks",
        project,
        "R",
        Probability=0.5,
        Impact=4.0,
        Exposure=2.0,
        Cost=1.0,
        CostExposure=0.5,
        Description="x",
    )
    world.log("Issues", project, "I", Priority="(1) High", Discussion="x", Resolution=None)
    world.log("Deliverables", project, "D", StartDate=start, FinishDate=start, Description=None)

    async def run(fake: FakeProjectServer) -> None:
        async with server_adapter(fake) as adapter:
            await adapter.check()
            await adapter.discover()
            await adapter.aliases()
            for partition in await adapter.partitions():
                cursor = None
                async for page in adapter.read(partition, None, full=True):
                    cursor = page.cursor
                async for _ in adapter.read(partition, cursor, full=False):
                    pass
            home = project["ProjectId"]
            for stream in ("pwa_task", "pwa_assignment", "pwa_risk", "pwa_issue", "pwa_deliverable"):
                await adapter.locate(stream, [f"{home}:{task['TaskId']}"], {})
            await adapter.locate("pwa_project", ["8c2a1f0e-6b1d-4e11-8f6d-00155d0a1b2c"], {})

    with FakeProjectServer(world, page_size=20) as fake:
        fake.wire.keep_answers = True
        asyncio.run(run(fake))
        return list(fake.log)


def entity_set(call: Call) -> str | None:
    found = re.search(r"/ProjectData/(?:\[en-US\]/)?([A-Za-z]+)$", call.path)
    return found[1] if found else None


def properties(spec: dict[str, Any], name: str) -> dict[str, Any]:
    entity = spec["entity_types"][spec["entity_sets"][name]]
    found: dict[str, Any] = entity["properties"]
    return found


def test_the_keys_of_the_fake_are_those_of_the_reference(spec: dict[str, Any]) -> None:
    for name, keys in KEYS.items():
        assert set(spec["entity_types"][spec["entity_sets"][name]]["keys"]) == set(keys), name


def test_every_request_names_sets_and_properties_that_are_documented(
    spec: dict[str, Any], calls: list[Call]
) -> None:
    asked = set()
    for call in calls:
        name = entity_set(call)
        if name is None:
            continue
        asked.add(name)
        known = properties(spec, name)
        assert set(call.query) <= {"$filter", "$select", "$orderby", "$top", "$skiptoken", "$inlinecount"}
        named = [
            part for option in ("$select", "$orderby") for part in call.query.get(option, [""])[0].split(",")
        ]
        condition = re.sub(r"(?:guid|datetime)?'[^']*'", "", call.query.get("$filter", [""])[0])
        named += re.findall(r"[A-Z]\w+", condition)
        assert {part for part in named if part} <= set(known), (call.path, named)
        assert not re.search(r"\beq '?[0-9a-f]{8}-", call.query.get("$filter", [""])[0]), (
            "a bare GUID is version 4"
        )
    assert asked == set(KEYS)


def test_every_answer_has_documented_properties_in_their_wire_types(
    spec: dict[str, Any], calls: list[Call]
) -> None:
    wrong: set[str] = set()
    seen: dict[str, set[str]] = {}
    for call in calls:
        name = entity_set(call)
        if name is None or call.status != 200:
            continue
        known = properties(spec, name)
        for row in orjson.loads(call.answer)["value"]:
            for field, value in row.items():
                if field not in known:
                    wrong.add(f"{name}.{field} is not documented")
                elif value is None:
                    if not known[field].get("nullable", True):
                        wrong.add(f"{name}.{field} is null")
                elif not isinstance(value, WIRE[known[field]["type"]]) or (
                    known[field]["type"] != "Edm.Boolean" and isinstance(value, bool)
                ):
                    wrong.add(f"{name}.{field} is {value!r}, not {known[field]['type']}")
            if "$select" not in call.query:
                seen.setdefault(name, set()).update(row)
    for name, fields in seen.items():
        wanted = {field for field, says in properties(spec, name).items() if not says.get("nullable", True)}
        wrong |= {f"{name}.{field} is never null, yet missing" for field in wanted - fields}
    assert wrong == set()


def test_elements_of_the_fake_plan_files_are_documented_and_in_order(spec: dict[str, Any]) -> None:
    from lxml import etree

    from tests.fakes.mspdi import START, Plan, baseline

    document = orjson.loads(MSPDI.read_bytes())
    added = {name for names in document["added_after_2007"].values() for name in names}
    plan = Plan("Harbour")
    first, second = plan.add_task("Dig"), plan.add_task("Pour", fields={"1": "x"}, percent=100)
    plan.link(first, second)
    second.baselines[0] = baseline(START, START, 8, 1)
    plan.assign(first, plan.add_person("Mia", "mia@example.org"), 8)
    plan.define(1, "Text1", "RAG")
    root = etree.fromstring(plan.xml().encode())
    sections = {
        "Task": ("tasks", "Tasks"),
        "Resource": ("resources", "Resources"),
        "Assignment": ("assignments", "Assignments"),
    }
    wrong = []
    for element, (page, section) in sections.items():
        order = [c["name"] for c in document["elements"][page][0]["children"][0]["children"]]
        for item in root.iterfind(f"{{*}}{section}/{{*}}{element}"):
            names = [etree.QName(child).localname for child in item]
            wrong += [f"{element}/{name}" for name in names if name not in order and name not in added]
            places = [order.index(name) for name in names if name in order]
            if places != sorted(places):
                wrong.append(f"{element}: {names}")
    assert wrong == []
