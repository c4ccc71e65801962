"""The pretended Dataverse, and what we ask of it, against lists of what the tables really have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.http import Patience
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from adapters.ms_project.dataverse_tables import OLDER, TABLES
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.dataverse.world import LINKS, SETS
from tests.fakes.entra import FakeEntra

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "dataverse-msdyn-entities.json"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    if not SPEC.exists():
        pytest.skip(f"{SPEC} is not here")
    found: dict[str, Any] = orjson.loads(SPEC.read_bytes())
    return found


def fits(value: Any, kind: str) -> bool:
    if value is None or kind.startswith("unknown"):
        return True
    if kind.startswith("guid"):
        return bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(value)))
    if kind.startswith("datetime"):
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(value)))
    if kind.startswith("integer"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind.startswith("number"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind.startswith("boolean"):
        return isinstance(value, bool)
    return isinstance(value, str)


def test_sets_and_keys_are_those_of_the_tables(spec: dict[str, Any]) -> None:
    assert dict(SETS.values()).items() <= spec["keys"].items()
    assert {table.set: table.key for table in TABLES}.items() <= spec["keys"].items()
    words = {
        "finish-to-finish": "FF",
        "finish-to-start": "FS",
        "start-to-finish": "SF",
        "start-to-start": "SS",
    }
    kinds = spec["option_sets"]["msdyn_projecttaskdependencylinktype"]
    assert {words[word]: int(number) for number, word in kinds.items()} == LINKS


async def test_rows_have_only_columns_that_were_seen_and_values_of_their_kind(spec: dict[str, Any]) -> None:
    with FakeEntra() as entra, FakeDataverse(entra) as fake:
        fake.world.generate(160, per_project=80)
        fake.state.wire.keep_answers = True
        given = {"api": "dataverse", "url": fake.url, "auth": fake.auth(), "per_second": 500}
        options = MsProjectOptions.model_validate(given)
        async with MsProjectAdapter(options, patience=Patience(base=0, cap=0)) as adapter:
            for partition in await adapter.partitions():
                async for _ in adapter.read(partition, None, full=True):
                    pass
        checked = 0
        for call in fake.log:
            live = spec["live"].get(call.path.rpartition("/")[2])
            if call.status != 200 or live is None:
                continue
            body = orjson.loads(call.answer)
            assert set(body) <= {"@odata.context", "value", "@odata.nextLink", "@odata.deltaLink"}
            for row in body["value"]:
                plain = {name: value for name, value in row.items() if "@OData.Community" not in name}
                assert set(plain) <= set(live), set(plain) - set(live)
                wrong = {name: value for name, value in plain.items() if not fits(value, live[name])}
                assert wrong == {}
                checked += 1
        assert checked > 200


def test_columns_we_ask_for_are_known(spec: dict[str, Any]) -> None:
    """Some environments alone have `OLDER`; tables nobody has listed cannot be compared."""
    for table in TABLES:
        live = spec["live"].get(table.set)
        if live is not None:
            assert set(table.columns) - set(live) <= OLDER, table.name
    older = spec["common_data_model"]
    assert "msdyn_linktype" in older["ProjectTaskDependency"]
    assert "msdyn_istemplate" in older["Project"]
    team = set(older["ProjectTeam"])
    (ours,) = [table for table in TABLES if table.name == "msdyn_projectteam"]
    lookups = {"_msdyn_project_value", "_msdyn_bookableresourceid_value"}
    assert set(ours.columns) - lookups - {"createdon", "modifiedon"} <= team
