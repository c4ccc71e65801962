"""`python -m bench.webhooks.work DATABASE [LOOK_EVERY_S]`: what tells webhooks in a worker, and nothing beside it."""

from __future__ import annotations

import asyncio
import signal
import sys
from ipaddress import ip_network

import uvloop

from register.db import open_pool
from register.deliveries import Deliveries
from register.sealing import Sealer
from workers import deliver

HERE = (ip_network("127.0.0.0/8"),)
SEALER = Sealer(b"bench")


async def main(database: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pool = await open_pool(database, size=8)
    async with deliver.Deliverer(Deliveries(pool), sealer=SEALER, allowed=HERE) as deliverer:
        print("ready", flush=True)
        await deliverer.run(stop)
    await pool.close()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        deliver.LOOK_EVERY_S = float(sys.argv[2])
    uvloop.run(main(sys.argv[1]))
