"""A key that is restricted to some rows sees these through every door of the API, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest

from register.catalog import catalog
from register.keys import create_key
from register.query.scope import ABOVE, OPEN, Part, permitted
from tests.fix_gateway import RunningGateway, assert_problem, execute, insert, with_pool
from tests.fix_postgres import run_apart

BANK, ERP, CRM = UUID(int=1), UUID(int=11), UUID(int=12)
PAY, WEB, LAB = UUID(int=21), UUID(int=22), UUID(int=23)


class World(NamedTuple):
    gateway: RunningGateway
    scoped: httpx.Client

    def ids(self, path: str, **parameters: str) -> list[str]:
        return [row["id"] for row in self.get(path, fields="id", **parameters)]

    def get(self, path: str, **parameters: str) -> Any:
        response = self.scoped.get(f"/api/v1/{path}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def move(self, number: int, before: UUID, after: UUID, *, titles: tuple[str, str]) -> None:
        """Let the work item of this number have been in one project, under one title, till March, and in another
        since."""
        url, item = self.gateway.database_url, UUID(int=number)
        old, new = titles
        execute(
            url,
            f"UPDATE work_item SET version = 2, valid_from = '2026-03-01Z', project_id = '{after}', title = '{new}' "
            f"WHERE id = '{item}'",
        )
        execute(
            url,
            f"""
            INSERT INTO work_item_history (id, key, title, presence, version, valid_from, valid_to, project_id)
            VALUES ('{item}', 'W', '{old}', 'present', 1, '2026-01-01Z', '2026-03-01Z', '{before}')
            ON CONFLICT (id, version) DO UPDATE SET title = excluded.title, project_id = excluded.project_id,
              valid_from = excluded.valid_from, valid_to = excluded.valid_to
            """,
        )
        execute(
            url,
            f"INSERT INTO event (type, entity, entity_id, version, at) "
            f"VALUES ('changed', 'work_item', '{item}', 2, '2026-03-01Z')",
        )


@pytest.fixture
def world(gateway: RunningGateway) -> Iterator[World]:
    """PAY in ERP, WEB in CRM, both in BANK; LAB in nothing. The key sees ERP."""
    url = gateway.database_url
    insert(url, "portfolio", [{"id": BANK, "key": "BANK"}])
    insert(
        url,
        "programme",
        [{"id": ERP, "key": "ERP", "portfolio_id": BANK}, {"id": CRM, "key": "CRM", "portfolio_id": BANK}],
    )
    insert(
        url,
        "project",
        [
            {"id": PAY, "key": "PAY", "programme_id": ERP, "budget": 5},
            {"id": WEB, "key": "WEB", "programme_id": CRM, "budget": 7},
            {"id": LAB, "key": "LAB"},
        ],
    )
    insert(
        url,
        "work_item",
        [
            {"id": UUID(int=100 + n), "key": f"W-{n}", "project_id": p}
            for n, p in enumerate((PAY, WEB, LAB, None, PAY))
        ],
    )
    insert(
        url,
        "risk",
        [
            {"id": UUID(int=201), "key": "R-1", "project_id": WEB, "programme_id": ERP},
            {"id": UUID(int=202), "key": "R-2", "project_id": WEB},
        ],
    )
    insert(
        url,
        "dependency",
        [
            {
                "id": UUID(int=301),
                "key": "D-1",
                "from_work_item_id": UUID(int=101),
                "to_work_item_id": UUID(int=100),
            },
            {
                "id": UUID(int=302),
                "key": "D-2",
                "from_work_item_id": UUID(int=101),
                "to_work_item_id": UUID(int=102),
            },
        ],
    )
    key = run_apart(with_pool(url, lambda pool: create_key(pool, "partner", rows={"programmes": ["ERP"]})))
    with gateway.client(key) as client:
        yield World(gateway, client)


def test_a_list_shows_what_lies_in_the_scope_and_below_it(world: World) -> None:
    assert world.ids("projects") == [str(PAY)]
    assert world.ids("programmes") == [str(ERP)]
    assert world.ids("portfolios") == []
    assert world.ids("work_items") == [str(UUID(int=100)), str(UUID(int=104))]
    assert world.ids("risks") == [str(UUID(int=201))]
    assert world.ids("dependencies") == [str(UUID(int=301))]
    assert world.get("conflicts") == []


def test_relations_filters_and_orders_see_no_further(world: World) -> None:
    (risk,) = world.get("risks", fields="key,project{key},programme{key,portfolio{key}}")
    assert risk == {"key": "R-1", "project": None, "programme": {"key": "ERP", "portfolio": None}}
    (dependency,) = world.get("dependencies", fields="key,from_work_item{key},to_work_item{key}")
    assert dependency == {"key": "D-1", "from_work_item": None, "to_work_item": {"key": "W-0"}}
    assert world.ids("risks", filter="project.budget = 7") == []
    assert world.ids("programmes", filter="any(risks, any(project))") == []
    assert world.ids("risks", order="project.budget") == [str(UUID(int=201))]
    (project,) = world.get("projects", fields="work_items{key}")
    assert [item["key"] for item in project["work_items"]] == ["W-0", "W-4"]


@pytest.mark.parametrize("below", ["", "/history", "/explain"])
@pytest.mark.parametrize("reference", ["WEB", str(WEB)])
def test_a_row_outside_the_scope_is_not_there(world: World, reference: str, below: str) -> None:
    assert_problem(world.scoped.get(f"/api/v1/projects/{reference}{below}"), 404, "REG004")
    assert world.scoped.get("/api/v1/projects/PAY" + below).status_code == 200


def test_a_key_that_a_hidden_row_shares_is_not_ambiguous(world: World) -> None:
    insert(world.gateway.database_url, "risk", [{"id": uuid4(), "key": "R-1", "project_id": LAB}])
    assert world.get("risks/R-1")["id"] == str(UUID(int=201))


def test_a_key_that_a_hidden_row_had_last_leads_to_the_row_that_had_it_before(world: World) -> None:
    """Also where the hidden row's old key is the newer one: it is as if it were not there."""
    insert(
        world.gateway.database_url,
        "former_key",
        [
            {
                "entity": "project",
                "key": "OLD",
                "entity_id": row,
                "until": datetime(2026, month, 1, tzinfo=UTC),
            }
            for row, month in ((PAY, 1), (WEB, 3))
        ],
    )
    assert world.get("projects/OLD")["key"] == "PAY"
    with world.gateway.client() as everything:
        assert everything.get("/api/v1/projects/OLD").json()["data"]["key"] == "WEB"


