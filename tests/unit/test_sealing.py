"""Secrets of webhooks: sealed with a key from elsewhere, written as the standard writes them."""

from __future__ import annotations

from base64 import b64encode

import pytest

from register.sealing import Sealer, SecretUnreadable, new_secret, read_secret, written_secret


def test_a_sealed_secret_opens_with_its_key_in_its_place_alone() -> None:
    secret = new_secret()
    sealed = Sealer(b"key").seal(secret, "webhook 1")
    assert secret not in sealed
    assert Sealer(b"key").open(sealed, "webhook 1") == secret
    for sealer, place in ((Sealer(b"another"), "webhook 1"), (Sealer(b"key"), "webhook 2")):
        with pytest.raises(SecretUnreadable):
            sealer.open(sealed, place)
    with pytest.raises(SecretUnreadable):
        Sealer(b"key").open(b"", "webhook 1")
    assert "key" not in repr(Sealer(b"key"))


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert Sealer(b"key").seal(b"s" * 32, "p") != Sealer(b"key").seal(b"s" * 32, "p")


def test_a_written_secret_reads_back() -> None:
    secret = new_secret()
    assert read_secret(written_secret(secret)) == secret
    assert read_secret(b64encode(secret).decode()) == secret
    assert written_secret(secret).startswith("whsec_")


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all, sorry", "whsec_" + "A" * 200]
)
def test_what_is_no_secret_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SecretUnreadable) as refused:
        read_secret(text)
    assert len(text) < 8 or text not in str(refused.value)
