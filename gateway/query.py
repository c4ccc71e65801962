"""POST /api/v1/query: questions too long for an address, several at once, and GraphQL documents.

{"collection": "projects", "fields": …, "filter": …}        as GET /api/v1/projects
{"queries": {"late": {"collection": …}, "by_stage": {"aggregate": "projects", "group_by": …}}}
{"query": "query($p: String) {projects(filter: $p) {key}}", "variables": {…}}
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Request, Response
from graphql.language.ast import DocumentNode
from graphql.language.location import get_location
from graphql.language.source import Source
from starlette.routing import Route

from gateway.aggregate import PARAMETERS as OF_GROUPS
from gateway.auth import signed_in
from gateway.bodies import read_bytes
from gateway.graphql_schema import answer_about_schema
from gateway.rest import PARAMETERS as OF_LIST
from gateway.rest import PREFIX
from portbook.errors import Problem
from register.errors import QueryInvalid, RowNotFound
from register.keys import Caller
from register.query import (
    Aggregate,
    AsOf,
    Level,
    NameUnknown,
    Prepared,
    PreparedGroups,
    Query,
    QueryTooCostly,
    QueryTooLarge,
    RowScope,
    check,
    check_groups,
    entity_of,
    find_row,
    parse_as_of,
    parse_fields,
    parse_filter,
    parse_keys,
    parse_measures,
    parse_order,
    shape_of,
)
from register.query.ast import DEFAULT_LIMIT, Origin
from register.query.names import did_you_mean
from register.query.one_row import compile_row
from register.query.parse_document import Root, parse_document
from register.query.past import require_history
from register.query.scope import is_wide
from register.query.several import MOST, Asked, One, Part, read_several
from register.query.tokens import check_text

LARGEST = 256 << 10
"""Bytes of a request."""
_GRAPHQL = "application/graphql-response+json"


async def query(request: Request) -> Response:
    caller = await signed_in(request)
    body = await _body(request)
    if "query" in body:
        return await _graphql(request, caller, body)
    single = "queries" not in body
    questions = {"": body} if single else body["queries"]
    if not single and set(body) != {"queries"}:
        raise _unknown(
            next(name for name in body if name != "queries"), ("queries", "query", "collection", "aggregate")
        )
    if not isinstance(questions, dict) or not all(isinstance(one, dict) for one in questions.values()):
        raise QueryInvalid("`queries` names questions, each an object", parameter="queries")
    _few(len(questions))
    asked = {name: _asked(name, one, caller.rows) for name, one in questions.items()}
    state = request.app.state
    parts, meta = await read_several(state.lanes, state.secret, asked, caller.rows)
    if single:
        content = b'{%b,"meta":%b}' % (_page(parts[""]), parts[""].meta or meta)
    else:
        named = b",".join(orjson.dumps(name) + b":{" + _named(part) + b"}" for name, part in parts.items())
        content = b'{"data":{%b},"meta":%b}' % (named, meta)
    return Response(content, media_type="application/json")


def _page(part: Part) -> bytes:
    shown = b'"data":%b,"next":%b' % (part.data, orjson.dumps(part.next))
    if part.totals is not None:
        shown += b',"totals":' + part.totals
    return shown if part.count is None else shown + b',"count":%d' % part.count


def _named(part: Part) -> bytes:
    """One of several answers: of another moment than they where it is of the past."""
    return _page(part) if part.meta is None else b'%b,"meta":%b' % (_page(part), part.meta)


async def _body(request: Request) -> dict[str, Any]:
    raw = await read_bytes(request, LARGEST)
    if raw is None:
        raise QueryTooLarge(f"the request has more than {LARGEST:,} bytes")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise QueryInvalid(f"the request is not JSON: {error.msg}", position=error.pos) from None
    if not isinstance(body, dict):
        raise QueryInvalid("the request is a JSON object", hint='{"collection": "projects", "fields": "key"}')
    return body


def _few(count: int) -> None:
    if not 1 <= count <= MOST:
        raise QueryTooLarge(f"a request asks from 1 to {MOST} questions")


def _asked(name: str, given: Mapping[str, Any], scope: RowScope | None) -> Asked:
    """One question of the API's own form."""
    scoped = scope is not None
    prefix = f"queries.{name[:40]}." if name else ""
    of_groups = "aggregate" in given
    collection = _text(given, "aggregate" if of_groups else "collection", prefix)
    if collection is None:
        raise QueryInvalid(f"`{prefix}collection` is missing", parameter=f"{prefix}collection")
    entity_of(collection)
    known = ("aggregate", *OF_GROUPS) if of_groups else ("collection", *(p for p in OF_LIST if p != "format"))
    for key in given:
        if key not in known:
            raise _unknown(prefix + key, known)
    texts = {key: _text(given, key, prefix) or "" for key in known if key not in ("limit", "totals", "count")}

    def read(key: str, parse: Any) -> Any:
        return parse(texts[key], Origin(prefix + key, texts[key])) if texts[key] else None

    limit, flag = given.get("limit", DEFAULT_LIMIT), given.get("totals" if of_groups else "count", False)
    if not isinstance(limit, int) or isinstance(limit, bool) or not isinstance(flag, bool):
        raise QueryInvalid(f"`{prefix}limit` is a whole number, `totals` and `count` are true or false")
    as_of = parse_as_of(texts["as_of"], prefix + "as_of") if texts["as_of"] else None
    pinned = [f"{key}={texts[key]}" for key in sorted(texts) if texts[key] and key not in ("as_of", "cursor")]
    shape = shape_of("query", *pinned)
    if of_groups:
        groups = check_groups(
            Aggregate(
                collection,
                keys=read("group_by", parse_keys) or (),
                measures=read("measures", parse_measures) or (),
                filter=read("filter", parse_filter),
                having=read("having", parse_filter),
                order=read("order", parse_order) or (),
                limit=limit,
                totals=flag,
            )
        )
        prepared = PreparedGroups.of(groups, shape, as_of, scoped=scoped, wide=is_wide(scope))
        return Asked(prepared, texts["cursor"] or None)
    level = check(
        Query(
            collection,
            fields=parse_fields(texts["fields"], prefix + "fields"),
            filter=read("filter", parse_filter),
            order=read("order", parse_order) or (),
            limit=limit,
            count=flag,
        )
    )
    return Asked(Prepared.of(level, shape, as_of, scoped=scoped), texts["cursor"] or None)


