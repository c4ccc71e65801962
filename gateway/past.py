"""What became of rows, and why they are as they are: /{collection}/{id or key}/history and /explain, and
/{collection}/diff."""

from __future__ import annotations

import orjson
from fastapi import Request, Response
from starlette.routing import Route

from gateway.auth import signed_in
from gateway.rest import PREFIX, each_once, read_limit
from register.errors import QueryInvalid
from register.explain import explain_row
from register.query import (
    MAX_LIMIT,
    Answer,
    AsOf,
    NameUnknown,
    Query,
    QueryTooLarge,
    check,
    entity_of,
    parse_as_of,
    parse_filter,
    read_diff,
    read_history,
    shape_of,
)
from register.query.ast import Origin
from register.query.names import did_you_mean
from register.query.tokens import check_text


async def history(request: Request) -> Response:
    caller = await signed_in(request)
    given = parameters_of(request, "limit", "cursor", "as_of")
    entity = entity_of(request.path_params["collection"])
    reference = request.path_params["reference"]
    check_text(reference, Origin("reference", reference))
    state = request.app.state
    answer = await read_history(
        state.lanes, state.secret, entity, reference,
        limit=limit_in(given), cursor=given.get("cursor"), as_of=instant_in(given, "as_of"),
        scope=caller.rows,
    )  # fmt: skip
    return _response(answer)


async def explain(request: Request) -> Response:
    caller = await signed_in(request)
    given = parameters_of(request, "field", "as_of")
    entity = entity_of(request.path_params["collection"])
    reference = request.path_params["reference"]
    check_text(reference, Origin("reference", reference))
    found = await explain_row(
        request.app.state.lanes, entity, reference,
        field=given.get("field"), as_of=instant_in(given, "as_of"), scope=caller.rows,
    )  # fmt: skip
    return Response(orjson.dumps(found), media_type="application/json")


async def diff(request: Request) -> Response:
    caller = await signed_in(request)
    given = parameters_of(request, "from", "to", "filter", "limit", "cursor")
    collection = request.path_params["collection"]
    entity_of(collection)
    first = instant_in(given, "from")
    if first is None:
        raise QueryInvalid("`from` is missing", parameter="from", hint="Since when? from=2026-09-30")
    condition = parse_filter(given["filter"]) if "filter" in given else None
    level = check(Query(collection, filter=condition, limit=limit_in(given)))
    shape = shape_of("diff", collection, given.get("filter", ""))
    state = request.app.state
    answer = await read_diff(
        state.lanes,
        state.secret,
        level,
        shape,
        first,
        instant_in(given, "to"),
        given.get("cursor"),
        caller.rows,
    )
    return _response(answer)


def parameters_of(request: Request, *known: str) -> dict[str, str]:
    """The address's parameters, each once, each known."""
    given = each_once(request.scope["query_string"])
    for name, text in given.items():
        if name not in known:
            raise NameUnknown(
                f"this address takes no `{name[:60]}`",
                parameter=name[:60],
                hint=did_you_mean(name, known) or f"It takes {', '.join(known)}.",
            )
        check_text(text, Origin(name, text))
    return given


def instant_in(given: dict[str, str], name: str) -> AsOf | None:
    return parse_as_of(given[name], name) if name in given else None


def limit_in(given: dict[str, str]) -> int:
    limit = read_limit(given.get("limit"))
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryTooLarge(f"`limit` is from 1 to {MAX_LIMIT:,}", parameter="limit")
    return limit


def _response(answer: Answer) -> Response:
    return Response(answer.body, media_type="application/json")


routes = [
    Route(PREFIX + "{collection}/diff", diff, methods=["GET"]),
    Route(PREFIX + "{collection}/{reference}/history", history, methods=["GET"]),
    Route(PREFIX + "{collection}/{reference}/explain", explain, methods=["GET"]),
]
