"""Worlds to read: one of every process for tests and demos, and large ones for benches."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.fakes.azure_devops.process import COMMON, PROCESSES, SCHEDULING, Kind
from tests.fakes.azure_devops.world import (
    DEPENDENCY,
    DUPLICATE,
    HIERARCHY,
    RELATED,
    Item,
    Project,
    World,
    ms_of,
)

PEOPLE = (
    "Mia Krystof", "Ana Díaz", "Tomasz Zieliński", "Priya Raman", "Jonas Weber", "Aoife Byrne", "Kenji Mori",
    "Lena Öztürk",
)  # fmt: skip
_PLACES = (
    ("Switchgear", "Agile"), ("Substation", "Scrum"), ("Tunnel", "CMMI"), ("Helpdesk", "Basic"),
    ("Neubau", "Acme Agile"),
)  # fmt: skip
_WORDS = [
    "replace",
    "inspect",
    "design",
    "order",
    "test",
    "cable",
    "pump",
    "panel",
    "survey",
    "permit",
    "handover",
    "training",
    "drawing",
    "budget",
    "room",
    "line",
    "valve",
    "sensor",
    "report",
    "contract",
]


def believable(today: date | None = None, *, seed: int = 7, each: int = 60) -> World:
    """A project of every process, with hierarchy, sprints, teams with capacity, and links across projects."""
    rng = random.Random(seed)
    world = World()
    noon = datetime.combine(today or datetime.now(UTC).date(), datetime.min.time(), UTC) + timedelta(hours=12)
    people = [world.add_person(name) for name in PEOPLE]
    made: list[Item] = []
    world.clock = ms_of(noon - timedelta(days=200))
    for number, (name, process) in enumerate(_PLACES):
        home = world.add_project(name, process, description=f"{name}, run by {process}")
        areas = [home.area, world.add_area(home, "Power"), world.add_area(home, "Civil")]
        release = world.add_iteration(home, "Release 1")
        first = (noon - timedelta(days=60)).date()
        sprints = [
            world.add_iteration(
                home,
                f"Sprint {n + 1}",
                (first + timedelta(days=14 * n)).isoformat(),
                (first + timedelta(days=14 * n + 13)).isoformat(),
                release,
            )
            for n in range(6)
        ]
        team = world.add_team(home, f"{name} team", people[number : number + 4], sprints)
        for sprint in sprints[3:]:
            for person in team.members[:3]:
                world.set_capacity(team, sprint, person, {"Development": 6, "Testing": 1.5})
        made += _items(world, rng, home, people, areas, sprints, noon, each)
    for _ in range(25):
        one, other = rng.sample(made, 2)
        key = rng.choice((DEPENDENCY, DEPENDENCY, RELATED, DUPLICATE))
        if (key, one.id, other.id) not in one.links and (key, other.id, one.id) not in one.links:
            world.clock += 60_000
            world.link(one, other, key)
    world.clock = None
    return world


def _items(
    world: World,
    rng: random.Random,
    home: Project,
    people: Any,
    areas: Any,
    sprints: Any,
    noon: datetime,
    each: int,
) -> list[Item]:
    kinds = home.process.kinds
    order = [kind for kind in kinds if "Microsoft.HiddenCategory" not in kind.categories]
    levels: dict[str, list[Item]] = {}
    made = []
    for number in range(each):
        kind = order[number % len(order)]
        assert world.clock is not None
        world.clock += 600_000
        above = _above(order, kind, levels)
        item = world.add_item(
            home,
            f"{rng.choice(_WORDS).title()} {rng.choice(_WORDS)} {number}",
            kind=kind.name,
            state=rng.choice(kind.states)[0],
            area=rng.choice(areas),
            iteration=rng.choice([home.iteration, *sprints]),
            assignee=rng.choice([None, *people]),
            parent=rng.choice(above) if above and number % 3 else None,
            **_values(rng, home, kind, noon),
        )
        levels.setdefault(kind.name, []).append(item)
        made.append(item)
    world.clock += 600_000  # type: ignore[operator]
    world.add_item(home, "Look at this code", kind=kinds[-1].name) if kinds[-1] not in order else None
    return made


def _above(order: list[Kind], kind: Kind, levels: dict[str, list[Item]]) -> list[Item]:
    """Items of the level above, as backlogs allow it."""
    if not kind.categories:
        return []
    planned = [
        found for found in order if found.categories and "Microsoft.BugCategory" not in found.categories
    ]
    if kind not in planned:
        return levels.get(planned[-2].name, [])
    at = planned.index(kind)
    return levels.get(planned[at - 1].name, []) if at else []


def _values(rng: random.Random, home: Project, kind: Kind, noon: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {
        COMMON + "Priority": rng.randrange(1, 5),
        "System.Tags": "; ".join(rng.sample(_WORDS, rng.randrange(3))) or None,
        "System.Description": f"<div>{' '.join(rng.choices(_WORDS, k=20))}</div>",
        SCHEDULING + "TargetDate": (noon + timedelta(days=rng.randrange(90))).strftime("%Y-%m-%dT22:00:00Z")
        if rng.random() < 0.4
        else None,
    }
    if kind.categories[:1] in (("Microsoft.RequirementCategory",), ("Microsoft.BugCategory",)):
        values[home.process.effort] = float(rng.choice((1, 2, 3, 5, 8)))
    if "Microsoft.TaskCategory" in kind.categories:
        values[SCHEDULING + "RemainingWork"] = float(rng.randrange(0, 20))
        if home.process.name != "Scrum":
            values[SCHEDULING + "OriginalEstimate"] = float(rng.randrange(1, 40))
            values[SCHEDULING + "CompletedWork"] = rng.randrange(0, 40) / 2
    if rng.random() < 0.3:
        values["Custom.BusinessCase"] = rng.choice(("A", "B"))
    return values


def fill(world: World, projects: dict[str, int], *, process: str = "Agile", step_ms: int = 20_000) -> None:
    """Projects with so many work items each, made in turns, `step_ms` apart, starting a month ago."""
    for name in PEOPLE[:3]:
        world.add_person(name)
    world.clock = world.now() - 30 * 86_400_000
    for name in projects:
        world.add_project(name, process)
    for number in range(max(projects.values())):
        for name, count in projects.items():
            if number < count:
                world.clock += step_ms
                world.add_item(name, f"Item {number} of {name}")
    world.clock = None


def bulk_world(count: int, *, projects: int = 8, seed: int = 1, size_bytes: int = 3000) -> World:
    """An organisation with `count` work items in `projects` projects, for benches."""
    rng = random.Random(seed)
    world = World()
    people = [world.add_person(f"Person {number:03d}") for number in range(200)]
    fillers = [
        f"<div>{' '.join(rng.choices(_WORDS, k=max(10, (size_bytes - 1800) // 7)))}</div>" for _ in range(200)
    ]
    homes = [world.add_project(f"Project {number + 1}") for number in range(projects)]
    sprints = [world.add_iteration(home, "Sprint 1", "2026-11-16", "2026-11-29") for home in homes]
    kinds = {name: PROCESSES["Agile"].kind(name) for name in ("Epic", "Feature", "User Story", "Task", "Bug")}
    plan = ("Epic", *("Feature",) * 3, *("User Story",) * 20, *("Task",) * 50, *("Bug",) * 10)
    stories: list[list[Item]] = [[] for _ in homes]
    epics: list[Item | None] = [None] * projects
    world.clock = 1_700_000_000_000
    for number in range(count):
        world.clock += 1000
        place = number % projects
        name = plan[(number // projects) % len(plan)]
        kind = kinds[name]
        parent: Item | None = epics[place]
        if name == "Task" and stories[place]:
            parent = stories[place][number % len(stories[place])]
        values: dict[str, Any] = {
            COMMON + "Priority": number % 4 + 1,
            "System.Tags": _WORDS[number % len(_WORDS)],
            "System.Description": fillers[number % len(fillers)],
        }
        if name in ("User Story", "Bug"):
            values[SCHEDULING + "StoryPoints"] = float(number % 8 + 1)
        elif name == "Task":
            values |= {
                SCHEDULING + "OriginalEstimate": float(number % 16 + 1),
                SCHEDULING + "RemainingWork": float(number % 9),
                SCHEDULING + "CompletedWork": float(number % 7),
            }
        item = world.add_item(
            homes[place],
            f"{name} {number}",
            kind=name,
            state=kind.states[number % len(kind.states)][0],
            iteration=sprints[place],
            assignee=people[number % len(people)],
            parent=None if name == "Epic" else parent,
            **values,
        )
        if name == "Epic":
            epics[place], stories[place] = item, []
        elif name == "User Story":
            if stories[place] and number % 3 == 0:
                world.link(stories[place][-1], item, DEPENDENCY, quietly=True)
            stories[place].append(item)
    world.clock = None
    return world


__all__ = ["HIERARCHY", "believable", "bulk_world", "fill"]
