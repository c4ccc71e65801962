"""Addresses: which one a person may configure, which is this machine, and which next-page links are the tool's own."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from adapters.errors import SourceMisbehaved


def own_path(base_url: str, link: str) -> str:
    """What to ask `Http` for, to follow a link that the tool gave for its next page, untouched behind the base.
    SourceMisbehaved when it leads anywhere else: our credentials would go with it."""
    base, parts = urlsplit(base_url), urlsplit(link)
    origin, path = (base.scheme, base.netloc.lower()), base.path.rstrip("/") + "/"
    if (parts.scheme, parts.netloc.lower()) != origin or not parts.path.startswith(path):
        raise SourceMisbehaved(
            f"the tool's link to its next page leads elsewhere: {parts.scheme}://{parts.netloc}{parts.path}",
            detail=base_url,
            hint="If the tool is known under two names, put the one it uses itself into `url`.",
        )
    rest = parts.path[len(path) :]
    return f"{rest}?{parts.query}" if parts.query else rest


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def usable_base_url(url: str) -> str:
    """The url without a trailing slash, or ValueError: secrets inside it, no host, or plain http to a host
    that is not this machine or a private network."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a full address such as https://jira.example.org/jira")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password; use `auth`")
    if parts.query or parts.fragment:
        raise ValueError("must end with the path: no `?` and no `#`")
    if parts.scheme == "http" and not _is_private(parts.hostname):
        raise ValueError("must be https: plain http is for this machine and private addresses only")
    return url.strip().rstrip("/")


def same_address(url: str) -> str:
    """A usable base url in the one form that all its spellings share."""
    parts = urlsplit(url)
    port = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}{parts.path}"


def _is_private(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        # A name without a dot, or under a suffix that never resolves outside, is an internal host or a
        # container.
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".test"))
