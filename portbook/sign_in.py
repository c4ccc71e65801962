"""Signing in with tokens, from the configuration to working parts: who issues them, and how their keys are read."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import httpx

from adapters.address import is_loopback
from gateway.errors import SignInUnavailable
from gateway.signing_keys import LOOK, SigningKeys
from gateway.tokens import Grant, Issuer
from portbook.config import Config
from portbook.config.sign_in import GrantSettings, IssuerSettings

WITHIN_S = 5.0
"""For all of an answer: requests wait for it."""
LARGEST = 1 << 20
_ENTRA = re.compile(r"https://(?:sts\.windows\.net/([^/]+)/|(login\.[a-z.]+)/([^/]+)/v2\.0)", re.IGNORECASE)


def issuers_of(config: Config) -> tuple[Issuer, ...]:
    """Whose tokens are taken. Asks nobody yet: an issuer that is away keeps no gateway from starting."""
    return tuple(
        Issuer(keys_of(each), each.audience, tuple(_grant(grant) for grant in each.grants))
        for each in config.sign_in
    )


def keys_of(issuer: IssuerSettings) -> SigningKeys:
    """Its keys, not read yet."""
    return SigningKeys(issuer.issuer, read_public, discovery=issuer.discovery)


def authorization_uri(config: Config) -> str | None:
    """Where OData clients send people: what the first issuer says, or what is known of Entra."""
    for issuer in config.sign_in:
        if issuer.authorization_uri:
            return issuer.authorization_uri
        if entra := _ENTRA.fullmatch(issuer.issuer):
            host, tenant = entra[2] or "login.microsoftonline.com", entra[1] or entra[3]
            return f"https://{host}/{tenant}/oauth2/authorize"
    return None


async def read_public(url: str) -> bytes:
    """What stands at an address that everybody may read. Raises SignInUnavailable, also for a redirect, and where all
    of it is not there in WITHIN_S."""
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _read(url)
    except TimeoutError:
        raise SignInUnavailable(f"the issuer did not answer within {WITHIN_S:g} s", url, LOOK) from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as broken:
        words = str(broken) or type(broken).__name__
        raise SignInUnavailable(f"the issuer cannot be reached: {words}", url, LOOK) from None


async def _read(url: str) -> bytes:
    parts = urlsplit(url)
    # Packed, a little can become much at once.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "portbook"}
    async with (
        httpx.AsyncClient(
            headers=headers,
            timeout=WITHIN_S,
            verify=parts.scheme == "https",
            trust_env=not is_loopback(parts.hostname or ""),
        ) as client,
        client.stream("GET", url) as response,
    ):
        if response.is_redirect:
            raise SignInUnavailable("the issuer redirects, which is not followed", url, LOOK)
        if response.status_code != 200:
            raise SignInUnavailable(f"the issuer answered {response.status_code}", url, LOOK)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise SignInUnavailable("the issuer's answer is packed, though it was asked for plain", url, LOOK)
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > LARGEST:
                raise SignInUnavailable(f"the issuer's answer has more than {LARGEST:,} bytes", url, LOOK)
    return bytes(body)


def _grant(settings: GrantSettings) -> Grant:
    rows = tuple((collection, one) for collection, references in settings.rows.items() for one in references)
    return Grant(settings.claim, settings.value, frozenset(settings.scopes), rows)
