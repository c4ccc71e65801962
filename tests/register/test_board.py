"""Questions that others copy: those of the board for Grafana and of docs/sql.md answer as the API does, also about rows
of which nobody has said a stage or a status."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from register.bi_logins import create_login, revoke_login
from register.catalog import catalog
from tests.fix_gateway import RunningGateway, insert

ROOT = Path(__file__).parents[2]
BOARD = json.loads((ROOT / "examples" / "grafana" / "portfolio.json").read_text("utf-8"))
PAGE = "".join(re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "sql.md").read_text("utf-8"), re.S)).split(
    ";"
)
PAST = date(2026, 1, 5)
ERP, PAY, OLD, ITEM = UUID(int=11), UUID(int=21), UUID(int=22), UUID(int=31)


def words(entity: str, field: str) -> list[str | None]:
    """Every word that the field may have, and none."""
    return [None, *(catalog()[entity].fields[field].choices or ())]


@pytest.fixture
def api(gateway: RunningGateway) -> Iterator[Callable[..., Any]]:
    """What `GET /api/v1/…` answers, over a project for each stage and a milestone, a risk and a work item for each
    status."""
    url = gateway.database_url
    insert(url, "programme", [{"id": ERP, "key": "ERP", "title": "Finance"}])
    insert(
        url, "project", [{"id": PAY, "key": "PAY", "title": "Pay", "programme_id": ERP, "stage": "delivery"}]
    )
    insert(
        url,
        "project",
        [
            {
                "id": uuid4(),
                "key": f"{stage}-{rag}",
                "stage": stage,
                "rag_reported": rag,
                "rag_computed": "red",
            }
            for stage in words("project", "stage")
            for rag in ("red", "green", None)
        ],
    )
    late = {"project_id": PAY, "baseline_on": PAST, "planned_on": PAST + timedelta(20)}
    states = list(enumerate(words("milestone", "status"), 20))
    insert(
        url,
        "milestone",
        [
            {"id": uuid4(), "key": f"{status}-{actual_on}", "status": status, **late, "actual_on": actual_on, "slip_days": days}
            for days, status in states
            for actual_on in (None, PAST)
        ],
    )  # fmt: skip
    insert(
        url,
        "risk",
        [
            {"id": uuid4(), "key": f"{status}-{score}", "status": status, "probability": 5, "impact": score // 5, "score": score}
            for status in words("risk", "status")
            for score in (10, 20)
        ],
    )  # fmt: skip
    insert(
        url,
        "work_item",
        [{"id": uuid4(), "key": f"W-{status}", "status": status} for status in words("work_item", "status")],
    )
    insert(
        url,
        "event",
        [{"type": "created", "entity": "project", "entity_id": PAY, "version": 1, "at": datetime.now(UTC)}],
    )
    insert(
        url,
        "finding",
        [
            {"id": uuid4(), "code": "A", "severity": "error", "message": "wrong", "closed_at": closed_at}
            for closed_at in (None, datetime.now(UTC))
        ],
    )
    with gateway.client() as client:

        def get(collection: str, condition: str = "", fields: str = "id") -> list[dict[str, Any]]:
            asked = {"fields": fields, "limit": 1000, **({"filter": condition} if condition else {})}
            found: httpx.Response = client.get(f"/api/v1/{collection}", params=asked)
            assert found.status_code == 200, found.text
            rows: list[dict[str, Any]] = found.json()["data"]
            return rows

        yield get


@pytest.fixture
async def reader(gateway: RunningGateway) -> AsyncIterator[asyncpg.Connection]:
    """A connection as a role that sees everything."""
    owner = await asyncpg.connect(gateway.database_url)
    name = f"bi_{uuid4().hex[:12]}"
    await create_login(owner, name)
    reader = await asyncpg.connect(gateway.database_url, user=name)
    yield reader
    await reader.close()
    await revoke_login(owner, name)
    await owner.close()


OPEN_RISK = "status NOT IN ('closed', 'occurred')"
OPEN_WORK = "status NOT IN ('done', 'cancelled')"
OPEN_MILESTONE = "actual_on IS NULL AND status NOT IN ('done', 'cancelled', 'missed')"
RED = "(rag_reported = 'red' OR rag_reported IS NULL AND rag_computed = 'red')"
SAME: dict[str, Callable[[Callable[..., Any]], list[tuple[Any, ...]]]] = {
    "Projects in delivery": lambda api: [(len(api("projects", "stage = 'delivery'")),)],
    "Red projects": lambda api: [(len(api("projects", f"{RED} AND stage NOT IN ('closed', 'cancelled')")),)],
    "Milestones overdue": lambda api: [
        (len(api("milestones", f"{OPEN_MILESTONE} AND planned_on < today()")),)
    ],
    "Open risks scored 15 or more": lambda api: [(len(api("risks", f"score >= 15 AND {OPEN_RISK}")),)],
    "Projects": lambda api: sorted(
        (row["key"],) for row in api("projects", "stage NOT IN ('closed', 'cancelled')", "key")
    ),
    "Worst slip of open milestones, working days": lambda api: [
        ("PAY", max(row["slip_days"] for row in api("milestones", OPEN_MILESTONE, "slip_days")))
    ],
    "Open risks by probability and impact": lambda api: [
        (5, 0, Counter(row["impact"] for row in api("risks", OPEN_RISK, "impact"))[2], 0)
    ],
    "Open work items at the end of each day": lambda api: [(len(api("work_items", OPEN_WORK)),)],
    "How fresh each source is": lambda api: [],
    "Open findings by rule": lambda api: [("A", "error", len(api("findings")))],
}
"""Title of a panel → the same answer from the API."""


@pytest.mark.parametrize("panel", BOARD["panels"], ids=lambda panel: panel["title"])
async def test_a_panel_shows_what_the_api_answers(
    api: Callable[..., Any], reader: asyncpg.Connection, panel: dict[str, Any]
) -> None:
    wanted = SAME[panel["title"]](api)
    (target,) = panel["targets"]
    rows = [tuple(row) for row in await reader.fetch(target["rawSql"])]
    if panel["title"] == "Open work items at the end of each day":
        rows = [row[1:] for row in rows]
    width = len(wanted[0]) if wanted else 0
    found = [row[:width] for row in rows]
    assert (sorted(found) if panel["title"] == "Projects" else found) == wanted


async def test_the_page_s_questions_answer_as_the_api_does(
    api: Callable[..., Any], reader: asyncpg.Connection
) -> None:
    slipping, work, findings, _, _ = PAGE
    late = api("milestones", f"{OPEN_MILESTONE} AND slip_days > 10", "slip_days")
    assert [tuple(row) for row in await reader.fetch(slipping)] == [
        ("ERP", len(late), max(row["slip_days"] for row in late))
    ]
    # The register is younger than a month's end: the last day that it has stands for it.
    at_the_end = work.replace("(d.month_start + interval '1 month - 1 day')::date", "current_date")
    assert at_the_end != work
    assert [row[1] for row in await reader.fetch(at_the_end)] == [len(api("work_items", OPEN_WORK))]
    assert [tuple(row) for row in await reader.fetch(findings)] == [("error", len(api("findings")))]


async def test_the_page_s_question_about_a_past_day_counts_what_hung_on_a_row_that_is_now_part_of_another(
    gateway: RunningGateway, reader: asyncpg.Connection
) -> None:
    url, now = gateway.database_url, datetime.now(UTC)
    until = {
        "presence": "present",
        "version": 1,
        "valid_from": now - timedelta(4),
        "valid_to": now - timedelta(1),
    }
    insert(url, "project", [{"id": PAY, "key": "PAY", "valid_from": now - timedelta(4)}])
    insert(url, "project_history", [{"id": OLD, "key": "OLD", **until}])
    insert(url, "absorbed", [{"id": OLD, "entity": "project", "entity_id": PAY}])
    insert(url, "work_item_history", [{"id": ITEM, "key": "W", "project_id": OLD, **until}])
    insert(
        url,
        "work_item",
        [{"id": ITEM, "key": "W", "project_id": PAY, "version": 2, "valid_from": now - timedelta(1)}],
    )
    event = {"type": "created", "entity": "project", "entity_id": PAY, "version": 1}
    insert(url, "event", [{**event, "at": now - timedelta(4)}])
    on_a_day = PAGE[3]
    assert [tuple(row) for row in await reader.fetch(on_a_day)] == [("OLD", 1)]
    today = on_a_day.replace("current_date - 2", "current_date")
    assert [tuple(row) for row in await reader.fetch(today)] == [("PAY", 1)]
