"""Signing in at Microsoft Entra as an application, for every tool behind it: Graph, Dataverse, Azure DevOps.

msal speaks the protocol; this module says when a token is asked for, through which connection, and what a refusal
means to the person who has to mend it.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from adapters.address import is_loopback
from adapters.errors import SourceError, SourceMisbehaved, SourceRefused, SourceUnavailable
from adapters.http import retry_after

PUBLIC_CLOUD = "https://login.microsoftonline.com"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,254}")
_MARGIN_S = 300.0


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Application(_Strict):
    tenant: str = Field(
        description="Directory (tenant) id, or one of its domains: acme.onmicrosoft.com.",
    )
    client_id: str = Field(description="Application (client) id of the app registration.")
    authority: str = Field(
        default=PUBLIC_CLOUD,
        description="Where we sign in, for national clouds: https://login.microsoftonline.us, "
        "https://login.partner.microsoftonline.cn.",
    )

    @field_validator("tenant")
    @classmethod
    def _one_tenant(cls, tenant: str) -> str:
        if tenant.lower() in {"common", "organizations", "consumers"}:
            raise ValueError(f"must be one directory: an application cannot sign in at {tenant!r}")
        if not _TENANT.fullmatch(tenant):
            raise ValueError("must be the directory's id or one of its domains")
        return tenant

    @field_validator("authority")
    @classmethod
    def _origin(cls, authority: str) -> str:
        parts = urlsplit(authority.strip().rstrip("/"))
        if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be an address without a path: https://login.microsoftonline.com")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            raise ValueError("must be https: plain http is for this machine only")
        return urlunsplit(parts)


class EntraSecret(_Application):
    """An app registration that proves itself by a client secret."""

    kind: Literal["entra_secret"] = Field(description="This way of signing in.")
    client_secret: SecretStr = Field(
        description="The client secret's value (not its id), by reference: {env: NAME} or {file: PATH}."
    )


class EntraCertificate(_Application):
    """An app registration that proves itself by a certificate; no secret ever travels."""

    kind: Literal["entra_certificate"] = Field(description="This way of signing in.")
    certificate: SecretStr = Field(
        description="Certificate and private key as PEM in one file, by reference: {file: PATH}. The key must not "
        "be encrypted."
    )
    thumbprint: str | None = Field(
        default=None,
        description="SHA-1 thumbprint as the portal shows it, where the file holds the private key only.",
    )

    @field_validator("thumbprint")
    @classmethod
    def _hexadecimal(cls, thumbprint: str | None) -> str | None:
        if thumbprint is None:
            return None
        digits = re.sub(r"[\s:]", "", thumbprint)
        try:
            right = len(binascii.a2b_hex(digits)) == 20
        except ValueError:
            right = False
        if not right:
            raise ValueError("must be 40 hexadecimal digits (SHA-1)")
        return digits.upper()


class ManagedIdentity(_Strict):
    """The identity that Azure gives the machine we run on: nothing to keep and nothing to rotate."""

    kind: Literal["managed_identity"] = Field(description="This way of signing in.")
    client_id: str | None = Field(
        default=None, description="Client id of a user-assigned identity. Default: the machine's own."
    )


EntraAuth = Annotated[EntraSecret | EntraCertificate | ManagedIdentity, Field(discriminator="kind")]


class _Token(NamedTuple):
    text: str
    fresh_until: float
    """On the monotonic clock: from here on it is renewed before it is used."""


class EntraSignIn:
    """Credentials for `Http`: one token, fetched before the first request and renewed shortly before it ends.

    However many requests wait for it, it is asked for once. The secret is read anew each time, so that a rotated one
    is found. What Entra refused once is not asked again by the same object: it lives as long as one opened source.
    """

    def __init__(
        self,
        auth: EntraSecret | EntraCertificate | ManagedIdentity,
        scope: str,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """`scope` is the tool's, ending in `/.default`: applications hold permissions, they do not pick them."""
        self._auth = auth
        self._scope = scope
        self._transport = transport
        self._timeout_s = timeout_s
        self._token: _Token | None = None
        self._refused: SourceRefused | None = None
        self._lock = asyncio.Lock()
        self._secrets: list[str] = []
        self.fetched = 0
        """How many tokens were asked for."""

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.text}"} if self._token else {}

    def secrets(self) -> Collection[str]:
        return self._secrets

    async def ready(self) -> None:
        """Raises SourceRefused, SourceUnavailable or SourceMisbehaved when there is no token to be had."""
        if self._is_fresh():
            return
        async with self._lock:
            if not self._is_fresh():
                await self._fetch()

    async def renew(self) -> bool:
        async with self._lock:
            before = self._token
            await self._fetch()
            return before is None or self._token is None or before.text != self._token.text

    def _is_fresh(self) -> bool:
        return self._token is not None and time.monotonic() < self._token.fresh_until

    async def _fetch(self) -> None:
        if self._refused is not None:
            raise _again(self._refused)
        self.fetched += 1
        started = time.monotonic()
        secret = _secret_of(self._auth)
        if secret and secret not in self._secrets:
            self._secrets.append(secret)
        try:
            answer = await asyncio.to_thread(self._ask, secret)
        except SourceRefused as refused:
            self._refused = refused
            raise
        text, lives_s = answer
        self._token = _Token(text, started + lives_s - min(_MARGIN_S, lives_s / 5))
        # The one before may still be on its way in another request.
        before = [kept for kept in self._secrets if kept != secret][-1:]
        self._secrets = [kept for kept in (secret, *before, text) if kept]

    def _ask(self, secret: str) -> tuple[str, float]:
        """The token and how many seconds it lives. Runs in a thread: msal waits for its answers."""
        import jwt  # msal's own, which signs the assertion with it

        with _Connection(self._auth, self._transport, self._timeout_s) as connection:
            try:
                result = _ask_msal(self._auth, self._scope, secret, connection)
            except _Failed as failed:
                raise self._problem_of(failed) from None
            except (ValueError, TypeError, jwt.PyJWTError) as wrong:
                # msal reports an unknown tenant and an unusable certificate alike, and leaves out what was answered.
                raise self._refusal(connection.refusal or {}, str(wrong), secret) from None
        token, lives = result.get("access_token"), result.get("expires_in")
        if isinstance(token, str) and token and isinstance(lives, int | float):
            return token, float(lives)
        raise self._refusal(result, "the answer holds no token", secret)

    def _problem_of(self, failed: _Failed) -> SourceError:
        if failed.garbled:
            return SourceMisbehaved(
                f"Microsoft Entra cannot be understood: {failed.reason}",
                detail=self._where(),
                hint="A proxy or a login page may stand in the way of the sign-in address.",
            )
        managed = isinstance(self._auth, ManagedIdentity)
        return SourceUnavailable(
            f"Microsoft Entra cannot be reached: {failed.reason}",
            retry_after=failed.retry_after,
            detail=self._where(),
            hint="managed_identity works on a machine in Azure that has an identity only."
            if managed
            else "Check `authority`, the network and the proxy. The source is tried again when it is next due.",
        )

    def _refusal(self, answer: Mapping[str, Any], fallback: str, secret: str) -> SourceError:
        said = str(answer.get("error_description") or answer.get("error") or fallback)
        # What follows is the same on every error, and different each time.
        said = " ".join(re.split(r"\s*(?:Trace ID:|- Correlation ID)", said)[0].split())[:400]
        if secret:
            said = said.replace(secret, "***")
        code = _code_of(answer, said)
        if code in _TRANSIENT_CODES or answer.get("error") == "temporarily_unavailable":
            return SourceUnavailable(f"Microsoft Entra is busy: {said}", detail=self._where())
        meaning, hint = _MEANINGS.get(code, ("", ""))
        if isinstance(self._auth, EntraCertificate) and not code and not answer:
            meaning = "the certificate cannot be used"
            hint = (
                "`certificate` must hold a PEM private key that is not encrypted, and the certificate itself or, "
                "in its stead, `thumbprint`."
            )
            # Libraries may quote what they could not read.
            said = ""
        if isinstance(self._auth, ManagedIdentity):
            hint = (
                hint or "Assign the identity to this machine, and give `client_id` when it is user-assigned."
            )
        trace = answer.get("trace_id")
        return SourceRefused(
            "Microsoft Entra does not sign us in"
            + (f": {meaning}" if meaning else "")
            + (f" ({said})" if said else ""),
            detail=self._where() + (f", trace {trace}" if isinstance(trace, str) else ""),
            hint=hint or "Look the AADSTS number up at https://login.microsoftonline.com/error.",
        )

    def _where(self) -> str:
        if isinstance(self._auth, ManagedIdentity):
            return f"managed identity {self._auth.client_id or 'of this machine'}, for {self._scope}"
        auth = self._auth
        return f"{auth.authority}/{auth.tenant}, application {auth.client_id}, for {self._scope}"


