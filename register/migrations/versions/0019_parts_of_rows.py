"""Rows that several records tell of, without what only gone records say; no score for a part of another project."""

from pathlib import Path

from register.migrations import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Such rows are merged anew, a batch at a time; such scores may go."""
    run_script((Path(__file__).parent / "0019_parts_of_rows.sql").read_text("utf-8"))
