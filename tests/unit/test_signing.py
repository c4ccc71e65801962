"""What we sign verifies by the standard's own library, with either secret of a rotation and with no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from register.sealing import new_secret, written_secret
from workers.signing import Signer


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_message_verifies_with_either_secret_of_a_rotation(text: str) -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    body = text.encode()
    headers = dict(Signer([new, old]).headers("msg_1", body, datetime.now(UTC)))
    for secret in (old, new):
        Webhook(written_secret(secret)).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(written_secret(other)).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(written_secret(new)).verify(body + b" ", headers, json_parse=False)
    assert headers["webhook-signature"].count("v1,") == 2


def test_a_signer_shows_no_secret() -> None:
    assert "secret" not in repr(Signer([b"secret" * 5]))