def _secret_of(auth: EntraSecret | EntraCertificate | ManagedIdentity) -> str:
    match auth:
        case EntraSecret():
            return auth.client_secret.get_secret_value()
        case EntraCertificate():
            return auth.certificate.get_secret_value()
        case ManagedIdentity():
            return ""


def _ask_msal(
    auth: EntraSecret | EntraCertificate | ManagedIdentity,
    scope: str,
    secret: str,
    connection: _Connection,
) -> Mapping[str, Any]:
    # Slow to load, and most sources sign in elsewhere.
    import msal

    # A client of its own for every token: msal's cache would give back the one that was just refused.
    if isinstance(auth, ManagedIdentity):
        identity = (
            msal.UserAssignedManagedIdentity(client_id=auth.client_id)
            if auth.client_id
            else msal.SystemAssignedManagedIdentity()
        )
        client = msal.ManagedIdentityClient(identity, http_client=connection)
        return dict(client.acquire_token_for_client(resource=scope.removesuffix("/.default")))
    application = msal.ConfidentialClientApplication(
        auth.client_id,
        authority=f"{_https(auth.authority)}/{auth.tenant}",
        client_credential=secret if isinstance(auth, EntraSecret) else _pem_parts(secret, auth.thumbprint),
        http_client=connection,
        # Would ask login.microsoftonline.com whether the authority is one of Microsoft's. The administrator named
        # it, over https.
        instance_discovery=False,
    )
    return dict(application.acquire_token_for_client([scope]) or {})


