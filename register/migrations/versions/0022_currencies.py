"""Rows that several sources tell of are merged anew: no amount under the currency of another."""

from pathlib import Path

from register.migrations import run_script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """What was merged before may show an amount of one source under the currency of another."""
    run_script((Path(__file__).parent / "0022_currencies.sql").read_text("utf-8"))
