"""Which addresses are told apart in a day: few in each network, so that whoever has many takes nobody else's place."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

MOST_INSIDE = 16
"""What is told apart in one network: addresses, or the networks in it."""
MOST = 20_000
"""Addresses and networks in all."""
ELSEWHERE = "…"
_V4_WIDTHS, _V6_WIDTHS = (16, 24), (32, 48, 64)
"""Of networks as they are given out: to providers, to their customers."""


class Networks:
    """Tells addresses apart while there is room, and then the networks they are in. Bounded, whoever comes."""

    def __init__(self) -> None:
        self._inside: dict[str, set[str]] = {}
        self._count = 0

    def told(self, address: str) -> str:
        """The address; else the smallest network of it for which there is room; else ELSEWHERE."""
        found = ELSEWHERE
        for step in _ladder(address):
            inside = self._inside.setdefault(found, set())
            if step not in inside:
                if self._count >= MOST or (found != ELSEWHERE and len(inside) >= MOST_INSIDE):
                    break
                inside.add(step)
                self._count += 1
            found = step
        return found


@lru_cache(maxsize=4096)
def _ladder(address: str) -> tuple[str, ...]:
    """The networks of an address, from the widest, and the address itself."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a socket of this machine has none
        return (address,)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv6Address):
        wider = [str(IPv6Network((int(parsed), width), strict=False)) for width in _V6_WIDTHS]
    else:
        wider = [str(IPv4Network((int(parsed), width), strict=False)) for width in _V4_WIDTHS]
    return (*wider, address)
