"""A register with configured sources, and runs of them in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.base import Adapter
from adapters.spreadsheet import SpreadsheetAdapter, SpreadsheetOptions
from portbook.config import Source
from portbook.wiring import KINDS, build_mapper
from register import runs
from register.db import Pool, open_pool
from register.models import ENTITIES
from register.policy import Policy
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.jira import FakeJira
from tests.fix_sources import azure_devops_adapter, jira_adapter
from workers.sync import SourceSpec, Syncer

CLOCKS = {"synced_at", "valid_from", "valid_to"}
"""Columns that tell when something was written here: two registers of the same truth differ in these alone."""


class Engine:
    """One register and the sources it reads."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.pool = pool
        self.folder = folder
        self.specs: dict[str, SourceSpec] = {}
        self.configured: dict[str, Source] = {}
        self.policy = Policy()

    async def add_jira(self, fake: FakeJira, name: str = "delivery", **options: Any) -> None:
        """Read this fake Jira as a source."""
        await self.add(name, "jira", lambda: jira_adapter(fake, **options), {"url": fake.url})

    async def add_azure_devops(self, fake: FakeAzureDevOps, name: str = "boards", **options: Any) -> None:
        """Read this fake Azure DevOps as a source."""
        await self.add(name, "azure_devops", lambda: azure_devops_adapter(fake, **options), {"url": fake.url})

    async def add_files(self, pattern: str, name: str = "pmo", **options: Any) -> None:
        """Read workbooks in the engine's folder as a source."""
        given = SpreadsheetOptions.model_validate(
            {"files": [pattern], "base_dir": self.folder, "settle_s": 0, **options}
        )
        await self.add(name, "spreadsheet", lambda: SpreadsheetAdapter(given), {})

    async def add(
        self, name: str, kind: str, open_adapter: Callable[[], Adapter], where: Mapping[str, str]
    ) -> None:

        options = KINDS[kind].model_construct(**where)
        source = Source(name, kind, timedelta(minutes=5), time(2), None, options, 1)
        self.configured[name] = source
        self.specs[name] = SourceSpec(name, open_adapter, lambda aliases: build_mapper(source, aliases))
        self.policy = replace(
            self.policy,
            sources=(*self.policy.sources, name),
            match={"project": ("code",), "person": ("email",)},
        )
        settings = [runs.SourceSetting(n, kind, None, 300, "02:00") for n in self.specs]
        await runs.register_sources(self.pool, settings)

    async def sync(
        self, name: str = "delivery", mode: str = "incremental", *, approved: bool = False
    ) -> dict[str, Any]:
        """Run a source now, and whatever that run calls for; returns the first run as it ended."""
        run_id = await runs.request_run(self.pool, name, mode, requested_by="test", approved=approved)
        syncer = Syncer(self.pool, self.specs, self.policy, holder="test")
        while jobs := [job for job in await runs.waiting_runs(self.pool) if job.source == name]:
            assert await syncer.work(jobs[0])
            if not await runs.open_run(self.pool, name):
                break
        return dict(await self.pool.fetchrow("SELECT * FROM run WHERE id = $1", run_id))

    async def run_once(self, name: str) -> dict[str, Any]:
        """An incremental run, without what it may call for."""
        run_id = await runs.request_run(self.pool, name, "incremental", requested_by="test")
        (job,) = [job for job in await runs.waiting_runs(self.pool) if job.source == name]
        assert await Syncer(self.pool, self.specs, self.policy, holder="test").work(job)
        return dict(await self.pool.fetchrow("SELECT * FROM run WHERE id = $1", run_id))

    async def rows(self, entity: str, where: str = "true") -> dict[str, dict[str, Any]]:
        """Current rows by source id, JSON values."""
        found = await self.pool.fetch(f"SELECT source_id, to_jsonb(t) FROM {entity} t WHERE {where}")
        return {source_id: orjson.loads(row) for source_id, row in found}

    async def count(self, table: str, where: str = "true") -> int:
        return int(await self.pool.fetchval(f"SELECT count(*) FROM {table} WHERE {where}"))

    async def findings(self) -> list[dict[str, Any]]:
        return [
            dict(row)
            for row in await self.pool.fetch("SELECT * FROM finding WHERE closed_at IS NULL ORDER BY id")
        ]

    async def touched(self) -> dict[str, int]:
        """Table → how many of its row versions exist and the newest transaction that wrote one."""
        tables = [
            *ENTITIES,
            *(f"{name}_history" for name in ENTITIES),
            "source_record",
            "claim",
            "event",
            "finding",
            "link",
            "absorbed",
        ]
        return {
            t: await self.pool.fetchval(f"SELECT coalesce(sum(xmin::text::bigint), 0) FROM {t}")
            for t in tables
        }


async def register_state(pool: Pool) -> dict[str, list[Any]]:
    """Everything the register says, in an order of its own, without the clock times of writing it."""
    state: dict[str, list[Any]] = {}
    for name in ENTITIES:
        for table in (name, f"{name}_history"):
            rows = await pool.fetch(f"SELECT to_jsonb(t) FROM {table} t ORDER BY id, version")
            documents = [{k: v for k, v in orjson.loads(row[0]).items() if k not in CLOCKS} for row in rows]
            if documents:
                state[table] = documents
    events = await pool.fetch(
        "SELECT type, entity, entity_id::text, version, changed, cause FROM event ORDER BY entity, entity_id, version"
    )
    state["event"] = [tuple(event) for event in events]
    claims = await pool.fetch(
        "SELECT record_id::text, entity, own_id::text, entity_id::text, values FROM claim ORDER BY 1, 2, 3"
    )
    state["claim"] = [tuple(claim) for claim in claims]
    records = await pool.fetch(
        "SELECT id::text, stream, source_id, presence, content_hash, payload FROM source_record ORDER BY 1"
    )
    state["source_record"] = [tuple(record) for record in records]
    return state


@pytest.fixture
async def engine(database: str, tmp_path: Path) -> AsyncIterator[Engine]:
    """A fresh register, without a source."""
    pool = await open_pool(database)
    yield Engine(pool, tmp_path)
    await pool.close()
