"""Who has signed in elsewhere: the tokens (JWT) of issuers that the configuration names, and what their claims give.

A token is verified once and remembered until it ends. What it shows is worked out anew every few seconds, as for keys.
"""

from __future__ import annotations

import logging
import math
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import jwt
import orjson

from gateway.errors import AccountBlocked, NotAllowed, TokenRefused
from gateway.signing_keys import ALGORITHMS, SigningKeys
from register.accounts import Blocked, plain_name
from register.errors import RegisterError, RowNotFound
from register.keys import Caller
from register.query.errors import RowAmbiguous
from register.query.scope import Reader, RowScope, find_named, only_named, resolve_and_weigh
from register.single_flight import SingleFlight

LONGEST = 16_384
"""Characters of a token. Two hundred groups take eight thousand."""
LEEWAY_S = 60
"""How far clocks may be apart."""
KEPT_S = 86_400
"""Nothing that was verified is remembered for longer, whenever the token ends."""
_REMEMBERED = 10_000
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_NAMES = ("preferred_username", "upn", "unique_name", "email", "name", "app_displayname", "azp", "appid")
_IDS = ("sub", "oid")
_SPACED = frozenset({"scp", "scope"})
_ADDRESSES = frozenset({"email", "preferred_username", "upn", "unique_name"})
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

_log = logging.getLogger("portbook.gateway")


@dataclass(frozen=True, slots=True)
class Grant:
    """What the value of a claim gives."""

    claim: str
    value: str
    scopes: frozenset[str] = frozenset({"read"})
    rows: tuple[tuple[str, str], ...] = ()
    """What it shows, as pairs of collection and id or key; none: everything."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues tokens for us."""

    keys: SigningKeys
    audiences: tuple[str, ...]
    grants: tuple[Grant, ...]


@dataclass(slots=True)
class _Verified:
    issuer: Issuer
    caller: Caller
    names: frozenset[str]
    """Whatever an administrator may know the account by."""
    rows: tuple[tuple[str, str], ...]
    ends_at: float
    withdrawn: int
    looked_at: float = -math.inf


@dataclass(slots=True)
class _Shown:
    scope: RowScope
    until: float


