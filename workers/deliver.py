"""Telling webhooks: sign, send, and write down what came of it.

Each receiver has a lane of its own with a few requests at a time, and lanes share nothing that one of them could use
up: a receiver that hangs delays itself alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpcore
import structlog

from adapters.answers import http_date
from portbook.errors import Problem
from register.addresses import AddressForbidden, Network, Target, usable_target
from register.db import DATABASE_AWAY, DATABASE_TROUBLE, Pool
from register.deliveries import FORGOTTEN_AT_ONCE, TAKEN_FOR, Deliveries, Outcome, Taken
from register.query.told import LARGEST
from register.sealing import Sealer
from register.webhook_lane import Lane
from workers.connect import Resolve, Resolver, open_connections
from workers.signing import Signer

AT_ONCE = 4
"""Requests to one receiver."""
ENOUGH = 2
"""After so many failures in a row no more are begun of what was taken up."""
BATCH = 100
TIMEOUT_S = 15.0
"""For all of an attempt, from resolving the name to the end of the answer."""
CONNECT_S = 5.0
ANSWER_KEPT = 1_000
_ANSWER_READ = 64 << 10
LOOK_EVERY_S = 1.0
PRUNE_EVERY_S = 3_600.0
END_WITHIN_S = 2.0
"""How long a worker that is told to stop waits for answers."""
_UNUSED_LANES = 600.0
"""Seconds after which connections to a receiver are closed that has nothing to be told."""

log = structlog.get_logger("portbook.webhooks")

Secrets = Mapping[str, Callable[[], Sequence[bytes]]]
"""Webhook of the configuration → its secrets as they are now."""


class Deliverer:
    """Tells every webhook what it is to be told. Used as an async context manager."""

    def __init__(
        self,
        deliveries: Deliveries,
        *,
        sealer: Sealer,
        secrets: Secrets | None = None,
        allowed: Sequence[Network] = (),
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        version: str = "0",
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries = deliveries
        self._sealer = sealer
        self._secrets = secrets if secrets is not None else {}
        self._allowed = allowed
        self._tls = tls
        self._resolver = Resolver()
        self._resolve = resolve or self._resolver
        self._agent = f"portbook/{version}"
        self._timeout_s = timeout_s
        self._clock = clock
        self._pools: dict[tuple[str, str], tuple[httpcore.AsyncConnectionPool, float]] = {}
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._ending = False

    async def __aenter__(self) -> Deliverer:
        return self

    async def __aexit__(self, *exc: object) -> None:
        # What is under way would be told twice if nobody wrote down what came of it.
        self._ending = True
        if self._lanes:
            await asyncio.wait(self._lanes.values(), timeout=END_WITHIN_S)
        for task in self._lanes.values():
            task.cancel()
        await asyncio.gather(*self._lanes.values(), return_exceptions=True)
        for pool, _ in self._pools.values():
            with contextlib.suppress(Exception):
                await pool.aclose()
        await self._resolver.close()

    async def run(self, stop: asyncio.Event, bell: asyncio.Event | None = None) -> None:
        """Until `stop`; looks when `bell` rings, and every second."""
        bell = bell or asyncio.Event()
        prune_at = time.monotonic()
        spreading: asyncio.Task[int] | None = None
        while not stop.is_set():
            bell.clear()
            try:
                if spreading is None or spreading.done():
                    spreading = asyncio.create_task(self._deliveries.spread())
                # A filter that takes long must not hold up what is due already.
                await asyncio.wait((spreading,), timeout=LOOK_EVERY_S / 2)
                if spreading.done():
                    spreading.result()
                for lane in await self._deliveries.lanes():
                    if lane.id not in self._lanes:
                        self._lanes[lane.id] = asyncio.create_task(self._run_lane(lane))
                if time.monotonic() >= prune_at:
                    more = await self._deliveries.prune() == FORGOTTEN_AT_ONCE
                    prune_at = time.monotonic() + (0 if more else PRUNE_EVERY_S)
                await self._close_unused()
            except DATABASE_TROUBLE as error:
                log.warning("the register's database does not answer; trying again", error=str(error))
            waits = [asyncio.create_task(bell.wait()), asyncio.create_task(stop.wait())]
            await asyncio.wait(waits, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()
        if spreading is not None:
            spreading.cancel()
            await asyncio.gather(spreading, return_exceptions=True)

    async def deliver_due(self) -> None:
        """Tell what is due now, each webhook beside the others, and return."""
        await self._deliveries.spread()
        await asyncio.gather(*(self._lane(lane) for lane in await self._deliveries.lanes()))

    async def deliver_one(self, webhook_id: str, delivery_id: int) -> Outcome | None:
        """Try this delivery now; None where somebody else has it in hand already."""
        lane = await self._deliveries.lane_of(webhook_id)
        taken = await self._deliveries.take_one(delivery_id)
        if lane is None or taken is None:
            return None
        outcomes, _ = await self._send_all(lane, [taken])
        await self._deliveries.report(lane.id, outcomes)
        return outcomes[0]

    async def _run_lane(self, lane: Lane) -> None:
        try:
            await self._lane(lane)
        except DATABASE_AWAY as error:
            log.warning("deliveries interrupted", webhook=lane.name, error=str(error))
        except Exception:
            # Nothing that goes wrong for one receiver may end the process, and nobody waits for this task.
            log.exception("deliveries broke off", webhook=lane.name)
        finally:
            del self._lanes[lane.id]

    async def _lane(self, lane: Lane) -> None:
        """Until nothing is due, or the receiver is to be left alone."""
        now: Lane | None = lane
        while now is not None and not self._ending:
            taken = await self._deliveries.take(now.id, 1 if now.failures else BATCH)
            if not taken:
                return
            outcomes, left = await self._send_all(now, taken)
            await self._deliveries.give_back(left)
            now = await self._deliveries.report(now.id, outcomes)

    async def _send_all(self, lane: Lane, taken: Sequence[Taken]) -> tuple[list[Outcome], list[Taken]]:
        """What came of each, in the order in which they ended, and what was not tried, since others failed or took so
        long that the rest is soon due for any worker."""
        outcomes: list[Outcome] = []
        until = self._clock() + TAKEN_FOR.total_seconds() - 2 * self._timeout_s
        try:
            target = usable_target(lane.url, self._allowed)
            signer = Signer(self._secrets_of(lane))
            bodies = await self._deliveries.bodies(lane, taken)
        except Problem as problem:
            return [Outcome(taken[0], 0, error=_said(problem))], list(taken[1:])
        pool = self._pool(lane.id, target)
        waiting = deque(taken)
        failed = 0

        async def some() -> None:
            nonlocal failed
            # Some are tried however long it took to put them together: else they might never be.
            while waiting and failed < ENOUGH and (not outcomes or self._clock() < until):
                one = waiting.popleft()
                body = bodies.get(one.id)
                if body is None:
                    outcomes.append(Outcome(one, 0, error="the webhook no longer asks for it", moot=True))
                    continue
                if not body:
                    wrong = f"the message would have more than {LARGEST >> 20} MiB: ask for fewer `fields`"
                    outcomes.append(Outcome(one, 0, error=wrong))
                    continue
                outcome = await self._send(pool, target, signer, one, body, lane.id)
                failed = ENOUGH if outcome.gone else failed + 1 if outcome.error is not None else 0
                outcomes.append(outcome)

        await asyncio.gather(*(some() for _ in range(min(AT_ONCE, len(taken)))))
        return outcomes, list(waiting)

    async def _send(
        self,
        pool: httpcore.AsyncConnectionPool,
        target: Target,
        signer: Signer,
        one: Taken,
        body: bytes,
        webhook_id: str,
    ) -> Outcome:
        headers = [
            ("content-type", "application/json"),
            ("user-agent", self._agent),
            *signer.headers(message_id(webhook_id, one.id), body, datetime.now(UTC)),
        ]
        started = time.monotonic()

        def ended(**said: object) -> Outcome:
            return Outcome(one, round((time.monotonic() - started) * 1000), **said)  # type: ignore[arg-type]

        try:
            async with asyncio.timeout(self._timeout_s):
                status, retry_after, answer = await self._exchange(pool, target, headers, body)
        except TimeoutError:
            return ended(error=f"no answer within {self._timeout_s:g} s")
        except AddressForbidden as problem:
            return ended(error=_said(problem))
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return ended(
                error=f"{_KINDS.get(type(error), 'the connection failed')}: {str(error)[:300] or type(error).__name__}"
            )
        if 200 <= status < 300:
            return ended(status=status, answer=answer)
        wrong = f"answered {status}"
        if 300 <= status < 400:
            wrong += ": redirects are not followed"
        return ended(status=status, answer=answer, error=wrong, retry_after=retry_after, gone=status == 410)

    async def _exchange(
        self, pool: httpcore.AsyncConnectionPool, target: Target, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, timedelta | None, str]:
        url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        timeouts = {
            "connect": CONNECT_S,
            "read": self._timeout_s,
            "write": self._timeout_s,
            "pool": self._timeout_s,
        }
        kept = bytearray()
        read = 0
        async with pool.stream(
            "POST", url, headers=headers, content=body, extensions={"timeout": timeouts}
        ) as response:
            async for chunk in response.aiter_stream():
                kept += chunk[: ANSWER_KEPT - len(kept)]
                read += len(chunk)
                if read > _ANSWER_READ:
                    break
            given = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
            answer = kept.decode("utf-8", "replace").replace("\x00", "�")
            return response.status, retry_after(given.decode("latin-1")), answer

    def _secrets_of(self, lane: Lane) -> Sequence[bytes]:
        if lane.configured:
            return self._secrets[lane.id]() if lane.id in self._secrets else _no_secret()
        sealed = [secret for secret in (lane.secret, lane.old_secret) if secret is not None]
        return [self._sealer.open(secret, lane.id) for secret in sealed] or _no_secret()

    def _pool(self, webhook_id: str, target: Target) -> httpcore.AsyncConnectionPool:
        key = (webhook_id, target.scheme)
        pool, _ = self._pools.get(key, (None, 0.0))
        if pool is None:
            if self._tls is None and target.scheme == "https":
                self._tls = httpcore.default_ssl_context()  # 20 ms and a megabyte: once for all receivers
            pool = open_connections(
                target.scheme, self._allowed, most=AT_ONCE, tls=self._tls, resolve=self._resolve
            )
        self._pools[key] = (pool, time.monotonic())
        return pool

    async def _close_unused(self) -> None:
        old = time.monotonic() - _UNUSED_LANES
        for key, (pool, used) in list(self._pools.items()):
            if used < old and key[0] not in self._lanes:
                del self._pools[key]
                await pool.aclose()


_KINDS: Mapping[type[BaseException], str] = {
    httpcore.ConnectError: "cannot be reached",
    httpcore.ConnectTimeout: "cannot be reached in time",
    httpcore.ReadTimeout: "did not answer in time",
}


def message_id(webhook_id: str, delivery_id: int) -> str:
    """The same for every attempt at a delivery, and for no other delivery of any register."""
    return f"msg_{webhook_id.replace('-', '')}_{delivery_id}"


def retry_after(text: str) -> timedelta | None:
    """A Retry-After header; None where it says nothing that can be used."""
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return timedelta(seconds=int(text))
    moment = http_date(text)
    return None if moment is None else max(moment - datetime.now(UTC), timedelta())


def _no_secret() -> Sequence[bytes]:
    raise Problem(
        "it has no secret here", hint="Is it in the configuration that this worker was started with?"
    )


def _said(problem: Problem) -> str:
    return f"{problem.message}. {problem.hint}" if problem.hint else problem.message


def open_deliverer(
    pool: Pool, *, sealer: Sealer, secrets: Secrets, allowed: Sequence[Network], version: str
) -> Deliverer:
    """A deliverer over the register."""
    return Deliverer(Deliveries(pool), sealer=sealer, secrets=secrets, allowed=allowed, version=version)
