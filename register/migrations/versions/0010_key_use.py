"""When a key was used, and quick ways through the audit."""

from pathlib import Path

from register.migrations import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Two columns and two indexes. Of the time before nothing is known."""
    run_script((Path(__file__).parent / "0010_key_use.sql").read_text("utf-8"))
