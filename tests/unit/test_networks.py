"""Whoever has many addresses takes nobody else's place among those that are told apart."""

from __future__ import annotations

import pytest

from gateway import networks
from gateway.networks import ELSEWHERE, MOST_INSIDE, Networks


@pytest.mark.parametrize(
    ("form", "network", "wider"),
    [
        ("203.0.{high}.{low}", "203.0.7.0/24", "203.0.0.0/16"),
        ("::ffff:203.0.{high}.{low}", "203.0.7.0/24", "203.0.0.0/16"),
        ("2001:db8:1:{high:x}::{low:x}", "2001:db8:1:7::/64", "2001:db8:1::/48"),
    ],
)
def test_a_network_tells_few_addresses_apart_and_counts_the_rest_as_itself(
    form: str, network: str, wider: str
) -> None:
    told = Networks()
    there = [form.format(high=7, low=n) for n in range(200)]
    assert [told.told(each) for each in there] == there[:MOST_INSIDE] + [network] * (200 - MOST_INSIDE)
    assert told.told(there[0]) == there[0]
    others = [form.format(high=100 + n, low=1) for n in range(100)]
    assert [told.told(each) for each in others] == others[: MOST_INSIDE - 1] + [wider] * (101 - MOST_INSIDE)


def test_one_who_has_a_whole_provider_blinds_nobody_else() -> None:
    told = Networks()
    for customer in range(200):
        for network in range(20):
            for host in range(20):
                told.told(f"2001:db8:{customer:x}:{network:x}::{host:x}")
    assert told.told("2001:db8:ffff::1") == "2001:db8::/32"
    for else_where in ("2001:db9::1", "198.51.100.7", "::1", "fe80::1%eth0", ""):
        assert told.told(else_where) == else_where


def test_what_is_kept_is_bounded_whoever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "MOST", 90)
    told = Networks()
    found = [told.told(f"{n}.0.0.1") for n in range(1, 100)]
    assert found == [f"{n}.0.0.1" for n in range(1, 31)] + [ELSEWHERE] * 69
    assert sum(map(len, told._inside.values())) == 90
