"""What the wire keeps in mind, what can go wrong on it, and what every route needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from tests.fakes.jira.world import World
from tests.fakes.server import Refusal, Wire, WireFaults


@dataclass
class Faults(WireFaults):
    """And what goes wrong at a Jira alone. `every=n` means every nth search."""

    limit_reason: str = "jira-burst-based"
    near_limit: bool = False
    empty_everything: bool = False
    anonymous_on_bad_login: bool = False
    token_expires_after: int = 0
    """Requests until the account's secret is refused."""
    page_tokens_expire_after: int = 0
    """Searches until page tokens handed out before are refused, once."""
    repeat_token: bool = False
    empty_page_every: int = 0
    endless_empty_pages: bool = False
    page_limit: int = 0
    """Silently serve at most so many issues."""
    fail_in_bulk: frozenset[str] = frozenset()
    """Cloud: keys of issues that a bulk fetch cannot give, for an error that passes or their size."""
    largest_window: int = 0
    """Data Center: refuse startAt + maxResults above this."""
    no_user_browsing: bool = False
    no_boards: bool = False
    no_project_administration: bool = False
    """The account browses projects and administers none, as one that only reads should."""
    on_search: Callable[[int], None] | None = None
    """Called before the nth search is answered: edits made while somebody reads."""


@dataclass
class State:
    world: World
    secret: str = "fake-token"
    wire: Wire[Faults] = field(default_factory=lambda: Wire(Faults()))
    searches: int = 0
    broken_tokens: bool = False
    administrator: bool = False
    """Whether the account may administer webhooks."""
    webhooks: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wire.lock = self.world.lock

    @property
    def faults(self) -> Faults:
        return self.wire.faults


def refusal(status: int, *messages: str) -> Refusal:
    """A refusal in Jira's words."""
    return Refusal(status, {"errorMessages": list(messages), "errors": {}})


Handler = Callable[[State, Request, Any], Any]


def home_of(state: State, name: str) -> Any:
    try:
        home = state.world.project(name)
    except KeyError:
        home = None
    if home is None or (home.hidden and not home.administered):
        raise refusal(404, f"No project could be found with key '{name}'.")
    return home


def visible_issue(state: State, name: str) -> Any:
    try:
        issue = state.world.issue(name)
    except KeyError:
        return None
    return issue if state.world.visible(issue) else None
