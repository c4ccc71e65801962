"""Rows that are to be merged anew, entity by entity and a batch at a time."""

from pathlib import Path

from register.migrations import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """A table beside those that are there, and in it what was joined before rows said who had been chosen."""
    run_script((Path(__file__).parent / "0007_merge_due.sql").read_text("utf-8"))
