"""GET /api/v1/{collection} and /api/v1/{collection}/{id or key}: the address's parameters → a query."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from fastapi import Request, Response
from starlette.routing import Route

from gateway.auth import signed_in
from register.errors import QueryInvalid
from register.query import (
    DEFAULT_LIMIT,
    Answer,
    Level,
    NameUnknown,
    Prepared,
    Query,
    check,
    entity_of,
    parse_fields,
    parse_filter,
    parse_order,
    read_page,
    read_row,
    shape_of,
)
from register.query.ast import Compare, Condition, Every, Origin, Path, Value
from register.query.names import did_you_mean
from register.query.parse_filter import check_text

PARAMETERS = ("fields", "filter", "order", "limit", "cursor")


async def list_rows(request: Request) -> Response:
    """Rows of a collection."""
    await signed_in(request)
    given = _parameters(request, request.path_params["collection"])
    cursor = given.pop("cursor", None)
    prepared = prepare(request.path_params["collection"], tuple(given.items()))
    state = request.app.state
    answer: Answer = await read_page(state.pool, state.secret, prepared, cursor)
    response = Response(answer.body, media_type="application/json")
    if answer.next:
        url = request.url.include_query_params(cursor=answer.next)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return response


async def one_row(request: Request) -> Response:
    """One row, by id or key."""
    await signed_in(request)
    collection, reference = request.path_params["collection"], request.path_params["reference"]
    given = _parameters(request, collection)
    wrong = next((name for name in given if name != "fields"), None)
    if wrong is not None:
        raise NameUnknown(f"one row takes no `{wrong[:60]}`", parameter=wrong[:60], hint="It takes `fields`.")
    check_text(reference, Origin("reference", reference))
    answer = await read_row(
        request.app.state.pool, _row_level(collection, given.get("fields", "")), reference
    )
    return Response(answer.body, media_type="application/json")


# Starlette's own routes: the answer is finished bytes, and FastAPI's way from a signature to a response costs as much
# as all the rest of a request. The OpenAPI document is written from the catalog (gateway/schema.py).
routes = [Route("/api/v1/{collection}", list_rows), Route("/api/v1/{collection}/{reference}", one_row)]


@lru_cache(maxsize=512)
def prepare(collection: str, given: Sequence[tuple[str, str]]) -> Prepared:
    """Parse, check and compile; remembered by the text of the request."""
    values = dict(given)
    conditions: list[Condition] = []
    if "filter" in values:
        conditions.append(parse_filter(values["filter"]))
    conditions += [_equality(name, text) for name, text in given if name not in PARAMETERS]
    level = check(
        Query(
            collection,
            fields=parse_fields(values.get("fields", "")),
            filter=None
            if not conditions
            else conditions[0]
            if len(conditions) == 1
            else Every(tuple(conditions)),
            order=parse_order(values["order"]) if "order" in values else (),
            limit=_limit(values.get("limit")),
        )
    )
    pinned = [f"{name}={text}" for name, text in sorted(given) if name != "limit"]
    return Prepared.of(level, shape_of(collection, *pinned))


@lru_cache(maxsize=512)
def _row_level(collection: str, fields: str) -> Level:
    return check(Query(collection, fields=parse_fields(fields)))


def _parameters(request: Request, collection: str) -> dict[str, str]:
    """The address's parameters, each once, each known."""
    entity = entity_of(collection)
    found: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name in found:
            raise QueryInvalid(
                f"`{name[:60]}` is given twice",
                parameter=name[:60],
                hint="Several values go with commas: status=open,closing.",
            )
        if name not in PARAMETERS:
            head = name.partition(".")[0]
            if head not in entity.fields and head not in entity.relations:
                known = (*PARAMETERS, *entity.fields, *entity.relations)
                raise NameUnknown(
                    f"`{name[:60]}` is neither a parameter nor a field of {entity.collection}",
                    parameter=name[:60],
                    hint=did_you_mean(head, known) or f"Parameters are {', '.join(PARAMETERS)}.",
                )
        found[name] = text
    return found


def _equality(name: str, text: str) -> Condition:
    """`status=open,closing`: one of these values."""
    origin = Origin(name, text)
    check_text(name, Origin(name[:60], name))
    check_text(text, origin)
    values = []
    at = 0
    for piece in text.split(","):
        if not piece.strip():
            raise QueryInvalid(
                f"`{name[:60]}` has an empty value",
                position=at,
                parameter=name[:60],
                text=text,
                hint=f"Rows without one: filter={name[:60]} IS NULL.",
            )
        values.append(Value("raw", piece.strip(), at))
        at += len(piece) + 1
    # The path stands in the parameter's name, where no character can be pointed at.
    path = Path(tuple(name.split(".")), 0, origin)
    return Compare(path, "=" if len(values) == 1 else "in", tuple(values))


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise QueryInvalid("`limit` is a whole number", position=0, parameter="limit", text=text)
    return int(text)
