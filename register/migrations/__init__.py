"""The register's schema over time. Each step is SQL in a file, run by alembic; see `register.schema.migrate`."""
