"""A plan becomes one SQL statement that builds the answer's JSON inside PostgreSQL.

How the SQL is spelled was measured (bench/query). In short: JSON is made by `json_agg` of a narrow row, with the
order inside the aggregate; related rows are correlated subselects; limits are literals, because the planner distrusts a
statement whose LIMIT it cannot see and would plan it anew each time. Values are always bound. Names come from the
catalog, except aliases, which the GraphQL grammar holds to letters, digits and underscores, and which are quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from register.catalog import Entity, FieldDef, Kind, Relation, catalog
from register.query.check import mentions_presence
from register.query.from_clause import CASTS, FromClause, constant, joined, quoted
from register.query.order import behind, direction, may_be_empty, places, walked
from register.query.past import INSTANT, LATELY, by_key, every_version, past_meta, shown_at
from register.query.plan import Beyond, Branch, Constant, Flat, Level, Tally
from register.query.scope import Part, implied, permitted, permitted_version, stayed

WHOLE = '"~row"'
"""What a row to be shown is called in SQL: no caller can give a column that name."""
FRESHNESS = "(SELECT json_object_agg(s.key, s.fresh_at) FROM source s WHERE s.configured)"
_META = f"{FRESHNESS} AS freshness, to_json(now()) AS as_of"


class Builder:
    """Collects parameters and names tables while the text grows."""

    def __init__(self, *, past: bool = False, scoped: bool = False) -> None:
        self.parameters: list[Any] = []
        self._scoped = scoped
        self._parts: dict[Part, str] = {}
        self.instant = INSTANT if past else None
        """The instant that is looked at, where it is not now."""
        self.until: tuple[str, bool] | None = None
        """The last key of a list that is looked at, and whether the order goes down."""
        self._aliases = 0

    @property
    def meta(self) -> str:
        return _META if self.instant is None else past_meta(self.instant)

    # The two doors to a table: a past state is another table here, and another condition (lists go through `_tables`);
    # what a caller may see is one condition more. Nothing below reads a table in any other way.

    def table(self, entity: Entity) -> str:
        if entity.view is not None:
            return entity.view.sql(self)
        return quoted(entity.table.name) if self.instant is None else every_version(entity.name)

    def visible(
        self, entity: Entity, alias: str, *, any_presence: bool, then: bool = True, permitted: bool = False
    ) -> list[str]:
        """The conditions on a row; without those that the caller knows to hold: that it was shown `then`, that it is
        `permitted`."""
        shown = []
        if not any_presence and entity.enveloped:
            shown = [f"{alias}.presence = 'present'"]
        elif not any_presence and entity.name == "finding":
            shown = [f"{alias}.closed_at IS NULL"]
        if not permitted:
            shown += self.permitted(entity, alias)
        if self.instant is None or not then or entity.view is not None:
            return shown
        return [*shown_at(alias, self.instant), *shown]

    def permitted(self, entity: Entity, alias: str, *, looking_back: bool = False) -> list[str]:
        """The conditions under which the caller sees a row; `looking_back` of one that may be an old version."""
        if not self._scoped or entity.view is not None:
            return []
        return permitted(entity, alias, self._part, past=looking_back or self.instant is not None)

    def permitted_then(self, entity: Entity, alias: str) -> list[str]:
        """The conditions under which a version hung on something that is permitted."""
        if not self._scoped or entity.view is not None:
            return []
        return permitted_version(entity, alias, self._part)

    def permitted_still(self, entity: Entity, alias: str) -> list[str]:
        """The conditions under which the caller sees a version: it hung on something permitted, and its row does so
        today."""
        then = self.permitted_then(entity, alias)
        return list(dict.fromkeys([*then, *self.permitted(entity, alias, looking_back=True)]))

    def regrouped(self, event: str) -> str:
        """The condition under which an event tells that what the scope names became part of its row, or ceased to be:
        the caller sees it from then on, or no longer."""
        return f"coalesce({event}.parts && {self._part(Part.NAMED)}, false)"

    def followed(self, entity: Entity, event: str, version: str, before: str) -> str:
        """The condition under which the caller knows the version before an event, so that a difference is enough. What
        is permitted today need not have been when that version hung on it: what moves is told whole."""
        conditions = [f"{before}.id IS NOT NULL", *self.permitted_then(entity, before)]
        conditions += [stayed(entity, version, before), f"NOT {self.regrouped(event)}"]
        return f"coalesce({' AND '.join(conditions)}, false)"

    def implied(self, relation: Relation, owner: Entity) -> bool:
        """Whether whoever sees the row at one end is known to see the one at the other. Not so of what hung below a row
        in the past: today it may hang elsewhere."""
        return implied(relation, owner) and (self.instant is None or relation.column_on_owner)

    def _part(self, part: Part) -> str:
        if part not in self._parts:
            self._parts[part] = self.bind(part, "uuid[]")
        return self._parts[part]

    def bind(self, value: Hashable, cast: str) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}::{cast}"

    def alias(self) -> str:
        self._aliases += 1
        return f"a{self._aliases}"

    def shown(self, level: Level, owner: str) -> str:
        """The output columns of a row, in the order asked for."""
        return ", ".join(
            f"{self._shown(level.entity, item, owner)} AS {quoted(alias)}" for alias, item in level.items
        )

    def count(self, level: Level) -> str:
        """How many rows there are on all pages."""
        rows = FromClause(self, level.entity, self.alias())
        presence = mentions_presence(level.rule, level.entity)
        conditions = self.visible(level.entity, rows.alias, any_presence=presence)
        if level.rule is not None:
            conditions.append(rows.rule(level.rule))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"(SELECT count(*) FROM {self.table(level.entity)} {rows.alias}{rows.joins}{where})"

    def tally(self, tally: Tally, owner: str, entity: str) -> str:
        """How many rows lie below a row."""
        relation = tally.relation
        target = catalog()[relation.target]
        rows = FromClause(self, target, self.alias())
        conditions = [
            joined(relation, owner, rows.alias),
            *self.visible(
                target,
                rows.alias,
                any_presence=mentions_presence(tally.rule, target),
                permitted=self.implied(relation, catalog()[entity]),
            ),
        ]
        if tally.rule is not None:
            conditions.append(rows.rule(tally.rule))
        return f"(SELECT count(*) FROM {self.table(target)} {rows.alias}{rows.joins} WHERE {' AND '.join(conditions)})"

    def _shown(self, entity: Entity, item: FieldDef | Branch, owner: str) -> str:
        if isinstance(item, Beyond):
            before, after = self.bind(item.before, "text"), self.bind(item.after, "text")
            number = self.tally(item, owner, entity.name)
            return f"CASE WHEN {number} > {item.most} THEN {before} || {owner}.id || {after} END"
        if isinstance(item, Tally):
            return self.tally(item, owner, entity.name)
        if isinstance(item, Constant):
            return constant(item)
        if isinstance(item, Flat):
            return self._flat(entity, item, owner)
        if isinstance(item, FieldDef):
            return f"{owner}.{quoted(item.name)}"
        return self.below(entity, item, owner)

    def below(self, entity: Entity, branch: Branch, owner: str) -> str:
        """What lies below a row, as JSON: an object, or a list of them."""
        relation, level = branch.relation, branch.level
        known = self.implied(relation, entity)
        if not relation.many:
            one = self.alias()
            conditions = [
                joined(relation, owner, one),
                *self.visible(level.entity, one, any_presence=True, then=False, permitted=known),
            ]
            parts = [
                f"{table} {one} WHERE {' AND '.join([*conditions, *shown])}"
                for table, shown in self._one_by_one(level.entity, one)
            ]
            source = parts[0]
            if len(parts) > 1:
                # What comes later is not looked at where the row is found before: it was shown once at most.
                columns = self.columns(level, one)
                every = " UNION ALL ".join(f"SELECT {columns} FROM {part}" for part in parts)
                source = f"({every} LIMIT 1) {one}"
            return (
                f"(SELECT row_to_json({WHOLE}) FROM (SELECT {self.shown(level, one)} FROM {source}) {WHOLE})"
            )
        rows = self.alias()
        order = places(level, rows)
        many = self.alias()
        inner = self.rows(level, joined(relation, owner, many), None, table_alias=many, permitted=known)
        return (
            f"(SELECT coalesce(json_agg({WHOLE} ORDER BY {order}), '[]'::json) FROM ({inner}) {rows} "
            f"CROSS JOIN LATERAL (SELECT {self.shown(level, rows)}) {WHOLE})"
        )

    def _flat(self, entity: Entity, item: Flat, owner: str) -> str:
        source, conditions, before = "", "", entity
        for relation in item.hops:
            target, one = catalog()[relation.target], self.alias()
            on = [
                joined(relation, owner, one),
                *self.visible(target, one, any_presence=True, permitted=self.implied(relation, before)),
            ]
            if source:
                source += f" JOIN {self.table(target)} {one} ON {' AND '.join(on)}"
            else:
                source, conditions = f"{self.table(target)} {one}", " AND ".join(on)
            owner, before = one, target
        column = f"{owner}.{quoted(item.of.name)}"
        if item.kind is Kind.DOCUMENT:
            column = f"{column}::text"
        elif item.kind in (Kind.TEXTS, Kind.IDS):
            column = f"coalesce({column}, '{{}}')"
        return f"(SELECT {column} FROM {source} WHERE {conditions})" if source else column

    def columns(self, level: Level, alias: str) -> str:
        """The table's columns that `shown` will ask for."""
        names = {"id": None}
        for _, item in level.items:
            if isinstance(item, Constant):
                continue
            if isinstance(item, Flat):
                names[item.hops[0].column if item.hops else item.of.name] = None
            elif isinstance(item, FieldDef) and not isinstance(item, Tally):
                names[item.name] = None
            elif item.relation.column_on_owner:
                names[item.relation.column] = None
        return ", ".join(f"{alias}.{quoted(name)}" for name in names)

    def rows(
        self,
        level: Level,
        condition: str,
        after: Sequence[str | None] | None,
        *,
        extra: int | None = None,
        table_alias: str = "e",
        permitted: bool = False,
    ) -> str:
        """The rows of a level, ordered and limited: their columns and the order values `_o0` …; with `extra` rows
        above the limit (of the outermost level)."""
        rows = FromClause(self, level.entity, table_alias)
        terms = [rows.field(by.hops, by.field) for by in level.order]
        conditions = [condition] if condition != "TRUE" else []
        presence = mentions_presence(level.rule, level.entity)
        conditions += self.visible(
            level.entity, table_alias, any_presence=presence, then=False, permitted=permitted
        )
        if level.rule:
            conditions.append(rows.rule(level.rule))
        columns = [self.columns(level, table_alias), *(f"{term} AS _o{i}" for i, term in enumerate(terms))]
        limit = str(level.limit + (extra or 0))
        skipped = f" OFFSET {level.offset}" if level.offset else ""

        def select(table: str, more: Iterable[str], orders: Sequence[str], limit: str) -> str:
            where = " AND ".join([*conditions, *more])
            return (
                f"SELECT {', '.join(columns)} FROM {table} {table_alias}{rows.joins}"
                f"{' WHERE ' + where if where else ''} ORDER BY {', '.join(orders)} LIMIT {limit}"
            )

        orders = [
            direction(term, by.descending, may_be_empty(level.entity, by), by.empty_first)
            for term, by in zip(terms, level.order, strict=True)
        ]
        if extra is None and self._by_key(level):
            tables = [
                *self._apart(level.entity, table_alias),
                *self._tables(level.entity, table_alias, apart=False),
            ]
            return by_key(tables, terms[0], orders, level.limit, select)
        tables = self._tables(level.entity, table_alias, apart=extra is not None)
        parts = [[]] if extra is None else self._segments(level, terms, after)
        if len(tables) == 1 and len(parts) == 1:
            ((table, shown),) = tables
            return select(table, [*shown, *parts[0]], orders, limit + skipped)
        every = self._parted(level, terms, tables, parts, orders, select, extra or 0)
        return f"SELECT * FROM ({every}) u ORDER BY {places(level, 'u')} LIMIT {limit}{skipped}"

    def _by_key(self, level: Level) -> bool:
        """Whether these rows of the past come in the order of their keys, for which there are indexes."""
        first, up = level.order[0], not any(by.descending or by.empty_first for by in level.order)
        by_key = up and not first.hops and first.field.name == "key"
        return self.instant == INSTANT and level.entity.view is None and by_key and not level.offset

    def _parted(
        self,
        level: Level,
        terms: Sequence[str],
        tables: Sequence[tuple[str, list[str]]],
        parts: Sequence[Sequence[str]],
        orders: Sequence[str],
        select: Callable[[str, Iterable[str], Sequence[str], str], str],
        extra: int,
    ) -> str:
        """The rows of all these tables and parts, of each as many as a page may need."""
        ordered = [orders]
        if len(parts) > 1:
            ordered = [[direction(terms[0], level.order[0].descending, False), *orders[1:]], orders[1:]]
            if level.order[0].empty_first:
                ordered.reverse()
        upto = level.offset + level.limit + extra
        first, *second = (
            " UNION ALL ".join(
                f"({select(table, [*shown, *part], ordered[at], str(upto))})" for table, shown in tables
            )
            for at, part in enumerate(parts)
        )
        if not second:
            return first
        # What comes second is not looked for where the first fills the page: it may take reading the whole table.
        return (
            f'WITH "~first" AS ({first}) SELECT * FROM "~first" UNION ALL SELECT * FROM ({second[0]}) n '
            f'WHERE (SELECT count(*) FROM "~first") < {upto}'
        )

    def _tables(self, entity: Entity, alias: str, *, apart: bool) -> list[tuple[str, list[str]]]:
        """What an ordered and limited list is read from, each with a condition. Of the past it may be two tables:
        where few rows of the present are that old, they are found by their age and not by walking the order, which
        of a whole collection would be long. Below a row the two are merged as they are walked."""
        if self.instant is not None and not apart and entity.view is None:
            return [(self.table(entity), shown_at(alias, self.instant))]
        ends = []
        if self.until is not None and self.instant is not None:
            key, descending = self.until
            # Not bound, so that PostgreSQL plans for this very key, and once. As hexadecimal digits it is harmless.
            written = "U&'" + "".join(f"\\+{ord(char):06x}" for char in key) + "'"
            ends = [f"{alias}.key {'>=' if descending else '<='} {written}"]
        return [(table, [*shown, *ends]) for table, shown in self._apart(entity, alias)]

    def _apart(self, entity: Entity, alias: str) -> list[tuple[str, list[str]]]:
        """The tables that hold what is looked at, each with a condition; a row is shown by one of them at most."""
        if self.instant is None or entity.view is not None:
            return [(self.table(entity), [])]
        table = quoted(entity.table.name)
        return [
            (table, [f"{alias}.valid_from <= {self.instant}"]),
            (quoted(f"{entity.table.name}_history"), shown_at(alias, self.instant)),
        ]

    def _one_by_one(self, entity: Entity, alias: str) -> list[tuple[str, list[str]]]:
        """The same where one row is looked for by its id: where it more probably is first. A look into the history
        that finds nothing ends in its index; one into the present reads the row to see how old it is."""
        present, *past = self._apart(entity, alias)
        if not past:
            return [present]
        # As a test of a test the lower end stays out of the index: with a range for each of two columns, PostgreSQL
        # tries to skip through it, which costs more than the one or two versions there are to look at.
        ((history, _),) = past
        shown = [f"({alias}.valid_from <= {self.instant}) IS TRUE", f"{alias}.valid_to > {self.instant}"]
        if self.instant != INSTANT:
            return [present, (history, shown)]
        return [(history, [f"NOT {LATELY}", *shown]), present, (history, [LATELY, *shown])]

    def _segments(
        self, level: Level, terms: Sequence[str], after: Sequence[str | None] | None
    ) -> list[list[str]]:
        """Conditions of the parts the page is read from: rows that have the first order value, then rows that lack
        it. Apart, each can walk an index in either direction; as one condition PostgreSQL would read from the start.
        Where there is no index to walk, one part is read once."""
        first, by = terms[0], level.order[0]
        nullable = may_be_empty(level.entity, by)
        in_order = walked(level.entity, by)
        there, empty = [f"{first} IS NOT NULL"], [f"{first} IS NULL"]
        if after is None:
            if not nullable or not in_order or not (by.descending or by.empty_first):
                return [[]]
            return [empty, there] if by.empty_first else [there, empty]
        bound = [
            None if value is None else f"{self.bind(value, 'text')}::{CASTS[order.field.kind]}"
            for value, order in zip(after, level.order, strict=True)
        ]
        places = [
            (term, order.descending, may_be_empty(level.entity, order), order.empty_first)
            for term, order in zip(terms, level.order, strict=True)
        ]
        if nullable and not in_order:
            return [[behind(places, bound)]]
        rest = behind(places, bound, 1)
        if bound[0] is None:
            return [[*empty, rest], there] if by.empty_first else [[*empty, rest]]
        sign = "<" if by.descending else ">"
        here = [f"{first} {sign}= {bound[0]}", f"({first} {sign} {bound[0]} OR {rest})"]
        return [here, empty] if nullable and not by.empty_first else [here]


def permitted_also(
    entity: Entity, alias: str, *, scoped: bool, given: int, past: bool
) -> tuple[str, list[Any]]:
    """` AND …` for SQL that is written elsewhere, and its parameters, which stand behind `given` others."""
    builder = Builder(past=past, scoped=scoped)
    builder.parameters = [None] * given
    conditions = builder.permitted(entity, alias)
    return "".join(f" AND {condition}" for condition in conditions), builder.parameters[given:]
