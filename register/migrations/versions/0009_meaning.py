"""What a mapping means, and with which others it agrees."""

from pathlib import Path

from register.migrations import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Two columns. Of mappings used before nothing is known: the next remap looks at all records."""
    run_script((Path(__file__).parent / "0009_meaning.sql").read_text("utf-8"))
