"""What portbook.yaml may say, and what is said of one that is wrong."""

from __future__ import annotations

import json
import re
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from adapters.jira.options import JiraOptions
from adapters.spreadsheet.options import SpreadsheetOptions
from portbook.config import (
    Config,
    ConfigInvalid,
    ConfigMissing,
    SecretMissing,
    SecretReference,
    config_path,
    config_schema,
    load_config,
    read_secrets,
)
from portbook.config.load import parse_config
from portbook.config.settings import ConfigFile, SourceSettings
from portbook.config.yaml_text import read_yaml
from portbook.wiring import KINDS

ENTITIES = {"project": ["budget", "code", "title"], "risk": ["title"], "cost_line": ["amount"]}
HERE = Path("/srv/register/portbook.yaml")

GOOD = """\
# yaml-language-server: $schema=./portbook.schema.json
register: {database: embedded, redis: {env: REDIS_URL}, data_dir: .portbook}
gateway:  {listen: 127.0.0.1:8080, public_url: https://register.example.org}
sources:
  - name: delivery
    kind: jira
    url: https://acme.atlassian.net
    auth: {kind: api_token, email: pmo@acme.com, token: {env: JIRA_TOKEN}}
    select: {projects: [PAY, WEB]}
    every: 1h30m
    sweep: "03:15"
    mapping: mappings/delivery.yaml
  - name: raid
    kind: spreadsheet
    files: [registers/*.xlsx]
    sheets:
      - {sheet: Risks, into: risk, key: Risk ID}
      - {sheet: Budget, into: cost_line, key: [Project, Month]}
identity:
  projects: {links: [[delivery:PAY, raid:Payments]], match: [code]}
  people:   {match: [email]}
precedence: {project: {default: [delivery, raid], budget: [raid]}}
"""


def sign_in(issuer: str, grant: str = "claim: roles, value: x") -> str:
    return f"sign_in:\n  - {{{issuer}, audience: [portbook], grants: [{{{grant}}}]}}\n"


def source(text: str) -> str:
    return f"sources:\n  - {{name: a, kind: jira, url: https://a.example, {text}}}\n"


def parse(text: str) -> Config:
    return parse_config(text, HERE, KINDS, ENTITIES)


def mistakes(text: str) -> list[str]:
    """Each mistake as a person reads it."""
    with pytest.raises(ConfigInvalid) as refused:
        parse(text)
    return refused.value.detail.split("\n")


def test_the_whole_format_is_read() -> None:
    config = parse(GOOD)
    delivery, raid = config.sources
    assert (delivery.name, delivery.kind, delivery.line) == ("delivery", "jira", 5)
    assert (delivery.every, delivery.sweep) == (timedelta(minutes=90), time(3, 15))
    assert delivery.mapping == Path("/srv/register/mappings/delivery.yaml")
    assert isinstance(delivery.options, JiraOptions)
    assert delivery.options.select.projects == ["PAY", "WEB"]
    assert isinstance(raid.options, SpreadsheetOptions)
    assert raid.options.base_dir == Path("/srv/register")
    assert raid.options.sheets[0].key == ("Risk ID",)
    assert (raid.every, raid.sweep, raid.mapping) == (timedelta(minutes=5), time(2, 0), None)
    assert config.register.data_dir == Path("/srv/register/.portbook")
    assert config.register.database.get_secret_value() == "embedded"
    assert config.gateway.public_url == "https://register.example.org"
    assert config.identity.projects.links == (("delivery:PAY", "raid:Payments"),)
    assert config.precedence["project"]["budget"] == ("raid",)
    assert config.source("raid") is raid


def test_an_empty_list_of_sources_with_defaults_is_enough() -> None:
    config = parse("sources: []\n")
    assert config.register.redis.get_secret_value() == "embedded"
    assert config.gateway.listen == "127.0.0.1:8080"


