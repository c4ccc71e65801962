"""What goes wrong at a Jira, and what is concluded from it: never a deletion."""

from __future__ import annotations

import logging
import time

import pytest

from adapters.base import Presence
from adapters.errors import SourceMisbehaved, SourceRefused, SourceUnavailable
from adapters.http import Patience
from adapters.jira import JiraAdapter, JiraOptions
from tests.fakes.jira import FakeJira
from tests.fakes.jira.world import OLD_POINTS, POINTS
from tests.fix_sources import AT_ONCE, fill, issue_ids, jira_adapter, read_pages, records_of

PAY = "issues:10001"


def everything(fake: FakeJira) -> set[str]:
    return {str(number) for number in fake.world.issues}


@pytest.mark.parametrize("fault", ["too_many_every", "unavailable_every", "truncate_every", "cut_every"])
async def test_a_passing_fault_costs_time_and_nothing_else(jira: FakeJira, fault: str) -> None:
    fill(jira, {"PAY": 60})
    setattr(jira.faults, fault, 3)
    async with jira_adapter(jira, page_size=5) as adapter:
        assert issue_ids(await read_pages(adapter, PAY)) == everything(jira)


async def test_retry_after_is_waited_for(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3})
    jira.faults.too_many_every, jira.faults.retry_after = 7, "1"
    began = time.monotonic()
    async with jira_adapter(jira, page_size=2) as adapter:
        assert issue_ids(await read_pages(adapter, PAY)) == everything(jira)
    assert time.monotonic() - began >= 0.95


async def test_a_wait_that_is_too_long_is_left_to_the_scheduler(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3})
    jira.faults.too_many_every, jira.faults.retry_after = 1, "1800"
    began = time.monotonic()
    async with jira_adapter(jira) as adapter:
        with pytest.raises(SourceUnavailable) as caught:
            await adapter.partitions()
    assert caught.value.retry_after == 1800
    assert time.monotonic() - began < 5


async def test_a_lasting_outage_is_unavailable(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3})
    jira.faults.unavailable_every = 1
    async with jira_adapter(jira) as adapter:
        with pytest.raises(SourceUnavailable, match="503"):
            await adapter.check()


async def test_nobody_listening_is_unavailable_with_the_address() -> None:
    options = JiraOptions.model_validate(
        {"url": "http://127.0.0.1:1/jira", "auth": {"kind": "pat", "token": "t0psecret"}}
    )
    async with JiraAdapter(options, patience=AT_ONCE) as adapter:
        with pytest.raises(SourceUnavailable) as caught:
            await adapter.check()
    assert "http://127.0.0.1:1/jira/rest/api/2/serverInfo" in str(caught.value)


async def test_a_login_page_sent_as_200_misbehaves(jira: FakeJira) -> None:
    fill(jira, {"PAY": 30})
    async with jira_adapter(jira, page_size=5) as adapter:
        await adapter.partitions()
        jira.faults.html_login = True
        with pytest.raises(SourceMisbehaved, match="text/html"):
            await read_pages(adapter, PAY)
    async with jira_adapter(jira) as adapter:
        with pytest.raises(SourceMisbehaved, match="text/html"):
            await adapter.check()


@pytest.mark.parametrize("fault", ["truncate_every", "cut_every"])
async def test_answers_that_stay_cut_short_end_the_read_with_an_error(jira: FakeJira, fault: str) -> None:
    fill(jira, {"PAY": 30})
    setattr(jira.faults, fault, 1)
    async with jira_adapter(jira, page_size=5) as adapter:
        wanted = SourceMisbehaved if fault == "truncate_every" else SourceUnavailable
        with pytest.raises(wanted):
            await read_pages(adapter, PAY)


