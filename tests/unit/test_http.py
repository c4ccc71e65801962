"""Reading answers: waits, hostile bodies, addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.address import usable_base_url
from adapters.answers import error_text, retry_after
from adapters.errors import SourceRefused, SourceUnavailable
from adapters.http import Http, Patience
from adapters.json_body import list_decoder, loads, page_decoder, split_array
from adapters.sign_in import SignIn

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Found(msgspec.Struct):
    issues: list[msgspec.Raw]
    total: int | None = None


@given(
    st.lists(JSON, max_size=6),
    st.dictionaries(st.text().filter(lambda name: name != "issues"), JSON, max_size=3),
)
def test_a_list_is_split_into_its_elements_as_they_were_sent(
    items: list[Any], others: dict[str, Any]
) -> None:
    body = orjson.dumps({**others, "issues": items})
    elements, rest = split_array(body, "issues")
    assert elements == [orjson.dumps(item) for item in items]
    assert orjson.loads(rest) == {**others, "issues": []}


@given(st.lists(JSON, max_size=4), st.data())
def test_a_body_cut_short_is_refused_wherever_it_was_cut(items: list[Any], data: st.DataObject) -> None:
    body = orjson.dumps({"issues": items, "total": 3})
    decode = page_decoder(Found, "issues")
    assert [bytes(raw) for raw in decode(body).issues] == [orjson.dumps(item) for item in items]
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises((ValueError, msgspec.DecodeError)):
        decode(body[:cut])


@pytest.mark.parametrize("hostile", [b'"\\ud800"', b'"\xff"', b'"a\x01"', b"[" * 5000 + b"]" * 5000])
def test_one_hostile_element_does_not_spoil_its_page(hostile: bytes) -> None:
    body = b'{"total":3,"issues":[{"a":1},{"b":' + hostile + b'} , {"c":"],[\\""}]}'
    page = page_decoder(Found, "issues")(body)
    assert [bytes(raw) for raw in page.issues] == [b'{"a":1}', b'{"b":' + hostile + b"}", b'{"c":"],[\\""}']
    assert page.total == 3
    assert [bytes(raw) for raw in list_decoder()(b"[1," + hostile + b"]")] == [b"1", hostile]


def test_an_answer_of_another_shape_is_refused() -> None:
    for body in (b'{"errorMessages":[]}', b"[]", b"null", b'{"issues":7}', b""):
        with pytest.raises((ValueError, msgspec.DecodeError)):
            page_decoder(Found, "issues")(body)


def test_lone_surrogates_become_replacement_characters_and_pairs_stay_letters() -> None:
    assert loads(b'{"a\\udc00":["\\ud83d\\ude00","\\ud800"]}') == {"a�": ["😀", "�"]}
    with pytest.raises(ValueError, match=r"."):
        loads(b"<html>")
    with pytest.raises(ValueError, match="deep"):
        loads(b"[" * 100_000 + b"]" * 100_000)


def test_retry_after_is_read_in_every_spelling() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after": "0"}) == 0
    assert 55 < (retry_after({"retry-after": format_datetime(soon, usegmt=True)}) or 0) < 61
    assert (
        55 < (retry_after({"x-ratelimit-reset": soon.strftime("%Y-%m-%dT%H:%MZ")}) or 60) < 61 or soon.second
    )
    assert 55 < (retry_after({"x-ratelimit-reset": str(soon.timestamp())}) or 0) < 61
    assert retry_after({"x-ratelimit-reset": "soon"}) is None
    assert retry_after({}) is None


def test_a_moment_to_wait_for_is_one_of_the_tools_clock() -> None:
    """Ours may be hours off: the wait is between two moments that the tool names."""
    tools = datetime.now(UTC) - timedelta(hours=5)
    sent = {"date": format_datetime(tools, usegmt=True)}
    until = tools + timedelta(seconds=30)
    for told in (
        {"retry-after": format_datetime(until, usegmt=True)},
        {"x-ratelimit-reset": until.replace(microsecond=0).isoformat()},
        {"x-ratelimit-reset": str(int(until.timestamp()))},
    ):
        assert 29 <= (retry_after({**sent, **told}) or 0) <= 31, told


@pytest.mark.parametrize("told", ["inf", "1e300", "31536000", "Fri, 31 Dec 2199 00:00:00 GMT"])
def test_no_tool_is_waited_for_beyond_a_day(told: str) -> None:
    assert retry_after({"retry-after": told}) == 86_400
    assert retry_after({"retry-after": "nan"}) == 0
    assert retry_after({"retry-after": "-7"}) == 0


@pytest.mark.parametrize(
    "moment", ["Fri, 31 Dec 99999999999999999999 00:00:00 GMT", "Fri, 31 Dec 2020 00:00:00 +99999999999"]
)
def test_a_moment_that_no_calendar_has_is_none(moment: str) -> None:
    assert retry_after({"retry-after": moment}) is None


@pytest.mark.parametrize("seconds", ["1e300", "99999999999999999999"])
def test_a_reset_beyond_every_calendar_is_none(seconds: str) -> None:
    assert retry_after({"x-ratelimit-reset": seconds}) is None


def test_the_tools_words_are_found_in_every_shape_of_error() -> None:
    assert error_text(b'{"errorMessages":["a"],"errors":{"jql":"b"}}') == "a; jql: b"
    assert error_text(b'{"code":401,"message":"Unauthorized"}') == "Unauthorized"
    assert error_text(b'{"errors":["Subject is empty",{}]}') == "Subject is empty"
    assert error_text(b'{"error":"invalid"}') == "invalid"
    assert error_text(b'{"errorMessages":true,"message":"odd"}') == "odd"
    assert error_text(b"<html>") == ""
    assert error_text(b"[1]") == ""


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/jira/", "http://10.1.2.3", "http://jira:8080", "https://a.example"]
)
def test_plain_http_is_for_this_machine_and_private_addresses(url: str) -> None:
    assert usable_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://93.184.216.34", "http://jira.example.org", "https://a.example?x=1", "https://"]
)
def test_an_address_that_would_leak_or_not_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        usable_base_url(url)


async def test_a_secret_that_changes_after_a_right_was_missing_is_read_anew() -> None:
    good = "T1"

    def answer(request: httpx.Request) -> httpx.Response:
        known = request.headers["Authorization"] == f"Bearer {good}" and request.url.path != "/teams"
        return httpx.Response(200 if known else 401, json={})

    async def ask(path: str) -> int:
        found, _ = await tool.send("GET", path, decode=loads, also=(401,))
        return found.status

    credentials = SignIn(SecretStr("T1"), refresh=lambda: good)
    async with Http(
        "https://tool.example",
        credentials,
        patience=Patience(base=0, cap=0),
        transport=httpx.MockTransport(answer),
    ) as tool:
        for secret in ("T1", "T2", "T3"):
            good = secret
            assert [await ask("teams"), await ask("project/1")] == [401, 200], secret
            good = f"{secret} again"
            assert await ask("project/1") == 200, secret
            before = tool.requests
            assert await ask("teams") == 401
            assert tool.requests == before + 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 522, 599])
async def test_what_ails_a_server_or_a_proxy_pauses_nobodys_source(status: int) -> None:
    async with Http(
        "https://tool.example",
        SignIn(SecretStr("T1")),
        patience=Patience(attempts=3, base=0, cap=0),
        transport=httpx.MockTransport(lambda request: httpx.Response(status, json={})),
    ) as tool:
        with pytest.raises(SourceUnavailable, match=str(status)):
            await tool.json("GET", "projects", decode=loads)
        assert tool.requests == 3


@pytest.mark.parametrize("status", [400, 403, 404, 501, 505])
async def test_what_stays_as_it_is_is_not_asked_for_again(status: int) -> None:
    async with Http(
        "https://tool.example",
        SignIn(SecretStr("T1")),
        transport=httpx.MockTransport(lambda request: httpx.Response(status, json={})),
    ) as tool:
        with pytest.raises(SourceRefused, match=str(status)):
            await tool.json("GET", "projects", decode=loads)
        assert tool.requests == 1


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("s3cret\nsecond", "a line break"),
        ("s3cret ", "a blank at its end"),
        ("s3cret–dash", "a typographic dash"),
        ("s3cret\x00", "no plain letter"),
    ],
)
async def test_a_secret_that_no_header_can_carry_is_told_without_being_shown(secret: str, why: str) -> None:
    """And is for a person to mend: trying again, as with a tool that is down, would help nobody."""

    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError("it was sent")

    http = Http(
        "https://tool.example",
        SignIn(SecretStr(secret)),
        transport=httpx.MockTransport(never),
        patience=Patience(base=0),
    )
    async with http:
        with pytest.raises(SourceRefused, match=why) as refused:
            await http.json("GET", "me", decode=loads)
    assert "s3cret" not in str(refused.value)
