"""The plain loop: what a developer would write first. A model, httpx, and `session.merge` for each issue, with a
commit after each page. `python -m bench.sync.plain JIRA DATABASE`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import date, datetime
from typing import Any

import httpx
import orjson
from sqlalchemy import JSON, Column, DateTime
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.sync.fake import AUTHORIZATION, FIELDS

PAGE = 100


class PlainIssue(SQLModel, table=True):
    id: int = Field(primary_key=True)
    key: str = Field(index=True)
    title: str
    description: str | None = None
    project: str = Field(index=True)
    type: str
    status: str
    priority: str | None = None
    assignee: str | None = Field(default=None, index=True)
    reporter: str | None = None
    labels: str | None = None
    due_on: date | None = None
    estimate_hours: float | None = None
    spent_hours: float | None = None
    remaining_hours: float | None = None
    resolution: str | None = None
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True)))
    updated_at: datetime = Field(sa_column=Column(DateTime(timezone=True)))
    raw: dict[str, Any] = Field(sa_column=Column(JSON))


def text_of(node: Any) -> str:
    if node.get("type") == "text":
        return str(node["text"])
    return "\n".join(text_of(child) for child in node.get("content", ()))


def row_of(issue: dict[str, Any]) -> PlainIssue:
    fields = issue["fields"]

    def name(of: str, member: str = "name") -> Any:
        return fields[of][member] if fields.get(of) else None

    def hours(of: str) -> float | None:
        return fields[of] / 3600 if fields.get(of) is not None else None

    return PlainIssue(
        id=int(issue["id"]),
        key=issue["key"],
        title=fields["summary"],
        description=text_of(fields["description"]) if fields.get("description") else None,
        project=fields["project"]["key"],
        type=fields["issuetype"]["name"],
        status=fields["status"]["name"],
        priority=name("priority"),
        assignee=name("assignee", "accountId"),
        reporter=name("reporter", "accountId"),
        labels=",".join(fields["labels"]),
        due_on=date.fromisoformat(fields["duedate"]) if fields.get("duedate") else None,
        estimate_hours=hours("timeoriginalestimate"),
        spent_hours=hours("timespent"),
        remaining_hours=hours("timeestimate"),
        resolution=name("resolution"),
        created_at=datetime.fromisoformat(fields["created"]),
        updated_at=datetime.fromisoformat(fields["updated"]),
        raw=issue,
    )


async def load_all(jira: str, database: str, projects: int) -> int:
    engine = create_async_engine(database.replace("postgresql:", "postgresql+asyncpg:", 1))
    count = 0
    headers = {"Authorization": AUTHORIZATION}
    async with (
        httpx.AsyncClient(base_url=f"{jira}/rest/api/3/", headers=headers) as client,
        AsyncSession(engine) as session,
    ):
        found = (await client.get("project/search", params={"maxResults": 100})).json()["values"]
        for project in found[:projects]:
            question = {
                "jql": f"project = {project['id']} ORDER BY created",
                "fields": FIELDS,
                "maxResults": PAGE,
            }
            while True:
                page = (await client.post("search/jql", json=question, timeout=60)).json()
                for issue in page["issues"]:
                    await session.merge(row_of(issue))
                    count += 1
                await session.commit()
                if not page.get("nextPageToken"):
                    break
                question["nextPageToken"] = page["nextPageToken"]
    await engine.dispose()
    return count


async def main(jira: str, database: str, projects: int) -> None:
    engine = create_async_engine(database.replace("postgresql:", "postgresql+asyncpg:", 1))
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    await engine.dispose()
    started = time.perf_counter()
    issues = await load_all(jira, database, projects)
    print(orjson.dumps({"issues": issues, "wall_s": time.perf_counter() - started}).decode())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
