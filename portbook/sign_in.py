"""Signing in with tokens, from the configuration to working parts: who issues them, and how their keys are read."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from adapters.errors import SourceMisbehaved
from adapters.http import Http, Patience
from adapters.sign_in import Unsigned
from gateway.signing_keys import SigningKeys
from gateway.tokens import Grant, Issuer
from portbook.config import Config
from portbook.config.sign_in import GrantSettings, IssuerSettings

WITHIN_S = 5.0
"""A request may wait for it."""
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
    """What stands at an address that everybody may read. Raises SourceError, also for a redirect."""
    parts = urlsplit(url)
    path = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
    async with Http(
        f"{parts.scheme}://{parts.netloc}",
        Unsigned(),
        concurrency=1,
        patience=Patience(attempts=1),
        timeout_s=WITHIN_S,
    ) as http:
        body = await http.json("GET", path, decode=bytes)
    if len(body) > LARGEST:
        raise SourceMisbehaved("the answer is too large", detail=url)
    return body


def _grant(settings: GrantSettings) -> Grant:
    named = {
        "portfolios": settings.portfolios,
        "programmes": settings.programmes,
        "projects": settings.projects,
    }
    rows = tuple((collection, one) for collection, references in named.items() for one in references)
    return Grant(settings.claim, settings.value, frozenset(settings.scopes), rows)
