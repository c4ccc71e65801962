"""What the fake Jira holds, and the edits a test makes to it while the server runs."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from tests.fakes.jira.jql import Query

SITE = "https://acme.atlassian.net"
GREENHOPPER = "com.pyxis.greenhopper.jira:"
STANDARD = "com.atlassian.jira.plugin.system.customfieldtypes:"
POINTS, OLD_POINTS, SPRINT, START = (
    "customfield_10016",
    "customfield_10026",
    "customfield_10020",
    "customfield_10015",
)
FLAGGED, EPIC_LINK, PARENT_LINK, RANK = (
    "customfield_10021",
    "customfield_10014",
    "customfield_10018",
    "customfield_10019",
)
VALUE, SPONSOR, SLA = "customfield_10050", "customfield_10051", "customfield_10070"

CATEGORIES = {
    "undefined": {"id": 1, "key": "undefined", "colorName": "medium-gray", "name": "No Category"},
    "new": {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
    "done": {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
    "indeterminate": {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
}


def text_of(ms: int, zone: ZoneInfo) -> str:
    """`2025-05-01T10:11:12.345+0200`, as Jira writes it."""
    moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}" + moment.strftime("%z")


def ms_of(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@dataclass(slots=True)
class Issue:
    """Either `fields` (small worlds) or `parts` (benches: three byte strings that joined are the whole issue;
    the middle one is shared between issues)."""

    id: int
    key: str
    project: int
    created: int
    updated: int
    fields: dict[str, Any] | None = None
    parts: tuple[bytes, bytes, bytes] | None = None
    raw: bytes | None = None
    """A hostile body served as it is."""
    hidden: bool = False
    encoded: tuple[object, bytes] | None = None


@dataclass(slots=True)
class Project:
    id: int
    key: str
    name: str
    lead: dict[str, Any] | None = None
    old_keys: list[str] = field(default_factory=list)
    hidden: bool = False
    administered: bool = False
    """The account administers it, so that lists show it; whether it may be browsed is another matter."""
    archived: bool = False
    deleted: bool = False
    secured: bool = False
    """Has an issue security scheme."""
    data: dict[str, Any] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0

    @property
    def listed(self) -> bool:
        return not (self.hidden or self.archived or self.deleted)


class World:
    """The data of one site. Every method takes the lock: tests edit from another thread than the server's."""

    def __init__(self, flavour: str = "cloud", zone: str = "Europe/Berlin") -> None:
        self.cloud = flavour == "cloud"
        self.zone = ZoneInfo(zone)
        self.zone_name = zone
        self.lock = threading.RLock()
        self.projects: dict[int, Project] = {}
        self.issues: dict[int, Issue] = {}
        self.by_key: dict[str, int] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.boards: dict[int, dict[str, Any]] = {}
        self.estimation: dict[int, str | None] = {}
        self.sprints: dict[int, dict[str, Any]] = {}
        self.worklogs: dict[int, dict[str, Any]] = {}
        self.worklog_changes: dict[int, int] = {}
        self.worklog_deletions: dict[int, int] = {}
        self.fields: list[dict[str, Any]] = default_fields()
        self.statuses = default_statuses()
        self.issue_types = default_issue_types(self.cloud)
        self.priorities = [{"id": str(n), "name": name} for n, name in enumerate(_PRIORITIES, 1)]
        self.resolutions = [{"id": str(10000 + n), "name": name} for n, name in enumerate(_RESOLUTIONS)]
        self.link_types = [
            {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"},
            {"id": "10001", "name": "Relates", "inward": "relates to", "outward": "relates to"},
            {"id": "10002", "name": "Duplicate", "inward": "is duplicated by", "outward": "duplicates"},
        ]
        self.unindexed: set[int] = set()
        """Ids of issues that are there and that no search finds, as while an index is rebuilt."""
        self.next_id = 10_000
        self.next_link = 20_000
        self.now_ms = ms_of(datetime.now(UTC))
        self.clock: int | None = None
        """Set to stop the clock by which edits are dated."""
        self._version = 0
        self._sorted: dict[object, tuple[int, list[tuple[int, int]]]] = {}

    def now(self) -> int:
        return self.clock if self.clock is not None else ms_of(datetime.now(UTC))

    # --- building -------------------------------------------------------------------------------------------

    def add_user(self, name: str, **more: Any) -> dict[str, Any]:
        with self.lock:
            number = len(self.users) + 1
            mail = name.lower().replace(" ", ".") + "@acme.example"
            user: dict[str, Any] = {"self": f"{SITE}/rest/api/user/{number}"}
            if self.cloud:
                user |= {"accountId": f"5b10a2844c20165700ede{number:03d}", "accountType": "atlassian"}
            else:
                user |= {"name": mail.partition("@")[0], "key": f"JIRAUSER{10000 + number}"}
            user |= {
                "emailAddress": mail,
                "displayName": name,
                "active": True,
                "timeZone": self.zone_name,
                **more,
            }
            self.users[str(user.get("accountId") or user["key"])] = user
            return user

    def add_project(
        self, key: str, name: str = "", *, lead: dict[str, Any] | None = None, **data: Any
    ) -> Project:
        with self.lock:
            project = Project(10_000 + len(self.projects) + 1, key, name or key.title(), lead, [], data=data)
            self.projects[project.id] = project
            return project

    def add_issue(
        self,
        project: str,
        summary: str = "An issue",
        *,
        kind: str = "Story",
        status: str = "To Do",
        created: int | None = None,
        updated: int | None = None,
        raw: bytes | None = None,
        **fields: Any,
    ) -> Issue:
        """One issue with every system field; `fields` override."""
        with self.lock:
            home = self.project(project)
            self.next_id += 1
            home.count += 1
            created = self.now() if created is None else created
            issue = Issue(
                self.next_id, f"{home.key}-{home.count}", home.id, created, updated or created, raw=raw
            )
            people = list(self.users.values())
            issue.fields = {
                "summary": summary,
                "issuetype": self.issue_types[kind],
                "project": {"id": str(home.id), "key": home.key, "name": home.name},
                "status": self.status(status),
                "priority": self.priorities[2],
                "assignee": people[issue.id % len(people)] if people else None,
                "reporter": people[(issue.id * 7) % len(people)] if people else None,
                "duedate": None,
                "description": adf("As agreed.") if self.cloud else "As agreed.",
                "resolution": None,
                "resolutiondate": None,
                "labels": [],
                "components": [],
                "fixVersions": [],
                "issuelinks": [],
                "subtasks": [],
                "timeoriginalestimate": None,
                "timeestimate": None,
                "timespent": None,
                **{f["id"]: None for f in self.fields if f["custom"]},
                RANK: f"0|i{issue.id:05d}:",
                "comment": {"comments": [], "total": 0},
                "lastViewed": None,
                **fields,
            }
            self.issues[issue.id] = issue
            self.by_key[issue.key] = issue.id
            self._changed()
            return issue

    def add_bulk(self, issues: Iterable[Issue]) -> None:
        """Ready-made issues (see `generate.make_issues`)."""
        with self.lock:
            for issue in issues:
                self.issues[issue.id] = issue
                self.by_key[issue.key] = issue.id
                self.next_id = max(self.next_id, issue.id)
                self.projects[issue.project].count += 1
            self._changed()

    def add_board(
        self, project: str | None, name: str, points: str | None = POINTS, kind: str = "scrum"
    ) -> int:
        with self.lock:
            number = len(self.boards) + 4
            board: dict[str, Any] = {"id": number, "self": f"{SITE}/b/{number}", "name": name, "type": kind}
            if project:
                home = self.project(project)
                board["location"] = {"projectId": home.id, "projectKey": home.key, "projectName": home.name}
            self.boards[number] = board
            self.estimation[number] = points
            return number

    def add_sprint(self, board: int, name: str, state: str = "active", **more: Any) -> dict[str, Any]:
        with self.lock:
            number = 37 + len(self.sprints)
            sprint = {
                "id": number,
                "self": f"{SITE}/s/{number}",
                "state": state,
                "name": name,
                "originBoardId": board,
                "goal": "",
                **more,
            }
            self.sprints[number] = sprint
            return sprint

    def sprint_value(self, *sprints: dict[str, Any]) -> list[Any]:
        """The Sprint field as this flavour writes it."""
        if self.cloud:
            return [
                {k: v for k, v in sprint.items() if k not in ("self", "originBoardId")}
                | {"boardId": sprint["originBoardId"]}
                for sprint in sprints
            ]
        return [
            f"com.atlassian.greenhopper.service.sprint.Sprint@{s['id']:x}[id={s['id']},rapidViewId="
            f"{s['originBoardId']},state={s['state'].upper()},name={s['name']},startDate="
            f"{s.get('startDate', '<null>')},endDate={s.get('endDate', '<null>')},"
            f"completeDate={s.get('completeDate', '<null>')},sequence={s['id']},goal={s['goal']}]"
            for s in sprints
        ]

    def add_version(self, project: str, name: str, **more: Any) -> dict[str, Any]:
        with self.lock:
            home = self.project(project)
            number = 10_100 + sum(len(p.versions) for p in self.projects.values())
            version = {
                "self": f"{SITE}/v/{number}",
                "id": str(number),
                "name": name,
                "description": "",
                "archived": False,
                "released": False,
                "projectId": home.id,
                **more,
            }
            home.versions.append(version)
            return version

    def add_worklog(self, issue: Issue, author: dict[str, Any], seconds: int, started: int) -> int:
        with self.lock:
            number = 100_000 + len(self.worklogs) + len(self.worklog_deletions) + 1
            at = self.now()
            self.worklogs[number] = {
                "self": f"{SITE}/w/{number}",
                "id": str(number),
                "issueId": str(issue.id),
                "author": author,
                "started": text_of(started, self.zone),
                "timeSpent": f"{seconds // 3600}h",
                "timeSpentSeconds": seconds,
                "created": text_of(at, self.zone),
                "updated": text_of(at, self.zone),
            }
            self.worklog_changes[number] = at
            return number

    def link(self, source: Issue, target: Issue, kind: int = 0) -> str:
        """`source` blocks (or relates to, duplicates) `target`; the link shows on both, under one id."""
        with self.lock:
            self.next_link += 1
            name, what = str(self.next_link), self.link_types[kind]
            for one, other, side in ((source, target, "outwardIssue"), (target, source, "inwardIssue")):
                assert one.fields is not None
                assert other.fields is not None
                shown = {k: other.fields[k] for k in ("summary", "status", "priority", "issuetype")}
                one.fields["issuelinks"].append(
                    {"id": name, "type": what, side: {"id": str(other.id), "key": other.key, "fields": shown}}
                )
                one.encoded = None
            return name

    def unlink(self, name: str, *issues: Issue) -> None:
        """Take the link of that id from these issues."""
        with self.lock:
            for issue in issues:
                assert issue.fields is not None
                kept = [link for link in issue.fields["issuelinks"] if link["id"] != name]
                issue.fields["issuelinks"], issue.encoded = kept, None

    # --- edits while running --------------------------------------------------------------------------------

    def edit(self, issue: str | int | Issue, *, silently: bool = False, **fields: Any) -> Issue:
        """Set fields; `updated` moves on unless `silently`."""
        with self.lock:
            found = self.issue(issue)
            if found.fields is None:
                whole = orjson.loads(self.body(found, None))
                found.fields, found.parts = whole["fields"], None
            found.fields.update(fields)
            found.encoded = None
            if not silently:
                found.updated = max(self.now(), found.updated + 1)
                self._changed()
            return found

    def clear_field(self, issue: str | int | Issue, name: str) -> Issue:
        cleared: dict[str, Any] = {name: None}
        return self.edit(issue, **cleared)

    def delete(self, issue: str | int | Issue) -> None:
        with self.lock:
            found = self.issue(issue)
            del self.issues[found.id]
            self.by_key.pop(found.key, None)
            self._changed()

    def move(self, issue: str | int | Issue, project: str) -> Issue:
        """To another project: same id, new key; the old key still finds it."""
        with self.lock:
            home = self.project(project)
            found = self.edit(issue, project={"id": str(home.id), "key": home.key, "name": home.name})
            home.count += 1
            found.project, found.key = home.id, f"{home.key}-{home.count}"
            self.by_key[found.key] = found.id
            self._changed()
            return found

    def hide_project(self, key: str, hidden: bool = True) -> None:
        with self.lock:
            self.project(key).hidden = hidden
            self._changed()

    def hide_issue(self, issue: str | int | Issue) -> None:
        """Behind a security level that the account is not in."""
        with self.lock:
            found = self.issue(issue)
            found.hidden = self.projects[found.project].secured = True
            self._changed()

    def hide_worklog(self, number: int) -> None:
        """Restricted to a role that the account has not: no feed tells."""
        with self.lock:
            self.worklog_changes.pop(number)
            self.worklogs.pop(number)

    def archive_project(self, key: str) -> None:
        with self.lock:
            self.project(key).archived = True
            self._changed()

    def delete_project(self, key: str) -> None:
        with self.lock:
            self.project(key).deleted = True
            self._changed()

    def rename_project(self, key: str, new_key: str) -> None:
        with self.lock:
            home = self.project(key)
            home.old_keys.append(home.key)
            home.key = new_key
            for issue in self.issues.values():
                if issue.project == home.id:
                    issue.key = new_key + issue.key[len(key) :]
                    self.by_key[issue.key] = issue.id
                    issue.encoded = None
                    if issue.fields is not None:
                        issue.fields["project"] = {"id": str(home.id), "key": new_key, "name": home.name}

    def delete_worklog(self, number: int) -> None:
        with self.lock:
            del self.worklogs[number]
            self.worklog_changes.pop(number)
            self.worklog_deletions[number] = self.now()

    # --- looking --------------------------------------------------------------------------------------------

    def project(self, name: str | int) -> Project:
        """By key (also one it had before) or id."""
        for project in self.projects.values():
            if str(name) in (project.key, str(project.id)) or name in project.old_keys:
                return project
        raise KeyError(name)

    def issue(self, name: str | int | Issue) -> Issue:
        if isinstance(name, Issue):
            return self.issues[name.id]
        number = int(name) if str(name).isdigit() else self.by_key[str(name)]
        return self.issues[number]

    def status(self, name: str) -> dict[str, Any]:
        return next(status for status in self.statuses if status["name"] == name)

    def visible(self, issue: Issue) -> bool:
        return not issue.hidden and self.projects[issue.project].listed

    def archived(self, issue: Issue) -> bool:
        """By itself: it answers when asked for, and no search finds it."""
        return issue.fields is not None and bool(issue.fields.get("archiveddate"))

    def found(self, query: Query) -> Sequence[tuple[int, int]]:
        """(sort value, id) of the matching visible issues, in the query's order (ascending only; descending
        is the reverse). Kept until the next edit: paging through 100,000 issues sorts once."""
        known = self._sorted.get(query)
        if known and known[0] == self._version:
            return known[1]
        by = query.order[0][0] if query.order else "id"
        homes = None
        if query.projects is not None:
            homes = {self.project(name).id for name in query.projects}
        picked: Iterable[Issue] = self.issues.values()
        if query.ids is not None or query.keys is not None:
            names = [*(query.ids or ()), *(query.keys or ())]
            numbers = {int(n) if n.isdigit() else self.by_key.get(n, -1) for n in names}
            picked = [self.issues[n] for n in sorted(numbers) if n in self.issues]
        rows = [
            (getattr(issue, by) if by in ("created", "updated") else issue.id, issue.id)
            for issue in picked
            if (homes is None or issue.project in homes)
            and self.visible(issue)
            and not self.archived(issue)
            and issue.id not in self.unindexed
            and all(getattr(issue, name) >= ms for name, ms in query.since)
            and all(getattr(issue, name) < ms for name, ms in query.before)
            and (query.after_id is None or issue.id > query.after_id)
        ]
        rows.sort(reverse=bool(query.order and query.order[0][1]))
        if len(self._sorted) > 200:
            self._sorted.clear()
        self._sorted[query] = (self._version, rows)
        return rows

    @staticmethod
    def after(rows: Sequence[tuple[int, int]], last: tuple[int, int] | None) -> int:
        return 0 if last is None else bisect_right(rows, last)

    def body(self, issue: Issue, asked: tuple[str, ...] | None) -> bytes:
        """The issue as JSON with the fields asked for (None: all)."""
        if issue.raw is not None:
            return issue.raw
        if issue.parts is not None and (asked is None or "*all" in asked):
            return b"".join(issue.parts)
        if issue.encoded is not None and issue.encoded[0] == asked:
            return issue.encoded[1]
        head = {
            "expand": "renderedFields,names",
            "id": str(issue.id),
            "self": f"{SITE}/rest/api/3/issue/{issue.id}",
            "key": issue.key,
        }
        fields: dict[str, Any] = {}
        if asked is None or asked:
            fields = (
                issue.fields
                if issue.fields is not None
                else orjson.loads(b"".join(issue.parts or ()))["fields"]
            )
            fields = {
                **fields,
                "created": text_of(issue.created, self.zone),
                "updated": text_of(issue.updated, self.zone),
            }
            if asked is not None and "*all" not in asked:
                fields = {name: fields[name] for name in asked if name in fields}
            elif asked is not None:
                without = {name[1:] for name in asked if name.startswith("-")}
                fields = {name: value for name, value in fields.items() if name not in without}
        if asked == () or asked == ("id",):
            encoded = orjson.dumps({"id": str(issue.id)} if self.cloud else head)
        else:
            encoded = orjson.dumps({**head, "fields": fields})
        issue.encoded = (asked, encoded)
        return encoded

    def _changed(self) -> None:
        self._version += 1


def adf(*paragraphs: str) -> dict[str, Any]:
    return {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in paragraphs
        ],
    }


_PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
_RESOLUTIONS = ("Done", "Won't Do", "Duplicate", "Cannot Reproduce", "Declined")


def default_statuses() -> list[dict[str, Any]]:
    names = (
        ("To Do", "new"),
        ("In Progress", "indeterminate"),
        ("In Review", "indeterminate"),
        ("Done", "done"),
        ("Rückfrage", "undefined"),
    )
    return [
        {
            "self": f"{SITE}/status/{n}",
            "description": "",
            "name": name,
            "id": str(n),
            "statusCategory": CATEGORIES[key],
        }
        for n, (name, key) in enumerate(names, 10_001)
    ]


def default_issue_types(cloud: bool) -> dict[str, dict[str, Any]]:
    levels = {"Epic": 1, "Story": 0, "Task": 0, "Bug": 0, "Sub-task": -1}
    types: dict[str, dict[str, Any]] = {}
    for number, (name, level) in enumerate(levels.items(), 10_000):
        types[name] = {
            "self": f"{SITE}/type/{number}",
            "id": str(number),
            "name": name,
            "description": "",
            "subtask": level < 0,
        }
        if cloud:
            types[name]["hierarchyLevel"] = level
    return types


def default_fields() -> list[dict[str, Any]]:
    fields = [
        {
            "id": name,
            "key": name,
            "name": title,
            "custom": False,
            "navigable": True,
            "searchable": True,
            "orderable": True,
            "clauseNames": [name],
            "schema": {"type": kind, "system": name},
        }
        for name, title, kind in (
            ("summary", "Summary", "string"),
            ("issuetype", "Issue Type", "issuetype"),
            ("status", "Status", "status"),
            ("priority", "Priority", "priority"),
            ("assignee", "Assignee", "user"),
            ("reporter", "Reporter", "user"),
            ("duedate", "Due date", "date"),
            ("labels", "Labels", "array"),
            ("description", "Description", "string"),
            ("created", "Created", "datetime"),
            ("updated", "Updated", "datetime"),
            ("comment", "Comment", "comments-page"),
        )
    ]
    custom = (
        (POINTS, "Story point estimate", "number", GREENHOPPER + "jsw-story-points"),
        (OLD_POINTS, "Story Points", "number", STANDARD + "float"),
        (SPRINT, "Sprint", "array", GREENHOPPER + "gh-sprint"),
        (START, "Start date", "date", STANDARD + "datepicker"),
        (FLAGGED, "Flagged", "array", STANDARD + "multicheckboxes"),
        (EPIC_LINK, "Epic Link", "any", GREENHOPPER + "gh-epic-link"),
        (PARENT_LINK, "Parent Link", "any", "com.atlassian.jpo:jpo-custom-field-parent"),
        (RANK, "Rank", "any", GREENHOPPER + "gh-lexo-rank"),
        (VALUE, "Business value", "number", STANDARD + "float"),
        (SPONSOR, "Sponsor", "user", STANDARD + "userpicker"),
        ("customfield_10060", "Region", "option", STANDARD + "select"),
        ("customfield_10061", "Region", "option", STANDARD + "select"),
        (SLA, "Time to resolution", "sd-servicelevelagreement", "com.atlassian.servicedesk:sd-sla-field"),
    )
    return fields + [
        {
            "id": name,
            "key": name,
            "name": title,
            "custom": True,
            "navigable": True,
            "searchable": True,
            "orderable": True,
            "clauseNames": [f"cf[{name[12:]}]", title],
            "schema": {"type": kind, "custom": what, "customId": int(name[12:])},
        }
        for name, title, kind, what in custom
    ]
