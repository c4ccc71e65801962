"""The schema `bi`: the register as a star, for tools that speak SQL.

Derived from the catalog, as everything else: dimensions for what facts hang on, facts for the rest, a bridge for each
list of ids, and facts by the day from the history. `python -m scripts.bi_schema` writes it as SQL for a migration.
Rows are those that are present. Each view asks who has signed in (`session_user`): a role that `portbook bi create`
made sees what its row scope permits, those who run the register see everything, and any other role nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from register.catalog import Entity, FieldDef, Kind, catalog, mapping_name
from register.query.past import end_of, every_version, shown_at
from register.query.scope import RESOLVED, Part, permitted

DIMENSIONS = ("portfolio", "programme", "project", "person", "iteration", "objective", "source")
BY_DAY = ("project", "milestone", "risk", "work_item")
"""What is also shown as it stood at the end of each day."""
_TRUST = ("source", "run", "finding", "quality")
_OURS = frozenset({"chosen", "aliases", "valid_from"})
DATES = ("2010-01-01", "2049-12-31")


@dataclass(frozen=True, slots=True)
class View:
    """A view: its columns, each with what it means, and the rows."""

    name: str
    says: str
    columns: tuple[tuple[str, str], ...]
    select: str

    def sql(self) -> str:
        """The statements that make it."""
        comments = [f"COMMENT ON VIEW bi.{self.name} IS {_quoted(self.says)};"]
        comments += [
            f'COMMENT ON COLUMN bi.{self.name}."{column}" IS {_quoted(says)};'
            for column, says in self.columns
            if says
        ]
        # The barrier keeps functions of a reader's own from seeing rows before the condition has.
        return (
            f"CREATE OR REPLACE VIEW bi.{self.name} WITH (security_barrier) AS\n{self.select};\n"
            + "\n".join(comments)
            + "\n"
        )


def views() -> Iterator[View]:
    """Every view, in an order in which they can be made."""
    yield _dates()
    shown = [entity for entity in catalog().values() if entity.enveloped or entity.name in _TRUST]
    for entity in shown:
        yield _view(entity)
        for field in entity.fields.values():
            if field.kind is Kind.IDS and field.ref:
                yield _bridge(entity, field)
    for name in BY_DAY:
        yield _daily(catalog()[name])


def view_name(entity: str) -> str:
    """`fact_risk`, `dim_project`."""
    return f"{'dim' if entity in DIMENSIONS else 'fact'}_{entity}"


def script() -> str:
    """The whole schema as SQL."""
    return _HEAD + "\n".join(view.sql() for view in views()) + _FOOT


def _dates() -> View:
    columns = (
        ("day", "The day."),
        ("year", "The year."),
        ("quarter", "The quarter, 1 to 4."),
        ("month", "The month, 1 to 12."),
        ("month_start", "The month's first day."),
        ("iso_year", "The year that the week by ISO 8601 belongs to."),
        ("iso_week", "The week by ISO 8601."),
        ("weekday", "Monday 1 to Sunday 7."),
        ("is_weekend", "Whether it is a Saturday or Sunday."),
    )
    select = (
        "SELECT d::date AS day, extract(year FROM d)::int AS year, extract(quarter FROM d)::int AS quarter,\n"
        "  extract(month FROM d)::int AS month, date_trunc('month', d)::date AS month_start,\n"
        "  extract(isoyear FROM d)::int AS iso_year, extract(week FROM d)::int AS iso_week,\n"
        "  extract(isodow FROM d)::int AS weekday, extract(isodow FROM d) > 5 AS is_weekend\n"
        f"FROM generate_series('{DATES[0]}'::timestamp, '{DATES[1]}', '1 day') d"
    )
    return View("dim_date", f"Days from {DATES[0]} to {DATES[1]}.", columns, select)


def _view(entity: Entity) -> View:
    fields = list(_flat(entity))
    present = ["e.presence = 'present'"] if entity.enveloped else []
    where = " AND ".join([*present, *_seen(entity, past=False)])
    return View(
        view_name(entity.name),
        entity.description.split("\n")[0],
        tuple((field.name, field.description) for field in fields),
        f"SELECT {', '.join(_column(field) for field in fields)}\nFROM public.{entity.name} e"
        + (f"\nWHERE {where}" if where else ""),
    )


def _bridge(entity: Entity, field: FieldDef) -> View:
    one = field.name.removesuffix("s")
    where = " AND ".join(["e.presence = 'present'", *_seen(entity, past=False)])
    return View(
        f"bridge_{entity.name}_{mapping_name(field.name, field)}",
        field.description,
        ((f"{entity.name}_id", f"The {entity.name}."), (one, field.description)),
        f"SELECT e.id AS {entity.name}_id, i.id AS {one}\n"
        f"FROM public.{entity.name} e CROSS JOIN LATERAL unnest(e.{field.name}) i (id)\nWHERE {where}",
    )


def _daily(entity: Entity) -> View:
    fields = list(_flat(entity))
    shown = shown_at("e", end_of("d.day"))
    where = " AND ".join([*shown, "e.presence = 'present'", *_seen(entity, past=True)])
    return View(
        f"fact_{entity.name}_daily",
        f"Every {entity.name} as the register showed it at the end of each day (UTC), since its first event.",
        (
            ("snapshot_on", "The day; today: as it is now."),
            *((field.name, field.description) for field in fields),
        ),
        f"SELECT d.day AS snapshot_on, {', '.join(_column(field) for field in fields)}\n"
        # As timestamps: of dates PostgreSQL makes instants in the session's zone. Where a day begins at one o'clock
        # there, so do all behind it, and the last comes too late.
        "FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1)"
        "::timestamp,\n"
        "                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d\n"
        f"JOIN {every_version(entity.name).replace('FROM ', 'FROM public.')} e ON true\nWHERE {where}",
    )


def _flat(entity: Entity) -> Iterable[FieldDef]:
    return (
        field for field in entity.fields.values() if field.name not in _OURS and field.kind is not Kind.IDS
    )


def _column(field: FieldDef) -> str:
    if field.kind is Kind.TEXTS:
        return f"array_to_string(e.{field.name}, ', ') AS {field.name}"
    return f'e."{field.name}"'


def _seen(entity: Entity, *, past: bool) -> list[str]:
    conditions = permitted(entity, "e", _ids, past=past)
    known = "(SELECT bi.sees_something())"
    if not conditions:
        return [known]
    return [f"((SELECT bi.sees_everything()) OR ({known} AND {' AND '.join(conditions)}))"]


def _ids(part: Part) -> str:
    return f"(SELECT bi.scope_ids('{part.value}'))::uuid[]"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_HEAD = f"""-- Made by `python -m scripts.bi_schema`: the register as a star, for tools that speak SQL.
