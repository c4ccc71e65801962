"""The register as first released: tables, history kept by trigger, and who may write what."""

from pathlib import Path

from register.migrations import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Forward only: a register is restored from a dump, never migrated back."""
    folder = Path(__file__).parent
    for name in ("0001_tables.sql", "0001_history.sql", "0001_privileges.sql"):
        run_script((folder / name).read_text("utf-8"))
