"""What is said of risks that share a cause."""

from pathlib import Path

from register.migrations import run_script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """They were said to be counted once."""
    run_script((Path(__file__).parent / "0025_shared_causes.sql").read_text("utf-8"))