def test_a_configuration_cannot_be_changed() -> None:
    config = parse(GOOD)
    with pytest.raises(AttributeError):
        config.sources = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        config.sources[0].name = "x"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        config.gateway.listen = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.precedence["project"]["budget"] = ()  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registr: {}", "1:1: unknown key 'registr' (did you mean 'register'?)"),
        ("register: {databse: embedded}", "1:12: unknown key 'databse' (did you mean 'database'?)"),
        ("register: {}\nregister: {}", "2:1: the key 'register' stands here twice (first in line 1)"),
        ("register: {data_dir: 5}", "1:12: `data_dir` must be text"),
        ("register: {database_port: '5433'}", "1:12: `database_port` must be a whole number, not text"),
        ("register: {timezone: Europe/Londn}", "1:12: `timezone` must be a time zone such as"),
        ("gateway:\n  listen: 8080", "2:3: `listen` must be text"),
        ("gateway:\n  listen: here", "2:3: `listen` must be address:port"),
        ("gateway: {public_url: register}", "1:11: `public_url` must be an address such as https://"),
        ("gateway: []", "1:1: `gateway` must be a mapping of keys and values"),
        ("sources: {}", "1:1: must be a list"),
        ("sources:\n  - jira", "2:5: a source is a mapping with name and kind"),
        (
            "sources: [{name: a, kind: jra}]",
            "1:21: unknown kind of source 'jra' (did you mean 'jira'? known:",
        ),
        ("sources: [{name: a}]", f"1:11: `kind` is missing (known: {', '.join(sorted(KINDS))})"),
        ("sources: [{kind: spreadsheet, files: [x]}]", "1:11: `name` is missing"),
        ("sources: [{name: Ä b, kind: spreadsheet, files: [x]}]", "1:12: `name` must match"),
        (source("auth: {kind: pat, token: {env: X}}, urll: x"), "unknown key 'urll' (did you mean 'url'?)"),
        (source("auth: {kind: pat, token: {env: X}}, every: 5"), "`every` must be a time span such as 30s"),
        (source("auth: {kind: pat, token: {env: X}}, every: 1s"), "`every` must lie between 10s and"),
        (source("auth: {kind: pat, token: {env: X}}, sweep: '24:00'"), "`sweep` must be a time of day"),
        (
            source("auth: {kind: pat, token: {env: X}}, page_size: '9'"),
            "`page_size` must be a whole number, not",
        ),
        (
            source("auth: {kind: pat, token: {env: X}}, boards: 1"),
            "`boards` must be true or false, not a number",
        ),
        (
            source("auth: {kind: pat, token: {env: X}}, page_size: yes"),
            "`page_size` must be a whole number, not",
        ),
        (source("auth: {kind: pat, token: {env: X}}, page_size: true"), "not true or false"),
        (source("auth: {kind: pat, token: {env: X}}, base_dir: /x"), "unknown key 'base_dir'"),
        (source("auth: {kind: pt, token: {env: X}}"), "`auth` must have `kind`: one of 'api_token', 'pat'"),
        (source("auth: {kind: pat}"), "`token` is missing"),
        (
            source("auth: {kind: pat, token: {env: X, file: y}}"),
            "a secret is one reference (write {env: NAME}",
        ),
        (source("auth: {kind: pat, token: {env: 'a b'}}"), "`env` must name an environment variable"),
        ("identity: {projects: {links: [[a:1]]}}", "1:31: a link names at least two records"),
        ("identity: {projects: {links: [[a, b:1]]}}", "1:32: must be `source:id or key`"),
        ("identity: {projects: {match: [title]}}", "`match` must be 'code'"),
        ("identity: {work_items: {match: [key]}}", "`match` must be 'same_as'"),
        ("precedence: {project: {default: [{source: a}]}}", "`unless_silent` is missing"),
        ("precedence: {projct: {}}", "1:14: there is no entity 'projct' (did you mean 'project'?)"),
        (
            "precedence: {project: {budgte: []}}",
            "1:24: project has no field 'budgte' (did you mean 'budget'?)",
        ),
        *(
            (sign_in(f"issuer: {issuer}"), words)
            for issuer, words in (
                ("https://login.microsoftonline.com/common/v2.0", "2:6: `issuer` must be one directory"),
                ("'https://login.microsoftonline.com/{tenantid}/v2.0'", "`issuer` holds a placeholder"),
                ("http://login.example.org", "`issuer` must be https"),
                ("https://login.example.org?tenant=1", "`issuer` must be an address such as"),
            )
        ),
        (sign_in("issuer: https://a.example", grant="claim: roles"), "`value` is missing"),
        (sign_in("issuer: https://a.example", grant="claim: roles, value: 5"), "`value` must be text"),
        (
            sign_in("issuer: https://a.example", grant="claim: x, value: y, scopes: [write]"),
            "must be 'read' or",
        ),
        (
            sign_in("issuer: https://a.example", grant="claim: x, value: y, scope: [read]"),
            "did you mean 'scopes'?",
        ),
        (
            sign_in(
                "issuer: https://a.example", grant="claim: x, value: y, scopes: [admin], projects: [PAY]"
            ),
            "`admin` sees everything",
        ),
        (
            sign_in("issuer: https://a.example", grant="claim: x, value: y, projects: []"),
            "2:85: `projects` must name at least one row",
        ),
        (
            sign_in("issuer: https://a.example")
            + sign_in("issuer: https://a.example").removeprefix("sign_in:\n"),
            "3:6: the issuer stands twice (put its grants together: it stands in line 2)",
        ),
        ("a: [1", "1:6: this is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: *b", "1:4: this is not YAML"),
        ("a:\n\tb: 1", "2:1: a tab stands here (YAML is indented with spaces)"),
        ("a: b\tc\n\td: 1", "1:5: a tab stands here"),
        ('a:\n  b: "No\n  c: 1\nd: 2', "2:6: a quotation mark is opened here and not closed"),
        ("a: 'it's'", "1:8: this is not YAML: expected <block end>, but found more text"),
        ("a: !x 1", "tags (!…) are not used in this file"),
        ("<<: {}", "1:1: merge keys (<<) are not YAML 1.2"),
        ("a: &a [*a]", "an alias refers to a value that contains it"),
        ("? [1]\n: 2", "1:3: a key must be a word"),
        ("a: 0777777777777777777777777777777777777", "this is not a usable int"),
        ("a: " + "[" * 100 + "]" * 100, "nested too deeply"),
        ("a: \x01", "not allowed in YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_to_write(text: str, expected: str) -> None:
    told = mistakes(text)
    assert any(expected in line for line in told), told
    assert all(re.match(r"portbook\.yaml:\d+:\d+: ", line) for line in told)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    told = mistakes(
        "register: {databse: x}\n"
        "sources:\n"
        "  - {name: a, kind: jira, auth: {kind: pat, token: hunter2}}\n"
        "  - {name: a, kind: spreadsheet, files: [x], sheets: [{into: rsk, kye: 1}]}\n"
        "precedence: {project: {default: [b]}}\n"
    )
    assert [line.split(":")[1] for line in told] == ["1", "3", "3", "4", "4", "4", "5"]
    assert "first in line 3" in told[3]
    assert "did you mean 'risk'?" in told[4]


def test_an_unknown_source_is_answered_with_the_nearest() -> None:
    told = mistakes(GOOD.replace("default: [delivery,", "default: [delivry,").replace("raid:Pay", "rad:Pay"))
    assert [re.sub(r"^portbook.yaml:\d+:\d+: ", "", line) for line in told] == [
        "there is no source 'rad' (did you mean 'raid'?)",
        "there is no source 'delivry' (did you mean 'delivery'?)",
    ]
    with pytest.raises(ConfigInvalid, match="did you mean 'delivery'"):
        parse(GOOD).source("delivry")


@pytest.mark.parametrize(
    "text",
    [
        source("auth: {kind: pat, token: hunter2}"),
        source("auth: {kind: pat, token: [hunter2]}"),
        source("auth: {kind: pat, token: {env: hunter2 x}}"),
        source("auth: {kind: pat, token: {value: hunter2}}"),
        source("auth: {kind: wrong, token: hunter2}"),
        source("auth: {token: hunter2}"),
        source("auth: {kind: pat, token: x,hunter2}"),
        source("auth: {kind: pat, token: *hunter2}"),
        source("auth: {kind: pat, token: !hunter2 x}"),
        source("auth: {kind: pat, token: 'hunter2}"),
        source("auth: {kind: pat, token: @hunter2}"),
        source("auth: {kind: pat, token: {env: X}}, select: 'https://me:hunter2@a.example'"),
        "sources: [{name: a, kind: spreadsheet, files: ['https://me:hunter2@a.example']}]",
        "register: {database: 'postgresql://me:hunter2@db/register'}",
        "register: {database: 'postgresql://me@db/register?password=hunter2'}",
        "register: {redis: 'redis://:hunter2@cache/0'}",
        "register: {database: hunter2}",
        "register: {database: [hunter2]}",
    ],
)
def test_a_literal_secret_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse(text)
    shown = f"{refused.value} {refused.value!r} {refused.value.mistakes}"
    assert "hunter2" not in shown
    assert refused.value.__cause__ is None or "hunter2" not in str(refused.value.__cause__)


def test_a_secret_is_read_when_asked_for_and_shown_by_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    monkeypatch.delenv("REDIS_URL", raising=False)
    path = tmp_path / "portbook.yaml"
    path.write_text(GOOD.replace("{env: JIRA_TOKEN}", "{file: token}"))
    config = load_config(path, KINDS, ENTITIES)  # REDIS_URL is not set, and need not be yet
    options = config.source("delivery").options
    assert isinstance(options, JiraOptions)
    token = options.auth.token  # type: ignore[union-attr]
    assert token.get_secret_value() == "hunter2"
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbfrotated\r\n")  # as PowerShell writes it
    assert token.get_secret_value() == "rotated"
    shown = f"{config} {config!r} {options.model_dump()} {options.model_dump_json()} {token} {token!r}"
    assert "rotated" not in shown
    assert "hunter2" not in shown
    read_secrets(options)
    with pytest.raises(SecretMissing, match="REDIS_URL is not set") as missing:
        read_secrets(config.register)
    assert missing.value.detail == "portbook.yaml:2:32"


def test_every_missing_secret_of_a_source_is_named_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("EMPTY", "")
    secrets = [
        SecretReference("env", "NOT_SET", "portbook.yaml:3:1"),
        SecretReference("env", "EMPTY", "portbook.yaml:4:1"),
        SecretReference("file", "/nowhere/token", "portbook.yaml:5:1"),
    ]
    with pytest.raises(SecretMissing, match="3 secrets are missing") as missing:
        read_secrets(secrets)
    assert missing.value.detail.split("\n") == [
        "portbook.yaml:3:1: The environment variable NOT_SET is not set",
        "portbook.yaml:4:1: The environment variable EMPTY is empty",
        "portbook.yaml:5:1: The secret file /nowhere/token cannot be read: No such file or directory",
    ]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing, match="no configuration file") as missing:
        load_config(tmp_path / "portbook.yaml", KINDS)
    assert "portbook demo" in missing.value.hint
    with pytest.raises(ConfigMissing, match="cannot be read: Is a directory"):
        load_config(tmp_path, KINDS)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "- a\n", "just words\n", "null\n"])
