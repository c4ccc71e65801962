"""Mapping files: YAML in, compiled rules out, every mistake with its line.

A file is a list of rules `{stream, into, fields}` and the lookups they use. An administrator's file overrides the
built-in one rule by rule and field by field. The entities are handed in: this package does not know the register.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from mapping.errors import MappingInvalid
from mapping.read_rules import Entities, RuleReader, line_of, meant, plain
from mapping.rules import FieldRule, MappingSet, Rule


def load_mapping(
    kind: str,
    entities: Entities,
    *,
    override: Path | None = None,
    aliases: Mapping[str, str] | None = None,
    streams: Collection[str] = (),
) -> MappingSet:
    """The built-in mapping of a kind of tool, with an administrator's file laid over it. `streams` are those that the
    tool has beside the ones that the built-in mapping reads.

    Raises MappingInvalid, naming every mistake with file and line.
    """
    builtin = files("mapping") / "builtin" / f"{kind}.yaml"
    texts = []
    if builtin.is_file():
        texts.append((f"builtin/{kind}.yaml", builtin.read_text("utf-8")))
    if override is not None:
        try:
            texts.append((str(override), override.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise MappingInvalid(
                f"the mapping file cannot be read: {reason}", detail=str(override), hint="Check `mapping:`."
            ) from None
    known = {str(rule["stream"]) for rule in _yaml(*texts[0])["rules"]} if builtin.is_file() else None
    return parse_mapping(kind, texts, entities, aliases or {}, streams=known and known.union(streams))


def parse_mapping(
    kind: str,
    texts: Sequence[tuple[str, str]],
    entities: Entities,
    aliases: Mapping[str, str],
    *,
    streams: Collection[str] | None = None,
) -> MappingSet:
    """Parse `(file name, text)` pairs, later ones over earlier ones. `streams` are those that the tool has; None where
    nobody knows."""
    mistakes: list[str] = []
    rules: dict[tuple[str, str, str | None], Rule] = {}
    lookups: dict[str, dict[str, Any]] = {}
    told: dict[tuple[str, str], str] = {}
    used: set[str] = set()
    documents = [(name, _yaml(name, text)) for name, text in texts]
    for name, document in documents:
        for table, entries in (document.get("lookups") or {}).items():
            if not isinstance(entries or {}, CommentedMap | dict):
                line = line_of(document["lookups"], table)
                mistakes.append(
                    f"{name}:{line}: lookup {table!r} is a map of the tool's word to the register's"
                )
                continue
            words = lookups.setdefault(str(table), {})
            for written, value in (entries or {}).items():
                word = str(written).strip().casefold()
                words[word] = plain(value)
                told[str(table), word] = f"{name}:{line_of(entries, written)}"
    for name, document in documents:
        reader = RuleReader(name, entities, aliases, lookups, told, used, mistakes, streams)
        for unknown in set(document) - {"source", "rules", "lookups"}:
            reader.mistake(
                document, unknown, f"unknown key {unknown!r}{meant(unknown, ('source', 'rules', 'lookups'))}"
            )
        if document.get("source") not in (None, kind):
            reader.mistake(document, "source", f"is for {document['source']!r}, this source is {kind!r}")
        for node in document.get("rules") or []:
            rule = reader.rule(node)
            if rule is None:
                continue
            identity = (rule.stream, rule.into, rule.each)
            if (below := rules.get(identity)) is not None:
                rule = replace(
                    rule,
                    fields={**below.fields, **rule.fields},
                    custom={**below.custom, **rule.custom},
                    id=rule.id or below.id,
                    when=rule.when or below.when,
                )
            rules[identity] = rule
    for name, document in documents:
        for written in document.get("lookups") or {}:
            if (table := str(written)) not in used:
                line = line_of(document["lookups"], written)
                mistakes.append(f"{name}:{line}: no rule uses a lookup {table!r}{meant(table, used)}")
    complete = tuple(_beside(rule, mistakes) for rule in rules.values())
    mistakes = list(dict.fromkeys(mistakes))  # a lookup is read for each field that uses it
    if mistakes:
        raise MappingInvalid(
            "the mapping cannot be used"
            if len(mistakes) == 1
            else f"the mapping has {len(mistakes)} mistakes",
            detail="\n".join(mistakes),
            hint="docs/mapping.md explains each verb with an example.",
        )
    digest = hashlib.sha256()
    for _, text in texts:
        digest.update(text.encode())
    digest.update(repr(sorted(aliases.items())).encode())
    return MappingSet(kind, complete, digest.hexdigest()[:12])


def _beside(rule: Rule, mistakes: list[str]) -> Rule:
    """The rule, its fields with the ones that their `only` names."""

    def completed(field: FieldRule) -> FieldRule:
        if field.only is None:
            return field
        other = rule.fields.get(field.only[0])
        if other is None or other.place is None or other.ref is not None:
            mistakes.append(f"{field.where}: `only` names {field.only[0]}, which no path of this rule fills")
        return replace(field, beside=other)

    return replace(
        rule,
        fields={name: completed(field) for name, field in rule.fields.items()},
        custom={name: completed(field) for name, field in rule.custom.items()},
    )


def _meant_by(problem: str) -> str:
    if r"'\t'" in problem:
        return "A tab stands there: YAML is indented with spaces."
    if re.search(r"got '[\[{]'|'[@`]' that cannot start", problem):
        return "A path with brackets or other signs stands in quotes: {from: 'assignees[0].id'}."
    return ""


@lru_cache(maxsize=32)  # with line numbers kept, YAML is slow to parse, and each run of a source asks again
def _yaml(name: str, text: str) -> CommentedMap:
    yaml = YAML(typ="rt")
    yaml.allow_duplicate_keys = False
    try:
        document = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise MappingInvalid(
            f"not YAML: {error.problem}", detail=f"{name}{line}", hint=_meant_by(str(error.problem))
        ) from None
    except Exception as error:  # noqa: BLE001 - the parser lets TypeError and others through on odd text
        raise MappingInvalid(f"not YAML: {error}", detail=name) from None
    if document is None:
        return CommentedMap()
    if (
        not isinstance(document, CommentedMap)
        or not isinstance(document.get("rules") or [], list)
        or not isinstance(document.get("lookups") or {}, dict)
    ):
        raise MappingInvalid(
            "a mapping file holds `source:`, `rules:` (a list) and `lookups:`", detail=f"{name}:1"
        )
    return document
