"""Worlds of Jira and Azure DevOps, told in the register's words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.azure_devops import generate as boards
from tests.fakes.azure_devops.world import DEPENDENCY, DUPLICATE, HIERARCHY, RELATED
from tests.fakes.jira import FakeJira
from tests.fakes.jira.generate import bulk_world
from tests.fakes.jira.world import POINTS, Issue
from tests.fix_engine import Engine
from tests.totals import SOURCE, Told

_JIRA_TYPES = {"Epic": "epic", "Story": "story", "Task": "task", "Bug": "bug", "Sub-task": "subtask"}
_JIRA_STATUSES = {"To Do": "todo", "In Progress": "in_progress", "In Review": "in_review", "Done": "done"}
_JIRA_LINKS = {"Blocks": "blocks", "Relates": "relates", "Duplicate": "duplicates"}


class _Jira:
    def __init__(self, fake: FakeJira, items: int) -> None:
        self.items, self.fake, self.tied = items, fake, list[tuple[str, Issue, Issue]]()
        world, rng = fake.world, random.Random(1)
        issues = list(world.issues.values())
        for one, other in zip(issues[::10], issues[5::10], strict=False):
            self._tie(rng, one, other)
            # The parts of a bulk issue are fields by now.
            world.edit(other, silently=True, **self._parent(one))
        for issue in issues[::5]:
            world.add_worklog(
                issue, rng.choice(list(world.users.values())), rng.randrange(1, 9) * 1800, world.now()
            )

    def _tie(self, rng: random.Random, one: Issue, other: Issue) -> None:
        for issue in (one, other):
            self.fake.world.edit(issue)
        self.tied.append((self.fake.world.link(one, other, rng.randrange(3)), one, other))

    def _parent(self, issue: Issue) -> dict[str, Any]:
        if self.fake.world.cloud:
            return {"parent": {"id": str(issue.id), "key": issue.key, "fields": {"summary": "Above"}}}
        return {"customfield_10014": issue.key}

    async def join(self, engine: Engine) -> None:
        await engine.add_jira(self.fake, SOURCE)

    def edit(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        issues = rng.sample(list(world.issues.values()), count)
        for issue in issues:
            status = rng.choice(world.statuses[:4])
            world.edit(
                issue,
                status=status,
                resolution=rng.choice(world.resolutions) if status["name"] == "Done" else None,
                timespent=rng.randrange(50) * 1800,
                timeestimate=None,
                **{POINTS: rng.choice((None, 1.0, 21.0))},
            )
        self._tie(rng, issues[0], issues[-1])
        name, one, other = self.tied.pop(0)
        world.unlink(name, world.edit(one), world.edit(other))
        world.delete_worklog(next(iter(world.worklogs)))

    def delete(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        parents = {one.id for _, one, _ in self.tied} | {other.id for _, _, other in self.tied}
        for number in rng.sample(sorted(set(world.issues) - parents), count):
            world.delete(number)
            for log in [n for n, row in world.worklogs.items() if row["issueId"] == str(number)]:
                world.delete_worklog(log)
        name, one, other = self.tied.pop()
        world.unlink(name, one)
        world.edit(one)
        world.delete(other)

    def wanted(self) -> dict[str, Any]:
        found = self.fake.totals()
        statuses: Counter[str] = Counter()
        for (name, ended), count in found["statuses"].items():
            statuses["cancelled" if ended not in (None, "Done") else _JIRA_STATUSES[name]] += count
        seconds = found["seconds"]
        return {
            "projects": len(self.fake.world.projects),
            "types": {(name, _JIRA_TYPES[name]): count for name, count in found["types"].items()},
            "statuses": dict(statuses),
            "hours": [seconds[n] / 3600 for n in ("timeoriginalestimate", "timespent", "timeestimate")],
            "points": found["points"],
            "parents": found["parents"],
            "links": {_JIRA_LINKS[name]: [count, 0] for name, count in found["links"].items()},
            "time_entries": [found["worklogs"], found["logged_seconds"] / 3600],
        }


def jira(flavour: str) -> Callable[[int, Path], Iterator[Told]]:
    def make(items: int, folder: Path) -> Iterator[Told]:
        with FakeJira(bulk_world(items, size_bytes=1500, flavour=flavour)) as fake:
            yield _Jira(fake, items)

    return make


# -- Azure DevOps -------------------------------------------------------------------------------------------------------

_BOARD_TYPES = {
    "Initiative": "initiative", "Epic": "epic", "Feature": "feature", "User Story": "story", "Requirement": "story",
    "Product Backlog Item": "story", "Task": "task", "Bug": "bug", "Permit": None,
}  # fmt: skip
_CATEGORIES = {
    "Proposed": "todo", "InProgress": "in_progress", "Resolved": "in_review", "Completed": "done",
    "Removed": "cancelled",
}  # fmt: skip
_BOARD_LINKS = {DEPENDENCY: "FS", RELATED: "relates", DUPLICATE: "duplicates"}


class _Boards:
    def __init__(self, fake: FakeAzureDevOps, items: int) -> None:
        self.items, self.fake = items, fake

    async def join(self, engine: Engine) -> None:
        await engine.add_azure_devops(self.fake, SOURCE)

    def edit(self, rng: random.Random, count: int) -> None:
        world = self.fake.world
        items = rng.sample(list(world.readable_items()), count)
        for item in items:
            process = world.projects[item.project].process
            kind = process.kind(item.fields["System.WorkItemType"])
            world.edit(item, **{"System.State": rng.choice(kind.states)[0]})
            if "Microsoft.TaskCategory" in kind.categories:
                hours = {"RemainingWork": rng.choice((None, 7.25)), "CompletedWork": float(rng.randrange(30))}
                world.edit(
                    item, **{f"Microsoft.VSTS.Scheduling.{name}": value for name, value in hours.items()}
                )
            elif process.effort in item.fields:
                world.edit(item, **{process.effort: rng.choice((None, 13.0))})
        fresh = (RELATED, items[0].id, items[-1].id)
        if fresh not in items[0].links:
            world.link(items[0], items[-1], RELATED, quietly=True)
        tied = sorted({key for item in world.readable_items() for key in item.links if key != fresh})
        for rel in (DEPENDENCY, HIERARCHY):
            # A link of either kind ends, which says nothing about the items themselves.
            key = rng.choice([key for key in tied if key[0] == rel])
            world.unlink(key[1], key[2], rel, quietly=rel == DEPENDENCY)

    def delete(self, rng: random.Random, count: int) -> None:
        # Links of what is in the recycle bin are the tool's to tell about; these have none.
        alone = [
            item
            for item in self.fake.world.readable_items()
            if not any(k[0] != HIERARCHY for k in item.links)
        ]
        for item in rng.sample(alone, count):
            self.fake.world.delete(item)

    def wanted(self) -> dict[str, Any]:
        world, found = self.fake.world, self.fake.totals()
        types: Counter[tuple[str, str | None]] = Counter()
        present = {item.id for item in world.readable_items()}
        for number in present:
            item = world.items[number]
            word = item.fields["System.WorkItemType"]
            basic = world.projects[item.project].process.name == "Basic"
            types[word, "story" if word == "Issue" and basic else _BOARD_TYPES.get(word, "other")] += 1
        assert {word: sum(n for (w, _), n in types.items() if w == word) for word, _ in types} == found[
            "types"
        ]
        hours = found["hours"]
        return {
            "projects": found["projects"],
            "types": dict(types),
            "statuses": {_CATEGORIES[name]: count for name, count in found["categories"].items()},
            "hours": [hours[name] for name in ("OriginalEstimate", "CompletedWork", "RemainingWork")],
            "points": found["points"],
            "parents": sum(world.items[number].parent in present for number in present),
            "links": {_BOARD_LINKS[r]: [n, 0] for r, n in found["links"].items() if r in _BOARD_LINKS and n},
        }


def azure_devops(*, server: bool) -> Callable[[int, Path], Iterator[Told]]:
    def make(items: int, folder: Path) -> Iterator[Told]:
        # Small: every process. Large: many like items.
        world = (
            boards.believable(each=items // 5) if items < 1000 else boards.bulk_world(items, size_bytes=2200)
        )
        with FakeAzureDevOps(world, server=server, newest="7.0" if server else "7.1") as fake:
            yield _Boards(fake, items)

    return make
