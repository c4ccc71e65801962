"""How a notification proves that it comes from the tool. Every comparison takes the same time whatever differs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from adapters.answers import Answer
from adapters.errors import HookRefused, SourceRefused

ADDRESS_KEY = "key"
"""Name of the parameter that makes an address unguessable, for tools that can sign nothing."""


def address_key(secret: str) -> str:
    """What stands behind `?key=`: follows from the secret and does not give it away."""
    return hmac.new(secret.encode(), b"portbook hook address", hashlib.sha256).hexdigest()[:40]


def knows_address(secret: str, query: Mapping[str, str]) -> bool:
    return hmac.compare_digest(query.get(ADDRESS_KEY, "").encode(), address_key(secret).encode())


def signed(secret: str, header: str, body: bytes) -> bool:
    """`X-Hub-Signature: sha256=<hex>`: HMAC-SHA256 of the raw body (Atlassian, "Secure admin webhooks"). Other
    methods are not accepted."""
    method, _, given = header.strip().partition("=")
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return method.lower() == "sha256" and hmac.compare_digest(given.strip().lower().encode(), right.encode())


def password(header: str) -> str:
    """The password of `Authorization: Basic`, empty where there is none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, no text, or not even ASCII
        return ""


def same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def not_subscribed(tool: str, answer: Answer, secret: str, *, where: str, hint: str) -> SourceRefused:
    """The tool does not let our account set its notifications up. It may repeat what it was sent: never the secret."""
    said = answer.said().replace(secret, "***")
    return SourceRefused(
        f"{tool} does not let this account set up notifications ({answer.status}{f': {said}' if said else ''})",
        detail=where,
        hint=hint,
    )


def body_object(body: bytes) -> dict[str, Any]:
    """The body as an object. Raises HookRefused for what is none: the tool sends nothing else."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise HookRefused("the notification is not a JSON object")
    return found
