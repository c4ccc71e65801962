"""What a person fills in so that Portbook may sign in at Microsoft Entra."""

from __future__ import annotations

import binascii
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from adapters.address import is_loopback

PUBLIC_CLOUD = "https://login.microsoftonline.com"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,254}")


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
