"""`python -m bench.query.load PORT PATH KEY SECONDS`: 8 connections that ask again as soon as they are answered.

Used where there is no `wrk`. Prints answers per second; any status but 200 ends it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time

import uvloop

CONNECTIONS = 8
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def ask(port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    count = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise SystemExit(head.decode())
        await reader.readexactly(int(length.group(1)))
        count += 1
    writer.close()
    return count


async def run(port: int, path: str, key: str, seconds: float) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    start = time.perf_counter()
    counts = await asyncio.gather(*(ask(port, request, start + seconds) for _ in range(CONNECTIONS)))
    print(sum(counts) / (time.perf_counter() - start))


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])))
