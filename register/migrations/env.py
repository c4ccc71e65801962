"""Alembic's entry: run on the connection that `register.schema.migrate` hands over."""

from alembic import context

from register.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
