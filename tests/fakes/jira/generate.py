"""Data for the fake: thousands of like issues for benches, and the three projects of the demo."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from tests.fakes.jira.world import (
    FLAGGED,
    OLD_POINTS,
    POINTS,
    START,
    VALUE,
    Issue,
    World,
    adf,
    ms_of,
    text_of,
)

_WORDS = [
    "payment",
    "gateway",
    "ledger",
    "retry",
    "timeout",
    "customer",
    "portal",
    "invoice",
    "settlement",
    "batch",
    "warehouse",
    "column",
    "mapping",
    "token",
    "review",
    "scope",
    "migration",
    "cutover",
    "supplier",
    "contract",
    "interface",
    "latency",
    "audit",
    "archive",
    "nightly",
    "export",
    "screen",
    "field",
]
_FILLERS = 128


def make_issues(
    world: World, count: int, *, seed: int = 1, size_bytes: int = 6000, hours: int = 20_000
) -> Iterator[Issue]:
    """`count` issues spread evenly over the world's projects, about `size_bytes` each on the wire, the same
    for the same seed. The description's text is shared between issues: 100,000 take some 400 MB."""
    rng = random.Random(seed)
    people = list(world.users.values())
    types = [world.issue_types[name] for name in ("Story", "Story", "Task", "Bug")]
    statuses = world.statuses[:4]
    homes = list(world.projects.values())
    first = ms_of(datetime(2024, 1, 1, tzinfo=UTC))
    step = hours * 3_600_000 // max(count, 1)
    custom = {f["id"]: None for f in world.fields if f["custom"]}
    custom |= {f"customfield_{n}": None for n in range(10_200, 10_240)}
    fillers: list[bytes] = []
    for number in range(count):
        home = homes[number % len(homes)]
        key = f"{home.key}-{number // len(homes) + 1}"
        issue_id = 1_000_000 + number
        created = first + number * step
        updated = created + rng.randrange(1, 400) * 3_600_000
        status = statuses[rng.randrange(4)]
        fields: dict[str, Any] = {
            "summary": " ".join(rng.choices(_WORDS, k=7)).capitalize(),
            "issuetype": types[number % 4],
            "project": {"id": str(home.id), "key": home.key, "name": home.name},
            "status": status,
            "priority": world.priorities[rng.randrange(5)],
            "assignee": people[rng.randrange(len(people))],
            "reporter": people[rng.randrange(len(people))],
            "creator": people[rng.randrange(len(people))],
            "created": text_of(created, world.zone),
            "updated": text_of(updated, world.zone),
            "duedate": f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
            "labels": rng.sample(_WORDS, 2),
            "components": [],
            "fixVersions": [],
            "issuelinks": [],
            "subtasks": [],
            "resolution": world.resolutions[0] if status["name"] == "Done" else None,
            "resolutiondate": None,
            "timeoriginalestimate": rng.randrange(1, 40) * 3600,
            "timeestimate": rng.randrange(0, 20) * 3600,
            "timespent": rng.randrange(0, 20) * 3600,
            "progress": {"progress": 0, "total": 0},
            **custom,
            POINTS: float(rng.randrange(1, 14)),
        }
        head = orjson.dumps(
            {
                "expand": "renderedFields",
                "id": str(issue_id),
                "self": f"https://acme.atlassian.net/i/{issue_id}",
                "key": key,
                "fields": fields,
            }
        )
        if not fillers:
            room = max(size_bytes - len(head) - 40, 200)
            fillers = [_filler(random.Random(n), room, world.cloud) for n in range(_FILLERS)]
        # The head ends in `}}`; the shared description goes in front of that.
        parts = (head[:-2] + b',"description":', fillers[rng.randrange(_FILLERS)], b"}}")
        yield Issue(issue_id, key, home.id, created, updated, None, parts)


