"""Counts that need not look at the rows, and orders by date that are walked."""

from pathlib import Path

from register.migrations import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Indexes by reference hold `presence`; a few dates have an index; both are kept fit by vacuum."""
    run_script((Path(__file__).parent / "0016_counts_and_dates.sql").read_text("utf-8"))
