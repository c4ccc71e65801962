"""Webhooks, from the configuration to working parts: who is told, with which secrets, and where that may lead."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from portbook.config import Config, Mistake, WrittenWebhook
from portbook.config.errors import refused
from portbook.errors import Problem, SettingsInvalid
from register.addresses import AddressForbidden, Network, usable_target
from register.errors import QueryInvalid
from register.query.told import telling
from register.sealing import Sealer, read_secret
from register.webhooks import Configured, Wanted

if TYPE_CHECKING:
    from workers.deliver import Secrets


@dataclass(frozen=True, slots=True)
class Outbound:
    """What gateway, workers and commands need to know of webhooks."""

    sealer: Sealer
    allowed: tuple[Network, ...] = ()
    configured: tuple[Configured, ...] = ()
    secrets: Secrets = field(default_factory=dict)
    """Read anew each time, so that one that was rotated is found without a restart."""


def outbound_of(config: Config) -> Outbound:
    """Raises ConfigInvalid with what is wrong in any webhook, each at its place. Reads no secret."""
    allowed = tuple(ip_network(text) for text in config.outbound.allow)
    mistakes = [mistake for each in config.webhooks for mistake in _mistakes(each, allowed)]
    if mistakes:
        raise refused(config.path.name, mistakes)
    configured = [_configured(each, config.path.name) for each in config.webhooks]
    return Outbound(
        Sealer(lambda: _seal_key(config)),
        allowed,
        tuple(configured),
        {
            made.id: lambda each=each: _secrets_of(each)  # type: ignore[misc]
            for made, each in zip(configured, config.webhooks, strict=True)
        },
    )


def _configured(each: WrittenWebhook, file: str) -> Configured:
    settings = each.settings
    wanted = Wanted(
        settings.name, settings.url, settings.types, settings.filter, settings.fields, settings.enabled
    )
    return Configured(wanted, f"{file}:{each.line}")


def _mistakes(each: WrittenWebhook, allowed: Sequence[Network]) -> list[Mistake]:
    def at(key: str, problem: Problem, position: int | None = None) -> Mistake:
        line, column, exact = each.places.get(key, (each.line, 1, False))
        return Mistake(
            line, column + (position or 0 if exact else 0), f"`{key}`: {problem.message}", problem.hint
        )

    found = []
    settings = each.settings
    try:
        usable_target(settings.url, allowed)
    except AddressForbidden as problem:
        found.append(at("url", problem))
    try:
        telling(settings.types, settings.filter, settings.fields)
    except QueryInvalid as problem:
        found.append(
            at(problem.parameter, problem, problem.position if problem.parameter != "types" else None)
        )
    return found


def _secrets_of(each: WrittenWebhook) -> list[bytes]:
    given: list[SecretStr | None] = [each.settings.secret, each.settings.old_secret]
    return [read_secret(secret.get_secret_value()) for secret in given if secret is not None]


def _seal_key(config: Config) -> bytes:
    if config.register.seal is not None:
        return config.register.seal.get_secret_value().encode()
    key = kept_key(config.register.data_dir / "seal-key")
    if key is None:
        raise SettingsInvalid(
            "there is no key to seal the secrets of webhooks with, and none can be kept",
            detail=str(config.register.data_dir),
            hint="Set `register: {seal: {env: NAME}}` to a long random text, the same for gateway, workers and "
            "commands.",
        )
    return key


def kept_key(path: Path) -> bytes | None:
    """The random key in a file of ours, made when it is not there; None where nothing can be kept."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
        found = path.read_bytes()
        return found if len(found) == 32 else None
    return None