def _filler(rng: random.Random, room: int, cloud: bool) -> bytes:
    paragraphs: list[str] = []
    size = 60
    while size < room:
        text = " ".join(rng.choices(_WORDS, k=min(50, max(3, (room - size) // 10))))
        paragraphs.append(text)
        size += len(text) + 62
    return orjson.dumps(adf(*paragraphs) if cloud else "\n\n".join(paragraphs))


def bulk_world(
    count: int, *, projects: int = 8, seed: int = 1, size_bytes: int = 6000, flavour: str = "cloud"
) -> World:
    """A site with `count` issues in `projects` projects, for benches."""
    world = World(flavour)
    for number in range(200):
        world.add_user(f"Person {number:03d}")
    for number in range(projects):
        world.add_project(f"P{chr(65 + number // 26)}{chr(65 + number % 26)}", f"Project {number + 1}")
    world.add_bulk(make_issues(world, count, seed=seed, size_bytes=size_bytes))
    return world


PEOPLE = (
    "Mia Krystof",
    "Ana Díaz",
    "Tomasz Zieliński",
    "Priya Raman",
    "Jonas Weber",
    "Aoife Byrne",
    "Kenji Mori",
    "Lena Öztürk",
    "Samuel Adeyemi",
    "Chloé Martin",
)

_PROJECTS: tuple[tuple[str, str, str, str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = (
    (
        "PAY",
        "Payments platform",
        "Core banking",
        "Card, wallet and bank payments on one platform.",
        (
            (
                "Card acquiring",
                (
                    "Authorise a card payment",
                    "Capture in part",
                    "Refund to the card",
                    "3-D Secure step-up",
                    "Decline reasons for the shop",
                    "Chargeback inbox",
                ),
            ),
            (
                "Settlement",
                (
                    "Nightly settlement run",
                    "Reconcile with the bank file",
                    "Fees per merchant",
                    "Hold payouts on risk",
                    "Settlement report as CSV",
                ),
            ),
            (
                "Wallets",
                ("Apple Pay in checkout", "Google Pay in checkout", "Token vault rotation", "Wallet refunds"),
            ),
            (
                "Resilience",
                (
                    "Second data centre",
                    "Retry without double booking",
                    "Load test at 400 payments/s",
                    "Runbook for the night shift",
                ),
            ),
        ),
    ),
    (
        "WEB",
        "Customer portal",
        "Digital sales",
        "One place for customers to see orders, invoices and support.",
        (
            (
                "Sign-in",
                (
                    "Sign in with e-mail",
                    "Two-factor by app",
                    "Forgotten password",
                    "Single sign-on for companies",
                    "Session list",
                ),
            ),
            (
                "Orders and invoices",
                (
                    "Order history",
                    "Invoice as PDF",
                    "Pay an open invoice",
                    "Download for accountants",
                    "Dispute an invoice",
                ),
            ),
            (
                "Accessibility",
                (
                    "Keyboard through checkout",
                    "Contrast of the palette",
                    "Screen reader names",
                    "Accessibility statement",
                ),
            ),
            (
                "Support",
                ("Chat hand-over", "Ticket status page", "Search in help texts", "Feedback after closing"),
            ),
        ),
    ),
    (
        "DWH",
        "Data warehouse",
        "Data office",
        "Finance and sales figures from one governed source.",
        (
            (
                "Ingestion",
                (
                    "Load the ledger",
                    "Load payments events",
                    "Late arriving facts",
                    "Schema change alarm",
                    "Personal data inventory",
                ),
            ),
            (
                "Finance marts",
                ("Revenue by product", "Margin by region", "Accruals at month end", "Audit trail to source"),
            ),
            (
                "Self-service",
                (
                    "Semantic model for sales",
                    "Certified reports",
                    "Row level security",
                    "Training for analysts",
                ),
            ),
            (
                "Retire the old cube",
                ("Compare old and new figures", "Freeze the cube", "Archive for ten years"),
            ),
        ),
    ),
)


def believable(today: date, *, flavour: str = "cloud", seed: int = 7) -> World:
    """Three projects as a PMO meets them, told relative to `today`: about 400 issues with epics, stories,
    bugs and sub-tasks, six sprints per team, releases of which one slips, links across projects, logged work,
    ten people."""
    rng = random.Random(seed)
    world = World(flavour)
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    people = [world.add_user(name) for name in PEOPLE]
    stories: dict[str, list[Issue]] = {}
    for number, (key, name, category, about, epics) in enumerate(_PROJECTS):
        team = [people[(number * 3 + n) % len(people)] for n in range(5)]
        home = world.add_project(key, name, lead=team[0], description=about)
        home.data["projectCategory"] = {"id": str(10_000 + number), "name": category, "description": ""}
        field = (POINTS, OLD_POINTS, POINTS)[number]
        board = world.add_board(key, f"{name} team", field)
        sprints = [_sprint(world, board, n, noon) for n in range(-4, 3)]
        versions = _versions(world, key, today, number)
        stories[key] = []
        for order, (title, tasks) in enumerate(epics):
            begun: dict[str, Any] = {START: _day(today, -180 + 40 * order)}
            epic = world.add_issue(
                key,
                title,
                kind="Epic",
                status="In Progress",
                assignee=team[0],
                reporter=team[0],
                created=ms_of(noon - timedelta(days=200 - 10 * order)),
                duedate=_day(today, 20 + 35 * order),
                **begun,
            )
            for task in tasks:
                stories[key] += _story(world, rng, key, epic, task, team, sprints, versions, noon, field)
            for defect in rng.sample(_BUGS, 4):
                stories[key].append(
                    _item(
                        world,
                        rng,
                        key,
                        f"{defect} ({title.lower()})",
                        "Bug",
                        team,
                        sprints,
                        versions,
                        noon,
                        field,
                        epic,
                    )
                )
    _tie(world, rng, stories)
    for issue in (i for found in stories.values() for i in found):
        assert issue.fields is not None
        if issue.fields["timespent"] and issue.fields["assignee"]:
            started = min(issue.updated, ms_of(noon)) - rng.randrange(1, 5) * 86_400_000
            world.clock = started + 3_600_000
            world.add_worklog(issue, issue.fields["assignee"], issue.fields["timespent"], started)
    world.clock = None
    return world


_BUGS = (
    "Button does nothing on a slow line",
    "Amount is rounded twice",
    "Umlauts are lost in the export",
    "Page stays empty after the session ends",
    "Time zone shifts the due date",
    "Wrong currency in the heading",
    "Double entry after a retry",
    "Filter forgets its value",
)


def _sprint(world: World, board: int, place: int, noon: datetime) -> dict[str, Any]:
    start = noon + timedelta(days=14 * place - 6)
    end = start + timedelta(days=14)
    state = "closed" if end <= noon else "active" if start <= noon else "future"
    more = {
        "startDate": start.strftime("%Y-%m-%dT07:00:00.000Z"),
        "endDate": end.strftime("%Y-%m-%dT07:00:00.000Z"),
    }
    if state == "closed":
        more["completeDate"] = end.strftime("%Y-%m-%dT09:12:00.000Z")
    goal = ("Money moves end to end", "Fewer calls to support", "Figures people trust")[board % 3]
    return world.add_sprint(board, f"Sprint {place + 9}", state, **{**more, "goal": goal})


def _versions(world: World, key: str, today: date, number: int) -> list[dict[str, Any]]:
    return [
        world.add_version(
            key,
            "1.0 Pilot",
            startDate=_day(today, -190),
            releaseDate=_day(today, -60 - number),
            released=True,
        ),
        world.add_version(
            key, "1.1 First customers", startDate=_day(today, -60), releaseDate=_day(today, -4 + 9 * number)
        ),
        world.add_version(
            key, "2.0 All customers", startDate=_day(today, 10), releaseDate=_day(today, 75 + 10 * number)
        ),
        world.add_version(key, "0.9 Trial", archived=True, releaseDate=_day(today, -120)),
    ]


def _story(
    world: World,
    rng: random.Random,
    key: str,
    epic: Issue,
    title: str,
    team: Any,
    sprints: Any,
    versions: Any,
    noon: datetime,
    field: str,
) -> list[Issue]:
    found = [_item(world, rng, key, title, "Story", team, sprints, versions, noon, field, epic)]
    found += [
        _item(world, rng, key, f"{title}: {part}", "Task", team, sprints, versions, noon, field, epic)
        for part in rng.sample(("design", "build the interface", "migrate old data", "monitoring"), 2)
    ]
    parent = found[0]
    for part in ("test with users", "documentation")[: rng.randrange(1, 3)]:
        sub = _item(world, rng, key, f"{title}: {part}", "Sub-task", team, [], versions, noon, field, None)
        assert sub.fields is not None
        assert parent.fields is not None
        sub.fields["parent"] = {"id": str(parent.id), "key": parent.key, "fields": {"summary": title}}
        found.append(sub)
    return found


def _item(
    world: World,
    rng: random.Random,
    key: str,
    title: str,
    kind: str,
    team: Any,
    sprints: Any,
    versions: Any,
    noon: datetime,
    field: str,
    epic: Issue | None,
) -> Issue:
    status = rng.choices(("Done", "In Review", "In Progress", "To Do"), (45, 8, 17, 30))[0]
    age = rng.randrange(20, 170)
    created = noon - timedelta(days=age, minutes=rng.randrange(600))
    touched = created + timedelta(days=rng.randrange(1, age))
    estimate = rng.choice((None, 4, 8, 16, 24)) if kind != "Epic" else None
    spent = None if estimate is None or status == "To Do" else int(estimate * rng.uniform(0.4, 1.3))
    more: dict[str, Any] = {
        "assignee": rng.choice(team) if status != "To Do" or rng.random() < 0.6 else None,
        "reporter": rng.choice(team),
        "priority": world.priorities[rng.choices(range(5), (5, 20, 50, 20, 5))[0]],
        "labels": rng.sample(
            ("compliance", "quick-win", "customer", "tech-debt", "risk"), rng.randrange(0, 3)
        ),
        "timeoriginalestimate": estimate and estimate * 3600,
        "timespent": spent and spent * 3600,
        "timeestimate": None
        if estimate is None
        else 0
        if status == "Done"
        else max(estimate - (spent or 0), 1) * 3600,
    }
    if kind in ("Story", "Bug", "Task"):
        more[field] = float(rng.choice((1, 2, 3, 5, 8, 13))) if rng.random() < 0.85 else None
        more["fixVersions"] = [versions[0 if status == "Done" and age > 80 else rng.choice((1, 1, 2))]]
        more[VALUE] = float(rng.randrange(1, 100)) if rng.random() < 0.5 else None
    if sprints:
        last = {"Done": rng.randrange(0, 4), "To Do": rng.choice((5, 6, None))}.get(status, 4)
        if last is not None:
            carried = sprints[max(0, last - rng.choice((0, 0, 0, 1))) : last + 1]
            more[_SPRINT] = world.sprint_value(*carried)
    if status == "Done":
        more["resolution"] = world.resolutions[rng.choices(range(5), (90, 4, 3, 2, 1))[0]]
        more["resolutiondate"] = text_of(ms_of(touched), world.zone)
    elif rng.random() < 0.5:
        more["duedate"] = _day(noon.date(), rng.randrange(-15, 60))
    if status == "In Progress" and rng.random() < 0.12:
        more[FLAGGED] = [{"id": "10030", "value": "Impediment"}]
    if epic is not None:
        if world.cloud:
            more["parent"] = {"id": str(epic.id), "key": epic.key, "fields": {"summary": "Epic"}}
        else:
            more[_EPIC_LINK] = epic.key
    return world.add_issue(
        key, title, kind=kind, status=status, created=ms_of(created), updated=ms_of(touched), **more
    )


_SPRINT, _EPIC_LINK = "customfield_10020", "customfield_10014"


def _tie(world: World, rng: random.Random, stories: dict[str, list[Issue]]) -> None:
    """Links inside projects and, what a PMO looks for, between them."""
    pairs = (("PAY", "WEB"), ("PAY", "DWH"), ("WEB", "DWH"), ("DWH", "PAY"))
    for giver, taker in pairs:
        for _ in range(4):
            world.link(rng.choice(stories[giver]), rng.choice(stories[taker]), 0)
    for found in stories.values():
        for _ in range(6):
            one, other = rng.sample(found, 2)
            world.link(one, other, rng.choice((0, 1, 1, 2)))


def _day(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()
