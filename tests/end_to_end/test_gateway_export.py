"""Lists as files: every row, in the caller's own columns, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import openpyxl
import pytest

from register.keys import create_key
from tests.fix_gateway import RunningGateway, assert_problem, execute, insert, with_pool
from tests.fix_postgres import run_apart

PAY, WEB, ANA = UUID(int=1), UUID(int=2), UUID(int=3)
TITLES = [
    "=1+1",
    "\n+x",
    "-x",
    "＠x",
    "\tx",
    'a "b", c',
    "line\nbreak",
    "back\\slash \\. é 😀",
    "plain",
    None,
]
FIELDS = "key,title,owner:assignee{title},project{key,budget},due_on,is_blocked,labels,points,project{key}"


@pytest.fixture
def api(gateway: RunningGateway) -> Any:
    """Ten items with hostile titles, of two projects."""
    url = gateway.database_url
    insert(url, "person", [{"id": ANA, "key": "ana", "title": "Ana Díaz"}])
    insert(url, "project", [{"id": PAY, "key": "PAY", "budget": 10}, {"id": WEB, "key": "WEB"}])
    insert(
        url,
        "work_item",
        [
            {"id": UUID(int=100 + n), "key": f"W-{n}", "title": title, "project_id": PAY if n < 7 else WEB,
             "assignee_id": ANA if n == 5 else None, "due_on": date(2026, 1, 1 + n), "is_blocked": n == 5,
             "labels": ["a", "=b"] if n == 5 else None, "points": n, "resolved_at": None}
            for n, title in enumerate(TITLES)
        ],
    )  # fmt: skip
    with gateway.client() as client:
        yield client


def fetched(client: httpx.Client, path: str = "work_items", **parameters: str) -> httpx.Response:
    response = client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response


ASKED = "key,title,owner:assignee{title},project{key,budget},due_on,is_blocked,labels,points"


def test_csv_has_flat_columns_and_no_formula(api: httpx.Client) -> None:
    response = fetched(api, format="csv", fields=ASKED)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith('attachment; filename="work_items-20')
    rows = list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))
    assert list(rows[0]) == [
        "key", "title", "owner.title", "project.key", "project.budget", "due_on", "is_blocked", "labels", "points",
    ]  # fmt: skip
    assert [row["title"] for row in rows] == [
        *(f"'{title}" for title in TITLES[:5] if title), *TITLES[5:9], "",
    ]  # fmt: skip
    assert rows[5] == {
        "key": "W-5", "title": 'a "b", c', "owner.title": "Ana Díaz", "project.key": "PAY", "project.budget": "10",
        "due_on": "2026-01-06", "is_blocked": "true", "labels": '["a","=b"]', "points": "5",
    }  # fmt: skip


def test_csv_has_whole_names_of_columns_also_without_rows(api: httpx.Client) -> None:
    """PostgreSQL cuts names at 63 bytes: two columns would be called the same."""
    long = "a" * 60
    for condition, rows in (("key = 'W-0'", 1), ("key = 'none'", 0)):
        listed = f"key,project{{{long}:key,programme{{{long}:key}}}}"
        response = fetched(api, format="csv", fields=listed, filter=condition)
        heading, *found = response.text.splitlines()
        assert heading == f"key,project.{long},project.programme.{long}"
        assert len(found) == rows


def test_ndjson_is_the_api_s_own_rows_to_the_byte(api: httpx.Client) -> None:
    listed = "key,title,assignee{title},project{key,work_items(limit:2){key}}"
    lines = fetched(api, format="ndjson", fields=listed).content.decode().splitlines()
    assert [json.loads(line) for line in lines] == fetched(api, fields=listed).json()["data"]


def test_a_workbook_has_dates_numbers_and_texts_as_such(api: httpx.Client) -> None:
    response = fetched(api, format="xlsx", fields=ASKED)
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    sheet = book["work_items"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:I11"
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [row[1] for row in rows] == TITLES
    assert rows[5][4:9] == (10, datetime(2026, 1, 6), True, "a, =b", 5)
    assert {cell.data_type for cell in sheet["B"] if cell.value} == {"s"}


@pytest.mark.parametrize(
    "text",
    [
        "<r>x</r>",
        '<r></r></is></c><c r="C2"><f>HYPERLINK("http://evil.example","x")</f></c><c r="D2" t="inlineStr"><is><r></r>',
    ],
)
def test_a_workbook_has_no_markup_from_texts(api: httpx.Client, gateway: RunningGateway, text: str) -> None:
    """XlsxWriter writes texts of this form into the file as they are."""
    insert(gateway.database_url, "risk", [{"id": UUID(int=9), "key": "R-1", "title": text}])
    response = fetched(api, "risks", format="xlsx", fields="title,key")
    sheet = openpyxl.load_workbook(io.BytesIO(response.content))["risks"]
    ((title, key),) = sheet.iter_rows(min_row=2)
    assert (title.value, title.data_type, key.value) == (text, "s", "R-1")


def test_a_workbook_has_days_and_instants_before_1900_as_text(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    """A serial number of Excel counts from 1900: one below zero is shown as an error."""
    execute(
        gateway.database_url,
        "UPDATE work_item SET due_on = '1899-12-31', resolved_at = '1899-12-31 23:30+00' WHERE key = 'W-1'",
    )
    execute(
        gateway.database_url, "UPDATE work_item SET resolved_at = '1900-03-01 00:30+01:30' WHERE key = 'W-2'"
    )
    execute(
        gateway.database_url,
        "UPDATE work_item SET due_on = '1900-01-01', resolved_at = '1900-01-01 09:30Z' WHERE key = 'W-3'",
    )
    response = fetched(api, format="xlsx", fields="key,due_on,resolved_at")
    rows = list(openpyxl.load_workbook(io.BytesIO(response.content))["work_items"].values)
    assert rows[2] == ("W-1", "1899-12-31", "1899-12-31T23:30:00+00:00")
    assert rows[3] == ("W-2", datetime(2026, 1, 3), datetime(1900, 2, 28, 23))
    assert rows[4][2] == "1900-01-01T09:30:00+00:00"


def test_a_workbook_has_as_numbers_what_excel_can_add_up(api: httpx.Client, gateway: RunningGateway) -> None:
    """Excel rounds to 15 digits: of a fraction that is nothing, of an order number it is another order."""
    for key, budget in (("PAY", "100.0/3"), ("WEB", "1234567890123456789")):
        execute(gateway.database_url, f"UPDATE project SET budget = {budget} WHERE key = '{key}'")
    response = api.get("/api/v1/projects", params={"format": "xlsx", "fields": "budget", "order": "budget"})
    cells = openpyxl.load_workbook(io.BytesIO(response.content))["projects"]["A"][1:]
    assert [cell.data_type for cell in cells] == ["n", "s"]
    assert cells[0].value == pytest.approx(100 / 3)
    assert cells[1].value == "1234567890123456789"


@pytest.mark.parametrize("text", ["x" * 32_768, "😀" * 16_384], ids=["letters", "pairs"])
def test_a_workbook_says_what_no_cell_holds(api: httpx.Client, gateway: RunningGateway, text: str) -> None:
    """Excel counts a character beyond the first 65,536 twice, and refuses a file whose cells hold too much."""
    url = gateway.database_url
    for key, title in (("W-3", text), ("W-4", text), ("W-5", text[:-1])):
        execute(url, f"UPDATE work_item SET title = '{title}' WHERE key = '{key}'")
    response = fetched(api, format="xlsx", fields="key,title")
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    rows = list(book["work_items"].values)
    assert rows[6] == ("W-5", text[:-1])
    begun, mark, told = str(rows[4][1]).rpartition(" … [cut: ")
    assert mark
    assert text.startswith(begun)
    assert told == f"{len(text) - len(begun):,} of {len(text):,} characters are not here]"
    assert 32_700 < len(str(rows[4][1]).encode("utf-16-le")) // 2 <= 32_767
    assert book.sheetnames == ["work_items", "Cut"]
    assert [row[:2] for row in book["Cut"].values] == [
        ("Column", "Texts that are cut: a cell of Excel holds 32,767 characters. csv, ndjson and parquet have them whole."),
        ("title", 2),
    ]  # fmt: skip


def test_parquet_keeps_kinds(api: httpx.Client) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    table = parquet.read_table(io.BytesIO(fetched(api, format="parquet", fields=ASKED).content))
    row = table.to_pylist()[5]
    assert row["due_on"] == date(2026, 1, 6)
    assert row["labels"] == ["a", "=b"]
    assert row["is_blocked"] is True


def test_a_file_may_be_asked_for_by_accept_and_json_stays_json(api: httpx.Client) -> None:
    response = api.get("/api/v1/work_items", headers={"Accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    response = api.get(
        "/api/v1/work_items", headers={"Accept": "text/html,application/json;q=0.9,text/csv;q=0.8"}
    )
    assert response.headers["content-type"] == "application/json"
    assert fetched(api, format="json").headers["content-type"] == "application/json"


def test_filters_orders_limits_and_instants_hold_for_files(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    text = fetched(
        api,
        format="csv",
        fields="key",
        filter="points > 2 AND contains(key, 'W')",
        order="-points",
        limit="2",
    ).text
    assert text.splitlines() == ["key", "W-9", "W-8"]
    assert fetched(api, format="csv", fields="key", **{"project.key": "WEB"}).text.splitlines()[1:] == [
        "W-7",
        "W-8",
        "W-9",
    ]
    execute(
        gateway.database_url,
        "INSERT INTO work_item_history (id, key, presence, version, valid_from, valid_to) "
        "SELECT id, 'OLD', 'present', 1, '2026-01-01Z', '2026-02-01Z' FROM work_item WHERE points = 3",
    )
    response = fetched(api, format="csv", fields="key", as_of="2026-01-15")
    assert response.text.splitlines() == ["key", "OLD"]
    assert '"work_items-2026-01-15.csv"' in response.headers["content-disposition"]


def test_a_restricted_key_gets_its_rows_alone_and_exports_are_written_down(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    url = gateway.database_url
    key = run_apart(with_pool(url, lambda pool: create_key(pool, "web", rows={"projects": ["WEB"]})))
    with gateway.client(key) as client:
        for name in ("csv", "ndjson"):
            text = fetched(client, format=name, fields="key").text
            assert [n for n in range(10) if f"W-{n}" in text] == [7, 8, 9]
    noted = execute(url, "SELECT count(*) FROM audit WHERE action = 'exported' AND actor = 'web'")
    assert noted == 2


@pytest.mark.parametrize(
    ("parameters", "status", "code", "position"),
    [
        ({"format": "pdf"}, 400, "QRY008", 0),
        ({"format": "csv", "cursor": "x"}, 400, "QRY002", None),
        ({"format": "csv", "count": "true"}, 400, "QRY002", None),
        ({"format": "csv", "fields": "nothing"}, 400, "QRY002", 0),
        ({"format": "csv", "limit": "0"}, 400, "QRY001", 0),
        ({"format": "csv", "as_of": "2999-01-01"}, 400, "QRY001", 0),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_sent(
    api: httpx.Client, parameters: dict[str, str], status: int, code: str, position: int | None
) -> None:
    body = assert_problem(api.get("/api/v1/work_items", params=parameters), status, code)
    assert body.get("position") == position


def test_an_export_that_is_dropped_half_way_gives_its_connection_back(
    api: httpx.Client, gateway: RunningGateway
) -> None:
    execute(
        gateway.database_url,
        "INSERT INTO work_item (id, key, title) SELECT gen_random_uuid(), 'B-' || n, repeat('x', 500) "
        "FROM generate_series(1, 20000) n",
    )
    for _ in range(4):
        with api.stream("GET", "/api/v1/work_items", params={"format": "csv"}) as response:
            assert next(response.iter_raw())
    assert len(fetched(api, format="csv", fields="key").text.splitlines()) == 20_011


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_who_hangs_up_holds_nobody_up(api: httpx.Client, gateway: RunningGateway, form: str) -> None:
    """A key has one file written at a time; this one would be written for a quarter of an hour."""

    async def ask() -> int:
        connection = await asyncpg.connect(gateway.database_url)
        async with (
            connection.transaction(),
            httpx.AsyncClient(base_url=gateway.url, headers=api.headers) as client,
        ):
            await connection.execute("LOCK TABLE work_item")
            with pytest.raises(httpx.ReadTimeout):
                await client.get("/api/v1/work_items", params={"format": form}, timeout=0.5)
            answered = await client.get("/api/v1/projects", params={"format": form}, timeout=30)
        await connection.close()
        return answered.status_code

    assert run_apart(ask()) == 200