def test_a_file_without_sections_says_how_one_begins(text: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse(text)
    assert "docs/configuration.md" in refused.value.hint


def test_a_file_that_is_not_utf8_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "portbook.yaml"
    path.write_bytes("sources: []\n# Übersicht\n".encode("latin-1"))
    with pytest.raises(ConfigInvalid) as refused:
        load_config(path, KINDS)
    assert refused.value.detail == "portbook.yaml:2:3: this is not UTF-8 text (save it as UTF-8)"
    path.write_bytes("\ufeffsources: []\n".encode())
    assert load_config(path, KINDS).sources == ()


def test_anchors_may_be_shared_but_not_multiply_without_end() -> None:
    shared = "sources:\n" + "".join(
        f"  - {{name: {name}, kind: jira, url: https://{name}.example, auth: {auth}}}\n"
        for name, auth in (("a", "&auth {kind: pat, token: {env: X}}"), ("b", "*auth"))
    )
    assert len(parse(shared).sources) == 2
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
    )
    assert "more than 100000 values" in mistakes(bomb)[0]


def test_words_that_older_yaml_took_for_something_else_stay_words() -> None:
    read = read_yaml("a: on\nb: no\nc: 02:00\nd: 2026-01-31\ne: 0o17\nf: 012\ng: 1e3\nh: ~\ni: true\n")
    assert read.mistakes == []
    assert read.data == {
        "a": "on", "b": "no", "c": "02:00", "d": "2026-01-31",
        "e": 15, "f": 12, "g": 1000.0, "h": None, "i": True,
    }  # fmt: skip


