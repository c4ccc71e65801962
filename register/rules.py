"""Rules of data quality: a condition in the API's filter grammar, and the SQL that opens and closes its findings.

A rule finds exactly the rows that `GET /api/v1/{collection}?filter=…` finds with its condition. One statement looks at
all rows of its entity, or only at those that a change may have made or mended: the changed rows themselves, and those
that lead to a changed row by a relation the condition or the message looks through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from register.catalog import Entity, FieldDef, Kind, Relation, catalog
from register.errors import QueryInvalid
from register.findings import standing_waiver, whose
from register.ids import derive_id
from register.query import Query, check, parse_filter
from register.query.ast import Compare, Origin, Path
from register.query.check import mentions_presence
from register.query.compile import Builder
from register.query.from_clause import FromClause
from register.query.names import did_you_mean
from register.query.plan import Hops, Test, moments, ways
from register.query.plan import Rule as Condition
from register.query.scope import OPEN

_GRAMMAR = "3"
"""Changes when the same rule comes to mean something else: every rule is then looked at from scratch."""
_ELSEWHERE = "(outside of this project)"
CODE = re.compile(r"DQ-[A-Z0-9][A-Z0-9-]{0,50}")
_DAYS = "{for_days}"
_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.]*)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is written."""

    code: str
    entity: str
    when: str
    """The condition: a row is at fault when this filter finds it. `{for_days}` stands for the number of days."""
    severity: str
    message: str
    """What a finding says; a field of the row, or of a row it belongs to, stands in braces."""
    hint: str = ""
    field: str | None = None
    for_days: int | None = None
    origin: str = "built in"

    @property
    def id(self) -> str:
        return derive_id("rule", self.code)

    @property
    def condition(self) -> str:
        return self.when if self.for_days is None else self.when.replace(_DAYS, str(self.for_days))

    @property
    def says(self) -> str:
        return self.message if self.for_days is None else self.message.replace(_DAYS, str(self.for_days))

    @property
    def version(self) -> str:
        told = (_GRAMMAR, self.entity, self.condition, self.severity, self.says, self.hint, self.field or "")
        return sha256("\x1f".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class CheckedRule(NamedTuple):
    """A rule whose names are known and whose values can be read."""

    rule: Rule
    entity: Entity
    condition: Condition
    says: tuple[str | tuple[Hops, FieldDef], ...]
    """The message: text, and the fields between."""
    clock: str | None
    """`day` or `hour` when the condition looks at the clock: how long its answer holds where nothing changes."""
    reached: frozenset[tuple[str, Hops]]
    """(the rule's entity, the way) to every row it looks at beside its own."""

    @property
    def watched(self) -> list[str]:
        """Entities whose changes concern the rule."""
        return sorted({self.entity.name, *(hops[-1].target for _, hops in self.reached)})


def check_rule(rule: Rule) -> CheckedRule:
    """The rule, understood. Raises QueryInvalid, whose `parameter` names the key at fault: entity, field, when or
    message."""
    if not CODE.fullmatch(rule.code):
        raise QueryInvalid(
            f"{rule.code[:60]!r} is no code", parameter="code", hint="Write it as DQ-NO-BUDGET."
        )
    entity = catalog().get(rule.entity)
    if entity is None or not entity.enveloped:
        known = [name for name, found in catalog().items() if found.enveloped]
        hint = did_you_mean(rule.entity, known) or "Write it in the singular: project, work_item …"
        raise QueryInvalid(f"there is no entity {rule.entity[:60]!r}", parameter="entity", hint=hint)
    if rule.field is not None and entity.field(rule.field) is None:
        raise QueryInvalid(
            f"{rule.entity} has no field {rule.field[:60]!r}",
            parameter="field",
            hint=did_you_mean(rule.field, entity.fields),
        )
    for key, text in (("when", rule.condition), ("message", rule.says)):
        if _DAYS in text:
            raise QueryInvalid(f"{_DAYS} stands in `{key}`", parameter=key, hint="Add `for_days: 30`.")
    condition = _checked(entity, rule.condition)
    says = tuple(_template(entity, rule.says))
    told = list(moments(condition))
    clock = "hour" if any(not moment.whole_day for moment in told) else "day" if told else None
    told_of = [part[0] for part in says if not isinstance(part, str)]
    for key, some in (("when", ways(condition)), ("message", told_of)):
        _refuse_without_events(key, some)
    looked_at = {*ways(condition), *told_of}
    reached = frozenset((entity.name, way[:end]) for way in looked_at for end in range(1, len(way) + 1))
    return CheckedRule(rule, entity, condition, says, clock, reached)


def _refuse_without_events(key: str, looked_at: Iterable[Hops]) -> None:
    """Raises QueryInvalid for a way through rows whose changes leave no event: nobody would know when to look again."""
    for hop in (hop for way in looked_at for hop in way):
        if not catalog()[hop.target].enveloped:
            raise QueryInvalid(
                f"a rule cannot look through `{hop.name}`: what changes there leaves no event",
                parameter=key,
                hint="Look at fields of the row, or of rows that sources tell of.",
            )


def _checked(entity: Entity, text: str) -> Condition:
    condition = check(Query(entity.collection, filter=parse_filter(text, Origin("when", text)))).rule
    assert condition is not None
    return condition


def _template(entity: Entity, text: str) -> Iterator[str | tuple[Hops, FieldDef]]:
    at = 0
    for found in _BRACES.finditer(text):
        yield text[at : found.start()]
        path = Path(tuple(found[1].split(".")), found.start(1), Origin("message", text))
        # A comparison that asks of the field only what every field can answer.
        tested = check(Query(entity.collection, filter=Compare(path, "null", ()))).rule
        assert isinstance(tested, Test)
        yield tested.hops, tested.field
        at = found.end()
    rest = text[at:]
    for brace in "{}":
        if brace in _BRACES.sub("", text):
            raise QueryInvalid(
                f"a `{brace}` in the message does not belong to a field",
                position=text.index(brace),
                parameter="message",
                text=text,
                hint="Fields stand in braces: {due_on}, {project.key}.",
            )
    yield rest


class Look(NamedTuple):
    """A statement that opens and closes findings: returns how many were opened or told anew, and closed."""

    sql: str
    parameters: list[Any]


def compile_look(checked: CheckedRule, since: int | None, upto: int) -> Look:
    """Look at every row, or with `since` at what the events after it may concern, up to and with `upto`."""
    rule, entity = checked.rule, checked.entity
    builder = Builder()
    code, rule_id = builder.bind(rule.code, "text"), builder.bind(rule.id, "uuid")
    changed = (
        "" if since is None else _changed(checked, builder.bind(since, "int8"), builder.bind(upto, "int8"))
    )
    rows = FromClause(builder, entity, "e")
    condition = rows.rule(checked.condition)
    shown = builder.visible(entity, "e", any_presence=mentions_presence(checked.condition, entity))
    project, owner = whose(entity, "e")
    message = " || ".join(
        builder.bind(part, "text") if isinstance(part, str) else _told(rows, *part, project)
        for part in checked.says
    )
    field = entity.field(rule.field) if rule.field else None
    value = f"left({_as_text(rows.field((), field), field, empty=False)}, 300)" if field else "NULL::text"
    columns = {
        "id": _finding_id(rule),
        "code": code,
        "severity": builder.bind(rule.severity, "text"),
        "source": "e.source",
        "entity": builder.bind(entity.name, "text"),
        "entity_id": "e.id",
        "field": builder.bind(rule.field, "text"),
        "value": value,
        "message": f"left({message}, 2000)",
        "detail": "left(concat_ws(' ', e.key, e.title), 300)",
        "hint": builder.bind(rule.hint, "text"),
        "rule_id": rule_id,
        "project_id": project,
        "owner_id": owner,
    }
    names = ", ".join(columns)
    told = [name for name in columns if name != "id"]
    known, excluded = (", ".join(f"{alias}.{name}" for name in told) for alias in ("k", "o"))
    touched = "" if since is None else " JOIN touched ON touched.id = e.id"
    among = "" if since is None else " AND f.entity_id IN (SELECT id FROM touched)"
    sql = f"""
    WITH {changed}faulty AS MATERIALIZED (
      SELECT {", ".join(f"{what} AS {name}" for name, what in columns.items())}
      FROM "{entity.name}" e{touched}{rows.joins} WHERE {" AND ".join([*shown, condition])}
    ), closed AS (
      UPDATE finding f SET closed_at = now()
      WHERE f.rule_id = {rule_id} AND f.closed_at IS NULL{among}
        AND NOT EXISTS (SELECT FROM faulty o WHERE o.id = f.id) RETURNING 1
    ), opened AS (
      INSERT INTO finding AS f ({names}, waiver_id)
      SELECT {names}, {standing_waiver("o")} FROM faulty o
      WHERE NOT EXISTS (SELECT FROM finding k WHERE k.id = o.id AND k.closed_at IS NULL
                        AND ({known}) IS NOT DISTINCT FROM ({excluded}))
      ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in told)},
        waiver_id = excluded.waiver_id, closed_at = NULL,
        opened_at = CASE WHEN f.closed_at IS NULL THEN f.opened_at ELSE now() END
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM opened) AS opened, (SELECT count(*) FROM closed) AS closed
    """
    return Look(sql, builder.parameters)


def _finding_id(rule: Rule) -> str:
    """Derived from the rule and the row, so that a finding is one row however often it opens. PostgreSQL has no SHA-1
    of its own: UUID version 8 (RFC 9562), from SHA-256."""
    # Neither a code nor the name of an entity holds a quote: `check_rule`.
    about = f"'finding|{rule.code}|{rule.entity}|' || e.id::text"
    digest = f"encode(sha256(convert_to({about}, 'UTF8')), 'hex')"
    return f"overlay(overlay(left({digest}, 32) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid"


def _told(rows: FromClause, hops: Hops, field: FieldDef, project: str) -> str:
    """What a message says of a field. Whoever may see the row's project reads it: of rows outside of that it says
    nothing."""
    text = _as_text(rows.field(hops, field), field)
    if not hops or hops[-1].target in OPEN:
        return text
    elsewhere = whose(catalog()[hops[-1].target], rows.reach(hops))[0]
    outside = f"{rows.reach(hops)}.id IS NOT NULL AND {project} IS NOT NULL AND {elsewhere} IS DISTINCT FROM {project}"
    return f"CASE WHEN {outside} THEN '{_ELSEWHERE}' ELSE {text} END"


def _as_text(column: str, field: FieldDef, *, empty: bool = True) -> str:
    match field.kind:
        case Kind.NUMBER:
            text = f"trim_scale({column})::text"
        case Kind.INSTANT:
            text = f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"')"
        case Kind.TEXTS:
            text = f"array_to_string({column}, ', ')"
        case _:
            text = f"{column}::text"
    return f"left(coalesce({text}, '–'), 200)" if empty else text


def _changed(checked: CheckedRule, since: str, upto: str) -> str:
    """The first two parts of a statement that looks at changes: what changed, and the rows that this concerns."""
    watched = ", ".join(f"'{name}'" for name in checked.watched)
    own = f"SELECT entity_id AS id FROM changed WHERE entity = '{checked.entity.name}'"
    parts = [own, *(_concerned(checked.entity, hops) for _, hops in sorted(checked.reached, key=str))]
    return (
        f"changed AS MATERIALIZED (SELECT entity, entity_id, changed FROM event WHERE entity IN ({watched}) "
        f"AND seq > {since} AND seq <= {upto}), touched AS MATERIALIZED ("
        f"SELECT DISTINCT id FROM ({' UNION ALL '.join(parts)}) t WHERE id IS NOT NULL), "
    )


def _concerned(entity: Entity, hops: Hops) -> str:
    """Ids of the rows from which these relations lead to a changed row, or led to it before it changed."""
    ids = f"SELECT entity_id AS id FROM changed WHERE entity = '{hops[-1].target}'"
    for at in range(len(hops) - 1, -1, -1):
        relation = hops[at]
        owner = hops[at - 1].target if at else entity.name
        ids = _backwards(relation, owner, ids, before=at == len(hops) - 1)
    return ids


def _backwards(relation: Relation, owner: str, ids: str, *, before: bool) -> str:
    column = f'"{relation.column}"'
    if relation.column_on_owner:
        held = f"o.{column} && ARRAY({ids})" if relation.array else f"o.{column} = ANY(ARRAY({ids}))"
        return f'SELECT o.id FROM "{owner}" o WHERE {held}'
    shown = f"unnest(x.{column})" if relation.array else f"x.{column}"
    found = f'SELECT {shown} AS id FROM "{relation.target}" x WHERE x.id = ANY(ARRAY({ids}))'
    if not before:
        return found
    # What a row left is no longer to be seen in it; the event has it.
    was = f"c.changed->'{relation.column}'->0"
    left = f"jsonb_array_elements_text({was})" if relation.array else f"{was} #>> '{{}}'"
    kind = "array" if relation.array else "string"
    return (
        f"{found} UNION SELECT ({left})::uuid FROM changed c "
        f"WHERE c.entity = '{relation.target}' AND jsonb_typeof({was}) = '{kind}'"
    )
