"""`plan`, `remap` and `retire` as an administrator meets them: the demo's configuration, changed."""

from __future__ import annotations

import json
import re

import openpyxl

from tests.end_to_end.test_cli import Shell, shell

__all__ = ["shell"]


def test_a_changed_mapping_is_planned_and_applied_and_then_nothing_is_left(shell: Shell) -> None:
    assert shell.run("sync").returncode == 0
    untouched = shell.run("plan")
    assert (untouched.returncode, untouched.stdout.strip()) == (0, "No row would change.")

    mapping = shell.folder / "delivery.yaml"
    mapping.write_text(
        "source: jira\nrules: [{stream: issue, into: work_item, fields: {title: {from: key}}}]\n"
    )
    shell.change("kind: jira\n", "kind: jira\n    mapping: delivery.yaml\n")
    shown = shell.run("plan")
    assert shown.returncode == 1, shown.stderr
    assert "work_item" in shown.stdout
    assert "title" in shown.stdout
    found = json.loads(shell.run("plan", "--json", "--limit", "1").stdout)
    assert found["changes"] is True
    titles = found["entities"]["work_item"]["fields"]["title"]
    assert len(titles["samples"]) == 1
    assert titles["samples"][0]["after"] == titles["samples"][0]["key"]

    done = json.loads(shell.run("remap", "--json").stdout)
    assert done["rows_changed"] >= titles["count"] == done["restated"]
    assert shell.run("plan").returncode == 0
    again = json.loads(shell.run("remap", "--json").stdout)
    assert (again["restated"], again["rows_changed"]) == (0, 0)


def test_a_mapping_that_cannot_be_used_ends_the_plan_with_two(shell: Shell) -> None:
    assert shell.run("sync", "delivery").returncode == 0
    (shell.folder / "delivery.yaml").write_text(
        "source: jira\nrules: [{stream: issue, into: work_item, fields: {titel: {from: key}}}]\n"
    )
    shell.change("kind: jira\n", "kind: jira\n    mapping: delivery.yaml\n")
    wrong = shell.run("plan")
    assert wrong.returncode == 2
    assert "delivery.yaml:2" in wrong.stderr
    assert "title" in wrong.stderr


def test_a_source_that_is_left_out_stays_until_it_is_retired(shell: Shell) -> None:
    assert shell.run("sync", "delivery", "pmo").returncode == 0
    refused = shell.run("retire", "delivery", "--yes")
    assert refused.returncode == 2
    assert "still configured" in refused.stderr
    text = shell.config.read_text()
    start = text.index("  - name: delivery")
    shell.config.write_text(
        text[:start] + text[text.index("  - name:", start + 5) :].replace(", delivery", "")
    )
    assert "delivery is no longer configured" in shell.run("status").stdout
    planned = json.loads(shell.run("plan", "--json").stdout)
    assert next(s for s in planned["sources"] if s["what"] == "not configured")["source"] == "delivery"

    assert score(shell, "delivery")["rows"] > 0
    shown = json.loads(shell.run("retire", "delivery", "--json").stdout)
    assert (shown["done"], shown["changes"]) == (False, True)
    done = json.loads(shell.run("retire", "delivery", "--yes", "--json").stdout)
    assert done == {"records": shown["records"], "done": True}
    assert score(shell, "delivery")["rows"] == 0
    assert json.loads(shell.run("retire", "delivery", "--json").stdout)["records"] == 0


def score(shell: Shell, key: str) -> dict[str, int]:
    told = shell.run(
        "query", "quality", "--fields", "key,rows", "--filter", f"key = '{key}'", "--format", "json"
    )
    (found,) = json.loads(told.stdout)
    return dict(found)


