"""What the adapter finds out about an issue, without a Jira."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.jira import JiraOptions
from adapters.jira.fields import sort_fields
from adapters.jira.payload import instant, item_status, item_type, links, sprint_from_text, sprint_ids
from adapters.jira.search import jql_minute
from adapters.json_body import with_portbook

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)), st.sampled_from(ZONES)
)
def test_no_reading_of_a_jql_date_lies_after_the_instant_it_was_made_from(
    moment: datetime, zone: str
) -> None:
    written = datetime.strptime(jql_minute(moment, ZoneInfo(zone)), "%Y-%m-%d %H:%M")
    for fold in (0, 1):
        read = written.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
        assert read <= moment
        assert moment - read < timedelta(hours=2, minutes=1)


def test_a_clock_change_costs_an_hour_and_no_issue() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(
        2025, 10, 26, 0, 30, tzinfo=UTC
    )  # 02:30 in summer time; an hour later it is 02:30 again
    assert jql_minute(before, berlin) == "2025-10-26 01:30"
    assert jql_minute(before + timedelta(hours=1), berlin) == "2025-10-26 02:30"
    assert jql_minute(datetime(2025, 6, 3, 7, 58, 59, tzinfo=UTC), berlin) == "2025-06-03 09:58"


@given(st.text(max_size=60), st.text(max_size=30))
def test_a_sprints_id_and_state_survive_any_name_and_goal(name: str, goal: str) -> None:
    text = (
        "com.atlassian.greenhopper.service.sprint.Sprint@1f2[id=37,rapidViewId=4,state=CLOSED,"
        f"name={name},startDate=2025-06-01T07:00:00.000Z,endDate=<null>,completeDate=<null>,sequence=37,goal={goal}]"
    )
    found = sprint_from_text(text)
    assert found["id"] == "37"
    assert found["state"] == "CLOSED"
    assert "endDate" not in found or ",endDate=" in name


def test_a_sprints_name_may_hold_commas_equal_signs_and_brackets() -> None:
    text = "Sprint@1[id=37,rapidViewId=4,state=ACTIVE,name=Sprint 9, part [2] = last,startDate=<null>,goal=]"
    assert sprint_from_text(text) == {
        "id": "37", "rapidViewId": "4", "state": "ACTIVE", "name": "Sprint 9, part [2] = last", "goal": "",
    }  # fmt: skip


def test_the_current_sprint_is_the_active_one_else_the_latest() -> None:
    def sprint(number: int, state: str, start: str | None) -> dict[str, Any]:
        return {"id": number, "state": state, "startDate": start}

    old, new = (
        sprint(1, "closed", "2025-01-01T00:00:00.000Z"),
        sprint(2, "closed", "2025-02-01T00:00:00.000Z"),
    )
    future = sprint(9, "future", None)
    assert sprint_ids([new, old]) == (["1", "2"], "2")
    assert sprint_ids([{**old, "state": "active"}, future, new]) == (["1", "2", "9"], "1")
    assert sprint_ids([]) == ([], None)
    assert sprint_ids("gibberish") == ([], None)


@pytest.mark.parametrize(
    ("category", "name", "status"),
    [
        ("new", "Offen", "todo"),
        ("indeterminate", "In Arbeit", "in_progress"),
        ("indeterminate", "In Review", "in_review"),
        ("done", "Fertig", "done"),
        ("undefined", "In der Schwebe", "In der Schwebe"),
        ("brand-new-key", "Neu", "Neu"),
    ],
)
def test_the_category_tells_the_status_and_an_unknown_one_keeps_the_tools_word(
    category: str, name: str, status: str
) -> None:
    found = {"name": name, "statusCategory": {"key": category, "name": "übersetzt"}}
    assert item_status(found) == status


@pytest.mark.parametrize(
    ("issue_type", "word"),
    [
        ({"name": "Unteraufgabe", "subtask": True}, "subtask"),
        ({"name": "Teilaufgabe", "hierarchyLevel": -1, "subtask": False}, "subtask"),
        ({"name": "Vorhaben", "hierarchyLevel": 2}, "initiative"),
        ({"name": "Thema", "hierarchyLevel": 1}, "epic"),
        ({"name": "Feature", "hierarchyLevel": 1}, "feature"),
        ({"name": "User Story", "hierarchyLevel": 0}, "story"),
        ({"name": "Epic", "subtask": False}, "epic"),
        ({"name": "Kostenstelle", "hierarchyLevel": 0}, "Kostenstelle"),
    ],
)
def test_the_level_or_a_known_name_tells_the_type_and_an_unknown_one_keeps_its_name(
    issue_type: dict[str, Any], word: str
) -> None:
    assert item_type(issue_type) == word


def test_a_link_reads_the_same_from_both_of_its_ends() -> None:
    kind = {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    seen_from_blocker = links("5", [{"id": "70", "type": kind, "outwardIssue": {"id": "6"}}])
    seen_from_blocked = links("6", [{"id": "70", "type": kind, "inwardIssue": {"id": "5"}}])
    assert seen_from_blocker == seen_from_blocked
    assert seen_from_blocker[0]["from"] == "5"


@pytest.mark.parametrize("text", ["", "yesterday", None, 7, "2025-05-01", "2025-13-01T00:00:00.000+0000"])
def test_what_is_no_instant_is_none(text: object) -> None:
    assert instant(text) is None


def test_an_instant_keeps_its_offset_in_mind_and_year_0001_does_no_harm() -> None:
    assert instant("2025-05-01T10:11:12.345+0200") == datetime(2025, 5, 1, 8, 11, 12, 345000, UTC)
    assert instant("0001-01-01T00:00:00.000+0200") is None


@given(st.dictionaries(st.text(), st.integers(-(2**53), 2**53)))
def test_findings_are_added_behind_what_was_sent(data: dict[str, int]) -> None:
    sent = orjson.dumps(data)
    payload, found = with_portbook(sent, dict(data), {"type": "epic"})
    assert orjson.loads(payload) == found == {**data, "portbook": {"type": "epic"}}
    assert payload.startswith(sent[:-1])


def test_fields_are_known_by_their_schema_and_volatile_ones_not_asked_for() -> None:
    rank = {
        "id": "customfield_9",
        "name": "Rang",
        "schema": {"custom": "com.pyxis.greenhopper.jira:gh-lexo-rank"},
    }
    sprint = {
        "id": "customfield_8",
        "name": "Etappe",
        "schema": {"custom": "com.pyxis.greenhopper.jira:gh-sprint"},
    }
    fields = sort_fields([rank, sprint, {"id": "summary", "name": "Summary", "custom": False}])
    assert fields.sprint == ("customfield_8",)
    assert "-customfield_9" in fields.asked
    assert fields.asked[0] == "*all"
    assert set(fields.names) == {"Rang", "Etappe"}


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://jira.example.org"},
        {"url": "http://jira.example.org"},
        {"url": "https://user:secret@jira.example.org"},
        {"url": "jira.example.org"},
        {"auth": {"kind": "magic"}},
        {"auth": {"kind": "pat", "token": "x", "email": "a@b"}},
        {"colour": "blue"},
        {"page_size": 1},
    ],
)
def test_options_that_cannot_work_are_refused(change: dict[str, Any]) -> None:
    good = {"url": "https://jira.example.org/jira/", "auth": {"kind": "pat", "token": "x"}}
    assert JiraOptions.model_validate(good).url == "https://jira.example.org/jira"
    with pytest.raises(ValidationError):
        JiraOptions.model_validate({**good, **change})


def test_every_option_is_described_and_secrets_stay_hidden() -> None:
    schema = JiraOptions.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            assert name == "kind" or field.get("description"), name
    options = JiraOptions.model_validate(
        {"url": "https://j.example", "auth": {"kind": "pat", "token": "s3cret"}}
    )
    assert "s3cret" not in f"{options!r} {options} {options.model_dump()} {options.model_dump_json()}"
