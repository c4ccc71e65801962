"""Who asked what, from where, and who was refused: counted here, and written to the audit every minute.

A request costs a look into a dictionary. What is kept until it is written is bounded, whatever is asked and by whom.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from starlette.types import Scope

from gateway.networks import ELSEWHERE, Networks
from gateway.odata.model import entity_sets
from portbook.tasks import stop
from register.audit import ASKED, REFUSED, Actor, Use, note_uses
from register.catalog import collections
from register.db import Pool
from register.keys import Caller

EVERY_S = 60.0
MOST_EACH = 200
"""Different uses of one caller in a minute; what goes beyond is counted without path and address. Each has its own,
so that nobody's many questions take the place of another's."""
MOST = 20_000
"""Likewise of all callers, and of those who were refused."""
_CALLER, _REFUSAL = "portbook.caller", "portbook.refusal"
_BESIDE = frozenset({"query", "changes", "schema", "webhooks", "audit", "keys"})
_BELOW = frozenset(
    {"aggregate", "changes", "diff", "history", "explain", "waive", "rotate", "test", "replay", "deliveries"}
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KNOWN = frozenset({"/metrics", "/docs", "/openapi.json"})

NOBODY = Actor("nobody")
"""Whose key or account it was that was refused, where that is not known."""

_log = logging.getLogger("portbook.gateway")


@dataclass(slots=True)
class _Count:
    caller: Caller | None
    actor: Actor
    first_at: float
    last_at: float
    times: int = 0


def came(request: Scope, caller: Caller) -> None:
    """Note who it is that asks."""
    request[_CALLER] = caller


def refused(request: Scope, reason: str, actor: Actor = NOBODY) -> None:
    """Note why somebody is not let in; `actor` is whose key or account it was, where that is known."""
    request[_REFUSAL] = reason, actor


class Uses:
    """Counts until `flush`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._counts: dict[tuple[Any, ...], _Count] = {}
        self._places: Counter[UUID] = Counter()
        self._day = 0
        self._networks = Networks()

    def note(self, request: Scope, status: int) -> None:
        """A request was answered."""
        caller: Caller | None = request.get(_CALLER)
        client = request.get("client")
        address = client[0] if client else ""
        now = time.time()
        place: tuple[Any, ...]
        actor = NOBODY
        if caller is not None:
            method = request["method"]
            method = method if method in _METHODS else ELSEWHERE
            place = (caller.key_id, method, _what(request["path"]), address, status)
        elif _REFUSAL in request:
            reason, actor = request[_REFUSAL]
            place = (None, "", reason, address, _known(actor))
        else:
            return
        count = self._counts.get(place)
        if count is None:
            count = self._count(place, caller, actor if caller is None else caller.actor, now)
        count.times += 1
        count.last_at = now

    def _count(self, place: tuple[Any, ...], caller: Caller | None, actor: Actor, now: float) -> _Count:
        """Where this is counted: at its own place, where there is room for one more."""
        if place not in self._counts:
            room = len(self._counts) < MOST
            if caller is None:
                _, _, reason, address, _ = place
                actor = actor if room else NOBODY
                place = (None, "", reason, self._told(address, now) if room else ELSEWHERE, _known(actor))
            elif room and self._places[caller.key_id] < MOST_EACH:
                self._places[caller.key_id] += 1
            else:
                place = (caller.key_id, ELSEWHERE, ELSEWHERE, ELSEWHERE, place[-1])
        return self._counts.setdefault(place, _Count(caller, actor, now, now))

    def _told(self, address: str, now: float) -> str:
        """The address of a refused caller as it may be written down today."""
        day = int(now // 86_400)
        if day != self._day:
            self._day, self._networks = day, Networks()
        return self._networks.told(address)

    async def run(self) -> None:
        """Write every minute, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted. What cannot be written is kept for the next time, whatever the reason."""
        counts, self._counts, self._places = self._counts, {}, Counter()
        if not counts:
            return
        try:
            await note_uses(self._pool, [_use(place, count) for place, count in counts.items()])
        except asyncio.CancelledError:
            self._put_back(counts)
            raise
        except Exception as error:  # noqa: BLE001 - a defect here must not end what counts
            _log.warning(
                "who asked cannot be written to the audit just now: %s: %s", type(error).__name__, error
            )
            self._put_back(counts)

    def _put_back(self, counts: dict[tuple[Any, ...], _Count]) -> None:
        for place, count in counts.items():
            kept = self._count(place, count.caller, count.actor, count.first_at)
            kept.times += count.times
            kept.first_at = min(kept.first_at, count.first_at)
            kept.last_at = max(kept.last_at, count.last_at)

    async def close(self, running: asyncio.Task[None]) -> None:
        """Stop, and write the rest."""
        await stop(running)
        await self.flush()


def _use(place: tuple[Any, ...], count: _Count) -> Use:
    first, last = (datetime.fromtimestamp(at, UTC) for at in (count.first_at, count.last_at))
    _, method, what, address, status = place
    detail: dict[str, Any] = {**count.actor.noted, "times": count.times, "address": address}
    if count.caller is None:
        return Use(count.actor.name, REFUSED, what, detail, first, last)
    key = None if count.caller.account else count.caller.key_id
    return Use(
        count.actor.name,
        ASKED,
        f"{method} {what}",
        {**detail, "status": status},
        first,
        last,
        key,
    )


def _known(actor: Actor) -> tuple[str, ...]:
    return actor.name, *actor.noted.values()


@lru_cache(maxsize=1024)
def _what(path: str) -> str:
    """The address without what names a row: words that callers make up come into no line."""
    if path in _KNOWN:
        return path
    if path.startswith("/odata/v4"):
        name = path[len("/odata/v4/") :].partition("(")[0].partition("/")[0]
        if not name or name in ("$metadata", "$batch") or name in entity_sets():
            return f"/odata/v4/{name}"
        return f"/odata/v4/{ELSEWHERE}"
    if not path.startswith("/api/v1/"):
        return ELSEWHERE
    first, *rest = path[len("/api/v1/") :].split("/")[:3]
    if first not in collections() and first not in _BESIDE:
        return f"/api/v1/{ELSEWHERE}"
    return "/".join(["/api/v1", first, *(part if part in _BELOW else "{row}" for part in rest)])
