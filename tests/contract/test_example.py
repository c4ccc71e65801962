"""The example of the guide keeps the same contract as every adapter that is shipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Adapter
from examples.github_issues.adapter import GitHubIssuesAdapter, GitHubIssuesOptions
from mapping.load import parse_mapping
from portbook.wiring import entities
from tests.contract.suite import AdapterContract
from tests.contract.tools import Served
from tests.fakes.github import FakeGitHub, long_ago
from tests.fix_sources import AT_ONCE


class GitHubIssues(Served):
    stream = "issue"
    largest_page = 100

    def __init__(self) -> None:
        super().__init__(FakeGitHub())
        self.made = 0

    def adapter(self, *, page_size: int = 5) -> Adapter:
        options = {
            "url": self.fake.url,
            "token": self.known,
            "repos": list(self.fake.issues),
            "page_size": page_size,
        }
        return GitHubIssuesAdapter(
            GitHubIssuesOptions.model_validate(options), refresh=self.refresh, patience=AT_ONCE
        )

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        found = []
        for title in titles:
            self.made += 1
            repo = "acme/web" if self.made % 3 == 2 else "acme/pay"
            found.append(str(self.fake.add(repo, title, None if now else long_ago(self.made))))
        return found

    def edit(self, own: str, title: str) -> None:
        self.fake.edit(int(own), title)

    def delete(self, own: str) -> None:
        self.fake.delete(int(own))

    def title(self, data: Any) -> Any:
        return data["title"]

    def ids(self) -> set[str]:
        return {
            str(issue["id"])
            for repo, found in self.fake.issues.items()
            for issue in found.values()
            if isinstance(issue, dict) and repo not in self.fake.hidden
        }

    def hide(self) -> set[str]:
        before = self.ids()
        self.fake.hidden.add("acme/web")
        return before - self.ids()

    def add_unreadable(self) -> None:
        self.fake.issues["acme/pay"][len(self.fake.issues["acme/pay"]) + 1] = ["no object"]

    def expire(self) -> None:
        self.fake.secret = "a-new-secret"


class TestGitHubIssues(AdapterContract):
    @pytest.fixture
    def tool(self) -> Iterator[GitHubIssues]:
        with GitHubIssues() as made:
            yield made


async def test_a_repository_that_is_selected_and_not_visible_is_told_by_check() -> None:
    with GitHubIssues() as tool:
        tool.hide()
        async with tool.adapter() as adapter:
            (missing,) = (await adapter.check()).unmet
    assert "acme/web" in missing.message
    assert "404" in missing.hint


def test_the_example_stays_as_small_as_the_guide_says() -> None:
    code = Path("examples/github_issues/adapter.py").read_text(encoding="utf-8")
    assert len(code.splitlines()) < 200


def test_the_mapping_of_the_guide_is_valid_and_the_one_in_the_examples() -> None:
    text = Path("examples/github_issues/mapping.yaml").read_text(encoding="utf-8")
    assert text in Path("docs/add-a-tool.md").read_text(encoding="utf-8")
    assert parse_mapping("github_issues", [("mapping.yaml", text)], entities(), {})
