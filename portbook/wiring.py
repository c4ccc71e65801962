"""From the configuration to working parts: the one place that knows every kind of tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from adapters.azure_devops import AzureDevOpsOptions
from adapters.base import Adapter, Door, Subscribed, Subscribes
from adapters.jira import JiraOptions
from adapters.ms_project import MsProjectOptions
from adapters.spreadsheet import SpreadsheetOptions
from mapping.apply import Mapper
from mapping.load import load_mapping
from mapping.locale import Locale
from mapping.read_rules import Entities
from mapping.rules import MappingSet
from portbook.config import Config, Source, TrustedUnlessSilent, read_secrets
from portbook.errors import SettingsInvalid
from portbook.outbound import Outbound, outbound_of
from portbook.rules import expected_quality
from register.catalog import catalog
from register.ids import derive_id
from register.policy import Policy, Trusted
from register.quality import Expected
from register.runs import SourceSetting
from workers.schedule import Due
from workers.sync import SourceSpec

KINDS: Mapping[str, type[BaseModel]] = {
    "azure_devops": AzureDevOpsOptions,
    "jira": JiraOptions,
    "ms_project": MsProjectOptions,
    "spreadsheet": SpreadsheetOptions,
}
"""Kind of tool → what a person fills in. An adapter joins the product by joining this and `adapter_of`."""


def open_adapter(source: Source) -> Adapter:
    """The adapter of a source, ready to be entered. Reads its secrets, and names each that is missing."""
    read_secrets(source.options)
    return adapter_of(source)()


def import_adapters(config: Config) -> None:
    """Before the first run, which else would be booked with the time that this takes."""
    for source in config.sources:
        adapter_of(source)


def adapter_of(source: Source) -> Callable[[], Adapter]:
    """Makes the adapter of a source, which is imported now: most commands read the configuration and ask no tool."""
    match source.options:
        case AzureDevOpsOptions() as options:
            from adapters.azure_devops import AzureDevOpsAdapter

            return partial(AzureDevOpsAdapter, options, refresh=_secret_of(options.auth))
        case JiraOptions() as options:
            from adapters.jira import JiraAdapter

            return partial(JiraAdapter, options, refresh=_secret_of(options.auth))
        case MsProjectOptions() as options:
            from adapters.ms_project import MsProjectAdapter

            return partial(MsProjectAdapter, options, refresh=_secret_of(options.auth))
        case SpreadsheetOptions() as options:
            from adapters.spreadsheet import SpreadsheetAdapter

            return partial(SpreadsheetAdapter, options)
        case _:
            raise AssertionError(f"no adapter for {source.kind}")


def open_door(source: Source) -> Door | None:
    """Where the source's notifications come in; None where none are configured. Raises SettingsInvalid where this
    kind of tool has none to send."""
    if source.hooks is None:
        return None
    require_notifications(source)
    read_secrets(source.hooks)
    secret = source.hooks.secret.get_secret_value()
    match source.options:
        case JiraOptions():
            from adapters.jira.hooks import JiraDoor

            return JiraDoor(secret)
        case AzureDevOpsOptions():
            from adapters.azure_devops.hooks import AzureDevOpsDoor

            return AzureDevOpsDoor(secret)
        case SpreadsheetOptions(drive=drive) if drive is not None:
            from adapters.graph_hooks import GraphDoor

            return GraphDoor(secret)
        case _:
            raise AssertionError(f"no door for {source.kind}")


def require_notifications(source: Source) -> None:
    """Raises SettingsInvalid where there is nothing that could notify us, and so nothing to configure or to set up."""
    if silent := _silent(source):
        raise SettingsInvalid(
            f"source {source.name!r}: {silent} sends no notifications",
            detail=f"line {source.line}",
            hint=f"{'There is nothing to set up' if source.hooks is None else 'Remove `hooks`'}; changes are found by "
            "asking, as often as `every` says.",
        )


def _silent(source: Source) -> str:
    """What a source is read from that sends no notifications; empty where it does send them."""
    match source.options:
        case JiraOptions() | AzureDevOpsOptions():
            return ""
        case SpreadsheetOptions(drive=drive):
            return "a folder" if drive is None else ""
        case MsProjectOptions(api=api):
            return f"ms_project with `api: {api}`"
        case _:
            return source.kind


def entities() -> Entities:
    """What mappings may fill: entity → fields by the name a mapping uses."""
    return {name: entity.mappable for name, entity in catalog().items() if entity.enveloped}


def source_mapping(source: Source, aliases: Mapping[str, str]) -> MappingSet:
    """The source's mapping: the built-in one with the administrator's file over it."""
    return mapping_of(source.kind, source.mapping, aliases)


def mapping_of(kind: str, override: Path | None, aliases: Mapping[str, str] | None = None) -> MappingSet:
    """The mapping of a kind of tool. Raises MappingInvalid."""
    known = entities()
    # The rows of a sheet are whatever it says that they are.
    more = known if kind == "spreadsheet" else getattr(KINDS[kind], "unmapped_streams", ())
    return load_mapping(kind, known, override=override, aliases=aliases, streams=more)


def build_mapper(source: Source, aliases: Mapping[str, str]) -> Mapper:
    """The source's mapping, compiled for its tenant. Raises MappingInvalid."""

    def own_id(stream: str, source_id: str) -> str:
        return derive_id(source.name, stream, source_id)

    locale = Locale(
        getattr(source.options, "locale", None) or "",
        ZoneInfo(getattr(source.options, "timezone", None) or "UTC"),
    )
    return Mapper(source_mapping(source, aliases), own_id, locale=locale, aliases=aliases)


