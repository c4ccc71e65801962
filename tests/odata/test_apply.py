"""$apply: groups of rows, of collections and of views, of now and of then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.fix_gateway import execute, insert
from tests.odata.conftest import ERP, Service


def apply(service: Service, steps: str, more: str = "", of: str = "WorkItems") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = service.get(f"{of}?$apply={quote(steps)}{more}")["value"]
    return rows


def test_groups_carry_their_measures(service: Service) -> None:
    body = service.get(
        "WorkItems?$apply=groupby((ProjectKey,Status),aggregate($count as N,Points with sum as Total,Points with max as Most,"
        "AssigneeId with countdistinct as People))&$orderby=N desc,ProjectKey,Status&$top=2"
    )
    assert body["@odata.context"].endswith("$metadata#WorkItems(ProjectKey,Status,N,Total,Most,People)")
    assert body["value"] == [
        {"ProjectKey": "PAY", "Status": "done", "N": 3, "Total": 4, "Most": 3, "People": 2},
        {"ProjectKey": "PAY", "Status": "todo", "N": 3, "Total": 12, "Most": 6, "People": 2},
    ]


def test_a_key_of_a_related_row_is_an_object_in_the_answer(service: Service) -> None:
    body = service.get(
        "WorkItems?$apply=groupby((Project/Programme/Key,Project/Key),aggregate($count as N))&$orderby=N desc"
    )
    assert body["@odata.context"].endswith("#WorkItems(Project(Programme(Key),Key),N)")
    assert body["value"][0] == {"Project": {"Programme": {"Key": "ERP"}, "Key": "PAY"}, "N": 6}


def test_what_may_hang_on_a_programme_itself_also_has_its_project_s(own: Service) -> None:
    insert(own.gateway.database_url, "risk", [{"id": UUID(int=209), "key": "R-9", "programme_id": ERP}])
    counted = "groupby((ProgrammeKey,ProjectProgrammeKey),aggregate($count as N))"
    assert apply(own, counted, of="Risks") == [
        {"ProgrammeKey": "ERP", "ProjectProgrammeKey": None, "N": 1},
        {"ProgrammeKey": None, "ProjectProgrammeKey": "ERP", "N": 3},
    ]
    risks = own.get(
        "Risks?$select=Key&$filter=ProjectProgrammeTitle eq 'Finance' or ProgrammeTitle eq 'Finance'"
    )
    assert len(risks["value"]) == 4


def test_filters_before_and_behind_groups(service: Service) -> None:
    assert apply(service, "filter(Points gt 1)/groupby((Status),aggregate($count as N))/filter(N gt 3)") == [
        {"Status": "todo", "N": 4}
    ]
    assert apply(service, "groupby((Status),aggregate($count as N))", "&$filter=N eq 5") == [
        {"Status": "done", "N": 5}
    ]
    assert apply(
        service, "filter(Status eq 'done')/filter(Points gt 2)/aggregate(Points with average as Mean)"
    ) == [{"Mean": 19 / 3}]
    assert apply(service, "groupby((Status))") == [{"Status": "done"}, {"Status": "todo"}]
    assert apply(service, "aggregate(Points mul 2 with sum as Twice)") == [{"Twice": 80}]
    assert apply(
        service, "groupby((Grain),aggregate($count as N))", "&$filter=Grain eq 'day'", "ProjectSnapshots"
    ) == [{"Grain": "day", "N": 3}]


def test_groups_come_in_pages_too(service: Service) -> None:
    link, rows = "WorkItems?$apply=groupby((Key),aggregate($count as N))&$orderby=Key desc&$skip=1&$top=6", []
    while link:
        page = service.raw(link, Prefer="maxpagesize=2").json()
        rows += [row["Key"] for row in page["value"]]
        link = page.get("@odata.nextLink")
    assert rows == ["W-08", "W-07", "W-06", "W-05", "W-04", "W-03"]


@pytest.mark.parametrize(
    ("steps", "code", "position"),
    [
        ("groupby((Nothing))", "QRY002", "9"), ("groupby((Labels))", "QRY001", "9"), ("groupby((Key)", "QRY001", "8"), ("aggregate(Title with sum as T)", "QRY001", "10"),
        ("aggregate(Points with sum)", "QRY001", "10"), ("groupby((Key),aggregate($count as Key))", "QRY001", "24"), ("filter(Points gt 1", "QRY001", "0"),
        ("groupby((Key))/filter(Nothing eq 1)", "QRY002", "22"), ("groupby(Key)", "QRY001", "8"), ("aggregate()", "QRY001", "10"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_pointed_at(service: Service, steps: str, code: str, position: str) -> None:
    error = service.error(f"WorkItems?$apply={steps}", 400, code)
    assert (error["target"], error["position"]) == ("$apply", position)


@pytest.mark.parametrize(
    "query",
    [
        "$apply=compute(Points add 1 as P)", "$apply=filter(Points gt 1)", "$apply=topcount(2,Points)", "$apply=groupby((rollup(Status,Key)))", "$apply=groupby((year(DueOn)))",
        "$apply=groupby((Key),topcount(1,Points))", "$apply=aggregate(Points with Custom.method as X)", "$apply=groupby((Key))/groupby((Key))", "$apply=concat(aggregate($count as N),groupby((Key)))",
        "$apply=groupby((Key))&$select=Key", "$apply=groupby((Key))&$count=true", "$apply=groupby((Key))&$expand=Project", "$apply=aggregate(Points as X)",
    ],
)  # fmt: skip
def test_other_steps_are_refused(service: Service, query: str) -> None:
    service.error(f"WorkItems?{query}", 501, "ODA001")


def test_summaries_are_what_they_say(service: Service) -> None:
    (erp,) = service.get(
        "PortfolioSummary?$filter=ProgrammeKey eq 'ERP'&$select=Projects,Red,Green,InDelivery,Budget,Currency"
    )["value"]
    assert erp == {"Projects": 1, "Red": 1, "Green": 0, "InDelivery": 1, "Budget": 100, "Currency": "EUR"}
    heat = service.get("RiskHeatmap?$select=Probability,Impact,Score,Risks,CostImpact&$orderby=Score desc")[
        "value"
    ]
    assert [tuple(row.values()) for row in heat] == [
        (3, 5, 15, 1, 1000),
        (2, 5, 10, 1, 1000),
        (1, 5, 5, 1, 1000),
    ]


def test_a_milestone_is_late_from_its_day_until_it_is_reached(own: Service) -> None:
    today = datetime.now(UTC).date()

    def day(ahead: int) -> date:
        return today + timedelta(days=ahead)

    wanted = {
        # key: (status, baseline, planned, forecast, actual) → (days late, variance, expected)
        "overdue": (("planned", -9, -9, None, None), (9, "late", -9)),
        "overdue, was to be early": (("at_risk", 5, -9, None, None), (-5, "early", -9)),
        "ahead": (("planned", 5, 5, None, None), (0, "on_time", 5)),
        "slipping": (("planned", 5, 5, 12, None), (7, "late", 12)),
        "reached early": (("done", -9, -9, None, -12), (-3, "early", -12)),
        "reached, nobody says when": (("done", -9, -9, None, None), (0, "on_time", -9)),
        "missed": (("missed", -9, -9, None, None), (9, "late", -9)),
        "cancelled": (("cancelled", -9, 50, None, None), (None, "cancelled", 50)),
        "no baseline": (("planned", None, -9, None, None), (None, "no_baseline", -9)),
        "no date": (("planned", -9, None, None, None), (None, "no_date", None)),
    }
    names = ("baseline_on", "planned_on", "forecast_on", "actual_on")
    insert(
        own.gateway.database_url,
        "milestone",
        [
            {"id": UUID(int=800 + n), "key": key, "status": status}
            | {name: day(ahead) for name, ahead in zip(names, days, strict=True) if ahead is not None}
            for n, (key, ((status, *days), _)) in enumerate(wanted.items())
        ],
    )
    rows = own.get("MilestoneVariance?$select=Key,DaysLate,Variance,ExpectedOn&$filter=ProjectId eq null")[
        "value"
    ]
    assert {row["Key"]: (row["DaysLate"], row["Variance"], row["ExpectedOn"]) for row in rows} == {
        key: (late, word, None if ahead is None else day(ahead).isoformat())
        for key, (_, (late, word, ahead)) in wanted.items()
    }


def test_views_look_back_and_snapshots_tell_of_every_day(own: Service) -> None:
    url = own.gateway.database_url
    now = datetime.now(UTC)
    changed = now - timedelta(days=3)
    old = {"id": UUID(int=29), "key": "OLD", "programme_id": ERP, "currency": "USD"}
    insert(url, "project", [{**old, "version": 2, "valid_from": changed, "rag_reported": "red", "budget": 9}])
    insert(
        url,
        "project_history",
        [
            {**old, "presence": "present", "version": 1, "valid_from": now - timedelta(days=70), "valid_to": changed,
             "rag_reported": "amber", "budget": 7, "synced_at": now},
        ],
    )  # fmt: skip
    days = own.get("ProjectSnapshots?$filter=ProjectKey eq 'OLD' and Grain eq 'day'&$orderby=SnapshotOn")[
        "value"
    ]
    assert [row["RagReported"] for row in days] == ["amber"] * 27 + ["red"] * 4
    assert [row["Budget"] for row in days] == [7] * 27 + [9] * 4
    assert days[-1]["SnapshotOn"] == now.date().isoformat()
    weeks = own.get("ProjectSnapshots?$filter=ProjectKey eq 'OLD' and Grain eq 'week'&$orderby=SnapshotOn")[
        "value"
    ]
    assert {date.fromisoformat(row["SnapshotOn"]).isoweekday() for row in weeks} == {7}
    begun = (now - timedelta(days=70)).date()
    sundays = [day for at in range(71) if (day := begun + timedelta(days=at)).isoweekday() == 7]
    assert [row["SnapshotOn"] for row in weeks] == [day.isoformat() for day in sundays]
    months = own.get("ProjectSnapshots?$filter=ProjectKey eq 'OLD' and Grain eq 'month'")["value"]
    assert {(date.fromisoformat(row["SnapshotOn"]) + timedelta(days=1)).day for row in months} == {1}
    assert 1 <= len(months) <= 3
    then = (now - timedelta(days=10)).date().isoformat()
    (row,) = own.get(f"PortfolioSummary?asOf={then}")["value"]
    assert (row["Currency"], row["Budget"], row["Amber"]) == ("USD", 7, 1)
    assert {row["SnapshotOn"] <= then for row in own.all_pages(f"ProjectSnapshots?asOf={then}")} == {True}


@pytest.mark.parametrize("weekday", range(1, 8))
def test_snapshots_of_weeks_are_as_many_on_every_day(own: Service, weekday: int) -> None:
    today = datetime.now(UTC).date()
    then = today - timedelta(days=(today.isoweekday() - weekday) % 7 or 7)
    row = {"id": UUID(int=28), "key": "OLD", "valid_from": datetime.now(UTC) - timedelta(days=800)}
    insert(own.gateway.database_url, "project", [row])
    asked = (
        f"ProjectSnapshots?asOf={then}&$filter=ProjectKey eq 'OLD' and Grain eq 'week'&$orderby=SnapshotOn"
    )
    weeks = [date.fromisoformat(row["SnapshotOn"]) for row in own.all_pages(asked)]
    last = then - timedelta(days=then.isoweekday() % 7)
    assert weeks == [last - timedelta(weeks=ago) for ago in reversed(range(53))]


def test_quality_and_sources_show_how_they_are(own: Service) -> None:
    url = own.gateway.database_url
    execute(
        url,
        "INSERT INTO source (id, key, kind, fresh_at) VALUES ('00000000-0000-0000-0000-000000000777', 'delivery', 'jira', now() - interval '2 hours')",
    )
    execute(
        url,
        "INSERT INTO run (source, mode, state, finished_at, seen, requested_by) VALUES ('delivery', 'full', 'succeeded', now(), 12, 'test')",
    )
    execute(
        url,
        "INSERT INTO finding (id, code, severity, source, message, closed_at, waiver_id) VALUES "
        "(gen_random_uuid(), 'OPEN', 'info', 'delivery', 'wrong', NULL, NULL), "
        "(gen_random_uuid(), 'WAIVED', 'info', 'delivery', 'wrong', NULL, gen_random_uuid()), "
        "(gen_random_uuid(), 'GONE', 'info', 'delivery', 'wrong', now(), NULL)",
    )
    (row,) = own.get("SyncHealth")["value"]
    assert (
        row["Key"],
        row["HoursSinceFresh"],
        row["LastRunState"],
        row["LastRunSeen"],
        row["OpenFindings"],
    ) == ("delivery", 2, "succeeded", 12, 1)
    assert own.get("DataQuality")["value"] == []


def test_every_project_is_of_one_colour_and_risks_of_no_known_status_are_on_the_map(own: Service) -> None:
    projects = [
        {"id": UUID(int=700 + n), "key": f"C-{n}", "currency": "CHF", "rag_reported": colour, "stage": stage}
        for n, (colour, stage) in enumerate(
            [
                ("red", "delivery"),
                ("blue", "closed"),
                ("grey", "pipeline"),
                (None, "cancelled"),
                ("grey", None),
            ]
        )
    ]
    insert(own.gateway.database_url, "project", projects)
    (row,) = own.get("PortfolioSummary?$filter=Currency eq 'CHF'")["value"]
    colours = ("Red", "Amber", "Green", "Blue", "Grey", "NotReported")
    assert [row[colour] for colour in colours] == [1, 0, 0, 1, 2, 1]
    assert (row["Projects"], row["Ended"]) == (5, 2)
    words = (None, "draft", "open", "closing", "closed", "occurred")
    risk = {"project_id": projects[0]["id"], "probability": 4, "impact": 4}
    insert(
        own.gateway.database_url,
        "risk",
        [{"id": UUID(int=800 + n), **risk, "status": word} for n, word in enumerate(words)],
    )
    (row,) = own.get("RiskHeatmap?$filter=Probability eq 4")["value"]
    assert row["Risks"] == 4
