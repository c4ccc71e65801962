"""What the wire keeps in mind, what can go wrong on it, and what every route needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from tests.fakes.azure_devops.world import ORG, Project, Team, World
from tests.fakes.entra import FakeEntra
from tests.fakes.server import Refusal, Wire, WireFaults

AUDIENCE = "499b84ac-1321-427f-aa17-267ca6975798"
VERSIONS = ("5.0", "5.1", "6.0", "7.0", "7.1")
LONG = ("System.Description", "Microsoft.VSTS.TCM.ReproSteps", "Microsoft.VSTS.CMMI.MitigationPlan")


@dataclass
class Faults(WireFaults):
    sign_in_page: int = 0
    """Whoever is not known gets this status (203, 302 or 401) and, but for 401, a page to sign in on."""
    no_trees: bool = False
    """Areas and iterations are not found, as those of a project are that was hidden just now."""
    no_types: bool = False
    """Nor are its work item types."""
    teams_vanish: bool = False
    """A team is not found any more as soon as it has told its capacity."""
    token_expires_after: int = 0
    """Requests until the secret is refused."""
    retry_after_200: str = ""
    missing_scopes: frozenset[str] = frozenset()
    """Scopes the token lacks: vso.work, vso.project."""
    no_feed: int = 0
    """The revisions feed answers with this status."""
    no_links_feed: int = 0
    no_recycle_bin: bool = False
    no_parents_in_feed: bool = False
    no_node_ids_in_feed: bool = False
    """Areas and iterations are told by their paths alone."""
    names_in_feed: bool = False
    """Identities are `Name <mail>` also when references are asked for."""
    descriptive_names: bool = False
    """An old version: `uniqueName` is `Name <mail>`."""
    tokens_expire_after: int = 0
    """Feed pages until the tokens handed out are refused, once."""
    repeat_token: bool = False
    empty_batch_every: int = 0
    endless_batches: bool = False
    batch_limit: int = 0
    """Silently send at most so many revisions."""
    nested_links: bool = False
    no_token_in_links_body: bool = False
    latest_links_only: bool = False
    """The links feed has one row for each link: its present state."""
    forbid_area: bool = False
    on_feed: Callable[[int], None] | None = None
    """Called before the nth page of the revisions feed is answered: edits made while somebody reads."""


class State:
    def __init__(self, world: World, *, server: bool, secret: str, newest: str) -> None:
        self.world = world
        self.server = server
        self.secret = secret
        self.entra: FakeEntra | None = None
        """The directory whose tokens are accepted too."""
        self.newest = newest
        self.wire: Wire[Faults] = Wire(Faults())
        self.hooks: list[dict[str, Any]] = []
        self.may_edit_hooks = False
        self.feeds = 0
        self.prefix = "/tfs/DefaultCollection" if server else "/acme"

    @property
    def base(self) -> str:
        return f"https://tfs.acme.example{self.prefix}" if self.server else ORG


def trouble(status: int, message: str, key: str, headers: dict[str, str] | None = None) -> Refusal:
    return Refusal(
        status,
        {
            "$id": "1",
            "innerException": None,
            "message": message,
            "typeName": f"Microsoft.TeamFoundation.{key}, Microsoft.TeamFoundation",
            "typeKey": key,
            "errorCode": 0,
            "eventId": 3000,
        },
        headers,
    )


Handler = Callable[[State, Request, Any], Any]


def listed(values: Iterable[Any]) -> dict[str, Any]:
    found = list(values)
    return {"count": len(found), "value": found}


def number_in(request: Request, name: str, default: int) -> int:
    return int(request.query_params.get(name) or default)


def visible(state: State) -> list[Project]:
    return [p for p in state.world.projects.values() if not p.hidden and p.state == "wellFormed"]


def home(state: State, request: Request) -> Project:
    name = request.path_params["project"]
    try:
        project = state.world.project(name)
    except KeyError:
        project = None
    if project is None or project.hidden or project.state != "wellFormed":
        raise trouble(
            404,
            f"TF200016: The following project does not exist: {name}. Verify that the name of the project is correct.",
            "ProjectDoesNotExistWithNameException",
        )
    return project


def team_of(state: State, request: Request) -> Team:
    project, name = home(state, request), request.path_params["team"]
    for team in project.teams:
        if name in (team.id, team.name):
            return team
    raise trouble(404, f"The team with id '{name}' does not exist.", "TeamNotFoundException")