@dataclass(slots=True)
class Tokens:
    """Verifies tokens. Bounded in what it remembers, and what it remembers was verified."""

    issuers: Sequence[Issuer]
    reader: Reader
    blocked: Blocked
    remember_s: float = 5.0
    _known: dict[bytes, _Verified] = field(default_factory=dict)
    _shown: dict[tuple[tuple[str, str], ...], _Shown] = field(default_factory=dict)
    _resolving: SingleFlight[RowScope] = field(default_factory=SingleFlight)

    async def caller(self, token: str) -> Caller:
        """Whose token this is. Raises TokenRefused, SignInUnavailable, NotAllowed where it gives nothing, or
        AccountBlocked."""
        if len(token) > LONGEST:
            raise TokenRefused(f"the token has more than {LONGEST:,} characters")
        place = blake2b(token.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        known = self._known.get(place)
        if known is None or known.ends_at <= time.time() or known.withdrawn != known.issuer.keys.withdrawn:
            self._known.pop(place, None)
            known = await self._verify(token)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[place] = known
        else:
            known.issuer.keys.freshen()
        if await self.blocked.has(known.names):
            raise AccountBlocked(known.caller.actor)
        if known.rows and known.looked_at + self.remember_s <= time.monotonic():
            scope = await self._scope(known.rows)
            known.caller = _restricted(known.caller, scope)
            known.looked_at = time.monotonic()
        return known.caller

    async def close(self) -> None:
        await self._resolving.close()
        await self.blocked.close()
        for issuer in self.issuers:
            await issuer.keys.close()

    async def _verify(self, token: str) -> _Verified:
        header, claims = _unverified(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise TokenRefused(f"tokens are signed by RS256, ES256 or their kin, not {str(algorithm)[:40]!r}")
        if "nonce" in header:
            raise TokenRefused(
                "this token is for Microsoft Graph, which alone can read it",
                "Ask for a token for the application that `sign_in` names.",
            )
        if "crit" in header or str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise TokenRefused(f"this is no access token, but {str(header.get('typ'))[:40]!r}")
        issuer = self._issuer(claims.get("iss"))
        name = header.get("kid")
        keys = await issuer.keys.find(name if isinstance(name, str) else None, algorithm)
        withdrawn = issuer.keys.withdrawn
        claims = _decoded(token, keys, algorithm, issuer)
        if _tells_who_only(claims):
            raise TokenRefused(
                "this is an ID token, which tells a program who signed in",
                "Send the access token that came with it.",
            )
        return _granted(issuer, claims, withdrawn)

    def _issuer(self, name: object) -> Issuer:
        for issuer in self.issuers:
            if issuer.keys.issuer == name:
                return issuer
        if not self.issuers:
            raise TokenRefused(
                "this gateway takes API keys alone, no tokens", "An administrator can configure `sign_in`."
            )
        raise TokenRefused(f"the token's issuer is none that is configured: {str(name)[:200]!r}")

    def _warn(self, collection: str, reference: str, problem: RegisterError) -> None:
        every = (grant for issuer in self.issuers for grant in issuer.grants)
        granted = (f"{one.claim}: {one.value}" for one in every if (collection, reference) in one.rows)
        _log.warning(
            "a grant of sign_in (%s) shows less than it says: %s", ", ".join(granted), problem.message
        )

    async def _scope(self, rows: tuple[tuple[str, str], ...]) -> RowScope:
        """Of today, found out once for all who ask at the same time."""
        shown = self._shown.get(rows)
        if shown is not None and shown.until > time.monotonic():
            return shown.scope
        return await self._resolving(rows, lambda: self._resolved(rows))

    async def _resolved(self, rows: tuple[tuple[str, str], ...]) -> RowScope:
        """What is not there, or is there twice, shows nothing and takes nothing else away."""
        now = time.monotonic()
        named: dict[str, list[str]] = {}
        for collection, reference in rows:
            named.setdefault(collection, []).append(reference)
        kept: dict[str, list[str]] = {}
        for collection, references in named.items():
            for reference, found in (await find_named(self.reader, collection, references)).items():
                try:
                    kept.setdefault(collection, []).append(only_named(collection, reference, found))
                except (RowNotFound, RowAmbiguous) as problem:
                    if rows not in self._shown:
                        self._warn(collection, reference, problem)
        if len(self._shown) >= _REMEMBERED:
            self._shown.clear()
        scope = await resolve_and_weigh(self.reader, orjson.dumps(kept).decode())
        self._shown[rows] = _Shown(scope, now + self.remember_s)
        return scope


def is_token(credentials: str) -> bool:
    """Whether this has the form of a token, which no key has."""
    return credentials.count(".") >= 2 and not credentials.startswith("pb_")


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims as they stand there: enough to see who could vouch for them."""
    if not _FORM.fullmatch(token):
        raise TokenRefused("this is neither a key nor a signed token")
    parts = []
    for text in token.split(".")[:2]:
        try:
            part = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except ValueError:
            part = None
        if not isinstance(part, dict):
            raise TokenRefused("the token cannot be read")
        parts.append(part)
    return parts[0], parts[1]


def _decoded(token: str, keys: Sequence[Any], algorithm: str, issuer: Issuer) -> dict[str, Any]:
    """The claims, as one of the keys proves them. Raises TokenRefused."""
    for key in keys:
        try:
            return jwt.decode(
                token, key, algorithms=[algorithm], audience=issuer.audiences, issuer=issuer.keys.issuer,
                leeway=LEEWAY_S, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise _refusal(error, issuer) from None
        except (ValueError, OverflowError, RecursionError):
            raise TokenRefused("the token cannot be read") from None
    raise TokenRefused("the token's signature is wrong")


def _tells_who_only(claims: Mapping[str, Any]) -> bool:
    """Whether this is an ID token. Keycloak's access tokens may have a `nonce` as well, and say `typ: Bearer`."""
    return bool({"at_hash", "c_hash"} & claims.keys()) or (
        "nonce" in claims and claims.get("typ") != "Bearer"
    )


def _refusal(error: jwt.PyJWTError, issuer: Issuer) -> TokenRefused:
    match error:
        case jwt.ExpiredSignatureError():
            return TokenRefused("the token has ended", "Sign in again.")
        case jwt.ImmatureSignatureError():
            return TokenRefused("the token is not valid yet", "Is a clock wrong, there or here?")
        case jwt.InvalidAudienceError():
            return TokenRefused(
                "the token is for another application",
                f"Its audience must be {' or '.join(issuer.audiences)}.",
            )
        case jwt.MissingRequiredClaimError():
            return TokenRefused(f"the token lacks the claim `{error.claim}`")
        case jwt.InvalidKeyError():
            return TokenRefused("the token's signature is wrong")
    return TokenRefused(f"the token cannot be taken: {str(error)[:200]}")


def _granted(issuer: Issuer, claims: Mapping[str, Any], withdrawn: int) -> _Verified:
    """Raises NotAllowed where no grant fits."""
    grants = [grant for grant in issuer.grants if _fits(grant, claims)]
    if not grants:
        raise NotAllowed(*_ungranted(issuer, claims))
    rows = () if any(not grant.rows for grant in grants) else tuple(r for grant in grants for r in grant.rows)
    account = f"{issuer.keys.issuer} {claims['sub']}"
    caller = Caller(
        uuid5(NAMESPACE_URL, account),
        _name(claims),
        frozenset().union(*(grant.scopes for grant in grants)),
        RowScope() if rows else None,
        account,
    )
    ends_at = min(int(claims["exp"]), int(time.time()) + KEPT_S)
    names = (account, caller.name, *(str(claims.get(name, "")) for name in (*_IDS, *_ADDRESSES)))
    return _Verified(
        issuer,
        caller,
        frozenset(plain_name(name) for name in names if name),
        tuple(dict.fromkeys(rows)),
        ends_at,
        withdrawn,
    )


def _ungranted(issuer: Issuer, claims: Mapping[str, Any]) -> tuple[str, str]:
    looked = list(dict.fromkeys(grant.claim for grant in issuer.grants))
    words = ", ".join(f"`{claim}`{_lacking(claim, claims)}" for claim in looked)
    elsewhere = claims.get("_claim_names")
    if "groups" in looked and (
        (isinstance(elsewhere, dict) and "groups" in elsewhere) or claims.get("hasgroups")
    ):
        return (
            f"the token does not say which groups {_name(claims)!r} is in: there are too many; looked at {words}",
            "Give grants by app roles (`roles`), or let the app registration list only groups assigned to it.",
        )
    return (
        f"{_name(claims)!r} has signed in, but nothing is granted; looked at {words}",
        "An administrator adds a grant to `sign_in`, or a group or role to the account.",
    )


def _lacking(claim: str, claims: Mapping[str, Any]) -> str:
    if not _values(claim, claims):
        return " (not there)"
    return " (`email_verified` is not true)" if claim == "email" and not _verified(claims) else ""


def _fits(grant: Grant, claims: Mapping[str, Any]) -> bool:
    if grant.claim == "email" and not _verified(claims):
        return False
    values = _values(grant.claim, claims)
    if grant.claim in _ADDRESSES:
        return grant.value.casefold() in (value.casefold() for value in values)
    return grant.value in values


def _verified(claims: Mapping[str, Any]) -> bool:
    """Whether the issuer says that the address is the account's own: anybody can write down another's."""
    return claims.get("email_verified") is True or claims.get("email_verified") == "true"


def _values(claim: str, claims: Mapping[str, Any]) -> list[str]:
    """What a claim holds, as texts."""
    found: Any = claims.get(claim)
    if found is None and "." in claim:
        found = claims
        for step in claim.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if claim in _SPACED and isinstance(found, str):
        found = found.split()
    listed: Iterable[Any] = found if isinstance(found, list) else (found,)
    return [
        str(value).lower() if isinstance(value, bool) else str(value)
        for value in listed
        if isinstance(value, str | int)
    ]


def _name(claims: Mapping[str, Any]) -> str:
    found = next((claims[name] for name in _NAMES if isinstance(claims.get(name), str)), claims["sub"])
    return "".join(char for char in str(found) if char.isprintable())[:200]


def _restricted(caller: Caller, scope: RowScope) -> Caller:
    return Caller(caller.key_id, caller.name, caller.scopes, scope, caller.account)