def test_the_past_shows_no_more_than_the_present(world: World) -> None:
    url = world.gateway.database_url
    execute(
        url,
        f"""
        INSERT INTO project_history (id, key, presence, version, valid_from, valid_to, programme_id)
        SELECT id, key, 'present', 1, '2026-01-01Z', valid_from, '{ERP}'
        FROM project WHERE key IN ('WEB', 'PAY')
        """,
    )
    assert world.ids("projects", as_of="2026-01-02") == [str(PAY)]
    assert_problem(world.scoped.get("/api/v1/projects/WEB", params={"as_of": "2026-01-02"}), 404, "REG004")
    assert_problem(world.scoped.get("/api/v1/projects/WEB/history"), 404, "REG004")
    response = world.scoped.get("/api/v1/projects/diff", params={"from": "2025-01-01", "to": "2026-01-02"})
    assert response.status_code == 200


def test_what_was_part_of_a_programme_and_hangs_elsewhere_now_is_not_there(world: World) -> None:
    url = world.gateway.database_url
    execute(url, f"UPDATE project SET programme_id = '{CRM}', version = 2 WHERE id = '{PAY}'")
    assert world.get("projects", fields="key") == []
    assert world.get("memberships", fields="project_id,programme_id,portfolio_id") == [
        {"project_id": None, "programme_id": str(ERP), "portfolio_id": str(BANK)}
    ]
    execute(url, f"UPDATE project SET programme_id = '{ERP}', version = 2 WHERE id = '{WEB}'")
    told = world.get("memberships", fields="project_id,programme{key}", filter="project_id IS NOT NULL")
    assert {(row["project_id"], row["programme"] and row["programme"]["key"]) for row in told} == {
        (str(WEB), "ERP"), (str(WEB), None),
    }  # fmt: skip


def test_what_hung_below_a_row_then_and_hangs_elsewhere_now_is_not_there(world: World) -> None:
    """W-0 was in PAY, which the key sees, and moved to WEB, which it does not."""
    url = world.gateway.database_url
    world.move(100, PAY, WEB, titles=("secret", "secret"))
    execute(url, "UPDATE project SET valid_from = '2026-01-01Z'")
    then = {"as_of": "2026-02-01"}
    assert world.get("work_items", **then) == []
    fields = "key,work_items{title},work_items_count"
    assert world.get("projects", fields=fields, **then) == [
        {"key": "PAY", "work_items": [], "work_items_count": 0}
    ]
    assert world.get("projects", filter="any(work_items)", **then) == []
    groups = world.get("projects/aggregate", group_by="work_items_count", measures="n:count()", **then)
    assert groups == [{"work_items_count": 0, "n": 1}]
    with world.gateway.client() as everything:
        shown = everything.get("/api/v1/projects/PAY", params={"fields": fields, **then}).json()["data"]
    assert shown["work_items"] == [{"title": "secret"}]


