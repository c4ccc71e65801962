"""Where a webhook may lead: which addresses are the world's and which are somebody's own network.

Whoever may set up a webhook makes this machine speak to an address of their choice, from inside the network it stands
in. So everything that is not plainly the public internet is forbidden, and what an administrator names is allowed. The
list is our own: the standard library calls addresses global that lead back inside (NAT64, 6to4), and changes its mind
from version to version.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from portbook.errors import Problem

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_FORBIDDEN: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's own network"),
        ("127.0.0.0/8", "this machine"),
        ("168.63.129.16/32", "a cloud's own services"),
        ("169.254.0.0/16", "the local link, where clouds keep their metadata"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "reserved for protocols"),
        ("192.52.193.0/24", "reserved for protocols"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "reserved for protocols"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, or broadcast"),
        ("::/128", "no address"),
        ("::1/128", "this machine"),
        ("::ffff:0:0/96", "an IPv4 address in disguise"),
        ("::ffff:0:0:0/96", "an IPv4 address in disguise"),
        ("::/96", "an IPv4 address in disguise"),
        ("64:ff9b::/96", "NAT64, an IPv4 address in disguise"),
        ("64:ff9b:1::/48", "NAT64, an IPv4 address in disguise"),
        ("100::/64", "to be discarded"),
        ("2001::/32", "Teredo, an IPv4 address in disguise"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "6to4, an IPv4 address in disguise"),
        ("2620:4f:8000::/48", "reserved for protocols"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "the local link"),
        ("fec0::/10", "a site's own network"),
        ("ff00::/8", "multicast"),
    )
)
_WORLD = IPv6Network("2000::/3")
_ISATAP = (0x00005EFE, 0x02005EFE)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_PORTS = frozenset({80, 443, *range(1024, 65536)})
_LONGEST = 2_000


class AddressForbidden(Problem):
    """A webhook may not lead to this address."""

    code = "WHK002"


class Target(NamedTuple):
    """A webhook's address, taken apart. `host` is a name, or an IP address without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    """With the query."""


def forbidden(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Why nothing may be sent to this address; None where it may. `allowed` wins, zones and disguises apart."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "an address with a zone"
    if _within(address, allowed):
        return None
    for network, why in _FORBIDDEN:
        if address.version == network.version and address in network:
            return why
    if isinstance(address, IPv6Address):
        if address not in _WORLD:
            return "not in use on the internet"
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            return "ISATAP, an IPv4 address in disguise"
    return None


def usable_target(url: str, allowed: Sequence[Network] = ()) -> Target:
    """The parts of a webhook's address. Raises AddressForbidden for one that could only be misread or is forbidden as
    it stands. What a name leads to is looked at each time it is connected to."""
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise _refused(
            "a webhook's address is plain ASCII, without spaces and backslashes",
            "Write names of other alphabets as xn--…, anything else with % signs.",
        )
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise _refused("this is no address", "It looks like https://example.org/hooks.") from None
    if parts.scheme not in ("https", "http") or not host:
        raise _refused("a webhook's address begins with https://", "It looks like https://example.org/hooks.")
    if "@" in parts.netloc:
        raise _refused("a webhook's address holds no user or password", "The signature says who we are.")
    if parts.fragment or "#" in url:
        raise _refused("a webhook's address has no `#`: it would never be sent")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    if port not in _PORTS:
        raise _refused(f"port {port} is no port for webhooks", "Use 443, 80, or 1024 and above.")
    literal = _literal(host, bracketed="[" in parts.netloc)
    if literal is not None:
        require_allowed(literal, parts.scheme, allowed)
    elif parts.scheme == "http" and not allowed:
        raise _refused(
            "a webhook's address begins with https://", "Plain http is for allowed private networks alone."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, str(literal or host), port, path)


def require_allowed(address: Address, scheme: str, allowed: Sequence[Network]) -> None:
    """Raises AddressForbidden unless a webhook may lead there. Plain http may only where an administrator said so."""
    why = forbidden(address, allowed)
    if why is not None:
        raise _refused(f"webhooks may not lead to {address}: {why}", _ALLOW)
    if scheme == "http" and not _within(address, allowed):
        raise _refused(
            "a webhook's address begins with https://", "Plain http is for allowed private networks alone."
        )


_ALLOW = "An administrator can allow a network: `outbound: {allow: [10.20.0.0/16]}`."


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _literal(host: str, *, bracketed: bool) -> Address | None:
    """The address that the host is, unless it is a name."""
    if bracketed:
        try:
            return ip_address(host)
        except ValueError:
            raise _refused("this is no IPv6 address") from None
    last = host.rstrip(".").rpartition(".")[2]
    if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        # Resolvers read 0x7f.1, 017700000001 and 2130706433 as addresses; one form is enough.
        try:
            return IPv4Address(host)
        except ValueError:
            raise _refused("an IPv4 address is four decimal numbers", "Or use its name.") from None
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise _refused("this is no name of a host")
    return None


def _refused(message: str, hint: str = "") -> AddressForbidden:
    return AddressForbidden(message, hint=hint)
