"""Hints from the tools and the hooks that bring them."""

from pathlib import Path

from register.migrations import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Two tables beside those that are there."""
    run_script((Path(__file__).parent / "0002_hooks.sql").read_text("utf-8"))