def test_a_source_that_was_renamed_is_not_read_beside_itself(shell: Shell) -> None:
    assert shell.run("sync", "delivery", "pmo").returncode == 0
    before = shell.config.read_text()
    shell.change("name: delivery", "name: jira-cloud")
    shell.config.write_text(shell.config.read_text().replace(", delivery", ", jira-cloud"))
    for command in ("sync", "check", "work"):
        refused = shell.run(command)
        assert refused.returncode == (1 if command == "check" else 2), refused.stderr
        assert "jira-cloud would read" in refused.stderr
        assert "portbook.yaml:" in refused.stderr
        assert "portbook retire delivery" in refused.stderr
    assert shell.run("status").returncode == 0

    # Another name for the same workbook, which has no projects that a selection could name.
    shell.config.write_text(re.sub(r"\bpmo\b(?!\.xlsx)", "office", before))
    refused = shell.run("sync")
    assert (refused.returncode, "office would read" in refused.stderr) == (2, True), refused.stderr

    # Called as before, it is itself again; retired, it may be replaced.
    shell.config.write_text(before)
    assert shell.run("sync").returncode == 0
    shell.change("name: delivery", "name: jira-cloud")
    shell.config.write_text(shell.config.read_text().replace(", delivery", ", jira-cloud"))
    assert shell.run("retire", "delivery", "--yes").returncode == 0
    assert shell.run("sync").returncode == 0


def test_a_sheet_that_is_left_out_is_not_mistaken_for_the_one_beside_it(shell: Shell) -> None:
    book = openpyxl.Workbook()
    for title, rows in {
        "Projects": ["No", "p1"],
        "Risks": ["Risk ID", "R-1"],
        "Lessons": ["No", "L-1"],
    }.items():
        sheet = book.create_sheet(title)
        for value in rows:
            sheet.append([value, value])
    book.save(shell.folder / "own.xlsx")
    text = shell.config.read_text()
    head = text[: text.index("sources:")] + "sources:\n"

    one, two = (
        f"  - {{name: {name}, kind: spreadsheet, files: [own.xlsx], sheets: [{table}]}}\n"
        for name, table in (
            ("one", "{sheet: Projects, into: project, key: No}"),
            ("two", "{sheet: Risks, into: risk, key: Risk ID}"),
        )
    )
    shell.config.write_text(head + one + two)
    assert shell.run("sync").returncode == 0
    shell.config.write_text(head + two)
    assert shell.run("sync").returncode == 0
    three = one.replace("name: one", "name: three").replace(
        "Projects, into: project", "Lessons, into: lesson"
    )
    shell.config.write_text(head + two + three)
    assert shell.run("sync").returncode == 0
    shell.config.write_text(head + two + three + one.replace("name: one", "name: four"))
    refused = shell.run("sync")
    assert (refused.returncode, "four would read one, which" in refused.stderr) == (2, True), refused.stderr
    assert shell.run("sync", "two").returncode == 0


def test_a_project_that_moves_to_another_source_is_retired_first(shell: Shell) -> None:
    assert shell.run("sync", "delivery").returncode == 0
    block = shell.config.read_text().partition("  - name: delivery")[2].partition("  - name: boards")[0]
    other = "  - name: second" + block.replace("[PAY, WEB, DWH]", "[OPS]")
    shell.change("  - name: boards", other + "  - name: boards")
    assert shell.run("sync", "delivery", "second").returncode == 0

    shell.change("[PAY, WEB, DWH]", "[PAY, WEB]")
    assert shell.run("sync", "delivery").returncode == 0  # DWH stays, and is nobody else's
    shell.change("[OPS]", "[OPS, DWH]")
    refused = shell.run("sync")
    assert refused.returncode == 2
    assert "second would read DWH of delivery, whose rows are still shown" in refused.stderr
    assert "`portbook retire delivery --project DWH`" in refused.stderr
    before = shell.config.read_text()
    gone = before.replace("  - name: delivery" + block.replace(", DWH]", "]"), "").replace(", delivery", "")
    assert "name: delivery" not in gone
    shell.config.write_text(gone)
    assert "`portbook retire delivery --project DWH`" in shell.run("sync").stderr
    shell.config.write_text(before)
    assert shell.run("retire", "delivery", "--project", "DWH", "--yes").returncode == 0
    assert shell.run("sync", "second").returncode == 0


def test_a_proof_agrees_with_the_tools_and_ends_with_one_when_a_record_is_lost(shell: Shell) -> None:
    assert shell.run("sync", "delivery").returncode == 0
    proof = shell.run("prove", "delivery")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert "in register" in proof.stdout
    unread = shell.run("prove", "pmo")
    assert unread.returncode == 1
    assert "never read completely" in unread.stderr