def test_the_file_is_found_by_option_then_environment_then_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTBOOK_CONFIG", raising=False)
    assert config_path() == Path("portbook.yaml")
    monkeypatch.setenv("PORTBOOK_CONFIG", "/etc/portbook.yaml")
    assert config_path() == Path("/etc/portbook.yaml")
    assert config_path(Path("mine.yaml")) == Path("mine.yaml")


WORDS = """
    register gateway sources identity precedence name kind url auth token env file select projects every sweep
    mapping files sheets into key links match default database redis data_dir limits rows project budget x <<
"""
KEYS = st.sampled_from(WORDS.split())
WORDS_AS_VALUES = "jira spreadsheet pat a a:1 5m 02:00 ~nobody-here/x embedded code http://["
LEAVES = st.sampled_from([*WORDS_AS_VALUES.split(), "", "\0", "é", 0, -1, 2**70, 1.5, True, None])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


def never_another_exception(text: str) -> Config | None:
    try:
        return parse(text)
    except ConfigInvalid:
        return None


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_values_load_or_are_refused(values: dict[str, Any]) -> None:
    never_another_exception(json.dumps(values))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.text(max_size=6))
def test_any_damage_to_a_good_file_loads_or_is_refused(at: int, removed: int, added: str) -> None:
    never_another_exception(GOOD[:at] + added + GOOD[at + removed :])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>%@'\"#?,~< \n\t\\0é\U0001f600\x00\x85\ud800", max_size=30))
