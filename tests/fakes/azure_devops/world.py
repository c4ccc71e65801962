"""What the fake Azure DevOps holds, and the edits a test makes to it while the server runs."""

from __future__ import annotations

import threading
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.fakes.azure_devops.process import PROCESSES, Process, fields, relation_types

ORG = "https://dev.azure.com/acme"
_SPACE = uuid.UUID("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")

HIERARCHY = "System.LinkTypes.Hierarchy"
DEPENDENCY = "System.LinkTypes.Dependency"
RELATED = "System.LinkTypes.Related"
DUPLICATE = "System.LinkTypes.Duplicate"


def guid(*names: object) -> str:
    return str(uuid.uuid5(_SPACE, "/".join(map(str, names))))


def text_of(ms: int) -> str:
    """`2025-06-03T08:00:00.193Z`, as the tool writes it: no needless zeros behind the point."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    written = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{ms % 1000:03d}".rstrip("0")
    return f"{written}.{fraction}Z" if fraction else f"{written}Z"


def ms_of(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@dataclass(slots=True)
class Item:
    """A work item as it is now. Absent fields are not there, as on the wire."""

    id: int
    rev: int
    project: str
    fields: dict[str, Any]
    watermark: int
    changed: int
    parent: int | None = None
    links: set[tuple[str, int, int]] = field(default_factory=set)
    hyperlinks: list[str] = field(default_factory=list)
    deleted: bool = False
    destroyed: bool = False
    hidden: bool = False
    """The account may not see it, and nothing says so."""
    raw: bytes | None = None
    """A hostile body for its `fields`, served as it is."""


@dataclass(slots=True)
class Node:
    """An area or an iteration."""

    id: int
    identifier: str
    name: str
    kind: str
    parent: Node | None
    project: str
    start: str | None = None
    finish: str | None = None
    hidden: bool = False
    children: list[Node] = field(default_factory=list)

    def path(self) -> str:
        return f"{self.parent.path()}\\{self.name}" if self.parent else self.name

    def shown(self, depth: int) -> dict[str, Any]:
        top, _, rest = self.path().partition("\\")
        middle = "Area" if self.kind == "area" else "Iteration"
        children = [child for child in self.children if not child.hidden]
        node: dict[str, Any] = {
            "id": self.id,
            "identifier": self.identifier,
            "name": self.name,
            "structureType": self.kind,
            "hasChildren": bool(children),
            "path": f"\\{top}\\{middle}" + (f"\\{rest}" if rest else ""),
            "url": f"{ORG}/_apis/wit/classificationNodes/{self.id}",
        }
        if self.start or self.finish:
            node["attributes"] = {"startDate": self.start, "finishDate": self.finish}
        if depth > 0 and children:
            node["children"] = [child.shown(depth - 1) for child in children]
        return node


@dataclass(slots=True)
class Team:
    id: str
    name: str
    project: str
    members: list[dict[str, Any]] = field(default_factory=list)
    iterations: list[Node] = field(default_factory=list)
    working_days: tuple[str, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")
    days_off: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    capacity: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Iteration's identifier → members with activities and days off."""
    refuses: int = 0
    """The status with which it answers whoever asks for its sprints and their capacity."""


@dataclass(slots=True)
class Project:
    id: str
    name: str
    process: Process
    area: Node
    iteration: Node
    description: str = ""
    hidden: bool = False
    state: str = "wellFormed"
    abbreviation: str | None = None
    changed: int = 0
    teams: list[Team] = field(default_factory=list)


@dataclass(slots=True)
class Revision:
    """A line of the revisions feed. `fields` is None while it is the item's present state."""

    watermark: int
    item: int
    rev: int
    changed: int
    deleted: bool
    fields: dict[str, Any] | None = None
    project: str = ""


@dataclass(slots=True)
class LinkEvent:
    watermark: int
    rel: str
    source: int
    target: int
    changed: int
    active: bool


