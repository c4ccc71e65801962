"""portbook.yaml: read strictly, every mistake named with file, line and what to write instead."""

from portbook.config.errors import ConfigInvalid, ConfigMissing, Mistake, SecretMissing
from portbook.config.load import DEFAULT_PATH, config_path, load_config, read_rules
from portbook.config.model import Config, LinkedRecord, NamedRow, Source, WrittenRule, WrittenWebhook
from portbook.config.schema import config_schema
from portbook.config.secrets import SecretReference, read_secrets
from portbook.config.settings import (
    Gateway,
    Identity,
    IdentityRule,
    Register,
    RuleSettings,
    TrustedUnlessSilent,
    WebhookSettings,
)

__all__ = [
    "DEFAULT_PATH",
    "Config",
    "ConfigInvalid",
    "ConfigMissing",
    "Gateway",
    "Identity",
    "IdentityRule",
    "LinkedRecord",
    "Mistake",
    "NamedRow",
    "Register",
    "RuleSettings",
    "SecretMissing",
    "SecretReference",
    "Source",
    "TrustedUnlessSilent",
    "WebhookSettings",
    "WrittenRule",
    "WrittenWebhook",
    "config_path",
    "config_schema",
    "load_config",
    "read_rules",
    "read_secrets",
]