CREATE SCHEMA bi;

DO $$
BEGIN
  CREATE ROLE bi_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

COMMENT ON SCHEMA bi IS 'The register as a star: dim_*, fact_*, bridge_*. Read only.';

-- Those who run the register, and roles without a row scope.
CREATE FUNCTION bi.sees_everything() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN l.name IS NULL THEN pg_has_role(session_user, 'portbook_app', 'member')
              ELSE coalesce(l.row_scope, '{{}}') = '{{}}' END
  FROM (SELECT) o LEFT JOIN public.bi_login l ON l.name = session_user
$$;

CREATE FUNCTION bi.sees_something() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT bi.sees_everything() OR EXISTS (SELECT FROM public.bi_login WHERE name = session_user)
$$;

CREATE FUNCTION bi.scope_ids(kind text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE kind WHEN 'project' THEN s.projects WHEN 'programme' THEN s.programmes ELSE s.portfolios END
  FROM ({RESOLVED.replace("$1::jsonb", "(SELECT row_scope FROM public.bi_login WHERE name = session_user)")}) s
$$;

"""
_FOOT = """
GRANT USAGE ON SCHEMA bi TO bi_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA bi TO bi_reader;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA bi FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bi TO bi_reader, portbook_app;
GRANT USAGE ON SCHEMA bi TO portbook_app;
GRANT SELECT ON ALL TABLES IN SCHEMA bi TO portbook_app;
"""
