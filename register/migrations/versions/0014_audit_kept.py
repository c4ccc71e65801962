"""What the audit says of use is forgotten after a while."""

from pathlib import Path

from register.migrations import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """A function that the application may call, and an index for it."""
    run_script((Path(__file__).parent / "0014_audit_kept.sql").read_text("utf-8"))
