"""Events say which own ids their row shows from now on, or no longer."""

from pathlib import Path

from register.migrations import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Who is restricted to something that became part of another row, or ceased to be, is told of that row."""
    run_script((Path(__file__).parent / "0021_regrouped.sql").read_text("utf-8"))