def test_changes_tell_of_rows_in_the_scope_and_of_what_leaves_it(world: World) -> None:
    """Item 6e went from PAY to WEB, 6f came the other way: of 6e nothing is told any more but that it is gone."""
    url = world.gateway.database_url
    for item, version, project in ((110, 1, PAY), (111, 1, WEB), (110, 2, WEB), (111, 2, PAY)):
        twin, end = ("_history", f", '2026-01-0{version + 1}Z'") if version == 1 else ("", "")
        execute(
            url,
            f"""
            INSERT INTO work_item{twin} (id, key, presence, version, valid_from, project_id{", valid_to" if end else ""})
            VALUES ('{UUID(int=item)}', 'W', 'present', {version}, '2026-01-0{version}Z', '{project}'{end})
            """,
        )
        execute(
            url,
            f"""
            INSERT INTO event (type, entity, entity_id, version, changed, cause)
            VALUES ('{"created" if version == 1 else "changed"}', 'work_item', '{UUID(int=item)}', {version},
                    '{{"title": ["secret", "x"]}}', 'sync')
            """,
        )
    told = world.get("work_items/changes")
    assert [(event["type"], event["id"][-2:], event["version"]) for event in told] == [
        ("out_of_scope", "6e", 1),
        ("out_of_scope", "6e", 2),
        ("created", "6f", 2),
    ]
    assert [event["changed"] for event in told[:2]] == [{}, {}]
    assert told[2]["changed"]["project_id"] == [None, str(PAY)]
    assert "secret" not in str(told)


def test_changes_tell_nothing_of_what_a_project_was_while_it_hung_in_the_scope(world: World) -> None:
    url = world.gateway.database_url
    for version, programme in ((1, ERP), (2, ERP), (3, CRM)):
        twin, end = ("_history", f", '2026-01-0{version + 1}Z'") if version < 3 else ("", "")
        execute(
            url,
            f"""
            INSERT INTO project{twin} (id, key, title, presence, version, valid_from, programme_id{", valid_to" if end else ""})
            VALUES ('{UUID(int=120)}', 'LEFT', 'secret', 'present', {version}, '2026-01-0{version}Z', '{programme}'{end})
            """,
        )
        execute(
            url,
            f"""
            INSERT INTO event (type, entity, entity_id, version, changed, cause)
            VALUES ('{"created" if version == 1 else "changed"}', 'project', '{UUID(int=120)}', {version},
                    '{{"title": ["secret", "x"]}}', 'sync')
            """,
        )
    told = world.get("projects/changes")
    assert [(event["type"], event["version"], event["changed"]) for event in told] == [
        ("out_of_scope", version, {}) for version in (1, 2, 3)
    ]


def test_a_restricted_key_decides_nothing(world: World) -> None:
    response = world.scoped.post("/api/v1/links", json={})
    assert_problem(response, 403, "API003")


def test_what_came_to_lie_in_a_portfolio_counts(world: World) -> None:
    key = run_apart(
        with_pool(
            world.gateway.database_url,
            lambda pool: create_key(pool, "bank", rows={"portfolios": [str(BANK)]}),
        )
    )
    with world.gateway.client(key) as client:
        body = client.get("/api/v1/projects", params={"fields": "key"}).json()
    assert body["data"] == [{"key": "PAY"}, {"key": "WEB"}]


@pytest.mark.parametrize("entity", sorted(catalog()))
def test_every_table_says_who_may_see_it(entity: str) -> None:
    """A new entity that hangs on nothing is hidden until somebody says otherwise."""
    conditions = permitted(catalog()[entity], "e", lambda part: part.name, past=False)
    if entity in OPEN:
        assert conditions == []
    elif entity in ABOVE or any(field.ref in ABOVE for field in catalog()[entity].fields.values()):
        assert any(part.name in conditions[0] for part in Part)
    else:
        assert conditions == ["false"]


def test_a_diff_shows_nothing_of_a_version_outside_the_scope(world: World) -> None:
    """W-0 moved from PAY to WEB and was renamed there: it is not there any more, nor was it. W-1 came the other way."""
    world.move(100, PAY, WEB, titles=("open", "secret"))
    world.move(101, WEB, PAY, titles=("secret", "open"))
    told = world.get("work_items/diff", **{"from": "2026-02-01", "to": "2026-04-01"})
    assert {row["id"]: row["change"] for row in told} == {str(UUID(int=101)): "added"}
    assert "secret" not in str(told)
    assert str(WEB) not in str(told)
    for path in ("work_items/W-0", "work_items/W-0/history", "work_items/W-0/explain"):
        assert_problem(world.scoped.get(f"/api/v1/{path}", params={"as_of": "2026-02-01"}), 404, "REG004")
    assert [row["version"] for row in world.get("work_items/W-1/history")] == [2]


def test_numbers_of_all_callers_are_not_for_a_restricted_key(world: World) -> None:
    assert_problem(world.scoped.get("/metrics"), 403, "API003")
