"""Indexes by reference without the rows that refer to nothing."""

from pathlib import Path

from register.migrations import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The same indexes under the same names, smaller."""
    run_script((Path(__file__).parent / "0006_references.sql").read_text("utf-8"))
