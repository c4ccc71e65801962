"""What clients ask, and a reader that knows the standard alone. No traffic was recorded: these are not captures.

Power Query (Excel, Power BI), from its documentation: the steps of a query are folded into $select, $filter, $orderby,
$top, $skip and counts; for an organisational account an empty Bearer comes first. The headers and the preview of 1,000
rows are what is commonly seen, documented nowhere that we found. Tableau, from its documentation: the root or a set,
the metadata as XML, whole sets page by page, collections left out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import requests
from odata import ODataService

from tests.odata.conftest import Service
from tests.odata.reader import Reader

ACCEPT = (
    "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7"
)


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    """Signed in as these tools do: Basic, once they were asked."""
    basic = base64.b64encode(f"anybody:{service.gateway.key}".encode()).decode()
    with httpx.Client(
        headers={"Authorization": f"Basic {basic}", "Accept": ACCEPT, "OData-MaxVersion": "4.0"}
    ) as found:
        yield found


def test_a_reader_of_the_standard_reads_every_set_and_follows_every_link(
    service: Service, client: httpx.Client
) -> None:
    reader = Reader(client, f"{service.gateway.url}/odata/v4/")
    assert len(reader.sets) > 40
    for name in reader.sets:
        whole = reader.rows(name)
        assert reader.rows(name, Prefer="odata.maxpagesize=2") == whole
        ids = [row["Id"] for row in whole]
        assert len(set(ids)) == len(ids)
    (pay,) = reader.rows(
        "Projects", "?$filter=Key%20eq%20'PAY'&$expand=WorkItems,Programme($expand=Portfolio)"
    )
    assert len(pay["WorkItems"]) == 6
    assert pay["Programme"]["Portfolio"]["Key"] == "BANK"


def test_an_independent_client_reads_filters_and_follows_ways(service: Service) -> None:
    with requests.Session() as session:
        session.auth = ("anybody", service.gateway.key)
        register = ODataService(f"{service.gateway.url}/odata/v4/", session=session, reflect_entities=True)
        items, projects = register.entities["WorkItems"], register.entities["Projects"]
        found = register.query(items).filter(items.Status == "done").order_by(items.Points.desc()).limit(3)
        assert [(item.Key, item.Points) for item in found] == [("W-09", 9), ("W-07", 7), ("W-03", 3)]
        assert [item.Key for item in register.query(items).filter(items.Title.contains("Item 3"))] == ["W-03"]
        assert len(list(register.query(items))) == 9
        project = register.query(projects).filter(projects.Key == "PAY").first()
        assert (project.Title, project.Budget, project.Tags) == ("Payments", 100, ["bank", "core"])
        assert len(project.WorkItems) == 6
        assert project.Programme.Title == "Finance"


def test_power_query_is_asked_to_sign_in_and_told_where(service: Service) -> None:
    root = f"{service.gateway.url}/odata/v4/"
    for header in ({}, {"Authorization": "Bearer"}):
        refused = httpx.get(root, headers={"Accept": ACCEPT, **header})
        assert refused.status_code == 401
        assert "Basic" in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("step", "keys"),
    [
        ("WorkItems?$top=1000", "1 2 3 4 5 6 7 8 9"),  # the preview
        ("WorkItems?$select=Key,Title,DueOn", "1 2 3 4 5 6 7 8 9"),  # Choose Columns
        ("WorkItems?$filter=Status eq 'done' and DueOn ge 2026-01-01&$select=Key,DueOn", "1 3 5 7 9"),  # Filter Rows
        ("WorkItems?$filter=startswith(Title, 'Item 3') or endswith(Title, '9') or contains(Title, 'm 1')", "1 3 9"),  # text filters
        ("WorkItems?$filter=Points ne null and not (Points eq 3)", "1 2 4 6 7 8 9"),
        ("WorkItems?$filter=year(DueOn) eq 2026 and month(DueOn) eq 1", "3 6 9"),
        ("WorkItems?$filter=ResolvedAt ge 2026-01-31T00:00:00Z and ResolvedAt lt 2026-02-01T00:00:00Z", "1 3 5 7 9"),
        ("WorkItems?$orderby=Points desc&$top=3&$select=Key", "9 8 7"),  # Keep Top Rows
        ("WorkItems?$orderby=Key&$skip=2&$top=3&$select=Key", "3 4 5"),  # Keep Range of Rows
        ("WorkItems?$expand=Project($select=Key)&$select=Key&$top=2", "1 2"),  # expand a column of records
        ("WorkItems?$filter=Project/Key eq 'WEB'&$expand=Project($select=Key,Title)", "7 8"),
        ("WorkItems?$filter=(((ProjectKey eq 'PAY') or (ProjectKey eq 'WEB')) and (Points gt 4))", "6 7 8"),
    ],
)  # fmt: skip
def test_steps_that_power_query_folds_are_answered(
    service: Service, client: httpx.Client, step: str, keys: str
) -> None:
    path, _, query = step.partition("?")
    url = f"{service.gateway.url}/odata/v4/{path}?{quote(query, safe='$=&(),;/')}"
    response = client.get(url)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json;odata.metadata=minimal"
    assert " ".join(str(int(row["Key"][2:])) for row in response.json()["value"]) == keys


def test_power_query_counts_rows_with_the_steps_before(service: Service, client: httpx.Client) -> None:
    root = f"{service.gateway.url}/odata/v4/WorkItems/$count"
    assert client.get(root).text == "9"
    assert client.get(f"{root}?$filter=Points%20gt%204&$select=Key&$orderby=Points&$top=2").text == "4"
    assert client.get(f"{root}?$filter=Points%20gt%204&$orderby=Nothing").status_code == 400


def test_tableau_takes_whole_sets(service: Service, client: httpx.Client) -> None:
    root = f"{service.gateway.url}/odata/v4/"
    assert "WorkItems" in {each["name"] for each in client.get(root).json()["value"]}
    assert client.get(f"{root}$metadata", headers={"Accept": "application/xml"}).content.startswith(b"<?xml")
    link, rows = f"{root}WorkItems", 0
    while link:
        page = client.get(link, headers={"Accept": "application/json"}).json()
        rows += len(page["value"])
        link = page.get("@odata.nextLink")
    assert rows == 9


def test_the_root_answers_with_and_without_its_slash(service: Service, client: httpx.Client) -> None:
    for root in ("/odata/v4", "/odata/v4/"):
        body = client.get(f"{service.gateway.url}{root}").json()
        assert body["@odata.context"] == f"{service.gateway.url}/odata/v4/$metadata"
