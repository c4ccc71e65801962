"""Advisory locks and large objects are the application's alone."""

from pathlib import Path

from register.migrations import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Take what anybody could do by default from everybody but the application."""
    run_script((Path(__file__).parent / "0008_reserved.sql").read_text("utf-8"))
