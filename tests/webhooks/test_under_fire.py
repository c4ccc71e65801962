"""Receivers that are well have what the register shows, whatever dies meanwhile.

Twenty receivers, of which one hangs, one redirects, one answers 500 and one 410, while rows change and workers and Valkey
are killed again and again: some at their commits, before the database hears of it or before they hear of it themselves.
The workers are `portbook work` as people run it. Only waiting is cut short, by making older what waits in the tables.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from standardwebhooks import Webhook

from register.audit import Actor
from register.db import Pool, open_pool
from register.deliveries import TAKEN_FOR
from register.keys import create_key
from register.replay import replay_since
from register.sealing import Sealer, new_secret, written_secret
from register.webhooks import Maker, Wanted, create_webhook
from tests.end_to_end.fire import Door, Valkey, Worker
from tests.fakes.receiver import DROP, HANG, Answer, Received, Receiver, State
from tests.fix_warm import Warm
from tests.fix_webhooks import TESTS, write_row

SEED = int(os.environ.get("PORTBOOK_SEED", "20261128"))
SEAL = "a long random text for the tests"
CONFIG = """\
register: {{database: {{env: TEST_DATABASE}}, redis: {{env: TEST_REDIS}}, seal: {{env: TEST_SEAL}}}}
outbound: {{allow: [127.0.0.1/32]}}
webhooks:
  - {{name: written, url: "{url}", secret: {{env: TEST_SECRET}}}}
"""
WRITERS = 4
SHOWN = "key, title, programme {key}"
Row = Mapping[str, Any]
Rows = dict[tuple[str, str], Row]


class Healthy(State):
    """A receiver that is well, and what it was promised: which rows, and as what."""

    def __init__(
        self,
        secret: bytes | None = None,
        only: Callable[[str, Row], bool] = lambda entity, row: True,
        shown: Callable[[Row], Row] = lambda row: row,
    ) -> None:
        super().__init__(written_secret(secret or new_secret()))
        self._only = only
        self._shown = shown

    def differs(self, register: Rows) -> list[str]:
        """Where it has not what the register shows."""
        wanted = {place: self._shown(row) for place, row in register.items() if self._only(place[0], row)}
        has = {place: row for place, (_, row) in self.rows.items() if row is not None and place in wanted}
        more = [
            place
            for place, (_, row) in self.rows.items()
            if row is not None and place not in wanted and self._only(place[0], row)
        ]
        wrong = [place for place in wanted if has.get(place) != wanted[place]]
        return [f"{place}: {has.get(place)} is not {wanted[place]}" for place in wrong] + [
            f"{p}: left" for p in more
        ]


class Unsteady(Healthy):
    """Well, but for one call in ten: busy, hung up, or answered by hanging up after it was taken."""

    chance = random.Random(SEED)

    def _keep(self, call: Received) -> Answer:
        match self.chance.randrange(30):
            case 0:
                return 503, {"Retry-After": "1"}, b"busy"
            case 1:
                return DROP
            case 2:
                super()._keep(call)
                return DROP
        return super()._keep(call)


class Fire(NamedTuple):
    """What can be killed."""

    door: Door
    workers: list[Worker]
    valkey: Valkey


class Hooks:
    """Receivers, each with its webhook."""

    def __init__(self, pool: Pool, stack: AsyncExitStack) -> None:
        self._pool = pool
        self._stack = stack
        self.healthy: list[Healthy] = []
        self.count = 0

    async def add(self, receiver: Receiver, maker: Maker = TESTS, **wanted: Any) -> str:
        """The webhook's id. It is told everything from the first event on."""
        await self._stack.enter_async_context(receiver)
        self.count += 1
        made = Wanted(f"hook {self.count}", receiver.url, **wanted)
        allowed = [ip_network("127.0.0.1/32")]
        async with self._pool.acquire() as connection, connection.transaction():
            hook, secret = await create_webhook(
                connection, made, sealer=Sealer(SEAL.encode()), allowed=allowed, maker=maker
            )
            await replay_since(connection, hook, None, TESTS)
        if isinstance(receiver, Healthy):
            receiver.secret = Webhook(secret)
            self.healthy.append(receiver)
        return hook


