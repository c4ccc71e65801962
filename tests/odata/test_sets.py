"""Rows of a set: which, in what order, how many, page by page; one row, its values and what lies below it."""

from __future__ import annotations

import base64
import logging
from uuid import UUID

import httpx
import pytest

from gateway.app import create_app
from tests.fix_gateway import Server, execute, insert
from tests.odata.conftest import BO, LAB, PAY, WEB, Service


def test_select_order_top_and_count(service: Service) -> None:
    body = service.get("WorkItems?$select=Key,Points&$orderby=Points desc&$top=2&$count=true")
    assert body == {
        "@odata.context": f"{service.gateway.url}/odata/v4/$metadata#WorkItems(Key,Points)",
        "@odata.count": 9,
        "value": [{"Key": "W-09", "Points": 9}, {"Key": "W-08", "Points": 8}],
    }
    assert service.get("WorkItems?$top=0&$count=true")["value"] == []
    assert service.get("WorkItems?$top=0&$count=true")["@odata.count"] == 9


def test_null_comes_before_everything_and_after_it_when_the_order_goes_down(service: Service) -> None:
    up = service.keys("WorkItems?$orderby=Points&$select=Key")
    assert up[:2] == ["W-05", "W-01"]
    assert service.keys("WorkItems?$orderby=Points desc&$select=Key") == up[::-1]


@pytest.mark.parametrize(
    "order",
    ["Points", "Points desc", "AssigneeName,Key desc", "Project/Title desc", "DueOn", "Labels/$count"],
)
def test_pages_of_every_size_add_up_to_the_whole(service: Service, order: str) -> None:
    if "$count" in order:
        service.error(f"WorkItems?$orderby={order}", 501, "ODA001")
        return
    whole = service.get(f"WorkItems?$orderby={order}")["value"]
    assert len(whole) == 9
    for size in (1, 2, 4, 9, 50):
        rows, link = [], f"WorkItems?$orderby={order}"
        while link:
            response = service.raw(link, Prefer=f"odata.maxpagesize={size}")
            assert response.headers["preference-applied"] == f"odata.maxpagesize={size}"
            page = response.json()
            assert 0 < len(page["value"]) <= size
            rows += page["value"]
            link = page.get("@odata.nextLink")
        assert rows == whole


def test_skip_leaves_rows_out_of_the_first_page_alone_and_top_counts_over_pages(service: Service) -> None:
    page = service.raw("WorkItems?$select=Key&$skip=2&$top=5", Prefer="maxpagesize=2").json()
    keys, link = [row["Key"] for row in page["value"]], page["@odata.nextLink"]
    while link:
        assert "$skip=" not in link
        page = service.raw(link, Prefer="maxpagesize=2").json()
        keys += [row["Key"] for row in page["value"]]
        link = page.get("@odata.nextLink")
    assert keys == ["W-03", "W-04", "W-05", "W-06", "W-07"]
    assert service.keys("WorkItems?$skip=8") == ["W-09"]
    assert service.keys("WorkItems?$skip=9") == []
    assert service.keys("WorkItems?$skip=3&$orderby=Points desc&$top=1") == ["W-06"]


def test_a_skiptoken_belongs_to_its_query(service: Service) -> None:
    link = service.raw("WorkItems?$select=Key", Prefer="maxpagesize=2").json()["@odata.nextLink"]
    error = service.error(link.replace("$select=Key", "$select=Title"), 400, "QRY004")
    assert error["target"] == "$skiptoken"
    service.error("WorkItems?$skiptoken=abc", 400, "QRY004")


