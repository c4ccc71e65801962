"""What the command line tells about sources, runs and tenants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.markup import escape

from adapters.base import SourceField, Stream
from mapping.paths import PathInvalid, ways_read
from mapping.rules import MappingSet
from portbook.terminal import ago, coloured, out, table
from register.db import Pool

_COUNTS = ("seen", "stored", "unchanged", "quarantined", "vanished", "rows_changed")


async def run_outcomes(pool: Pool, runs: Mapping[str, int]) -> list[dict[str, Any]]:
    """How these runs ended, by source, as JSON-ready documents."""
    rows = await pool.fetch(
        """
        SELECT r.id, r.source, r.mode, r.state, r.seen, r.stored, r.unchanged, r.quarantined, r.vanished,
               r.rows_changed, r.not_before, r.error_code, r.error, coalesce(s.paused, false) AS paused
        FROM run r LEFT JOIN source s ON s.key = r.source WHERE r.id = ANY($1::bigint[])
        """,
        list(runs.values()),
    )
    found = {row["source"]: dict(row) for row in rows}
    return [found[name] for name in runs if name in found]


def show_outcomes(outcomes: list[dict[str, Any]], places: Mapping[str, str]) -> None:
    """A table of runs, and the reason beside each that did not succeed. `places` tells where each source stands in
    the configuration."""
    rows = [
        (o["source"], o["mode"], coloured(o["state"]), *(f"{o[name]:,}" for name in _COUNTS))
        for o in outcomes
    ]
    columns = (
        "source",
        "run",
        "state",
        "seen",
        "stored",
        "unchanged",
        "set aside",
        "vanished",
        "rows written",
    )
    none = [
        title
        for name, title in (("quarantined", "set aside"), ("vanished", "vanished"))
        if not any(o[name] for o in outcomes)
    ]
    out.print(table("", columns, rows, right=columns[3:], spare=(*none, "unchanged", "stored")))
    for outcome in outcomes:
        if outcome["error"]:
            where = f" ({places[outcome['source']]})" if outcome["source"] in places else ""
            out.print(f"[bold]{outcome['source']}[/]{where} [red]{escape(outcome['error_code'] or '')}[/]")
            out.print(f"  {escape(outcome['error'])}", soft_wrap=True)
            _show_what_next(outcome)


def _show_what_next(found: Mapping[str, Any]) -> None:
    """When a source whose last run did not succeed goes on."""
    source = found["source"]
    if found["paused"]:
        what = (
            f"It is paused, and asked for nothing. Once that is mended, `portbook sync {source}` resumes it."
        )
    elif found["state"] == "queued" and found["error"]:
        what = f"A worker tries again {ago(found['not_before'])}; `portbook sync {source}` tries now."
    else:
        return
    out.print(f"  [green]→[/] {what}")


async def source_status(pool: Pool) -> list[dict[str, Any]]:
    """Every source with its last run, its freshness, and what waits for a person."""
    rows = await pool.fetch(
        """
        SELECT s.key AS source, s.kind, s.url, s.configured, coalesce(s.paused, false) AS paused, s.pause_reason,
               s.account, s.fresh_at, s.complete_at, s.next_run_at, s.next_sweep_at,
               r.id AS run, r.mode, r.state, r.seen, r.stored, r.unchanged, r.quarantined, r.error_code, r.error,
               r.not_before,
               (SELECT count(*) FROM source_record c WHERE c.source = s.key AND c.presence = 'present') AS records,
               (SELECT count(*) FROM finding f WHERE f.source = s.key AND f.state = 'open') AS findings,
               (SELECT q.score::float8 FROM quality q WHERE q.id = s.id) AS score,
               (SELECT count(*) FROM outside o WHERE o.source = s.key) AS outside,
               (SELECT count(*) FROM rejection j WHERE j.source = s.key AND j.resolved_at IS NULL) AS set_aside
        FROM source s
        LEFT JOIN LATERAL (SELECT * FROM run WHERE run.source = s.key ORDER BY id DESC LIMIT 1) r ON true
        ORDER BY s.configured DESC, s.key
        """
    )
    return [dict(row) for row in rows]


def show_status(sources: list[dict[str, Any]]) -> None:
    """The state of every source at a glance."""
    rows, waiting = [], []
    for s in sources:
        state = s["state"] or "never run"
        if s["paused"] or not s["configured"]:
            state = "paused" if s["paused"] else "not configured"
        due = ago(s["next_run_at"]) if s["next_run_at"] and not s["paused"] else ""
        if s["state"] == "queued" and s["error"]:
            due = ago(s["not_before"])
        if _late(s):
            waiting.append(s["next_run_at"])
            due = "overdue"
        score = "" if s["score"] is None else f"{s['score']:.1f}"
        counts = (f"{s['records']:,}", score, s["findings"], s["set_aside"])
        rows.append((s["source"], s["kind"], coloured(state), ago(s["fresh_at"]), *counts, due))
    columns = ("source", "kind", "state", "fresh", "records", "quality", "findings", "set aside", "next run")
    none = () if any(s["set_aside"] for s in sources) else ("set aside",)
    right = ("records", "quality", "findings", "set aside")
    out.print(table("", columns, rows, right=right, spare=(*none, "kind", "quality", "next run")))
    for s in sources:
        reason = s["pause_reason"] if s["paused"] else s["error"]
        if reason:
            out.print(f"[bold]{s['source']}[/]: {escape(reason)}")
        if s["configured"]:
            _show_what_next(s)
        if not s["configured"] and s["records"]:
            out.print(
                f"[bold]{s['source']}[/] is no longer configured; its {s['records']:,} records stay as they are."
            )
            out.print(f"  [green]→[/] `portbook retire {s['source']}` takes them out of scope.")
        if s["outside"]:
            out.print(
                f"[bold]{s['source']}[/]: {s['outside']:,} records are no longer selected and stay as they are."
            )
            out.print(
                f"  [green]→[/] `portbook retire {s['source']} --out-of-selection` takes them out of scope."
            )

    if waiting:
        out.print(f"What was due {ago(min(waiting))} has not begun: no worker has taken it up.")
        out.print(
            "  [green]→[/] Is `portbook work` running, or `portbook serve` where the stores are embedded?"
        )


_LATE = timedelta(minutes=2)
"""A worker looks every few seconds for what is due."""


def _late(source: Mapping[str, Any]) -> bool:
    """Whether the source is due, and nobody is at it."""
    idle = source["configured"] and not source["paused"] and source["state"] not in ("running", "queued")
    due = source["next_run_at"]
    return bool(idle and due and datetime.now(UTC) - due > _LATE)


async def open_findings(pool: Pool, limit: int) -> list[dict[str, Any]]:
    """Open findings: one of each kind first, the worst and most frequent; `also` counts the others of its kind."""
    rows = await pool.fetch(
        """
        SELECT source, code, severity, message, detail, hint, also FROM (
          SELECT f.*, row_number() OVER (kind ORDER BY opened_at DESC, id) AS nth, count(*) OVER kind - 1 AS also
          FROM finding f WHERE state = 'open' WINDOW kind AS (PARTITION BY source, code, field)) k
        ORDER BY nth, array_position(ARRAY['error', 'warning', 'info'], severity), also DESC, source, code, id LIMIT $1
        """,
        limit,
    )
    return [dict(row) for row in rows]


def show_streams(streams: list[Stream], mapping: MappingSet, aliases: Mapping[str, str]) -> None:
    """What a tenant has, and what the mapping does with each field."""
    for stream in streams:
        uses = field_uses(mapping, stream.name, aliases)
        rows = []
        for field in stream.fields:
            used = _becomes(field, uses)
            does = f"[green]{escape(used)}[/]" if used else "[dim]kept as sent, not mapped[/]"
            samples = "; ".join(_short(sample) for sample in field.samples)
            rows.append(
                (
                    escape(field.path),
                    escape(field.title),
                    escape(field.kind),
                    does,
                    f"[dim]{escape(samples)}[/]",
                )
            )
        rows += [
            (
                escape(path),
                "",
                "",
                f"[green]{escape(uses[way])}[/]",
                "[dim]what Portbook makes of the others[/]",
            )
            for way, path in _made(uses, stream)
        ]
        into = (
            ", ".join(sorted({rule.into for rule in mapping.rules if rule.stream == stream.name}))
            or "nothing"
        )
        out.print(
            table(
                f"{stream.name} ({escape(stream.title)}) → {into}",
                ("path", "name", "type", "becomes", "samples"),
                rows,
            )
        )
        for name, values in stream.values.items():
            out.print(f"  [bold]{name}[/]: {escape(', '.join(map(str, values)))}")
        out.print()


def field_uses(mapping: MappingSet, stream: str, aliases: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """The names that lead to a member of the record → the register fields that are read from it or from below it."""
    uses: dict[tuple[str, ...], dict[str, None]] = {}
    for rule in mapping.rules:
        if rule.stream != stream:
            continue
        elements = ways_read(rule.each, aliases) if rule.each else [()]
        for field in (*rule.fields.values(), *rule.custom.values()):
            for way in ways_read(field.path, aliases) if field.path is not None else ():
                whole = [way[1:]] if way[0] == "record" else [(*element, *way) for element in elements]
                for steps in whole:
                    for end in range(1, len(steps) + 1):
                        uses.setdefault(steps[:end], {})[f"{rule.into}.{field.name}"] = None
    return {way: ", ".join(fields) for way, fields in uses.items()}


def _made(uses: Mapping[tuple[str, ...], str], stream: Stream) -> list[tuple[tuple[str, ...], str]]:
    """What the mapping reads of that which an adapter adds to a record, and the adapter does not list among the fields
    of the tool, with its path."""
    shown = {tuple(field.path.replace('"', "").split(".")) for field in stream.fields}
    ways = sorted(way for way in uses if len(way) == 2 and way[0] == "portbook")
    return [(way, f"portbook.{way[1]}") for way in ways if not any(one[:2] == way for one in shown)]


def _becomes(field: SourceField, uses: Mapping[tuple[str, ...], str]) -> str:
    """The register fields that a field of the tool is read into."""
    try:
        ways = ways_read(field.path, {})
    except PathInvalid:  # a name, by which no mapping can read it
        return ""
    return ", ".join(dict.fromkeys(uses[way] for way in ways if way in uses))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:39] + "…"