def _https(authority: str) -> str:
    """msal takes https only; `_Connection` knows when that stands for plain http on this machine."""
    return "https" + authority[authority.index(":") :]


def _pem_parts(pem: str, thumbprint: str | None) -> dict[str, str]:
    blocks = re.findall(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", pem, re.DOTALL)
    texts = [
        match[0] for match in re.finditer(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", pem, re.DOTALL)
    ]
    keys = [text for name, text in zip(blocks, texts, strict=True) if name.endswith("PRIVATE KEY")]
    certificates = [text for name, text in zip(blocks, texts, strict=True) if name == "CERTIFICATE"]
    if len(keys) != 1 or "ENCRYPTED" in keys[0]:
        raise ValueError("one private key that is not encrypted is needed")
    parts = {"private_key": keys[0]}
    if thumbprint:
        parts["thumbprint"] = thumbprint
    elif certificates:
        parts["public_certificate"] = "\n".join(certificates)
    return parts


class _Failed(Exception):
    """No answer that says yes or no."""

    def __init__(self, reason: str, *, garbled: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.garbled = garbled
        self.retry_after = retry_after


class _Said(NamedTuple):
    """An answer in the shape that msal reads."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise _Failed(f"it answered {self.status_code}")


class _Connection:
    """msal's way out: our time limits, no redirects, https only.

    An authority on this machine may be plain http (a proxy of the administrator's, a test): then, and for exactly
    that origin, https is taken off again, and no other address is spoken to.
    """

    def __init__(
        self,
        auth: EntraSecret | EntraCertificate | ManagedIdentity,
        transport: httpx.BaseTransport | None,
        timeout_s: float,
    ) -> None:
        managed = isinstance(auth, ManagedIdentity)
        origin = "" if isinstance(auth, ManagedIdentity) else auth.authority
        self._managed = managed
        self._plain = urlsplit(origin).netloc if origin.startswith("http:") else ""
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            follow_redirects=False,
            verify=not self._plain,
            # A machine's own identity endpoint, like anything on this machine, is never behind a proxy.
            trust_env=not (managed or self._plain),
        )
        self.refusal: Mapping[str, Any] | None = None
        """What the last answer with an error said."""

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def get(self, url: str, **sent: Any) -> _Said:
        return self._send(self._client.get, url, sent)

    def post(self, url: str, **sent: Any) -> _Said:
        return self._send(self._client.post, url, sent)

    def close(self) -> None:
        """msal may close what it was given; the `with` block does."""

    def _send(self, method: Callable[..., httpx.Response], url: str, sent: Mapping[str, Any]) -> _Said:
        parts = urlsplit(url)
        if self._plain:
            if parts.netloc != self._plain:
                raise _Failed(f"it sends us to another address, {parts.netloc}", garbled=True)
            url = urlunsplit(parts._replace(scheme="http"))
        elif parts.scheme != "https" and not self._managed:
            raise _Failed(f"it sends us to {parts.scheme}://{parts.netloc}, which is not https", garbled=True)
        known = {name: value for name, value in sent.items() if name in ("params", "data", "headers")}
        if isinstance(known.get("data"), dict):
            # msal hands an assertion over as bytes, which httpx would spell b'…'.
            known["data"] = {
                name: value.decode() if isinstance(value, bytes) else value
                for name, value in known["data"].items()
            }
        try:
            response = method(url, **known)
        except httpx.TimeoutException:
            raise _Failed("no answer in time") from None
        except (httpx.TransportError, httpx.DecodingError) as broken:
            raise _Failed(f"the connection failed: {str(broken) or type(broken).__name__}") from None
        status = response.status_code
        if status == 429 or status >= 500 or (self._managed and status in (404, 410)):
            # A machine's identity endpoint answers 404 and 410 while it is being updated (Azure's documentation of
            # virtual machine tokens, "Error handling").
            raise _Failed(f"it answered {status}", retry_after=retry_after(response.headers))
        try:
            answer = json.loads(response.content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise _Failed(f"it answered {status} with something that is not JSON", garbled=True)
        if status >= 300:
            self.refusal = answer
        return _Said(status, response.text, dict(response.headers))


def _code_of(answer: Mapping[str, Any], said: str) -> int:
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    found = re.search(r"AADSTS(\d+)", said)
    return int(found[1]) if found else 0


def _again(refused: SourceRefused) -> SourceRefused:
    return SourceRefused(refused.message, detail=refused.detail, hint=refused.hint)


_TRANSIENT_CODES = frozenset({50196, 90024, 90033, 90055})

_CONSENT = (
    "the application lacks consent for this tool",
    "An administrator opens the app registration, `API permissions`, adds the application permissions that the "
    "source's documentation names, and presses `Grant admin consent`.",
)
_TENANT_WRONG = (
    "the directory is not known",
    "Check `tenant`: the Directory (tenant) id on the app registration's overview. A national cloud also needs "
    "`authority`.",
)

# Numbers from Microsoft's "Microsoft Entra authentication and authorization error codes".
_MEANINGS: Mapping[int, tuple[str, str]] = {
    7000215: (
        "the client secret is wrong",
        "Put the secret's value, not its id, where `client_secret` points. If it is lost, add a new one under "
        "`Certificates & secrets`.",
    ),
    7000222: (
        "the client secret has expired",
        "Add a new one under `Certificates & secrets` of the app registration, and put its value where "
        "`client_secret` points.",
    ),
    700027: (
        "the certificate is not one the app registration knows, or it has expired",
        "Upload the certificate's public half under `Certificates & secrets`, and check its dates.",
    ),
    1000502: ("the certificate has expired", "Renew it, and upload its public half to the app registration."),
    700024: ("this machine's clock is wrong", "Set the clock: Entra accepts a few minutes' difference."),
    700016: (
        "the application is not known in this directory",
        "Check `client_id` (Application id, not object id) and `tenant`.",
    ),
    7000229: (
        "the application is not installed in this directory",
        "Create its service principal: an administrator grants it consent once.",
    ),
    7000112: (
        "the application is disabled",
        "Enable sign-in under `Enterprise applications` > `Properties`.",
    ),
    90002: _TENANT_WRONG,
    900021: _TENANT_WRONG,
    900023: _TENANT_WRONG,
    500011: (
        "the tool is not known in this directory",
        "Check the source's address: the token is asked for in its name. The tool must be in the same directory as "
        "the application.",
    ),
    65001: _CONSENT,
    650056: _CONSENT,
    650057: _CONSENT,
    501051: (
        "the application is not assigned to the tool",
        "Under `Enterprise applications`, assign it to the tool, or switch `Assignment required` off.",
    ),
    53003: (
        "a Conditional Access policy blocks the application",
        "Ask who keeps the policies to let this application in from this network.",
    ),
}
