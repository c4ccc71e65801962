"""A small portfolio, asked by OData."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from gateway.app import create_app
from portbook.stores.external import ask_postgres
from register.keys import create_key
from tests.fix_gateway import RunningGateway, Server, insert, with_pool
from tests.fix_postgres import on, run_apart

BANK, ERP, CRM = UUID(int=1), UUID(int=11), UUID(int=12)
PAY, WEB, LAB = UUID(int=21), UUID(int=22), UUID(int=23)
ANA, BO = UUID(int=31), UUID(int=32)


class Service(NamedTuple):
    gateway: RunningGateway
    client: httpx.Client

    def get(self, path: str, **headers: str) -> Any:
        response = self.raw(path, **headers)
        assert response.status_code == 200, response.text
        return response.json()

    def raw(self, path: str, **headers: str) -> httpx.Response:
        response = self.client.get(
            path if path.startswith("http") else f"/odata/v4/{path}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        assert response.headers["odata-version"] == "4.0"
        return response

    def keys(self, path: str) -> list[str]:
        return [row["Key"] for row in self.get(path)["value"]]

    def error(self, path: str, status: int, code: str) -> Any:
        """The error, which has one shape, and its details by code."""
        response = self.raw(path)
        assert response.status_code == status, response.text
        error = response.json()["error"]
        assert set(error) <= {"code", "message", "target", "details"}
        assert error["code"] == code, error
        assert error["message"]
        return {**error, **{detail["code"]: detail["message"] for detail in error.get("details", ())}}

    def all_pages(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        link: str | None = path
        while link:
            page = self.get(link)
            rows += page["value"]
            link = page.get("@odata.nextLink")
        return rows


def fill(url: str) -> None:
    insert(url, "portfolio", [{"id": BANK, "key": "BANK", "title": "Banking"}])
    insert(
        url,
        "programme",
        [{"id": ERP, "key": "ERP", "title": "Finance", "portfolio_id": BANK}, {"id": CRM, "key": "CRM"}],
    )
    insert(url, "person", [{"id": ANA, "key": "ana", "title": "Ana"}, {"id": BO, "key": "bo", "title": "Bo"}])
    insert(
        url,
        "project",
        [
            {"id": PAY, "key": "PAY", "title": "Payments", "programme_id": ERP, "budget": 100, "currency": "EUR",
             "rag_reported": "red", "manager_id": ANA, "tags": ["bank", "core"], "finish_planned_on": date(2026, 6, 30),
             "finish_forecast_on": date(2026, 8, 1), "stage": "delivery"},
            {"id": WEB, "key": "WEB", "title": "Web shop", "programme_id": CRM, "budget": 50.5, "currency": "EUR",
             "rag_reported": "green"},
            {"id": LAB, "key": "LAB", "title": None},
        ],
    )  # fmt: skip
    insert(
        url,
        "work_item",
        [
            {"id": UUID(int=100 + n), "key": f"W-{n:02}", "title": f"Item {n} o'{n}", "project_id": (PAY, WEB, None)[(n > 6) + (n > 8)],
             "status": "done" if n % 2 else "todo", "due_on": date(2026, 1 + n % 3, n), "points": n if n != 5 else None,
             "is_blocked": (True, False, None)[n % 3], "assignee_id": (ANA, BO, None)[n % 3],
             "resolved_at": datetime(2026, 1, 31, 23, 30, tzinfo=UTC) if n % 2 else None, "labels": ["a", f"l{n}"] if n % 2 else None,
             "level": n}
            for n in range(1, 10)
        ],
    )  # fmt: skip
    insert(
        url,
        "risk",
        [
            {"id": UUID(int=200 + n), "key": f"R-{n}", "project_id": PAY, "probability": n + 1, "impact": 5, "score": 5 * n + 5,
             "status": "open", "kind": "threat", "cost_impact": 1000, "currency": "EUR"}
            for n in range(3)
        ],
    )  # fmt: skip
    insert(
        url,
        "milestone",
        [
            {"id": UUID(int=401), "key": "M-1", "project_id": PAY, "baseline_on": date(2026, 3, 1), "forecast_on": date(2026, 3, 15), "slip_days": 10},
            {"id": UUID(int=402), "key": "M-2", "project_id": PAY, "baseline_on": date(2026, 4, 1), "planned_on": date(2026, 4, 1), "actual_on": date(2026, 4, 1), "slip_days": 0},
            {"id": UUID(int=403), "key": "M-3", "project_id": WEB, "planned_on": date(2026, 5, 1)},
        ],
    )  # fmt: skip


@pytest.fixture(scope="session")
def service(postgres: str, migrated_template: str) -> Iterator[Service]:
    """A service that all tests share: they read."""
    ask_postgres(postgres, f"CREATE DATABASE odata TEMPLATE {migrated_template} STRATEGY FILE_COPY")
    url = on(postgres, "odata")
    fill(url)
    key = run_apart(with_pool(url, lambda pool: create_key(pool, "tests")))
    with Server(create_app(database_url=url, pool_size=3, secret=b"tests", version="0.test")) as address:
        running = RunningGateway(address, url, key)
        with running.client() as client:
            yield Service(running, client)
    ask_postgres(postgres, "DROP DATABASE odata WITH (FORCE)")


@pytest.fixture
def own(gateway: RunningGateway) -> Iterator[Service]:
    """A service whose rows a test may change."""
    fill(gateway.database_url)
    with gateway.client() as client:
        yield Service(gateway, client)


@pytest.fixture(scope="session")
def partner(service: Service) -> Iterator[Service]:
    """The shared service, of a key that sees the programme ERP alone."""
    url = service.gateway.database_url
    key = run_apart(with_pool(url, lambda pool: create_key(pool, "partner", rows={"programmes": ["ERP"]})))
    with service.gateway.client(key) as client:
        yield Service(service.gateway, client)
