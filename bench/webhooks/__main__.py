"""`python -m bench.webhooks`: how fast events reach receivers, and what a dead receiver costs the others.

1. `--events` events for each of `--receivers` webhooks, written in one transaction, told by one worker process to
   receivers in this one. Beside it, in turns, a bare httpx loop that posts the same bodies to the same receivers with
   as many requests at once. Deliveries per second, and the ratio. Every signature is verified afterwards.
2. A steady stream of events to ten healthy receivers, in turns without and with two dead ones beside them, the one
   first and then the other: one accepts and never answers, one refuses the connection. From an event's commit to its
   arrival, p95 of the healthy, and how sure what the dead ones cost is: 90 % of what comes out when the pairs of turns
   are drawn anew. The worker looks for events every 50 ms here, lest its second between two looks hide what is asked.

The exit code is 1 where an event did not arrive or a signature does not hold. The figures are for docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psutil
import uvloop
from standardwebhooks import WebhookVerificationError

from bench.webhooks.work import HERE, SEALER
from portbook.stores import open_stores
from register.audit import Actor
from register.db import Pool, open_pool
from register.schema import migrate
from register.webhooks import Maker, Wanted, create_webhook
from tests.fakes.receiver import HANG, Received, Receiver
from workers.deliver import AT_ONCE

BENCH = Maker(Actor("bench"))
HEALTHY = 10
_FILL = """
WITH made AS (
  INSERT INTO work_item (id, key, title, description, url, source, source_id, type, status, points, due_on)
  SELECT gen_random_uuid(), 'PAY-' || n, 'Item ' || n, repeat('What is to be done, and why. ', 10),
         'https://tracker.example/browse/PAY-' || n, 'delivery', n, 'story', 'todo', n % 13, date '2026-01-01' + n % 300
  FROM generate_series($1::int, $2::int) n RETURNING id
)
INSERT INTO event (type, entity, entity_id, version, cause) SELECT 'created', 'work_item', id, 1, 'sync' FROM made
"""


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench.webhooks")
    options.add_argument("--events", type=int, default=2_000)
    options.add_argument("--receivers", type=int, default=10)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--turns", type=int, default=12, help="pairs of turns of the second part")
    options.add_argument("--seconds", type=float, default=8.0, help="of each turn of the second part")
    options.add_argument("--per-second", type=float, default=5.0, help="events of the second part")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="portbook-bench-"))
    folder.chmod(0o755)
    try:
        with open_stores("embedded", "embedded", folder) as stores:
            return uvloop.run(run(stores.database_url, folder, given))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def run(database: str, folder: Path, given: argparse.Namespace) -> int:
    await migrate(database)
    pool = await open_pool(database, size=4)
    try:
        async with contextlib.AsyncExitStack() as stack:
            receivers = [await stack.enter_async_context(Receiver()) for _ in range(given.receivers)]
            fine = await throughput(database, pool, folder, receivers, given)
        fine = await beside_dead_ones(database, pool, given) and fine
    finally:
        await pool.close()
    return 0 if fine else 1


async def throughput(
    database: str, pool: Pool, folder: Path, receivers: list[Receiver], given: argparse.Namespace
) -> bool:
    secrets = [await hook(pool, receiver.url) for receiver in receivers]
    count = given.events * len(receivers)
    told, bare = [], []
    wrong = 0
    async with worker(database) as process:
        cpu = sum(process.cpu_times()[:2])
        for turn in range(given.repeat):
            await forget(receivers)
            await pool.execute(_FILL, turn * given.events + 1, (turn + 1) * given.events)
            took = await until_received(receivers, given.events)
            told.append(count / took)
            wrong += sum(
                not verified(call, secret)
                for receiver, (_, secret) in zip(receivers, secrets, strict=True)
                for call in receiver.calls
            )
            bodies = folder / "bodies.json"
            bodies.write_bytes(orjson.dumps([orjson.loads(call.body) for call in receivers[0].calls]))
            await forget(receivers)
            bare.append(count / await bare_loop(bodies, receivers, given.events))
        cpu = sum(process.cpu_times()[:2]) - cpu
    pending = await pool.fetchval("SELECT count(*) FROM delivery WHERE state <> 'delivered'")
    attempts = await pool.fetchval("SELECT count(*) FROM attempt")
    size = len(bodies.read_bytes()) // given.events
    ratios = sorted(a / b for a, b in zip(told, bare, strict=True))
    print(
        f"{given.events:,} events x {len(receivers)} receivers, bodies of {size:,} bytes, {given.repeat} turns:"
    )
    print(
        f"  told  {spread(told)} deliveries/s, {cpu / (count * given.repeat) * 1e6:,.0f} µs of the worker's CPU each"
    )
    print(f"  httpx {spread(bare)} requests/s")
    print(f"  ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(
        f"  attempts beyond one each: {attempts - count * given.repeat}; not delivered: {pending}; "
        f"wrong signatures: {wrong}"
    )
    await pool.execute("UPDATE webhook SET enabled = false")
    return not pending and not wrong


async def beside_dead_ones(database: str, pool: Pool, given: argparse.Namespace) -> bool:
    """Whether every healthy receiver was told everything."""
    found: dict[bool, list[list[float]]] = {False: [], True: []}
    events = 1_000_000
    missing = 0
    async with contextlib.AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(Stamped()) for _ in range(HEALTHY)]
        hanging = await stack.enter_async_context(Receiver(HANG))
        for receiver in receivers:
            await hook(pool, receiver.url)
        dead = [await hook(pool, hanging.url), await hook(pool, f"http://127.0.0.1:{closed_port()}/")]
        await stack.enter_async_context(worker(database, "0.05"))
        for turn in range(2 * given.turns):
            with_dead = turn % 4 in (1, 2)
            await pool.execute(
                "UPDATE webhook SET enabled = $2, failures = 0, failing_since = NULL, rests_until = NULL, "
                "seq = feed_settled() WHERE id = ANY($1::uuid[])",
                [webhook_id for webhook_id, _ in dead],
                with_dead,
            )
            await forget(receivers)
            begun, sent = time.monotonic(), 0
            while time.monotonic() - begun < given.seconds:
                events += 1
                sent += 1
                await pool.execute(_FILL, events, events)
                await asyncio.sleep(max(0.0, begun + sent / given.per_second - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                await until_received(receivers, sent, within=30)
            missing += sum(sent - len(receiver.calls) for receiver in receivers)
            found[with_dead].append([delay for receiver in receivers for delay in receiver.delays()])
    pairs = list(zip(found[False], found[True], strict=True))
    dice = random.Random(1)
    drawn = sorted(cost_of(dice.choices(pairs, k=len(pairs))) for _ in range(400))
    print(
        f"{given.per_second:g} events/s to {HEALTHY} healthy receivers, from commit to arrival, p95 in "
        f"{given.turns} turns of {given.seconds:g} s each:"
    )
    print(f"  alone                  {spread([p95(turn) * 1000 for turn in found[False]])} ms")
    print(f"  beside two dead ones   {spread([p95(turn) * 1000 for turn in found[True]])} ms")
    print(
        f"  the dead ones cost {cost_of(pairs):+.1%} of all turns' p95 ({drawn[20]:+.1%} to {drawn[-21]:+.1%}); "
        f"events that did not arrive: {missing}"
    )
    return not missing


def cost_of(pairs: list[tuple[list[float], list[float]]]) -> float:
    """By what part the p95 of all turns with dead ones is above that of those without."""
    alone, beside = ([delay for turn in turns for delay in turn] for turns in zip(*pairs, strict=True))
    return p95(beside) / p95(alone) - 1


def p95(delays: list[float]) -> float:
    return statistics.quantiles(delays, n=20)[-1]


class Stamped(Receiver):
    """Remembers when each call came."""

    def __init__(self) -> None:
        self.came: list[float] = []
        super().__init__(self._stamp)

    def _stamp(self, call: Received) -> Any:
        self.came.append(time.time())
        return 204, {}, b""

    def delays(self) -> list[float]:
        """From each event's commit, on the same machine's clock, to its arrival."""
        told = (orjson.loads(call.body)["timestamp"] for call in self.calls)
        moments = (datetime.fromisoformat(moment).timestamp() for moment in told)
        return [came - moment for came, moment in zip(self.came, moments, strict=True)]


async def hook(pool: Pool, url: str) -> tuple[str, str]:
    async with pool.acquire() as connection, connection.transaction():
        return await create_webhook(connection, Wanted(url, url), sealer=SEALER, allowed=HERE, maker=BENCH)


@contextlib.asynccontextmanager
async def worker(database: str, *more: str) -> AsyncIterator[psutil.Process]:
    command = [sys.executable, "-m", "bench.webhooks.work", database, *more]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def bare_loop(bodies: Path, receivers: list[Receiver], events: int) -> float:
    command = [
        sys.executable,
        "-m",
        "bench.webhooks.bare",
        str(bodies),
        str(AT_ONCE),
        *(r.url for r in receivers),
    ]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.stdin.write(b"\n")
    took = await until_received(receivers, events)
    assert await process.wait() == 0
    return took


async def until_received(receivers: list[Receiver], events: int, within: float = 600) -> float:
    """Seconds until every receiver has been told of all."""
    begun = time.monotonic()
    while min(len(receiver.calls) for receiver in receivers) < events:
        if time.monotonic() - begun > within:
            raise TimeoutError(f"{[len(receiver.calls) for receiver in receivers]} of {events} arrived")
        await asyncio.sleep(0.005)
    return time.monotonic() - begun


async def forget(receivers: list[Any]) -> None:
    await asyncio.sleep(0.2)  # what is under way is written down
    for receiver in receivers:
        receiver.calls.clear()
        if isinstance(receiver, Stamped):
            receiver.came.clear()


def verified(call: Received, secret: str) -> bool:
    try:
        call.verified(secret)
    except WebhookVerificationError:
        return False
    return True


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spread(values: list[float]) -> str:
    shown = sorted(values)
    return f"{statistics.median(shown):,.0f} ({shown[0]:,.0f} to {shown[-1]:,.0f})"


if __name__ == "__main__":
    sys.exit(main())