class Parts(NamedTuple):
    """What workers need to know of the configuration."""

    specs: Mapping[str, SourceSpec]
    schedule: Mapping[str, Due]
    policy: Policy
    settings: list[SourceSetting]
    outbound: Outbound
    """Who is told of events, and where that may lead."""
    expected: Expected = Expected()
    """Of the data: rules, and how fresh it must be."""


def wire(config: Config) -> Parts:
    """The configuration as working parts. Opens nothing yet."""
    zone = ZoneInfo(config.register.timezone)
    identity = config.identity.rules()
    return Parts(
        specs={source.name: _spec(source, config) for source in config.sources},
        schedule={source.name: Due(source.every, source.sweep, zone) for source in config.sources},
        policy=Policy(
            sources=tuple(source.name for source in config.sources),
            precedence={
                entity: {name: tuple(map(_trusted, order)) for name, order in rules.items()}
                for entity, rules in config.precedence.items()
            },
            links={entity: rule.links for entity, (_, rule) in identity.items()},
            match={entity: rule.match for entity, (_, rule) in identity.items()},
        ),
        settings=[
            SourceSetting(
                s.name,
                s.kind,
                address_of(s),
                int(s.every / timedelta(seconds=1)),
                s.sweep.isoformat("minutes"),
            )
            for s in config.sources
        ],
        outbound=outbound_of(config),
        expected=expected_quality(config),
    )


def hook_address(config: Config, source: Source) -> str | None:
    """The address that a tool is given for its notifications; None where none is configured."""
    public = config.gateway.public_url
    return f"{public}/hooks/{source.name}" if public and source.hooks else None


def _spec(source: Source, config: Config) -> SourceSpec:
    address = hook_address(config, source)

    def subscribe(adapter: Subscribes) -> Awaitable[list[Subscribed]]:
        assert address is not None
        assert source.hooks is not None
        return adapter.subscribe(address, source.hooks.secret.get_secret_value())

    return SourceSpec(
        source.name,
        lambda: open_adapter(source),
        lambda aliases: build_mapper(source, aliases),
        concurrency=getattr(source.options, "concurrency", 2),
        subscribe=subscribe if address else None,
    )


def _trusted(item: str | TrustedUnlessSilent) -> Trusted:
    if isinstance(item, str):
        return Trusted(item)
    return Trusted(item.source, int(item.unless_silent / timedelta(seconds=1)))


def address_of(source: Source) -> str | None:
    """Where it is, as the register keeps it."""
    options = source.options
    if isinstance(options, SpreadsheetOptions) and options.drive is not None:
        drive = options.drive
        return f"{drive.site or drive.user or drive.id}: {', '.join(drive.path)}"
    found = getattr(options, "url", None) or ", ".join(getattr(options, "files", None) or ())
    return str(found) or None


def _secret_of(auth: Any) -> Callable[[], str] | None:
    """Reads the secret anew, so that one that was rotated is found without a restart."""
    secret = getattr(auth, "token", None) or getattr(auth, "password", None)
    if secret is None:
        return None
    return lambda: str(secret.get_secret_value())