def _text(given: Mapping[str, Any], key: str, prefix: str) -> str | None:
    found = given.get(key)
    if found is not None and not isinstance(found, str):
        raise QueryInvalid(f"`{prefix}{key}` is a text", parameter=prefix + key)
    return found


def _unknown(name: str, known: tuple[str, ...]) -> NameUnknown:
    last = name.rpartition(".")[2]
    hint = did_you_mean(last, known) or f"There are {', '.join(known)}."
    return NameUnknown(f"`{name[:60]}` is not understood here", parameter=name[:60], hint=hint)


async def _graphql(request: Request, caller: Caller, body: Mapping[str, Any]) -> Response:
    """As GraphQL over HTTP has it: what cannot be asked is 400 to clients that know it, 200 with `errors` to others."""
    modern = _GRAPHQL in request.headers.get("accept", "")
    media_type = _GRAPHQL if modern else "application/json"
    text = body["query"] if isinstance(body["query"], str) else ""
    try:
        content = await _answer(request, caller, body)
    except Problem as problem:
        status = 400 if isinstance(problem, QueryInvalid) and modern else 200
        if not isinstance(problem, (QueryInvalid, RowNotFound)):
            raise
        return Response(orjson.dumps({"errors": [_error(problem, text)]}), status, media_type=media_type)
    return Response(content, media_type=media_type)


