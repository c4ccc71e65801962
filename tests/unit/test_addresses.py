"""Where webhooks may lead: no form of an inner address gets past, and the internet's own addresses do."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.addresses import AddressForbidden, forbidden, usable_target

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "2a00:1450::5efe:10.0.0.1",
    "2a00:1450::200:5efe:7f00:1",
    "2620:4f:8000::1",
]
MISREAD = [
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0x/",
    "https://1.2.3.4.5/",
    "https://256.256.256.256/",
    "https://host.0x7f/",
    "https://[::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/",
    "https://[v1.x]/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://loca%6chost/",
    "https://exa mple.org/",
    "https://example.org\\@127.0.0.1/",
    "https://example.org\t/",
    "https://user:secret@example.org/",
    "https://user@example.org/",
    "https://@example.org/",
    "https://example.org@127.0.0.1/",
    "https://example.org#@127.0.0.1/",
    "https://example.org/#",
    "https://example.org:22/",
    "https://example.org:25/",
    "https://example.org:0/",
    "https://example.org:65536/",
    "https://example.org:http/",
    "http://example.org/",
    "http://93.184.215.14/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "unix:///run/x.sock",
    "//example.org/",
    "https:///",
    "https://",
    "https://-bad.example/",
    "https://a..b/",
    "example.org",
    "",
    "https://" + "a" * 64 + ".example/",
    "https://example.org/" + "a" * 2000,
    "https://example.org/\x00",
    "https://example.org/\r\nHost: x",
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_an_inner_address_is_forbidden_as_an_address_and_in_a_url(text: str) -> None:
    address = ip_address(text)
    assert forbidden(address)
    written = f"[{text}]" if ":" in text else text
    with pytest.raises(AddressForbidden):
        usable_target(f"https://{written}/hooks")


@pytest.mark.parametrize("url", MISREAD)
def test_a_url_that_could_be_misread_is_refused(url: str) -> None:
    with pytest.raises(AddressForbidden):
        usable_target(url)


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "93.184.215.14",
        "172.15.0.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "2a00:1450:4001::200e",
    ],
)
def test_addresses_of_the_internet_are_allowed(text: str) -> None:
    assert forbidden(ip_address(text)) is None


def test_a_usable_url_comes_apart() -> None:
    target = usable_target("https://Hooks.Example.org:8443/a/b?c=d")
    assert target == ("https", "hooks.example.org", 8443, "/a/b?c=d")
    assert usable_target("https://example.org") == ("https", "example.org", 443, "/")
    assert usable_target("https://[2606:4700::1111]/x") == ("https", "2606:4700::1111", 443, "/x")


def test_what_an_administrator_allows_is_allowed_and_nothing_beside_it() -> None:
    allowed = [ip_network("10.20.0.0/16"), ip_network("127.0.0.1/32")]
    assert forbidden(IPv4Address("10.20.1.1"), allowed) is None
    assert usable_target("http://10.20.1.1:8080/x", allowed).port == 8080
    for url in ("http://10.21.0.1/", "https://127.0.0.2/", "https://[::ffff:10.20.1.1]/", "http://8.8.8.8/"):
        with pytest.raises(AddressForbidden):
            usable_target(url, allowed)


def test_no_allowance_makes_an_address_with_a_zone_usable() -> None:
    assert forbidden(IPv6Address("fe80::1%eth0"), [ip_network("fe80::/10")])


@given(st.ip_addresses(v=4))
def test_no_disguise_of_an_ipv4_address_is_allowed(address: IPv4Address) -> None:
    number = int(address)
    for disguise in (
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(number),
        IPv6Address(0xFFFF << 48 | number),
        IPv6Address(0x64FF9B << 96 | number),
        IPv6Address(0x2002 << 112 | number << 80),
        IPv6Address(0x20010000 << 96 | number ^ 0xFFFFFFFF),
        IPv6Address(0x2A001450 << 96 | 0x5EFE << 32 | number),
    ):
        assert forbidden(disguise), disguise


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_allowed(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert forbidden(address), address


@given(st.text(max_size=60))
def test_any_text_is_a_usable_address_or_refused_as_such(text: str) -> None:
    for url in (text, "https://" + text, "https://[" + text + "]/"):
        try:
            target = usable_target(url)
        except AddressForbidden:
            continue
        assert target.host
        assert target.path.startswith(("/", "?"))
