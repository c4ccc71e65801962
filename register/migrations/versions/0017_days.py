"""Views by the day end before midnight."""

from pathlib import Path

from register.migrations import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """What changes at midnight is the next day's, as `as_of` has it."""
    run_script((Path(__file__).parent / "0017_days.sql").read_text("utf-8"))