async def _answer(request: Request, caller: Caller, body: Mapping[str, Any]) -> bytes:
    for key in body:
        if key not in ("query", "variables", "operationName", "extensions"):
            raise _unknown(key, ("query", "variables", "operationName"))
    text, variables, operation = body["query"], body.get("variables") or {}, body.get("operationName")
    if not isinstance(text, str) or not isinstance(variables, dict) or not isinstance(operation, str | None):
        raise QueryInvalid(
            "`query` and `operationName` are texts, `variables` is an object", parameter="query"
        )
    found = parse_document(text, variables, operation)
    if isinstance(found, DocumentNode):
        return orjson.dumps(await asyncio.to_thread(answer_about_schema, found, variables, operation))
    rows = [root for root in found if root.query is not None]
    _few(max(len(rows), 1))
    state = request.app.state
    asked = {root.name: await _question(request, caller, root) for root in rows}
    parts, meta = await read_several(state.lanes, state.secret, asked, caller.rows)
    shown = (
        orjson.dumps(root.name) + b":" + (b'"Query"' if root.query is None else parts[root.name].data)
        for root in found
    )
    following = {name: part.next for name, part in parts.items() if part.next}
    totals = b",".join(
        orjson.dumps(n) + b":" + part.totals for n, part in parts.items() if part.totals is not None
    )
    past = b",".join(orjson.dumps(n) + b":" + part.meta for n, part in parts.items() if part.meta is not None)
    extensions = b'{"next":%b,"totals":{%b},"past":{%b},"meta":%b}' % (
        orjson.dumps(following),
        totals,
        past,
        meta,
    )
    return b'{"data":{%b},"extensions":%b}' % (b",".join(shown), extensions)


async def _question(request: Request, caller: Caller, root: Root) -> Asked | One:
    as_of = parse_as_of(root.as_of) if root.as_of else None
    scoped = caller.rows is not None
    if isinstance(root.query, Aggregate):
        shape = shape_of("graphql", repr(root.query))
        groups, wide = check_groups(root.query), is_wide(caller.rows)
        return Asked(PreparedGroups.of(groups, shape, as_of, scoped=scoped, wide=wide), root.after)
    assert root.query is not None
    level = check(root.query)
    if root.reference is None:
        shape = shape_of("graphql", repr(root.query))
        return Asked(Prepared.of(level, shape, as_of, scoped=scoped), root.after)
    return await _one(request, caller, level, root, as_of)


async def _one(request: Request, caller: Caller, level: Level, root: Root, as_of: AsOf | None) -> One:
    check_text(root.reference or "", Origin("id", root.reference or ""))
    instant = None
    if as_of is not None:
        require_history(level.entity, as_of.parameter)
        instant = as_of.instant(datetime.now(UTC))
    try:
        found = await find_row(
            request.app.state.lanes, level.entity, root.reference or "", instant, caller.rows
        )
    except RowNotFound:
        return One(None)
    return One(compile_row(level, found, past=instant is not None, scoped=caller.rows is not None), instant)


def _error(problem: Problem, text: str) -> dict[str, Any]:
    error: dict[str, Any] = {"message": problem.message}
    extensions: dict[str, Any] = {"code": problem.code}
    if problem.hint:
        extensions["hint"] = problem.hint
    if isinstance(problem, QueryTooCostly):
        extensions |= {"estimate": problem.estimate, "limit": problem.limit}
    if isinstance(problem, QueryInvalid):
        if problem.parameter:
            extensions["parameter"] = problem.parameter
        if problem.position is not None:
            extensions["position"] = problem.position
            if problem.text == text and text:
                place = get_location(Source(text), min(problem.position, len(text)))
                error["locations"] = [{"line": place.line, "column": place.column}]
    return {**error, "extensions": extensions}


routes = [Route(PREFIX + "query", query, methods=["POST"])]