@pytest.mark.parametrize(
    ("path", "code", "target", "position"),
    [
        ("WorkItems?$top=1000000000", "QRY003", "$top", "0"),
        ("WorkItems?$top=1e9", "QRY001", "$top", "0"),
        ("WorkItems?$top=-1", "QRY001", "$top", "0"),
        ("WorkItems?$skip=100001", "QRY003", "$skip", "0"),
        ("WorkItems?$count=yes", "QRY001", "$count", "0"),
        ("WorkItems?$select=Key,Titel", "QRY002", "$select", "4"),
        ("WorkItems?$orderby=Key,Nothing desc", "QRY002", "$orderby", "4"),
        ("WorkItems?$orderby=Labels", "QRY001", "$orderby", "0"),
        ("WorkItems?$top=1&$top=2", "QRY001", "$top", None),
        ("WorkItems?filter=Key", "QRY002", "filter", None),
        ("WorkItems?asOf=2026-13-01", "QRY001", "asOf", "0"),
        ("WorkItems?asOf=2999-01-01", "QRY001", "asOf", "0"),
        ("Runs?asOf=2026-01-01", "QRY007", "asOf", None),
        ("SyncHealth?asOf=2026-01-01", "QRY007", "asOf", None),
        ("WorkItems('x')", "QRY001", "path", None),
        ("WorkItems?$expand=Project($select=Key", "QRY001", "$expand", "19"),
        ("WorkItems?$expand=Project,Project", "QRY001", "$expand", "8"),
        ("WorkItems?$expand=Projekt", "QRY002", "$expand", "0"),
        ("Projects?$expand=WorkItems($filter=Nothing eq 1)", "QRY002", "$expand", "18"),
        ("Projects?$expand=WorkItems($top=x)", "QRY001", "$expand", "15"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(
    service: Service, path: str, code: str, target: str, position: str | None
) -> None:
    error = service.error(path, 400, code)
    assert error.get("target") == target
    assert error.get("position") == position


@pytest.mark.parametrize(
    "path",
    [
        "WorkItems?$search=x", "WorkItems?$compute=Points add 1 as X", "WorkItems?$format=atom", "WorkItems?$format=application/json;odata.metadata=full",
        "WorkItems?$orderby=tolower(Title)", "WorkItems?$select=Project/Key", "Projects?$expand=*", "Projects?$expand=WorkItems/$ref",
        "Projects?$expand=WorkItems($levels=2)", "Projects?$expand=WorkItems($search=x)", "Projects?$expand=Programme($filter=Key eq 'A')",
        "Projects(Key='PAY')", f"Projects({PAY})/WorkItems(1)", f"Projects({PAY})/WorkItems/$ref", "Projects/$filter(Key eq 'A')", "$all",
        f"Projects({PAY})/Portbook.Project", "WorkItems/$count?$apply=groupby((Key))", "$crossjoin(Projects,Risks)", "WorkItems?$deltatoken=1",
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_and_not_ignored(service: Service, path: str) -> None:
    assert service.error(path, 501, "ODA001")["message"].startswith("not supported")


def test_there_is_nothing_where_nothing_is(service: Service) -> None:
    assert service.error("Projekts", 404, "API001")["hint"] == "Did you mean `Projects`?"
    service.error(f"Projects({PAY})/Nothing", 404, "API001")
    service.error(f"Projects({UUID(int=999)})", 404, "REG004")
    service.error(f"Projects({UUID(int=999)})/WorkItems", 404, "REG004")
    service.error(f"Projects({UUID(int=999)})/Title", 404, "REG004")
    service.error("PortfolioSummary('x')", 404, "REG004")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert service.client.request(method, f"/odata/v4/Projects({PAY})").status_code == 405


def test_one_row_its_values_and_its_ways(service: Service) -> None:
    root = f"{service.gateway.url}/odata/v4/$metadata#"
    assert service.get(f"Projects({PAY})?$select=Key,Title") == {
        "@odata.context": f"{root}Projects(Key,Title)/$entity", "Key": "PAY", "Title": "Payments",
    }  # fmt: skip
    assert service.get(f"Projects(Id={PAY})?$select=Key")["Key"] == "PAY"
    assert service.get(f"Projects({PAY})/Title") == {
        "@odata.context": f"{root}Projects({PAY})/Title",
        "value": "Payments",
    }
    assert service.raw(f"Projects({PAY})/Title/$value").text == "Payments"
    assert service.raw(f"Projects({PAY})/Budget/$value").text == "100"
    assert service.get(f"Projects({PAY})/Tags")["value"] == ["bank", "core"]
    assert service.get(f"WorkItems({UUID(int=101)})/ProjectTitle")["value"] == "Payments"
    assert service.raw(f"Projects({LAB})/Title").status_code == 204
    assert service.raw(f"Projects({LAB})/Title/$value").status_code == 204
    assert service.raw(f"Projects({LAB})/Programme").status_code == 204
    assert service.get(f"Projects({PAY})/Programme?$select=Key&$expand=Portfolio($select=Key)") == {
        "@odata.context": f"{root}Programmes(Key,Portfolio(Key))/$entity", "Key": "ERP", "Portfolio": {"Key": "BANK"},
    }  # fmt: skip
    assert service.keys(f"Projects({PAY})/WorkItems?$filter=Points gt 2&$orderby=Points desc") == [
        "W-06",
        "W-04",
        "W-03",
    ]
    assert service.raw(f"Projects({PAY})/WorkItems/$count").text == "6"
    assert service.raw("WorkItems/$count?$filter=Status eq 'done'").text == "5"
    (row,) = service.get("RiskHeatmap?$filter=Probability eq 3")["value"]
    key = row["Id"].replace("/", "%2F")
    assert service.get(f"RiskHeatmap('{key}')")["Risks"] == 1
    assert service.get(f"RiskHeatmap('{key}')/Project?$select=Key")["Key"] == "PAY"


def test_lists_of_ids_are_ways_too(own: Service) -> None:
    url = own.gateway.database_url
    execute(
        url,
        f"UPDATE work_item SET milestone_ids = ARRAY['{UUID(int=401)}', '{UUID(int=402)}']::uuid[] WHERE key = 'W-01'",
    )
    assert own.keys(f"WorkItems({UUID(int=101)})/Milestones") == ["M-1", "M-2"]
    assert own.keys(f"Milestones({UUID(int=401)})/WorkItems") == ["W-01"]
    assert own.keys(f"WorkItems({UUID(int=102)})/Milestones") == []
    assert own.keys("WorkItems?$filter=Milestones/any(m:m/SlipDays gt 5)") == ["W-01"]
    assert own.keys(f"WorkItems?$filter=MilestoneIds/any(m:m eq {UUID(int=402)})") == ["W-01"]


def test_the_filter_of_a_list_counts_once_however_often_it_is_used(service: Service) -> None:
    """For the rows, for their number and for the link behind them."""
    text = " or ".join(["Points eq 1"] * 40)
    (row, *_) = service.get(f"Projects?$orderby=Key desc&$expand=WorkItems($filter={text};$count=true)")[
        "value"
    ]
    assert row["WorkItems@odata.count"] == 0
    service.error(f"Projects?$filter=WorkItems/any(w:w/Points gt 3 and w/Points lt 9)&$expand=WorkItems($filter={text}),"
                  f"Risks($filter={text.replace('Points', 'Score')}),Milestones($filter={text.replace('Points', 'SlipDays')})",
                  400, "QRY003")  # fmt: skip


def test_expand_with_all_its_options(service: Service) -> None:
    body = service.get(
        "Projects?$select=Key&$orderby=Key&$expand=WorkItems($select=Key;$filter=Points ge 2;$orderby=Points desc;$top=2;$count=true;"
        "$expand=Assignee($select=Title)),Programme($select=Key)"
    )
    lab, pay, web = body["value"]
    assert lab == {"Key": "LAB", "WorkItems": [], "WorkItems@odata.count": 0, "Programme": None}
    assert pay == {
        "Key": "PAY",
        "WorkItems": [
            {"Key": "W-06", "Assignee": {"Title": "Ana"}},
            {"Key": "W-04", "Assignee": {"Title": "Bo"}},
        ],
        "WorkItems@odata.count": 4,
        "Programme": {"Key": "ERP"},
    }
    assert web["WorkItems@odata.count"] == 2
    assert service.get("Projects?$expand=WorkItems($skip=4;$select=Key)&$filter=Key eq 'PAY'")["value"][0]["WorkItems"] == [
        {"Key": "W-05"}, {"Key": "W-06"},
    ]  # fmt: skip


def test_a_long_list_below_a_row_goes_on_behind_a_link(own: Service) -> None:
    insert(
        own.gateway.database_url,
        "risk",
        [{"id": UUID(int=5000 + n), "key": f"L-{n:03}", "project_id": WEB, "score": n} for n in range(450)],
    )
    row = own.get(
        f"Projects({WEB})?$select=Key&$expand=Risks($select=Key;$filter=Score ge 10;$orderby=Score)"
    )
    assert len(row["Risks"]) == 200
    more = own.all_pages(row["Risks@odata.nextLink"])
    assert [risk["Key"] for risk in (*row["Risks"], *more)] == [f"L-{n:03}" for n in range(10, 450)]
    row = own.get(f"Projects({WEB})?$select=Key&$expand=Risks($select=Key;$top=250)")
    assert len(row["Risks"]) + len(own.all_pages(row["Risks@odata.nextLink"])) == 250
    (row,) = own.get("Projects?$select=Key&$filter=Key eq 'PAY'&$expand=Risks($select=Key)")["value"]
    assert list(row) == ["Key", "Risks"]


def test_a_text_that_looks_like_an_empty_link_stays(own: Service) -> None:
    text = 'x,"Risks@odata.nextLink":null'
    execute(own.gateway.database_url, f"UPDATE project SET title = '{text}' WHERE key = 'PAY'")
    (row,) = own.get("Projects?$select=Title&$filter=Key eq 'PAY'&$expand=Risks($select=Key)")["value"]
    assert row["Title"] == text


def test_the_past_is_asked_with_as_of_and_links_keep_it(own: Service) -> None:
    execute(
        own.gateway.database_url,
        "INSERT INTO work_item_history (id, key, presence, version, valid_from, valid_to, project_id, title) "
        f"SELECT id, key, 'present', 1, '2026-01-01Z', '2026-02-01Z', '{LAB}', 'then' FROM work_item WHERE points > 6",
    )
    response = own.raw("WorkItems?asOf=2026-01-15&$select=Key,Title,ProjectKey", Prefer="maxpagesize=2")
    assert [row["Title"] for row in response.json()["value"]] == ["then", "then"]
    link = response.json()["@odata.nextLink"]
    assert "asOf=2026-01-15" in link
    assert [row["Key"] for row in own.get(link)["value"]] == ["W-09"]
    assert own.raw("WorkItems/$count?asOf=2026-01-15").text == "3"
    assert own.get(f"WorkItems({UUID(int=109)})?asOf=2026-01-15")["Title"] == "then"
    assert own.raw("WorkItems/$count?asOf=2025-01-15").text == "0"


def test_forms_of_the_answer(service: Service) -> None:
    for accept in (
        "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,application/atomsvc+xml;q=0.8",
        "*/*", "application/json", "application/json;odata.metadata=full, application/json;q=0.5", "",
    ):  # fmt: skip
        response = service.raw("Projects?$top=1", Accept=accept)
        assert response.headers["content-type"] == "application/json;odata.metadata=minimal"
    bare = service.raw(
        "Projects?$top=1&$count=true&$select=Key", Accept="application/json;odata.metadata=none"
    )
    assert bare.json() == {"@odata.count": 3, "value": [{"Key": "LAB"}]}
    assert set(service.get("?$format=application/json;odata.metadata=none")) == {"value"}
    assert service.get("Projects?$format=json&$top=1")["value"]
    assert service.raw("Projects", Accept="application/atom+xml").status_code == 501
    assert service.raw("Projects", Accept="application/json;IEEE754Compatible=true").status_code == 501
    assert service.raw("Projects", OData_MaxVersion="3.0").status_code == 400
    assert service.raw("Projects", OData_MaxVersion="4.01").status_code == 200


def test_a_key_comes_as_bearer_as_password_or_in_the_address(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url, key = service.gateway.url, service.gateway.key
    with httpx.Client(base_url=url) as client:
        refused = client.get("/odata/v4/Projects")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Basic realm="portbook", charset="UTF-8"'
        assert refused.json()["error"]["code"] == "API002"
        assert client.get("/odata/v4/", auth=("anybody", key)).status_code == 200
        assert client.get("/odata/v4/", auth=("anybody", "pb_wrong")).status_code == 401
        assert client.get("/odata/v4/?key=pb_wrong").status_code == 401
        page = client.get(
            f"/odata/v4/WorkItems?$select=Key&key={key}", headers={"Prefer": "maxpagesize=5"}
        ).json()
        assert len(page["value"]) == 5
        assert f"key={key}" in page["@odata.nextLink"]
        assert len(client.get(page["@odata.nextLink"]).json()["value"]) == 4
        # Only here, and not where another way was taken.
        assert client.get(f"/api/v1/projects?key={key}").status_code == 401
        basic = base64.b64encode(f"x:{key}".encode()).decode()
        page = client.get(
            f"/odata/v4/WorkItems?key={key}",
            headers={"Prefer": "maxpagesize=5", "Authorization": f"Basic {basic}"},
        ).json()
        assert key not in page["@odata.nextLink"]
        wrong = client.get(f"/odata/v4/WorkItems?$filter=Nothing eq 1&key={key}")
        assert wrong.status_code == 400
        assert key not in wrong.text
    assert not [record for record in caplog.records if record.name != "httpx" and key in record.getMessage()]


def test_people_of_the_organisation_are_told_where_to_sign_in(service: Service) -> None:
    app = create_app(
        database_url=service.gateway.database_url, pool_size=1, secret=b"tests",
        authorization_uri="https://login.example.com/tenant/oauth2/authorize",
    )  # fmt: skip
    with Server(app) as url:
        refused = httpx.get(f"{url}/odata/v4/")
    assert refused.headers["www-authenticate"].startswith(
        'Bearer authorization_uri="https://login.example.com/tenant/oauth2/authorize", Basic'
    )


def test_a_key_that_asks_too_much_is_told_when_to_ask_again(service: Service) -> None:
    app = create_app(database_url=service.gateway.database_url, pool_size=1, per_second=2)
    with Server(app) as url, service.gateway.client() as client:
        answers = [client.get(f"{url}/odata/v4/") for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["error"]["code"] == "API004"
    assert int(refused[0].headers["retry-after"]) >= 1


def test_a_restricted_key_sees_its_rows_through_every_set_and_way(service: Service, partner: Service) -> None:
    assert partner.keys("Projects") == ["PAY"]
    assert len(partner.keys("WorkItems")) == 6
    assert partner.raw("WorkItems/$count").text == "6"
    partner.error(f"Projects({WEB})", 404, "REG004")
    partner.error(f"Projects({WEB})/WorkItems", 404, "REG004")
    assert partner.keys("Milestones?$filter=Project/Key ne 'PAY'") == []
    (programme,) = partner.get("Programmes?$expand=Portfolio,Projects($select=Key)")["value"]
    assert programme["Portfolio"] is None
    assert programme["PortfolioKey"] is None
    assert programme["Projects"] == [{"Key": "PAY"}]
    assert [row["ProgrammeKey"] for row in partner.get("PortfolioSummary")["value"]] == ["ERP"]
    assert {row["ProjectKey"] for row in partner.get("MilestoneVariance")["value"]} == {"PAY"}
    assert {row["ProjectKey"] for row in partner.get("ProjectSnapshots")["value"]} == {"PAY"}
    assert {row["ProjectKey"] for row in service.get("ProjectSnapshots")["value"]} == {"PAY", "WEB", "LAB"}
    assert partner.get("WorkItems?$apply=groupby((ProjectKey),aggregate($count as N))")["value"] == [
        {"ProjectKey": "PAY", "N": 6}
    ]
    (bo,) = partner.get(f"People?$filter=Id eq {BO}&$expand=AssignedWorkItems($select=Key)")["value"]
    assert {item["Key"] for item in bo["AssignedWorkItems"]} <= set(partner.keys("WorkItems"))


def test_rows_that_are_gone_are_shown_to_who_asks_for_them(own: Service) -> None:
    execute(own.gateway.database_url, "UPDATE project SET presence = 'deleted' WHERE key = 'LAB'")
    assert own.keys("Projects") == ["PAY", "WEB"]
    assert own.keys("Projects?$filter=Presence eq 'deleted'") == ["LAB"]
    assert own.keys("Projects?$filter=Presence ne null") == ["LAB", "PAY", "WEB"]
    assert own.get(f"Projects({LAB})")["Presence"] == "deleted"
