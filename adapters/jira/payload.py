"""An issue as sent → a RawRecord with what a mapping cannot work out by itself, in `portbook`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any

import orjson

from adapters.base import RawRecord
from adapters.jira.fields import Fields
from adapters.jira.site import user_id
from adapters.json_body import NUMBER_AS_ID, kept_aside, loads, with_portbook

_TYPES = {
    "epic": "epic",
    "initiative": "initiative",
    "bug": "bug",
    "defect": "bug",
    "story": "story",
    "user story": "story",
    "task": "task",
    "feature": "feature",
    "new feature": "feature",
    "sub-task": "subtask",
    "subtask": "subtask",
}
_OPEN = ("todo", "in_progress", "in_review")
_REVIEW = frozenset({"in review", "review", "code review", "peer review"})


def instant(text: object) -> datetime | None:
    """`2025-05-01T10:11:12.345+0200` as an aware instant, None for what is not one."""
    if not isinstance(text, str) or len(text) < 16:
        return None
    try:
        moment = datetime.fromisoformat(text)
        # A year 0001 cannot be expressed in UTC when its offset is ahead of UTC.
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def record(
    stream: str, payload: bytes, extra: Mapping[str, Any] | None = None, updated: str = "updated"
) -> RawRecord:
    """A reference record (version, sprint, worklog, project) with our findings added."""
    try:
        data = loads(payload)
        if not isinstance(data, dict) or data.get("id") is None:
            raise ValueError("it has no id")
    except ValueError as wrong:
        return rejected(stream, payload, str(wrong))
    payload, data = with_portbook(payload, data, dict(extra or {}))
    return RawRecord(stream, str(data["id"]), payload, data, instant(data.get(updated)))


rejected = partial(
    kept_aside, name=NUMBER_AS_ID, hint="Correct the record in Jira, or ask its administrator."
)


USER_MEMBERS = (
    "accountId", "name", "key", "accountType", "displayName", "emailAddress", "active", "timeZone",
)  # fmt: skip


def user_payload(user: Mapping[str, Any]) -> bytes:
    """The members that mean the person, in one order: the same bytes wherever the person was met."""
    return orjson.dumps({name: user[name] for name in USER_MEMBERS if user.get(name) is not None})


def user_record(payload: bytes) -> RawRecord:
    data = orjson.loads(payload)
    return RawRecord("user", str(user_id(data)), payload, data)


def decode(payload: bytes) -> dict[str, Any] | RawRecord:
    """The issue decoded, or the rejected record."""
    try:
        data = loads(payload)
    except ValueError as wrong:
        return rejected("issue", payload, str(wrong))
    if not isinstance(data, dict) or not data.get("id") or not isinstance(data.get("fields"), dict):
        return rejected("issue", payload, "it has no id or no fields")
    return data


class IssueReader:
    """Builds issue records of one project. `points` are the fields that may hold story points, best first."""

    def __init__(self, fields: Fields, points: Iterable[str], browse: str, zone: tzinfo | None) -> None:
        self._fields = fields
        self._points = tuple(dict.fromkeys(points))
        self._browse = f"{browse}/browse/"
        self._zone = zone
        self._people = ("assignee", "reporter", *fields.people)
        self._links = (*fields.epic_link, *fields.parent_link)

    def parent_key(self, fields: Mapping[str, Any]) -> str | None:
        """The key of a parent that is named by key only (Data Center's Epic Link and Parent Link)."""
        if fields.get("parent"):
            return None
        for name in self._links:
            value = fields.get(name)
            if isinstance(value, str) and value:
                return value
            if isinstance(value, dict):  # Parent Link as an object: {"data": {"id": …, "key": …}}
                inner = value.get("data")
                if isinstance(inner, dict) and inner.get("key"):
                    return str(inner["key"])
        return None

    def people(self, fields: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        for name in self._people:
            value = fields.get(name)
            if isinstance(value, dict):
                yield value
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, dict))

    def record(self, payload: bytes, data: dict[str, Any], parents: Mapping[str, str]) -> RawRecord:
        fields: dict[str, Any] = data["fields"]
        extra: dict[str, Any] = {"url": self._browse + str(data.get("key"))}
        if kind := item_type(fields.get("issuetype")):
            extra["type"] = kind
        if status := item_status(fields.get("status")):
            extra["status"] = status
        if status == "done":
            # Whether the work was done or dropped is told by names, which a mapping knows.
            for name, found in (("ended_in", fields["status"]), ("ended_as", fields.get("resolution"))):
                if isinstance(found, dict) and found.get("name"):
                    extra[name] = str(found["name"]).replace("’", "'")
        if status not in _OPEN:
            # A workflow that forgets to clear them leaves both on an issue that was opened again.
            ended = fields.get("resolutiondate")
            if ended:
                extra["resolved"] = ended
                if status == "done":
                    extra["finished_on"] = local_day(ended, self._zone)
            if isinstance(resolution := fields.get("resolution"), dict) and resolution.get("name"):
                extra["resolution"] = resolution["name"]
        for role in ("assignee", "reporter"):
            if fields.get(role) and (who := user_id(fields[role])):
                extra[role] = who
        parent = fields.get("parent")
        if isinstance(parent, dict) and parent.get("id"):
            extra["parent"] = str(parent["id"])
        elif self._links and (key := self.parent_key(fields)) and key in parents:
            extra["parent"] = parents[key]
        for name in self._points:
            if isinstance(value := fields.get(name), int | float) and not isinstance(value, bool):
                extra["points"] = value
                break
        for name in self._fields.start:
            if fields.get(name):
                extra["start"] = fields[name]
                break
        for name in self._fields.sprint:
            if fields.get(name):
                sprints, current = sprint_ids(fields[name])
                if sprints:
                    extra["sprints"], extra["sprint"] = sprints, current
                break
        if any(fields.get(name) for name in self._fields.flagged):
            extra["blocked"] = True
        if versions := fields.get("fixVersions"):
            extra["versions"] = [str(version["id"]) for version in versions]
        if found := fields.get("issuelinks"):
            extra["links"] = links(str(data["id"]), found)
        payload, data = with_portbook(payload, data, extra)
        return RawRecord("issue", str(data["id"]), payload, data, instant(fields.get("updated")))


