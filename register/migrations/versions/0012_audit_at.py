"""A quick way to what the audit says since an instant."""

from pathlib import Path

from register.migrations import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """One index."""
    run_script((Path(__file__).parent / "0012_audit_at.sql").read_text("utf-8"))
