"""OData as Project Server speaks it: version 3, in its light and its verbose JSON, with pages that the server cuts."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import orjson

from adapters.errors import SourceMisbehaved
from adapters.http import Http
from adapters.json_body import loads, page_decoder
from adapters.ms_project.units import day

_MOST_EMPTY = 5
_MILLISECONDS = re.compile(r"^/Date\((-?\d+)([+-]\d{4})?\)/$")


class Set(NamedTuple):
    """A page of an entity set."""

    raws: list[bytes]
    next: str | None
    total: int | None
    """How many there are in all, where it was asked for."""


class _Light(msgspec.Struct, rename={"next": "odata.nextLink", "count": "odata.count"}):
    value: list[msgspec.Raw]
    next: str | None = None
    count: str | int | None = None


class _Results(msgspec.Struct, rename={"next": "__next", "count": "__count"}):
    results: list[msgspec.Raw]
    next: str | None = None
    count: str | int | None = None


class _Verbose(msgspec.Struct):
    d: msgspec.Raw


_light = page_decoder(_Light, "value")
_verbose = msgspec.json.Decoder(_Verbose)
_results = page_decoder(_Results, "results")
_list = msgspec.json.Decoder(list[msgspec.Raw])


def decode_set(body: bytes) -> Set:
    """A page in any of the wrappers: `{"value": […]}`, `{"d": {"results": […]}}`, `{"d": […]}`. ValueError for what is
    none of them."""
    if not re.match(rb'^\s*\{\s*"d"\s*:', body):
        page: _Light | _Results = _light(body)
        return Set([bytes(raw) for raw in _elements(page)], page.next or None, _whole(page.count))
    inner = bytes(_verbose.decode(body).d)
    if inner.lstrip()[:1] == b"[":
        return Set([bytes(raw) for raw in _list.decode(inner)], None, None)
    page = _results(inner)
    return Set([bytes(raw) for raw in _elements(page)], page.next or None, _whole(page.count))


def _elements(page: _Light | _Results) -> list[msgspec.Raw]:
    return page.value if isinstance(page, _Light) else page.results


def _whole(count: str | int | None) -> int | None:
    return int(count) if count is not None else None


def decode_one(body: bytes) -> Any:
    """A single entity without its wrapper."""
    data = loads(body)
    return data["d"] if isinstance(data, dict) and set(data) == {"d"} else data


def next_path(base_url: str, path: str, link: str) -> str:
    """What to ask `Http` for, to follow a link to the page behind the one at `path`. It may be relative, or name the
    server as it is called inside its own network: only what stands behind `/_api/` is taken, and asked for at our own
    address."""
    _, found, rest = link.partition("/_api/")
    if found:
        return f"_api/{rest}"
    if "://" in link or link.startswith("/"):
        raise SourceMisbehaved(
            "the link to the next page leads elsewhere", detail=f"{link[:200]} at {base_url}"
        )
    # Relative to the service, of which the language is a part: another page in another language has other words.
    return f"{path.partition('?')[0].rpartition('/')[0]}/{link}"


async def pages(
    http: Http,
    path: str,
    params: Mapping[str, str],
    *,
    stream: str,
    decode: Callable[[bytes], Set] = decode_set,
) -> AsyncGenerator[Set, None]:
    """Every page of a set. Raises SourceMisbehaved when the server's links run in a circle or lead nowhere.

    A server that lacks a property named by `$select` refuses the whole; it is then asked for everything."""
    met: set[str] = set()
    empty = 0
    narrow = (400,) if "$select" in params else ()
    answer, page = await http.send("GET", path, params=params, decode=decode, also=narrow, stream=stream)
    if answer.status == 400:
        params = {name: value for name, value in params.items() if name != "$select"}
        page = await http.json("GET", path, params=params, decode=decode, stream=stream)
    while True:
        yield page
        if page.next is None:
            return
        empty = 0 if page.raws else empty + 1
        if page.next in met or empty > _MOST_EMPTY:
            raise SourceMisbehaved(
                f"the pages of {path} do not end",
                stream=stream,
                detail=page.next[:300],
                hint="Nothing was concluded from it. Run the sync again; if it stays so, report it to the server's "
                "administrator.",
            )
        met.add(page.next)
        page = await http.json("GET", next_path(http.base_url, path, page.next), decode=decode, stream=stream)


def moment(value: Any) -> str | None:
    """A date and time as ISO text without an offset: local at the site. The verbose form counts milliseconds of that
    same local time."""
    if not isinstance(value, str):
        return None
    found = _MILLISECONDS.match(value)
    if found is None:
        return value
    try:
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(found[1]))
    except OverflowError:
        return value
    return when.replace(tzinfo=None).isoformat()


def stamp(value: Any) -> str | None:
    """A moment in the site's time, as text; None for what stands for "never"."""
    text = moment(value)
    return text if text and day(text) else None


def literal(text: str) -> str:
    """A string in a filter."""
    return "'" + text.replace("'", "''") + "'"


def guid_literal(value: str) -> str:
    return f"guid'{value}'"


def date_literal(text: str) -> str:
    return f"datetime'{text[:19]}'"


def with_portbook(
    payload: bytes, data: dict[str, Any], extra: Mapping[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """The record with our findings as its last member; what the server sent stays byte for byte in front."""
    head = payload.rstrip()[:-1].rstrip()
    comma = b"" if head.endswith(b"{") else b","
    data["portbook"] = extra
    return b'%b%b"portbook":%b}' % (head, comma, orjson.dumps(extra)), data
