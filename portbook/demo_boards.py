# ruff: noqa: E501 - a backlog reads best as lines
"""The demo's Azure DevOps: an organisation with two projects, told relative to a day.

*Finance System* is where the supplier of ERP builds; its process has a type of its own that no mapping knows yet.
*Card Terminals* is the part of PAY that a device maker builds, on a process of another kind (Scrum).
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from portbook.demo_workbook import PEOPLE
from tests.fakes.azure_devops.process import AGILE, COMMON, SCHEDULING, Kind, Process
from tests.fakes.azure_devops.world import DEPENDENCY, Item, Node, Project, World, ms_of

FINANCE, TERMINALS = "Finance System", "Card Terminals"
OWN_TYPE = "Data request"
_ACME = Process(
    "Acme Agile",
    (*AGILE.kinds, Kind(OWN_TYPE, "AcmeAgile.DataRequest", (), AGILE.kind("Task").states)),
    AGILE.effort,
)
_FINANCE = (
    ("General ledger", (
        ("Chart of accounts", ("One chart for all companies", "Map the old accounts", "Block postings to retired accounts")),
        ("Posting rules", ("Accruals at month end", "Reverse a posting", "Intercompany postings", "Open invoices for the portal")),
    )),
    ("Suppliers and purchasing", (
        ("Supplier master", ("One record for a supplier", "Check bank details", "Merge duplicates")),
        ("Purchase to pay", ("Order from a catalogue", "Match invoice and receipt", "Approve on the phone")),
    )),
    ("Move the data", (
        ("Cleanse", ("Rules for addresses", "Dead suppliers out", "Report of what is left")),
        ("Load", ("Rehearse the opening balances", "Reconcile to the cent", "Fall back to the old ledger")),
    )),
)  # fmt: skip
_TERMINALS = (
    ("Terminal software", (
        ("Contactless", ("Tap to pay", "Tip on the screen", "PIN above the limit")),
        ("Offline", ("Keep payments while offline", "Send them once online")),
    )),
    ("Roll-out kit", (
        ("Installation", ("Pair with the till", "Update over night", "Swap a broken device")),
        ("Certification", ("Evidence for the scheme", "Security review of the device")),
    )),
)  # fmt: skip
_TASKS = ("design", "build", "test with users")
_BUGS = (
    "Rounding differs by a cent",
    "Screen freezes after a timeout",
    "Umlauts lost on the receipt",
    "Date in the wrong order",
)


class _Words(NamedTuple):
    """How a process calls things: type of a story, states from first to last of a story, a task and what is above."""

    story: str
    story_states: tuple[str, str, str]
    task_states: tuple[str, str, str]
    top_state: str


_WORDS = {
    FINANCE: _Words("User Story", ("New", "Active", "Closed"), ("New", "Active", "Closed"), "Active"),
    TERMINALS: _Words(
        "Product Backlog Item",
        ("Approved", "Committed", "Done"),
        ("To Do", "In Progress", "Done"),
        "In Progress",
    ),
}


def organisation(today: date) -> World:
    """The same day gives the same data."""
    rng = random.Random(11)  # noqa: S311 - a tale, no secret
    world = World()
    noon = datetime.combine(today, time(12), UTC)
    world.clock = ms_of(noon - timedelta(days=150))
    people = {name: world.add_person(name) for name, _, _ in PEOPLE}
    finance = world.add_project(
        FINANCE, description="Ledger, purchasing and the move of the data, built with the integrator."
    )
    finance.process = _ACME
    terminals = world.add_project(
        TERMINALS, "Scrum", description="Software of the card terminals and what a roll-out needs."
    )
    teams = {
        finance.id: [people[name] for name in ("Ana Díaz", "Aoife Byrne", "Samuel Adeyemi", "Lena Öztürk")],
        terminals.id: [people[name] for name in ("Jonas Weber", "Tomasz Zieliński", "Aoife Byrne")],
    }
    made: dict[str, Item] = {}
    for home, epics in ((finance, _FINANCE), (terminals, _TERMINALS)):
        sprints = _sprints(world, home, teams[home.id], noon)
        made |= _backlog(world, rng, home, epics, teams[home.id], sprints, noon)
    for number, title in enumerate(
        ("Supplier list of the old ledger", "Bank details, signed", "Open items per company")
    ):
        _tick(world)
        world.add_item(
            finance,
            title,
            kind=OWN_TYPE,
            state=("Closed", "Active", "New")[number],
            assignee=people["Ana Díaz"],
        )
    _tick(world)
    world.add_item(
        terminals,
        "Two test devices held at customs",
        kind="Impediment",
        state="Open",
        assignee=people["Jonas Weber"],
    )
    for before, after in (
        ("One chart for all companies", "Map the old accounts"),
        ("Merge duplicates", "Rehearse the opening balances"),
        ("Keep payments while offline", "Send them once online"),
        ("Security review of the device", "Evidence for the scheme"),
        ("Reconcile to the cent", "Send them once online"),  # from one project into the other
    ):
        _tick(world)
        world.link(made[before], made[after], DEPENDENCY)
    world.clock = None
    return world


def _tick(world: World) -> None:
    assert world.clock is not None
    world.clock += 3_600_000


def _sprints(world: World, home: Project, members: list[dict[str, Any]], noon: datetime) -> list[Node]:
    first = (noon - timedelta(days=61)).date()
    sprints = [
        world.add_iteration(
            home,
            f"Sprint {number + 1}",
            (first + timedelta(days=14 * number)).isoformat(),
            (first + timedelta(days=14 * number + 11)).isoformat(),
        )
        for number in range(7)
    ]
    team = world.add_team(home, f"{home.name} team", members, sprints)
    for sprint in sprints[4:]:
        for person in members:
            world.set_capacity(team, sprint, person, {"Development": 5, "Testing": 1})
    return sprints


def _backlog(
    world: World,
    rng: random.Random,
    home: Project,
    epics: Any,
    members: Any,
    sprints: list[Node],
    noon: datetime,
) -> dict[str, Item]:
    """Epics, features, stories with tasks and a bug each; the first are done, the last not begun."""
    words, made = _WORDS[home.name], {}
    stories = [story for _, features in epics for _, found in features for story in found]
    at = 0
    for epic, features in epics:
        _tick(world)
        top = world.add_item(home, epic, kind="Epic", state=words.top_state, assignee=members[0])
        for feature, titles in features:
            _tick(world)
            middle = world.add_item(
                home, feature, kind="Feature", state=words.top_state, parent=top, assignee=members[0]
            )
            for title in titles:
                stage = 2 if at < len(stories) * 0.3 else 1 if at < len(stories) * 0.6 else 0
                sprint = sprints[min(len(sprints) - 1, at * len(sprints) // len(stories))]
                made[title] = _story(world, rng, home, title, middle, stage, members, sprint, noon)
                at += 1
            _tick(world)
            world.add_item(
                home, f"{rng.choice(_BUGS)} ({feature.lower()})", kind="Bug", parent=middle,
                state=words.story_states[rng.randrange(2)], assignee=rng.choice(members), iteration=sprints[4],
            )  # fmt: skip
    return made


def _story(
    world: World, rng: random.Random, home: Project, title: str, parent: Item, stage: int, members: Any, sprint: Node,
    noon: datetime,
) -> Item:  # fmt: skip
    words = _WORDS[home.name]
    _tick(world)
    values: dict[str, Any] = {home.process.effort: float(rng.choice((2, 3, 5, 8)))}
    if stage < 2:
        due = noon + timedelta(days=rng.randrange(-9, 50))
        values[SCHEDULING + "TargetDate"] = f"{due:%Y-%m-%d}T00:00:00Z"
    story = world.add_item(
        home, title, kind=words.story, state=words.story_states[stage], parent=parent, iteration=sprint,
        assignee=rng.choice(members), **values,
    )  # fmt: skip
    for number, part in enumerate(_TASKS):
        _tick(world)
        step = 2 if stage == 2 or (stage == 1 and number == 0) else 1 if stage == 1 and number == 1 else 0
        hours = float(rng.choice((8, 12, 16, 24)))
        spent = (0.0, hours / 2, hours * rng.choice((0.8, 1.0, 1.3)))[step]
        more: dict[str, Any] = {
            COMMON + "Priority": 2,
            SCHEDULING + "RemainingWork": (hours, hours / 2, 0.0)[step],
        }
        if home.name == FINANCE:  # Scrum keeps remaining work alone
            more |= {SCHEDULING + "OriginalEstimate": hours, SCHEDULING + "CompletedWork": spent}
        world.add_item(
            home, f"{title}: {part}", kind="Task", state=words.task_states[step], parent=story, iteration=sprint,
            assignee=rng.choice(members) if step else None, **more,
        )  # fmt: skip
    return story
