"""Rules of data quality, from the built-in ones and what the configuration says beside or about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from portbook.config import Config, Mistake, WrittenRule, read_rules
from portbook.config.errors import refused
from portbook.config.suggest import did_you_mean
from register.errors import QueryInvalid
from register.quality import LATE, Expected
from register.rules import Rule, check_rule

BUILT_IN = Path(__file__).with_name("rules.yaml")
LATE_AFTER = 12
"""A source is late after so many times its `every`, unless `expect_within` says otherwise."""
_NEEDED = ("entity", "when", "message")


@cache
def built_in_rules() -> dict[str, Rule]:
    """The rules that hold without a word in the configuration, by code."""
    return {written.settings.code: _rule(written, "built in") for written in read_rules(BUILT_IN)}


def expected_quality(config: Config) -> Expected:
    """What is expected of the data. Raises ConfigInvalid with the mistakes of all rules, each at its place."""
    rules, severity = _merged(config.rules)
    return Expected(
        rules=tuple(rules),
        fresh_within_s={
            source.name: int((source.expect_within or LATE_AFTER * source.every) / timedelta(seconds=1))
            for source in config.sources
        },
        late=severity,
    )


def _merged(written: Iterable[WrittenRule]) -> tuple[list[Rule], str | None]:
    rules: dict[str, Rule] = dict(built_in_rules())
    late: str | None = "warning"
    mistakes: dict[str, list[Mistake]] = {}
    first: dict[str, WrittenRule] = {}

    def wrong(at: WrittenRule, key: str, message: str, hint: str = "", position: int | None = None) -> None:
        line, column, exact = at.places.get(key, (at.line, 1, False))
        place = column + (position or 0) if exact else column
        mistakes.setdefault(at.file, []).append(Mistake(line, place, message, hint))

    for each in written:
        settings = each.settings
        code = settings.code
        if code in first:
            there = f"{first[code].file}:{first[code].line}"
            wrong(each, "code", f"the rule {code} stands here twice", f"first in {there}")
            continue
        first[code] = each
        known = rules.get(code)
        if code == LATE:
            strange = settings.model_fields_set - {"code", "off", "severity"}
            for key in sorted(strange):
                wrong(each, key, f"{LATE} is no condition on rows: it has `off` and `severity` alone")
            late = None if settings.off else settings.severity or "warning"
            continue
        if settings.off:
            if known is None:
                near = did_you_mean(code, [*rules, LATE])
                wrong(each, "code", f"there is no built-in rule {code} to switch off", near)
            rules.pop(code, None)
            continue
        missing = [key for key in _NEEDED if getattr(settings, key) is None] if known is None else []
        if missing:
            near = did_you_mean(code, [*rules, LATE]) or "Only a built-in rule can be changed in part."
            wrong(each, "code", f"the rule {code} lacks {', '.join(f'`{key}`' for key in missing)}", near)
            continue
        rule = _rule(each, f"{each.file}:{each.line}", known)
        try:
            check_rule(rule)
        except QueryInvalid as error:
            # A key that is not written here was right before: what it no longer goes with is.
            key = error.parameter if error.parameter in each.places else "code"
            wrong(each, key, f"`{error.parameter}`: {error.message}", error.hint, _written_at(error, rule))
        rules[code] = rule
    for file, found in mistakes.items():
        raise refused(file, found)
    return list(rules.values()), late


def _rule(written: WrittenRule, origin: str, known: Rule | None = None) -> Rule:
    settings = written.settings
    base = known or Rule(
        settings.code, settings.entity or "", settings.when or "", "warning", settings.message or ""
    )
    given = {key: getattr(settings, key) for key in settings.model_fields_set - {"code", "off"}}
    return replace(base, **{key: value for key, value in given.items() if value is not None}, origin=origin)


def _written_at(error: QueryInvalid, rule: Rule) -> int | None:
    """The character of the value as it is written, where the number of days stands as `{for_days}`."""
    at = error.position
    if at is None or rule.for_days is None:
        return at
    text = rule.when if error.parameter == "when" else rule.message
    place, digits = text.find("{for_days}"), len(str(rule.for_days))
    while 0 <= place < at:
        at += len("{for_days}") - digits
        place = text.find("{for_days}", place + 1)
    return at
