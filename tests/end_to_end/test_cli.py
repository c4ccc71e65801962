"""The command line as a newcomer meets it: the demo's configuration, extended and then broken."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from portbook import __version__
from portbook.demo import CONFIG, PLANS_MAPPING
from portbook.demo_boards import organisation
from portbook.demo_plans import write_plans
from portbook.demo_workbook import write_pmo_workbook
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import believable
from tests.fix_warm import ROOT, Warm

TOKEN = "a-secret-nobody-must-see"
PMO_LINE = CONFIG[: CONFIG.index("- name: pmo")].count("\n") + 1


NEEDED_BY_FEW = {
    "alembic",
    "arq",
    "fastapi",
    "graphql",
    "msal",
    "openpyxl",
    "pyarrow",
    "starlette",
    "xlsxwriter",
}
OURS = {"adapters", "gateway", "mapping", "register", "workers"}


class Shell:
    """Runs `portbook` in the demo's folder."""

    jira: FakeJira

    def __init__(self, folder: Path, environment: dict[str, str], warm: Warm) -> None:
        self.folder = folder
        self._warm = warm
        self.config = folder / "portbook.yaml"
        self.database = environment["DATABASE_URL"]
        self._environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **environment}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self._warm.run(list(arguments), cwd=self.folder, env=self._environment, timeout=120)
        assert "Traceback" not in done.stderr, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done

    def run_cold(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As people start it."""
        command = [sys.executable, "-m", "portbook", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=120
        )

    def imported(self, *arguments: str) -> set[str]:
        """The packages that a command imports as people start it."""
        command = [sys.executable, "-X", "importtime", "-m", "portbook", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout
        names = [
            line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line
        ]
        return {name.partition(".")[0] for name in names}

    def change(self, before: str, after: str) -> int:
        """Edit the configuration; returns the line of the edit, from 1."""
        text = self.config.read_text()
        assert before in text
        self.config.write_text(text.replace(before, after, 1))
        changed = text[: text.index(before)].count("\n") + 1
        return changed + after[: len(after) - len(after.lstrip("\n"))].count("\n")


@pytest.fixture
def shell(database: str, redis_url: str, tmp_path: Path, warm: Warm) -> Iterator[Shell]:
    """The demo's folder with its pretended tools running, on the tests' own stores."""
    today = date(2026, 11, 22)
    world = believable(today)
    world.add_project("OPS", "Operations")
    world.add_issue("OPS", "Rotate the certificates")
    (tmp_path / "registers").mkdir()
    write_pmo_workbook(tmp_path / "registers" / "pmo.xlsx", today)
    write_plans(tmp_path / "plans", today)
    (tmp_path / "plans.mapping.yaml").write_text(PLANS_MAPPING)
    for name in ("jira-token", "boards-token"):
        (tmp_path / name).write_text(TOKEN)
    with FakeJira(world, secret=TOKEN) as jira, FakeAzureDevOps(organisation(today), secret=TOKEN) as boards:
        found = Shell(tmp_path, {"DATABASE_URL": database, "REDIS_URL": redis_url}, warm)
        found.jira = jira
        ports = {"jira_port": urlsplit(jira.url).port, "boards_port": urlsplit(boards.url).port}
        text = CONFIG.format(gateway_port=0, **ports)
        stores = "register: {database: embedded, redis: embedded, data_dir: data}"
        assert stores in text
        found.config.write_text(
            text.replace(stores, "register: {database: {env: DATABASE_URL}, redis: {env: REDIS_URL}}")
        )
        yield found


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        ("--version", {*NEEDED_BY_FEW, *OURS, "httpx", "pydantic", "sqlalchemy"}),
        ("--help", {*NEEDED_BY_FEW, *OURS, "httpx", "pydantic", "sqlalchemy"}),
        ("status", {*NEEDED_BY_FEW, "httpx"}),
        ("check pmo", NEEDED_BY_FEW),
    ],
)
def test_a_command_imports_what_it_needs_alone(shell: Shell, arguments: str, unused: set[str]) -> None:
    """A person waits for it: graphql-core and Alembic alone take half a second."""
    assert shell.imported(*arguments.split()) & unused == set()


def test_a_newcomer_adds_a_project_and_a_spreadsheet_with_two_sheets(shell: Shell) -> None:
    (shell.folder / "registers" / "ops.csv").write_text("Action ID,Project,Title\nA-1,OPS,Order cables\n")
    shell.change("projects: [PAY, WEB, DWH]", "projects: [PAY, WEB, DWH, OPS]")
    shell.change(
        "\nidentity:",
        "\n  - name: raid\n    kind: spreadsheet\n    files: [registers/pmo.xlsx]\n    sheets:\n"
        "      - {sheet: Risks, into: risk, key: Risk ID}\n      - {sheet: Actions, into: action}\n\nidentity:",
    )
    checked = shell.run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    synced = shell.run("sync", "--json")
    assert synced.returncode == 0, synced.stderr
    runs = {run["source"]: run for run in json.loads(synced.stdout)}
    assert {run["state"] for run in runs.values()} == {"succeeded"}
    assert runs["raid"]["stored"] > 5
    status = json.loads(shell.run("status", "--json").stdout)
    assert {source["source"]: source["state"] for source in status["sources"]} == dict.fromkeys(
        runs, "succeeded"
    )
    again = json.loads(shell.run("sync", "--json").stdout)
    assert {run["rows_changed"] for run in again} == {0}


def test_the_demo_portfolio_is_one_row_a_project_told_by_four_tools(shell: Shell) -> None:
    assert shell.run("sync", "pmo").returncode == 0  # the PMO's list first, as the demo has it
    done = shell.run("sync", "--json")
    assert {run["state"] for run in json.loads(done.stdout)} == {"succeeded"}

    def told(question: str) -> set[tuple[Any, ...]]:
        return set(asyncio.run(ask_all(shell.database, question)))

    projects = """
        SELECT p.code, string_agg(DISTINCT c.source, ' ' ORDER BY c.source)
        FROM project p JOIN claim c ON c.entity_id = p.id GROUP BY p.id
    """
    assert told(projects) == {
        ("PAY", "boards delivery plans pmo"), ("WEB", "delivery pmo"), ("DWH", "delivery pmo"),
        ("ERP", "boards plans pmo"), ("MOV", "plans pmo"),
    }  # fmt: skip
    assert told("SELECT count(*), count(DISTINCT email) FROM person") == {(10, 10)}
    conflicts = "SELECT p.code, c.field, c.winner FROM conflict c JOIN project p ON p.id = c.entity_id"
    assert told(conflicts) == {
        ("PAY", "percent_complete", "plans"), ("PAY", "delivery_method", "pmo"),
        ("ERP", "finish_baseline_on", "plans"), ("ERP", "forecast_cost", "pmo"), ("ERP", "delivery_method", "pmo"),
    }  # fmt: skip
    assert told("SELECT source, code, value FROM finding WHERE state = 'open' AND rule_id IS NULL") == {
        ("boards", "MAP102", "Data request")
    }
    assert told("SELECT count(*) > 0 FROM finding WHERE rule_id IS NOT NULL") == {(True,)}
    across = """
        SELECT f.code, t.code FROM dependency d JOIN project f ON f.id = d.from_project_id
        JOIN project t ON t.id = d.to_project_id
    """
    assert told(across) >= {("ERP", "WEB"), ("PAY", "DWH")}  # from boards and plan to Jira


def test_a_forked_command_says_and_ends_as_one_that_was_started(shell: Shell) -> None:
    for arguments in (("chek",), ("schema", "config")):
        forked, started = shell.run(*arguments), shell.run_cold(*arguments)
        assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout), arguments
        assert forked.stderr == started.stderr, arguments


def test_a_command_that_is_stopped_while_it_loads_ends_as_one_that_is_stopped_later(shell: Shell) -> None:
    (shell.folder / "typer.py").write_text("raise KeyboardInterrupt")
    done = subprocess.run(
        [sys.executable, "-m", "portbook", "status"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(shell.folder)}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "stopped\n")


def test_the_version_is_told_as_people_ask_for_it(shell: Shell) -> None:
    assert shell.run("--version").stdout == shell.run("version").stdout == f"{__version__}\n"


def test_an_unknown_key_names_its_line_and_the_right_word(shell: Shell) -> None:
    line = shell.change("every: 1m", "evry: 1m")
    done = shell.run("check")
    assert done.returncode == 2
    assert f"portbook.yaml:{line}:5: unknown key 'evry' (did you mean 'every'?)" in done.stderr


def test_a_source_named_twice_names_both_lines(shell: Shell) -> None:
    line = shell.change("- name: pmo", "- name: delivery")
    done = shell.run("check")
    assert done.returncode == 2
    assert (
        f"portbook.yaml:{line}:5: the source name 'delivery' is used twice (first in line 6)" in done.stderr
    )


@pytest.mark.parametrize("command", ["check", "sync"])
def test_a_wrong_token_names_the_source_and_what_to_do(shell: Shell, command: str) -> None:
    (shell.folder / "jira-token").write_text("another")
    done = shell.run(command)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "delivery (portbook.yaml:6)" in said
    assert "401" in said
    assert "Check the account and its token" in said
    assert "another" not in said.replace("another address", "")


def test_a_source_that_is_paused_is_not_due_and_says_how_it_goes_on(shell: Shell) -> None:
    (shell.folder / "jira-token").write_text("another")
    done = shell.run("sync", "delivery")
    assert done.returncode == 1
    assert "`portbook sync delivery` resumes it" in done.stdout
    done = shell.run("status")
    assert done.returncode == 1
    (row,) = (line for line in done.stdout.splitlines() if line.lstrip().startswith("delivery "))
    assert re.search(r" paused .* 0$", row.rstrip()), row
    assert "`portbook sync delivery` resumes it" in done.stdout
    (shell.folder / "jira-token").write_text(TOKEN)
    assert shell.run("sync", "delivery").returncode == 0
    assert "resumes it" not in shell.run("status").stdout


def test_an_address_of_another_machine_is_not_told_as_one_that_is_taken(shell: Shell) -> None:
    shell.change("listen: 127.0.0.1:0", "listen: 203.0.113.7:8080")
    done = shell.run("serve")
    assert done.returncode == 2
    assert "cannot listen on 203.0.113.7:8080" in done.stderr
    assert "an address of this machine" in done.stderr


@pytest.mark.parametrize("command", ["check", "sync"])
def test_a_missing_file_names_the_source_and_the_files_there_are(shell: Shell, command: str) -> None:
    shell.change("registers/pmo.xlsx", "registers/pmx.xlsx")
    done = shell.run(command)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"pmo (portbook.yaml:{PMO_LINE})" in said
    assert "No file matches 'registers/pmx.xlsx'" in said
    assert "There are: pmo.xlsx" in said


@pytest.mark.parametrize("command", ["check", "sync"])
def test_an_unknown_column_names_file_sheet_and_the_column_meant(shell: Shell, command: str) -> None:
    shell.change(
        "[registers/pmo.xlsx]",
        "[registers/pmo.xlsx]\n    sheets: [{sheet: Risks, into: risk, key: Risk Idd}]",
    )
    done = shell.run(command)
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert f"pmo (portbook.yaml:{PMO_LINE})" in said
    assert "No column 'Risk Idd' in registers/pmo.xlsx, sheet Risks" in said
    assert "SRC008" in said
    assert "SRC001" not in said
    assert "Did you mean 'Risk ID'?" in said


def test_a_selected_project_that_is_not_there_is_not_fine(shell: Shell) -> None:
    shell.change("projects: [PAY, WEB, DWH]", "projects: [PAY, WEB, DHW]")
    done = shell.run("check", "delivery")
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert "delivery not fine" in said
    assert "delivery (portbook.yaml:6) SRC003 project DHW of select.projects is not visible" in said
    assert "→ Did you mean 'DWH'?" in said
    assert shell.run("sync", "delivery").returncode == 0  # the others are read


def test_a_complete_run_follows_one_that_was_put_off(shell: Shell) -> None:
    assert shell.run("sync", "pmo").returncode == 0
    put_off = asyncio.run(put_off_run(shell.database, "pmo"))
    left = shell.run("sync", "pmo", "--full", "--no-wait")
    assert left.returncode == 1
    assert "pmo: another run is under way" in left.stderr
    done = shell.run("sync", "pmo", "--full", "--approve", "--json")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)
    assert (run["mode"], run["state"]) == ("full", "succeeded")
    assert run["id"] != put_off
    ended = asyncio.run(ask(shell.database, "SELECT mode, state, approved FROM run WHERE id = $1", put_off))
    assert ended == ("incremental", "succeeded", False)
    approved = asyncio.run(ask(shell.database, "SELECT approved FROM run WHERE id = $1", run["id"]))
    assert approved == (True,)


async def put_off_run(database: str, source: str) -> int:
    """An incremental run that was begun and waits for its next attempt."""
    command = """
        INSERT INTO run (source, mode, state, requested_by, approved, attempts, not_before)
        VALUES ($1, 'incremental', 'queued', 'schedule', false, 1, now() + interval '1 hour') RETURNING id
    """
    return int((await ask(database, command, source))[0])


async def ask_all(database: str, question: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(database)
    try:
        return [tuple(row) for row in await connection.fetch(question)]
    finally:
        await connection.close()


async def ask(database: str, question: str, *values: object) -> tuple[Any, ...]:
    connection = await asyncpg.connect(database)
    try:
        return tuple(await connection.fetchrow(question, *values))
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'",
         "STO001 PostgreSQL has no room left: could not extend file: No space left on device"),
        ("PERFORM pg_terminate_backend(pg_backend_pid())", "STO001 PostgreSQL went away in the middle: "),
    ],
)  # fmt: skip
def test_a_database_that_is_lost_in_the_middle_is_told_as_what_it_is(
    shell: Shell, what: str, said: str
) -> None:
    assert shell.run("status").returncode == 0
    asyncio.run(
        execute(
            shell.database,
            f"CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {what}; RETURN NEW; END $$;"
            "CREATE TRIGGER lose BEFORE INSERT ON source_record FOR EACH ROW EXECUTE FUNCTION lose()",
        )
    )
    done = shell.run("sync")
    assert done.returncode == 1
    assert said in done.stderr
    assert "what was read is kept" in done.stderr
    assert "defect" not in done.stderr


async def execute(database: str, commands: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(commands)
    finally:
        await connection.close()


def test_consent_to_vanishing_is_given_for_named_sources_only(shell: Shell) -> None:
    done = shell.run("sync", "--full", "--approve")
    assert done.returncode == 2
    assert "--approve needs the name of a source" in done.stderr


def test_a_literal_secret_is_refused_without_repeating_it(shell: Shell) -> None:
    shell.change("{file: jira-token}", TOKEN)  # Shell.run asserts that it is not shown
    done = shell.run("check")
    assert done.returncode == 2
    assert "a secret must not stand in this file" in done.stderr


def test_discover_shows_fields_samples_and_what_becomes_of_them(shell: Shell) -> None:
    done = shell.run("discover", "delivery")
    assert done.returncode == 0, done.stderr
    assert "work_item.title" in done.stdout
    assert "kept as sent, not mapped" in done.stdout
    assert "fields.summary" in done.stdout
    done = shell.run("discover", "pmo")
    (line,) = [line for line in done.stdout.splitlines() if 'cells."objectives"' in line and "Grow" in line]
    assert "portfolio.objectives_text" in line


def test_map_shows_the_row_a_record_becomes(shell: Shell) -> None:
    record = {"id": "7", "key": "PAY-7", "fields": {"summary": "Pay by card", "duedate": "2026-13-01"}}
    (shell.folder / "record.json").write_text(json.dumps(record))
    done = shell.run("map", "jira", "record.json", "--stream", "issue")
    assert done.returncode == 1
    assert "Pay by card" in done.stdout
    assert "due_on cannot be read from '2026-13-01': month must be in 1..12" in done.stdout


def test_keys_are_made_listed_and_withdrawn(shell: Shell) -> None:
    key = shell.run("keys", "create", "excel").stdout.strip()
    assert key.startswith("pb_")
    listed = shell.run("keys", "list").stdout
    assert "excel" in listed
    assert key not in listed
    assert shell.run("keys", "revoke", "excel").returncode == 0
    assert shell.run("keys", "revoke", "excel").returncode == 1


def test_hooks_that_nothing_calls_or_that_have_no_secret_are_found(shell: Shell) -> None:
    for source, what in (("plans", "ms_project with `api: files`"), ("pmo", "a folder")):
        done = shell.run("hooks", "install", source)
        assert done.returncode == 2
        assert f"source '{source}': {what} sends no notifications" in done.stderr
        assert "There is nothing to set up" in done.stderr
    shell.change(
        "    files: [registers/pmo.xlsx]",
        "    files: [registers/pmo.xlsx]\n    hooks: {secret: {file: jira-token}}",
    )
    done = shell.run("check", "pmo")
    assert done.returncode == 1
    assert "source 'pmo': a folder sends no notifications" in done.stderr
    assert "Remove `hooks`" in done.stderr
    shell.change("    every: 1m", "    every: 1m\n    hooks: {secret: {file: not-there}}")
    done = shell.run("check", "delivery")
    assert done.returncode == 1
    assert "not-there cannot be read" in done.stderr


def test_hooks_are_set_up_by_the_tool_or_by_hand_and_listed(shell: Shell) -> None:
    (shell.folder / "hook-secret").write_text(TOKEN)
    done = shell.run("hooks", "install", "delivery")
    assert done.returncode == 2
    assert "source 'delivery' has no `hooks`" in done.stderr
    assert "portbook.yaml:6" in done.stderr
    shell.change("    every: 1m", "    every: 1m\n    hooks: {secret: {file: hook-secret}}")
    done = shell.run("hooks", "install", "delivery")
    assert done.returncode == 2
    assert "Set `gateway: {public_url: https://…}`" in done.stderr
    shell.change("gateway: {", "gateway: {public_url: https://pmo.example, ")
    done = shell.run("hooks", "install", "delivery")
    assert done.returncode == 1
    assert "It takes an administrator" in done.stderr
    assert (
        "System > WebHooks > Create a WebHook\n  URL      https://pmo.example/hooks/delivery" in done.stdout
    )
    assert listed(shell)["delivery"] == ["/hooks/delivery", "0", "0"]
    shell.jira.state.administrator = True
    done = shell.run("hooks", "install", "delivery")
    assert done.returncode == 0, done.stderr
    assert "https://pmo.example/hooks/delivery" in done.stdout
    (hook,) = shell.jira.state.webhooks
    assert (hook["url"], hook["secret"]) == ("https://pmo.example/hooks/delivery", TOKEN)
    asyncio.run(ask(shell.database, LEAVE_HINT))
    assert listed(shell) == {
        "source": ["comes in at", "set up by us", "waiting"],
        "delivery": ["/hooks/delivery", "1", "1"],
        "boards": ["off", "0", "0"],
        "plans": ["off", "0", "0"],
        "pmo": ["off", "0", "0"],
    }


LEAVE_HINT = "INSERT INTO hint (source, stream, item) VALUES ('delivery', 'issue', '7') RETURNING item"


def listed(shell: Shell) -> dict[str, list[str]]:
    """Source → its cells in `portbook hooks list`."""
    done = shell.run("hooks", "list")
    assert done.returncode == 0, done.stderr
    rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()]
    return {row[0]: row[1:] for row in rows if len(row) == 4}


def test_the_schema_for_editors_is_json_schema(shell: Shell) -> None:
    assert json.loads(shell.run("schema", "config").stdout)["$schema"].endswith("2020-12/schema")
    assert "work_items" in json.loads(shell.run("schema", "register").stdout)["collections"]


def test_wrong_usage_ends_with_two_and_a_hint(shell: Shell) -> None:
    done = shell.run("chek")
    assert done.returncode == 2
    assert "Did you mean" in done.stderr
    (shell.folder / "portbook.yaml").unlink()
    done = shell.run("status")
    assert done.returncode == 2
    assert "There is no configuration file portbook.yaml" in done.stderr
