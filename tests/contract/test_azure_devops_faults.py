"""What goes wrong at an Azure DevOps, and what is concluded from it: never a deletion."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.azure_devops import AzureDevOpsAdapter, AzureDevOpsOptions
from adapters.errors import CursorExpired, SourceMisbehaved, SourceRefused, SourceUnavailable
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops.generate import fill
from tests.fakes.entra import FakeEntra
from tests.fix_sources import AT_ONCE, azure_devops_adapter, read_pages, records_of


def items_of(pages: list[Any]) -> set[str]:
    return set(records_of(pages, "work_item"))


def everything(fake: FakeAzureDevOps) -> set[str]:
    return {str(item.id) for item in fake.world.readable_items()}


@pytest.fixture(params=["feed", "query"])
def way(request: pytest.FixtureRequest, boards: FakeAzureDevOps) -> str:
    if request.param == "query":
        boards.faults.no_feed = 404
    return str(request.param)


@pytest.mark.parametrize("fault", ["too_many_every", "unavailable_every", "truncate_every", "cut_every"])
async def test_a_passing_fault_costs_time_and_nothing_else(
    boards: FakeAzureDevOps, way: str, fault: str
) -> None:
    fill(boards.world, {"Alpha": 60})
    setattr(boards.faults, fault, 3)
    async with azure_devops_adapter(boards, page_size=5) as adapter:
        assert items_of(await read_pages(adapter, "work_items")) == everything(boards)


async def test_a_pause_asked_for_along_with_an_answer_is_kept(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 3})
    boards.faults.retry_after_200 = "1"
    began = time.monotonic()
    async with azure_devops_adapter(boards) as adapter:
        await adapter.partitions()
    assert time.monotonic() - began >= 0.95


async def test_a_wait_that_is_too_long_is_left_to_the_scheduler(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 3})
    boards.faults.too_many_every, boards.faults.retry_after = 1, "1800"
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(SourceUnavailable, match="TF400733") as caught:
            await adapter.partitions()
    assert caught.value.retry_after == 1800


async def test_a_lasting_outage_is_unavailable(boards: FakeAzureDevOps) -> None:
    boards.faults.unavailable_every = 1
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(SourceUnavailable, match="503"):
            await adapter.check()


@pytest.mark.parametrize("status", [203, 302, 401])
async def test_a_token_that_is_not_known_is_refused_whatever_the_status(
    azure_devops: FakeAzureDevOps, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    fill(azure_devops.world, {"Alpha": 1})
    azure_devops.faults.sign_in_page = status
    caplog.set_level(logging.DEBUG)
    auth = {"kind": "pat", "token": "t0psecret"}
    async with azure_devops_adapter(azure_devops, auth=auth) as adapter:
        with pytest.raises(SourceRefused, match=str(status)) as caught:
            await adapter.check()
        shown = f"{caught.value!s} {caught.value!r} {caplog.text} {adapter._options!r}"
    assert "Work Items (Read)" in caught.value.hint
    assert "t0psecret" not in shown
    assert "OnQwcHNlY3JldA" not in shown
    assert len(azure_devops.log) == 1, "asked again although it was refused"


@pytest.mark.parametrize("status", [203, 302, 401])
async def test_a_token_that_ends_in_mid_run_is_renewed_once_where_it_can_be(
    boards: FakeAzureDevOps, status: int
) -> None:
    fill(boards.world, {"Alpha": 60})
    asked = []

    async def refresh() -> str:
        asked.append(1)
        return boards.secret

    boards.faults.token_expires_after, boards.faults.sign_in_page = 12, status
    async with azure_devops_adapter(boards, page_size=5, refresh=refresh) as adapter:
        assert items_of(await read_pages(adapter, "work_items")) == everything(boards)
    assert len(asked) == 1


async def test_a_token_that_is_revoked_in_mid_run_ends_it_without_hammering(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 60})
    boards.faults.token_expires_after, boards.faults.sign_in_page = 12, 203
    async with azure_devops_adapter(boards, page_size=5, refresh=lambda: "fake-pat") as adapter:
        with pytest.raises(SourceRefused, match="203"):
            await read_pages(adapter, "work_items")
    # Those that were under way together, and none after them.
    assert sum(call.status == 203 for call in boards.log) <= 4


@pytest.mark.parametrize(
    ("scope", "named"), [("vso.work", "Work Items (Read)"), ("vso.project", "Project and Team (Read)")]
)
async def test_check_names_the_scope_that_is_missing(boards: FakeAzureDevOps, scope: str, named: str) -> None:
    fill(boards.world, {"Alpha": 1})
    boards.faults.missing_scopes = frozenset({scope})
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(SourceRefused) as caught:
            await adapter.check()
    assert f"{named}, {scope}" in caught.value.hint


async def test_check_names_selected_projects_that_are_not_visible(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1, "Beta": 1})
    boards.world.hide_project("Beta")
    async with azure_devops_adapter(boards, select={"projects": ["alpha", "Beta"]}) as adapter:
        (missing,) = (await adapter.check()).unmet
    assert missing.message == "project Beta of select.projects is not visible"
    assert missing.hint == "Visible are: Alpha."
    async with azure_devops_adapter(boards, select={"projects": ["alpha", "Alhpa"]}) as adapter:
        assert [one.hint for one in (await adapter.check()).unmet] == ["Did you mean 'Alpha'?"]
    async with azure_devops_adapter(boards, select={"projects": ["Beta"]}) as adapter:
        with pytest.raises(SourceRefused, match="Beta") as caught:
            await adapter.check()
    assert "Alpha" in caught.value.hint


async def test_a_page_of_html_sent_as_200_misbehaves(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 30})
    async with azure_devops_adapter(boards, page_size=5) as adapter:
        await adapter.partitions()
        boards.faults.html_login = True
        with pytest.raises(SourceMisbehaved, match="text/html"):
            await read_pages(adapter, "work_items")


async def test_a_redirect_elsewhere_is_not_followed(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    boards.faults.redirect_to = "https://sso.example.org/login?token=abc"
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(SourceRefused) as caught:
            await adapter.check()
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("fault", ["truncate_every", "cut_every"])
async def test_answers_that_stay_cut_short_end_the_read(boards: FakeAzureDevOps, fault: str) -> None:
    fill(boards.world, {"Alpha": 30})
    async with azure_devops_adapter(boards, page_size=5) as adapter:
        await adapter.partitions()
        setattr(boards.faults, fault, 1)
        with pytest.raises(SourceMisbehaved if fault == "truncate_every" else SourceUnavailable):
            await read_pages(adapter, "work_items")


async def test_a_repeated_token_misbehaves(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 60})
    boards.faults.repeat_token = True
    async with azure_devops_adapter(boards, page_size=5) as adapter:
        with pytest.raises(SourceMisbehaved, match="second time"):
            await read_pages(adapter, "work_items")


async def test_an_empty_batch_is_passed_over_and_batches_without_end_misbehave(
    boards: FakeAzureDevOps,
) -> None:
    fill(boards.world, {"Alpha": 60})
    boards.faults.empty_batch_every = 3
    async with azure_devops_adapter(boards, page_size=5) as adapter:
        assert items_of(await read_pages(adapter, "work_items")) == everything(boards)
    boards.faults.endless_batches = True
    async with azure_devops_adapter(boards, page_size=5) as adapter:
        with pytest.raises(SourceMisbehaved, match="empty batches"):
            await read_pages(adapter, "work_items")


async def test_silently_lowered_batches_lose_nothing(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 30})
    boards.faults.batch_limit = 7
    async with azure_devops_adapter(boards) as adapter:
        assert items_of(await read_pages(adapter, "work_items")) == everything(boards)


async def test_a_token_refused_in_a_full_read_begins_it_again(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 40})
    boards.faults.tokens_expire_after = 4
    async with azure_devops_adapter(boards, page_size=5) as adapter:
        pages = await read_pages(adapter, "work_items")
    assert items_of(pages) == everything(boards)


@pytest.mark.parametrize("partition", ["work_items", "links"])
async def test_a_token_refused_in_a_read_of_changes_asks_for_a_full_one(
    boards: FakeAzureDevOps, partition: str
) -> None:
    fill(boards.world, {"Alpha": 5})
    async with azure_devops_adapter(boards) as adapter:
        cursor = (await read_pages(adapter, partition))[-1].cursor
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(CursorExpired):
            await read_pages(adapter, partition, {**(cursor or {}), "token": "nonsense"}, full=False)


async def test_a_feed_that_suddenly_tells_nothing_is_doubted(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 30})
    boards.world.revisions.clear()
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(SourceMisbehaved, match="a query finds work items"):
            await read_pages(adapter, "work_items")


async def test_a_project_hidden_in_mid_run_fails_its_own_partition_only(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 10, "Beta": 10})
    numbers = {project.name: own for own, project in boards.world.projects.items()}
    async with azure_devops_adapter(boards, select={"projects": ["Alpha", "Beta"]}, page_size=3) as adapter:
        await adapter.partitions()
        boards.world.hide_project("Alpha")
        with pytest.raises(SourceMisbehaved, match="refused"):
            await read_pages(adapter, f"work_items:{numbers['Alpha']}")
        assert len(items_of(await read_pages(adapter, f"work_items:{numbers['Beta']}"))) == 10


@pytest.mark.parametrize(
    ("where", "sent"),
    [
        ("wiql", b'{"workItems":[5]}'),
        ("wiql", b'{"workItems":[{"id":"x"}]}'),
        ("wiql", b"{}"),
        ("teamsettings/iterations", b'{"value":[5]}'),
        ("classificationnodes", b'{"value":[5]}'),
        ("classificationnodes", b'{"value":[{"structureType":"iteration","id":1,"children":[true]}]}'),
        ("classificationnodes", b'{"value":[{"structureType":"iteration","id":1,"children":[{"x":1}]}]}'),
    ],
)
async def test_an_answer_of_another_shape_misbehaves_and_is_no_defect_of_ours(
    boards: FakeAzureDevOps, where: str, sent: bytes
) -> None:
    fill(boards.world, {"Alpha": 3})
    boards.world.add_team("Alpha", "Alpha team")
    boards.faults.no_feed = 404
    boards.faults.instead = {where: sent}
    name = {"wiql": "work_items", "teamsettings/iterations": "capacity", "classificationnodes": "iterations"}
    async with azure_devops_adapter(boards) as adapter:
        with pytest.raises(SourceMisbehaved):
            await read_pages(adapter, name[where])


async def test_odd_relations_of_a_work_item_are_none(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    boards.faults.no_feed = 404
    item = b'{"id":1,"fields":{"System.TeamProject":"Alpha","System.WorkItemType":"Task"},"relations":%b}'
    for odd in (b"7", b"[null,7,{}]", b'{"rel":"Hyperlink"}'):
        boards.faults.instead = {"workitemsbatch": b'{"value":[%b]}' % (item % odd)}
        async with azure_devops_adapter(boards) as adapter:
            assert items_of(await read_pages(adapter, "work_items")) == {"1"}


async def test_what_goes_while_it_is_read_is_nothing_that_a_person_has_to_correct(
    boards: FakeAzureDevOps,
) -> None:
    """A refusal would pause the source until somebody resumes it."""
    world = boards.world
    fill(world, {"Alpha": 3})
    sprint = world.add_iteration("Alpha", "Sprint 1", "2026-11-16", "2026-11-29")
    team = world.add_team("Alpha", "Alpha team", [world.people[0]], [sprint])
    world.set_capacity(team, sprint, world.people[0], {"": 8})
    boards.faults.no_types = boards.faults.teams_vanish = True
    for name, says in (("work_items", "types of project .* are not there"), ("capacity", "just read")):
        async with azure_devops_adapter(boards) as adapter:
            with pytest.raises(SourceMisbehaved, match=says):
                await read_pages(adapter, name)


async def test_a_tree_that_is_cut_off_misbehaves(boards: FakeAzureDevOps) -> None:
    fill(boards.world, {"Alpha": 1})
    boards.world.add_iteration("Alpha", "Deep", parent=boards.world.add_iteration("Alpha", "Release"))
    node = boards.world.project("Alpha").iteration
    shown = type(node).shown
    try:
        type(node).shown = lambda self, depth: shown(self, min(depth, 0))  # type: ignore[method-assign]
        async with azure_devops_adapter(boards) as adapter:
            with pytest.raises(SourceMisbehaved, match="left out"):
                await read_pages(adapter, "iterations")
    finally:
        type(node).shown = shown  # type: ignore[method-assign]


async def test_more_than_twenty_thousand_items_are_read_by_query_in_windows() -> None:
    with FakeAzureDevOps() as fake:
        fill(fake.world, {"Alpha": 20_500}, step_ms=1)
        fake.faults.no_feed = 404
        async with azure_devops_adapter(fake) as adapter:
            count = 0
            (partition,) = [p for p in await adapter.partitions() if p.name == "work_items"]
            async for page in adapter.read(partition, None, full=True):
                count += len(records_of([page], "work_item"))
        assert count == 20_500


async def test_nobody_listening_is_unavailable_with_the_address() -> None:
    options = AzureDevOpsOptions.model_validate(
        {"url": "http://127.0.0.1:1/tfs/Main", "auth": {"kind": "pat", "token": "t0psecret"}}
    )
    async with AzureDevOpsAdapter(options, patience=AT_ONCE) as adapter:
        with pytest.raises(SourceUnavailable) as caught:
            await adapter.check()
    assert "http://127.0.0.1:1/tfs/Main/_apis/projects" in str(caught.value)


# --- Entra ----------------------------------------------------------------------------------------------------


@pytest.fixture
def entra(boards: FakeAzureDevOps) -> Iterator[FakeEntra]:
    with FakeEntra() as directory:
        boards.state.entra = directory
        yield directory


async def test_an_entra_application_reads_with_one_token(boards: FakeAzureDevOps, entra: FakeEntra) -> None:
    fill(boards.world, {"Alpha": 20})
    auth = entra.auth(entra.add_app(secret="s3cret"))
    async with azure_devops_adapter(boards, auth=auth, page_size=5) as adapter:
        assert (await adapter.check()).account == "PMO reader"
        assert items_of(await read_pages(adapter, "work_items")) == everything(boards)
    assert entra.issued == 1


@pytest.mark.parametrize("status", [203, 302, 401])
async def test_an_entra_token_that_is_no_longer_taken_costs_one_renewal(
    boards: FakeAzureDevOps, entra: FakeEntra, status: int
) -> None:
    fill(boards.world, {"Alpha": 20})
    boards.faults.sign_in_page = status
    auth = entra.auth(entra.add_app(secret="s3cret"))
    async with azure_devops_adapter(boards, auth=auth, page_size=5) as adapter:
        await adapter.partitions()
        entra.revoke_tokens()
        assert items_of(await read_pages(adapter, "work_items")) == everything(boards)
    assert entra.issued == 2


async def test_an_application_that_is_no_user_of_the_organisation_is_told_so(
    boards: FakeAzureDevOps, entra: FakeEntra
) -> None:
    fill(boards.world, {"Alpha": 1})
    auth = entra.auth(entra.add_app(secret="s3cret"))
    boards.state.entra = None
    async with azure_devops_adapter(boards, auth=auth) as adapter:
        with pytest.raises(SourceRefused, match="TF400813") as caught:
            await adapter.check()
    assert "must be a user of the organisation" in caught.value.hint
