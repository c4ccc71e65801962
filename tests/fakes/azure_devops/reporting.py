"""The reporting feeds: revisions and links, in batches with tokens."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request

from tests.fakes.azure_devops.state import LONG, State, home, number_in, trouble
from tests.fakes.azure_devops.world import Item, Revision, text_of


def revisions(state: State, request: Request, body: Any) -> Any:
    world, faults = state.world, state.wire.faults
    state.feeds += 1
    if faults.on_feed:
        faults.on_feed(state.feeds)
    if faults.no_feed:
        raise trouble(faults.no_feed, "VS403000: Reporting is not available here.", "ReportingException")
    scope = home(state, request).id if "project" in request.path_params else ""
    given = {**request.query_params, **(body or {})}

    def flag(name: str) -> bool:
        return str(given.get(name, "")).lower() == "true"

    start = _start(state, request, world.revisions)
    wanted = given.get("fields")
    if isinstance(wanted, str):
        wanted = wanted.split(",")
    kinds = given.get("types")
    if isinstance(kinds, str):
        kinds = kinds.split(",")
    size = min(number_in(request, "$maxPageSize", 1000), 1000)
    if faults.batch_limit:
        size = min(size, faults.batch_limit)
    found: list[bytes] = []
    at = start
    empty = faults.endless_batches or (
        faults.empty_batch_every and state.feeds % faults.empty_batch_every == 0
    )
    lines = world.revisions
    while at < len(lines) and len(found) < size and not empty:
        line = lines[at]
        at += 1
        item = world.items[line.item]
        project = line.project if line.fields is not None else item.project
        latest = line.watermark == item.watermark
        if (flag("includeLatestOnly") and not latest) or not world.readable(item):
            continue
        if (scope and project != scope) or (line.deleted and not flag("includeDeleted")):
            continue
        if kinds and item.fields["System.WorkItemType"] not in kinds:
            continue
        found.append(_revision(state, line, item, given, wanted, refs=flag("includeIdentityRef")))
    done = at >= len(lines) and not empty
    token = (
        _token(lines[at - 1].changed, lines[at - 1].watermark, lines[at - 1].item) if at else _token(0, 0, 0)
    )
    asked = request.query_params.get("continuationToken")
    if empty:
        # An empty batch moves on too: what it passed over was none of the reader's.
        token = _token(0, lines[at - 1].watermark if at else 0, state.feeds)
    if faults.repeat_token and asked:
        token, done = asked, False
    return _feed_page(state, "workitemrevisions", found, token, done, True)


def _revision(
    state: State, line: Revision, item: Item, given: dict[str, Any], wanted: list[str] | None, *, refs: bool
) -> bytes:
    if item.raw is not None and line.fields is None and not line.deleted:
        return b'{"id":%d,"rev":%d,"fields":%b}' % (item.id, line.rev, item.raw)
    world, faults = state.world, state.wire.faults
    values = world.whole(item, line.fields)
    values |= {
        "System.Rev": line.rev,
        "System.ChangedDate": text_of(line.changed),
        "System.Watermark": line.watermark,
        "System.IsDeleted": line.deleted,
    }
    if faults.no_parents_in_feed:
        values.pop("System.Parent", None)
    if faults.no_node_ids_in_feed:
        values.pop("System.AreaId", None)
        values.pop("System.IterationId", None)
    if given.get("$expand", "").casefold() != "fields":
        for name in LONG:
            values.pop(name, None)
    if wanted:
        values = {name: values[name] for name in wanted if name in values}
    for name, value in values.items():
        if isinstance(value, dict):
            written = f"{value['displayName']} <{value['uniqueName']}>"
            if not refs or faults.names_in_feed:
                values[name] = written
            elif faults.descriptive_names:
                values[name] = {**value, "uniqueName": written}
    return orjson.dumps({"id": item.id, "rev": line.rev, "fields": values})


def links(state: State, request: Request, body: Any) -> Any:
    world, faults = state.world, state.wire.faults
    if faults.no_links_feed:
        raise trouble(
            faults.no_links_feed, "VS403000: Reporting is not available here.", "ReportingException"
        )
    scope = home(state, request).id if "project" in request.path_params else ""
    wanted = request.query_params.get("linkTypes")
    events = world.link_events
    if faults.latest_links_only:
        latest = {(event.rel, event.source, event.target): event for event in events}
        events = sorted(latest.values(), key=lambda event: event.watermark)
    at = _start(state, request, events)
    size = faults.batch_limit or 1000
    found: list[bytes] = []
    while at < len(events) and len(found) < size:
        event = events[at]
        at += 1
        if wanted and event.rel not in wanted.split(","):
            continue
        one, other = world.items[event.source], world.items[event.target]
        if scope and scope not in (one.project, other.project):
            continue
        attributes = {
            "sourceId": event.source,
            "targetId": event.target,
            "changedDate": text_of(event.changed),
            "isActive": event.active,
            "changedOperation": "create" if event.active else "remove",
            "sourceProjectId": one.project,
            "targetProjectId": other.project,
        }
        row: dict[str, Any] = (
            {"rel": event.rel, "attributes": attributes}
            if faults.nested_links
            else {"rel": event.rel, **attributes}
        )
        found.append(orjson.dumps(row))
    token = _token(0, events[at - 1].watermark if at else 0, 0)
    return _feed_page(
        state, "workitemlinks", found, token, at >= len(events), not faults.no_token_in_links_body
    )


def _start(state: State, request: Request, lines: list[Any]) -> int:
    token, since = request.query_params.get("continuationToken"), request.query_params.get("startDateTime")
    if token and since:
        raise trouble(
            400, "VS402380: Specify a continuation token or a start date, not both.", "ArgumentException"
        )
    if since:
        wanted = datetime.fromisoformat(since).timestamp() * 1000
        return next((at for at, line in enumerate(lines) if line.changed >= wanted), len(lines))
    if not token:
        return 0
    faults = state.wire.faults
    parts = token.split(";")
    stale = faults.tokens_expire_after and state.feeds > faults.tokens_expire_after
    if stale:
        faults.tokens_expire_after = 0
    if len(parts) != 3 or not parts[1].isdigit() or stale:
        raise trouble(
            400, "VS402340: The continuation token is not valid.", "ReportingWatermarkInvalidException"
        )
    return bisect_right(lines, int(parts[1]), key=lambda line: line.watermark)


def _token(changed: int, watermark: int, item: int) -> str:
    return f"{changed};{watermark};{item}"


def _feed_page(state: State, name: str, rows: list[bytes], token: str, done: bool, in_body: bool) -> bytes:
    link = f"{state.base}/_apis/wit/reporting/{name}?continuationToken={token}"
    tail: dict[str, Any] = {"nextLink": link}
    if in_body:
        tail["continuationToken"] = token
    tail["isLastBatch"] = done
    return b'{"values":[%b],' % b",".join(rows) + orjson.dumps(tail)[1:]
