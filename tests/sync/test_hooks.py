"""Hooks of each tool from end to end: set up at the tool, proved at the gateway, followed by a run."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from adapters.azure_devops.hooks import EVENTS, AzureDevOpsDoor
from adapters.base import Hint, Subscribed, Subscribes
from adapters.errors import HookRefused, SourceRefused
from adapters.graph_hooks import GraphDoor
from adapters.proof import ADDRESS_KEY, address_key
from adapters.spreadsheet import SpreadsheetAdapter, SpreadsheetOptions
from gateway.app import create_app
from register import hints
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.hooks import event
from tests.fakes.entra import FakeEntra
from tests.fakes.graph import FakeGraph
from tests.fakes.workbooks import RISK_HEADER, risk_rows, write_xlsx
from tests.fix_engine import Engine
from tests.fix_gateway import Server
from tests.fix_sources import AT_ONCE, azure_devops_adapter
from workers.following import keep_subscribed

SECRET = "a long random text"


@pytest.fixture
def site(database: str) -> Iterator[str]:
    doors = {"boards": AzureDevOpsDoor(SECRET), "raid": GraphDoor(SECRET)}
    with Server(create_app(database_url=database, secret=b"tests", doors=doors)) as url:
        yield url


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"portbook:{secret}".encode()).decode()}


async def test_a_work_item_azure_devops_tells_of_is_read_again(engine: Engine, site: str) -> None:
    with FakeAzureDevOps() as fake:
        fake.world.add_project("Alpha")
        items = [fake.add_item("Alpha", f"Item {n}") for n in range(5)]
        await engine.add_azure_devops(fake)
        await engine.sync("boards")
        fake.edit(items[2], **{"System.Title": "Renamed"})
        fake.delete(items[3])
        address = f"{site}/hooks/boards"
        told = (event(items[2].id), event(items[3].id, "workitem.deleted"))
        for what in told:
            assert httpx.post(address, json=what, headers=basic("guess")).status_code == 401
            assert httpx.post(address, json=what).status_code == 401
        assert await engine.count("hint") == 0
        for what in told:
            assert httpx.post(address, json=what, headers=basic(SECRET)).status_code == 202
        run = await engine.sync("boards", "hints")
    assert (run["mode"], run["state"]) == ("hints", "succeeded")
    rows = await engine.rows("work_item")
    assert rows[str(items[2].id)]["title"] == "Renamed"
    assert rows[str(items[3].id)]["presence"] == "deleted"
    assert rows[str(items[4].id)]["presence"] == "present"


def test_an_update_names_the_item_and_the_other_ends_of_its_links() -> None:
    what = event(297)
    what["resource"]["relations"] = {
        "added": [{"rel": "x", "url": "https://dev.azure.com/acme/_apis/wit/workItems/210"}],
        "removed": [{"rel": "AttachedFile", "url": "https://dev.azure.com/acme/_apis/wit/attachments/9"}],
    }
    door = AzureDevOpsDoor(SECRET)
    headers = {"authorization": basic(SECRET)["Authorization"]}
    assert door.receive({}, headers, orjson.dumps(what)).hints == [
        Hint("work_item", "297"),
        Hint("work_item", "210"),
    ]
    assert door.receive(
        {ADDRESS_KEY: address_key(SECRET)}, {}, orjson.dumps(event(8, "workitem.created"))
    ).hints == [Hint("work_item", "8")]
    assert door.receive({}, headers, orjson.dumps({"eventType": "build.complete"})).hints == []
    for fewer in (None, {"id": 12, "rev": 4}):
        assert door.receive({}, headers, orjson.dumps({**event(8), "resource": fewer})).hints == [Hint()]
    for odd in ("Basic ?", "Basic é", "Basic YTr/", "Basic"):
        with pytest.raises(HookRefused):
            door.receive({}, {"authorization": odd}, b"{}")


async def test_service_hooks_are_set_up_once_and_never_for_a_mere_reader() -> None:
    with FakeAzureDevOps() as fake:
        fake.world.add_project("Alpha")
        async with azure_devops_adapter(fake) as adapter:
            with pytest.raises(SourceRefused, match="Edit subscriptions"):
                await adapter.subscribe("https://pmo.example/hooks/boards", SECRET)
            fake.state.may_edit_hooks = True
            await adapter.subscribe("https://pmo.example/hooks/boards", "the old one")
            made = await adapter.subscribe("https://pmo.example/hooks/boards", SECRET)
        assert {hook["id"] for hook in fake.state.hooks} == {one.id for one in made}
        assert [hook["eventType"] for hook in fake.state.hooks] == list(EVENTS)
        assert {hook["consumerInputs"]["basicAuthPassword"] for hook in fake.state.hooks} == {SECRET}


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[FakeGraph]:
    with FakeEntra() as entra, FakeGraph(entra) as fake:
        content = write_xlsx(tmp_path / "made.xlsx", {"Risks": [RISK_HEADER, *risk_rows(2)]}).read_bytes()
        fake.world.add_site("pmo").put("Registers/RAID.xlsx", content)
        yield fake


def drive_adapter(fake: FakeGraph) -> SpreadsheetAdapter:
    options: dict[str, Any] = {
        "drive": {"site": fake.site("pmo"), "path": "Registers/*.xlsx", "graph": fake.base},
        "auth": fake.auth(),
        "sheets": [{"sheet": "Risks", "into": "risk", "key": "Risk ID"}],
    }
    return SpreadsheetAdapter(SpreadsheetOptions.model_validate(options), patience=AT_ONCE)


async def test_a_drive_tells_of_changes_until_its_subscription_is_renewed(
    engine: Engine, site: str, graph: FakeGraph
) -> None:
    await engine.add("raid", "spreadsheet", lambda: drive_adapter(graph), {})
    await engine.sync("raid")
    await engine.pool.execute("UPDATE source SET next_run_at = now() + interval '1 hour'")
    address = f"{site}/hooks/raid"
    async with drive_adapter(graph) as adapter:
        assert isinstance(adapter, Subscribes)
        (made,) = await adapter.subscribe(address, SECRET)  # the handshake goes through the gateway
        (made,) = await adapter.subscribe(address, SECRET)
        assert list(graph.state.subscriptions.by_id) == [made.id], "the one before is gone"
        assert made.expires_at is not None
        assert timedelta(days=29) < made.expires_at - datetime.now(UTC) < timedelta(minutes=42_300)
        await hints.note_subscription(engine.pool, "raid", made.id, datetime.now(UTC) + timedelta(days=3))

        async def again(one: Subscribes) -> list[Subscribed]:
            return await one.subscribe(address, SECRET)

        await keep_subscribed(engine.pool, "raid", adapter, again)
        renewed = await hints.subscriptions(engine.pool, "raid")
        assert renewed[made.id] > datetime.now(UTC) + timedelta(days=28)
        # Graph lost it, and it is nearly time: another one is made.
        graph.state.subscriptions.by_id.clear()
        await hints.note_subscription(engine.pool, "raid", made.id, datetime.now(UTC) + timedelta(days=3))
        await keep_subscribed(engine.pool, "raid", adapter, again)
        (name,) = graph.state.subscriptions.by_id
        assert list(await hints.subscriptions(engine.pool, "raid")) == [name]

    forged = graph.state.subscriptions.notification(name, clientState="guess")
    assert httpx.post(address, json=forged).status_code == 202
    assert await engine.count("hint") == 0
    assert httpx.post(address, json=graph.state.subscriptions.notification(name)).status_code == 202
    assert (await engine.sync("raid", "hints"))["state"] == "succeeded"
    assert await engine.pool.fetchval(
        "SELECT next_run_at <= clock_timestamp() FROM source WHERE key = 'raid'"
    )


@pytest.mark.parametrize(
    ("said", "renewed"), [("reauthorizationRequired", True), ("subscriptionRemoved", True), ("missed", False)]
)
async def test_a_subscription_that_graph_says_to_end_is_renewed_by_the_next_run(
    engine: Engine, site: str, graph: FakeGraph, said: str, renewed: bool
) -> None:
    """Though it was made or renewed a moment ago: Graph tells no more until then."""
    address = f"{site}/hooks/raid"

    async def again(one: Subscribes) -> list[Subscribed]:
        return await one.subscribe(address, SECRET)

    await engine.add("raid", "spreadsheet", lambda: drive_adapter(graph), {})
    engine.specs["raid"] = replace(engine.specs["raid"], subscribe=again)
    await engine.sync("raid")
    async with drive_adapter(graph) as adapter:
        (made,) = await adapter.subscribe(address, SECRET)
    await hints.note_subscription(engine.pool, "raid", made.id, made.expires_at)
    assert httpx.post(address, json=graph.state.subscriptions.lifecycle(made.id, said)).status_code == 202
    for mode in ("hints", "incremental"):
        assert (await engine.sync("raid", mode))["state"] == "succeeded"
    assert any(call.method == "PATCH" for call in graph.log) == renewed
    (name,) = graph.state.subscriptions.by_id
    known = await hints.subscriptions(engine.pool, "raid")
    assert list(known) == [name]
    assert known[name] > datetime.now(UTC) + timedelta(days=29)


async def test_a_renewal_that_cannot_be_understood_costs_no_run(
    engine: Engine, graph: FakeGraph, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.add("raid", "spreadsheet", lambda: drive_adapter(graph), {})
    await engine.sync("raid")
    async with drive_adapter(graph) as adapter:
        (made,) = await adapter.subscribe(f"{site}/hooks/raid", SECRET)
    await hints.note_subscription(engine.pool, "raid", made.id, datetime.now(UTC) + timedelta(days=3))
    monkeypatch.setattr(graph.state.subscriptions, "renew", lambda name, body: {"id": name})
    assert (await engine.sync("raid"))["state"] == "succeeded"


async def test_a_gateway_that_fails_the_handshake_gets_no_subscription(graph: FakeGraph, site: str) -> None:
    async with drive_adapter(graph) as adapter:
        with pytest.raises(SourceRefused, match="validation request failed"):
            await adapter.subscribe(f"{site}/hooks/nobody", SECRET)


async def test_files_on_disk_tell_nobody(tmp_path: Path) -> None:
    options = SpreadsheetOptions.model_validate({"files": ["*.xlsx"], "base_dir": tmp_path})
    async with SpreadsheetAdapter(options) as adapter:
        with pytest.raises(SourceRefused, match="tell nobody"):
            await adapter.subscribe("https://pmo.example/hooks/raid", SECRET)
