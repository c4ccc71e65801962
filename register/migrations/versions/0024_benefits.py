"""Benefits that several sources tell of are merged anew: no value under the currency of another."""

from pathlib import Path

from register.migrations import run_script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """What was merged before may show a value of one source under the currency of another."""
    run_script((Path(__file__).parent / "0024_benefits.sql").read_text("utf-8"))
