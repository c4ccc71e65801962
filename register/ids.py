"""Ids are derived from where a thing comes from, never generated: a rebuild gives the same ids."""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID

NAMESPACE = UUID("6f1d6c38-3f0a-5f53-9a55-706f7274626b")
"""Fixed for ever: changing it changes every id."""

_PREFIX = NAMESPACE.bytes


def derive_id(*parts: str) -> str:
    """UUIDv5 (RFC 9562) of the parts, joined by the unit separator; as text, which is how it travels here."""
    digest = bytearray(
        sha1(_PREFIX + "\x1f".join(parts).encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[
            :16
        ]
    )
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
