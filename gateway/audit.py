"""/api/v1/audit and /api/v1/keys: who changed what, who asked, and with which keys. Needs the scope `admin`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import orjson
from fastapi import Request, Response
from starlette.routing import Route

from gateway.auth import signed_in
from gateway.past import parameters_of
from gateway.rest import PREFIX, read_limit
from register.audit import MOST, list_audit
from register.errors import QueryInvalid
from register.keys import list_keys
from register.query import QueryTooLarge, parse_as_of


async def audit(request: Request) -> Response:
    """200; the newest first. `next` goes on with older ones, as `before`."""
    await signed_in(request, "admin")
    given = parameters_of(request, "actor", "action", "since", "before", "limit")
    limit = read_limit(given.get("limit"))
    if not 1 <= limit <= MOST:
        raise QueryTooLarge(f"`limit` is from 1 to {MOST:,}", parameter="limit")
    before = given.get("before")
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) < 19):
        raise QueryInvalid("`before` is the number that `next` gave", parameter="before")
    found = await list_audit(
        request.app.state.audit,
        actor=given.get("actor"),
        action=given.get("action"),
        since=parse_as_of(given["since"], "since").instant(datetime.now(UTC), start=True)
        if "since" in given
        else None,
        before=None if before is None else int(before),
        limit=limit,
    )
    following = found[-1]["seq"] if len(found) == limit else None
    return Response(orjson.dumps({"data": found, "next": following}), media_type="application/json")


async def keys(request: Request) -> Response:
    """200; all there ever were, newest last."""
    await signed_in(request, "admin")
    found = [asdict(key) for key in await list_keys(request.app.state.audit)]
    return Response(orjson.dumps({"data": found}, default=str), media_type="application/json")


routes = [
    Route(PREFIX + "audit", audit, methods=["GET"]),
    Route(PREFIX + "keys", keys, methods=["GET"]),
]
