"""Who is believed: claims about one row → its values, which rule chose each, and where sources disagree.

Nothing here looks at the database: the same claims, policy and decisions give the same row, in whatever order records
arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import cache
from typing import Any, NamedTuple

from register.catalog import catalog
from register.derive import derive
from register.ids import derive_id
from register.policy import Policy, Ranking
from register.settled import Settled

# Each tool has its own of these; that they differ is no disagreement.
NO_CONFLICT = {
    "url",
    "created_at",
    "updated_at",
    "status_source",
    "description",
    "custom",
    "key",
    "title",
    "accounts",
    "same_as",
}

_NO_LONGER = ("deleted", "moved", "out_of_scope")
"""Of a record that stands so, the tool or a person says that it is no longer this source's. One that is archived or
hidden from our account says what it last said."""

_IN_CURRENCY = ", in the currency of the row"
"""Added to the name of a rule that could not choose among all amounts."""


class ClaimRow(NamedTuple):
    """A stored claim, with the standing of the record that makes it."""

    source: str
    record_id: str
    source_id: str
    presence: str
    values: dict[str, Any]


def resolve_references(entity: str, values: dict[str, Any], links: Mapping[str, str]) -> dict[str, Any]:
    """The values with every reference to an absorbed id replaced by the id it is part of."""
    if not links:
        return values
    resolved = values
    for field in catalog()[entity].fields.values():
        if field.ref is None or field.name not in values:
            continue
        value = values[field.name]
        new = (
            list(dict.fromkeys(links.get(v, v) for v in value))
            if isinstance(value, list)
            else links.get(value, value)
        )
        if new != value:
            resolved = {**resolved, field.name: new}
    return resolved


def merged(
    entity: str, row_id: str, said: list[ClaimRow], policy: Policy, settled: Settled
) -> dict[str, Any]:
    """The row that these claims make: of each column what the source says that is believed, unless it is pinned."""
    several = len({claim.source for claim in said}) > 1
    said = _believed(said)
    ranked = _ranked(said, policy.ranking(entity, "default", settled.lapsed))
    first = ranked[0]
    values: dict[str, Any] = {}
    chosen: dict[str, list[str | None]] = {}
    if len(said) == 1 and not several:
        values.update(first.values)
    else:
        foreign = _foreign(entity, row_id, said, policy, settled)
        for column in sorted({column for claim in said for column in claim.values}):
            ranking = policy.ranking(entity, column, settled.lapsed)
            telling = [claim for claim in _ranked(said, ranking) if column in claim.values]
            believed = _in_currency(entity, column, telling, foreign)
            if not believed:
                continue
            values[column] = believed[0].values[column]
            if several:
                rule = ranking.rule if len(believed) == len(telling) else ranking.rule + _IN_CURRENCY
                chosen[column] = [believed[0].record_id, rule]
        if entity == "person":
            values["accounts"] = {
                k: v for c in reversed(ranked) for k, v in (c.values.get("accounts") or {}).items()
            }
            values = {k: v for k, v in values.items() if v != {}}
    for column, pinned in settled.pinned(row_id).items():
        values[column] = pinned.value
        chosen[column] = [None, f"pin {pinned.id}"]
    values = {k: v for k, v in resolve_references(entity, values, settled.shown).items() if v is not None}
    values |= {"id": row_id, "source": first.source, "source_id": first.source_id, "presence": first.presence}
    if chosen:
        values["chosen"] = chosen
    return derive(entity, values)


def _believed(said: list[ClaimRow]) -> list[ClaimRow]:
    """What the row shows: a row that is there nothing that only a record says which is no longer; one that is gone what
    was last known of it."""
    if all(claim.presence != "present" for claim in said):
        return said
    return [claim for claim in said if claim.presence not in _NO_LONGER]


def _foreign(entity: str, row_id: str, said: list[ClaimRow], policy: Policy, settled: Settled) -> Set[str]:
    """The records whose amounts the row cannot show: they name another currency than the one it shows. None where all
    name the same: a currency that is pinned then says what theirs is."""
    if not amounts(entity):
        return frozenset()
    named = {
        claim.record_id: _code(claim.values["currency"]) for claim in said if claim.values.get("currency")
    }
    if len(set(named.values())) < 2:
        return frozenset()
    pinned = settled.pinned(row_id).get("currency")
    ranked = _ranked(said, policy.ranking(entity, "currency", settled.lapsed))
    shown = (
        _code(pinned.value) if pinned else next(named[c.record_id] for c in ranked if c.record_id in named)
    )
    return {record_id for record_id, currency in named.items() if currency != shown}


def _code(currency: Any) -> str:
    return str(currency).strip().upper()


def _in_currency(entity: str, column: str, telling: list[ClaimRow], foreign: Set[str]) -> list[ClaimRow]:
    """Those of them that the column may be taken from."""
    if not foreign or column not in amounts(entity):
        return telling
    return [claim for claim in telling if claim.record_id not in foreign]


@cache
def amounts(entity: str) -> frozenset[str]:
    """The columns that hold amounts in the row's currency."""
    return frozenset(name for name, field in catalog()[entity].fields.items() if field.money)


def _ranked(said: list[ClaimRow], ranking: Ranking) -> list[ClaimRow]:
    # A record that is still there is believed before one that has gone; the record id settles a tie for ever.
    rank = ranking.rank
    last = len(rank)
    return sorted(
        said, key=lambda c: (c.presence != "present", rank.get(c.source, last), c.source, c.record_id)
    )


def conflicts_about(
    entity: str, row_id: str, said: list[ClaimRow], policy: Policy, settled: Settled
) -> list[dict[str, Any]]:
    """What sources disagree about: for each field what each says, whom the row follows, and by which rule."""
    present = [claim for claim in said if claim.presence == "present"]
    if len({claim.source for claim in present}) < 2:
        return []
    found = []
    resolved = [(claim, resolve_references(entity, claim.values, settled.shown)) for claim in present]
    pins = settled.pinned(row_id)
    foreign = _foreign(entity, row_id, present, policy, settled)
    for column in sorted({column for _, values in resolved for column in values} - NO_CONFLICT):
        ranking = policy.ranking(entity, column, settled.lapsed)
        by_claim = {claim.record_id: values.get(column) for claim, values in resolved}
        ranked = _ranked(present, ranking)
        opinions = [(c, by_claim[c.record_id]) for c in ranked if by_claim[c.record_id] is not None]
        telling = [claim for claim, _ in opinions]
        believed = _in_currency(entity, column, telling, foreign)
        pinned = pins.get(column)
        left_out = len(believed) < len(telling)
        if any(value != opinions[0][1] for _, value in opinions) or (left_out and not pinned):
            rule = ranking.rule + (_IN_CURRENCY if left_out else "")
            found.append(
                {
                    "id": derive_id("conflict", entity, row_id, column),
                    "entity": entity,
                    "entity_id": row_id,
                    "field": column,
                    "values": _told(opinions),
                    "winner": None if pinned or not believed else believed[0].source,
                    "rule": f"pin {pinned.id}" if pinned else rule,
                }
            )
    return found


def _told(opinions: Iterable[tuple[ClaimRow, Any]]) -> dict[str, Any]:
    """What each source says, by its name; what else it says, by `source:id` of the record that does."""
    told: dict[str, Any] = {}
    said: dict[str, list[Any]] = {}
    for claim, value in opinions:
        before = said.setdefault(claim.source, [])
        if value not in before:
            told[f"{claim.source}:{claim.source_id}" if before else claim.source] = value
            before.append(value)
    return told