async def prove(
    postgres_url: str, warm: Warm, *, changes: int, rows_each: int, kills: int, kills_every_s: float
) -> Counter[str]:
    """Returns how often what was killed."""
    pool = await open_pool(postgres_url, size=8)
    written = new_secret()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fire")))
        configured = await stack.enter_async_context(Healthy(written))
        project = await first_rows(pool)
        hooks = Hooks(pool, stack)
        trap = await stack.enter_async_context(Receiver())
        bad = {
            "hangs": Receiver(HANG),
            "redirects": Receiver((302, {"Location": trap.url}, b"")),
            "answers 500": Receiver((500, {}, b"")),
            "answers 410": Receiver((410, {}, b"")),
        }
        ids = {name: await hooks.add(receiver) for name, receiver in bad.items()}
        for kind in (Healthy, Unsteady):
            await hooks.add(kind())
        for entity in ("project", "risk", "work_item"):
            for kind in (Healthy, Unsteady):
                await hooks.add(kind(only=of(entity)), types=(f"{entity}.*",))
        for kind in (Healthy, Unsteady):
            await hooks.add(kind(only=rich), types=("project.*",), filter="budget > 100")
            await hooks.add(kind(only=of("project", "programme")), types=("project.*", "programme.*"))
        await hooks.add(
            Healthy(only=of("project"), shown=three),
            types=("project.*",),
            fields=SHOWN,
        )
        for _ in range(2):
            key_id = await restricted_key(pool, project)
            await hooks.add(
                Healthy(only=hangs_on(project)), Maker(Actor("restricted"), key_id, own_only=True)
            )
        hooks.healthy.append(configured)
        assert hooks.count + 1 == 20
        fire = await stack.enter_async_context(
            under_fire(warm, postgres_url, folder, configured.url, written)
        )
        await until(lambda: pool.fetchval("SELECT EXISTS (SELECT FROM webhook WHERE origin IS NOT NULL)"))
        await pool.execute("UPDATE webhook SET seq = 0 WHERE origin IS NOT NULL")
        all_written = asyncio.Event()
        killed: Counter[str] = Counter()
        killing = asyncio.create_task(kill(fire, pool, all_written, kills, kills_every_s, killed))
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                group.create_task(
                    write(
                        pool, number, changes // WRITERS, rows_each, project, lambda: killed.total() / kills
                    )
                )
        all_written.set()
        await killing
        await until_told(pool, fire, list(ids.values()))
        register = await shown(pool)
        for receiver in hooks.healthy:
            assert receiver.refused == 0
            assert receiver.differs(register) == []
            assert receiver.taken
        assert trap.calls == []
        assert len(bad["answers 410"].calls) <= 8 * (1 + killed.total())
        assert not await pool.fetchval("SELECT enabled FROM webhook WHERE id = $1", ids["answers 410"])
        assert (
            await pool.fetchval("SELECT count(*) FROM finding WHERE code = 'WHK101' AND closed_at IS NULL")
            == 1
        )
        untold = await pool.fetchval(
            "SELECT count(*) FROM delivery d WHERE attempts > (SELECT count(*) FROM attempt WHERE delivery_id = d.id)"
        )
        assert untold == 0, "there is a row for each attempt"
        return killed


async def first_rows(pool: Pool) -> str:
    """The project that a restricted key sees."""
    async with pool.acquire() as connection, connection.transaction():
        programme = await write_row(connection, "programme", "ERP", title="ERP")
        return str(
            await write_row(
                connection, "project", "PAY", title="Payments", programme_id=programme, budget=500
            )
        )


async def restricted_key(pool: Pool, project: str) -> Any:
    name = f"restricted {random.random()}"
    await create_key(pool, name, scopes=["read"], rows={"projects": [project]})
    return await pool.fetchval("SELECT id FROM api_key WHERE name = $1", name)


async def write(
    pool: Pool, number: int, changes: int, rows_each: int, project: str, killed: Callable[[], float]
) -> None:
    """Rows come, change, go and come back, a few in a transaction; some transactions take their time. Whoever
    is ahead of the killing, of which `killed` is the share that is over, goes slowly."""
    chance = random.Random(SEED + number)
    left = changes
    projects: list[Any] = []
    while left:
        if left < changes * (1 - killed()):
            await asyncio.sleep(0.4)
        async with pool.acquire() as connection, connection.transaction():
            for _ in range(min(left, chance.randint(1, 25))):
                left -= 1
                kind = chance.choice(("project", "risk", "work_item"))
                key = f"{kind}-{number}-{chance.randrange(rows_each)}"
                values: dict[str, Any] = {"title": f"title {chance.randrange(10**9)}"}
                if chance.random() < 0.15:
                    values["presence"] = chance.choice(("present", "deleted", "archived"))
                if kind == "project":
                    values["budget"] = chance.randrange(200)
                elif chance.random() < 0.3:
                    values["project_id"] = chance.choice([project, *projects[-5:]])
                row_id = await write_row(connection, kind, key, **values)
                if kind == "project" and row_id not in projects:
                    projects.append(row_id)
            if chance.random() < 0.1:
                await asyncio.sleep(chance.random() * 0.1)


