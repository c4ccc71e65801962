"""A Microsoft Entra that runs on a port of its own: one directory, its applications, and tokens that end.

with FakeEntra() as entra:
    app = entra.add_app(secret="s3cret")                 # or certificate=…, see `make_certificate`
    auth = EntraSecret(kind="entra_secret", tenant=entra.tenant, client_id=app, client_secret="s3cret",
                       authority=entra.url)
    ... another fake asks entra.refused(request, audience) whether a request is signed ...

What it says follows Microsoft's documents: OpenID discovery, the client credentials flow with secret or certificate
(the assertion is really verified), the AADSTS errors, and the identity endpoint of an Azure virtual machine.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.server import FakeTool, Refusal, Wire, WireFaults

DOMAIN = "acme.onmicrosoft.com"
KNOWN = ("https://graph.microsoft.com", "499b84ac-1321-427f-aa17-267ca6975798")
"""Tools that every directory knows: Graph and Azure DevOps. An organisation's Dataverse is added by a test."""
_SIGNING = "the fake directory's own signing key"
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Application:
    client_id: str
    secret: str | None = None
    secret_expired: bool = False
    certificate: x509.Certificate | None = None
    disabled: bool = False
    roles: list[str] = field(default_factory=list)
    """Application permissions with consent, as they stand in its tokens."""


@dataclass
class EntraFaults(WireFaults):
    wrong_origin: str = ""
    """Discovery names this origin for the token endpoint."""