async def test_a_redirect_is_not_followed_and_named(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    jira.faults.redirect_to = "https://sso.example.org/login?token=abc"
    async with jira_adapter(jira) as adapter:
        with pytest.raises(SourceRefused, match=r"sso\.example\.org/login") as caught:
            await adapter.check()
    assert "abc" not in str(caught.value)


async def test_a_wrong_token_is_refused_and_never_shown(
    jira: FakeJira, caplog: pytest.LogCaptureFixture
) -> None:
    fill(jira, {"PAY": 1})
    caplog.set_level(logging.DEBUG)
    async with jira_adapter(jira, auth={**jira.auth(), "token": "t0psecret"}) as adapter:
        with pytest.raises(SourceRefused, match="401") as caught:
            await adapter.check()
        shown = (
            f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r} {caplog.text} {adapter._options!r}"
        )
    assert caught.value.hint
    assert "t0psecret" not in shown
    assert "dDBwc2VjcmV0" not in shown


async def test_a_token_that_expires_in_mid_run_is_renewed_once_where_it_can_be(jira: FakeJira) -> None:
    fill(jira, {"PAY": 60})
    asked = []

    async def refresh() -> str:
        asked.append(1)
        return jira.secret

    jira.faults.token_expires_after = 12
    async with jira_adapter(jira, page_size=5, refresh=refresh) as adapter:
        assert issue_ids(await read_pages(adapter, PAY)) == everything(jira)
    assert len(asked) == 1


async def test_a_token_may_expire_before_any_request_and_changes_no_value(jira: FakeJira) -> None:
    """Also before those where a refusal is an answer: whether there are boards, what they count, what is gone."""
    fill(jira, {"PAY": 1, "OLD": 1})
    jira.edit("PAY-1", **{POINTS: 3.0, OLD_POINTS: 8.0})
    jira.world.add_board("PAY", "PAY board", points=OLD_POINTS)
    jira.archive_project("OLD")

    async def refresh() -> str:
        return jira.secret

    for count in range(1, 20):
        jira.state.secret = "fake-token"
        jira.faults.token_expires_after = jira.state.wire.requests + count
        async with jira_adapter(jira, refresh=refresh) as adapter:
            assert "sprints" in [partition.name for partition in await adapter.partitions()]
            (record,) = records_of(await read_pages(adapter, PAY)).values()
            assert record.data["portbook"]["points"] == 8.0, count
            assert await adapter.locate("project", ["10002"], {}) == {"10002": Presence.ARCHIVED}, count


async def test_a_token_that_expires_in_mid_run_is_refused_where_it_cannot_be_renewed(jira: FakeJira) -> None:
    fill(jira, {"PAY": 60})
    jira.faults.token_expires_after = 12
    async with jira_adapter(jira, page_size=5) as adapter:
        with pytest.raises(SourceRefused, match="401"):
            await read_pages(adapter, PAY)


async def test_a_login_that_degrades_to_anonymous_does_not_empty_a_project(jira: FakeJira) -> None:
    fill(jira, {"PAY": 30})
    async with jira_adapter(jira, page_size=5) as adapter:
        await adapter.partitions()
        jira.faults.anonymous_on_bad_login = True
        jira.state.secret = "changed"
        with pytest.raises(SourceRefused, match="401"):
            await read_pages(adapter, PAY)


async def test_a_source_that_suddenly_returns_nothing_is_refused(jira: FakeJira) -> None:
    fill(jira, {"PAY": 30})
    jira.faults.empty_everything = True
    async with jira_adapter(jira) as adapter:
        with pytest.raises(SourceRefused, match="no project"):
            await adapter.partitions()


async def test_a_repeated_page_token_misbehaves(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 60})
    cloud.faults.repeat_token = True
    async with jira_adapter(cloud, page_size=5) as adapter:
        with pytest.raises(SourceMisbehaved, match="second time"):
            await read_pages(adapter, PAY)


async def test_an_empty_page_with_a_token_is_passed_over(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 60})
    cloud.faults.empty_page_every = 3
    async with jira_adapter(cloud, page_size=5) as adapter:
        assert issue_ids(await read_pages(adapter, PAY)) == everything(cloud)