async def kill(
    fire: Fire, pool: Pool, written: asyncio.Event, least: int, every_s: float, killed: Counter[str]
) -> None:
    """Valkey, a worker, a worker at a commit, and again, until all is `written` and so many were `killed`."""
    chance = random.Random(SEED)
    while not written.is_set() or killed.total() < least:
        await asyncio.sleep(every_s * (0.5 + chance.random()))
        match killed.total() % 3:
            case 0:
                fire.valkey.kill()
                killed["valkey"] += 1
                await asyncio.sleep(every_s)
                fire.valkey.start()
            case 1:
                chance.choice(fire.workers).kill()
                killed["worker"] += 1
            case 2:
                before = fire.door.kills
                fire.door.spare = chance.randrange(4)
                fire.door.armed = chance.choice(("before", "after"))
                # Nothing is committed where nothing is left to be told.
                while fire.door.kills == before and not written.is_set():
                    await asyncio.sleep(0.01)
                fire.door.armed = None
                killed["at a commit"] += fire.door.kills - before
                killed["at no commit"] += fire.door.kills == before
        if sum(worker.revive() for worker in fire.workers) and chance.random() < 0.3:
            await make_older(pool)


async def make_older(pool: Pool, span: timedelta = TAKEN_FOR, but: Sequence[str] = ()) -> None:
    """As if so much time had passed for what waits, but for these webhooks: that what a dead worker had in hand comes
    back, and what failed is tried again."""
    # What a worker is writing down just now needs no help.
    await pool.execute(
        "UPDATE delivery SET due_at = due_at - $1::interval WHERE id IN "
        "(SELECT id FROM delivery WHERE state = 'pending' AND NOT webhook_id = ANY($2::uuid[]) "
        "FOR UPDATE SKIP LOCKED)",
        span,
        but,
    )
    await pool.execute(
        "UPDATE webhook SET rests_until = rests_until - $1::interval WHERE rests_until IS NOT NULL", span
    )


async def until_told(pool: Pool, fire: Fire, but: list[str]) -> None:
    """Until every webhook but these has been told everything."""
    before = None

    async def told() -> bool:
        nonlocal before
        for worker in fire.workers:
            worker.revive()
        left = await pool.fetchval(
            """
            SELECT sum((SELECT count(*) FROM delivery d WHERE d.webhook_id = w.id AND d.state = 'pending')
                       + feed_settled() - w.seq)::bigint FROM webhook w WHERE NOT id = ANY($1::uuid[])
            """,
            but,
        )
        if left == before:
            await make_older(pool, but=but)
        before = left
        return not left

    await until(told, within_s=1_800, every_s=0.3)


async def until(holds: Callable[[], Any], *, within_s: float = 300, every_s: float = 0.05) -> None:
    end = time.monotonic() + within_s
    while not await holds():
        assert time.monotonic() < end, "it takes too long"
        await asyncio.sleep(every_s)


async def shown(pool: Pool) -> Rows:
    found: Rows = {}
    for entity in ("programme", "project", "risk", "work_item"):
        for row_id, row in await pool.fetch(f"SELECT id::text, row_to_json(t)::text FROM {entity} t"):
            found[entity, row_id] = orjson.loads(row)
    return found


def rich(entity: str, row: Row) -> bool:
    return entity == "project" and row["presence"] == "present" and (row["budget"] or 0) > 100


def of(*kinds: str) -> Callable[[str, Row], bool]:
    return lambda entity, row: entity in kinds


def three(row: Row) -> Row:
    programme = {"key": "ERP"} if row["programme_id"] else None
    return {"key": row["key"], "title": row["title"], "programme": programme}


def hangs_on(project: str) -> Callable[[str, Row], bool]:
    return lambda entity, row: project in (row.get("project_id"), row["id"])


@asynccontextmanager
async def under_fire(warm: Warm, database: str, folder: Path, url: str, secret: bytes) -> AsyncIterator[Fire]:
    """Two workers on the register behind a door, and a Valkey of their own."""
    parts = urlsplit(database)
    query = parse_qs(parts.query)
    door = Door(f"{query['host'][0]}/.s.PGSQL.{query.get('port', ['5432'])[0]}", folder)
    await door.open()
    valkey = Valkey(folder)
    config = folder / "portbook.yaml"
    config.write_text(CONFIG.format(url=url))
    environment = {
        "TEST_DATABASE": f"postgresql://{parts.username}@{parts.path}?host={folder}&port=5432",
        "TEST_REDIS": valkey.url,
        "TEST_SEAL": SEAL,
        "TEST_SECRET": written_secret(secret),
    }
    workers = [Worker(warm, config, environment) for _ in range(2)]
    try:
        yield Fire(door, workers, valkey)
    finally:
        for worker in workers:
            worker.kill()
        valkey.kill()
        await door.close()


async def test_whoever_is_well_has_the_register_though_workers_and_valkey_die(
    database: str, warm: Warm
) -> None:
    killed = await prove(database, warm, changes=40, rows_each=3, kills=3, kills_every_s=0.3)
    assert killed["worker"]
    assert killed["valkey"]


@pytest.mark.soak
async def test_whoever_is_well_has_the_register_after_20_000_changes_under_fire(
    database: str, warm: Warm
) -> None:
    killed = await prove(database, warm, changes=20_000, rows_each=60, kills=60, kills_every_s=0.7)
    assert min(killed["worker"], killed["valkey"], killed["at a commit"]) > 10
