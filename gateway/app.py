"""The gateway: HTTP in front of the register."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import (
    aggregate,
    audit,
    decide,
    export,
    feed,
    health,
    hooks_in,
    hooks_out,
    past,
    problems,
    query,
    rest,
    schema,
)
from gateway.limits import Limits
from gateway.odata import routes as odata
from gateway.tokens import Issuer, Tokens
from gateway.uses import Uses
from register.accounts import Blocked
from register.db import Pool, open_pool, open_read_pool
from register.keys import Keyring
from register.policy import Policy
from register.query import Lanes
from register.query.cost import Costs
from register.query.revision import Revisions

STATEMENT_TIMEOUT_MS = 5_000
EXPORT_TIMEOUT_MS = 900_000
HIGHEST_COST = 4_000_000
"""By PostgreSQL's estimate: ten times what it finished in five seconds on two slow cores."""


class Gateway(FastAPI):
    """FastAPI, with a shorter way to the collections.

    What lies between a server and a route (telemetry, middleware, exit stacks, trying one route after the other)
    takes 130 µs of a request; PostgreSQL's answer takes 80.
    """

    collections: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and rest.is_ours(scope) and not export.wanted(scope):
            scope["app"] = self
            await self.collections(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    pool: Pool | None = None,
    *,
    database_url: str | None = None,
    pool_size: int = 8,
    secret: bytes | None = None,
    version: str = "0",
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    remember_keys_s: float = 5.0,
    at_once: int | None = None,
    per_second: int | None = None,
    highest_cost: float | None = HIGHEST_COST,
    doors: Mapping[str, hooks_in.Door] | None = None,
    ring: Callable[[], Awaitable[object]] | None = None,
    policy: Policy | None = None,
    webhooks: hooks_out.Desk | None = None,
    authorization_uri: str | None = None,
    sign_in: Sequence[Issuer] = (),
) -> Gateway:
    """The application for an ASGI server.

    Give either a `pool`, which the app uses up and leaves open, or a `database_url`: then the app opens a pool of
    `pool_size` connections when it starts and closes it when it ends. `secret` signs cursors: gateways that answer
    for one another need the same; without one, cursors end with the process. A withdrawn key goes on for at most
    `remember_keys_s`; a key in force may ask as much `at_once` and `per_second` as these say, and no question
    may cost more than `highest_cost`. `doors` let notifications
    of tools in, by source; `ring` is called when some were kept.
    With a `policy` people may decide here, as the merge then does; with `webhooks` they may set these up.
    Tokens of the issuers in `sign_in` are taken beside keys; `authorization_uri` is where OData clients are sent to
    sign in with an account of the organisation.
    """
    if (pool is None) == (database_url is None):
        raise ValueError("give a pool or a database_url")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:

            async def apart(name: str, when: bool = True, **settings: int) -> Pool | None:
                """A pool for work that may take long, so that nothing else waits with it; the given one for tests."""
                if not when or database_url is None:
                    return pool if when else None
                opened = await open_pool(database_url, size=2, name=f"portbook {name}", **settings)
                held.push_async_callback(opened.close)
                return opened

            reading = pool
            if database_url is not None:
                reading = await open_read_pool(
                    database_url,
                    size=pool_size,
                    statement_timeout_ms=statement_timeout_ms,
                    name="portbook gateway",
                )
                held.push_async_callback(reading.close)
            app.state.lanes = Lanes(reading, None if highest_cost is None else Costs(highest_cost))
            held.push_async_callback(app.state.lanes.close)
            app.state.revisions = Revisions(app.state.lanes)
            app.state.streams = feed.Streams(app.state.lanes)
            held.push_async_callback(app.state.streams.close)
            app.state.limits = Limits(at_once, per_second)
            app.state.audit = await apart("audit", statement_timeout_ms=statement_timeout_ms)
            app.state.uses = Uses(app.state.audit)
            held.push_async_callback(app.state.uses.close, asyncio.create_task(app.state.uses.run()))
            app.state.keyring = Keyring(app.state.lanes, remember_s=remember_keys_s)
            held.push_async_callback(app.state.keyring.close)
            app.state.tokens = Tokens(
                sign_in,
                app.state.lanes,
                Blocked(app.state.lanes, remember_s=remember_keys_s),
                remember_keys_s,
            )
            held.push_async_callback(app.state.tokens.close)
            app.state.export_turns = {}
            app.state.exports = await apart("exports", statement_timeout_ms=EXPORT_TIMEOUT_MS)
            app.state.policy = policy
            app.state.writing = await apart("decisions", policy is not None)
            app.state.webhooks = webhooks
            app.state.telling = await apart("webhook desk", webhooks is not None)
            app.state.ring = ring
            app.state.doors = doors or {}
            app.state.hints = None
            if doors:
                app.state.hints = hooks_in.HintBox(await apart("hooks"), ring)
                held.push_async_callback(app.state.hints.close)
            yield

    app = Gateway(
        title="Portbook", version=version, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.secret = secret or secrets.token_bytes(32)
    problems.install(app)
    app.state.authorization_uri = authorization_uri
    app.state.metrics = health.Metrics()
    app.collections = health.Counted(problems.Caught(rest.rows), app.state.metrics)
    app.add_middleware(health.Counted, metrics=app.state.metrics)
    # `schema`, `changes` and `webhooks` before the collections, of which they are none.
    parts = (
        health,
        schema,
        hooks_in,
        hooks_out,
        audit,
        decide,
        odata,
        aggregate,
        query,
        feed,
        past,
        export,
        rest,
    )
    app.router.routes.extend([route for part in parts for route in part.routes])
    return app
