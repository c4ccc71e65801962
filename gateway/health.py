"""Is it alive, can it answer, and how is it doing: /healthz, /readyz, /metrics."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from fastapi import Request, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.auth import signed_in
from gateway.errors import NotAllowed
from gateway.limits import leave

_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


@dataclass(slots=True)
class _Answered:
    """Answers of one route with one status: how many took how long, and how long all of them."""

    within: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_S) + 1))
    seconds: float = 0.0


class Metrics(Collector):
    """What is counted; one registry per app, so that two apps in a process do not add up.

    Counted in plain numbers, by one thread, and turned into metrics when they are asked for: metrics with locks of
    their own would take more of a request than finding out who asks.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.open_runs = Gauge("portbook_runs_open", "Runs by state.", ("state",), registry=self.registry)
        self._answered: dict[tuple[str, int], _Answered] = {}
        self.registry.register(self)

    def count(self, route: str, status: int, seconds: float) -> None:
        found = self._answered.get((route, status))
        if found is None:
            found = self._answered[route, status] = _Answered()
        found.within[bisect_left(_BUCKETS_S, seconds)] += 1
        found.seconds += seconds

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads."""
        requests = CounterMetricFamily("portbook_requests", "Requests answered.", labels=("route", "status"))
        seconds = HistogramMetricFamily("portbook_request_seconds", "Time to answer.", labels=("route",))
        by_route: dict[str, list[_Answered]] = {}
        for (route, status), answered in self._answered.items():
            requests.add_metric((route, str(status)), sum(answered.within))
            by_route.setdefault(route, []).append(answered)
        for route, parts in by_route.items():
            counts = accumulate(map(sum, zip(*(part.within for part in parts), strict=True)))
            bounds = [*map(floatToGoString, _BUCKETS_S), "+Inf"]
            seconds.add_metric(
                (route,), list(zip(bounds, counts, strict=True)), sum(part.seconds for part in parts)
            )
        yield requests
        yield seconds


class Counted:
    """Counts each answer by route and status. Plain ASGI: Starlette's middleware class would copy every body."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # When it begins: a stream of events may go on for days.
                scope["app"].state.uses.note(scope, status)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            leave(scope)
            if not status:  # what nobody foresaw is answered outside of us
                status = 500
                scope["app"].state.uses.note(scope, status)
            # The pattern, not the address: labels must stay few whatever callers invent.
            route = getattr(scope.get("route"), "path", None) or _route(scope["path"])
            self._metrics.count(route, status, time.perf_counter() - started)


def _route(path: str) -> str:
    if not path.startswith("/api/v1/"):
        return path if path in _KNOWN else "other"
    return "/api/v1/{collection}/{reference}" if "/" in path[8:] else "/api/v1/{collection}"


async def alive(request: Request) -> Response:
    return Response(b'{"alive":true}', media_type="application/json")


async def ready(request: Request) -> Response:
    """200 when the register answers with the schema in place. Raises RegisterError otherwise."""
    await request.app.state.lanes.fetchrow("SELECT FROM source LIMIT 1")
    return Response(b'{"ready":true}', media_type="application/json")


async def metrics(request: Request) -> Response:
    if (await signed_in(request)).rows is not None:
        raise NotAllowed("numbers are of all callers: this needs a key that sees everything")
    known: Metrics = request.app.state.metrics
    row = await request.app.state.lanes.fetchrow(
        "SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running') "
        "FROM run WHERE state IN ('queued', 'running')"
    )
    for state, count in zip(("queued", "running"), row, strict=True):
        known.open_runs.labels(state).set(count)
    return Response(generate_latest(known.registry), media_type="text/plain; version=0.0.4; charset=utf-8")


routes = [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]
_KNOWN = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
