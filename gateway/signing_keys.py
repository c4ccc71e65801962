"""The keys that an issuer signs its tokens with: found by its metadata, kept, and looked for anew when they change."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import jwt
import orjson

from gateway.errors import SignInUnavailable, TokenRefused
from portbook.tasks import stop

Fetch = Callable[[str], Awaitable[bytes]]
"""What stands at an address. Raises SignInUnavailable; follows no redirect."""

ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
}
"""Those that are taken, each with its kind of key. What both sides know is no signature, and `none` neither."""
REFRESH_S = 3_600.0
"""So often keys are read anew while all is well: one that was withdrawn must not go on."""
KEPT_S = 86_400.0
"""So long keys are good while the issuer cannot be reached."""
PAUSE_S = 30.0
"""At least so long after reading them, whatever keys tokens name."""
RETRY_S = 5.0
"""The same where reading failed."""
LOOK = "Check `issuer` and `discovery` in `sign_in`, and the network on the way there."
_WEAKEST_RSA = 2_048
_DIRECTORY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Key(NamedTuple):
    """A public key, and what it is for."""

    name: str | None
    """Its `kid`; issuers with one key may leave it out."""
    kind: str
    algorithm: str | None
    """The only one, where the issuer says so."""
    public: Any

    def fits(self, algorithm: str) -> bool:
        return self.kind == ALGORITHMS[algorithm] and self.algorithm in (None, algorithm)


class SigningKeys:
    """One issuer's. Unknown keys are looked for once at a time and seldom, so that a flood of tokens is no flood of
    requests to the issuer."""

    def __init__(
        self, issuer: str, fetch: Fetch, *, discovery: str | None = None, pause_s: float = PAUSE_S
    ) -> None:
        self.issuer = issuer
        self.discovery = discovery or f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        self._fetch = fetch
        self._pause_s = pause_s
        self._keys: Sequence[Key] = ()
        self._read_at = 0.0
        self._not_before = 0.0
        self._failed: SignInUnavailable | None = None
        self._reading = asyncio.Lock()
        self._in_background: asyncio.Task[None] | None = None
        self.withdrawn = 0
        """How often a key was there no longer: what it signed may have been verified already."""

    async def find(self, name: str | None, algorithm: str) -> list[Any]:
        """The public keys that may be meant: of this name (`kid`), else those without one; where a token
        names none, all. Those that fit the algorithm alone. Raises TokenRefused, or SignInUnavailable where nobody can
        tell."""
        found = self._known(name)
        if not found:
            await self._read_anew()
            found = self._known(name) or self._nameless()
        else:
            self.freshen()
        if not found:
            if self._failed is not None:
                raise SignInUnavailable(
                    f"the keys of {self.issuer} cannot be read: {self._failed.message}", self._failed.detail
                )
            raise TokenRefused("the token is signed with a key that its issuer does not publish")
        fitting = [key.public for key in found if key.fits(algorithm)]
        if not fitting:
            raise TokenRefused(f"the token's key is not one for {algorithm}")
        return fitting

    def freshen(self) -> None:
        """Read keys anew by the hour, in the background: also where all that is asked with was verified before."""
        now = time.monotonic()
        if now - self._read_at <= REFRESH_S or now < self._not_before:
            return
        if self._in_background is None or self._in_background.done():
            self._in_background = asyncio.create_task(self._read_anew())

    async def look(self) -> int:
        """How many keys there are, read now. Raises SignInUnavailable that says what is wrong."""
        self._keys = await self._read()
        return len(self._keys)

    async def close(self) -> None:
        if self._in_background is not None:
            await stop(self._in_background)

    def _known(self, name: str | None) -> list[Key]:
        if time.monotonic() - self._read_at > KEPT_S:
            return []
        return [key for key in self._keys if name is None or key.name == name]

    def _nameless(self) -> list[Key]:
        return [key for key in self._known(None) if key.name is None]

    async def _read_anew(self) -> None:
        async with self._reading:
            if time.monotonic() < self._not_before:
                return  # somebody else just did
            try:
                keys = await self._read()
            except SignInUnavailable as problem:
                self._failed = problem
                self._not_before = time.monotonic() + min(RETRY_S, self._pause_s)
                return
            # One of the same name may be another key.
            self.withdrawn += any(key not in keys for key in self._keys)
            self._keys, self._failed = keys, None
            self._read_at = time.monotonic()
            self._not_before = self._read_at + self._pause_s

    async def _read(self) -> Sequence[Key]:
        """Raises SignInUnavailable, whatever went wrong: without it there were no pause before the next try."""
        try:
            return await self._published()
        except SignInUnavailable:
            raise
        except Exception as error:
            raise SignInUnavailable(
                f"reading the keys failed: {type(error).__name__}: {str(error)[:200]}", self.discovery, LOOK
            ) from error

    async def _published(self) -> Sequence[Key]:
        metadata = _object(await self._fetch(self.discovery), self.discovery)
        if metadata.get("issuer") != self.issuer:
            raise SignInUnavailable(
                f"the metadata is of the issuer {str(metadata.get('issuer'))[:200]!r}, not of {self.issuer!r}",
                self.discovery,
                "Write `issuer` as the metadata has it, to the letter, or correct `discovery`.",
            )
        address = metadata.get("jwks_uri")
        if not isinstance(address, str) or not self._trusted(address):
            raise SignInUnavailable("the metadata names no https address of keys", self.discovery)
        listed = _object(await self._fetch(address), address).get("keys")
        keys: list[Key] = []
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, dict) and self._usable(each):
                with suppress(Exception):  # whatever is odd about one, the others are good
                    public = jwt.PyJWK(each).key
                    if each["kty"] != "RSA" or public.key_size >= _WEAKEST_RSA:
                        name = each.get("kid")
                        keys.append(
                            Key(None if name is None else str(name), each["kty"], each.get("alg"), public)
                        )
        if not keys:
            raise SignInUnavailable("the issuer publishes no key for RS256, ES256 and their kin", address)
        return keys

    def _trusted(self, address: str) -> bool:
        """As secure a way as that to the metadata: whoever can change one could change the other."""
        scheme = urlsplit(address).scheme
        return scheme == "https" or (scheme == "http" and urlsplit(self.discovery).scheme == "http")

    def _usable(self, key: Mapping[str, Any]) -> bool:
        if key.get("use", "sig") != "sig" or key.get("kty") not in ("RSA", "EC"):
            return False
        if "d" in key:  # the private part is published with it: anybody could have signed
            return False
        # Where an issuer has one list for many directories, a key may be another directory's.
        named, ours = (set(_DIRECTORY.findall(text)) for text in (str(key.get("issuer", "")), self.issuer))
        return not named or not ours or named <= ours


def _object(body: bytes, address: str) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SignInUnavailable("the answer is no JSON object", address)
    return found
