"""Webhooks, their deliveries and attempts."""

from pathlib import Path

from register.migrations import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Three tables beside those that are there."""
    run_script((Path(__file__).parent / "0004_webhooks.sql").read_text("utf-8"))
