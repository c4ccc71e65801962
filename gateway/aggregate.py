"""GET /api/v1/{collection}/aggregate: groups of rows, and what is worked out of each."""

from __future__ import annotations

from functools import lru_cache

from fastapi import Request, Response
from starlette.routing import Route

from gateway.auth import signed_in
from gateway.rest import (
    PREFIX,
    as_of,
    condition_of,
    pinned,
    read_flag,
    read_limit,
    read_parameters,
    without_cursor,
)
from register.query import (
    Aggregate,
    PreparedGroups,
    check_groups,
    parse_filter,
    parse_keys,
    parse_measures,
    parse_order,
    read_page,
    shape_of,
)
from register.query.ast import Origin
from register.query.scope import is_wide

PARAMETERS = ("group_by", "measures", "filter", "having", "order", "limit", "cursor", "as_of", "totals")


async def aggregate(request: Request) -> Response:
    caller = await signed_in(request)
    query, cursor = without_cursor(request.scope["query_string"])
    state = request.app.state
    prepared = prepare_groups(
        request.path_params["collection"], query, caller.rows is not None, is_wide(caller.rows)
    )
    answer = await read_page(state.lanes, state.secret, prepared, cursor, caller.rows)
    return Response(answer.body, media_type="application/json")


@lru_cache(maxsize=512)
def prepare_groups(collection: str, query: bytes, scoped: bool = False, wide: bool = False) -> PreparedGroups:
    """Parse, check and compile; remembered by the query string as it came, without its cursor."""
    given = read_parameters(collection, query, PARAMETERS)
    groups = check_groups(
        Aggregate(
            collection,
            keys=parse_keys(given.get("group_by", "")),
            measures=parse_measures(given.get("measures", "")),
            filter=condition_of(given, PARAMETERS),
            having=parse_filter(given["having"], Origin("having", given["having"]))
            if "having" in given
            else None,
            order=parse_order(given["order"]) if "order" in given else (),
            limit=read_limit(given.get("limit")),
            totals=read_flag(given, "totals"),
        )
    )
    return PreparedGroups.of(
        groups,
        shape_of("aggregate", collection, *pinned(given)),
        as_of(given),
        scoped=scoped,
        wide=wide,
    )


routes = [Route(PREFIX + "{collection}/aggregate", aggregate, methods=["GET"])]
