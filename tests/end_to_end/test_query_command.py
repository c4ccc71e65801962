"""`portbook query` and `portbook keys` over a small register: tables for people, whole files for programs."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import openpyxl
import pytest

from register.catalog import collections
from tests.fix_gateway import insert
from tests.fix_warm import ROOT, Warm

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def portbook(database: str, redis_url: str, tmp_path: Path, warm: Warm) -> Run:
    """The command, over sixty projects of two programmes and no source."""
    (tmp_path / "portbook.yaml").write_text(
        "register: {database: {env: DATABASE_URL}, redis: {env: REDIS_URL}}\nsources: []\n"
    )
    insert(
        database, "programme", [{"id": UUID(int=n), "key": key} for n, key in enumerate(("ERP", "CRM"), 1)]
    )
    insert(
        database,
        "project",
        [
            {"id": UUID(int=100 + n), "key": f"P-{n:02}", "title": f"=Project [bold]{n}", "budget": 1_000_000 + n,
             "programme_id": UUID(int=1 + n % 2)}
            for n in range(60)
        ],
    )  # fmt: skip
    environment = {
        **os.environ,
        "NO_COLOR": "1",
        "COLUMNS": "160",
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(list(arguments), cwd=tmp_path, env=environment, timeout=60)

    return run


def test_a_table_shows_the_first_rows_and_a_file_all_of_them(portbook: Run, tmp_path: Path) -> None:
    asked = ("query", "projects", "--fields", "key,title,programme{key},budget", "--order", "-key")
    shown = portbook(*asked)
    assert shown.returncode == 0, shown.stderr
    assert "=Project [bold]59" in shown.stdout
    assert "1,000,059" in shown.stdout
    assert "P-09" not in shown.stdout
    assert "more than 50 rows" in shown.stderr
    rows = list(csv.DictReader(io.StringIO(portbook(*asked, "--format", "csv").stdout)))
    assert [row["key"] for row in rows] == [f"P-{n:02}" for n in reversed(range(60))]
    assert rows[0]["title"] == "'=Project [bold]59"
    found = json.loads(portbook(*asked, "--format", "json", "--limit", "2").stdout)
    assert found[1] == {
        "key": "P-58", "title": "=Project [bold]58", "programme": {"key": "ERP"}, "budget": 1000058,
    }  # fmt: skip
    assert portbook(*asked, "--format", "xlsx", "--output", str(tmp_path / "all.xlsx")).returncode == 0
    assert openpyxl.load_workbook(tmp_path / "all.xlsx").active.max_row == 61
    assert portbook("query", "projects", "--filter", "key = 'x'", "--format", "json").stdout.split() == [
        "[",
        "]",
    ]


def test_a_table_of_which_nobody_chose_the_fields_fits_a_terminal(portbook: Run) -> None:
    shown = portbook("query", "projects", "--limit", "3")
    assert shown.returncode == 0, shown.stderr
    header, rule, *rows = shown.stdout.strip().splitlines()
    assert header.split() == ["key", "title", "stage", "rag_reported", "finish_forecast_on"]
    assert [row.split()[0] for row in rows] == ["P-00", "P-01", "P-02"]  # a row is a line
    assert max(map(len, (header, rule, *rows))) <= 80
    assert "These are 5 of " in shown.stderr
    assert "--fields" in shown.stderr
    assert "These are" not in portbook("query", "projects", "--fields", "key").stderr
    rows = list(csv.DictReader(io.StringIO(portbook("query", "projects", "--format", "csv").stdout)))
    assert len(rows[0]) == 10


def test_every_collection_has_a_table(portbook: Run) -> None:
    for name in collections():
        shown = portbook("query", name)
        assert shown.returncode == 0, (name, shown.stderr)
        assert 3 <= len(shown.stdout.splitlines()[1].split()) <= 7, (name, shown.stdout)


def test_a_question_that_is_wrong_says_what_was_meant(portbook: Run, tmp_path: Path) -> None:
    wrong = portbook("query", "projects", "--filter", "titel = 'x'")
    assert wrong.returncode == 2
    assert "QRY002" in wrong.stderr
    assert "title" in wrong.stderr
    assert portbook("query", "projects", "--format", "pdf").returncode == 2
    for form in ("csv", "json", "xlsx"):
        output = str(tmp_path / "no" / f"x.{form}")
        nowhere = portbook("query", "projects", "--format", form, "--output", output)
        assert nowhere.returncode == 2, form
        assert f"x.{form} cannot be written: No such file" in nowhere.stderr
    for most in ("-1", "99999999999999999999"):
        assert portbook("status", "--findings", most).returncode == 2


def test_a_question_that_is_wrong_is_pointed_at(portbook: Run) -> None:
    wrong = portbook("query", "projects", "--filter", "(stage = 'delivery' AND key = 'P-01'")
    assert wrong.stderr.splitlines()[1:3] == ["  (stage = 'delivery' AND key = 'P-01'", " " * 38 + "^"]
    long = "key = 'P-01' OR " * 10 + "[red]é = 1"
    shown, mark = portbook("query", "projects", "--filter", long).stderr.splitlines()[1:3]
    assert (shown[:3], shown[-13:]) == ("  …", "OR [red]é = 1")
    assert shown[mark.index("^")] == "["


def test_a_key_may_be_restricted_and_may_end(portbook: Run) -> None:
    made = portbook(
        "keys", "create", "partner", "--programme", "ERP", "--project", "P-01", "--expires", "30d"
    )
    assert made.stdout.startswith("pb_")
    listed = json.loads(portbook("keys", "list", "--json").stdout)
    assert listed[0]["rows"] == {"programmes": [str(UUID(int=1))], "projects": [str(UUID(int=101))]}
    assert listed[0]["expires_at"]
    shown = portbook("keys", "list").stdout
    assert re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", shown), shown
    assert "+00:00" not in shown
    assert "1 programmes" in portbook("keys", "list").stdout
    assert "REG004" in portbook("keys", "create", "x", "--programme", "NO").stderr
    assert portbook("keys", "create", "x", "--expires", "2020-01-01").returncode == 2
    assert (
        "sees everything" in portbook("keys", "create", "x", "--scope", "admin", "--project", "P-01").stderr
    )


def test_who_reads_no_more_of_a_file_ends_the_command_quietly(
    portbook: Run, database: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "DATABASE_URL": database, "REDIS_URL": redis_url}
    rows = [{"id": UUID(int=1000 + n), "key": f"Q-{n}", "title": "x" * 900} for n in range(4000)]
    insert(database, "project", rows)
    command = f"{sys.executable} -m portbook --config {tmp_path}/portbook.yaml query projects --format"
    for form in ("csv", "ndjson", "json"):
        ended = subprocess.run(
            ["/bin/sh", "-c", f"{command} {form} | head -c 20"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (len(ended.stdout), ended.stderr) == (20, ""), form
