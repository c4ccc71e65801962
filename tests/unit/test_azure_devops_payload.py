"""What a work item, a date and a name of Azure DevOps mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.azure_devops.links import links_of, parent_of
from adapters.azure_devops.options import AzureDevOpsOptions
from adapters.azure_devops.payload import day, identity, instant, labels, status_of
from adapters.azure_devops.process import read_process
from adapters.azure_devops.teams import _days
from adapters.azure_devops.trees import field_path

ZONES = (
    "Etc/GMT+12",
    "Pacific/Kiritimati",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Chatham",
)


def as_sent(wanted: date, zone: str) -> str:
    """Midnight of that day in that zone, in UTC, as the tool writes it."""
    local = datetime(wanted.year, wanted.month, wanted.day, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("zone", ZONES)
@given(st.dates(min_value=date(1970, 1, 2), max_value=date(2100, 1, 1)))
def test_a_day_does_not_shift_in_its_zone(zone: str, wanted: date) -> None:
    assert day(as_sent(wanted, zone), ZoneInfo(zone)) == wanted.isoformat()
    assert day(f"{wanted}T00:00:00Z", ZoneInfo(zone)) == wanted.isoformat()


@given(
    st.dates(min_value=date(1970, 1, 2), max_value=date(2100, 1, 1)),
    st.integers(min_value=-47, max_value=48),
)
@example(date(2026, 7, 31), 48)
def test_without_a_zone_a_day_does_not_shift_up_to_twelve_hours_from_greenwich(
    wanted: date, quarters: int
) -> None:
    """Of the two ends, where it is the same hour, the one where people live: New Zealand and Fiji."""
    moment = datetime(wanted.year, wanted.month, wanted.day, tzinfo=UTC) - timedelta(minutes=15 * quarters)
    assert day(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), None) == wanted.isoformat()


def test_a_day_keeps_across_a_change_of_clocks() -> None:
    zone = ZoneInfo("Europe/Berlin")
    for wanted in ("2026-03-28", "2026-03-29", "2026-03-30", "2026-10-24", "2026-10-25", "2026-10-26"):
        assert day(as_sent(date.fromisoformat(wanted), "Europe/Berlin"), zone) == wanted


@pytest.mark.parametrize("text", [None, "", "soon", 7, [], "2026-02-30T00:00:00Z", "31/12/2026 00:00:00 x"])
def test_what_is_no_instant_is_no_day(text: object) -> None:
    assert instant(text) is None
    assert day(text, None) is None


@given(st.text() | st.none() | st.integers() | st.datetimes().map(datetime.isoformat))
def test_no_text_breaks_the_reading_of_dates(text: object) -> None:
    for zone in (None, ZoneInfo("Pacific/Kiritimati")):
        found = day(text, zone)
        assert found is None or date.fromisoformat(found)


def test_fractions_of_a_second_come_in_any_length() -> None:
    for text in ("2025-06-03T08:00:00Z", "2025-06-03T08:00:00.1Z", "2025-06-03T08:00:00.1934567Z"):
        moment = instant(text)
        assert moment is not None
        assert moment.replace(microsecond=0) == datetime(2025, 6, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "own", "unique"),
    [
        ({"id": "d2", "displayName": "Mia", "uniqueName": "Mia@acme.example"}, "d2", "Mia@acme.example"),
        (
            {"id": "d2", "displayName": "Mia", "uniqueName": "Mia <mia@acme.example>"},
            "d2",
            "mia@acme.example",
        ),
        ({"descriptor": "aad.x", "displayName": "Mia"}, "aad.x", None),
        ("Mia Krystof <mia@acme.example>", "mia@acme.example", "mia@acme.example"),
        ("Mia <ACME\\mia>", "acme\\mia", "ACME\\mia"),
        ("Mia Krystof", "mia krystof", None),
        ("a <b> <c@d>", "c@d", "c@d"),
    ],
)
def test_an_identity_is_read_in_every_form(value: object, own: str, unique: str | None) -> None:
    person = identity(value)
    assert person is not None
    assert (person["id"], person.get("uniqueName")) == (own, unique)
    assert person.get("mail") == (unique.lower() if unique and "@" in unique else None)


@pytest.mark.parametrize("value", ["", None, 7, {}, {"displayName": ""}, [], "  "])
def test_nobody_is_nobody(value: object) -> None:
    assert identity(value) is None


@given(st.text())
def test_no_name_breaks_the_reading_of_people(text: str) -> None:
    person = identity(text)
    assert person is None or person["id"]


def test_tags_are_split_and_trimmed() -> None:
    assert labels("site-a; long lead;; ") == ["site-a", "long lead"]
    assert labels([{"name": "site-a"}, {"id": 1}]) == ["site-a"]


def test_a_node_path_loses_its_second_part() -> None:
    assert field_path("\\Alpha\\Iteration\\Release 1\\Sprint 9") == "Alpha\\Release 1\\Sprint 9"
    assert field_path("\\Alpha\\Area") == "Alpha"


def test_working_days_of_a_sprint() -> None:
    start, finish = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC)
    assert len(_days(start, finish, {"monday", "friday"})) == 4
    assert _days(start, None, {"monday"}) == set()
    assert _days(finish, start, {"monday"}) == set()


def test_types_mean_what_their_backlog_holds() -> None:
    def types(*names: str, **references: str) -> list[dict[str, object]]:
        return [
            {
                "name": name,
                "referenceName": references.get(name, f"Custom.{name}"),
                "states": [{"name": "Neu"}],
            }
            for name in names
        ]

    def category(reference: str, *names: str) -> dict[str, object]:
        return {"referenceName": reference, "workItemTypes": [{"name": name} for name in names]}

    issue = "Microsoft.VSTS.WorkItemTypes.Issue"
    found = read_process(
        types("Thema", "Vorhaben", "Bug", "Issue", "Probe", Issue=issue),
        [
            category("Microsoft.EpicCategory", "Thema"),
            category("Microsoft.RequirementCategory", "Bug", "Bedarf"),
            category("Microsoft.BugCategory", "Bug"),
            category("Microsoft.HiddenCategory", "Probe"),
        ],
        {
            "portfolioBacklogs": [
                category("Custom.x", "Vorhaben"),
                category("Microsoft.EpicCategory", "Thema"),
            ]
        },
    )
    assert {name: (kind.type, kind.log, kind.hidden) for name, kind in found.kinds.items()} == {
        "thema": ("epic", "", False),
        "vorhaben": ("initiative", "", False),
        "bug": ("bug", "", False),
        "issue": ("Issue", "issue", False),
        "probe": ("Probe", "", True),
    }
    # Basic plans with its Issue: a story, and no entry of a log.
    basic = read_process(
        types("Issue", Issue=issue), [category("Microsoft.RequirementCategory", "Issue")], {}
    )
    assert basic.kinds["issue"][:3] == ("Issue", "story", "")
    assert status_of(basic.kinds["issue"], "Neu") == "Neu", "no category: the tool's own word"


def test_links_of_an_item_are_told_as_the_feed_tells_them() -> None:
    def relation(rel: str, other: object) -> dict[str, object]:
        return {"rel": rel, "url": f"https://dev.azure.com/acme/_apis/wit/workItems/{other}"}

    data = {
        "id": 5,
        "fields": {},
        "relations": [
            relation("System.LinkTypes.Hierarchy-Reverse", 1),
            relation("System.LinkTypes.Dependency-Reverse", 3),
            relation("System.LinkTypes.Dependency-Forward", 9),
            relation("System.LinkTypes.Related", 2),
            relation("ArtifactLink", "vstfs:///Git/Commit/1"),
            relation("System.LinkTypes.Related", "nonsense"),
        ],
    }
    kinds = {"System.LinkTypes.Dependency": True, "System.LinkTypes.Related": False}
    assert [record.id.partition("LinkTypes.")[2] for record in links_of(data, kinds)] == [
        "Dependency:3:5",
        "Dependency:5:9",
        "Related:2:5",
    ]
    assert parent_of(data) == 1
    assert parent_of({"fields": {"System.Parent": 7.0}}) == 7


AUTH = {"kind": "pat", "token": "x"}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://dev.azure.com/acme/", "https://dev.azure.com/acme"),
        ("https://acme.visualstudio.com", "https://dev.azure.com/acme"),
        ("https://acme.visualstudio.com/DefaultCollection", "https://dev.azure.com/acme"),
        ("https://tfs.example.org/tfs/DefaultCollection", "https://tfs.example.org/tfs/DefaultCollection"),
    ],
)
def test_an_address_is_brought_into_one_form(url: str, kept: str) -> None:
    assert AzureDevOpsOptions.model_validate({"url": url, "auth": AUTH}).url == kept


@pytest.mark.parametrize(
    "given",
    [
        {"url": "https://dev.azure.com", "auth": AUTH},
        {"url": "https://dev.azure.com/acme/Alpha", "auth": AUTH},
        {"url": "http://dev.azure.com/acme", "auth": AUTH},
        {"url": "https://dev.azure.com/acme", "auth": AUTH, "timezone": "Mars/Olympus"},
        {"url": "https://tfs.example.org/tfs/Main", "auth": {"kind": "managed_identity"}},
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AzureDevOpsOptions.model_validate(given)