def test_any_text_loads_or_is_refused(text: str) -> None:
    never_another_exception(text)


VALIDATOR = Draft202012Validator(config_schema(KINDS))


def accepted_by_schema(text: str) -> bool:
    return bool(VALIDATOR.is_valid(read_yaml(text).data))


ACCEPTED = [
    GOOD,
    "sources: []",
    "register: {database: 'postgresql://me@db/register', database_port: 5433, timezone: Europe/London}",
    "register: {database: {file: /run/secrets/url}}",
    source("auth: {kind: pat, token: {file: token}}"),
    source("auth: {kind: basic, user: me, password: {env: X}}, select: {projects: null}"),
    "sources: [{name: a, kind: spreadsheet, files: one.xlsx, sheets: [{into: risk, key: [A, B]}]}]",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_editors_schema_accepts_what_loads(text: str) -> None:
    parse(text)
    assert accepted_by_schema(text)


@pytest.mark.parametrize(
    "text",
    [
        "registr: {}",
        "register: {database: 5}",
        "register: {database: {env: X, file: y}}",
        "register: {database_port: '5433'}",
        "register: {database_port: 80}",
        "sources: [{name: a, kind: jra}]",
        "sources: [{kind: spreadsheet, files: [x]}]",
        "sources: [{name: A b, kind: spreadsheet, files: [x]}]",
        "sources: [{name: a, kind: spreadsheet, files: []}]",
        "sources: [{name: a, kind: spreadsheet, files: [x], base_dir: /x}]",
        "sources: [{name: a, kind: spreadsheet, files: [x], sheets: [{sheet: Risks}]}]",
        "sources: [{name: a, kind: spreadsheet, files: [x], url: https://a.example}]",
        source("auth: {kind: pat, token: hunter2}"),
        source("auth: {kind: pat, token: {value: x}}"),
        source("auth: {kind: pt, token: {env: X}}"),
        source("auth: {kind: pat, token: {env: X}}, every: soon"),
        source("auth: {kind: pat, token: {env: X}}, sweep: '25:00'"),
        source("auth: {kind: pat, token: {env: X}}, boards: 'true'"),
        "identity: {projects: {match: [title]}}",
        "identity: {projects: {links: [a]}}",
        "precedence: {project: [a]}",
    ],
)
def test_the_editors_schema_refuses_what_is_refused(text: str) -> None:
    assert mistakes(text)
    assert not accepted_by_schema(text)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_nothing_loads_that_the_editors_schema_refuses(values: dict[str, Any]) -> None:
    if never_another_exception(text := json.dumps(values)) is not None:
        assert accepted_by_schema(text)


def test_the_schema_is_valid_describes_every_key_and_holds_no_secret_field() -> None:
    schema = config_schema(KINDS)
    Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert "writeOnly" not in text
    assert "x-plain-too" not in text
    assert "**" not in text


PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def keys_of(model: type[BaseModel], before: str = "") -> set[str]:
    """Dotted keys of a model and of the models inside it, as the page writes them."""
    keys = set()
    for name, field in model.model_fields.items():
        if name == "base_dir":
            continue
        key = before + (field.alias or name)
        keys.add(key)
        pending = [field.annotation]
        while pending:
            kind = pending.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys |= keys_of(kind, f"{key}.")
            else:
                pending += [arg for arg in getattr(kind, "__args__", ()) if arg is not ...]
    return keys


def test_every_key_is_documented_and_every_documented_key_exists() -> None:
    text = PAGE.read_text()
    keys = (
        keys_of(ConfigFile) - {"sources"}
        | {f"sources.{key}" for key in keys_of(SourceSettings)}
        | {"sources"}
    )
    for kind, model in KINDS.items():
        keys |= {f"{kind}: {key}" for key in keys_of(model)}
    assert set(re.findall(r"^\| `([a-z_.: ]+)` \|", text, re.M)) == keys


def test_the_example_in_the_documentation_loads() -> None:
    for example in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S):
        parse_config(example, HERE, KINDS, None)


