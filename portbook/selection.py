"""What the register has beside what the configuration names: sources and projects that came or went."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any, NamedTuple

from portbook.config import Config, Source
from portbook.config.overlaps import SaysWhatItReads
from portbook.errors import SettingsInvalid
from portbook.wiring import address_of
from register import outside
from register.db import Connection, Pool


class KnownProject(NamedTuple):
    """A project as a source told of it."""

    own_id: str
    names: frozenset[str]
    """What a selection may call it, in small letters."""
    title: str


async def known_projects(connection: Connection, source: str) -> list[KnownProject]:
    """The projects that a source told of and that are there."""
    rows = await connection.fetch(
        """
        SELECT c.own_id::text, coalesce(c.values->>'key', c.values->>'title', r.source_id),
               array_remove(ARRAY[r.source_id, c.values->>'key', c.values->>'code', c.values->>'title']
                            || (SELECT array_agg(f.key) FROM former_key f
                                WHERE f.entity = 'project' AND f.entity_id = c.entity_id), NULL)
        FROM claim c JOIN source_record r ON r.id = c.record_id
        WHERE c.source = $1 AND c.entity = 'project' AND r.presence = 'present' ORDER BY 2
        """,
        source,
    )
    return [
        KnownProject(own, frozenset(n.strip().casefold() for n in names), title) for own, title, names in rows
    ]


def selected(source: Source, project: KnownProject) -> bool:
    """Whether the configuration names the project; where it selects nothing, everything is read."""
    wanted = getattr(getattr(source.options, "select", None), "projects", None)
    return wanted is None or any(name.strip().casefold() in project.names for name in wanted)


async def left_out(pool: Pool, config: Config) -> list[dict[str, Any]]:
    """What the register shows of configured sources and their configuration no longer selects, by project."""
    found = []
    async with pool.acquire() as connection:
        for source in config.sources:
            for project in await known_projects(connection, source.name):
                if not selected(source, project):
                    ids = await outside.records_of_projects(connection, source.name, [project.own_id])
                    found.append(
                        {
                            "source": source.name,
                            "what": "not selected",
                            "project": project.title,
                            "records": len(ids),
                        }
                    )
    return found


async def changed_sources(pool: Pool, configured: list[str]) -> list[dict[str, Any]]:
    """Sources that the configuration names and the register does not know, and the other way round."""
    rows = await pool.fetch(
        """
        SELECT s.key AS source, count(c.*) AS records FROM source s
        LEFT JOIN source_record c ON c.source = s.key AND c.presence = 'present'
        GROUP BY s.key ORDER BY s.key
        """
    )
    known = {row["source"]: row["records"] for row in rows}
    new = [{"source": name, "what": "new", "records": 0} for name in configured if name not in known]
    gone = [
        {"source": name, "what": "not configured", "records": records}
        for name, records in known.items()
        if name not in configured and records
    ]
    return new + gone


async def refuse_doubles(pool: Pool, config: Config, names: Collection[str] | None = None) -> None:
    """Raises SettingsInvalid where a source, one of `names` if they are given, would read what another one still shows:
    one that was renamed, or a project that moved from one source to another. Every row of it would count twice."""
    async with pool.acquire() as connection:
        known = await connection.fetch(
            """
            SELECT s.key, s.kind, s.url, s.complete_at IS NOT NULL AS complete,
                   EXISTS (SELECT FROM source_record r WHERE r.source = s.key AND r.presence = 'present') AS shown
            FROM source s ORDER BY s.key
            """
        )
        read = {row["key"] for row in known if row["complete"]}
        # Of kinds that do not say what they read, two at one address may have nothing in common.
        asked = [
            source
            for source in config.sources
            if isinstance(source.options, SaysWhatItReads) and (names is None or source.name in names)
        ]
        for before in (row for row in known if row["shown"]):
            for source in asked:
                there = (source.kind, address_of(source)) == (before["kind"], before["url"])
                if there and source.name != before["key"]:
                    new = source.name not in read
                    await _refuse_double(connection, config, source, before["key"], new=new)


async def _refuse_double(
    connection: Connection, config: Config, source: Source, before: str, *, new: bool
) -> None:
    own = next((other for other in config.sources if other.name == before), None)
    if not hasattr(source.options, "select"):
        # Whose tables were read beside each other have others.
        if own is None and new and await _same_tables(connection, source, before):
            raise _double(config, source, before, own, None)
        return
    projects = await known_projects(connection, before)
    left = [project for project in projects if own is None or not selected(own, project)]
    everything = source.options.select.projects is None
    if everything and "project_types" in source.options.model_fields_set:
        return  # they may differ by the types of their projects in place of their names
    taken = [project for project in left if selected(source, project)]
    if taken:
        whole = own is None and len(taken) == len(left)
        raise _double(config, source, before, own, None if whole else taken[0])


async def _same_tables(connection: Connection, source: Source, before: str) -> bool:
    """Whether the tables that the source names make rows of a kind that the other one made; one that names none may
    make any."""
    made = {sheet.into for sheet in getattr(source.options, "sheets", ())}
    told = await connection.fetch("SELECT DISTINCT entity FROM claim WHERE source = $1", before)
    return not made or not made.isdisjoint(row[0] for row in told)


def _double(
    config: Config, source: Source, before: str, own: Source | None, project: KnownProject | None
) -> SettingsInvalid:
    what, option = before, ""
    if project is not None:
        what, option = f"{project.title} of {before}", f" --project {shlex.quote(project.title)}"
    why = "which is no longer configured and whose" if own is None else "whose"
    renamed = f"If it was renamed, call it {before} again. " if own is None and project is None else ""
    return SettingsInvalid(
        f"{source.name} would read {what}, {why} rows are still shown: they would count twice",
        detail=f"{config.path.name}:{source.line}",
        hint=f"{renamed}If {source.name} takes over, `portbook retire {before}{option}` first: the old rows go out of "
        "scope, and their history stays.",
    )
