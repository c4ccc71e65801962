"""A work item as sent → a RawRecord with what a mapping cannot work out by itself, in `portbook`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any

import orjson

from adapters.azure_devops.process import Kind, Process
from adapters.azure_devops.site import is_custom
from adapters.base import RawRecord
from adapters.json_body import NUMBER_AS_ID, kept_aside, loads, with_portbook

_S, _C = "Microsoft.VSTS.Scheduling.", "Microsoft.VSTS.Common."

_STATUS = {
    "proposed": "todo",
    "inprogress": "in_progress",
    "resolved": "in_review",
    "completed": "done",
    "removed": "cancelled",
}
_ENDED = ("done", "cancelled")


def instant(text: object) -> datetime | None:
    """`2025-06-03T08:00:00.1934567Z` as an aware instant, None for what is not one."""
    if not isinstance(text, str) or len(text) < 16:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def day(text: object, zone: tzinfo | None) -> str | None:
    """The day that was meant. Azure DevOps keeps a date as midnight where it was entered, in UTC: 31 July in Berlin
    is `2025-07-30T22:00:00Z`. Midnight in UTC is a day as it stands. Without a zone, the nearest midnight counts,
    which is right up to 12 hours from Greenwich; noon in UTC is New Zealand's midnight, for at UTC-12 nobody lives."""
    moment = instant(text)
    if moment is None:
        return None
    try:
        if (moment.hour, moment.minute, moment.second) != (0, 0, 0):
            moment = moment.astimezone(zone) if zone else moment + timedelta(hours=12)
    except OverflowError:
        pass
    return moment.date().isoformat()


_NAMED = re.compile(r"^(?P<name>.*?)\s*<(?P<unique>[^<>]+)>\s*$", re.S)


