"""The address that is connected to is the one that was checked, whatever a name says from one moment to the next."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import httpcore
import pytest

from register.addresses import AddressForbidden, Network
from tests.fakes.receiver import Receiver
from workers.connect import Guarded, open_connections

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
        await Guarded("https", []).connect_tcp("no-such-host.invalid", 443, timeout=5)


async def test_no_socket_of_this_machine_can_be_asked_for() -> None:
    with pytest.raises(AddressForbidden):
        await Guarded("https", []).connect_unix_socket("/run/x.sock")
