"""The address that is connected to is the one that was checked, whatever a name says from one moment to the next."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_network

import httpcore
import pytest

from register.addresses import AddressForbidden, Network
from tests.fakes.receiver import Receiver
from workers.connect import Guarded, Resolver, open_connections

HERE = [ip_network("127.0.0.1/32")]


class Names:
    """Resolves every name to what was said for each time it is asked; the last answer stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def post(
    names: Names, port: int, allowed: Sequence[Network] = HERE, name: str = "hooks.example"
) -> int:
    async with open_connections("http", allowed, most=2, resolve=names) as pool:
        answer = await pool.request(
            "POST", f"http://{name}:{port}/x", content=b"{}", headers={"connection": "close"}
        )
        return answer.status


async def test_a_name_leads_where_it_may_and_is_still_the_host_that_is_asked() -> None:
    async with Receiver() as receiver:
        assert await post(Names(["127.0.0.1"]), receiver.port) == 204
        assert receiver.calls[0].headers["host"] == f"hooks.example:{receiver.port}"


@pytest.mark.parametrize(
    "address", ["127.0.0.2", "::1", "169.254.169.254", "10.0.0.1", "64:ff9b::7f00:1", "fe80::1%lo"]
)
async def test_a_name_that_leads_inside_is_not_followed(address: str) -> None:
    async with Receiver(host="127.0.0.2") as receiver:
        with pytest.raises(AddressForbidden):
            await post(Names([address]), receiver.port)
        assert receiver.connections == 0


async def test_a_name_that_is_bound_anew_between_check_and_connection_gains_nothing() -> None:
    async with Receiver() as good, Receiver(host="127.0.0.2") as inside:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        assert await post(names, good.port) == 204
        assert names.asked == ["hooks.example"]  # once: what was looked at is what was connected to
        with pytest.raises(AddressForbidden):
            await post(names, inside.port)
        assert inside.connections == 0


async def test_of_several_addresses_only_allowed_ones_are_tried() -> None:
    async with Receiver() as receiver:
        assert await post(Names(["169.254.169.254", "127.0.0.2", "127.0.0.1"]), receiver.port) == 204


async def test_by_default_this_machine_cannot_be_reached() -> None:
    async with Receiver() as receiver:
        with pytest.raises(AddressForbidden):
            await post(Names(["127.0.0.1"]), receiver.port, [])
        assert receiver.connections == 0


async def test_a_name_that_does_not_resolve_is_a_failed_connection() -> None:
    with pytest.raises(httpcore.ConnectError):
        await Guarded("https", [], Resolver()).connect_tcp("no-such-host.invalid", 443, timeout=5)


async def test_no_socket_of_this_machine_can_be_asked_for() -> None:
    with pytest.raises(AddressForbidden):
        await Guarded("https", [], Resolver()).connect_unix_socket("/run/x.sock")


async def test_names_that_are_not_answered_for_keep_no_other_from_being_resolved() -> None:
    """The threads that the event loop has are few, and everybody's."""
    asked: Counter[str] = Counter()
    told = threading.Event()

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked[host] += 1
        if host != "good.example":
            assert told.wait(30)
        return [(0, 0, 0, "", ("192.0.2.7", port))]

    resolver = Resolver(look_up)
    hanging = [asyncio.create_task(resolver(f"slow{n % 50}.example", 443)) for n in range(200)]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert await resolver("good.example", 443) == ["192.0.2.7"]
        hanging[0].cancel()  # who gave up takes nobody's answer along
    finally:
        told.set()
    found = await asyncio.gather(*hanging, return_exceptions=True)
    assert [one for one in found if one != ["192.0.2.7"]] == [found[0]]
    assert set(asked.values()) == {1}
    await resolver.close()


async def test_a_name_that_there_is_not_is_an_error_that_says_so() -> None:
    resolver = Resolver()
    with pytest.raises(OSError):  # noqa: PT011 - as the machine puts it
        await resolver("no-such-name.invalid", 443)
    with pytest.raises(UnicodeError):
        await resolver("a" * 70 + ".example", 443)
    await resolver.close()