JIRA = "kind: jira, url: {url}, auth: {{kind: pat, token: {{env: T}}}}"
SITE = JIRA.format(url="https://acme.example/jira")
AZURE = "kind: azure_devops, url: https://dev.azure.com/acme, auth: {kind: pat, token: {env: T}}"
PWA = "kind: ms_project, api: project_data, url: https://p.example/pwa, auth: {kind: bearer, token: {env: T}}"
BOOK = "kind: spreadsheet, files: [a.xlsx]"


def two(one: str, other: str) -> str:
    return f"sources:\n  - {{name: one, {one}}}\n  - {{name: other, {other}}}\n"


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (SITE, SITE, "https://acme.example/jira"),
        (SITE, JIRA.format(url="https://ACME.example:443/jira/"), "https://acme.example/jira"),
        (SITE, f"{SITE}, select: {{projects: [PAY]}}", "PAY of https://acme.example/jira"),
        (
            f"{SITE}, select: {{projects: [PAY, WEB]}}",
            f"{SITE}, select: {{projects: [web]}}",
            "WEB of https://acme.example/jira",
        ),
        (
            f"{AZURE}, select: {{projects: [Pay]}}",
            f"{AZURE}, select: {{projects: [PAY, Web]}}",
            "pay of https://dev.azure.com/acme",
        ),
        (PWA, PWA, "https://p.example/pwa (project type 0)"),
        (
            "kind: ms_project, api: files, files: [plans/*.xml]",
            "kind: ms_project, api: files, files: [b.xml, ./plans/*.xml]",
            "/srv/register/plans/*.xml",
        ),
        (BOOK, BOOK, "the standard sheets of /srv/register/a.xlsx"),
        (
            f"{BOOK}, sheets: [{{sheet: Risks, into: risk}}]",
            f"{BOOK}, sheets: [{{sheet: risks, into: risk}}, {{sheet: Budget, into: cost_line}}]",
            "sheet 'risks' as risk of /srv/register/a.xlsx",
        ),
    ],
)
def test_two_sources_that_read_the_same_are_refused(one: str, other: str, both: str) -> None:
    assert mistakes(two(one, other)) == [
        f"portbook.yaml:3:5: 'other' and 'one' (line 2) both read {both}: its rows would count twice "
        "(let each read what the other does not (`select`, `files`, `sheets`), or take one away)"
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SITE, JIRA.format(url="https://acme.example/other")),
        (SITE, AZURE),
        (f"{SITE}, select: {{projects: [PAY]}}", f"{SITE}, select: {{projects: [WEB]}}"),
        (PWA, f"{PWA}, project_types: [1]"),
        (BOOK, "kind: spreadsheet, files: [b.xlsx]"),
        (f"{BOOK}, sheets: [{{sheet: Risks, into: risk}}]", f"{BOOK}, sheets: [{{sheet: Log, into: risk}}]"),
        (f"{BOOK}, sheets: [{{sheet: Risks, into: risk}}]", BOOK),
    ],
)
def test_sources_that_share_a_tool_and_no_rows_are_taken(one: str, other: str) -> None:
    assert [source.name for source in parse(two(one, other)).sources] == ["one", "other"]
