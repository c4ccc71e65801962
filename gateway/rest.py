"""GET /api/v1/{collection} and /api/v1/{collection}/{id or key}: the address's parameters → a query."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.auth import caller_of
from register.errors import QueryInvalid
from register.query import (
    DEFAULT_LIMIT,
    Answer,
    AsOf,
    Lanes,
    Level,
    NameUnknown,
    Prepared,
    Query,
    QueryTooLarge,
    RowScope,
    check,
    entity_of,
    parse_as_of,
    parse_fields,
    parse_filter,
    parse_order,
    read_page,
    read_row,
    shape_of,
)
from register.query.ast import MAX_VALUES, Compare, Condition, Every, Origin, Path, Value
from register.query.names import did_you_mean
from register.query.revision import Revisions, tag_of
from register.query.tokens import check_text

_IN_LINKS = "!$%&'()*+,/:;=?@~"
PREFIX = "/api/v1/"
_LONGEST_LINK = 2_000
"""Characters of a cursor that goes into the head of an answer, too: proxies refuse whole answers for heads of 4 KiB."""
_JSON = (b"content-type", b"application/json")
PARAMETERS = ("fields", "filter", "order", "limit", "cursor", "as_of", "count", "format")
_OF_ONE = ("fields", "as_of")
BELOW = frozenset({"aggregate", "changes", "diff"})
"""Addresses below a collection that are no row (gateway/aggregate.py, gateway/past.py, gateway/feed.py)."""
BESIDE = frozenset({"audit", "changes", "keys", "schema", "webhooks"})
"""Addresses beside the collections that are none."""


class Rows:
    """Rows of a collection, or one row: plain ASGI.

    The answer is finished bytes, and what a framework does from a signature, over a request object, to a response
    object costs more than all the rest of a request. The OpenAPI document is written from the catalog
    (gateway/schema.py).
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Problem, before anything was sent."""
        state = scope["app"].state
        rows = (await caller_of(state.keyring, scope)).rows
        collection, _, reference = scope["path"][len(PREFIX) :].partition("/")
        headers = [_JSON]
        if reference:
            answer = await _one_row(state.lanes, collection, reference, scope["query_string"], rows)
        else:
            query, cursor = scope["query_string"], None
            if b"cursor=" in query:
                query, cursor = without_cursor(query)
            prepared = prepare(collection, query, rows is not None)
            if prepared.follows_events:
                tag, unchanged = await _tag(state.revisions, scope, rows)
                headers += [(b"etag", tag), (b"cache-control", b"private, no-cache")]
                if unchanged:
                    await send({"type": "http.response.start", "status": 304, "headers": headers[1:]})
                    await send({"type": "http.response.body", "body": b""})
                    return
            answer = await read_page(state.lanes, state.secret, prepared, cursor, rows)
            if answer.next and len(answer.next) < _LONGEST_LINK:
                link = f'<{scope["path"]}?{_before_cursor(query)}cursor={answer.next}>; rel="next"'
                headers.append((b"link", link.encode()))
        headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


async def _tag(revisions: Revisions, scope: Scope, rows: RowScope | None) -> tuple[bytes, bool]:
    """The entity tag of an answer, and whether the caller has that very answer already. Days turn at midnight UTC."""
    known = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    revision = await (revisions.now() if known else revisions.lately())
    today = datetime.now(UTC).date().isoformat()
    tag = _tag_of(revision, today, scope["path"], scope["query_string"], rows.digest if rows else "")
    return tag, bool(known) and tag in (part.strip() for part in known.split(b","))


@lru_cache(maxsize=512)
def _tag_of(revision: str, *asked: bytes | str) -> bytes:
    return tag_of(revision, *asked).encode()


async def _one_row(
    lanes: Lanes, collection: str, reference: str, query: bytes, rows: RowScope | None
) -> Answer:
    given = read_parameters(collection, query)
    wrong = next((name for name in given if name not in _OF_ONE), None)
    if wrong is not None:
        raise NameUnknown(
            f"one row takes no `{wrong[:60]}`",
            parameter=wrong[:60],
            hint=f"It takes {' and '.join(f'`{name}`' for name in _OF_ONE)}.",
        )
    check_text(reference, Origin("reference", reference))
    level = _row_level(collection, given.get("fields", ""))
    return await read_row(lanes, level, reference, as_of(given), rows)


rows = Rows()
routes = [
    Route(PREFIX + "{collection}", rows, methods=["GET"]),
    Route(PREFIX + "{collection}/{reference}", rows, methods=["GET"]),
]


def is_ours(scope: Scope) -> bool:
    """Whether `routes` lead here: known at a glance, since nearly all requests are these."""
    path: str = scope["path"]
    if scope["method"] != "GET" or not path.startswith(PREFIX) or scope["root_path"]:
        return False
    collection, slash, reference = path[len(PREFIX) :].partition("/")
    if not collection or collection in BESIDE:
        return False
    return not slash or (reference != "" and "/" not in reference and reference not in BELOW)


@lru_cache(maxsize=512)
def prepare(collection: str, query: bytes, scoped: bool = False) -> Prepared:
    """Parse, check and compile; remembered by the query string as it came, without its cursor."""
    given = read_parameters(collection, query)
    level = check(
        Query(
            collection,
            fields=parse_fields(given.get("fields", "")),
            filter=condition_of(given, PARAMETERS),
            order=parse_order(given["order"]) if "order" in given else (),
            limit=read_limit(given.get("limit")),
            count=read_flag(given, "count"),
        )
    )
    return Prepared.of(level, shape_of(collection, *pinned(given)), as_of(given), scoped=scoped)


def condition_of(given: Mapping[str, str], parameters: Container[str]) -> Condition | None:
    """`filter` and the shorthand equalities, all of which hold."""
    found = [parse_filter(given["filter"])] if "filter" in given else []
    found += [_equality(name, text) for name, text in given.items() if name not in parameters]
    return None if not found else found[0] if len(found) == 1 else Every(tuple(found))


def pinned(given: Mapping[str, str]) -> list[str]:
    """What must stay from page to page. A cursor holds the instant itself."""
    return [
        f"{name}={text}" for name, text in sorted(given.items()) if name not in ("limit", "as_of", "count")
    ]


@lru_cache(maxsize=512)
def _row_level(collection: str, fields: str) -> Level:
    return check(Query(collection, fields=parse_fields(fields), limit=1))


@lru_cache(maxsize=512)
def _before_cursor(query: bytes) -> str:
    return quote(query, safe=_IN_LINKS) + "&" if query else ""


def without_cursor(query: bytes) -> tuple[bytes, str | None]:
    """The query string without its cursor, so that all pages of a query are one entry in what is remembered."""
    parts = query.split(b"&")
    cursors = [part[7:] for part in parts if part.startswith(b"cursor=")]
    if len(cursors) > 1:
        raise QueryInvalid("`cursor` is given twice", parameter="cursor")
    rest = b"&".join(part for part in parts if not part.startswith(b"cursor="))
    return rest, unquote_to_bytes(cursors[0]).decode("ascii", "replace") if cursors else None


def read_parameters(collection: str, query: bytes, parameters: Sequence[str] = PARAMETERS) -> dict[str, str]:
    """The address's parameters, each once, each known: one of `parameters`, or a field."""
    entity = entity_of(collection)
    found = each_once(query)
    for name in found:
        if name not in parameters:
            head = name.partition(".")[0]
            if entity.field(head) is None and head not in entity.relations:
                known = (*parameters, *entity.fields, *entity.relations)
                raise NameUnknown(
                    f"`{name[:60]}` is neither a parameter nor a field of {entity.collection}",
                    parameter=name[:60],
                    hint=did_you_mean(head, known) or f"Parameters are {', '.join(parameters)}.",
                )
    return found


