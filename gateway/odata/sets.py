"""Answers: an address below the service's root, and its options, → rows, a row, a value, a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote

import orjson

from gateway.errors import HttpProblem
from gateway.odata.address import Address, read_address
from gateway.odata.apply import read_apply
from gateway.odata.errors import NotSupported
from gateway.odata.metadata import metadata, service_document
from gateway.odata.model import EntitySet, Navigation, Property, entity_sets
from gateway.odata.options import OF_LISTS, OF_ROWS, Links, Options, read_options
from gateway.rest import each_once
from register.catalog import Kind
from register.errors import RowNotFound
from register.query import (
    AsOf,
    Lanes,
    Level,
    Prepared,
    PreparedGroups,
    Query,
    RowScope,
    check,
    check_groups,
    fetch_count,
    fetch_page,
    fetch_row,
    parse_as_of,
    shape_of,
)
from register.query.ast import MAX_ROWS, Compare, Condition, Every, Origin, Path, Selected, Value, Verdict
from register.query.scope import is_wide

_IN_LINKS = "$,'()/:;=@*"
_NOWHERE = Origin("", "")
_NO_LINK = re.compile(rb',"[A-Za-z]+@odata\.nextLink":null')
_OF_NUMBERS = tuple(option for option in OF_LISTS if option not in ("$count", "$apply"))
XML, PLAIN, JSON = "application/xml", "text/plain;charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, whether it came alone or in a batch. `path` is decoded, `query` as it came."""

    lanes: Lanes
    secret: bytes
    rows: RowScope | None
    root: str
    path: str
    query: bytes
    most: int
    """Rows of a page."""
    bare: bool = False
    """Without `@odata.context`: odata.metadata=none."""
    key: str | None = None
    """The key, where it came in the address and so has to be in the links."""


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes
    media_type: str = JSON
    status: int = 200


@dataclass(frozen=True, slots=True)
class _Given:
    """The options of an address, those that are not about rows taken out."""

    options: Mapping[str, str]
    cursor: str | None
    as_of: AsOf | None
    kept: str
    """What every link of the answer goes on with."""


async def answer(asked: Asked) -> Reply:
    """Raises Problem."""
    address = read_address(asked.path)
    if address.set is None:
        return _document(asked, address)
    given = _given(asked)
    each = entity_sets()[address.set]
    if address.key is None:
        if address.count:
            return await _number(asked, given, each, None)
        return await _rows(asked, given, each, None)
    if address.below is None:
        return await _row(asked, given, each, address.key)
    prop = each.properties.get(address.below)
    if prop is not None:
        return await _value(asked, given, each, address, prop)
    way = each.navigations.get(address.below)
    if way is None:
        raise HttpProblem(
            f"{each.name} have nothing called {address.below[:60]!r}",
            status=404,
            hint="$metadata lists them.",
        )
    if not way.relation.many:
        return await _one_below(asked, given, each, address, way)
    if address.value:
        raise NotSupported("not supported: `$value` of a list")
    condition = await _rows_below(asked, given, each, address.key, way)
    target = entity_sets()[way.target]
    if address.count:
        return await _number(asked, given, target, condition)
    return await _rows(asked, given, target, condition)


def _document(asked: Asked, address: Address) -> Reply:
    if address.below == "$metadata":
        return Reply(metadata(), XML)
    body = service_document(asked.root)
    return Reply(_without_context(body) if asked.bare else body)


def _given(asked: Asked) -> _Given:
    given = each_once(asked.query)
    given.pop("key", None)
    kept: dict[str, str] = {name: given.pop(name) for name in ("$format", "asOf") if name in given}
    as_of = parse_as_of(kept["asOf"], "asOf") if "asOf" in kept else None
    cursor = given.pop("$skiptoken", None)
    if asked.key is not None:
        kept["key"] = asked.key
    return _Given(given, cursor, as_of, "&".join(f"{name}={_quoted(text)}" for name, text in kept.items()))