class FakeEntra(FakeTool):
    """A context manager; `url` once inside. A secret or token may be taken away at any moment."""

    def __init__(self, *, tenant: str | None = None, lifetime_s: int = 3600, port: int = 0) -> None:
        self.tenant = tenant or str(uuid.uuid5(uuid.NAMESPACE_DNS, DOMAIN))
        self.lifetime_s = lifetime_s
        """Seconds that a token lives from now on."""
        self.apps: dict[str, Application] = {}
        self.audiences = set(KNOWN)
        self.identity: str | None = None
        """Client id of the machine's own managed identity."""
        self.wire: Wire[EntraFaults] = Wire(EntraFaults())
        self.issued = 0
        self._not_before = 0.0
        self._serial = 0
        routes = [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/metadata/identity/oauth2/token", self._machine),
        ]
        super().__init__(Starlette(routes=routes), port=port)

    def add_app(
        self, *, secret: str | None = None, certificate: str | None = None, roles: tuple[str, ...] = ()
    ) -> str:
        """Register an application; `certificate` is PEM. Gives its client id."""
        self._serial += 1
        client_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"app {self._serial}"))
        public = x509.load_pem_x509_certificate(certificate.encode()) if certificate else None
        self.apps[client_id] = Application(client_id, secret, False, public, False, list(roles))
        return client_id

    def revoke_tokens(self) -> None:
        """Every token handed out so far is refused from now on."""
        self._not_before = self._serial_time()

    def totals(self) -> dict[str, int]:
        return {"apps": len(self.apps), "tokens": self.issued}

    def auth(self, client_id: str) -> dict[str, Any]:
        """An `auth:` section for an application with a secret."""
        return {
            "kind": "entra_secret",
            "tenant": self.tenant,
            "client_id": client_id,
            "client_secret": self.apps[client_id].secret,
            "authority": self.url,
        }

    def refused(self, request: Request, audience: str, role: str = "") -> str:
        """Why a tool called `audience` refuses a request's token; empty when it does not."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "Access token is empty."
        try:
            claims = jwt.decode(token, _SIGNING, algorithms=["HS256"], audience=audience)
        except jwt.ExpiredSignatureError:
            return "Lifetime validation failed, the token is expired."
        except jwt.InvalidAudienceError:
            return "Access token validation failure. Invalid audience."
        except jwt.InvalidTokenError:
            return "CompactToken parsing failed."
        if claims["made"] <= self._not_before:
            return "Token has been revoked."
        app = self.apps.get(claims["appid"])
        if app is not None and app.disabled:
            return "The application is disabled."
        return "" if not role or role in claims["roles"] else f"role {role}"

    def roles(self, request: Request) -> list[str]:
        """The permissions in a token that was not refused."""
        token = request.headers["authorization"].split(" ", 1)[1]
        return list(jwt.decode(token, options={"verify_signature": False})["roles"])

    async def _discovery(self, request: Request) -> Response:
        def answer(body: Any) -> Any:
            self._known_tenant(request)
            # Entra is https only. So is what it says of itself, also here, where the port speaks plain http.
            origin = self.wire.faults.wrong_origin or self.url.replace("http:", "https:")
            base = f"{origin}/{self.tenant}"
            return {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
            }

        return await self.wire.answer(request, answer)

    async def _token(self, request: Request) -> Response:
        def answer(body: Any) -> Any:
            self._known_tenant(request)
            sent = {name: values[0] for name, values in parse_qs(body.decode()).items()} if body else {}
            if sent.get("grant_type") != "client_credentials":
                raise _refusal(
                    400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
                )
            app = self.apps.get(sent.get("client_id", ""))
            if app is None:
                raise _refusal(
                    400,
                    "unauthorized_client",
                    700016,
                    f"Application with identifier '{sent.get('client_id')}' was not found in the directory 'Acme'.",
                )
            if app.disabled:
                raise _refusal(
                    400, "unauthorized_client", 7000112, f"Application '{app.client_id}' is disabled."
                )
            if sent.get("client_assertion_type") == _JWT_BEARER:
                self._verify(app, sent.get("client_assertion", ""))
            else:
                _check_secret(app, sent.get("client_secret"))
            resource, _, rest = sent.get("scope", "").rpartition("/.default")
            if rest or not resource:
                raise _refusal(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
            if resource not in self.audiences:
                raise _refusal(
                    400, "invalid_resource", 500011, f"The resource principal named {resource} was not found."
                )
            token = self._issue(app.client_id, resource, app.roles)
            return {
                "token_type": "Bearer",
                "expires_in": self.lifetime_s,
                "ext_expires_in": self.lifetime_s,
                "access_token": token,
            }

        return await self.wire.answer(request, answer)

    async def _machine(self, request: Request) -> Response:
        """https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token"""

        def answer(body: Any) -> Any:
            query = request.query_params
            if request.headers.get("metadata") != "true":
                raise Refusal(
                    400,
                    {
                        "error": "bad_request_102",
                        "error_description": "Required metadata header not specified",
                    },
                )
            wanted = query.get("client_id") or self.identity
            if wanted is None or (wanted != self.identity and wanted not in self.apps):
                raise Refusal(400, {"error": "invalid_request", "error_description": "Identity not found"})
            resource = query.get("resource", "")
            if resource not in self.audiences:
                raise Refusal(
                    400,
                    {"error": "invalid_resource", "error_description": f"AADSTS500011: {resource} not found"},
                )
            roles = self.apps[wanted].roles if wanted in self.apps else []
            return {
                "access_token": self._issue(wanted, resource, roles),
                "client_id": wanted,
                "expires_in": str(self.lifetime_s),
                "expires_on": str(int(time.time()) + self.lifetime_s),
                "ext_expires_in": str(self.lifetime_s),
                "not_before": str(int(time.time())),
                "resource": resource,
                "token_type": "Bearer",
            }

        return await self.wire.answer(request, answer)

    def _known_tenant(self, request: Request) -> None:
        tenant = request.path_params["tenant"]
        if tenant not in (self.tenant, DOMAIN):
            raise _refusal(
                400,
                "invalid_tenant",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing "
                "into the correct cloud.",
            )

    def _verify(self, app: Application, assertion: str) -> None:
        """https://learn.microsoft.com/entra/identity-platform/certificate-credentials"""
        wrong = _refusal(
            401,
            "invalid_client",
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        )
        if app.certificate is None:
            raise wrong
        der = app.certificate.public_bytes(serialization.Encoding.DER)
        prints = {
            "x5t": _base64url(hashlib.sha1(der).digest()),
            "x5t#S256": _base64url(hashlib.sha256(der).digest()),
        }
        try:
            header = jwt.get_unverified_header(assertion)
            if not any(header.get(name, "").rstrip("=") == value for name, value in prints.items()):
                raise wrong
            endpoint = f"{self.url.replace('http:', 'https:')}/{self.tenant}/oauth2/v2.0/token"
            claims = jwt.decode(
                assertion,
                app.certificate.public_key(),  # type: ignore[arg-type]
                algorithms=["PS256", "RS256"],
                audience=endpoint,
                issuer=app.client_id,
                options={"require": ["exp", "iss", "sub", "aud", "jti"]},
            )
        except jwt.ExpiredSignatureError:
            raise _refusal(
                401, "invalid_client", 700024, "Client assertion is not within its valid time range."
            ) from None
        except jwt.InvalidTokenError:
            raise wrong from None
        if claims["sub"] != app.client_id:
            raise wrong

    def _issue(self, client_id: str, resource: str, roles: list[str]) -> str:
        self.issued += 1
        now = int(time.time())
        return jwt.encode(
            {
                "aud": resource,
                "iss": f"https://sts.windows.net/{self.tenant}/",
                "appid": client_id,
                "roles": roles,
                "iat": now,
                "exp": now + self.lifetime_s,
                "made": self._serial_time(),
            },
            _SIGNING,
            algorithm="HS256",
        )

    @staticmethod
    def _serial_time() -> float:
        # Tokens made within one second must still be told apart.
        return time.monotonic()


def make_certificate(*, days: int = 30) -> tuple[str, str]:
    """A fresh self-signed certificate: (certificate PEM, private key PEM)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portbook")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def _check_secret(app: Application, secret: str | None) -> None:
    if app.secret is None or secret != app.secret:
        raise _refusal(
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{app.client_id}'.",
        )
    if app.secret_expired:
        raise _refusal(
            401,
            "invalid_client",
            7000222,
            f"The provided client secret keys for app '{app.client_id}' are expired.",
        )


def _refusal(status: int, error: str, code: int, text: str) -> Refusal:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return Refusal(
        status,
        {
            "error": error,
            "error_description": f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {moment}",
            "error_codes": [code],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={code}",
        },
    )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