class World:
    """The data of one organisation (or collection). Every method takes the lock: tests edit from another thread
    than the server's."""

    def __init__(self, process: str = "Agile") -> None:
        self.lock = threading.RLock()
        self.process = process
        self.projects: dict[str, Project] = {}
        self.items: dict[int, Item] = {}
        self.people: list[dict[str, Any]] = []
        self.nodes: dict[int, Node] = {}
        self.fields = fields()
        self.relation_types = relation_types()
        self.revisions: list[Revision] = []
        self.link_events: list[LinkEvent] = []
        self.watermark = 1000
        self.next_id = 1
        self.next_node = 10
        self.clock: int | None = None
        """Set to stop the clock by which edits are dated."""

    def now(self) -> int:
        return self.clock if self.clock is not None else ms_of(datetime.now(UTC))

    # --- building -------------------------------------------------------------------------------------------

    def add_person(self, name: str, mail: str | None = None) -> dict[str, Any]:
        with self.lock:
            mail = mail or name.lower().replace(" ", ".") + "@acme.example"
            own = guid("person", len(self.people), name)
            person = {
                "displayName": name,
                "url": f"https://spsprodweu1.vssps.visualstudio.com/A1/_apis/Identities/{own}",
                "_links": {"avatar": {"href": f"{ORG}/_apis/GraphProfile/MemberAvatars/aad.{own[:8]}"}},
                "id": own,
                "uniqueName": mail,
                "imageUrl": f"{ORG}/_apis/GraphProfile/MemberAvatars/aad.{own[:8]}",
                "descriptor": f"aad.{own[:8]}",
            }
            self.people.append(person)
            return person

    def add_project(self, name: str, process: str = "", *, description: str = "") -> Project:
        with self.lock:
            number = len(self.projects) + 1
            own = guid("project", number, name)
            area = self._node(name, "area", None, own)
            iteration = self._node(name, "iteration", None, own)
            project = Project(
                own,
                name,
                PROCESSES[process or self.process],
                area,
                iteration,
                description,
                changed=self.now(),
            )
            self.projects[own] = project
            return project

    def add_area(self, project: str | Project, name: str, parent: Node | None = None) -> Node:
        with self.lock:
            home = self.project(project)
            return self._node(name, "area", parent or home.area, home.id)

    def add_iteration(
        self,
        project: str | Project,
        name: str,
        start: str | None = None,
        finish: str | None = None,
        parent: Node | None = None,
    ) -> Node:
        """Days as `2025-06-01`; on the wire they are midnight in UTC."""
        with self.lock:
            home = self.project(project)
            node = self._node(name, "iteration", parent or home.iteration, home.id)
            node.start = start and f"{start}T00:00:00Z"
            node.finish = finish and f"{finish}T00:00:00Z"
            return node

    def _node(self, name: str, kind: str, parent: Node | None, project: str) -> Node:
        self.next_node += 1
        node = Node(self.next_node, guid(kind, self.next_node), name, kind, parent, project)
        self.nodes[node.id] = node
        if parent:
            parent.children.append(node)
        return node

    def add_team(
        self,
        project: str | Project,
        name: str,
        members: list[dict[str, Any]] | None = None,
        iterations: list[Node] | None = None,
    ) -> Team:
        with self.lock:
            home = self.project(project)
            team = Team(
                guid("team", home.id, name, len(home.teams)), name, home.id, members or [], iterations or []
            )
            home.teams.append(team)
            return team

    def set_capacity(
        self,
        team: Team,
        iteration: Node,
        person: dict[str, Any],
        activities: dict[str, float],
        days_off: list[tuple[str, str]] | None = None,
    ) -> None:
        """Hours a day by activity."""
        with self.lock:
            team.capacity.setdefault(iteration.identifier, []).append(
                {
                    "teamMember": person,
                    "activities": [
                        {"capacityPerDay": hours, "name": activity} for activity, hours in activities.items()
                    ],
                    "daysOff": [
                        {"start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z"}
                        for start, end in days_off or []
                    ],
                    "url": f"{ORG}/_apis/work/capacity",
                }
            )

    def add_item(
        self,
        project: str | Project,
        title: str = "An item",
        *,
        kind: str | None = None,
        state: str | None = None,
        area: Node | None = None,
        iteration: Node | None = None,
        assignee: dict[str, Any] | None = None,
        reporter: dict[str, Any] | None = None,
        parent: int | Item | None = None,
        created: int | None = None,
        raw: bytes | None = None,
        **more: Any,
    ) -> Item:
        """One work item; `more` are fields by reference name (`**{"System.Tags": "a; b"}`)."""
        with self.lock:
            home = self.project(project)
            kinds = [k for k in home.process.kinds if k.categories[:1] == ("Microsoft.RequirementCategory",)]
            what = home.process.kind(kind) if kind else kinds[0]
            created = self.now() if created is None else created
            number = self.next_id
            self.next_id += 1
            area, iteration = area or home.area, iteration or home.iteration
            values: dict[str, Any] = {
                "System.TeamProject": home.name,
                "System.AreaId": area.id,
                "System.IterationId": iteration.id,
                "System.WorkItemType": what.name,
                "System.State": state or what.states[0][0],
                "System.Reason": "New",
                "System.CreatedDate": text_of(created),
                "System.Title": title,
                "Microsoft.VSTS.Common.Priority": 2,
            }
            if assignee:
                values["System.AssignedTo"] = assignee
            who = reporter or (self.people[number % len(self.people)] if self.people else None)
            if who:
                values["System.CreatedBy"] = values["System.ChangedBy"] = who
            values.update((name, value) for name, value in more.items() if value is not None)
            item = Item(number, 0, home.id, values, 0, created, raw=raw)
            self.items[number] = item
            self._revise(item, created)
            if parent is not None:
                self.link(parent, item, HIERARCHY, quietly=True)
            return item

    def link(
        self, source: int | Item, target: int | Item, rel: str = DEPENDENCY, *, quietly: bool = False
    ) -> None:
        """`source` is the parent or the predecessor. Both ends get a new revision unless `quietly`."""
        with self.lock:
            one, other = self.item(source), self.item(target)
            key = (rel, one.id, other.id)
            one.links.add(key)
            other.links.add(key)
            if rel == HIERARCHY:
                other.parent = one.id
            self._linked(key, True, quietly)

    def unlink(
        self, source: int | Item, target: int | Item, rel: str = DEPENDENCY, *, quietly: bool = False
    ) -> None:
        with self.lock:
            one, other = self.item(source), self.item(target)
            key = (rel, one.id, other.id)
            one.links.discard(key)
            other.links.discard(key)
            if rel == HIERARCHY:
                other.parent = None
            self._linked(key, False, quietly)

    def _linked(self, key: tuple[str, int, int], active: bool, quietly: bool) -> None:
        self.watermark += 1
        self.link_events.append(LinkEvent(self.watermark, *key, self.now(), active))
        if not quietly:
            for name in key[1:]:
                self._revise(self.items[name])

    # --- edits while running --------------------------------------------------------------------------------

    def edit(self, item: int | Item, *, changed: int | None = None, **values: Any) -> Item:
        """Set fields by reference name; None clears one, and a cleared field is absent."""
        with self.lock:
            found = self.item(item)
            before = found.fields
            found.fields = dict(before)
            for name, value in values.items():
                if value is None:
                    found.fields.pop(name, None)
                else:
                    found.fields[name] = value
            self._revise(found, changed, before)
            return found

    def hyperlink(self, item: int | Item, url: str) -> Item:
        """Add a link to a web address: a revision, as in the tool, and one more in its count."""
        with self.lock:
            found = self.item(item)
            found.hyperlinks.append(url)
        return self.edit(found, **{"System.HyperLinkCount": len(found.hyperlinks)})

    def delete(self, item: int | Item) -> None:
        """To the recycle bin."""
        with self.lock:
            found = self.item(item)
            found.deleted = True
            self._revise(found)

    def restore(self, item: int | Item) -> None:
        with self.lock:
            found = self.item(item)
            found.deleted = False
            self._revise(found)

    def destroy(self, item: int | Item) -> None:
        """For good: it vanishes from every feed."""
        with self.lock:
            found = self.item(item)
            found.destroyed = True
            self.revisions = [line for line in self.revisions if line.item != found.id]

    def move(self, item: int | Item, project: str | Project) -> Item:
        """To another project: same id."""
        with self.lock:
            home, found = self.project(project), self.item(item)
            before = dict(found.fields)
            before_home = found.project
            found.project = home.id
            found.fields = {
                **before,
                "System.TeamProject": home.name,
                "System.AreaId": home.area.id,
                "System.IterationId": home.iteration.id,
            }
            self._revise(found, None, before, before_home)
            return found

    def hide_project(self, project: str | Project, hidden: bool = True) -> None:
        with self.lock:
            self.project(project).hidden = hidden

    def hide_area(self, area: Node, hidden: bool = True) -> None:
        """Its work items can no longer be viewed; the node itself still can."""
        with self.lock:
            for item in self.items.values():
                if item.fields.get("System.AreaId") == area.id:
                    item.hidden = hidden

    def rename_project(self, project: str | Project, name: str) -> None:
        with self.lock:
            home = self.project(project)
            home.name = home.area.name = home.iteration.name = name
            for item in self.items.values():
                if item.project == home.id:
                    item.fields["System.TeamProject"] = name

    def _revise(
        self,
        item: Item,
        changed: int | None = None,
        before: dict[str, Any] | None = None,
        before_home: str = "",
    ) -> None:
        last = self._last_line(item)
        if last is not None:
            last.fields = before if before is not None else item.fields
            last.project = before_home or item.project
        self.watermark += 1
        item.rev += 1
        item.watermark = self.watermark
        item.changed = max(self.now(), item.changed + 1) if changed is None else changed
        line = Revision(self.watermark, item.id, item.rev, item.changed, item.deleted)
        self.revisions.append(line)

    def _last_line(self, item: Item) -> Revision | None:
        if not item.rev:
            return None
        at = bisect_right(self.revisions, item.watermark, key=lambda line: line.watermark) - 1
        return self.revisions[at] if at >= 0 and self.revisions[at].item == item.id else None

    # --- looking --------------------------------------------------------------------------------------------

    def item(self, item: int | str | Item) -> Item:
        return item if isinstance(item, Item) else self.items[int(item)]

    def project(self, name: str | Project) -> Project:
        if isinstance(name, Project):
            return name
        for project in self.projects.values():
            if name.casefold() in (project.id, project.name.casefold()):
                return project
        raise KeyError(name)

    def readable(self, item: Item) -> bool:
        home = self.projects[item.project]
        return not (item.hidden or item.destroyed or home.hidden) and home.state == "wellFormed"

    def whole(self, item: Item, values: dict[str, Any] | None = None) -> dict[str, Any]:
        """Every field, those that the tool computes included."""
        values = item.fields if values is None else values
        area = self.nodes.get(values.get("System.AreaId", 0))
        iteration = self.nodes.get(values.get("System.IterationId", 0))
        found: dict[str, Any] = {
            "System.Id": item.id,
            **values,
            "System.AreaPath": area.path() if area else values.get("System.TeamProject", ""),
            "System.IterationPath": iteration.path() if iteration else "",
            "System.Rev": item.rev,
            "System.ChangedDate": text_of(item.changed),
            "System.Watermark": item.watermark,
        }
        if item.parent is not None:
            found["System.Parent"] = item.parent
        return found

    def readable_items(self) -> Iterator[Item]:
        """What the account could read with everything: neither deleted nor hidden, nor of a hidden type."""
        for item in self.items.values():
            if item.deleted or not self.readable(item):
                continue
            kind = self.projects[item.project].process.kind(item.fields["System.WorkItemType"])
            if "Microsoft.HiddenCategory" not in kind.categories:
                yield item

    def totals(self) -> dict[str, Any]:
        """What the tool itself counts of what the account may read."""
        category, kinds = Counter[str](), Counter[str]()
        hours = Counter[str]()
        points = 0.0
        shown: set[int] = set()
        for item in self.readable_items():
            shown.add(item.id)
            process = self.projects[item.project].process
            kind = process.kind(item.fields["System.WorkItemType"])
            category[dict(kind.states).get(item.fields["System.State"], "unknown")] += 1
            kinds[kind.name] += 1
            for name in ("OriginalEstimate", "RemainingWork", "CompletedWork"):
                hours[name] += item.fields.get(f"Microsoft.VSTS.Scheduling.{name}", 0) or 0
            points += item.fields.get(process.effort, 0) or 0
        links = Counter[str]()
        met: set[tuple[str, int, int]] = set()
        for number in shown:
            met |= self.items[number].links
        for rel, _, target in met:
            # A parent shows in its child.
            links[rel] += rel != HIERARCHY or target in shown
        return {
            "items": len(shown),
            "projects": sum(not project.hidden for project in self.projects.values()),
            "categories": dict(category),
            "types": dict(kinds),
            "hours": dict(hours),
            "points": points,
            "links": dict(links),
        }


def encoded(value: Any) -> bytes:
    return orjson.dumps(value)
