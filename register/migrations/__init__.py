"""The register's schema, step by step."""

from alembic import op


def run_script(sql: str) -> None:
    """Several statements at once: past SQLAlchemy, whose driver adapter prepares one at a time."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(lambda driver: driver.execute(sql))
