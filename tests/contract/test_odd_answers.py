"""Answers that are JSON and yet not quite: some never end, some begin with a mark that JSON does not have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from adapters.download import Downloads
from adapters.errors import SourceUnavailable
from adapters.http import Http, Patience
from adapters.json_body import loads
from adapters.sign_in import Unsigned


class Dripping(httpx.AsyncBaseTransport):
    """Sends a byte now and then, each in good time, for ever."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        class Drops(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                while True:
                    await asyncio.sleep(0.002)
                    yield b" "

        return httpx.Response(200, headers={"Content-Type": "application/json"}, stream=Drops())


async def test_an_answer_that_drips_for_ever_is_given_up() -> None:
    once = Patience(attempts=1, base=0, cap=0)
    async with (
        asyncio.timeout(10),
        Http("https://tool.example", Unsigned(), patience=once, transport=Dripping(), timeout_s=0.02) as http,
    ):
        with pytest.raises(SourceUnavailable, match="did not answer in time"):
            await http.json("GET", "things", decode=loads)


async def test_a_file_that_drips_for_ever_is_given_up(tmp_path: Path) -> None:
    async with asyncio.timeout(10), Downloads(transport=Dripping(), timeout_s=0.02) as downloads:
        with pytest.raises(SourceUnavailable, match="did not arrive in time"):
            await downloads.fetch("https://drive.example/x", tmp_path / "x", name="x", largest=1 << 30)


async def test_a_byte_order_mark_in_front_of_an_answer_is_no_part_of_it() -> None:
    async def marked(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, content=b'\xef\xbb\xbf{"a": 1}', headers={"Content-Type": "application/json"}
        )

    once = Patience(attempts=1, base=0, cap=0)
    transport = httpx.MockTransport(marked)
    async with Http("https://tool.example", Unsigned(), patience=once, transport=transport) as http:
        assert await http.json("GET", "things", decode=loads) == {"a": 1}
