"""$batch: several questions at once, as multipart and as JSON, and nothing but questions."""

from __future__ import annotations

import json
from email.parser import BytesParser
from typing import Any

import httpx
import pytest

from tests.odata.conftest import Service

PARTS = "--b1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\nGET {url} HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n"


def multipart(service: Service, *urls: str, **headers: str) -> list[tuple[int, Any]]:
    body = "".join(PARTS.format(id=at, url=url) for at, url in enumerate(urls, 1)) + "--b1--\r\n"
    response = service.client.post(
        "/odata/v4/$batch", content=body, headers={"Content-Type": "multipart/mixed; boundary=b1", **headers}
    )
    assert response.status_code == 200, response.text
    assert response.headers["odata-version"] == "4.0"
    # An independent reader: Python's own of MIME.
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode()
    found = []
    for at, part in enumerate(BytesParser().parsebytes(head + response.content).get_payload(), 1):
        assert part.get_content_type() == "application/http"
        assert part["Content-ID"] == str(at)
        text = part.get_payload()
        status, _, rest = text.replace("\r\n", "\n").partition("\n")
        content = rest.partition("\n\n")[2]
        found.append((int(status.split()[1]), json.loads(content) if content.startswith("{") else content))
    return found


def as_json(service: Service, requests: list[dict[str, Any]], **headers: str) -> httpx.Response:
    return service.client.post("/odata/v4/$batch", json={"requests": requests}, headers=headers)


def test_a_multipart_batch_answers_in_order(service: Service) -> None:
    first, second, third = multipart(
        service,
        "Projects?$select=Key&$top=1",
        f"{service.gateway.url}/odata/v4/WorkItems/$count",
        "/odata/v4/WorkItems?$filter=Title%20eq%20'Item%203%20o''3'&$select=Key",
    )
    assert first[1]["value"] == [{"Key": "LAB"}]
    assert (second[0], second[1].strip()) == (200, "9")
    assert third[1]["value"] == [{"Key": "W-03"}]


def test_a_batch_ends_behind_what_fails_unless_it_is_to_go_on(service: Service) -> None:
    urls = ("Projects?$top=1", "Nothing", "Projects?$top=1")
    assert [status for status, _ in multipart(service, *urls)] == [200, 404]
    assert [status for status, _ in multipart(service, *urls, Prefer="odata.continue-on-error")] == [
        200,
        404,
        200,
    ]
    response = as_json(
        service,
        [{"id": str(at), "method": "GET", "url": url} for at, url in enumerate(urls)],
        Prefer="continue-on-error=true",
    )
    assert [each["status"] for each in response.json()["responses"]] == [200, 404, 200]


def test_a_json_batch_answers_by_id(service: Service) -> None:
    response = as_json(
        service,
        [
            {"id": "a", "method": "get", "url": "Projects?$select=Key&$top=1", "headers": {"accept": "application/json;odata.metadata=none"}},
            {"id": "b", "method": "get", "url": "WorkItems/$count"},
            {"id": "c", "method": "get", "url": "$metadata"},
        ],
    )  # fmt: skip
    a, b, c = response.json()["responses"]
    assert (a["id"], a["status"], a["body"]) == ("a", 200, {"value": [{"Key": "LAB"}]})
    assert b["body"] == "9"
    assert c["body"].startswith("<?xml")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"id": "1", "method": "POST", "url": "Projects"}, 501), ({"id": "1", "method": "get", "url": "Projects", "dependsOn": ["0"]}, 501), ({"id": "1", "method": "get", "url": "$1/Title"}, 501),
        ({"id": "1", "method": "get", "url": "$batch"}, 501), ({"id": "1", "method": "get", "url": "http://other.example/odata/v4/Projects"}, 400), ({"method": "get", "url": "Projects"}, 400), ({"id": 1}, 400),
    ],
)  # fmt: skip
def test_what_a_batch_may_not_hold_is_refused_before_anything_is_asked(
    service: Service, request_: dict[str, Any], status: int
) -> None:
    response = as_json(service, [request_])
    assert response.status_code == status, response.text
    assert response.json()["error"]["target"] == "$batch"


def test_a_batch_is_bounded_and_of_one_caller(service: Service) -> None:
    many = [{"id": str(at), "method": "get", "url": "Projects"} for at in range(51)]
    assert as_json(service, many).json()["error"]["code"] == "QRY003"
    assert service.client.get("/odata/v4/$batch").status_code == 405
    assert service.client.post("/odata/v4/$batch", content="x" * (1 << 20) + "x").status_code == 400
    assert (
        service.client.post(
            "/odata/v4/$batch", content="{", headers={"Content-Type": "application/json"}
        ).status_code
        == 400
    )
    assert (
        service.client.post(
            "/odata/v4/$batch", content="--b\r\n", headers={"Content-Type": "multipart/mixed; boundary=b"}
        ).status_code
        == 400
    )
    (one,) = as_json(service, [{"id": "1", "method": "get", "url": "Projects?key=pb_other"}]).json()[
        "responses"
    ]
    assert one["status"] == 400
    assert httpx.post(f"{service.gateway.url}/odata/v4/$batch", json={}).status_code == 401


def test_change_sets_are_refused(service: Service) -> None:
    body = "--b1\r\nContent-Type: multipart/mixed; boundary=c1\r\n\r\n--c1\r\n\r\n--c1--\r\n--b1--\r\n"
    response = service.client.post(
        "/odata/v4/$batch", content=body, headers={"Content-Type": "multipart/mixed; boundary=b1"}
    )
    assert response.status_code == 501
