"""How much one caller may ask: so many requests at once, and so many a second, so that one cannot take it all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from starlette.types import Scope

from gateway.errors import TooMany
from register.keys import Caller

_LEAVE = "portbook.leave"
BURST_S = 5.0
"""Seconds' worth of requests that may come together after a pause: a page of a report asks many things at a time."""


@dataclass(slots=True)
class _Use:
    at_once: int = 0
    tokens: float = math.inf
    since: float = field(default_factory=time.monotonic)


class Limits:
    """Counts per key or account, in this process: of several gateways each grants as much. None: no limit."""

    def __init__(self, at_once: int | None = None, per_second: int | None = None) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._uses: dict[UUID, _Use] = {}

    def enter(self, request: Scope, caller: Caller) -> None:
        """Count a request until `leave`. Raises TooMany."""
        if self._at_once is None and self._per_second is None:
            return
        use = self._uses.get(caller.key_id)
        if use is None:
            use = self._uses[caller.key_id] = _Use()
        if self._at_once is not None and use.at_once >= self._at_once and _LEAVE not in request:
            raise TooMany(
                f"{caller.called} has {self._at_once} requests under way, which is as many as it may",
                1,
            )
        if self._per_second is not None:
            self._take(use, caller)
        if _LEAVE not in request:
            use.at_once += 1
            request[_LEAVE] = self._leaving(use)

    def _take(self, use: _Use, caller: Caller) -> None:
        assert self._per_second is not None
        now = time.monotonic()
        use.tokens = min(use.tokens + (now - use.since) * self._per_second, self._per_second * BURST_S)
        use.since = now
        if use.tokens < 1:
            wait = math.ceil((1 - use.tokens) / self._per_second)
            raise TooMany(f"{caller.called} may ask {self._per_second} times a second", wait)
        use.tokens -= 1

    def _leaving(self, use: _Use) -> Callable[[], None]:
        def leave() -> None:
            use.at_once -= 1

        return leave


def leave(request: Scope) -> None:
    """The request is answered."""
    leaving = request.pop(_LEAVE, None)
    if leaving is not None:
        leaving()
