"""Why a row shows what it shows: for each field who says so, who says otherwise, which rule chose, and since when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from register.catalog import Entity, FieldDef, Kind
from register.derive import computed_fields
from register.query.errors import NameUnknown
from register.query.lanes import Lanes
from register.query.names import did_you_mean
from register.query.one_row import find_row
from register.query.past import AsOf, every_version, require_history, shown_at
from register.query.scope import RowScope

_OWN = {
    "id": "derived from source, stream and the source's own id of the first record that told of it",
    "source": "the source of the record that is believed first",
    "source_id": "the id that the tool gives the record that is believed first",
    "presence": "how that record stands in its source, as the last complete run or notification found it",
    "synced_at": "when this version was written here",
    "version": "counted here: one more with each change",
    "valid_from": "when this version was written here",
    "chosen": "the record and the rule that each value below was chosen by",
}
_ONLY = "the only record that tells it"
_SAME_SOURCE = "of several records of one source, the first"
_TOGETHER = "all records together"
_LAST = "the last that a record said of it"
_SILENT = "no record tells it"
_ONLY_GONE = "only records that are gone told it"


class _Said(NamedTuple):
    """What one record says of the row, and where that comes from."""

    record: dict[str, Any]
    values: dict[str, Any]
    lines: Mapping[str, list[str]]
    absent: int
    """0 for one that is there, 1 where that is not known, 2 for one that is gone."""


async def explain_row(
    lanes: Lanes,
    entity: Entity,
    reference: str,
    *,
    field: str | None = None,
    as_of: AsOf | None = None,
    scope: RowScope | None = None,
) -> dict[str, Any]:
    """`{"data": {id, key, collection, version, valid_from, fields: {name: …}}, "meta": {as_of}}`: every field that is
    not empty, or would not be but for the currency of its amounts, or the one asked for. Raises RowNotFound,
    RowAmbiguous, NameUnknown, PastUnknown or QueryInvalid.

    As of an instant: the version shown then, and what records said then. `presence` of a record is then how it stood at
    that instant; null where the register has not kept it.
    """
    require_history(entity, "explain")
    wanted = None if field is None else _field(entity, field)
    now = datetime.now(UTC)
    instant = as_of.instant(now) if as_of else None
    row_id = await find_row(lanes, entity, reference, instant, scope)
    found = await lanes.fetchrow(_statement(entity.name), row_id, instant or now, instant is None)
    row, since = _read(found["row"]), _read(found["since"])
    claims = _read(found["said"]) or []
    if not found["gone"]:
        _tell_presence(claims, row)
    said = [_said(claim) for claim in claims]
    pins = {pin["id"]: pin for pin in _read(found["pins"]) or ()}
    shown = {} if len(said) < 2 else await _absorbed(lanes, entity, said)
    explain = _Explainer(entity, row, since, said, pins, shown, gone=found["gone"])
    names = [wanted.name] if wanted else [name for name in entity.fields if explain.worth_telling(name)]
    return {
        "data": {
            "id": row["id"],
            "key": row["key"],
            "collection": entity.collection,
            "version": row["version"],
            "valid_from": row["valid_from"],
            "fields": {name: explain.field(name) for name in names},
        },
        "meta": {"as_of": _read(found["as_of"])},
    }


class _Explainer:
    """Explains the fields of one row."""

    def __init__(
        self,
        entity: Entity,
        row: Mapping[str, Any],
        since: Mapping[str, str],
        said: list[_Said],
        pins: Mapping[str, dict[str, Any]],
        shown: Mapping[str, str],
        *,
        gone: bool,
    ) -> None:
        self._entity = entity
        self._row = row
        self._since = since
        # As the merge ranks where no rule does: those still there first, then by their id for ever.
        self._said = sorted(said, key=lambda one: (one.absent, one.record["record_id"]))
        self._pins = pins
        self._shown = shown
        self._gone = gone
        self._chosen: Mapping[str, list[str | None]] = row.get("chosen") or {}
        self._currencies = {one.values["currency"] for one in said if one.values.get("currency")}

    def worth_telling(self, name: str) -> bool:
        """Whether it shows something, or would but for the currency."""
        return self._row[name] is not None or any(
            one.values.get(name) is not None and self._foreign(name, one) for one in self._said
        )

    def field(self, name: str) -> dict[str, Any]:
        value = self._row[name]
        found: dict[str, Any] = {"value": value, "since": self._since.get(name)}
        if name in _OWN:
            return {**found, "own": _OWN[name]}
        computed = computed_fields(self._entity.name).get(name)
        if computed is not None:
            words = re.findall(r"\w+", computed)
            return {
                **found,
                "computed_from": computed,
                "inputs": {word: self._row[word] for word in words if word in self._row},
            }
        return {**found, **self._told(name, value)}

    def _told(self, name: str, value: Any) -> dict[str, Any]:
        telling = [one for one in self._said if one.values.get(name) is not None]
        record_id, rule = self._chosen.get(name) or (None, None)
        found: dict[str, Any] = {}
        winner = None
        if rule is not None and rule.startswith("pin "):
            found["pin"] = self._pins.get(rule.removeprefix("pin "))
        elif rule is not None:
            winner = next((one for one in telling if one.record["record_id"] == record_id), None)
        if value is None and "pin" not in found and telling:
            foreign = any(self._foreign(name, one) for one in telling)
            rule = f"no record tells it in {self._row['currency']}" if foreign else _ONLY_GONE
        elif winner is None and "pin" not in found and telling:
            winner = next((one for one in telling if self._same(name, one, value)), telling[0])
        if rule is None:
            rule = _LAST if self._gone else _ONLY if len(self._said) == 1 else _SAME_SOURCE
        if name == "accounts" and len(telling) > 1:
            rule = _TOGETHER
        found["rule"] = rule if telling or "pin" in found else _SILENT
        found["winner"] = None if winner is None else self._record(name, winner)
        others = [one for one in telling if one is not winner]
        found["losers"] = [
            {"value": self._value(name, one), **self._currency(name, one), **self._record(name, one)}
            for one in others
            if not self._same(name, one, value)
        ]
        found["agree"] = [self._record(name, one) for one in others if self._same(name, one, value)]
        return found

    def _record(self, name: str, one: _Said) -> dict[str, Any]:
        lines = [[name, *line] for name, line in _lines(name, one.lines)]
        mapping = [{"field": field, "at": at, "says": says} for field, at, says in lines]
        return {
            **one.record,
            "mapping": mapping[0] if len(mapping) == 1 and name != "custom" else mapping or None,
        }

    def _same(self, name: str, one: _Said, value: Any) -> bool:
        return bool(self._value(name, one) == value) and not self._foreign(name, one)

    def _foreign(self, name: str, one: _Said) -> bool:
        """Whether it is an amount in another currency than the row shows, where records name several."""
        if len(self._currencies) < 2 or not self._entity.fields[name].money:
            return False
        return one.values.get("currency") not in (None, self._row["currency"])

    def _currency(self, name: str, one: _Said) -> dict[str, Any]:
        return {"currency": one.values["currency"]} if self._foreign(name, one) else {}

    def _value(self, name: str, one: _Said) -> Any:
        value = one.values[name]
        if self._entity.fields[name].ref is None or not self._shown:
            return value
        if isinstance(value, list):
            return list(dict.fromkeys(self._shown.get(item, item) for item in value))
        return self._shown.get(value, value)


def _lines(name: str, lines: Mapping[str, list[str]]) -> Iterable[tuple[str, list[str]]]:
    if name != "custom":
        return [(name, lines[name])] if name in lines else []
    return [(field, line) for field, line in lines.items() if field.partition(".")[0] == "custom"]


def _field(entity: Entity, name: str) -> FieldDef:
    found = entity.field(name) or entity.mappable.get(name)
    if found is None:
        raise NameUnknown(
            f"{entity.collection} have no field `{name[:60]}`",
            position=0,
            parameter="field",
            text=name,
            hint=did_you_mean(name, entity.fields) or "GET /api/v1/schema lists them.",
        )
    return found


def _said(claim: dict[str, Any]) -> _Said:
    values, lines, presence = claim.pop("values"), claim.pop("lines") or {}, claim["presence"]
    return _Said(claim, values, lines, 0 if presence == "present" else 1 if presence is None else 2)


def _tell_presence(claims: Iterable[dict[str, Any]], row: Mapping[str, Any]) -> None:
    """How a record stood at an earlier instant is kept with the row alone: it shows the presence of the record that
    is believed first."""
    believed = [
        one for one in claims if (one["source"], one["source_id"]) == (row["source"], row["source_id"])
    ]
    if len(believed) == 1 and believed[0]["presence"] is None:
        believed[0]["presence"] = row["presence"]


async def _absorbed(lanes: Lanes, entity: Entity, said: Iterable[_Said]) -> dict[str, str]:
    """Ids that the records refer to → the rows they are part of, where these are others."""
    names = [name for name, field in entity.fields.items() if field.kind in (Kind.ID, Kind.IDS) and field.ref]
    ids: set[str] = set()
    for one in said:
        for name in names:
            value = one.values.get(name) or ()
            ids.update([value] if isinstance(value, str) else value)
    if not ids:
        return {}
    found = await lanes.fetchrow(
        "SELECT json_object_agg(id, entity_id) AS shown FROM absorbed WHERE id = ANY($1::text[]::uuid[])",
        sorted(ids),
    )
    return _read(found["shown"]) or {}


def _statement(entity: str) -> str:
    """$1 the id, $2 an instant, $3 whether it is now → row, since, said, gone, pins, as_of.

    A record that has been read again since then does not know any more when and in which run it was stored: the claim
    and the event written with it do.
    """
    then = " AND ".join(shown_at("e", "$2::timestamptz"))
    claim = "c.record_id, c.own_id, c.source, c.values, c.mapping, c.since"
    ours = f"c.entity_id = $1::uuid AND c.entity = '{entity}' AND c.since <= $2"
    return f"""
    WITH every AS (SELECT * FROM {every_version(entity)} e WHERE e.id = $1::uuid),
    shown AS (SELECT * FROM every e WHERE CASE WHEN $3 THEN e.valid_to = 'infinity' ELSE {then} END),
    valid AS (
      SELECT {claim} FROM claim c WHERE c.entity_id = $1::uuid AND c.entity = '{entity}' AND ($3 OR c.since <= $2)
      UNION ALL SELECT {claim} FROM claim_history c WHERE {ours} AND c.until > $2 AND NOT $3
    ), before AS (
      SELECT {claim}, rank() OVER (ORDER BY c.until DESC) AS _n FROM claim_history c
      WHERE {ours} AND c.until <= $2 AND NOT EXISTS (SELECT FROM valid)
    ), said AS (
      SELECT * FROM valid UNION ALL
      SELECT record_id, own_id, source, values, mapping, since FROM before WHERE _n = 1
    ), told AS (
      SELECT s.source, r.stream, r.source_id, s.record_id, s.own_id, s.values->>'url' AS url,
             -- One that has gone and come back was stored anew.
             CASE WHEN $3 OR (r.presence = 'present' AND r.stored_at <= $2) THEN r.presence END AS presence,
             CASE WHEN r.stored_at <= $2 THEN r.run_id ELSE (
               SELECT e.run_id FROM event e WHERE e.entity_id = $1::uuid AND e.entity = '{entity}' AND e.at = s.since
               ORDER BY seq LIMIT 1) END AS run,
             CASE WHEN r.stored_at <= $2 THEN r.stored_at ELSE s.since END AS stored_at,
             s.since, s.values, coalesce(n.rules, m.rules)->r.stream->'{entity}' AS lines
      FROM said s JOIN source_record r ON r.id = s.record_id
      LEFT JOIN mapping_used m ON m.source = s.source AND m.version = s.mapping
      LEFT JOIN mapping_used n ON n.source = s.source AND n.version = m.agrees_with AND $3
    ), spoken AS (
      SELECT f.key, max(f.valid_from) FILTER (WHERE f.before IS NULL OR f.before <> f.value) AS since
      FROM (SELECT v.valid_from, x.key, x.value, lag(x.value) OVER (PARTITION BY x.key ORDER BY v.version) AS before
            FROM every v CROSS JOIN LATERAL jsonb_each(to_jsonb(v)) x
            WHERE v.version <= (SELECT version FROM shown)) f
      GROUP BY f.key
    )
    SELECT (SELECT row_to_json(shown) FROM shown) AS row, (SELECT json_object_agg(key, since) FROM spoken) AS since,
           (SELECT json_agg(told) FROM told) AS said, NOT EXISTS (SELECT FROM valid) AS gone,
           (SELECT json_agg(p) FROM (
              SELECT id, actor, reason, pinned_at, expires_at FROM pin
              WHERE id::text IN (SELECT substr(x.value->>1, 5) FROM shown CROSS JOIN LATERAL jsonb_each(chosen) x
                                 WHERE x.value->>1 LIKE 'pin %')) p) AS pins,
           to_json(CASE WHEN $3 THEN now() ELSE $2 END) AS as_of
    """


def _read(value: bytes | str | None) -> Any:
    return None if value is None else orjson.loads(value)