async def _rows(asked: Asked, given: _Given, each: EntitySet, condition: Condition | None) -> Reply:
    links = Links(asked.root, given.kept)
    scoped = asked.rows is not None
    options = tuple(given.options.items())
    wide = is_wide(asked.rows)
    prepared, top, shape = _prepare(
        each.name, options, links, asked.most, given.as_of, scoped, wide, condition
    )
    body = [b"{"]
    if not asked.bare:
        body.append(b'"@odata.context":%b,' % orjson.dumps(f"{asked.root}$metadata#{each.name}{shape}"))
    row, place = await fetch_page(asked.lanes, asked.secret, prepared, given.cursor, asked.rows)
    total = row.get("total")
    if total is not None:
        body.append(b'"@odata.count":%d,' % total)
    body.append(b'"value":%b' % (b"[]" if top == 0 else _links_dropped(_bytes(row["data"]) or b"[]")))
    shown = prepared.level.limit if isinstance(prepared, Prepared) else prepared.groups.limit
    if place is not None and (top is None or top > shown):
        body.append(b',"@odata.nextLink":%b' % orjson.dumps(_next(asked, given, place, shown)))
    body.append(b"}")
    return Reply(b"".join(body))


@lru_cache(maxsize=512)
def _prepare(
    name: str,
    given: tuple[tuple[str, str], ...],
    links: Links,
    most: int,
    as_of: AsOf | None,
    scoped: bool,
    wide: bool,
    condition: Condition | None,
) -> tuple[Prepared | PreparedGroups, int | None, str]:
    """Parse, check and compile; also how many rows are wanted and what the context says of them."""
    each, texts = entity_sets()[name], dict(given)
    plain = {option: text for option, text in texts.items() if option in ("$top", "$skip", "$count")}
    options = read_options(each, plain if "$apply" in texts else texts, OF_LISTS, links)
    limit = most if options.top is None else max(1, min(most, options.top))
    rest = [f"{option}={text}" for option, text in sorted(given) if option not in ("$top", "$skip", "$count")]
    shape = shape_of("odata", name, *rest, repr(condition))
    if "$apply" in texts:
        if condition is not None:
            raise NotSupported("not supported: `$apply` below a row", parameter="$apply")
        aggregate, columns = read_apply(each, texts, limit, options.skip)
        groups = check_groups(aggregate, each.entity, counts=False)
        prepared = PreparedGroups.of(groups, shape, as_of, scoped=scoped, wide=wide)
        return prepared, options.top, columns
    level = _level(each, options, condition, limit)
    return Prepared.of(level, shape, as_of, scoped=scoped), options.top, options.shape


