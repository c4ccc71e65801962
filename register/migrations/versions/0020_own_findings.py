"""A finding of a record keeps the id that the record's source derives for the row."""

from pathlib import Path

from register.migrations import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Findings follow the row that shows what they tell of, also when rows come apart again."""
    run_script((Path(__file__).parent / "0020_own_findings.sql").read_text("utf-8"))
