"""`python -m bench.query.load PORT SECONDS CONNECTIONS < REQUESTS`: so many connections, each of which asks again as
soon as it is answered, the requests (apart by NUL) in turn.

Prints answers, seconds from the first question to the last answer, and the milliseconds of CPU an answer took here.
Any status but 200 ends it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Asking(asyncio.Protocol):
    """One connection. Counts bytes and keeps none: what is spent here is missing on the side that is measured."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.answers = 0
        self.done = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = until
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            length = _LENGTH.search(data, 0, end + 2)
            if not data.startswith(b"HTTP/1.1 200") or length is None:
                self.done.set_exception(RuntimeError(data[:2_000].decode("utf-8", "replace")))
                self._transport.close()
                return
            self._missing = end + 4 + int(length.group(1))
        self._missing -= len(data)
        if not self._missing:
            self.answers += 1
            if time.perf_counter() < self._until:
                self._transport.write(next(self._requests))
            else:
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(port: int, seconds: float, connections: int, requests: list[bytes]) -> None:
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    turn = cycle(requests)
    asking = [
        (await loop.create_connection(lambda: Asking(turn, start + seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(one.done for one in asking))
    took = time.perf_counter() - start
    answers = sum(one.answers for one in asking)
    print(answers, took, time.process_time() * 1000 / answers)


if __name__ == "__main__":
    uvloop.run(
        run(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.stdin.buffer.read().split(b"\0"))
    )
