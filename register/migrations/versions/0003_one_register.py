"""One register: decisions of identity, pinned values, explanations and what was said before."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from register.ids import derive_id
from register.migrations import run_script

revision = "0003"
down_revision = "0002"

SCRIPTS = ("0003_identity.sql", "0003_remap.sql", "0003_time.sql", "0003_findings.sql", "0003_membership.sql")


def upgrade() -> None:
    """Links made so far become pairs of their own, and the ids they absorbed a table beside them."""
    connection = op.get_bind()
    links = connection.execute(
        sa.text("SELECT id::text, entity, entity_id::text, rule, evidence, created_at FROM link")
    ).all()
    for name in SCRIPTS:
        run_script((Path(__file__).parent / name).read_text("utf-8"))
    for own_id, entity, entity_id, rule, evidence, created_at in links:
        first, second = sorted((own_id, entity_id))
        connection.execute(
            sa.text(
                "INSERT INTO link (id, entity, first_id, second_id, state, rule, evidence, created_at) "
                "VALUES (:id, :entity, :first, :second, 'applied', :rule, :evidence, :created_at)"
            ),
            {
                "id": derive_id("link", entity, first, second), "entity": entity, "first": first, "second": second,
                "rule": rule, "evidence": evidence, "created_at": created_at,
            },
        )  # fmt: skip
        connection.execute(
            sa.text("INSERT INTO absorbed (id, entity, entity_id) VALUES (:id, :entity, :entity_id)"),
            {"id": own_id, "entity": entity, "entity_id": entity_id},
        )
    for end in ("first", "second"):
        connection.execute(
            sa.text(
                f"UPDATE link l SET {end} = (SELECT c.source || ':' || coalesce(c.values->>'key', c.values->>'code', "
                f"c.values->>'email', r.source_id) FROM claim c JOIN source_record r ON r.id = c.record_id "
                f"WHERE c.entity = l.entity AND c.own_id = l.{end}_id ORDER BY c.record_id LIMIT 1)"
            )
        )
    # What records say they have said since their content was stored; before that nothing is known.
    connection.execute(sa.text("ALTER TABLE claim DISABLE TRIGGER keep_claims_moved"))
    connection.execute(
        sa.text("UPDATE claim c SET since = r.stored_at FROM source_record r WHERE r.id = c.record_id")
    )
    connection.execute(sa.text("ALTER TABLE claim ENABLE TRIGGER keep_claims_moved"))