def own_id(value: Any, name: str = "id") -> str:
    """The id in an object that describes somebody; empty where there is none, or what stands there is no id."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def identity(value: Any) -> dict[str, str] | None:
    """Who is meant, in one form wherever and however the person is written: an object, or `Name <mail>` on the feeds
    and on old servers. Without an id the unique name stands in for it."""
    if isinstance(value, str):
        found = _NAMED.match(value)
        name, unique = (found["name"], found["unique"]) if found else (value.strip(), "")
        own = ""
    elif isinstance(value, dict):
        name = str(value.get("displayName") or value.get("name") or "")
        unique = str(value.get("uniqueName") or "")
        if found := _NAMED.match(unique):
            unique = found["unique"]
        own = own_id(value) or own_id(value, "descriptor")
    else:
        return None
    own = own or (unique or name).strip().casefold()
    if not own:
        return None
    person = {"id": own, "displayName": name or unique}
    if unique:
        person["uniqueName"] = unique
    if "@" in unique and "\\" not in unique:
        person["mail"] = unique.lower()
    return person


def person_record(person: Mapping[str, str]) -> RawRecord:
    payload = orjson.dumps(person)
    return RawRecord("user", person["id"], payload, dict(person))


rejected = partial(
    kept_aside, name=NUMBER_AS_ID, hint="Correct the work item in Azure DevOps, or ask its administrator."
)


def decode(payload: bytes) -> dict[str, Any] | RawRecord:
    """The work item decoded, or the rejected record."""
    try:
        data = loads(payload)
    except ValueError as wrong:
        return rejected("work_item", payload, str(wrong))
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("id"), int)
        or not isinstance(data.get("fields"), dict)
    ):
        return rejected("work_item", payload, "it has no id or no fields")
    return data


def gone(data: Mapping[str, Any]) -> RawRecord:
    """The tool itself says that it lies in the recycle bin."""
    changed = instant(data["fields"].get("System.ChangedDate"))
    return RawRecord("work_item", str(data["id"]), b"null", None, changed, deleted=True)


class ItemReader:
    """Builds work item records."""

    def __init__(self, browse: str, zone: tzinfo | None, fields: list[dict[str, Any]]) -> None:
        self._url = f"{browse}/_workitems/edit/"
        self._zone = zone
        self.names = (
            "System.AssignedTo",
            "System.CreatedBy",
            *(
                str(field["referenceName"])
                for field in fields
                if field.get("isIdentity") and is_custom(str(field["referenceName"]))
            ),
        )
        self._dates = tuple(
            str(field["referenceName"])
            for field in fields
            if field.get("type") == "dateTime" and is_custom(str(field["referenceName"]))
        )

    def people(self, fields: Mapping[str, Any]) -> Iterator[Any]:
        for name in self.names:
            if value := fields.get(name):
                yield value

    def record(
        self,
        payload: bytes,
        data: dict[str, Any],
        *,
        project: str | None,
        process: Process | None,
        iteration: str | None,
        parent: int | None,
        who: Mapping[str, str],
        elsewhere: Sequence[str] = (),
    ) -> RawRecord:
        """`iteration` is a GUID; `who` gives, by field, the ids of the people it names; `elsewhere` are its
        hyperlinks."""
        fields: dict[str, Any] = data["fields"]
        zone = self._zone
        kind = process.kind(str(fields.get("System.WorkItemType") or "")) if process else None
        status = status_of(kind, fields.get("System.State"))
        extra: dict[str, Any] = {"url": f"{self._url}{data['id']}"}
        if project:
            extra["project"] = project
        if word := kind.type if kind else fields.get("System.WorkItemType"):
            extra["type"] = word
        if kind and kind.log:
            extra["log"] = kind.log
        if status:
            extra["status"] = status
        if person := who.get("System.AssignedTo"):
            extra["assignee"] = person
        if person := who.get("System.CreatedBy"):
            extra["reporter"] = person
        if custom := {name: own for name, own in who.items() if is_custom(name)}:
            extra["people"] = custom
        if parent:
            extra["parent"] = str(parent)
        if elsewhere:
            extra["elsewhere"] = list(elsewhere)
        if iteration:
            extra["iteration"] = iteration
        if area := str(fields.get("System.AreaPath") or "").partition("\\")[2]:
            extra["area"] = area
        if tags := fields.get("System.Tags"):
            extra["labels"] = labels(tags)
        for name in process.points if process else ():
            if isinstance(value := fields.get(name), int | float) and not isinstance(value, bool):
                extra["points"] = value
                break
        target = day(fields.get(_S + "TargetDate"), zone)
        for name, value in (
            ("start_on", day(fields.get(_S + "StartDate"), zone)),
            ("finish_on", day(fields.get(_S + "FinishDate"), zone) or target),
            ("due_on", day(fields.get(_S + "DueDate"), zone) or target),
            ("created_on", _local_day(fields.get("System.CreatedDate"), zone)),
            ("started_on", _local_day(fields.get(_C + "ActivatedDate"), zone)),
        ):
            if value:
                extra[name] = value
        if status in _ENDED:
            ended = fields.get(_C + "ClosedDate") or fields.get(_C + "ResolvedDate")
            ended = ended or fields.get(_C + "StateChangeDate")
            if ended:
                extra["resolved"] = ended
                if status == "done" and (on := _local_day(ended, zone)):
                    extra["finished_on"] = on
            if fields.get("System.Reason"):
                extra["resolution"] = fields["System.Reason"]
                if status == "done":
                    # Whether the work was done or dropped is told by the reason, which a mapping knows.
                    extra["ended_as"] = fields["System.Reason"]
        if str(fields.get("Microsoft.VSTS.CMMI.Blocked") or "").casefold() == "yes":
            extra["blocked"] = True
        if dates := {name: on for name in self._dates if (on := day(fields.get(name), zone))}:
            extra["on"] = dates
        payload, data = with_portbook(payload, data, extra)
        changed = instant(fields.get("System.ChangedDate"))
        return RawRecord("work_item", str(data["id"]), payload, data, changed)


def _local_day(text: object, zone: tzinfo | None) -> str | None:
    """The day of a moment, where people work."""
    moment = instant(text)
    if moment is None:
        return None
    try:
        return moment.astimezone(zone or UTC).date().isoformat()
    except OverflowError:
        return moment.date().isoformat()


def status_of(kind: Kind | None, state: Any) -> str | None:
    """From the state's category, since every process has its own states. A state without a category, as an XML
    process may have it, gives its own name: a mapping's lookup then says that it does not know it."""
    if not isinstance(state, str) or not state:
        return None
    category = kind.states.get(state.casefold(), "") if kind else ""
    return _STATUS.get(category.casefold(), state)


def labels(tags: Any) -> list[str]:
    """`site-a; long lead` as a list; with tag references, a list of objects."""
    if isinstance(tags, list):
        words = [str(tag.get("name") or "") if isinstance(tag, dict) else str(tag) for tag in tags]
    else:
        words = str(tags).split(";")
    return [word.strip() for word in words if word.strip()]
