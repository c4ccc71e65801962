"""What a new version need not write."""

from pathlib import Path

from register.migrations import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Descriptions of past work items that are there already stay compressed."""
    run_script((Path(__file__).parent / "0015_past.sql").read_text("utf-8"))
