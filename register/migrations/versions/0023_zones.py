"""Views by the day have every day, whatever zone a session is in."""

from pathlib import Path

from register.migrations import run_script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """The last day was missing in zones where some day does not begin at midnight."""
    run_script((Path(__file__).parent / "0023_zones.sql").read_text("utf-8"))
