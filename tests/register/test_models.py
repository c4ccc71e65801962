"""The declarations in `register.models`, held to what the design promises about every one of them."""

from __future__ import annotations

import pytest
from sqlalchemy import BigInteger, Column, Integer

from register.catalog import Entity, Kind, catalog, collections, mapping_name, plural
from register.models import ENTITIES, ENVELOPE, TRUST
from register.tables import HISTORY_SUFFIX, METADATA

PROMISED = {
    *(
        "portfolios",
        "programmes",
        "projects",
        "work_items",
        "milestones",
        "iterations",
        "dependencies",
        "people",
    ),
    *("assignments", "time_entries", "resource_demands", "risks", "issues", "assumptions", "decisions"),
    *("change_requests", "actions", "lessons", "deliverables", "cost_lines", "benefits", "status_reports"),
    *("gate_reviews", "recommendations", "objectives", "scores", "baselines"),
    *(
        "sources",
        "runs",
        "findings",
        "conflicts",
        "links",
        "pins",
        "memberships",
        "rules",
        "waivers",
        "quality",
    ),
}

every_entity = pytest.mark.parametrize("entity", catalog().values(), ids=lambda entity: entity.name)
enveloped = pytest.mark.parametrize(
    "entity", [catalog()[name] for name in ENTITIES], ids=lambda entity: entity.name
)


@pytest.mark.parametrize("collection", sorted(PROMISED))
def test_every_promised_collection_is_in_the_catalog(collection: str) -> None:
    assert collection in collections()


def test_no_entity_is_shown_that_was_not_promised() -> None:
    # Rejections are records set aside: not register data, but a person must see them somewhere.
    assert set(collections()) - PROMISED == {"rejections"}


NAMED_FIELDS = {
    "project": """
        code programme_id stage category delivery_method sponsor_id manager_id priority budget forecast_cost
        actual_cost currency rag_reported rag_assured rag_computed rag_reasons tags percent_complete
        start_planned_on start_baseline_on start_forecast_on start_actual_on
        finish_planned_on finish_baseline_on finish_forecast_on finish_actual_on
    """,
    "work_item": """
        project_id parent_id type type_source status is_blocked priority assignee_id reporter_id iteration_id
        labels wbs level percent_complete estimate_hours spent_hours remaining_hours points is_critical
        total_float_days resolved_at due_on
    """,
    "milestone": "project_id kind baseline_on planned_on forecast_on actual_on status slip_days owner_id",
    "dependency": "kind lag_days need_by_on promised_on status",
    "risk": """
        kind cause event effect category probability impact score proximity response owner_id cost_impact
        status
    """,
    "deliverable": "ci_status owner_id accepted_on location_url last_audit_on audit_result",
    "gate_review": "gate planned_on held_on rating outcome",
    "cost_line": "basis amount currency",
}


@pytest.mark.parametrize("entity", NAMED_FIELDS)
def test_an_entity_has_the_fields_its_promise_names(entity: str) -> None:
    assert set(NAMED_FIELDS[entity].split()) - set(catalog()[entity].fields) == set()


@enveloped
def test_every_row_carries_the_envelope(entity: Entity) -> None:
    assert set(ENVELOPE) <= set(entity.fields)
    assert {"id", "key", "title", "source", "source_id", "status_source", "presence", "version"} <= set(
        ENVELOPE
    )


@every_entity
def test_every_field_is_described_in_a_sentence(entity: Entity) -> None:
    poor = [
        f.name for f in entity.fields.values() if not f.description.strip().endswith((".", "?", ")", "…"))
    ]
    assert poor == []


@every_entity
def test_every_entity_says_what_it_is(entity: Entity) -> None:
    # A table class without a docstring inherits SQLModel's or Envelope's.
    assert entity.description.rstrip(")").endswith(".")
    assert entity.description != "What every row of the register carries."


@every_entity
def test_no_relation_hides_a_field_or_has_the_name_of_another(entity: Entity) -> None:
    assert set(entity.relations) & set(entity.fields) == set()
    assert all(name == relation.name for name, relation in entity.relations.items())