async def test_empty_pages_without_end_misbehave(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 60})
    cloud.faults.endless_empty_pages = True
    async with jira_adapter(cloud, page_size=5) as adapter:
        with pytest.raises(SourceMisbehaved, match="empty pages"):
            await read_pages(adapter, PAY)


async def test_a_refused_page_token_costs_repeats_and_loses_nothing(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 60})
    cloud.faults.page_tokens_expire_after = 6
    async with jira_adapter(cloud, page_size=5) as adapter:
        pages = await read_pages(adapter, PAY)
    assert issue_ids(pages) == everything(cloud)
    # It went on near the place it had reached.
    assert sum(len(page.records) for page in pages) < 60 + 15


async def test_a_cursor_whose_token_has_died_over_night_goes_on_from_its_place(cloud: FakeJira) -> None:
    fill(cloud, {"PAY": 60})
    async with jira_adapter(cloud, page_size=5) as adapter:
        first = await read_pages(adapter, PAY, stop_after=6)
    cursor = {**(first[-1].cursor or {}), "token": "bm9uc2Vuc2U="}
    async with jira_adapter(cloud, page_size=5) as adapter:
        rest = await read_pages(adapter, PAY, cursor)
    assert issue_ids(first) | issue_ids(rest) == everything(cloud)
    assert len(issue_ids(rest)) < 45


async def test_silently_lowered_pages_are_counted_by_what_came(jira: FakeJira) -> None:
    fill(jira, {"PAY": 60})
    jira.faults.page_limit = 7
    async with jira_adapter(jira, page_size=50) as adapter:
        assert issue_ids(await read_pages(adapter, PAY)) == everything(jira)


async def test_the_removed_search_is_410_on_cloud_and_never_called(cloud: FakeJira) -> None:
    import httpx

    fill(cloud, {"PAY": 3})
    async with jira_adapter(cloud) as adapter:
        for partition in await adapter.partitions():
            async for _ in adapter.read(partition, None, full=True):
                pass
    assert not [call for call in cloud.log if call.path.endswith("/3/search")]
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {cloud.secret}"}, trust_env=False
    ) as client:
        answer = await client.post(f"{cloud.url}/rest/api/3/search", json={"jql": "project = PAY"})
    assert answer.status_code == 410


async def test_a_project_hidden_in_mid_run_fails_its_own_partition_only(jira: FakeJira) -> None:
    fill(jira, {"PAY": 10, "WEB": 10})
    async with jira_adapter(jira, page_size=3) as adapter:
        await adapter.partitions()
        jira.hide_project("PAY")
        with pytest.raises(SourceMisbehaved, match="no longer visible"):
            await read_pages(adapter, PAY)
        assert len(issue_ids(await read_pages(adapter, "issues:10002"))) == 10


async def test_a_near_limit_slows_requests_down(jira: FakeJira) -> None:
    fill(jira, {"PAY": 8})
    jira.faults.near_limit = True
    patience = Patience(attempts=2, base=0.01, cap=0.01)
    began = time.monotonic()
    async with jira_adapter(jira, page_size=50, patience=patience) as adapter:
        await adapter.partitions()
    assert time.monotonic() - began > 0.5


async def test_no_more_requests_are_under_way_than_allowed(jira: FakeJira) -> None:
    import asyncio

    fill(jira, {"PAY": 30, "WEB": 30, "DWH": 30})
    running = most = 0
    async with jira_adapter(jira, page_size=5, concurrency=2) as adapter:
        exchange = adapter._http._client.request

        async def counted(*args: object, **more: object) -> object:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                return await exchange(*args, **more)  # type: ignore[arg-type]
            finally:
                running -= 1

        adapter._http._client.request = counted  # type: ignore[assignment,method-assign]
        await asyncio.gather(*(read_pages(adapter, f"issues:{number}") for number in (10001, 10002, 10003)))
    assert most == 2
