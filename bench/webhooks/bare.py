"""`python -m bench.webhooks.bare BODIES AT_ONCE URL…`: an httpx loop that posts the same bodies to the same receivers.

It signs nothing, checks nothing, reads no database and remembers nothing: what it takes to send, in Python.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import orjson
import uvloop


async def main(bodies: list[bytes], at_once: int, urls: list[str]) -> None:
    async def line(client: httpx.AsyncClient, url: str, left: list[bytes]) -> None:
        while left:
            answer = await client.post(url, content=left.pop(), headers={"content-type": "application/json"})
            assert answer.status_code == 204

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for url in urls:
            # A client each, as a lane has: with many connections in one, httpx spends its time choosing.
            client = await stack.enter_async_context(httpx.AsyncClient(verify=False, timeout=60))
            left = list(bodies)
            for _ in range(at_once):
                group.create_task(line(client, url, left))


if __name__ == "__main__":
    told = [orjson.dumps(body) for body in orjson.loads(Path(sys.argv[1]).read_bytes())]
    print("ready", flush=True)
    sys.stdin.readline()
    uvloop.run(main(told, int(sys.argv[2]), sys.argv[3:]))
