"""Secrets that we must be able to use again: sealed with a key that is not in the database, so that a dump of it or a
look into it shows none. And the secrets of webhooks, as Standard Webhooks writes them."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from portbook.errors import Problem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX: Final = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret."""
_NONCE = 12


class SecretUnreadable(Problem):
    """A secret of a webhook cannot be used: it is not in the form of one, or was sealed with another key."""

    code = "WHK003"


class Sealer:
    """Seals and opens with one key, which is read when it is first needed. A sealed secret opens in the place that it
    was sealed for, and nowhere else."""

    def __init__(self, key: bytes | Callable[[], bytes]) -> None:
        self._key = key
        self._made: AESGCM | None = None

    @property
    def _cipher(self) -> AESGCM:
        if self._made is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # most commands seal nothing

            key = self._key() if callable(self._key) else self._key
            # Whatever length the key was given in.
            self._made = AESGCM(blake2b(key, digest_size=32, person=b"portbook sealing").digest())
        return self._made

    def seal(self, secret: bytes, place: str) -> bytes:
        """Raises what reading the key raises, as does `open`."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises SecretUnreadable."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except (InvalidTag, ValueError):
            raise SecretUnreadable(
                "a secret was sealed with another key than this process has",
                hint="Gateway, workers and commands need the same `register: {seal: {env: NAME}}` or data_dir. "
                "If the key is lost, rotate the webhook's secret.",
            ) from None

    def __repr__(self) -> str:
        return "Sealer(…)"


def new_secret() -> bytes:
    return secrets.token_bytes(32)


def written_secret(secret: bytes) -> str:
    """As it is shown to the one who will verify with it."""
    return PREFIX + b64encode(secret).decode()


def read_secret(text: str) -> bytes:
    """The bytes of a written secret. Raises SecretUnreadable, which does not repeat it."""
    try:
        secret = b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not SHORTEST <= len(secret) <= LONGEST:
        raise SecretUnreadable(
            f"the secret of a webhook is `{PREFIX}` and {SHORTEST} to {LONGEST} bytes in base64",
            hint="`openssl rand -base64 32` makes one.",
        )
    return secret
