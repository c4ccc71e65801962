"""Webhooks in portbook.yaml: what they are, and what is wrong with them, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from portbook.config import ConfigInvalid
from portbook.config.load import parse_config
from portbook.outbound import outbound_of
from register.sealing import SecretUnreadable, new_secret, written_secret

TOP = "sources: []\n"


def outbound(text: str):
    return outbound_of(parse_config(TOP + text, Path("portbook.yaml"), {}))


def hook(more: str = "", url: str = "https://hooks.example/x") -> str:
    return f"webhooks:\n  - name: bi\n    url: {url}\n    secret: {{env: HOOK_SECRET}}\n{more}"


def test_a_webhook_has_its_place_and_reads_its_secrets_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    found = outbound(hook("    types: [project.*, risk.created]\n    fields: key\n"))
    (made,) = found.configured
    assert made.origin == "portbook.yaml:3"
    assert made.wanted.types == ("project.*", "risk.created")
    for _ in range(2):
        secret = new_secret()
        monkeypatch.setenv("HOOK_SECRET", written_secret(secret))
        assert found.secrets[made.id]() == [secret]
    monkeypatch.setenv("HOOK_SECRET", "short")
    with pytest.raises(SecretUnreadable) as refused:
        found.secrets[made.id]()
    assert "short" not in str(refused.value)


def test_two_secrets_sign_while_receivers_change_over(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = new_secret(), new_secret()
    monkeypatch.setenv("HOOK_SECRET", written_secret(new))
    monkeypatch.setenv("OLD", written_secret(old))
    found = outbound(hook("    old_secret: {env: OLD}\n"))
    assert found.secrets[found.configured[0].id]() == [new, old]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (hook("    types: [project.*, projct.changed]\n"), "6:12", "no events of the type 'projct.changed'"),
        (
            hook("    types: [project.*]\n    filter: \"key = 'a' AND buget > 1\"\n"),
            "7:28",
            "no field or relation `buget`",
        ),
        (hook("    types: [project.*]\n    fields: key, titel\n"), "7:18", "no field or relation `titel`"),
        (hook(url="https://10.0.0.1/"), "4:10", "10.0.0.1: a private network"),
        (hook(url="http://hooks.example/"), "4:10", "begins with https://"),
        (hook("  - name: bi\n    url: https://a.example/\n    secret: {env: X}\n"), "6:5", "used twice"),
        (
            "webhooks: [{name: bi, url: https://a.example/, secret: whsec_abc}]\n",
            "2:",
            "must not stand in this file",
        ),
        ("webhooks: [{name: bi, url: https://a.example/}]\n", "2:", "`secret` is missing"),
        ("outbound: {allow: [10.20.0.0/99]}\n", "2:", "is no network"),
        ("outbound: {allow: [10.20.0.1/16]}\n", "2:", "is no network"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, place: str, says: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        outbound(text)
    assert f"portbook.yaml:{place}" in refused.value.detail
    assert says in refused.value.detail


def test_a_network_that_is_allowed_can_be_reached_by_plain_http() -> None:
    found = outbound("outbound: {allow: [10.20.0.0/16]}\n" + hook(url="http://10.20.0.7:8080/hooks"))
    assert [str(network) for network in found.allowed] == ["10.20.0.0/16"]
