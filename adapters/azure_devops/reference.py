"""Projects and iterations: few, without a feed of their own, read whole each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

import orjson

from adapters.azure_devops.payload import instant
from adapters.azure_devops.site import Project, Site
from adapters.azure_devops.trees import Node
from adapters.base import Cursor, Page, RawRecord
from adapters.json_body import with_portbook

WHOLE: Cursor = {"read": "whole"}
_TOGETHER = 20


async def project_pages(site: Site) -> AsyncGenerator[Page, None]:
    records = []
    for project in await site.projects():
        extra = {"url": f"{site.http.base_url}/{project.id}"}
        payload, data = with_portbook(project.payload, dict(project.data), extra)
        changed = instant(project.data.get("lastUpdateTime"))
        records.append(RawRecord("project", project.id, payload, data, changed))
    yield Page(records, WHOLE, len(records))


async def iteration_pages(site: Site) -> AsyncGenerator[Page, None]:
    """Every iteration of the selected projects. Their dates and names change without a trace in any feed."""
    projects = await site.projects()
    for start in range(0, len(projects), _TOGETHER):
        part = projects[start : start + _TOGETHER]
        trees = await asyncio.gather(*(site.trees(project.id) for project in part))
        records = [
            _iteration(site, project, node)
            for project, tree in zip(part, trees, strict=True)
            for node in tree.iterations
        ]
        if records:
            yield Page(records, None)
    yield Page([], WHOLE)


def _iteration(site: Site, project: Project, node: Node) -> RawRecord:
    attributes = node.data.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    start, finish = instant(attributes.get("startDate")), instant(attributes.get("finishDate"))
    extra: dict[str, Any] = {"project": project.id, "path": node.path}
    # Midnight in UTC: the day stands in it, wherever people are.
    if start:
        extra["start_on"] = start.date().isoformat()
    if finish:
        extra["finish_on"] = finish.date().isoformat()
    if state := _state(start, finish, site.http.tool_now()):
        extra["state"] = state
    payload, data = with_portbook(orjson.dumps(node.data), dict(node.data), extra)
    return RawRecord("iteration", node.identifier, payload, data)


def _state(start: datetime | None, finish: datetime | None, now: datetime) -> str | None:
    """By its dates, as the tool's own `timeFrame` has it; the last day belongs to it."""
    if start and now < start:
        return "future"
    if finish and now >= finish + timedelta(days=1):
        return "past"
    return "current" if start else None
