"""Waivers of rows that became part of another."""

from pathlib import Path

from register.migrations import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """A waiver holds for the row that the waived one is part of."""
    run_script((Path(__file__).parent / "0018_waivers_of_parts.sql").read_text("utf-8"))
