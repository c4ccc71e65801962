"""A pretended issuer of tokens, in the forms of Microsoft Entra (both versions) or of any OpenID provider.

https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import json
import time
import uuid
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.server import FakeTool, Refusal, Wire, WireFaults

CLIENT_ID = "4f0f8e65-1f0b-4c39-9be5-0c9f5d0a2a11"
"""The application id of the register: the audience of its tokens."""


@cache
def private_key(number: int, kind: str = "RSA", bits: int = 2048) -> Any:
    """Making one takes a tenth of a second: tests share them."""
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class FakeIssuer(FakeTool):
    """A context manager; `url` once inside. Signs with the newest of its keys, and publishes those in `published`."""

    def __init__(self, *, port: int = 0) -> None:
        self.tenant = str(uuid.uuid5(uuid.NAMESPACE_DNS, "acme.onmicrosoft.com"))
        self.wire: Wire[WireFaults] = Wire(WireFaults())
        self.away = False
        """Discovery and keys answer 503."""
        self.names_issuer = ""
        """What discovery says instead of the truth."""
        self.published: dict[str, dict[str, Any]] = {}
        self._signing: tuple[str, Any, str] = ("", None, "")
        self._made = 0
        self.rotate()
        routes = [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/discovery/v2.0/keys", self._keys),
        ]
        super().__init__(Starlette(routes=routes), port=port)

    @property
    def issuer(self) -> str:
        return f"{self.url}/{self.tenant}/v2.0"

    @property
    def issuer_v1(self) -> str:
        """Of tokens of version 1, whose issuer ends with a slash."""
        return f"{self.url}/{self.tenant}/"

    def rotate(self, *, kind: str = "RSA", publish: bool = True, withdraw: bool = False) -> str:
        """A new key to sign with; the ones before stay published, unless they are withdrawn. Gives its name."""
        self._made += 1
        key, name = private_key(self._made, kind), f"key-{self._made}"
        self._signing = (name, key, "ES256" if kind == "EC" else "RS256")
        if withdraw:
            self.published.clear()
        if publish:
            self.publish(name, key)
        return name

    def publish(self, name: str, key: Any, **more: Any) -> None:
        algorithm = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm  # fmt: skip
        found = json.loads(algorithm.to_jwk(key.public_key()))
        self.published[name] = {**found, "use": "sig", "kid": name, "key_ops": ["verify"], **more}

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Of a person, as Entra has them. What is None is left out."""
        now = int(time.time())
        found = {
            "aud": CLIENT_ID, "iss": self.issuer, "iat": now, "nbf": now, "exp": now + 3600, "ver": "2.0",
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "oid": str(uuid.UUID(int=7)), "tid": self.tenant,
            "preferred_username": "ana@acme.com", "name": "Ana Díaz", "scp": "register.read", **claims,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}

    def token(self, *, header: dict[str, Any] | None = None, signed_by: Any = None, **claims: Any) -> str:
        name, key, algorithm = self._signing
        told = {"kid": name, "typ": "JWT", **(header or {})}
        algorithm = told.pop("alg", algorithm)
        return jwt.encode(self.claims(**claims), signed_by or key, algorithm=algorithm, headers=told)

    async def _discovery(self, request: Request) -> Response:
        def answer(body: Any) -> Any:
            self._there()
            tenant = request.path_params["tenant"]
            issuer = f"{self.url}/{tenant}/{'v2.0' if '/v2.0/' in request.url.path else ''}"
            base = f"{self.url}/{tenant}"
            return {
                "issuer": self.names_issuer or issuer,
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token"],
                "subject_types_supported": ["pairwise"],
            }

        return await self.wire.answer(request, answer)

    async def _keys(self, request: Request) -> Response:
        def answer(body: Any) -> Any:
            self._there()
            return {"keys": list(self.published.values())}

        return await self.wire.answer(request, answer)

    def _there(self) -> None:
        if self.away:
            raise Refusal(503, {"error": "temporarily_unavailable"})
