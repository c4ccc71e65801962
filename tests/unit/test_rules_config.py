"""Rules as people write them: overrides, a file of their own, and every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from portbook.config import ConfigInvalid, ConfigMissing, load_config
from portbook.rules import built_in_rules, expected_quality
from portbook.wiring import KINDS
from register.quality import Expected


def expected(folder: Path, rules: str, sources: str = "sources: []") -> Expected:
    path = folder / "portbook.yaml"
    path.write_text(f"{sources}\n{rules}")
    return expected_quality(load_config(path, KINDS))


def test_without_a_word_the_built_in_rules_hold(tmp_path: Path) -> None:
    found = expected(tmp_path, "")
    assert [rule.code for rule in found.rules] == list(built_in_rules())
    assert found.late == "warning"


def test_a_built_in_rule_is_changed_key_by_key_or_switched_off(tmp_path: Path) -> None:
    found = expected(
        tmp_path,
        "rules:\n  - {code: DQ-PROJECT-STALE, for_days: 7, severity: error}\n  - {code: DQ-WORK-OVERDUE, off: true}\n"
        "  - {code: DQ-SOURCE-LATE, off: true}\n",
    )
    rules = {rule.code: rule for rule in found.rules}
    stale, before = rules["DQ-PROJECT-STALE"], built_in_rules()["DQ-PROJECT-STALE"]
    assert (stale.for_days, stale.severity, stale.origin) == (7, "error", "portbook.yaml:3")
    assert (stale.when, stale.message) == (before.when, before.message)
    assert "today(-7d)" in stale.condition
    assert stale.version != before.version
    assert set(built_in_rules()) - set(rules) == {"DQ-WORK-OVERDUE"}
    assert found.late is None


def test_rules_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    rule = "- {code: DQ-X, entity: project, when: budget > 1, message: wrong}\n"
    (tmp_path / "quality.yaml").write_text(rule)
    found = expected(tmp_path, "rules_file: quality.yaml\n")
    assert (found.rules[-1].code, found.rules[-1].origin) == ("DQ-X", "quality.yaml:1")
    (tmp_path / "quality.yaml").write_text(rule + rule.replace("budget", "budgt").replace("DQ-X", "DQ-Y"))
    with pytest.raises(ConfigInvalid) as refused:
        expected(tmp_path, "rules_file: quality.yaml\n")
    assert refused.value.detail.startswith("quality.yaml:2:39: ")
    (tmp_path / "quality.yaml").unlink()
    with pytest.raises(ConfigMissing):
        expected(tmp_path, "rules_file: quality.yaml\n")


def test_how_old_news_may_be_follows_every_unless_it_is_said(tmp_path: Path) -> None:
    common = "kind: jira, auth: {kind: pat, token: {env: X}}"
    found = expected(
        tmp_path,
        "",
        f"sources:\n  - {{name: a, url: https://a.example, {common}}}\n"
        f"  - {{name: b, url: https://b.example, expect_within: 1d, {common}}}\n",
    )
    assert found.fresh_within_s == {"a": 3_600, "b": 86_400}


@pytest.mark.parametrize(
    ("rule", "at", "says"),
    [
        ("{code: DQ-X, entity: project, when: budgt > 1, message: m}", "budgt", "`budget`"),
        ("{code: DQ-X, entity: project, when: \"key = 'a' AND budgt > 1\", message: m}", "budgt", "`budget`"),
        ("{code: DQ-X, entity: projct, when: budget > 1, message: m}", "projct", "`project`"),
        ("{code: DQ-X, entity: project, field: titel, when: budget > 1, message: m}", "titel", "`title`"),
        ("{code: DQ-X, entity: project, when: budget > 1, message: 'of {titel}'}", "titel", "`title`"),
        ("{code: DQ-X, entity: project, message: m}", "DQ-X", "lacks `when`"),
        ("{code: DQ-PROJECT-STAEL, for_days: 3}", "DQ-P", "DQ-PROJECT-STALE"),
        ("{code: DQ-PROJECT-STAEL, off: true}", "DQ-P", "DQ-PROJECT-STALE"),
        ("{code: DQ-PROJECT-STALE, for_days: 0}", "for_days", "greater than or equal to 1"),
        ("{code: DQ-PROJECT-STALE, entity: risk}", "DQ-P", "stage"),
        ("{code: DQ-SOURCE-LATE, when: budget > 1}", "budget", "`off` and `severity`"),
        ("{code: dq-x, off: true}", "code", "must match"),
        ("{code: DQ-X, severty: info}", "severty", "'severity'"),
        ("{code: DQ-X, severity: fatal}", "severity", "'error'"),
        ("budget > 1", "budget", "mapping"),
        ("{code: DQ-X, entity: project, when: 5, message: m}", "when", "text"),
        (
            "{code: DQ-X, entity: project, when: 'updated_at < today(-{for_days}d)', message: m}",
            "",
            "for_days: 30",
        ),
        (
            "{code: DQ-X, for_days: 10, entity: project, when: 'updated_at < today(-{for_days}d) AND x = 1', message: m}",
            "x = 1",
            "",
        ),
        ("{code: DQ-WORK-STALE}\n  - {code: DQ-WORK-STALE}", "DQ-W", "twice"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_place(tmp_path: Path, rule: str, at: str, says: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        expected(tmp_path, f"rules:\n  - {rule}\n")
    last = f"  - {rule}".split("\n")[-1]
    place = f"portbook.yaml:{2 + len(rule.splitlines())}:" + (f"{last.index(at) + 1}: " if at else "")
    lines = refused.value.detail.split("\n")
    assert any(line.startswith(place) and says in line for line in lines), (place, lines)


def test_rules_that_are_no_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        expected(tmp_path, "rules: {code: DQ-X}\n")
    assert "must be a list" in refused.value.detail


def test_a_folded_text_is_one_line(tmp_path: Path) -> None:
    found = expected(
        tmp_path,
        "rules:\n  - code: DQ-X\n    entity: project\n    message: m\n    when: >-\n      budget > 1\n      AND key = 'a'\n",
    )
    assert found.rules[-1].when == "budget > 1 AND key = 'a'"