@every_entity
def test_every_relation_leads_to_an_entity_by_a_column_that_exists(entity: Entity) -> None:
    for relation in entity.relations.values():
        target = catalog()[relation.target]
        holder = entity if relation.column_on_owner else target
        field = holder.fields[relation.column]
        assert field.kind is (Kind.IDS if relation.array else Kind.ID)
        assert field.ref == (relation.target if relation.column_on_owner else entity.name)
        assert relation.description


@every_entity
def test_a_list_of_rows_that_point_here_is_backed_by_an_index(entity: Entity) -> None:
    for relation in entity.relations.values():
        if relation.column_on_owner:
            continue
        table = METADATA.tables[relation.target]
        first = [next(iter(index.columns)).name for index in table.indexes]
        assert relation.column in first, f"{relation.target}.{relation.column}"


@enveloped
def test_the_history_twin_has_the_columns_of_its_table_in_their_order(entity: Entity) -> None:
    twin = METADATA.tables[entity.name + HISTORY_SUFFIX]
    assert [c.name for c in twin.columns] == ["valid_to", *(c.name for c in entity.table.columns)]
    assert [_type(c) for c in twin.columns][1:] == [_type(c) for c in entity.table.columns]


@enveloped
def test_a_history_row_is_one_version_of_one_row(entity: Entity) -> None:
    twin = METADATA.tables[entity.name + HISTORY_SUFFIX]
    assert {c.name for c in twin.primary_key.columns} == {"id", "version"}


def test_the_trust_layer_keeps_no_twin() -> None:
    assert [name for name in TRUST if name + HISTORY_SUFFIX in METADATA.tables] == []


NAMED_OTHERWISE = {
    "valid_from",  # one half of a pair with the history twin's valid_to
    "not_before",  # of a run that waits: reads as the rule it is
    "sweep_at",  # the hour of the day that `sweep:` names, as text
}


@every_entity
def test_dates_end_in_on_and_instants_in_at(entity: Entity) -> None:
    wrong = [
        f.name
        for f in entity.fields.values()
        if (f.kind is Kind.DATE) != f.name.endswith("_on")
        or (f.kind is Kind.INSTANT) != f.name.endswith("_at")
    ]
    assert set(wrong) <= NAMED_OTHERWISE


@every_entity
def test_ids_say_so_and_money_has_a_currency(entity: Entity) -> None:
    for field in entity.fields.values():
        if field.ref:
            assert field.name.endswith("_id" if field.kind is Kind.ID else "_ids"), field.name
    if {"budget", "amount", "cost_impact", "forecast_cost", "actual_cost"} & set(entity.fields):
        assert "currency" in entity.fields


@enveloped
def test_every_instant_knows_its_zone(entity: Entity) -> None:
    naive = [c.name for c in entity.table.columns if getattr(c.type, "timezone", True) is False]
    assert naive == []


@enveloped
def test_a_row_can_be_written_with_its_id_alone(entity: Entity) -> None:
    # A tool may leave anything out, and the row must still arrive.
    needed = [
        c.name for c in entity.table.columns if not c.nullable and c.server_default is None and c.name != "id"
    ]
    assert needed == []


@enveloped
def test_a_choice_is_a_word_that_can_stand_in_a_filter(entity: Entity) -> None:
    for field in entity.fields.values():
        for choice in field.choices:
            assert choice == choice.strip()
            assert choice.replace("_", "").isalnum()


@enveloped
def test_a_mapping_can_set_every_field_but_those_we_keep_ourselves(entity: Entity) -> None:
    ours = {"id", "source", "source_id", "presence", "synced_at", "version", "valid_from", "chosen"}
    assert {field.name for field in entity.mappable.values()} == set(entity.fields) - ours
    assert all(name == mapping_name(field.name, field) for name, field in entity.mappable.items())


def test_payloads_and_hashes_are_not_shown() -> None:
    assert "payload" in METADATA.tables["rejection"].c
    assert "payload" not in catalog()["rejection"].fields


@every_entity
def test_a_collection_leads_back_to_its_entity(entity: Entity) -> None:
    assert collections()[plural(entity.name)] is entity


def _type(column: Column[object]) -> str:
    kind = column.type
    if isinstance(kind, Integer) and not isinstance(kind, BigInteger):
        return "INTEGER"
    return repr(kind)