def _level(each: EntitySet, options: Options, condition: Condition | None, limit: int) -> Level:
    conditions = [part for part in (condition, options.filter) if part is not None]
    query = Query(
        each.entity.collection,
        fields=options.fields,
        filter=conditions[0] if len(conditions) == 1 else Every(tuple(conditions)) if conditions else None,
        order=options.order,
        limit=1,
        count=options.count,
        offset=options.skip,
    )
    level = check(query, each.entity)
    # Where much may hang below each row, pages are shorter: their links lead on.
    return replace(level, limit=min(limit, MAX_ROWS // level.most_rows))


def _next(asked: Asked, given: _Given, place: str, shown: int) -> str:
    """The address of the next page: the same options, without what this one left out and less what it showed."""
    kept = {name: text for name, text in given.options.items() if name != "$skip"}
    if "$top" in kept:
        kept["$top"] = str(int(kept["$top"]) - shown)
    query = "&".join(f"{name}={_quoted(text)}" for name, text in kept.items())
    parts = [part for part in (query, given.kept, f"$skiptoken={place}") if part]
    return f"{asked.root}{_quoted(asked.path)}?{'&'.join(parts)}"


async def _number(asked: Asked, given: _Given, each: EntitySet, condition: Condition | None) -> Reply:
    # By OData these have no say in the number; clients that count what they page through send them along.
    options = read_options(each, given.options, _OF_NUMBERS, Links(asked.root))
    options = Options((Selected("id", "Id", 0, _NOWHERE),), "", filter=options.filter)
    level = _level(each, options, condition, 1)
    total = await fetch_count(asked.lanes, level, given.as_of, asked.rows)
    return Reply(b"%d" % total, PLAIN)


async def _row(asked: Asked, given: _Given, each: EntitySet, key: str) -> Reply:
    options = read_options(each, given.options, OF_ROWS, Links(asked.root, given.kept))
    data = await _fetch(asked, given, each, key, options.fields)
    return _entity(asked, f"{each.name}{options.shape}/$entity", _links_dropped(data))


async def _value(asked: Asked, given: _Given, each: EntitySet, address: Address, prop: Property) -> Reply:
    if given.options or address.count:
        raise NotSupported("not supported: options of a single property")
    field = Selected(".".join(prop.path), "v", 0, _NOWHERE, flat=True)
    assert address.key is not None
    data = await _fetch(asked, given, each, address.key, (field,))
    value = data[len(b'{"v":') : -1]
    if value == b"null":
        return Reply(b"", PLAIN, 204)
    if not address.value:
        context = f"{each.name}({_key_shown(each, address.key)})/{prop.name}"
        return _entity(asked, context, b'{"value":%b}' % value)
    if prop.collection:
        raise NotSupported("not supported: `$value` of a list")
    plain = orjson.loads(value).encode() if value.startswith(b'"') else value
    return Reply(plain, PLAIN)


async def _one_below(
    asked: Asked, given: _Given, each: EntitySet, address: Address, way: Navigation
) -> Reply:
    if address.count or address.value:
        raise NotSupported("not supported: `$count` and `$value` of a row")
    target = entity_sets()[way.target]
    options = read_options(target, given.options, OF_ROWS, Links(asked.root, given.kept))
    assert address.key is not None
    field = Selected(way.relation.name, "v", 0, _NOWHERE, options.fields)
    data = await _fetch(asked, given, each, address.key, (field,))
    value = data[len(b'{"v":') : -1]
    if value == b"null":
        return Reply(b"", PLAIN, 204)
    return _entity(asked, f"{target.name}{options.shape}/$entity", _links_dropped(value))


async def _rows_below(asked: Asked, given: _Given, each: EntitySet, key: str, way: Navigation) -> Condition:
    """The condition on rows that lie below a row. Raises RowNotFound where that is not there."""
    relation = way.relation
    column = relation.column if relation.column_on_owner else "id"
    data = await _fetch(asked, given, each, key, (Selected(column, "v", 0, _NOWHERE, flat=True),))
    found = orjson.loads(data)["v"]
    if not relation.column_on_owner:
        return Compare(Path((relation.column,), 0, _NOWHERE), "=", (Value("id", str(found), 0),))
    if not found:
        return Verdict(False)
    return Compare(Path(("id",), 0, _NOWHERE), "in", tuple(Value("id", one, 0) for one in found))


async def _fetch(
    asked: Asked, given: _Given, each: EntitySet, key: str, fields: tuple[Selected, ...]
) -> bytes:
    """One row, as JSON. Raises RowNotFound."""
    if given.cursor is not None and each.entity.view is not None:
        raise NotSupported("not supported: `$skiptoken` of a row", parameter="$skiptoken")
    level = _level(each, Options(fields, ""), None, 1)
    if each.entity.view is None:
        row = await fetch_row(asked.lanes, level, key, given.as_of, asked.rows)
        return _bytes(row["data"])
    value = Value("id" if each.properties["Id"].kind is Kind.ID else "text", key, 0)
    level = _level(each, Options(fields, ""), Compare(Path(("id",), 0, _NOWHERE), "=", (value,)), 1)
    prepared = Prepared.of(level, b"", given.as_of, scoped=asked.rows is not None)
    row, _ = await fetch_page(asked.lanes, asked.secret, prepared, None, asked.rows)
    data = _bytes(row["data"])
    if not data:
        raise RowNotFound(f"no row of {each.name} has the id {key[:80]!r}")
    return data[1:-1].strip()


def _entity(asked: Asked, context: str, data: bytes) -> Reply:
    if asked.bare:
        return Reply(data)
    return Reply(b'{"@odata.context":%b,%b' % (orjson.dumps(f"{asked.root}$metadata#{context}"), data[1:]))


def _key_shown(each: EntitySet, key: str) -> str:
    return key if each.properties["Id"].kind is not Kind.TEXT else "'" + key.replace("'", "''") + "'"


def _links_dropped(data: bytes) -> bytes:
    """Without the links that lead nowhere. Inside of a JSON text the quotes would be escaped, so this finds only
    names."""
    return _NO_LINK.sub(b"", data) if b'@odata.nextLink":null' in data else data


def _without_context(body: bytes) -> bytes:
    found = orjson.loads(body)
    found.pop("@odata.context", None)
    return orjson.dumps(found)


def _quoted(text: str) -> str:
    return quote(text, safe=_IN_LINKS)


def _bytes(value: bytes | str | None) -> bytes:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else value.encode()
