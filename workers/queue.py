"""The doorbell: tells a worker, through Redis, that a run waits in the database.

Nothing but the ring travels through Redis, so it may be flushed, killed or away at any moment: a worker looks into
the database every few seconds anyway.
"""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from redis.exceptions import RedisError

JOB = "ring"
QUEUE = "portbook:bell"

log = structlog.get_logger("portbook.queue")


def redis_settings(url: str) -> RedisSettings:
    """arq's settings for a Redis URL; `unix:///path` for a socket. One try: the bell is never worth waiting for."""
    settings = RedisSettings.from_dsn(url) if not url.startswith("unix://") else RedisSettings()
    if url.startswith("unix://"):
        settings.unix_socket_path = url.removeprefix("unix://")
    settings.conn_retries = 1
    settings.conn_timeout = 2
    return settings


def encode(job: dict[str, Any]) -> bytes:
    """JSON instead of arq's pickle: what comes out of Redis must not be able to run code."""
    return orjson.dumps(job, default=str)


def decode(job: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(job)
    return found


async def open_bell(url: str) -> ArqRedis:
    """A connection to ring with. Raises RedisError or OSError where Redis is away."""
    return await create_pool(
        redis_settings(url), job_serializer=encode, job_deserializer=decode, default_queue_name=QUEUE
    )


async def ring(url: str) -> bool:
    """Ring once; False where Redis is away, which is no error: the run is in the database."""
    try:
        bell = await open_bell(url)
        try:
            await bell.enqueue_job(JOB)
        finally:
            await bell.aclose(close_connection_pool=True)  # it would leave the connection to the collector
    except (RedisError, OSError, TimeoutError) as error:
        log.info("the bell is out of order; workers look every few seconds", error=str(error))
        return False
    return True
