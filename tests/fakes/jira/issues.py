"""Issues: searches old and new, one and many by id, and the hours logged on them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import orjson
from starlette.requests import Request

from tests.fakes.jira.jql import BadJql, Query, parse
from tests.fakes.jira.state import State, refusal, visible_issue
from tests.fakes.jira.world import SITE

GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


def search_jql(state: State, request: Request, body: Any) -> bytes:
    if not state.world.cloud:
        raise refusal(404, "dead link")
    allowed = {
        "jql",
        "nextPageToken",
        "maxResults",
        "fields",
        "expand",
        "properties",
        "fieldsByKeys",
        "reconcileIssues",
    }
    if unknown := set(body) - allowed:
        raise refusal(400, f"Invalid request payload: unknown {sorted(unknown)}")
    if len(body.get("reconcileIssues") or ()) > 50:
        raise refusal(400, "reconcileIssues accepts at most 50 ids.")
    _, rows = _searched(state, body, bounded=True)
    faults = state.faults
    # Jira serves thousands only when next to nothing is asked for.
    size = min(int(body.get("maxResults", 50)), 5000 if len(body.get("fields") or ()) <= 2 else 250)
    if faults.page_limit:
        size = min(size, faults.page_limit)
    pinned = hashlib.sha256(orjson.dumps([body["jql"], body.get("fields")])).hexdigest()[:12]
    last = None
    if token := body.get("nextPageToken"):
        try:
            place = orjson.loads(base64.urlsafe_b64decode(token))
        except (binascii.Error, ValueError):
            place = {}
        if faults.page_tokens_expire_after and state.searches > faults.page_tokens_expire_after:
            faults.page_tokens_expire_after = 0
            raise refusal(400, "The provided next page token is invalid or expired.")
        if place.get("q") != pinned:
            raise refusal(400, "The provided next page token does not belong to this search.")
        last = (place["a"][0], place["a"][1]) if place.get("a") else None
    start = state.world.after(rows, last)
    if faults.endless_empty_pages or (
        faults.empty_page_every and state.searches % faults.empty_page_every == 0 and start < len(rows)
    ):
        return _token_page([], _token(pinned, last, state.searches))
    part = rows[start : start + size]
    asked = tuple(body.get("fields") or ("id",))
    bodies = [state.world.body(state.world.issues[number], asked) for _, number in part]
    if start + len(part) >= len(rows):
        return b'{"issues":[%b],"isLast":true}' % b",".join(bodies)
    following = token if faults.repeat_token and token else _token(pinned, part[-1], state.searches)
    return _token_page(bodies, following)


def _token(pinned: str, last: tuple[int, int] | None, nonce: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"q": pinned, "a": last, "n": nonce})).decode()


def _token_page(bodies: list[bytes], token: str) -> bytes:
    return b'{"issues":[%b],"nextPageToken":"%b","isLast":false}' % (b",".join(bodies), token.encode())


def search(state: State, request: Request, body: Any) -> bytes:
    if state.world.cloud:
        raise refusal(410, GONE)
    _, rows = _searched(state, body, bounded=False)
    start, size = int(body.get("startAt", 0)), min(int(body.get("maxResults", 50)), 1000)
    if state.faults.page_limit:
        size = min(size, state.faults.page_limit)
    if state.faults.largest_window and start + size > state.faults.largest_window:
        raise refusal(400, f"startAt + maxResults must not exceed {state.faults.largest_window}.")
    asked = tuple(body.get("fields") or ("*all",))
    bodies = [state.world.body(state.world.issues[number], asked) for _, number in rows[start : start + size]]
    return b'{"expand":"schema,names","startAt":%d,"maxResults":%d,"total":%d,"issues":[%b]}' % (
        start,
        size,
        len(rows),
        b",".join(bodies),
    )


def _searched(state: State, body: Any, bounded: bool) -> tuple[Query, Any]:
    state.searches += 1
    if state.faults.on_search:
        state.faults.on_search(state.searches)
    try:
        query = parse(body.get("jql") or "", state.world.zone, bounded)
    except BadJql as bad:
        raise refusal(400, str(bad)) from None
    for name in query.projects or ():
        try:
            listed = state.world.project(name).listed
        except KeyError:
            listed = False
        if not listed:
            raise refusal(400, f"The value '{name}' does not exist for the field 'project'.")
    if query.ids and body.get("validateQuery", True) and not bounded:
        for name in query.ids:
            if not name.isdigit() or int(name) not in state.world.issues:
                raise refusal(400, f"An issue with key '{name}' does not exist for field 'id'.")
    if state.faults.empty_everything:
        return query, []
    return query, state.world.found(query)


def approximate_count(state: State, request: Request, body: Any) -> Any:
    try:
        query = parse(body["jql"], state.world.zone, bounded=True)
    except BadJql as bad:
        raise refusal(400, str(bad)) from None
    return {"count": 0 if state.faults.empty_everything else len(state.world.found(query))}


def bulkfetch(state: State, request: Request, body: Any) -> Any:
    names = body["issueIdsOrKeys"]
    if len(names) > 100:
        raise refusal(400, "A maximum of 100 issues can be fetched.")
    issues, errors = {}, []
    asked = tuple(body.get("fields") or ("*all",))
    for name in names:
        # What is not found or hidden is in neither list (`BulkIssueResults` of the platform document).
        issue = visible_issue(state, name)
        if issue is not None and issue.key in state.faults.fail_in_bulk:
            errors.append({"id": name, "errorMessage": "The issue could not be retrieved."})
        elif issue is not None:
            issues[issue.id] = state.world.body(issue, asked)
    return b'{"issues":[%b],"issueErrors":%b}' % (
        b",".join(issues[n] for n in sorted(issues)),
        orjson.dumps(errors),
    )


def issue_one(state: State, request: Request, body: Any) -> Any:
    issue = visible_issue(state, request.path_params["name"])
    if issue is None:
        raise refusal(404, "Issue does not exist or you do not have permission to see it.")
    asked = request.query_params.get("fields")
    return state.world.body(issue, tuple(asked.split(",")) if asked else None)


def _changes(state: State, request: Request, moments: dict[int, int]) -> Any:
    since = int(request.query_params.get("since", 0))
    rows = sorted((at, number) for number, at in moments.items() if at >= since)
    page, rest = rows[:1000], rows[1000:]
    until = page[-1][0] if page else since
    answer = {
        "values": [{"worklogId": number, "updatedTime": at, "properties": []} for at, number in page],
        "since": since,
        "until": until,
        "self": f"{SITE}/worklogs?since={since}",
        "lastPage": not rest,
    }
    if rest:
        answer["nextPage"] = f"{SITE}/worklogs?since={until}"
    return answer


def worklogs_updated(state: State, request: Request, body: Any) -> Any:
    return _changes(state, request, {} if state.faults.empty_everything else state.world.worklog_changes)


def worklogs_deleted(state: State, request: Request, body: Any) -> Any:
    return _changes(state, request, state.world.worklog_deletions)


def worklog_list(state: State, request: Request, body: Any) -> Any:
    if len(body["ids"]) > 1000:
        raise refusal(400, "Too many ids.")
    world = state.world
    found = [world.worklogs[number] for number in body["ids"] if number in world.worklogs]
    return [w for w in found if (i := world.issues.get(int(w["issueId"]))) and world.visible(i)]
