"""Signing in at Microsoft Entra as an application, for every tool behind it: Graph, Dataverse, Azure DevOps.

msal speaks the protocol; this module says when a token is asked for, through which connection, and what a refusal
means to the person who has to mend it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import httpx

from adapters.entra_connection import Connection, Failed
from adapters.entra_options import EntraAuth, EntraCertificate, EntraSecret, ManagedIdentity
from adapters.errors import SignInRefused, SourceError, SourceMisbehaved, SourceUnavailable

_MARGIN_S = 300.0


class _Token(NamedTuple):
    text: str
    fresh_until: float
    """On the monotonic clock: from here on it is renewed before it is used."""


class EntraSignIn:
    """Credentials for `Http`: one token, fetched before the first request and renewed shortly before it ends.

    However many requests wait for it, it is asked for once. The secret is read anew each time, so that a rotated one
    is found. What Entra refused once is not asked again by the same object: it lives as long as one opened source.
    """

    asks = True

    def __init__(
        self,
        auth: EntraAuth,
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
        self._refused: SignInRefused | None = None
        self._lock = asyncio.Lock()
        self._secrets: list[str] = []
        self.fetched = 0
        """How many tokens were asked for."""

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.text}"} if self._token else {}

    def secrets(self) -> Collection[str]:
        return self._secrets

    async def ready(self) -> None:
        """Raises SignInRefused, SourceUnavailable or SourceMisbehaved when there is no token to be had."""
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
        except SignInRefused as refused:
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

        with Connection(self._auth, self._transport, self._timeout_s) as connection:
            try:
                result = _ask_msal(self._auth, self._scope, secret, connection)
            except Failed as failed:
                raise self._problem_of(failed) from None
            except (ValueError, TypeError, jwt.PyJWTError) as wrong:
                # msal reports an unknown tenant and an unusable certificate alike, and leaves out what was answered.
                raise self._refusal(connection.refusal or {}, str(wrong), secret) from None
        token, lives = result.get("access_token"), result.get("expires_in")
        if isinstance(token, str) and token and isinstance(lives, int | float):
            return token, float(lives)
        raise self._refusal(result, "the answer holds no token", secret)

    def _problem_of(self, failed: Failed) -> SourceError:
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
        return SignInRefused(
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


def _secret_of(auth: EntraAuth) -> str:
    match auth:
        case EntraSecret():
            return auth.client_secret.get_secret_value()
        case EntraCertificate():
            return auth.certificate.get_secret_value()
        case ManagedIdentity():
            return ""


def _ask_msal(
    auth: EntraAuth,
    scope: str,
    secret: str,
    connection: Connection,
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
    """msal takes https only; `Connection` knows when that stands for plain http on this machine."""
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


def _code_of(answer: Mapping[str, Any], said: str) -> int:
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    found = re.search(r"AADSTS(\d+)", said)
    return int(found[1]) if found else 0


def _again(refused: SignInRefused) -> SignInRefused:
    return SignInRefused(refused.message, detail=refused.detail, hint=refused.hint)


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