def each_once(query: bytes) -> dict[str, str]:
    """The address's parameters as they stand there. Raises QueryInvalid where one is given twice."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=200)
    except UnicodeDecodeError:
        raise QueryInvalid(
            "the address is not UTF-8", hint="Encode it as UTF-8, then with % signs."
        ) from None
    except ValueError:
        raise QueryTooLarge("the address has more than 200 parameters") from None
    for name, text in pairs:
        if name in found:
            raise QueryInvalid(
                f"`{name[:60]}` is given twice",
                parameter=name[:60],
                hint="Several values go with commas: status=open,closing.",
            )
        found[name] = text
    return found


def _equality(name: str, text: str) -> Condition:
    """`status=open,closing`: one of these values."""
    origin = Origin(name, text)
    check_text(name, Origin(name[:60], name))
    check_text(text, origin)
    values: list[Value] = []
    at = 0
    for piece in text.split(","):
        if len(values) == MAX_VALUES:
            raise QueryTooLarge(
                f"the list has more than {MAX_VALUES:,} values", position=at, parameter=name[:60], text=text
            )
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


def as_of(given: Mapping[str, str]) -> AsOf | None:
    return parse_as_of(given["as_of"]) if "as_of" in given else None


def read_flag(given: Mapping[str, str], name: str) -> bool:
    """Raises QueryInvalid for what is neither true nor false."""
    text = given.get(name, "false")
    if text not in ("true", "false"):
        raise QueryInvalid(f"`{name}` is true or false", position=0, parameter=name, text=text)
    return text == "true"


def read_limit(text: str | None) -> int:
    """How many. Raises QueryInvalid."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise QueryInvalid("`limit` is a whole number", position=0, parameter="limit", text=text)
    return int(text)
