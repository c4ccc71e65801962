"""Whole runs over workbooks in a drive: what is fetched, what is kept, and what a lost grant does."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.http import Patience
from adapters.spreadsheet import SpreadsheetAdapter, SpreadsheetOptions
from adapters.spreadsheet import drive as drive_module
from tests.fakes.entra import FakeEntra
from tests.fakes.graph import FakeGraph
from tests.fakes.workbooks import RISK_HEADER, risk_rows, write_xlsx
from tests.fix_engine import Engine


async def test_runs_follow_a_drive_and_a_lost_grant_loses_nothing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def workbook(count: int) -> bytes:
        return write_xlsx(tmp_path / "made.xlsx", {"Risks": [RISK_HEADER, *risk_rows(count)]}).read_bytes()

    monkeypatch.setattr(drive_module, "_shelf", drive_module.Shelf())
    with FakeEntra() as entra, FakeGraph(entra) as graph:
        drive = graph.world.add_site("pmo")
        file = drive.put("Registers/RAID.xlsx", workbook(4))
        options = SpreadsheetOptions.model_validate(
            {
                "drive": {"site": graph.site("pmo"), "path": "Registers/*.xlsx", "graph": graph.base},
                "auth": graph.auth(),
                "sheets": [{"sheet": "Risks", "into": "risk", "key": "Risk ID"}],
            }
        )
        at_once = Patience(attempts=2, base=0, cap=0)
        await engine.add("raid", "spreadsheet", lambda: SpreadsheetAdapter(options, patience=at_once), {})

        assert (await engine.sync("raid", "full"))["state"] == "succeeded"
        assert await engine.count("risk", "presence = 'present'") == 4

        graph.fetched.clear()
        quiet = await engine.sync("raid")
        assert (quiet["state"], quiet["stored"], graph.fetched) == ("succeeded", 0, [])

        drive.rename(file, "RAID 2026.xlsx")
        drive.put("Registers/RAID 2026.xlsx", workbook(5))
        assert (await engine.sync("raid"))["state"] == "succeeded"
        assert await engine.count("risk", "presence = 'present'") == 5
        assert graph.fetched == ["RAID 2026.xlsx"]

        entra.apps[graph.app_id].roles = []
        entra.revoke_tokens()
        refused = await engine.sync("raid", "full")
        assert refused["state"] not in ("succeeded", "running")
        assert await engine.count("risk", "presence = 'present'") == 5
