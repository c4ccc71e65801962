"""Signatures by Standard Webhooks 1.0: a receiver verifies with its secret that a message is ours, whole and new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook


class Signer:
    """Signs with every secret that is in force: during a rotation with the old one, too."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._signers = [Webhook(secret) for secret in secrets]

    def headers(self, message_id: str, body: bytes, now: datetime) -> list[tuple[str, str]]:
        """`now` in UTC: the library takes the clock's face for UTC, whatever its zone."""
        text = body.decode()
        signatures = (signer.sign(message_id, now, text) for signer in self._signers)
        return [
            ("webhook-id", message_id),
            ("webhook-timestamp", str(int(now.timestamp()))),
            ("webhook-signature", " ".join(signatures)),
        ]

    def __repr__(self) -> str:
        return "Signer(…)"
