"""Where a page ended: opaque to callers, signed, and good for one query only.

A cursor holds a digest of the query it belongs to and the order values of the last row shown. The next page starts
behind those values, so rows that arrive or go meanwhile move nobody else to another page. A cursor into the past also
holds the instant.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b, sha256

import orjson

from register.query.errors import CursorInvalid, QueryTooLarge

_SIGNATURE = 16
_SHAPE = 12
_LONGEST = 250_000
"""Characters: what a body of `POST /query` can hold. Addresses hold less where proxies stand in between."""


def shape_of(*parts: str) -> bytes:
    """A digest of everything that makes a query what it is."""
    return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()[:_SHAPE]


def write_cursor(
    secret: bytes, shape: bytes, values: Sequence[str | None], instant: datetime | None = None
) -> str:
    """Raises QueryTooLarge where the page ends at texts that no cursor holds."""
    payload = shape + orjson.dumps(values if instant is None else {instant.isoformat(): values})
    written = urlsafe_b64encode(_sign(secret, payload) + payload).rstrip(b"=").decode()
    if len(written) >= _LONGEST:
        raise QueryTooLarge(
            "the page ends at a text that is too long to go on behind it",
            parameter="order",
            hint="Order by something shorter: a key, a title, a date.",
        )
    return written


def read_cursor(secret: bytes, shape: bytes, text: str) -> tuple[datetime | None, list[str | None]]:
    """The instant, unless it is now, and the order values to go on behind. Raises CursorInvalid unless we wrote it
    for this very query."""
    try:
        raw = (
            urlsafe_b64decode(text + "=" * (-len(text) % 4))
            if text.isascii() and len(text) < _LONGEST
            else b""
        )
    except ValueError:
        raw = b""
    payload = raw[_SIGNATURE:]
    if not hmac.compare_digest(raw[:_SIGNATURE], _sign(secret, payload)):
        raise CursorInvalid(
            "the cursor is not one this register gave",
            parameter="cursor",
            hint="Use `next` of the page before, unchanged, or start again without a cursor.",
        )
    if payload[:_SHAPE] != shape:
        raise another_query(
            "Keep fields, filter and order as they were; only `limit` may change from page to page."
        )
    held = orjson.loads(payload[_SHAPE:])
    if isinstance(held, list):
        return None, held
    ((instant, values),) = held.items()
    return datetime.fromisoformat(instant), values


def another_query(hint: str) -> CursorInvalid:
    """What to raise when a cursor does not belong here."""
    return CursorInvalid("the cursor belongs to another query", parameter="cursor", hint=hint)


def _sign(secret: bytes, payload: bytes) -> bytes:
    # A keyed BLAKE2 is as good as an HMAC; OpenSSL looks an HMAC's hash up by name each time, at 30 µs.
    return blake2b(payload, digest_size=_SIGNATURE, key=secret[: blake2b.MAX_KEY_SIZE]).digest()