def links(own: str, found: Any) -> list[dict[str, str]]:
    """Each link in the direction of its outward phrase, so that both of its ends say the same."""
    answer = []
    for link in found:
        what = link.get("type") or {}
        link_id, kind, word = str(link["id"]), str(what.get("name") or ""), str(what.get("outward") or "")
        # The issue that carries `outwardIssue` is the subject of the outward phrase.
        for side in ("outwardIssue", "inwardIssue"):
            if other := link.get(side):
                ends = (own, str(other["id"])) if side == "outwardIssue" else (str(other["id"]), own)
                answer.append({"id": link_id, "kind": kind, "word": word, "from": ends[0], "to": ends[1]})
    return answer


def item_type(issue_type: Any) -> str | None:
    """A common word where the level or a well-known name tells it, else the tool's own word: a mapping's
    lookup then says that it does not know it."""
    if not isinstance(issue_type, dict):
        return None
    level = issue_type.get("hierarchyLevel")
    if issue_type.get("subtask") is True or level == -1:
        return "subtask"
    name = str(issue_type.get("name") or "")
    if isinstance(level, int) and level >= 2:
        return "initiative"
    if level == 1:
        # Teams rename their epics; the level does not change with the name.
        return "feature" if name.strip().casefold() == "feature" else "epic"
    return _TYPES.get(name.strip().casefold(), name) or None


def item_status(status: Any) -> str | None:
    """From the category's key, since names are translated. An unknown category gives the tool's own word."""
    if not isinstance(status, dict):
        return None
    category = status.get("statusCategory")
    key = str(category.get("key")) if isinstance(category, dict) else ""
    name = str(status.get("name") or "")
    if key == "done":
        return "done"
    if key == "indeterminate":
        return "in_review" if name.strip().casefold() in _REVIEW else "in_progress"
    return "todo" if key == "new" else name or key or None


def local_day(text: object, zone: tzinfo | None) -> object:
    """The day of an instant where the account stands: Cloud gives sprints in UTC, wherever they begin at nine in the
    morning. What is not an instant, or without a known zone, comes back as it is."""
    moment = instant(text)
    if moment is None or zone is None:
        return text
    try:
        return moment.astimezone(zone).date().isoformat()
    except OverflowError:  # the last hours of the year 9999
        return text


_SPRINT_TEXT = re.compile(
    r"\b(id|rapidViewId|state|name|startDate|endDate|completeDate|activatedDate|sequence|goal"
    r"|autoStartStop|synced|incompleteIssuesDestinationId)="
)


def sprint_from_text(text: str) -> dict[str, str]:
    """Data Center's `…Sprint@1f2[id=37,rapidViewId=4,state=CLOSED,name=Sprint 9, part 2,…]`.

    Names hold commas, `=` and brackets, so a value ends where the next known member begins. The first `id`
    and the first `state` count: a name may imitate them, and stands behind them."""
    body = text[text.find("[") + 1 : text.rfind("]")]
    hits = list(_SPRINT_TEXT.finditer(body))
    found: dict[str, str] = {}
    hits = [hit for hit in hits if hit.start() == 0 or body[hit.start() - 1] == ","]
    for hit, following in zip(hits, [*hits[1:], None], strict=False):
        value = body[hit.end() : following.start() - 1 if following else len(body)]
        if value != "<null>":
            found.setdefault(hit[1], value)
    return found


def sprint_ids(value: Any) -> tuple[list[str], str | None]:
    """Ids of the sprints an issue was planned in, oldest first, and the active one, else the latest."""
    sprints: dict[str, tuple[str, str]] = {}
    for item in value if isinstance(value, list) else [value]:
        found = sprint_from_text(item) if isinstance(item, str) else item
        if isinstance(found, dict) and found.get("id") is not None:
            started = instant(found.get("startDate"))
            when = started.isoformat() if started else "9999"
            sprints[str(found["id"])] = (when, str(found.get("state") or "").lower())
    ordered = sorted(sprints, key=lambda name: (sprints[name][0], int(name) if name.isdigit() else 0))
    running = [name for name in ordered if sprints[name][1] == "active"]
    return ordered, (running or ordered)[-1] if ordered else None
